# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Projects that share a bucket: a run changes only the part of its project, in any order of runs."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws import s3_naming as names
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
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._bucket.example_bucket import (
    ARN,
    AWS,
    PROJECTS,
    UNMANAGED,
)

UNMANAGED_RULE = {"ID": "unmanaged", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 9}}
OPEN, CLOSED = Block(True, True, False, False), Block(True, True, True, True)


class ProjectRun(t.NamedTuple):
    """One run of one project."""

    project: str
    public: tuple[str, ...]
    days: int

    @property
    def options(self) -> dict[str, t.Any]:
        days = {"prefix": f"{self.project}/", "expire_days": self.days} if self.days else {}
        return {"name": "b-1", "project": self.project, "public_prefixes": list(self.public), "lifecycle": days}


class Documents:
    """The documents of a bucket in the form of the API."""

    def __init__(self, *statements: dict[str, t.Any], block: Block = CLOSED) -> None:
        self.policy: dict[str, t.Any] | None = {"Policy": json.dumps({"Statement": statements})} if statements else None
        self.rules: list[t.Mapping[str, t.Any]] = [UNMANAGED_RULE]
        self.block = block

    def current(self, params: BucketParams) -> CurrentBucket:
        states = {
            "policy": FACETS["policy"].parse(self.policy),
            "block_public_access": self.block,
            "lifecycle": FACETS["lifecycle"].parse({"Rules": self.rules}, rule_id(params.project)),  # type: ignore[call-arg]
        }
        return CurrentBucket(True, {name: states[name] for name in params.facets}, on_aws=True)

    def apply(self, name: str, value: t.Any) -> None:
        payload = FACETS[name].payload(value)
        if name == "policy":
            self.policy = payload
        elif name == "lifecycle":
            self.rules = payload["LifecycleConfiguration"]["Rules"] if payload else []
        else:
            self.block = value

    def run(self, **options: t.Any) -> list[str]:
        """Run once, and return the names of the changes."""
        params = parse_options({"name": "b-1", **options}, AWS)
        planned = plan(params, self.current(params))
        for step in planned.steps:
            self.apply(step.target, step.value)
        return planned.names

    @property
    def public(self) -> set[str]:
        return self.statements.public_prefixes

    @property
    def statements(self) -> Policy:
        policy: Policy = FACETS["policy"].parse(self.policy)
        return policy

    @property
    def expiring(self) -> dict[str, int]:
        return {str(rule["ID"]): rule["Expiration"]["Days"] for rule in self.rules}


def runs_of(project: str) -> st.SearchStrategy[ProjectRun]:
    prefixes = st.lists(st.sampled_from([project, f"{project}/a", f"{project}/b/"]), unique=True).map(tuple)
    return st.builds(ProjectRun, st.just(project), prefixes, st.sampled_from([0, 1, 30]))


runs = st.lists(st.sampled_from(PROJECTS).flatmap(runs_of), max_size=12)


@given(runs, st.booleans())
def test_runs_in_any_order_apply_the_last_options_of_each_project(
    sequence: list[ProjectRun], has_unmanaged: bool
) -> None:
    documents = Documents(*([UNMANAGED, tls_statement(ARN)] if has_unmanaged else []))
    last: dict[str, ProjectRun] = {}
    for run in sequence:
        documents.run(**run.options)
        last[run.project] = run
        assert documents.run(**run.options) == []
    for run in last.values():
        assert documents.run(**run.options) == []
    public = {names.folder(prefix) for run in last.values() for prefix in run.public}
    assert documents.public == public
    assert documents.statements.public_prefixes_if_unmodified == public
    days = {f"vonage-archiving-{run.project}": run.days for run in last.values() if run.days}
    assert documents.expiring == {"unmanaged": 9, **days}
    assert documents.block == (OPEN if public else CLOSED)
    sids = [statement["Sid"] for statement in documents.statements.statements if statement["Sid"] != PUBLIC]
    assert sids == (["Unmanaged", "VonageArchivingRequireTls"] if has_unmanaged else [])


