# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upload targets: the request, the public fields, and the validation of the options."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import MissingLibraryError
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import certificates, target
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.target import Target
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import rules
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._vonage import keys

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
S3 = {"bucket": "example-archives", "access_key": KEY, "secret_key": SECRET}
# Keys of storage accounts have 64 bytes.
ACCOUNT_KEY = "aGlkZGVu" * 10 + "aGlkZA=="
AZURE = {"account_name": "examplearchives", "account_key": ACCOUNT_KEY, "container": "archives"}


def parse(**params: t.Any) -> Target:
    problems = Problems()
    parsed = target.parse_target({"fallback": "none", **params}, problems)
    assert list(problems) == []
    assert parsed is not None
    return parsed


def problems_of(**params: t.Any) -> list[str]:
    problems = Problems()
    assert target.parse_target({"fallback": "none", **params}, problems) is None
    return [str(problem) for problem in problems]


def test_parse_target_with_minimal_s3_options() -> None:
    parsed = parse(s3=S3)
    assert parsed.body() == {
        "type": "s3",
        "config": {"bucket": "example-archives", "accessKey": KEY, "secretKey": SECRET, "sse": "s3"},
        "fallback": "none",
        "certificate": None,
    }
    assert parsed.public() == {
        "type": "s3",
        "bucket": "example-archives",
        "access_key": KEY,
        "sse": "s3",
        "fallback": "none",
    }
    assert (parsed.bucket, parsed.secret_option) == ("example-archives", "s3.secret_key")


def test_parse_target_with_all_s3_options() -> None:
    pem = keys.certificate_pem(keys.rsa_key())
    s3 = {**S3, "endpoint": "https://storage.googleapis.com/", "sse": "none"}
    parsed = parse(s3=s3, azure={"container": ""}, fallback="opentok", certificate=pem.replace("\n", "\\n"))
    assert parsed.body() == {
        "type": "s3",
        "config": {
            "bucket": "example-archives",
            "accessKey": KEY,
            "secretKey": SECRET,
            "endpoint": "https://storage.googleapis.com",
            "sse": "none",
        },
        "fallback": "opentok",
        "certificate": pem,
    }
    assert parsed.public()["certificate_sha256"] == certificates.fingerprint(pem)


def test_parse_target_with_all_azure_options() -> None:
    parsed = parse(azure={**AZURE, "domain": "core.chinacloudapi.cn"}, s3={"sse": "s3"}, fallback="vonage")
    assert parsed.body() == {
        "type": "azure",
        "config": {
            "accountName": "examplearchives",
            "accountKey": ACCOUNT_KEY,
            "container": "archives",
            "domain": "core.chinacloudapi.cn",
        },
        "fallback": "vonage",
        "certificate": None,
    }
    assert parsed.public() == {
        "type": "azure",
        "account_name": "examplearchives",
        "container": "archives",
        "domain": "core.chinacloudapi.cn",
        "fallback": "vonage",
    }
    assert (parsed.bucket, parsed.secret_option) == ("archives", "azure.account_key")


def test_parse_target_without_secret_is_valid() -> None:
    assert parse(s3={**S3, "secret_key": ""}).secret is None
    assert parse(azure={**AZURE, "account_key": None}).secret is None


@given(st.text("abcdefghij0123456789/+", min_size=20, max_size=60))
def test_public_contains_no_secret(secret: str) -> None:
    parsed = parse(s3={**S3, "secret_key": secret})
    assert secret not in json.dumps(parsed.public())
    assert secret not in repr(parsed)


