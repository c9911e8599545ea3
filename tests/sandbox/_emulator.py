# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of the emulators of HTTP APIs: a server, a request log, fault injection, and a clock."""

from __future__ import annotations

import time
from typing import Any, Self

from ._faults import Fault, Faults
from ._server import FaultMiddleware, RequestLog, Server, Wsgi

GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1>{}</body></html>"
NOT_FOUND_PAGE = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1>nginx</body></html>"


class Emulator:
    """A context manager. Subclasses create the application and define the bodies of errors."""

    def __init__(self, app: Wsgi, port: int = 0) -> None:
        #: seconds that the emulator's clock is ahead of the system clock
        self.clock_offset = 0.0
        #: error responses quote the request's body, with its secrets
        self.echo_secrets = False
        self._log = RequestLog()
        self._faults = Faults()
        self._middleware = FaultMiddleware(app, self._log, self._faults)
        self._middleware.error_body = self.fault_body
        self._server = Server(self._middleware, self.now, port)

    @property
    def url(self) -> str:
        """The value for ``api_url``."""
        return self._server.url

    def start(self) -> Self:
        """Serve in a thread of this process."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop the server, and end hanging requests."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def now(self) -> float:
        """Return the time of the emulator's clock."""
        return time.time() + self.clock_offset

    def fault_body(self, status: int, request_body: bytes) -> tuple[str, bytes]:
        """Return the content type and body of the response of a fault."""
        raise NotImplementedError

    def fail_next(
        self,
        kind: str = "status",
        *,
        times: int = 1,
        method: str | None = None,
        path: str | None = None,
        status: int = 500,
        retry_after: int | str | None = None,
        retry_after_date: bool = False,
        seconds: float | None = None,
        apply: bool | None = None,
    ) -> Fault:
        """Inject a fault into the next ``times`` requests with this method and a path that matches ``path``.

        :param kind: one of ``_faults.KINDS``.
        :param path: a regular expression.
        :param apply: whether the request is processed and only the response is lost, or it fails before any change.
        """
        return self._faults.add(
            kind,
            times=times,
            method=method,
            path=path,
            status=status,
            retry_after=retry_after,
            retry_after_date=retry_after_date,
            seconds=seconds,
            apply=apply,
        )

    def clear_faults(self) -> None:
        """Delete all faults, and end hanging requests."""
        self._faults.clear()
        self._middleware.released.set()
        self._middleware.released.clear()

    def log(self) -> list[dict[str, Any]]:
        """Return the received requests, oldest first.

        Each has ``n``, ``time``, ``method``, ``path``, ``query``, ``headers``, ``body``, ``json``, ``status`` (None
        without a response), and ``fault``.
        """
        return self._log.entries()

    def clear_log(self) -> None:
        self._log.clear()

    def reset(self) -> None:
        """Delete faults and logged requests, and reset the clock."""
        self.clear_faults()
        self.clear_log()
        self.clock_offset = 0.0
        self.echo_secrets = False
