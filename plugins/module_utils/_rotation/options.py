# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a key rotation is asked to bring about: options, validated offline. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.vonage.archiving.plugins.module_utils._aws import connection as aws
from ansible_collections.vonage.archiving.plugins.module_utils._aws import iam, uploader
from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_options import METHODS, probe_problems
from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader_options import user_problems
from ansible_collections.vonage.archiving.plugins.module_utils._errors import InputError
from ansible_collections.vonage.archiving.plugins.module_utils._key_periods import (
    DELETE_AFTER,
    GRACE_PERIOD,
    period_problems,
)
from ansible_collections.vonage.archiving.plugins.module_utils._secrets import mark_as_secret
from ansible_collections.vonage.archiving.plugins.module_utils._values import given
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import connection as vonage
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import storage, target
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.connection import Project
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.record_store import Store
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.target import Target

# When a key is tried: never, when it is new, also when none is needed (with a temporary one), and nothing but that.
PROOFS = ("none", "new", "always", "only")
DEFAULT_NAME = "vonage-archiving-{project}"
# The second user: new keys go to the user that has fewer keys.
SPARE = "-spare"

ARGUMENTS: dict[str, t.Any] = {
    "s3": {
        "type": "dict",
        "required": True,
        "options": {
            "bucket": {"type": "str", "required": True},
            "endpoint": {"type": "str"},
            "sse": {"type": "str", "default": "s3"},
        },
    },
    "fallback": target.ARGUMENTS["fallback"],
    "certificate": target.ARGUMENTS["certificate"],
    "record": {"type": "str", "required": True},
    "uploader": {
        "type": "dict",
        "options": {
            "name": {"type": "str"},
            "path": {"type": "str"},
            "permissions_boundary": {"type": "str"},
            "tags": {"type": "dict"},
            "list_all_my_buckets": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": False},
        },
    },
    "rotate": {"type": "bool", "default": False},
    "rotate_after": {"type": "int", "default": 0},
    "grace_period": {"type": "int", "default": GRACE_PERIOD},
    "delete_after": {"type": "int", "default": DELETE_AFTER},
    "revoke_old_keys": {"type": "bool", "default": False},
    "drain_timeout": {"type": "int", "default": 30},
    "proof": {"type": "str", "choices": list(PROOFS), "default": "new"},
    "expect_public": {"type": "bool"},
    "expect_least_privilege": {"type": "bool", "default": False},
    "cors_origin": {"type": "str"},
    "cors_method": {"type": "str", "choices": METHODS, "default": "GET"},
    "verify_timeout": {"type": "int", "default": 30},
    **iam.ARGUMENTS,
    **vonage.ARGUMENTS,
    **aws.ARGUMENTS,
}


@dataclass(frozen=True)
class Desired:
    """What is asked for.

    :param target: without a key.
    :param main: one of the two users that have the keys; ``spare`` is the other one.
    :param rotate_after: seconds; ``None`` for never.
    :param grace_period: seconds for which an old key stays active after another one has been set.
    :param delete_after: seconds for which it then stays inactive before it is deleted.
    :param revoke_old_keys: deactivate all keys except the target's immediately.
    :param drain: seconds to wait for uploads that began with it.
    :param probe: options of the upload check.
    """

    project: Project
    target: Target
    store: Store
    main: uploader.Wanted
    spare: uploader.Wanted
    iam: aws.Connection
    operator: aws.Connection
    rotate: bool
    rotate_after: float | None
    grace_period: float
    delete_after: float
    revoke_old_keys: bool
    drain: float
    proof: str
    probe: t.Mapping[str, t.Any]


def desired(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Desired:
    """What the options ask for.

    :raises InputError: with everything that is wrong, before anything is sent.
    """
    problems: list[str] = []
    project = vonage.project(params, environ, problems)
    identity = project.id if project else ""
    aim = target.target({**params, "azure": None}, identity, problems, keyed=False)
    store = _store(params, environ, identity, problems)
    seconds = {name: _seconds(params, name, problems) for name in ("rotate_after", "grace_period", "delete_after")}
    problems += period_problems(seconds["rotate_after"], seconds["grace_period"], seconds["delete_after"])
    drain = _seconds(params, "drain_timeout", problems)
    probe = _probe(params)
    problems += probe_problems(probe, identity or "unknown", "verify_timeout")
    iam_connection = _connection(iam.iam_connection, params, environ, problems)
    operator = _connection(aws.connection, params, environ, problems)
    user = _uploader(params, identity, str(aim.place if aim else ""), problems)
    if problems or not (project and aim and store and user and iam_connection and operator):
        error = InputError(list(dict.fromkeys(problems)))
        error.secrets = vonage.misplaced(params)
        raise error
    mark_as_secret(project.secret)
    return Desired(
        project=project,
        target=aim,
        store=store,
        main=user,
        spare=replace(user, name=f"{user.name}{SPARE}"),
        iam=iam_connection,
        operator=operator,
        rotate=bool(params.get("rotate")),
        rotate_after=seconds["rotate_after"] or None,
        grace_period=seconds["grace_period"],
        delete_after=seconds["delete_after"],
        revoke_old_keys=bool(params.get("revoke_old_keys")),
        drain=drain,
        proof=str(params.get("proof") or "new"),
        probe=probe,
    )


def _store(
    params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], identity: str, problems: list[str]
) -> Store | None:
    if given(params.get("record")) is None:
        problems.append(
            "record is required: without one it is never known which key the target holds, and every run would make "
            "another"
        )
    return storage.record_store(params, environ, identity, problems)


def _seconds(params: t.Mapping[str, t.Any], name: str, problems: list[str]) -> float:
    return vonage.number(params, name, ARGUMENTS[name]["default"], problems, whole=True)


def _connection(
    make: t.Callable[[t.Mapping[str, t.Any], t.Mapping[str, str]], aws.Connection],
    params: t.Mapping[str, t.Any],
    environ: t.Mapping[str, str],
    problems: list[str],
) -> aws.Connection | None:
    try:
        return make(params, environ)
    except InputError as exc:
        problems.extend(exc.problems)
        return None


def _probe(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    names = ("expect_public", "expect_least_privilege", "cors_origin", "cors_method", *aws.ARGUMENTS)
    timeout = params.get("verify_timeout")
    return {**{name: params.get(name) for name in names}, "timeout": 30 if timeout is None else timeout}


def _uploader(params: t.Mapping[str, t.Any], project: str, bucket: str, problems: list[str]) -> uploader.Wanted | None:
    asked: t.Mapping[str, t.Any] = params.get("uploader") or {}
    wanted = uploader.Wanted(
        name=str(given(asked.get("name")) or DEFAULT_NAME.format(project=project)),
        bucket=bucket,
        prefix=project,
        path=str(given(asked.get("path")) or "/"),
        boundary=given(asked.get("permissions_boundary")),
        tags=asked.get("tags") or {},
        list_all_my_buckets=bool(asked.get("list_all_my_buckets")),
        force=bool(asked.get("force")),
    )
    # Where bucket or project are wrong, that is told already.
    known = project and bucket
    found = uploader.problems(wanted, SPARE) if known else user_problems(wanted, SPARE)
    problems += [f"uploader: {why}" for why in found]
    return None if found else wanted
