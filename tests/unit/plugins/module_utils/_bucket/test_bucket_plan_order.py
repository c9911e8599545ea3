# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for a bucket opens a prefix after all protecting facets, and respects other projects."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.encryption import (
    DesiredEncryption,
    Encryption,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.policy import DesiredPolicy, Policy
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.public_access_block import (
    Block,
    DesiredPublicAccessBlock,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.tagging import DesiredTags
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.params import BucketParams
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.plan import (
    BucketPlan,
    CurrentBucket,
    pending_requirements,
    plan,
    warnings,
)
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._bucket.example_bucket import ARN

CLOSED, OPEN = Block(True, True, True, True), Block(False, False, False, False)
PREFIXES = ("a/", "b/")


def public_policy(prefixes: t.Iterable[str], sid: str = "VonageArchivingPublicRead") -> Policy:
    resources = [f"{ARN}/{prefix}*" for prefix in prefixes]
    statement = {"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resources}
    return Policy.from_statements([statement] if resources else [])


def readable(policy: Policy, block: Block) -> set[str]:
    """The oracle: the prefixes that anyone can read."""
    if block.restrict_public_buckets:
        return set()
    return {
        resource.partition("/")[2].rstrip("*")
        for statement in policy.statements
        if statement["Effect"] == "Allow" and statement["Principal"] == "*"
        for resource in statement["Resource"]
    }


def plan_with_protection(public: tuple[str, ...], policy: Policy, block: Block) -> BucketPlan:
    """The plan for a bucket that also lacks encryption, and a tag."""
    facets = {
        "policy": DesiredPolicy(ARN, public),
        "block_public_access": DesiredPublicAccessBlock(None, not public),
        "encryption": DesiredEncryption("s3"),
        "tags": DesiredTags((("owner", "a"),), False),
    }
    states = {"policy": policy, "block_public_access": block, "encryption": Encryption("aws:kms")}
    return plan(BucketParams("b-1", facets=facets), CurrentBucket(True, states))


BLOCKS = st.builds(Block, st.booleans(), st.booleans(), st.booleans(), st.booleans())
SETS = st.sets(st.sampled_from(PREFIXES)).map(lambda values: tuple(sorted(values)))


@given(SETS, SETS, BLOCKS)
def test_plan_opens_a_prefix_after_all_other_writes(
    public: tuple[str, ...], before: tuple[str, ...], block: Block
) -> None:
    policy = public_policy(before)
    initial = readable(policy, block)
    steps = plan_with_protection(public, policy, block).steps
    protecting = {number for number, step in enumerate(steps) if step.target in ("encryption", "tags")}
    assert len(protecting) == 2
    for number, step in enumerate(steps):
        policy = step.value if step.target == "policy" else policy
        block = step.value if step.target == "block_public_access" else block
        if readable(policy, block) - initial:
            assert max(protecting) < number
            assert set(public) >= readable(policy, block) - initial
    assert readable(policy, block) == set(public)


@pytest.mark.parametrize("block", [CLOSED, OPEN])
def test_plan_of_a_new_prefix_writes_the_policy_last(block: Block) -> None:
    assert plan_with_protection(("a/",), Policy(), block).steps[-1].target == "policy"


@given(SETS, SETS)
def test_plan_closes_a_prefix_before_all_other_writes(public: tuple[str, ...], more: tuple[str, ...]) -> None:
    """A policy that only removes public prefixes is the first write."""
    before = {*public, *more}
    if before == set(public):
        return
    first = plan_with_protection(public, public_policy(sorted(before)), OPEN).steps[0]
    assert first.target == "policy"
    assert readable(first.value, OPEN) == set(public)


@pytest.mark.parametrize(
    ("desired", "is_open"),
    [
        (DesiredPublicAccessBlock(None, True), True),
        (DesiredPublicAccessBlock(True, True), False),
        (DesiredPublicAccessBlock(None, False), True),
    ],
)
def test_plan_keeps_unmanaged_public_statements_open_unless_the_block_is_requested(
    desired: DesiredPublicAccessBlock, is_open: bool
) -> None:
    unmanaged = public_policy(["x/"], "Website")
    params = BucketParams("b-1", facets={"block_public_access": desired, "policy": DesiredPolicy(ARN, ())})
    block, policy = OPEN, unmanaged
    for step in plan(params, CurrentBucket(True, {"policy": unmanaged, "block_public_access": OPEN})).steps:
        block = step.value if step.target == "block_public_access" else block
        policy = step.value if step.target == "policy" else policy
    assert (readable(policy, block) == {"x/"}) is is_open


@pytest.mark.parametrize("missing", ["policy", "block_public_access"])
def test_plan_without_one_of_the_two_states_does_not_refuse(missing: str) -> None:
    """A facet without an option is not read."""
    states = {"policy": public_policy(["x/"], "Website"), "block_public_access": CLOSED}
    states.pop(missing)
    facets: dict[str, t.Any] = {"policy": DesiredPolicy(ARN, ("a/",))} if missing != "policy" else {}
    facets["tags"] = DesiredTags((("owner", "a"),), False)
    planned = plan(BucketParams("b-1", facets=facets), CurrentBucket(True, states))
    assert planned.steps[0].target == "tags"


def test_pending_requirements_without_a_policy_are_all_deferred_options() -> None:
    desired = DesiredPolicy(ARN, require_tls=True, require_encryption=True, defer=True)
    params = BucketParams("b-1", facets={"policy": desired})
    assert pending_requirements(params, CurrentBucket(True)) == ["require_tls", "require_encryption"]
    with_tls = desired.statements(Policy())
    assert with_tls == {}
    current = {
        "policy": Policy.from_statements(
            DesiredPolicy(ARN, require_tls=True).statements(Policy())["VonageArchivingRequireTls"]
        )
    }
    assert pending_requirements(params, CurrentBucket(True, current)) == ["require_encryption"]


def test_plan_of_a_public_prefix_switches_the_block_of_policies_off_despite_unmanaged_statements() -> None:
    desired = DesiredPublicAccessBlock(None, False)
    params = BucketParams("b-1", facets={"block_public_access": desired, "policy": DesiredPolicy(ARN, ("a/",))})
    states = {"policy": public_policy(["x/"], "Website"), "block_public_access": Block(False, False, True, False)}
    steps = plan(params, CurrentBucket(True, states)).steps
    assert (steps[0].target, steps[0].value) == ("block_public_access", OPEN)
    assert steps[-1].target == "policy"
    assert warnings(params, CurrentBucket(True, states)) == []


@pytest.mark.parametrize("missing", ["state", "option"])
def test_plan_without_the_policy_or_its_option_does_not_refuse(missing: str) -> None:
    """A store without policies returns no state."""
    states: dict[str, t.Any] = {"block_public_access": CLOSED}
    states |= {} if missing == "state" else {"policy": public_policy(["x/"], "Website")}
    facets: dict[str, t.Any] = {"policy": DesiredPolicy(ARN, ("a/",))} if missing == "state" else {}
    planned = plan(BucketParams("b-1", facets=facets), CurrentBucket(True, states))
    assert [step.target for step in planned.steps] == (["policy"] if missing == "state" else [])
