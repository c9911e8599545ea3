# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an upload check is asked to do, and what it refuses before anything is sent."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws import session as aws
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import params as upload_options
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.params import (
    ARGUMENTS,
    CHECKS,
    UploadCheckParams,
    parse_params,
)

S3 = {"bucket": "recordings", "access_key": "AKIAQQQQQQQQQQQQQQQQ", "secret_key": "s" * 40}
OPERATOR = {"access_key": "AKIAOPERATOR", "secret_key": "o" * 40}


def made(
    s3: t.Mapping[str, t.Any] | None = None, environ: t.Mapping[str, str] | None = None, **more: t.Any
) -> UploadCheckParams:
    return parse_params({"s3": {**S3, **(s3 or {})}, "prefix": "45678901", **OPERATOR, **more}, environ or {})


def refused(s3: t.Mapping[str, t.Any] | None = None, **more: t.Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        made(s3, **more)
    return caught.value.problems


def test_defaults() -> None:
    found = made()
    assert found.sse
    assert found.multipart
    assert found.expect_public is None
    assert not found.expect_least_privilege
    assert (found.cors_origin, found.cors_method, found.timeout) == (None, "GET", 30)
    assert found.planned == [
        "credentials",
        "put_object",
        "put_sse_echo",
        "multipart_upload",
        "multipart_sse_echo",
        "stored_encryption",
        "anonymous_list",
    ]


def test_the_defaults_of_the_options_are_those_of_the_core() -> None:
    assert made() == made(
        {"sse": "s3"},
        **{name: spec.get("default") for name, spec in ARGUMENTS.items() if name not in ("s3", "prefix", *OPERATOR)},
    )


def test_everything_planned_is_in_the_order_of_the_documentation() -> None:
    full = made(expect_public=False, expect_least_privilege=True, cors_origin="https://a.example")
    assert full.planned == list(CHECKS)


@pytest.mark.parametrize(
    ("options", "without"),
    [
        ({"s3": {"sse": "none"}}, {"put_sse_echo", "multipart_sse_echo"}),
        ({"multipart": False}, {"multipart_upload", "multipart_sse_echo"}),
        ({"expect_public": None}, {"anonymous_read"}),
        ({"cors_origin": None}, {"cors_preflight"}),
        ({"expect_least_privilege": False}, {"no_read", "no_list_outside", "no_put_outside", "no_delete"}),
    ],
)
def test_what_is_not_asked_for_is_not_planned(options: dict[str, t.Any], without: set[str]) -> None:
    full = {"expect_public": False, "expect_least_privilege": True, "cors_origin": "https://a.example"}
    assert set(CHECKS) - set(made(**{**full, **options}).planned) == without


def test_the_uploader_has_nothing_of_the_operator_but_region_and_trust() -> None:
    found = made(
        environ={"AWS_ENDPOINT_URL": "https://env.example.com", "AWS_SESSION_TOKEN": "t"},
        region="eu-west-1",
        validate_certs=False,
        aws_ca_bundle="/ca",
    )
    assert found.uploader == aws.Connection(
        None, "eu-west-1", S3["access_key"], S3["secret_key"], None, None, False, "/ca"
    )
    assert found.operator.access_key == OPERATOR["access_key"]
    assert found.operator.endpoint_url == "https://env.example.com"
    assert set(found.secrets) == {S3["secret_key"], OPERATOR["secret_key"], None}


@pytest.mark.parametrize(
    ("options", "environ", "endpoint"),
    [
        ({}, {}, "https://s3.example.com"),
        ({}, {"AWS_ENDPOINT_URL": "https://env.example.com"}, "https://env.example.com"),
        (
            {"endpoint_url": "https://inside.example.com"},
            {"AWS_ENDPOINT_URL": "https://env.example.com"},
            "https://inside.example.com",
        ),
    ],
)
def test_where_the_operator_goes(options: dict[str, str], environ: dict[str, str], endpoint: str) -> None:
    found = made({"endpoint": "https://s3.example.com/"}, environ, **options)
    assert found.operator.endpoint_url == endpoint
    assert found.uploader.endpoint_url == "https://s3.example.com"


@pytest.mark.parametrize(
    ("prefix", "kept"),
    [("45678901", "45678901"), ("45678901/", "45678901"), (45678901, "45678901"), ("8a1f0c52-6b1c", "8a1f0c52-6b1c")],
)
def test_prefixes(prefix: t.Any, kept: str) -> None:
    assert made(prefix=prefix).prefix == kept


@pytest.mark.parametrize(
    "prefix", ["", "/", "a/b", "/a", "..", ".vonage-archiving", "a b", "a*", "-a", None, "a" * 101]
)
def test_prefixes_that_are_no_project(prefix: t.Any) -> None:
    (problem,) = refused(prefix=prefix)
    assert "is no id of a project" in problem


@pytest.mark.parametrize(
    ("s3", "problem"),
    [
        ({"bucket": None}, "s3.bucket is required"),
        ({"secret_key": ""}, "s3.secret_key is required"),
        ({"bucket": "a/b"}, "recordings cannot be put below a prefix"),
        ({"bucket": "1.2.3.4"}, "a name that no store takes"),
        ({"endpoint": "s3.example.com"}, "s3.endpoint 's3.example.com' has no scheme"),
        ({"endpoint": "https://s3.example.com/bucket"}, "holds a path or query"),
        ({"endpoint": "https://s3.example.com?x=1"}, "holds a path or query"),
        ({"endpoint": "https://s3.example.com:0"}, "is no http or https URL"),
        ({"endpoint": "https://[::1"}, "is no URL"),
        ({"sse": "aws:kms"}, "never with keys of AWS KMS"),
        ({"access_key": "ASIAQQQQQQQQQQQQQQQQ"}, "s3.access_key ASIAQQQQQQQQQQQQQQQQ is temporary"),
        ({"access_key": "s" * 40, "secret_key": "AKIAQQQQQQQQQQQQQQQQ"}, "look swapped"),
    ],
)
def test_targets_that_cannot_be_right(s3: dict[str, str], problem: str) -> None:
    (found,) = refused(s3)
    assert problem in found


def test_secrets_in_the_wrong_place_are_not_shown() -> None:
    (swapped,) = refused({"access_key": "topsecret" * 4, "secret_key": "AKIAQQQQQQQQQQQQQQQQ"})
    assert "topsecret" not in swapped
    (in_url,) = refused({"endpoint": "https://me:topsecret@s3.example.com"})
    assert "topsecret" not in in_url


@pytest.mark.parametrize(
    "origin", ["www.example.com", "*", "https://www.example.com/", "https://a.example/page", "null"]
)
def test_origins_that_no_browser_sends(origin: str) -> None:
    (problem,) = refused(cors_origin=origin)
    assert f"cors_origin {origin!r} must be the origin of a page" in problem


@pytest.mark.parametrize("expect_public", [None, False, True])
def test_planned_anonymous_list_whatever_expect_public_says(expect_public: bool | None) -> None:
    assert "anonymous_list" in made(expect_public=expect_public).planned


@pytest.mark.parametrize(
    ("seconds", "problem"),
    [
        (-1, "at least 0 seconds are required, got -1"),
        (301, "at most 300 seconds are allowed, got 301"),
        (10**400, "at most 300 seconds are allowed, got 1" + "0" * 400),
    ],
)
def test_timeout_out_of_range_is_refused(seconds: int, problem: str) -> None:
    assert refused(timeout=seconds) == [f"timeout: {problem}"]
    assert upload_options.probe_problems({"timeout": seconds}, "45678901", "verify_timeout") == [
        f"verify_timeout: {problem}"
    ]


def test_timeout_of_300_seconds_is_allowed() -> None:
    assert made(timeout=300).timeout == 300


def test_no_waiting_is_fine() -> None:
    assert made(timeout=0).timeout == 0


def test_all_problems_are_told_at_once_those_of_the_operator_too() -> None:
    problems = refused(
        {"bucket": "a/b", "endpoint": "x"}, prefix="a/b", timeout=-1, cors_origin="x", profile="p", endpoint_url="y"
    )
    assert len(problems) == 7


def test_settings_do_not_show_secrets() -> None:
    shown = repr(made({}, {}, session_token="t" * 30))
    assert S3["secret_key"] not in shown
    assert OPERATOR["secret_key"] not in shown
    assert "t" * 30 not in shown
