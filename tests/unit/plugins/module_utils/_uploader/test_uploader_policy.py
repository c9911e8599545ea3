# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The uploader's policy: what it says, and that it is compared by what it means."""

from __future__ import annotations

import copy
import json
import typing as t

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws import policy_document as policy
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import policy as uploader_policy
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.policy import document, same, shown, widened

names = st.sampled_from(["recordings", "b-1", "471", "4710", "47"])
documents = st.builds(document, names, names, st.booleans(), st.sampled_from(["aws", "aws-cn"]))


def rewritten(data: st.DataObject, found: dict[str, t.Any]) -> dict[str, t.Any]:
    """The same as a store may give it back: in another order, lists of one as scalars."""

    def form(value: t.Any) -> t.Any:
        if isinstance(value, list):
            value = data.draw(st.permutations([form(each) for each in value]))
            return value[0] if len(value) == 1 and data.draw(st.booleans()) else value
        keys = data.draw(st.permutations(sorted(value))) if isinstance(value, dict) else ()
        return {key: form(value[key]) for key in keys} if isinstance(value, dict) else value

    return t.cast("dict[str, t.Any]", form(copy.deepcopy(found)))


def test_what_it_allows() -> None:
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
    assert {resource.split(":")[1] for each in listing for resource in each["Resource"]} == {"aws-cn"}


@settings(max_examples=50)
@given(st.data(), documents)
def test_another_form_means_the_same_and_looks_the_same(data: st.DataObject, found: dict[str, t.Any]) -> None:
    other = rewritten(data, found)
    assert same(found, other)
    assert shown(found) == shown(other)
    assert same(shown(other), found)


@settings(max_examples=50)
@given(st.data(), documents, documents)
def test_two_are_the_same_only_if_they_are(data: st.DataObject, one: dict[str, t.Any], two: dict[str, t.Any]) -> None:
    assert same(rewritten(data, one), rewritten(data, two)) == (one == two)


def test_none_and_nonsense() -> None:
    wanted = document("b-1", "471")
    assert same(None, None)
    assert not same(None, wanted)
    assert not same({}, wanted)
    assert not same({"Version": "2012-10-17"}, wanted)
    assert not same({**wanted, "Version": "2008-10-17"}, wanted)
    assert shown(None) is shown({}) is None
    assert widened(wanted, {"odd": 1}) == wanted


def statements(found: t.Mapping[str, t.Any]) -> set[str]:
    return {policy.meaning({**each, "Sid": ""}) for each in found["Statement"]}


@settings(max_examples=50)
@given(st.data(), documents, documents, documents)
def test_widened_allows_all_of_both_and_settles(
    data: st.DataObject, first: dict[str, t.Any], second: dict[str, t.Any], third: dict[str, t.Any]
) -> None:
    wide = widened(second, rewritten(data, first))
    assert statements(wide) == statements(first) | statements(second)
    again = widened(second, rewritten(data, wide))
    assert same(again, wide)
    wider = widened(third, wide)
    assert statements(wider) == statements(first) | statements(second) | statements(third)
    sids = [each["Sid"] for each in wider["Statement"]]
    assert len(sids) == len(set(sids))
    assert all(sid.isalnum() for sid in sids)
    # Three at once are still within the quota for the inline policies of a user, 2048 characters without blanks.
    assert len(json.dumps(wider, separators=(",", ":"))) < 2048
    assert widened(second, second) == second
    assert uploader_policy.KEPT not in json.dumps(second)


def test_other_projects_are_those_that_a_policy_allows_uploads_for() -> None:
    own, other = document("recordings", "471"), document("elsewhere", "472")
    assert uploader_policy.other_projects([own, None, {}], "471") == []
    assert uploader_policy.other_projects([other], "471") == ["472"]
    assert uploader_policy.other_projects([widened(own, other), document("a", "470/x")], "471") == ["470", "472"]
