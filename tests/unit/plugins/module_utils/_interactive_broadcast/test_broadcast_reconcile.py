# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case with fakes of Heroku, IAM, and the clock: keys, config vars, and errors."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import VerificationFailedError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import apply, fetch
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import reconcile as use_case
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.fetch import Locations
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.params import (
    KEY_ID,
    KEY_SECRET,
    parse_params,
)
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import keys
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.fetch import AccessKey, CurrentUser
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.keys import NewKey

OPTIONS: dict[str, t.Any] = {
    "app": "example",
    "api_token": "HRKU-1",
    "project": "47123456",
    "bucket": "b-1",
    "adopt_app": True,
}
OLD = {KEY_ID: "OLD", KEY_SECRET: "old"}
Response = t.Union[dict[str, str], errors.ArchivingError, None]


def api_error(status: int | None, tries: int = 1) -> errors.ArchivingError:
    return errors.RejectedError("change the config vars of example", "no", status=status, tries=tries)


@dataclass
class World:
    """Fakes of Heroku, IAM, and the clock.

    :param patch: the response to PATCH; ``None`` for success.
    :param polls: the responses to later GETs; ``None`` for the current config vars.
    :param release_polls: the number of GETs after the PATCH before the change takes effect.
    :param verification: the error of the verification.
    :param applies: whether the PATCH takes effect.
    :param during_sleep: the changes of another run while this run waits.
    :param during_verification: the changes of another run during the verification.
    :param after_first_fetch: config vars that another run sets after the first GET.
    """

    variables: dict[str, str] = field(default_factory=dict)
    keys: dict[str, bool] = field(default_factory=dict)
    patch: Response = None
    polls: list[Response] = field(default_factory=list)
    release_polls: int = 0
    verification: errors.ArchivingError | None = None
    applies: bool = True
    during_sleep: t.Callable[[World], object] = lambda _world: None
    during_verification: t.Callable[[], object] = lambda: None
    after_first_fetch: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    time: float = 0.0

    # Heroku
    def fetch(self) -> dict[str, str]:
        self.log.append("GET")
        response = self.polls.pop(0) if self.polls and self.accepted else None
        if isinstance(response, errors.ArchivingError):
            raise response
        if self.accepted:
            self.release_polls -= 1
            self._release()
        variables = dict(self.variables)
        self.variables.update(self.after_first_fetch)
        return variables

    def update(self, changes: t.Mapping[str, str | None]) -> dict[str, str]:
        self.log.append("PATCH")
        if self.applies:
            self.accepted = {name: value for name, value in changes.items() if value is not None}
            self._release()
        if isinstance(self.patch, errors.ArchivingError):
            raise self.patch
        return dict(self.variables)

    def _release(self) -> None:
        if self.release_polls <= 0:
            self.variables.update(self.accepted)

    # IAM
    def list_access_keys(self, *_args: t.Any) -> tuple[AccessKey, ...]:
        return tuple(AccessKey(name, "user", active) for name, active in self.keys.items())

    def create_access_key(self, *_args: t.Any) -> NewKey:
        self.log.append("create NEW")
        self.keys["NEW"] = True
        return NewKey("NEW", "new-secret", "user")

    def delete_access_keys(self, _iam: t.Any, _desired: t.Any, ids: t.Iterable[str]) -> None:
        for name in ids:
            self.log.append(f"delete {name}")
            self.keys.pop(name, None)

    def fetch_managed_user(self, *_args: t.Any, **_keywords: t.Any) -> CurrentUser:
        return CurrentUser(None, self.list_access_keys())

    def sleep(self, seconds: float) -> None:
        self.log.append(f"sleep {seconds:g}")
        self.time += seconds
        self.during_sleep(self)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., Outcome]:
    """Runs the use case with fakes."""

    def run_use_case(world: World, check_mode: bool = False, **changes: t.Any) -> Outcome:
        for name in ("list_access_keys", "create_access_key", "delete_access_keys"):
            monkeypatch.setattr(apply, name, getattr(world, name))
        monkeypatch.setattr(fetch, "fetch_managed_user", world.fetch_managed_user)
        monkeypatch.setattr(apply, "apply_user", lambda *_args: None)
        monkeypatch.setattr(keys, "delete_access_keys", world.delete_access_keys)
        locations = Locations("https://b-1.s3.us-east-1.amazonaws.com", "r")
        monkeypatch.setattr(fetch, "fetch_locations", lambda _desired: locations)
        monkeypatch.setattr(fetch, "heroku_client", lambda _desired, *_secrets: world)

        def verify_app(*_args: t.Any) -> list[dict[str, t.Any]]:
            world.log.append("verify")
            world.during_verification()
            if world.verification:
                raise world.verification
            return []

        monkeypatch.setattr(use_case, "verify_app", verify_app)
        runtime = Runtime(sleep=world.sleep, monotonic=lambda: world.time)
        context = Context(check_mode, warn=world.warnings.append, register_secret=world.secrets.append, runtime=runtime)
        return use_case.reconcile_present(parse_params({**OPTIONS, **changes}, {}), t.cast(t.Any, None), context)

    return run_use_case


