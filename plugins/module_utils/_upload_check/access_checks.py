# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What others see of a probe: anybody without a key, a page of another origin, and the operator.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from .._aws.errors import told
from .._aws.s3_naming import PROBE_PREFIX, aws_host
from .._aws.session import Connection, root_element
from .._core.deadline import Patience
from .._core.errors import ArchivingError, UnreachableError
from .._core.http import Answer, Budget, Http
from .._core.values import quote_list
from .params import Settings
from .probe import Check, Keys, problem
from .upload_checks import AES256, PART_SIZE

# One look at a small object; the patience of the whole check decides how often to look.
BUDGET = Budget(timeout=10, retries=1, total=20)
# Names that can be a part of a host name which AWS's certificate covers.
_HOST_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_GLOBAL_HOSTS = ("s3.amazonaws.com", "s3-external-1.amazonaws.com")


def public_url(store: Connection, bucket: str, key: str, region: str) -> str:
    """The URL of an object as a player would use it; pure.

    Virtual-host style with the region on AWS (Amazon S3 User Guide, "Virtual hosting of buckets", where the path style
    is on its way out), path style where the name has dots, which no wildcard certificate covers, and elsewhere.
    """
    path = quote(key)
    if not store.is_aws:
        return f"{store.endpoint_url}/{bucket}/{path}"
    host = urlsplit(store.endpoint_url or "").hostname
    if host is None or host in _GLOBAL_HOSTS:
        host = aws_host(region)
    return f"https://{bucket}.{host}/{path}" if _HOST_LABEL.fullmatch(bucket) else f"https://{host}/{bucket}/{path}"


@dataclass(frozen=True)
class Views:
    """Looks at the probes; safe to share between threads.

    :param content: what the single-part probe holds.
    :param url: the URL of the single-part probe.
    :param bucket_url: the URL of the bucket.
    """

    settings: Settings
    client: t.Any
    keys: Keys
    content: bytes
    url: str
    patience: Patience
    bucket_url: str = ""

    @property
    def _http(self) -> Http:
        trust: bool | str = self.settings.operator.ca_bundle or True
        verify = trust if self.settings.operator.validate_certs else False
        return Http(BUDGET, secrets=self.settings.secrets, verify=verify)

    def anybody_can_read(self) -> bool:
        try:
            return self._is_probe(self._http.send("GET", self.url, "read the probe without a key"))
        except ArchivingError:
            return False

    def _is_probe(self, answer: Answer) -> bool:
        return answer.status == 200 and answer.body == self.content

    def anonymous(self) -> Check:
        """What somebody without a key gets; looked at again while a policy that was just set may not count yet."""
        check = Check("anonymous_read", False, "")
        for _pause in self.patience.pauses():
            check = self._anonymous()
            if check.ok:
                break
        return check

    def _anonymous(self) -> Check:
        try:
            answer = self._http.send("GET", self.url, "read the probe without a key")
            came, readable = f"HTTP {answer.status}", self._is_probe(answer)
        except UnreachableError as exc:
            status = exc.facts.get("status")
            if status is None:
                return Check("anonymous_read", False, f"GET {self.url} without a key: {problem(exc)} {exc.hint}")
            came, readable = f"HTTP {status}", False
        return anonymous_read(self.url, bool(self.settings.expect_public), readable, came)

    def anonymous_list(self) -> Check:
        """Whether the bucket refuses to list objects without a key; a policy that was just set may not count yet."""
        check = Check("anonymous_list", False, "")
        for _pause in self.patience.pauses():
            check = self._anonymous_list()
            if check.ok:
                break
        return check

    def _anonymous_list(self) -> Check:
        """A policy can allow the listing of a prefix and not that of the whole bucket."""
        responses: dict[str, str] = {}
        for prefix in ("", f"{self.settings.prefix}/"):
            url = list_url(self.bucket_url, prefix)
            try:
                answer = self._http.send("GET", url, "list the bucket without a key")
            except UnreachableError as exc:
                if exc.facts.get("status") is None:
                    return Check("anonymous_list", False, f"GET {url} without a key: {problem(exc)} {exc.hint}")
                responses[url] = f"HTTP {exc.facts['status']}"
                continue
            if answer.status == 200 and root_element(answer.body) == "ListBucketResult":
                return anonymous_list({url: ""})
            responses[url] = f"HTTP {answer.status}"
        return anonymous_list(responses)

    def preflight(self) -> Check:
        """What a browser learns that asks for a page of another origin; rules just set may not count yet."""
        check = Check("cors_preflight", False, "")
        for _pause in self.patience.pauses():
            check = self._preflight()
            if check.ok:
                break
        return check

    def _preflight(self) -> Check:
        origin, method = str(self.settings.cors_origin), self.settings.cors_method
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        try:
            answer = self._http.send("OPTIONS", self.url, "send a CORS preflight", lambda: headers)
        except ArchivingError as exc:
            return Check("cors_preflight", False, f"OPTIONS {self.url}: {problem(exc)} {exc.hint}")
        return preflight(answer, origin, method)

    def stored(self, multipart: bool) -> Check:
        """How the probes lie in the store, seen with the operator's credentials.

        :param multipart: whether the multipart probe is there too.
        """
        found: list[str] = []
        sizes = {self.keys.single: len(self.content)}
        if multipart:
            sizes[self.keys.multipart] = PART_SIZE + len(self.content)
        try:
            for key, size in sizes.items():
                answer = self._stored(key)
                there = answer.get("ContentLength", size)
                if there != size:
                    return Check("stored_encryption", False, not_what_was_sent(key, there, size))
                found.append(str(answer.get("ServerSideEncryption") or ""))
        except ArchivingError as exc:
            folder = f"{self.settings.bucket}/*/{PROBE_PREFIX}*"
            advice = f"The operator's credentials need s3:GetObject, if only on {folder}."
            return Check("stored_encryption", False, f"While trying to {exc.operation}: {problem(exc)} {advice}")
        return stored_encryption(found, self.settings.sse)

    def _stored(self, key: str) -> t.Mapping[str, t.Any]:
        what = f"look at s3://{self.settings.bucket}/{key}"
        with told(what, self.settings.operator, "s3:GetObject"):
            answer: dict[str, t.Any] = self.client.head_object(Bucket=self.settings.bucket, Key=key)
            return answer


