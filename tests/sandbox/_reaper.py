# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove the processes and files of a sandbox whose process was killed.

Runs as a separate process. Its standard input is a pipe from the sandbox. The pipe closes at any end of the sandbox,
even after SIGKILL, for which a signal handler is not possible. Then the reaper removes all resources on its list.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys


def main() -> None:
    """Update the list of resources until the pipe closes, then remove them."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: set[int] = set()
    paths: set[str] = set()
    for line in sys.stdin:
        verb, _unused, value = line.rstrip("\n").partition(" ")
        if verb == "group":
            groups.add(int(value))
        elif verb == "group-ended":
            groups.discard(int(value))
        elif verb == "path":
            paths.add(value)
        elif verb == "path-removed":
            paths.discard(value)
    for group in groups:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)
    for path in paths:
        remove(path)


def remove(path: str) -> None:
    """Delete a file, socket, or directory, if it exists."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        os.unlink(path)


if __name__ == "__main__":
    main()
