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


def problems(**options: t.Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        managed_params(**options)
    return caught.value.problems


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
    return caught.value.problems


def test_managed_key() -> None:
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


def test_managed_key_defaults() -> None:
    params = managed_params()
    users = params.uploader
    assert (users.rotate, users.rotate_after, users.revoke_old_keys) == (False, None, False)
    assert (users.grace_period, users.delete_after, users.drain_timeout) == (18 * 3600, 24 * 3600, 30)
    assert (params.verify, params.check.timeout, params.can_verify) == ("new_key", 30, True)
    assert managed_params(verify_timeout=0).check.timeout == 0
    assert not any(spec.get("required") for spec in ARGUMENTS.values())


def test_managed_key_with_an_empty_uploader() -> None:
    """As Ansible hands over ``uploader: {}``, and as a role does in which no variable is set."""
    for options in ({}, {"name": ""}):
        params = validate_options(ARGUMENTS, {**PARAMS, "uploader": options})
        assert isinstance(parse_params(params, {}), ManagedKeyParams)


def test_external_key() -> None:
    params = parse_params(EXTERNAL, {})
    assert isinstance(params, ExternalKeyParams)
    assert (params.verify, params.can_verify, params.always, params.max_age) == ("new_key", True, False, None)
    assert params.check
    assert (params.check.bucket, params.check.prefix, params.check.uploader.access_key) == (
        "b-1",
        PROJECT,
        "AKIAIOSFODNN7EXAMPLE",
    )
    assert params.check.operator.access_key == "AKIAOPERATOR"
    assert "wJalr" not in repr(params)


@pytest.mark.parametrize("verify", ["never", "new_key"])
def test_external_key_without_its_secret_cannot_be_verified(verify: str) -> None:
    params = parse_params({**EXTERNAL, "s3": {**EXTERNAL["s3"], "secret_key": ""}, "verify": verify}, {})
    assert not params.can_verify


def test_azure_has_no_upload_check() -> None:
    params = parse_params({**EXTERNAL, "s3": None, "azure": AZURE}, {})
    assert (params.verify, params.can_verify) == ("never", False)
    assert parse_params({**EXTERNAL, "s3": None, "azure": AZURE, "verify": "never"}, {}) == params
    for verify in ("new_key", "always", "only"):
        assert external_problems(s3=None, azure=AZURE, verify=verify) == [
            f"verify: {verify} is not possible with azure. Leave it out, or set it to never"
        ]


def test_absent() -> None:
    params = parse_params({**EXTERNAL, "state": "absent"}, {})
    assert isinstance(params, DeleteParams)
    assert params.uploader is None
    params = parse_params({**PARAMS, "state": "absent", "s3": None, "uploader": {"grace_period": 7}}, {})
    assert isinstance(params, DeleteParams)
    assert params.uploader
    assert (params.uploader.main.name, params.grace_period) == (MAIN, 7)


@pytest.mark.parametrize(
    ("endpoint", "sse", "warned"),
    [
        (None, "s3", False),
        ("https://s3.example.com", "s3", False),
        ("https://storage.googleapis.com.example.com", "s3", False),
        ("https://storage.googleapis.com", "none", True),
        ("https://b-1.Storage.GoogleAPIs.com/", "none", True),
    ],
)
def test_sse_that_is_not_set(endpoint: str | None, sse: str, warned: bool) -> None:
    params = managed_params(s3={"bucket": "b-1", "endpoint": endpoint})
    assert (params.target.config["sse"], params.check.sse) == (sse, sse == "s3")
    assert bool(params.warnings) is warned
    assert not managed_params(s3={"bucket": "b-1", "endpoint": endpoint, "sse": sse}).warnings


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"state_file": None}, "state_file: required with uploader"),
        ({"state_file": "relative"}, "state_file: 'relative' is neither"),
        ({"state_file": f"s3://b-1/{PROJECT}/state"}, "the prefix of recordings"),
        ({"fallback": None}, "fallback is required"),
        ({"s3": None}, "one of s3 and azure is required"),
        ({"s3": {"bucket": "s3://b"}}, "s3.bucket 's3://b' is not the name of a bucket alone"),
        ({"s3": {"bucket": "b-1", "sse": "aws:kms"}}, "s3.sse 'aws:kms' is not possible"),
        ({"s3": {"bucket": "b-1", "access_key": "AKIA"}}, "s3.access_key: cannot be set together with uploader"),
        ({"s3": {"bucket": "b-1", "secret_key": "s"}}, "s3.secret_key: cannot be set together with uploader"),
        ({"s3": None, "azure": AZURE}, "azure: cannot be set together with uploader"),
        ({"update": "always"}, "update: always is not possible together with uploader"),
        ({"max_age": 60}, "max_age: cannot be set together with uploader. Use uploader.rotate_after"),
        ({"rotate_after": -1}, "uploader.rotate_after: -1 is not a whole number"),
        ({"uploader": {"grace_period": 1.5}}, "uploader.grace_period: 1.5 is not a whole number"),
        ({"delete_after": "soon"}, "uploader.delete_after: 'soon' is not a whole number"),
        (
            {"rotate_after": 151200},
            "uploader.rotate_after: must exceed uploader.grace_period plus uploader.delete_after (151200 seconds), got "
            "151200 seconds",
        ),
        ({"drain_timeout": True}, "uploader.drain_timeout: True is not a whole number"),
        ({"uploader": {"name": "a b"}}, "uploader: the user name 'a b'"),
        ({"uploader": {"name": "x" * 59}}, "1 to 58 letters"),
        ({"uploader": {"path": "video"}}, "uploader: path 'video'"),
        ({"uploader": {"permissions_boundary": "x"}}, "uploader: permissions_boundary 'x'"),
        ({"uploader": {"tags": {"vonage-archiving:managed": "no"}}}, "uploader: the tag"),
        ({"iam_endpoint_url": "iam.example.com"}, "iam_endpoint_url: 'iam.example.com' is not a valid URL"),
        ({"access_key": "a", "secret_key": None}, "access_key and secret_key belong together"),
        ({"api_secret": None}, "api_secret: is required"),
        ({"cors_origin": "example.com/x"}, "cors_origin"),
        ({"verify": "new"}, "verify: must be one of never, new_key, always, only, got 'new'"),
        ({"verify_timeout": -1}, "verify_timeout"),
    ],
)
def test_problems_of_a_managed_key(options: dict[str, t.Any], problem: str) -> None:
    found = problems(**options)
    assert any(problem in text for text in found), found
    assert len(found) == len(set(found))


