# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the module ``iam_archive_uploader``. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .._aws import iam_client as iam
from .._aws import session as aws
from .._aws.s3_naming import project_problem
from .._core.params import parse_seconds
from .._core.problems import Problems
from .._core.validation import existing_bucket_name_problem
from .user_params import DesiredUser, user_fields, validate_user

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
    "max_key_age": {"type": "str", "no_log": False},
    "drain_timeout": {"type": "str", "default": 0},
    **iam.ARGUMENTS,
    **aws.ARGUMENTS,
}
REQUIRED_IF = [("state", "present", ("bucket", "prefix"))]
MUTUALLY_EXCLUSIVE = [("keep_keys", "retire_keys")]
# Other stores have IDs of other forms than AWS. Anything else may be a secret, and is not quoted.
_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{3,128}")


@dataclass(frozen=True)
class UploaderParams:
    """The desired state.

    :param store: the S3 store that the keys upload to.
    :param keep_keys: IDs of the keys to keep; ``None`` for all.
    :param retire_keys: IDs of the keys to delete or deactivate.
    :param max_key_age: in seconds.
    :param drain_timeout: seconds to wait for uploads in progress before the user is deleted.
    """

    user: DesiredUser
    connection: aws.Connection
    store: aws.Connection
    present: bool = True
    create_key: str = "when_missing"
    keep_keys: frozenset[str] | None = None
    retire_keys: frozenset[str] = frozenset()
    deactivate_only: bool = False
    max_key_age: int | None = None
    drain_timeout: int = 0


def parse_params(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> UploaderParams:
    """Parse the options, offline.

    :raises InputError: with all problems.
    """
    problems = Problems()
    user, present = _parse_user(params), params.get("state") != "absent"
    validate_user(user, problems)
    if present:
        problems.add_if("bucket", existing_bucket_name_problem(user.bucket))
    if present or user.prefix:
        problems.add_if("prefix", project_problem(user.prefix))
    _validate_keys(params, problems)
    drain_timeout = parse_seconds(params, "drain_timeout", 0, problems)
    max_key_age = parse_seconds(params, "max_key_age", 0, problems, above=0)
    connection = problems.collect(iam.iam_connection, params, environ)
    problems.raise_if_any()
    return UploaderParams(
        user=user,
        connection=t.cast(aws.Connection, connection),
        store=aws.connection(params, environ),
        present=present,
        create_key=params.get("create_key") or "when_missing",
        keep_keys=None if params.get("keep_keys") is None else frozenset(params["keep_keys"]),
        retire_keys=frozenset(params.get("retire_keys") or ()),
        deactivate_only=bool(params.get("deactivate_only")),
        max_key_age=int(max_key_age) or None,
        drain_timeout=int(drain_timeout),
    )


def _parse_user(params: t.Mapping[str, t.Any]) -> DesiredUser:
    return DesiredUser(
        name=str(params.get("name") or ""),
        bucket=str(params.get("bucket") or ""),
        prefix=str(params.get("prefix") or "").strip().rstrip("/"),
        **user_fields(params),
    )


def _validate_keys(params: t.Mapping[str, t.Any], problems: Problems) -> None:
    for option in ("keep_keys", "retire_keys"):
        for number, key in enumerate(params.get(option) or (), start=1):
            if not _KEY_ID.fullmatch(str(key)):
                problems.add(option, f"item {number} is not a valid ID of an access key")
    if params.get("deactivate_only") and params.get("keep_keys") is None and not params.get("retire_keys"):
        problems.add("deactivate_only", "requires keep_keys or retire_keys, which select the keys to deactivate")
