# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: reasons for a new key, keys to delete, config vars, and what results show."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._heroku import config_vars
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import plan, result, urls
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.fetch import (
    AppKey,
    Current,
    Locations,
)
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.params import (
    CONFIG_VARS,
    KEY_ID,
    KEY_SECRET,
    BroadcastParams,
    parse_params,
)
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.plan import plan_changes
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.fetch import AccessKey, CurrentUser, User
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.keys import QUOTA
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user_params import OWNER_TAG

OPTIONS: dict[str, t.Any] = {"app": "example", "api_token": "HRKU-1", "project": "47123456", "bucket": "b-1"}
BASE = "https://b-1.s3.us-east-1.amazonaws.com"
NOW = 1_000_000.0
HOUR = 3600
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def broadcast_params(**changes: t.Any) -> BroadcastParams:
    return parse_params({**OPTIONS, **changes}, {})


def access_key(name: str, active: bool = True, age: float | None = 2 * HOUR) -> AccessKey:
    return AccessKey(name, "user", active, None if age is None else NOW - age)


def managed_user(desired: BroadcastParams) -> User:
    tags = {OWNER_TAG: "true"}
    return User(desired.user.name, "arn", desired.user.path, tags=tags, policy=desired.user.document("aws"))


def create_current(desired: BroadcastParams, config_vars: dict[str, str], *keys: AccessKey) -> Current:
    return Current(config_vars, CurrentUser(managed_user(desired), keys), Locations(BASE))


def create_up_to_date(desired: BroadcastParams, *other_keys: AccessKey) -> Current:
    """The state of an application with all desired config vars and the key AKIACURRENT."""
    config = plan.desired_config_vars(desired, create_current(desired, {}), AppKey("AKIACURRENT", SECRET))
    values = {"REDIS_URL": "redis://x", **config.config, **config.secrets}
    return create_current(desired, values, *((access_key("AKIACURRENT"),) if desired.has_key else ()), *other_keys)


