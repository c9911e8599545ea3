# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module ``iam_archive_uploader`` is asked for, and what that means for keys. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from .._aws import iam_client as iam
from .._aws import session as aws
from .._core import errors
from .._core.values import none_if_blank
from . import user_params as uploader_options
from .fetch import AccessKey
from .keys import QUOTA
from .user_params import DesiredUser

CREATE_KEY = ("never", "when_missing", "always")
ARGUMENTS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "path": {"type": "str", "default": "/"},
    "permissions_boundary": {"type": "str"},
    "tags": {"type": "dict"},
    "force": {"type": "bool", "default": False},
    "bucket": {"type": "str"},
    "prefix": {"type": "str"},
    "list_all_my_buckets": {"type": "bool", "default": False},
    "create_key": {"type": "str", "choices": list(CREATE_KEY), "default": "when_missing", "no_log": False},
    "keep_keys": {"type": "list", "elements": "str", "no_log": False},
    "retire_keys": {"type": "list", "elements": "str", "no_log": False},
    "deactivate_only": {"type": "bool", "default": False},
    "max_key_age": {"type": "int", "no_log": False},
    "drain_timeout": {"type": "int", "default": 0},
    **iam.ARGUMENTS,
    **aws.ARGUMENTS,
}
REQUIRED_IF = [("state", "present", ("bucket", "prefix"))]
MUTUALLY_EXCLUSIVE = [("keep_keys", "retire_keys")]
# Other stores have ids of other forms than AWS; what does not look like one is not quoted, since it may be a secret.
_ID = re.compile(r"[A-Za-z0-9_.-]{3,128}")


@dataclass(frozen=True)
class Desired:
    """What is asked for.

    :param keep: ids that stay, ``None`` for all; ``retire`` those that go.
    :param max_age: of a key, in seconds.
    :param store: the S3 store that its uploads go to.
    :param drain: seconds to wait for these before the user goes.
    """

    user: DesiredUser
    connection: aws.Connection
    store: aws.Connection
    present: bool = True
    create: str = "when_missing"
    keep: frozenset[str] | None = None
    retire: frozenset[str] = frozenset()
    deactivate_only: bool = False
    max_age: int | None = None
    drain: int = 0


def desired(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Desired:
    """What the options ask for.

    :raises InputError: with everything that is wrong, before anything is sent.
    """
    user, present = _wanted(params), params.get("state") != "absent"
    problems = uploader_options.uploader_problems(user) if present else uploader_options.removal_problems(user)
    problems += _key_problems(params)
    try:
        connection = iam.iam_connection(params, environ)
    except errors.InputError as exc:
        raise errors.InputError([*problems, *exc.problems]) from exc
    if problems:
        raise errors.InputError(problems)
    return Desired(
        user=user,
        connection=connection,
        store=aws.connection(params, environ),
        present=present,
        create=params.get("create_key") or "when_missing",
        keep=None if params.get("keep_keys") is None else frozenset(params["keep_keys"]),
        retire=frozenset(params.get("retire_keys") or ()),
        deactivate_only=bool(params.get("deactivate_only")),
        max_age=params.get("max_key_age"),
        drain=params.get("drain_timeout") or 0,
    )


def _wanted(params: t.Mapping[str, t.Any]) -> DesiredUser:
    return DesiredUser(
        name=str(params.get("name") or ""),
        bucket=str(params.get("bucket") or ""),
        prefix=str(params.get("prefix") or "").strip().rstrip("/"),
        path=str(none_if_blank(params.get("path")) or "/"),
        boundary=none_if_blank(params.get("permissions_boundary")),
        tags=params.get("tags") or {},
        list_all_my_buckets=bool(params.get("list_all_my_buckets")),
        force=bool(params.get("force")),
    )


def _key_problems(params: t.Mapping[str, t.Any]) -> list[str]:
    problems = []
    for option in ("keep_keys", "retire_keys"):
        ids = params.get(option) or ()
        problems += [
            f"{option}: item {number} does not look like the id of an access key"
            for number, key in enumerate(ids, start=1)
            if not _ID.fullmatch(str(key))
        ]
    if params.get("deactivate_only") and params.get("keep_keys") is None and not params.get("retire_keys"):
        problems.append("deactivate_only says what happens to keys that go: it needs keep_keys or retire_keys")
    if (params.get("drain_timeout") or 0) < 0:
        problems.append(f"drain_timeout {params['drain_timeout']} must be a number of seconds, 0 or more")
    if params.get("max_key_age") is not None and params["max_key_age"] < 1:
        problems.append(f"max_key_age {params['max_key_age']} must be at least 1 second")
    return problems


@dataclass(frozen=True)
class KeyPlan:
    """What happens to the keys.

    :param going: those it makes a difference to.
    :param staying: all that are there after that, as they are then, the new one apart.
    :param makes: whether there will be a new one.
    :param unknown: ids to keep that are not there although others go.
    """

    going: tuple[AccessKey, ...] = ()
    staying: tuple[AccessKey, ...] = ()
    makes: bool = False
    unknown: tuple[str, ...] = ()


def plan_keys(want: Desired, keys: t.Sequence[AccessKey]) -> KeyPlan:
    """What happens to the keys of a user; pure.

    :raises QuotaError: a key is wanted, and there is no room for it.
    """
    named = want.retire if want.keep is None else {key.id for key in keys} - want.keep
    going = tuple(key for key in keys if key.id in named and (key.active or not want.deactivate_only))
    if want.deactivate_only:
        staying = tuple(replace(key, active=False) if key.id in named else key for key in keys)
    else:
        staying = tuple(key for key in keys if key.id not in named)
    missing = not any(key.active for key in staying)
    makes = want.create == "always" or (want.create == "when_missing" and missing)
    if makes and len(staying) >= QUOTA:
        raise _no_room(want, staying)
    unknown = (want.keep or frozenset()) - {key.id for key in keys} if going else frozenset()
    return KeyPlan(going, staying, makes, tuple(sorted(unknown)))


def _no_room(want: Desired, keys: t.Sequence[AccessKey]) -> errors.QuotaError:
    shown = " and ".join(f"{key.id} ({'active' if key.active else 'inactive'})" for key in keys)
    return errors.QuotaError(
        f"make an access key for the IAM user {want.user.name}",
        f"it has {len(keys)} already, and IAM allows {QUOTA}: {shown}",
        "Name the one that stays in keep_keys, or the one that goes in retire_keys. Nothing was changed.",
        access_keys=[key.id for key in keys],
    )


def rotation_due(want: Desired, plan: KeyPlan, now: float) -> bool | None:
    """Whether the newest active key is older than it may be; ``None`` where nobody asked or the store does not tell.

    The newest counts, for that is the one a rotation that has begun goes over to.
    """
    active = [key for key in plan.staying if key.active]
    if want.max_age is None or not (active or plan.makes):
        return None
    if plan.makes or any(key.created is not None and now - key.created < want.max_age for key in active):
        return False
    return None if any(key.created is None for key in active) else True
