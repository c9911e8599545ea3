# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every emulator of an HTTP API has: a server, a log of the requests, faults on order, a clock of its own."""

from __future__ import annotations

import time
from typing import Any, Self

from ._faults import Fault, Faults
from ._server import Front, RequestLog, Server, Wsgi

GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1>{}</body></html>"
NOT_FOUND_PAGE = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1>nginx</body></html>"


class Emulator:
    """Start it, or use it as a context manager. Subclasses make the application and say what errors look like."""

    def __init__(self, app: Wsgi, port: int = 0) -> None:
        #: seconds that this service's clock is ahead of the machine's
        self.clock_offset = 0.0
        #: let error answers quote the request's body, secrets and all
        self.echo_secrets = False
        self._log = RequestLog()
        self._faults = Faults()
        self._front = Front(app, self._log, self._faults)
        self._front.error_body = self.fault_body
        self._server = Server(self._front, self.now, port)

    @property
    def url(self) -> str:
        """The value for ``api_url``."""
        return self._server.url

    def start(self) -> Self:
        """Serve in a thread of this process."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving, hanging requests included."""
        self._server.stop()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def now(self) -> float:
        """Return the time by this service's clock."""
        return time.time() + self.clock_offset

    def fault_body(self, status: int, request_body: bytes) -> tuple[str, bytes]:
        """Return content type and body of an answer that a fault asks for."""
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
        """Let the next ``times`` requests that match ``method`` and the regular expression ``path`` fail.

        Kinds: ``status``, ``hang``, ``delay``, ``reset``, ``close``, ``truncate``, ``trickle`` (see ``_faults.KINDS``).
        With ``apply`` the request is processed and only its answer lost; without, it fails before anything changes.
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
        """Forget the faults ordered and let go of requests that hang."""
        self._faults.clear()
        self._front.released.set()
        self._front.released.clear()

    def log(self) -> list[dict[str, Any]]:
        """Return the requests received, oldest first.

        Each has ``n``, ``time``, ``method``, ``path``, ``query``, ``headers``, ``body``, ``json``, ``status`` (None:
        nothing was sent) and ``fault``.
        """
        return self._log.entries()

    def clear_log(self) -> None:
        """Forget the requests received."""
        self._log.clear()

    def reset(self) -> None:
        """Forget faults and requests, and set the clock right."""
        self.clear_faults()
        self.clear_log()
        self.clock_offset = 0.0
        self.echo_secrets = False
