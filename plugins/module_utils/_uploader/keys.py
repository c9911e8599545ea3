# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access keys of an uploader: made, deactivated, deleted.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._aws.iam_client import Iam
from .._core import errors
from .._core.deadline import Patience
from .._core.secrets import mark_as_secret
from .fetch import list_keys, seconds
from .user_params import Wanted

# Access keys of a user (IAM User Guide, "IAM and AWS STS quotas"). Kept to where a store knows no such limit.
QUOTA = 2
# How long what was written may stay unseen. IAM is eventually consistent (IAM User Guide, "Troubleshoot IAM"); the
# stores other than AWS are not, as far as is known.
SECONDS_AT_AWS = 30.0
SECONDS_ELSEWHERE = 3.0


@dataclass(frozen=True)
class NewKey:
    """A key in the only moment at which its secret can be had."""

    id: str
    secret: str = field(repr=False)
    user: str
    created: float | None = None


def new_patience(iam: Iam) -> Patience:
    return Patience(SECONDS_AT_AWS if iam.connection.is_aws else SECONDS_ELSEWHERE)


def is_not_there(exc: errors.ArchivingError) -> bool:
    """Whether the same call may succeed a moment later, because the user is new."""
    return isinstance(exc, errors.NotFoundError)


def make_key(iam: Iam, wanted: Wanted, patience: Patience | None = None) -> NewKey:
    """Make one more key. Whether there is room is for the caller to look at first.

    :raises QuotaError: there was none; somebody else was quicker.
    """
    attempted = f"make an access key for the IAM user {wanted.name}"
    action = "iam:CreateAccessKey"
    try:
        # A user that is not known yet is a clear refusal: no key was made, and asking again makes no second one.
        answer = (patience or new_patience(iam)).call(
            lambda: iam.call("create_access_key", attempted, action, UserName=wanted.name), is_not_there
        )
    except errors.UnreachableError as exc:
        hint = "It may have been made, with a secret that nobody knows: the next run sees it and can retire it."
        raise errors.UnreachableError(attempted, exc.problem, hint, **exc.facts) from exc
    except errors.RejectedError as exc:
        if exc.facts.get("code") != "LimitExceeded":
            raise
        raise errors.QuotaError(attempted, exc.problem, "Another run has made a key in between.", **exc.facts) from exc
    made = answer["AccessKey"]
    mark_as_secret(made["SecretAccessKey"])
    return NewKey(made["AccessKeyId"], made["SecretAccessKey"], wanted.name, seconds(made.get("CreateDate")))


def retire(iam: Iam, wanted: Wanted, ids: t.Iterable[str], delete: bool = True) -> list[str]:
    """Deactivate keys and then delete them; those that are gone are passed over.

    :param delete: whether to delete them, or leave it at that.
    :returns: the ids of those that it made a difference to.
    """
    going = frozenset(ids)
    found = [key for key in list_keys(iam, wanted) if key.id in going] if going else []
    changed = [key.id for key in found if key.active and _deactivate(iam, wanted, key.id)]
    deleted = [key.id for key in found if delete and _delete(iam, wanted, key.id)]
    return [key.id for key in found if key.id in changed or key.id in deleted]


def _deactivate(iam: Iam, wanted: Wanted, key: str) -> bool:
    named = {"UserName": wanted.name, "AccessKeyId": key, "Status": "Inactive"}
    return unless_gone(iam, "update_access_key", f"deactivate the access key {key}", "iam:UpdateAccessKey", **named)


def _delete(iam: Iam, wanted: Wanted, key: str) -> bool:
    named = {"UserName": wanted.name, "AccessKeyId": key}
    return unless_gone(iam, "delete_access_key", f"delete the access key {key}", "iam:DeleteAccessKey", **named)


def unless_gone(iam: Iam, operation: str, attempted: str, action: str, **params: t.Any) -> bool:
    try:
        iam.call(operation, attempted, action, **params)
    except errors.NotFoundError:
        return False
    return True
