# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common part of the control calls that every emulator has below ``/_sandbox/``."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request

PREFIX = "/_sandbox"


def options() -> dict[str, Any]:
    """Return the JSON object of the request; empty without a body."""
    content = request.get_data()
    body = json.loads(content) if content else {}
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return body


def json_view(view: Callable[..., Any], create_error: Callable[[int, str], Exception]) -> Callable[..., Response]:
    """Return a view that responds with JSON.

    :param create_error: creates the emulator's error from a status and a description.
    """

    @functools.wraps(view)
    def wrapped(**values: str) -> Response:
        try:
            return jsonify(view(**values))
        except (TypeError, ValueError) as error:
            raise create_error(400, str(error)) from error
        except KeyError as error:
            raise create_error(404, f"There is no key {error}") from error

    return wrapped
