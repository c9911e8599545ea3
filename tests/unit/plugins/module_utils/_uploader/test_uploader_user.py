# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The uploader with an IAM API in memory, for cases that no server of the end-to-end tests supports."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam_client import Iam
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import SYSTEM, Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import reconcile as uploader_module
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.apply import apply_user
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.delete import delete_user
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.fetch import (
    CurrentUser,
    User,
    fetch_managed_user,
)
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.keys import (
    create_access_key,
    delete_access_keys,
)
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.plan import plan_user
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user_params import OWNER_TAG, DesiredUser

DESIRED = DesiredUser("u", "recordings", "471")
MANAGED = {OWNER_TAG: "true"}
BOUNDARY = "arn:aws:iam::123456789012:policy/uploaders"
CREATED = datetime(2026, 3, 1, 9, tzinfo=timezone.utc)
User_ = dict[str, t.Any]


@dataclass
class FakeIam:
    """An IAM API: AWS according to its API reference, or another one.

    :param hidden: how many reads after a write still show the state before it.
    :param drops: parameters that are accepted and ignored.
    """

    on_aws: bool = True
    undated: bool = False
    date: str = "Sun, 01 Mar 2026 09:00:00 GMT"
    hidden: int = 0
    drops: frozenset[str] = frozenset()
    partition: str = "aws"
    runtime: Runtime = SYSTEM
    user: User_ | None = None
    calls: list[str] = field(default_factory=list)
    failures: dict[str, errors.ArchivingError] = field(default_factory=dict)
    _shown: User_ | None = None
    _stale: int = 0

    @property
    def connection(self) -> Connection:
        return Connection(None if self.on_aws else "http://iam.example.com", service="iam")

    def call(self, method: str, operation: str, action: str, **params: t.Any) -> dict[str, t.Any]:
        assert action == "iam:" + method.title().replace("_", "")
        self.calls.append(method)
        failure = self.failures.pop(method, None)
        if failure:
            raise failure
        if method.startswith("get_"):
            return self._read(method, operation)
        if method != "create_user" and self._visible() is None:
            raise missing(operation)
        self._shown, self._stale = json.loads(json.dumps(self.user)), self.hidden
        return self._write(method, operation, params)

    def list_all(self, method: str, key: str, operation: str, action: str, **params: t.Any) -> list[t.Any]:
        self.calls.append(method)
        user = self._visible()
        if user is None:
            raise missing(operation)
        tags = [{"Key": name, "Value": value} for name, value in user["tags"].items()]
        keys = [{"AccessKeyId": name, "Status": "Active", "CreateDate": CREATED} for name in user["keys"]]
        answers: dict[str, list[t.Any]] = {"Tags": tags, "AccessKeyMetadata": keys}
        return answers[key] if key in answers else list(user.get(method, []))

    def pages(self, method: str, operation: str, action: str, **params: t.Any) -> t.Iterator[dict[str, t.Any]]:
        keys = self.list_all(method, "AccessKeyMetadata", operation, action, **params)
        for key in keys if self.undated else ():
            del key["CreateDate"]
        yield {"AccessKeyMetadata": keys, "ResponseMetadata": {"HTTPHeaders": {"date": self.date}}}

    def _visible(self) -> User_ | None:
        if self._stale > 0:
            return self._shown
        return self.user

    def _read(self, method: str, operation: str) -> dict[str, t.Any]:
        user = self._visible()
        if method == "get_user":
            self._stale -= 1
        if user is None or (method == "get_user_policy" and not user["policy"]):
            raise missing(operation)
        if method == "get_user_policy":
            return {"PolicyDocument": user["policy"]}
        if method == "get_access_key_last_used":
            return {"AccessKeyLastUsed": {"LastUsedDate": CREATED}}
        tags = [{"Key": name, "Value": value} for name, value in user["tags"].items()] if self.on_aws else None
        shown: User_ = {"UserName": "u", "Arn": f"arn:aws:iam::1:user{user['path']}u", "Path": user["path"]}
        shown.update(Tags=tags, CreateDate=CREATED)
        if user["boundary"]:
            shown["PermissionsBoundary"] = {"PermissionsBoundaryArn": user["boundary"]}
        return {"User": shown}

    def _write(self, method: str, operation: str, params: dict[str, t.Any]) -> dict[str, t.Any]:
        params = {name: value for name, value in params.items() if name not in self.drops}
        if method == "create_user":
            if self.user is not None:
                raise errors.ConflictError(operation, "it exists", code="EntityAlreadyExists")
            self.user = {"tags": {}, "keys": [], "policy": None, "path": "/", "boundary": None}
        user = t.cast(User_, self.user)
        user["tags"].update({tag["Key"]: tag["Value"] for tag in params.get("Tags", ())})
        user["path"] = params.get("NewPath") or params.get("Path") or user["path"]
        user["boundary"] = params.get("PermissionsBoundary") or user["boundary"]
        if method == "put_user_policy":
            user["policy"] = json.loads(params["PolicyDocument"])
        if method == "delete_access_key":
            user["keys"] = [key for key in user["keys"] if key != params["AccessKeyId"]]
        if method == "create_access_key":
            user["keys"].append("AKIANEW")
            return {"AccessKey": {"AccessKeyId": "AKIANEW", "SecretAccessKey": "its-secret", "CreateDate": CREATED}}
        return {}