@pytest.mark.parametrize(
    ("change", "problem_part"),
    [
        ({"bucket": None}, "s3.bucket: is required"),
        ({"access_key": ""}, "s3.access_key: is required"),
        ({"bucket": " b-ucket"}, "s3.bucket: begins or ends with white space"),
        ({"secret_key": SECRET + "\n"}, "s3.secret_key: begins or ends with white space"),
        ({"endpoint": "https://a.b "}, "s3.endpoint: begins or ends with white space"),
        ({"access_key": "ASIAIOSFODNN7EXAMPLE"}, "is temporary (it begins with ASIA). Vonage cannot use it"),
        ({"access_key": SECRET, "secret_key": KEY}, "s3.secret_key: has the form of an access key ID"),
        ({"access_key": SECRET, "secret_key": None}, "s3.access_key: has the form of a secret key"),
        ({"secret_key": KEY}, "Check whether s3.access_key and s3.secret_key are swapped"),
        ({"access_key": "minio", "secret_key": "minio"}, "s3.secret_key: is the same as s3.access_key"),
        ({"endpoint": "s3.example.com"}, "s3.endpoint: 's3.example.com' is not a valid URL such as https://"),
        ({"endpoint": "me:hunter2@s3.example.com"}, "s3.endpoint: '********@s3.example.com' contains credentials"),
        ({"endpoint": "ftp://s3.example.com"}, "is not a valid URL such as"),
        ({"access_key": "AKIAIOSFODNN7\nEXAMPLE"}, "s3.access_key: contains white space"),
        ({"access_key": "AKIAIOSFODNN7 EXAMPLE"}, "s3.access_key: contains white space"),
        ({"secret_key": f"{SECRET[:20]}\n{SECRET[20:]}"}, "s3.secret_key: contains white space"),
        ({"endpoint": "https://"}, "is not a valid URL such as"),
        ({"endpoint": "https://s3..example.com"}, "is not a valid URL such as"),
        ({"endpoint": "https://*.example.com"}, "is not a valid URL such as"),
        ({"endpoint": "https://s3 .example.com"}, "is not a valid URL such as"),
        ({"endpoint": "https://s3\n.example.com"}, "is not a valid URL such as"),
        ({"endpoint": "https://s3\x01.example.com"}, "is not a valid URL such as"),
        ({"endpoint": "https://[s3]"}, "is not a valid URL such as"),
        ({"endpoint": "https://[::1"}, "is not a valid URL such as"),
        ({"endpoint": "https://s3.example.com:0"}, "is not a valid URL such as"),
        ({"endpoint": "https://s3.example.com/bucket"}, "contains a path. Set a URL such as"),
        ({"endpoint": "https://s3.example.com?x"}, "contains a query or a fragment"),
        ({"endpoint": "https://u:p@s3.example.com"}, "Set s3.access_key and s3.secret_key instead"),
        ({"sse": "kms"}, "Vonage uploads with keys managed by S3 (SSE-S3), not with AWS KMS"),
        ({"sse": "aws:kms"}, "s3.sse: 'aws:kms' is not possible"),
        ({"sse": "AES256"}, "s3.sse: 'AES256' is not one of s3, none. Set s3 for SSE-S3"),
        ({"sse": "yes"}, "s3.sse: 'yes' is not one of s3, none"),
        ({"bucket": "ab"}, "is not a valid bucket name on any store"),
        ({"bucket": "a" * 223}, "is not a valid bucket name on any store"),
        ({"bucket": "-archives"}, "is not a valid bucket name on any store"),
        ({"bucket": "my archives"}, "is not a valid bucket name on any store"),
        ({"bucket": "my..archives"}, "is not a valid bucket name on any store"),
        ({"bucket": "192.168.0.1"}, "is not a valid bucket name on any store"),
        ({"bucket": "archives/2026"}, "Vonage cannot upload below a prefix"),
        ({"bucket": "s3://archives"}, "is not a bucket name. Set only the name"),
    ],
)
def test_parse_target_with_invalid_s3_options_reports_the_problem(change: dict[str, t.Any], problem_part: str) -> None:
    (problem,) = problems_of(s3={**S3, **change})
    assert problem_part in problem
    assert SECRET not in problem


@pytest.mark.parametrize(
    ("change", "problem_part"),
    [
        ({"account_name": None}, "azure.account_name: is required"),
        ({"container": None}, "azure.container: is required"),
        ({"account_name": "Example"}, "is not valid: 3 to 24 lower-case letters and digits are required"),
        ({"account_name": "ab"}, "is not valid: 3 to 24 lower-case letters and digits are required"),
        ({"container": "ab"}, "is not valid: 3 to 63 lower-case letters"),
        ({"container": "a--b"}, "is not valid: 3 to 63 lower-case letters"),
        ({"container": "Archives"}, "is not valid: 3 to 63 lower-case letters"),
        ({"account_key": "not base64!"}, "azure.account_key: is not base64"),
        ({"account_key": "abc"}, "azure.account_key: is not base64"),
        ({"domain": "https://core.windows.net"}, "is not a valid domain such as core.windows.net"),
        ({"domain": "core windows"}, "is not a valid domain such as core.windows.net"),
        ({"container": "archives "}, "azure.container: begins or ends with white space"),
        ({"account_name": ACCOUNT_KEY, "account_key": "example"}, "azure.account_name: contains a secret"),
        ({"account_name": f"AccountName=a;AccountKey={ACCOUNT_KEY}"}, "azure.account_name: contains a secret"),
        ({"container": f"archives?sv=2026-01-01&sig={ACCOUNT_KEY}"}, "azure.container: contains a secret"),
        ({"domain": f"core.windows.net/?sig={ACCOUNT_KEY}"}, "azure.domain: contains a secret"),
    ],
)
def test_parse_target_with_invalid_azure_options_reports_the_problem(
    change: dict[str, t.Any], problem_part: str
) -> None:
    problems = problems_of(azure={**AZURE, **change})
    assert any(problem_part in problem for problem in problems)
    assert "not base64!" not in str(problems)
    assert ACCOUNT_KEY not in str(problems)


