# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of the documented API, and of the sandbox below ``/_sandbox/``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from . import archives
from .auth import verify_application_token, verify_opentok_token
from .callbacks import Callback, validate_callback
from .control import Control
from .errors import ApiError, bad_request, forbidden
from .state import ACTIVE, SUSPENDED, Application, Project
from .storage import parse_json, validate_target

if TYPE_CHECKING:
    from .emulator import VonageEmulator

ViewResult = Response | tuple[Response, int] | tuple[str, int]
# The second prefix is an older one, which the examples of the guides use.
PREFIXES = ("/v2/project", "/v2/partner")


def create_app(emulator: VonageEmulator) -> Flask:
    app = Flask("vonage-emulator", static_folder=None)
    app.url_map.strict_slashes = True

    def error(caught: ApiError) -> ViewResult:
        content_type, body = emulator.error_body(caught, request.get_data())
        return Response(body, caught.status, content_type=content_type), caught.status

    def http_error(caught: HTTPException) -> ViewResult:
        code = caught.code or 500
        return error(ApiError(code, caught.name, caught.description or caught.name))

    app.register_error_handler(ApiError, error)
    app.register_error_handler(HTTPException, http_error)
    for prefix in PREFIXES:
        _project_routes(app, emulator, prefix)
        _callback_routes(app, emulator, prefix)
    _account_routes(app, emulator)
    for method, path, view in Control(emulator).routes():
        _route(app, method, path, view)
    return app


def _route(app: Flask, method: str, path: str, view: Callable[..., ViewResult]) -> None:
    # Flask would add HEAD and OPTIONS, which the API does not have.
    endpoint = f"{method} {path}"
    app.add_url_rule(path, endpoint, view, methods=[method], provide_automatic_options=False)


def _project_routes(app: Flask, emulator: VonageEmulator, prefix: str) -> None:
    def route(method: str, path: str, view: Callable[..., ViewResult]) -> None:
        @functools.wraps(view)
        def authenticated(key: str, **values: str) -> ViewResult:
            return view(_authenticate(emulator, key), **values)

        _route(app, method, f"{prefix}/<key>{path}", authenticated)

    def set_target(holder: Project | Application) -> ViewResult:
        target = validate_target(parse_json(request.headers.get("Content-Type", ""), request.get_data()))
        with emulator.state.lock:
            holder.target = target
        # The response contains the secret, as in the responses that public code parses.
        return jsonify(target)

    def delete_target(holder: Project | Application) -> ViewResult:
        with emulator.state.lock:
            if holder.target is None:
                raise ApiError(404, "Not found", "There is no upload target")
            holder.target = None
        return "", 204

    def list_archives(holder: Project | Application) -> ViewResult:
        with emulator.state.lock:
            count, page = archives.select(holder, request.args)
            items = [archives.archive_json(holder, archive, emulator.url) for archive in page]
        return jsonify({"count": count, "items": items})

    def get_archive(holder: Project | Application, archive_id: str) -> ViewResult:
        with emulator.state.lock:
            return jsonify(archives.archive_json(holder, holder.archive(archive_id), emulator.url))

    def delete_archive(holder: Project | Application, archive_id: str) -> ViewResult:
        with emulator.state.lock:
            holder.delete_archive(archive_id)
        return "", 204

    # There is no GET of the storage path in the documents or in any public client.
    route("PUT", "/archive/storage", set_target)
    route("DELETE", "/archive/storage", delete_target)
    route("GET", "/archive", list_archives)
    route("GET", "/archive/<uuid:archive_id>", lambda holder, archive_id: get_archive(holder, str(archive_id)))
    route("DELETE", "/archive/<uuid:archive_id>", lambda holder, archive_id: delete_archive(holder, str(archive_id)))


def _callback_routes(app: Flask, emulator: VonageEmulator, prefix: str) -> None:
    """Registration of a callback: documented in 2013, in public code of 2022, see ``callbacks.py``."""

    def route(method: str, path: str, view: Callable[..., ViewResult]) -> None:
        @functools.wraps(view)
        def authenticated(key: str, **values: str) -> ViewResult:
            holder = _authenticate(emulator, key)
            if isinstance(holder, Application):
                raise ApiError(404, "Not found", "An application has its callbacks in the Application API")
            return view(holder, **values)

        _route(app, method, f"{prefix}/<key>/callback{path}", authenticated)

    def register(project: Project) -> ViewResult:
        url = validate_callback(parse_json(request.headers.get("Content-Type", ""), request.get_data()))
        with emulator.state.lock:
            project.callback = Callback(url)
            return jsonify(project.callback.as_json())

    def listing(project: Project) -> ViewResult:
        with emulator.state.lock:
            return jsonify([project.callback.as_json()] if project.callback else [])

    def delete(project: Project, callback_id: str) -> ViewResult:
        with emulator.state.lock:
            if project.callback is None or project.callback.id != callback_id:
                raise ApiError(404, "Not found", "There is no callback with this id")
            project.callback = None
        return "", 204

    route("POST", "", register)
    route("GET", "/", listing)
    route("DELETE", "/<callback_id>", delete)


def _authenticate(emulator: VonageEmulator, key: str) -> Project | Application:
    try:
        holder = emulator.state.holder(key)
    except KeyError as error:
        raise forbidden("There is no such key") from error
    if isinstance(holder, Application):
        verify_application_token(request.headers, key, holder.public_key_pem, emulator.now())
        return holder
    verify_opentok_token(request.headers, key, holder.secret, "project", emulator.now())
    if holder.status == SUSPENDED:
        raise forbidden("The project is suspended")
    return holder


def _account_routes(app: Flask, emulator: VonageEmulator) -> None:
    state = emulator.state

    def route(method: str, path: str, view: Callable[..., ViewResult]) -> None:
        @functools.wraps(view)
        def authenticated(**values: str) -> ViewResult:
            verify_opentok_token(request.headers, state.account_key, state.account_secret, "account", emulator.now())
            with state.lock:
                return view(*(_project(values[name]) for name in values))

        _route(app, method, f"/v2/project{path}", authenticated)

    def _project(key: str) -> Project:
        if key not in state.projects:
            raise ApiError(404, "Not found", "There is no such project")
        return state.projects[key]

    def create() -> ViewResult:
        content = request.get_data()
        body = parse_json(request.headers.get("Content-Type", ""), content) if content else {}
        if not isinstance(body, dict) or not isinstance(body.get("name", ""), str):
            raise bad_request("name must be a string")
        return jsonify(state.add_project(body.get("name", "")).as_json())

    def set_status(project: Project) -> ViewResult:
        body = parse_json(request.headers.get("Content-Type", ""), request.get_data())
        if not isinstance(body, dict) or body.get("status") not in (ACTIVE, SUSPENDED):
            raise bad_request(f"status is not one of the valid set: {ACTIVE}, {SUSPENDED}")
        project.status = body["status"]
        return jsonify(project.as_json())

    def delete(project: Project) -> ViewResult:
        del state.projects[project.key]
        return "", 204

    route("GET", "", lambda: jsonify([project.as_json() for project in state.projects.values()]))
    route("POST", "", create)
    route("GET", "/<key>", lambda project: jsonify(project.as_json()))
    route("PUT", "/<key>", set_status)
    route("DELETE", "/<key>", delete)
    route("POST", "/<key>/refreshSecret", lambda project: jsonify(emulator.refresh_secret(project.key)))
