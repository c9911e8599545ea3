# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps for one project: their order, what is left out, and what comes after a failure."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._arguments import validated
from ansible_collections.vonage.archiving.plugins.module_utils._aws import bucket, upload_check
from ansible_collections.vonage.archiving.plugins.module_utils._fleet import project
from ansible_collections.vonage.archiving.plugins.module_utils._fleet.options import (
    ARGUMENTS,
    OF_ONE_PROJECT,
)
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._rotation import run as rotation
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import account, listing, record, storage
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.archives import Archive, Page

PROJECT = "47123456"
APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
SECRET = "0123456789abcdef0123456789abcdef01234567"
ACCOUNT: dict[str, t.Any] = {"account_key": "1234567", "account_secret": "fedcba9876543210fedcba9876543210fedcba98"}
GIVEN = {"uploader": "given", "uploader_access_key": "AKIAIOSFODNN7EXAMPLE"}
SET_AT = 1_800_000_000.0
RECORD = {"location": "s3://recordings/r.json", "status": record.APPLIED, "time": record.stamp(SET_AT), "since": ""}
DENIED = errors.DeniedError("do it", "403")
REQUIREMENTS = ("require_tls", "require_encryption")
PLAN, DONE = {"fallback": "opentok"}, {"fallback": "none"}


