# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reverse proxy that records requests, for request counts, latency, and kills at each call.

It forwards all bytes unchanged. The Host header is part of AWS signatures: clients sign the address of the proxy, and
the server verifies the signature with the header that it receives.
"""

from __future__ import annotations

import contextlib
import email.utils
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ._http1 import Incomplete, Message, Reader
from ._process import HOST
from ._server import shut_down


class DropConnection(Exception):
    """A hook raises it to reset the client's connection."""


@dataclass
class ProxiedRequest:
    """One request, and the response of the upstream.

    :param status: None without a response.
    :param response_body: the received part of the body.
    """

    n: int
    method: str
    path: str
    query: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    time: float
    status: int | None = None
    response_body: bytes = field(default=b"", repr=False)


Hook = Callable[[int, ProxiedRequest], None]


class RecordingProxy:
    """An HTTP/1.1 proxy on a free port of 127.0.0.1; a context manager, or with ``start`` and ``stop``.

    The proxy calls ``before(n, request)`` after it receives a request and before it forwards it. It calls
    ``after(n, request)`` after it receives the response and before it forwards it. ``n`` counts from 1. Both can raise
    DropConnection. ``pass_time`` changes the age of an object. Without ``keeps_bodies``, the recorded requests have no
    bodies: those of thousands of projects take gigabytes. Each request uses a new connection to the upstream,
    because the proxy must not retry requests.
    """

    def __init__(
        self,
        upstream_url: str,
        latency: float = 0.0,
        before: Hook | None = None,
        after: Hook | None = None,
        keeps_bodies: bool = True,
    ) -> None:
        parts = urlsplit(upstream_url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"upstream_url: must be an http:// URL, got {upstream_url!r}")
        self._upstream = (parts.hostname, parts.port or 80)
        self.latency = latency
        self.before = before
        self.after = after
        self._keeps_bodies = keeps_bodies
        self._lock = threading.Lock()
        self._passed: dict[str, float] = {}
        self._count = 0
        self._requests: list[ProxiedRequest] = []
        self._connections: set[socket.socket] = set()
        self._stopped = False
        self._listener = socket.create_server((HOST, 0), backlog=128)
        self._port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, name="recording-proxy", daemon=True)

    @property
    def url(self) -> str:
        """The URL of the proxy."""
        return f"http://{HOST}:{self._port}"

    @property
    def requests(self) -> list[ProxiedRequest]:
        """The requests in the order of their arrival."""
        with self._lock:
            return list(self._requests)

    @property
    def count(self) -> int:
        """The number of requests since the start or the last ``clear``."""
        with self._lock:
            return len(self._requests)

    def clear(self) -> None:
        """Delete the recorded requests; the next number is 1."""
        with self._lock:
            self._requests.clear()
            self._count = 0

    def pass_time(self, path: str, seconds: float) -> None:
        """Move ``Last-Modified`` of a path into the past until the next PUT."""
        with self._lock:
            self._passed[path] = self._passed.get(path, 0.0) + seconds

    def _with_passed_time(self, request: ProxiedRequest, response: Message) -> Message:
        with self._lock:
            if request.method == "PUT":
                self._passed.pop(request.path, None)
            seconds = self._passed.get(request.path, 0.0)
        modified = response.headers.get("last-modified", "")
        if not (seconds and modified):
            return response
        moment = email.utils.parsedate_to_datetime(modified).timestamp() - seconds
        # Not the header Date, which may contain the same time.
        earlier = email.utils.formatdate(moment, usegmt=True).encode()
        head = re.sub(rb"(?im)^(last-modified:\s*)[^\r]*", rb"\g<1>" + earlier, response.head)
        return Message(head, response.body, response.headers)

    def start(self) -> RecordingProxy:
        """Accept connections in a thread."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the listener and all connections."""
        with self._lock:
            self._stopped = True
            connections = list(self._connections)
        # Without it, accept() would still wait.
        shut_down(self._listener)
        self._listener.close()
        for connection in connections:
            shut_down(connection)
        self._thread.join(timeout=10)

    def __enter__(self) -> RecordingProxy:
        return self.start()

    def __exit__(self, *_: object) -> None:
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
                # The client closed the connection or did not send HTTP. An error response is not possible.
                return

    def _exchange(self, client: socket.socket, reader: Reader) -> bool:
        message = reader.head()
        if message is None:
            return False
        if message.headers.get("expect", "").lower() == "100-continue":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        reader.request_body(message)
        request = self._record(message)
        if self.latency:
            time.sleep(self.latency)
        if self.before:
            self.before(request.n, request)
        response, is_complete = self._forward(message, request)
        if self.after:
            self.after(request.n, request)
        if response is None:
            raise DropConnection
        client.sendall(self._with_passed_time(request, response).raw)
        return is_complete and message.keeps_alive() and response.keeps_alive()

    def _forward(self, message: Message, request: ProxiedRequest) -> tuple[Message | None, bool]:
        """Return the response, or None without one, and whether the response is complete."""
        try:
            upstream = socket.create_connection(self._upstream)
        except OSError:
            return None, False
        upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._tracked(upstream):
            # The upstream can respond and close the connection before it reads the whole request.
            with contextlib.suppress(OSError):
                upstream.sendall(message.raw)
            reader = Reader(upstream)
            try:
                response = self._final_head(reader)
                if response is None:
                    return None, False
                request.status = int(response.first_line[1])
                is_complete = reader.response_body(response, request.method)
                if self._keeps_bodies:
                    request.response_body = response.body
                return response, is_complete
            except Incomplete as incomplete:
                return Message(incomplete.received), False

    @staticmethod
    def _final_head(reader: Reader) -> Message | None:
        while True:
            response = reader.head()
            # The proxy has already sent 100 Continue to the client.
            if response is None or not response.first_line[1].startswith("1"):
                return response

    def _record(self, message: Message) -> ProxiedRequest:
        method, target, _unused = message.first_line
        path, _unused, query = target.partition("?")
        with self._lock:
            self._count += 1
            body = message.body if self._keeps_bodies else b""
            request = ProxiedRequest(self._count, method, path, query, message.headers, body, time.time())
            self._requests.append(request)
        return request

    @contextlib.contextmanager
    def _tracked(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._connections.add(connection)
            stopped = self._stopped
        try:
            if stopped:
                raise DropConnection
            yield
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()
