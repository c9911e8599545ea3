# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of the module ``iam_archive_uploader``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The order is safe to interrupt: the user and its policy, then the keys that go, which makes room, then the new key. The
plan of all three is made before the first write.
"""

from __future__ import annotations

import time
import typing as t
from datetime import datetime, timezone

from .._aws.iam_client import Iam, warn_of_exposed_keys
from .._aws.multipart_uploads import Flights
from .._aws.session import make_client
from .._core import errors
from .._core.plan import Change, Context, Outcome, Plan
from . import policy as uploader_policy
from . import user as uploader
from .params import Desired, KeyPlan, desired, plan_keys, rotation_due
from .user import AccessKey, NewKey, Observed, User


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    want = desired(params, context.environ)
    reach = Iam(want.connection)
    if want.present:
        warn_of_exposed_keys(reach.connection, context.warn)
    return _present(reach, want, context) if want.present else _absent(reach, want, context)


def _present(reach: Iam, want: Desired, context: Context) -> Outcome:
    seen = uploader.observe(reach, want.user, last_used=True)
    todo = uploader.plan(want.user, seen)
    keys = plan_keys(want, seen.keys)
    if keys.unknown:
        context.warn(
            f"keep_keys names {', '.join(keys.unknown)}, which the IAM user {want.user.name} does not have; "
            "all of its other keys go."
        )
    user, new = seen.user, None
    if not context.check_mode:
        user = uploader.apply(reach, want.user, todo) or user
        if keys.going:
            uploader.retire(reach, want.user, [key.id for key in keys.going], delete=not want.deactivate_only)
        new = uploader.make_key(reach, want.user) if keys.makes else None
    changes = Plan((*todo.changes, *_key_changes(seen.keys, keys)))
    result = _described(want, user, keys, new)
    result["changes"] = changes.names
    return Outcome(changes.changed, result, changes.before(), changes.after())


def _key_changes(current: t.Sequence[AccessKey], keys: KeyPlan) -> list[Change]:
    """The keys, the one to be made without its id, which nobody knows before."""
    if not (keys.going or keys.makes):
        return []
    new = [{"id": None, "status": "Active"}] if keys.makes else []
    return [Change("access_keys", _brief(current), _brief(keys.staying) + new)]


def _brief(keys: t.Iterable[AccessKey]) -> list[dict[str, t.Any]]:
    return [{"id": key.id, "status": key.status} for key in keys]


def _described(want: Desired, user: User | None, keys: KeyPlan, new: NewKey | None) -> dict[str, t.Any]:
    """The user and its keys as the next task needs them."""
    shown = [_described_key(key) for key in keys.staying]
    if keys.makes:
        made = AccessKey(new.id, want.user.name, True, new.created) if new else None
        nobody = {"id": None, "status": "Active", "created": None, "last_used": None}
        shown.append(_described_key(made) if made else nobody)
    result: dict[str, t.Any] = {
        "user": _described_user(want, user),
        "access_keys": shown,
        "rotation_due": rotation_due(want, keys, time.time()),
    }
    if new:
        result["access_key"] = {"id": new.id, "secret": new.secret}
    return result


def _described_user(want: Desired, user: User | None) -> dict[str, t.Any]:
    """A user that is yet to be made has the path that was asked for."""
    return {
        "name": want.user.name,
        "exists": want.present,
        "arn": (user.arn or None) if user else None,
        # In check mode the path may be about to change.
        "path": want.user.path,
        "created": _iso(user.created) if user else None,
    }


def _described_key(key: AccessKey) -> dict[str, t.Any]:
    return {"id": key.id, "status": key.status, "created": _iso(key.created), "last_used": _iso(key.last_used)}


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _absent(reach: Iam, want: Desired, context: Context) -> Outcome:
    seen = uploader.observe(reach, want.user)
    _refuse_other_projects(want, seen)
    gone = uploader.removed(seen, uploader.removable(reach, want.user, seen))
    if not context.check_mode:
        if want.drain:
            _wait_for_uploads(want, seen)
        uploader.remove(reach, want.user, seen)
    result = {"user": _gone(want), "access_keys": [], "rotation_due": None, "changes": gone}
    return Outcome(bool(gone), result, _before_removal(seen), {})


def _refuse_other_projects(want: Desired, seen: Observed) -> None:
    """Deleting the uploader of another project ends that project's uploads.

    :raises NotManagedError: the policy of the user allows uploads for a project other than the given one.
    """
    project, policy = want.user.prefix, seen.user.policy if seen.user else None
    others = uploader_policy.other_projects([policy], project) if project else []
    if others:
        raise errors.NotManagedError(
            f"delete the IAM user {want.user.name} of project {project}",
            f"its policy allows uploads for project {' and '.join(others)}",
            "Nothing was deleted. Correct name or prefix; without prefix, the policy is not checked.",
            user=want.user.name,
        )


def _wait_for_uploads(want: Desired, seen: Observed) -> None:
    """A recording whose upload has begun is lost if its key goes.

    :raises ConflictError: there still are such.
    """
    places = sorted(uploader_policy.places([seen.user.policy])) if seen.user else []
    if not places or not any(key.active for key in seen.keys):
        return
    if not Flights(want.store, make_client(want.store), places).drained(want.drain):
        where = " and ".join(f"s3://{place.bucket}/{place.prefix}/" for place in places)
        raise errors.ConflictError(
            f"remove the IAM user {want.user.name}",
            f"uploads below {where} are still under way",
            "Nothing was removed. Run it again once they have ended; with drain_timeout=0 they are cut off.",
        )


def _gone(want: Desired) -> dict[str, t.Any]:
    return {"name": want.user.name, "exists": False, "arn": None, "path": None, "created": None}


def _before_removal(seen: Observed) -> dict[str, t.Any]:
    if seen.user is None:
        return {}
    return {"user": seen.user.name, "access_keys": _brief(seen.keys)}
