# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case with an external key: the order of writes, and the state file after an interruption at any point."""

from __future__ import annotations

import concurrent.futures
import json
import pathlib
import re
import time
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.execute import execute
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.client import CallResult, Client
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    ReceivedRequest,
    Reply,
    reply,
)

API_SECRET = "0123456789abcdef0123456789abcdef01234567"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
S3 = {"bucket": "b-1", "access_key": KEY, "secret_key": SECRET}
PUBLIC = {"type": "s3", "bucket": "b-1", "access_key": KEY, "sse": "s3", "fallback": "none"}


class Api:
    """Behaves like the API.

    :ivar meanwhile: runs during a request that changes something.
    :ivar fault: the response to such a request.
    :ivar refusal: the response to every other request.
    """

    def __init__(self) -> None:
        self.target: t.Any = None
        self.meanwhile: t.Callable[[], None] = lambda: None
        self.fault: Reply | None = None
        self.refusal: Reply | None = None

    def __call__(self, request: ReceivedRequest, before: int) -> Reply:
        if request.method == "GET":
            return self.refusal or reply(200, {"count": 0, "items": []})
        self.meanwhile()
        if self.fault:
            return self.fault
        if request.method == "DELETE":
            existing, self.target = self.target, None
            return reply(204) if existing else reply(404, {"code": 404, "message": "Not found", "description": "none"})
        self.target = request.json()
        return reply(200, self.target)


