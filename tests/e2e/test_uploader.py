# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The uploader: what its key can do and cannot, and what the servers hold and were asked after each use of the module.

Most of it runs the module's use case in this process: what Ansible adds is shown by the integration target and, for
the secret, by the last test here.
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
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import reconcile as uploader_module
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.keys import create_access_key
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user_params import DesiredUser
from tests.e2e import runs
from tests.e2e.site import leftovers
from tests.sandbox import DropConnection, ProxiedRequest, RecordingProxy, Sandbox, Store

pytestmark = pytest.mark.xdist_group("uploader")

IAM_STORES = ("seaweedfs", "moto-iam")
READS = ("Get", "List")
PART = b"\0" * 5 * 1024 * 1024


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=(*IAM_STORES, "rclone"), vonage=False) as running:
        yield running


@dataclass
class Site:
    """An uploader that is not there yet, behind a proxy that notes every call."""

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
        wanted = {"name": self.name, "bucket": self.bucket, "prefix": self.prefix}
        return {**wanted, "endpoint_url": self.proxy.url, "region": self.store.region, **self.operator, **changes}

    def run(self, check_mode: bool = False, **changes: Any) -> Outcome:
        self.proxy.clear()
        return uploader_module.reconcile(self.options(**changes), Context(check_mode, {}, self.warnings.append))

    @property
    def calls(self) -> list[str]:
        """The calls of the last run, in order."""
        return [action(request) for request in self.proxy.requests]

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith(READS)]

    def held(self) -> dict[str, Any] | None:
        """What the server has of the user, asked without any code of the collection."""
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
    """The call of IAM that a request is."""
    return parse_qs(request.body.decode())["Action"][0]


@pytest.fixture(params=IAM_STORES)
def site(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Site]:
    yield from new_site(sandbox, request.param)


@pytest.fixture
def seaweedfs(sandbox: Sandbox) -> Iterator[Site]:
    yield from new_site(sandbox, "seaweedfs")


@pytest.fixture
def moto(sandbox: Sandbox) -> Iterator[Site]:
    yield from new_site(sandbox, "moto-iam")


def new_site(sandbox: Sandbox, name: str) -> Iterator[Site]:
    with RecordingProxy(sandbox.stores[name].endpoint_url) as proxy:
        yield Site(sandbox.stores[name], proxy)


