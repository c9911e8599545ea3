# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Delete the target, and the IAM users of a managed key once no recording can use their keys.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The target is deleted first: after that, no new recording uses its key.
"""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass

from .._aws import time_budget
from .._aws.errors import translate_errors
from .._aws.iam_client import Iam
from .._aws.multipart_uploads import LONGEST_UPLOAD, MultipartUploads
from .._aws.session import make_client
from .._core import errors
from .._core.plan import Context, Outcome
from .._core.retry import Deadline
from .._core.timestamps import format_utc
from .._state_file import state
from .._state_file.preflight import NEVER, check_credentials
from .._uploader.delete import delete_user, fetch_deletable_attachments, parts_to_delete
from .._uploader.fetch import CurrentUser
from .._vonage.client import Client
from . import fetch, previous_target, result
from .announced_call import announce_deletion, delete_state_file_after, fetch_after_announced_call
from .apply import call_with_state_file
from .fetch import CurrentStateFile
from .journal import MIN_CALL_SECONDS, record_call
from .params import DeleteParams, UploaderParams
from .plan import REFUSED, UNCHANGED, plan_target
from .previous_target import PreviousTarget

UPLOADS_IN_PROGRESS = "uploads of recordings are in progress"
REMEDY = (
    "To delete everything else (IAM users, access keys, state file, and in the role the lifecycle rule) without the "
    "API, add teardown_without_api to the option allow. The upload target may then still exist."
)
# The part of the announced time in which requests are sent. In the remaining time, the last one can take effect.
REQUESTS_SHARE = 0.6


@dataclass(frozen=True)
class Deletion:
    """The deletion of the target.

    :param deleted: whether a target existed, or, in check mode, may exist.
    :param written: the state file that this run wrote.
    :param refusal: the problem if the API refused the credentials and everything else is deleted nevertheless.
    """

    current: CurrentStateFile
    reason: str
    deleted: bool
    written: state.State | None = None
    refusal: str = ""

    @property
    def last(self) -> state.State | None:
        """The state file after the run, if it contains the time of the deletion."""
        return self.current.last if self.reason == "unchanged" else self.written


def delete_target(params: DeleteParams, context: Context) -> Outcome:
    """Delete the target, and the users of a managed key."""
    users = _UserDeletion(params, params.uploader, context) if params.uploader else None
    if users:
        users.fetch()
    deletion = _delete_target_if_accepted(params, context)
    outcome = _outcome(params, deletion)
    if params.check_previous_target:
        outcome.result["previous_target"] = _previous_target(params, deletion, context, 0).as_result()
    if not users or not users.exist:
        if deletion.refusal and not context.check_mode:
            with _announcement(params, deletion, "delete the state file", MIN_CALL_SECONDS, context):
                pass
        return outcome
    try:
        return users.delete(deletion, outcome)
    except errors.ArchivingError as exc:
        status = "may still exist" if deletion.refusal else "is deleted"
        hint = f"The upload target of {params.project.name} {status}. Run it again to delete its IAM users."
        # With it, the caller knows that only the users are left.
        exc.facts["reason"] = deletion.reason
        raise exc.with_hint(hint) from exc


def _delete_target_if_accepted(params: DeleteParams, context: Context) -> Deletion:
    """Delete the target; without it if the API refuses the credentials and the options allow that.

    :raises errors.DeniedError: the API refuses the credentials, and the options do not allow that.
    """
    try:
        return _delete_target(params, context)
    except errors.DeniedError as exc:
        # A store that denies the state file is not the API.
        if exc.facts.get("status") not in (401, 403) or "store" in exc.facts:
            raise
        if not params.without_api:
            raise exc.with_hint(REMEDY) from exc
        context.warn(
            f"The upload target of {params.project.name} may still exist: {exc.problem}. While it exists, "
            "recordings go to it, and fail without its access key. Delete the target with the correct credentials, or "
            "set another one."
        )
        # Another run with the correct credentials may be setting the target.
        current = fetch_after_announced_call(params.project, params.store, context.runtime, context.check_mode)
        return Deletion(current, REFUSED, False, refusal=exc.problem)


def _announcement(
    params: DeleteParams, deletion: Deletion, operation: str, seconds: float, context: Context
) -> contextlib.AbstractContextManager[None]:
    """Announce the deletion of the IAM users in the state file, and delete it if the target may still exist."""
    project, store, runtime = params.project, params.store, context.runtime
    if deletion.refusal:
        return delete_state_file_after(project, store, deletion.current.stored, seconds, context)
    return announce_deletion(project, store, operation, seconds, runtime)


def _delete_target(params: DeleteParams, context: Context) -> Deletion:
    current = fetch_after_announced_call(params.project, params.store, context.runtime, context.check_mode)
    reason = plan_target(params, current, context.runtime.now())
    client = Client(params.project)
    if reason == "unchanged" or context.check_mode:
        if reason != "unchanged" and params.preflight != NEVER:
            check_credentials(client, UNCHANGED)
        return Deletion(current, reason, reason != "unchanged")
    client.prepare()
    # The bucket may have been deleted first, with the state file in it.
    if params.store is None or not current.stored.bucket_exists:
        with record_call(context.runtime):
            call_result = client.delete_storage()
        return Deletion(current, reason, call_result.existed)
    written, call_result = call_with_state_file(client, params.store, current, Client.delete_storage, context.runtime)
    return Deletion(current, reason, call_result.existed, written)


def _outcome(params: DeleteParams, deletion: Deletion) -> Outcome:
    known = deletion.current.known
    before, after = result.target_diff(None, known, params.project.secret, deletion.deleted)
    values = result.target_result(params, deletion.current, deletion.reason, deletion.written)
    values["changes"] = ["target"] if deletion.deleted else []
    if deletion.refusal:
        problem = f"the upload target may still exist: {deletion.refusal}"
        values["state_file"] = result.format_state_file(params.store, None, problem)
    return Outcome(deletion.deleted, values, before, after)


def _previous_target(
    params: DeleteParams, deletion: Deletion, context: Context, drain_timeout: float
) -> PreviousTarget:
    """Wait until recordings can no longer use the deleted target, for at most ``drain_timeout`` seconds."""
    now = context.runtime.now()
    if params.store is not None and not deletion.current.stored.bucket_exists:
        return PreviousTarget(False, now)  # no upload succeeds without the bucket
    project, grace_period = params.project, params.grace_period
    client = Client(project)
    client.prepare()
    if params.store is None:
        # Without a state file, the time of the last change is unknown: only the archive list is used.
        return previous_target.fetch(client, project, now - previous_target.LIST_DELAY, grace_period, now)
    changed_at = (deletion.last.changed_at if deletion.last else None) or now
    if context.check_mode:
        # The result after the wait of a real run.
        return previous_target.fetch(client, project, changed_at, grace_period, now + drain_timeout)
    # The time in a state file that this run wrote is of its own clock.
    age = None if deletion.written else deletion.current.stored.age
    return previous_target.wait(client, project, changed_at, grace_period, drain_timeout, context.runtime, age)


class _UserDeletion:
    """The IAM users of a managed key, and their deletion."""

    def __init__(self, params: DeleteParams, users: UploaderParams, context: Context) -> None:
        self.params, self.users, self.context = params, users, context
        self.iam = Iam(users.iam, context.runtime)
        self.current: tuple[CurrentUser, CurrentUser] = (CurrentUser(None), CurrentUser(None))
        self.changes: list[list[str]] = []

    def fetch(self) -> None:
        """Read the users before anything is deleted.

        :raises NotManagedError: a user is not managed by this collection, or belongs to another project.
        :raises RejectedError: a user has permissions or credentials that this collection did not create.
        """
        self.current = fetch.fetch_users(self.iam, self.users, self.context.runtime)
        other_projects = fetch.projects_of_users(self.current, self.params.project)
        if other_projects:
            raise errors.NotManagedError(
                f"delete the IAM user {self.users.main.name} of {self.params.project.name}",
                f"its policy allows uploads for project {' and '.join(other_projects)}",
                "Correct uploader.name. Nothing was deleted.",
                user=self.users.main.name,
            )
        with self.context.runtime.executor(2) as pool:
            attachments = pool.map(fetch_deletable_attachments, [self.iam] * 2, self.users.users, self.current)
            self.changes = [parts_to_delete(user, attached) for user, attached in zip(self.current, attachments)]

    @property
    def exist(self) -> bool:
        return any(user.user for user in self.current)

    def delete(self, deletion: Deletion, outcome: Outcome) -> Outcome:
        """Delete the users, unless recordings may still use their keys."""
        reason, until = self._retention(deletion)
        if reason:
            keys = [result.format_key(key, None) for user in self.current for key in user.keys]
            main = result.format_user(self.users, self.current[0])
            outcome.result.update(uploader=main, access_keys=keys)
            outcome.result.update(retained_keys_reason=reason, retained_keys_until=format_utc(until))
            return outcome
        if not self.context.check_mode:
            self._delete_users(deletion)
        for user, changes in zip(self.users.users, self.changes):
            outcome.result["changes"] += [f"{user.name}: {change}" for change in changes]
        before = {**(outcome.before or {}), "users": self._users_before()}
        return Outcome(True, outcome.result, before, outcome.after)

    def _delete_users(self, deletion: Deletion) -> None:
        """Delete both users.

        :raises ConflictError: another run changed the state file; nothing was deleted.
        """

        def delete_users() -> None:
            for user, current in zip(self.users.users, self.current):
                delete_user(self.iam, user, current)

        seconds = max(self.params.project.budget.total, MIN_CALL_SECONDS)
        operation = f"delete the IAM user {self.users.main.name}"
        announcement = _announcement(self.params, deletion, operation, seconds, self.context)
        with announcement, translate_errors(operation, self.iam.connection):
            time_budget.run_within(seconds * REQUESTS_SHARE, "DeleteUser", delete_users)

    def _retention(self, deletion: Deletion) -> tuple[str, float]:
        """Why recordings may still use the keys, and the latest end; an empty reason if they cannot."""
        if self.users.revoke_old_keys or not any(key.active for user in self.current for key in user.keys):
            return "", 0
        runtime, timeout = self.context.runtime, self.users.drain_timeout
        deadline = Deadline(timeout, runtime)
        if not deletion.refusal:
            previous = _previous_target(self.params, deletion, self.context, timeout)
            if previous.in_use:
                return previous.reason, previous.until
        if self._uploads_in_progress(0 if self.context.check_mode else max(deadline.left, 0)):
            return UPLOADS_IN_PROGRESS, runtime.now() + LONGEST_UPLOAD
        return "", 0

    def _uploads_in_progress(self, timeout: float) -> bool:
        """Whether uploads with the keys are in progress: a deletion of the keys would abort them."""
        operator, runtime = self.users.operator, self.context.runtime
        locations = sorted(fetch.policy_locations(self.current))
        if not locations:
            return False
        return not MultipartUploads(operator, make_client(operator), locations, runtime).drain(timeout)

    def _users_before(self) -> dict[str, t.Any]:
        users = [user for user in self.current if user.user]
        return {user.user.name: {key.id: key.status for key in user.keys} for user in users if user.user is not None}
