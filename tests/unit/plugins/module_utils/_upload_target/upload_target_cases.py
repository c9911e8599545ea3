# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of managed keys, and possible current states."""

from __future__ import annotations

import typing as t

from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.state import State
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import StoredObject
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.fetch import Current, CurrentStateFile
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import (
    UPLOADER,
    ManagedKeyParams,
    parse_params,
)
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.fetch import AccessKey, CurrentUser, User
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.plan import plan_user
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user_params import OWNER_TAG, DesiredUser

NOW = 1_800_000_000.0
API_SECRET = "0123456789abcdef0123456789abcdef01234567"
PROJECT = "45828062"
MAIN, SPARE = f"vonage-archiving-{PROJECT}", f"vonage-archiving-{PROJECT}-spare"
FOREIGN = "AKIAFOREIGN"
IDS = ("AKIAM1", "AKIAM2", "AKIAS1", "AKIAS2")
PARAMS: dict[str, t.Any] = {
    "api_key": PROJECT,
    "api_secret": API_SECRET,
    "s3": {"bucket": "b-1", "endpoint": None, "sse": "s3"},
    "fallback": "none",
    "state_file": "/nowhere/state.json",
    "region": "eu-west-1",
    "access_key": "AKIAOPERATOR",
    "secret_key": "of-the-operator",
}


def managed_params(**options: t.Any) -> ManagedKeyParams:
    """Parse the options; those of ``uploader`` can also be set directly."""
    nested = {name: options.pop(name) for name in UPLOADER if name in options}
    options["uploader"] = {**(options.get("uploader") or {}), **nested}
    return t.cast(ManagedKeyParams, parse_params({**PARAMS, **options}, {}))


def user(name: str = MAIN, bucket: str = "b-1", project: str = PROJECT) -> User:
    policy = plan_user(DesiredUser(name, bucket, project), CurrentUser(None)).steps[-1].value
    return User(name, f"arn:aws:iam::1:user/{name}", "/", tags={OWNER_TAG: "true"}, policy=policy)


def access_key(id_: str, active: bool = True, created: float | None = None, age: float | None = None) -> AccessKey:
    return AccessKey(id_, MAIN if id_ in IDS[:2] else SPARE, active, created, age=age)


def current_state(*keys: AccessKey, last: State | None = None, reason: str = "", spare: bool | None = None) -> Current:
    """The current state; ``last`` without ``reason`` is reliable."""
    main, other = ([key for key in keys if key.user == name] for name in (MAIN, SPARE))
    has_spare = bool(other) if spare is None else spare
    reason = reason or (state.UNFINISHED if last and last.status == state.PENDING else "")
    known = None if reason or last is None else last
    data = state.dump(last) if last else None
    is_pending = reason == state.UNFINISHED
    state_file = CurrentStateFile(StoredObject(data), last, known, reason, is_pending, bool(known) or is_pending)
    return Current(
        CurrentUser(user(), tuple(main)),
        CurrentUser(user(SPARE) if has_spare else None, tuple(other)),
        state_file,
    )


def pending(target_key: str, may_hold: t.Iterable[str] | None = (), bucket: str = "b-1", time: float = NOW) -> State:
    """The state file before the API is called."""
    public = {"type": "s3", "bucket": bucket, "access_key": target_key, "sse": "s3", "fallback": "none"}
    return state.create_pending(PROJECT, "https://api.opentok.com", time, public, "secret", API_SECRET, may_hold, 90)


def applied(target_key: str, others: t.Iterable[str] = (), bucket: str = "b-1", time: float = NOW) -> State:
    """The state file after the call of the API."""
    return pending(target_key, bucket=bucket, time=time).commit(state.APPLIED, time, others)


KEYS = st.lists(
    st.builds(
        access_key,
        st.sampled_from(IDS),
        st.booleans(),
        st.none() | st.floats(NOW - 1e7, NOW),
        st.sampled_from([None, 0.0, 899.0, 900.0, 1e6]),
    ),
    max_size=4,
    unique_by=lambda key: key.id,
)
TARGET_KEYS = st.sampled_from((*IDS, FOREIGN))
SETS = st.sets(st.sampled_from(IDS))
STATES = st.one_of(
    st.none(),
    st.builds(pending, TARGET_KEYS, st.none() | SETS),
    st.builds(applied, TARGET_KEYS, SETS, st.sampled_from(["b-1", "b-2"]), st.floats(NOW - 1e7, NOW)),
    st.builds(lambda others: pending("", ()).commit(state.ABSENT, NOW, others), SETS),
)
CURRENT = st.builds(
    lambda keys, last, reason: current_state(*keys, last=last, reason=reason),
    KEYS,
    STATES,
    st.sampled_from(["", "", "it is damaged"]),
)
SECONDS = st.sampled_from([0, 0, 60, 3600, 86400])
MANAGED_PARAMS = st.builds(
    lambda grace_period, delete_after, margin, rotate: managed_params(
        grace_period=grace_period,
        delete_after=delete_after,
        rotate_after=margin and grace_period + delete_after + margin,
        rotate=rotate,
    ),
    SECONDS,
    SECONDS,
    SECONDS,
    st.booleans(),
)