@pytest.mark.parametrize("verify", ["always", "only"])
def test_verify_of_an_external_key_requires_its_secret(verify: str) -> None:
    s3 = {**EXTERNAL["s3"], "secret_key": None}
    assert external_problems(s3=s3, verify=verify) == [f"verify: {verify} requires s3.secret_key"]


def test_top_level_grace_period_is_not_for_managed_keys() -> None:
    options = {**PARAMS, "uploader": {}, "grace_period": 60}
    with pytest.raises(InputError, match=r"grace_period: cannot be set together with uploader. Use uploader"):
        parse_params(options, {})
    assert parse_params({**EXTERNAL, "grace_period": 60}, {}).grace_period == 60


def test_verify_only_is_not_for_deletions() -> None:
    assert external_problems(state="absent", verify="only") == ["verify: only is not possible with state=absent"]


def test_all_problems_together_and_no_secret() -> None:
    found = problems(
        state_file=None, fallback=None, uploader={"name": "a b", "grace_period": -1}, access_key="a", secret_key=None
    )
    text = " ".join(found)
    for word in ("state_file: required", "fallback is required", "grace_period", "user name", "belong together"):
        assert word in text
    assert API_SECRET not in text


def test_parse_params_secret_as_id_is_not_quoted() -> None:
    with pytest.raises(InputError) as caught:
        parse_params({**PARAMS, "api_key": API_SECRET, "api_secret": PROJECT}, {})
    assert API_SECRET not in str(caught.value)