def test_reconcile_present_first_run_creates_key_and_sets_config_vars(run: t.Callable[..., Outcome]) -> None:
    world = World()
    outcome = run(world)
    assert world.log == ["GET", "create NEW", "verify", "PATCH"]
    assert (outcome.changed, outcome.result["reason"], outcome.result["release"]) == (True, "missing", True)
    assert world.variables[KEY_ID] == "NEW"
    assert "new-secret" not in str(outcome)


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize("check_mode", [True, False], ids=["check mode", "run"])
def test_reconcile_present_unrecognized_app_is_refused(
    run: t.Callable[..., Outcome], generation: int, check_mode: bool
) -> None:
    variables = {
        KEY_ID: "AKIAOFANOTHERAPP1234",
        KEY_SECRET: "x",
        "S3_BUCKET_NAME": "b",
        "BUCKET_URL": "https://b.example",
    }
    world = World(dict(variables))
    with pytest.raises(errors.NotManagedError) as caught:
        run(world, check_mode, generation=generation, adopt_app=False)
    assert str(caught.value) == (
        "Could not change the config vars of example: none of them identifies an Interactive Broadcast application, "
        "such as S3_COMPOSEDVIDEO_URL or INTERACTIVE_STREAM_LIMIT. Check app. For an application that was never set "
        "up, set adopt_app=true once (in the role, interactive_broadcast_adopt_app). Nothing was changed."
    )
    assert (world.log, world.variables) == (["GET"], variables)


def test_reconcile_present_app_with_identifying_config_var_needs_no_adopt_app(
    run: t.Callable[..., Outcome],
) -> None:
    world = World({"S3_COMPOSEDVIDEO_URL": "https://s3.amazonaws.com/spotlight/", KEY_ID: "AKIAPERSON"})
    assert run(world, adopt_app=False).result["reason"] == "missing"
    assert world.variables[KEY_ID] == "NEW"


def test_reconcile_present_rotate_keeps_old_key_for_the_grace_period(run: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"OLD": True})
    run(world, rotate=True, grace_period=7)
    assert world.log == ["GET", "create NEW", "verify", "PATCH", "sleep 7", "GET", "delete OLD"]
    assert world.secrets == ["old"]


def test_reconcile_present_key_of_a_person_is_not_deleted(run: t.Callable[..., Outcome]) -> None:
    world = World({KEY_ID: "AKIAPERSON", KEY_SECRET: "x"})
    assert run(world).result["reason"] == "changed"
    assert not [line for line in world.log if line.startswith(("delete", "sleep"))]


@pytest.mark.parametrize(
    ("patch", "applies", "new_key_stays"),
    [
        (api_error(401), False, False),
        (api_error(403), False, False),
        (api_error(404), False, False),
        (api_error(422), False, False),
        (api_error(422, tries=2), True, True),
        (api_error(409), False, True),
        (api_error(429), False, True),
        (api_error(500), True, True),
        (api_error(None), True, True),
        (api_error(200), True, True),
    ],
    ids=str,
)
def test_reconcile_present_patch_fails_new_key_stays_unless_clearly_refused(
    run: t.Callable[..., Outcome], patch: errors.ArchivingError, applies: bool, new_key_stays: bool
) -> None:
    """Only a refusal of the first attempt is clear; the old key stays in any case."""
    world = World(dict(OLD), {"OLD": True}, patch=patch, applies=applies)
    with pytest.raises(errors.ArchivingError):
        run(world, rotate=True)
    assert world.keys == {"OLD": True, **({"NEW": True} if new_key_stays else {})}
    assert world.keys[world.variables[KEY_ID]]
    # The next run without a fault deletes all other keys.
    world.patch, world.accepted, world.applies = None, {}, True
    run(world)
    assert list(world.keys) == [world.variables[KEY_ID]]


def test_reconcile_present_verification_fails_new_key_is_deleted(run: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"OLD": True}, verification=VerificationFailedError("verify", "no"))
    with pytest.raises(VerificationFailedError):
        run(world, rotate=True)
    assert world.log == ["GET", "create NEW", "verify", "delete NEW"]
    assert world.variables == OLD


