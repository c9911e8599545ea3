# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an upload check makes of what it sees. All of this is pure."""

from __future__ import annotations

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws.errors import Answered, translate
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core.http import Answer
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.access_checks import (
    anonymous_list,
    anonymous_read,
    list_url,
    preflight,
    public_url,
    stored_encryption,
)
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.params import Settings
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.probe import Check
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.reconcile import summary
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.upload_checks import echo, not_put

WEED = Connection(endpoint_url="http://127.0.0.1:8333")
SETTINGS = Settings("recordings", "45678901", True, WEED, WEED)


@pytest.mark.parametrize(
    ("endpoint", "bucket", "region", "url"),
    [
        (None, "recordings", "eu-west-1", "https://recordings.s3.eu-west-1.amazonaws.com/k/a%20b"),
        (None, "my.recordings", "eu-west-1", "https://s3.eu-west-1.amazonaws.com/my.recordings/k/a%20b"),
        (None, "Old_Name", "us-east-1", "https://s3.us-east-1.amazonaws.com/Old_Name/k/a%20b"),
        (None, "recordings", "cn-northwest-1", "https://recordings.s3.cn-northwest-1.amazonaws.com.cn/k/a%20b"),
        (
            "https://s3.amazonaws.com",
            "recordings",
            "sa-east-1",
            "https://recordings.s3.sa-east-1.amazonaws.com/k/a%20b",
        ),
        (
            "https://s3.dualstack.eu-west-1.amazonaws.com",
            "recordings",
            "us-east-1",
            "https://recordings.s3.dualstack.eu-west-1.amazonaws.com/k/a%20b",
        ),
        ("http://127.0.0.1:8333", "recordings", "eu-west-1", "http://127.0.0.1:8333/recordings/k/a%20b"),
        ("https://storage.googleapis.com", "a.b", "x", "https://storage.googleapis.com/a.b/k/a%20b"),
    ],
)
def test_the_url_of_a_player(endpoint: str, bucket: str, region: str, url: str) -> None:
    assert public_url(Connection(endpoint_url=endpoint), bucket, "k/a b", region) == url


@pytest.mark.parametrize("seen", [["AES256"], ["AES256", "AES256", "AES256"]])
def test_an_echo_as_asked(seen: list[str]) -> None:
    check = echo("put_sse_echo", "the upload", seen)
    assert check.ok
    assert check.detail == 'The store answered the upload with "x-amz-server-side-encryption: AES256".'


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ([], "no x-amz-server-side-encryption"),
        (["aws:kms"], '"x-amz-server-side-encryption: aws:kms"'),
        (["AES256", "aws:kms"], '"x-amz-server-side-encryption: aws:kms"'),
    ],
)
def test_an_echo_that_is_not_as_asked(seen: list[str], words: str) -> None:
    check = echo("multipart_sse_echo", "the multipart upload", seen)
    assert not check.ok
    assert check.name == "multipart_sse_echo"
    assert check.detail.startswith("The multipart upload asked for AES256")
    assert words in check.detail


@pytest.mark.parametrize(
    ("found", "sse", "ok", "words"),
    [
        (["AES256", "AES256"], True, True, 'Stored with "AES256", as asked for.'),
        (["AES256", ""], True, False, 'stored is "AES256" and "no encryption". The store does not keep'),
        ([""], True, False, 'stored is "no encryption"'),
        (["aws:kms"], True, False, "Vonage documents keys managed by S3 only, never KMS"),
        (["AES256", "aws:kms:dsse"], True, False, "never KMS"),
        ([""], False, True, 'Stored with "no encryption"; nothing was asked for.'),
        (["AES256"], False, True, 'Stored with "AES256"; nothing was asked for.'),
        (["aws:kms"], False, True, 'Stored with "aws:kms"; nothing was asked for.'),
    ],
)
def test_how_it_is_stored(found: list[str], sse: bool, ok: bool, words: str) -> None:
    check = stored_encryption(found, sse)
    assert (check.name, check.ok) == ("stored_encryption", ok)
    assert words in check.detail


def test_list_url_is_a_list_objects_v2_request() -> None:
    assert list_url("https://b.s3.eu-west-1.amazonaws.com/", "") == (
        "https://b.s3.eu-west-1.amazonaws.com/?list-type=2&max-keys=1"
    )
    assert list_url("http://127.0.0.1:8333/b/", "47/") == "http://127.0.0.1:8333/b/?list-type=2&max-keys=1&prefix=47%2F"


