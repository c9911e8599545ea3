# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Projects that share a bucket: each has its part, whoever comes in whatever order, and nobody else's is touched."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws import s3_naming as names
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import plan as bucket_plan
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.lifecycle import (
    MOST_RULES,
    Lifecycle,
    rule_id,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.policy import (
    PUBLIC,
    Policy,
    public_statement,
    tls_statement,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.public_access_block import Block
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.registry import FACETS
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.params import BucketParams, parse_options
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.plan import CurrentBucket, plan
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors

ARN = "arn:aws:s3:::b-1"
PROJECTS = ("471", "4711", "4712", "a-b", "a")
AWS = Connection(region="eu-west-1")
THEIRS = {"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": ARN}
THEIR_RULE = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 9}}
OPEN, CLOSED = Block(True, True, False, False), Block(True, True, True, True)


class Wanted(t.NamedTuple):
    """One run of one project."""

    project: str
    public: tuple[str, ...]
    days: int

    @property
    def options(self) -> dict[str, t.Any]:
        days = {"prefix": f"{self.project}/", "expire_days": self.days} if self.days else {}
        return {"name": "b-1", "project": self.project, "public_prefixes": list(self.public), "lifecycle": days}


class Documents:
    """What a bucket holds, as the API gives and takes it."""

    def __init__(self, *statements: dict[str, t.Any], block: Block = CLOSED) -> None:
        self.policy: dict[str, t.Any] | None = {"Policy": json.dumps({"Statement": statements})} if statements else None
        self.rules: list[t.Mapping[str, t.Any]] = [THEIR_RULE]
        self.block = block

    def seen_by(self, params: BucketParams) -> CurrentBucket:
        states = {
            "policy": FACETS["policy"].parse(self.policy),
            "block_public_access": self.block,
            "lifecycle": FACETS["lifecycle"].parse({"Rules": self.rules}, rule_id(params.project)),  # type: ignore[call-arg]
        }
        return CurrentBucket(True, {name: states[name] for name in params.facets}, on_aws=True)

    def take(self, name: str, value: t.Any) -> None:
        payload = FACETS[name].payload(value)
        if name == "policy":
            self.policy = payload
        elif name == "lifecycle":
            self.rules = payload["LifecycleConfiguration"]["Rules"] if payload else []
        else:
            self.block = value

    def run(self, **options: t.Any) -> list[str]:
        """One run, alone; the names of what it changed."""
        params = parse_options({"name": "b-1", **options}, AWS)
        planned = plan(params, self.seen_by(params))
        for step in planned.steps:
            self.take(step.target, step.value)
        return planned.names

    @property
    def public(self) -> set[str]:
        return self.statements.public_prefixes

    @property
    def statements(self) -> Policy:
        found: Policy = FACETS["policy"].parse(self.policy)
        return found

    @property
    def expiring(self) -> dict[str, int]:
        return {str(rule["ID"]): rule["Expiration"]["Days"] for rule in self.rules}


def runs_of(project: str) -> st.SearchStrategy[Wanted]:
    prefixes = st.lists(st.sampled_from([project, f"{project}/a", f"{project}/b/"]), unique=True).map(tuple)
    return st.builds(Wanted, st.just(project), prefixes, st.sampled_from([0, 1, 30]))


runs = st.lists(st.sampled_from(PROJECTS).flatmap(runs_of), max_size=12)


@given(runs, st.booleans())
def test_whatever_the_order_each_project_has_what_it_asked_for_last(sequence: list[Wanted], theirs: bool) -> None:
    there = Documents(*([THEIRS, tls_statement(ARN)] if theirs else []))
    last: dict[str, Wanted] = {}
    for wanted in sequence:
        there.run(**wanted.options)
        last[wanted.project] = wanted
        assert there.run(**wanted.options) == []
    for wanted in last.values():
        assert there.run(**wanted.options) == []
    public = {names.folder(prefix) for wanted in last.values() for prefix in wanted.public}
    assert there.public == public
    assert there.statements.public_prefixes_if_unmodified == public
    days = {f"vonage-archiving-{wanted.project}": wanted.days for wanted in last.values() if wanted.days}
    assert there.expiring == {"theirs": 9, **days}
    assert there.block == (OPEN if public else CLOSED)
    assert [each["Sid"] for each in there.statements.statements if each["Sid"] != PUBLIC] == (
        ["Theirs", "VonageArchivingRequireTls"] if theirs else []
    )


