# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the event source in a separate process like ansible-rulebook: by its path, and with a queue for one event.

``python -m tests.e2e.webhook_process PORT [CERTFILE]`` reads the signature secret from the standard input, logs to the
standard error, and writes the id of each event to the standard output.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import runpy
import sys
from typing import Any

from tools.paths import ROOT

SOURCE = ROOT / "extensions" / "eda" / "plugins" / "event_source" / "archive_status.py"
OPEN_FILES = 512


async def run(signature_secret: str, port: str, certfile: str = "") -> None:
    main = runpy.run_path(str(SOURCE))["main"]
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(1)
    source = asyncio.create_task(
        main(queue, {"port": port, "certfile": certfile, "signature_secret": signature_secret})
    )
    source.add_done_callback(lambda _source: sys.exit("the event source has ended"))
    while True:
        event = await queue.get()
        sys.stdout.write(event["archive"]["id"] + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    asyncio.run(run(sys.stdin.readline().strip(), *sys.argv[1:]))
