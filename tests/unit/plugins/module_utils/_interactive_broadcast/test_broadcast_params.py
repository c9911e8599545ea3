# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of an Interactive Broadcast application's options is refused, and what they mean."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import reconcile as run
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.params import Desired, desired

TOKEN = "HRKU-01234567-89ab-cdef-0123-456789abcdef"
GIVEN: dict[str, t.Any] = {"app": "example", "api_token": TOKEN, "project": "47123456", "bucket": "example-recordings"}


def wanted(**changes: t.Any) -> Desired:
    return desired({**GIVEN, **changes}, {})


def test_the_least_that_has_to_be_said() -> None:
    found = wanted()
    assert (found.generation, found.has_key, found.present) == (1, True, True)
    assert found.images_bucket == "example-recordings"
    assert found.user.name == "interactive-broadcast-47123456"
    assert found.user.document("aws")["Statement"] == [
        {
            "Sid": "InteractiveBroadcastImages",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:PutObjectAcl", "s3:GetObject"],
            "Resource": ["arn:aws:s3:::example-recordings/img/*"],
        }
    ]
    assert (found.rotate_after, found.grace, found.proof) == (None, 90, "new")
    assert TOKEN not in repr(found)


def test_everything_is_taken_over() -> None:
    user = {"name": "images", "path": "/b/", "tags": {"a": "1"}, "force": True}
    found = wanted(images_bucket="example-images", image_acls=False, user=user, endpoint="https://s3.example.com/")
    assert (found.user.name, found.user.path, found.user.force) == ("images", "/b/", True)
    assert dict(found.user.tags) == {"a": "1"}
    (statement,) = found.user.document("aws-cn")["Statement"]
    assert statement["Action"] == ["s3:PutObject", "s3:GetObject"]
    assert statement["Resource"] == ["arn:aws-cn:s3:::example-images/img/*"]
    assert (found.operator.endpoint_url, found.store.endpoint_url) == (None, "https://s3.example.com")
    assert not wanted(enable_archiving=False).enable_archiving
    assert not wanted(generation=2).has_key


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_sent() -> None:
    wrong = {
        "app": "Not An App",
        "api_token": "",
        "project": "img",
        "bucket": "A",
        "images_bucket": "x",
        "endpoint": "s3.example.com",
        "base_url": "https//s3.amazonaws.com/[S3_BUCKET_NAME]",
        "user": {"name": "a b", "path": "b"},
        "grace": -1,
        "rotate_after": -1,
        "verify_timeout": -1,
        "access_key": "AKIAIOSFODNN7EXAMPLE",
        "iam_endpoint_url": "nowhere",
    }
    with pytest.raises(InputError) as refused:
        run.reconcile(wrong, Context())
    told = " | ".join(refused.value.problems)
    for word in (
        "app 'Not An App'",
        "api_token is required",
        "'img' is the folder of the application's images",
        "bucket name 'A'",
        "bucket name 'x'",
        "endpoint",
        "base_url 'https//",
        "user: the user name 'a b'",
        "user: path 'b'",
        "grace",
        "rotate_after",
        "verify_timeout",
        "iam_endpoint_url",
    ):
        assert word in told, word
    assert len(refused.value.problems) == len(set(refused.value.problems))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"project": ""}, "project"),
        ({"project": "../x"}, "project"),
        ({"bucket": ""}, "bucket"),
        ({"app": TOKEN}, "app holds an API token"),
        ({"base_url": "https://me:hunter22@cdn.example.com"}, "credentials"),
        ({"user": {"name": "vonage-archiving-47123456"}}, "uploads"),
        ({"user": {"name": "vonage-archiving-47123456-spare"}}, "uploads"),
        ({"user": {"permissions_boundary": "nothing"}}, "permissions_boundary"),
        ({"user": {"tags": {"vonage-archiving:managed": "no"}}}, "own"),
    ],
)
def test_each_is_refused(changes: dict[str, t.Any], told: str) -> None:
    with pytest.raises(InputError) as refused:
        wanted(**changes)
    assert told in str(refused.value)
    assert "hunter22" not in str(refused.value)
    assert refused.value.secrets == ([TOKEN] if changes.get("app") == TOKEN else [])


def test_nothing_but_the_names_is_needed_to_take_it_away() -> None:
    found = wanted(state="absent", bucket="", user={})
    assert not found.present
    with pytest.raises(InputError) as refused:
        wanted(state="absent", user={"name": "a b"})
    assert "a b" in str(refused.value)
