# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access to probes by clients without a key, by pages of another origin, and by the operator.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from .._aws.errors import translate_errors
from .._aws.s3_naming import PROBE_PREFIX, aws_host
from .._aws.session import Connection, root_element
from .._core.budget import Budget
from .._core.errors import ArchivingError, UnreachableError
from .._core.http_client import Http, Response
from .._core.retry import Deadline, backoff, wait_until
from .._core.values import quote_list
from .params import UploadCheckParams
from .probe import Check, ProbeKeys, problem
from .upload_checks import AES256, PART_SIZE

# For one request of a small object; the deadline of the check limits the number of requests.
BUDGET = Budget(timeout=10, retries=1, total=20)
# Bucket names that the wildcard certificate of AWS covers as a part of the host name.
_HOST_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_GLOBAL_HOSTS = ("s3.amazonaws.com", "s3-external-1.amazonaws.com")


def public_url(store: Connection, bucket: str, key: str, region: str) -> str:
    """The URL of an object for players.

    On AWS, virtual-hosted style with the region: the path style is deprecated (Amazon S3 User Guide, "Virtual hosting
    of buckets"). Path style on other stores, and for names with dots, which no wildcard certificate covers.
    """
    path = quote(key)
    if not store.is_aws:
        return f"{store.endpoint_url}/{bucket}/{path}"
    host = urlsplit(store.endpoint_url or "").hostname
    if host is None or host in _GLOBAL_HOSTS:
        host = aws_host(region)
    return f"https://{bucket}.{host}/{path}" if _HOST_LABEL.fullmatch(bucket) else f"https://{host}/{bucket}/{path}"


@dataclass(frozen=True)
class AccessChecks:
    """Reads the probes. Threads can share it.

    :param content: of the single-part probe.
    :param url: the URL of the single-part probe.
    :param deadline: until then, new policies and rules have to be in effect.
    :param bucket_url: the URL of the bucket.
    """

    params: UploadCheckParams
    client: t.Any
    keys: ProbeKeys
    content: bytes
    url: str
    deadline: Deadline
    bucket_url: str = ""

    @property
    def _http(self) -> Http:
        trusted: bool | str = self.params.operator.ca_bundle or True
        verify = trusted if self.params.operator.validate_certs else False
        return Http(BUDGET, secrets=self.params.secrets, verify=verify, runtime=self.deadline.runtime)

    def is_publicly_readable(self) -> bool:
        try:
            return self._is_probe(self._http.send("GET", self.url, "read the probe without a key"))
        except ArchivingError:
            return False

    def _is_probe(self, response: Response) -> bool:
        return response.status == 200 and response.body == self.content

    def check_anonymous_read(self) -> Check:
        return self._wait_for("anonymous_read", self._check_anonymous_read)

    def _wait_for(self, name: str, check: t.Callable[[], Check]) -> Check:
        """Repeat a check until it is successful: a new policy or rule takes effect after some time."""
        return wait_until(check, lambda last: last.ok, self.deadline, backoff()) or Check(name, False, "")

    def _check_anonymous_read(self) -> Check:
        try:
            response = self._http.send("GET", self.url, "read the probe without a key")
            status, is_readable = f"HTTP {response.status}", self._is_probe(response)
        except UnreachableError as exc:
            if exc.facts.get("status") is None:
                return Check("anonymous_read", False, f"GET {self.url} without a key: {problem(exc)} {exc.hint}")
            status, is_readable = f"HTTP {exc.facts['status']}", False
        return anonymous_read_check(self.url, bool(self.params.expect_public), is_readable, status)

    def check_anonymous_list(self) -> Check:
        """Check that the store does not list objects without a key."""
        return self._wait_for("anonymous_list", self._anonymous_list)

    def _anonymous_list(self) -> Check:
        """A policy can allow the listing of a prefix and not that of the whole bucket."""
        statuses: dict[str, str] = {}
        for prefix in ("", f"{self.params.prefix}/"):
            url = list_url(self.bucket_url, prefix)
            try:
                response = self._http.send("GET", url, "list the bucket without a key")
            except UnreachableError as exc:
                if exc.facts.get("status") is None:
                    return Check("anonymous_list", False, f"GET {url} without a key: {problem(exc)} {exc.hint}")
                statuses[url] = f"HTTP {exc.facts['status']}"
                continue
            if response.status == 200 and root_element(response.body) == "ListBucketResult":
                return anonymous_list_check({url: ""})
            statuses[url] = f"HTTP {response.status}"
        return anonymous_list_check(statuses)

    def check_cors_preflight(self) -> Check:
        """Send the request that a browser sends for a page of another origin."""
        return self._wait_for("cors_preflight", self._check_cors_preflight)

    def _check_cors_preflight(self) -> Check:
        origin, method = str(self.params.cors_origin), self.params.cors_method
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        try:
            response = self._http.send("OPTIONS", self.url, "send a CORS preflight", lambda: headers)
        except ArchivingError as exc:
            return Check("cors_preflight", False, f"OPTIONS {self.url}: {problem(exc)} {exc.hint}")
        return cors_preflight_check(response, origin, method)

    def check_stored_encryption(self, multipart: bool) -> Check:
        """Read size and encryption of the probes with the operator's credentials.

        :param multipart: whether the multipart probe exists too.
        """
        encryption: list[str] = []
        sizes = {self.keys.single: len(self.content)}
        if multipart:
            sizes[self.keys.multipart] = PART_SIZE + len(self.content)
        try:
            for key, size in sizes.items():
                response = self._head_object(key)
                stored_size = response.get("ContentLength", size)
                if stored_size != size:
                    return Check("stored_encryption", False, wrong_size_message(key, stored_size, size))
                encryption.append(str(response.get("ServerSideEncryption") or ""))
        except ArchivingError as exc:
            pattern = f"{self.params.bucket}/*/{PROBE_PREFIX}*"
            advice = f"The operator's credentials need s3:GetObject, at least on {pattern}."
            return Check("stored_encryption", False, f"Could not {exc.operation}: {problem(exc)} {advice}")
        return stored_encryption_check(encryption, self.params.sse)

    def _head_object(self, key: str) -> t.Mapping[str, t.Any]:
        operation = f"read the metadata of s3://{self.params.bucket}/{key}"
        with translate_errors(operation, self.params.operator, "s3:GetObject"):
            response: dict[str, t.Any] = self.client.head_object(Bucket=self.params.bucket, Key=key)
            return response


