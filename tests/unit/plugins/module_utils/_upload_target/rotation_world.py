# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IAM API, the Video API, a bucket, and a state file in one process, with a log of all writes.

The world checks each write by the upload target that it stores itself, not by the state file or the code under test.
"""

from __future__ import annotations

import datetime
import json
import typing as t
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.state import State
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import StoredObject
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import previous_target, rotation
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import NEVER, ManagedKeyParams
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.rotation import Rotation
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.keys import NewKey
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user_params import OWNER_TAG
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.project import Project
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._upload_target.upload_target_cases import (
    IDS,
    MAIN,
    NOW,
    SPARE,
    applied,
    managed_params,
    user,
)

DAY = 86400.0


class InlineExecutor(Executor):
    """Runs each task when it is submitted."""

    def submit(self, fn: t.Callable[..., t.Any], /, *args: t.Any, **kwargs: t.Any) -> Future[t.Any]:
        future: Future[t.Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as exc:
            future.set_exception(exc)
        return future


class Killed(BaseException):
    """The process ends."""


@dataclass
class Key:
    user: str
    active: bool = True
    created: float = NOW - 30 * DAY


@dataclass
class World:
    """Everything outside of the run.

    :param target: the id of the key that the project holds.
    :param log: all writes and verifications, in order.
    :param hooks: run before the write whose log entry starts with the text, once.
    :param kill_after: the number of log entries after which the run ends without cleanup.
    """

    users: dict[str, dict[str, t.Any]] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    target: str | None = None
    data: bytes | None = None
    archives: list[dict[str, t.Any]] = field(default_factory=list)
    uploads: list[tuple[str, float]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    hooks: dict[str, t.Callable[[], None]] = field(default_factory=dict)
    clients: list[Project] = field(default_factory=list)
    now: float = NOW
    kill_after: int | None = None
    location: str = "memory"

    def add(self, *ids: str, target: str | None = None, active: bool = True, last: State | None = None) -> World:
        """Add keys with their users; the last update of the target is long ago unless the state file states it."""
        for id_ in ids:
            name = MAIN if id_ in IDS[:2] else SPARE
            self.keys[id_] = Key(name, active)
            self.users.setdefault(name, {"tags": {OWNER_TAG: "true"}, "policy": user(name).policy})
        self.target = target or self.target
        self.data = state.dump(last) if last else self.data
        return self

    def write_as_other_run(self, target: str = "") -> None:
        """Another run updates the target."""
        self.data = state.dump(applied(target or IDS[3], time=self.now))
        self.target = target or self.target

    def read_state(self) -> State:
        assert self.data is not None
        return state.parse(self.data)

    @property
    def writes(self) -> list[str]:
        return [entry for entry in self.log if not entry.startswith(("verify", "check"))]

    def record(self, entry: str) -> None:
        """Log a write; the process can end before the write, or another process can act first."""
        if self.kill_after is not None and len(self.log) >= self.kill_after:
            raise Killed
        for start in [start for start in self.hooks if entry.startswith(start)]:
            self.hooks.pop(start)()
        self.log.append(entry)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def runtime(self) -> Runtime:
        return Runtime(
            now=lambda: self.now,
            monotonic=lambda: self.now,
            sleep=self.sleep,
            random=lambda: 0.5,
            executor=lambda _workers: InlineExecutor(),
        )

    # The state file.

    def read(self) -> StoredObject:
        return StoredObject(self.data)

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        self.record(f"state {state.parse(data).status}")
        if expected is not None and expected.data != self.data:
            raise errors.ConflictError("write the state file", "another run has written it in between")
        self.data = data
        return StoredObject(data)

    def delete(self, expected: StoredObject) -> None:
        self.record("delete the state file")
        assert expected.data == self.data
        self.data = None

    def run(self, check_mode: bool = False, **options: t.Any) -> Outcome:
        params = managed_params(**{"verify": NEVER, **options})
        params = replace(params, store=self)
        context = Context(check_mode, runtime=self.runtime)
        return Rotation(params, context, t.cast(t.Any, FakeIam(self, params))).run()


class FakeIam:
    """The IAM API, as far as a rotation uses it."""

    partition = "aws"

    def __init__(self, world: World, params: ManagedKeyParams) -> None:
        self.world, self.connection, self.runtime = world, params.uploader.iam, world.runtime
        assert self.connection.is_aws

    def pages(self, method: str, operation: str, action: str, **params: t.Any) -> t.Iterator[dict[str, t.Any]]:
        yield self.call(method, operation, action, **params)

    def call(self, method: str, operation: str, _action: str, **params: t.Any) -> dict[str, t.Any]:
        name = params["UserName"]
        if method != "create_user" and name not in self.world.users:
            raise errors.NotFoundError(operation, "it does not exist")
        response: dict[str, t.Any] = getattr(self, method)(name, **params)
        return response

    def get_user(self, name: str, **_params: t.Any) -> dict[str, t.Any]:
        tags = [{"Key": key, "Value": value} for key, value in self.world.users[name]["tags"].items()]
        return {"User": {"UserName": name, "Arn": f"arn:aws:iam::1:user/{name}", "Path": "/", "Tags": tags}}

    def get_user_policy(self, name: str, **_params: t.Any) -> dict[str, t.Any]:
        if self.world.users[name]["policy"] is None:
            raise errors.NotFoundError("read the policy", "it does not exist")
        return {"PolicyDocument": self.world.users[name]["policy"]}

    def list_access_keys(self, name: str, **_params: t.Any) -> dict[str, t.Any]:
        listed = [
            {
                "AccessKeyId": id_,
                "Status": "Active" if key.active else "Inactive",
                "CreateDate": datetime.datetime.fromtimestamp(key.created, datetime.timezone.utc),
            }
            for id_, key in self.world.keys.items()
            if key.user == name
        ]
        date = datetime.datetime.fromtimestamp(self.world.now, datetime.timezone.utc)
        headers = {"date": date.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        return {"AccessKeyMetadata": listed, "ResponseMetadata": {"HTTPHeaders": headers}}

    def create_user(self, name: str, Tags: list[dict[str, str]], **_params: t.Any) -> dict[str, t.Any]:
        self.world.record(f"create user {name}")
        self.world.users[name] = {"tags": {tag["Key"]: tag["Value"] for tag in Tags}, "policy": None}
        return {}

    def put_user_policy(self, name: str, PolicyDocument: str, **_params: t.Any) -> dict[str, t.Any]:
        self.world.record(f"policy {name}")
        self.world.users[name]["policy"] = json.loads(PolicyDocument)
        return {}

    def create_access_key(self, name: str, **_params: t.Any) -> dict[str, t.Any]:
        number = len([entry for entry in self.world.log if entry.startswith("create key")]) + 1
        self.world.record(f"create key {number}")
        owned = [key for key in self.world.keys.values() if key.user == name]
        assert len(owned) < 2, "IAM allows two keys"
        id_ = f"AKIANEW{number}"
        self.world.keys[id_] = Key(name, created=self.world.now)
        return {"AccessKey": {"AccessKeyId": id_, "SecretAccessKey": f"secret-of-{id_}"}}

    def update_access_key(self, name: str, AccessKeyId: str, Status: str, **_params: t.Any) -> dict[str, t.Any]:
        self.world.record(f"deactivate {AccessKeyId}")
        assert AccessKeyId != self.world.target, "the target holds this key"
        assert self.world.keys[AccessKeyId].user == name
        self.world.keys[AccessKeyId].active = Status == "Active"
        return {}

    def delete_access_key(self, name: str, AccessKeyId: str, **_params: t.Any) -> dict[str, t.Any]:
        self.world.record(f"delete {AccessKeyId}")
        assert AccessKeyId != self.world.target, "the target holds this key"
        assert self.world.keys.pop(AccessKeyId).user == name
        return {}


def fake_client(world: World) -> t.Callable[..., t.Any]:
    """The client of the Video API."""

    class FakeClient:
        def __init__(self, project: Project, secrets: t.Sequence[str] = ()) -> None:
            self.project, self.secrets = project, secrets

        def prepare(self) -> None:
            """Creates no token."""

        def put_storage(self, body: t.Mapping[str, t.Any]) -> None:
            key = body["config"]["accessKey"]
            world.clients.append(self.project)
            assert self.secrets == [body["config"]["secretKey"]]
            world.record(f"put {key}")
            assert world.read_state().status == state.PENDING
            assert world.read_state().storage["access_key"] == key, "a call must be announced in the state file"
            assert world.keys[key].active
            world.target = key

        def get(self, path: str, operation: str, **query: t.Any) -> t.Any:
            texts = ("check the credentials", "check that the API responds")
            world.record(next((text for text in texts if operation.startswith(text)), "check the archives"))
            offset, count = int(query.get("offset", 0)), int(query.get("count", 1000))
            return {"count": len(world.archives), "items": world.archives[offset : offset + count]}

    return FakeClient


class FakeS3:
    """Lists the multipart uploads in progress."""

    def __init__(self, world: World) -> None:
        self.world = world

    def get_paginator(self, name: str) -> FakeS3:
        assert name == "list_multipart_uploads"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[t.Any]:
        self.world.record(f"check uploads in {Bucket}")
        starts = [start for bucket, start in self.world.uploads if bucket == Bucket]
        uploads = [
            {
                "Key": f"{Prefix}a/archive.mp4",
                "UploadId": str(number),
                "Initiated": datetime.datetime.fromtimestamp(start, datetime.timezone.utc),
            }
            for number, start in enumerate(starts)
        ]
        return [{"Uploads": uploads}]


def fake_verifier(world: World) -> t.Callable[..., t.Any]:
    """Verifies uploads with a key."""

    class FakeVerifier:
        def __init__(self, *_arguments: t.Any) -> None:
            """The arguments of the real class."""

        def verify(self, key: NewKey) -> None:
            world.record(f"verify {key.id}")

        def verify_with_temporary_key(self, users: t.Any) -> None:
            world.record("verify with a temporary key")

    return FakeVerifier


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return connect(World(), monkeypatch)


def connect(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Replace the clients of the rotation by those of the world."""
    monkeypatch.setattr(rotation, "Client", fake_client(world))
    monkeypatch.setattr(previous_target, "Client", fake_client(world))
    monkeypatch.setattr(rotation, "make_client", lambda _connection: FakeS3(world))
    monkeypatch.setattr(rotation, "check_owner", lambda bucket, _connection: world.record(f"check owner of {bucket}"))
    monkeypatch.setattr(rotation, "ManagedKeyVerifier", fake_verifier(world))
    return world


def raising(exc: BaseException) -> t.Callable[[], None]:
    def fail() -> None:
        raise exc

    return fail
