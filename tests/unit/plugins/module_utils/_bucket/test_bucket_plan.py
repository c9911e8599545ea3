# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for a bucket: its changes, and an order of writes that is safe to interrupt at any point."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from itertools import chain

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
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._bucket.example_bucket import ARN

PREFIXES = ("a/", "b/", "c/")
UNMANAGED_PRIVATE = {"Sid": "Unmanaged", "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:*"}
UNMANAGED_PUBLIC = {
    "Sid": "UnmanagedPublic",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": f"{ARN}/unmanaged/*",
}
BY_HAND = {**public_statement(ARN, ["a/"]), "Resource": f"{ARN}/*"}


@dataclass
class Store:
    """The public access of a bucket, as AWS has it."""

    block: Block
    policy: Policy

    def public(self) -> set[str]:
        """The prefixes that anyone can read."""
        if self.block.restrict_public_buckets:
            return set()
        statements = filter(documents.is_public, self.policy.statements)
        resources = chain.from_iterable(documents.as_list(statement["Resource"]) for statement in statements)
        return {str(resource).partition("/")[2].rstrip("*") for resource in resources}

    def apply(self, step: Step) -> None:
        if step.target == "block_public_access":
            self.block = step.value
        if step.target == "policy":
            refused = self.block.block_public_policy and any(map(documents.is_public, step.value.statements))
            assert not refused, "AWS refuses a public policy while the block is on"
            self.policy = step.value


prefixes = st.lists(st.sampled_from(PREFIXES), unique=True).map(lambda values: tuple(sorted(values)))
switches = st.sampled_from([None, True, False])
blocks = st.builds(Block, st.booleans(), st.booleans(), st.booleans(), st.booleans())
managed_statements = st.one_of(
    st.just([]),
    prefixes.filter(bool).map(lambda values: [public_statement(ARN, values)]),
    st.just([BY_HAND]),
)
unmanaged_statements = st.lists(st.sampled_from(["private", "public", "tls", "encryption"]), unique=True).map(
    lambda names: [
        {
            "private": UNMANAGED_PRIVATE,
            "public": UNMANAGED_PUBLIC,
            "tls": tls_statement(ARN),
            "encryption": encryption_statement(ARN),
        }[name]
        for name in names
    ]
)


def bucket_params(
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


def unmanaged_forms(policy: Policy) -> list[str]:
    statements = (statement for statement in policy.statements if "Unmanaged" in statement["Sid"])
    return sorted(map(documents.canonical_form, statements))


@given(blocks, managed_statements, unmanaged_statements, st.one_of(st.none(), prefixes), switches, switches, switches)
def test_plan_interrupted_at_any_step_is_safe(
    block: Block,
    managed: list[dict[str, t.Any]],
    unmanaged: list[dict[str, t.Any]],
    public: tuple[str, ...] | None,
    all_blocks: bool | None,
    tls: bool | None,
    encryption: bool | None,
) -> None:
    before = Policy.from_statements([*unmanaged, *managed])
    params = bucket_params(public, all_blocks, tls, encryption)
    states: dict[str, t.Any] = {"policy": before, "block_public_access": block}
    current = CurrentBucket(True, {name: states[name] for name in params.facets})
    try:
        steps = plan(params, current).steps
    except errors.RejectedError:
        assert UNMANAGED_PUBLIC in unmanaged
        assert public
        return
    # AWS refuses to write an unmanaged public statement again while the block is on. The result is this refusal.
    assume(not (UNMANAGED_PUBLIC in unmanaged and block.block_public_policy))
    assume(public is not None or not managed or not block.block_public_policy)
    store = Store(block, before)
    public_before, desired = store.public(), set(public or ())
    # block_public_access=false opens all prefixes of the policy.
    allowed = public_before | desired | (Store(Block(), before).public() if all_blocks is False else set())
    for step in steps:
        previous_block = store.block
        store.apply(step)
        assert store.public() <= allowed
        assert unmanaged_forms(store.policy) == unmanaged_forms(before)
        if step.target == "policy" and "block_public_access" in params.facets:
            assert store.block | previous_block == store.block
    for diff in bucket_plan.diff_facets(params, current):
        after: t.Any = {"policy": store.policy, "block_public_access": store.block}[diff.name]
        assert FACETS[diff.name].equal(after, diff.target)
    if public is not None:
        expected = desired | ({"unmanaged/"} if UNMANAGED_PUBLIC in unmanaged else set())
        assert store.public() <= expected or all_blocks is False
    states = {"policy": store.policy, "block_public_access": store.block}
    assert plan(params, CurrentBucket(True, {name: states[name] for name in params.facets})).steps == ()


def plan_steps(params: BucketParams, **states: t.Any) -> list[tuple[str, t.Any]]:
    return [(step.target, step.value) for step in plan(params, CurrentBucket(True, states)).steps]


LOCKED, UNLOCKED = Block(True, True, True, True), Block(True, True, False, False)


def test_plan_opened_prefix_switches_the_block_off_first() -> None:
    planned = plan_steps(bucket_params(("a/",), None, None, None), policy=Policy(), block_public_access=LOCKED)
    assert [name for name, _unused in planned] == ["block_public_access", "policy"]
    assert planned[0][1] == UNLOCKED


def test_plan_closed_prefixes_are_deleted_before_the_block_is_on() -> None:
    """Other projects could not write a public policy behind the block, if the run is killed after the first write."""
    before = Policy.from_statements([public_statement(ARN, ["a/"])])
    planned = plan_steps(bucket_params((), None, None, None), policy=before, block_public_access=UNLOCKED)
    assert planned == [("policy", Policy.from_statements([])), ("block_public_access", LOCKED)]


def test_plan_fewer_prefixes_behind_the_block_deletes_the_statement_first() -> None:
    before = Policy.from_statements([public_statement(ARN, ["a/", "b/"])])
    planned = plan_steps(bucket_params(("a/",), None, None, None), policy=before, block_public_access=LOCKED)
    assert [name for name, _unused in planned] == ["policy", "block_public_access", "policy"]
    assert planned[0][1].managed_statement(PUBLIC) is None


def test_plan_opened_prefix_with_block_blocks_acls_first() -> None:
    before = Block(False, False, True, True)
    planned = plan_steps(bucket_params(("a/",), True, None, None), policy=Policy(), block_public_access=before)
    assert planned[:2] == [("block_public_access", LOCKED), ("block_public_access", UNLOCKED)]
    assert planned[2][0] == "policy"


def test_plan_statement_changed_by_hand_is_written_after_the_block_is_off() -> None:
    denied = {**public_statement(ARN, ["a/"]), "Effect": "Deny"}
    planned = plan_steps(
        bucket_params(("a/",), None, None, None), policy=Policy.from_statements([denied]), block_public_access=LOCKED
    )
    assert [name for name, _unused in planned] == ["policy", "block_public_access", "policy"]


def test_plan_two_statements_with_managed_sid_become_one() -> None:
    other = public_statement(ARN, ["b/"])
    before = Policy.from_statements([public_statement(ARN, ["a/"]), other])
    planned = plan(
        bucket_params(("a/",), None, None, None),
        CurrentBucket(True, {"policy": before, "block_public_access": UNLOCKED}),
    )
    assert planned.names == ["public_prefixes"]
    [step] = planned.steps
    assert step.value.statements == (public_statement(ARN, ["a/"]),)


def test_plan_unmanaged_public_statement_behind_the_block_is_refused() -> None:
    with pytest.raises(errors.RejectedError) as caught:
        plan_steps(
            bucket_params(("a/",), None, None, None),
            policy=Policy.from_statements([UNMANAGED_PUBLIC]),
            block_public_access=LOCKED,
        )
    assert str(caught.value) == (
        "Could not open public prefixes of bucket b-1: its policy has unmanaged public statements (UnmanagedPublic), "
        "which the public access block suppresses now and which would become public too. Delete those statements "
        "first, or switch the block off yourself if they are meant to be public."
    )


@pytest.mark.parametrize(("block", "stays_open"), [(UNLOCKED, True), (Block(), True), (LOCKED, False)])
def test_plan_closed_prefixes_keep_unmanaged_public_access(block: Block, stays_open: bool) -> None:
    params = bucket_params((), None, None, None)
    current = CurrentBucket(True, {"policy": Policy.from_statements([UNMANAGED_PUBLIC]), "block_public_access": block})
    assert plan(params, current).steps == ()
    text = (
        "Bucket b-1 stays open for unmanaged public statements (UnmanagedPublic). block_public_access=true closes "
        "these too."
    )
    assert bucket_plan.warnings(params, current) == ([text] if stays_open else [])


def test_plan_block_public_access_closes_unmanaged_public_access() -> None:
    planned = plan_steps(
        bucket_params((), True, None, None),
        policy=Policy.from_statements([UNMANAGED_PUBLIC]),
        block_public_access=UNLOCKED,
    )
    assert planned == [("block_public_access", LOCKED)]


def test_warnings_kms_is_replaced_with_a_warning() -> None:
    params = BucketParams("b-1", facets={"encryption": DesiredEncryption("s3", always_encrypted=True)})
    current = CurrentBucket(True, {"encryption": Encryption("aws:kms", "key-1")})
    assert bucket_plan.warnings(params, current) == [
        "The default encryption of bucket b-1 is aws:kms, with which Vonage cannot upload. It is replaced by "
        "S3-managed keys. Existing objects keep their encryption."
    ]
    planned = plan(params, current)
    assert planned.before() == {"encryption": "aws:kms (key-1)"}
    assert planned.after() == {"encryption": "s3"}
    assert bucket_plan.warnings(params, CurrentBucket(True, {"encryption": Encryption("AES256")})) == []


def test_plan_new_bucket_contains_all_options() -> None:
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
    planned = plan(params, CurrentBucket(False))
    assert planned.names == ["bucket", "encryption", "versioning", "lifecycle", "tags", "folders"]
    assert planned.before() == {}
    assert planned.after() == {
        "bucket": "b-1",
        "encryption": "s3",
        "versioning": "Enabled",
        "lifecycle": {"expire_days": 3},
        "tags": {"a": "b"},
        "folders": ["x"],
    }


def test_plan_without_options_changes_nothing() -> None:
    planned = plan(BucketParams("b-1"), CurrentBucket(True))
    assert not planned.changed
    assert planned.steps == ()


def test_without_facet_not_required_by_an_option_skips_nothing() -> None:
    params = bucket_params(("a/",), None, None, None).without_facet("block_public_access")
    planned = plan(params, CurrentBucket(True, {"policy": Policy()}))
    assert planned.names == ["public_prefixes"]
    assert [step.target for step in planned.steps] == ["policy"]
    assert params.skipped == ()


def test_without_facet_required_by_options_skips_them() -> None:
    params = bucket_params(("a/",), False, True, False)
    skipped = params.without_facet("policy").without_opening_the_block()
    assert skipped.skipped == ("public_prefixes", "require_tls")
    assert skipped.facets == {
        "policy": DesiredPolicy(ARN, require_encryption=False),
        "block_public_access": DesiredPublicAccessBlock(False),
    }
    planned = plan(skipped, CurrentBucket(True, {"policy": Policy(), "block_public_access": Block()}))
    assert planned.steps == ()
    assert bucket_params(("a/",), None, None, None).without_opening_the_block().facets.keys() == {"policy"}


def test_plan_unmanaged_rules_and_tags_are_kept() -> None:
    unmanaged = {"ID": "unmanaged", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}
    before = {"lifecycle": Lifecycle(others=(unmanaged,)), "tags": (("unmanaged", "1"),)}
    params = BucketParams(
        "b-1",
        facets={"lifecycle": DesiredLifecycle(LifecycleRule(expire_days=2)), "tags": DesiredTags((("a", "b"),), False)},
    )
    values = dict(plan_steps(params, **before))
    assert values["lifecycle"].others == (unmanaged,)
    assert values["tags"] == (("a", "b"), ("unmanaged", "1"))


@pytest.mark.parametrize(
    ("desired", "after"),
    [
        (DesiredPublicAccessBlock(policies=True), None),
        (DesiredPublicAccessBlock(all=True), None),
        (DesiredPublicAccessBlock(policies=False), Block(True, True, False, False)),
        (DesiredPublicAccessBlock(all=False), Block()),
    ],
)
def test_plan_new_bucket_of_aws_has_the_block_on(desired: DesiredPublicAccessBlock, after: Block | None) -> None:
    params = BucketParams("b-1", facets={"block_public_access": desired})
    current = CurrentBucket(False, on_aws=True)
    planned = plan(params, current).after().get("block_public_access")
    assert planned == (after and FACETS["block_public_access"].to_option(after))
    (diff,) = bucket_plan.diff_facets(params, current)
    assert diff.target == (after or Block(True, True, True, True))
