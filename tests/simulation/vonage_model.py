# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model of the Vonage Video API: tokens, upload targets, and the list of archives."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

from ansible_collections.vonage.archiving.plugins.module_utils._core.http_client import Response

from .responses import http_date

API_URL = "https://api.opentok.com"
MAX_LIFETIME = 300
# API reference, listing archives.
DEFAULT_COUNT, MAX_COUNT = "50", 1000


@dataclass
class Archive:
    """A recording.

    :param listed: since when the eventually consistent list contains it.
    """

    id: str
    created: float
    status: str = "started"
    listed: float = 0.0


@dataclass
class VonageProject:
    """A project; ``target`` is the body of the last PUT."""

    id: str
    secret: str
    target: dict[str, Any] | None = None
    archives: list[Archive] = field(default_factory=list)


@dataclass
class VonageModel:
    """The API.

    :param clock_skew: seconds by which ``iat`` may be in the future. Not documented: a seed chooses it.
    """

    now: Callable[[], float]
    clock_skew: float = 5.0
    projects: dict[str, VonageProject] = field(default_factory=dict)
    on_change: Callable[[], None] = lambda: None

    def request(
        self, method: str, path: str, headers: Mapping[str, str], payload: Any, query: Mapping[str, str]
    ) -> Response:
        """Respond to a request; ``path`` is the part after the base URL, without the query."""
        parts = path.strip("/").split("/")
        project = self.projects.get(parts[2]) if parts[:2] == ["v2", "project"] and len(parts) > 2 else None
        if project is None:
            return self.error(403, "Invalid token: the key does not exist")
        problem = self._token_problem(project, headers.get("X-OPENTOK-AUTH", ""))
        if problem:
            return self.error(403, problem)
        if parts[3:] == ["archive", "storage"]:
            return self._storage(project, method, payload)
        if parts[3:] == ["archive"] and method == "GET":
            return self._list(project, query)
        return self.error(404, "Not found")

    def respond(self, status: int, document: Any = None) -> Response:
        body = b"" if document is None else json.dumps(document).encode()
        return Response(status, {"date": http_date(int(self.now())), "content-type": "application/json"}, body)

    def error(self, status: int, message: str) -> Response:
        return self.respond(status, {"code": -1 if status == 400 else status, "message": message})

    def page(self, status: int) -> Response:
        """A page of a proxy in front of the API."""
        return Response(status, {"content-type": "text/html"}, b"<html><h1>nginx</h1></html>")

    def _token_problem(self, project: VonageProject, token: str) -> str:
        options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
        try:
            claims = jwt.decode(token, project.secret, algorithms=["HS256"], options=options)
        except jwt.InvalidTokenError as exc:
            return f"Invalid token: {exc}"
        now = self.now()
        if claims["iss"] != project.id or claims["ist"] != "project":
            return "Invalid token: iss or ist"
        if claims["iat"] > now + self.clock_skew:
            return "Invalid token: iat is in the future"
        if claims["exp"] <= now:
            return "Invalid token: it has expired"
        return "Invalid token: exp" if claims["exp"] - claims["iat"] > MAX_LIFETIME else ""

    def _storage(self, project: VonageProject, method: str, payload: Any) -> Response:
        if method == "PUT":
            problem = _target_problem(payload)
            if problem:
                return self.error(400, problem)
            project.target = payload
            self.on_change()
            return self.respond(200, payload)
        if method == "DELETE":
            if project.target is None:
                return self.error(404, "No upload target")
            project.target = None
            self.on_change()
            return self.respond(204)
        return self.error(405, "Method not allowed")

    def _list(self, project: VonageProject, query: Mapping[str, str]) -> Response:
        """Respond with a page, newest first; ``count`` of the response is the number of archives on all pages."""
        offset, count = query.get("offset", "0"), query.get("count", DEFAULT_COUNT)
        if not (offset.isdigit() and count.isdigit()) or int(count) > MAX_COUNT:
            return self.error(400, "offset or count is not valid")
        archives = [archive for archive in reversed(project.archives) if archive.listed <= self.now()]
        items = [
            {"id": archive.id, "status": archive.status, "createdAt": round(archive.created * 1000), "duration": 0}
            for archive in archives[int(offset) : int(offset) + int(count)]
        ]
        return self.respond(200, {"count": len(archives), "items": items})


def _target_problem(payload: Any) -> str:
    if not isinstance(payload, dict) or payload.get("type") != "s3" or not isinstance(payload.get("config"), dict):
        return "type or config is not valid"
    config = payload["config"]
    missing = [name for name in ("accessKey", "secretKey", "bucket") if not config.get(name)]
    unknown = set(config) - {"accessKey", "secretKey", "bucket", "endpoint", "sse"}
    if missing or unknown or config.get("sse", "none") not in ("s3", "none"):
        return "config is not valid"
    return "" if payload.get("fallback") in ("none", "opentok", "vonage") else "fallback is not valid"
