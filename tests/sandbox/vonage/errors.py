# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error responses of the API."""

from __future__ import annotations


class ApiError(Exception):
    """A response of the documented form ``{code, message, description}``.

    Only the code of a 400 was published: -1 (opentok-node issue 226). The codes of other errors are not documented; the
    emulator uses the HTTP status.
    """

    def __init__(self, status: int, message: str, description: str) -> None:
        super().__init__(f"{status} {message}: {description}")
        self.status = status
        self.code = -1 if status == 400 else status
        self.message = message
        self.description = description


def bad_request(description: str) -> ApiError:
    """Return the documented 400: invalid JSON data, or no upload target."""
    return ApiError(400, "Invalid upload target", description)


def forbidden(description: str) -> ApiError:
    """Return the documented 403: an invalid key or secret."""
    return ApiError(403, "Invalid token", description)