@given(st.permutations(PROJECTS))
def test_runs_of_all_projects_result_does_not_depend_on_the_order(order: list[str]) -> None:
    states = []
    for projects in (PROJECTS, order):
        documents = Documents(UNMANAGED)
        for project in projects:
            documents.run(**ProjectRun(project, (project,), 3).options)
        states.append((documents.statements.meaning, documents.expiring, documents.block))
    assert states[0] == states[1]
    assert len(states[0][1]) == len(PROJECTS) + 1


def test_plan_with_project_shows_only_its_part() -> None:
    documents = Documents(public_statement(ARN, ["471", "4711/a", "4711/b"]), block=OPEN)
    params = parse_options(ProjectRun("4711", ("4711/b", "4711/c"), 0).options, AWS)
    planned = plan(params, documents.current(params))
    assert (planned.before(), planned.after()) == (
        {"public_prefixes": ["4711/a", "4711/b"]},
        {"public_prefixes": ["4711/b", "4711/c"]},
    )
    diff = next(diff for diff in bucket_plan.diff_facets(params, documents.current(params)) if diff.name == "policy")
    assert FACETS["policy"].to_result(diff.desired, diff.target) == {"public_prefixes": ["4711/b", "4711/c"]}
    assert diff.target.public_prefixes == {"471/", "4711/b/", "4711/c/"}


def test_block_is_switched_on_by_the_last_project_that_closes() -> None:
    documents = Documents()
    for project in ("471", "472"):
        documents.run(project=project, public_prefixes=[project])
    assert documents.block == OPEN
    # A project without public prefixes does not change the block of the others.
    assert documents.run(project="473", public_prefixes=[]) == []
    assert documents.run(project="473", public_prefixes=[], block_public_access=True) == []
    assert documents.run(project="471", public_prefixes=[]) == ["public_prefixes"]
    assert documents.block == OPEN
    assert documents.run(project="472", public_prefixes=[]) == ["block_public_access", "public_prefixes"]
    assert documents.block == CLOSED


def test_block_switched_on_by_hand_is_switched_off_by_a_project_with_public_prefixes() -> None:
    documents = Documents(public_statement(ARN, ["471", "472"]))
    assert documents.run(project="473", public_prefixes=[]) == []
    assert documents.run(project="472", public_prefixes=["472"]) == ["block_public_access"]
    assert documents.block == OPEN


def test_changed_prefix_behind_the_block_is_refused_if_others_share_the_statement() -> None:
    documents = Documents(public_statement(ARN, ["471/old", "472"]))
    with pytest.raises(errors.RejectedError, match="Switch the block off yourself if everything in"):
        documents.run(project="471", public_prefixes=["471/new"])
    single = Documents(public_statement(ARN, ["471/old"]))
    assert single.run(project="471", public_prefixes=["471/new"]) == ["block_public_access", "public_prefixes"]
    assert single.public == {"471/new/"}


