# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of modules from the variables of the role, and problems with the names of variables."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage import variables as spec
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.option_names import rename_options
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.params import (
    InvalidVariablesError,
    Params,
    parse_params,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.variables import SECRETS, VARIABLES
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.params import ALLOWABLE
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problem
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.preflight import PREFLIGHT
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import (
    TEARDOWN_WITHOUT_API,
    DeleteParams,
    ExternalKeyParams,
    ManagedKeyParams,
)

APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
SECRET = "0123456789abcdef0123456789abcdef01234567"
MINIMAL: dict[str, t.Any] = {"api_key": "47123456", "api_secret": SECRET, "bucket": "recordings"}
EXTERNAL: dict[str, t.Any] = {
    "upload_key": "external",
    "uploader_access_key": "AKIAIOSFODNN7EXAMPLE",
    "uploader_secret_key": "hidden",
}


def parse(
    verify_only: bool = False,
    environ: t.Mapping[str, str] | None = None,
    role_environ: t.Mapping[str, str] | None = None,
    **variables: t.Any,
) -> Params:
    return parse_params({**MINIMAL, **variables}, environ or {}, role_environ, verify_only=verify_only)


def problems_of(**variables: t.Any) -> list[str]:
    with pytest.raises(InvalidVariablesError) as caught:
        parse(**variables)
    return [str(problem) for problem in caught.value.problems]


MISSING_BUCKET = "archive_storage_bucket: is not set"
MISSING_SECRET = "archive_storage_api_secret: is required with archive_storage_api_key"
MISSING_PROJECT = "archive_storage_api_key: is not set, and archive_storage_application_id is not set. Set one of them"
WRONG_METHOD = {"cors_rules": [{"allowed_origins": ["*"], "allowed_methods": ["GOT"]}]}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"bucket": ""}, [MISSING_BUCKET]),
        ({"bucket": "", "api_secret": ""}, [MISSING_BUCKET, MISSING_SECRET]),
        ({"api_key": "", "api_secret": ""}, [MISSING_PROJECT, MISSING_SECRET]),
        ({"api_key": ""}, [MISSING_PROJECT]),
        ({"api_key": "", "bucket": ""}, [MISSING_PROJECT, MISSING_BUCKET]),
        (
            {"bucket": "", "tags": {"aws:x": "y"}},
            [
                MISSING_BUCKET,
                "archive_storage_tags: the tag name 'aws:x' must have 1 to 128 characters and not start with aws:",
            ],
        ),
        (
            {**WRONG_METHOD, "api_secret": "", "region": "a b"},
            [
                "archive_storage_cors_rules[0].allowed_methods: GOT is not one of GET, PUT, POST, DELETE, HEAD",
                "archive_storage_region: 'a b' ",
                MISSING_SECRET,
            ],
        ),
        (
            {"bucket": "", "rotate_after": "10", "grace_period": "20"},
            [MISSING_BUCKET, "archive_storage_rotate_after: must exceed archive_storage_grace_period"],
        ),
        ({"bucket": "", "state": "absent"}, ["archive_storage_state_file: required with uploader"]),
        ({"bucket": "", "state": "absent", "api_key": ""}, [MISSING_PROJECT, "archive_storage_state_file: required"]),
        ({"bucket": "", "state_file": "none"}, [MISSING_BUCKET, "archive_storage_state_file: is none, but a managed"]),
        ({"bucket": "", "retention_days": "0", "folders": ["a//b"]}, [MISSING_BUCKET, "archive_storage_folders"]),
    ],
)
def test_parse_params_reports_all_problems_in_one_run(variables: dict[str, t.Any], expected: list[str]) -> None:
    problems = problems_of(**variables)
    assert len(problems) == len(expected), problems
    for text in expected:
        assert [problem for problem in problems if problem.startswith(text)], (text, problems)


def test_parse_params_minimal_variables_is_a_managed_key() -> None:
    params = parse()
    assert isinstance(params.desired_target, ManagedKeyParams)
    assert (params.project, params.managed, params.can_verify, params.lacks_secret_key) == (
        "47123456",
        True,
        True,
        False,
    )
    assert params.warnings == ()
    assert params.desired_bucket is not None
    assert params.desired_bucket.name == "recordings"
    uploader = params.desired_target.uploader
    assert (uploader.rotate_after, uploader.grace_period, uploader.delete_after) == (7776000, 64800, 86400)
    assert (uploader.main.name, uploader.main.path) == ("vonage-archiving-47123456", "/")
    assert params.desired_target.verify == "new_key"


