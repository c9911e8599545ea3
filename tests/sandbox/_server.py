# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP server under an emulator's Flask application: the request log, the faults, and a prompt stop."""

from __future__ import annotations

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


class Dropped(ConnectionAbortedError):
    """End this connection without a further byte."""

    reset = False


class Reset(Dropped):
    """End this connection with RST."""

    reset = True


class RequestLog:
    """The requests received, the sandbox's own calls left out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        self._count = 0

    def add(self, environ: dict[str, Any], body: bytes) -> dict[str, Any]:
        """Note a request on its arrival; ``status`` and ``fault`` are filled in later."""
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
        """Return copies, oldest first."""
        with self._lock:
            return [dict(entry) for entry in self._entries]

    def clear(self) -> None:
        """Forget every request and count from one again."""
        with self._lock:
            self._entries.clear()
            self._count = 0


class Front:
    """WSGI application around the real one: notes every request and carries out the faults."""

    def __init__(self, app: Wsgi, log: RequestLog, faults: Faults) -> None:
        self.app = app
        self.log = log
        self.faults = faults
        self.released = threading.Event()
        self.error_body: Callable[[int, bytes], tuple[str, bytes]] = lambda status, body: ("text/plain", b"")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handle one request."""
        if environ["PATH_INFO"].startswith(SANDBOX_PREFIX):
            return self.app(environ, start_response)
        body = _read_body(environ)
        entry = self.log.add(environ, body)
        fault = self.faults.take(entry["method"], entry["path"])
        answer = self._process(environ, body) if fault is None or fault.apply else None
        if fault is not None:
            entry["fault"] = fault.kind
            entry["applied"] = bool(fault.apply)
            return self._fail(fault, answer, entry, body)(environ, start_response)
        if answer is None:  # pragma: no cover - processed whenever there is no fault
            raise Dropped
        entry["status"] = answer.status_code
        return answer(environ, start_response)

    def _process(self, environ: dict[str, Any], body: bytes) -> Response:
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        # The body is whole by now: with these two Flask would wait for an end that it has seen already.
        environ.pop("wsgi.input_terminated", None)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        content, status, headers = run_wsgi_app(self.app, environ, buffered=True)
        return Response(b"".join(content), status, headers)

    def _fail(self, fault: Fault, answer: Response | None, entry: dict[str, Any], body: bytes) -> Wsgi:
        if fault.kind in {"reset", "close", "hang"}:
            if fault.kind == "hang":
                self.released.wait(fault.wait)
            raise Reset if fault.kind == "reset" else Dropped
        if fault.kind == "delay" and answer is not None:
            self.released.wait(fault.wait)
            entry["status"] = answer.status_code
            return answer
        if fault.kind == "trickle" and answer is not None:
            entry["status"] = answer.status_code
            return self._replace_body(answer, self._slowly(answer.get_data(), fault.wait))
        if fault.kind == "truncate":
            whole = answer or Response('{"an answer": "that never becomes', 200, content_type="application/json")
            entry["status"] = whole.status_code
            return self._replace_body(whole, _half(whole.get_data()))
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

    def _slowly(self, content: bytes, pause: float) -> Iterator[bytes]:
        for at in range(len(content)):
            if self.released.wait(pause):
                raise Dropped
            yield content[at : at + 1]

    @staticmethod
    def _replace_body(response: Response, body: Iterator[bytes]) -> Wsgi:
        # Content-Length stays that of the whole.
        headers = list(response.headers.items())

        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            start_response(response.status, headers)
            return body

        return application


class Handler(WSGIRequestHandler):
    """HTTP/1.1, silent, with the emulator's clock and a real RST."""

    protocol_version = "HTTP/1.1"
    server: Server

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the Date header by the emulator's clock."""
        return formatdate(self.server.now() if timestamp is None else timestamp, usegmt=True)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Print nothing: the request log is there for it."""

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:
        """End the connection as the fault says."""
        self.close_connection = True
        if isinstance(error, Dropped) and error.reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            # An ordinary close would send FIN first, and only the last holder of the descriptor would close it.
            socket.close(self.connection.detach())


class Server(ThreadedWSGIServer):
    """A threaded server on a free port that can be stopped with requests under way."""

    def __init__(self, front: Front, now: Callable[[], float], port: int = 0) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self.now = now
        self.front = front
        super().__init__(HOST, port, front, Handler)
        self._thread = threading.Thread(target=self._serve, name="emulator", daemon=True)

    @property
    def url(self) -> str:
        """The address to use as ``api_url``."""
        return f"http://{HOST}:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop at once: hanging requests are released, open connections closed."""
        self.front.released.set()
        self.shutdown()
        self._thread.join(timeout=10)
        with self._open_lock:
            for each in self._open:
                _shut(each)
        self.server_close()

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection and remember it."""
        request, address = super().get_request()
        with self._open_lock:
            self._open.add(request)
        return request, address

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that has ended."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that goes away is what many tests are about."""

    def _serve(self) -> None:
        self.serve_forever(poll_interval=0.1)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _half(content: bytes) -> Iterator[bytes]:
    yield content[: len(content) // 2]
    raise Dropped


def _read_body(environ: dict[str, Any]) -> bytes:
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        return bytes(stream.read())
    return bytes(stream.read(int(environ.get("CONTENT_LENGTH") or 0)))


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    named = {key[5:]: value for key, value in environ.items() if key.startswith("HTTP_")}
    named.update({key: environ[key] for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(key)})
    return {key.replace("_", "-").title(): str(value) for key, value in named.items()}


def _json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
