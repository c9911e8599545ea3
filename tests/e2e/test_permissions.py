# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies of guide_permissions.rst: the operator's is enough and no more, and so is the uploader's.

Two judges, both without mercy. moto with its IAM on denies what the operator's policy does not allow; SeaweedFS knows
only some actions of S3 in policies and none of IAM. What moto cannot judge, ``aws_gate`` does in front of it, after the
Service Authorization Reference: resources of IAM, and the actions in ``MIXED_UP_BY_MOTO``.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets import policy
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import ArchivingError, DeniedError
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import access_checks
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import cleanup as upload_cleanup
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.probe import Check
from tests.e2e.aws_gate import Gate, matches, pairs
from tests.e2e.lifecycle_scenario import LeftoverError, LifecycleScenario
from tests.e2e.site import MANAGED, Site, new_site
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("permissions")

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "docsite" / "rst" / "guide_permissions.rst"
OPTIONS: dict[str, Any] = {
    "cors_rules": [{"allowed_origins": ["https://player.example.com"], "allowed_methods": ["GET"]}],
    "retention_days": 90,
    "tags": {"owner": "video"},
}
Policy = dict[str, Any]

# moto takes requests of the first four for the last two, so that none of them can be left out there: the gate judges.
MIXED_UP_BY_MOTO = {
    "s3:GetEncryptionConfiguration",
    "s3:GetBucketPublicAccessBlock",
    "s3:PutEncryptionConfiguration",
    "s3:PutBucketPublicAccessBlock",
    "s3:ListBucket",
    "s3:CreateBucket",
}
# Whose lack is no failure: a check that did its work does not fail because of what it could not tidy up.
WARNED_OF = {
    ("Probes", "s3:DeleteObject"),
    ("Probes", "s3:DeleteObjectVersion"),
    ("Probes", "s3:AbortMultipartUpload"),
    ("ProbesElsewhere", "s3:AbortMultipartUpload"),
}
# Whose lack is neither: probes of killed checks stay, in buckets with versions, since nobody sees them.
SHOWN_BY_WHAT_IS_LEFT = {("Bucket", "s3:ListBucketVersions")}


def documented_policy(name: str, bucket: str = "example-recordings", project: str = "47123456") -> Policy:
    """Return a policy of the guide, for the bucket and the project of a test."""
    match = re.search(
        rf"^\.\. {name} policy\n\n\.\. code-block:: json\n\n((?:(?: {{4}}.*)?\n)+)", GUIDE.read_text(), re.M
    )
    assert match
    parsed: Policy = json.loads(match[1].replace("example-recordings", bucket).replace("47123456", project))
    return parsed


def for_moto(whole: Policy, *more: str) -> Policy:
    """The same with any resource for actions of IAM: moto takes every user for the resource "*"."""
    widened = copy.deepcopy(whole)
    for statement in widened["Statement"]:
        if statement["Action"][0].startswith("iam:"):
            statement["Resource"] = "*"
            statement["Action"] += more
    return widened


def without(whole: Policy, sid: str, action: str) -> Policy:
    """The same without one action of one statement."""
    cut = copy.deepcopy(whole)
    for statement in cut["Statement"]:
        if statement["Sid"] == sid:
            statement["Action"].remove(action)
    cut["Statement"] = [statement for statement in cut["Statement"] if statement["Action"]]
    return cut


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("moto-iam",)) as running:
        yield running


@pytest.fixture(scope="module")
def gate(sandbox: Sandbox) -> Iterator[Gate]:
    """Have requests to AWS land on moto, without waiting there for probes to age or for policies to take effect."""
    judge = Gate(sandbox.store.endpoint_url)
    with pytest.MonkeyPatch.context() as patch:
        # A bound method is not bound again: the lambda is what takes the session.
        # pylint: disable-next=unnecessary-lambda
        patch.setattr(URLLib3Session, "send", lambda session, request: judge.send(session, request))
        patch.setattr(upload_cleanup, "STALE", datetime.timedelta(0))
        # What anybody can see at an address of AWS is not sent by botocore, and moto cannot show it.
        patch.setattr(access_checks.AccessChecks, "_anonymous_list", lambda _checks: Check("anonymous_list", True, ""))
        patch.setattr(policy, "CONFIRM_BACKOFF", (0.1,))
        yield judge


