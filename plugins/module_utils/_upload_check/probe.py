# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared parts of the checks: findings, keys of probes, created objects, and retries.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import contextlib
import threading
import typing as t
import uuid
from dataclasses import dataclass, field

from .._aws.errors import CREDENTIAL_CODES
from .._aws.s3_naming import PROBE_PREFIX
from .._core.errors import ArchivingError, DeniedError, UnreachableError
from .._core.retry import Deadline, backoff, retry

T = t.TypeVar("T")

# Vonage's names for a composed and an individual-streams archive ("Using Amazon S3 storage with OpenTok archiving").
SINGLE_NAME = "archive.mp4"
MULTIPART_NAME = "archive.zip"


class Check(t.NamedTuple):
    """One finding."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class ProbeKeys:
    """The object keys of the probes of one run.

    :param run: a unique name of the run.
    """

    prefix: str
    run: str

    @property
    def folder(self) -> str:
        return f"{self.prefix}/{self.run}/"

    @property
    def outside(self) -> str:
        """A key outside of the project's prefix."""
        return f"{self.run}/{SINGLE_NAME}"

    @property
    def single(self) -> str:
        return f"{self.folder}{SINGLE_NAME}"

    @property
    def multipart(self) -> str:
        return f"{self.folder}{MULTIPART_NAME}"


def new_probe_keys(prefix: str) -> ProbeKeys:
    return ProbeKeys(prefix, f"{PROBE_PREFIX}{uuid.uuid4()}")


@dataclass
class CreatedObjects:
    """The objects and uploads that a run has created so far: the cleanup of an interrupted run deletes them.

    :param objects: keys and versions that the store has confirmed.
    :param unconfirmed: keys of uploads without a response.
    :param uploads: keys and ids of multipart uploads in progress.
    :param versioned: whether a response had a version id.
    """

    objects: set[tuple[str, str | None]] = field(default_factory=set)
    unconfirmed: set[str] = field(default_factory=set)
    uploads: set[tuple[str, str]] = field(default_factory=set)
    versioned: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_empty(self) -> bool:
        return not (self.objects or self.unconfirmed or self.uploads)

    @contextlib.contextmanager
    def track_put(self, key: str) -> t.Iterator[None]:
        """Around a call that creates an object: only after a definite refusal, the object does not exist."""
        self.unconfirmed.add(key)
        try:
            yield
        except UnreachableError:
            raise
        except ArchivingError:
            self.unconfirmed.discard(key)
            raise

    def add_object(self, key: str, version: str | None = None) -> None:
        """Add an object that the store has confirmed.

        :param version: the version id of the response. "null" is the id of objects in a bucket without versions;
            deleting an object by key takes fewer permissions.
        """
        version_id = None if version == "null" else version
        with self._lock:
            self.unconfirmed.discard(key)
            self.objects.add((key, version_id))
            self.versioned = self.versioned or version_id is not None

    def add_upload(self, key: str, upload: str) -> None:
        with self._lock:
            self.uploads.add((key, upload))

    def remove_upload(self, key: str, upload: str) -> None:
        with self._lock:
            self.uploads.discard((key, upload))


def code(exc: ArchivingError) -> str:
    """The error code of the response; empty without a response."""
    return str(exc.facts.get("code") or "")


def is_key_unknown(exc: Exception) -> bool:
    """Whether the store may not know the key *yet*: IAM is eventually consistent (IAM User Guide, "Troubleshoot IAM").

    A wrong secret is a different error: a store that knows a key also knows its secret.
    """
    return isinstance(exc, ArchivingError) and code(exc) == "InvalidAccessKeyId"


def is_denied(exc: Exception) -> bool:
    """Whether the key is valid but lacks a permission."""
    return isinstance(exc, DeniedError) and code(exc) not in CREDENTIAL_CODES


def is_retryable(exc: Exception) -> bool:
    """Whether the same call may succeed later, because the key or its policy is new."""
    return is_key_unknown(exc) or is_denied(exc)


def retry_until_effective(
    call: t.Callable[[], T], is_retryable: t.Callable[[Exception], bool], deadline: Deadline
) -> T:
    """Repeat a call until the key and its policy are in effect.

    :raises UnreachableError: the time limit of all probes was over before the first attempt.
    """
    try:
        return retry(call, is_retryable, deadline, backoff())
    except TimeoutError as exc:
        raise UnreachableError("verify uploads", "the time limit of the verification was reached") from exc


def problem(exc: ArchivingError) -> str:
    """The problem as a sentence."""
    return f"{exc.problem.rstrip('.')}."
