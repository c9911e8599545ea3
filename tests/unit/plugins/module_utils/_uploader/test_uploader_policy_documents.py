# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy of the uploader in the diff, and the permissions of previous keys: literal documents."""

from __future__ import annotations

import typing as t

from ansible_collections.vonage.archiving.plugins.module_utils._uploader import policy
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.fetch import CurrentUser, User
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.plan import plan_user
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user_params import OWNER_TAG, DesiredUser

PREVIOUS = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::old/471/*"}


def test_document_with_list_all_my_buckets_allows_it_for_all_buckets() -> None:
    assert policy.document("b", "471", True, "aws-cn")["Statement"][2:] == [
        {
            "Sid": "VonageArchivingListBuckets",
            "Effect": "Allow",
            "Action": ["s3:ListAllMyBuckets"],
            "Resource": ["arn:aws-cn:s3:::*"],
        }
    ]


def test_merge_with_current_adds_numbered_statements_of_previous_permissions() -> None:
    desired = policy.document("b", "471")
    current = {"Version": "2012-10-17", "Statement": [*desired["Statement"], PREVIOUS, {**PREVIOUS, "Effect": "Deny"}]}
    merged = policy.merge_with_current(desired, current)
    assert merged["Statement"][:2] == desired["Statement"]
    assert merged["Statement"][2:] == [{**PREVIOUS, "Sid": "VonageArchivingUntilRotated1"}]
    assert policy.merge_with_current(desired, merged) == merged
    assert policy.merge_with_current(desired, {"Statement": "x"}) == desired


def test_format_policy_sorts_statements_and_values() -> None:
    document: dict[str, t.Any] = {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "b", "NotAction": "x", "Resource": ["z", "y"]},
            {"Sid": "A", "Action": "x", "Condition": {"StringLike": {"k": ["2", "1"], "l": "3"}}},
            {"Effect": "Deny"},
        ],
    }
    assert policy.format_policy(document) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Deny"},
            {"Sid": "A", "Action": ["x"], "Condition": {"StringLike": {"k": ["1", "2"], "l": ["3"]}}},
            {"Sid": "b", "NotAction": "x", "Resource": ["y", "z"]},
        ],
    }
    assert policy.format_policy(None) is None
    assert policy.format_policy({"Statement": ["x", {"Sid": "a"}]}) == {"Statement": [{"Sid": "a"}]}


def test_is_equal_compares_version_and_statements() -> None:
    one = {"Version": "2012-10-17", "Statement": [{**PREVIOUS, "Sid": "a"}]}
    assert policy.is_equal(
        one, {"Statement": {**PREVIOUS, "Sid": "a", "Action": ["s3:putobject"]}, "Version": "2012-10-17"}
    )
    assert not policy.is_equal(one, {**one, "Version": "2008-10-17"})
    assert not policy.is_equal(one, {**one, "Statement": []})
    assert not policy.is_equal(one, {"Version": "2012-10-17"})
    assert not policy.is_equal(one, None)
    assert not policy.is_equal(None, one)
    assert policy.is_equal(None, {})


def test_allowed_locations_are_those_with_a_bucket_and_a_prefix() -> None:
    resources = ["arn:aws:s3:::b/471/*", "arn:aws-cn:s3:::c/471/x/*", "arn:aws:s3:::*/471/*", "arn:aws:s3:::d/*", "*"]
    documents = [{"Statement": {"Resource": resources}}, None, {"Statement": ["x"]}]
    assert policy.allowed_locations(documents) == {("b", "471"), ("c", "471/x")}
    assert policy.other_projects(documents, "471") == []
    assert policy.other_projects(documents, "472") == ["471"]


def test_plan_user_shows_policies_in_a_normal_form() -> None:
    desired = DesiredUser("u", "b", "471")
    statement = {"Sid": "x", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    user = User("u", "arn", "/", tags={OWNER_TAG: "true"}, policy={"Version": "1", "Statement": statement})
    [change] = plan_user(desired, CurrentUser(user)).changes
    assert change.name == "policy"
    assert change.before == {"Version": "1", "Statement": [{**statement, "Action": ["s3:*"], "Resource": ["*"]}]}
    assert [item["Sid"] for item in change.after["Statement"]] == ["VonageArchivingList", "VonageArchivingUpload"]
    assert change.after["Statement"][1]["Action"] == ["s3:AbortMultipartUpload", "s3:PutObject"]
