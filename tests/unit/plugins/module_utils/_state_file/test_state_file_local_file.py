# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""State files in the file system: private, atomic, and safe for concurrent runs."""

from __future__ import annotations

import concurrent.futures
import errno
import fcntl
import os
import pathlib
import stat
import threading

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import local_file
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.local_file import FileStore
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import StoredObject


@pytest.fixture
def store(tmp_path: pathlib.Path) -> FileStore:
    return FileStore(str(tmp_path / "state.json"))


def test_write_new_file_is_private(store: FileStore) -> None:
    before = os.umask(0)
    try:
        stored = store.write(b"one", store.read())
        store.write(b"two", stored)
    finally:
        os.umask(before)
    path = pathlib.Path(store.path)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["state.json"]


def test_write_unexpected_content_raises_a_conflict(store: FileStore) -> None:
    missing = store.read()
    assert missing == StoredObject(None)
    first = store.write(b"one", missing)
    store.write(b"two", first)
    for stale in (missing, first):
        with pytest.raises(errors.ConflictError, match="another run has written it in between"):
            store.write(b"three", stale)
    assert store.read() == StoredObject(b"two")
    store.write(b"three", None)
    assert store.read() == StoredObject(b"three")


def test_write_concurrent_writes_succeed_once(store: FileStore) -> None:
    start = store.write(b"start", None)
    barrier = threading.Barrier(8)

    def write(number: int) -> bool:
        barrier.wait()
        try:
            store.write(b"%d" % number, start)
        except errors.ConflictError:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(write, range(8)))
    assert results.count(True) == 1
    assert store.read().data == b"%d" % results.index(True)


def test_write_after_a_killed_run_replaces_its_temporary_file(store: FileStore) -> None:
    temporary = pathlib.Path(store.path).parent / ".state.json.tmp"
    elsewhere = temporary.with_name("elsewhere")
    elsewhere.write_text("unmanaged")
    temporary.symlink_to(elsewhere)
    store.write(b"one", store.read())
    assert (store.read().data, temporary.exists(), elsewhere.read_text()) == (b"one", False, "unmanaged")


def test_write_link_at_the_temporary_path_is_not_followed(
    store: FileStore, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process can create the link after the temporary file was deleted."""
    other_file = tmp_path / "other_file"
    other_file.write_text("keep")
    pathlib.Path(store.path).with_name(f".{os.path.basename(store.path)}.tmp").symlink_to(other_file)
    monkeypatch.setattr(os, "unlink", lambda _path: None)
    with pytest.raises(errors.RejectedError):
        store.write(b"{}", None)
    assert other_file.read_text() == "keep"


def test_write_failure_keeps_the_old_content(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = store.write(b"one", None)

    def fail(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(errors.RejectedError, match=r"Could not write the state file .*: No space left on device\."):
        store.write(b"two", stored)
    assert os.listdir(os.path.dirname(store.path)) == ["state.json"]
    assert store.read().data == b"one"


def test_write_symbolic_link_is_followed(store: FileStore, tmp_path: pathlib.Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    os.symlink(real / "kept.json", store.path)
    store.write(b"one", store.read())
    assert (real / "kept.json").read_bytes() == b"one"
    assert os.path.islink(store.path)


def test_write_missing_folder_raises(tmp_path: pathlib.Path) -> None:
    store = FileStore(str(tmp_path / "missing" / "state.json"))
    assert store.read() == StoredObject(None)
    with pytest.raises(errors.NotFoundError, match="its folder does not exist"):
        store.write(b"one", StoredObject(None))


def test_read_other_file_type_raises(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ""):
        with pytest.raises(errors.RejectedError, match="it is not a regular file"):
            FileStore(str(tmp_path / name)).read()
    with pytest.raises(errors.RejectedError, match="Not a directory"):
        FileStore(str(tmp_path / "file" / "state.json")).read()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_read_denied_file_raises(store: FileStore) -> None:
    store.write(b"one", None)
    os.chmod(store.path, 0)
    with pytest.raises(errors.DeniedError, match="Permission denied"):
        store.read()


def test_write_locked_folder_raises_after_the_time_limit(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_file, "LOCK_SECONDS", 0.2)
    handle = os.open(os.path.dirname(store.path), os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(errors.ConflictError, match="another process has locked its folder for 0 seconds"):
            store.write(b"one", None)
    finally:
        os.close(handle)
    store.write(b"one", None)


def test_write_without_support_for_locks_succeeds(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    store.write(b"one", store.read())
    assert store.read().data == b"one"


def test_write_without_synchronization_of_the_folder_succeeds(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        original(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    assert store.write(b"one", store.read()) == StoredObject(b"one")
    assert store.read() == StoredObject(b"one")
