# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case: what is written, in which order, and what is left wherever it is cut off."""

from __future__ import annotations

import concurrent.futures
import json
import pathlib
import re
import time
import typing as t
from dataclasses import dataclass, field, replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.apply import SecretNeededError
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.client import Client, Done
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    Asked,
    LocalServer,
    Reply,
    reply,
)

API_SECRET = "0123456789abcdef0123456789abcdef01234567"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
S3 = {"bucket": "b-1", "access_key": KEY, "secret_key": SECRET}
PUBLIC = {"type": "s3", "bucket": "b-1", "access_key": KEY, "sse": "s3", "fallback": "none"}


@dataclass
class Context:
    check_mode: bool = False
    environ: t.Mapping[str, str] = field(default_factory=dict)
    warn: t.Callable[[str], None] = lambda text: None


class Api:
    """Behaves as the API does; ``meanwhile`` runs while a call is under way, ``fault`` is answered instead."""

    def __init__(self) -> None:
        self.target: t.Any = None
        self.meanwhile: t.Callable[[], None] = lambda: None
        self.fault: Reply | None = None

    def __call__(self, asked: Asked, before: int) -> Reply:
        self.meanwhile()
        if self.fault:
            return self.fault
        if asked.method == "DELETE":
            found, self.target = self.target, None
            return reply(204) if found else reply(404, {"code": 404, "message": "Not found", "description": "none"})
        self.target = asked.json()
        return reply(200, self.target)


class Scene:
    """One project, one state file, and the means to run against them."""

    def __init__(self, server: LocalServer, api: Api, path: pathlib.Path) -> None:
        self.server, self.api, self.path = server, api, path

    @property
    def calls(self) -> list[str]:
        return [asked.method for asked in self.server.asked]

    def run(self, check_mode: bool = False, **params: t.Any) -> Outcome:
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
        context = t.cast(t.Any, Context(check_mode))
        return reconcile(options, context)

    def kept(self) -> state.State:
        return state.parse(self.path.read_bytes())

    def keep(self, **changes: t.Any) -> None:
        self.path.write_bytes(state.dump(replace(self.kept(), **changes)))


@pytest.fixture
def scene(tmp_path: pathlib.Path) -> t.Iterator[Scene]:
    api = Api()
    with LocalServer(api) as server:
        yield Scene(server, api, tmp_path / "record.json")


def test_the_first_run_sets_it_and_the_second_changes_nothing(scene: Scene) -> None:
    first = scene.run()
    assert first.changed
    assert (first.result["project"], first.result["reason"], first.result["storage"]) == ("45828062", "unknown", PUBLIC)
    kept = scene.kept()
    assert first.result["state_file"] == {
        "location": str(scene.path),
        "status": "applied",
        "time": kept.time,
        "since": kept.time,
    }
    assert scene.api.target["config"]["secretKey"] == SECRET
    second = scene.run()
    assert (second.changed, second.result["reason"], scene.calls) == (False, "unchanged", ["PUT"])
    assert second.result["state_file"] == first.result["state_file"]
    assert second.before == second.after == {"state": "present", **PUBLIC, "secret_key": "(unchanged)"}
    assert scene.kept() == kept


def test_the_record_and_the_result_hold_no_secret(scene: Scene) -> None:
    outcome = scene.run()
    shown = scene.path.read_text() + json.dumps([outcome.result, outcome.before, outcome.after])
    assert SECRET not in shown
    assert API_SECRET not in shown
    assert scene.path.stat().st_mode & 0o777 == 0o600


def test_it_is_pending_while_the_call_is_under_way(scene: Scene) -> None:
    seen: list[state.State] = []
    scene.api.meanwhile = lambda: seen.append(scene.kept())
    scene.run()
    scene.run(state="absent")
    assert [each.status for each in seen] == ["pending", "pending"]
    assert [dict(each.storage) for each in seen] == [PUBLIC, {}]
    assert scene.kept().status == "absent"


def test_check_mode_says_the_same_and_writes_nothing(scene: Scene) -> None:
    planned = scene.run(check_mode=True)
    assert (planned.changed, planned.result["reason"]) == (True, "unknown")
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


