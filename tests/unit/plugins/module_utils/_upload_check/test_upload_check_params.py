# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of archive_upload_check, and the checks that they plan."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws import session as aws
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.params import (
    ARGUMENTS,
    CHECKS,
    UploadCheckParams,
    parse_params,
    validate_probe,
)

S3 = {"bucket": "recordings", "access_key": "AKIAQQQQQQQQQQQQQQQQ", "secret_key": "s" * 40}
OPERATOR = {"access_key": "AKIAOPERATOR", "secret_key": "o" * 40}


def parse(
    s3: t.Mapping[str, t.Any] | None = None, environ: t.Mapping[str, str] | None = None, **options: t.Any
) -> UploadCheckParams:
    return parse_params({"s3": {**S3, **(s3 or {})}, "prefix": "45678901", **OPERATOR, **options}, environ or {})


def problems_of(s3: t.Mapping[str, t.Any] | None = None, **options: t.Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse(s3, **options)
    return [*map(str, caught.value.problems)]


def test_parse_params_minimal_options_has_defaults() -> None:
    params = parse()
    assert params.sse
    assert params.multipart
    assert params.expect_public is None
    assert not params.expect_least_privilege
    assert (params.cors_origin, params.cors_method, params.timeout) == (None, "GET", 30)
    assert params.planned == [
        "credentials",
        "put_object",
        "put_sse_echo",
        "multipart_upload",
        "multipart_sse_echo",
        "stored_encryption",
        "anonymous_list",
    ]


def test_parse_params_with_defaults_of_the_argument_spec_is_equal() -> None:
    assert parse() == parse(
        {"sse": "s3"},
        **{name: spec.get("default") for name, spec in ARGUMENTS.items() if name not in ("s3", "prefix", *OPERATOR)},
    )


def test_planned_with_all_options_is_every_check_in_order() -> None:
    full = parse(expect_public=False, expect_least_privilege=True, cors_origin="https://a.example")
    assert full.planned == list(CHECKS)


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"s3": {"sse": "none"}}, {"put_sse_echo", "multipart_sse_echo"}),
        ({"multipart": False}, {"multipart_upload", "multipart_sse_echo"}),
        ({"expect_public": None}, {"anonymous_read"}),
        ({"cors_origin": None}, {"cors_preflight"}),
        ({"expect_least_privilege": False}, {"no_read", "no_list_outside", "no_put_outside", "no_delete"}),
    ],
)
def test_planned_without_an_option_lacks_its_checks(options: dict[str, t.Any], missing: set[str]) -> None:
    full = {"expect_public": False, "expect_least_privilege": True, "cors_origin": "https://a.example"}
    assert set(CHECKS) - set(parse(**{**full, **options}).planned) == missing


def test_uploader_shares_only_region_and_trust_with_the_operator() -> None:
    params = parse(
        environ={"AWS_ENDPOINT_URL": "https://env.example.com", "AWS_SESSION_TOKEN": "t"},
        region="eu-west-1",
        validate_certs=False,
        aws_ca_bundle="/ca",
    )
    assert params.uploader == aws.Connection(
        None, "eu-west-1", S3["access_key"], S3["secret_key"], None, None, False, "/ca"
    )
    assert params.operator.access_key == OPERATOR["access_key"]
    assert params.operator.endpoint_url == "https://env.example.com"
    assert set(params.secrets) == {S3["secret_key"], OPERATOR["secret_key"], None}


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
def test_operator_endpoint_depends_on_options_and_environment(
    options: dict[str, str], environ: dict[str, str], endpoint: str
) -> None:
    params = parse({"endpoint": "https://s3.example.com/"}, environ, **options)
    assert params.operator.endpoint_url == endpoint
    assert params.uploader.endpoint_url == "https://s3.example.com"


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("45678901", "45678901"), ("45678901/", "45678901"), (45678901, "45678901"), ("8a1f0c52-6b1c", "8a1f0c52-6b1c")],
)
def test_parse_params_prefix_is_normalized(prefix: t.Any, expected: str) -> None:
    assert parse(prefix=prefix).prefix == expected