@pytest.mark.parametrize(
    ("generation", "variables", "key_id", "recognized"),
    [
        (1, {}, "", False),
        (1, {KEY_ID: "AKIAOTHER", KEY_SECRET: "x", "S3_BUCKET_NAME": "b", "REDIS_URL": "r"}, "", False),
        (1, {KEY_ID: "AKIACURRENT"}, "AKIACURRENT", True),
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
def test_is_broadcast_identifying_config_vars_or_managed_key_is_recognized(
    generation: int, variables: dict[str, str], key_id: str, recognized: bool
) -> None:
    desired = broadcast_params(generation=generation)
    current = create_current(desired, variables, *([access_key(key_id)] if key_id else []))
    assert plan.is_broadcast(current) is recognized


variables = st.fixed_dictionaries(
    {},
    optional={
        KEY_ID: st.sampled_from(["", "K1", "K2", "K3", "AKIAOTHERUSER"]),
        KEY_SECRET: st.sampled_from(["", "secret"]),
        "S3_COMPOSEDVIDEO_URL": st.sampled_from([f"{BASE}/", BASE]),
        "BUCKET_URL": st.sampled_from([f"{BASE}/", BASE]),
        "INSTANCE_ENABLE_ARCHIVING": st.sampled_from(["true", "false"]),
    },
)
keys = st.lists(
    st.builds(
        access_key, st.sampled_from(["K1", "K2", "K3"]), st.booleans(), st.sampled_from([None, 0, HOUR - 1, HOUR])
    ),
    max_size=3,
    unique_by=lambda item: item.id,
)
desired_states = st.builds(
    lambda generation, rotate, after: broadcast_params(generation=generation, rotate=rotate, rotate_after=after),
    st.sampled_from([1, 2]),
    st.booleans(),
    st.sampled_from([0, HOUR, 10 * HOUR]),
)


@given(desired_states, variables, keys)
def test_plan_changes_key_of_the_application_is_deleted_only_with_a_new_one(
    desired: BroadcastParams, config: dict[str, str], user_keys: list[AccessKey]
) -> None:
    current = create_current(desired, config, *user_keys)
    planned = plan_changes(desired, current, NOW)
    user_key = current.user_key
    sent = config_vars.request_body(planned.config_vars)
    if user_key in planned.keys_to_delete:
        # The key is deleted only after the config vars contain another one.
        assert planned.reason != "unchanged"
        assert sent[KEY_ID] == plan.NEW
    if planned.reason == "unchanged":
        assert KEY_ID not in sent
        assert KEY_SECRET not in sent
    if user_key:
        assert user_key not in plan.keys_to_evict(user_keys, user_key.id)
    assert not (desired.generation == 2 and (planned.keys_to_delete or planned.user.changed))


@given(desired_states, variables, keys)
def test_plan_changes_second_run_changes_nothing(
    desired: BroadcastParams, config: dict[str, str], user_keys: list[AccessKey]
) -> None:
    assume(not desired.rotate)
    planned = plan_changes(desired, create_current(desired, config, *user_keys), NOW)
    remaining = [item for item in user_keys if item not in planned.keys_to_delete]
    after = config_vars.merge_changes(config, config_vars.request_body(planned.config_vars))
    if planned.replaces_key:
        after = {**after, KEY_ID: "NEW", KEY_SECRET: "new"}
        remaining.append(access_key("NEW", age=0))
    current = create_current(desired, after, *remaining)
    again = plan_changes(desired, current, NOW)
    assert not again.changed
    assert result.format_changes(desired, current, again).names == []
    managed = CONFIG_VARS[desired.generation]
    assert {name: value for name, value in after.items() if name not in managed} == {
        name: value for name, value in config.items() if name not in managed
    }


@given(keys, st.sampled_from([None, "K1", "K2", "K3"]))
def test_keys_to_evict_any_keys_leave_room_for_one(user_keys: list[AccessKey], app_key_id: str | None) -> None:
    evicted = plan.keys_to_evict(user_keys, app_key_id)
    assert app_key_id not in [item.id for item in evicted]
    unused = [item for item in user_keys if item.id != app_key_id]
    assert len(user_keys) - len(evicted) < QUOTA or evicted == unused
    # Inactive ones first.
    assert all(not item.active for item in evicted) or all(item.active or item in evicted for item in unused)


@pytest.mark.parametrize(
    ("changes", "variables", "user_key", "reason"),
    [
        ({}, {}, None, "missing"),
        ({}, {KEY_ID: "AKIACURRENT"}, access_key("AKIACURRENT"), "missing"),
        ({}, {KEY_ID: "AKIACURRENT", KEY_SECRET: ""}, access_key("AKIACURRENT"), "missing"),
        ({}, {KEY_ID: "AKIAPERSON", KEY_SECRET: SECRET}, None, "changed"),
        ({}, {KEY_ID: "AKIACURRENT", KEY_SECRET: SECRET}, access_key("AKIACURRENT", active=False), "changed"),
        ({}, {KEY_ID: "AKIACURRENT", KEY_SECRET: SECRET}, access_key("AKIACURRENT"), "unchanged"),
        ({"rotate": True}, {KEY_ID: "AKIACURRENT", KEY_SECRET: SECRET}, access_key("AKIACURRENT"), "forced"),
        (
            {"rotate_after": HOUR},
            {KEY_ID: "AKIACURRENT", KEY_SECRET: SECRET},
            access_key("AKIACURRENT", age=HOUR),
            "expired",
        ),
        (
            {"rotate_after": HOUR},
            {KEY_ID: "AKIACURRENT", KEY_SECRET: SECRET},
            access_key("AKIACURRENT", age=HOUR - 1),
            "unchanged",
        ),
        (
            {"rotate_after": HOUR},
            {KEY_ID: "AKIACURRENT", KEY_SECRET: SECRET},
            access_key("AKIACURRENT", age=None),
            "unchanged",
        ),
    ],
)
def test_plan_changes_any_key_returns_the_reason_for_a_new_one(
    changes: dict[str, t.Any], variables: dict[str, str], user_key: AccessKey | None, reason: str
) -> None:
    desired = broadcast_params(**changes)
    current = create_current(desired, variables, *((user_key,) if user_key else ()))
    assert plan_changes(desired, current, NOW).reason == reason


def test_plan_changes_unused_keys_are_deleted_when_no_release_can_contain_them() -> None:
    desired = broadcast_params()
    young, old = access_key("YOUNG", age=HOUR - 1), access_key("OLD", age=HOUR)
    unknown, dead = access_key("UNKNOWN", age=None), access_key("DEAD", active=False, age=1)
    planned = plan_changes(desired, create_up_to_date(desired, young, old, unknown, dead), NOW)
    # No release can use an inactive key.
    assert [item.id for item in planned.keys_to_delete] == ["OLD", "UNKNOWN", "DEAD"]
    assert planned.reason == "unchanged"
    assert planned.config_vars.names == []


@pytest.mark.parametrize("generation", [1, 2])
def test_desired_config_vars_generation_sets_names_and_values(generation: int) -> None:
    desired = broadcast_params(generation=generation, images_bucket="b-2", enable_archiving=False)
    config = plan.desired_config_vars(desired, create_up_to_date(desired), AppKey("AKIACURRENT", SECRET))
    if generation == 2:
        assert config.values == {"BUCKET_URL": BASE}
        return
    assert config.values == {
        "AWS_ACCESS_KEY_ID": "AKIACURRENT",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "S3_BUCKET_NAME": "b-1",
        "S3_BUCKET_NAME_IMAGES": "b-2",
        "S3_COMPOSEDVIDEO_URL": f"{BASE}/",
        "INSTANCE_ENABLE_ARCHIVING": "false",
    }
    assert set(config.values) == set(CONFIG_VARS[1])
    assert config.secrets == {KEY_SECRET: SECRET}


def test_format_changes_manual_setup_shows_no_secret() -> None:
    """The document has the key of a person, and a URL without a slash at the end."""
    desired = broadcast_params()
    before = {KEY_ID: "AKIAIOSFODNN7EXAMPLE", KEY_SECRET: SECRET, "S3_COMPOSEDVIDEO_URL": BASE, "DATABASE_URL": "x"}
    current = Current(before, CurrentUser(None), Locations(BASE))
    changes = result.format_changes(desired, current, plan_changes(desired, current, NOW))
    shown = f"{changes.before()} {changes.after()}"
    assert SECRET not in shown
    assert "DATABASE_URL" not in shown
    assert changes.before()["S3_COMPOSEDVIDEO_URL"] == BASE
    assert changes.after()["S3_COMPOSEDVIDEO_URL"] == f"{BASE}/"
    assert (changes.before()[KEY_ID], changes.after()[KEY_ID]) == ("AKIAIOSFODNN7EXAMPLE", plan.NEW)
    assert changes.after()["access_keys"] == {plan.NEW: "Active"}
    assert SECRET not in repr(current)


def test_format_changes_misplaced_secrets_are_redacted() -> None:
    """A swapped key, and a URL with a password."""
    desired = broadcast_params()
    before = {KEY_ID: SECRET, KEY_SECRET: "AKIAIOSFODNN7EXAMPLE", urls.CONFIG_VARS[1]: "https://me:hunter22@x.example/"}
    current = Current(before, CurrentUser(None), Locations(BASE))
    shown = str(result.format_changes(desired, current, plan_changes(desired, current, NOW)))
    assert SECRET not in shown
    assert "hunter22" not in shown


def test_plan_changes_changed_policy_is_updated_without_a_new_key() -> None:
    desired = broadcast_params()
    current = create_up_to_date(desired)
    user = replace(managed_user(desired), policy={"Statement": []})
    planned = plan_changes(desired, replace(current, user=CurrentUser(user, current.user.keys)), NOW)
    assert planned.user.names == ["policy"]
    assert (planned.reason, planned.config_vars.names, planned.keys_to_delete) == ("unchanged", [], ())