def new_scenario(sandbox: Sandbox, gate: Gate, at_moto: Policy, at_gate: Policy | None = None) -> LifecycleScenario:
    """A project, with an operator who has these policies, in which a bucket and a project stand for its own."""
    project, name = sandbox.vonage.add_project(), f"life-{secrets.token_hex(6)}"

    def own(whole: Policy) -> Policy:
        text = json.dumps(whole).replace("example-recordings", name).replace("47123456", project.key)
        parsed: Policy = json.loads(text)
        return parsed

    operator = sandbox.store.make_user(f"operator-{secrets.token_hex(4)}", own(for_moto(at_moto)))
    if at_gate:
        gate.policies[operator[0]] = own(at_gate)
    return LifecycleScenario(sandbox.store, sandbox.vonage, name, operator, project.key, project.secret)


@pytest.fixture(scope="module")
def lived(sandbox: Sandbox, gate: Gate) -> dict[str, set[Any]]:
    """Live with the policy of the guide; what each step has used of it."""
    scenario = new_scenario(sandbox, gate, documented_policy("operator"), documented_policy("operator"))
    allowed, used = gate.policies[scenario.operator[0]], gate.used.setdefault(scenario.operator[0], set())
    by_step = {}
    for step in scenario.steps:
        used.clear()
        step()
        by_step[step.__name__] = {pair for pair in pairs(allowed) if any(matches(pair, need) for need in used)}
        assert all(any(matches(pair, need) for pair in by_step[step.__name__]) for need in used)
    assert scenario.warnings == []
    by_step["all of the policy"] = set(pairs(allowed))
    return by_step


def test_a_managed_life_takes_all_of_the_policy_and_no_more(lived: dict[str, set[Any]]) -> None:
    """Every action, on every single resource that it is allowed for, by its exact name."""
    allowed = lived["all of the policy"]
    used = set().union(*(found for step, found in lived.items() if step != "all of the policy"))
    assert used == allowed
    assert len(allowed) == 17 + 2 * 2 + 1 + 4 + 1 + 2 * 14


SINGLE = [
    (statement["Sid"], action)
    for statement in documented_policy("operator")["Statement"]
    for action in statement["Action"]
]


@pytest.mark.parametrize(("sid", "action"), SINGLE)
def test_each_action_of_the_policy_is_missed(
    sandbox: Sandbox, gate: Gate, lived: dict[str, set[Any]], sid: str, action: str
) -> None:
    whole = documented_policy("operator")
    cut = without(whole, sid, action)
    by_gate = action in MIXED_UP_BY_MOTO
    scenario = new_scenario(sandbox, gate, whole if by_gate else cut, cut if by_gate else None)
    scenario.verifies_uploads = sid == "Probes"
    # Each step needs nothing but the first one before it; the quick ones to the front.
    order = (scenario.create, scenario.teardown, scenario.rotate, *scenario.steps)
    steps = [step for step in order if any(pair.action == action for pair in lived[step.__name__])]
    silent = (sid, action) in SHOWN_BY_WHAT_IS_LEFT
    expected = LeftoverError if silent or (sid, action) in WARNED_OF else ArchivingError
    with pytest.raises(expected) as refused:
        scenario.run(dict.fromkeys([scenario.create, *steps]))
    told = " ".join(scenario.warnings) if expected is LeftoverError else str(refused.value)
    assert bool(re.search(rf"(permission|credentials need) {action}\b", told)) is not silent


def test_a_path_takes_one_action_more(sandbox: Sandbox, gate: Gate) -> None:
    scenario, more = new_scenario(sandbox, gate, documented_policy("operator")), documented_policy("operator")
    more["Statement"][-1]["Action"].append("iam:UpdateUser")
    wider = new_scenario(sandbox, gate, more)
    for each in (scenario, wider):
        each.verifies_uploads = False
        each.create()
    with pytest.raises(DeniedError, match="permission iam:UpdateUser here"):
        scenario.configure(uploader={"path": "/video/"})
    assert wider.configure(uploader={"path": "/video/"})
    assert wider.iam.get_user(UserName=wider.user)["User"]["Path"] == "/video/"


