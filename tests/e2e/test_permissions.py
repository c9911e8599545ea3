# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that the policies in guide_permissions.rst are sufficient and minimal.

moto with IAM enabled denies requests that the operator's policy does not allow. SeaweedFS supports only some actions
of S3 in policies, and none of IAM. ``iam_policy_evaluator`` evaluates requests that moto evaluates incorrectly,
according to the Service Authorization Reference: resources of IAM, and the actions in ``MISJUDGED_BY_MOTO``.
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

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.params import parse_params
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.print_policies import (
    build_policies,
    without_credentials,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets import policy
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import ArchivingError, DeniedError
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import access_checks
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import cleanup as upload_cleanup
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.probe import Check
from tests.e2e.iam_policy_evaluator import PolicyEvaluator, allows, is_match, list_permissions
from tests.e2e.lifecycle_scenario import BUCKET, PROJECT, VARIABLES, LeftoverError, LifecycleScenario
from tests.e2e.project_environment import MANAGED_KEY, ProjectEnvironment, new_project_environment
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("permissions")

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "docsite" / "rst" / "guide_permissions.rst"
OPTIONS: dict[str, Any] = {
    "cors_rules": [{"allowed_origins": ["https://player.example.com"], "allowed_methods": ["GET"]}],
    "retention_days": 90,
    "tags": {"owner": "video"},
}
Policy = dict[str, Any]

# moto requires the last two permissions for requests of the first four. Only the evaluator evaluates them correctly.
MISJUDGED_BY_MOTO = {
    "s3:GetEncryptionConfiguration",
    "s3:GetBucketPublicAccessBlock",
    "s3:PutEncryptionConfiguration",
    "s3:PutBucketPublicAccessBlock",
    "s3:ListBucket",
    "s3:CreateBucket",
}
# Without these permissions, a run succeeds with a warning: only the deletion of probes fails.
CAUSES_WARNING = {
    ("Probes", "s3:DeleteObject"),
    ("Probes", "s3:DeleteObjectVersion"),
    ("Probes", "s3:AbortMultipartUpload"),
    ("ProbesElsewhere", "s3:AbortMultipartUpload"),
}
# Without these permissions, a run succeeds without a warning: versions of probes from killed checks stay in the
# bucket.
CAUSES_LEFTOVERS = {("Bucket", "s3:ListBucketVersions")}


def documented_policy(name: str, bucket: str = "example-recordings", project: str = "47123456") -> Policy:
    """Return a policy from the guide, with the bucket and the project of a test."""
    match = re.search(
        rf"^\.\. {name} policy\n\n\.\. code-block:: json\n\n((?:(?: {{4}}.*)?\n)+)", GUIDE.read_text(), re.M
    )
    assert match
    parsed: Policy = json.loads(match[1].replace("example-recordings", bucket).replace("47123456", project))
    return parsed


def for_moto(full_policy: Policy, *actions: str) -> Policy:
    """Return the policy with the resource "*" for IAM actions: moto evaluates every user as the resource "*"."""
    widened = copy.deepcopy(full_policy)
    for statement in widened["Statement"]:
        if statement["Action"][0].startswith("iam:"):
            statement["Resource"] = "*"
            statement["Action"] += actions
    return widened


def without(full_policy: Policy, sid: str, action: str) -> Policy:
    """Return the policy without one action of one statement."""
    reduced_policy = copy.deepcopy(full_policy)
    for statement in reduced_policy["Statement"]:
        if statement["Sid"] == sid:
            statement["Action"].remove(action)
    reduced_policy["Statement"] = [statement for statement in reduced_policy["Statement"] if statement["Action"]]
    return reduced_policy


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("moto-iam",)) as running:
        yield running


@pytest.fixture(scope="module")
def evaluator(sandbox: Sandbox) -> Iterator[PolicyEvaluator]:
    """Send requests for AWS to moto, without waiting for probes to become stale or for policies to take effect."""
    policy_evaluator = PolicyEvaluator(sandbox.store.endpoint_url)
    with pytest.MonkeyPatch.context() as patch:
        # Python does not bind a bound method again. The lambda receives the session.
        # pylint: disable-next=unnecessary-lambda
        patch.setattr(URLLib3Session, "send", lambda session, request: policy_evaluator.send(session, request))
        patch.setattr(upload_cleanup, "STALE", datetime.timedelta(0))
        # botocore does not send anonymous requests for addresses of AWS, and moto cannot evaluate them.
        patch.setattr(access_checks.AccessChecks, "_anonymous_list", lambda _checks: Check("anonymous_list", True, ""))
        patch.setattr(policy, "CONFIRM_BACKOFF", (0.1,))
        yield policy_evaluator


