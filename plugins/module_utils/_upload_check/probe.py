# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps of an upload check share: what was found, what was left in the bucket, and how long to wait.

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
class Keys:
    """Where one run puts its probes.

    :param run: a name that no other run has.
    """

    prefix: str
    run: str

    @property
    def folder(self) -> str:
        return f"{self.prefix}/{self.run}/"

    @property
    def outside(self) -> str:
        """A key next to the project's folder rather than in it."""
        return f"{self.run}/{SINGLE_NAME}"

    @property
    def single(self) -> str:
        return f"{self.folder}{SINGLE_NAME}"

    @property
    def multipart(self) -> str:
        return f"{self.folder}{MULTIPART_NAME}"


def new_keys(prefix: str) -> Keys:
    return Keys(prefix, f"{PROBE_PREFIX}{uuid.uuid4()}")


@dataclass
class Ledger:
    """What is in the bucket because of us, kept while it happens: a run that breaks off cleans up by it.

    :param objects: keys and versions the store has confirmed.
    :param unsure: keys for which no answer came.
    :param uploads: keys and ids of open multipart uploads.
    :param versioned: whether the store has told of a version.
    """

    objects: set[tuple[str, str | None]] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    uploads: set[tuple[str, str]] = field(default_factory=set)
    versioned: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def empty(self) -> bool:
        return not (self.objects or self.unsure or self.uploads)

    @contextlib.contextmanager
    def putting(self, key: str) -> t.Iterator[None]:
        """Around a call that puts ``key``: a clear refusal means that it is not there."""
        self.unsure.add(key)
        try:
            yield
        except UnreachableError:
            raise
        except ArchivingError:
            self.unsure.discard(key)
            raise

    def put(self, key: str, version: str | None = None) -> None:
        """The store has confirmed it.

        :param version: what the answer calls it; "null" is the version of objects that have none, and going by the key
            alone takes fewer permissions.
        """
        mark = None if version == "null" else version
        with self._lock:
            self.unsure.discard(key)
            self.objects.add((key, mark))
            self.versioned = self.versioned or mark is not None

    def begun(self, key: str, upload: str) -> None:
        with self._lock:
            self.uploads.add((key, upload))

    def ended(self, key: str, upload: str) -> None:
        with self._lock:
            self.uploads.discard((key, upload))


def code(exc: ArchivingError) -> str:
    """The store's error code, empty where there was no answer."""
    return str(exc.facts.get("code") or "")


def key_is_unknown(exc: ArchivingError) -> bool:
    """Whether the store does not know the key *yet*: IAM is eventually consistent (IAM User Guide, "Troubleshoot IAM").

    A wrong secret is not among it: a store that knows a key knows its secret.
    """
    return code(exc) == "InvalidAccessKeyId"


def is_denied(exc: ArchivingError) -> bool:
    """Whether the key is good and lacks a permission."""
    return isinstance(exc, DeniedError) and code(exc) not in CREDENTIAL_CODES


def may_pass(exc: ArchivingError) -> bool:
    """Whether the same call may succeed a moment later, because the key or its policy is new."""
    return key_is_unknown(exc) or is_denied(exc)


def problem(exc: ArchivingError) -> str:
    """What came back, as a sentence."""
    return f"{exc.problem.rstrip('.')}."
