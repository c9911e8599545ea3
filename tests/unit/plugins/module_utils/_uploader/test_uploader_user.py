# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The uploader against an IAM that is in memory: what no server of the end-to-end tests can show."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam_client import Iam
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.deadline import Patience
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import reconcile as uploader_module
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import user as uploader
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user import OWNER_TAG, Observed, User, Wanted

WANTED = Wanted("u", "recordings", "471")
OURS = {OWNER_TAG: "true"}
BOUNDARY = "arn:aws:iam::123456789012:policy/uploaders"
MADE = datetime(2026, 3, 1, 9, tzinfo=timezone.utc)
User_ = dict[str, t.Any]


@dataclass
class FakeIam:
    """AWS IAM as its API reference has it, or another one.

    :param hidden: how many reads after a write still show the state before it.
    :param drops: parameters that are accepted and not kept.
    """

    on_aws: bool = True
    undated: bool = False
    date: str = "Sun, 01 Mar 2026 09:00:00 GMT"
    hidden: int = 0
    drops: frozenset[str] = frozenset()
    partition: str = "aws"
    user: User_ | None = None
    calls: list[str] = field(default_factory=list)
    failures: dict[str, errors.ArchivingError] = field(default_factory=dict)
    _shown: User_ | None = None
    _stale: int = 0

    @property
    def connection(self) -> Connection:
        return Connection(None if self.on_aws else "http://iam.example.com", service="iam")

    def call(self, operation: str, attempted: str, action: str, **params: t.Any) -> dict[str, t.Any]:
        assert action == "iam:" + operation.title().replace("_", "")
        self.calls.append(operation)
        failure = self.failures.pop(operation, None)
        if failure:
            raise failure
        if operation.startswith("get_"):
            return self._read(operation, attempted)
        if operation != "create_user" and self._visible() is None:
            raise missing(attempted)
        self._shown, self._stale = json.loads(json.dumps(self.user)), self.hidden
        return self._write(operation, attempted, params)

    def listed(self, operation: str, key: str, attempted: str, action: str, **params: t.Any) -> list[t.Any]:
        self.calls.append(operation)
        found = self._visible()
        if found is None:
            raise missing(attempted)
        tags = [{"Key": name, "Value": value} for name, value in found["tags"].items()]
        keys = [{"AccessKeyId": name, "Status": "Active", "CreateDate": MADE} for name in found["keys"]]
        answers: dict[str, list[t.Any]] = {"Tags": tags, "AccessKeyMetadata": keys}
        return answers[key] if key in answers else list(found.get(operation, []))

    def pages(self, operation: str, attempted: str, action: str, **params: t.Any) -> t.Iterator[dict[str, t.Any]]:
        keys = self.listed(operation, "AccessKeyMetadata", attempted, action, **params)
        for key in keys if self.undated else ():
            del key["CreateDate"]
        yield {"AccessKeyMetadata": keys, "ResponseMetadata": {"HTTPHeaders": {"date": self.date}}}

    def _visible(self) -> User_ | None:
        if self._stale > 0:
            return self._shown
        return self.user

    def _read(self, operation: str, attempted: str) -> dict[str, t.Any]:
        found = self._visible()
        if operation == "get_user":
            self._stale -= 1
        if found is None or (operation == "get_user_policy" and not found["policy"]):
            raise missing(attempted)
        if operation == "get_user_policy":
            return {"PolicyDocument": found["policy"]}
        if operation == "get_access_key_last_used":
            return {"AccessKeyLastUsed": {"LastUsedDate": MADE}}
        tags = [{"Key": name, "Value": value} for name, value in found["tags"].items()] if self.on_aws else None
        shown: User_ = {"UserName": "u", "Arn": f"arn:aws:iam::1:user{found['path']}u", "Path": found["path"]}
        shown.update(Tags=tags, CreateDate=MADE)
        if found["boundary"]:
            shown["PermissionsBoundary"] = {"PermissionsBoundaryArn": found["boundary"]}
        return {"User": shown}

    def _write(self, operation: str, attempted: str, params: dict[str, t.Any]) -> dict[str, t.Any]:
        params = {name: value for name, value in params.items() if name not in self.drops}
        if operation == "create_user":
            if self.user is not None:
                raise errors.ConflictError(attempted, "it exists", code="EntityAlreadyExists")
            self.user = {"tags": {}, "keys": [], "policy": None, "path": "/", "boundary": None}
        user = t.cast(User_, self.user)
        user["tags"].update({tag["Key"]: tag["Value"] for tag in params.get("Tags", ())})
        user["path"] = params.get("NewPath") or params.get("Path") or user["path"]
        user["boundary"] = params.get("PermissionsBoundary") or user["boundary"]
        if operation == "put_user_policy":
            user["policy"] = json.loads(params["PolicyDocument"])
        if operation == "delete_access_key":
            user["keys"] = [key for key in user["keys"] if key != params["AccessKeyId"]]
        if operation == "create_access_key":
            user["keys"].append("AKIANEW")
            return {"AccessKey": {"AccessKeyId": "AKIANEW", "SecretAccessKey": "its-secret", "CreateDate": MADE}}
        return {}


