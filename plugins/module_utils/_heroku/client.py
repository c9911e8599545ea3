# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls of the Heroku Platform API that read and change the config vars of an app.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Paths, methods and the form of bodies: the API's schema (``config-var`` in heroku/heroku-go, v5/schema.json). Headers,
errors ``{id, message, url}`` and their statuses: the article "Platform API Reference". The answer to either call holds
every config var of the app in clear: nothing of it goes into a message.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from urllib.parse import quote

from .._core import errors
from .._core.http import Answer, Http
from .._core.secrets import redact
from .connection import App

ACCEPT = "application/vnd.heroku+json; version=3"
LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class Client:
    """Calls about one app; safe to share between threads.

    :param secrets: never shown in an error, beside the token.
    """

    app: App
    secrets: t.Sequence[str | None] = ()
    http: Http | None = field(default=None, repr=False)

    def read(self) -> dict[str, str]:
        """Every config var of the app, in clear."""
        attempted = f"read the config vars of {self.app.id}"
        return self._variables(self._send("GET", attempted), attempted)

    def update(self, changes: t.Mapping[str, str | None]) -> dict[str, str]:
        """Set these, and remove those that are ``None``; the answer is what Heroku says there is then.

        Sent again when no answer came: setting the same values twice leaves the same values. All it can cost is a
        second release, in case the first one was made although its answer was lost.
        """
        attempted = f"change the config vars of {self.app.id}"
        return self._variables(self._send("PATCH", attempted, dict(changes)), attempted)

    def _send(self, method: str, attempted: str, body: t.Any = None) -> Answer:
        url = f"{self.app.api_url}/apps/{quote(self.app.id, safe='')}/config-vars"
        http = self.http or Http(self.app.budget, self._hidden())
        try:
            answer = http.send(method, url, attempted, self._headers, body, repeatable=True)
        except errors.UnreachableError as exc:
            if exc.facts.get("status") != 429:
                raise
            raise errors.UnreachableError(exc.operation, exc.problem, f"{RATE} {exc.hint}", **exc.facts) from exc
        if answer.status != 200:
            raise refusal(self.app, attempted, answer, told(answer, self._hidden()))
        return answer

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": ACCEPT,
            "Authorization": f"Bearer {self.app.token}",
            "User-Agent": "ansible-vonage.archiving",
        }

    def _hidden(self) -> list[str | None]:
        return [self.app.token, *self.secrets]

    def _variables(self, answer: Answer, attempted: str) -> dict[str, str]:
        found = answer.json()
        if not isinstance(found, dict) or not all(isinstance(value, (str, type(None))) for value in found.values()):
            what = "a web page" if answer.body.lstrip()[:1] == b"<" else "no object of strings"
            hint = f"Something else than the Heroku Platform API answers at {self.app.api_url}: a proxy or portal?"
            raise errors.RejectedError(attempted, f"the answer is {what}", hint, status=answer.status)
        # The schema has null for what is not set.
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Told:
    """What an error answer says itself, safe to show.

    :param id: such as ``not_found``.
    :param url: where the vendor says more.
    :param scope: what the token may do, and what the call takes.
    """

    id: str = ""
    message: str = ""
    url: str = ""
    scope: str = ""


def told(answer: Answer, secrets: t.Sequence[str | None]) -> Told:
    """What an error answer ``{id, message, url}`` says, without secrets."""
    document = answer.json()
    known = document if isinstance(document, dict) else {}
    word, message, url = (_safe(known.get(name), secrets) for name in ("id", "message", "url"))
    # Seen in answers of the service (heroku/terraform-provider-heroku, pull request 135); not documented.
    has, takes = (_safe(answer.headers.get(name), secrets) for name in ("oauth-scope", "oauth-scope-accepted"))
    return Told(word, message, url, f"This token has {has}, the call takes {takes}." if has and takes else "")


def _safe(value: t.Any, secrets: t.Sequence[str | None]) -> str:
    text = redact(value, secrets) if isinstance(value, str) else ""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return printable if len(printable) <= LONGEST_MESSAGE else f"{printable[:LONGEST_MESSAGE]} (cut)"


RATE = "An account may make about 75 calls a minute, all of its programs together, once it has spent 4500."
SCOPE = "Its scope must be global or write-protected; read-protected is enough where nothing is to be changed."
# How each status is taken, and what to do then; ids and statuses are those of "Platform API Reference".
REFUSALS: dict[int, tuple[type[errors.ArchivingError], str]] = {
    401: (errors.DeniedError, "api_token is wrong, expired or revoked: heroku authorizations:create makes another."),
    402: (errors.DeniedError, "The account has to be settled with Heroku first."),
    403: (errors.DeniedError, f"The token's account must have access to the app. {SCOPE}"),
    404: (errors.NotFoundError, "Look whether app is right, and whether the token is of an account that sees it."),
    406: (errors.RejectedError, f'Something on the way changes the header Accept, which was "{ACCEPT}".'),
    409: (errors.ConflictError, "Somebody else changes the app at this moment: run it again."),
    410: (errors.NotFoundError, "The app is gone."),
    422: (errors.RejectedError, "Nothing was changed. Look at what Heroku says of names, values and their total size."),
}


def refusal(app: App, attempted: str, answer: Answer, said: Told) -> errors.ArchivingError:
    """The error for an answer that is no success; pure."""
    status = answer.status
    words = ": ".join(part for part in (f" ({said.id})" if said.id else "", said.message) if part)
    problem = f"{app.api_url} answered HTTP {status}{words if said.id else f': {words}' if words else ''}"
    kind, hint = REFUSALS.get(status, (errors.RejectedError, ""))
    if status >= 500:
        kind, hint = errors.UnreachableError, "Nothing is lost: run it again later."
    elif 300 <= status < 400:
        hint = "Redirects are not followed: correct api_url."
    elif answer.ok:
        hint = "This answer is not documented; what is set now is not known."
    more = f"Heroku says more at {said.url}" if said.url else ""
    hints = " ".join(part for part in (hint, said.scope if status == 403 else "", more) if part)
    return kind(attempted, problem, hints, status=status, tries=answer.tries, code=said.id or None)
