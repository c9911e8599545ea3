# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No target: delete it, and the IAM users of a managed key as soon as no recording can use their keys.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The target is deleted first: from then on no new recording uses its key.
"""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .._aws.iam_client import Iam
from .._aws.multipart_uploads import LONGEST_UPLOAD, Flights
from .._aws.session import make_client
from .._core import errors
from .._core.plan import Context, Outcome
from .._state_file import state
from .._uploader import user as uploader
from .._vonage.client import Client
from . import announced_call, fetch, previous_target, result
from .apply import call_with_state_file
from .fetch import CurrentStateFile
from .params import DeleteParams, UploaderParams
from .plan import plan_target
from .previous_target import PreviousTarget

UPLOADS_IN_PROGRESS = "uploads of recordings are in progress"


@dataclass(frozen=True)
class Deletion:
    """The deletion of the target.

    :param deleted: whether there was a target, or, in check mode, may be one.
    :param written: the state file that this run has written.
    """

    current: CurrentStateFile
    reason: str
    deleted: bool
    written: state.State | None = None

    @property
    def last(self) -> state.State | None:
        """The state file after the run, if it shows when the target was deleted."""
        return self.current.last if self.reason == "unchanged" else self.written


def delete_target(params: DeleteParams, context: Context) -> Outcome:
    """Delete the target, and the users of a managed key."""
    users = _Users(params, params.uploader, context) if params.uploader else None
    if users:
        users.fetch()
    deletion = _delete_target(params, context)
    outcome = _outcome(params, deletion)
    if params.check_previous_target:
        outcome.result["previous_target"] = _previous_target(params, deletion, context.check_mode, 0).as_result()
    if not users:
        return outcome
    try:
        return users.delete(deletion, outcome)
    except errors.ArchivingError as exc:
        hint = f"The upload target of {params.project.name} is deleted. Run it again to delete its IAM users."
        raise exc.with_hint(hint) from exc


def _delete_target(params: DeleteParams, context: Context) -> Deletion:
    current = _fetch_settled(params, context.check_mode)
    reason = plan_target(params, current, time.time())
    if reason == "unchanged" or context.check_mode:
        return Deletion(current, reason, reason != "unchanged")
    client = Client(params.project)
    client.prepare()
    # The target can also be deleted after its bucket, which may have contained the state file.
    if params.store is None or not current.stored.bucket_exists:
        return Deletion(current, reason, client.delete_storage().existed)
    written, done = call_with_state_file(params.project, params.store, current, client.delete_storage)
    return Deletion(current, reason, done.existed, written)


def _fetch_settled(params: DeleteParams, check_mode: bool) -> CurrentStateFile:
    """The state file once no call of another run can set the target again."""
    while True:
        current = fetch.fetch_state_file(params.project, params.store, time.time())
        may_be_set_again = params.store is not None and bool(current.last and current.last.storage)
        if check_mode or params.store is None or not may_be_set_again:
            return current
        if not announced_call.wait(
            params.project, params.store, current.stored, current.last, time.monotonic, time.sleep
        ):
            return current


def _outcome(params: DeleteParams, deletion: Deletion) -> Outcome:
    known = deletion.current.known
    before, after = result.target_diff(None, known, params.project.secret, deletion.deleted)
    values = result.target_result(params, deletion.current, deletion.reason, deletion.written)
    values["changes"] = ["target"] if deletion.deleted else []
    return Outcome(deletion.deleted, values, before, after)


def _previous_target(
    params: DeleteParams, deletion: Deletion, check_mode: bool, drain_timeout: float
) -> PreviousTarget:
    """Whether recordings can still use the deleted target, after waiting until they no longer can."""
    now = time.time()
    if params.store is not None and not deletion.current.stored.bucket_exists:
        return PreviousTarget(False, now)  # without the bucket, no recording arrives
    project, grace_period = params.project, params.grace_period
    client = Client(project)
    client.prepare()
    if params.store is None:
        # Without a state file the time of the last change is unknown: only the archive list can tell.
        return previous_target.fetch(client, project, now - previous_target.LIST_DELAY, grace_period, now)
    changed_at = (deletion.last.changed_at if deletion.last else None) or now
    if check_mode:
        # As if the run had waited.
        return previous_target.fetch(client, project, changed_at, grace_period, now + drain_timeout)
    return previous_target.wait(client, project, changed_at, grace_period, drain_timeout)


class _Users:
    """The IAM users of a managed key, and their deletion."""

    def __init__(self, params: DeleteParams, users: UploaderParams, context: Context) -> None:
        self.params, self.users, self.context = params, users, context
        self.iam = Iam(users.iam)
        self.current: tuple[uploader.Observed, uploader.Observed] = (uploader.Observed(None), uploader.Observed(None))
        self.parts: list[list[str]] = []

    def fetch(self) -> None:
        """Read the users before anything is deleted.

        :raises NotManagedError: a user is not managed by this collection, or belongs to another project.
        :raises RejectedError: a user has more than this collection gave it.
        """
        self.current = fetch.fetch_users(self.iam, self.users)
        others = fetch.projects_of_users(self.current, self.params.project)
        if others:
            raise errors.NotManagedError(
                f"delete the IAM user {self.users.main.name} of {self.params.project.name}",
                f"its policy allows uploads for project {' and '.join(others)}",
                "Correct uploader.name. Nothing was deleted.",
                user=self.users.main.name,
            )
        with ThreadPoolExecutor(2) as pool:
            attachments = pool.map(uploader.removable, [self.iam] * 2, self.users.users, self.current)
            self.parts = [uploader.removed(user, attached) for user, attached in zip(self.current, attachments)]

    def delete(self, deletion: Deletion, outcome: Outcome) -> Outcome:
        """Delete the users, or keep them as long as recordings may use their keys."""
        if not any(user.user for user in self.current):
            return outcome
        reason, until = self._in_use(deletion)
        if reason:
            keys = [result.format_key(key, None) for user in self.current for key in user.keys]
            main = result.format_user(self.users, self.current[0])
            outcome.result.update(uploader=main, access_keys=keys)
            outcome.result.update(retained_keys_reason=reason, retained_keys_until=state.stamp(until))
            return outcome
        if not self.context.check_mode:
            for user, current in zip(self.users.users, self.current):
                uploader.remove(self.iam, user, current)
        changes = outcome.result["changes"]
        changes += [f"{user.name}: {part}" for user, parts in zip(self.users.users, self.parts) for part in parts]
        before = {**(outcome.before or {}), "users": self._shown_users()}
        return Outcome(True, outcome.result, before, outcome.after)

    def _in_use(self, deletion: Deletion) -> tuple[str, float]:
        """Why recordings may still use the keys, and until when at most; empty if they cannot."""
        if self.users.revoke_old_keys or not any(key.active for user in self.current for key in user.keys):
            return "", 0
        check_mode, timeout = self.context.check_mode, self.users.drain_timeout
        started = time.monotonic()
        previous = _previous_target(self.params, deletion, check_mode, timeout)
        if previous.in_use:
            return previous.reason, previous.until
        left = 0 if check_mode else max(timeout - (time.monotonic() - started), 0)
        if self._uploads_in_progress(left):
            return UPLOADS_IN_PROGRESS, time.time() + LONGEST_UPLOAD
        return "", 0

    def _uploads_in_progress(self, timeout: float) -> bool:
        """Whether uploads with the keys are in progress: they would be lost."""
        operator = self.users.operator
        locations = sorted(fetch.policy_locations(self.current))
        return bool(locations) and not Flights(operator, make_client(operator), locations).drained(timeout)

    def _shown_users(self) -> dict[str, t.Any]:
        users = [user for user in self.current if user.user]
        return {user.user.name: {key.id: key.status for key in user.keys} for user in users if user.user is not None}