def test_reconcile_present_release_command_ends_in_time_old_key_is_deleted(run: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"OLD": True}, release_polls=2)
    outcome = run(world, rotate=True, grace_period=30)
    assert outcome.result["pending"] == []
    assert world.log[4:] == ["sleep 3", "GET", "sleep 3", "GET", "sleep 30", "GET", "delete OLD"]


def test_reconcile_present_release_command_takes_longer_keeps_both_keys(run: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"OLD": True}, release_polls=99)
    outcome = run(world, rotate=True, grace_period=6)
    assert KEY_ID in outcome.result["pending"]
    assert world.keys == {"OLD": True, "NEW": True}
    assert "release command" in world.warnings[-1]


@pytest.mark.parametrize("status", [401, 403, 404, 429, None])
def test_reconcile_present_poll_of_pending_release_fails_keeps_both_keys(
    run: t.Callable[..., Outcome], status: int | None
) -> None:
    """The poll is refused; the change itself was accepted."""
    world = World(dict(OLD), {"OLD": True}, release_polls=99, polls=[api_error(status)])
    outcome = run(world, rotate=True, grace_period=6)
    assert world.keys == {"OLD": True, "NEW": True}
    assert KEY_ID in outcome.result["pending"]


def test_reconcile_present_other_run_sets_old_key_during_grace_period_keeps_it(run: t.Callable[..., Outcome]) -> None:
    def set_old_key(world: World) -> None:
        world.variables.update({KEY_ID: "OLD", KEY_SECRET: "old"})
        world.accepted = {}

    world = World(dict(OLD), {"OLD": True}, during_sleep=set_old_key)
    with pytest.raises(errors.ConflictError):
        run(world, rotate=True, grace_period=1)
    assert world.keys["OLD"]


def test_reconcile_present_other_run_deletes_new_key_during_grace_period_keeps_old_key(
    run: t.Callable[..., Outcome],
) -> None:
    world = World(dict(OLD), {"OLD": True}, during_sleep=lambda fakes: fakes.keys.pop("NEW"))
    with pytest.raises(errors.ConflictError):
        run(world, rotate=True, grace_period=1)
    assert world.keys == {"OLD": True}


def test_reconcile_present_unused_key_is_deleted_before_the_new_one_is_created(run: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"ORPHAN": True, "OLD": True})
    run(world, rotate=True, grace_period=1)
    assert world.log[:4] == ["GET", "GET", "delete ORPHAN", "create NEW"]
    assert world.keys == {"NEW": True}


def test_reconcile_present_verify_only_writes_nothing(run: t.Callable[..., Outcome]) -> None:
    world = World({**OLD, "S3_COMPOSEDVIDEO_URL": "https://x.example"}, {"OLD": True})
    with pytest.raises(errors.NotFoundError) as refusal:
        run(world, verify="only")
    assert "S3_BUCKET_NAME" in str(refusal.value)
    missing = ("S3_BUCKET_NAME", "S3_BUCKET_NAME_IMAGES", "INSTANCE_ENABLE_ARCHIVING")
    world.variables.update(dict.fromkeys(missing, "x"))
    outcome = run(world, verify="only")
    assert world.log == ["GET", "GET", "verify"]
    assert not outcome.changed
    assert "S3_COMPOSEDVIDEO_URL" in outcome.result["changes"]


def test_reconcile_present_other_run_deletes_new_key_before_patch_keeps_old_key(run: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"OLD": True})
    world.during_verification = lambda: world.keys.pop("NEW")
    with pytest.raises(errors.ConflictError):
        run(world, rotate=True)
    assert "PATCH" not in world.log
    assert world.keys == {"OLD": True}


def test_reconcile_present_other_run_sets_key_to_evict_keeps_it(run: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"OLD": True, "OTHER": True})
    world.after_first_fetch = {KEY_ID: "OTHER", KEY_SECRET: "other"}
    with pytest.raises(errors.ConflictError):
        run(world, rotate=True)
    assert world.keys == {"OLD": True, "OTHER": True}


def test_fetch_locations_uses_region_of_the_images_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    regions = {"b-1": "eu-west-1", "b-2": "us-west-2"}
    monkeypatch.setattr(fetch, "make_client", lambda _operator: None)
    monkeypatch.setattr(fetch, "fetch_bucket_region", lambda _store, bucket, _operator: regions[bucket])
    for changes, region in (({}, "eu-west-1"), ({"images_bucket": "b-2"}, "us-west-2")):
        desired = parse_params({**OPTIONS, **changes}, {})
        assert fetch.fetch_locations(desired) == ("https://b-1.s3.eu-west-1.amazonaws.com", region)
