# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes: the two calls for config vars, two calls that clients send first, and the control calls of the sandbox."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from .._control import PREFIX, json_view, options
from .errors import ApiError, rate_limit
from .requests import authenticate, parse_changes, validate_accept, validate_scope, validate_size
from .state import App, Token

if TYPE_CHECKING:
    from .emulator import HerokuEmulator

# "read" and "write" exclude config vars; a write scope includes reading (blog.heroku.com, "OAuth for Platform API").
READ = ("global", "read", "read-protected", "write", "write-protected")
READ_CONFIG = ("global", "read-protected", "write-protected")
WRITE_CONFIG = ("global", "write-protected")


def create_app(emulator: HerokuEmulator) -> Flask:
    """Return the application that serves ``emulator``."""
    app = Flask("heroku-emulator", static_folder=None)

    def error(caught: ApiError) -> Response:
        content_type, body = emulator.error_body(caught, request.get_data())
        return Response(body, caught.status, caught.headers, content_type=content_type)

    def http_error(caught: HTTPException) -> Response:
        return error(ApiError(caught.code or 500, caught.description or caught.name))

    app.register_error_handler(ApiError, error)
    app.register_error_handler(HTTPException, http_error)
    app.after_request(_add_request_id)
    _api_routes(app, emulator)
    _control_routes(app, emulator)
    return app


def _add_request_id(response: Response) -> Response:
    response.headers["Request-Id"] = str(uuid.uuid4())
    return response


def _route(app: Flask, method: str, path: str, view: Callable[..., Any]) -> None:
    app.add_url_rule(path, f"{method} {path}", view, methods=[method], provide_automatic_options=False)


def _api_routes(app: Flask, emulator: HerokuEmulator) -> None:
    state = emulator.state

    def route(method: str, path: str, scope: tuple[str, ...], view: Callable[..., Any], cost: int = 1) -> None:
        def respond(**values: str) -> Response:
            validate_accept(request.headers.get("Accept", ""))
            token = authenticate(state, request.headers.get("Authorization", ""))
            validate_scope(token, scope)
            with state.lock:
                _spend(emulator, token, cost)
                apps = [state.accessible_app(value, token) for value in values.values()]
                response = jsonify(view(token, *apps))
                response.headers["RateLimit-Remaining"] = str(state.remaining[token.account])
            return response

        _route(app, method, path, respond)

    def update(_token: Token, target: App) -> dict[str, str]:
        changes = parse_changes(request.headers.get("Content-Type", ""), request.get_data())
        validate_size({**target.config, **changes})
        target.change(changes)
        return target.config

    route("GET", "/account/rate-limits", READ, lambda token: {"remaining": state.remaining[token.account]}, cost=0)
    route("GET", "/apps/<identity>", READ, lambda _token, target: target.as_json())
    route("GET", "/apps/<identity>/config-vars", READ_CONFIG, lambda _token, target: target.config)
    route("PATCH", "/apps/<identity>/config-vars", WRITE_CONFIG, update)


def _spend(emulator: HerokuEmulator, token: Token, cost: int) -> None:
    remaining = emulator.state.remaining
    if cost > remaining[token.account]:
        raise rate_limit()
    remaining[token.account] -= cost


def _control_routes(app: Flask, emulator: HerokuEmulator) -> None:
    def add_fault() -> dict[str, Any]:
        emulator.fail_next(**options())
        return {}

    calls: list[tuple[str, str, Callable[..., Any]]] = [
        ("GET", "/log", emulator.log),
        ("DELETE", "/log", emulator.clear_log),
        ("POST", "/faults", add_fault),
        ("DELETE", "/faults", emulator.clear_faults),
        ("POST", "/reset", emulator.reset),
        ("POST", "/apps", lambda: emulator.add_app(**options()).describe()),
        ("GET", "/apps/<name>", lambda name: emulator.app(name).describe()),
    ]
    for method, path, view in calls:
        _route(app, method, PREFIX + path, json_view(view, ApiError))
