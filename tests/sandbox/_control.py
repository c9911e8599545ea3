# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every emulator is looked at and steered over HTTP, below ``/_sandbox/``; what the calls are is its own affair."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request

PREFIX = "/_sandbox"


def options() -> dict[str, Any]:
    """Return the request's JSON object, empty where there is no body."""
    content = request.get_data()
    body = json.loads(content) if content else {}
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return body


def told(view: Callable[..., Any], refused: Callable[[int, str], Exception]) -> Callable[..., Response]:
    """Return a view that answers in JSON.

    :param refused: makes the emulator's error for a status and a description.
    """

    @functools.wraps(view)
    def wrapped(**values: str) -> Response:
        try:
            return jsonify(view(**values))
        except (TypeError, ValueError) as error:
            raise refused(400, str(error)) from error
        except KeyError as error:
            raise refused(404, f"There is no key {error}") from error

    return wrapped