def anonymous_read(url: str, expect_public: bool, readable: bool, came: str) -> Check:
    """The judgement on a GET without a key; pure."""
    ok = readable == expect_public
    got = f"GET {url} without a key was answered with {came}{' and the probe' if readable else ''}"
    if ok:
        return Check("anonymous_read", True, f"{got}, as expected.")
    if readable:
        advice = (
            "Recordings there are for everybody: take the public prefix, policy or ACL away, and block public access."
        )
    else:
        advice = (
            "Players without a key need s3:GetObject for everybody on this prefix, which public access blocks prevent."
        )
    return Check(
        "anonymous_read", False, f"{got}; expected was that it is {'' if expect_public else 'not '}readable. {advice}"
    )


def list_url(bucket_url: str, prefix: str) -> str:
    """The URL of a ListObjectsV2 request for one object; pure."""
    query = {"list-type": "2", "max-keys": "1", **({"prefix": prefix} if prefix else {})}
    return f"{bucket_url}?{urlencode(query)}"


def anonymous_list(responses: t.Mapping[str, str]) -> Check:
    """The result of ListObjectsV2 requests without a key; pure.

    :param responses: by URL the status, or an empty string where objects were listed.
    """
    listed = [url for url, status in responses.items() if not status]
    if listed:
        detail = (
            f"GET {listed[0]} without a key lists objects: the keys of all recordings are public. Remove s3:ListBucket "
            "for everybody from the bucket policy, set the ACL of the bucket to private (READ for AllUsers allows "
            "listing), and set BlockPublicAcls and IgnorePublicAcls in the public access block. Players do not list."
        )
        return Check("anonymous_list", False, detail)
    shown = " and ".join(dict.fromkeys(responses.values()))
    return Check("anonymous_list", True, f"Listing the bucket without a key is refused ({shown}).")


def preflight(answer: Answer, origin: str, method: str) -> Check:
    """The judgement on the answer to a CORS preflight (Fetch standard, "CORS-preflight fetch"); pure."""
    allowed_origin = answer.headers.get("access-control-allow-origin", "")
    listed = [item.strip() for item in answer.headers.get("access-control-allow-methods", "").split(",")]
    allowed_methods = [item for item in listed if item]
    methods = ", ".join(allowed_methods) or "none"
    got = f"HTTP {answer.status}, allowed origin {allowed_origin or 'none'}, methods {methods}"
    asked = f"The preflight for {method} from {origin}"
    if answer.ok and allowed_origin in ("*", origin) and ("*" in allowed_methods or method in allowed_methods):
        return Check("cors_preflight", True, f"{asked} was allowed: {got}.")
    advice = f"A CORS rule of the bucket must allow the origin {origin} and the method {method}."
    return Check("cors_preflight", False, f"{asked} was not allowed: {got}. {advice}")


def not_what_was_sent(key: str, there: int, sent: int) -> str:
    """What is told of a probe that did not arrive whole; pure."""
    return (
        f"{key} has {there} bytes where {sent} were uploaded: something else than an S3 store answers there, or one "
        "that loses recordings."
    )


def stored_encryption(found: t.Sequence[str], sse: bool) -> Check:
    """The judgement on how probes are stored; pure.

    :param found: x-amz-server-side-encryption of each, empty where there is none.
    """
    shown = quote_list(dict.fromkeys(value or "no encryption" for value in found))
    if not sse:
        return Check("stored_encryption", True, f"Stored with {shown}; nothing was asked for.")
    if set(found) == {AES256}:
        return Check("stored_encryption", True, f"Stored with {shown}, as asked for.")
    if any("kms" in value for value in found):
        advice = (
            "Vonage documents keys managed by S3 only, never KMS: whoever reads the recordings would need the KMS key "
            "too. Look why the store sets the uploader's wish aside, and make AES256 the bucket's default."
        )
    else:
        advice = "The store does not keep what it was asked for: use a store that encrypts, or make AES256 the default."
    return Check("stored_encryption", False, f"Expected was AES256, stored is {shown}. {advice}")