class World:
    """Stand-ins for all use cases; what they were asked is noted as ``name:mode:detail``.

    :ivar answers: the outcome, or the error, of the next call that is noted so.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.answers: dict[str, t.Any] = {}
        self.warnings: list[str] = []
        self.learned: list[str] = []
        self.environs: list[dict[str, str]] = []
        self.archives: list[Archive] = []
        self.clients: list[t.Any] = []
        for name, module in (
            ("bucket", bucket),
            ("rotation", rotation),
            ("storage", storage),
            ("check", upload_check),
        ):
            monkeypatch.setattr(module, "reconcile", self._use_case(name))
        monkeypatch.setattr(account, "fetch_some", self._fetch)
        monkeypatch.setattr(listing, "fetch_page", self._page)
        monkeypatch.setattr(project, "Client", self._client)

    def _use_case(self, name: str) -> t.Callable[[t.Mapping[str, t.Any], Context], Outcome]:
        def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
            detail = str(params.get("proof", ""))
            if name == "bucket" and not params["defer_requirements"]:
                detail = ",".join(each for each in REQUIREMENTS if params[each])
            if name == "storage" and params["check_previous_target"]:
                detail = "previous"
            self.environs.append(dict(context.environ))
            return t.cast(Outcome, self._answer(f"{name}:{'check' if context.check_mode else 'real'}:{detail}"))

        return reconcile

    def _answer(self, call: str) -> t.Any:
        self.calls.append(call)
        usual = {"bucket": made(), "rotation": rotated(), "storage": stored(), "check": Outcome(False, {"checks": []})}
        found = self.answers.get(call, usual[call.partition(":")[0]])
        found = found.pop(0) if isinstance(found, list) else found
        if isinstance(found, Exception):
            raise found
        return found

    def _fetch(self, owner: t.Any, ids: t.Sequence[str]) -> list[t.Any]:
        self.calls.append(f"secret of {','.join(ids)} by {owner.id}")
        if "secret" in self.answers:
            raise self.answers["secret"]
        return [SimpleNamespace(secret=SECRET) for _each in ids]

    def _client(self, who: t.Any) -> t.Any:
        self.clients.append(who)
        return SimpleNamespace(prepare=lambda: None)

    def _page(self, _client: t.Any, who: t.Any, offset: int, count: int) -> Page:
        self.calls.append(f"archives of {who.id}: {offset}+{count}")
        if "archives" in self.answers:
            raise self.answers["archives"]
        return Page(len(self.archives), tuple(self.archives))

    def run(
        self,
        variables: t.Mapping[str, t.Any] | None = None,
        check_mode: bool = False,
        environ: t.Mapping[str, str] | None = None,
        **options: t.Any,
    ) -> Outcome:
        given = {"bucket": "recordings", **(variables or {})}
        usual = {"project": PROJECT, "api_secret": SECRET, "archives": 0}
        params = validated(ARGUMENTS, {**usual, "variables": given, **options}, ["variables"])
        context = Context(check_mode, environ or {}, self.warnings.append, self.learned.append)
        return project.reconcile(params, context)


def made(*changes: str, pending: t.Sequence[str] = ()) -> Outcome:
    result = {"changes": list(changes), "bucket": {"name": "recordings"}, "pending_requirements": list(pending)}
    return Outcome(bool(changes), result, {}, dict.fromkeys(changes, 1))


def rotated(*changes: str, changed: bool = False, **more: t.Any) -> Outcome:
    empty: dict[str, t.Any] = {
        "uploader": {},
        "checks": [],
        "access_keys": [],
        "rotate_at": None,
        "waits": "",
        "retained_keys_until": None,
        "proof": "",
    }
    told = {
        "storage": {"bucket": "recordings", "access_key": "AKIA"},
        "reason": "changed" if changes else "unchanged",
        "record": RECORD,
    }
    return Outcome(changed, {"changes": list(changes), **empty, **told, **more}, {}, dict.fromkeys(changes, 1))


def stored(reason: str = "unchanged", changed: bool = False, in_use: bool = False) -> Outcome:
    told = {"storage": {"bucket": "recordings", "access_key": "AKIA"}, "reason": reason, "record": RECORD}
    told["previous_target"] = {"in_use": in_use, "until": "2027-01-15T08:00:00Z", "reason": ""}
    return Outcome(changed, told, PLAN, DONE if reason != "unchanged" else PLAN)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


PLANNED = "rotation:check:none"


def test_managed_and_nothing_to_do(world: World) -> None:
    found = world.run()
    assert world.calls == [PLANNED, "bucket:real:"]
    assert not found.changed
    assert found.before == found.after == {}
    assert (found.result["project"], found.result["reason"]) == (PROJECT, "unchanged")
    assert found.result["archives"] is None
    assert isinstance(found.result["seconds"], float)


@pytest.mark.parametrize(
    ("verify", "bucket", "planned", "proof"),
    [
        (True, (), (), None),
        (True, ("tags",), (), "always"),
        (True, (), ("target",), "new"),
        (True, ("tags",), ("target",), "always"),
        (False, (), (), None),
        (False, ("tags",), (), None),
        (False, ("tags",), ("target",), "none"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_managed_as_the_role_does(
    world: World, verify: bool, bucket: tuple[str, ...], planned: tuple[str, ...], proof: str | None, check_mode: bool
) -> None:
    mode = "check" if check_mode else "real"
    world.answers = {PLANNED: rotated(*planned), f"bucket:{mode}:": made(*bucket)}
    second = f"rotation:{mode}:{proof}"
    if second != PLANNED:
        world.answers[second] = rotated(*planned, changed=bool(planned))
    found = world.run({"verify": verify}, check_mode)
    assert world.calls == [PLANNED, f"bucket:{mode}:", *([second] if proof else [])]
    assert found.changed is (bool(bucket) or (bool(planned) and second != PLANNED))
    assert set(found.after) == {
        *(["bucket recordings"] if bucket else []),
        *(["upload target and uploader"] if planned else []),
    }


@pytest.mark.parametrize(
    ("verify", "secret", "bucket", "reason", "steps"),
    [
        (True, "s", (), "unchanged", []),
        (True, None, ("tags",), "unchanged", []),
        (True, "s", ("tags",), "unchanged", ["check"]),
        (True, "s", (), "changed", ["check", "storage"]),
        (False, "s", ("tags",), "expired", ["storage"]),
        (False, "s", ("tags",), "unchanged", []),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_given_as_the_role_does(
    world: World,
    verify: bool,
    secret: str | None,
    bucket: tuple[str, ...],
    reason: str,
    steps: list[str],
    check_mode: bool,
) -> None:
    mode = "check" if check_mode else "real"
    world.answers = {"storage:check:": stored(reason, True), f"bucket:{mode}:": made(*bucket)}
    world.answers[f"storage:{mode}:"] = stored(reason, True)
    found = world.run({**GIVEN, "verify": verify}, check_mode, uploader_secret_key=secret)
    assert world.calls == ["storage:check:", f"bucket:{mode}:", *[f"{step}:{mode}:" for step in steps]]
    assert found.changed is (bool(bucket) or reason != "unchanged")
    assert (found.result["uploader"], found.result["access_keys"]) == ({}, [])


def test_the_secret_of_the_uploader_is_asked_for_while_nothing_has_been_touched(world: World) -> None:
    world.answers = {"storage:check:": stored("unknown", True)}
    found = world.run(GIVEN)
    assert world.calls == ["storage:check:"]
    assert found.failed
    assert found.result["error"]["kind"] == "secret_needed"
    assert not found.changed
    # In check mode there is no need of it.
    assert not world.run(GIVEN, check_mode=True).failed


MANAGED_STEPS = (PLANNED, "bucket:real:", "rotation:real:always")
GIVEN_STEPS = ("storage:check:", "bucket:real:", "check:real:", "storage:real:")
APPLY = "bucket:real:require_encryption"


def prepare(
    world: World, steps: tuple[str, ...], *changes: str, pending: t.Sequence[str] = ()
) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    world.answers = {PLANNED: rotated("target"), "storage:check:": stored("changed")}
    world.answers["bucket:real:"] = made(*changes, pending=pending)
    variables = {"require_encryption": True, **({} if steps == MANAGED_STEPS else GIVEN)}
    return variables, {} if steps == MANAGED_STEPS else {"uploader_secret_key": "s"}


@pytest.mark.parametrize("steps", [MANAGED_STEPS, GIVEN_STEPS], ids=["managed", "given"])
@pytest.mark.parametrize("at", [0, 1, 2, -1])
@pytest.mark.parametrize("error", [DENIED, RuntimeError("a bug")], ids=["refused", "bug"])
def test_reconcile_after_a_failure_applies_no_requirement(
    world: World, steps: tuple[str, ...], at: int, error: Exception
) -> None:
    at %= len(steps)
    variables, options = prepare(world, steps, "tags", pending=["require_encryption"])
    world.answers[steps[at]] = error
    if isinstance(error, errors.ArchivingError):
        found = world.run(variables, **options)
        assert found.failed
        assert found.result["error"]["kind"] == "denied"
        assert found.result["bucket_changes"] == (["tags"] if at > 1 else [])
        assert found.changed is (at > 1)
        assert (found.after != {}) is (at > 1)
        assert found.result["project"] == PROJECT
    else:
        with pytest.raises(RuntimeError):
            world.run(variables, **options)
    assert world.calls == list(steps[: at + 1])


@pytest.mark.parametrize("steps", [MANAGED_STEPS, GIVEN_STEPS], ids=["managed", "given"])
@pytest.mark.parametrize("in_use", [True, False])
def test_reconcile_applies_a_pending_requirement_when_recordings_meet_it(
    world: World, steps: tuple[str, ...], in_use: bool
) -> None:
    variables, options = prepare(world, steps, "tags", pending=["require_encryption"])
    world.answers["storage:check:previous"] = stored(in_use=in_use)
    world.answers[APPLY] = made("require_encryption")
    found = world.run(variables, **options)
    verified = "rotation:real:only" if steps == MANAGED_STEPS else "check:real:"
    assert world.calls == [*steps, "storage:check:previous", *([] if in_use else [APPLY, verified])]
    assert found.result["pending_requirements"] == (["require_encryption"] if in_use else [])
    assert found.result["bucket_changes"] == ["tags", *([] if in_use else ["require_encryption"])]


@pytest.mark.parametrize("steps", [MANAGED_STEPS, GIVEN_STEPS], ids=["managed", "given"])
def test_reconcile_removes_a_requirement_that_uploads_do_not_meet(world: World, steps: tuple[str, ...]) -> None:
    variables, options = prepare(world, steps, pending=["require_encryption"])
    world.answers.update({"storage:check:previous": stored(), APPLY: made("require_encryption")})
    if steps == MANAGED_STEPS:
        world.answers["rotation:real:only"] = DENIED
    else:
        # The same check passes before the target is set.
        world.answers["check:real:"] = [Outcome(False, {"checks": []}), Outcome(False, {"checks": []}, failed="denied")]
    found = world.run(variables, **options)
    assert world.calls[-1] == "bucket:real:"
    assert "require_encryption was removed from the bucket again." in found.failed
    assert found.result["bucket_changes"] == []


def test_reconcile_without_pending_requirements_checks_nothing(world: World) -> None:
    found = world.run({"require_encryption": True})
    assert world.calls == [PLANNED, "bucket:real:"]
    assert found.result["pending_requirements"] == []


def test_a_check_that_fails_keeps_the_target_as_it_was(world: World) -> None:
    checks = [{"check": "upload", "ok": False}]
    world.answers = {
        "storage:check:": stored("changed"),
        "check:real:": Outcome(False, {"checks": checks}, failed="no upload arrived"),
    }
    found = world.run(GIVEN, uploader_secret_key="s")
    assert "storage:real:" not in world.calls
    assert (found.result["error"]["kind"], found.result["error"]["checks"]) == ("not_proven", checks)


def test_the_secret_is_fetched_only_if_none_is_given(world: World) -> None:
    world.run({}, **ACCOUNT)
    assert [call for call in world.calls if call.startswith("secret")] == []
    assert world.learned == []
    world.calls.clear()
    world.run({}, api_secret="", **ACCOUNT)
    assert world.calls[0] == f"secret of {PROJECT} by 1234567"
    assert world.learned == [SECRET]


def test_the_account_may_be_named_by_the_environment(world: World) -> None:
    environ = {f"VONAGE_VIDEO_{name.upper()}": value for name, value in ACCOUNT.items()}
    assert not world.run({}, environ=environ, api_secret=None).failed
    assert world.calls[0] == f"secret of {PROJECT} by 1234567"


def test_no_step_is_told_of_a_project_of_the_environment(world: World) -> None:
    environ = dict.fromkeys(OF_ONE_PROJECT, "4711")
    world.run({}, environ={**environ, "AWS_REGION": "eu-west-1"}, archives=5)
    assert world.environs == [{"AWS_REGION": "eu-west-1"}] * 2
    assert [each.id for each in world.clients] == [PROJECT]


@pytest.mark.parametrize(
    ("variables", "options", "told"),
    [
        ({}, {"project": PROJECT}, "archive_storage_api_secret is not given"),
        ({}, {"account_key": "1234567"}, "account_secret is required"),
        ({"application_id": APPLICATION}, {"project": "", **ACCOUNT}, "archive_storage_private_key is not given"),
    ],
)
def test_without_a_secret_nothing_is_done(
    world: World, variables: dict[str, t.Any], options: dict[str, t.Any], told: str
) -> None:
    found = world.run(variables, api_secret="", **options)
    assert told in found.failed
    assert found.result["error"]["kind"] == "input"
    assert found.result["project"] in (PROJECT, APPLICATION)
    assert world.calls == []


def test_an_account_that_refuses_is_told_with_the_project(world: World) -> None:
    world.answers["secret"] = DENIED
    found = world.run({}, api_secret="", **ACCOUNT)
    assert (found.result["project"], found.result["bucket_changes"]) == (PROJECT, [])
    assert world.calls == [f"secret of {PROJECT} by 1234567"]


def test_a_secret_in_the_place_of_the_accounts_key_is_learned(world: World) -> None:
    swapped: dict[str, t.Any] = {"account_key": ACCOUNT["account_secret"], "account_secret": "1234567"}
    assert world.run({}, api_secret="", **swapped).failed
    assert world.learned == [ACCOUNT["account_secret"]]


def archive(status: str, created: float = SET_AT + 60) -> Archive:
    return Archive(f"{status}-{int(created)}", status, created)


def test_the_latest_archives(world: World) -> None:
    world.archives = [archive("available"), archive("failed"), archive("uploaded"), archive("available", SET_AT - 60)]
    found = world.run({}, archives=50).result["archives"]
    assert world.calls[-1] == f"archives of {PROJECT}: 0+50"
    assert (found["looked_at"], found["newest"], found["ok"]) == (4, record.stamp(SET_AT + 60), False)
    assert (found["fell_back"], found["failed"], found["uploaded"], found["in_cloud"]) == (1, 1, 1, 1)
    assert found["ids"] == {
        "fell_back": [archive("available").id],
        "failed": [archive("failed").id],
    }


def test_a_rotation_does_not_hide_what_fell_back_before_it(world: World) -> None:
    world.answers[PLANNED] = rotated(record={**RECORD, "since": record.stamp(SET_AT - 3600)})
    world.archives = [archive("available", SET_AT - 60)]
    found = world.run({}, archives=5).result["archives"]
    assert (found["ok"], found["fell_back"], found["in_cloud"]) == (False, 1, 0)


def test_archives_where_it_is_not_known_since_when_there_is_a_target(world: World) -> None:
    world.answers[PLANNED] = rotated(record={"location": None, "status": None, "time": None, "since": None})
    world.archives = [archive("available")]
    found = world.run({}, archives=5).result["archives"]
    assert (found["ok"], found["fell_back"], found["in_cloud"], found["ids"]) == (None, 0, 1, {})
    world.archives = []
    found = world.run({}, archives=5).result["archives"]
    assert (found["ok"], found["newest"], found["looked_at"]) == (True, None, 0)


@pytest.mark.parametrize("error", [DENIED, errors.UnreachableError("list", "no answer")])
def test_archives_that_nobody_tells_are_a_warning(world: World, error: errors.ArchivingError) -> None:
    world.answers["archives"] = error
    found = world.run({}, archives=5)
    assert not found.failed
    assert found.result["archives"] is None
    assert world.warnings == [f"Its latest archives are not known. {error}"]


def test_after_a_failure_archives_are_not_looked_at(world: World) -> None:
    world.answers["bucket:real:"] = DENIED
    assert world.run({}, archives=5).failed
    assert not any(call.startswith("archives") for call in world.calls)


def test_options_that_cannot_be_right_are_refused_before_anything(world: World) -> None:
    with pytest.raises(errors.InputError):
        world.run({"sse": "aes"})
    assert world.calls == []