def test_a_change_shows_what_differs(scene: Scene) -> None:
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


def test_a_change_to_azure_and_back(scene: Scene) -> None:
    azure = {"account_name": "archives", "account_key": "aGlkZGVuLWtleQ==", "container": "archives"}
    scene.run()
    there = scene.run(s3=None, azure=azure)
    assert there.before["secret_key"] == "(recorded)"
    assert there.after["account_key"] == "(changed)"
    assert not scene.run(s3=None, azure={**azure, "account_key": ""}).changed
    back = scene.run()
    assert (back.before["account_key"], back.after["secret_key"]) == ("(recorded)", "(changed)")
    assert scene.api.target["type"] == "s3"


def test_forced_and_expired(scene: Scene) -> None:
    scene.run()
    assert scene.run(update="always").result["reason"] == "forced"
    assert scene.run(max_age=3600).result["reason"] == "unchanged"
    scene.keep(time=state.stamp(time.time() - 3601))
    assert scene.run(max_age="3600").result["reason"] == "expired"
    assert scene.run(max_age=3600).result["reason"] == "unchanged"
    assert scene.calls == ["PUT", "PUT", "PUT"]


def test_without_a_record_every_run_sets_it(scene: Scene) -> None:
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


def test_absent(scene: Scene) -> None:
    scene.run()
    gone = scene.run(state="absent", s3=None, fallback=None)
    assert (gone.changed, gone.result["reason"], gone.result["storage"]) == (True, "changed", {})
    assert gone.before == {"state": "present", **PUBLIC, "secret_key": "(recorded)"}
    assert gone.after == {"state": "absent"}
    assert scene.api.target is None
    again = scene.run(state="absent")
    assert (again.changed, again.result["reason"]) == (False, "unchanged")
    assert scene.calls == ["PUT", "DELETE"]
    forced = scene.run(state="absent", update="always")
    assert (forced.changed, forced.result["reason"]) == (False, "forced")
    back = scene.run()
    assert (back.result["reason"], back.before) == ("changed", {"state": "absent"})


def test_absent_when_nobody_knows(scene: Scene) -> None:
    planned = scene.run(check_mode=True, state="absent")
    assert (planned.changed, planned.result["reason"]) == (True, "unknown")
    done = scene.run(state="absent")
    assert (done.changed, done.result["reason"]) == (False, "unknown")
    assert done.before == done.after == {"state": "absent"}
    assert scene.kept().status == "absent"
    assert not scene.run(state="absent").changed
    assert scene.calls == ["DELETE"]


