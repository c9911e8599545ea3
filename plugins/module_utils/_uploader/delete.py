# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of an uploader.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

from .._aws.iam_client import Iam
from .._core import errors
from .fetch import Attachments, Observed, attachments, list_keys
from .keys import retire, unless_gone
from .user_params import Wanted


def removable(iam: Iam, wanted: Wanted, observed: Observed) -> Attachments:
    """What has to go with the user.

    :raises RejectedError: something of it is not ours, and force is not given.
    """
    found = attachments(iam, wanted) if observed.user else Attachments()
    if found.named and not wanted.force:
        raise errors.RejectedError(
            f"remove the IAM user {wanted.name}",
            f"it has more than this collection gave it: {', '.join(found.named)}",
            "Nothing was removed. Take these away first; force=true takes them away from the user as well.",
        )
    return found


def remove(iam: Iam, wanted: Wanted, observed: Observed) -> list[str]:
    """Remove the user's keys, its policies, and the user.

    :returns: what is gone: "access_keys", "policy", "user".
    """
    if observed.user is None:
        return []
    found = removable(iam, wanted, observed)
    retire(iam, wanted, [key.id for key in observed.keys])
    new = [key.id for key in list_keys(iam, wanted) if key.id not in {each.id for each in observed.keys}]
    if new:
        # Before the policy: Vonage may upload with this key.
        raise errors.ConflictError(
            f"delete the IAM user {wanted.name}",
            f"another run has created the access key {new[0]} in the meantime",
            "The user and this key were kept. Run it again once the other run has ended.",
        )
    named, of = {"UserName": wanted.name}, f"of the IAM user {wanted.name}"
    for name in found.inline:
        attempted, action = f"delete the inline policy {name} {of}", "iam:DeleteUserPolicy"
        unless_gone(iam, "delete_user_policy", attempted, action, **named, PolicyName=name)
    for name, arn in found.attached:
        attempted, action = f"detach the policy {name} {of}", "iam:DetachUserPolicy"
        unless_gone(iam, "detach_user_policy", attempted, action, **named, PolicyArn=arn)
    for name in found.groups:
        attempted, action = f"take the IAM user {wanted.name} out of the group {name}", "iam:RemoveUserFromGroup"
        unless_gone(iam, "remove_user_from_group", attempted, action, **named, GroupName=name)
    unless_gone(iam, "delete_user", f"delete the IAM user {wanted.name}", "iam:DeleteUser", **named)
    return removed(observed, found)


def removed(observed: Observed, found: Attachments) -> list[str]:
    """The names of what goes with the user; pure."""
    if observed.user is None:
        return []
    keys = ["access_keys"] if observed.keys else []
    return [*keys, *(["policy"] if found.inline or found.attached else []), "user"]