def refused(call: Callable[..., Any], **params: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403, (call, params, caught.value)


def test_the_key_uploads_below_its_prefix_and_does_nothing_else(site: Site) -> None:
    other, owner = f"{site.bucket}-other", site.store.client()
    for bucket in (site.bucket, other):
        owner.create_bucket(Bucket=bucket)
    for key in ("471/a/archive.mp4", "47/a", "4710/a"):
        owner.put_object(Bucket=site.bucket, Key=key, Body=b"recording")
    made = site.run().result["access_key"]
    client, at = site.store.client(made["id"], made["secret"]), {"Bucket": site.bucket}

    client.put_object(**at, Key="471/b/archive.mp4", Body=b"mine")
    begun = client.create_multipart_upload(**at, Key="471/c/archive.zip")["UploadId"]
    upload = {**at, "Key": "471/c/archive.zip", "UploadId": begun}
    parts = [
        {"PartNumber": number, "ETag": client.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate((PART, b"end"), start=1)
    ]
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert owner.get_object(**at, Key="471/c/archive.zip")["ContentLength"] == len(PART) + 3
    given_up = client.create_multipart_upload(**at, Key="471/d/archive.mp4")["UploadId"]
    client.abort_multipart_upload(**at, Key="471/d/archive.mp4", UploadId=given_up)
    assert client.list_objects_v2(**at, Prefix="471/")["KeyCount"] == 3

    for key in ("471", "47/b", "47x/b", "4710/b", "b", ".vonage-archiving/471.json"):
        refused(client.put_object, **at, Key=key, Body=b"no")
        refused(client.create_multipart_upload, **at, Key=key)
    refused(client.put_object, Bucket=other, Key="471/b", Body=b"no")
    refused(client.get_object, **at, Key="471/b/archive.mp4")
    refused(client.delete_object, **at, Key="471/b/archive.mp4")
    refused(client.put_bucket_policy, **at, Policy=json.dumps({"Version": "2012-10-17", "Statement": []}))
    refused(client.delete_bucket, Bucket=other)
    refused(client.list_objects_v2, Bucket=other, Prefix="471/")
    if site.store.name == "seaweedfs":  # moto does not look at conditions
        for prefix in ("", "4", "47/", "471", "4710/", ".vonage-archiving/"):
            refused(client.list_objects_v2, **at, Prefix=prefix)
        refused(client.list_objects_v2, **at)
    held = {each["Key"] for each in owner.list_objects_v2(**at)["Contents"]}
    assert held == {"471/a/archive.mp4", "471/b/archive.mp4", "471/c/archive.zip", "47/a", "4710/a"}


def test_listing_buckets_is_allowed_on_request_only(moto: Site) -> None:
    """SeaweedFS lists to everybody those buckets that they may use."""
    made = moto.run().result["access_key"]
    client = moto.store.client(made["id"], made["secret"])
    refused(client.list_buckets)
    changed = moto.run(list_all_my_buckets=True)
    assert changed.result["changes"] == ["policy"]
    client.list_buckets()
    assert moto.run().result["changes"] == ["policy"]
    refused(client.list_buckets)


def test_made_once_and_then_left_alone(site: Site) -> None:
    first = site.run(tags={"owner": "video", "cost": 4})
    assert first.result["changes"] == ["user", "tags", "policy", "access_keys"]
    made, held = first.result["access_key"], site.held()
    assert held is not None
    assert held["tags"] == {"vonage-archiving:managed": "true", "owner": "video", "cost": "4"}
    assert held["keys"] == {made["id"]: "Active"}
    assert list(held["policies"]) == ["vonage-archiving"]
    assert site.calls.count("CreateAccessKey") == site.calls.count("CreateUser") == 1

    again = site.run(tags={"owner": "video", "cost": 4})
    assert not again.changed
    assert again.before == again.after == {}
    assert site.writes == []
    assert "access_key" not in again.result
    assert [key["id"] for key in again.result["access_keys"]] == [made["id"]]
    assert site.held() == held
    # Read side by side: three calls, one more where tags are not shown with the user, and one for the key.
    assert len(site.calls) == 5
    assert made["secret"] not in json.dumps([again.result, first.before, first.after])


def test_what_others_change_is_put_right_and_what_is_theirs_is_left(site: Site) -> None:
    site.run(tags={"owner": "video"})
    site.iam.tag_user(UserName=site.name, Tags=[{"Key": "theirs", "Value": "1"}, {"Key": "owner", "Value": "x"}])
    wider = json.loads(json.dumps(site.held()["policies"]["vonage-archiving"]).replace("/471/*", "/*"))  # type: ignore[index]
    text = json.dumps(wider)
    site.iam.put_user_policy(UserName=site.name, PolicyName="vonage-archiving", PolicyDocument=text)
    mended = site.run(tags={"owner": "video"})
    assert mended.result["changes"] == ["tags", "policy"]
    assert mended.before["policy"]["Statement"][1]["Resource"] == [f"arn:aws:s3:::{site.bucket}/*"]
    assert mended.after["policy"]["Statement"][1]["Resource"] == [f"arn:aws:s3:::{site.bucket}/471/*"]
    assert mended.before["policy"]["Statement"][0] == mended.after["policy"]["Statement"][0]
    held = site.held()
    assert held is not None
    assert held["tags"] == {"vonage-archiving:managed": "true", "owner": "video", "theirs": "1"}
    assert f"arn:aws:s3:::{site.bucket}/471/*" in json.dumps(held["policies"])
    assert not site.run(tags={"owner": "video"}).changed


def test_check_mode_is_exact(site: Site) -> None:
    """At each point of a life, check mode writes nothing and reports what the run then does."""
    first = site.run(check_mode=True)
    assert site.held() is None
    assert first.result["access_keys"] == [{"id": None, "status": "Active", "created": None, "last_used": None}]
    assert first.result["user"]["arn"] is None
    lives: list[Callable[[], dict[str, Any]]] = [
        dict,
        dict,
        lambda: {"prefix": "8a1f0c52-6b1c-4b64-9d3e-0f4a3d2f6c11", "tags": {"a": "b"}, "create_key": "always"},
        lambda: {"create_key": "never", "retire_keys": [sorted(keys_of(site))[0]], "deactivate_only": True},
        lambda: {"create_key": "always", "keep_keys": [sorted(keys_of(site))[1]]},
        lambda: {"create_key": "never", "keep_keys": []},
        lambda: {"state": "absent", "bucket": None, "prefix": None},
        lambda: {"state": "absent", "bucket": None, "prefix": None},
    ]
    seen = []
    for life in lives:
        changes = life()
        before = site.held()
        predicted = site.run(check_mode=True, **changes)
        assert site.writes == []
        assert site.held() == before
        done = site.run(**changes)
        assert (predicted.changed, predicted.before, predicted.after) == (done.changed, done.before, done.after)
        assert predicted.result["changes"] == done.result["changes"]
        assert "access_key" not in predicted.result
        assert done.changed == (site.held() != before) == bool(site.writes)
        shown = {key["id"]: key["status"] for key in done.result["access_keys"]}
        assert shown == keys_of(site)
        seen.append(done.result["changes"])
    assert seen == [
        ["user", "tags", "policy", "access_keys"],
        [],
        ["tags", "policy", "access_keys"],
        ["policy", "access_keys"],
        ["access_keys"],
        ["access_keys"],
        ["policy", "user"],
        [],
    ]


def keys_of(site: Site) -> dict[str, str]:
    return dict((site.held() or {"keys": {}})["keys"])


def test_a_rotation(seaweedfs: Site) -> None:
    """Both keys work until the rotation ends; an inactive key does not, and can come back."""
    site = seaweedfs
    site.store.client().create_bucket(Bucket=site.bucket)

    def upload(key: dict[str, str]) -> None:
        client = site.store.client(key["id"], key["secret"])
        client.put_object(Bucket=site.bucket, Key="471/a", Body=b"recording")

    one = site.run().result["access_key"]
    two = site.run(create_key="always", max_key_age=60).result["access_key"]
    for key in (one, two):
        upload(key)
    held = site.run(create_key="never", retire_keys=[one["id"], "AKIAQQQQQQQQQQQQQQQQ"], deactivate_only=True)
    assert {key["id"]: key["status"] for key in held.result["access_keys"]} == {
        one["id"]: "Inactive",
        two["id"]: "Active",
    }
    refused(lambda: upload(one))
    upload(two)
    ended = site.run(keep_keys=[two["id"]])
    assert ended.result["changes"] == ["access_keys"]
    assert "access_key" not in ended.result
    assert keys_of(site) == {two["id"]: "Active"}
    upload(two)
    # What goes makes room: never are there more than two.
    three = site.run(create_key="always", keep_keys=[]).result["access_key"]
    assert site.writes == ["UpdateAccessKey", "DeleteAccessKey", "CreateAccessKey"]
    assert keys_of(site) == {three["id"]: "Active"}
    upload(three)
    refused(lambda: upload(two))


def test_no_key_is_made_when_there_is_one_and_another_one_when_none_is_active(site: Site) -> None:
    one = site.run().result["access_key"]["id"]
    site.iam.update_access_key(UserName=site.name, AccessKeyId=one, Status="Inactive")
    two = site.run().result["access_key"]["id"]
    assert keys_of(site) == {one: "Inactive", two: "Active"}
    assert not site.run().changed
    assert not site.run(create_key="never").changed
    site.run(keep_keys=["AKIAQQQQQQQQQQQQQQQQ"], create_key="never")
    assert keys_of(site) == {}
    assert "does not have AKIAQQQQQQQQQQQQQQQQ. All of its other keys are deleted." in site.warnings[-1]


def test_ages(moto: Site, seaweedfs: Site) -> None:
    assert moto.run(max_key_age=60).result["rotation_due"] is False
    assert moto.run().result["rotation_due"] is None
    key = moto.run(max_key_age=60).result["access_keys"][0]
    assert key["created"].endswith("Z")
    assert key["last_used"] is None
    # SeaweedFS does not tell when a key was made; of one that was made now, we know.
    assert seaweedfs.run(max_key_age=60).result["rotation_due"] is False
    assert seaweedfs.run(max_key_age=60).result["rotation_due"] is None


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_full_quota_is_told_before_anything_is_written(site: Site, check_mode: bool) -> None:
    ids = {site.run(create_key="always").result["access_key"]["id"] for _unused in range(2)}
    held = site.held()
    with pytest.raises(errors.QuotaError) as caught:
        site.run(check_mode, create_key="always", prefix="472", tags={"a": "b"})
    assert set(caught.value.facts["access_keys"]) == ids
    assert all(key in str(caught.value) for key in ids)
    assert "keep_keys" in caught.value.hint
    with pytest.raises(errors.QuotaError):
        site.run(check_mode, create_key="always", retire_keys=sorted(ids), deactivate_only=True)
    assert site.writes == []
    assert site.held() == held


def test_the_quota_of_the_server(moto: Site) -> None:
    """Another run was quicker: the server's refusal is told as what it is."""
    for _unused in range(2):
        moto.run(create_key="always")
    reach = Iam(iam_connection(moto.options(), {}))
    with pytest.raises(errors.QuotaError, match="LimitExceeded"):
        create_access_key(reach, DesiredUser(moto.name, moto.bucket, "471"))


def test_a_user_of_somebody_else(site: Site) -> None:
    site.iam.create_user(UserName=site.name)
    site.iam.tag_user(UserName=site.name, Tags=[{"Key": "theirs", "Value": "1"}])
    site.iam.create_access_key(UserName=site.name)
    held = site.held()
    uses: tuple[dict[str, Any], ...] = ({}, {"state": "absent"})
    for changes in uses:
        with pytest.raises(errors.NotManagedError, match=r"does not have the tag vonage-archiving:managed.*force=true"):
            site.run(**changes)
        assert site.writes == []
    assert site.held() == held
    taken = site.run(force=True)
    assert taken.result["changes"] == ["tags", "policy"]
    assert site.held()["tags"] == {"theirs": "1", "vonage-archiving:managed": "true"}  # type: ignore[index]
    assert not site.run().changed


@pytest.mark.parametrize("point", ["before", "after"])
@pytest.mark.parametrize("killed_at", ["CreateUser", "TagUser", "PutUserPolicy", "CreateAccessKey"])
def test_a_run_that_breaks_off_is_finished_by_the_next(seaweedfs: Site, killed_at: str, point: str) -> None:
    """SeaweedFS sets no tags as it makes a user, so that ownership and existence are two steps."""
    site = seaweedfs

    def die(_n: int, request: ProxiedRequest) -> None:
        if action(request) == killed_at:
            # No error that a use case handles.
            raise DropConnection

    setattr(site.proxy, point, die)
    with pytest.raises(errors.UnreachableError) as caught:
        site.run()
    setattr(site.proxy, point, None)
    if killed_at == "CreateAccessKey":
        # The key may exist: the request is not repeated.
        assert site.calls.count("CreateAccessKey") == 1
        assert "The key may exist" in caught.value.hint
        assert len(keys_of(site)) == (1 if point == "after" else 0)
        site.run(keep_keys=[], create_key="always")
    else:
        assert site.calls.count(killed_at) == 3
        site.run()
    held = site.held()
    assert held is not None
    assert list(held["keys"].values()) == ["Active"]
    assert held["tags"] == {"vonage-archiving:managed": "true"}
    assert "vonage-archiving" in held["policies"]
    assert not site.run().changed


def test_a_bare_user_with_a_policy_of_others_is_not_managed(seaweedfs: Site) -> None:
    seaweedfs.iam.create_user(UserName=seaweedfs.name)
    text = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:GetObject", "arn:aws:s3:::b/*")]})
    seaweedfs.iam.put_user_policy(UserName=seaweedfs.name, PolicyName="theirs", PolicyDocument=text)
    with pytest.raises(errors.NotManagedError):
        seaweedfs.run()


def allow(permission: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": [permission], "Resource": [resource]}


def test_removal(site: Site) -> None:
    site.run(create_key="always")
    site.run(create_key="always")
    gone: dict[str, Any] = {"state": "absent", "bucket": None, "prefix": None}
    text = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:GetObject", "arn:aws:s3:::b/*")]})
    site.iam.put_user_policy(UserName=site.name, PolicyName="theirs", PolicyDocument=text)
    held = site.held()
    for check_mode in (True, False):
        with pytest.raises(errors.RejectedError, match="the inline policy theirs"):
            site.run(check_mode, **gone)
    assert site.writes == []
    assert site.held() == held
    removed = site.run(**gone, force=True)
    assert removed.result["changes"] == ["access_keys", "policy", "user"]
    assert removed.result["user"]["exists"] is False
    assert site.held() is None
    again = site.run(**gone)
    assert not again.changed
    assert site.writes == []


@pytest.mark.parametrize("force", [False, True], ids=["", "force"])
def test_absent_user_of_another_project_is_refused_and_kept(site: Site, force: bool) -> None:
    site.run(create_key="always")
    held = site.held()
    for check_mode in (True, False):
        with pytest.raises(errors.NotManagedError) as caught:
            site.run(check_mode, state="absent", prefix="472", force=force)
        assert str(caught.value) == (
            f"Could not delete the IAM user {site.name} of project 472: its policy allows uploads for project 471. "
            "Nothing was deleted. Correct name or prefix; without prefix, the policy is not checked."
        )
        assert caught.value.facts["user"] == site.name
    assert site.writes == []
    assert site.held() == held


def test_absent_user_of_two_projects_is_refused_and_kept(site: Site) -> None:
    site.run(create_key="always")
    (name,) = (site.held() or {})["policies"]
    found = uploader_policy.merge_with_current(
        uploader_policy.document(site.bucket, "471"), uploader_policy.document(site.bucket, "472")
    )
    site.iam.put_user_policy(UserName=site.name, PolicyName=name, PolicyDocument=json.dumps(found))
    held = site.held()
    with pytest.raises(errors.NotManagedError, match="allows uploads for project 472"):
        site.run(state="absent")
    assert site.writes == []
    assert site.held() == held


def test_absent_user_of_the_project_is_deleted(site: Site) -> None:
    site.run(create_key="always")
    assert site.run(state="absent").result["changes"] == ["access_keys", "policy", "user"]
    assert site.held() is None
    assert not site.run(state="absent").changed


def test_removal_of_a_user_with_all_that_can_hang_on_it(moto: Site) -> None:
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
    assert moto.held() is None


def test_path_and_boundary(moto: Site, seaweedfs: Site) -> None:
    made = moto.run(path="/video/")
    assert made.result["user"]["arn"].endswith(f":user/video/{moto.name}")
    moved = moto.run(path="/video/eu/")
    assert moved.result["changes"] == ["path"]
    assert moved.result["user"]["arn"].endswith(f":user/video/eu/{moto.name}")
    held = moto.held()
    assert held is not None
    assert (held["path"], held["tags"]) == ("/video/eu/", {"vonage-archiving:managed": "true"})

    # None of the servers here has boundaries of users: what SeaweedFS does not know, or accepts and drops, is told.
    with pytest.raises(errors.UnsupportedError, match="NotImplemented"):
        seaweedfs.run(permissions_boundary="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    # What limits the user comes before what allows it something.
    assert seaweedfs.held()["policies"] == {}  # type: ignore[index]
    with pytest.raises(errors.UnsupportedError, match=r"accepted it, but returns \{'path': '/'\}"):
        seaweedfs.run(path="/video/")
    assert keys_of(seaweedfs) == {}


def test_a_store_without_iam(sandbox: Sandbox) -> None:
    (site,) = new_site(sandbox, "rclone")
    with pytest.raises(errors.UnsupportedError) as caught:
        uploader_module.reconcile({**site.options(), "endpoint_url": site.store.endpoint_url}, Context())
    assert "iam_endpoint_url" in caught.value.hint
    assert "with the tools of the store" in caught.value.hint


def test_the_iam_of_one_server_for_the_store_of_another(sandbox: Sandbox, moto: Site) -> None:
    elsewhere: dict[str, Any] = {
        "endpoint_url": sandbox.stores["rclone"].endpoint_url,
        "iam_endpoint_url": moto.proxy.url,
    }
    assert moto.run(**elsewhere).changed
    assert moto.held() is not None


# What the module's notes name for each use. moto asks for no iam:TagUser when a user is made with tags.
READING = ("GetUser", "ListAccessKeys", "GetUserPolicy", "ListUserTags")
RETIRING = ("UpdateAccessKey", "DeleteAccessKey")
LISTING = ("ListUserPolicies", "ListAttachedUserPolicies", "ListGroupsForUser")
USES: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    ((*READING, "CreateUser", "PutUserPolicy", "CreateAccessKey"), {}),
    ((*READING, "TagUser", "PutUserPolicy", *RETIRING), {"tags": {"a": "b"}, "prefix": "8", "keep_keys": []}),
    ((*READING, *LISTING, *RETIRING, "DeleteUserPolicy", "DeleteUser"), {"state": "absent", "prefix": "8"}),
]


def test_the_permissions_that_are_documented_are_needed_and_enough(moto: Site) -> None:
    """Half-way through, a denied run leaves the rest to the next one."""
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
            create: dict[str, Any] = {"create_key": "never"} if "keep_keys" in changes else {}
            if missing is None:
                assert moto.run(**changes, **create).changed
                continue
            with pytest.raises(errors.DeniedError) as caught:
                moto.run(**changes, **create)
            assert caught.value.facts["action"] == f"iam:{missing}"
            assert f"the permission iam:{missing} here" in str(caught.value)
    assert moto.held() is None


def test_the_secret_is_shown_nowhere_with_no_log(seaweedfs: Site, home: Path) -> None:
    site = seaweedfs
    site.store.client().create_bucket(Bucket=site.bucket)
    check = "vonage.archiving.archive_upload_check"
    module, kept = "vonage.archiving.iam_archive_uploader", home / "secret"
    connection = {"endpoint_url": site.proxy.url, "region": site.store.region, **site.operator}
    hand_on = {
        "bucket": site.bucket,
        "access_key": "{{ made.access_key.id }}",
        "secret_key": "{{ made.access_key.secret }}",
        "endpoint": site.store.endpoint_url,
    }
    own = {"name": site.name, "bucket": site.bucket, "prefix": site.prefix}
    tasks: list[dict[str, Any]] = [
        {"name": "Make", module: own, "register": "made", "no_log": True},
        {"name": "Keep", "ansible.builtin.copy": {"content": hand_on["secret_key"], "dest": str(kept), "mode": "0600"}},
        {"name": "Use", check: {"s3": {**hand_on, "sse": "none"}, "prefix": site.prefix, "multipart": False}},
        {"name": "Again", module: own},
        {"name": "Fail", module: {**own, "permissions_boundary": "arn:aws:iam::aws:policy/x"}},
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
    playbook = runs.write_private(home / "playbook.yml", yaml.safe_dump([play]))
    env = {"ANSIBLE_PIPELINING": "true"}
    run = runs.run_playbook(playbook, {}, home, env, args=["-vvv", "--diff"]).failed()
    assert run.failed_task == "Fail"
    assert run.changed == ["Make", "Keep"]
    secret = kept.read_text()
    kept.unlink()
    assert len(secret) == 40
    assert not runs.leaks(run.output + run.told, [secret, site.store.secret_key])
    assert leftovers(home) == []
    assert len(keys_of(site)) == 1
