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
import itertools
import os
import stat
import typing as t
from dataclasses import dataclass, field

from .._aws.conditional_object import LARGEST, StoredObject
from .._core import errors
from .._core.atomic_file import replace_file
from .._core.retry import Deadline, wait_until
from .._core.runtime import SYSTEM, Runtime
from .._core.timestamps import MAX_CLOCK_DIFFERENCE

# A process that writes one small file and holds the lock for longer does not respond any more.
LOCK_SECONDS = 10.0
# Seconds between two attempts to acquire the lock.
LOCK_INTERVAL = 0.05
# Some network file systems do not support locks. The comparison of the contents still detects most races.
NO_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


@dataclass(frozen=True)
class FileStore:
    """The store of one state file. Safe for concurrent threads and processes."""

    path: str
    runtime: Runtime = field(default=SYSTEM, repr=False, compare=False)

    @property
    def location(self) -> str:
        return self.path

    def read(self) -> StoredObject:
        with _translate_os_errors(f"read the state file {self.path}"):
            try:
                return StoredObject(_read_regular_file(self.path), age=_age(self.path, self.runtime.now()))
            except FileNotFoundError:
                return StoredObject(None)

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        operation = f"write the state file {self.path}"
        # A symbolic link is followed, not replaced.
        path = os.path.realpath(self.path)
        with _translate_os_errors(operation), _folder_lock(os.path.dirname(path), operation, self.runtime) as folder:
            if expected is not None:
                self._compare(expected, operation)
            temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.tmp")
            with contextlib.suppress(FileNotFoundError):
                # A killed run left it: only the owner of the lock writes.
                os.unlink(temporary)
            replace_file(path, data, temporary, 0o600, folder)
        return StoredObject(data)

    def delete(self, expected: StoredObject) -> None:
        operation = f"delete the state file {self.path}"
        path = os.path.realpath(self.path)
        with _translate_os_errors(operation), _folder_lock(os.path.dirname(path), operation, self.runtime):
            self._compare(expected, operation)
            os.unlink(path)

    def _compare(self, expected: StoredObject, operation: str) -> None:
        if self.read().data != expected.data:
            raise errors.ConflictError(
                operation, "another run has written it in between", "Run it again once the other run has ended."
            )


def _age(path: str, now: float) -> float:
    """The minimum number of seconds since the write: the clock of another machine may have set the time of the file."""
    return max(now - os.stat(path).st_mtime - MAX_CLOCK_DIFFERENCE, 0.0)


def _read_regular_file(path: str) -> bytes:
    # Opening a named pipe would wait for a writer.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    with open(path, "rb") as stream:
        return stream.read(LARGEST)


@contextlib.contextmanager
def _folder_lock(folder: str, operation: str, runtime: Runtime) -> t.Iterator[int]:
    """Hold the lock of the folder; the lock of a file is lost when the file is replaced."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _acquire_lock(handle, operation, runtime)
        yield handle
    finally:
        os.close(handle)


def _acquire_lock(handle: int, operation: str, runtime: Runtime) -> None:
    deadline = Deadline(LOCK_SECONDS, runtime, awaited="another process that has locked the folder of the state file")
    if not wait_until(lambda: _try_lock(handle), bool, deadline, itertools.repeat(LOCK_INTERVAL)):
        raise errors.ConflictError(
            operation,
            f"another process has locked its folder for {LOCK_SECONDS:.0f} seconds",
            "Check for a run that does not end.",
        )


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno in NO_LOCKS:
            return True
        if exc.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


@contextlib.contextmanager
def _translate_os_errors(operation: str) -> t.Iterator[None]:
    """Translate errors of the operating system."""
    try:
        yield
    except FileNotFoundError as exc:
        hint = "Create the folder, or correct the path. A misspelled path must not create one."
        raise errors.NotFoundError(operation, "its folder does not exist", hint) from exc
    except PermissionError as exc:
        hint = "The user that runs the module must be able to read the file and write to its folder."
        raise errors.DeniedError(operation, _os_reason(exc), hint) from exc
    except OSError as exc:
        raise errors.RejectedError(operation, _os_reason(exc)) from exc


def _os_reason(exc: OSError) -> str:
    return exc.strerror or type(exc).__name__
