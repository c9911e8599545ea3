# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of URLs and bucket names, the collection of problems, and the search for misplaced secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError
from ansible_collections.vonage.archiving.plugins.module_utils._core.misplaced_secrets import find_misplaced_secrets
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problem, Problems
from ansible_collections.vonage.archiving.plugins.module_utils._core.validation import (
    bucket_name_problem,
    existing_bucket_name_problem,
    is_loopback,
    url_problem,
)

EXAMPLE = "https://s3.example.com"
SECRET_KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY42"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
API_SECRET = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.example.com",
        "https://s3.example.com/",
        "http://127.0.0.1:9000",
        "http://[::1]:9000",
        "https://minio_1:9000",
        "https://s3.example.com.",
    ],
)
def test_url_problem_valid_url_is_none(url: str) -> None:
    assert url_problem(url, EXAMPLE) is None


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3.example.com", "not a valid URL such as https://s3.example.com"),
        ("ftp://s3.example.com", "not a valid URL"),
        ("https://", "not a valid URL"),
        ("https://s3.example.com:0", "not a valid URL"),
        ("https://s3.example.com:99999", "not a valid URL"),
        ("https://s3 .example.com", "not a valid URL"),
        ("https://s3.example.com\n", "not a valid URL"),
        ("https://[no-address]", "not a valid URL"),
        ("https://..", "not a valid URL"),
        ("https://s3.example.com/path", "contains a path"),
        ("https://s3.example.com?query", "contains a query"),
        ("https://s3.example.com/#fragment", "contains a query or a fragment"),
    ],
)
def test_url_problem_invalid_url_names_the_reason(url: str, message: str) -> None:
    assert message in (url_problem(url, EXAMPLE) or "")


def test_url_problem_path_is_valid_where_allowed() -> None:
    assert url_problem("https://s3.example.com/path", EXAMPLE, allow_path=True) is None


def test_url_problem_http_is_rejected_where_https_is_required() -> None:
    assert "unencrypted" in (url_problem("http://s3.example.com", EXAMPLE, require_https=True) or "")
    assert url_problem("http://127.0.0.1:8080", EXAMPLE, require_https=True) is None


@pytest.mark.parametrize("url", ["https://user:pa/ss@host", "user:password@host", "https://user:password@"])
def test_url_problem_never_quotes_credentials(url: str) -> None:
    problem = url_problem(url, EXAMPLE, credentials="access_key and secret_key") or ""
    assert "contains credentials. Set access_key and secret_key instead" in problem
    assert "pa" not in problem.partition(" contains")[0]


@given(st.text())
def test_url_problem_any_text_is_a_sentence_or_none(text: str) -> None:
    problem = url_problem(text, EXAMPLE)
    assert problem is None or not problem.endswith(".")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *((host, True) for host in ("localhost", "LocalHost", "localhost.", "127.0.0.2", "::1")),
        # RFC 6761, section 6.3.
        *((host, True) for host in ("iam.localhost", "a.b.localhost.")),
        *((host, False) for host in ("10.0.0.1", "example.com", "localhost.example.com", "notlocalhost", "")),
    ],
)
def test_is_loopback_names_and_addresses_of_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    "name", ["recordings", "my-recordings.example", "a1b", "abc", "a" * 63, "my.bucket-1", "a.b.c", "1.2.3.4.5"]
)
def test_bucket_name_problem_valid_name_is_none(name: str) -> None:
    assert bucket_name_problem(name) is None
    assert existing_bucket_name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *(
            (name, "3 to 63 lower-case letters, digits, dots, and hyphens are allowed")
            for name in ("ab", "a", "a" * 64, "Bucket", "a_b", "-abc", "abc-", "b\u00fccket", "abc\n", "s3://abc")
        ),
        *((name, "a dot is next to a dot or a hyphen") for name in ("a..b", "a.-b", "a-.b")),
        ("192.168.5.4", "it is an IP address"),
        *(
            (name, "S3 reserves how it starts or ends")
            for name in ("xn--abc", "sthree-abc", "abc-s3alias", "abc--x-s3")
        ),
    ],
)
def test_bucket_name_problem_invalid_name_is_quoted_with_the_reason(name: str, reason: str) -> None:
    problem = bucket_name_problem(name) or ""
    assert problem.startswith(f"{name!r} is not a valid bucket name: ")
    assert reason in problem


