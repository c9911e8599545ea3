# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps for one project: their order, which are left out, and what follows a failure."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage import workflow
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.params import parse_params
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import reconcile as bucket
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.params import BucketParams
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import Store
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import reconcile as upload_target
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import UploadTargetParams
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.result import base_result
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.project import Project

PROJECT = "47123456"
SECRET = "0123456789abcdef0123456789abcdef01234567"
GIVEN: dict[str, t.Any] = {"api_key": PROJECT, "api_secret": SECRET, "bucket": "recordings"}
EXTERNAL: dict[str, t.Any] = {
    "upload_key": "external",
    "uploader_access_key": "AKIAIOSFODNN7EXAMPLE",
    "uploader_secret_key": "hidden",
}
KEYLESS = {**EXTERNAL, "uploader_secret_key": ""}
REQUIRED = {"require_encryption": True}
DENIED = errors.DeniedError("do it", "403")
REQUIREMENTS = ("require_tls", "require_encryption")
STATE_FILE = {"location": "s3://recordings/r.json", "status": "applied", "time": "2026-11-21T09:12:44Z"}


class World:
    """Stand-ins for both use cases; a call is noted as ``name:mode:detail``.

    :ivar checks: whether a bucket that changes calls the check of the credentials.
    :ivar responses: the outcome, or the error, of the next call that is noted so.
    :ivar preflights: the value of the option preflight, for each call of the upload target.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.checks = False
        self.responses: dict[str, t.Any] = {}
        self.desired: list[BucketParams] = []
        self.preflights: list[str] = []
        monkeypatch.setattr(bucket, "ensure_bucket", self._bucket)
        monkeypatch.setattr(upload_target, "ensure_upload_target", self._target)
        monkeypatch.setattr(workflow, "check_before_changes", self._check)

    def _check(self, mode: str, project: Project, store: Store | None, _runtime: Runtime) -> None:
        self.calls.append(f"check:{mode}:{project.id}:{store.location if store else ''}")
        if "check" in self.responses:
            raise self.responses["check"]

    def _bucket(
        self, params: BucketParams, context: Context, before_changes: t.Callable[[], None] | None = None
    ) -> Outcome:
        self.desired.append(params)
        policy = params.facets["policy"]
        detail = (
            ""
            if policy.defer
            else ",".join(
                f"{name}={getattr(policy, name)}" for name in REQUIREMENTS if getattr(policy, name) is not None
            )
        )
        outcome = self._respond("bucket", context, detail, ensured())
        if outcome.changed and before_changes and self.checks:
            before_changes()
        return outcome

    def _target(self, params: UploadTargetParams, context: Context) -> Outcome:
        self.preflights.append(params.preflight)
        detail = f"{params.verify}{'+previous' if params.check_previous_target else ''}"
        return self._respond("target", context, detail, applied(params))

    def _respond(self, name: str, context: Context, detail: str, usual: Outcome) -> Outcome:
        call = f"{name}:{'check' if context.check_mode else 'real'}:{detail}"
        self.calls.append(call)
        response = self.responses.get(call, usual)
        if isinstance(response, Exception):
            raise response
        return t.cast(Outcome, response)

    def run(self, check_mode: bool = False, **variables: t.Any) -> Outcome:
        return workflow.configure(parse_params({**GIVEN, **variables}, {}), Context(check_mode))


def ensured(*changes: str, pending: t.Sequence[str] = ()) -> Outcome:
    result = {"changes": list(changes), "bucket": {"name": "recordings"}, "unsupported": []}
    return Outcome(bool(changes), {**result, "pending_requirements": list(pending)}, {}, dict.fromkeys(changes, 1))


def applied(params: UploadTargetParams | None = None, reason: str = "unchanged", in_use: bool | None = None) -> Outcome:
    desired = params or parse_params(GIVEN, {}).desired_target
    result = {**base_result(desired, reason, STATE_FILE), "storage": {"bucket": "recordings"}}
    result["changes"] = [] if reason == "unchanged" else ["target"]
    result["previous_target"] = None if in_use is None else {"in_use": in_use}
    return Outcome(reason != "unchanged", result, {}, {} if reason == "unchanged" else {"target": 1})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("variables", [{}, EXTERNAL, {"preflight": "never"}])
def test_configure_before_a_change_of_the_bucket_checks_the_credentials(
    world: World, variables: dict[str, t.Any], check_mode: bool
) -> None:
    world.checks = True
    world.responses = {f"bucket:{'check' if check_mode else 'real'}:": ensured("tags")}
    assert not world.run(check_mode, **variables).failed
    mode = variables.get("preflight", "auto")
    assert world.calls[1] == f"check:{mode}:{PROJECT}:s3://recordings/.vonage-archiving/{PROJECT}.json"
    assert world.preflights == [mode]


def test_configure_without_a_change_of_the_bucket_leaves_the_check_to_the_upload_target(world: World) -> None:
    world.checks = True
    assert not world.run().failed
    assert not world.run(preflight="always").failed
    assert not [call for call in world.calls if call.startswith("check")]
    assert world.preflights == ["auto", "always"]


def test_configure_with_refused_credentials_changes_nothing(world: World) -> None:
    world.checks = True
    world.responses = {"bucket:real:": ensured("tags"), "check": errors.DeniedError("check the credentials", "403")}
    outcome = world.run()
    assert (outcome.changed, outcome.result["error"]["operation"]) == (False, "check the credentials")
    assert not [call for call in world.calls if call.startswith("target")]


@pytest.mark.parametrize("key", [{}, EXTERNAL], ids=["managed", "external"])
def test_configure_in_a_steady_run_reads_each_once(world: World, key: dict[str, t.Any]) -> None:
    outcome = world.run(**key)
    assert world.calls == ["bucket:real:", "target:real:new_key"]
    assert (outcome.changed, outcome.failed, outcome.before, outcome.after) == (False, "", {}, {})
    assert (outcome.result["project"], outcome.result["reason"]) == (PROJECT, "unchanged")


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("variables", "changes", "verify"),
    [
        ({}, ("tags",), "always"),
        ({"verify": "always"}, (), "always"),
        ({"verify": "never"}, ("tags",), "never"),
        (EXTERNAL, ("tags",), "always"),
        ({**EXTERNAL, "verify": "never"}, ("tags",), "never"),
    ],
)
def test_configure_verifies_after_a_change_of_the_bucket(
    world: World, variables: dict[str, t.Any], changes: tuple[str, ...], verify: str, check_mode: bool
) -> None:
    mode = "check" if check_mode else "real"
    world.responses = {f"bucket:{mode}:": ensured(*changes)}
    outcome = world.run(check_mode, **variables)
    assert world.calls == [f"bucket:{mode}:", f"target:{mode}:{verify}"]
    assert (outcome.changed, outcome.result["bucket_changes"]) == (bool(changes), list(changes))


def test_configure_reports_both_changes(world: World) -> None:
    world.responses = {"bucket:real:": ensured("tags"), "target:real:always": applied(reason="changed")}
    outcome = world.run()
    assert outcome.changed
    assert set(outcome.after) == {"bucket", "upload target"}
    assert outcome.result["uploader_changes"] == ["target"]


def test_configure_without_the_secret_key_reads_the_state_file_once(world: World) -> None:
    outcome = world.run(**KEYLESS)
    assert world.calls == ["target:check:new_key", "bucket:real:"]
    assert (outcome.failed, outcome.result["reason"]) == ("", "unchanged")


def test_configure_without_the_secret_key_stops_before_the_bucket_if_it_is_needed(world: World) -> None:
    world.responses = {"target:check:new_key": applied(reason="changed")}
    outcome = world.run(**KEYLESS)
    assert world.calls == ["target:check:new_key"]
    assert outcome.failed
    assert outcome.result["error"]["kind"] == "secret_needed"
    assert not outcome.changed
    world.calls.clear()
    assert not world.run(check_mode=True, **KEYLESS).failed
    assert world.calls == ["target:check:new_key", "bucket:check:", "target:check:new_key"]


@pytest.mark.parametrize("key", [{}, EXTERNAL, KEYLESS], ids=["managed", "external", "keyless"])
@pytest.mark.parametrize("in_use", [True, False])
def test_configure_applies_pending_requirements_when_no_recording_violates_them(
    world: World, key: dict[str, t.Any], in_use: bool
) -> None:
    world.responses = {
        "bucket:real:": ensured(pending=["require_encryption"]),
        "target:real:new_key+previous": applied(in_use=in_use),
        "bucket:real:require_encryption=True": ensured("require_encryption"),
    }
    outcome = world.run(**key, **REQUIRED)
    checked = ["target:check:new_key"] if key == KEYLESS else []
    verified = [] if key == KEYLESS else ["target:real:only"]
    applying = [] if in_use else ["bucket:real:require_encryption=True", *verified]
    assert world.calls == [*checked, "bucket:real:", "target:real:new_key+previous", *applying]
    assert outcome.result["pending_requirements"] == (["require_encryption"] if in_use else [])
    assert outcome.result["bucket_changes"] == ([] if in_use else ["require_encryption"])
    assert outcome.changed is not in_use


def test_requirements_change_nothing_else_and_need_no_consent(world: World) -> None:
    world.responses = {
        "bucket:real:": ensured(pending=["require_encryption"]),
        "target:real:new_key+previous": applied(in_use=False),
    }
    world.run(**REQUIRED, folders=["in"], tags={"a": "b"}, allow="shorter_retention")
    desired = world.desired[-1]
    assert set(desired.facets) == {"policy"}
    assert (desired.facets["policy"].public_prefixes, desired.folders) == (None, ())
    assert desired.allow == {"adopt_bucket", "shorter_retention"}


@pytest.mark.parametrize("removed", [True, False])
def test_requirements_that_uploads_do_not_meet_are_removed(world: World, removed: bool) -> None:
    world.responses = {
        "bucket:real:": ensured("tags", pending=["require_encryption"]),
        "target:real:always+previous": applied(in_use=False),
        "bucket:real:require_encryption=True": ensured("require_encryption"),
        "target:real:only": DENIED,
        "bucket:real:require_encryption=False": ensured("require_encryption") if removed else DENIED,
    }
    outcome = world.run(**REQUIRED)
    assert world.calls[-1] == "bucket:real:require_encryption=False"
    part = "require_encryption was removed from the bucket again." if removed else "could not be removed"
    assert part in outcome.failed
    assert outcome.result["bucket_changes"] == ["tags", *([] if removed else ["require_encryption"])]
    left = "tags" if removed else "tags, require_encryption"
    assert outcome.failed.endswith(f"Left behind: bucket recordings ({left}); recordings go to the previous target.")


STEPS = ("bucket:real:", "target:real:always+previous", "bucket:real:require_encryption=True")


@pytest.mark.parametrize("at", range(len(STEPS)))
@pytest.mark.parametrize("error", [DENIED, RuntimeError("a bug")], ids=["denied", "bug"])
def test_configure_stops_at_a_failure_and_keeps_what_it_changed(world: World, at: int, error: Exception) -> None:
    world.responses = {
        STEPS[0]: ensured("tags", pending=["require_encryption"]),
        STEPS[1]: applied(in_use=False),
        STEPS[at]: error,
    }
    if isinstance(error, RuntimeError):
        with pytest.raises(RuntimeError):
            world.run(**REQUIRED)
    else:
        outcome = world.run(**REQUIRED)
        ending = "Left behind: bucket recordings (tags); recordings go to the previous target."
        ending = ending if at else "Nothing was changed."
        assert outcome.failed == f"{DENIED} {ending}"
        assert (outcome.result["error"]["kind"], outcome.result["error"]["ending"]) == ("denied", ending)
        assert outcome.result["bucket_changes"] == (["tags"] if at else [])
        assert outcome.changed is bool(at)
        assert bool(outcome.after) is bool(at)
    assert world.calls == list(STEPS[: at + 1])


def test_secrets_that_an_error_contains_are_learned(world: World) -> None:
    error = errors.DeniedError("do it", "403")
    error.secrets = ["hunter2"]
    world.responses = {"bucket:real:": error}
    learned: list[str] = []
    workflow.configure(parse_params(GIVEN, {}), Context(register_secret=learned.append))
    assert learned == ["hunter2"]
