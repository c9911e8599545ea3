# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of the new key and of the old ones, whatever Heroku answers: the run with everything around it faked."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import VerificationFailedError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import params as options
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import reconcile as run
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.params import KEY_ID, KEY_SECRET
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import user as uploader
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user import AccessKey, NewKey

GIVEN: dict[str, t.Any] = {
    "app": "example",
    "api_token": "HRKU-1",
    "project": "47123456",
    "bucket": "b-1",
    "adopt_app": True,
}
OLD = {KEY_ID: "OLD", KEY_SECRET: "old"}
Answer = t.Union[dict[str, str], errors.ArchivingError, None]


def refused(status: int | None, tries: int = 1) -> errors.ArchivingError:
    return errors.RejectedError("change the config vars of example", "no", status=status, tries=tries)


@dataclass
class World:
    """Heroku, IAM and the clock.

    :param patch: the answer to PATCH; ``None`` for success.
    :param polls: the answers to the GETs after it, ``None`` for what is really there.
    :param while_proving: what somebody else does then; ``meanwhile``: while this run waits.
    :param after_first_read: config vars that somebody else sets then.
    :param hold: the change takes effect with the so-many-th GET after it.
    """

    variables: dict[str, str] = field(default_factory=dict)
    keys: dict[str, bool] = field(default_factory=dict)
    patch: Answer = None
    polls: list[Answer] = field(default_factory=list)
    hold: int = 0
    proof: errors.ArchivingError | None = None
    applies: bool = True
    meanwhile: t.Callable[[World], object] = lambda _world: None
    while_proving: t.Callable[[], object] = lambda: None
    after_first_read: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)

    # Heroku
    def read(self) -> dict[str, str]:
        self.log.append("GET")
        answer = self.polls.pop(0) if self.polls and self.taken else None
        if isinstance(answer, errors.ArchivingError):
            raise answer
        if self.taken:
            self.hold -= 1
            self._settle()
        found = dict(self.variables)
        self.variables.update(self.after_first_read)
        return found

    def update(self, changes: t.Mapping[str, str | None]) -> dict[str, str]:
        self.log.append("PATCH")
        if self.applies:
            self.taken = {name: value for name, value in changes.items() if value is not None}
            self._settle()
        if isinstance(self.patch, errors.ArchivingError):
            raise self.patch
        return dict(self.variables)

    def _settle(self) -> None:
        if self.hold <= 0:
            self.variables.update(self.taken)

    # IAM
    def list_keys(self, *_args: t.Any) -> tuple[AccessKey, ...]:
        return tuple(AccessKey(name, "user", active) for name, active in self.keys.items())

    def make_key(self, *_args: t.Any) -> NewKey:
        self.log.append("make NEW")
        self.keys["NEW"] = True
        return NewKey("NEW", "new-secret", "user")

    def retire(self, _iam: t.Any, _wanted: t.Any, ids: t.Iterable[str]) -> None:
        for name in ids:
            self.log.append(f"delete {name}")
            self.keys.pop(name, None)

    def observe(self, *_args: t.Any, **_keywords: t.Any) -> uploader.Observed:
        return uploader.Observed(None, self.list_keys())

    def sleep(self, seconds: float) -> None:
        self.log.append(f"sleep {seconds:g}")
        self.meanwhile(self)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., Outcome]:
    """Run the use case in a world."""

    def begin(world: World, check_mode: bool = False, **changes: t.Any) -> Outcome:
        for name in ("list_keys", "make_key", "retire", "observe"):
            monkeypatch.setattr(uploader, name, getattr(world, name))
        monkeypatch.setattr(uploader, "apply", lambda *_args: None)
        monkeypatch.setattr(run.Broadcast, "_place", lambda _self: ("https://b-1.s3.us-east-1.amazonaws.com", "r"))
        monkeypatch.setattr(run.Broadcast, "_client", lambda _self, *_secrets: world)

        def look(_self: t.Any, _prover: t.Any) -> None:
            world.log.append("proof")
            world.while_proving()
            if world.proof:
                raise world.proof

        monkeypatch.setattr(run.Broadcast, "_look", look)
        monkeypatch.setattr(run.Broadcast, "_prover", lambda *_args: None)
        wanted = options.desired({**GIVEN, **changes}, {})
        context = Context(check_mode=check_mode, warn=world.warnings.append)
        return run.Broadcast(wanted, context, t.cast(t.Any, None), sleep=world.sleep).present()

    return begin