class NoBucket:
    """An S3 store in which the bucket of the state file is gone; everything else is asked of the API."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def __call__(self, asked: Asked, before: int) -> Reply:
        if asked.path.startswith("/v2/"):
            return self.api(asked, before)
        return Reply(404, b"<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>")


def test_absent_needs_no_bucket_for_its_record(scene: Scene) -> None:
    scene.run()
    scene.server.answer = NoBucket(scene.api)
    scene.server.asked.clear()
    operator = {"endpoint_url": scene.server.url, "access_key": "AK", "secret_key": "operators-secret"}
    options: dict[str, t.Any] = {"state_file": "s3://gone/.vonage-archiving/45828062.json", **operator}
    gone = scene.run(state="absent", **options)
    assert (gone.changed, gone.result["reason"]) == (True, "unknown")
    assert gone.result["state_file"] == {
        "location": "s3://gone/.vonage-archiving/45828062.json",
        "status": None,
        "time": None,
        "since": None,
        "reason": "there is no state file: its bucket does not exist",
    }
    assert scene.api.target is None
    assert not scene.run(state="absent", **options).changed
    assert scene.calls == ["GET", "DELETE", "GET", "DELETE"]
    with pytest.raises(errors.NotFoundError, match="The bucket must be there before the state file can be written"):
        scene.run(**options)
    assert scene.api.target is None


def test_a_secret_can_be_left_out_while_nothing_changes(scene: Scene) -> None:
    without = {"bucket": "b-1", "access_key": KEY, "secret_key": ""}
    scene.run()
    assert not scene.run(s3=without).changed
    scene.server.asked.clear()
    before = scene.path.read_bytes()
    cases: list[tuple[dict[str, t.Any], str]] = [
        ({"s3": {**without, "bucket": "b-2"}}, "changed"),
        ({"s3": {**without, "access_key": "AKIAIOSFODNN7ANOTHER"}}, "changed"),
        ({"s3": without, "update": "always"}, "forced"),
        ({"s3": without, "max_age": 0}, "expired"),
    ]
    for params, reason in cases:
        assert scene.run(check_mode=True, **params).result["reason"] == reason
        with pytest.raises(SecretNeededError) as caught:
            scene.run(**params)
        assert f"s3.secret_key is required now and is not set (reason: {reason})" in str(caught.value)
        assert caught.value.as_result()["kind"] == "secret_needed"
    assert (scene.calls, scene.path.read_bytes()) == ([], before)
    scene.keep(status="pending")
    with pytest.raises(SecretNeededError, match="unknown, the run that wrote the state file did not finish"):
        scene.run(s3=without)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "there is no state file yet"),
        (b"\n", "there is no state file yet"),
        (b'{"format": 9}', "the state file has a format that this version does not know"),
    ],
)
def test_an_empty_file_and_a_damaged_record_are_replaced(scene: Scene, data: bytes, why: str) -> None:
    scene.path.write_bytes(data)
    assert scene.run(check_mode=True).result["state_file"]["reason"] == why
    assert scene.run().result["reason"] == "unknown"
    assert not scene.run().changed


@pytest.mark.parametrize("data", [b"<html>", b'{"users": []}', b"root:x:0:0", b"\x00\x00\x00 ftypmp42"])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_is_no_record_is_not_overwritten(scene: Scene, data: bytes, state: str) -> None:
    """A mistyped path must not cost somebody a file."""
    scene.path.write_bytes(data)
    for check_mode in (True, False):
        with pytest.raises(errors.NotManagedError, match="its content is no") as caught:
            scene.run(check_mode=check_mode, state=state)
        assert str(scene.path) in str(caught.value)
    assert (scene.path.read_bytes(), scene.calls) == (data, [])


def test_observe_state_file_of_the_same_project_at_another_address_is_shown_and_replaced(scene: Scene) -> None:
    scene.run()
    scene.keep(api_url="https://api.example.com")
    why = "the state file is of the same project at another address (https://api.example.com)"
    planned = scene.run(check_mode=True)
    assert planned.result["reason"] == "unknown"
    assert planned.result["state_file"]["reason"] == why
    assert planned.result["state_file"]["status"] == "applied"
    assert scene.run().changed
    assert scene.kept().api_url == scene.server.url


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("check_mode", [True, False], ids=["check mode", "run"])
@pytest.mark.parametrize(
    "changes",
    [{}, {"status": "pending"}, {"status": "absent"}, {"format": 2}, {"salt": None}],
    ids=["applied", "pending", "absent", "newer format", "damaged"],
)
def test_observe_state_file_of_another_project_is_refused_and_kept(
    scene: Scene, state: str, check_mode: bool, changes: dict[str, t.Any]
) -> None:
    scene.run()
    scene.path.write_text(json.dumps({**json.loads(scene.path.read_bytes()), "project": "4711", **changes}))
    before = scene.path.read_bytes()
    scene.server.asked.clear()
    with pytest.raises(errors.NotManagedError) as caught:
        scene.run(check_mode=check_mode, state=state)
    assert str(caught.value) == (
        f"Could not use the state file {scene.path} for project 45828062: it belongs to project 4711. Use one state "
        "file per project: set the option state_file (in the role archive_storage_state_file) to a location of its "
        "own. Nothing was changed."
    )
    assert (scene.path.read_bytes(), scene.calls) == (before, [])


def test_who_loses_the_race_sends_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = Client.prepare

    def overtaken(client: Client) -> None:
        prepare(client)
        scene.path.write_bytes(b"of another run")

    monkeypatch.setattr(Client, "prepare", overtaken)
    with pytest.raises(errors.ConflictError, match="another run has written it in between"):
        scene.run()
    assert scene.calls == []
    assert scene.path.read_bytes() == b"of another run"


def test_two_runs_at_the_same_time_leave_no_lie(scene: Scene) -> None:
    scene.run()

    def overtake() -> None:
        scene.api.meanwhile = lambda: None
        assert scene.run(s3={**S3, "bucket": "b-3"}).result["reason"] == "unknown"
        assert scene.kept().status == "applied"

    scene.api.meanwhile = overtake
    with pytest.raises(errors.ConflictError) as caught:
        scene.run(s3={**S3, "bucket": "b-2"})
    error = str(caught.value)
    assert "which of the two came last is not known. The state file is marked as pending: run it again" in error
    assert scene.kept().status == "pending"
    assert scene.run(s3={**S3, "bucket": "b-2"}).changed
    assert scene.api.target["config"]["bucket"] == "b-2"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_plain_refusal_puts_the_record_back(scene: Scene, status: int) -> None:
    scene.run()
    before = scene.path.read_bytes()
    scene.api.fault = reply(status, {"code": -1, "message": "no"})
    with pytest.raises(errors.ArchivingError, match=f"HTTP {status}"):
        scene.run(fallback="opentok")
    assert scene.path.read_bytes() == before
    scene.api.fault = None
    assert not scene.run().changed


def test_absent_404_of_a_proxy_is_an_error_and_the_state_file_does_not_become_absent(scene: Scene) -> None:
    scene.run()
    scene.api.fault = Reply(404, b"<html><title>404 Not Found</title></html>")
    # The next run waits for the call that this one has announced.
    with pytest.raises(errors.UnreachableError, match="not an error of the Vonage API"):
        scene.run(state="absent", total_timeout=0.5)
    assert scene.kept().status == "pending"
    assert scene.api.target is not None
    scene.api.fault = None
    assert scene.run(state="absent").changed
    assert scene.api.target is None
    assert scene.kept().status == "absent"


def test_a_plain_refusal_without_a_record_to_put_back_leaves_it_pending(scene: Scene) -> None:
    scene.api.fault = reply(403)
    with pytest.raises(errors.DeniedError):
        scene.run()
    assert scene.kept().status == "pending"


@pytest.mark.parametrize(
    "fault",
    [Reply(fault="reset"), Reply(fault="hang"), reply(500), reply(429), reply(501), reply(302), reply(409), reply(201)],
)
def test_anything_less_than_a_refusal_leaves_it_pending(scene: Scene, fault: Reply) -> None:
    scene.run()
    scene.api.fault = fault
    with pytest.raises(errors.ArchivingError):
        scene.run(fallback="opentok")
    assert scene.kept().status == "pending"
    scene.api.fault = None
    assert scene.run().result["reason"] == "unknown"
    assert scene.kept().status == "applied"


def test_a_refusal_after_a_try_without_an_answer_leaves_it_pending(scene: Scene) -> None:
    scene.run()
    faults = iter([Reply(fault="reset"), reply(403)])
    scene.server.answer = lambda asked, before: next(faults)
    with pytest.raises(errors.DeniedError):
        scene.run(fallback="opentok", retries=1, timeout=5)
    assert scene.kept().status == "pending"


def test_a_call_that_may_take_effect_late_casts_doubt_on_the_run_that_overtook_it(scene: Scene) -> None:
    scene.run()

    def overtake() -> None:
        scene.api.meanwhile = lambda: None
        scene.run(s3={**S3, "bucket": "b-3"})
        scene.api.fault = Reply(fault="reset")

    scene.api.meanwhile = overtake
    with pytest.raises(errors.UnreachableError):
        scene.run(s3={**S3, "bucket": "b-2"})
    assert scene.kept().status == "pending"


def test_a_refused_run_leaves_the_record_of_the_one_that_overtook_it(scene: Scene) -> None:
    scene.run()

    def overtake() -> None:
        scene.api.meanwhile = lambda: None
        scene.run(s3={**S3, "bucket": "b-3"})
        scene.api.fault = reply(400)

    scene.api.meanwhile = overtake
    with pytest.raises(
        errors.RejectedError, match="Then the state file could not be corrected either: another run has"
    ):
        scene.run(s3={**S3, "bucket": "b-2"})
    assert (scene.kept().status, scene.kept().storage["bucket"]) == ("applied", "b-3")


def test_a_crash_leaves_it_pending(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.run()

    def crash(client: Client, body: t.Any) -> Done:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Client, "put_storage", crash)
        with pytest.raises(KeyboardInterrupt):
            scene.run(fallback="opentok")
    assert scene.kept().status == "pending"
    assert scene.run(fallback="opentok").result["reason"] == "unknown"


def test_a_record_that_cannot_be_finished_is_told(scene: Scene) -> None:
    folder = scene.path.parent / "folder"
    folder.mkdir()
    scene.path = folder / "record.json"

    def vanish() -> None:
        folder.rename(folder.with_name("elsewhere"))

    scene.api.meanwhile = vanish
    with pytest.raises(errors.NotFoundError, match="The API has agreed, but the state file says pending"):
        scene.run()
    assert scene.api.target is not None


def test_a_record_that_cannot_be_begun_sends_nothing(scene: Scene) -> None:
    with pytest.raises(errors.NotFoundError, match="Could not write the state file"):
        scene.run(state_file=str(scene.path.parent / "missing" / "record.json"))
    assert scene.calls == []


def test_everything_wrong_is_told_at_once_and_nothing_sent(scene: Scene) -> None:
    with pytest.raises(errors.InputError) as caught:
        scene.run(
            state="gone",
            update="never",
            max_age=-1,
            api_key="/",
            state_file="s3://b-1/x",
            access_key="operator",
        )
    found = [re.sub(r":? .*", "", problem) for problem in caught.value.problems]
    assert found == ["state", "update", "max_age", "api_key", "access_key"]
    with pytest.raises(errors.InputError) as caught:
        scene.run(s3=None, fallback="", state_file="here", timeout=0)
    assert len(caught.value.problems) == 4
    assert scene.calls == []


def test_a_secret_in_the_wrong_place_is_handed_over_to_be_hidden(scene: Scene) -> None:
    with pytest.raises(errors.InputError) as caught:
        scene.run(s3={"bucket": "b-1", "access_key": SECRET, "secret_key": KEY})
    assert caught.value.secrets == [SECRET]
    assert SECRET not in str(caught.value)
    with pytest.raises(errors.InputError) as caught:
        scene.run(api_key="0123456789abcdef0123456789abcdef01234567")
    assert caught.value.secrets == ["0123456789abcdef0123456789abcdef01234567"]
    assert scene.calls == []


@pytest.mark.parametrize(
    ("options", "secret"),
    [
        ({"certificate": "-----BEGIN PRIVATE KEY-----\nMII"}, "-----BEGIN PRIVATE KEY-----\nMII"),
        ({"api_key": "1:0123456789abcdef0123456789abcdef01234567"}, "1:0123456789abcdef0123456789abcdef01234567"),
        ({"s3": None, "azure": {"account_name": "sig=hidden", "container": "archives"}}, "sig=hidden"),
    ],
)
def test_every_secret_in_the_wrong_place_is_handed_over(scene: Scene, options: dict[str, t.Any], secret: str) -> None:
    with pytest.raises(errors.InputError) as caught:
        scene.run(**options)
    assert caught.value.secrets == [secret]
    assert scene.calls == []


def test_credentials_may_come_from_the_environment(scene: Scene) -> None:
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


def test_many_projects_at_once(scene: Scene) -> None:
    def one(number: int) -> Outcome:
        return scene.run(api_key=str(number), state_file=str(scene.path.with_name(f"{number}.json")))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(outcome.changed for outcome in pool.map(one, range(40)))
        assert not any(outcome.changed for outcome in pool.map(one, range(40)))
    assert len(scene.calls) == 40
