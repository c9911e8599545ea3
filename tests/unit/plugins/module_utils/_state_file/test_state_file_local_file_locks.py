# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Local state files: the age of a file, and the errors of locks."""

from __future__ import annotations

import errno
import fcntl
import os
import pathlib
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.local_file import FileStore
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import StoredObject

WRITTEN = 1_800_000_000


@pytest.mark.parametrize(("elapsed", "age"), [(0, 0), (300, 0), (301, 1), (1000, 700), (-5, 0)])
def test_read_reduces_the_age_by_the_maximum_difference_of_clocks(
    tmp_path: pathlib.Path, elapsed: float, age: float
) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"one")
    os.utime(path, (WRITTEN, WRITTEN))
    stored = FileStore(str(path), Runtime(lambda: WRITTEN + elapsed)).read()
    assert (stored.data, stored.age) == (b"one", age)


def lock_error(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> list[int]:
    """Let the first attempts to lock fail; return the operations."""
    failures, operations = list(numbers), []

    def flock(_handle: int, operation: int) -> None:
        operations.append(operation)
        if failures:
            raise OSError(failures.pop(0), "no lock")

    monkeypatch.setattr(fcntl, "flock", flock)
    return operations


def store(tmp_path: pathlib.Path) -> tuple[FileStore, list[float]]:
    times = [0.0]
    runtime = Runtime(lambda: times[-1], lambda: times[-1], lambda seconds: times.append(times[-1] + seconds))
    return FileStore(str(tmp_path / "state.json"), runtime), times


@pytest.mark.parametrize("number", [errno.EWOULDBLOCK, errno.EACCES])
def test_write_repeats_while_another_process_holds_the_lock(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    operations = lock_error(monkeypatch, number, number)
    file_store, times = store(tmp_path)
    file_store.write(b"one", StoredObject(None))
    assert operations == [fcntl.LOCK_EX | fcntl.LOCK_NB] * 3
    assert times == [0.0, 0.05, 0.1]


def test_write_gets_no_lock_for_ten_seconds_is_a_conflict(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_error(monkeypatch, *[errno.EAGAIN] * 1000)
    file_store, times = store(tmp_path)
    with pytest.raises(errors.ConflictError, match="locked its folder for 10 seconds"):
        file_store.write(b"one", None)
    assert 9.9 < times[-1] <= 10.1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "number", [errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP]
)
def test_write_to_a_file_system_without_locks_succeeds(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    lock_error(monkeypatch, number)
    assert store(tmp_path)[0].write(b"one", None).data == b"one"


def test_write_with_another_error_of_the_lock_fails(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operations = lock_error(monkeypatch, errno.EIO)
    with pytest.raises(errors.RejectedError, match="no lock"):
        store(tmp_path)[0].write(b"one", None)
    assert len(operations) == 1
    assert list(tmp_path.iterdir()) == []


def test_write_releases_the_lock_after_an_error(tmp_path: pathlib.Path) -> None:
    file_store = FileStore(str(tmp_path / "state.json"))
    file_store.write(b"one", None)
    expected: list[t.Any] = [StoredObject(None), StoredObject(b"two")]
    for stale in expected:
        with pytest.raises(errors.ConflictError, match="another run has written it in between"):
            file_store.write(b"three", stale)
    assert file_store.write(b"two", StoredObject(b"one")).data == b"two"
