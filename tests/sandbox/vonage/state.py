# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the emulated service: projects, applications, upload targets, archives."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .callbacks import Callback
from .errors import ApiError

ACTIVE, SUSPENDED = "ACTIVE", "SUSPENDED"
DELETABLE = {"available", "uploaded"}


@dataclass
class Archive:
    id: str
    session_id: str
    name: str
    created_at: int
    status: str
    size: int
    duration: int
    reason: str = "user initiated"
    #: base64 of the SHA-256 of the recording, as in the responses that nexmo-se/video-express-react-app documents
    sha256sum: str = ""
    #: the status of the transcript; empty without one
    transcription: str = ""
    #: only while the recording is in the vendor's cloud
    content: bytes | None = field(default=None, repr=False)


def encode_sha256(content: bytes) -> str:
    """Return the SHA-256 of a recording in the form of the API."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@dataclass
class Holder:
    """The common part of an OpenTok project and a unified application: at most one target, and archives."""

    key: str
    target: dict[str, Any] | None = field(default=None, repr=False)
    callback: Callback | None = field(default=None, repr=False)
    archives: list[Archive] = field(default_factory=list, repr=False)

    def archive(self, archive_id: str) -> Archive:
        """Return an archive, or raise a 404."""
        for archive in self.archives:
            if archive.id == archive_id:
                return archive
        raise ApiError(404, "Not found", "There is no archive with this id")

    def delete_archive(self, archive_id: str) -> None:
        """Delete an archive from the list; an uploaded object is kept."""
        archive = self.archive(archive_id)
        if archive.status not in DELETABLE:
            raise ApiError(409, "Conflict", f"An archive with the status {archive.status} cannot be deleted")
        self.archives.remove(archive)


@dataclass
class Project(Holder):
    secret: str = field(default="", repr=False)
    name: str = ""
    status: str = ACTIVE
    created_at: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the documented fields, with the secret."""
        return {
            "id": self.key,
            "secret": self.secret,
            "status": self.status,
            "name": self.name,
            "environment": "standard",
            "createdAt": self.created_at,
        }


@dataclass
class Application(Holder):
    """An application of the unified environment."""

    private_key_pem: str = field(default="", repr=False)
    public_key_pem: str = field(default="", repr=False)


class State:
    """The state of the service, with a lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.account_key = _digits("1", 7)
        self.account_secret = secrets.token_hex(20)
        self.projects: dict[str, Project] = {}
        self.applications: dict[str, Application] = {}

    def add_project(self, name: str = "", key: str | None = None, secret: str | None = None) -> Project:
        with self.lock:
            if key in self.projects:
                raise ValueError(f"project {key} exists")
            key = key or next(new for new in iter(lambda: _digits("4", 8), "") if new not in self.projects)
            project = Project(
                key=key, secret=secret or secrets.token_hex(20), name=name, created_at=int(time.time() * 1000)
            )
            self.projects[key] = project
            return project

    def add_application(self) -> Application:
        """Create an application with a key pair."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        encoding = serialization.Encoding.PEM
        application = Application(
            key=str(uuid.uuid4()),
            private_key_pem=private.private_bytes(
                encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
            public_key_pem=private.public_key()
            .public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode(),
        )
        with self.lock:
            self.applications[application.key] = application
        return application

    def holder(self, key: str) -> Project | Application:
        """Return the project or application, or raise KeyError."""
        with self.lock:
            holder = self.projects.get(key) or self.applications.get(key)
            if holder is None:
                raise KeyError(key)
            return holder


def _digits(first: str, length: int) -> str:
    return first + "".join(secrets.choice("0123456789") for _unused in range(length - 1))
