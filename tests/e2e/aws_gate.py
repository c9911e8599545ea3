# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the addresses of AWS, judged by a policy as AWS judges them and answered by moto.

moto with its IAM on denies what a user's policy does not allow, and does not know all of it, see
``test_permissions.py``. What a request needs is said here from the Service Authorization Reference ("Actions,
resources, and condition keys for Amazon S3", and the same for IAM). A request that is not known here is an error:
nothing passes unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session

HOST = "127.0.0.1"
ACCOUNT = "123456789012"
_CREDENTIAL = re.compile(r"Credential=([^/]+)/[^/]+/[^/]+/(\w+)/")
# By method and subresource; some that are deleted take the permission of a write.
_OF_BUCKETS = {
    ("HEAD", ""): "s3:ListBucket",
    ("GET", ""): "s3:ListBucket",
    ("PUT", ""): "s3:CreateBucket",
    ("GET", "versions"): "s3:ListBucketVersions",
    ("GET", "uploads"): "s3:ListBucketMultipartUploads",
    ("GET", "encryption"): "s3:GetEncryptionConfiguration",
    ("PUT", "encryption"): "s3:PutEncryptionConfiguration",
    ("GET", "cors"): "s3:GetBucketCORS",
    ("PUT", "cors"): "s3:PutBucketCORS",
    ("DELETE", "cors"): "s3:PutBucketCORS",
    ("GET", "policy"): "s3:GetBucketPolicy",
    ("PUT", "policy"): "s3:PutBucketPolicy",
    ("DELETE", "policy"): "s3:DeleteBucketPolicy",
    ("GET", "publicAccessBlock"): "s3:GetBucketPublicAccessBlock",
    ("PUT", "publicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("GET", "lifecycle"): "s3:GetLifecycleConfiguration",
    ("PUT", "lifecycle"): "s3:PutLifecycleConfiguration",
    ("DELETE", "lifecycle"): "s3:PutLifecycleConfiguration",
    ("GET", "tagging"): "s3:GetBucketTagging",
    ("PUT", "tagging"): "s3:PutBucketTagging",
}
_OF_OBJECTS = {
    ("HEAD", ""): "s3:GetObject",
    ("GET", ""): "s3:GetObject",
    ("PUT", ""): "s3:PutObject",
    ("DELETE", ""): "s3:DeleteObject",
    ("DELETE", "versionId"): "s3:DeleteObjectVersion",
    ("DELETE", "uploadId"): "s3:AbortMultipartUpload",
}
_SUBRESOURCES = {name for _method, name in (*_OF_BUCKETS, *_OF_OBJECTS) if name}


class Need(NamedTuple):
    """A permission, on one resource."""

    action: str
    resource: str


def needs(request: AWSPreparedRequest, service: str) -> list[Need]:
    """What a request to AWS takes."""
    return _needs_of_iam(request) if service == "iam" else [_need_of_s3(request)]


def _needs_of_iam(request: AWSPreparedRequest) -> list[Need]:
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
    given = {name: values[0] for name, values in parse_qs(body).items()}
    path = given.get("Path", "/") if given["Action"] == "CreateUser" else "/"
    user = f"arn:aws:iam::{ACCOUNT}:user{path}{given['UserName']}"
    tagged = given["Action"] == "CreateUser" and any(name.startswith("Tags.") for name in given)
    return [Need(f"iam:{given['Action']}", user), *([Need("iam:TagUser", user)] if tagged else [])]


def _need_of_s3(request: AWSPreparedRequest) -> Need:
    parts = urlsplit(request.url)
    bucket, rest = parts.netloc.partition(".s3.")[0], unquote(parts.path).lstrip("/")
    if parts.netloc.startswith("s3."):
        bucket, _slash, rest = rest.partition("/")
    asked = set(parse_qs(parts.query, keep_blank_values=True)) & _SUBRESOURCES
    table, arn = (_OF_OBJECTS, f"arn:aws:s3:::{bucket}/{rest}") if rest else (_OF_BUCKETS, f"arn:aws:s3:::{bucket}")
    assert len(asked) <= 1, request.url
    return Need(table[request.method, "".join(asked)], arn)


def allows(policy: Mapping[str, Any], need: Need) -> bool:
    """Whether a policy of nothing but plain "Allow" allows it."""
    return any(
        need.action in statement["Action"] and any(_matches(each, need.resource) for each in _many(statement))
        for statement in policy["Statement"]
    )


def pairs(policy: Mapping[str, Any]) -> Iterator[Need]:
    """Every single permission of a policy; the resource is a pattern."""
    for statement in policy["Statement"]:
        for action in statement["Action"]:
            yield from (Need(action, resource) for resource in _many(statement))


def _many(statement: Mapping[str, Any]) -> list[str]:
    found = statement["Resource"]
    return [found] if isinstance(found, str) else list(found)


def _matches(pattern: str, resource: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), resource) is not None


def matches(pair: Need, need: Need) -> bool:
    """Whether a permission of a policy is the one that is needed."""
    return pair.action == need.action and _matches(pair.resource, need.resource)


@dataclass
class Gate:
    """In place of botocore's way out: only AWS's addresses are known, and moto is behind them all.

    :param upstream: URL of moto.
    :param policies: by access key; requests with other keys are for moto alone to judge.
    :param used: every permission that such requests have taken.
    """

    upstream: str
    policies: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    used: dict[str, set[Need]] = field(default_factory=dict)

    def send(self, session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        parts = urlsplit(request.url)
        if parts.hostname == HOST:
            return _SEND(session, request)  # a test that looks for itself
        assert parts.netloc.endswith(".amazonaws.com"), request.url
        authorization = request.headers["Authorization"]
        found = _CREDENTIAL.search(authorization.decode() if isinstance(authorization, bytes) else authorization)
        assert found
        key, service = found.groups()
        if key in self.policies:
            for need in needs(request, service):
                self.used.setdefault(key, set()).add(need)
                if not allows(self.policies[key], need):
                    return _denial(request.url, service, need)
        request.headers["Host"] = parts.netloc
        request.url = f"{self.upstream}{parts.path}{'?' if parts.query else ''}{parts.query}"
        return _SEND(session, request)


_SEND = URLLib3Session.send


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_unused: Any, **_options: Any) -> Iterator[bytes]:
        yield self._content


def _denial(url: str, service: str, need: Need) -> AWSResponse:
    """As AWS words it."""
    error = f"<Code>AccessDenied</Code><Message>not authorized to perform: {need.action} on {need.resource}</Message>"
    text = f"<Error>{error}</Error>"
    text = f"<ErrorResponse>{text}</ErrorResponse>" if service == "iam" else text
    return AWSResponse(url, 403, {"Content-Type": "text/xml"}, _Body(text.encode()))
