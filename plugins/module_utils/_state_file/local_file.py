# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A state file in a local file: atomic, private to its owner, and written by one run at a time.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
import typing as t
from dataclasses import dataclass

from .._aws.conditional_object import LARGEST, StoredObject
from .._core import errors
from .._core.atomic_file import replace_file

# The lock is for the write of one small file: after this time, the process that holds it hangs.
LOCK_SECONDS = 10.0
# Seconds by which the clocks of two machines may differ.
CLOCK_DIFFERENCE = 300
# Some network file systems have no such locks. The comparison of contents still finds all but the closest races.
NO_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


@dataclass(frozen=True)
class FileStore:
    """One file. Safe to use from many threads and processes."""

    path: str

    @property
    def location(self) -> str:
        return self.path

    def read(self) -> StoredObject:
        with _told(f"read the state file {self.path}"):
            try:
                return StoredObject(_contents(self.path), age=_age(self.path))
            except FileNotFoundError:
                return StoredObject(None)

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        attempted = f"write the state file {self.path}"
        # A symbolic link is followed, not replaced.
        path = os.path.realpath(self.path)
        with _told(attempted), _locked(os.path.dirname(path), attempted) as folder:
            if expected is not None and self.read().data != expected.data:
                raise errors.ConflictError(
                    attempted, "another run has written it in between", "Run it again once the other run has ended."
                )
            temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.tmp")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)  # of a run that was killed: the owner of the lock is the only writer
            replace_file(path, data, temporary, 0o600, folder)
        return StoredObject(data)


def _age(path: str) -> float:
    """Seconds since the file was written, at least: the clock of another machine may have set its time."""
    return max(time.time() - os.stat(path).st_mtime - CLOCK_DIFFERENCE, 0.0)


def _contents(path: str) -> bytes:
    # Looked at first: to open a named pipe would wait for somebody who writes into it.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    with open(path, "rb") as stream:
        return stream.read(LARGEST)


@contextlib.contextmanager
def _locked(folder: str, attempted: str) -> t.Iterator[int]:
    """Hold the lock of a folder: unlike that of the file, it stays the same when the file is replaced."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(handle, attempted)
        yield handle
    finally:
        os.close(handle)


def _lock(handle: int, attempted: str) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as exc:
            if exc.errno in NO_LOCKS:
                return
            if exc.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                raise
            if time.monotonic() > until:
                raise errors.ConflictError(
                    attempted,
                    f"another process has held the lock of its folder for {LOCK_SECONDS:.0f} s",
                    "Look for a run that hangs.",
                ) from exc
        time.sleep(0.05)


@contextlib.contextmanager
def _told(attempted: str) -> t.Iterator[None]:
    """Turn errors of the operating system into ours."""
    try:
        yield
    except FileNotFoundError as exc:
        hint = "The folder must exist: it is not created, lest a mistyped path goes unnoticed."
        raise errors.NotFoundError(attempted, "its folder does not exist", hint) from exc
    except PermissionError as exc:
        hint = "The user that runs the module must be able to read the file and write to its folder."
        raise errors.DeniedError(attempted, _words(exc), hint) from exc
    except OSError as exc:
        raise errors.RejectedError(attempted, _words(exc)) from exc


def _words(exc: OSError) -> str:
    return exc.strerror or type(exc).__name__