def test_parse_params_external_key_sets_its_options() -> None:
    params = parse(**EXTERNAL, max_age="3600", update="always", grace_period=60)
    target = params.desired_target
    assert isinstance(target, ExternalKeyParams)
    assert (target.max_age, target.always, target.grace_period) == (3600, True, 60)
    assert target.target.secret == "hidden"
    assert params.upload_target["uploader"] == ""
    assert (params.can_verify, params.lacks_secret_key) == (True, False)


def test_parse_params_external_key_without_its_secret_cannot_verify() -> None:
    params = parse(**{**EXTERNAL, "uploader_secret_key": ""})
    assert (params.can_verify, params.lacks_secret_key) == (False, True)
    absent = parse(**{**EXTERNAL, "uploader_secret_key": ""}, state="absent")
    assert not absent.lacks_secret_key


@pytest.mark.parametrize("empty", ["", " ", None])
def test_parse_params_empty_value_is_unset(empty: t.Any) -> None:
    assert parse(**dict.fromkeys(VARIABLES.keys() - MINIMAL.keys(), empty)).upload_target == parse().upload_target
    assert parse(**dict.fromkeys(VARIABLES.keys() - MINIMAL.keys(), empty)).bucket == parse().bucket


@pytest.mark.parametrize(
    ("variables", "skipped"),
    [
        ({}, ["encryption", "lifecycle", "require_tls"]),
        ({"sse": "s3"}, ["lifecycle", "require_tls"]),
        ({"retention_days": 30}, ["encryption", "require_tls"]),
        ({"abort_incomplete_uploads_days": 7}, ["encryption", "require_tls"]),
        ({"require_tls": "yes"}, ["encryption", "lifecycle"]),
    ],
)
def test_bucket_options_skip_only_unsupported_defaults(variables: dict[str, t.Any], skipped: list[str]) -> None:
    assert parse(**variables).bucket["skip_unsupported"] == skipped


def test_parse_params_google_cloud_storage_has_no_sse_and_a_warning() -> None:
    params = parse(**EXTERNAL, endpoint="https://storage.googleapis.com")
    assert (params.upload_target["s3"]["sse"], params.bucket["encryption"]) == ("none", "")
    assert [text.startswith("archive_storage_sse is not set") for text in params.warnings] == [True]
    assert parse(**EXTERNAL, endpoint="https://storage.googleapis.com", sse="none").warnings == ()


@pytest.mark.parametrize(("sse", "encryption"), [("s3", "keep_kms"), ("none", "refuse_kms")])
def test_parse_params_sse_keeps_or_refuses_kms_of_the_bucket(sse: str, encryption: str) -> None:
    assert parse(sse=sse).bucket["encryption"] == encryption


@pytest.mark.parametrize(
    ("variables", "verify_only", "verify"),
    [
        ({}, False, "new_key"),
        ({"verify": "always"}, False, "always"),
        ({"verify": "never"}, False, "never"),
        ({}, True, "only"),
        ({"verify": "never"}, True, "never"),
        ({**EXTERNAL, "verify": "never"}, True, "only"),
    ],
)
def test_parse_params_verify_depends_on_mode_and_key(
    variables: dict[str, t.Any], verify_only: bool, verify: str
) -> None:
    params = parse(verify_only, **variables)
    assert (params.upload_target["verify"], params.desired_target.verify) == (verify, verify)


@pytest.mark.parametrize(
    ("variables", "verify_only", "owner"),
    [
        ({}, False, "caller_for_writes"),
        ({}, True, "caller"),
        ({"expected_bucket_owner": "123456789012"}, True, "123456789012"),
    ],
)
def test_parse_params_expected_bucket_owner_has_default(
    variables: dict[str, t.Any], verify_only: bool, owner: str
) -> None:
    assert parse(verify_only, **variables).connection["aws"]["expected_bucket_owner"] == owner


def test_parse_params_absent_returns_a_deletion() -> None:
    params = parse(state="absent")
    assert isinstance(params.desired_target, DeleteParams)
    assert params.desired_bucket is not None
    assert (params.desired_bucket.only_project, params.bucket["public_prefixes"]) == (True, "")
    assert (params.desired_target.without_api, params.desired_target.preflight) == (False, "auto")
    assert params.desired_target.uploader is not None
    assert not params.desired_target.uploader.revoke_old_keys
    external = parse(**EXTERNAL, state="absent").desired_target
    assert isinstance(external, DeleteParams)
    assert external.uploader is None


