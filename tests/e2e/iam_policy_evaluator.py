# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluates IAM policies for requests to AWS as AWS does, and passes allowed requests to moto.

moto with IAM enabled evaluates only some of these policies, see ``test_permissions.py``. The required permissions are
from the Service Authorization Reference ("Actions, resources, and condition keys for Amazon S3", and the same page for
IAM). A request that is not in these tables is an error.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session

HOST = "127.0.0.1"
ACCOUNT = "123456789012"
_CREDENTIAL = re.compile(r"Credential=([^/]+)/[^/]+/[^/]+/(\w+)/")
# By method and subresource. The permission to delete a subresource can be that of a write.
_BUCKET_ACTIONS = {
    ("HEAD", ""): "s3:ListBucket",
    ("GET", ""): "s3:ListBucket",
    ("PUT", ""): "s3:CreateBucket",
    ("DELETE", ""): "s3:DeleteBucket",
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
_OBJECT_ACTIONS = {
    ("HEAD", ""): "s3:GetObject",
    ("GET", ""): "s3:GetObject",
    ("PUT", ""): "s3:PutObject",
    ("DELETE", ""): "s3:DeleteObject",
    ("DELETE", "versionId"): "s3:DeleteObjectVersion",
    ("DELETE", "uploadId"): "s3:AbortMultipartUpload",
}
_SUBRESOURCES = {name for _method, name in (*_BUCKET_ACTIONS, *_OBJECT_ACTIONS) if name}


class Permission(NamedTuple):
    """An action on one resource."""

    action: str
    resource: str


def required_permissions(request: AWSPreparedRequest, service: str, paths: dict[str, str]) -> list[Permission]:
    """The permissions that a request to AWS requires.

    :param paths: of the existing users, by name. The path of another user is not in a request.
    """
    if service == "iam":
        return _required_for_iam(request, paths)
    return [*_required_for_deletions(request)] if request.method == "POST" else [_required_for_s3(request)]


def _required_for_iam(request: AWSPreparedRequest, paths: dict[str, str]) -> list[Permission]:
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
    params = {name: values[0] for name, values in parse_qs(body).items()}
    name, path = params["UserName"], paths.get(params["UserName"], "/")
    if params["Action"] == "CreateUser":
        path = paths[name] = params.get("Path", "/")
    elif params["Action"] == "DeleteUser":
        paths.pop(name, None)
    user = f"arn:aws:iam::{ACCOUNT}:user{path}{params['UserName']}"
    tagged = params["Action"] == "CreateUser" and any(name.startswith("Tags.") for name in params)
    return [Permission(f"iam:{params['Action']}", user), *([Permission("iam:TagUser", user)] if tagged else [])]


def _required_for_deletions(request: AWSPreparedRequest) -> Iterator[Permission]:
    """The request ``DeleteObjects`` names the objects in its body."""
    parts = urlsplit(request.url)
    assert parts.query == "delete", request.url
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
    bucket, _key = bucket_and_key(parts)
    for entry in re.findall(r"<Object>(.*?)</Object>", body, re.DOTALL):
        match = re.search(r"<Key>(.*?)</Key>", entry)
        assert match
        action = "s3:DeleteObjectVersion" if "<VersionId>" in entry else "s3:DeleteObject"
        yield Permission(action, f"arn:aws:s3:::{bucket}/{html.unescape(match[1])}")


def _required_for_s3(request: AWSPreparedRequest) -> Permission:
    parts = urlsplit(request.url)
    bucket, rest = bucket_and_key(parts)
    subresources = set(parse_qs(parts.query, keep_blank_values=True)) & _SUBRESOURCES
    table, arn = (
        (_OBJECT_ACTIONS, f"arn:aws:s3:::{bucket}/{rest}") if rest else (_BUCKET_ACTIONS, f"arn:aws:s3:::{bucket}")
    )
    assert len(subresources) <= 1, request.url
    return Permission(table[request.method, "".join(subresources)], arn)


def bucket_and_key(url: SplitResult) -> tuple[str, str]:
    """The bucket and the key of a URL of S3, in both forms; the key is empty for the bucket."""
    bucket, key = url.netloc.partition(".s3.")[0], unquote(url.path).lstrip("/")
    if url.netloc.startswith("s3."):
        bucket, _slash, key = key.partition("/")
    return bucket, key


def allows(policy: Mapping[str, Any], permission: Permission) -> bool:
    """Whether a policy that has only statements with "Allow" allows a permission."""
    return any(
        permission.action in statement["Action"]
        and any(_matches(pattern, permission.resource) for pattern in _resources(statement))
        for statement in policy["Statement"]
    )


def list_permissions(policy: Mapping[str, Any]) -> Iterator[Permission]:
    """All permissions of a policy; their resources are patterns."""
    for statement in policy["Statement"]:
        for action in statement["Action"]:
            yield from (Permission(action, resource) for resource in _resources(statement))


def _resources(statement: Mapping[str, Any]) -> list[str]:
    resources = statement["Resource"]
    return [resources] if isinstance(resources, str) else list(resources)


def _matches(pattern: str, resource: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), resource) is not None


def is_match(granted: Permission, permission: Permission) -> bool:
    """Whether a permission of a policy includes a required one."""
    return granted.action == permission.action and _matches(granted.resource, permission.resource)


@dataclass
class PolicyEvaluator:
    """Replaces ``URLLib3Session.send`` of botocore: evaluates requests to AWS, and sends them to moto.

    :param upstream: the URL of moto.
    :param policies: by access key; only moto evaluates requests with other keys.
    :param used: the permissions that requests with these keys have required.
    :param paths: of the users that these keys have created.
    """

    upstream: str
    policies: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    used: dict[str, set[Permission]] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)

    def send(self, session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        parts = urlsplit(request.url)
        if parts.hostname == HOST:
            return _SEND(session, request)  # a request of the test itself
        assert parts.netloc.endswith(".amazonaws.com"), request.url
        authorization = request.headers["Authorization"]
        match = _CREDENTIAL.search(authorization.decode() if isinstance(authorization, bytes) else authorization)
        assert match
        key, service = match.groups()
        if key in self.policies:
            for permission in required_permissions(request, service, self.paths):
                self.used.setdefault(key, set()).add(permission)
                if not allows(self.policies[key], permission):
                    return _denial(request.url, service, permission)
        request.headers["Host"] = parts.netloc
        url, request.url = request.url, f"{self.upstream}{parts.path}{'?' if parts.query else ''}{parts.query}"
        response = _SEND(session, request)
        is_missing = response.status_code == 404 and service == "s3" and request.method in ("GET", "HEAD")
        if is_missing and key in self.policies and "NoSuchBucket" not in response.text:
            # Without ListBucket, S3 does not reveal that an object is missing (API Reference, GetObject).
            permission = Permission("s3:ListBucket", f"arn:aws:s3:::{bucket_and_key(parts)[0]}")
            self.used[key].add(permission)
            if not allows(self.policies[key], permission):
                return _denial(url, service, permission)
        return response


_SEND = URLLib3Session.send


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_unused: Any, **_options: Any) -> Iterator[bytes]:
        yield self._content


def _denial(url: str, service: str, permission: Permission) -> AWSResponse:
    """The error response of AWS."""
    message = f"not authorized to perform: {permission.action} on {permission.resource}"
    text = f"<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>"
    text = f"<ErrorResponse>{text}</ErrorResponse>" if service == "iam" else text
    return AWSResponse(url, 403, {"Content-Type": "text/xml"}, _Body(text.encode()))
