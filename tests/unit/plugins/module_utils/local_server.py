# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A tiny HTTP server for unit tests: answers as told, misbehaves as told, and remembers what it was asked."""

from __future__ import annotations

import http.server
import json
import socket
import struct
import threading
import typing as t
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: t.Mapping[str, str]
    body: bytes

    def json(self) -> t.Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What to answer.

    :param fault: ``hang`` never answers, ``reset`` resets the connection, ``truncate`` sends half of the body,
        ``trickle`` sends a byte every tenth of a second.
    """

    status: int = 200
    body: bytes = b""
    headers: t.Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


def reply(status: int = 200, document: t.Any = None, **headers: str) -> Reply:
    """A JSON answer."""
    body = b"" if document is None else json.dumps(document).encode()
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class LocalServer:
    """Context manager; ``answer`` may be replaced at any time.

    :param answer: gets each request and the count of those before it.
    """

    def __init__(self, answer: t.Callable[[Asked, int], Reply]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> LocalServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def note(self, asked: Asked) -> int:
        with self._lock:
            self.asked.append(asked)
            return len(self.asked) - 1


def answers(*replies: Reply) -> t.Callable[[Asked, int], Reply]:
    """One reply after the other, the last one for ever."""
    return lambda asked, before: replies[min(before, len(replies) - 1)]


def _handler(server: LocalServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self.rfile.read(size))
            before = server.note(asked)
            _send(self, server.answer(asked, before), server.stopping)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = serve

        def log_message(self, *_: object) -> None:
            """Quiet."""

        # BaseHTTPRequestHandler prints a traceback for every client that goes away early.
        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True

    return Handler


def _send(handler: http.server.BaseHTTPRequestHandler, answer: Reply, stopping: threading.Event) -> None:
    handler.close_connection = bool(answer.fault)
    if answer.fault == "hang":
        stopping.wait(30)
        return
    if answer.fault == "reset":
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        return
    handler.send_response(answer.status)
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    if answer.status != 204:
        handler.send_header("Content-Length", str(len(answer.body)))
    handler.end_headers()
    if answer.fault == "trickle":
        for at in range(len(answer.body)):
            handler.wfile.write(answer.body[at : at + 1])
            if stopping.wait(0.1):
                return
    elif handler.command != "HEAD" and answer.status != 204:
        handler.wfile.write(answer.body[: len(answer.body) // 2] if answer.fault == "truncate" else answer.body)