@pytest.mark.parametrize("name", ["Old_Bucket", "My_Bucket", "a" * 222])
def test_existing_bucket_name_problem_allows_what_any_store_allows(name: str) -> None:
    assert existing_bucket_name_problem(name) is None


@pytest.mark.parametrize("name", ["s3://recordings", "recordings/prefix", "a", "a b", "a..b", "10.0.0.1", "a" * 223])
def test_existing_bucket_name_problem_invalid_name_is_quoted(name: str) -> None:
    assert repr(name) in (existing_bucket_name_problem(name) or "")


def test_problems_within_an_option_have_its_name_as_prefix() -> None:
    problems = Problems()
    problems.add("bucket", "is required")
    problems.within("s3").within("keys").add("id", "is too short")
    problems.within("s3").add("", "and azure are mutually exclusive")
    assert list(problems) == [
        Problem("bucket", "is required"),
        Problem("s3.keys.id", "is too short"),
        Problem("s3", "and azure are mutually exclusive"),
    ]


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("s3.bucket", "bucket"),
        ("s3.endpoint", "target.endpoint"),
        ("s3", "target"),
        ("lifecycle", "lifecycle"),
        ("lifecycle.expire_days", "retention_days"),
        ("cors_rules[0].id", "cors[0].id"),
        ("cors_rules_other", "cors_rules_other"),
        ("", ""),
    ],
)
def test_problem_rename_option_or_parent_has_the_new_name(option: str, expected: str) -> None:
    names = {"s3": "target", "s3.bucket": "bucket", "lifecycle.expire_days": "retention_days", "cors_rules": "cors"}
    assert Problem(option, "is required").rename(names) == Problem(expected, "is required")


def test_problems_extend_with_names_renames_options_and_keeps_texts() -> None:
    problems = Problems("archive_storage_")
    problems.extend([Problem("name", "is required"), "s3 and azure are mutually exclusive"], {"name": "bucket"})
    problems.extend([Problem("name", "is required")])
    assert list(problems) == [
        Problem("archive_storage_bucket", "is required"),
        Problem("", "s3 and azure are mutually exclusive"),
        Problem("archive_storage_name", "is required"),
    ]


def test_problems_raise_all_at_once_and_each_once() -> None:
    problems = Problems()
    problems.raise_if_any()
    problems.add("bucket", "is required")
    problems.add("bucket", "is required")
    problems.add_if("endpoint", None)
    problems.add_if("endpoint", "is not a valid URL")
    with pytest.raises(InputError) as caught:
        problems.raise_if_any()
    assert [str(problem) for problem in caught.value.problems] == [
        "bucket: is required",
        "endpoint: is not a valid URL",
    ]


@pytest.mark.parametrize(
    ("options", "secrets"),
    [
        ({"s3": {"access_key": SECRET_KEY, "secret_key": KEY_ID}}, [SECRET_KEY]),
        ({"access_key": "short", "secret_key": KEY_ID}, ["short"]),
        ({"api_key": f"47000000:{API_SECRET}"}, [f"47000000:{API_SECRET}"]),
        ({"ids": ["47000000", API_SECRET]}, [API_SECRET]),
        ({"certificate": "-----BEGIN RSA PRIVATE KEY-----"}, ["-----BEGIN RSA PRIVATE KEY-----"]),
        ({"endpoint_url": "https://user:password@s3.example.com"}, ["user:password"]),
        ({"azure": {"container": "AccountKey=abc"}}, ["AccountKey=abc"]),
        ({"app": "HRKU-0123"}, ["HRKU-0123"]),
        ({"api_key": "47000000", "bucket": "recordings", "s3": {"access_key": KEY_ID, "secret_key": SECRET_KEY}}, []),
        ({"secret_key": SECRET_KEY, "api_secret": API_SECRET, "empty": "", "none": None, "number": 1}, []),
    ],
)
def test_find_misplaced_secrets_finds_secrets_in_other_options(options: dict[str, object], secrets: list[str]) -> None:
    assert find_misplaced_secrets(options) == secrets
