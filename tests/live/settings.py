# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings and credentials, from environment variables or an INI file; an environment variable has precedence.

The variable of a setting is ``LIVE_<PART>_<NAME>``. The variables of other tools, such as ``AWS_ACCESS_KEY_ID``, are
ignored: the tests never use an account by accident.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

AWS, GOOGLE, VONAGE = PARTS = ("aws", "google", "vonage")
# The default of each setting. A setting without a default is a credential.
SETTINGS: dict[str, dict[str, str | None]] = {
    AWS: {
        "access_key": None,
        "secret_key": None,
        "session_token": "",
        "region": "us-east-1",
        "endpoint_url": "",
        "iam_endpoint_url": "https://iam.amazonaws.com",
    },
    GOOGLE: {
        "access_key": None,
        "secret_key": None,
        "location": "EU",
        "project": "",
        "oauth_token": "",
        "endpoint_url": "https://storage.googleapis.com",
        "json_url": "https://storage.googleapis.com/storage/v1",
        "iam_url": "https://iam.googleapis.com/v1",
    },
    VONAGE: {
        "account_key": "",
        "account_secret": "",
        "api_key": "",
        "api_secret": "",
        "application_id": "",
        "private_key_file": "",
        "api_url": "https://api.opentok.com",
        "video_api_url": "https://video.api.vonage.com",
    },
}
# One of these pairs is required.
VONAGE_CREDENTIALS = (
    ("account_key", "account_secret"),
    ("api_key", "api_secret"),
    ("application_id", "private_key_file"),
)
SECRETS = ("secret_key", "session_token", "oauth_token", "account_secret", "api_secret")


class SettingsError(Exception):
    """A setting is missing or invalid."""


@dataclass(frozen=True)
class Settings:
    """The settings of one part."""

    part: str
    values: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    @property
    def secrets(self) -> list[str]:
        """The secrets, which no output contains."""
        return [self.values[name] for name in SECRETS if self.values.get(name)]

    @property
    def endpoints(self) -> list[str]:
        """The URLs of the services."""
        return [value for name, value in self.values.items() if name.endswith("_url")]

    @property
    def endpoint(self) -> str:
        """The URL of the service that contains the resources."""
        return self.values["api_url" if self.part == VONAGE else "endpoint_url"]


def variable(part: str, name: str) -> str:
    """Return the name of the environment variable of a setting."""
    return f"LIVE_{part}_{name}".upper()


def read_profile(path: Path) -> configparser.ConfigParser:
    """Read the INI file, which only its owner may read because it contains secrets."""
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"--profile: other users can read {path}. Run: chmod 600 {path}")
    profile = configparser.ConfigParser(interpolation=None)
    try:
        profile.read_string(path.read_text())
    except configparser.Error as error:
        # The message of the parser quotes the line, which can contain a secret.
        raise SettingsError(f"--profile: {path} is not a valid INI file ({type(error).__name__}).") from None
    for part in profile.sections():
        unknown = sorted(set(profile[part]) - set(SETTINGS.get(part, {})))
        if part not in SETTINGS or unknown:
            raise SettingsError(f"--profile: unknown setting: [{part}] {', '.join(unknown)}".rstrip())
    return profile


def read_settings(part: str, env: Mapping[str, str], profile: configparser.ConfigParser | None) -> Settings | None:
    """Return the settings of a part; None if its credentials are not set."""
    section = dict(profile[part]) if profile and profile.has_section(part) else {}
    values = {
        name: env.get(variable(part, name), section.get(name, default)) for name, default in SETTINGS[part].items()
    }
    if part == VONAGE:
        is_complete = any(values[name] and values[secret] for name, secret in VONAGE_CREDENTIALS)
    else:
        is_complete = all(value is not None for value in values.values())
    if not is_complete:
        return None
    complete = {name: (value or "").strip() for name, value in values.items()}
    if part == AWS and not complete["endpoint_url"]:
        complete["endpoint_url"] = f"https://s3.{complete['region']}.amazonaws.com"
    return Settings(part, complete)


def credential_names(part: str) -> str:
    """Return the environment variables of the required credentials, for a message."""
    if part != VONAGE:
        return ", ".join(variable(part, name) for name, default in SETTINGS[part].items() if default is None)
    return "; or ".join(", ".join(variable(part, name) for name in pair) for pair in VONAGE_CREDENTIALS)


def check_endpoints(settings: Settings, is_stand_in: bool) -> None:
    """Reject an endpoint that is not protected by TLS, except for local servers."""
    for url in settings.endpoints:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (is_stand_in and parts.hostname == "127.0.0.1"):
            raise SettingsError(
                f"{settings.part}: {url} is not an https URL. Only --stand-in allows http, on 127.0.0.1."
            )


def read_environment() -> Mapping[str, str]:
    """Return the environment variables."""
    return os.environ
