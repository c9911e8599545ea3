# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upload target of a project: its options, its request, and its public fields. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Shape of the request: the vendor's guide "Using S3 storage with server-side encryption" (type s3) and "Encrypted
archives" (type azure, certificate). The options have the names of the guides in snake case.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from .._core.problems import Problems
from .._core.values import none_if_blank
from .._vonage import rules
from . import certificates

# Option name -> name in the request.
S3_NAMES = {"bucket": "bucket", "endpoint": "endpoint", "access_key": "accessKey", "sse": "sse"}
AZURE_NAMES = {"account_name": "accountName", "container": "container", "domain": "domain"}
FALLBACKS = ("none", "opentok", "vonage")
GOOGLE = "storage.googleapis.com"

ARGUMENTS: dict[str, t.Any] = {
    "s3": {
        "type": "dict",
        "options": {
            "bucket": {"type": "str"},
            "access_key": {"type": "str", "no_log": False},
            "secret_key": {"type": "str", "no_log": True},
            "endpoint": {"type": "str"},
            # No default: see default_sse().
            "sse": {"type": "str"},
        },
    },
    "azure": {
        "type": "dict",
        "options": {
            "account_name": {"type": "str"},
            "account_key": {"type": "str", "no_log": True},
            "container": {"type": "str"},
            "domain": {"type": "str"},
        },
    },
    "fallback": {"type": "str", "choices": list(FALLBACKS)},
    "certificate": {"type": "str"},
}


@dataclass(frozen=True)
class Target:
    """An upload target.

    :param kind: ``s3`` or ``azure``.
    :param config: the options of that kind that are set, without the secret.
    :param secret: secret key or account key; ``None`` if it is not set.
    :param certificate: PEM in canonical form.
    """

    kind: str
    config: t.Mapping[str, str]
    fallback: str
    secret: str | None = field(default=None, repr=False)
    certificate: str | None = None

    @property
    def secret_option(self) -> str:
        return "s3.secret_key" if self.kind == "s3" else "azure.account_key"

    @property
    def bucket(self) -> str:
        """The bucket or container."""
        return self.config["bucket" if self.kind == "s3" else "container"]

    def body(self) -> dict[str, t.Any]:
        """The JSON of the request; contains the secret.

        ``fallback`` is always sent, because the documents contradict each other about its default. ``certificate`` is
        always sent: ``null`` is documented as "no encryption of archives", a missing key is not documented.
        """
        names = S3_NAMES if self.kind == "s3" else AZURE_NAMES
        config = {names[name]: value for name, value in self.config.items()}
        config["secretKey" if self.kind == "s3" else "accountKey"] = self.secret or ""
        return {"type": self.kind, "config": config, "fallback": self.fallback, "certificate": self.certificate}

    def with_key(self, access_key: str, secret: str) -> Target:
        """The same target with another key."""
        # The same order of names as with an external key.
        config = {**self.config, "access_key": access_key}
        return replace(self, config={name: config[name] for name in S3_NAMES if name in config}, secret=secret)

    def public(self) -> dict[str, t.Any]:
        """The public fields, for results and the state file."""
        public: dict[str, t.Any] = {"type": self.kind, **self.config, "fallback": self.fallback}
        if self.certificate:
            public["certificate_sha256"] = certificates.fingerprint(self.certificate)
        return public


def default_sse(endpoint: str | None) -> str:
    """The encryption that Vonage requests if ``sse`` is not set.

    Google Cloud Storage always encrypts, and is not known to accept the header ``x-amz-server-side-encryption``.
    """
    return "none" if is_google(endpoint) else "s3"


def is_google(endpoint: str | None) -> bool:
    """Whether the endpoint is Google Cloud Storage."""
    try:
        host = urlsplit(endpoint or "").hostname or ""
    except ValueError:
        return False
    return host == GOOGLE or host.endswith(f".{GOOGLE}")


def parse_target(params: t.Mapping[str, t.Any], problems: Problems, keyed: bool = True) -> Target | None:
    """Parse the options of the target.

    :param keyed: whether ``s3`` must contain an access key; a managed key is created later.
    :returns: ``None`` after a problem.
    """
    own = Problems()
    kind = _parse_kind(params, own)
    options = {name: _text(value) for name, value in (params.get(kind) or {}).items()} if kind else {}
    if kind == "s3":
        options = {**options, "sse": options.get("sse") or default_sse(options.get("endpoint"))}
        own.extend(rules.s3_problems(options, keyed))
    elif kind == "azure":
        own.extend(rules.azure_problems(options))
    fallback = none_if_blank(params.get("fallback"))
    own.add_if("fallback", rules.fallback_problem(fallback, FALLBACKS))
    certificate = certificates.parse_certificate(none_if_blank(params.get("certificate")), own)
    problems.extend(own)
    if own:
        return None
    names = S3_NAMES if kind == "s3" else AZURE_NAMES
    config = {name: str(options[name]) for name in names if options.get(name)}
    if "endpoint" in config:
        config["endpoint"] = config["endpoint"].rstrip("/")
    secret = options.get("secret_key" if kind == "s3" else "account_key")
    return Target(kind, config, str(fallback), secret, certificate)


def _parse_kind(params: t.Mapping[str, t.Any], problems: Problems) -> str:
    """``s3`` or ``azure``; a dict without a value, except ``sse``, counts as unset."""
    kinds = [kind for kind in ("s3", "azure") if _has_value(params.get(kind) or {})]
    if len(kinds) == 1:
        return kinds[0]
    problems.add("", "s3 and azure are mutually exclusive" if kinds else "one of s3 and azure is required")
    return ""


def _has_value(options: t.Mapping[str, t.Any]) -> bool:
    return any(_text(value) for name, value in options.items() if name != "sse")


def _text(value: t.Any) -> str | None:
    return None if none_if_blank(value) is None else str(value)
