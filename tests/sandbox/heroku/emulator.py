# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator: a URL, a token, an app, and methods to inspect and control it."""

from __future__ import annotations

import json

from .._emulator import GATEWAY_PAGE, Emulator
from .app import create_app
from .errors import ApiError, rate_limit
from .state import FULL_BUCKET, App, State, Token

ACCOUNT = "sandbox"


class HerokuEmulator(Emulator):
    """A strict emulator of the calls for config vars. Start it, or use it as a context manager."""

    def __init__(self, port: int = 0) -> None:
        self.state = State()
        self._token = self.state.add_token(ACCOUNT, ("global",))
        self._app = self.state.add_app(ACCOUNT, "sandbox-app", None)
        super().__init__(create_app(self).wsgi_app, port)

    @property
    def api_token(self) -> str:
        """A token with the scope ``global``."""
        return self._token.value

    @property
    def app_name(self) -> str:
        """The name of the first app."""
        return self._app.name

    def add_app(self, name: str | None = None, config: dict[str, str] | None = None, account: str = ACCOUNT) -> App:
        """Add an app: ``.name``, ``.id``."""
        return self.state.add_app(account, name, config)

    def add_token(self, *scope: str, account: str = ACCOUNT) -> Token:
        """Add a token: ``.value``."""
        return self.state.add_token(account, scope or ("global",))

    def app(self, identity: str | None = None) -> App:
        """Return the state of an app: ``.config``, ``.releases``; the first app by default."""
        return self.state.app(identity or self.app_name)

    def set_remaining_calls(self, remaining: int, account: str = ACCOUNT) -> None:
        """Set the remaining calls of an account; they are not refilled."""
        with self.state.lock:
            self.state.remaining[account] = remaining

    def reset(self) -> None:
        """Reset the state; the URL and the credentials stay."""
        super().reset()
        with self.state.lock:
            first = App(self._app.name, ACCOUNT, self._app.id)
            first.change({})
            self._app = first
            self.state.apps = {first.name: first}
            self.state.tokens = {self._token.value: self._token}
            self.state.remaining = {ACCOUNT: FULL_BUCKET}

    def error_body(self, error: ApiError, request_body: bytes) -> tuple[str, bytes]:
        """Return the content type and body of an error response."""
        document = error.as_json()
        if self.echo_secrets and request_body:
            document["message"] += f" {request_body.decode('utf-8', 'replace')}"
        return "application/json", json.dumps(document).encode()

    def fault_body(self, status: int, request_body: bytes) -> tuple[str, bytes]:
        """Return the content type and body of the response of a fault."""
        if status in (200, 502, 503, 504):
            # A router or proxy in front of the API does not return JSON.
            quoted = request_body.decode("utf-8", "replace") if self.echo_secrets else ""
            return "text/html", GATEWAY_PAGE.format(quoted).encode()
        error = rate_limit() if status == 429 else ApiError(status, "An injected fault.")
        return self.error_body(error, request_body)
