# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The project or application, its credentials, and the time limits: options and environment variables. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import quote

from .._core.budget import Budget
from .._core.optional_imports import load
from .._core.params import BUDGET_ARGUMENTS, parse_budget
from .._core.problems import Problems
from .._core.validation import url_problem
from .._core.values import API_SECRET, PEM, first_env, none_if_blank

# Options of the doc fragment vonage.archiving.vonage.
ARGUMENTS: dict[str, t.Any] = {
    "api_key": {"type": "str", "no_log": False},
    "api_secret": {"type": "str", "no_log": True},
    "application_id": {"type": "str"},
    "private_key": {"type": "str", "no_log": True},
    "private_key_path": {"type": "path", "no_log": False},
    "api_url": {"type": "str"},
    **BUDGET_ARGUMENTS,
}

OPENTOK_URL = "https://api.opentok.com"
UNIFIED_URL = "https://video.api.vonage.com"

API_KEY = re.compile(r"[A-Za-z0-9_-]+")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Bytes.
MAX_KEY_FILE = 65536


@dataclass(frozen=True)
class Project:
    """A project of the OpenTok environment, or an application of the unified environment.

    :param id: the API key or the application ID.
    :param secret: the API secret or the private key (PEM).
    """

    id: str
    secret: str = field(repr=False)
    unified: bool = False
    api_url: str = OPENTOK_URL
    budget: Budget = field(default_factory=Budget)
    # The claim "ist" of tokens of the OpenTok environment.
    kind: t.ClassVar[str] = "project"

    @property
    def name(self) -> str:
        """The kind and the ID, for messages."""
        return f"application {self.id}" if self.unified else f"project {self.id}"

    @property
    def archives_path(self) -> str:
        """The path of the archives of the project in the API."""
        return f"/v2/project/{quote(self.id, safe='')}/archive"

    @property
    def environment(self) -> str:
        return "unified" if self.unified else "OpenTok"

    @property
    def id_option(self) -> str:
        return "application_id" if self.unified else "api_key"

    @property
    def secret_option(self) -> str:
        return "private_key" if self.unified else "api_secret"


def parse_project(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: Problems) -> Project | None:
    """Parse the options, and environment variables for options that are not set.

    :param problems: all problems are added here.
    :returns: ``None`` if there is a problem.
    """
    own = Problems()
    unified = _is_unified(params, environ, own)
    identity = secret = ""
    if not own:
        identity, secret = (_parse_application if unified else _parse_opentok)(params, environ, own)
    url = none_if_blank(params.get("api_url")) or _environment_url(environ, own)
    url = str(url).rstrip("/") if url else (UNIFIED_URL if unified else OPENTOK_URL)
    own.add_if("api_url", url_problem(url, OPENTOK_URL, True, True, "api_key and api_secret"))
    budget = parse_budget(params, own)
    problems.extend(own)
    return None if own else Project(identity, secret, unified, url, budget)


def _environment_url(environ: t.Mapping[str, str], problems: Problems) -> str | None:
    """The host in the environment.

    With credentials of both environments, it may be the host of the other one, which must not receive the tokens.
    """
    url = first_env(environ, "VONAGE_VIDEO_API_URL")
    if url and all(first_env(environ, name) for name in ("VONAGE_VIDEO_API_KEY", "VONAGE_VIDEO_APPLICATION_ID")):
        problems.add(
            "api_url",
            "VONAGE_VIDEO_API_URL may belong to VONAGE_VIDEO_API_KEY or to VONAGE_VIDEO_APPLICATION_ID, which are both "
            "set. Set the option api_url",
        )
    return url


def _is_unified(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: Problems) -> bool:
    """Whether the options, or else the environment variables, are those of the unified environment."""
    unified = [
        name for name in ("application_id", "private_key", "private_key_path") if none_if_blank(params.get(name))
    ]
    opentok = [name for name in ("api_key", "api_secret") if none_if_blank(params.get(name))]
    if unified and opentok:
        problems.add(
            "",
            f"{' and '.join(opentok)} (OpenTok environment) and {' and '.join(unified)} (unified environment) are "
            "mutually exclusive. Set api_key with api_secret, or application_id with private_key",
        )
    if unified or opentok:
        return bool(unified)
    variables = [first_env(environ, name) for name in ("VONAGE_VIDEO_API_KEY", "VONAGE_VIDEO_APPLICATION_ID")]
    if all(variables):
        problems.add(
            "",
            "VONAGE_VIDEO_API_KEY and VONAGE_VIDEO_APPLICATION_ID are both set. Set the option api_key or "
            "application_id",
        )
    return bool(variables[1]) and not variables[0]


