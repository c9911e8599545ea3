# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that exhaust an unprotected webhook on this machine: incomplete headers, slow bodies, wrong signatures.

``python -m tests.e2e.webhook_attack SCHEME PORT SECONDS`` reads a valid value of the header Authorization from the
standard input, and connects to a loopback address only. The number, rate, and time of the connections are bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import ssl
import sys
from collections import deque

HOST = "127.0.0.1"
PATH = "/vonage/archive-status"
# For each kind: connections per second, and connections to keep open.
KINDS = {
    "http": {
        "incomplete headers": (100, 600),
        "wrong signature": (100, 20),
        "slow body": (10, 100),
        "not HTTP": (10, 20),
    },
    "https": {
        "incomplete handshake": (100, 600),
        "incomplete headers": (10, 100),
        "wrong signature": (20, 20),
        "slow body": (10, 50),
        "not HTTP": (10, 20),
    },
}
OPEN_FILES = 1000


def request_data(kind: str, authorization: str) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    forged = authorization[:-20] + "A" * 20
    # aiohttp rejects longer fields immediately.
    field = f"X-A: {4000 * 'a'}\r\n"
    return {
        "incomplete handshake": b"\x16\x03\x01",
        "incomplete headers": f"{head}{5 * field}X-A: ".encode(),
        "wrong signature": f"{head}Authorization: {forged}\r\nContent-Length: 1000\r\n\r\n".encode() + b"x" * 1000,
        # A token can be reused until it is older than max_age.
        "slow body": f"{head}Authorization: {authorization}\r\nContent-Length: 100000\r\n\r\n".encode() + b"x" * 5000,
        "not HTTP": b"\x16\x03\x01 \xff\r\n\r\n",
    }[kind]


async def open_connections(port: int, context: ssl.SSLContext | None, data: bytes, rate: float, max_open: int) -> None:
    """Open connections at a rate, and close the oldest one when there are too many."""
    writers: deque[asyncio.StreamWriter] = deque()
    while True:
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            _reader, writer = await asyncio.wait_for(asyncio.open_connection(HOST, port, ssl=context), 5)
            writer.write(data)
            writers.append(writer)
        if len(writers) > max_open:
            writers.popleft().transport.abort()
        # Send single bytes, like a slow client.
        if writers and not writers[0].is_closing():
            writers[0].write(b"a")
            writers.rotate(-1)
        await asyncio.sleep(1 / rate)


async def run_attacks(scheme: str, port: int, seconds: float, authorization: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    contexts = dict.fromkeys(KINDS[scheme], context if scheme == "https" else None) | {"incomplete handshake": None}
    attacks = [
        open_connections(port, contexts[kind], request_data(kind, authorization), *limits)
        for kind, limits in KINDS[scheme].items()
    ]
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.gather(*attacks), seconds)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    asyncio.run(run_attacks(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.stdin.readline().strip()))
