# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parsing and validation of the options of an Interactive Broadcast application."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError
from ansible_collections.vonage.archiving.plugins.module_utils._core.misplaced_secrets import find_misplaced_secrets
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import reconcile as use_case
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.params import (
    BroadcastParams,
    parse_params,
)

TOKEN = "HRKU-01234567-89ab-cdef-0123-456789abcdef"
OPTIONS: dict[str, t.Any] = {
    "app": "example",
    "api_token": TOKEN,
    "project": "47123456",
    "bucket": "example-recordings",
}


def parse(**changes: t.Any) -> BroadcastParams:
    return parse_params({**OPTIONS, **changes}, {})


def test_parse_params_required_options_only_uses_defaults() -> None:
    params = parse()
    assert (params.generation, params.has_key, params.present) == (1, True, True)
    assert params.images_bucket == "example-recordings"
    assert params.user.name == "interactive-broadcast-47123456"
    assert params.user.document("aws")["Statement"] == [
        {
            "Sid": "InteractiveBroadcastImages",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:PutObjectAcl", "s3:GetObject"],
            "Resource": ["arn:aws:s3:::example-recordings/img/*"],
        }
    ]
    assert (params.rotate_after, params.grace_period, params.verify) == (None, 90, "new_key")
    assert TOKEN not in repr(params)


def test_parse_params_all_options_are_used() -> None:
    user = {"name": "images", "path": "/b/", "tags": {"a": "1"}, "force": True}
    params = parse(images_bucket="example-images", image_acls=False, user=user, endpoint="https://s3.example.com/")
    assert (params.user.name, params.user.path, params.user.force) == ("images", "/b/", True)
    assert dict(params.user.tags) == {"a": "1"}
    (statement,) = params.user.document("aws-cn")["Statement"]
    assert statement["Action"] == ["s3:PutObject", "s3:GetObject"]
    assert statement["Resource"] == ["arn:aws-cn:s3:::example-images/img/*"]
    assert (params.operator.endpoint_url, params.store.endpoint_url) == (None, "https://s3.example.com")
    assert not parse(enable_archiving=False).enable_archiving
    assert not parse(generation=2).has_key


def test_reconcile_several_invalid_options_are_reported_together() -> None:
    wrong = {
        "app": "Not An App",
        "api_token": "",
        "project": "img",
        "bucket": "A",
        "images_bucket": "x",
        "endpoint": "s3.example.com",
        "base_url": "https//s3.amazonaws.com/[S3_BUCKET_NAME]",
        "user": {"name": "a b", "path": "b"},
        "grace_period": -1,
        "rotate_after": -1,
        "verify_timeout": 301,
        "access_key": "AKIAIOSFODNN7EXAMPLE",
        "iam_endpoint_url": "nowhere",
    }
    with pytest.raises(InputError) as refused:
        use_case.reconcile(wrong, Context())
    message = " | ".join(str(problem) for problem in refused.value.problems)
    for part in (
        "app: 'Not An App'",
        "api_token: is required",
        "project: 'img' is the prefix of the application's images",
        "bucket: 'A'",
        "images_bucket: 'x'",
        "endpoint: 's3.example.com' is not a valid URL",
        "base_url: 'https//",
        "user.name: 'a b' is not",
        "user.path: 'b' is not",
        "grace_period",
        "rotate_after",
        "verify_timeout: 301 is greater than 300",
        "iam_endpoint_url",
    ):
        assert part in message, part
    assert len(refused.value.problems) == len(set(refused.value.problems))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"project": ""}, "project"),
        ({"project": "../x"}, "project"),
        ({"bucket": ""}, "bucket"),
        ({"app": TOKEN}, "app: contains an API token"),
        ({"base_url": "https://me:hunter22@cdn.example.com"}, "credentials"),
        ({"user": {"name": "vonage-archiving-47123456"}}, "with which Vonage uploads"),
        ({"user": {"name": "vonage-archiving-47123456-spare"}}, "with which Vonage uploads"),
        ({"user": {"permissions_boundary": "nothing"}}, "permissions_boundary"),
        ({"user": {"tags": {"vonage-archiving:managed": "no"}}}, "is reserved"),
    ],
)
def test_parse_params_invalid_option_is_refused(changes: dict[str, t.Any], message: str) -> None:
    with pytest.raises(InputError) as refused:
        parse(**changes)
    assert message in str(refused.value)
    assert "hunter22" not in str(refused.value)
    misplaced = {TOKEN: [TOKEN], "https://me:hunter22@cdn.example.com": ["me:hunter22"]}
    value = str(changes.get("app") or changes.get("base_url"))
    assert find_misplaced_secrets(changes) == misplaced.get(value, [])


def test_parse_params_state_absent_requires_only_names() -> None:
    params = parse(state="absent", bucket="", user={})
    assert not params.present
    with pytest.raises(InputError) as refused:
        parse(state="absent", user={"name": "a b"})
    assert "a b" in str(refused.value)
