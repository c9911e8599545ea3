# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP server of an emulator's Flask application, with a request log, faults, and an immediate stop."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from ._faults import Fault, Faults
from ._process import HOST

SANDBOX_PREFIX = "/_sandbox/"
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ConnectionDropped(ConnectionAbortedError):
    """Close this connection without another byte."""

    reset = False


class ConnectionReset(ConnectionDropped):
    """Close this connection with RST."""

    reset = True


class RequestLog:
    """The received requests, except control calls of the sandbox."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        self._count = 0

    def add(self, environ: dict[str, Any], body: bytes) -> dict[str, Any]:
        """Log a request when it arrives; ``status`` and ``fault`` are set later."""
        entry: dict[str, Any] = {
            "time": time.time(),
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "query": environ.get("QUERY_STRING", ""),
            "headers": _headers(environ),
            "body": body.decode("utf-8", "replace"),
            "json": _json_or_none(body),
            "status": None,
            "fault": None,
        }
        with self._lock:
            self._count += 1
            entry["n"] = self._count
            self._entries.append(entry)
        return entry

    def entries(self) -> list[dict[str, Any]]:
        """Return copies of the entries, oldest first."""
        with self._lock:
            return [dict(entry) for entry in self._entries]

    def clear(self) -> None:
        """Delete all entries; the next number is 1."""
        with self._lock:
            self._entries.clear()
            self._count = 0


class FaultMiddleware:
    """WSGI middleware that logs each request and applies the faults."""

    def __init__(self, app: Wsgi, log: RequestLog, faults: Faults) -> None:
        self.app = app
        self.log = log
        self.faults = faults
        self.released = threading.Event()
        self.error_body: Callable[[int, bytes], tuple[str, bytes]] = lambda status, body: ("text/plain", b"")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(SANDBOX_PREFIX):
            return self.app(environ, start_response)
        body = _read_body(environ)
        entry = self.log.add(environ, body)
        fault = self.faults.take(entry["method"], entry["path"])
        response = self._process(environ, body) if fault is None or fault.apply else None
        if fault is not None:
            entry["fault"] = fault.kind
            entry["applied"] = bool(fault.apply)
            return self._fail(fault, response, entry, body)(environ, start_response)
        if response is None:  # pragma: no cover - a request without a fault is always processed
            raise ConnectionDropped
        entry["status"] = response.status_code
        return response(environ, start_response)

    def _process(self, environ: dict[str, Any], body: bytes) -> Response:
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        # With these two, Flask would wait for another end of the body, which is complete.
        environ.pop("wsgi.input_terminated", None)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        content, status, headers = run_wsgi_app(self.app, environ, buffered=True)
        return Response(b"".join(content), status, headers)

    def _fail(self, fault: Fault, response: Response | None, entry: dict[str, Any], body: bytes) -> Wsgi:
        if fault.kind in {"reset", "close", "hang"}:
            if fault.kind == "hang":
                self.released.wait(fault.wait)
            raise ConnectionReset if fault.kind == "reset" else ConnectionDropped
        if fault.kind == "delay" and response is not None:
            self.released.wait(fault.wait)
            entry["status"] = response.status_code
            return response
        if fault.kind == "trickle" and response is not None:
            entry["status"] = response.status_code
            return self._replace_body(response, self._trickle(response.get_data(), fault.wait))
        if fault.kind == "truncate":
            whole = response or Response('{"response": "never complete"}', 200, content_type="application/json")
            entry["status"] = whole.status_code
            return self._replace_body(whole, _first_half(whole.get_data()))
        entry["status"] = fault.status
        return self._error(fault, body)

    def _error(self, fault: Fault, body: bytes) -> Response:
        content_type, content = self.error_body(fault.status, body)
        response = Response(content, fault.status, content_type=content_type)
        if fault.retry_after_date and isinstance(fault.retry_after, int):
            response.headers["Retry-After"] = formatdate(time.time() + fault.retry_after, usegmt=True)
        elif fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
        return response

    def _trickle(self, content: bytes, pause: float) -> Iterator[bytes]:
        for position in range(len(content)):
            if self.released.wait(pause):
                raise ConnectionDropped
            yield content[position : position + 1]

    @staticmethod
    def _replace_body(response: Response, body: Iterator[bytes]) -> Wsgi:
        # Content-Length is still the length of the whole body.
        headers = list(response.headers.items())

        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            start_response(response.status, headers)
            return body

        return application


class Handler(WSGIRequestHandler):
    """HTTP/1.1 without output, with the emulator's clock, and with RST for the fault ``reset``."""

    protocol_version = "HTTP/1.1"
    server: Server

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the Date header, from the emulator's clock."""
        return formatdate(self.server.now() if timestamp is None else timestamp, usegmt=True)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Print nothing, because the request log contains the requests."""

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:
        """Close or reset the connection, as the fault requires."""
        self.close_connection = True
        if isinstance(error, ConnectionDropped) and error.reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            # A normal close sends FIN first, and closes the descriptor only with its last reference.
            socket.close(self.connection.detach())


class Server(ThreadedWSGIServer):
    """A threaded server that can stop while requests are in progress."""

    def __init__(self, app: FaultMiddleware, now: Callable[[], float], port: int = 0) -> None:
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        self.now = now
        self.middleware = app
        super().__init__(HOST, port, app, Handler)
        self._thread = threading.Thread(target=self._serve, name="emulator", daemon=True)

    @property
    def url(self) -> str:
        """The value for ``api_url``."""
        return f"http://{HOST}:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop immediately: end hanging requests and shut down open connections."""
        self.middleware.released.set()
        self.shutdown()
        self._thread.join(timeout=10)
        with self._connections_lock:
            for connection in self._connections:
                shut_down(connection)
        self.server_close()

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection and register it."""
        request, address = super().get_request()
        with self._connections_lock:
            self._connections.add(request)
        return request, address

    def shutdown_request(self, request: Any) -> None:
        """Unregister a connection that has ended."""
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing, because clients that close their connection are part of many tests."""

    def _serve(self) -> None:
        self.serve_forever(poll_interval=0.1)


def shut_down(connection: socket.socket) -> None:
    """Shut down a connection in both directions, if it is still open."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _first_half(content: bytes) -> Iterator[bytes]:
    yield content[: len(content) // 2]
    raise ConnectionDropped


def _read_body(environ: dict[str, Any]) -> bytes:
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        return bytes(stream.read())
    return bytes(stream.read(int(environ.get("CONTENT_LENGTH") or 0)))


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    headers = {key[5:]: value for key, value in environ.items() if key.startswith("HTTP_")}
    headers.update({key: environ[key] for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(key)})
    return {key.replace("_", "-").title(): str(value) for key, value in headers.items()}


def _json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