def new_scenario(
    sandbox: Sandbox,
    evaluator: PolicyEvaluator,
    moto_policy: Policy,
    evaluator_policy: Policy | None = None,
    **options: Any,
) -> LifecycleScenario:
    """Create a project, and an operator with the policies. They name the bucket and the project of the test."""
    project, name = sandbox.vonage.add_project(), f"life-{secrets.token_hex(6)}"

    def fill_in(full_policy: Policy) -> Policy:
        text = json.dumps(full_policy).replace("example-recordings", name).replace("47123456", project.key)
        parsed: Policy = json.loads(text)
        return parsed

    operator = sandbox.store.make_user(f"operator-{secrets.token_hex(4)}", fill_in(for_moto(moto_policy)))
    if evaluator_policy:
        evaluator.policies[operator[0]] = fill_in(evaluator_policy)
    return LifecycleScenario(sandbox.store, sandbox.vonage, name, operator, project.key, project.secret, **options)


@pytest.fixture(scope="module")
def permissions_by_step(sandbox: Sandbox, evaluator: PolicyEvaluator) -> dict[str, set[Any]]:
    """Run the full lifecycle with the policy from the guide, and return the permissions that each step has used."""
    scenario = new_scenario(sandbox, evaluator, documented_policy("operator"), documented_policy("operator"))
    allowed, used = evaluator.policies[scenario.operator[0]], evaluator.used.setdefault(scenario.operator[0], set())
    by_step = {}
    for step in scenario.steps:
        used.clear()
        step()
        by_step[step.__name__] = {
            pair for pair in list_permissions(allowed) if any(is_match(pair, need) for need in used)
        }
        assert all(any(is_match(pair, need) for pair in by_step[step.__name__]) for need in used)
    assert scenario.warnings == []
    by_step["all of the policy"] = set(list_permissions(allowed))
    return by_step


def test_operator_policy_full_lifecycle_uses_every_permission(permissions_by_step: dict[str, set[Any]]) -> None:
    """Each permission is used with its exact action and resource."""
    allowed = permissions_by_step["all of the policy"]
    used = set().union(
        *(permissions for step, permissions in permissions_by_step.items() if step != "all of the policy")
    )
    assert used == allowed
    assert len(allowed) == 17 + 2 + 1 + 1 + 4 + 1 + 2 * 14


def generated_policies(**variables: Any) -> dict[str, Policy]:
    """Return the policies that the playbook policy prints."""
    role_variables = {"api_key": PROJECT, "bucket": BUCKET, "region": "eu-west-1", **variables}
    params = parse_params(without_credentials(role_variables, {}), {})
    return build_policies(params, deletes_bucket=variables.get("delete_bucket") is True)


def test_policies_of_guide_are_those_of_playbook() -> None:
    assert documented_policy("operator") == generated_policies(**VARIABLES)["operator"]
    assert documented_policy("uploader") == generated_policies(upload_key="external")["upload_user"]


EXTERNAL_KEY = {"upload_key": "external"}
OPTION_SETS: dict[str, dict[str, Any]] = {
    "managed": {},
    "external": EXTERNAL_KEY,
    "external-least-privilege": {**EXTERNAL_KEY, "expect_least_privilege": True, "require_tls": False},
    "nothing": {
        "retention_days": 0,
        "abort_incomplete_uploads_days": 0,
        "sse": "none",
        "verify": "never",
        "require_tls": False,
    },
    "public": {"public": True, "require_tls": False},
    "cors-and-tags": {"cors_rules": VARIABLES["cors_rules"], "tags": VARIABLES["tags"]},
    "folders": {"folders": [PROJECT, "other"], "require_tls": False},
    "state-file-elsewhere": {"state_file": f"s3://{BUCKET}-states/47.json"},
    "local-state-file": {"require_tls": False},
    "deletion": {"delete_bucket": True, "delete_recordings": BUCKET, "folders": ["other"], "require_tls": False},
    "user": {"uploader_name": "archive-uploader", "uploader_path": "/video/", "uploader_list_all_my_buckets": True},
}
# moto does not evaluate the policies of these operators. The evaluator does.
EVERYTHING: Policy = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": service, "Effect": "Allow", "Action": [f"{service}:*"], "Resource": "*"} for service in ("s3", "iam")
    ],
}