@pytest.mark.parametrize(
    ("params", "problem_part"),
    [
        ({}, "one of s3 and azure is required"),
        ({"s3": {"bucket": "", "sse": "s3"}, "azure": {}}, "one of s3 and azure is required"),
        ({"s3": S3, "azure": AZURE}, "s3 and azure are mutually exclusive"),
        ({"s3": S3, "fallback": None}, "fallback: is required: none loses a recording"),
        ({"s3": S3, "fallback": "cloud"}, "fallback: 'cloud' is not one of none, opentok, vonage"),
        ({"s3": S3, "certificate": "archives.pem"}, "certificate: does not contain a PEM certificate"),
        (
            {"s3": S3, "certificate": "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"},
            "certificate: is not a valid PEM certificate: its body is not the base64 form",
        ),
        (
            {"s3": S3, "certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"},
            "certificate: is not a valid PEM certificate: its body is not the base64 form",
        ),
        (
            {"s3": S3, "certificate": "-----BEGIN CERTIFICATE-----\nMIIAAgAA\n-----END CERTIFICATE-----"},
            "certificate: is not a valid X.509 certificate",
        ),
    ],
)
def test_parse_target_with_other_invalid_options_reports_the_problem(
    params: dict[str, t.Any], problem_part: str
) -> None:
    (problem,) = problems_of(**params)
    assert problem_part in problem


def test_parse_certificate_that_vonage_does_not_accept_reports_the_problem() -> None:
    good, big = keys.certificate_pem(keys.rsa_key()), keys.certificate_pem(keys.rsa_key(3072))
    for pem, problem_part in (
        (good + good, "certificate: contains 2 PEM certificates. Set exactly one"),
        (
            keys.private_pem(keys.rsa_key()),
            "certificate: contains a private key, which must not be sent. Set the certificate alone",
        ),
        (
            good + keys.private_pem(keys.rsa_key()),
            "certificate: contains a private key, which must not be sent. Set the certificate alone",
        ),
        (keys.certificate_pem(keys.ec_key()), "does not have an RSA key, which Vonage requires"),
        (big, "has an RSA key of 3072 bits; Vonage accepts at most 2048"),
    ):
        (problem,) = problems_of(s3=S3, certificate=pem)
        assert problem_part in problem


def test_parse_certificate_ignores_line_breaks_and_escapes() -> None:
    pem = keys.certificate_pem(keys.rsa_key())
    lines = pem.strip().split("\n")
    one_line = "\n".join([lines[0], "".join(lines[1:-1]), lines[-1]])
    for form in (pem, pem.replace("\n", "\r\n"), pem.replace("\n", "\\n"), f"Subject: x\n{pem}", one_line):
        assert parse(s3=S3, certificate=form).certificate == pem


def test_parse_certificate_without_the_library_checks_the_outer_structure(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> t.Any:
        raise MissingLibraryError(f"load {name}", "not installed")

    monkeypatch.setattr(certificates, "load", missing)
    assert parse(s3=S3, certificate=keys.certificate_pem(keys.ec_key())).certificate
    assert problems_of(s3=S3, certificate="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----")


@pytest.mark.parametrize("name", ["abc", "example.com.archive-bucket", "Old_Bucket", "1st", "a" * 222, "1.2.3"])
def test_bucket_name_that_a_store_accepts_is_valid(name: str) -> None:
    assert not rules.s3_problems({**S3, "bucket": name})


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_parse_target_with_any_text_returns_a_target_or_a_problem(
    bucket: str, access: str, endpoint: str, sse: str
) -> None:
    problems = Problems()
    s3 = {"bucket": bucket, "access_key": access, "endpoint": endpoint, "sse": sse}
    parsed = target.parse_target({"s3": s3, "fallback": "none"}, problems)
    assert (parsed is None) == bool(problems)
