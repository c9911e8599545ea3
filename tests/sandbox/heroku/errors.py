# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error responses ``{id, message, url}``; statuses and IDs: the article "Platform API Reference"."""

from __future__ import annotations

REFERENCE = "https://devcenter.heroku.com/articles/platform-api-reference"
IDS = {
    400: "bad_request",
    401: "unauthorized",
    402: "delinquent",
    403: "forbidden",
    404: "not_found",
    406: "not_acceptable",
    409: "conflict",
    410: "gone",
    422: "invalid_params",
    429: "rate_limit",
    500: "internal_server_error",
}


class ApiError(Exception):
    """An error response."""

    def __init__(self, status: int, message: str, url: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.url = url
        self.headers = headers or {}

    def as_json(self) -> dict[str, str]:
        """Return the documented members; ``url`` is optional."""
        document = {"id": IDS.get(self.status, "error"), "message": self.message}
        return {**document, "url": self.url} if self.url else document


def rate_limit() -> ApiError:
    """Return the 429 that public documents quote."""
    return ApiError(429, "Your account reached the API rate limit", f"{REFERENCE}#rate-limits")
