# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy of an uploader, and its comparison by meaning."""

from __future__ import annotations

import copy
import json
import typing as t

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws import policy_document as policy
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import policy as uploader_policy
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.policy import (
    document,
    format_policy,
    is_equal,
    merge_with_current,
)

names = st.sampled_from(["recordings", "b-1", "471", "4710", "47"])
documents = st.builds(document, names, names, st.booleans(), st.sampled_from(["aws", "aws-cn"]))


def reorder(data: st.DataObject, policy_document: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return an equal document as a store may return it: in another order, lists of one item as scalars."""

    def form(value: t.Any) -> t.Any:
        if isinstance(value, list):
            value = data.draw(st.permutations([form(item) for item in value]))
            return value[0] if len(value) == 1 and data.draw(st.booleans()) else value
        keys = data.draw(st.permutations(sorted(value))) if isinstance(value, dict) else ()
        return {key: form(value[key]) for key in keys} if isinstance(value, dict) else value

    return t.cast("dict[str, t.Any]", form(copy.deepcopy(policy_document)))


def test_document_allows_uploads_and_a_listing_of_the_prefix() -> None:
    assert document("recordings", "471") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "VonageArchivingUpload",
                "Effect": "Allow",
                "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
                "Resource": ["arn:aws:s3:::recordings/471/*"],
            },
            {
                "Sid": "VonageArchivingList",
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": ["arn:aws:s3:::recordings"],
                "Condition": {"StringLike": {"s3:prefix": ["471/*"]}},
            },
        ],
    }
    listing = document("recordings", "471", True, "aws-cn")["Statement"]
    assert listing[2]["Action"] == ["s3:ListAllMyBuckets"]
    assert {resource.split(":")[1] for statement in listing for resource in statement["Resource"]} == {"aws-cn"}


@settings(max_examples=50)
@given(st.data(), documents)
def test_is_equal_ignores_the_form(data: st.DataObject, policy_document: dict[str, t.Any]) -> None:
    other = reorder(data, policy_document)
    assert is_equal(policy_document, other)
    assert format_policy(policy_document) == format_policy(other)
    assert is_equal(format_policy(other), policy_document)


@settings(max_examples=50)
@given(st.data(), documents, documents)
def test_is_equal_only_for_equal_documents(data: st.DataObject, one: dict[str, t.Any], two: dict[str, t.Any]) -> None:
    assert is_equal(reorder(data, one), reorder(data, two)) == (one == two)


def test_is_equal_without_a_document_is_false() -> None:
    desired = document("b-1", "471")
    assert is_equal(None, None)
    assert not is_equal(None, desired)
    assert not is_equal({}, desired)
    assert not is_equal({"Version": "2012-10-17"}, desired)
    assert not is_equal({**desired, "Version": "2008-10-17"}, desired)
    assert format_policy(None) is format_policy({}) is None
    assert merge_with_current(desired, {"odd": 1}) == desired


def statements(policy_document: t.Mapping[str, t.Any]) -> set[str]:
    return {policy.canonical_form({**statement, "Sid": ""}) for statement in policy_document["Statement"]}


@settings(max_examples=50)
@given(st.data(), documents, documents, documents)
def test_merge_with_current_allows_both_and_is_idempotent(
    data: st.DataObject, first: dict[str, t.Any], second: dict[str, t.Any], third: dict[str, t.Any]
) -> None:
    wide = merge_with_current(second, reorder(data, first))
    assert statements(wide) == statements(first) | statements(second)
    again = merge_with_current(second, reorder(data, wide))
    assert is_equal(again, wide)
    wider = merge_with_current(third, wide)
    assert statements(wider) == statements(first) | statements(second) | statements(third)
    sids = [statement["Sid"] for statement in wider["Statement"]]
    assert len(sids) == len(set(sids))
    assert all(sid.isalnum() for sid in sids)
    # Three locations are still within the quota for the inline policies of a user, 2048 characters without blanks.
    assert len(json.dumps(wider, separators=(",", ":"))) < 2048
    assert merge_with_current(second, second) == second
    assert uploader_policy.TRANSITION_SID_PREFIX not in json.dumps(second)


def test_other_projects_are_those_that_a_policy_allows_uploads_for() -> None:
    own, other = document("recordings", "471"), document("elsewhere", "472")
    assert uploader_policy.other_projects([own, None, {}], "471") == []
    assert uploader_policy.other_projects([other], "471") == ["472"]
    assert uploader_policy.other_projects([merge_with_current(own, other), document("a", "470/x")], "471") == [
        "470",
        "472",
    ]
