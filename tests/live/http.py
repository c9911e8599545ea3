# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP requests to the services, each recorded as one line without secrets.

The requests are written here, not by boto3 or the plugins: a question concerns one request with exact headers, and a
client library would add its own.
"""

from __future__ import annotations

import json
import re
import time
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import jwt
import requests
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TIMEOUT = 30
IAM_VERSION = "2010-05-08"
# An error code is one word. Any other text can quote the request, and is not recorded.
CODE = re.compile(r"-?[A-Za-z0-9_.]{1,60}")
TOKEN_LIFETIME = 180


@dataclass(frozen=True)
class Response:
    """A response; the status is 0 if there is none."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = field(default=b"", repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the service performed the request."""
        return 200 <= self.status < 300

    @property
    def is_refusal(self) -> bool:
        """Whether the service certainly did not perform the request."""
        return 400 <= self.status < 500

    @property
    def document(self) -> Any:
        """The JSON document; None if the content is not JSON."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None

    @property
    def code(self) -> str:
        """The error code in an XML or JSON document; empty if it is not one word."""
        document = self.document
        if isinstance(document, dict) and isinstance(document.get("error"), dict):
            document = document["error"]
        code = str(document.get("code", "")) if isinstance(document, dict) else "".join(self.texts("Code")[:1])
        return code if CODE.fullmatch(code) else ""

    def texts(self, name: str) -> list[str]:
        """Return the texts of all XML elements with a name, in any namespace."""
        try:
            return [element.text or "" for element in ET.fromstring(self.content).findall(f".//{{*}}{name}")]
        except ET.ParseError:
            return []

    def __str__(self) -> str:
        return f"{self.status} {self.code}".strip() if self.status else "no response"


class Transport:
    """Sends requests, and records each one as ``PUT /path?query -> 403 AccessDenied``."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._session = requests.Session()
        # Without it, requests replaces the header Authorization with credentials from ~/.netrc.
        self._session.auth = lambda request: request

    def send(
        self, method: str, url: str, path: str, headers: Mapping[str, str], body: bytes = b"", note: str = ""
    ) -> Response:
        """Send a request without redirects and retries; the headers and the body are not recorded."""
        try:
            raw = self._session.request(
                method, url + path, headers=dict(headers), data=body, timeout=TIMEOUT, allow_redirects=False
            )
            response = Response(raw.status_code, raw.headers, raw.content)
        except requests.RequestException:
            response = Response(0)
        self.lines.append(f"{method} {path}{note} -> {response}")
        return response


@dataclass(frozen=True)
class Keys:
    """An access key."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class AwsService:
    """Requests with the signature of AWS, version 4."""

    transport: Transport
    endpoint: str
    region: str
    keys: Keys

    def _sign(self, method: str, path: str, headers: Mapping[str, str], body: bytes, service: str) -> dict[str, str]:
        request = AWSRequest(method=method, url=self.endpoint + path, headers=dict(headers), data=body)
        credentials = Credentials(self.keys.access_key, self.keys.secret_key, self.keys.session_token or None)
        signer = S3SigV4Auth if service == "s3" else SigV4Auth
        signer(credentials, service, self.region).add_auth(request)
        return dict(request.headers.items())


class S3(AwsService):
    """S3, or an XML API that accepts its requests."""

    def send(
        self,
        method: str,
        bucket: str = "",
        key: str = "",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        service: str = "s3",
    ) -> Response:
        """Send a request with a path-style URL."""
        path = "/" + "/".join(quote(part, safe="/~") for part in (bucket, key) if part)
        # A subresource has no "=": Google documents only this form.
        pairs = [urlencode({name: value}, quote_via=quote) if value else name for name, value in (query or {}).items()]
        target = path + ("?" + "&".join(pairs) if pairs else "")
        return self.transport.send(
            method, self.endpoint, target, self._sign(method, target, headers or {}, body, service), body
        )


class Iam(AwsService):
    """IAM."""

    def send(self, action: str, **parameters: str) -> Response:
        """Send an action with its parameters in the body."""
        body = urlencode({"Action": action, "Version": IAM_VERSION, **parameters}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        signed = self._sign("POST", "/", headers, body, "iam")
        return self.transport.send("POST", self.endpoint, "/", signed, body, note=f" Action={action}")


@dataclass(frozen=True)
class JsonApi:
    """An API with JSON documents."""

    transport: Transport
    url: str

    def send(
        self, method: str, path: str, headers: Mapping[str, str], document: Any = None, note: str = ""
    ) -> Response:
        """Send a request with a JSON document."""
        body = b"" if document is None else json.dumps(document).encode()
        content_type = {} if document is None else {"Content-Type": "application/json"}
        return self.transport.send(method, self.url, path, {**headers, **content_type}, body, note)


def opentok_headers(issuer: str, secret: str, kind: str) -> dict[str, str]:
    """Return the header with the token of a project or an account."""
    return {"X-OPENTOK-AUTH": jwt.encode({"iss": issuer, "ist": kind, **_times()}, secret, algorithm="HS256")}


def application_headers(application_id: str, private_key: str) -> dict[str, str]:
    """Return the header with the token of an application."""
    token = jwt.encode({"application_id": application_id, **_times()}, private_key, algorithm="RS256")
    return {"Authorization": f"Bearer {token}"}


def _times() -> dict[str, Any]:
    now = int(time.time())
    return {"iat": now, "exp": now + TOKEN_LIFETIME, "jti": str(uuid.uuid4())}
