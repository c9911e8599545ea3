# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirements of projects that share a bucket, and the changes that need consent."""

from __future__ import annotations

import fnmatch
import json
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.encryption import Encryption
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.lifecycle import (
    Lifecycle,
    LifecycleFacet,
    LifecycleRule,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.policy import (
    ENCRYPTION,
    TLS,
    Policy,
    PolicyFacet,
    encryption_statement,
    policy_options,
    public_statement,
    tls_statement,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.public_access_block import Block
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.params import BucketParams, parse_options
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.plan import (
    CurrentBucket,
    pending_requirements,
    plan,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.risks import (
    Adoption,
    Retention,
    TlsOnly,
    check_risks,
    find_risks,
)
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._bucket.example_bucket import (
    ARN,
    AWS,
    PROJECTS,
    UNMANAGED,
)


class Stored:
    """A bucket's policy as the API stores it."""

    def __init__(self, *statements: dict[str, t.Any]) -> None:
        self.document = json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else None
        self.block = Block()

    @property
    def policy(self) -> Policy:
        return PolicyFacet().parse({"Policy": self.document} if self.document else None)

    def run(self, **options: t.Any) -> tuple[list[str], list[str]]:
        """Apply the options, and return the changes and the pending options."""
        params = parse_options({"name": "b-1", **options}, AWS)
        states: dict[str, t.Any] = {"policy": self.policy, "block_public_access": self.block}
        current = CurrentBucket(True, {name: states[name] for name in params.facets}, on_aws=True)
        planned = plan(params, current)
        for step in planned.steps:
            if step.target == "policy":
                payload = PolicyFacet().payload(step.value)
                self.document = payload["Policy"] if payload else None
            else:
                self.block = step.value
        return planned.names, pending_requirements(params, current)

    def denies(self, key: str, *, tls: bool = True, encrypted: bool = False) -> bool:
        """Evaluate the stored document as IAM does, for an upload, independently of the code under test."""
        for statement in json.loads(self.document)["Statement"] if self.document else ():
            resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            if statement["Effect"] != "Deny" or not any(fnmatch.fnmatchcase(f"{ARN}/{key}", r) for r in resources):
                continue
            operator, [(name, value)] = next((op, list(test.items())) for op, test in statement["Condition"].items())
            if operator == "Bool" and name == "aws:SecureTransport":
                matches = value == str(tls).lower()
            else:
                assert (operator, name) == ("StringNotEquals", "s3:x-amz-server-side-encryption")
                matches = value != ("AES256" if encrypted else None)
            if matches:
                return True
        return False


class Run(t.NamedTuple):
    """One run of one project, or of the whole bucket where it has no project."""

    project: str | None
    require: bool
    defer: bool
    public: bool

    @property
    def options(self) -> dict[str, t.Any]:
        public = {"public_prefixes": [self.project] if self.public else []} if self.project else {}
        return {
            "project": self.project,
            "require_encryption": self.require,
            "defer_requirements": self.defer,
            **public,
        }


runs = st.lists(
    st.builds(Run, st.sampled_from([None, *PROJECTS, *PROJECTS]), st.booleans(), st.booleans(), st.booleans()),
    max_size=12,
)


@given(runs, st.booleans())
def test_require_encryption_of_each_project_follows_its_last_run(sequence: list[Run], has_unmanaged: bool) -> None:
    stored = Stored(*([UNMANAGED, tls_statement(ARN)] if has_unmanaged else []))
    # The model: the parts that are required. None stands for the whole bucket.
    required = set[t.Optional[str]]()
    for run in sequence:
        changes, pending = stored.run(**run.options)
        is_pending = run.require and run.defer and not required & {run.project, None}
        before = set(required)
        if not run.project:
            required = {None} if run.require and not is_pending else required if is_pending else set()
        elif not is_pending:
            required = (required - {None, run.project}) | ({run.project} if run.require else set())
        assert pending == (["require_encryption"] if is_pending else [])
        assert ("require_encryption" in changes) == (before != required)
        for project in PROJECTS:
            expected = bool(required & {project, None})
            assert stored.denies(f"{project}/x/archive.mp4") is expected
            assert not stored.denies(f"{project}/x/archive.mp4", encrypted=True)
        assert stored.denies("unrelated") is (None in required)
        assert stored.run(**run.options)[0] == []
    if has_unmanaged:
        sids = [statement["Sid"] for statement in json.loads(stored.document or "")["Statement"]]
        assert sids[:2] == ["Unmanaged", TLS]


@given(st.permutations(PROJECTS))
def test_require_encryption_does_not_depend_on_the_order_of_projects(order: list[str]) -> None:
    stored = Stored(UNMANAGED)
    for project in order:
        stored.run(project=project, require_encryption=True)
    resources = sorted(f"{ARN}/{project}/*" for project in PROJECTS)
    assert stored.policy.managed_statement(ENCRYPTION) == encryption_statement(ARN) | {"Resource": resources}


def test_require_encryption_with_project_replaces_the_statement_about_the_whole_bucket() -> None:
    for defer in (False, True):
        stored = Stored(encryption_statement(ARN))
        # The policy denies less than before: there is no reason to defer it.
        assert stored.run(project="471", require_encryption=True, defer_requirements=defer) == (
            ["require_encryption"],
            [],
        )
        assert (stored.denies("471/a"), stored.denies("472/a")) == (True, False)
        stored = Stored(encryption_statement(ARN))
        assert stored.run(project="471", require_encryption=False, defer_requirements=defer)[0] == [
            "require_encryption"
        ]
        assert stored.policy == Policy()


BY_HAND: list[dict[str, t.Any]] = [
    {"Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}},
    {"Action": ["s3:PutObject", "s3:PutObjectAcl"]},
    {"Resource": [f"{ARN}/471/*", f"{ARN}/47*"]},
]


@pytest.mark.parametrize("fields", BY_HAND)
def test_require_encryption_changed_by_hand_keeps_the_parts_of_other_projects(fields: dict[str, t.Any]) -> None:
    changed = {**encryption_statement(ARN, ["471", "472"]), **fields}
    stored = Stored(changed)
    with pytest.raises(errors.RejectedError, match="require encrypted uploads of project 471 to bucket b-1: the state"):
        stored.run(project="471", require_encryption=True)
    # A later run reports it, after the upload target has been set.
    assert stored.run(project="471", require_encryption=True, defer_requirements=True) == ([], ["require_encryption"])
    stored.run(project="471", require_encryption=False)
    rest = [resource for resource in changed["Resource"] if resource != f"{ARN}/471/*"]
    assert stored.policy.managed_statement(ENCRYPTION) == {**changed, "Resource": rest}
    # Without a project, the statement is replaced as a whole.
    assert stored.run(require_encryption=True) == (["require_encryption"], [])
    assert stored.policy.managed_statement(ENCRYPTION) == encryption_statement(ARN)


def test_require_encryption_false_removes_a_statement_without_resources() -> None:
    changed = {**encryption_statement(ARN), "NotResource": f"{ARN}/x/*"}
    del changed["Resource"]
    stored = Stored(changed)
    assert stored.run(project="471", require_encryption=False)[0] == ["require_encryption"]
    assert stored.policy == Policy()


@pytest.mark.parametrize(
    ("statements", "project", "expected"),
    [
        ([], None, False),
        ([encryption_statement(ARN)], None, True),
        ([encryption_statement(ARN, ["471"])], None, encryption_statement(ARN, ["471"])),
        ([], "471", False),
        ([encryption_statement(ARN, ["471", "472"])], "471", True),
        ([encryption_statement(ARN, ["4711"])], "471", False),
        # Not in the form that a run of this project writes.
        ([encryption_statement(ARN)], "471", encryption_statement(ARN)),
        ([encryption_statement(ARN), encryption_statement(ARN, ["1"])], "471", [encryption_statement(ARN)] * 2),
    ],
)
def test_policy_options_with_project_returns_its_part(
    statements: list[dict[str, t.Any]], project: str | None, expected: t.Any
) -> None:
    value = policy_options(Policy.from_statements(statements), project)["require_encryption"]
    assert value == (statements if len(statements) > 1 else expected)


def test_require_encryption_more_projects_than_the_policy_can_contain_is_refused() -> None:
    numbers = [str(47120000 + number) for number in range(400)]
    public = public_statement(ARN, numbers)
    stored = Stored(public, encryption_statement(ARN, numbers[:200]))

    def require_all() -> None:
        for number in numbers[200:]:
            stored.run(project=number, require_encryption=True)

    with pytest.raises(errors.RejectedError, match="bytes, and S3 allows at most 20480"):
        require_all()
    assert len(stored.document or "") <= 20480
    assert len(stored.policy.encrypted_prefixes_if_unmodified or ()) > 200


@pytest.mark.parametrize("project", [None, "471"])
def test_defer_requirements_applies_to_statements_that_the_policy_does_not_contain(project: str | None) -> None:
    requirements = {"project": project, "require_tls": True, "require_encryption": True}
    stored = Stored(UNMANAGED)
    assert stored.run(**requirements, defer_requirements=True) == ([], ["require_tls", "require_encryption"])
    assert not stored.denies("471/a", tls=False)
    assert stored.run(**requirements) == (["require_tls", "require_encryption"], [])
    assert stored.denies("471/a", tls=False, encrypted=True)
    assert stored.run(**requirements, defer_requirements=True) == ([], [])
    removed = stored.run(project=project, require_tls=False, require_encryption=False, defer_requirements=True)
    assert removed == (["require_tls", "require_encryption"], [])


def test_defer_requirements_leaves_a_tls_statement_that_denies_something_else() -> None:
    changed = {**tls_statement(ARN), "Resource": f"{ARN}/x/*"}
    stored = Stored(changed)
    assert stored.run(require_tls=True, defer_requirements=True) == ([], ["require_tls"])
    assert stored.policy.managed_statement(TLS) == changed
    assert stored.run(require_tls=True) == (["require_tls"], [])


def test_defer_requirements_applies_to_a_new_bucket() -> None:
    params = parse_options({"name": "b-1", "require_tls": True, "defer_requirements": True}, AWS)
    planned = plan(params, CurrentBucket(False))
    assert (planned.names, planned.steps) == (["bucket"], ())
    assert pending_requirements(params, CurrentBucket(False)) == ["require_tls"]


def find_plan_risks(states: dict[str, t.Any], exists: bool = True, **options: t.Any) -> frozenset[t.Any]:
    params = parse_options({"name": "b-1", **options}, AWS)
    current = CurrentBucket(exists, {name: states[name] for name in params.facets if name in states}, on_aws=True)
    return find_risks(params, current, plan(params, current))


BARE = {"encryption": Encryption("AES256"), "policy": Policy(), "block_public_access": Block(), "tags": ()}
CLOSED = Block(True, True, True, True)


@pytest.mark.parametrize(
    ("states", "options", "settings"),
    [
        ({}, {"encryption": "s3"}, None),
        ({"encryption": Encryption("aws:kms")}, {"encryption": "s3"}, ("default encryption",)),
        ({}, {"require_encryption": True}, ("policy",)),
        ({}, {"require_encryption": True, "defer_requirements": True}, ("policy",)),
        ({}, {"require_encryption": False}, None),
        ({"block_public_access": CLOSED}, {"public_prefixes": ["471"]}, ("policy", "public access block")),
        ({"block_public_access": CLOSED}, {"block_public_access": True}, None),
        ({}, {"tags": {"a": "b"}}, None),
    ],
)
def test_adoption_is_at_risk_if_settings_of_the_whole_bucket_change(
    states: dict[str, t.Any], options: dict[str, t.Any], settings: tuple[str, ...] | None
) -> None:
    states = {**BARE, **states}
    assert find_plan_risks(states, project="471", **options) == ({Adoption(settings)} if settings else set())
    # There is no project or no bucket, or the user consents.
    options_without = {key: value for key, value in options.items() if key != "public_prefixes"}
    assert find_plan_risks(states, **options_without) == set()
    assert find_plan_risks(states, exists=False, project="471", **options) == set()
    assert find_plan_risks(states, project="471", allow=["adopt_bucket"], **options) == set()


def test_tls_only_is_at_risk_only_if_the_statement_is_added_for_a_project() -> None:
    options: dict[str, t.Any] = {"allow": ["adopt_bucket"], "require_tls": True}
    assert find_plan_risks(BARE, project="471", **options) == {TlsOnly()}
    assert find_plan_risks(BARE, **options) == set()
    assert find_plan_risks(BARE, project="471", defer_requirements=True, **options) == set()
    assert find_plan_risks(BARE, project="471", allow=["adopt_bucket"], require_tls=False) == set()
    written = {**tls_statement(ARN), "Resource": [f"{ARN}/*", ARN]}
    assert (
        find_plan_risks(
            {**BARE, "policy": Policy.from_statements([written])}, project="471", require_encryption=True, **options
        )
        == set()
    )
    changed = {**tls_statement(ARN), "Resource": f"{ARN}/x/*"}
    assert find_plan_risks({**BARE, "policy": Policy.from_statements([changed])}, project="471", **options) == {
        TlsOnly()
    }


def stored_rule(days: int | None, noncurrent: int | None, prefix: str, **fields: t.Any) -> dict[str, t.Any]:
    rule: dict[str, t.Any] = {"Status": "Enabled", "Filter": {"Prefix": prefix}, **fields}
    if days:
        rule["Expiration"] = {"Days": days}
    if noncurrent:
        rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": noncurrent}
    return rule


periods = st.sampled_from([None, 1, 7, 30])
prefixes = st.sampled_from(["", "4", "471/", "471/a", "x/"])
stored_rules = st.lists(
    st.builds(
        stored_rule,
        periods,
        periods,
        prefixes,
        ID=st.sampled_from(["vonage-archiving-471", "unmanaged", "other"]),
        Status=st.sampled_from(["Enabled", "Enabled", "Disabled"]),
    ),
    max_size=3,
    unique_by=lambda rule: rule["ID"],
)


def days_to_deletion(rules: t.Iterable[t.Mapping[str, t.Any]], key: str, element: str, name: str) -> float:
    """The days after which S3 deletes an object: the shortest period of an enabled rule applies."""
    days = [
        rule[element][name]
        for rule in rules
        if rule["Status"] == "Enabled" and key.startswith(rule["Filter"]["Prefix"]) and element in rule
    ]
    return min(days, default=float("inf"))


ELEMENTS = {
    "expire_days": ("Expiration", "Days"),
    "noncurrent_expire_days": ("NoncurrentVersionExpiration", "NoncurrentDays"),
}


@given(stored_rules, periods, periods, st.sampled_from(["471/", "471/a"]))
def test_retention_is_at_risk_exactly_if_an_object_is_deleted_sooner(
    rules: list[dict[str, t.Any]], days: int | None, noncurrent: int | None, prefix: str
) -> None:
    current = LifecycleFacet().parse({"Rules": rules}, "vonage-archiving-471")
    lifecycle = {"prefix": prefix, "expire_days": days, "noncurrent_expire_days": noncurrent}
    lifecycle["abort_incomplete_uploads_days"] = 1
    options: dict[str, t.Any] = {"project": "471", "lifecycle": lifecycle}
    target = LifecycleFacet().target(parse_options({"name": "b-1", **options}, AWS).facets["lifecycle"], current)
    payload = LifecycleFacet().payload(target)
    written = payload["LifecycleConfiguration"]["Rules"] if payload else []
    sooner = {
        option
        for option, names in ELEMENTS.items()
        for key in ("471/x", "471/a/x")
        if days_to_deletion(written, key, *names) < days_to_deletion(rules, key, *names)
    }
    risks = find_plan_risks({"lifecycle": current}, **options)
    at_risk = {risk.option for risk in risks if isinstance(risk, Retention)}
    # A rule about a part of the objects does not protect the rest of them.
    partial = any(rule["Filter"]["Prefix"] not in ("", "4", "471/", prefix) for rule in rules)
    assert sooner <= at_risk if partial else sooner == at_risk
    assert find_plan_risks({"lifecycle": current}, **{**options, "allow": ["shorter_retention"]}) == set()


@pytest.mark.parametrize(
    ("fields", "at_risk"),
    [({}, False), ({"Status": "Disabled"}, True), ({"Filter": {"And": {"Prefix": "471/", "Tags": [{}]}}}, True)],
)
def test_retention_by_a_rule_with_more_conditions_does_not_count(fields: dict[str, t.Any], at_risk: bool) -> None:
    rule = {**stored_rule(30, None, "471/", ID="vonage-archiving-471"), **fields}
    current = LifecycleFacet().parse({"Rules": [rule]}, "vonage-archiving-471")
    lifecycle = {"prefix": "471/", "expire_days": 30, "abort_incomplete_uploads_days": 1}
    expected = {Retention("expire_days", 30, "471/")} if at_risk else set()
    assert find_plan_risks({"lifecycle": current}, project="471", lifecycle=lifecycle) == expected


def test_retention_that_is_lengthened_or_removed_is_not_at_risk() -> None:
    current = Lifecycle(LifecycleRule(30, 7, 1, "471/"), id="vonage-archiving-471")
    longer = {"prefix": "471/", "expire_days": 60, "noncurrent_expire_days": 7}
    for lifecycle in (longer, {}, {"prefix": "471/", "abort_incomplete_uploads_days": 1}):
        assert find_plan_risks({"lifecycle": current}, project="471", lifecycle=lifecycle) == set()
    assert current.shortened_periods(replace(LifecycleRule(29, 6), prefix="471/")) == [
        "expire_days",
        "noncurrent_expire_days",
    ]


class Listing:
    """A bucket that returns the same page for every listing."""

    name = "b-1"

    def __init__(self, page: dict[str, t.Any], status: str | None = None) -> None:
        self.page = page
        self.status = status

    def call(self, method: str, operation: str, action: str, **params: t.Any) -> dict[str, t.Any]:
        if method == "get_bucket_versioning":
            return {"Status": self.status} if self.status else {}
        return self.page


def version(number: int, latest: bool) -> dict[str, t.Any]:
    return {"Key": f"471/{number:04}", "IsLatest": latest, "VersionId": str(number)}


@pytest.mark.parametrize(
    ("versions", "truncated", "status", "refused"),
    [
        ([version(1, True)], False, "Enabled", False),
        ([version(1, True), version(2, False)], False, "Suspended", True),
        ([version(1, True), version(2, False)], False, None, False),
        # Later pages are not read. They may contain a noncurrent version.
        ([version(1, True)], True, "Enabled", True),
        ([], False, "Enabled", False),
    ],
)
def test_retention_of_noncurrent_versions_reads_one_page(
    versions: list[dict[str, t.Any]], truncated: bool, status: str | None, refused: bool
) -> None:
    bucket = t.cast(t.Any, Listing({"Versions": versions, "IsTruncated": truncated}, status))
    risks = [Retention("noncurrent_expire_days", 7, "471/")]
    if not refused:
        check_risks(bucket, BucketParams("b-1", project="471"), risks)
        return
    with pytest.raises(errors.RejectedError, match="add shorter_retention to the option allow") as caught:
        check_risks(bucket, BucketParams("b-1", project="471"), risks)
    assert caught.value.facts == {"consent": "shorter_retention"}


PROBE = "471/vonage-archiving-probe-1c2d/archive.mp4"


@pytest.mark.parametrize(("keys", "refused"), [([PROBE], False), ([PROBE, "471/a/archive.mp4"], True)])
def test_retention_probe_of_an_interrupted_verification_does_not_count(keys: list[str], refused: bool) -> None:
    bucket = t.cast(t.Any, Listing({"Contents": [{"Key": key, "Size": 1} for key in keys]}))
    risks = [Retention("expire_days", 7, "471/")]
    if not refused:
        check_risks(bucket, BucketParams("b-1", project="471"), risks)
        return
    with pytest.raises(errors.RejectedError, match=r"such as the object 471/a/archive\.mp4"):
        check_risks(bucket, BucketParams("b-1", project="471"), risks)


def test_retention_without_permission_to_list_names_the_alternative() -> None:
    class Denied(Listing):
        def call(self, method: str, operation: str, action: str, **params: t.Any) -> dict[str, t.Any]:
            raise errors.DeniedError(operation, "AccessDenied", f"These credentials need the permission {action} here.")

    with pytest.raises(
        errors.DeniedError, match=r"s3:ListBucket here. It is needed .* shorter_retention in the option"
    ):
        check_risks(t.cast(t.Any, Denied({})), BucketParams("b-1"), [Retention("expire_days", 7, "")])


@pytest.mark.parametrize(("code", "fails"), [("NoSuchBucket", False), ("NoSuchKey", True)])
def test_check_risks_bucket_that_is_not_visible_yet_is_accepted(code: str, fails: bool) -> None:
    class Missing(Listing):
        def call(self, method: str, operation: str, action: str, **params: t.Any) -> dict[str, t.Any]:
            raise errors.NotFoundError(operation, code, code=code)

    risks: list[Adoption | Retention] = [Adoption(("policy",)), Retention("expire_days", 7, "")]
    if fails:
        with pytest.raises(errors.NotFoundError):
            check_risks(t.cast(t.Any, Missing({})), BucketParams("b-1", project="471"), risks)
    else:
        check_risks(t.cast(t.Any, Missing({})), BucketParams("b-1", project="471"), risks)
