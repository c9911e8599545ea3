# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of requests; stricter than the service where its behavior is not known.

Headers: the article "Platform API Reference". Body: the schema, ``config-var`` in heroku/heroku-go, v5/schema.json.
Names and size: the article "Configuration and Config Vars". Whether the API refuses reserved names is not documented
(Heroku's command-line tool only warns), and the size is not verified.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from .errors import REFERENCE, ApiError
from .state import State, Token

# A variant can follow the version: the client heroku3 sends "version=3.cedar-acm".
ACCEPT = re.compile(r"application/vnd\.heroku\+json; version=3(\.[a-z0-9-]+)?")
NAME = re.compile(r"[A-Za-z0-9_]+")
LARGEST = 32 * 1024


def validate_accept(accept: str) -> None:
    """Raise the 406 without the media type of the API."""
    if not ACCEPT.fullmatch(accept):
        message = "Could not satisfy the request Accept header: application/vnd.heroku+json; version=3 is needed"
        raise ApiError(406, message, f"{REFERENCE}#clients")


def authenticate(state: State, authorization: str) -> Token:
    """Return the token of a request, or raise the 401.

    The scheme is Bearer, or Basic with the token as the password, which older clients send (heroku3; heroku-go's
    Transport).
    """
    scheme, _unused, credentials = authorization.partition(" ")
    value = credentials if scheme == "Bearer" else _password(credentials) if scheme == "Basic" else ""
    with state.lock:
        token = state.tokens.get(value)
    if token is None:
        raise ApiError(401, "Invalid credentials provided.")
    return token


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def validate_scope(token: Token, accepted: tuple[str, ...]) -> None:
    """Raise the 403 for a token with a smaller scope."""
    if not set(token.scope) & set(accepted):
        # Both headers were seen in responses of the service (heroku/terraform-provider-heroku, pull request 135).
        headers = {"Oauth-Scope": " ".join(token.scope), "Oauth-Scope-Accepted": " ".join(accepted)}
        raise ApiError(403, "The scope of this OAuth authorization does not allow that.", headers=headers)


def parse_changes(content_type: str, body: bytes) -> dict[str, str | None]:
    """Parse the object of a PATCH: strings, or null for names to delete."""
    if content_type.split(";")[0].strip().lower() != "application/json":
        raise ApiError(400, "The header Content-Type must be application/json")
    try:
        document: Any = json.loads(body.decode("utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        raise ApiError(400, "The request body is not valid JSON") from error
    if not isinstance(document, dict):
        raise _invalid("The request body must be an object")
    for name, value in document.items():
        _validate(name, value)
    return document


def _validate(name: str, value: Any) -> None:
    if not NAME.fullmatch(name):
        raise _invalid(f"Config var name {name} is invalid")
    if name.startswith(("HEROKU_", "__")):
        raise _invalid(f"Config var name {name} is reserved")
    if not isinstance(value, (str, type(None))):
        raise _invalid(f"The value of config var {name} must be a string or null")


def validate_size(config: Mapping[str, str | None]) -> None:
    """Raise the 422 above the size limit."""
    if sum(len(f"{name}{value}".encode()) for name, value in config.items() if value is not None) > LARGEST:
        raise _invalid("Config vars are too large")


def _invalid(message: str) -> ApiError:
    return ApiError(422, message)
