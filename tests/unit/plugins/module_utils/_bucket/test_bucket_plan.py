# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for a bucket: what is changed, and that it is safe to interrupt at any point."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws import policy_document as documents
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import plan as bucket_plan
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.encryption import (
    DesiredEncryption,
    Encryption,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.lifecycle import (
    DesiredLifecycle,
    Lifecycle,
    LifecycleRule,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.policy import (
    PUBLIC,
    DesiredPolicy,
    Policy,
    encryption_statement,
    public_statement,
    tls_statement,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.public_access_block import (
    Block,
    DesiredPublicAccessBlock,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.registry import FACETS
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.tagging import DesiredTags
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.params import BucketParams
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.plan import CurrentBucket, plan
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Step

ARN = "arn:aws:s3:::b-1"
PREFIXES = ("a/", "b/", "c/")
THEIRS_PRIVATE = {"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:*"}
THEIRS_PUBLIC = {
    "Sid": "TheirsPublic",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": f"{ARN}/theirs/*",
}
BY_HAND = {**public_statement(ARN, ["a/"]), "Resource": f"{ARN}/*"}


@dataclass
class Store:
    """The public access of a bucket, as AWS has it."""

    block: Block
    policy: Policy

    def public(self) -> set[str]:
        """The prefixes that everybody can read."""
        if self.block.restrict_public_buckets:
            return set()
        statements = (each for each in self.policy.statements if documents.is_public(each))
        resources = (str(each) for statement in statements for each in documents.as_list(statement["Resource"]))
        return {resource.partition("/")[2].rstrip("*") for resource in resources}

    def take(self, step: Step) -> None:
        if step.target == "block_public_access":
            self.block = step.value
        if step.target == "policy":
            refused = self.block.block_public_policy and any(map(documents.is_public, step.value.statements))
            assert not refused, "AWS refuses a public policy while the block is on"
            self.policy = step.value


prefixes = st.lists(st.sampled_from(PREFIXES), unique=True).map(lambda found: tuple(sorted(found)))
switches = st.sampled_from([None, True, False])
blocks = st.builds(Block, st.booleans(), st.booleans(), st.booleans(), st.booleans())
ours = st.one_of(
    st.just([]),
    prefixes.filter(bool).map(lambda found: [public_statement(ARN, found)]),
    st.just([BY_HAND]),
)
others = st.lists(st.sampled_from(["private", "public", "tls", "encryption"]), unique=True).map(
    lambda names: [
        {
            "private": THEIRS_PRIVATE,
            "public": THEIRS_PUBLIC,
            "tls": tls_statement(ARN),
            "encryption": encryption_statement(ARN),
        }[name]
        for name in names
    ]
)


def wanted(
    public: tuple[str, ...] | None, block: bool | None, tls: bool | None, encryption: bool | None
) -> BucketParams:
    facets: dict[str, t.Any] = {}
    policy = DesiredPolicy(ARN, public, tls, encryption)
    if policy.sids:
        facets["policy"] = policy
    access = DesiredPublicAccessBlock(block, None if public is None else not public)
    if access != DesiredPublicAccessBlock():
        facets["block_public_access"] = access
    return BucketParams("b-1", facets=facets)


def of_others(policy: Policy) -> list[str]:
    return sorted(documents.canonical_form(each) for each in policy.statements if "Theirs" in each["Sid"])


@given(blocks, ours, others, st.one_of(st.none(), prefixes), switches, switches, switches)
def test_it_can_be_interrupted_anywhere(
    block: Block,
    mine: list[dict[str, t.Any]],
    theirs: list[dict[str, t.Any]],
    public: tuple[str, ...] | None,
    all_blocks: bool | None,
    tls: bool | None,
    encryption: bool | None,
) -> None:
    before = Policy.from_statements([*theirs, *mine])
    params = wanted(public, all_blocks, tls, encryption)
    states: dict[str, t.Any] = {"policy": before, "block_public_access": block}
    current = CurrentBucket(True, {name: states[name] for name in params.facets})
    try:
        steps = plan(params, current).steps
    except errors.RejectedError:
        assert THEIRS_PUBLIC in theirs
        assert public
        return
    # What the block refuses to have written again is not ours to take out: the store's refusal is told.
    assume(not (THEIRS_PUBLIC in theirs and block.block_public_policy))
    assume(public is not None or not mine or not block.block_public_policy)
    store = Store(block, before)
    at_first, asked = store.public(), set(public or ())
    # Who switches the block off without naming prefixes asks for what the policy says.
    may_be = at_first | asked | (Store(Block(), before).public() if all_blocks is False else set())
    for step in steps:
        tightened = store.block
        store.take(step)
        assert store.public() <= may_be
        assert of_others(store.policy) == of_others(before)
        if step.target == "policy" and "block_public_access" in params.facets:
            assert store.block | tightened == store.block
    for diff in bucket_plan.diff_facets(params, current):
        after: t.Any = {"policy": store.policy, "block_public_access": store.block}[diff.name]
        assert FACETS[diff.name].equal(after, diff.target)
    if public is not None:
        own = asked | ({"theirs/"} if THEIRS_PUBLIC in theirs else set())
        assert store.public() <= own or all_blocks is False
    again = CurrentBucket(True, {"policy": store.policy, "block_public_access": store.block})
    assert plan(params, CurrentBucket(True, {name: again.states[name] for name in params.facets})).steps == ()


def steps(params: BucketParams, **states: t.Any) -> list[tuple[str, t.Any]]:
    return [(step.target, step.value) for step in plan(params, CurrentBucket(True, states)).steps]


LOCKED, UNLOCKED = Block(True, True, True, True), Block(True, True, False, False)


def test_opening_takes_the_block_off_first() -> None:
    found = steps(wanted(("a/",), None, None, None), policy=Policy(), block_public_access=LOCKED)
    assert [name for name, _unused in found] == ["block_public_access", "policy"]
    assert found[0][1] == UNLOCKED


def test_closing_locks_first() -> None:
    before = Policy.from_statements([public_statement(ARN, ["a/"])])
    found = steps(wanted((), None, None, None), policy=before, block_public_access=UNLOCKED)
    assert found == [("block_public_access", LOCKED), ("policy", Policy.from_statements([]))]


def test_narrowing_behind_a_block_never_shows_what_was_open_before() -> None:
    before = Policy.from_statements([public_statement(ARN, ["a/", "b/"])])
    found = steps(wanted(("a/",), None, None, None), policy=before, block_public_access=LOCKED)
    assert [name for name, _unused in found] == ["policy", "block_public_access", "policy"]
    assert found[0][1].managed_statement(PUBLIC) is None


def test_acls_are_blocked_before_policies_are_let_through() -> None:
    before = Block(False, False, True, True)
    found = steps(wanted(("a/",), True, None, None), policy=Policy(), block_public_access=before)
    assert found[:2] == [("block_public_access", LOCKED), ("block_public_access", UNLOCKED)]
    assert found[2][0] == "policy"


def test_a_statement_changed_by_hand_is_put_right_after_the_block_is_off() -> None:
    denied = {**public_statement(ARN, ["a/"]), "Effect": "Deny"}
    found = steps(
        wanted(("a/",), None, None, None), policy=Policy.from_statements([denied]), block_public_access=LOCKED
    )
    assert [name for name, _unused in found] == ["policy", "block_public_access", "policy"]


def test_two_statements_under_our_name_become_one() -> None:
    other = public_statement(ARN, ["b/"])
    before = Policy.from_statements([public_statement(ARN, ["a/"]), other])
    found = plan(
        wanted(("a/",), None, None, None), CurrentBucket(True, {"policy": before, "block_public_access": UNLOCKED})
    )
    assert found.names == ["public_prefixes"]
    [step] = found.steps
    assert step.value.statements == (public_statement(ARN, ["a/"]),)


def test_public_statements_of_others_behind_the_block_are_not_let_out() -> None:
    with pytest.raises(errors.RejectedError) as caught:
        steps(
            wanted(("a/",), None, None, None),
            policy=Policy.from_statements([THEIRS_PUBLIC]),
            block_public_access=LOCKED,
        )
    assert str(caught.value) == (
        "Could not open public prefixes of bucket b-1: its policy has unmanaged public statements (TheirsPublic), "
        "which the public access block suppresses now and which would become public too. Delete those statements "
        "first, or switch the block off yourself if they are meant to be public."
    )


@pytest.mark.parametrize(("block", "left_open"), [(UNLOCKED, True), (Block(), True), (LOCKED, False)])
def test_closing_leaves_the_access_that_others_gave(block: Block, left_open: bool) -> None:
    params = wanted((), None, None, None)
    current = CurrentBucket(True, {"policy": Policy.from_statements([THEIRS_PUBLIC]), "block_public_access": block})
    assert plan(params, current).steps == ()
    text = (
        "Bucket b-1 stays open for unmanaged public statements (TheirsPublic). block_public_access=true closes these "
        "too."
    )
    assert bucket_plan.warnings(params, current) == ([text] if left_open else [])


def test_block_public_access_closes_what_others_opened() -> None:
    found = steps(
        wanted((), True, None, None), policy=Policy.from_statements([THEIRS_PUBLIC]), block_public_access=UNLOCKED
    )
    assert found == [("block_public_access", LOCKED)]


def test_kms_is_replaced_with_a_warning() -> None:
    params = BucketParams("b-1", facets={"encryption": DesiredEncryption("s3", always_encrypted=True)})
    current = CurrentBucket(True, {"encryption": Encryption("aws:kms", "key-1")})
    assert bucket_plan.warnings(params, current) == [
        "The default encryption of bucket b-1 is aws:kms, with which Vonage cannot upload. It is replaced by "
        "S3-managed keys. Existing objects keep their encryption."
    ]
    found = plan(params, current)
    assert found.before() == {"encryption": "aws:kms (key-1)"}
    assert found.after() == {"encryption": "s3"}
    assert bucket_plan.warnings(params, CurrentBucket(True, {"encryption": Encryption("AES256")})) == []


def test_a_new_bucket_changes_by_everything_that_was_asked_for() -> None:
    params = BucketParams(
        "b-1",
        facets={
            "encryption": DesiredEncryption("s3", always_encrypted=False),
            "versioning": "Enabled",
            "tags": DesiredTags((("a", "b"),), False),
            "folders": ("x/",),
            "lifecycle": DesiredLifecycle(LifecycleRule(expire_days=3)),
        },
    )
    found = plan(params, CurrentBucket(False))
    assert found.names == ["bucket", "encryption", "versioning", "lifecycle", "tags", "folders"]
    assert found.before() == {}
    assert found.after() == {
        "bucket": "b-1",
        "encryption": "s3",
        "versioning": "Enabled",
        "lifecycle": {"expire_days": 3},
        "tags": {"a": "b"},
        "folders": ["x"],
    }


def test_nothing_asked_nothing_planned() -> None:
    found = plan(BucketParams("b-1"), CurrentBucket(True))
    assert not found.changed
    assert found.steps == ()


def test_a_facet_that_the_store_lacks_and_no_option_names_is_left_out() -> None:
    params = wanted(("a/",), None, None, None).without_facet("block_public_access")
    found = plan(params, CurrentBucket(True, {"policy": Policy()}))
    assert found.names == ["public_prefixes"]
    assert [step.target for step in found.steps] == ["policy"]
    assert params.skipped == ()


def test_options_of_a_facet_that_the_store_lacks_are_skipped() -> None:
    params = wanted(("a/",), False, True, False)
    skipped = params.without_facet("policy").without_opening_the_block()
    assert skipped.skipped == ("public_prefixes", "require_tls")
    assert skipped.facets == {
        "policy": DesiredPolicy(ARN, require_encryption=False),
        "block_public_access": DesiredPublicAccessBlock(False),
    }
    found = plan(skipped, CurrentBucket(True, {"policy": Policy(), "block_public_access": Block()}))
    assert found.steps == ()
    assert wanted(("a/",), None, None, None).without_opening_the_block().facets.keys() == {"policy"}


def test_what_others_own_stays_in_every_target() -> None:
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}
    before = {"lifecycle": Lifecycle(others=(theirs,)), "tags": (("theirs", "1"),)}
    params = BucketParams(
        "b-1",
        facets={"lifecycle": DesiredLifecycle(LifecycleRule(expire_days=2)), "tags": DesiredTags((("a", "b"),), False)},
    )
    values = dict(steps(params, **before))
    assert values["lifecycle"].others == (theirs,)
    assert values["tags"] == (("a", "b"), ("theirs", "1"))


@pytest.mark.parametrize(
    ("desired", "after"),
    [
        (DesiredPublicAccessBlock(policies=True), None),
        (DesiredPublicAccessBlock(all=True), None),
        (DesiredPublicAccessBlock(policies=False), Block(True, True, False, False)),
        (DesiredPublicAccessBlock(all=False), Block()),
    ],
)
def test_a_new_bucket_of_aws_is_closed_from_the_start(desired: DesiredPublicAccessBlock, after: Block | None) -> None:
    params = BucketParams("b-1", facets={"block_public_access": desired})
    current = CurrentBucket(False, on_aws=True)
    told = plan(params, current).after().get("block_public_access")
    assert told == (after and FACETS["block_public_access"].to_option(after))
    (diff,) = bucket_plan.diff_facets(params, current)
    assert diff.target == (after or Block(True, True, True, True))
