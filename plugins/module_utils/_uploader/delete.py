# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Delete an IAM user, its access keys, and its attachments.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

from .._aws.iam_client import Iam
from .._core import errors
from .fetch import Attachments, CurrentUser, fetch_attachments, list_access_keys
from .keys import call_if_exists, delete_access_keys
from .user_params import DesiredUser


def fetch_deletable_attachments(iam: Iam, desired: DesiredUser, current: CurrentUser) -> Attachments:
    """The attachments that are deleted or detached with the user.

    :raises RejectedError: an attachment is not managed, and ``force`` is not set.
    """
    attachments = fetch_attachments(iam, desired) if current.user else Attachments()
    if attachments.unmanaged and not desired.force:
        raise errors.RejectedError(
            f"delete the IAM user {desired.name}",
            f"it has attachments that this collection has not created: {', '.join(attachments.unmanaged)}",
            "Nothing was deleted. Remove them from the user first, or set force=true, which also removes them.",
        )
    return attachments


def delete_user(iam: Iam, desired: DesiredUser, current: CurrentUser) -> list[str]:
    """Delete the keys of the user, its policies, and the user.

    :returns: the names of the deleted parts: "access_keys", "policy", "user".
    """
    if current.user is None:
        return []
    attachments = fetch_deletable_attachments(iam, desired, current)
    delete_access_keys(iam, desired, [key.id for key in current.keys])
    known = {key.id for key in current.keys}
    new = [key.id for key in list_access_keys(iam, desired) if key.id not in known]
    if new:
        # Before the policy: Vonage may upload with this key.
        raise errors.ConflictError(
            f"delete the IAM user {desired.name}",
            f"another run has created the access key {new[0]} in the meantime",
            "The user and this key were kept. Run it again once the other run has ended.",
        )
    user, owner = {"UserName": desired.name}, f"of the IAM user {desired.name}"
    # After an error, some of the attachments may be deleted.
    with iam.runtime.changes.record(f"IAM user {desired.name}", "policies and groups", lambda _exc: False):
        for name in attachments.inline:
            operation, action = f"delete the inline policy {name} {owner}", "iam:DeleteUserPolicy"
            call_if_exists(iam, "delete_user_policy", operation, action, **user, PolicyName=name)
        for name, arn in attachments.attached:
            operation, action = f"detach the policy {name} {owner}", "iam:DetachUserPolicy"
            call_if_exists(iam, "detach_user_policy", operation, action, **user, PolicyArn=arn)
        for name in attachments.groups:
            operation, action = f"remove the IAM user {desired.name} from the group {name}", "iam:RemoveUserFromGroup"
            call_if_exists(iam, "remove_user_from_group", operation, action, **user, GroupName=name)
    with iam.runtime.changes.record(f"IAM user {desired.name}", "deleted"):
        call_if_exists(iam, "delete_user", f"delete the IAM user {desired.name}", "iam:DeleteUser", **user)
    return parts_to_delete(current, attachments)


def parts_to_delete(current: CurrentUser, attachments: Attachments) -> list[str]:
    """The names of the parts that are deleted with the user."""
    if current.user is None:
        return []
    keys = ["access_keys"] if current.keys else []
    return [*keys, *(["policy"] if attachments.inline or attachments.attached else []), "user"]