@pytest.mark.parametrize("name", OPTION_SETS)
def test_generated_policy_is_sufficient_and_minimal(
    sandbox: Sandbox, evaluator: PolicyEvaluator, tmp_path: Path, name: str
) -> None:
    """Each permission is required, and a run without any one action of any statement is denied something."""
    variables = dict(OPTION_SETS[name])
    if name == "local-state-file":
        variables["state_file"] = str(tmp_path / "state.json")
    full, used = run_lifecycle(sandbox, evaluator, variables)
    for number, statement in enumerate(full["Statement"]):
        for action in statement["Action"]:
            assert is_required(full, used, number, action), (statement["Sid"], action)
    assert [pair for pair in list_permissions(full) if not any(is_match(pair, need) for need in used)] == []


def is_required(full_policy: Policy, used: set[Any], number: int, action: str) -> bool:
    """Whether the policy without an action of a statement denies something that a run has used."""
    reduced = copy.deepcopy(full_policy)
    reduced["Statement"][number]["Action"].remove(action)
    return not all(allows(reduced, permission) for permission in used)


def run_lifecycle(sandbox: Sandbox, evaluator: PolicyEvaluator, variables: dict[str, Any]) -> tuple[Policy, set[Any]]:
    """Run the lifecycle with the generated policies, and return the operator's policy and the used permissions."""
    policies, variables = generated_policies(**variables), dict(variables)
    scenario = new_scenario(sandbox, evaluator, EVERYTHING, policies["operator"], variables=variables)
    if str(variables.get("state_file", "")).startswith("s3://"):
        region = {"LocationConstraint": "eu-west-1"}
        scenario.admin.create_bucket(Bucket=f"{scenario.bucket}-states", CreateBucketConfiguration=region)
    if not scenario.is_managed:
        text = json.dumps(policies["upload_user"]).replace(BUCKET, scenario.bucket).replace(PROJECT, scenario.key)
        key = sandbox.store.make_user(f"uploader-{secrets.token_hex(4)}", text)
        variables.update(uploader_access_key=key[0], uploader_secret_key=key[1])
    scenario.run(scenario.steps)
    assert scenario.warnings == []
    return dict(evaluator.policies[scenario.operator[0]]), evaluator.used[scenario.operator[0]]


SINGLE = [
    (statement["Sid"], action)
    for statement in documented_policy("operator")["Statement"]
    for action in statement["Action"]
]


@pytest.mark.parametrize(("sid", "action"), SINGLE)
def test_operator_policy_without_one_action_fails(
    sandbox: Sandbox, evaluator: PolicyEvaluator, permissions_by_step: dict[str, set[Any]], sid: str, action: str
) -> None:
    full_policy = documented_policy("operator")
    reduced_policy = without(full_policy, sid, action)
    is_misjudged = action in MISJUDGED_BY_MOTO
    scenario = new_scenario(
        sandbox, evaluator, full_policy if is_misjudged else reduced_policy, reduced_policy if is_misjudged else None
    )
    scenario.verifies_uploads = sid == "Probes"
    # Each step requires only the first one. The fastest steps run first.
    order = (scenario.create, scenario.teardown, scenario.rotate, *scenario.steps)
    steps = [step for step in order if any(pair.action == action for pair in permissions_by_step[step.__name__])]
    has_no_warning = (sid, action) in CAUSES_LEFTOVERS
    expected = LeftoverError if has_no_warning or (sid, action) in CAUSES_WARNING else ArchivingError
    with pytest.raises(expected) as failure:
        scenario.run(dict.fromkeys([scenario.create, *steps]))
    message = " ".join(scenario.warnings) if expected is LeftoverError else str(failure.value)
    assert bool(re.search(rf"(permission|credentials need) {action}\b", message)) is not has_no_warning


def test_operator_policy_uploader_path_requires_update_user(sandbox: Sandbox, evaluator: PolicyEvaluator) -> None:
    documented, wider_policy = (
        new_scenario(sandbox, evaluator, documented_policy("operator")),
        documented_policy("operator"),
    )
    wider_policy["Statement"][-1]["Action"].append("iam:UpdateUser")
    wider = new_scenario(sandbox, evaluator, wider_policy)
    for scenario in (documented, wider):
        scenario.verifies_uploads = False
        scenario.create()
    with pytest.raises(DeniedError, match="permission iam:UpdateUser here"):
        documented.configure(uploader={"path": "/video/"})
    assert wider.configure(uploader={"path": "/video/"})
    assert wider.iam.get_user(UserName=wider.user)["User"]["Path"] == "/video/"


