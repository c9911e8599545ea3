# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator as tests see it: an address, credentials, and methods to look at and to steer it."""

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
from .callbacks import Callback, Deliveries, check_url
from .errors import ApiError
from .mp4 import make_mp4
from .state import Application, Archive, Project, State

LOST_OUTCOMES = ("failed", "stopped")


class Recording(NamedTuple):
    """An archive in progress, and the target that it took at its start."""

    holder: Project | Application
    archive: Archive
    target: dict[str, Any] | None


class VonageEmulator(Emulator):
    """A strict stand-in for the archive and account calls of the API. Start it, or use it as a context manager."""

    def __init__(self, default_s3_endpoint: str | None = None, port: int = 0) -> None:
        self.state = State()
        #: where an endpoint given in a target really is; the key is the endpoint without a slash at its end
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
        """The key of the project that is there from the start."""
        return self._project.key

    @property
    def api_secret(self) -> str:
        """The secret of that project."""
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
        """The application of the unified environment that is there from the start."""
        return self._application.key

    @property
    def private_key_pem(self) -> str:
        """The private key of that application."""
        return self._application.private_key_pem

    def add_project(self, name: str = "", key: str | None = None, secret: str | None = None) -> Project:
        """Make another OpenTok project: ``.key``, ``.secret``."""
        return self.state.add_project(name, key, secret)

    def add_application(self) -> Application:
        """Make another application: ``.key``, ``.private_key_pem``."""
        return self.state.add_application()

    def refresh_secret(self, key: str) -> dict[str, Any]:
        """Give a project a new secret."""
        with self.state.lock:
            project = self.state.projects[key]
            project.secret = secrets.token_hex(20)
            return project.as_json()

    def target(self, key: str | None = None) -> dict[str, Any] | None:
        """Return the upload target that is stored, secrets included, or None."""
        with self.state.lock:
            return copy.deepcopy(self.state.holder(key or self.api_key).target)

    def set_callback(self, url: str, key: str | None = None, signature_secret: str = "") -> None:
        """Send a project's archive events there, as the dashboard sets it; with a secret the callback is secured."""
        reachable = check_url(url)
        with self.state.lock:
            self.state.holder(key or self.api_key).callback = Callback(reachable, signature_secret)

    def archives(self, key: str | None = None) -> list[dict[str, Any]]:
        """Return every archive as the API shows it, newest first."""
        with self.state.lock:
            holder = self.state.holder(key or self.api_key)
            return [archives.archive_json(holder, each, self.url) for each in reversed(holder.archives)]

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
        """Record an archive, upload it with the stored target, and return it as the API shows it.

        The target is the one of the beginning, whatever is set meanwhile; ``pause`` are seconds after each part of it.

        ``on_failure`` is the status of an archive that could neither be uploaded nor kept: ``failed``, or ``stopped``
        for good. Which of them the service uses is not documented. The result has one more member, ``sandbox``:
        ``bucket`` and ``key`` of the object, and ``upload_error``.
        """
        if on_failure not in LOST_OUTCOMES:
            raise ValueError(f"on_failure must be one of {', '.join(LOST_OUTCOMES)}")
        recording = self.start_archive(key, session_id=session_id, name=name)
        return self.finish_archive(recording, size=size, on_failure=on_failure, pause=pause)

    def start_archive(
        self, key: str | None = None, *, session_id: str | None = None, name: str = "", age: float = 0.0
    ) -> Recording:
        """Start an archive, which takes the target of this moment, and is in progress until ``finish_archive``.

        ``age`` are the seconds for which it has been in progress already.
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
        self._tell(holder, archive)
        return Recording(holder, archive, target)

    def set_archive_status(self, recording: Recording, status: str) -> None:
        """Pause an archive in progress, or let it go on: ``paused`` or ``started``."""
        with self.state.lock:
            recording.archive.status = status

    def finish_archive(
        self, recording: Recording, *, size: int = 0, on_failure: str = "failed", pause: float = 0.0
    ) -> dict[str, Any]:
        """Stop an archive, upload it with the target of its start, and return it as ``record_archive`` does."""
        holder, archive, target = recording
        content = make_mp4(size)
        with self.state.lock:
            archive.status = "stopped"
            archive.size, archive.duration = len(content), archives.recorded_duration()
        self._tell(holder, archive)
        where = archives.object_key(holder.key, archive.id)
        upload_error = self._deliver(archive, target, where, content, on_failure, pause)
        if archive.status != "stopped":
            self._tell(holder, archive)
        with self.state.lock:
            shown = archives.archive_json(holder, archive, self.url)
        bucket = target["config"].get("bucket") if target else None
        shown["sandbox"] = {"bucket": bucket, "key": where, "upload_error": upload_error}
        return shown

    def _tell(self, holder: Project | Application, archive: Archive) -> None:
        """Send the archive's status to the callback, if there is one."""
        with self.state.lock:
            callback, shown = holder.callback, archives.archive_json(holder, archive, self.url)
        if callback is not None:
            self.deliveries.send(callback, holder.key, shown)

    def _deliver(
        self,
        archive: Archive,
        target: dict[str, Any] | None,
        key: str,
        content: bytes,
        on_failure: str,
        pause: float,
    ) -> str | None:
        problem = None
        status = "available"
        if target is not None:
            try:
                archives.upload(target, key, content, self.s3_endpoints, pause)
                status = "uploaded"
            except archives.UploadError as error:
                problem = str(error)
                # Without a fallback in the target the documents contradict each other; the worse case is taken.
                status = "available" if target.get("fallback") in archives.FALLBACK_ON else on_failure
        with self.state.lock:
            archive.status = status
            archive.content = content if status == "available" else None
            if status == "failed":
                archive.reason = "system failure"
        return problem

    def reset(self) -> None:
        """Return to the state after the start; address and credentials stay."""
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
        """Return content type and body of an error answer."""
        quoted = f" {request_body.decode('utf-8', 'replace')}" if self.echo_secrets and request_body else ""
        shown = {
            "code": error.code,
            "message": error.message + quoted,
            "description": error.description + quoted,
        }
        return "application/json", json.dumps(shown).encode()

    def fault_body(self, status: int, request_body: bytes) -> tuple[str, bytes]:
        if status == 404:
            # The API answers 404 by itself where something is absent: as a fault, it is the page of a proxy.
            return "text/html", NOT_FOUND_PAGE.encode()
        if status in (502, 504):
            # A gateway in front of the API does not speak JSON.
            quoted = request_body.decode("utf-8", "replace") if self.echo_secrets else ""
            return "text/html", GATEWAY_PAGE.format(quoted).encode()
        message = "Too many requests" if status == 429 else "OpenTok server error"
        return self.error_body(ApiError(status, message, "Try again later"), request_body)
