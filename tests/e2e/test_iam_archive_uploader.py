# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test iam_archive_uploader: the permissions of its key, the resulting state of IAM, and the requests.

Most tests run the use case in this process. The integration target iam_archive_uploader and the last test run the
module with Ansible.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam_client import Iam, iam_connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import policy as uploader_policy
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import reconcile as uploader_reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.keys import create_access_key
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user_params import DesiredUser
from tests.e2e import playbook_runs
from tests.e2e.error_responses import error_server
from tests.e2e.module_runs import without_libraries
from tests.e2e.project_environment import leftovers
from tests.sandbox import DropConnection, ProxiedRequest, RecordingProxy, Sandbox, Store

pytestmark = pytest.mark.xdist_group("iam_archive_uploader")

IAM_STORES = ("seaweedfs", "moto-iam")
READS = ("Get", "List")
PART = b"\0" * 5 * 1024 * 1024


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=(*IAM_STORES, "rclone"), vonage=False) as running:
        yield running


@dataclass
class UploaderEnvironment:
    """An uploader that does not exist yet, behind a proxy that records the requests."""

    store: Store
    proxy: RecordingProxy
    name: str = field(default_factory=lambda: f"uploader-{secrets.token_hex(4)}")
    bucket: str = field(default_factory=lambda: f"e2e-{secrets.token_hex(6)}")
    prefix: str = "471"
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.iam: Any = self.store.iam_client() if self.store.has_iam else None
        self.operator = {"access_key": self.store.access_key, "secret_key": self.store.secret_key}

    def options(self, **changes: Any) -> dict[str, Any]:
        defaults = {"name": self.name, "bucket": self.bucket, "prefix": self.prefix}
        return {**defaults, "endpoint_url": self.proxy.url, "region": self.store.region, **self.operator, **changes}

    def run(self, check_mode: bool = False, **changes: Any) -> Outcome:
        self.proxy.clear()
        return uploader_reconcile.reconcile(self.options(**changes), Context(check_mode, {}, self.warnings.append))

    @property
    def calls(self) -> list[str]:
        """The IAM actions of the last run, in order."""
        return [action(request) for request in self.proxy.requests]

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith(READS)]

    def user_state(self) -> dict[str, Any] | None:
        """Return the state of the user, without the code of the collection."""
        try:
            user = self.iam.get_user(UserName=self.name)["User"]
        except self.iam.exceptions.NoSuchEntityException:
            return None
        names = self.iam.list_user_policies(UserName=self.name)["PolicyNames"]
        policies = {
            name: self.iam.get_user_policy(UserName=self.name, PolicyName=name)["PolicyDocument"] for name in names
        }
        tags = {tag["Key"]: tag["Value"] for tag in self.iam.list_user_tags(UserName=self.name)["Tags"]}
        keys = self.iam.list_access_keys(UserName=self.name)["AccessKeyMetadata"]
        states = {key["AccessKeyId"]: key["Status"] for key in keys}
        return {"path": user["Path"], "tags": tags, "policies": policies, "keys": states}


def action(request: ProxiedRequest) -> str:
    """The IAM action of a request."""
    return parse_qs(request.body.decode())["Action"][0]


