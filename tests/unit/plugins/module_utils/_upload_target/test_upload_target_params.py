# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options: all problems are reported together, without a request."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.argument_spec import validate_options
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.local_file import FileStore
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import (
    ARGUMENTS,
    DeleteParams,
    ExternalKeyParams,
    ManagedKeyParams,
    parse_params,
)
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._upload_target.upload_target_cases import (
    API_SECRET,
    MAIN,
    PARAMS,
    PROJECT,
    managed_params,
)


def managed_problems(**options: t.Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        managed_params(**options)
    return [*map(str, caught.value.problems)]


EXTERNAL: dict[str, t.Any] = {
    **PARAMS,
    "s3": {
        "bucket": "b-1",
        "access_key": "AKIAIOSFODNN7EXAMPLE",
        "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    },
}
AZURE = {"account_name": "archives", "account_key": "aGlkZGVuLWtleQ==", "container": "archives"}


def external_problems(**options: t.Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_params({**EXTERNAL, **options}, {})
    return [*map(str, caught.value.problems)]


def test_parse_params_managed_key_returns_all_options() -> None:
    params = managed_params(
        uploader={"name": "video", "path": "/a/", "tags": {"x": "y"}, "list_all_my_buckets": True},
        rotate_after=60,
        grace_period="5",
        delete_after=7,
        drain_timeout=0,
    )
    assert (params.project.id, params.target.bucket, params.store) == (PROJECT, "b-1", FileStore("/nowhere/state.json"))
    users = params.uploader
    assert (users.main.name, users.spare.name) == ("video", "video-spare")
    assert (users.main.path, users.main.tags, users.main.bucket, users.main.prefix) == (
        "/a/",
        {"x": "y"},
        "b-1",
        PROJECT,
    )
    assert (users.rotate_after, users.grace_period, users.delete_after, users.drain_timeout) == (60, 5, 7, 0)
    assert params.grace_period == 5
    assert (users.iam.service, users.operator.service) == ("iam", "s3")
    assert (params.target.secret, params.check.uploader.secret_key) == (None, None)
    assert params.check.with_key("AKIA1", "secret").uploader.access_key == "AKIA1"


def test_parse_params_managed_key_has_defaults() -> None:
    params = managed_params()
    users = params.uploader
    assert (users.rotate, users.rotate_after, users.revoke_old_keys) == (False, None, False)
    assert (users.grace_period, users.delete_after, users.drain_timeout) == (18 * 3600, 24 * 3600, 30)
    assert (params.verify, params.check.timeout) == ("new_key", 30)
    assert managed_params(verify_timeout=0).check.timeout == 0
    assert not any(spec.get("required") for spec in ARGUMENTS.values())


def test_parse_params_empty_uploader_is_a_managed_key() -> None:
    for options in ({}, {"name": ""}):
        params = validate_options(ARGUMENTS, {**PARAMS, "uploader": options})
        assert isinstance(parse_params(params, {}), ManagedKeyParams)


def test_parse_params_external_key_returns_an_upload_check() -> None:
    params = parse_params(EXTERNAL, {})
    assert isinstance(params, ExternalKeyParams)
    assert (params.verify, params.always, params.max_age) == ("new_key", False, None)
    assert params.check
    assert (params.check.bucket, params.check.prefix, params.check.uploader.access_key) == (
        "b-1",
        PROJECT,
        "AKIAIOSFODNN7EXAMPLE",
    )
    assert params.check.operator.access_key == "AKIAOPERATOR"
    assert "wJalr" not in repr(params)


@pytest.mark.parametrize("verify", ["never", "new_key"])
def test_parse_params_external_key_without_its_secret_cannot_be_verified(verify: str) -> None:
    params = parse_params({**EXTERNAL, "s3": {**EXTERNAL["s3"], "secret_key": ""}, "verify": verify}, {})
    assert isinstance(params, ExternalKeyParams)
    assert params.check is None


def test_parse_params_azure_has_no_upload_check() -> None:
    params = parse_params({**EXTERNAL, "s3": None, "azure": AZURE}, {})
    assert isinstance(params, ExternalKeyParams)
    assert (params.verify, params.check) == ("never", None)
    assert parse_params({**EXTERNAL, "s3": None, "azure": AZURE, "verify": "never"}, {}) == params
    for verify in ("new_key", "always", "only"):
        assert external_problems(s3=None, azure=AZURE, verify=verify) == [
            f"verify: {verify} is not possible with azure. Leave it out, or set it to never"
        ]


def test_parse_params_absent_returns_a_deletion() -> None:
    params = parse_params({**EXTERNAL, "state": "absent"}, {})
    assert isinstance(params, DeleteParams)
    assert params.uploader is None
    params = parse_params({**PARAMS, "state": "absent", "s3": None, "uploader": {"grace_period": 7}}, {})
    assert isinstance(params, DeleteParams)
    assert params.uploader
    assert (params.uploader.main.name, params.grace_period) == (MAIN, 7)


@pytest.mark.parametrize(
    ("endpoint", "sse", "has_warning"),
    [
        (None, "s3", False),
        ("https://s3.example.com", "s3", False),
        ("https://storage.googleapis.com.example.com", "s3", False),
        ("https://storage.googleapis.com", "none", True),
        ("https://b-1.Storage.GoogleAPIs.com/", "none", True),
    ],
)
def test_parse_params_sse_default_depends_on_the_store(endpoint: str | None, sse: str, has_warning: bool) -> None:
    params = managed_params(s3={"bucket": "b-1", "endpoint": endpoint})
    assert (params.target.config["sse"], params.check.sse) == (sse, sse == "s3")
    assert bool(params.warnings) is has_warning
    assert not managed_params(s3={"bucket": "b-1", "endpoint": endpoint, "sse": sse}).warnings


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"state_file": None}, "state_file: required with uploader"),
        ({"state_file": "relative"}, "state_file: 'relative' is neither"),
        ({"state_file": f"s3://b-1/{PROJECT}/state"}, "the prefix of recordings"),
        ({"fallback": None}, "fallback: is required"),
        ({"s3": None}, "one of s3 and azure is required"),
        ({"s3": {"bucket": "s3://b"}}, "s3.bucket: 's3://b' is not a bucket name"),
        ({"s3": {"bucket": "b-1", "sse": "aws:kms"}}, "s3.sse: 'aws:kms' is not possible"),
        ({"s3": {"bucket": "b-1", "access_key": "AKIA"}}, "s3.access_key: cannot be set together with uploader"),
        ({"s3": {"bucket": "b-1", "secret_key": "s"}}, "s3.secret_key: cannot be set together with uploader"),
        ({"s3": None, "azure": AZURE}, "azure: cannot be set together with uploader"),
        ({"update": "always"}, "update: always is not possible together with uploader"),
        ({"max_age": 60}, "max_age: cannot be set together with uploader. Use uploader.rotate_after"),
        ({"rotate_after": -1}, "uploader.rotate_after: -1 is not a whole number"),
        ({"uploader": {"grace_period": 1.5}}, "uploader.grace_period: 1.5 is not a whole number"),
        ({"delete_after": "soon"}, "uploader.delete_after: 'soon' is not a duration. Use "),
        (
            {"rotate_after": 151200},
            "uploader.rotate_after: must exceed uploader.grace_period plus uploader.delete_after (151200 seconds), got "
            "151200 seconds",
        ),
        ({"drain_timeout": True}, "uploader.drain_timeout: True is not a duration. Use "),
        ({"uploader": {"name": "a b"}}, "uploader.name: 'a b' is not a valid user name"),
        ({"uploader": {"name": "x" * 59}}, "1 to 58 letters"),
        ({"uploader": {"path": "video"}}, "uploader.path: 'video' is not a valid path"),
        ({"uploader": {"permissions_boundary": "x"}}, "uploader.permissions_boundary: 'x' is not the ARN"),
        ({"uploader": {"tags": {"vonage-archiving:managed": "no"}}}, "uploader.tags: the tag"),
        ({"iam_endpoint_url": "iam.example.com"}, "iam_endpoint_url: 'iam.example.com' is not a valid URL"),
        ({"access_key": "a", "secret_key": None}, "secret_key: is required with access_key"),
        ({"api_secret": None}, "api_secret: is required"),
        ({"cors_origin": "example.com/x"}, "cors_origin: 'example.com/x' is not a valid URL"),
        ({"verify_timeout": -1}, "verify_timeout: -1 is not a whole number that is 0 or greater"),
    ],
)
def test_parse_params_invalid_managed_key_reports_the_problem(options: dict[str, t.Any], problem: str) -> None:
    texts = managed_problems(**options)
    assert any(problem in text for text in texts), texts
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("verify", ["always", "only"])
def test_parse_params_verify_of_an_external_key_requires_its_secret(verify: str) -> None:
    s3 = {**EXTERNAL["s3"], "secret_key": None}
    assert external_problems(s3=s3, verify=verify) == [f"verify: {verify} requires s3.secret_key"]


def test_parse_params_grace_period_of_a_managed_key_is_refused() -> None:
    options = {**PARAMS, "uploader": {}, "grace_period": 60}
    with pytest.raises(InputError, match=r"grace_period: cannot be set together with uploader. Use uploader"):
        parse_params(options, {})
    assert parse_params({**EXTERNAL, "grace_period": 60}, {}).grace_period == 60


def test_parse_params_verify_only_of_a_deletion_is_refused() -> None:
    assert external_problems(state="absent", verify="only") == ["verify: only is not possible with state=absent"]


def test_parse_params_many_invalid_options_reports_all_without_secrets() -> None:
    problems = managed_problems(
        state_file=None, fallback=None, uploader={"name": "a b", "grace_period": -1}, access_key="a", secret_key=None
    )
    text = " ".join(problems)
    for word in ("state_file: required", "fallback: is required", "grace_period", "uploader.name", "secret_key: is"):
        assert word in text
    assert API_SECRET not in text


def test_parse_params_secret_as_id_is_not_quoted() -> None:
    with pytest.raises(InputError) as caught:
        parse_params({**PARAMS, "api_key": API_SECRET, "api_secret": PROJECT}, {})
    assert API_SECRET not in str(caught.value)