def test_a_first_run(start: t.Callable[..., Outcome]) -> None:
    world = World()
    outcome = start(world)
    assert world.log == ["GET", "make NEW", "proof", "PATCH"]
    assert (outcome.changed, outcome.result["reason"], outcome.result["release"]) == (True, "missing", True)
    assert world.variables[KEY_ID] == "NEW"
    assert "new-secret" not in str(outcome)


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize("check_mode", [True, False], ids=["check mode", "run"])
def test_present_app_that_is_not_an_interactive_broadcast_is_refused(
    start: t.Callable[..., Outcome], generation: int, check_mode: bool
) -> None:
    found = {KEY_ID: "AKIAOFANOTHERAPP1234", KEY_SECRET: "x", "S3_BUCKET_NAME": "b", "BUCKET_URL": "https://b.example"}
    world = World(dict(found))
    with pytest.raises(errors.NotManagedError) as caught:
        start(world, check_mode, generation=generation, adopt_app=False)
    assert str(caught.value) == (
        "Could not change the config vars of example: none of them shows that it is an Interactive Broadcast "
        "application, such as S3_COMPOSEDVIDEO_URL or INTERACTIVE_STREAM_LIMIT. Check app. If it is one that has not "
        "been set up yet, set adopt_app=true once (in the role interactive_broadcast_adopt_app). Nothing was changed."
    )
    assert (world.log, world.variables) == (["GET"], found)


def test_present_app_with_a_variable_of_interactive_broadcast_needs_no_consent(
    start: t.Callable[..., Outcome],
) -> None:
    world = World({"S3_COMPOSEDVIDEO_URL": "https://s3.amazonaws.com/spotlight/", KEY_ID: "AKIAPERSON"})
    assert start(world, adopt_app=False).result["reason"] == "missing"
    assert world.variables[KEY_ID] == "NEW"


def test_a_replacement_leaves_the_old_key_its_time(start: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"OLD": True})
    start(world, rotate=True, grace=7)
    assert world.log == ["GET", "make NEW", "proof", "PATCH", "sleep 7", "GET", "delete OLD"]


def test_the_key_of_a_person_is_left_alone(start: t.Callable[..., Outcome]) -> None:
    world = World({KEY_ID: "AKIAPERSON", KEY_SECRET: "x"})
    assert start(world).result["reason"] == "changed"
    assert not [line for line in world.log if line.startswith(("delete", "sleep"))]


@pytest.mark.parametrize(
    ("patch", "applies", "stays"),
    [
        (refused(401), False, False),
        (refused(403), False, False),
        (refused(404), False, False),
        (refused(422), False, False),
        (refused(422, tries=2), True, True),
        (refused(409), False, True),
        (refused(429), False, True),
        (refused(500), True, True),
        (refused(None), True, True),
        (refused(200), True, True),
    ],
    ids=str,
)
def test_a_key_that_heroku_may_have_taken_stays(
    start: t.Callable[..., Outcome], patch: errors.ArchivingError, applies: bool, stays: bool
) -> None:
    """Only a plain refusal of the first try tells that it has not; the old key stays in any case."""
    world = World(dict(OLD), {"OLD": True}, patch=patch, applies=applies)
    with pytest.raises(errors.ArchivingError):
        start(world, rotate=True)
    assert world.keys == {"OLD": True, **({"NEW": True} if stays else {})}
    assert world.keys[world.variables[KEY_ID]]
    # The next run, without a fault: nothing is left that the application does not have.
    world.patch, world.taken, world.applies = None, {}, True
    start(world)
    assert list(world.keys) == [world.variables[KEY_ID]]


def test_a_key_that_is_verification_failed_goes_again(start: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"OLD": True}, proof=VerificationFailedError("prove", "no"))
    with pytest.raises(VerificationFailedError):
        start(world, rotate=True)
    assert world.log == ["GET", "make NEW", "proof", "delete NEW"]
    assert world.variables == OLD


def test_a_release_command_is_waited_for(start: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"OLD": True}, hold=2)
    outcome = start(world, rotate=True, grace=30)
    assert outcome.result["pending"] == []
    assert world.log[4:] == ["sleep 3", "GET", "sleep 3", "GET", "sleep 30", "GET", "delete OLD"]


