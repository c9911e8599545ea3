# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reverse proxy that changes nothing and sees everything: for request counts, latency, and kills at each call.

It keeps the Host header, which AWS signatures cover: clients sign for the proxy's address, and the server checks
against the header it receives.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ._http1 import Incomplete, Message, Reader
from ._process import HOST


class DropConnection(Exception):
    """Raised by a hook: reset the client's connection instead of going on."""


@dataclass
class ProxiedRequest:
    """One request; ``status`` is None until the upstream has answered, and stays so if it never did.

    :param answer: the body of the answer, as far as it came.
    """

    n: int
    method: str
    path: str
    query: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    time: float
    status: int | None = None
    answer: bytes = field(default=b"", repr=False)


Hook = Callable[[int, ProxiedRequest], None]


class RecordingProxy:
    """HTTP/1.1 proxy on a free port of 127.0.0.1; use it as a context manager or with ``start`` and ``stop``.

    ``before(n, request)`` runs when a request has arrived whole and nothing was sent to the upstream yet;
    ``after(n, request)`` when the upstream has answered and the client has got nothing yet. ``n`` counts from 1. Either
    may raise DropConnection. The upstream gets a connection per request, so that a fault of one is never retried here.
    """

    def __init__(
        self, upstream_url: str, latency: float = 0.0, before: Hook | None = None, after: Hook | None = None
    ) -> None:
        parts = urlsplit(upstream_url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"the upstream must be an http:// address, not {upstream_url!r}")
        self._upstream = (parts.hostname, parts.port or 80)
        self.latency = latency
        self.before = before
        self.after = after
        self._lock = threading.Lock()
        self._count = 0
        self._requests: list[ProxiedRequest] = []
        self._open: set[socket.socket] = set()
        self._stopped = False
        self._listener = socket.create_server((HOST, 0), backlog=128)
        self._port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, name="recording-proxy", daemon=True)

    @property
    def url(self) -> str:
        """The address to use instead of the upstream's."""
        return f"http://{HOST}:{self._port}"

    @property
    def requests(self) -> list[ProxiedRequest]:
        """The requests so far, in the order of their arrival."""
        with self._lock:
            return list(self._requests)

    @property
    def count(self) -> int:
        """How many requests there were since the start or the last ``clear``."""
        with self._lock:
            return len(self._requests)

    def clear(self) -> None:
        """Forget the requests and count from one again."""
        with self._lock:
            self._requests.clear()
            self._count = 0

    def start(self) -> RecordingProxy:
        """Accept connections."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the listener and every connection."""
        with self._lock:
            self._stopped = True
            connections = list(self._open)
        # Closing alone would leave accept() waiting.
        _shut(self._listener)
        self._listener.close()
        for each in connections:
            _shut(each)
        self._thread.join(timeout=10)

    def __enter__(self) -> RecordingProxy:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _accept(self) -> None:
        while True:
            try:
                client, _unused = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        reader = Reader(client)
        with self._tracked(client):
            try:
                while self._exchange(client, reader):
                    pass
            except DropConnection:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except (OSError, Incomplete, ValueError):
                # The client went away or sent no HTTP: nobody is left to be told.
                return

    def _exchange(self, client: socket.socket, reader: Reader) -> bool:
        message = reader.head()
        if message is None:
            return False
        if message.headers.get("expect", "").lower() == "100-continue":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        reader.request_body(message)
        request = self._note(message)
        if self.latency:
            time.sleep(self.latency)
        if self.before:
            self.before(request.n, request)
        answer, whole = self._forward(message, request)
        if self.after:
            self.after(request.n, request)
        if answer is None:
            raise DropConnection
        client.sendall(answer.raw)
        return whole and message.keeps_alive() and answer.keeps_alive()

    def _forward(self, message: Message, request: ProxiedRequest) -> tuple[Message | None, bool]:
        """Return the answer, and whether it is whole; None if the upstream gave none."""
        try:
            upstream = socket.create_connection(self._upstream)
        except OSError:
            return None, False
        upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._tracked(upstream):
            # It may have answered, and gone, before it read everything.
            with contextlib.suppress(OSError):
                upstream.sendall(message.raw)
            reader = Reader(upstream)
            try:
                answer = self._final_head(reader)
                if answer is None:
                    return None, False
                request.status = int(answer.first_line[1])
                whole = reader.response_body(answer, request.method)
                request.answer = answer.body
                return answer, whole
            except Incomplete as cut:
                return Message(cut.received), False

    @staticmethod
    def _final_head(reader: Reader) -> Message | None:
        while True:
            answer = reader.head()
            # The client was told to continue by us: what the upstream says of that is ours alone.
            if answer is None or not answer.first_line[1].startswith("1"):
                return answer

    def _note(self, message: Message) -> ProxiedRequest:
        method, target, _unused = message.first_line
        path, _unused, query = target.partition("?")
        with self._lock:
            self._count += 1
            request = ProxiedRequest(self._count, method, path, query, message.headers, message.body, time.time())
            self._requests.append(request)
        return request

    @contextlib.contextmanager
    def _tracked(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(connection)
            stopped = self._stopped
        try:
            if stopped:
                raise DropConnection
            yield
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