def test_anonymous_list_refused_is_ok() -> None:
    check = anonymous_list({"http://a/b/?x": "HTTP 403", "http://a/b/?y": "HTTP 403"})
    assert check == ("anonymous_list", True, "Listing the bucket without a key is refused (HTTP 403).")


def test_anonymous_list_answered_with_objects_is_not_ok_and_says_how_to_close_it() -> None:
    check = anonymous_list({"http://a/b/?x": "HTTP 403", "http://a/b/?y": ""})
    assert (check.name, check.ok) == ("anonymous_list", False)
    assert check.detail.startswith("GET http://a/b/?y without a key lists objects: ")
    for words in ("s3:ListBucket", "bucket policy", "AllUsers", "BlockPublicAcls and IgnorePublicAcls"):
        assert words in check.detail


@pytest.mark.parametrize(
    ("expect_public", "readable", "ok", "words"),
    [
        (True, True, True, "was answered with HTTP 200 and the probe, as expected."),
        (False, False, True, "was answered with HTTP 200, as expected."),
        (True, False, False, "expected was that it is readable. Players without a key need s3:GetObject"),
        (False, True, False, "expected was that it is not readable. Recordings there are for everybody"),
    ],
)
def test_who_can_read(expect_public: bool, readable: bool, ok: bool, words: str) -> None:
    check = anonymous_read("http://a/b", expect_public, readable, "HTTP 200")
    assert (check.name, check.ok) == ("anonymous_read", ok)
    assert words in check.detail


ORIGIN = "https://www.example.com"


@pytest.mark.parametrize(
    ("status", "origin", "methods", "ok"),
    [
        (200, ORIGIN, "GET, PUT", True),
        (204, "*", "GET", True),
        (200, "*", "*", True),
        (200, ORIGIN, "PUT,POST", False),
        (200, ORIGIN, "TARGET", False),
        (200, "https://www.example.org", "GET", False),
        (200, "", "GET", False),
        (200, ORIGIN, "", False),
        (403, ORIGIN, "GET", False),
    ],
)
def test_preflights(status: int, origin: str, methods: str, ok: bool) -> None:
    headers = {"access-control-allow-origin": origin, "access-control-allow-methods": methods}
    check = preflight(Answer(status, {key: value for key, value in headers.items() if value}, b""), ORIGIN, "GET")
    assert (check.name, check.ok) == ("cors_preflight", ok)
    assert f"HTTP {status}, allowed origin {origin or 'none'}" in check.detail
    assert ("must allow the origin" in check.detail) is not ok


@pytest.mark.parametrize(
    ("status", "code", "findings", "words"),
    [
        (403, "InvalidAccessKeyId", {"credentials": False}, "Still not valid after 7 s"),
        (403, "SignatureDoesNotMatch", {"credentials": False}, "The secret key does not belong to the access key"),
        (403, "RequestTimeTooSkewed", {"credentials": False}, "The clock of this machine is off"),
        (
            403,
            "AccessDenied",
            {"credentials": True, "put_object": False},
            "needs s3:PutObject on recordings/45678901/*",
        ),
        (404, "NoSuchBucket", {"put_object": False}, "Create the bucket recordings first"),
        (503, "SlowDown", {"put_object": False}, "run it again later"),
        (400, "KMS.DisabledException", {"put_object": False}, "KMS.DisabledException"),
    ],
)
def test_uploads_that_did_not_succeed(status: int, code: str, findings: dict[str, bool], words: str) -> None:
    checks = not_put(translate(Answered(status, code, "m"), "upload it", WEED), SETTINGS, 7.2)
    assert {check.name: check.ok for check in checks} == findings
    assert words in checks[-1].detail


def test_a_denial_without_encryption_may_be_the_policy() -> None:
    denied = translate(Answered(403, "AccessDenied", "m"), "upload it", WEED)
    plain = Settings("recordings", "45678901", False, WEED, WEED)
    assert "the bucket's policy demands encryption" in not_put(denied, plain, 1)[-1].detail
    assert "demands encryption" not in not_put(denied, SETTINGS, 1)[-1].detail


def test_the_summary() -> None:
    good, bad = Check("credentials", True, "Fine."), Check("no_read", False, "It can.")
    assert summary(SETTINGS, [good]) == ""
    assert summary(SETTINGS, [good, bad]) == (
        "Uploads to s3://recordings/45678901/ would not work as expected, 1 of 2 checks failed. no_read: It can."
    )