BY_HAND: list[dict[str, t.Any]] = [
    {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
    {"Action": ["s3:GetObject", "s3:GetObjectVersion"]},
    {"Resource": [f"{ARN}/*", f"{ARN}/471/*"]},
    {"Resource": [f"{ARN}/47*"]},
]


@pytest.mark.parametrize("fields", BY_HAND)
def test_statement_changed_by_hand_is_kept_for_other_projects(fields: dict[str, t.Any]) -> None:
    changed = {**public_statement(ARN, ["471", "472"]), **fields}
    documents = Documents(changed, block=OPEN)
    with pytest.raises(errors.RejectedError, match="open public prefixes of project 471 in bucket b-1: the statement"):
        documents.run(project="471", public_prefixes=["471"])
    # A project can always delete its own part. The rest is unchanged.
    documents.run(project="471", public_prefixes=[])
    rest = [resource for resource in changed["Resource"] if resource != f"{ARN}/471/*"]
    assert documents.statements.managed_statement(PUBLIC) == {**changed, "Resource": rest}
    assert documents.run(project="473", public_prefixes=[]) == []


def test_run_without_project_replaces_the_whole_statement() -> None:
    documents = Documents(public_statement(ARN, ["471", "472"]), block=OPEN)
    documents.run(project="471", lifecycle={"prefix": "471/", "expire_days": 1})
    assert documents.run(lifecycle={"expire_days": 2}, public_prefixes=["473"]) == ["public_prefixes", "lifecycle"]
    assert documents.public == {"473/"}
    assert documents.expiring == {"unmanaged": 9, "vonage-archiving-471": 1, "vonage-archiving": 2}


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
        ({"project": "a/b"}, "project: 'a/b' is not a valid project ID"),
        ({"project": ".vonage-archiving"}, "project: '.vonage-archiving' is not a valid project ID"),
    ],
)
def test_parse_options_prefix_outside_of_the_project_is_refused(options: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(errors.InputError) as caught:
        parse_options({"name": "b-1", "project": "471", **options}, AWS)
    assert len(caught.value.problems) == 1
    assert str(caught.value.problems[0]).startswith(problem)


def test_parse_options_no_days_deletes_the_rule_without_prefix() -> None:
    assert (
        parse_options({"name": "b-1", "project": "471", "lifecycle": {"expire_days": 0}}, AWS).facets["lifecycle"].rule
        is None
    )


def test_run_more_rules_than_s3_allows_is_refused_before_the_write() -> None:
    documents = Documents()
    documents.rules = [{**UNMANAGED_RULE, "ID": str(n)} for n in range(MOST_RULES)]
    with pytest.raises(errors.RejectedError, match="write the lifecycle rules of bucket b-1: it would have 1001 rules"):
        documents.run(project="471", lifecycle={"prefix": "471/", "expire_days": 1})
    documents.rules.pop()
    assert documents.run(project="471", lifecycle={"prefix": "471/", "expire_days": 1}) == ["lifecycle"]


@pytest.mark.parametrize(
    ("bucket", "project", "most"),
    [("example-recordings", "4712345{}", 451), ("b" * 63, "11111111-2222-3333-4444-55555555555{}", 172)],
)
def test_limit_exceeded_policy_of_public_prefixes_limits_their_number(bucket: str, project: str, most: int) -> None:
    """The numbers of guide_shared_buckets.rst."""
    facet = FACETS["policy"]

    def limit_exceeded(number: int) -> str:
        resources = [project.format(n % 10) for n in range(number)]
        return facet.limit_exceeded(Policy.from_statements([public_statement(f"arn:aws:s3:::{bucket}", resources)]))

    assert [bool(limit_exceeded(number)) for number in (most, most + 1)] == [False, True]
    assert "S3 allows at most 20480" in limit_exceeded(most + 1)


def test_plan_more_rules_than_s3_allows_is_refused_only_on_aws() -> None:
    many = Lifecycle(others=tuple({"ID": str(n)} for n in range(MOST_RULES)))
    params = parse_options({"name": "b-1", "project": "471", "lifecycle": {"prefix": "471/", "expire_days": 1}}, AWS)
    current = CurrentBucket(True, {"lifecycle": many}, on_aws=False)
    assert plan(params, current).names == ["lifecycle"]
    with pytest.raises(errors.RejectedError):
        plan(params, replace(current, on_aws=True))


def test_lifecycle_projects_several_rules_returns_their_projects() -> None:
    documents = Documents()
    for project in ("b", "a"):
        documents.run(project=project, lifecycle={"prefix": f"{project}/", "expire_days": 1})
    documents.run(lifecycle={"expire_days": 1})
    for name in ("vonage-archiving-a", "vonage-archiving"):
        state = FACETS["lifecycle"].parse({"Rules": documents.rules}, name)  # type: ignore[call-arg]
        assert state.projects == ["a", "b"]