def test_a_permissions_boundary_takes_one_action_more(sandbox: Sandbox, gate: Gate) -> None:
    """moto has no PutUserPermissionsBoundary: it can show the denial, not the success."""
    scenario = new_scenario(sandbox, gate, documented_policy("operator"))
    scenario.verifies_uploads = False
    scenario.create()
    with pytest.raises(DeniedError, match="permission iam:PutUserPermissionsBoundary here"):
        scenario.configure(uploader={"permissions_boundary": "arn:aws:iam::123456789012:policy/uploaders"})


@pytest.fixture
def site(sandbox: Sandbox, home: Path) -> Iterator[Site]:
    with new_site(sandbox, home) as made:
        yield made


def operator_of(site: Site) -> tuple[str, str]:
    """Return the key of a user with the operator's policy, and with what it takes besides on a store that is not AWS.

    Only AWS is sure to show tags with the user; and a store may show an object of the folder's name and no folder.
    """
    wider = for_moto(documented_policy("operator", site.bucket, site.key), "iam:ListUserTags")
    assert wider["Statement"][2]["Sid"] == "Folders"
    wider["Statement"][2]["Action"].append("s3:GetObject")
    return site.store.make_user(f"operator-{secrets.token_hex(4)}", wider)


def given_to(operator: tuple[str, str]) -> dict[str, Any]:
    return {
        "env": {"AWS_ACCESS_KEY_ID": operator[0], "AWS_SECRET_ACCESS_KEY": operator[1]},
        "secrets": [operator[1]],
    }


@pytest.mark.slow
def test_the_policies_of_the_guide_are_enough_for_a_key_that_is_given(site: Site) -> None:
    operator = operator_of(site)
    uploader = json.dumps(documented_policy("uploader", site.bucket, site.key))
    site.uploader = site.store.make_user(f"uploader-{secrets.token_hex(4)}", uploader)
    given = given_to(operator)
    site.configure(**given, **OPTIONS, folders=[site.key], verify="never")
    assert site.target()["config"]["bucket"] == site.bucket  # type: ignore[index]

    # With its IAM on, moto answers every request without a key with 500: neither CORS nor strangers can be tried here.
    verified = site.run("verify", **given, retention_days=90, expect_least_privilege=True).ok()
    found = {check["name"]: check["ok"] for check in verified.result["checks"]}
    assert {"no_read", "no_list_outside", "no_put_outside", "no_delete"} <= set(found)
    assert all(found.values())
    assert site.left_probes() == []

    site.client.put_object(Bucket=site.bucket, Key=f"{site.key}/a/archive.mp4", Body=b"recording")
    with pytest.raises(ClientError, match="AccessDenied"):
        site.store.client(*operator).get_object(Bucket=site.bucket, Key=f"{site.key}/a/archive.mp4")

    site.run("teardown", **given).ok()
    assert site.target() is None
    assert site.record()["status"] == "absent"


@pytest.mark.slow
def test_the_operators_policy_is_enough_for_the_playbooks(sandbox: Sandbox, home: Path) -> None:
    with new_site(sandbox, home, MANAGED) as site:
        given = given_to(operator_of(site))
        site.configure(**given, retention_days=90)
        first = site.held_key
        site.run("rotate", **given, retention_days=90).ok()
        assert site.all_keys() == {first[0]: "Active", site.held_key[0]: "Active"}
        site.run("verify", **given, retention_days=90).ok()
        assert site.all_keys() == {first[0]: "Active", site.held_key[0]: "Active"}
        site.run("teardown", **given, revoke_old_keys=True).ok()
        assert site.target() is None
        with pytest.raises(ClientError, match="NoSuchEntity"):
            site.keys()


def test_a_store_may_have_no_actions_of_iam_in_its_policies() -> None:
    """SeaweedFS: whoever may do everything to all buckets may do everything to all users, and nobody else anything."""
    with Sandbox(stores=("seaweedfs",), vonage=False) as running:
        store, name = running.store, "operator"
        store.iam_client().create_user(UserName=name)
        refused = {"Bucket", "Uploader"}
        for statement in documented_policy("operator")["Statement"]:
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            with (
                pytest.raises(ClientError, match="MalformedPolicyDocument")
                if statement["Sid"] in refused
                else contextlib.nullcontext()
            ):
                store.iam_client().put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
