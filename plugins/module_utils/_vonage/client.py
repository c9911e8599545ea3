# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls of the Vonage Video API: to set and delete the upload target of a project, and to read documents.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

PUT and its answers 200, 400 and 403: the vendor's guide "Using S3 storage with server-side encryption". DELETE and its
answers 204 and 404: the preview document of the archiving API of 2013 and public code in use since. Nothing reads a
target. Answers may echo secrets and are never shown, but for the code and message of an error, redacted.

Errors of the API are JSON objects. OpenTok: ``{code, message, description}``, seen in public for a 400 (opentok-node
issue 226). Unified environment: ``code`` and ``message``, the schema ``Video-Error`` of the published OpenAPI document
for archives, which does not contain the path of the upload target. The body of the 404 to a DELETE is unverified for
both.
"""

from __future__ import annotations

import email.utils
import re
import time
import typing as t
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from .._core import errors
from .._core.http import Answer, Http
from .._core.optional_imports import load
from .._core.secrets import redact
from . import auth_token as token
from .project import Project

DONE = frozenset({200, 204})
LONGEST_MESSAGE = 300
# Below this, the clock cannot be why a token is refused: it lives for three minutes.
HARMLESS_SKEW = 60
_TOKEN = re.compile(r"eyJ[\w-]{5,}(\.[\w-]*){0,2}")


@dataclass(frozen=True)
class Done:
    """What became of a call.

    :param existed: whether there was a target before a DELETE.
    """

    tries: int
    existed: bool = True


@dataclass(frozen=True)
class Client:
    """Calls about one project, or as an account about all of its own; safe to share between threads.

    :param secrets: never shown in an error, beside the project's own.
    :param now: Unix seconds.
    """

    project: Project
    secrets: t.Sequence[str | None] = ()
    now: t.Callable[[], float] = time.time
    http: Http | None = field(default=None, repr=False)

    def prepare(self) -> None:
        """Fail now rather than halfway where a library is missing or no token can be made."""
        load("requests")
        self.headers()

    def put_storage(self, body: t.Mapping[str, t.Any]) -> Done:
        """Set the target, whatever there was before."""
        attempted = f"set the upload target of {self.project.name}"
        answer = self._send("PUT", self._storage, attempted, body)
        if answer.status not in DONE:
            raise self._refused(answer, attempted)
        self._check_page(answer, attempted)
        self._check_echo(answer, attempted, body)
        return Done(answer.tries)

    def delete_storage(self) -> Done:
        """Delete the target; it is no error when there is none."""
        attempted = f"delete the upload target of {self.project.name}"
        answer = self._send("DELETE", self._storage, attempted)
        if answer.status == 404:
            if not is_api_error(answer):
                raise absence_unproven(self.project, attempted, answer)
            # After a try without an answer, what is gone may have been deleted by that try.
            return Done(answer.tries, existed=answer.tries > 1)
        if answer.status not in DONE:
            raise self._refused(answer, attempted)
        self._check_page(answer, attempted)
        return Done(answer.tries)

    def get(self, path: str, attempted: str, **query: int | str) -> t.Any:
        """The JSON document at a path below the API's base URL.

        :raises RejectedError: the answer is none.
        """
        url = f"{self.project.api_url}{path}{f'?{urlencode(query)}' if query else ''}"
        answer = self._send("GET", url, attempted)
        if answer.status != 200:
            raise self._refused(answer, attempted, reading=True)
        document = answer.json()
        if document is None:
            hint = f"Something else than the Vonage Video API answers at {self.project.api_url}: a proxy or portal?"
            raise errors.RejectedError(attempted, "the answer is no JSON", hint, status=answer.status)
        return document

    @property
    def _storage(self) -> str:
        return f"{self.project.api_url}/v2/project/{quote(self.project.id, safe='')}/archive/storage"

    def headers(self) -> dict[str, str]:
        """Headers with a token made now."""
        headers = {"Accept": "application/json", "User-Agent": "ansible-vonage.archiving"}
        if self.project.unified:
            signed = token.application_token(self.project.id, self.project.secret, self.now())
            return {**headers, "Authorization": f"Bearer {signed}"}
        signed = token.opentok_token(self.project.id, self.project.secret, self.project.kind, self.now())
        return {**headers, "X-OPENTOK-AUTH": signed}

    def _send(self, method: str, url: str, attempted: str, body: t.Mapping[str, t.Any] | None = None) -> Answer:
        http = self.http or Http(self.project.budget, self._hidden())
        return http.send(method, url, attempted, self.headers, body)

    def _hidden(self) -> list[str | None]:
        return [self.project.secret, *self.secrets]

    def _check_page(self, answer: Answer, attempted: str) -> None:
        """Portals and proxies answer anything with 200."""
        if answer.body.lstrip()[:1] == b"<":
            hint = f"Something else than the Vonage Video API answers at {self.project.api_url}: a proxy or portal?"
            raise errors.RejectedError(attempted, "the answer is a web page", hint, status=answer.status)

    def _check_echo(self, answer: Answer, attempted: str, body: t.Mapping[str, t.Any]) -> None:
        """The answer repeats what was saved: look whether that is what was sent, and show nothing of it."""
        echo = answer.json()
        saved = echo.get("config") if isinstance(echo, dict) else None
        for name in ("bucket", "container"):
            sent = body["config"].get(name)
            if sent and isinstance(saved, dict) and saved.get(name, sent) != sent:
                hint = "What is set now is not known: look into the project's settings, then run it again."
                problem = f"the API says it saved another {name} than {sent!r}"
                raise errors.RejectedError(attempted, problem, hint, status=answer.status)

    def _refused(self, answer: Answer, attempted: str, reading: bool = False) -> errors.ArchivingError:
        said = message(answer, self._hidden())
        skew = clock_skew(answer.headers.get("date", ""), self.now())
        return refusal(self.project, attempted, answer, said, skew, reading)


def is_api_error(answer: Answer) -> bool:
    """Whether an error response has the form of the Vonage API's own errors; pure.

    Proxies, portals and gateways answer with a page or with JSON of another form. More fields than the documented ones
    count as another form: a wrong "yes" deletes keys that the target still holds.
    """
    document = answer.json()
    if not isinstance(document, dict) or not set(document) <= {"code", "message", "description"}:
        return False
    code, text = document.get("code"), document.get("message")
    description = document.get("description")
    is_number = isinstance(code, int) and not isinstance(code, bool)
    return is_number and isinstance(text, str) and (description is None or isinstance(description, str))


def absence_unproven(project: Project, attempted: str, answer: Answer) -> errors.UnreachableError:
    """The error for a 404 to a DELETE that the Vonage API did not send; pure."""
    problem = f"{project.api_url} answered HTTP 404, and the body is not an error of the Vonage API"
    hint = (
        "The upload target may still be set. Check api_url, and proxies or gateways between this machine and the API, "
        "then run it again. If the API itself sends this response because there is no target, set a target with "
        "state=present and delete it again."
    )
    hint = f"{hint} {UNIFIED}" if project.unified else hint
    return errors.UnreachableError(attempted, problem, hint, status=answer.status, tries=answer.tries)


def refusal(
    project: Project, attempted: str, answer: Answer, said: str, skew: float | None, reading: bool = False
) -> errors.ArchivingError:
    """The error for an answer that is no success; pure.

    :param said: what the API says itself, safe to show.
    :param skew: seconds that this machine's clock is ahead of the API's; ``None`` where not known.
    :param reading: nothing was to be set or deleted.
    """
    status = answer.status
    problem = f"{project.api_url} answered HTTP {status}{f': {said}' if said else ''}"
    facts: dict[str, t.Any] = {"status": status, "tries": answer.tries, "clock_skew": skew and round(skew)}
    if status >= 500:
        return errors.UnreachableError(attempted, problem, "Nothing is lost: run it again later.", **facts)
    if project.unified and status in (401, 403, 404) and not reading:
        return errors.DeniedError(attempted, problem, f"{UNIFIED} {causes(project, skew)}", **facts)
    if status in (401, 403):
        return errors.DeniedError(attempted, problem, causes(project, skew), **facts)
    if status == 404:
        hint = f"Look whether api_url is right, and whether {project.terms[1]} {project.id} is of this environment."
        return errors.NotFoundError(attempted, problem, hint, **facts)
    if status == 400 and not reading:
        return errors.RejectedError(attempted, problem, f"{NOT_TAKEN} {causes(project, skew)}", **facts)
    if 300 <= status < 400:
        return errors.RejectedError(attempted, problem, "Redirects are not followed: correct api_url.", **facts)
    hint = "This answer is not documented." if reading else UNDOCUMENTED
    return errors.RejectedError(attempted, problem, hint if answer.ok else "", **facts)


UNIFIED = (
    "Setting the target by API in the unified environment is experimental: the vendor documents the path, but neither "
    "its host nor its token. If it stays refused, create a storage credential in the dashboard (Applications, Video, "
    'Advanced, "Connect to cloud storage").'
)
UNDOCUMENTED = "This answer is not documented; what is set now is not known."
NOT_TAKEN = (
    "The API did not take the target: look at what it says of bucket, endpoint, certificate and fallback (the "
    'documents of OpenTok say fallback "opentok", those of Vonage "vonage").'
)


def causes(project: Project, skew: float | None) -> str:
    """What it can be when the API refuses the token, the likeliest first."""
    where, id_name, secret_name = project.terms
    wrong = f"{secret_name} does not belong to {id_name} {project.id}, or has been replaced"
    other = f"{id_name} {project.id} is not of the {where} environment, or not of {project.api_url}"
    if skew is None:
        clock = "the clock of this machine is off: tokens live for three minutes"
        return f"The cause can be that {wrong}; or that {other}; or that {clock}."
    if abs(skew) <= HARMLESS_SKEW:
        return f"The cause can be that {wrong}; or that {other}. The clock of this machine is right."
    clock = f"the clock of this machine is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the API's"
    return f"The cause is likely that {clock}: set it by NTP. Else {wrong}; or {other}."


def clock_skew(date: str, now: float) -> float | None:
    """Seconds that ``now`` is ahead of a ``Date`` header; ``None`` where it says nothing."""
    try:
        return now - email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def message(answer: Answer, secrets: t.Sequence[str | None]) -> str:
    """The code and message of an error answer, ``{code, message, description}``, without secrets or tokens."""
    document = answer.json()
    if not isinstance(document, dict):
        return ""
    parts = [f"code {document['code']}" if isinstance(document.get("code"), (int, str)) else ""]
    parts.append(str(document["message"]) if isinstance(document.get("message"), str) else "")
    text = ", ".join(part for part in parts if part)
    safe = redact(_TOKEN.sub("********", text), secrets)
    printable = "".join(char if char.isprintable() else " " for char in safe)
    return printable if len(printable) <= LONGEST_MESSAGE else f"{printable[:LONGEST_MESSAGE]} (cut)"