@pytest.mark.parametrize(
    "prefix", ["", "/", "a/b", "/a", "..", ".vonage-archiving", "a b", "a*", "-a", None, "a" * 101]
)
def test_parse_params_prefix_without_a_project_is_refused(prefix: t.Any) -> None:
    (problem,) = problems_of(prefix=prefix)
    assert problem.startswith("prefix: ")
    assert "is not a valid project ID" in problem


@pytest.mark.parametrize(
    ("s3", "problem"),
    [
        ({"bucket": None}, "s3.bucket: is required"),
        ({"secret_key": ""}, "s3.secret_key: is required"),
        ({"bucket": "a/b"}, "Vonage cannot upload below a prefix"),
        ({"bucket": "1.2.3.4"}, "is not a valid bucket name on any store"),
        ({"endpoint": "s3.example.com"}, "s3.endpoint: 's3.example.com' is not a valid URL"),
        ({"endpoint": "https://s3.example.com/bucket"}, "contains a path"),
        ({"endpoint": "https://s3.example.com?x=1"}, "contains a query or a fragment"),
        ({"endpoint": "https://s3.example.com:0"}, "is not a valid URL"),
        ({"endpoint": "https://[::1"}, "is not a valid URL"),
        ({"sse": "aws:kms"}, "not with AWS KMS"),
        ({"access_key": "ASIAQQQQQQQQQQQQQQQQ"}, "s3.access_key: ASIAQQQQQQQQQQQQQQQQ is temporary"),
        ({"access_key": "s" * 40, "secret_key": "AKIAQQQQQQQQQQQQQQQQ"}, "are swapped"),
    ],
)
def test_parse_params_invalid_s3_options_reports_the_problem(s3: dict[str, str], problem: str) -> None:
    (text,) = problems_of(s3)
    assert problem in text


def test_parse_params_misplaced_secret_is_not_quoted() -> None:
    (swapped,) = problems_of({"access_key": "topsecret" * 4, "secret_key": "AKIAQQQQQQQQQQQQQQQQ"})
    assert "topsecret" not in swapped
    (in_url,) = problems_of({"endpoint": "https://me:topsecret@s3.example.com"})
    assert "topsecret" not in in_url


@pytest.mark.parametrize(
    "origin", ["www.example.com", "*", "https://www.example.com/", "https://a.example/page", "null"]
)
def test_parse_params_invalid_cors_origin_is_refused(origin: str) -> None:
    (problem,) = problems_of(cors_origin=origin)
    assert problem.startswith(f"cors_origin: {origin!r} ")


@pytest.mark.parametrize("expect_public", [None, False, True])
def test_planned_with_any_expect_public_includes_anonymous_list(expect_public: bool | None) -> None:
    assert "anonymous_list" in parse(expect_public=expect_public).planned


@pytest.mark.parametrize(
    ("seconds", "problem"),
    [
        (-1, "-1 is not a whole number that is 0 or greater"),
        (301, "at most 300 seconds are allowed, got 301"),
        ("6m", "at most 300 seconds are allowed, got 360"),
        (
            "soon",
            "'soon' is not a duration. Use a whole number of seconds, or a whole number with a unit, such as 30s, 15m, "
            "12h, or 90d",
        ),
    ],
)
def test_parse_params_timeout_invalid_is_refused(seconds: t.Any, problem: str) -> None:
    assert problems_of(timeout=seconds) == [f"timeout: {problem}"]
    problems = Problems()
    validate_probe({"verify_timeout": seconds}, problems, "verify_timeout")
    assert [*map(str, problems)] == [f"verify_timeout: {problem}"]


@pytest.mark.parametrize("seconds", [0, 300])
def test_parse_params_timeout_at_a_limit_is_valid(seconds: int) -> None:
    assert parse(timeout=seconds).timeout == seconds


def test_parse_params_many_invalid_options_reports_all() -> None:
    problems = problems_of(
        {"bucket": "a/b", "endpoint": "x"}, prefix="a/b", timeout=-1, cors_origin="x", profile="p", endpoint_url="y"
    )
    assert len(problems) == 7


def test_repr_of_params_contains_no_secret() -> None:
    shown = repr(parse({}, {}, session_token="t" * 30))
    assert S3["secret_key"] not in shown
    assert OPERATOR["secret_key"] not in shown
    assert "t" * 30 not in shown
