# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of the emulator for tests: address, credentials, and methods to inspect and control it."""

from __future__ import annotations

import copy
import json
import secrets
import time
import uuid
from typing import Any, NamedTuple

from .._emulator import GATEWAY_PAGE, NOT_FOUND_PAGE, Emulator
from . import archives
from .app import create_app
from .callbacks import Callback, Deliveries, validate_url
from .errors import ApiError
from .mp4 import create_mp4
from .state import Application, Archive, Project, State, encode_sha256

LOST_OUTCOMES = ("failed", "stopped")


class Recording(NamedTuple):
    """An archive in progress, and the target at its start."""

    holder: Project | Application
    archive: Archive
    target: dict[str, Any] | None


class VonageEmulator(Emulator):
    """A strict emulator of the archive and account requests. Start it, or use it as a context manager."""

    def __init__(self, default_s3_endpoint: str | None = None, port: int = 0) -> None:
        self.state = State()
        #: the endpoints on this machine, by the endpoint of a target without a trailing slash
        self.s3_endpoints: dict[str, str] = {}
        self._default_s3_endpoint = default_s3_endpoint
        self._map_default_endpoint()
        self._project = self.state.add_project("sandbox")
        self._application = self.state.add_application()
        #: the events sent to callbacks
        self.deliveries = Deliveries(self.now)
        super().__init__(create_app(self).wsgi_app, port)

    @property
    def api_key(self) -> str:
        """The key of the initial project."""
        return self._project.key

    @property
    def api_secret(self) -> str:
        """The secret of the initial project."""
        return self._project.secret

    @property
    def account_key(self) -> str:
        """The account-level key."""
        return self.state.account_key

    @property
    def account_secret(self) -> str:
        """The account-level secret."""
        return self.state.account_secret

    @property
    def application_id(self) -> str:
        """The ID of the initial application of the unified environment."""
        return self._application.key

    @property
    def private_key_pem(self) -> str:
        """The private key of the initial application."""
        return self._application.private_key_pem

    def add_project(self, name: str = "", key: str | None = None, secret: str | None = None) -> Project:
        """Create an OpenTok project: ``.key``, ``.secret``."""
        return self.state.add_project(name, key, secret)

    def add_application(self) -> Application:
        """Create an application: ``.key``, ``.private_key_pem``."""
        return self.state.add_application()

    def refresh_secret(self, key: str) -> dict[str, Any]:
        """Replace the secret of a project."""
        with self.state.lock:
            project = self.state.projects[key]
            project.secret = secrets.token_hex(20)
            return project.as_json()

    def target(self, key: str | None = None) -> dict[str, Any] | None:
        """Return the stored upload target with its secrets; None without a target."""
        with self.state.lock:
            return copy.deepcopy(self.state.holder(key or self.api_key).target)

    def set_callback(self, url: str, key: str | None = None, signature_secret: str = "") -> None:
        """Set the callback of a project, as in the dashboard; a callback with a secret is secured."""
        reachable = validate_url(url)
        with self.state.lock:
            self.state.holder(key or self.api_key).callback = Callback(reachable, signature_secret)

    def archives(self, key: str | None = None) -> list[dict[str, Any]]:
        """Return all archives in the format of the API, newest first."""
        with self.state.lock:
            holder = self.state.holder(key or self.api_key)
            return [archives.archive_json(holder, archive, self.url) for archive in reversed(holder.archives)]

    def record_archive(
        self,
        key: str | None = None,
        *,
        session_id: str | None = None,
        name: str = "",
        size: int = 0,
        on_failure: str = "failed",
        pause: float = 0.0,
    ) -> dict[str, Any]:
        """Record an archive, upload it with the stored target, and return it in the format of the API.

        The target is the one at the start of the archive. The result has another member, ``sandbox``: ``bucket`` and
        ``key`` of the object, and ``upload_error``.

        :param on_failure: the final status of an archive that was neither uploaded nor kept: ``failed`` or ``stopped``.
            It is not documented which of them the service uses.
        :param pause: seconds after each uploaded part.
        """
        if on_failure not in LOST_OUTCOMES:
            raise ValueError(f"on_failure must be one of {', '.join(LOST_OUTCOMES)}")
        recording = self.start_archive(key, session_id=session_id, name=name)
        return self.finish_archive(recording, size=size, on_failure=on_failure, pause=pause)

    def start_archive(
        self, key: str | None = None, *, session_id: str | None = None, name: str = "", age: float = 0.0
    ) -> Recording:
        """Start an archive with the current target. It is in progress until ``finish_archive``.

        :param age: the seconds since its start.
        """
        with self.state.lock:
            holder = self.state.holder(key or self.api_key)
            target = copy.deepcopy(holder.target)
            archive = Archive(
                id=str(uuid.uuid4()),
                session_id=session_id or f"1_{secrets.token_urlsafe(24)}",
                name=name,
                created_at=int((time.time() - age) * 1000),
                status="started",
                size=0,
                duration=0,
            )
            holder.archives.append(archive)
        self._send_callback(holder, archive)
        return Recording(holder, archive, target)

    def set_archive_status(self, recording: Recording, status: str) -> None:
        """Pause or resume an archive in progress: ``paused`` or ``started``."""
        with self.state.lock:
            recording.archive.status = status

    def finish_archive(
        self, recording: Recording, *, size: int = 0, on_failure: str = "failed", pause: float = 0.0
    ) -> dict[str, Any]:
        """Stop an archive, upload it with the target of its start, and return it as ``record_archive`` does."""
        holder, archive, target = recording
        content = create_mp4(size)
        with self.state.lock:
            archive.status = "stopped"
            archive.size, archive.duration = len(content), archives.recorded_duration()
            archive.sha256sum = encode_sha256(content)
        self._send_callback(holder, archive)
        object_key = archives.object_key(holder.key, archive.id)
        upload_error = self._upload(archive, target, object_key, content, on_failure, pause)
        if archive.status != "stopped":
            self._send_callback(holder, archive)
        with self.state.lock:
            document = archives.archive_json(holder, archive, self.url)
        bucket = target["config"].get("bucket") if target else None
        document["sandbox"] = {"bucket": bucket, "key": object_key, "upload_error": upload_error}
        return document

    def _send_callback(self, holder: Project | Application, archive: Archive) -> None:
        """Send the status of the archive to the callback, if it is set."""
        with self.state.lock:
            callback, document = holder.callback, archives.archive_json(holder, archive, self.url)
        if callback is not None:
            self.deliveries.send(callback, holder.key, document)

    def _upload(
        self,
        archive: Archive,
        target: dict[str, Any] | None,
        key: str,
        content: bytes,
        on_failure: str,
        pause: float,
    ) -> str | None:
        upload_error = None
        status = "available"
        if target is not None:
            try:
                archives.upload(target, key, content, self.s3_endpoints, pause)
                status = "uploaded"
            except archives.UploadError as error:
                upload_error = str(error)
                # The documents contradict each other about targets without a fallback. The emulator assumes none.
                status = "available" if target.get("fallback") in archives.FALLBACK_ON else on_failure
        with self.state.lock:
            archive.status = status
            archive.content = content if status == "available" else None
            if status == "failed":
                archive.reason = "system failure"
        return upload_error

    def reset(self) -> None:
        """Restore the initial state; address and credentials are kept."""
        super().reset()
        self._map_default_endpoint()
        with self.state.lock:
            self._project.status = "ACTIVE"
            self.state.projects = {self._project.key: self._project}
            self.state.applications = {self._application.key: self._application}
            for holder in (self._project, self._application):
                holder.target = None
                holder.callback = None
                holder.archives.clear()
        self.deliveries.reset()

    def _map_default_endpoint(self) -> None:
        self.s3_endpoints.clear()
        if self._default_s3_endpoint:
            self.s3_endpoints[archives.DEFAULT_ENDPOINT] = self._default_s3_endpoint

    def error_body(self, error: ApiError, request_body: bytes) -> tuple[str, bytes]:
        """Return the content type and body of an error response."""
        quoted = f" {request_body.decode('utf-8', 'replace')}" if self.echo_secrets and request_body else ""
        document = {
            "code": error.code,
            "message": error.message + quoted,
            "description": error.description + quoted,
        }
        return "application/json", json.dumps(document).encode()

    def fault_body(self, status: int, request_body: bytes) -> tuple[str, bytes]:
        if status == 404:
            # A 404 of the API has other causes: as a fault, it is the page of a proxy.
            return "text/html", NOT_FOUND_PAGE.encode()
        if status in (502, 504):
            # A gateway in front of the API does not send JSON.
            quoted = request_body.decode("utf-8", "replace") if self.echo_secrets else ""
            return "text/html", GATEWAY_PAGE.format(quoted).encode()
        message = "Too many requests" if status == 429 else "OpenTok server error"
        return self.error_body(ApiError(status, message, "Try again later"), request_body)