@pytest.fixture(params=IAM_STORES)
def environment(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[UploaderEnvironment]:
    yield from new_uploader_environment(sandbox, request.param)


@pytest.fixture
def seaweedfs(sandbox: Sandbox) -> Iterator[UploaderEnvironment]:
    yield from new_uploader_environment(sandbox, "seaweedfs")


@pytest.fixture
def moto(sandbox: Sandbox) -> Iterator[UploaderEnvironment]:
    yield from new_uploader_environment(sandbox, "moto-iam")


def new_uploader_environment(sandbox: Sandbox, name: str) -> Iterator[UploaderEnvironment]:
    with RecordingProxy(sandbox.stores[name].endpoint_url) as proxy:
        yield UploaderEnvironment(sandbox.stores[name], proxy)


def assert_denied(call: Callable[..., Any], **params: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403, (call, params, caught.value)


def test_reconcile_key_only_uploads_below_its_prefix(environment: UploaderEnvironment) -> None:
    other_bucket, owner = f"{environment.bucket}-other", environment.store.client()
    for bucket in (environment.bucket, other_bucket):
        owner.create_bucket(Bucket=bucket)
    for key in ("471/a/archive.mp4", "47/a", "4710/a"):
        owner.put_object(Bucket=environment.bucket, Key=key, Body=b"recording")
    key_pair = environment.run().result["access_key"]
    client, location = environment.store.client(key_pair["id"], key_pair["secret"]), {"Bucket": environment.bucket}

    client.put_object(**location, Key="471/b/archive.mp4", Body=b"mine")
    upload_id = client.create_multipart_upload(**location, Key="471/c/archive.zip")["UploadId"]
    upload = {**location, "Key": "471/c/archive.zip", "UploadId": upload_id}
    parts = [
        {"PartNumber": number, "ETag": client.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate((PART, b"end"), start=1)
    ]
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert owner.get_object(**location, Key="471/c/archive.zip")["ContentLength"] == len(PART) + 3
    abandoned_id = client.create_multipart_upload(**location, Key="471/d/archive.mp4")["UploadId"]
    client.abort_multipart_upload(**location, Key="471/d/archive.mp4", UploadId=abandoned_id)
    assert client.list_objects_v2(**location, Prefix="471/")["KeyCount"] == 3

    for key in ("471", "47/b", "47x/b", "4710/b", "b", ".vonage-archiving/471.json"):
        assert_denied(client.put_object, **location, Key=key, Body=b"no")
        assert_denied(client.create_multipart_upload, **location, Key=key)
    assert_denied(client.put_object, Bucket=other_bucket, Key="471/b", Body=b"no")
    assert_denied(client.get_object, **location, Key="471/b/archive.mp4")
    assert_denied(client.delete_object, **location, Key="471/b/archive.mp4")
    assert_denied(client.put_bucket_policy, **location, Policy=json.dumps({"Version": "2012-10-17", "Statement": []}))
    assert_denied(client.delete_bucket, Bucket=other_bucket)
    assert_denied(client.list_objects_v2, Bucket=other_bucket, Prefix="471/")
    if environment.store.name == "seaweedfs":  # moto ignores conditions
        for prefix in ("", "4", "47/", "471", "4710/", ".vonage-archiving/"):
            assert_denied(client.list_objects_v2, **location, Prefix=prefix)
        assert_denied(client.list_objects_v2, **location)
    objects = {entry["Key"] for entry in owner.list_objects_v2(**location)["Contents"]}
    assert objects == {"471/a/archive.mp4", "471/b/archive.mp4", "471/c/archive.zip", "47/a", "4710/a"}


def test_reconcile_list_all_my_buckets_allows_listing_of_buckets(moto: UploaderEnvironment) -> None:
    """SeaweedFS lists the permitted buckets to each user."""
    key = moto.run().result["access_key"]
    client = moto.store.client(key["id"], key["secret"])
    assert_denied(client.list_buckets)
    update = moto.run(list_all_my_buckets=True)
    assert update.result["changes"] == ["policy"]
    client.list_buckets()
    assert moto.run().result["changes"] == ["policy"]
    assert_denied(client.list_buckets)


def test_reconcile_first_run_creates_user_and_second_is_unchanged(environment: UploaderEnvironment) -> None:
    first = environment.run(tags={"owner": "video", "cost": 4})
    assert first.result["changes"] == ["user", "tags", "policy", "access_keys"]
    key, user_state = first.result["access_key"], environment.user_state()
    assert user_state is not None
    assert user_state["tags"] == {"vonage-archiving:managed": "true", "owner": "video", "cost": "4"}
    assert user_state["keys"] == {key["id"]: "Active"}
    assert list(user_state["policies"]) == ["vonage-archiving"]
    assert environment.calls.count("CreateAccessKey") == environment.calls.count("CreateUser") == 1

    second = environment.run(tags={"owner": "video", "cost": 4})
    assert not second.changed
    assert second.before == second.after == {}
    assert environment.writes == []
    assert "access_key" not in second.result
    assert [entry["id"] for entry in second.result["access_keys"]] == [key["id"]]
    assert environment.user_state() == user_state
    # Concurrent reads: three requests, one more if the user is returned without tags, and one for the key.
    assert len(environment.calls) == 5
    assert key["secret"] not in json.dumps([second.result, first.before, first.after])


def test_reconcile_drift_is_repaired_and_unmanaged_tags_are_kept(environment: UploaderEnvironment) -> None:
    environment.run(tags={"owner": "video"})
    environment.iam.tag_user(
        UserName=environment.name, Tags=[{"Key": "unmanaged", "Value": "1"}, {"Key": "owner", "Value": "x"}]
    )
    wider = json.loads(json.dumps(environment.user_state()["policies"]["vonage-archiving"]).replace("/471/*", "/*"))  # type: ignore[index]
    text = json.dumps(wider)
    environment.iam.put_user_policy(UserName=environment.name, PolicyName="vonage-archiving", PolicyDocument=text)
    repair = environment.run(tags={"owner": "video"})
    assert repair.result["changes"] == ["tags", "policy"]
    assert repair.before["policy"]["Statement"][1]["Resource"] == [f"arn:aws:s3:::{environment.bucket}/*"]
    assert repair.after["policy"]["Statement"][1]["Resource"] == [f"arn:aws:s3:::{environment.bucket}/471/*"]
    assert repair.before["policy"]["Statement"][0] == repair.after["policy"]["Statement"][0]
    user_state = environment.user_state()
    assert user_state is not None
    assert user_state["tags"] == {"vonage-archiving:managed": "true", "owner": "video", "unmanaged": "1"}
    assert f"arn:aws:s3:::{environment.bucket}/471/*" in json.dumps(user_state["policies"])
    assert not environment.run(tags={"owner": "video"}).changed


def test_reconcile_check_mode_predicts_the_diff_of_each_step(environment: UploaderEnvironment) -> None:
    """At each step of the lifecycle, check mode writes nothing and predicts the run."""
    first = environment.run(check_mode=True)
    assert environment.user_state() is None
    assert first.result["access_keys"] == [{"id": None, "status": "Active", "created": None, "last_used": None}]
    assert first.result["user"]["arn"] is None
    steps: list[Callable[[], dict[str, Any]]] = [
        dict,
        dict,
        lambda: {"prefix": "8a1f0c52-6b1c-4b64-9d3e-0f4a3d2f6c11", "tags": {"a": "b"}, "create_key": "always"},
        lambda: {"create_key": "never", "retire_keys": [sorted(key_statuses(environment))[0]], "deactivate_only": True},
        lambda: {"create_key": "always", "keep_keys": [sorted(key_statuses(environment))[1]]},
        lambda: {"create_key": "never", "keep_keys": []},
        lambda: {"state": "absent", "bucket": None, "prefix": None},
        lambda: {"state": "absent", "bucket": None, "prefix": None},
    ]
    all_changes = []
    for step in steps:
        changes = step()
        before = environment.user_state()
        predicted = environment.run(check_mode=True, **changes)
        assert environment.writes == []
        assert environment.user_state() == before
        run = environment.run(**changes)
        assert (predicted.changed, predicted.before, predicted.after) == (run.changed, run.before, run.after)
        assert predicted.result["changes"] == run.result["changes"]
        assert "access_key" not in predicted.result
        assert run.changed == (environment.user_state() != before) == bool(environment.writes)
        listed = {key["id"]: key["status"] for key in run.result["access_keys"]}
        assert listed == key_statuses(environment)
        all_changes.append(run.result["changes"])
    assert all_changes == [
        ["user", "tags", "policy", "access_keys"],
        [],
        ["tags", "policy", "access_keys"],
        ["policy", "access_keys"],
        ["access_keys"],
        ["access_keys"],
        ["policy", "user"],
        [],
    ]


def key_statuses(environment: UploaderEnvironment) -> dict[str, str]:
    return dict((environment.user_state() or {"keys": {}})["keys"])


def test_reconcile_rotation_keeps_both_keys_until_it_ends(seaweedfs: UploaderEnvironment) -> None:
    """Both keys work until the rotation ends. An inactive key does not work, and can be activated again."""
    environment = seaweedfs
    environment.store.client().create_bucket(Bucket=environment.bucket)

    def upload(key: dict[str, str]) -> None:
        client = environment.store.client(key["id"], key["secret"])
        client.put_object(Bucket=environment.bucket, Key="471/a", Body=b"recording")

    first = environment.run().result["access_key"]
    second = environment.run(create_key="always", max_key_age=60).result["access_key"]
    for key in (first, second):
        upload(key)
    user_state = environment.run(
        create_key="never", retire_keys=[first["id"], "AKIAQQQQQQQQQQQQQQQQ"], deactivate_only=True
    )
    assert {key["id"]: key["status"] for key in user_state.result["access_keys"]} == {
        first["id"]: "Inactive",
        second["id"]: "Active",
    }
    assert_denied(lambda: upload(first))
    upload(second)
    deletion = environment.run(keep_keys=[second["id"]])
    assert deletion.result["changes"] == ["access_keys"]
    assert "access_key" not in deletion.result
    assert key_statuses(environment) == {second["id"]: "Active"}
    upload(second)
    # The deletion precedes the creation: there are at most two keys.
    third = environment.run(create_key="always", keep_keys=[]).result["access_key"]
    assert environment.writes == ["UpdateAccessKey", "DeleteAccessKey", "CreateAccessKey"]
    assert key_statuses(environment) == {third["id"]: "Active"}
    upload(third)
    assert_denied(lambda: upload(second))


def test_reconcile_key_is_created_only_if_none_is_active(environment: UploaderEnvironment) -> None:
    first = environment.run().result["access_key"]["id"]
    environment.iam.update_access_key(UserName=environment.name, AccessKeyId=first, Status="Inactive")
    second = environment.run().result["access_key"]["id"]
    assert key_statuses(environment) == {first: "Inactive", second: "Active"}
    assert not environment.run().changed
    assert not environment.run(create_key="never").changed
    environment.run(keep_keys=["AKIAQQQQQQQQQQQQQQQQ"], create_key="never")
    assert key_statuses(environment) == {}
    assert "does not have AKIAQQQQQQQQQQQQQQQQ. All of its other keys are deleted." in environment.warnings[-1]


def test_reconcile_max_key_age_returns_rotation_due(moto: UploaderEnvironment, seaweedfs: UploaderEnvironment) -> None:
    assert moto.run(max_key_age=60).result["rotation_due"] is False
    assert moto.run().result["rotation_due"] is None
    key = moto.run(max_key_age=60).result["access_keys"][0]
    assert key["created"].endswith("Z")
    assert key["last_used"] is None
    # SeaweedFS does not return creation times. Only the time of a key that was just created is known.
    assert seaweedfs.run(max_key_age=60).result["rotation_due"] is False
    assert seaweedfs.run(max_key_age=60).result["rotation_due"] is None


@pytest.mark.parametrize("check_mode", [False, True])
def test_reconcile_two_keys_raise_quota_error_without_a_write(
    environment: UploaderEnvironment, check_mode: bool
) -> None:
    ids = {environment.run(create_key="always").result["access_key"]["id"] for _unused in range(2)}
    user_state = environment.user_state()
    with pytest.raises(errors.QuotaError) as caught:
        environment.run(check_mode, create_key="always", prefix="472", tags={"a": "b"})
    assert set(caught.value.facts["access_keys"]) == ids
    assert all(key in str(caught.value) for key in ids)
    assert "keep_keys" in caught.value.hint
    with pytest.raises(errors.QuotaError):
        environment.run(check_mode, create_key="always", retire_keys=sorted(ids), deactivate_only=True)
    assert environment.writes == []
    assert environment.user_state() == user_state


def test_create_access_key_limit_of_server_raises_quota_error(moto: UploaderEnvironment) -> None:
    """Another run has created a key concurrently. The module returns the server's error."""
    for _unused in range(2):
        moto.run(create_key="always")
    iam = Iam(iam_connection(moto.options(), {}))
    with pytest.raises(errors.QuotaError, match="LimitExceeded"):
        create_access_key(iam, DesiredUser(moto.name, moto.bucket, "471"))


def test_reconcile_unmanaged_user_raises_not_managed_error(environment: UploaderEnvironment) -> None:
    environment.iam.create_user(UserName=environment.name)
    environment.iam.tag_user(UserName=environment.name, Tags=[{"Key": "unmanaged", "Value": "1"}])
    environment.iam.create_access_key(UserName=environment.name)
    user_state = environment.user_state()
    uses: tuple[dict[str, Any], ...] = ({}, {"state": "absent"})
    for changes in uses:
        with pytest.raises(errors.NotManagedError, match=r"does not have the tag vonage-archiving:managed.*force=true"):
            environment.run(**changes)
        assert environment.writes == []
    assert environment.user_state() == user_state
    adoption = environment.run(force=True)
    assert adoption.result["changes"] == ["tags", "policy"]
    assert environment.user_state()["tags"] == {"unmanaged": "1", "vonage-archiving:managed": "true"}  # type: ignore[index]
    assert not environment.run().changed


@pytest.mark.parametrize("point", ["before", "after"])
@pytest.mark.parametrize("killed_at", ["CreateUser", "TagUser", "PutUserPolicy", "CreateAccessKey"])
def test_reconcile_lost_connection_next_run_repairs(seaweedfs: UploaderEnvironment, killed_at: str, point: str) -> None:
    """SeaweedFS does not set tags in CreateUser. The user exists before it is tagged."""
    environment = seaweedfs

    def drop(_n: int, request: ProxiedRequest) -> None:
        if action(request) == killed_at:
            # The use case does not handle this error.
            raise DropConnection

    setattr(environment.proxy, point, drop)
    with pytest.raises(errors.UnreachableError) as caught:
        environment.run()
    setattr(environment.proxy, point, None)
    if killed_at == "CreateAccessKey":
        # The key may exist. The request is not repeated.
        assert environment.calls.count("CreateAccessKey") == 1
        assert "The key may exist" in caught.value.hint
        assert len(key_statuses(environment)) == (1 if point == "after" else 0)
        environment.run(keep_keys=[], create_key="always")
    else:
        assert environment.calls.count(killed_at) == 3
        environment.run()
    user_state = environment.user_state()
    assert user_state is not None
    assert list(user_state["keys"].values()) == ["Active"]
    assert user_state["tags"] == {"vonage-archiving:managed": "true"}
    assert "vonage-archiving" in user_state["policies"]
    assert not environment.run().changed


def test_reconcile_untagged_user_with_other_policy_raises_not_managed_error(seaweedfs: UploaderEnvironment) -> None:
    seaweedfs.iam.create_user(UserName=seaweedfs.name)
    text = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:GetObject", "arn:aws:s3:::b/*")]})
    seaweedfs.iam.put_user_policy(UserName=seaweedfs.name, PolicyName="unmanaged", PolicyDocument=text)
    with pytest.raises(errors.NotManagedError):
        seaweedfs.run()


def allow(permission: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": [permission], "Resource": [resource]}


def test_absent_user_with_other_policy_is_rejected_and_force_deletes(environment: UploaderEnvironment) -> None:
    environment.run(create_key="always")
    environment.run(create_key="always")
    absent: dict[str, Any] = {"state": "absent", "bucket": None, "prefix": None}
    text = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:GetObject", "arn:aws:s3:::b/*")]})
    environment.iam.put_user_policy(UserName=environment.name, PolicyName="unmanaged", PolicyDocument=text)
    user_state = environment.user_state()
    for check_mode in (True, False):
        with pytest.raises(errors.RejectedError, match="the inline policy unmanaged"):
            environment.run(check_mode, **absent)
    assert environment.writes == []
    assert environment.user_state() == user_state
    deletion = environment.run(**absent, force=True)
    assert deletion.result["changes"] == ["access_keys", "policy", "user"]
    assert deletion.result["user"]["exists"] is False
    assert environment.user_state() is None
    second = environment.run(**absent)
    assert not second.changed
    assert environment.writes == []


@pytest.mark.parametrize("force", [False, True], ids=["", "force"])
def test_absent_user_of_another_project_raises_not_managed_error(environment: UploaderEnvironment, force: bool) -> None:
    environment.run(create_key="always")
    user_state = environment.user_state()
    for check_mode in (True, False):
        with pytest.raises(errors.NotManagedError) as caught:
            environment.run(check_mode, state="absent", prefix="472", force=force)
        assert str(caught.value) == (
            f"Could not delete the IAM user {environment.name} of project 472: "
            "its policy allows uploads for project 471. "
            "Nothing was deleted. Correct name or prefix; without prefix, the policy is not checked."
        )
        assert caught.value.facts["user"] == environment.name
    assert environment.writes == []
    assert environment.user_state() == user_state


def test_absent_user_of_two_projects_raises_not_managed_error(environment: UploaderEnvironment) -> None:
    environment.run(create_key="always")
    (name,) = (environment.user_state() or {})["policies"]
    policy = uploader_policy.merge_with_current(
        uploader_policy.document(environment.bucket, "471"), uploader_policy.document(environment.bucket, "472")
    )
    environment.iam.put_user_policy(UserName=environment.name, PolicyName=name, PolicyDocument=json.dumps(policy))
    user_state = environment.user_state()
    with pytest.raises(errors.NotManagedError, match="allows uploads for project 472"):
        environment.run(state="absent")
    assert environment.writes == []
    assert environment.user_state() == user_state


def test_absent_user_of_the_project_is_deleted(environment: UploaderEnvironment) -> None:
    environment.run(create_key="always")
    assert environment.run(state="absent").result["changes"] == ["access_keys", "policy", "user"]
    assert environment.user_state() is None
    assert not environment.run(state="absent").changed


def test_absent_user_with_attached_policy_and_group_is_rejected_and_force_deletes(moto: UploaderEnvironment) -> None:
    moto.run()
    statement = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:GetObject")]})
    name = f"p-{secrets.token_hex(4)}"
    arn = moto.iam.create_policy(PolicyName=name, PolicyDocument=statement)["Policy"]["Arn"]
    moto.iam.attach_user_policy(UserName=moto.name, PolicyArn=arn)
    moto.iam.create_group(GroupName=name)
    moto.iam.add_user_to_group(GroupName=name, UserName=moto.name)
    with pytest.raises(errors.RejectedError, match=f"the attached policy {name}, the group {name}"):
        moto.run(state="absent")
    moto.run(state="absent", force=True)
    assert moto.user_state() is None


def test_reconcile_path_and_boundary_are_set_or_unsupported(
    moto: UploaderEnvironment, seaweedfs: UploaderEnvironment
) -> None:
    creation = moto.run(path="/video/")
    assert creation.result["user"]["arn"].endswith(f":user/video/{moto.name}")
    update = moto.run(path="/video/eu/")
    assert update.result["changes"] == ["path"]
    assert update.result["user"]["arn"].endswith(f":user/video/eu/{moto.name}")
    user_state = moto.user_state()
    assert user_state is not None
    assert (user_state["path"], user_state["tags"]) == ("/video/eu/", {"vonage-archiving:managed": "true"})

    # None of these servers supports permissions boundaries. SeaweedFS rejects them, and ignores paths. Both are
    # reported.
    with pytest.raises(errors.UnsupportedError, match="NotImplemented"):
        seaweedfs.run(permissions_boundary="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    # The limits of a user are set before its permissions.
    assert seaweedfs.user_state()["policies"] == {}  # type: ignore[index]
    with pytest.raises(errors.UnsupportedError, match=r"accepted it, but returns \{'path': '/'\}"):
        seaweedfs.run(path="/video/")
    assert key_statuses(seaweedfs) == {}


RESPONSES: list[tuple[int, str, type[errors.ArchivingError]]] = [
    (403, "InvalidClientTokenId", errors.DeniedError),
    (404, "NoSuchEntity", errors.NotFoundError),
    (400, "ValidationError", errors.RejectedError),
    (409, "ConcurrentModification", errors.ConflictError),
]


@pytest.mark.parametrize(("status", "code", "kind"), RESPONSES)
def test_reconcile_error_response_raises_typed_error(
    seaweedfs: UploaderEnvironment, status: int, code: str, kind: type[errors.ArchivingError]
) -> None:
    with error_server(status, code) as url, pytest.raises(kind) as caught:
        seaweedfs.run(endpoint_url=url)
    assert caught.value.facts["code"] == code
    assert seaweedfs.user_state() is None


def test_reconcile_invalid_options_raise_input_error_without_a_request(seaweedfs: UploaderEnvironment) -> None:
    with pytest.raises(errors.InputError) as caught:
        seaweedfs.run(name="not valid", path="video")
    assert len(caught.value.problems) == 2
    assert seaweedfs.proxy.requests == []


def test_reconcile_missing_library_raises_typed_error(
    seaweedfs: UploaderEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        without_libraries(patch, "boto3", "botocore")
        with pytest.raises(errors.MissingLibraryError, match="Install boto3 for this interpreter"):
            seaweedfs.run()
    assert seaweedfs.proxy.requests == []


def test_reconcile_store_without_iam_raises_unsupported_error(sandbox: Sandbox) -> None:
    (environment,) = new_uploader_environment(sandbox, "rclone")
    with pytest.raises(errors.UnsupportedError) as caught:
        uploader_reconcile.reconcile(
            {**environment.options(), "endpoint_url": environment.store.endpoint_url}, Context()
        )
    assert "iam_endpoint_url" in caught.value.hint
    assert "with the tools of the store" in caught.value.hint


def test_reconcile_iam_endpoint_url_creates_user_there(sandbox: Sandbox, moto: UploaderEnvironment) -> None:
    endpoints: dict[str, Any] = {
        "endpoint_url": sandbox.stores["rclone"].endpoint_url,
        "iam_endpoint_url": moto.proxy.url,
    }
    assert moto.run(**endpoints).changed
    assert moto.user_state() is not None


# The documented permissions of each use. moto requires no iam:TagUser to create a user with tags.
READ_ACTIONS = ("GetUser", "ListAccessKeys", "GetUserPolicy", "ListUserTags")
KEY_DELETION = ("UpdateAccessKey", "DeleteAccessKey")
LIST_ACTIONS = ("ListUserPolicies", "ListAttachedUserPolicies", "ListGroupsForUser")
USES: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    ((*READ_ACTIONS, "CreateUser", "PutUserPolicy", "CreateAccessKey"), {}),
    ((*READ_ACTIONS, "TagUser", "PutUserPolicy", *KEY_DELETION), {"tags": {"a": "b"}, "prefix": "8", "keep_keys": []}),
    (
        (*READ_ACTIONS, *LIST_ACTIONS, *KEY_DELETION, "DeleteUserPolicy", "DeleteUser"),
        {"state": "absent", "prefix": "8"},
    ),
]


def test_reconcile_documented_permissions_are_sufficient_and_required(moto: UploaderEnvironment) -> None:
    """A denied run leaves the rest of its changes to the next run."""
    operator = f"operator-{secrets.token_hex(4)}"
    key = moto.store.make_user(operator, {"Version": "2012-10-17", "Statement": [allow("iam:GetGroup")]})
    moto.operator = {"access_key": key[0], "secret_key": key[1]}
    for needed, changes in USES:
        if "state" in changes:
            moto.iam.create_access_key(UserName=moto.name)
        for missing in (*needed, None):
            statements = [allow(f"iam:{name}") for name in needed if name != missing]
            text = json.dumps({"Version": "2012-10-17", "Statement": statements})
            moto.iam.put_user_policy(UserName=operator, PolicyName=f"{operator}-policy", PolicyDocument=text)
            create_key: dict[str, Any] = {"create_key": "never"} if "keep_keys" in changes else {}
            if missing is None:
                assert moto.run(**changes, **create_key).changed
                continue
            with pytest.raises(errors.DeniedError) as caught:
                moto.run(**changes, **create_key)
            assert caught.value.facts["action"] == f"iam:{missing}"
            assert f"the permission iam:{missing} here" in str(caught.value)
    assert moto.user_state() is None


def test_module_no_log_shows_no_secret(seaweedfs: UploaderEnvironment, home: Path) -> None:
    environment = seaweedfs
    environment.store.client().create_bucket(Bucket=environment.bucket)
    check = "vonage.archiving.archive_upload_check"
    module, secret_file = "vonage.archiving.iam_archive_uploader", home / "secret"
    connection = {"endpoint_url": environment.proxy.url, "region": environment.store.region, **environment.operator}
    target = {
        "bucket": environment.bucket,
        "access_key": "{{ made.access_key.id }}",
        "secret_key": "{{ made.access_key.secret }}",
        "endpoint": environment.store.endpoint_url,
    }
    uploader = {"name": environment.name, "bucket": environment.bucket, "prefix": environment.prefix}
    tasks: list[dict[str, Any]] = [
        {"name": "Make", module: uploader, "register": "made", "no_log": True},
        {
            "name": "Keep",
            "ansible.builtin.copy": {"content": target["secret_key"], "dest": str(secret_file), "mode": "0600"},
        },
        {"name": "Use", check: {"s3": {**target, "sse": "none"}, "prefix": environment.prefix, "multipart": False}},
        {"name": "Again", module: uploader},
        {"name": "Fail", module: {**uploader, "permissions_boundary": "arn:aws:iam::aws:policy/x"}},
    ]
    tasks[1]["no_log"] = tasks[2]["no_log"] = True
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "module_defaults": {"group/vonage.archiving.aws": connection},
        "tasks": tasks,
    }
    playbook = playbook_runs.write_private(home / "playbook.yml", yaml.safe_dump([play]))
    env = {"ANSIBLE_PIPELINING": "true"}
    run = playbook_runs.run_playbook(playbook, {}, home, env, args=["-vvv", "--diff"]).failed()
    assert run.failed_task == "Fail"
    assert run.changed == ["Make", "Keep"]
    secret = secret_file.read_text()
    secret_file.unlink()
    assert len(secret) == 40
    assert not playbook_runs.find_leaks(run.output + run.events_text, [secret, environment.store.secret_key])
    assert leftovers(home) == []
    assert len(key_statuses(environment)) == 1