def test_a_release_that_takes_longer_leaves_both_keys(start: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"OLD": True}, hold=99)
    outcome = start(world, rotate=True, grace=6)
    assert KEY_ID in outcome.result["pending"]
    assert world.keys == {"OLD": True, "NEW": True}
    assert "release command" in world.warnings[-1]


@pytest.mark.parametrize("status", [401, 403, 404, 429, None])
def test_a_key_in_a_pending_release_stays_whatever_comes_of_asking(
    start: t.Callable[..., Outcome], status: int | None
) -> None:
    """A plain refusal again, but of the question: the change itself was taken."""
    world = World(dict(OLD), {"OLD": True}, hold=99, polls=[refused(status)])
    outcome = start(world, rotate=True, grace=6)
    assert world.keys == {"OLD": True, "NEW": True}
    assert KEY_ID in outcome.result["pending"]


def test_another_run_has_set_another_key_meanwhile(start: t.Callable[..., Outcome]) -> None:
    """The key that it may have seen here is what the application has: it must not go."""

    def other(world: World) -> None:
        world.variables.update({KEY_ID: "OLD", KEY_SECRET: "old"})
        world.taken = {}

    world = World(dict(OLD), {"OLD": True}, meanwhile=other)
    with pytest.raises(errors.ConflictError):
        start(world, rotate=True, grace=1)
    assert world.keys["OLD"]


def test_another_run_has_deleted_the_new_key_meanwhile(start: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"OLD": True}, meanwhile=lambda it: it.keys.pop("NEW"))
    with pytest.raises(errors.ConflictError):
        start(world, rotate=True, grace=1)
    assert world.keys == {"OLD": True}


def test_there_is_room_for_the_new_key_only_without_one_that_nobody_has(start: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"ORPHAN": True, "OLD": True})
    start(world, rotate=True, grace=1)
    assert world.log[:4] == ["GET", "GET", "delete ORPHAN", "make NEW"]
    assert world.keys == {"NEW": True}


def test_to_prove_only_writes_nothing(start: t.Callable[..., Outcome]) -> None:
    world = World({**OLD, "S3_COMPOSEDVIDEO_URL": "https://x.example"}, {"OLD": True})
    with pytest.raises(errors.NotFoundError) as refusal:
        start(world, proof="only")
    assert "S3_BUCKET_NAME" in str(refusal.value)
    lacking = ("S3_BUCKET_NAME", "S3_BUCKET_NAME_IMAGES", "INSTANCE_ENABLE_ARCHIVING")
    world.variables.update(dict.fromkeys(lacking, "x"))
    outcome = start(world, proof="only")
    assert world.log == ["GET", "GET", "proof"]
    assert not outcome.changed
    assert "S3_COMPOSEDVIDEO_URL" in outcome.result["changes"]


def test_another_run_deletes_the_new_key_before_it_is_set(start: t.Callable[..., Outcome]) -> None:
    """The application keeps the key that it has."""
    world = World(dict(OLD), {"OLD": True})
    world.while_proving = lambda: world.keys.pop("NEW")
    with pytest.raises(errors.ConflictError):
        start(world, rotate=True)
    assert "PATCH" not in world.log
    assert world.keys == {"OLD": True}


def test_another_run_has_set_the_key_that_was_to_make_room(start: t.Callable[..., Outcome]) -> None:
    world = World(dict(OLD), {"OLD": True, "THEIRS": True})
    world.after_first_read = {KEY_ID: "THEIRS", KEY_SECRET: "theirs"}
    with pytest.raises(errors.ConflictError):
        start(world, rotate=True)
    assert world.keys == {"OLD": True, "THEIRS": True}


def test_the_region_of_images_is_that_of_their_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    regions = {"b-1": "eu-west-1", "b-2": "us-west-2"}
    monkeypatch.setattr(run, "make_client", lambda _operator: None)
    monkeypatch.setattr(run, "bucket_region", lambda _store, bucket, _operator: regions[bucket])
    for changes, region in (({}, "eu-west-1"), ({"images_bucket": "b-2"}, "us-west-2")):
        wanted = options.desired({**GIVEN, **changes}, {})
        work = run.Broadcast(wanted, Context(), t.cast(t.Any, None))
        assert work._place() == ("https://b-1.s3.eu-west-1.amazonaws.com", region)