def anonymous_read_check(url: str, expect_public: bool, is_readable: bool, status: str) -> Check:
    """The result of a GET without a key."""
    response = f"GET {url} without a key returned {status}{' and the probe' if is_readable else ''}"
    if is_readable == expect_public:
        return Check("anonymous_read", True, f"{response}, as expected.")
    if is_readable:
        advice = (
            "Recordings there are public: remove the public prefix, policy, or ACL, and block public access of the "
            "bucket."
        )
    else:
        advice = (
            "Players without a key need a bucket policy that allows s3:GetObject to all principals on this prefix. "
            "Block Public Access settings prevent it."
        )
    expected = f"The probe should {'' if expect_public else 'not '}be readable."
    return Check("anonymous_read", False, f"{response}. {expected} {advice}")


def list_url(bucket_url: str, prefix: str) -> str:
    """The URL of a ListObjectsV2 request for one object."""
    query = {"list-type": "2", "max-keys": "1", **({"prefix": prefix} if prefix else {})}
    return f"{bucket_url}?{urlencode(query)}"


def anonymous_list_check(statuses: t.Mapping[str, str]) -> Check:
    """The result of ListObjectsV2 requests without a key.

    :param statuses: by URL; an empty string if the response listed objects.
    """
    listed = [url for url, status in statuses.items() if not status]
    if listed:
        detail = (
            f"GET {listed[0]} without a key lists objects: the keys of all recordings are public. Remove s3:ListBucket "
            "for all principals from the bucket policy, set the ACL of the bucket to private (READ for AllUsers allows "
            "listing), and set BlockPublicAcls and IgnorePublicAcls in the public access block. Players do not list."
        )
        return Check("anonymous_list", False, detail)
    shown = " and ".join(dict.fromkeys(statuses.values()))
    return Check("anonymous_list", True, f"Listing the bucket without a key is refused ({shown}).")


def cors_preflight_check(response: Response, origin: str, method: str) -> Check:
    """The result of a CORS preflight (Fetch standard, "CORS-preflight fetch")."""
    allowed_origin = response.headers.get("access-control-allow-origin", "")
    names = [name.strip() for name in response.headers.get("access-control-allow-methods", "").split(",")]
    allowed_methods = [name for name in names if name]
    methods = ", ".join(allowed_methods) or "none"
    headers = f"HTTP {response.status}, allowed origin {allowed_origin or 'none'}, methods {methods}"
    request = f"The preflight for {method} from {origin}"
    if response.ok and allowed_origin in ("*", origin) and ("*" in allowed_methods or method in allowed_methods):
        return Check("cors_preflight", True, f"{request} was allowed: {headers}.")
    advice = f"A CORS rule of the bucket must allow the origin {origin} and the method {method}."
    return Check("cors_preflight", False, f"{request} was not allowed: {headers}. {advice}")


def wrong_size_message(key: str, stored_size: int, uploaded_size: int) -> str:
    return (
        f"{key} has {stored_size} bytes, but {uploaded_size} bytes were uploaded: the server is not an S3 store, or "
        "the store loses recordings. Check the endpoint."
    )


def stored_encryption_check(encryption: t.Sequence[str], sse: bool) -> Check:
    """The result for the encryption of the stored probes.

    :param encryption: x-amz-server-side-encryption of each probe; empty without this header.
    """
    shown = quote_list(dict.fromkeys(value or "no encryption" for value in encryption))
    if not sse:
        return Check("stored_encryption", True, f"Stored with {shown}; no encryption was requested.")
    if set(encryption) == {AES256}:
        return Check("stored_encryption", True, f"Stored with {shown}, as requested.")
    if any("kms" in value for value in encryption):
        advice = (
            "Vonage documents keys managed by S3 only, never KMS: reading the recordings would also require the KMS "
            "key. Check why the store ignores the header of the uploader, and make AES256 the default of the bucket."
        )
    else:
        advice = "The store does not encrypt as requested: use a store that does, or make AES256 the default."
    return Check("stored_encryption", False, f"Expected AES256, but stored with {shown}. {advice}")
