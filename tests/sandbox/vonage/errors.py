# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as the API answers them."""

from __future__ import annotations


class ApiError(Exception):
    """One answer of the documented form ``{code, message, description}``.

    Only the 400 has been seen in public with its code, -1 (opentok-node issue 226); the codes of the others are
    not documented, the HTTP status stands in for them.
    """

    def __init__(self, status: int, message: str, description: str) -> None:
        super().__init__(f"{status} {message}: {description}")
        self.status = status
        self.code = -1 if status == 400 else status
        self.message = message
        self.description = description


def bad_request(description: str) -> ApiError:
    """Return the 400 of the guides: invalid JSON data, or the upload target was not specified."""
    return ApiError(400, "Invalid upload target", description)


def forbidden(description: str) -> ApiError:
    """Return the 403 of the guides: an invalid key or secret."""
    return ApiError(403, "Invalid token", description)