def test_operator_policy_permissions_boundary_requires_put_boundary(
    sandbox: Sandbox, evaluator: PolicyEvaluator
) -> None:
    """moto does not support PutUserPermissionsBoundary. This test verifies only the denial."""
    scenario = new_scenario(sandbox, evaluator, documented_policy("operator"))
    scenario.verifies_uploads = False
    scenario.create()
    with pytest.raises(DeniedError, match="permission iam:PutUserPermissionsBoundary here"):
        scenario.configure(uploader={"permissions_boundary": "arn:aws:iam::123456789012:policy/uploaders"})


@pytest.fixture
def project(sandbox: Sandbox, home: Path) -> Iterator[ProjectEnvironment]:
    with new_project_environment(sandbox, home) as environment:
        yield environment


def operator_of(project: ProjectEnvironment) -> tuple[str, str]:
    """Return the key of a user with the operator's policy and the permissions that a store other than AWS requires.

    Only AWS always returns tags with the user. A store can have an object with the name of a folder, and not return
    it as a folder.
    """
    wider = for_moto(documented_policy("operator", project.bucket, project.key), "iam:ListUserTags")
    (folders,) = (statement for statement in wider["Statement"] if statement["Sid"] == "Folders")
    folders["Action"].append("s3:GetObject")
    return project.store.make_user(f"operator-{secrets.token_hex(4)}", wider)


def credentials_of(operator: tuple[str, str]) -> dict[str, Any]:
    return {
        "env": {"AWS_ACCESS_KEY_ID": operator[0], "AWS_SECRET_ACCESS_KEY": operator[1]},
        "secrets": [operator[1]],
    }


@pytest.mark.slow
def test_policies_external_key_are_sufficient_for_playbooks(project: ProjectEnvironment) -> None:
    operator = operator_of(project)
    uploader = json.dumps(documented_policy("uploader", project.bucket, project.key))
    project.uploader = project.store.make_user(f"uploader-{secrets.token_hex(4)}", uploader)
    credentials = credentials_of(operator)
    project.configure(**credentials, **OPTIONS, folders=[project.key], verify="never")
    assert project.target()["config"]["bucket"] == project.bucket  # type: ignore[index]

    # With IAM enabled, moto returns HTTP 500 for requests without a key. CORS and anonymous access cannot be
    # verified.
    verified = project.run("verify", **credentials, retention_days=90, expect_least_privilege=True).ok()
    checks = {check["name"]: check["ok"] for check in verified.result["checks"]}
    assert {"no_read", "no_list_outside", "no_put_outside", "no_delete"} <= set(checks)
    assert all(checks.values())
    assert project.leftover_probes() == []

    project.client.put_object(Bucket=project.bucket, Key=f"{project.key}/a/archive.mp4", Body=b"recording")
    with pytest.raises(ClientError, match="AccessDenied"):
        project.store.client(*operator).get_object(Bucket=project.bucket, Key=f"{project.key}/a/archive.mp4")

    project.run("teardown", **credentials).ok()
    assert project.target() is None
    assert project.state_file()["status"] == "absent"


@pytest.mark.slow
def test_operator_policy_managed_key_is_sufficient_for_playbooks(sandbox: Sandbox, home: Path) -> None:
    with new_project_environment(sandbox, home, MANAGED_KEY) as project:
        credentials = credentials_of(operator_of(project))
        project.configure(**credentials, retention_days=90)
        first = project.target_key
        project.run("rotate", **credentials, retention_days=90).ok()
        assert project.all_keys() == {first[0]: "Active", project.target_key[0]: "Active"}
        project.run("verify", **credentials, retention_days=90).ok()
        assert project.all_keys() == {first[0]: "Active", project.target_key[0]: "Active"}
        project.run("teardown", **credentials, revoke_old_keys=True).ok()
        assert project.target() is None
        with pytest.raises(ClientError, match="NoSuchEntity"):
            project.keys()


def test_operator_policy_seaweedfs_rejects_iam_actions() -> None:
    """Administrators of all buckets in SeaweedFS are administrators of all users, and other users have no IAM
    permission.
    """
    with Sandbox(stores=("seaweedfs",), vonage=False) as running:
        store, name = running.store, "operator"
        store.iam_client().create_user(UserName=name)
        rejected = {"Bucket", "Uploader"}
        for statement in documented_policy("operator")["Statement"]:
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            with (
                pytest.raises(ClientError, match="MalformedPolicyDocument")
                if statement["Sid"] in rejected
                else contextlib.nullcontext()
            ):
                store.iam_client().put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
