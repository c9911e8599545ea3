# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which key goes when, what is set, and what is shown of it."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._heroku import config_vars
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import plan, urls
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.params import (
    KEY_ID,
    KEY_SECRET,
    VARIABLES,
    Desired,
    desired,
)
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.plan import Observed, decide
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import user as uploader
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user import AccessKey, User

GIVEN: dict[str, t.Any] = {"app": "example", "api_token": "HRKU-1", "project": "47123456", "bucket": "b-1"}
BASE = "https://b-1.s3.us-east-1.amazonaws.com"
NOW = 1_000_000.0
HOUR = 3600
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def wanted(**changes: t.Any) -> Desired:
    return desired({**GIVEN, **changes}, {})


def key(name: str, active: bool = True, age: float | None = 2 * HOUR) -> AccessKey:
    return AccessKey(name, "user", active, None if age is None else NOW - age)


def made(want: Desired) -> User:
    """The user as the first run leaves it."""
    tags = {uploader.OWNER_TAG: "true"}
    return User(want.user.name, "arn", want.user.path, tags=tags, policy=want.user.document("aws"))


def seen(want: Desired, variables: dict[str, str], *keys: AccessKey) -> Observed:
    return Observed(variables, uploader.Observed(made(want), keys), BASE)


def settled(want: Desired, *others: AccessKey) -> Observed:
    """An application that has all it needs, with a key AKIAHELD."""
    empty = seen(want, {})
    secret = SECRET if want.has_key else ""
    config = plan.config(want, empty, "AKIAHELD", secret)
    variables = {"REDIS_URL": "redis://x", **config.config, **config.secrets}
    return seen(want, variables, *((key("AKIAHELD"),) if want.has_key else ()), *others)


@pytest.mark.parametrize(
    ("generation", "variables", "held", "recognized"),
    [
        (1, {}, "", False),
        (1, {KEY_ID: "AKIAOTHER", KEY_SECRET: "x", "S3_BUCKET_NAME": "b", "REDIS_URL": "r"}, "", False),
        (1, {KEY_ID: "AKIAHELD"}, "AKIAHELD", True),
        (1, {"S3_COMPOSEDVIDEO_URL": ""}, "", True),
        (1, {"INSTANCE_ENABLE_ARCHIVING": "true"}, "", True),
        (1, {"POSTPRODUCTION_ENABLED": "false"}, "", True),
        (1, {"INTERACTIVE_STREAM_LIMIT": "12"}, "", True),
        (2, {"INTERACTIVE_STREAM_LIMIT": "12"}, "", True),
        (2, {"BUCKET_URL": "https://elsewhere.example"}, "", False),
        (2, {"FIREBASE_PROJECT_ID": "f"}, "", False),
        (2, {"FIREBASE_PROJECT_ID": "f", "ENCRYPT_PASSWORD": "p"}, "", True),
    ],
)
def test_is_broadcast_recognizes_variables_of_the_application_and_keys_of_its_user(
    generation: int, variables: dict[str, str], held: str, recognized: bool
) -> None:
    want = wanted(generation=generation)
    observed = seen(want, variables, *([key(held)] if held else []))
    assert plan.is_broadcast(observed) is recognized


variables = st.fixed_dictionaries(
    {},
    optional={
        KEY_ID: st.sampled_from(["", "K1", "K2", "K3", "AKIASOMEBODYELSE"]),
        KEY_SECRET: st.sampled_from(["", "secret"]),
        "S3_COMPOSEDVIDEO_URL": st.sampled_from([f"{BASE}/", BASE]),
        "BUCKET_URL": st.sampled_from([f"{BASE}/", BASE]),
        "INSTANCE_ENABLE_ARCHIVING": st.sampled_from(["true", "false"]),
    },
)
keys = st.lists(
    st.builds(key, st.sampled_from(["K1", "K2", "K3"]), st.booleans(), st.sampled_from([None, 0, HOUR - 1, HOUR])),
    max_size=3,
    unique_by=lambda each: each.id,
)
wishes = st.builds(
    lambda generation, rotate, after: wanted(generation=generation, rotate=rotate, rotate_after=after),
    st.sampled_from([1, 2]),
    st.booleans(),
    st.sampled_from([0, HOUR, 10 * HOUR]),
)


@given(wishes, variables, keys)
def test_a_key_that_works_never_goes_before_another_is_set(
    want: Desired, found: dict[str, str], there: list[AccessKey]
) -> None:
    observed = seen(want, found, *there)
    decision = decide(want, observed, NOW)
    held = plan.holder(observed)
    sent = config_vars.body(decision.variables)
    if held in decision.going:
        # It goes only after the config vars have another.
        assert decision.reason != "unchanged"
        assert sent[KEY_ID] == plan.NEW
    if decision.reason == "unchanged":
        assert KEY_ID not in sent
        assert KEY_SECRET not in sent
    if held:
        assert held not in plan.surplus(there, held.id)
    assert not (want.generation == 2 and (decision.going or decision.user.changed))


@given(wishes, variables, keys)
def test_a_second_run_does_nothing(want: Desired, found: dict[str, str], there: list[AccessKey]) -> None:
    assume(not want.rotate)
    observed = seen(want, found, *there)
    decision = decide(want, observed, NOW)
    new = decision.reason != "unchanged"
    kept = [each for each in there if each not in decision.going]
    after = config_vars.applied(found, config_vars.body(decision.variables))
    if new:
        after = {**after, KEY_ID: "NEW", KEY_SECRET: "new"}
        kept.append(key("NEW", age=0))
    again = decide(want, seen(want, after, *kept), NOW)
    assert not again.changed
    assert plan.changes(want, seen(want, after, *kept), again).names == []
    assert {name: value for name, value in after.items() if name not in VARIABLES[want.generation]} == {
        name: value for name, value in found.items() if name not in VARIABLES[want.generation]
    }


