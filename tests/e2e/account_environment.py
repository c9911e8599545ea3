# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The projects of an account, and the options to list them."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.sandbox import VonageEmulator
from tests.sandbox.vonage.state import Project


@dataclass
class AccountEnvironment:
    """The environment of one test.

    :param mark: the prefix of the names of its projects.
    """

    emulator: VonageEmulator
    projects: list[Project]
    mark: str

    @property
    def credentials(self) -> dict[str, Any]:
        """The options of the account."""
        return {
            "account_key": self.emulator.account_key,
            "account_secret": self.emulator.account_secret,
            "api_url": self.emulator.url,
        }

    @property
    def environ(self) -> dict[str, str]:
        """The same options as AWX passes them: in the environment, with empty strings for other variables."""
        empty = dict.fromkeys(("VONAGE_VIDEO_API_KEY", "VONAGE_VIDEO_API_SECRET", "VONAGE_VIDEO_PRIVATE_KEY_PATH"), "")
        options = {
            f"VONAGE_VIDEO_ACCOUNT_{name.removeprefix('account_').upper()}": value
            for name, value in self.credentials.items()
        }
        return {**empty, **options}

    @property
    def secrets(self) -> list[str]:
        """The secrets of the account and of all projects, and all tokens."""
        tokens = [call["headers"].get("X-Opentok-Auth", "") for call in self.emulator.log()]
        project_secrets = [project.secret for project in self.emulator.state.projects.values()]
        return [self.emulator.account_secret, *project_secrets, *filter(None, tokens)]

    def calls(self) -> list[str]:
        """The account requests to the emulator."""
        log = [call for call in self.emulator.log() if "/archive" not in call["path"]]
        return [f"{call['method']} {call['path']} {call['status']}" for call in log]


@contextlib.contextmanager
def new_account_environment(emulator: VonageEmulator) -> Iterator[AccountEnvironment]:
    """Create three projects, and delete them at the end."""
    mark = f"fleet-{secrets.token_hex(4)}"
    projects = [emulator.add_project(f"{mark}-{name}") for name in ("lessons", "broadcast", "{{ 6 * 7 }}")]
    projects[0].status = "VALID"
    projects[1].status = "SUSPENDED"
    emulator.clear_log()
    try:
        yield AccountEnvironment(emulator, projects, mark)
    finally:
        emulator.clear_faults()
        with emulator.state.lock:
            for project in [project for project in emulator.state.projects.values() if project.name.startswith(mark)]:
                del emulator.state.projects[project.key]
