# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create, deactivate, and delete the access keys of an uploader.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._aws.iam_client import Iam
from .._core import errors
from .._core.retry import Deadline, backoff, retry
from .._core.secrets import mark_as_secret
from .fetch import list_access_keys, unix_seconds
from .user_params import DesiredUser

# Access keys of a user (IAM User Guide, "IAM and AWS STS quotas"); also used with stores that have no such limit.
QUOTA = 2
# Time until a change is effective. IAM is eventually consistent (IAM User Guide, "Troubleshoot IAM"). No other store
# is known to be.
SECONDS_AT_AWS = 30.0
SECONDS_ELSEWHERE = 3.0


@dataclass(frozen=True)
class NewKey:
    """A new access key; only the response to its creation includes the secret."""

    id: str
    secret: str = field(repr=False)
    user: str
    created: float | None = None


def propagation_deadline(iam: Iam) -> Deadline:
    seconds = SECONDS_AT_AWS if iam.connection.is_aws else SECONDS_ELSEWHERE
    return Deadline(seconds, iam.runtime, awaited="a change in IAM to take effect")


def is_not_found(exc: Exception) -> bool:
    """Whether the same call may succeed later, because the user is new."""
    return isinstance(exc, errors.NotFoundError)


def create_access_key(iam: Iam, desired: DesiredUser) -> NewKey:
    """Create a key. The caller checks the quota.

    :raises QuotaError: another run has created a key in the meantime.
    """
    operation = f"create an access key for the IAM user {desired.name}"
    action = "iam:CreateAccessKey"
    changes, user = iam.runtime.changes, f"IAM user {desired.name}"
    try:
        # An unknown user is a definite refusal: no key was created, and a retry does not create a second key.
        with changes.record(user, "access key"):
            response = retry(
                lambda: iam.call("create_access_key", operation, action, UserName=desired.name),
                is_not_found,
                propagation_deadline(iam),
                backoff(),
            )
    except errors.UnreachableError as exc:
        hint = "The key may exist, with an unknown secret. The next run lists it, and can delete it."
        raise errors.UnreachableError(operation, exc.problem, hint, **exc.facts) from exc
    except errors.RejectedError as exc:
        if exc.facts.get("code") != "LimitExceeded":
            raise
        hint = "Another run has created a key in the meantime. Run it again once the other run has ended."
        raise errors.QuotaError(operation, exc.problem, hint, **exc.facts) from exc
    key = response["AccessKey"]
    mark_as_secret(key["SecretAccessKey"])
    changes.discard(user, "access key")
    changes.add(user, f"access key {key['AccessKeyId']}")
    return NewKey(key["AccessKeyId"], key["SecretAccessKey"], desired.name, unix_seconds(key.get("CreateDate")))


def delete_access_keys(
    iam: Iam, desired: DesiredUser, ids: t.Iterable[str], deactivate_only: bool = False
) -> list[str]:
    """Deactivate keys and then delete them; ids of keys that do not exist are ignored.

    :returns: the ids of the keys that this call has changed.
    """
    to_delete = frozenset(ids)
    existing = [key for key in list_access_keys(iam, desired) if key.id in to_delete] if to_delete else []
    deactivated = [key.id for key in existing if key.active and _deactivate_key(iam, desired, key.id)]
    deleted = [key.id for key in existing if not deactivate_only and _delete_key(iam, desired, key.id)]
    return [key.id for key in existing if key.id in deactivated or key.id in deleted]


def _deactivate_key(iam: Iam, desired: DesiredUser, key: str) -> bool:
    names = {"UserName": desired.name, "AccessKeyId": key, "Status": "Inactive"}
    operation = f"deactivate the access key {key}"
    with iam.runtime.changes.record(f"IAM user {desired.name}", f"access key {key} deactivated"):
        return call_if_exists(iam, "update_access_key", operation, "iam:UpdateAccessKey", **names)


def _delete_key(iam: Iam, desired: DesiredUser, key: str) -> bool:
    names = {"UserName": desired.name, "AccessKeyId": key}
    changes, user = iam.runtime.changes, f"IAM user {desired.name}"
    with changes.record(user, f"access key {key} deleted"):
        is_deleted = call_if_exists(
            iam, "delete_access_key", f"delete the access key {key}", "iam:DeleteAccessKey", **names
        )
    changes.discard(user, f"access key {key} deactivated")
    if changes.discard(user, f"access key {key}"):
        changes.discard(user, f"access key {key} deleted")
    return is_deleted


def call_if_exists(iam: Iam, method: str, operation: str, action: str, **params: t.Any) -> bool:
    """Call a method of the IAM API, and return whether its object existed."""
    try:
        iam.call(method, operation, action, **params)
    except errors.NotFoundError:
        return False
    return True


def delete_unused_key(iam: Iam, desired: DesiredUser, key: NewKey, exc: errors.ArchivingError) -> errors.ArchivingError:
    """Delete a new key after a failure.

    :returns: the error to raise; it includes a failure of the deletion.
    """
    try:
        delete_access_keys(iam, desired, [key.id])
    except errors.ArchivingError as second:
        return exc.with_hint(f"The new key {key.id} could not be deleted: {second.problem}. The next run deletes it.")
    return exc
