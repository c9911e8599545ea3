# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read HTTP/1.1 messages from a socket, byte for byte."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

MAX_HEAD = 256 * 1024


class Incomplete(Exception):
    """The connection ended inside a message; ``received`` is the first part of the message."""

    def __init__(self, received: bytes) -> None:
        super().__init__(f"the connection ended after {len(received)} bytes of a message")
        self.received = received


@dataclass
class Message:
    """The bytes of one message: ``head`` includes the empty line, ``body`` includes the chunk sizes."""

    head: bytes
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def first_line(self) -> list[str]:
        """The request or status line, split into at most three parts."""
        return self.head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)

    @property
    def raw(self) -> bytes:
        return self.head + self.body

    def keeps_alive(self) -> bool:
        """Return whether the sender keeps the connection open."""
        if b"HTTP/1.0" in self.head.split(b"\r\n", 1)[0]:
            return False
        return "close" not in self.headers.get("connection", "").lower()


class Reader:
    """A buffered reader of a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def head(self) -> Message | None:
        """Return the head of the next message; None if the connection ends before it."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD or not self._fill():
                if not self._buffer:
                    return None
                raise Incomplete(bytes(self._buffer))
        return _parse_head(self._take(end + 4))

    def request_body(self, message: Message) -> None:
        """Read the body of a request; without a length it has none."""
        if "chunked" in message.headers.get("transfer-encoding", "").lower():
            self._chunks(message)
        else:
            self._exactly(message, int(message.headers.get("content-length", "0")))

    def response_body(self, message: Message, method: str) -> bool:
        """Read the body of a response; return False if the end of the connection is the end of the body."""
        status = int(message.first_line[1])
        if method == "HEAD" or status in (204, 304) or 100 <= status < 200:
            return True
        if "chunked" in message.headers.get("transfer-encoding", "").lower():
            self._chunks(message)
        elif "content-length" in message.headers:
            self._exactly(message, int(message.headers["content-length"]))
        else:
            while self._fill():
                pass
            message.body = self._take(len(self._buffer))
            return False
        return True

    def _exactly(self, message: Message, length: int) -> None:
        while len(self._buffer) < length:
            if not self._fill():
                raise Incomplete(message.head + bytes(self._buffer))
        message.body = self._take(length)

    def _chunks(self, message: Message) -> None:
        body = bytearray()
        while True:
            line = self._line(message, body)
            body += line
            size = int(line.split(b";")[0], 16)
            while len(self._buffer) < size + 2 and size:
                if not self._fill():
                    raise Incomplete(message.head + bytes(body) + bytes(self._buffer))
            if size:
                body += self._take(size + 2)
                continue
            # Trailers, up to an empty line.
            while (trailer := self._line(message, body)) != b"\r\n":
                body += trailer
            message.body = bytes(body + trailer)
            return

    def _line(self, message: Message, body: bytearray) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if not self._fill():
                raise Incomplete(message.head + bytes(body) + bytes(self._buffer))
        return self._take(end + 2)

    def _take(self, length: int) -> bytes:
        content = bytes(self._buffer[:length])
        del self._buffer[:length]
        return content

    def _fill(self) -> bool:
        try:
            received = self._connection.recv(65536)
        except OSError:
            return False
        self._buffer += received
        return bool(received)


def _parse_head(head: bytes) -> Message:
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return Message(head, b"", headers)