@given(st.permutations(PROJECTS))
def test_the_order_makes_no_difference(order: list[str]) -> None:
    found = []
    for each in (PROJECTS, order):
        there = Documents(THEIRS)
        for project in each:
            there.run(**Wanted(project, (project,), 3).options)
        found.append((there.statements.meaning, there.expiring, there.block))
    assert found[0] == found[1]
    assert len(found[0][1]) == len(PROJECTS) + 1


def test_a_project_sees_its_own_part_only() -> None:
    there = Documents(public_statement(ARN, ["471", "4711/a", "4711/b"]), block=OPEN)
    params = parse_options(Wanted("4711", ("4711/b", "4711/c"), 0).options, AWS)
    found = plan(params, there.seen_by(params))
    assert (found.before(), found.after()) == (
        {"public_prefixes": ["4711/a", "4711/b"]},
        {"public_prefixes": ["4711/b", "4711/c"]},
    )
    (diff,) = [each for each in bucket_plan.diff_facets(params, there.seen_by(params)) if each.name == "policy"]
    assert FACETS["policy"].to_result(diff.desired, diff.target) == {"public_prefixes": ["4711/b", "4711/c"]}
    assert diff.target.public_prefixes == {"471/", "4711/b/", "4711/c/"}


def test_the_block_is_locked_by_whoever_closes_last() -> None:
    there = Documents()
    for project in ("471", "472"):
        there.run(project=project, public_prefixes=[project])
    assert there.block == OPEN
    # No fight: who has nothing public leaves the block to who has.
    assert there.run(project="473", public_prefixes=[]) == []
    assert there.run(project="473", public_prefixes=[], block_public_access=True) == []
    assert there.run(project="471", public_prefixes=[]) == ["public_prefixes"]
    assert there.block == OPEN
    assert there.run(project="472", public_prefixes=[]) == ["block_public_access", "public_prefixes"]
    assert there.block == CLOSED


def test_the_block_that_somebody_set_is_taken_off_by_who_has_something_public() -> None:
    there = Documents(public_statement(ARN, ["471", "472"]))
    assert there.run(project="473", public_prefixes=[]) == []
    assert there.run(project="472", public_prefixes=["472"]) == ["block_public_access"]
    assert there.block == OPEN


def test_what_the_block_holds_back_is_not_shown_for_a_moment_nor_taken_from_others() -> None:
    there = Documents(public_statement(ARN, ["471/old", "472"]))
    with pytest.raises(errors.RejectedError, match="Switch the block off yourself if everything in"):
        there.run(project="471", public_prefixes=["471/new"])
    alone = Documents(public_statement(ARN, ["471/old"]))
    assert alone.run(project="471", public_prefixes=["471/new"]) == ["block_public_access", "public_prefixes"]
    assert alone.public == {"471/new/"}