@pytest.mark.parametrize(
    ("variables", "prefixes"), [({}, ""), ({"public": ""}, ""), ({"public": True}, ""), ({"public": False}, [])]
)
def test_parse_params_absent_closes_the_public_prefix_only_if_the_variable_is_false(
    variables: dict[str, t.Any], prefixes: t.Any
) -> None:
    params = parse(state="absent", **variables)
    assert params.bucket["public_prefixes"] == prefixes
    assert params.desired_bucket is not None
    assert params.desired_bucket.facets["policy"].public_prefixes == (None if prefixes == "" else ())


def test_parse_params_absent_without_bucket_changes_no_bucket() -> None:
    params = parse(state="absent", bucket="", state_file="s3://recordings/.vonage-archiving/47123456.json")
    assert (params.desired_bucket, params.bucket["name"]) == (None, "")


def test_choices_of_variables_are_those_of_the_modules() -> None:
    assert (*ALLOWABLE, TEARDOWN_WITHOUT_API) == spec.ALLOW
    assert spec.PREFLIGHT == PREFLIGHT


def test_parse_params_allow_has_values_for_both_modules() -> None:
    allow = ["adopt_bucket", "teardown_without_api"]
    present = parse(allow=allow)
    assert (present.bucket["allow"], present.upload_target.get("allow")) == (["adopt_bucket"], None)
    absent = parse(allow=allow, state="absent")
    assert absent.upload_target["allow"] == ["teardown_without_api"]
    assert isinstance(absent.desired_target, DeleteParams)
    assert absent.desired_target.without_api


@pytest.mark.parametrize(
    ("variables", "verify_only", "bucket", "target"),
    [
        ({}, False, "auto", "auto"),
        ({"preflight": "always"}, False, "always", "always"),
        ({"preflight": "never"}, False, "never", "never"),
        ({}, True, "never", "always"),
        ({"preflight": "never"}, True, "never", "never"),
    ],
)
def test_parse_params_preflight_is_always_due_in_verify(
    variables: dict[str, t.Any], verify_only: bool, bucket: str, target: str
) -> None:
    params = parse(verify_only, **variables)
    assert (params.bucket["preflight"], params.desired_target.preflight) == (bucket, target)


def test_parse_params_absent_with_the_bucket_revokes_the_keys() -> None:
    params = parse(state="absent", delete_bucket=True, delete_recordings="recordings")
    assert isinstance(params.desired_target, DeleteParams)
    assert params.desired_target.uploader is not None
    assert params.desired_target.uploader.revoke_old_keys
    assert params.desired_bucket is not None
    assert (params.desired_bucket.present, params.desired_bucket.force) == (False, True)


def test_parse_params_empty_tag_value_is_kept() -> None:
    assert parse(tags={"team": "video", "old": ""}).bucket["tags"] == {"team": "video", "old": ""}
    assert parse().bucket["tags"] == ""


