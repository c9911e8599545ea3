# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entry point of the module ``iam_archive_uploader``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A run can be interrupted at any point. The order of writes: the user and its policy; the old keys, which frees the
quota; the new key. All three are planned before the first write.
"""

from __future__ import annotations

import typing as t

from .._aws.iam_client import Iam, warn_of_exposed_keys
from .._aws.multipart_uploads import MultipartUploads
from .._aws.session import make_client
from .._core import errors
from .._core.plan import Change, Context, Outcome, Plan
from .._core.runtime import Runtime
from .._core.timestamps import format_utc
from . import policy as uploader_policy
from .apply import apply_user
from .delete import delete_user, fetch_deletable_attachments, parts_to_delete
from .fetch import AccessKey, CurrentUser, User, fetch_managed_user
from .keys import NewKey, create_access_key, delete_access_keys
from .params import UploaderParams, parse_params
from .plan import KeyPlan, is_rotation_due, plan_keys, plan_user


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    uploader = parse_params(params, context.environ)
    iam = Iam(uploader.connection, context.runtime)
    if not uploader.present:
        return _delete(iam, uploader, context)
    warn_of_exposed_keys(iam.connection, context.warn)
    return _ensure(iam, uploader, context)


def _ensure(iam: Iam, uploader: UploaderParams, context: Context) -> Outcome:
    current = fetch_managed_user(iam, uploader.user, last_used=True)
    user_plan = plan_user(uploader.user, current)
    key_plan = plan_keys(uploader, current.keys)
    if key_plan.unknown_ids:
        context.warn(
            f"keep_keys: the IAM user {uploader.user.name} does not have {', '.join(key_plan.unknown_ids)}. All of its "
            f"other keys are {'deactivated' if uploader.deactivate_only else 'deleted'}."
        )
    user, new_key = current.user, None
    if not context.check_mode:
        user = apply_user(iam, uploader.user, user_plan) or user
        if key_plan.to_retire:
            ids = [key.id for key in key_plan.to_retire]
            delete_access_keys(iam, uploader.user, ids, deactivate_only=uploader.deactivate_only)
        new_key = create_access_key(iam, uploader.user) if key_plan.creates_key else None
    plan = Plan((*user_plan.changes, *_key_changes(current.keys, key_plan)))
    result = _format_result(uploader, user, key_plan, new_key, context.runtime.now())
    result["changes"] = plan.names
    return Outcome(plan.changed, result, plan.before(), plan.after())


def _key_changes(current: t.Sequence[AccessKey], plan: KeyPlan) -> list[Change]:
    """The change of the keys; the id of a new key is not known before its creation."""
    if not (plan.to_retire or plan.creates_key):
        return []
    new = [{"id": None, "status": "Active"}] if plan.creates_key else []
    return [Change("access_keys", _key_summaries(current), _key_summaries(plan.remaining) + new)]


def _key_summaries(keys: t.Iterable[AccessKey]) -> list[dict[str, t.Any]]:
    return [{"id": key.id, "status": key.status} for key in keys]


def _format_result(
    uploader: UploaderParams, user: User | None, plan: KeyPlan, new_key: NewKey | None, now: float
) -> dict[str, t.Any]:
    keys = [_format_key(key) for key in plan.remaining]
    if new_key:
        keys.append(_format_key(AccessKey(new_key.id, uploader.user.name, True, new_key.created)))
    elif plan.creates_key:
        keys.append({"id": None, "status": "Active", "created": None, "last_used": None})
    result: dict[str, t.Any] = {
        "user": _format_user(uploader, user),
        "access_keys": keys,
        "rotation_due": is_rotation_due(uploader, plan, now),
    }
    if new_key:
        result["access_key"] = {"id": new_key.id, "secret": new_key.secret}
    return result


def _format_user(uploader: UploaderParams, user: User | None) -> dict[str, t.Any]:
    return {
        "name": uploader.user.name,
        "exists": uploader.present,
        "arn": (user.arn or None) if user else None,
        # In check mode, the path after the run.
        "path": uploader.user.path,
        "created": _format_time(user.created) if user else None,
    }


def _format_key(key: AccessKey) -> dict[str, t.Any]:
    return {
        "id": key.id,
        "status": key.status,
        "created": _format_time(key.created),
        "last_used": _format_time(key.last_used),
    }


def _format_time(seconds: float | None) -> str | None:
    return None if seconds is None else format_utc(seconds)


def _delete(iam: Iam, uploader: UploaderParams, context: Context) -> Outcome:
    current = fetch_managed_user(iam, uploader.user)
    _refuse_other_projects(uploader, current)
    changes = parts_to_delete(current, fetch_deletable_attachments(iam, uploader.user, current))
    if not context.check_mode:
        if uploader.drain_timeout:
            _wait_for_uploads(uploader, current, context.runtime)
        delete_user(iam, uploader.user, current)
    user = {"name": uploader.user.name, "exists": False, "arn": None, "path": None, "created": None}
    result = {"user": user, "access_keys": [], "rotation_due": None, "changes": changes}
    return Outcome(bool(changes), result, _format_before_deletion(current), {})


def _refuse_other_projects(uploader: UploaderParams, current: CurrentUser) -> None:
    """Deleting the uploader of another project ends that project's uploads.

    :raises NotManagedError: the policy of the user allows uploads for another project.
    """
    project, policy = uploader.user.prefix, current.user.policy if current.user else None
    other_projects = uploader_policy.other_projects([policy], project) if project else []
    if other_projects:
        raise errors.NotManagedError(
            f"delete the IAM user {uploader.user.name} of project {project}",
            f"its policy allows uploads for project {' and '.join(other_projects)}",
            "Nothing was deleted. Correct name or prefix; without prefix, the policy is not checked.",
            user=uploader.user.name,
        )


def _wait_for_uploads(uploader: UploaderParams, current: CurrentUser, runtime: Runtime) -> None:
    """Wait for uploads in progress: without their key, they fail and the recordings are lost.

    :raises ConflictError: uploads are still in progress.
    """
    locations = sorted(uploader_policy.allowed_locations([current.user.policy])) if current.user else []
    if not locations or not any(key.active for key in current.keys):
        return
    if not MultipartUploads(uploader.store, make_client(uploader.store), locations, runtime).drain(
        uploader.drain_timeout
    ):
        urls = " and ".join(f"s3://{location.bucket}/{location.prefix}/" for location in locations)
        raise errors.ConflictError(
            f"delete the IAM user {uploader.user.name}",
            f"uploads below {urls} are still in progress after {uploader.drain_timeout} seconds",
            "Nothing was deleted. Run it again once they have ended. With drain_timeout=0, the user is deleted "
            "immediately, and these uploads fail.",
        )


def _format_before_deletion(current: CurrentUser) -> dict[str, t.Any]:
    if current.user is None:
        return {}
    return {"user": current.user.name, "access_keys": _key_summaries(current.keys)}
