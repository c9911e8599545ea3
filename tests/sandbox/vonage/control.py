# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to inspect and control the emulator over HTTP, below ``/_sandbox/``.

They need no token: the server listens on this machine only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Response

from .._control import PREFIX, json_view, options
from .errors import ApiError

if TYPE_CHECKING:
    from .emulator import VonageEmulator


class Control:
    """A method per request, which returns the JSON response."""

    def __init__(self, emulator: VonageEmulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        """Return the method, path, and view of every request."""
        emulator = self._emulator
        calls: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", "/log", emulator.log),
            ("DELETE", "/log", emulator.clear_log),
            ("POST", "/faults", self.fault),
            ("DELETE", "/faults", emulator.clear_faults),
            ("POST", "/reset", emulator.reset),
            ("POST", "/projects", self.project),
            ("GET", "/target/<key>", emulator.target),
            ("GET", "/archives/<key>", emulator.archives),
            ("POST", "/record/<key>", self.record),
            ("POST", "/callback/<key>", self.callback),
            ("GET", "/deliveries/<key>", emulator.deliveries.entries),
        ]
        routes = [(method, PREFIX + path, json_view(view, _control_error)) for method, path, view in calls]
        return [*routes, ("GET", f"{PREFIX}/download/<key>/<archive_id>/archive.mp4", self.download)]

    def fault(self) -> dict[str, Any]:
        """Inject a fault; the options are those of ``VonageEmulator.fail_next``."""
        self._emulator.fail_next(**options())
        return {}

    def project(self) -> dict[str, Any]:
        """Create a project; the options are those of ``VonageEmulator.add_project``."""
        return self._emulator.add_project(**options()).as_json()

    def record(self, key: str) -> dict[str, Any]:
        """Record an archive; the options are those of ``VonageEmulator.record_archive``."""
        return self._emulator.record_archive(key, **options())

    def callback(self, key: str) -> dict[str, Any]:
        """Set a callback; the options are those of ``VonageEmulator.set_callback``."""
        self._emulator.set_callback(key=key, **options())
        return {}

    def download(self, key: str, archive_id: str) -> Response:
        """Return the file of an archive in the emulated cloud."""
        with self._emulator.state.lock:
            content = self._emulator.state.holder(key).archive(archive_id).content
        if content is None:
            raise ApiError(404, "Not found", "This archive is not in the cloud of the sandbox")
        return Response(content, 200, content_type="video/mp4")


def _control_error(status: int, description: str) -> ApiError:
    return ApiError(status, "Bad sandbox call" if status == 400 else "Not found", description)
