# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the emulated service: tokens of accounts, and apps with their config vars and releases."""

from __future__ import annotations

import secrets
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from .errors import REFERENCE, ApiError

FULL_BUCKET = 4500


@dataclass
class Token:
    """A token of an account; ``scope`` as in the article "OAuth"."""

    value: str = field(repr=False)
    account: str
    scope: tuple[str, ...] = ("global",)


@dataclass
class Release:
    """The config vars after a change. The release command of a pending release is running."""

    version: int
    config: dict[str, str] = field(repr=False)
    status: str = "succeeded"


@dataclass
class App:
    """An app of an account."""

    name: str
    account: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    config: dict[str, str] = field(default_factory=dict, repr=False)
    releases: list[Release] = field(default_factory=list)
    #: a release takes effect only after ``finish_releases``, as with a release command in the Procfile
    release_command: bool = False

    def change(self, changes: dict[str, str | None]) -> None:
        """Create a release, as every change does (article "Configuration and Config Vars")."""
        latest = self.releases[-1].config if self.releases else self.config
        merged = {**latest, **changes}
        config = {name: value for name, value in merged.items() if value is not None}
        status = "pending" if self.release_command else "succeeded"
        self.releases.append(Release(len(self.releases) + 1, config, status))
        if not self.release_command:
            self.config = config

    def finish_releases(self, succeeded: bool) -> None:
        """End every release command."""
        for release in self.releases:
            if release.status == "pending":
                release.status = "succeeded" if succeeded else "failed"
                if succeeded:
                    self.config = release.config

    def as_json(self) -> dict[str, Any]:
        """Return the part of the API's response that clients read."""
        return {"id": self.id, "name": self.name, "owner": {"email": f"{self.account}@example.com", "id": self.account}}

    def describe(self) -> dict[str, Any]:
        """Return the complete state, for tests."""
        releases = [{"version": item.version, "status": item.status, "config": item.config} for item in self.releases]
        return {**self.as_json(), "config": self.config, "releases": releases}


class State:
    """The state of the service, behind one lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.tokens: dict[str, Token] = {}
        self.apps: dict[str, App] = {}
        #: remaining calls of each account
        self.remaining: dict[str, int] = {}

    def add_token(self, account: str, scope: tuple[str, ...]) -> Token:
        """Add a token in the format of the article "OAuth"."""
        token = Token(f"HRKU-{uuid.uuid4()}", account, scope)
        with self.lock:
            self.tokens[token.value] = token
            self.remaining.setdefault(account, FULL_BUCKET)
        return token

    def add_app(self, account: str, name: str | None, config: dict[str, str] | None) -> App:
        """Add an app whose first release has these config vars."""
        app = App(name or f"app-{secrets.token_hex(6)}", account)
        with self.lock:
            if app.name in self.apps:
                raise ValueError(f"the app {app.name} exists already")
            self.apps[app.name] = app
            app.change(dict(config or {}))
        return app

    def app(self, identity: str) -> App:
        """Return an app by name or id, or raise KeyError."""
        with self.lock:
            for app in self.apps.values():
                if identity in (app.name, app.id):
                    return app
        raise KeyError(identity)

    def accessible_app(self, identity: str, token: Token) -> App:
        """Return an app, or raise the 404 or 403 for this token."""
        try:
            app = self.app(identity)
        except KeyError as error:
            raise ApiError(404, "Couldn't find that app.", f"{REFERENCE}#app") from error
        if app.account != token.account:
            raise ApiError(403, f"You do not have access to the app {app.name}.")
        return app