def missing(attempted: str) -> errors.NotFoundError:
    return errors.NotFoundError(attempted, "there is none", code="NoSuchEntity")


def existing(**values: t.Any) -> User_:
    return {"tags": dict(OURS), "keys": [], "policy": None, "path": "/", "boundary": None, **values}


def iam(fake: FakeIam) -> Iam:
    return t.cast(Iam, fake)


@dataclass
class Clock:
    now: float = 0.0

    def patience(self, seconds: float = 30) -> Patience:
        return Patience(seconds, lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def bring_about(fake: FakeIam, wanted: Wanted = WANTED, clock: Clock | None = None) -> User | None:
    seen = uploader.observe(iam(fake), wanted)
    return uploader.apply(iam(fake), wanted, uploader.plan(wanted, seen), (clock or Clock()).patience())


def test_a_user_of_aws_is_made_in_two_writes() -> None:
    fake = FakeIam()
    wanted = replace(WANTED, path="/video/", boundary=BOUNDARY, tags={"owner": "video"})
    user = bring_about(fake, wanted)
    assert [call for call in fake.calls if not call.startswith(("get", "list"))] == ["create_user", "put_user_policy"]
    assert "list_user_tags" not in fake.calls
    assert user is not None
    assert (user.path, user.boundary, user.tags) == ("/video/", BOUNDARY, {**OURS, "owner": "video"})
    assert not uploader.plan(wanted, uploader.observe(iam(fake), wanted)).changed


def test_a_store_that_drops_tags_gets_them_before_any_permission() -> None:
    fake = FakeIam(on_aws=False)
    create = fake._write

    def write(operation: str, attempted: str, params: dict[str, t.Any]) -> dict[str, t.Any]:
        kept = {} if operation == "create_user" else params
        return create(operation, attempted, kept)

    fake._write = write  # type: ignore[method-assign]
    bring_about(fake)
    writes = [call for call in fake.calls if not call.startswith(("get", "list"))]
    assert writes == ["create_user", "tag_user", "put_user_policy"]


@pytest.mark.parametrize("hidden", [1, 2, 4])
def test_what_was_written_may_be_unseen_for_a_while(hidden: int) -> None:
    fake, clock = FakeIam(hidden=hidden), Clock()
    user = bring_about(fake, clock=clock)
    assert user is not None
    assert fake.calls.count("create_user") == 1
    assert 0 < clock.now < 30


def test_what_is_never_shown_is_an_error_in_time() -> None:
    clock = Clock()
    with pytest.raises(errors.UnsupportedError, match=r"accepted it, but shows \{'permissions_boundary': None\}"):
        bring_about(FakeIam(drops=frozenset({"PermissionsBoundary"})), replace(WANTED, boundary=BOUNDARY), clock)
    assert clock.now == 30
    clock = Clock()
    with pytest.raises(errors.NotFoundError, match="after it was made"):
        bring_about(FakeIam(hidden=1000), clock=clock)
    assert clock.now == 30


def test_a_user_that_goes_away_meanwhile_is_no_new_one() -> None:
    fake = FakeIam(user=existing())
    fake.failures["put_user_policy"] = missing("write it")
    with pytest.raises(errors.NotFoundError, match="write it"):
        bring_about(fake)
    fake.failures["put_user_policy"] = errors.ConflictError("write it", "busy", code="ConcurrentModification")
    bring_about(fake)
    assert fake.user is not None
    assert fake.user["policy"]


def test_two_runs_make_one_user() -> None:
    """The other run's user is taken if it is ours; of one that only differs in case, nothing is seen."""
    seen = Observed(None)
    fake = FakeIam(user=existing())
    assert uploader.apply(iam(fake), WANTED, uploader.plan(WANTED, seen), Clock().patience()) is not None
    fake = FakeIam(user=existing(tags={}))
    with pytest.raises(errors.NotManagedError):
        uploader.apply(iam(fake), WANTED, uploader.plan(WANTED, seen), Clock().patience())
    fake = FakeIam()
    fake.failures["create_user"] = errors.ConflictError("create it", "it exists", code="EntityAlreadyExists")
    with pytest.raises(errors.ConflictError, match="upper and lower case only"):
        uploader.apply(iam(fake), WANTED, uploader.plan(WANTED, seen), Clock().patience())


def test_a_bare_user_is_ours_on_stores_other_than_aws_only() -> None:
    bare = existing(tags={})
    with pytest.raises(errors.NotManagedError, match="does not have the tag vonage-archiving:managed"):
        uploader.observe(iam(FakeIam(user=bare)), WANTED)
    assert uploader.observe(iam(FakeIam(user=bare)), replace(WANTED, force=True)).user is not None
    assert uploader.observe(iam(FakeIam(on_aws=False, user=bare)), WANTED).user is not None
    marks: tuple[User_, ...] = ({"tags": {"a": "b"}}, {"keys": ["AKIA"]}, {"policy": {"Statement": []}})
    for more in marks:
        with pytest.raises(errors.NotManagedError):
            uploader.observe(iam(FakeIam(on_aws=False, user={**bare, **more})), WANTED)


def test_what_is_read() -> None:
    fake = FakeIam(user=existing(keys=["AKIA1", "AKIA2"]), partition="aws-cn")
    seen = uploader.observe(iam(fake), WANTED, last_used=True)
    assert [key.id for key in seen.keys] == ["AKIA1", "AKIA2"]
    assert {key.last_used for key in seen.keys} == {key.created for key in seen.keys} == {MADE.timestamp()}
    assert "arn:aws-cn:s3:::recordings/471/*" in str(uploader.plan(WANTED, seen).steps)
    assert sorted(fake.calls[:3]) == ["get_user", "get_user_policy", "list_access_keys"]
    fake.failures["get_access_key_last_used"] = errors.DeniedError("read it", "no")
    assert None in {key.last_used for key in uploader.observe(iam(fake), WANTED, last_used=True).keys}


def test_reading_one_after_the_other() -> None:
    fake = FakeIam()
    assert uploader.observe(iam(fake), WANTED, eager=False) == Observed(None)
    assert fake.calls == ["get_user"]
    fake = FakeIam(user=existing())
    uploader.observe(iam(fake), WANTED, eager=False)
    assert fake.calls[0] == "get_user"
    assert len(fake.calls) == 3


def test_nothing_to_do_sends_nothing() -> None:
    fake = FakeIam(user=existing())
    bring_about(fake)
    seen = uploader.observe(iam(fake), WANTED)
    fake.calls.clear()
    assert uploader.apply(iam(fake), WANTED, uploader.plan(WANTED, seen)) is None
    assert fake.calls == []


def user(**values: t.Any) -> Observed:
    policy = uploader.plan(WANTED, Observed(None)).steps[-1].value
    return Observed(replace(User("u", "arn:aws:iam::1:user/u", "/", tags=OURS, policy=policy), **values))


@pytest.mark.parametrize(
    ("wanted", "seen", "names"),
    [
        (WANTED, user(), []),
        (WANTED, user(boundary=BOUNDARY, tags={**OURS, "theirs": "1"}), []),
        (replace(WANTED, boundary=BOUNDARY), user(), ["permissions_boundary"]),
        (replace(WANTED, tags={"Owner": "a"}), user(tags={**OURS, "owner": "a"}), []),
        (replace(WANTED, tags={"Owner": "b"}), user(tags={**OURS, "owner": "a"}), ["tags"]),
        (replace(WANTED, tags={"a": 1, "b": True}), user(tags={**OURS, "a": "1", "b": "true"}), []),  # type: ignore[dict-item]
        (WANTED, user(tags={OWNER_TAG: "yes"}), []),
        (WANTED, user(tags={}), ["tags"]),
        (WANTED, user(policy=None), ["policy"]),
        (WANTED, user(policy={}), ["policy"]),
        (replace(WANTED, prefix="472"), user(), ["policy"]),
        (replace(WANTED, list_all_my_buckets=True), user(), ["policy"]),
        (replace(WANTED, path="/a/", prefix="472", tags={"a": "b"}), user(), ["path", "tags", "policy"]),
        (WANTED, Observed(None), ["user", "tags", "policy"]),
        (replace(WANTED, path="/a/"), Observed(None), ["user", "path", "tags", "policy"]),
        (replace(WANTED, boundary=BOUNDARY), Observed(None), ["user", "tags", "permissions_boundary", "policy"]),
    ],
)
def test_plans(wanted: Wanted, seen: Observed, names: list[str]) -> None:
    plan = uploader.plan(wanted, seen)
    assert plan.names == names
    steps = [step.target for step in plan.steps]
    assert set(names) <= set(steps)
    assert bool(names) == bool(steps)
    # What limits comes before what allows.
    assert steps == sorted(steps, key=["user", "path", "tags", "permissions_boundary", "policy"].index)


def test_a_wider_plan_is_read_back_as_such() -> None:
    fake = FakeIam(user=existing())
    bring_about(fake)
    moved = replace(WANTED, prefix="472")
    seen = uploader.observe(iam(fake), moved)
    wide = uploader.plan(moved, seen, widen=True)
    found = uploader.apply(iam(fake), moved, wide, Clock().patience())
    assert found is not None
    assert "/471/*" in str(found.policy)
    assert "/472/*" in str(found.policy)
    after = uploader.observe(iam(fake), moved)
    assert not uploader.plan(moved, after, widen=True).changed
    bring_about(fake, moved)
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
def test_observe_age_of_a_key_by_the_clock_of_the_server(date: str, age: float | None) -> None:
    """The clock of this machine has no part in it."""
    fake = FakeIam(user=existing(keys=["AKIA1"]), date=date)
    assert [key.age for key in uploader.observe(iam(fake), WANTED).keys] == [age]


def test_observe_age_of_a_key_without_a_creation_date_is_that_of_the_last_verification() -> None:
    announced = {**OURS, "vonage-archiving:verification": str(int(MADE.timestamp()))}
    fake = FakeIam(on_aws=False, undated=True, user=existing(keys=["AKIA1"]), date="Sun, 01 Mar 2026 09:02:00 GMT")
    assert [key.age for key in uploader.observe(iam(fake), WANTED).keys] == [None]
    fake.user = existing(keys=["AKIA1"], tags=announced)
    assert [key.age for key in uploader.observe(iam(fake), WANTED).keys] == [120]


def test_remove_keeps_a_user_with_a_key_of_another_run() -> None:
    """Vonage may upload with it: neither the key nor the policy is deleted."""
    fake = FakeIam(user=existing(keys=["AKIA1"]))
    observed = uploader.observe(iam(fake), WANTED)
    fake.user = existing(keys=["AKIA1", "AKIA2"])
    with pytest.raises(errors.ConflictError, match="created the access key AKIA2"):
        uploader.remove(iam(fake), WANTED, observed)
    assert fake.user["keys"] == ["AKIA2"]
    assert not {"delete_user_policy", "delete_user"} & set(fake.calls)


def test_keys_are_made_and_retired() -> None:
    fake = FakeIam(user=existing(keys=["AKIA1", "AKIA2"]))
    made = uploader.make_key(iam(fake), WANTED, Clock().patience())
    assert (made.id, made.secret, made.user, made.created) == ("AKIANEW", "its-secret", "u", MADE.timestamp())
    assert "its-secret" not in repr(made)
    fake.calls.clear()
    assert uploader.retire(iam(fake), WANTED, ["AKIA2", "AKIA9"], delete=False) == ["AKIA2"]
    assert fake.calls == ["list_access_keys", "update_access_key"]
    fake.calls.clear()
    assert uploader.retire(iam(fake), WANTED, []) == []
    assert fake.calls == []
    fake.failures.update({"update_access_key": missing("it"), "delete_access_key": missing("it")})
    assert uploader.retire(iam(fake), WANTED, ["AKIA1"]) == []


def test_a_key_of_a_user_who_is_new_is_asked_for_again_and_one_that_may_be_there_is_not() -> None:
    fake, clock = FakeIam(user=existing()), Clock()
    fake.failures["create_access_key"] = missing("make it")
    assert uploader.make_key(iam(fake), WANTED, clock.patience()).id == "AKIANEW"
    assert clock.now > 0
    fake.failures["create_access_key"] = errors.UnreachableError("make it", "no answer", "x")
    fake.calls.clear()
    with pytest.raises(errors.UnreachableError, match="It may have been made, with a secret that nobody knows"):
        uploader.make_key(iam(fake), WANTED, clock.patience())
    assert fake.calls == ["create_access_key"]
    for code, kind in (("LimitExceeded", errors.QuotaError), ("InvalidInput", errors.RejectedError)):
        fake.failures["create_access_key"] = errors.RejectedError("make it", "no", code=code)
        with pytest.raises(kind):
            uploader.make_key(iam(fake), WANTED, clock.patience())


def test_removal_refuses_what_is_not_managed_before_anything_is_gone() -> None:
    more = {"list_user_policies": ["vonage-archiving", "theirs"], "list_groups_for_user": [{"GroupName": "g"}]}
    fake = FakeIam(user=existing(keys=["AKIA1"], **more))
    seen = uploader.observe(iam(fake), WANTED)
    with pytest.raises(errors.RejectedError, match="the inline policy theirs, the group g"):
        uploader.remove(iam(fake), WANTED, seen)
    assert not [call for call in fake.calls if not call.startswith(("get", "list"))]
    fake.calls.clear()
    assert uploader.remove(iam(fake), replace(WANTED, force=True), seen) == ["access_keys", "policy", "user"]
    writes = [call for call in fake.calls if not call.startswith("list")]
    assert writes == [
        "update_access_key",
        "delete_access_key",
        "delete_user_policy",
        "delete_user_policy",
        "remove_user_from_group",
        "delete_user",
    ]
    assert uploader.remove(iam(fake), WANTED, Observed(None)) == []


@pytest.mark.parametrize("on_aws", [True, False])
def test_module_warns_of_keys_that_others_can_read(monkeypatch: pytest.MonkeyPatch, on_aws: bool) -> None:
    iam, warnings = FakeIam(on_aws=on_aws), t.cast("list[str]", [])
    monkeypatch.setattr(uploader_module, "Iam", lambda connection: iam)
    options = {"state": "present", "name": "u", "bucket": "recordings", "prefix": "471", "create_key": "never"}
    context = Context(check_mode=True, warn=warnings.append)
    uploader_module.reconcile(options, context)
    expected = "the IAM API at http://iam.example.com is used without TLS"
    assert [expected in warning for warning in warnings] == ([] if on_aws else [True])
    warnings.clear()
    uploader_module.reconcile({**options, "state": "absent"}, context)
    assert warnings == []
