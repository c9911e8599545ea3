# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of a rotation: all that is wrong is told at once, without a request."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._errors import InputError
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import ARGUMENTS, desired
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.record_file import FileStore
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._rotation.rotation_cases import (
    API_SECRET,
    PARAMS,
    PROJECT,
    wanted,
)


def problems(**params: t.Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        wanted(**params)
    return caught.value.problems


def test_what_is_asked_for() -> None:
    asked = wanted(
        uploader={"name": "video", "path": "/a/", "tags": {"x": "y"}, "list_all_my_buckets": True},
        rotate_after=60,
        grace_period="5",
        delete_after=7,
        drain_timeout=0,
    )
    assert (asked.project.id, asked.target.place, asked.store) == (PROJECT, "b-1", FileStore("/nowhere/record.json"))
    assert (asked.main.name, asked.spare.name) == ("video", "video-spare")
    assert (asked.main.path, asked.main.tags, asked.main.bucket, asked.main.prefix) == (
        "/a/",
        {"x": "y"},
        "b-1",
        PROJECT,
    )
    assert (asked.rotate_after, asked.grace_period, asked.delete_after, asked.drain) == (60, 5, 7, 0)
    assert asked.target.secret is None
    assert (asked.iam.service, asked.operator.service) == ("iam", "s3")


def test_defaults() -> None:
    asked = wanted()
    assert (asked.rotate, asked.rotate_after, asked.revoke_old_keys) == (False, None, False)
    assert (asked.grace_period, asked.delete_after) == (18 * 3600, 24 * 3600)
    assert (asked.drain, asked.proof, asked.probe["timeout"]) == (30, "new", 30)
    assert wanted(verify_timeout=0).probe["timeout"] == 0
    assert {name for name, spec in ARGUMENTS.items() if spec.get("required")} == {"s3", "record"}


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"record": None}, "record is required"),
        ({"record": "relative"}, "record 'relative' is neither"),
        ({"record": f"s3://b-1/{PROJECT}/record"}, "where recordings go"),
        ({"fallback": None}, "fallback is required"),
        ({"s3": {"bucket": "s3://b"}}, "s3.bucket 's3://b' is not the name of a bucket alone"),
        ({"s3": {"bucket": "b-1", "sse": "aws:kms"}}, "s3.sse 'aws:kms' is not possible"),
        ({"rotate_after": -1}, "rotate_after -1 is not a whole number"),
        ({"grace_period": 1.5}, "grace_period 1.5 is not a whole number"),
        ({"delete_after": "soon"}, "delete_after 'soon' is not a whole number"),
        (
            {"rotate_after": 151200},
            "rotate_after: must exceed grace_period plus delete_after (151200 seconds), got 151200 seconds",
        ),
        ({"drain_timeout": True}, "drain_timeout True is not a whole number"),
        ({"uploader": {"name": "a b"}}, "uploader: the user name 'a b'"),
        ({"uploader": {"name": "x" * 59}}, "1 to 58 letters"),
        ({"uploader": {"path": "video"}}, "uploader: path 'video'"),
        ({"uploader": {"permissions_boundary": "x"}}, "uploader: permissions_boundary 'x'"),
        ({"uploader": {"tags": {"vonage-archiving:managed": "no"}}}, "uploader: the tag"),
        ({"iam_endpoint_url": "iam.example.com"}, "iam_endpoint_url 'iam.example.com' is no URL"),
        ({"access_key": "a", "secret_key": None}, "access_key and secret_key belong together"),
        ({"api_secret": None}, "api_secret is required"),
        ({"cors_origin": "example.com/x"}, "cors_origin"),
        ({"verify_timeout": -1}, "timeout"),
    ],
)
def test_what_is_wrong(params: dict[str, t.Any], told: str) -> None:
    found = problems(**params)
    assert any(told in problem for problem in found), found
    assert len(found) == len(set(found))


def test_all_of_it_at_once_and_no_secret() -> None:
    found = problems(
        record=None, fallback=None, grace_period=-1, uploader={"name": "a b"}, access_key="a", secret_key=None
    )
    text = " ".join(found)
    for word in ("record is required", "fallback is required", "grace_period", "user name", "belong together"):
        assert word in text
    assert API_SECRET not in text


def test_a_secret_in_the_place_of_an_id() -> None:
    with pytest.raises(InputError) as caught:
        desired({**PARAMS, "api_key": API_SECRET, "api_secret": PROJECT}, {})
    assert caught.value.secrets == [API_SECRET]
