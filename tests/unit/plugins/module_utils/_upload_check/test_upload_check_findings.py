# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The findings of an upload check for given responses."""

from __future__ import annotations

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws.errors import ErrorResponse, translate
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core.http_client import Response
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.access_checks import (
    anonymous_list_check,
    anonymous_read_check,
    cors_preflight_check,
    list_url,
    public_url,
    stored_encryption_check,
)
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.params import UploadCheckParams
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.probe import Check
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.upload_checks import (
    sse_header_check,
    upload_failed_checks,
)
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.verify import failure_message

WEED = Connection(endpoint_url="http://127.0.0.1:8333")
SETTINGS = UploadCheckParams("recordings", "45678901", True, WEED, WEED)


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
def test_public_url_for_players(endpoint: str, bucket: str, region: str, url: str) -> None:
    assert public_url(Connection(endpoint_url=endpoint), bucket, "k/a b", region) == url


@pytest.mark.parametrize("values", [["AES256"], ["AES256", "AES256", "AES256"]])
def test_sse_header_check_aes256_is_ok(values: list[str]) -> None:
    check = sse_header_check("put_sse_echo", "the upload", values)
    assert check.ok
    assert check.detail == 'The response to the upload has "x-amz-server-side-encryption: AES256".'


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "no x-amz-server-side-encryption"),
        (["aws:kms"], '"x-amz-server-side-encryption: aws:kms"'),
        (["AES256", "aws:kms"], '"x-amz-server-side-encryption: aws:kms"'),
    ],
)
def test_sse_header_check_other_values_is_not_ok(values: list[str], words: str) -> None:
    check = sse_header_check("multipart_sse_echo", "the multipart upload", values)
    assert not check.ok
    assert check.name == "multipart_sse_echo"
    assert check.detail.startswith("The multipart upload requested AES256")
    assert words in check.detail


@pytest.mark.parametrize(
    ("encryption", "sse", "ok", "words"),
    [
        (["AES256", "AES256"], True, True, 'Stored with "AES256", as requested.'),
        (["AES256", ""], True, False, 'stored with "AES256" and "no encryption". The store does not encrypt'),
        ([""], True, False, 'stored with "no encryption"'),
        (["aws:kms"], True, False, "Vonage documents keys managed by S3 only, never KMS"),
        (["AES256", "aws:kms:dsse"], True, False, "never KMS"),
        ([""], False, True, 'Stored with "no encryption"; no encryption was requested.'),
        (["AES256"], False, True, 'Stored with "AES256"; no encryption was requested.'),
        (["aws:kms"], False, True, 'Stored with "aws:kms"; no encryption was requested.'),
    ],
)
def test_stored_encryption_check_compares_with_the_request(
    encryption: list[str], sse: bool, ok: bool, words: str
) -> None:
    check = stored_encryption_check(encryption, sse)
    assert (check.name, check.ok) == ("stored_encryption", ok)
    assert words in check.detail


def test_list_url_is_a_list_objects_v2_request() -> None:
    assert list_url("https://b.s3.eu-west-1.amazonaws.com/", "") == (
        "https://b.s3.eu-west-1.amazonaws.com/?list-type=2&max-keys=1"
    )
    assert list_url("http://127.0.0.1:8333/b/", "47/") == "http://127.0.0.1:8333/b/?list-type=2&max-keys=1&prefix=47%2F"


def test_anonymous_list_check_refused_is_ok() -> None:
    check = anonymous_list_check({"http://a/b/?x": "HTTP 403", "http://a/b/?y": "HTTP 403"})
    assert check == ("anonymous_list", True, "Listing the bucket without a key is refused (HTTP 403).")


def test_anonymous_list_check_listed_objects_is_not_ok_and_has_advice() -> None:
    check = anonymous_list_check({"http://a/b/?x": "HTTP 403", "http://a/b/?y": ""})
    assert (check.name, check.ok) == ("anonymous_list", False)
    assert check.detail.startswith("GET http://a/b/?y without a key lists objects: ")
    for words in ("s3:ListBucket", "bucket policy", "AllUsers", "BlockPublicAcls and IgnorePublicAcls"):
        assert words in check.detail


@pytest.mark.parametrize(
    ("expect_public", "readable", "ok", "words"),
    [
        (True, True, True, "returned HTTP 200 and the probe, as expected."),
        (False, False, True, "returned HTTP 200, as expected."),
        (
            True,
            False,
            False,
            "The probe should be readable. Players without a key need a bucket policy that allows s3:GetObject",
        ),
        (False, True, False, "The probe should not be readable. Recordings there are public"),
    ],
)
def test_anonymous_read_check_compares_with_the_expectation(
    expect_public: bool, readable: bool, ok: bool, words: str
) -> None:
    check = anonymous_read_check("http://a/b", expect_public, readable, "HTTP 200")
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
def test_cors_preflight_check_needs_origin_and_method(status: int, origin: str, methods: str, ok: bool) -> None:
    headers = {"access-control-allow-origin": origin, "access-control-allow-methods": methods}
    check = cors_preflight_check(
        Response(status, {key: value for key, value in headers.items() if value}, b""), ORIGIN, "GET"
    )
    assert (check.name, check.ok) == ("cors_preflight", ok)
    assert f"HTTP {status}, allowed origin {origin or 'none'}" in check.detail
    assert ("must allow the origin" in check.detail) is not ok


@pytest.mark.parametrize(
    ("status", "code", "findings", "words"),
    [
        (403, "InvalidAccessKeyId", {"credentials": False}, "Still not valid after 7 s"),
        (403, "SignatureDoesNotMatch", {"credentials": False}, "The secret key does not belong to the access key"),
        (403, "RequestTimeTooSkewed", {"credentials": False}, "The clock of this machine is wrong"),
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
def test_upload_failed_checks_by_error_code(status: int, code: str, findings: dict[str, bool], words: str) -> None:
    checks = upload_failed_checks(translate(ErrorResponse(status, code, "m"), "upload it", WEED), SETTINGS, 7.2)
    assert {check.name: check.ok for check in checks} == findings
    assert words in checks[-1].detail


def test_upload_failed_checks_denied_without_encryption_mentions_the_policy() -> None:
    denied = translate(ErrorResponse(403, "AccessDenied", "m"), "upload it", WEED)
    plain = UploadCheckParams("recordings", "45678901", False, WEED, WEED)
    assert "the bucket policy requires encryption" in upload_failed_checks(denied, plain, 1)[-1].detail
    assert "requires encryption" not in upload_failed_checks(denied, SETTINGS, 1)[-1].detail


def test_failure_message_lists_failed_checks_only() -> None:
    good, bad = Check("credentials", True, "Fine."), Check("no_read", False, "It can.")
    assert failure_message(SETTINGS, [good]) == ""
    assert failure_message(SETTINGS, [good, bad]) == (
        "Uploads to s3://recordings/45678901/ would not work as expected: 1 of 2 checks failed. no_read: It can."
    )