class Sleeps:
    """A clock on which a sleep takes no time. After ``late`` seconds of sleep, the announced call takes effect."""

    def __init__(self, late: float = 1e9, effect: t.Callable[[], None] = lambda: None) -> None:
        self.seconds, self.late, self.effect = 0.0, late, effect
        self.runtime = Runtime(monotonic=lambda: time.monotonic() + self.seconds, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        if self.seconds < self.late <= self.seconds + seconds:
            self.effect()
        self.seconds += seconds


class Scene:
    """One project with one state file."""

    def __init__(self, server: LocalServer, api: Api, path: pathlib.Path) -> None:
        self.server, self.api, self.path = server, api, path

    @property
    def requests(self) -> list[str]:
        return [request.method for request in self.server.requests]

    @property
    def calls(self) -> list[str]:
        """The requests that change something."""
        return [method for method in self.requests if method != "GET"]

    def run(self, check_mode: bool = False, runtime: Runtime | None = None, **params: t.Any) -> Outcome:
        warn = params.pop("warn", lambda _text: None)
        options = {
            "api_key": "45828062",
            "api_secret": API_SECRET,
            "api_url": self.server.url,
            "state_file": str(self.path),
            "timeout": 0.5,
            "retries": 0,
            "verify": "never",
            "fallback": "none",
            "s3": S3,
            **params,
        }
        return reconcile(options, Context(check_mode, warn=warn, runtime=runtime or Sleeps().runtime))

    def read_state(self) -> state.State:
        return state.parse(self.path.read_bytes())

    def update_state(self, **changes: t.Any) -> None:
        self.path.write_bytes(state.dump(replace(self.read_state(), **changes)))


@pytest.fixture
def scene(tmp_path: pathlib.Path) -> t.Iterator[Scene]:
    api = Api()
    with LocalServer(api) as server:
        yield Scene(server, api, tmp_path / "record.json")


def test_reconcile_twice_updates_the_target_once(scene: Scene) -> None:
    first = scene.run()
    assert first.changed
    assert (first.result["project"], first.result["reason"], first.result["storage"]) == (
        "45828062",
        "no_state_file",
        PUBLIC,
    )
    current = scene.read_state()
    assert first.result["state_file"] == {
        "location": str(scene.path),
        "status": "applied",
        "time": current.time,
        "since": current.time,
    }
    assert scene.api.target["config"]["secretKey"] == SECRET
    second = scene.run()
    assert (second.changed, second.result["reason"], scene.calls) == (False, "unchanged", ["PUT"])
    assert second.result["state_file"] == first.result["state_file"]
    assert second.before == second.after == {"state": "present", **PUBLIC, "secret_key": "(unchanged)"}
    assert scene.read_state() == current


def test_reconcile_writes_no_secret_to_state_file_and_result(scene: Scene) -> None:
    outcome = scene.run()
    shown = scene.path.read_text() + json.dumps([outcome.result, outcome.before, outcome.after])
    assert SECRET not in shown
    assert API_SECRET not in shown
    assert scene.path.stat().st_mode & 0o777 == 0o600


def announce_call(scene: Scene, seconds: float, **storage: str) -> None:
    """Another run has announced a call of that duration: a deletion without ``storage``."""
    now = time.time()
    scene.update_state(status="pending", time=format_utc(now), until=format_utc(now + seconds), storage=storage)


@pytest.mark.parametrize("storage", [{}, {**PUBLIC, "access_key": "AKIAOTHER00000000000"}])
def test_reconcile_announced_call_of_another_run_ends_first(scene: Scene, storage: dict[str, str]) -> None:
    scene.run()
    announce_call(scene, 20, **storage)
    sleeps = Sleeps(15, lambda: setattr(scene.api, "target", storage))
    outcome = scene.run(runtime=sleeps.runtime, total_timeout=60)
    assert sleeps.seconds >= 20
    assert (outcome.result["reason"], scene.calls) == ("unknown", ["PUT", "PUT"])
    assert scene.api.target["config"]["accessKey"] == KEY
    assert scene.read_state().status == "applied"


def test_reconcile_in_check_mode_waits_for_no_announced_call(scene: Scene) -> None:
    scene.run()
    announce_call(scene, 20)
    sleeps = Sleeps()
    scene.run(check_mode=True, runtime=sleeps.runtime)
    assert (sleeps.seconds, scene.calls) == (0.0, ["PUT"])


@pytest.mark.parametrize("status", [403, 404])
def test_reconcile_after_a_refused_call_does_not_wait(scene: Scene, status: int) -> None:
    """The response shows that the call is over, also if the target is unknown."""
    scene.api.fault = reply(status, {"code": -1, "message": "no"})
    with pytest.raises(errors.ArchivingError, match=f"HTTP {status}"):
        scene.run()
    assert scene.read_state().status == "pending"
    scene.api.fault, sleeps = None, Sleeps()
    assert scene.run(runtime=sleeps.runtime).changed
    assert sleeps.seconds == 0


def test_reconcile_after_a_time_out_waits_until_the_call_is_over(scene: Scene) -> None:
    scene.api.fault = reply(504)
    with pytest.raises(errors.UnreachableError):
        scene.run()
    scene.api.fault, sleeps = None, Sleeps()
    assert scene.run(runtime=sleeps.runtime).changed
    assert 85 < sleeps.seconds < 95


def test_reconcile_during_the_call_state_file_is_pending(scene: Scene) -> None:
    states: list[state.State] = []
    scene.api.meanwhile = lambda: states.append(scene.read_state())
    scene.run()
    scene.run(state="absent")
    assert [entry.status for entry in states] == ["pending", "pending"]
    assert [dict(entry.storage) for entry in states] == [PUBLIC, {}]
    assert scene.read_state().status == "absent"


def test_reconcile_in_check_mode_reports_the_same_and_writes_nothing(scene: Scene) -> None:
    planned = scene.run(check_mode=True)
    assert (planned.changed, planned.result["reason"]) == (True, "no_state_file")
    assert planned.result["state_file"] == {
        "location": str(scene.path),
        "status": None,
        "time": None,
        "since": None,
        "reason": "there is no state file yet",
    }
    assert not scene.path.exists()
    done = scene.run()
    assert (planned.before, planned.after) == (done.before, done.after)
    assert planned.before == {"state": "unknown"}
    assert planned.after["secret_key"] == "(unknown)"
    before = scene.path.read_bytes()
    assert not scene.run(check_mode=True).changed
    assert scene.run(check_mode=True, fallback="opentok").changed
    assert scene.run(check_mode=True, state="absent").changed
    assert (scene.path.read_bytes(), scene.calls) == (before, ["PUT"])


def test_reconcile_with_a_change_shows_the_difference(scene: Scene) -> None:
    scene.run()
    public = scene.run(s3={**S3, "bucket": "b-2"})
    assert public.result["reason"] == "changed"
    assert public.before == {"state": "present", **PUBLIC, "secret_key": "(unchanged)"}
    assert public.after == {"state": "present", **PUBLIC, "bucket": "b-2", "secret_key": "(unchanged)"}
    rotated = scene.run(s3={**S3, "bucket": "b-2", "secret_key": SECRET[::-1]})
    assert rotated.result["reason"] == "changed"
    assert (rotated.before["secret_key"], rotated.after["secret_key"]) == ("(recorded)", "(changed)")
    assert scene.api.target["config"]["secretKey"] == SECRET[::-1]
    assert scene.calls == ["PUT", "PUT", "PUT"]


def test_reconcile_to_azure_and_back_updates_the_target(scene: Scene) -> None:
    azure = {"account_name": "archives", "account_key": "aGlkZGVuLWtleQ==", "container": "archives"}
    scene.run()
    outcome = scene.run(s3=None, azure=azure)
    assert outcome.before["secret_key"] == "(recorded)"
    assert outcome.after["account_key"] == "(changed)"
    assert not scene.run(s3=None, azure={**azure, "account_key": ""}).changed
    back = scene.run()
    assert (back.before["account_key"], back.after["secret_key"]) == ("(recorded)", "(changed)")
    assert scene.api.target["type"] == "s3"


def test_reconcile_forced_or_expired_updates_the_target(scene: Scene) -> None:
    scene.run()
    assert scene.run(update="always").result["reason"] == "forced"
    assert scene.run(max_age=3600).result["reason"] == "unchanged"
    scene.update_state(time=format_utc(time.time() - 3601))
    assert scene.run(max_age="3600").result["reason"] == "expired"
    assert scene.run(max_age=3600).result["reason"] == "unchanged"
    assert scene.calls == ["PUT", "PUT", "PUT"]


def test_reconcile_without_state_file_always_updates_the_target(scene: Scene) -> None:
    for _unused in range(2):
        outcome = scene.run(state_file="")
        assert outcome.changed
        assert outcome.result["state_file"] == {
            "location": None,
            "status": None,
            "time": None,
            "since": None,
            "reason": "there is no state file: the option state_file is not set",
        }
    assert scene.calls == ["PUT", "PUT"]


def test_reconcile_absent_deletes_the_target_once(scene: Scene) -> None:
    scene.run()
    deleted = scene.run(state="absent", s3=None, fallback=None)
    assert (deleted.changed, deleted.result["reason"], deleted.result["storage"]) == (True, "changed", {})
    assert deleted.before == {"state": "present", **PUBLIC, "secret_key": "(recorded)"}
    assert deleted.after == {"state": "absent"}
    assert scene.api.target is None
    again = scene.run(state="absent")
    assert (again.changed, again.result["reason"]) == (False, "unchanged")
    assert scene.calls == ["PUT", "DELETE"]
    forced = scene.run(state="absent", update="always")
    assert (forced.changed, forced.result["reason"]) == (False, "forced")
    back = scene.run()
    assert (back.result["reason"], back.before) == ("changed", {"state": "absent"})


def test_reconcile_absent_with_unknown_target_deletes_it(scene: Scene) -> None:
    planned = scene.run(check_mode=True, state="absent")
    assert (planned.changed, planned.result["reason"]) == (True, "no_state_file")
    done = scene.run(state="absent")
    assert (done.changed, done.result["reason"]) == (False, "no_state_file")
    assert done.before == done.after == {"state": "absent"}
    assert scene.read_state().status == "absent"
    assert not scene.run(state="absent").changed
    assert scene.calls == ["DELETE"]


class NoBucket:
    """An S3 store without the bucket of the state file; other requests get the response of the API."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def __call__(self, request: ReceivedRequest, before: int) -> Reply:
        if request.path.startswith("/v2/"):
            return self.api(request, before)
        return Reply(404, b"<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>")


@pytest.mark.parametrize("allow", [[], ["teardown_without_api"]])
def test_reconcile_absent_with_denied_state_file_is_not_a_refusal_of_the_api(scene: Scene, allow: list[str]) -> None:
    scene.run()
    refusal = Reply(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
    scene.server.respond = lambda request, before: (
        scene.api(request, before) if request.path.startswith("/v2/") else refusal
    )
    warnings: list[str] = []
    operator = {"endpoint_url": scene.server.url, "access_key": "AK", "secret_key": "operators-secret"}
    options: dict[str, t.Any] = {"state_file": "s3://other/s.json", "allow": allow, "warn": warnings.append, **operator}
    with pytest.raises(errors.DeniedError) as caught:
        scene.run(state="absent", **options)
    assert "teardown_without_api" not in str(caught.value)
    assert warnings == []
    assert scene.api.target is not None


def test_reconcile_absent_without_bucket_of_state_file_deletes_the_target(scene: Scene) -> None:
    scene.run()
    scene.server.respond = NoBucket(scene.api)
    scene.server.requests.clear()
    operator = {"endpoint_url": scene.server.url, "access_key": "AK", "secret_key": "operators-secret"}
    options: dict[str, t.Any] = {"state_file": "s3://gone/.vonage-archiving/45828062.json", **operator}
    deleted = scene.run(state="absent", **options)
    assert (deleted.changed, deleted.result["reason"]) == (True, "no_state_file")
    assert deleted.result["state_file"] == {
        "location": "s3://gone/.vonage-archiving/45828062.json",
        "status": None,
        "time": None,
        "since": None,
        "reason": "there is no state file: its bucket does not exist",
    }
    assert scene.api.target is None
    assert not scene.run(state="absent", **options).changed
    # Two requests read the state file.
    assert scene.requests == ["GET", "DELETE", "GET", "DELETE"]
    with pytest.raises(errors.NotFoundError, match="The bucket must exist before the state file can be written"):
        scene.run(**options)
    assert scene.api.target is None


def test_reconcile_without_secret_succeeds_only_without_changes(scene: Scene) -> None:
    without = {"bucket": "b-1", "access_key": KEY, "secret_key": ""}
    scene.run()
    assert not scene.run(s3=without).changed
    scene.server.requests.clear()
    before = scene.path.read_bytes()
    cases: list[tuple[dict[str, t.Any], str]] = [
        ({"s3": {**without, "bucket": "b-2"}}, "changed"),
        ({"s3": {**without, "access_key": "AKIAIOSFODNN7ANOTHER"}}, "changed"),
        ({"s3": without, "update": "always"}, "forced"),
        ({"s3": without, "max_age": 0}, "expired"),
    ]
    for params, reason in cases:
        assert scene.run(check_mode=True, **params).result["reason"] == reason
        with pytest.raises(errors.SecretNeededError) as caught:
            scene.run(**params)
        assert f"s3.secret_key is required now and is not set (reason: {reason})" in str(caught.value)
        assert caught.value.as_result()["kind"] == "secret_needed"
    assert (scene.calls, scene.path.read_bytes()) == ([], before)
    scene.update_state(status="pending")
    with pytest.raises(errors.SecretNeededError, match="unknown, the run that wrote the state file did not finish"):
        scene.run(s3=without)


@pytest.mark.parametrize(
    ("data", "doubt", "reason"),
    [
        (b"", "there is no state file yet", "no_state_file"),
        (b"\n", "there is no state file yet", "no_state_file"),
        (b'{"format": 9}', "the state file has a format that this version does not know", "unknown"),
    ],
)
def test_reconcile_with_empty_or_damaged_state_file_replaces_it(
    scene: Scene, data: bytes, doubt: str, reason: str
) -> None:
    scene.path.write_bytes(data)
    assert scene.run(check_mode=True).result["state_file"]["reason"] == doubt
    assert scene.run().result["reason"] == reason
    assert not scene.run().changed


@pytest.mark.parametrize("data", [b"<html>", b'{"users": []}', b"root:x:0:0", b"\x00\x00\x00 ftypmp42"])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_reconcile_with_other_data_does_not_overwrite_it(scene: Scene, data: bytes, state: str) -> None:
    """A misspelled path must not destroy a file."""
    scene.path.write_bytes(data)
    for check_mode in (True, False):
        with pytest.raises(errors.NotManagedError, match="its content is no") as caught:
            scene.run(check_mode=check_mode, state=state)
        assert str(scene.path) in str(caught.value)
    assert (scene.path.read_bytes(), scene.calls) == (data, [])


def test_reconcile_with_state_file_of_another_address_replaces_it(scene: Scene) -> None:
    scene.run()
    scene.update_state(api_url="https://api.example.com")
    reason = "the state file is of the same project at another address (https://api.example.com)"
    planned = scene.run(check_mode=True)
    assert planned.result["reason"] == "unknown"
    assert planned.result["state_file"]["reason"] == reason
    assert planned.result["state_file"]["status"] == "applied"
    assert scene.run().changed
    assert scene.read_state().api_url == scene.server.url


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("check_mode", [True, False], ids=["check mode", "run"])
@pytest.mark.parametrize(
    "changes",
    [{}, {"status": "pending"}, {"status": "absent"}, {"format": 2}, {"salt": None}],
    ids=["applied", "pending", "absent", "newer format", "damaged"],
)
def test_reconcile_with_state_file_of_another_project_is_refused(
    scene: Scene, state: str, check_mode: bool, changes: dict[str, t.Any]
) -> None:
    scene.run()
    scene.path.write_text(json.dumps({**json.loads(scene.path.read_bytes()), "project": "4711", **changes}))
    before = scene.path.read_bytes()
    scene.server.requests.clear()
    with pytest.raises(errors.NotManagedError) as caught:
        scene.run(check_mode=check_mode, state=state)
    assert str(caught.value) == (
        f"Could not use the state file {scene.path} for project 45828062: it belongs to project 4711. Use one state "
        "file per project: set the option state_file (in the role archive_storage_state_file) to a location of its "
        "own. Nothing was changed."
    )
    assert (scene.path.read_bytes(), scene.calls) == (before, [])


def test_reconcile_that_loses_the_race_sends_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = Client.prepare

    def write_concurrently(client: Client) -> None:
        prepare(client)
        scene.path.write_bytes(b"of another run")

    monkeypatch.setattr(Client, "prepare", write_concurrently)
    with pytest.raises(errors.ConflictError, match="another run has written it in between"):
        scene.run()
    assert scene.calls == []
    assert scene.path.read_bytes() == b"of another run"


def test_reconcile_concurrently_leaves_the_state_file_pending(scene: Scene) -> None:
    scene.run()

    def run_concurrently() -> None:
        scene.api.meanwhile = lambda: None
        assert scene.run(s3={**S3, "bucket": "b-3"}).result["reason"] == "unknown"
        assert scene.read_state().status == "applied"

    scene.api.meanwhile = run_concurrently
    with pytest.raises(errors.ConflictError) as caught:
        scene.run(s3={**S3, "bucket": "b-2"})
    error = str(caught.value)
    assert "the order of the two changes is unknown. The state file is marked as pending. Run it again" in error
    assert scene.read_state().status == "pending"
    assert scene.run(s3={**S3, "bucket": "b-2"}).changed
    assert scene.api.target["config"]["bucket"] == "b-2"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_reconcile_with_a_definite_refusal_restores_the_state_file(scene: Scene, status: int) -> None:
    scene.run()
    before = scene.path.read_bytes()
    scene.api.fault = reply(status, {"code": -1, "message": "no"})
    with pytest.raises(errors.ArchivingError, match=f"HTTP {status}"):
        scene.run(fallback="opentok")
    assert scene.path.read_bytes() == before
    scene.api.fault = None
    assert not scene.run().changed


def test_reconcile_absent_with_404_of_a_proxy_leaves_the_state_file_pending(scene: Scene) -> None:
    scene.run()
    scene.api.fault = Reply(404, b"<html><title>404 Not Found</title></html>")
    with pytest.raises(errors.UnreachableError, match="not an error of the Vonage API"):
        scene.run(state="absent", total_timeout=20)
    assert scene.read_state().status == "pending"
    assert scene.api.target is not None
    scene.api.fault = None
    assert scene.run(state="absent").changed
    assert scene.api.target is None
    assert scene.read_state().status == "absent"


def test_reconcile_absent_after_a_slow_write_of_the_state_file_sends_nothing(scene: Scene) -> None:
    scene.run()
    before = scene.path.read_bytes()
    times = iter(range(0, 100_000, 100))
    runtime = Runtime(now=lambda: time.time() + next(times))
    with pytest.raises(errors.UnreachableError, match="took longer than the time limit of the call"):
        scene.run(runtime=runtime, state="absent", total_timeout=20)
    assert scene.path.read_bytes() == before
    assert scene.calls == ["PUT"]


def test_reconcile_with_a_refusal_and_no_previous_state_file_leaves_it_pending(scene: Scene) -> None:
    scene.api.fault = reply(403)
    runtime = Sleeps().runtime
    with pytest.raises(errors.DeniedError):
        scene.run(runtime=runtime)
    assert scene.read_state().status == "pending"
    assert runtime.changes.as_facts() == {"left_behind": [f"state file {scene.path} (pending)"]}


def test_reconcile_with_a_refusal_restores_the_state_file_and_changes_nothing(scene: Scene) -> None:
    scene.run()
    scene.api.fault = reply(403)
    runtime = Sleeps().runtime
    with pytest.raises(errors.DeniedError):
        scene.run(runtime=runtime, fallback="opentok")
    assert scene.read_state().status == "applied"
    assert runtime.changes.as_facts() == {}


@pytest.mark.parametrize("state_file", [True, False])
def test_reconcile_success_records_only_the_target(scene: Scene, state_file: bool) -> None:
    runtime = Sleeps().runtime
    scene.run(runtime=runtime, state_file=str(scene.path) if state_file else "")
    assert runtime.changes.as_facts() == {"upload_target": "set"}


def test_reconcile_of_another_run_at_the_commit_does_not_know_the_target(scene: Scene) -> None:
    scene.run()
    scene.api.meanwhile = lambda: scene.update_state(run="another run")
    runtime = Sleeps().runtime
    with pytest.raises(errors.ConflictError, match="the order of the two changes is unknown"):
        scene.run(runtime=runtime, fallback="opentok")
    assert runtime.changes.as_facts()["upload_target"] == "unknown"


@pytest.mark.parametrize(
    "fault",
    [Reply(fault="reset"), Reply(fault="hang"), reply(500), reply(429), reply(501), reply(302), reply(409), reply(201)],
)
def test_reconcile_with_an_unknown_outcome_leaves_the_state_file_pending(scene: Scene, fault: Reply) -> None:
    scene.run()
    scene.api.fault = fault
    runtime = Sleeps().runtime
    with pytest.raises(errors.ArchivingError):
        scene.run(runtime=runtime, fallback="opentok")
    assert scene.read_state().status == "pending"
    expected = {"left_behind": [f"state file {scene.path} (pending)"], "upload_target": "unknown"}
    assert runtime.changes.as_facts() == expected
    scene.api.fault = None
    assert scene.run().result["reason"] == "unknown"
    assert scene.read_state().status == "applied"


def test_reconcile_with_a_refusal_after_a_lost_response_leaves_the_state_file_pending(scene: Scene) -> None:
    scene.run()
    faults = iter([Reply(fault="reset"), reply(403)])
    scene.server.respond = lambda request, before: (
        scene.api(request, before) if request.method == "GET" else next(faults)
    )
    with pytest.raises(errors.DeniedError):
        scene.run(fallback="opentok", retries=1, timeout=5)
    assert scene.read_state().status == "pending"


def test_reconcile_with_a_late_call_marks_the_state_file_of_the_other_run_pending(scene: Scene) -> None:
    scene.run()

    def run_concurrently() -> None:
        scene.api.meanwhile = lambda: None
        scene.run(s3={**S3, "bucket": "b-3"})
        scene.api.fault = Reply(fault="reset")

    scene.api.meanwhile = run_concurrently
    with pytest.raises(errors.UnreachableError):
        scene.run(s3={**S3, "bucket": "b-2"})
    assert scene.read_state().status == "pending"


def test_reconcile_with_a_refusal_keeps_the_state_file_of_the_other_run(scene: Scene) -> None:
    scene.run()

    def run_concurrently() -> None:
        scene.api.meanwhile = lambda: None
        scene.run(s3={**S3, "bucket": "b-3"})
        scene.api.fault = reply(400)

    scene.api.meanwhile = run_concurrently
    with pytest.raises(errors.RejectedError, match="The state file could not be corrected either: another run has"):
        scene.run(s3={**S3, "bucket": "b-2"})
    assert (scene.read_state().status, scene.read_state().storage["bucket"]) == ("applied", "b-3")


def test_reconcile_with_a_crash_leaves_the_state_file_pending(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.run()

    def crash(client: Client, body: t.Any) -> CallResult:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Client, "put_storage", crash)
        with pytest.raises(KeyboardInterrupt):
            scene.run(fallback="opentok")
    assert scene.read_state().status == "pending"
    assert scene.run(fallback="opentok").result["reason"] == "unknown"


def test_reconcile_with_a_failed_commit_reports_it(scene: Scene) -> None:
    folder = scene.path.parent / "folder"
    folder.mkdir()
    scene.path = folder / "record.json"

    def vanish() -> None:
        folder.rename(folder.with_name("elsewhere"))

    scene.api.meanwhile = vanish
    with pytest.raises(errors.NotFoundError, match="The API accepted the change, but the state file may be pending"):
        scene.run()
    assert scene.api.target is not None


def test_reconcile_with_an_unwritable_state_file_sends_nothing(scene: Scene) -> None:
    with pytest.raises(errors.NotFoundError, match="Could not write the state file"):
        scene.run(state_file=str(scene.path.parent / "missing" / "record.json"))
    assert scene.calls == []


def test_reconcile_with_invalid_options_reports_all_problems_and_sends_nothing(scene: Scene) -> None:
    with pytest.raises(errors.InputError) as caught:
        scene.run(
            max_age=-1,
            api_key="/",
            state_file="s3://b-1/x",
            access_key="operator",
        )
    options = [re.sub(r":? .*", "", problem) for problem in map(str, caught.value.problems)]
    assert options == ["max_age", "api_key", "secret_key"]
    with pytest.raises(errors.InputError) as caught:
        scene.run(s3=None, fallback="", state_file="here", timeout=0)
    assert len(caught.value.problems) == 4
    assert scene.calls == []


@pytest.mark.parametrize(
    ("options", "secret"),
    [
        ({"s3": {"bucket": "b-1", "access_key": SECRET, "secret_key": KEY}}, SECRET),
        ({"api_key": "0123456789abcdef0123456789abcdef01234567"}, "0123456789abcdef0123456789abcdef01234567"),
        ({"certificate": "-----BEGIN PRIVATE KEY-----\nMII"}, "-----BEGIN PRIVATE KEY-----\nMII"),
        ({"api_key": "1:0123456789abcdef0123456789abcdef01234567"}, "1:0123456789abcdef0123456789abcdef01234567"),
        ({"s3": None, "azure": {"account_name": "sig=hidden", "container": "archives"}}, "sig=hidden"),
    ],
)
def test_execute_misplaced_secret_is_registered_and_redacted(
    scene: Scene, options: dict[str, t.Any], secret: str
) -> None:
    registered: list[str] = []
    context = Context(register_secret=registered.append)
    result = execute(lambda params, _context: scene.run(**params), options, context)
    assert result["error"]["kind"] == "input"
    assert secret not in json.dumps(result)
    assert registered == [secret]
    assert scene.calls == []


def test_reconcile_reads_credentials_from_the_environment(scene: Scene) -> None:
    context = t.cast(
        t.Any,
        Context(
            environ={
                "VONAGE_VIDEO_API_KEY": "45828062",
                "VONAGE_VIDEO_API_SECRET": API_SECRET,
                "VONAGE_VIDEO_API_URL": scene.server.url,
            }
        ),
    )
    outcome = reconcile({"s3": S3, "fallback": "none", "api_key": "", "verify": "never"}, context)
    assert outcome.result["project"] == "45828062"


def test_reconcile_of_many_projects_concurrently_is_independent(scene: Scene) -> None:
    def run(number: int) -> Outcome:
        return scene.run(api_key=str(number), state_file=str(scene.path.with_name(f"{number}.json")))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(outcome.changed for outcome in pool.map(run, range(40)))
        assert not any(outcome.changed for outcome in pool.map(run, range(40)))
    assert len(scene.calls) == 40


# The check of the credentials.


def test_reconcile_checks_the_credentials_before_the_first_update_only(scene: Scene) -> None:
    scene.run(check_mode=True)
    assert scene.requests == ["GET"]
    scene.run()
    assert scene.requests == ["GET", "GET", "PUT"]
    assert scene.server.requests[0].path == "/v2/project/45828062/archive?count=1"
    scene.run()
    scene.run(check_mode=True)
    assert scene.requests == ["GET", "GET", "PUT"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_reconcile_with_refused_credentials_changes_nothing(scene: Scene, check_mode: bool) -> None:
    scene.api.refusal = reply(403, {"code": 403, "message": "Invalid token"})
    with pytest.raises(errors.DeniedError, match="Could not check the credentials of project 45828062"):
        scene.run(check_mode)
    assert (scene.requests, scene.path.exists()) == (["GET"], False)


def test_reconcile_with_another_api_secret_checks_it_although_the_target_is_unchanged(scene: Scene) -> None:
    """Without the secret of the target, nothing else shows that the API secret is another one."""
    scene.run()
    scene.api.refusal = reply(401, {"code": 401, "message": "no"})
    keyless = {name: value for name, value in S3.items() if name != "secret_key"}
    with pytest.raises(errors.DeniedError):
        scene.run(api_secret="f" * 40, s3=keyless)
    assert not scene.run(s3=keyless).changed
    assert not scene.run(api_secret="f" * 40, s3=keyless, preflight="never").changed
    with pytest.raises(errors.DeniedError):
        scene.run(s3=keyless, preflight="always")


# The deletion although the API refuses the credentials.

FORBIDDEN = {"code": 403, "message": "Invalid token"}


@pytest.mark.parametrize("status", [401, 403])
def test_reconcile_absent_with_refused_credentials_names_the_remedy(scene: Scene, status: int) -> None:
    scene.run()
    before = scene.path.read_bytes()
    scene.api.fault = scene.api.refusal = reply(status, FORBIDDEN)
    for check_mode in (True, False):
        with pytest.raises(errors.DeniedError, match="add teardown_without_api to the option allow"):
            scene.run(check_mode, state="absent", s3=None)
        assert scene.path.read_bytes() == before


@pytest.mark.parametrize("status", [401, 403])
def test_reconcile_absent_without_api_deletes_the_state_file_and_warns(scene: Scene, status: int) -> None:
    scene.run()
    scene.api.fault = scene.api.refusal = reply(status, FORBIDDEN)
    options: dict[str, t.Any] = {"state": "absent", "s3": None, "allow": ["teardown_without_api"]}
    assert not scene.run(check_mode=True, **options).changed
    assert scene.path.exists()
    warnings: list[str] = []
    outcome = scene.run(warn=warnings.append, **options)
    assert not scene.path.exists()
    # The external key still works.
    (warning,) = warnings
    assert "While it exists, recordings go to it, and fail without its access key." in warning
    assert (outcome.result["reason"], outcome.result["changes"]) == ("refused", [])
    assert outcome.result["state_file"]["reason"].startswith("the upload target may still exist: http")
    # A later run with correct credentials deletes the target.
    scene.api.fault = scene.api.refusal = None
    assert scene.run(state="absent", s3=None).changed
    assert scene.api.target is None


def test_reconcile_absent_without_api_waits_for_the_call_of_another_run(scene: Scene) -> None:
    scene.run()
    scene.api.fault = scene.api.refusal = reply(403, FORBIDDEN)
    scene.api.meanwhile = lambda: announce_call(scene, 20)
    sleeps = Sleeps()
    scene.run(runtime=sleeps.runtime, state="absent", s3=None, allow=["teardown_without_api"])
    assert sleeps.seconds > 20
    assert not scene.path.exists()


@pytest.mark.parametrize("status", [404, 503])
def test_reconcile_absent_without_api_needs_a_refusal(scene: Scene, status: int) -> None:
    scene.run()
    scene.api.fault = reply(status)
    with pytest.raises(errors.UnreachableError):
        scene.run(state="absent", s3=None, allow=["teardown_without_api"])
    assert scene.path.exists()


def test_reconcile_present_with_allow_is_refused(scene: Scene) -> None:
    with pytest.raises(errors.InputError, match="allow: teardown_without_api requires state=absent"):
        scene.run(allow=["teardown_without_api"])