BY_HAND: list[dict[str, t.Any]] = [
    {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
    {"Action": ["s3:GetObject", "s3:GetObjectVersion"]},
    {"Resource": [f"{ARN}/*", f"{ARN}/471/*"]},
    {"Resource": [f"{ARN}/47*"]},
]


@pytest.mark.parametrize("more", BY_HAND)
def test_what_somebody_did_to_the_statement_is_neither_spread_nor_lost(more: dict[str, t.Any]) -> None:
    changed = {**public_statement(ARN, ["471", "472"]), **more}
    there = Documents(changed, block=OPEN)
    with pytest.raises(errors.RejectedError, match="open public prefixes of project 471 in bucket b-1: the statement"):
        there.run(project="471", public_prefixes=["471"])
    # To take one's own part out is always possible, and leaves the rest as it is.
    there.run(project="471", public_prefixes=[])
    rest = [each for each in changed["Resource"] if each != f"{ARN}/471/*"]
    assert there.statements.managed_statement(PUBLIC) == {**changed, "Resource": rest}
    assert there.run(project="473", public_prefixes=[]) == []


def test_without_a_scope_it_is_about_all() -> None:
    there = Documents(public_statement(ARN, ["471", "472"]), block=OPEN)
    there.run(project="471", lifecycle={"prefix": "471/", "expire_days": 1})
    assert there.run(lifecycle={"expire_days": 2}, public_prefixes=["473"]) == ["public_prefixes", "lifecycle"]
    assert there.public == {"473/"}
    assert there.expiring == {"theirs": 9, "vonage-archiving-471": 1, "vonage-archiving": 2}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"public_prefixes": ["472"]},
            "public_prefixes: '472' is outside of project 471. It must be 471 or lie below 471/",
        ),
        ({"public_prefixes": ["4711"]}, "public_prefixes: '4711' is outside of project 471"),
        ({"lifecycle": {"expire_days": 1}}, "lifecycle.prefix: '' is outside of project 471. It must begin with 471/"),
        ({"lifecycle": {"prefix": "471", "expire_days": 1}}, "lifecycle.prefix: '471' is outside"),
        ({"project": "a/b"}, "project: 'a/b' is not a valid project id"),
        ({"project": ".vonage-archiving"}, "project: '.vonage-archiving' is not a valid project id"),
    ],
)
def test_what_is_about_other_projects_is_refused_offline(options: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(errors.InputError) as caught:
        parse_options({"name": "b-1", "project": "471", **options}, AWS)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(problem)


def test_no_prefix_is_needed_to_remove_the_rule() -> None:
    assert (
        parse_options({"name": "b-1", "project": "471", "lifecycle": {"expire_days": 0}}, AWS).facets["lifecycle"].rule
        is None
    )


def test_more_than_s3_takes_is_refused_before_it_is_sent() -> None:
    """S3 User Guide: 20 KB for a policy, 1,000 rules; how many prefixes that is says guide_shared_buckets.rst."""
    there = Documents()
    there.rules = [{**THEIR_RULE, "ID": str(n)} for n in range(MOST_RULES)]
    with pytest.raises(errors.RejectedError, match="write the lifecycle rules of bucket b-1: it would have 1001 rules"):
        there.run(project="471", lifecycle={"prefix": "471/", "expire_days": 1})
    there.rules.pop()
    assert there.run(project="471", lifecycle={"prefix": "471/", "expire_days": 1}) == ["lifecycle"]


@pytest.mark.parametrize(
    ("bucket", "project", "most"),
    [("example-recordings", "4712345{}", 451), ("b" * 63, "11111111-2222-3333-4444-55555555555{}", 172)],
)
def test_how_many_public_prefixes_a_policy_has_room_for(bucket: str, project: str, most: int) -> None:
    """The numbers of guide_shared_buckets.rst."""
    facet = FACETS["policy"]

    def limit_exceeded(number: int) -> str:
        resources = [project.format(n % 10) for n in range(number)]
        return facet.limit_exceeded(Policy.from_statements([public_statement(f"arn:aws:s3:::{bucket}", resources)]))

    assert [bool(limit_exceeded(number)) for number in (most, most + 1)] == [False, True]
    assert "S3 allows at most 20480" in limit_exceeded(most + 1)


def test_a_store_other_than_aws_has_limits_of_its_own() -> None:
    many = Lifecycle(others=tuple({"ID": str(n)} for n in range(MOST_RULES)))
    params = parse_options({"name": "b-1", "project": "471", "lifecycle": {"prefix": "471/", "expire_days": 1}}, AWS)
    current = CurrentBucket(True, {"lifecycle": many}, on_aws=False)
    assert plan(params, current).names == ["lifecycle"]
    with pytest.raises(errors.RejectedError):
        plan(params, replace(current, on_aws=True))


def test_the_projects_that_have_a_rule() -> None:
    there = Documents()
    for project in ("b", "a"):
        there.run(project=project, lifecycle={"prefix": f"{project}/", "expire_days": 1})
    there.run(lifecycle={"expire_days": 1})
    for name in ("vonage-archiving-a", "vonage-archiving"):
        found = FACETS["lifecycle"].parse({"Rules": there.rules}, name)  # type: ignore[call-arg]
        assert found.projects == ["a", "b"]