def missing(operation: str) -> errors.NotFoundError:
    return errors.NotFoundError(operation, "there is none", code="NoSuchEntity")


def existing(**values: t.Any) -> User_:
    return {"tags": dict(MANAGED), "keys": [], "policy": None, "path": "/", "boundary": None, **values}


def iam(fake: FakeIam) -> Iam:
    return t.cast(Iam, fake)


@dataclass
class Clock:
    now: float = 0.0

    @property
    def runtime(self) -> Runtime:
        return Runtime(monotonic=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def ensure_user(fake: FakeIam, desired: DesiredUser = DESIRED, clock: Clock | None = None) -> User | None:
    fake.runtime = (clock or Clock()).runtime
    current = fetch_managed_user(iam(fake), desired)
    return apply_user(iam(fake), desired, plan_user(desired, current))


def test_apply_user_on_aws_sends_two_writes() -> None:
    fake = FakeIam()
    desired = replace(DESIRED, path="/video/", boundary=BOUNDARY, tags={"owner": "video"})
    user = ensure_user(fake, desired)
    assert [call for call in fake.calls if not call.startswith(("get", "list"))] == ["create_user", "put_user_policy"]
    assert "list_user_tags" not in fake.calls
    assert user is not None
    assert (user.path, user.boundary, user.tags) == ("/video/", BOUNDARY, {**MANAGED, "owner": "video"})
    assert not plan_user(desired, fetch_managed_user(iam(fake), desired)).changed


def test_apply_user_store_that_drops_tags_gets_them_before_the_policy() -> None:
    fake = FakeIam(on_aws=False)
    create = fake._write

    def write(method: str, operation: str, params: dict[str, t.Any]) -> dict[str, t.Any]:
        sent = {} if method == "create_user" else params
        return create(method, operation, sent)

    fake._write = write  # type: ignore[method-assign]
    ensure_user(fake)
    writes = [call for call in fake.calls if not call.startswith(("get", "list"))]
    assert writes == ["create_user", "tag_user", "put_user_policy"]


@pytest.mark.parametrize("hidden", [1, 2, 4])
def test_apply_user_waits_for_eventual_consistency(hidden: int) -> None:
    fake, clock = FakeIam(hidden=hidden), Clock()
    user = ensure_user(fake, clock=clock)
    assert user is not None
    assert fake.calls.count("create_user") == 1
    assert 0 < clock.now < 30


def test_apply_user_value_that_is_never_returned_is_an_error_at_the_deadline() -> None:
    clock = Clock()
    with pytest.raises(errors.UnsupportedError, match=r"accepted it, but returns \{'permissions_boundary': None\}"):
        ensure_user(FakeIam(drops=frozenset({"PermissionsBoundary"})), replace(DESIRED, boundary=BOUNDARY), clock)
    assert clock.now == 30
    clock = Clock()
    with pytest.raises(errors.NotFoundError, match="after its creation"):
        ensure_user(FakeIam(hidden=1000), clock=clock)
    assert clock.now == 30


def test_apply_user_deleted_in_the_meantime_is_an_error() -> None:
    fake = FakeIam(user=existing())
    fake.failures["put_user_policy"] = missing("write it")
    with pytest.raises(errors.NotFoundError, match="write it"):
        ensure_user(fake)
    fake.failures["put_user_policy"] = errors.ConflictError("write it", "busy", code="ConcurrentModification")
    ensure_user(fake)
    assert fake.user is not None
    assert fake.user["policy"]


def test_apply_user_accepts_a_managed_user_of_another_run() -> None:
    """A user whose name differs in case only cannot be read."""
    current = CurrentUser(None)
    fake = FakeIam(user=existing())
    assert apply_user(iam(fake), DESIRED, plan_user(DESIRED, current)) is not None
    fake = FakeIam(user=existing(tags={}))
    with pytest.raises(errors.NotManagedError):
        apply_user(iam(fake), DESIRED, plan_user(DESIRED, current))
    fake = FakeIam()
    fake.failures["create_user"] = errors.ConflictError("create it", "it exists", code="EntityAlreadyExists")
    with pytest.raises(errors.ConflictError, match="upper and lower case only"):
        apply_user(iam(fake), DESIRED, plan_user(DESIRED, current))


def test_fetch_managed_user_without_tags_is_managed_on_other_stores_only() -> None:
    bare = existing(tags={})
    with pytest.raises(errors.NotManagedError, match="does not have the tag vonage-archiving:managed"):
        fetch_managed_user(iam(FakeIam(user=bare)), DESIRED)
    assert fetch_managed_user(iam(FakeIam(user=bare)), replace(DESIRED, force=True)).user is not None
    assert fetch_managed_user(iam(FakeIam(on_aws=False, user=bare)), DESIRED).user is not None
    marks: tuple[User_, ...] = ({"tags": {"a": "b"}}, {"keys": ["AKIA"]}, {"policy": {"Statement": []}})
    for more in marks:
        with pytest.raises(errors.NotManagedError):
            fetch_managed_user(iam(FakeIam(on_aws=False, user={**bare, **more})), DESIRED)


def test_fetch_managed_user_reads_all_parts() -> None:
    fake = FakeIam(user=existing(keys=["AKIA1", "AKIA2"]), partition="aws-cn")
    current = fetch_managed_user(iam(fake), DESIRED, last_used=True)
    assert [key.id for key in current.keys] == ["AKIA1", "AKIA2"]
    assert {key.last_used for key in current.keys} == {key.created for key in current.keys} == {CREATED.timestamp()}
    assert "arn:aws-cn:s3:::recordings/471/*" in str(plan_user(DESIRED, current).steps)
    assert sorted(fake.calls[:3]) == ["get_user", "get_user_policy", "list_access_keys"]
    fake.failures["get_access_key_last_used"] = errors.DeniedError("read it", "no")
    assert None in {key.last_used for key in fetch_managed_user(iam(fake), DESIRED, last_used=True).keys}


def test_fetch_managed_user_not_eager_reads_the_user_first() -> None:
    fake = FakeIam()
    assert fetch_managed_user(iam(fake), DESIRED, eager=False) == CurrentUser(None)
    assert fake.calls == ["get_user"]
    fake = FakeIam(user=existing())
    fetch_managed_user(iam(fake), DESIRED, eager=False)
    assert fake.calls[0] == "get_user"
    assert len(fake.calls) == 3


def test_apply_user_without_steps_sends_nothing() -> None:
    fake = FakeIam(user=existing())
    ensure_user(fake)
    current = fetch_managed_user(iam(fake), DESIRED)
    fake.calls.clear()
    assert apply_user(iam(fake), DESIRED, plan_user(DESIRED, current)) is None
    assert fake.calls == []


def user(**values: t.Any) -> CurrentUser:
    policy = plan_user(DESIRED, CurrentUser(None)).steps[-1].value
    return CurrentUser(replace(User("u", "arn:aws:iam::1:user/u", "/", tags=MANAGED, policy=policy), **values))


@pytest.mark.parametrize(
    ("desired", "current", "names"),
    [
        (DESIRED, user(), []),
        (DESIRED, user(boundary=BOUNDARY, tags={**MANAGED, "other": "1"}), []),
        (replace(DESIRED, boundary=BOUNDARY), user(), ["permissions_boundary"]),
        (replace(DESIRED, tags={"Owner": "a"}), user(tags={**MANAGED, "owner": "a"}), []),
        (replace(DESIRED, tags={"Owner": "b"}), user(tags={**MANAGED, "owner": "a"}), ["tags"]),
        (replace(DESIRED, tags={"a": 1, "b": True}), user(tags={**MANAGED, "a": "1", "b": "true"}), []),  # type: ignore[dict-item]
        (DESIRED, user(tags={OWNER_TAG: "yes"}), []),
        (DESIRED, user(tags={}), ["tags"]),
        (DESIRED, user(policy=None), ["policy"]),
        (DESIRED, user(policy={}), ["policy"]),
        (replace(DESIRED, prefix="472"), user(), ["policy"]),
        (replace(DESIRED, list_all_my_buckets=True), user(), ["policy"]),
        (replace(DESIRED, path="/a/", prefix="472", tags={"a": "b"}), user(), ["path", "tags", "policy"]),
        (DESIRED, CurrentUser(None), ["user", "tags", "policy"]),
        (replace(DESIRED, path="/a/"), CurrentUser(None), ["user", "path", "tags", "policy"]),
        (replace(DESIRED, boundary=BOUNDARY), CurrentUser(None), ["user", "tags", "permissions_boundary", "policy"]),
    ],
)
def test_plan_user_names_and_order_of_changes(desired: DesiredUser, current: CurrentUser, names: list[str]) -> None:
    plan = plan_user(desired, current)
    assert plan.names == names
    steps = [step.target for step in plan.steps]
    assert set(names) <= set(steps)
    assert bool(names) == bool(steps)
    # Limits are written before permissions.
    assert steps == sorted(steps, key=["user", "path", "tags", "permissions_boundary", "policy"].index)


def test_apply_user_wider_policy_is_read_back() -> None:
    fake = FakeIam(user=existing())
    ensure_user(fake)
    moved = replace(DESIRED, prefix="472")
    current = fetch_managed_user(iam(fake), moved)
    wide = plan_user(moved, current, widen=True)
    updated = apply_user(iam(fake), moved, wide)
    assert updated is not None
    assert "/471/*" in str(updated.policy)
    assert "/472/*" in str(updated.policy)
    after = fetch_managed_user(iam(fake), moved)
    assert not plan_user(moved, after, widen=True).changed
    ensure_user(fake, moved)
    assert fake.user is not None
    assert "/471/*" not in str(fake.user["policy"])


@pytest.mark.parametrize(
    ("date", "age"),
    [
        ("Sun, 01 Mar 2026 09:14:59 GMT", 899),
        ("Sun, 01 Mar 2026 08:59:00 GMT", 0),
        ("", None),
        ("tomorrow", None),
    ],
)
def test_fetch_managed_user_age_of_a_key_uses_the_clock_of_the_server(date: str, age: float | None) -> None:
    fake = FakeIam(user=existing(keys=["AKIA1"]), date=date)
    assert [key.age for key in fetch_managed_user(iam(fake), DESIRED).keys] == [age]


def test_fetch_managed_user_age_without_a_creation_date_is_that_of_the_last_verification() -> None:
    announced = {**MANAGED, "vonage-archiving:verification": str(int(CREATED.timestamp()))}
    fake = FakeIam(on_aws=False, undated=True, user=existing(keys=["AKIA1"]), date="Sun, 01 Mar 2026 09:02:00 GMT")
    assert [key.age for key in fetch_managed_user(iam(fake), DESIRED).keys] == [None]
    fake.user = existing(keys=["AKIA1"], tags=announced)
    assert [key.age for key in fetch_managed_user(iam(fake), DESIRED).keys] == [120]


def test_delete_user_keeps_a_user_with_a_key_of_another_run() -> None:
    """Vonage may upload with it: neither the key nor the policy is deleted."""
    fake = FakeIam(user=existing(keys=["AKIA1"]))
    observed = fetch_managed_user(iam(fake), DESIRED)
    fake.user = existing(keys=["AKIA1", "AKIA2"])
    with pytest.raises(errors.ConflictError, match="created the access key AKIA2"):
        delete_user(iam(fake), DESIRED, observed)
    assert fake.user["keys"] == ["AKIA2"]
    assert not {"delete_user_policy", "delete_user"} & set(fake.calls)


def test_access_keys_are_created_deactivated_and_deleted() -> None:
    fake = FakeIam(user=existing(keys=["AKIA1", "AKIA2"]))
    new_key = create_access_key(iam(fake), DESIRED)
    assert (new_key.id, new_key.secret, new_key.user, new_key.created) == (
        "AKIANEW",
        "its-secret",
        "u",
        CREATED.timestamp(),
    )
    assert "its-secret" not in repr(new_key)
    fake.calls.clear()
    assert delete_access_keys(iam(fake), DESIRED, ["AKIA2", "AKIA9"], deactivate_only=True) == ["AKIA2"]
    assert fake.calls == ["list_access_keys", "update_access_key"]
    fake.calls.clear()
    assert delete_access_keys(iam(fake), DESIRED, []) == []
    assert fake.calls == []
    fake.failures.update({"update_access_key": missing("it"), "delete_access_key": missing("it")})
    assert delete_access_keys(iam(fake), DESIRED, ["AKIA1"]) == []


def test_create_access_key_retries_unknown_user_but_not_a_lost_response() -> None:
    clock = Clock()
    fake = FakeIam(user=existing(), runtime=clock.runtime)
    fake.failures["create_access_key"] = missing("make it")
    assert create_access_key(iam(fake), DESIRED).id == "AKIANEW"
    assert clock.now > 0
    fake.failures["create_access_key"] = errors.UnreachableError("make it", "no answer", "x")
    fake.calls.clear()
    with pytest.raises(errors.UnreachableError, match="The key may exist, with an unknown secret"):
        create_access_key(iam(fake), DESIRED)
    assert fake.calls == ["create_access_key"]
    for code, kind in (("LimitExceeded", errors.QuotaError), ("InvalidInput", errors.RejectedError)):
        fake.failures["create_access_key"] = errors.RejectedError("make it", "no", code=code)
        with pytest.raises(kind):
            create_access_key(iam(fake), DESIRED)


def test_delete_user_refuses_unmanaged_attachments_before_any_write() -> None:
    more = {"list_user_policies": ["vonage-archiving", "other"], "list_groups_for_user": [{"GroupName": "g"}]}
    fake = FakeIam(user=existing(keys=["AKIA1"], **more))
    current = fetch_managed_user(iam(fake), DESIRED)
    with pytest.raises(errors.RejectedError, match="the inline policy other, the group g"):
        delete_user(iam(fake), DESIRED, current)
    assert not [call for call in fake.calls if not call.startswith(("get", "list"))]
    fake.calls.clear()
    assert delete_user(iam(fake), replace(DESIRED, force=True), current) == ["access_keys", "policy", "user"]
    writes = [call for call in fake.calls if not call.startswith("list")]
    assert writes == [
        "update_access_key",
        "delete_access_key",
        "delete_user_policy",
        "delete_user_policy",
        "remove_user_from_group",
        "delete_user",
    ]
    assert delete_user(iam(fake), DESIRED, CurrentUser(None)) == []


@pytest.mark.parametrize("on_aws", [True, False])
def test_reconcile_warns_of_a_new_secret_without_tls(monkeypatch: pytest.MonkeyPatch, on_aws: bool) -> None:
    iam, warnings = FakeIam(on_aws=on_aws), t.cast("list[str]", [])
    monkeypatch.setattr(uploader_module, "Iam", lambda _connection, _runtime: iam)
    options = {"state": "present", "name": "u", "bucket": "recordings", "prefix": "471", "create_key": "never"}
    context = Context(check_mode=True, warn=warnings.append)
    uploader_module.reconcile(options, context)
    expected = "the IAM API at http://iam.example.com is used without TLS"
    assert [expected in warning for warning in warnings] == ([] if on_aws else [True])
    warnings.clear()
    uploader_module.reconcile({**options, "state": "absent"}, context)
    assert warnings == []


def test_recorded_changes_of_a_user_contain_its_keys_until_they_are_deleted() -> None:
    fake = FakeIam()
    ensure_user(fake)
    key = create_access_key(iam(fake), DESIRED)
    changes = fake.runtime.changes
    assert changes.as_facts() == {"left_behind": ["IAM user u (created, policy, access key AKIANEW)"]}
    delete_access_keys(iam(fake), DESIRED, [key.id])
    assert changes.as_facts() == {"left_behind": ["IAM user u (created, policy)"]}


def test_recorded_changes_of_old_keys_and_of_a_lost_response() -> None:
    fake = FakeIam(user=existing(keys=["AKIA1", "AKIA2"]), runtime=Runtime())
    delete_access_keys(iam(fake), DESIRED, ["AKIA1"])
    delete_access_keys(iam(fake), DESIRED, ["AKIA2"], deactivate_only=True)
    fake.failures["create_access_key"] = errors.UnreachableError("make it", "no answer")
    with pytest.raises(errors.UnreachableError):
        create_access_key(iam(fake), DESIRED)
    parts = "access key AKIA1 deleted, access key AKIA2 deactivated, possibly access key"
    assert fake.runtime.changes.as_facts() == {"left_behind": [f"IAM user u ({parts})"]}
