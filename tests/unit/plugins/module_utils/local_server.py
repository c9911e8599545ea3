# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An HTTP server for unit tests, with responses and faults that a test defines, and a log of requests."""

from __future__ import annotations

import http.server
import json
import socket
import struct
import threading
import typing as t
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ReceivedRequest:
    """A received request."""

    method: str
    path: str
    headers: t.Mapping[str, str]
    body: bytes

    def json(self) -> t.Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """A response.

    :param fault: ``hang`` sends nothing, ``reset`` resets the connection, ``truncate`` sends half of the body,
        ``trickle`` sends a byte every 0.1 s.
    """

    status: int = 200
    body: bytes = b""
    headers: t.Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


def reply(status: int = 200, document: t.Any = None, **headers: str) -> Reply:
    """Return a JSON response."""
    body = b"" if document is None else json.dumps(document).encode()
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class LocalServer:
    """A context manager; tests can replace ``respond`` while it runs.

    :param respond: returns the response for a request and the number of previous requests.
    """

    def __init__(self, respond: t.Callable[[ReceivedRequest, int], Reply]) -> None:
        self.respond = respond
        self.requests: list[ReceivedRequest] = []
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

    def record(self, request: ReceivedRequest) -> int:
        """Log a request and return the number of previous requests."""
        with self._lock:
            self.requests.append(request)
            return len(self.requests) - 1


def replies(*replies: Reply) -> t.Callable[[ReceivedRequest, int], Reply]:
    """Return these responses sequentially, and the last one for all other requests."""
    return lambda _request, before: replies[min(before, len(replies) - 1)]


def _handler(server: LocalServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = ReceivedRequest(self.command, self.path, headers, self.rfile.read(size))
            before = server.record(request)
            _send(self, server.respond(request, before), server.stopping)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = serve

        def log_message(self, *_: object) -> None:
            return

        # BaseHTTPRequestHandler prints a traceback for every client that closes its connection early.
        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True

    return Handler


def _send(handler: http.server.BaseHTTPRequestHandler, response: Reply, stopping: threading.Event) -> None:
    handler.close_connection = bool(response.fault)
    if response.fault == "hang":
        stopping.wait(30)
        return
    if response.fault == "reset":
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        return
    handler.send_response(response.status)
    for name, value in response.headers.items():
        handler.send_header(name, value)
    if response.status != 204:
        handler.send_header("Content-Length", str(len(response.body)))
    handler.end_headers()
    if response.fault == "trickle":
        for position in range(len(response.body)):
            handler.wfile.write(response.body[position : position + 1])
            if stopping.wait(0.1):
                return
    elif handler.command != "HEAD" and response.status != 204:
        handler.wfile.write(response.body[: len(response.body) // 2] if response.fault == "truncate" else response.body)