@given(keys, st.sampled_from([None, "K1", "K2", "K3"]))
def test_there_is_room_for_one_more_key(there: list[AccessKey], held: str | None) -> None:
    gone = plan.surplus(there, held)
    assert held not in [each.id for each in gone]
    free = [each for each in there if each.id != held]
    assert len(there) - len(gone) < uploader.QUOTA or gone == free
    # Inactive ones first.
    assert all(not each.active for each in gone) or all(each.active or each in gone for each in free)


@pytest.mark.parametrize(
    ("changes", "variables", "held", "reason"),
    [
        ({}, {}, None, "missing"),
        ({}, {KEY_ID: "AKIAHELD"}, key("AKIAHELD"), "missing"),
        ({}, {KEY_ID: "AKIAHELD", KEY_SECRET: ""}, key("AKIAHELD"), "missing"),
        ({}, {KEY_ID: "AKIAPERSON", KEY_SECRET: SECRET}, None, "changed"),
        ({}, {KEY_ID: "AKIAHELD", KEY_SECRET: SECRET}, key("AKIAHELD", active=False), "changed"),
        ({}, {KEY_ID: "AKIAHELD", KEY_SECRET: SECRET}, key("AKIAHELD"), "unchanged"),
        ({"rotate": True}, {KEY_ID: "AKIAHELD", KEY_SECRET: SECRET}, key("AKIAHELD"), "forced"),
        ({"rotate_after": HOUR}, {KEY_ID: "AKIAHELD", KEY_SECRET: SECRET}, key("AKIAHELD", age=HOUR), "expired"),
        ({"rotate_after": HOUR}, {KEY_ID: "AKIAHELD", KEY_SECRET: SECRET}, key("AKIAHELD", age=HOUR - 1), "unchanged"),
        ({"rotate_after": HOUR}, {KEY_ID: "AKIAHELD", KEY_SECRET: SECRET}, key("AKIAHELD", age=None), "unchanged"),
    ],
)
def test_why_another_key(
    changes: dict[str, t.Any], variables: dict[str, str], held: AccessKey | None, reason: str
) -> None:
    want = wanted(**changes)
    assert decide(want, seen(want, variables, *((held,) if held else ())), NOW).reason == reason


def test_other_keys_go_when_no_release_can_bring_them_any_more() -> None:
    want = wanted()
    young, old = key("YOUNG", age=HOUR - 1), key("OLD", age=HOUR)
    unknown, dead = key("UNKNOWN", age=None), key("DEAD", active=False, age=1)
    decision = decide(want, settled(want, young, old, unknown, dead), NOW)
    # An inactive key is of no use to any release.
    assert [each.id for each in decision.going] == ["OLD", "UNKNOWN", "DEAD"]
    assert decision.reason == "unchanged"
    assert decision.variables.names == []


@pytest.mark.parametrize("generation", [1, 2])
def test_the_config_vars(generation: int) -> None:
    want = wanted(generation=generation, images_bucket="b-2", enable_archiving=False)
    config = plan.config(want, settled(want), "AKIAHELD", SECRET)
    if generation == 2:
        assert config.values == {"BUCKET_URL": BASE}
        return
    assert config.values == {
        "AWS_ACCESS_KEY_ID": "AKIAHELD",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "S3_BUCKET_NAME": "b-1",
        "S3_BUCKET_NAME_IMAGES": "b-2",
        "S3_COMPOSEDVIDEO_URL": f"{BASE}/",
        "INSTANCE_ENABLE_ARCHIVING": "false",
    }
    assert set(config.values) == set(VARIABLES[1])
    assert config.secrets == {KEY_SECRET: SECRET}


def test_what_is_shown_of_a_takeover() -> None:
    """The key of a person, and the URL without its slash, as the document has them."""
    want = wanted()
    before = {KEY_ID: "AKIAIOSFODNN7EXAMPLE", KEY_SECRET: SECRET, "S3_COMPOSEDVIDEO_URL": BASE, "DATABASE_URL": "x"}
    observed = Observed(before, uploader.Observed(None), BASE)
    found = plan.changes(want, observed, decide(want, observed, NOW))
    shown = f"{found.before()} {found.after()}"
    assert SECRET not in shown
    assert "DATABASE_URL" not in shown
    assert found.before()["S3_COMPOSEDVIDEO_URL"] == BASE
    assert found.after()["S3_COMPOSEDVIDEO_URL"] == f"{BASE}/"
    assert (found.before()[KEY_ID], found.after()[KEY_ID]) == ("AKIAIOSFODNN7EXAMPLE", plan.NEW)
    assert found.after()["access_keys"] == {plan.NEW: "Active"}
    assert SECRET not in repr(observed)


def test_what_was_mistaken_for_something_that_may_be_shown() -> None:
    """Swapped by hand, and a URL with a password in it: neither is repeated."""
    want = wanted()
    before = {KEY_ID: SECRET, KEY_SECRET: "AKIAIOSFODNN7EXAMPLE", urls.VARIABLES[1]: "https://me:hunter22@x.example/"}
    observed = Observed(before, uploader.Observed(None), BASE)
    shown = str(plan.changes(want, observed, decide(want, observed, NOW)))
    assert SECRET not in shown
    assert "hunter22" not in shown


def test_a_user_that_was_changed_is_mended_without_another_key() -> None:
    want = wanted()
    observed = settled(want)
    user = replace(made(want), policy={"Statement": []})
    decision = decide(want, replace(observed, user=uploader.Observed(user, observed.user.keys)), NOW)
    assert decision.user.names == ["policy"]
    assert (decision.reason, decision.variables.names, decision.going) == ("unchanged", [], ())
