# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replaces a local file atomically.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import contextlib
import os


def replace_file(path: str, data: bytes, temporary: str, mode: int, folder: int | None = None) -> None:
    """Write a temporary file and rename it. After a crash, the file has the old or the new content, complete.

    :param temporary: the path of the temporary file, in the same folder. It must not exist, not even as a link: in a
        shared folder, another user can create links.
    :param mode: the mode of the new file, before the umask.
    :param folder: an open handle of the folder, to sync it.
    :raises OSError: the file cannot be written. The temporary file is deleted.
    """
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(handle)
        os.replace(temporary, path)
    except (OSError, ValueError):
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    # The new file is complete. Not every file system can sync a folder.
    with contextlib.suppress(OSError):
        _sync_folder(os.path.dirname(path) or ".", folder)


def _sync_folder(path: str, handle: int | None) -> None:
    if handle is not None:
        os.fsync(handle)
        return
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
