# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Client for the calls of the Heroku Platform API that read and update the config vars of an app.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Paths, methods, and bodies: the API's schema (``config-var`` in heroku/heroku-go, v5/schema.json). Headers, errors
``{id, message, url}``, and their statuses: the article "Platform API Reference". The response to either call contains
every config var of the app in clear text; messages must not quote it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from urllib.parse import quote

from .._core import errors
from .._core.http_client import Http, Response
from .._core.redaction import safe_excerpt
from .connection import App

ACCEPT = "application/vnd.heroku+json; version=3"


@dataclass(frozen=True)
class Client:
    """A client for one app; safe to share between threads.

    :param secrets: redacted in errors, in addition to the token.
    """

    app: App
    secrets: t.Sequence[str | None] = ()
    http: Http | None = field(default=None, repr=False)

    def fetch(self) -> dict[str, str]:
        """Fetch every config var of the app, in clear text."""
        operation = f"read the config vars of {self.app.id}"
        return self._parse_variables(self._send("GET", operation), operation)

    def update(self, changes: t.Mapping[str, str | None]) -> dict[str, str]:
        """Set config vars, and delete those that are ``None``; returns the config vars in the response.

        The request is repeated if there is no response: the values are the same after one or two requests. If Heroku
        received the first one, the second one creates another release.
        """
        operation = f"change the config vars of {self.app.id}"
        return self._parse_variables(self._send("PATCH", operation, dict(changes)), operation)

    def _send(self, method: str, operation: str, body: t.Any = None) -> Response:
        url = f"{self.app.api_url}/apps/{quote(self.app.id, safe='')}/config-vars"
        http = self.http or Http(self.app.budget, self._secrets())
        try:
            response = http.send(method, url, operation, self._headers, body, idempotent=True)
        except errors.UnreachableError as exc:
            if exc.facts.get("status") != 429:
                raise
            raise errors.UnreachableError(exc.operation, exc.problem, f"{RATE} {exc.hint}", **exc.facts) from exc
        if response.status != 200:
            raise translate_error(self.app, operation, response, parse_error(response, self._secrets()))
        return response

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": ACCEPT,
            "Authorization": f"Bearer {self.app.token}",
            "User-Agent": "ansible-vonage.archiving",
        }

    def _secrets(self) -> list[str | None]:
        return [self.app.token, *self.secrets]

    def _parse_variables(self, response: Response, operation: str) -> dict[str, str]:
        document = response.json()
        if isinstance(document, dict) and all(isinstance(value, (str, type(None))) for value in document.values()):
            # The schema allows null for a config var that is not set.
            return {name: value for name, value in document.items() if value is not None}
        problem = "the response is a web page" if response.is_page else "the response is not an object of strings"
        hint = (
            f"{self.app.api_url} is not the Heroku Platform API. Check api_url, and whether a proxy or portal responds."
        )
        raise errors.RejectedError(operation, problem, hint, status=response.status)


@dataclass(frozen=True)
class ApiErrorDetails:
    """The contents of an error response, without secrets.

    :param id: such as ``not_found``.
    :param url: of the vendor's documentation.
    :param scope: the scopes of the token and those that the call accepts, as a sentence.
    """

    id: str = ""
    message: str = ""
    url: str = ""
    scope: str = ""


def parse_error(response: Response, secrets: t.Sequence[str | None]) -> ApiErrorDetails:
    """Parse an error response ``{id, message, url}``, and redact it."""
    document = response.json()
    fields = document if isinstance(document, dict) else {}

    def excerpt(value: t.Any) -> str:
        return safe_excerpt(value, secrets) if isinstance(value, str) else ""

    error_id, message, url = (excerpt(fields.get(name)) for name in ("id", "message", "url"))
    # Seen in responses of the service (heroku/terraform-provider-heroku, pull request 135); not documented.
    headers = ("oauth-scope", "oauth-scope-accepted")
    scope, accepted = (excerpt(response.headers.get(name)) for name in headers)
    sentence = f"The scope of this token is {scope}; the call accepts {accepted}." if scope and accepted else ""
    return ApiErrorDetails(error_id, message, url, sentence)


RATE = "An account can send about 75 calls a minute, for all of its programs, after its first 4500."
SCOPE = "Its scope must be global or write-protected; read-protected is enough if nothing changes."
# Error type and hint for each status. IDs and statuses: "Platform API Reference".
ERRORS: dict[int, tuple[type[errors.ArchivingError], str]] = {
    401: (
        errors.DeniedError,
        "api_token is wrong, expired, or revoked. heroku authorizations:create creates a new one.",
    ),
    402: (errors.DeniedError, "The account has an unpaid balance. Pay it at Heroku first."),
    403: (errors.DeniedError, f"The account of the token needs access to the app. {SCOPE}"),
    404: (errors.NotFoundError, "Check app, and that the account of the token has access to it."),
    406: (errors.RejectedError, f'A proxy changes the header Accept, which was "{ACCEPT}".'),
    409: (errors.ConflictError, "Another program is changing the app. Run it again."),
    410: (errors.NotFoundError, "The app was deleted."),
    422: (errors.RejectedError, "Nothing was changed. Check names, values, and their total size in Heroku's message."),
}


def translate_error(app: App, operation: str, response: Response, details: ApiErrorDetails) -> errors.ArchivingError:
    """Translate an error response into a typed error."""
    status = response.status
    suffix = f" ({details.id})" if details.id else ""
    suffix += f": {details.message}" if details.message else ""
    error_type, hint = ERRORS.get(status, (errors.RejectedError, ""))
    if status >= 500:
        error_type, hint = errors.UnreachableError, "No data was lost. Run it again later."
    elif 300 <= status < 400:
        hint = "Redirects are not followed. Correct api_url."
    elif response.ok:
        hint = "This response is not documented; the current config vars are not known."
    more = f"See {details.url}" if details.url else ""
    hints = " ".join(part for part in (hint, details.scope if status == 403 else "", more) if part)
    problem = f"{app.api_url} responded with HTTP {status}{suffix}"
    return error_type(operation, problem, hints, status=status, tries=response.tries, code=details.id or None)
