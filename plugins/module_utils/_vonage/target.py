# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upload target of a project: what the options mean, what is sent, what may be shown. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Shape of the request: the vendor's guide "Using S3 storage with server-side encryption" (type s3) and "Encrypted
archives" (type azure, certificate); names of the options are those of the guides in snake case.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.vonage.archiving.plugins.module_utils._values import given
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import certificates, rules

# Option name -> name in the request.
S3_NAMES = {"bucket": "bucket", "endpoint": "endpoint", "access_key": "accessKey", "sse": "sse"}
AZURE_NAMES = {"account_name": "accountName", "container": "container", "domain": "domain"}
FALLBACKS = ("none", "opentok", "vonage")

ARGUMENTS: dict[str, t.Any] = {
    "s3": {
        "type": "dict",
        "options": {
            "bucket": {"type": "str"},
            "access_key": {"type": "str", "no_log": False},
            "secret_key": {"type": "str", "no_log": True},
            "endpoint": {"type": "str"},
            "sse": {"type": "str", "default": "s3"},
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
    :param config: the options of that kind without the secret; what is not given is left out.
    :param secret: secret key or account key; ``None`` where it was not given.
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
    def place(self) -> str:
        """The bucket or container."""
        return self.config["bucket" if self.kind == "s3" else "container"]

    def body(self) -> dict[str, t.Any]:
        """The JSON to send; holds the secret.

        ``fallback`` is always sent, since the documents contradict each other about its default, and so is
        ``certificate``: ``null`` is documented as "no encryption of archives", leaving it out is not documented.
        """
        names = S3_NAMES if self.kind == "s3" else AZURE_NAMES
        config = {names[name]: value for name, value in self.config.items()}
        config["secretKey" if self.kind == "s3" else "accountKey"] = self.secret or ""
        return {"type": self.kind, "config": config, "fallback": self.fallback, "certificate": self.certificate}

    def with_key(self, access_key: str, secret: str) -> Target:
        """The same place, uploaded to with this key."""
        # In the order of the names, as if the key had been given from the start.
        config = {**self.config, "access_key": access_key}
        return replace(self, config={name: config[name] for name in S3_NAMES if name in config}, secret=secret)

    def public(self) -> dict[str, t.Any]:
        """What may be shown and recorded."""
        shown: dict[str, t.Any] = {"type": self.kind, **self.config, "fallback": self.fallback}
        if self.certificate:
            shown["certificate_sha256"] = certificates.fingerprint(self.certificate)
        return shown


def target(params: t.Mapping[str, t.Any], project_id: str, problems: list[str], keyed: bool = True) -> Target | None:
    """The target that the options describe.

    :param project_id: for the rules about where recordings land.
    :param keyed: whether the key for ``s3`` has to be among them; else it is made later.
    :param problems: gets a sentence for everything that is wrong; then, and only then, the answer is ``None``.
    """
    before = len(problems)
    kind = _kind(params, problems)
    options = {name: _text(value) for name, value in (params.get(kind) or {}).items()} if kind else {}
    if kind == "s3":
        options = {**options, "sse": options.get("sse") or "s3"}
        problems.extend(rules.s3(options, keyed))
    elif kind == "azure":
        problems.extend(rules.azure(options))
    fallback = given(params.get("fallback"))
    problems.extend(rules.fallback(fallback, FALLBACKS))
    certificate = certificates.canonical(given(params.get("certificate")), problems)
    if len(problems) > before:
        return None
    names = S3_NAMES if kind == "s3" else AZURE_NAMES
    config = {name: str(options[name]) for name in names if options.get(name)}
    if "endpoint" in config:
        config["endpoint"] = config["endpoint"].rstrip("/")
    secret = options.get("secret_key" if kind == "s3" else "account_key")
    return Target(kind, config, str(fallback), secret, certificate)


def _kind(params: t.Mapping[str, t.Any], problems: list[str]) -> str:
    """``s3`` or ``azure``; a dict with nothing in it counts as not given."""
    kinds = [kind for kind in ("s3", "azure") if _says_something(kind, params.get(kind))]
    if len(kinds) == 1:
        return kinds[0]
    problems.append("s3 and azure exclude each other" if kinds else "one of s3 and azure is required")
    return ""


def _text(value: t.Any) -> str | None:
    return None if given(value) is None else str(value)


def _says_something(kind: str, options: t.Any) -> bool:
    return any(given(value) for name, value in (options or {}).items() if name != "sse" or value != "s3")
