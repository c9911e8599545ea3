# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to the Vonage Video API: set and delete the upload target of a project, and fetch documents.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

PUT and its responses 200, 400, and 403: the vendor's guide "Using S3 storage with server-side encryption". DELETE and
its responses 204 and 404: the preview document of the archiving API of 2013, and public code. No request returns the
upload target. Responses can contain secrets: messages contain only the code and message of an error, redacted.

Errors of the API are JSON objects. OpenTok: ``{code, message, description}``, published for a 400 (opentok-node issue
226). Unified environment: ``code`` and ``message``, the schema ``Video-Error`` of the published OpenAPI document for
archives, which does not contain the path of the upload target. The body of the 404 to a DELETE is unverified for both.
"""

from __future__ import annotations

import email.utils
import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import urlencode

from .._core import errors
from .._core.http_client import Http, Response
from .._core.optional_imports import load
from .._core.redaction import safe_excerpt
from .._core.runtime import SYSTEM, Runtime
from . import auth_token
from .project import Project

SUCCESS_STATUSES = frozenset({200, 204})
# Seconds. A smaller difference cannot invalidate a token, which is valid for three minutes.
MAX_HARMLESS_SKEW = 60
_TOKEN = re.compile(r"eyJ[\w-]{5,}(\.[\w-]*){0,2}")


@dataclass(frozen=True)
class CallResult:
    """The result of a successful request.

    :param tries: the number of attempts.
    :param existed: whether there was a target before a DELETE.
    """

    tries: int
    existed: bool = True


@dataclass(frozen=True)
class Client:
    """Sends requests for a project, or for an account and its projects. Threads can share it.

    :param secrets: redacted in errors, in addition to the secret of the project.
    """

    project: Project
    secrets: t.Sequence[str | None] = ()
    runtime: Runtime = SYSTEM
    http: Http | None = field(default=None, repr=False)

    def prepare(self) -> None:
        """Fail before the first request if a library is missing or no token can be created."""
        load("requests")
        self.headers()

    def put_storage(self, body: t.Mapping[str, t.Any]) -> CallResult:
        """Set the upload target; it replaces an existing one."""
        operation = f"set the upload target of {self.project.name}"
        response = self._send("PUT", self._storage_url, operation, body)
        if response.status not in SUCCESS_STATUSES:
            raise self._error(response, operation)
        self._reject_page(response, operation)
        self._check_saved_target(response, operation, body)
        return CallResult(response.tries)

    def delete_storage(self) -> CallResult:
        """Delete the upload target, if there is one."""
        operation = f"delete the upload target of {self.project.name}"
        response = self._send("DELETE", self._storage_url, operation)
        if response.status == 404:
            if not is_api_error(response):
                raise unknown_absence_error(self.project, operation, response)
            # An earlier attempt without a response may have deleted the target.
            return CallResult(response.tries, existed=response.tries > 1)
        if response.status not in SUCCESS_STATUSES:
            raise self._error(response, operation)
        self._reject_page(response, operation)
        return CallResult(response.tries)

    def get(self, path: str, operation: str, **query: int | str) -> t.Any:
        """Fetch the JSON document at a path below the base URL of the API.

        :raises RejectedError: the response is not JSON.
        """
        url = f"{self.project.api_url}{path}{f'?{urlencode(query)}' if query else ''}"
        response = self._send("GET", url, operation)
        if response.status != 200:
            raise self._error(response, operation, reading=True)
        document = response.json()
        if document is None:
            raise self._other_server_error(response, operation, "the response is not JSON")
        return document

    @property
    def _storage_url(self) -> str:
        return f"{self.project.api_url}{self.project.archives_path}/storage"

    def headers(self) -> dict[str, str]:
        """Headers with a new token."""
        project, now = self.project, self.runtime.now()
        headers = {"Accept": "application/json", "User-Agent": "ansible-vonage.archiving"}
        if project.unified:
            token = auth_token.create_application_token(project.id, project.secret, now)
            return {**headers, "Authorization": f"Bearer {token}"}
        token = auth_token.create_opentok_token(project.id, project.secret, project.kind, now)
        return {**headers, "X-OPENTOK-AUTH": token}

    def _send(self, method: str, url: str, operation: str, body: t.Mapping[str, t.Any] | None = None) -> Response:
        http = self.http or Http(self.project.budget, self._all_secrets, runtime=self.runtime)
        return http.send(method, url, operation, self.headers, body)

    @property
    def _all_secrets(self) -> list[str | None]:
        return [self.project.secret, *self.secrets]

    def _reject_page(self, response: Response, operation: str) -> None:
        """Portals and proxies respond to any request with a page and status 200."""
        if response.is_page:
            raise self._other_server_error(response, operation, "the response is a web page")

    def _other_server_error(self, response: Response, operation: str, problem: str) -> errors.RejectedError:
        url = self.project.api_url
        hint = f"Another server than the Vonage Video API, such as a proxy or a portal, responds at {url}."
        return errors.RejectedError(operation, problem, hint, status=response.status)

    def _check_saved_target(self, response: Response, operation: str, body: t.Mapping[str, t.Any]) -> None:
        """The response contains the saved target: compare it with the request, and quote no part of it."""
        document = response.json()
        saved = document.get("config") if isinstance(document, dict) else None
        for name in ("bucket", "container"):
            sent = body["config"].get(name)
            if sent and isinstance(saved, dict) and saved.get(name, sent) != sent:
                hint = "The current upload target is unknown. Check the settings of the project, then run it again."
                problem = f"according to the API, it saved another {name} than {sent!r}"
                raise errors.RejectedError(operation, problem, hint, status=response.status)

    def _error(self, response: Response, operation: str, reading: bool = False) -> errors.ArchivingError:
        message = api_message(response, self._all_secrets)
        skew = clock_skew(response.headers.get("date", ""), self.runtime.now())
        return response_error(self.project, operation, response, message, skew, reading)


def is_api_error(response: Response) -> bool:
    """Whether an error response has the form of an error of the Vonage API. Pure.

    Proxies, portals, and gateways send a page, or JSON of another form. A response with fields other than the
    documented ones is not an API error: a wrong result here would delete keys that the target still contains.
    """
    document = response.json()
    if not isinstance(document, dict) or not set(document) <= {"code", "message", "description"}:
        return False
    code, text = document.get("code"), document.get("message")
    description = document.get("description")
    is_number = isinstance(code, int) and not isinstance(code, bool)
    return is_number and isinstance(text, str) and (description is None or isinstance(description, str))


def unknown_absence_error(project: Project, operation: str, response: Response) -> errors.UnreachableError:
    """The error for a 404 to a DELETE that the Vonage API did not send. Pure."""
    problem = f"{project.api_url} responded with HTTP 404, and the body is not an error of the Vonage API"
    hint = (
        "The upload target may still be set. Check api_url, and proxies or gateways between this machine and the API, "
        "then run it again. If the API itself sends this response because there is no target, set a target with "
        "state=present and delete it again."
    )
    hint = f"{hint} {UNIFIED_HINT}" if project.unified else hint
    return errors.UnreachableError(operation, problem, hint, status=response.status, tries=response.tries)


def response_error(
    project: Project, operation: str, response: Response, message: str, skew: float | None, reading: bool = False
) -> errors.ArchivingError:
    """Translate a response without success into an error. Pure.

    :param message: the message of the API, redacted.
    :param skew: seconds by which the clock of this machine is ahead of that of the API; ``None`` if unknown.
    :param reading: whether the request does not change anything.
    """
    status = response.status
    problem = f"{project.api_url} responded with HTTP {status}{f': {message}' if message else ''}"
    facts: dict[str, t.Any] = {"status": status, "tries": response.tries, "clock_skew": skew and round(skew)}
    if status >= 500:
        return errors.UnreachableError(operation, problem, "Nothing is lost: run it again later.", **facts)
    if project.unified and status in (401, 403, 404) and not reading:
        return errors.DeniedError(operation, problem, f"{UNIFIED_HINT} {possible_causes(project, skew)}", **facts)
    if status in (401, 403):
        return errors.DeniedError(operation, problem, possible_causes(project, skew), **facts)
    if status == 404:
        hint = (
            f"Check that api_url is correct, and that {project.id_option} {project.id} belongs to the "
            f"{project.environment} environment."
        )
        return errors.NotFoundError(operation, problem, hint, **facts)
    if status == 400 and not reading:
        return errors.RejectedError(
            operation, problem, f"{REJECTED_TARGET_HINT} {possible_causes(project, skew)}", **facts
        )
    if 300 <= status < 400:
        return errors.RejectedError(operation, problem, "Redirects are not followed. Correct api_url.", **facts)
    hint = "This response is not documented." if reading else UNDOCUMENTED_HINT
    return errors.RejectedError(operation, problem, hint if response.ok else "", **facts)


# API keys are longer: such a key may be a number with a leading zero, which YAML reads as octal.
LONGEST_OCTAL_KEY = 6
UNIFIED_HINT = (
    "In the unified environment, setting the upload target by API is experimental: the vendor documents the path, but "
    "neither its host nor its token. If the API continues to refuse it, create a storage credential in the dashboard "
    '(Applications, Video, Advanced, "Connect to cloud storage").'
)
UNDOCUMENTED_HINT = "This response is not documented. The current upload target is unknown."
REJECTED_TARGET_HINT = (
    "The API rejected the upload target. Check its message about bucket, endpoint, certificate, and fallback (the "
    'documents of OpenTok name the fallback "opentok", those of Vonage "vonage").'
)


def possible_causes(project: Project, skew: float | None) -> str:
    """Why the API can refuse the token, the most likely cause first."""
    wrong_secret = f"{project.secret_option} does not belong to {project.id_option} {project.id}, or was replaced"
    wrong_host = (
        f"{project.id_option} {project.id} is not in the {project.environment} environment, or not at {project.api_url}"
    )
    if len(project.id) <= LONGEST_OCTAL_KEY:
        wrong_host += f"; {project.id_option} has no quotes in YAML, where an unquoted 0123 is 83"
    if skew is None:
        clock = "the clock of this machine is wrong (tokens are valid for three minutes)"
        return f"Possible causes: {wrong_secret}; {wrong_host}; {clock}."
    if abs(skew) <= MAX_HARMLESS_SKEW:
        return f"Possible causes: {wrong_secret}; {wrong_host}. The clock of this machine is correct."
    direction = "ahead of" if skew > 0 else "behind"
    return (
        f"Likely cause: the clock of this machine is {abs(skew):.0f} s {direction} the clock of the API. Set it by NTP."
        f" Other possible causes: {wrong_secret}; {wrong_host}."
    )


def clock_skew(date: str, now: float) -> float | None:
    """Seconds by which ``now`` is ahead of a ``Date`` header; ``None`` if the header is not valid."""
    try:
        return now - email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def api_message(response: Response, secrets: t.Sequence[str | None]) -> str:
    """The code and message of an error response, ``{code, message, description}``, without secrets and tokens."""
    document = response.json()
    if not isinstance(document, dict):
        return ""
    parts = [f"code {document['code']}" if isinstance(document.get("code"), (int, str)) else ""]
    parts.append(str(document["message"]) if isinstance(document.get("message"), str) else "")
    text = ", ".join(part for part in parts if part)
    return safe_excerpt(_TOKEN.sub("********", text), secrets)
