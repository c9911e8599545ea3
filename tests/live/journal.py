# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of the created resources: an entry is on disk before the request that creates the resource.

One JSON document per line, which is only appended. A line that a kill cut off is ignored: the request that follows its
line was not sent. A lock prevents a cleanup while a run creates resources.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path


class JournalError(Exception):
    """The journal cannot be used."""


@dataclass(frozen=True)
class Entry:
    """A resource that may exist.

    :param endpoint: the URL of the service, to clean up with the same service.
    :param announced: Unix time of the entry.
    :param is_confirmed: whether the service confirmed the creation.
    """

    part: str
    kind: str
    name: str
    endpoint: str
    announced: float
    is_confirmed: bool = False

    def __str__(self) -> str:
        return f"{self.part} {self.kind} {self.name} at {self.endpoint}"


class Journal:
    """The journal in a file, locked until ``close``."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise JournalError(f"{path}: another run uses this journal. Wait until it has ended.") from error
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        complete = content[: content.rfind(b"\n") + 1]
        os.ftruncate(self._file, len(complete))
        os.lseek(self._file, 0, os.SEEK_END)
        self._entries: dict[tuple[str, str, str], Entry] = {}
        for line in complete.splitlines():
            self._apply(json.loads(line))
        sync_folder(path.parent)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._file)

    def pending(self) -> list[Entry]:
        """Return the resources that may exist, newest first: the order in which they can be deleted."""
        return list(self._entries.values())[::-1]

    def announce(self, part: str, kind: str, name: str, endpoint: str) -> Entry:
        """Write the entry of a resource before its creation."""
        entry = Entry(part, kind, name, endpoint, time.time())
        self._write({"event": "announced", **asdict(entry)})
        return entry

    def confirm(self, entry: Entry) -> None:
        """Note that the resource exists."""
        self._write({"event": "confirmed", **asdict(replace(entry, is_confirmed=True))})

    def discard(self, entry: Entry) -> None:
        """Note that the resource does not exist: it is deleted, or the service refused to create it."""
        self._write({"event": "discarded", **asdict(entry)})

    def _write(self, document: dict[str, object]) -> None:
        os.write(self._file, json.dumps(document).encode() + b"\n")
        os.fsync(self._file)
        self._apply(document)

    def _apply(self, document: dict[str, object]) -> None:
        event = document.pop("event")
        entry = Entry(**document)  # type: ignore[arg-type]
        key = (entry.part, entry.kind, entry.name)
        if event == "discarded":
            self._entries.pop(key, None)
        else:
            self._entries[key] = entry


def sync_folder(folder: Path) -> None:
    """Write the entry of a new file to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
