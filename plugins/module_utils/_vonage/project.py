# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which project, as whom, and how patiently: options and environment variables of the Vonage Video API.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .._core.http import Budget
from .._core.optional_imports import load
from .._core.values import API_SECRET, PEM, first, given, without_userinfo
from . import rules

# Options of the doc fragment vonage.archiving.vonage.
ARGUMENTS: dict[str, t.Any] = {
    "api_key": {"type": "str", "no_log": False},
    "api_secret": {"type": "str", "no_log": True},
    "application_id": {"type": "str"},
    "private_key": {"type": "str", "no_log": True},
    "private_key_path": {"type": "path", "no_log": False},
    "api_url": {"type": "str"},
    "timeout": {"type": "float", "default": 20.0},
    "retries": {"type": "int", "default": 4},
    "total_timeout": {"type": "float", "default": 90.0},
}

OPENTOK_URL = "https://api.opentok.com"
UNIFIED_URL = "https://video.api.vonage.com"

API_KEY = re.compile(r"[A-Za-z0-9_-]+")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
LARGEST_KEY_FILE = 65536
# A day, in seconds: no call is worth more, and numbers far beyond it are no times any more.
LONGEST = 86400


@dataclass(frozen=True)
class Project:
    """A project of the OpenTok environment, or an application of the unified one.

    :param id: API key or application id.
    :param secret: API secret or private key (PEM).
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
        """For messages."""
        return f"application {self.id}" if self.unified else f"project {self.id}"

    @property
    def terms(self) -> tuple[str, str, str]:
        """For messages: the environment, and the options of the id and of the secret."""
        return ("unified", "application_id", "private_key") if self.unified else ("OpenTok", "api_key", "api_secret")


def project(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: list[str]) -> Project | None:
    """The project that options (first) and environment variables (second) describe.

    :param problems: gets a sentence for everything that is wrong; then, and only then, the answer is ``None``.
    """
    before = len(problems)
    unified = _is_unified(params, environ, problems)
    identity = secret = ""
    if len(problems) == before:
        identity, secret = (_application if unified else _opentok)(params, environ, problems)
    url = given(params.get("api_url")) or _environment_url(environ, problems)
    url = str(url).rstrip("/") if url else (UNIFIED_URL if unified else OPENTOK_URL)
    problems.extend(url_problems(url, OPENTOK_URL, "api_key and api_secret"))
    allowed = budget(params, problems)
    return Project(identity, secret, unified, url, allowed) if len(problems) == before else None


def _environment_url(environ: t.Mapping[str, str], problems: list[str]) -> str | None:
    """The host that the environment names.

    In a job with credentials of both kinds, it may belong to the other ones, whose owner must not receive the tokens.
    """
    url = first(environ, "VONAGE_VIDEO_API_URL")
    if url and all(first(environ, name) for name in ("VONAGE_VIDEO_API_KEY", "VONAGE_VIDEO_APPLICATION_ID")):
        problems.append(
            "VONAGE_VIDEO_API_URL may belong to VONAGE_VIDEO_API_KEY or to VONAGE_VIDEO_APPLICATION_ID, which are both "
            "set: set the option api_url"
        )
    return url


def misplaced(params: t.Mapping[str, t.Any], names: t.Iterable[str] = ("api_key", "application_id")) -> list[str]:
    """Secrets in options for something else, which nothing marks as secret.

    :param names: the options for ids.
    """
    ids = [str(given(params.get(name)) or "").strip() for name in names]
    # The API's first form of credentials was key:secret.
    return [*(value for value in ids if API_SECRET.search(value) or PEM in value), *rules.misplaced(params)]


def budget(params: t.Mapping[str, t.Any], problems: list[str]) -> Budget:
    """The time budget of the options ``timeout``, ``retries`` and ``total_timeout``."""
    usual = Budget()
    return Budget(
        timeout=number(params, "timeout", usual.timeout, problems, above=0, most=LONGEST),
        retries=int(number(params, "retries", usual.retries, problems, whole=True)),
        total=number(params, "total_timeout", usual.total, problems, above=0, most=LONGEST),
    )


def number(
    params: t.Mapping[str, t.Any],
    name: str,
    default: float,
    problems: list[str],
    above: float | None = None,
    whole: bool = False,
    most: float = math.inf,
) -> float:
    """A number out of an option that may hold a string; at least 0, or more than ``above``; at most ``most``."""
    value = given(params.get(name))
    if value is None:
        return default
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    usable = math.isfinite(found) and (found > above if above is not None else found >= 0)
    if not usable or (whole and found != int(found)):
        what = "a whole number" if whole else "a number"
        least = f"greater than {above:g}" if above is not None else "that is 0 or greater"
        problems.append(f"{name} {value!r} is not {what} {least}")
        return default
    if found > most:
        problems.append(f"{name} {value!r} is more than {most:g}")
        return default
    return found


def _is_unified(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: list[str]) -> bool:
    """Which of the two environments is meant; what options say wins over what the environment says."""
    unified = [name for name in ("application_id", "private_key", "private_key_path") if given(params.get(name))]
    opentok = [name for name in ("api_key", "api_secret") if given(params.get(name))]
    if unified and opentok:
        problems.append(
            f"{' and '.join(opentok)} (OpenTok environment) and {' and '.join(unified)} (unified environment) "
            "exclude each other: give api_key with api_secret, or application_id with private_key"
        )
    if unified or opentok:
        return bool(unified)
    variables = [first(environ, name) for name in ("VONAGE_VIDEO_API_KEY", "VONAGE_VIDEO_APPLICATION_ID")]
    if all(variables):
        problems.append(
            "VONAGE_VIDEO_API_KEY and VONAGE_VIDEO_APPLICATION_ID are both set: give the option api_key or "
            "application_id to say which is meant"
        )
    return bool(variables[1]) and not variables[0]


def _opentok(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: list[str]) -> tuple[str, str]:
    key = _text(params, environ, "api_key", "VONAGE_VIDEO_API_KEY")
    secret = _text(params, environ, "api_secret", "VONAGE_VIDEO_API_SECRET")
    if not key:
        problems.append("api_key is required (or application_id in the unified environment)")
    elif API_SECRET.search(key):
        # It would be sent in URLs and kept in records.
        problems.append(
            "api_key has the form of an API secret, 40 hexadecimal digits, or holds one: give the key alone there, and "
            "the secret as api_secret"
        )
    elif UUID.fullmatch(key):
        problems.append("api_key is a UUID, which is what application ids look like: give it as application_id")
    elif not API_KEY.fullmatch(key):
        problems.append(f"api_key {key!r} holds characters that no API key has")
    if not secret:
        problems.append("api_secret is required with api_key")
    elif secret != secret.strip():
        problems.append("api_secret begins or ends with white space")
    elif not secret.isascii():
        problems.append("api_secret holds characters that no API secret has")
    elif PEM in secret:
        problems.append("api_secret holds a PEM key: a private key goes with application_id, as private_key")
    elif secret == key:
        problems.append("api_secret is the same as api_key")
    return key, secret


def _application(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: list[str]) -> tuple[str, str]:
    identity = _text(params, environ, "application_id", "VONAGE_VIDEO_APPLICATION_ID")
    if not identity:
        problems.append("application_id is required with private_key")
    elif PEM in identity:
        problems.append("application_id holds a PEM key: give it as private_key, and the id, a UUID, here")
    elif not UUID.fullmatch(identity):
        problems.append(f"application_id {identity!r} is no UUID such as 78d335fa-323d-0114-9c3d-d6f0d48968cf")
    return identity.lower(), _private_key(params, environ, problems)


def _private_key(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: list[str]) -> str:
    text = given(params.get("private_key"))
    path = given(params.get("private_key_path"))
    if text and path:
        problems.append("private_key and private_key_path exclude each other")
        return ""
    path = path or (None if text else first(environ, "VONAGE_VIDEO_PRIVATE_KEY_PATH"))
    name = "private_key_path" if path else "private_key"
    if path:
        text = _file(str(path), problems)
    elif not text:
        problems.append("private_key or private_key_path is required with application_id")
    if not text:
        return ""
    # Forms and environment variables take one line only; PEM in them comes with its line ends escaped.
    pem = str(text).replace("\\n", "\n").strip() + "\n"
    problems.extend(_key_problems(name, pem))
    return pem


def _file(path: str, problems: list[str]) -> str | None:
    if PEM in path:
        problems.append("private_key_path holds a PEM key: give it as private_key")
        return None
    try:
        with open(os.path.expanduser(path), "rb") as handle:
            data = handle.read(LARGEST_KEY_FILE)
    except OSError as exc:
        problems.append(f"private_key_path {path!r} cannot be read: {exc.strerror or type(exc).__name__}")
        return None
    text = data.decode("ascii", "replace")
    if not text.strip():
        problems.append(f"private_key_path {path!r} is empty")
        return None
    return text


def _key_problems(name: str, pem: str) -> list[str]:
    if PEM not in pem:
        return [f"{name} holds no PEM private key (a text that begins with -----BEGIN)"]
    rsa = load("cryptography.hazmat.primitives.asymmetric.rsa")
    try:
        key = load("cryptography.hazmat.primitives.serialization").load_pem_private_key(pem.encode(), None)
    except TypeError:
        return [f"{name} is encrypted with a passphrase, which is not supported"]
    except Exception:  # cryptography has no common base for what it raises here, and its texts may quote the key
        return [f"{name} holds no private key that can be read"]
    return [] if isinstance(key, rsa.RSAPrivateKey) else [f"{name} is no RSA key; tokens are signed with RS256"]


def url_problems(url: str, example: str, credentials: str) -> list[str]:
    """What is wrong with the option ``api_url``.

    :param credentials: the options that do hold credentials.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host or port == 0 or parts.scheme not in ("http", "https") or re.search(r"\s", url):
        return [f"api_url {without_userinfo(url)!r} is no URL such as {example}"]
    if "@" in parts.netloc:
        return [f"api_url holds credentials: give them as {credentials}"]
    if parts.query or parts.fragment:
        return [f"api_url {url!r} holds a query or fragment"]
    if parts.scheme == "http" and not is_loopback(host):
        return [f"api_url {url!r} would send secrets unencrypted: http is for this machine only"]
    return []


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine, without asking a name server."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _text(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], name: str, variable: str) -> str:
    """An option, else an environment variable; ids that YAML made numbers are text again."""
    value = given(params.get(name))
    return str(value if value is not None else first(environ, variable) or "")