def _parse_opentok(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: Problems) -> tuple[str, str]:
    key = _text(params, environ, "api_key", "VONAGE_VIDEO_API_KEY")
    secret = _text(params, environ, "api_secret", "VONAGE_VIDEO_API_SECRET")
    problems.add_if("api_key", _api_key_problem(key))
    problems.add_if("api_secret", _api_secret_problem(secret, key))
    return key, secret


def _api_key_problem(key: str) -> str | None:
    if not key:
        return "is required (or application_id in the unified environment)"
    if API_SECRET.search(key):
        # The key is sent in URLs and written to state files.
        return "contains an API secret (40 hexadecimal digits). Set only the key here, and the secret as api_secret"
    if UUID.fullmatch(key):
        return "is a UUID, the form of an application ID. Set it as application_id"
    if not API_KEY.fullmatch(key):
        return f"{key!r} contains characters that are not valid in an API key"
    return None


def _api_secret_problem(secret: str, key: str) -> str | None:
    if not secret:
        return "is required with api_key"
    if secret != secret.strip():
        return "begins or ends with white space"
    if not secret.isascii():
        return "contains characters that are not valid in an API secret"
    if PEM in secret:
        return "contains a PEM key. Set a private key as private_key, with application_id"
    return "is the same as api_key" if secret == key else None


def _parse_application(
    params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: Problems
) -> tuple[str, str]:
    identity = _text(params, environ, "application_id", "VONAGE_VIDEO_APPLICATION_ID")
    if not identity:
        problems.add("application_id", "is required with private_key")
    elif PEM in identity:
        problems.add("application_id", "contains a PEM key. Set the key as private_key, and the ID, a UUID, here")
    elif not UUID.fullmatch(identity):
        problems.add("application_id", f"{identity!r} is not a UUID such as 78d335fa-323d-0114-9c3d-d6f0d48968cf")
    return identity.lower(), _parse_private_key(params, environ, problems)


def _parse_private_key(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: Problems) -> str:
    text = none_if_blank(params.get("private_key"))
    path = none_if_blank(params.get("private_key_path"))
    if text and path:
        problems.add("", "private_key and private_key_path are mutually exclusive")
        return ""
    path = path or (None if text else first_env(environ, "VONAGE_VIDEO_PRIVATE_KEY_PATH"))
    name = "private_key_path" if path else "private_key"
    if path:
        text = _read_key_file(str(path), problems)
    elif not text:
        problems.add("private_key", "private_key or private_key_path is required with application_id")
    if not text:
        return ""
    # Forms and environment variables accept a single line: line ends of PEM are escaped there.
    pem = str(text).replace("\\n", "\n").strip() + "\n"
    problems.add_if(name, _private_key_problem(pem))
    return pem


def _read_key_file(path: str, problems: Problems) -> str | None:
    if PEM in path:
        problems.add("private_key_path", "contains a PEM key. Set the key as private_key")
        return None
    try:
        with open(os.path.expanduser(path), "rb") as handle:
            data = handle.read(MAX_KEY_FILE)
    except OSError as exc:
        problems.add("private_key_path", f"{path!r} cannot be read: {exc.strerror or type(exc).__name__}")
        return None
    text = data.decode("ascii", "replace")
    if not text.strip():
        problems.add("private_key_path", f"{path!r} is empty")
        return None
    return text


def _private_key_problem(pem: str) -> str | None:
    if PEM not in pem:
        return f"does not contain a PEM private key (a text that begins with {PEM})"
    rsa = load("cryptography.hazmat.primitives.asymmetric.rsa")
    try:
        key = load("cryptography.hazmat.primitives.serialization").load_pem_private_key(pem.encode(), None)
    except TypeError:
        return "is encrypted with a passphrase, which is not supported"
    except Exception:  # The exceptions of cryptography have no common base, and their texts may quote the key.
        return "does not contain a readable private key"
    return None if isinstance(key, rsa.RSAPrivateKey) else "is not an RSA key; tokens are signed with RS256"


def _text(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], name: str, variable: str) -> str:
    """An option, else an environment variable. YAML parses an unquoted ID as a number."""
    value = none_if_blank(params.get(name))
    return str(value if value is not None else first_env(environ, variable) or "")