def test_parse_params_environment_of_the_role_selects_the_project() -> None:
    environment = {"VONAGE_VIDEO_API_KEY": "4711"}
    assert parse(environ={}, role_environ=environment, api_key="").project == "4711"
    with pytest.raises(InvalidVariablesError):
        parse(environ=environment, role_environ={}, api_key="")
    # The modules have the environment of the task.
    assert parse(environ={"VONAGE_VIDEO_API_SECRET": SECRET}, role_environ={}, api_secret="").project == "47123456"


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        (
            {"bucket": "No_Bucket"},
            "archive_storage_bucket: 'No_Bucket' is not a valid bucket name: 3 to 63 lower-case letters",
        ),
        ({"api_secret": ""}, "archive_storage_api_secret: is required with archive_storage_api_key"),
        (
            {"rotate_after": 3600},
            "archive_storage_rotate_after: must exceed archive_storage_grace_period plus archive_storage_delete_after "
            "(151200 seconds), got 3600 seconds",
        ),
        ({"verify_timeout": 301}, "archive_storage_verify_timeout: at most 300 seconds are allowed, got 301"),
        ({"cors_rules": [{"allowed_origins": "*"}]}, "archive_storage_cors_rules[0]"),
        (
            {"cors_rules": [{"allowed_origins": ["*"], "allowed_methods": "GET,PATCH"}]},
            "archive_storage_cors_rules[0].allowed_methods",
        ),
        ({"tags": {"aws:a": "b"}}, "archive_storage_tags: "),
        ({"folders": ["../x"]}, "archive_storage_folders: "),
        (
            {"expected_bucket_owner": "12345"},
            "archive_storage_expected_bucket_owner: must be an account ID of 12 digits",
        ),
        ({"certificate": "no PEM"}, "archive_storage_certificate"),
        ({"state_file": "states/a.json"}, "archive_storage_state_file"),
        ({"uploader_name": "no name"}, "archive_storage_uploader_name: "),
        ({**EXTERNAL, "uploader_access_key": "ASIAIOSFODNN7EXAMPLE"}, "archive_storage_uploader_access_key"),
        ({**EXTERNAL, "uploader_secret_key": "", "verify": "always"}, "archive_storage_verify: always"),
        ({"endpoint": "https://s3.example.com/path"}, "archive_storage_endpoint"),
        ({"region": "eu west"}, "archive_storage_region"),
    ],
)
def test_parse_params_invalid_variable_is_named(variables: dict[str, t.Any], problem: str) -> None:
    problems = problems_of(**variables)
    assert [text.startswith(problem) for text in problems] == [True], problems


def test_parse_params_many_invalid_variables_reports_all() -> None:
    problems = problems_of(sse="x", retention_days="y", tags={"aws:a": "b"}, verify_timeout=301, bucket="No")
    assert len(problems) == 5, problems


def test_parse_params_error_contains_project_and_bucket() -> None:
    with pytest.raises(InvalidVariablesError) as caught:
        parse(sse="x")
    assert (caught.value.settings["project"], caught.value.settings["bucket"]) == ("47123456", "recordings")


def test_parse_params_secrets_are_only_in_typed_parameters() -> None:
    # A PEM must be valid, and a session token needs a key.
    secrets: dict[str, t.Any] = {
        name: f"not-shown-{name}" for name in SECRETS if name not in ("private_key", "uploader_secret_key")
    }
    params = parse(**{**secrets, "access_key": "AKIAI44QH8DHBEXAMPLE"})
    shown = [params.settings, params.bucket, params.upload_target, params.connection]
    assert "not-shown" not in repr(shown)
    assert "not-shown" not in repr(params)
    assert "hidden" not in repr(dataclasses.replace(parse(**EXTERNAL), settings={}))


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (Problem("s3.bucket", "is required"), "archive_storage_bucket: is required"),
        (Problem("tags", "the tag name 'x'"), "archive_storage_tags: the tag name 'x'"),
        (
            Problem("region", "is not a valid name of a region"),
            "archive_storage_region: is not a valid name of a region",
        ),
        (
            Problem("uploader.rotate_after", "must exceed uploader.grace_period."),
            "archive_storage_rotate_after: must exceed archive_storage_grace_period.",
        ),
        (Problem("api_url", "'https://api_key.example'"), "archive_storage_api_url: 'https://api_key.example'"),
        (Problem("uploader.path", "'x' is not"), "archive_storage_uploader_path: 'x' is not"),
        (Problem("uploader", "is not valid"), "archive_storage_uploader_name: is not valid"),
        (Problem("cors_rules[0].allowed_methods", "x"), "archive_storage_cors_rules[0].allowed_methods: x"),
        (Problem("", "profile and access_key exclude"), "profile and archive_storage_access_key exclude"),
        (Problem("", "elements of 'cors_rules'"), "elements of 'archive_storage_cors_rules'"),
        (Problem("", "the value of cors_rules.x"), "the value of archive_storage_cors_rules.x"),
    ],
)
def test_rename_options_uses_the_names_of_variables(problem: Problem, expected: str) -> None:
    assert str(rename_options(problem)) == expected


values = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=3), max_size=2)


@given(
    st.dictionaries(
        st.sampled_from(sorted(VARIABLES)), values | st.dictionaries(st.text(max_size=3), values, max_size=2)
    )
)
def test_parse_params_any_value_is_valid_or_a_problem(variables: dict[str, t.Any]) -> None:
    try:
        params = parse_params({**MINIMAL, **variables}, {})
    except InvalidVariablesError as exc:
        assert exc.problems  # noqa: PT017
        return
    assert params.upload_target
