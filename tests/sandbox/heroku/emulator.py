# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator as tests see it: an address, a token, an app, and methods to look at and to steer it."""

from __future__ import annotations

import json

from .._emulator import GATEWAY_PAGE, Emulator
from .app import create_app
from .errors import ApiError, rate_limit
from .state import FULL_BUCKET, App, State, Token

ACCOUNT = "sandbox"


class HerokuEmulator(Emulator):
    """A strict stand-in for the calls about config vars. Start it, or use it as a context manager."""

    def __init__(self, port: int = 0) -> None:
        self.state = State()
        self._token = self.state.add_token(ACCOUNT, ("global",))
        self._app = self.state.add_app(ACCOUNT, "sandbox-app", None)
        super().__init__(create_app(self).wsgi_app, port)

    @property
    def api_token(self) -> str:
        """The token that may do everything."""
        return self._token.value

    @property
    def app_name(self) -> str:
        """The name of the app that is there from the start."""
        return self._app.name

    def add_app(self, name: str | None = None, config: dict[str, str] | None = None, account: str = ACCOUNT) -> App:
        """Make another app: ``.name``, ``.id``."""
        return self.state.add_app(account, name, config)

    def add_token(self, *scope: str, account: str = ACCOUNT) -> Token:
        """Give out another token: ``.value``."""
        return self.state.add_token(account, scope or ("global",))

    def app(self, identity: str | None = None) -> App:
        """Return an app as it is: ``.config``, ``.releases``; the first one by default."""
        return self.state.app(identity or self.app_name)

    def spend(self, remaining: int, account: str = ACCOUNT) -> None:
        """Leave so many calls to an account; nothing is refilled."""
        with self.state.lock:
            self.state.remaining[account] = remaining

    def reset(self) -> None:
        """Return to the state after the start; address and credentials stay."""
        super().reset()
        with self.state.lock:
            first = App(self._app.name, ACCOUNT, self._app.id)
            first.change({})
            self._app = first
            self.state.apps = {first.name: first}
            self.state.tokens = {self._token.value: self._token}
            self.state.remaining = {ACCOUNT: FULL_BUCKET}

    def error_body(self, error: ApiError, request_body: bytes) -> tuple[str, bytes]:
        """Return content type and body of an error answer."""
        shown = error.as_json()
        if self.echo_secrets and request_body:
            shown["message"] += f" {request_body.decode('utf-8', 'replace')}"
        return "application/json", json.dumps(shown).encode()

    def fault_body(self, status: int, request_body: bytes) -> tuple[str, bytes]:
        """Return content type and body of an answer that a fault asks for."""
        if status in (200, 502, 503, 504):
            # What stands in front of the API, a router or somebody's proxy, does not speak JSON.
            quoted = request_body.decode("utf-8", "replace") if self.echo_secrets else ""
            return "text/html", GATEWAY_PAGE.format(quoted).encode()
        error = rate_limit() if status == 429 else ApiError(status, "Something is not as it should be.")
        return self.error_body(error, request_body)
