# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A target with a managed key: fetch, plan, verify, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The secret of a new key exists in this process only. It is sent to the upload check and to Vonage.

The order of writes:

1. Check the credentials of the project, which changes nothing.
2. Claim the state file: no other run creates or deletes keys, or changes policies.
3. Widen the policies: they allow the desired location and the current ones.
4. Create the key, and verify it.
5. Write the state file ``pending``, call the API, and write the state file ``applied``.
6. Deactivate and delete the old keys, and narrow the policies. With a grace period, later runs do this.

After an interruption at any point, every key that the target may hold works, and the state file contains them.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._aws.iam_client import Iam, warn_of_exposed_keys
from .._aws.multipart_uploads import MultipartUploads
from .._aws.s3_client import check_owner
from .._aws.session import make_client
from .._core import errors
from .._core.plan import Context, Outcome
from .._core.runtime import Runtime
from .._core.timestamps import format_utc
from .._state_file import state
from .._state_file.preflight import check_credentials, fetch_one_archive
from .._state_file.store import StoredObject
from .._uploader.apply import apply_user
from .._uploader.fetch import AccessKey, CurrentUser, fetch_managed_user
from .._uploader.keys import NewKey, create_access_key, delete_access_keys, delete_unused_key
from .._uploader.plan import plan_user
from .._uploader.user_params import DesiredUser
from .._vonage.client import Client
from . import fetch, previous_target, result
from .announced_call import AnnouncedCalls
from .fetch import Current
from .journal import OTHER_RUN, RUN_AGAIN, Journal, record_call
from .params import ALWAYS, NEVER, ONLY, ManagedKeyParams, UploaderParams
from .plan import (
    DELETE,
    NEW,
    UNCHANGED,
    KeyAction,
    KeySlot,
    RotationPlan,
    find_key_slot,
    find_target_key,
    is_preflight_due,
    no_key_slot_error,
    old_keys,
    plan_key_actions,
    plan_rotation,
    possible_target_keys,
    protected_keys,
    target_set_at,
    without_active_keys,
)
from .verify import ManagedKeyVerifier


def ensure_managed_key(params: ManagedKeyParams, context: Context) -> Outcome:
    """Ensure that the target holds a key of the uploader that works and is not older than ``rotate_after``."""
    iam = Iam(params.uploader.iam, context.runtime)
    warn_of_exposed_keys(iam.connection, context.warn)
    return Rotation(params, context, iam).run()


@dataclass
class Rotation:
    """One run with a managed key.

    :param is_api_checked: whether the API has responded to this run.
    """

    params: ManagedKeyParams
    context: Context
    iam: Iam
    log: result.RunLog = field(default_factory=result.RunLog)
    is_api_checked: bool = False

    @property
    def runtime(self) -> Runtime:
        return self.context.runtime

    @property
    def users(self) -> UploaderParams:
        return self.params.uploader

    def run(self) -> Outcome:
        current = self._fetch_after_announced_call()
        plan = self._plan(current)
        if is_preflight_due(self.params, current.state_file, plan.reason):
            check_credentials(Client(self.params.project), UNCHANGED)
            self.is_api_checked = True
        self.log.start(current)
        changed = plan.changed
        if self.params.verify == ONLY:
            changed = changed and self.context.check_mode
        if not self.context.check_mode:
            self._apply(current, plan)
        outcome = result.rotation_outcome(self.params, current, plan, self.log, changed)
        if self.params.check_previous_target:
            outcome.result["previous_target"] = self._previous_target_result(current)
        return outcome

    def _apply(self, current: Current, plan: RotationPlan) -> None:
        verifier = ManagedKeyVerifier(self.params, self.context, self.iam, self.log)
        if self.params.verify == ONLY:
            self._verify_current_target(current, plan, verifier)
        elif plan.reason == "unchanged":
            self._apply_plan(current, plan)
            if self.params.verify == ALWAYS:
                self._verify_current_target(current, plan, verifier)
        else:
            self._rotate(current, verifier)

    def _verify_current_target(self, current: Current, plan: RotationPlan, verifier: ManagedKeyVerifier) -> None:
        try:
            verifier.verify_with_temporary_key(current.users)
        except errors.ArchivingError as exc:
            # The differences show whether a rotation can repair the target.
            outcome = result.rotation_outcome(self.params, current, plan, self.log, changed=False)
            exc.facts.update({name: outcome.result[name] for name in ("reason", "changes")})
            raise

    def _fetch_after_announced_call(self) -> Current:
        """Fetch the current state once no call of another run is in progress: the call of this run must be the last."""
        params = self.params
        calls = AnnouncedCalls(params.project, params.store, self.runtime)
        while True:
            current = fetch.fetch_current(self.iam, self.users, params.project, params.store, self.runtime)
            fetch.refuse_other_projects(self.users, params.project, current.users)
            if self.context.check_mode or params.verify == ONLY:
                return current
            if not calls.wait(current.state_file.stored, current.state_file.last):
                return current

    def _is_state_file_unchanged(self, stored: StoredObject) -> bool:
        """Whether no other run has written the state file."""
        return self.params.store.read().data == stored.data

    def _plan(self, current: Current) -> RotationPlan:
        plan = plan_rotation(self.params, current, self.runtime.now())
        is_early = plan.reason == "unchanged" and self._is_grace_period_over(current)
        if is_early:
            plan = plan_rotation(self.params, current, self.runtime.now(), grace_period_over=True)
        has_active = any(action.key.active for action in plan.key_actions) and not self.users.revoke_old_keys
        if has_active and self._uploads(current).started_before(target_set_at(current)):
            self.log.retained_keys_reason = result.UPLOADS_IN_PROGRESS
            return plan_rotation(
                self.params, current, self.runtime.now(), uploads_in_progress=True, grace_period_over=is_early
            )
        return plan

    def _is_grace_period_over(self, current: Current) -> bool:
        """Whether the grace period of active old keys ends early, because no recording can use them any more."""
        has_active = any(key.active for key in old_keys(self.users, current, find_target_key(current)))
        if not has_active or self.params.verify == ONLY or self.users.revoke_old_keys:
            return False
        previous = self._fetch_previous_target(current)
        if previous.in_use:
            self.log.retained_keys_reason = previous.reason or result.GRACE_PERIOD
        return not previous.in_use

    def _fetch_previous_target(self, current: Current) -> previous_target.PreviousTarget:
        project = self.params.project
        changed_at, age = target_set_at(current), current.state_file.stored.age
        return previous_target.fetch(
            Client(project), project, changed_at, self.users.grace_period, self.runtime.now(), age
        )

    def _previous_target_result(self, current: Current) -> dict[str, t.Any]:
        """The return value ``previous_target``, after this run."""
        params = self.params
        last = self.log.last
        if not self.log.new:
            storage = result.public_target(params, NEW)
            last = previous_target.unchanged_settings(current.state_file.known, storage)
        age = current.state_file.stored.age
        return previous_target.fetch_for_result(
            params.project, params.store, last, params.grace_period, self.runtime, age
        )

    def _uploads(self, current: Current) -> MultipartUploads:
        operator, bucket = self.users.operator, self.params.target.bucket
        locations = fetch.upload_locations(bucket, self.params.project, current.users)
        return MultipartUploads(operator, make_client(operator), locations, self.runtime)

    def _apply_plan(self, current: Current, plan: RotationPlan) -> None:
        """Update the users and old keys; the target keeps its key."""
        if not plan.changed:
            return
        # Another run claims the state file before it creates a key or changes a policy: if the state file is unchanged,
        # no run uses an unknown key.
        if not self._is_state_file_unchanged(current.state_file.stored):
            raise errors.ConflictError(f"update the IAM user {self.users.main.name}", OTHER_RUN, RUN_AGAIN)
        apply_user(self.iam, self.users.main, plan.main)
        apply_user(self.iam, self.users.spare, plan.spare)
        self._apply_key_actions(plan.key_actions)

    def _rotate(self, before: Current, verifier: ManagedKeyVerifier) -> None:
        """Create a key, and set it in the target."""
        params, state_file = self.params, before.state_file
        # Any key, if the state file does not show it: the users may have been read before the state file. Without a
        # state file, the claim fails if another run has created a key since.
        is_shown = state_file.possible_target_keys is not None or state_file.stored.data is None
        target_keys = possible_target_keys(before) if is_shown else None
        known = state_file.known is not None
        journal = Journal(params.project, params.store, state_file.stored, known, target_keys, self.runtime)
        client = Client(params.project)
        client.prepare()
        check_owner(params.target.bucket, self.users.operator)
        if state_file.pending and not self.is_api_checked:
            self._check_api_responds(client)
        try:
            journal.claim()
            # The list of keys is final only after the claim: no other run creates keys from now on.
            current = Current(*self._fetch_users(), state_file)
            journal.possible_keys = possible_target_keys(current)
            widened = self._widen_policies(current)
            new, deleted = self._create_key(current, journal.possible_keys)
        except errors.ArchivingError as exc:
            raise self._abort(exc, journal) from exc
        self._set_target(journal, new, verifier)
        last = journal.commit(state.APPLIED, [key.id for key in current.keys])
        self.log.add_new_key(last, new, [key for key in current.keys if key not in deleted])
        self._delete_old_keys(journal, current, new, widened)

    def _fetch_users(self) -> tuple[CurrentUser, CurrentUser]:
        users = fetch.fetch_users(self.iam, self.users, self.runtime)
        fetch.refuse_other_projects(self.users, self.params.project, users)
        return users

    def _check_api_responds(self, client: Client) -> None:
        """Send a read-only request first: each call with an unknown outcome uses one of only four keys."""
        try:
            fetch_one_archive(client, f"check that the API responds for {self.params.project.name}")
        except (errors.UnreachableError, errors.DeniedError):
            raise
        except errors.ArchivingError:
            return  # an error response is a response

    def _widen_policies(self, current: Current) -> bool:
        """Allow the desired location and, until the update of the target, the current ones.

        :returns: whether a policy now allows more than the desired location.
        """
        widened = False
        for user, existing in zip(self.users.users, current.users):
            if existing.user or user is self.users.main:
                wide = plan_user(user, existing, widen=True)
                apply_user(self.iam, user, wide)
                widened = widened or wide.steps != plan_user(user, existing).steps
        return widened

    def _create_key(self, current: Current, target_keys: frozenset[str]) -> tuple[NewKey, tuple[AccessKey, ...]]:
        """Create a key.

        :returns: the key, and the keys that were deleted to get a slot for it.
        """
        slot = self._find_key_slot(current, target_keys)
        self._deactivate_or_delete([KeyAction(key, DELETE) for key in slot.to_delete])
        spare = self.users.spare
        if slot.spare:
            apply_user(self.iam, spare, plan_user(spare, current.spare, widen=True))
        return create_access_key(self.iam, spare if slot.spare else self.users.main), slot.to_delete

    def _find_key_slot(self, current: Current, target_keys: frozenset[str]) -> KeySlot:
        """Find a slot for the next key. An active old key is deleted for it only if no recording can use that key.

        :param target_keys: the keys that the target may hold, and protected keys.
        :raises QuotaError: every key may be in use.
        """
        revoke = self.users.revoke_old_keys
        active = frozenset() if revoke else frozenset(key.id for key in current.keys if key.active)
        slot = find_key_slot(current.keys, self.users, target_keys | active)
        if slot:
            return slot
        previous = self._fetch_previous_target(current)
        wait = f"Run it again after {format_utc(previous.until)}, when the grace period is over: {previous.reason}."
        if not previous.in_use:
            slot = find_key_slot(current.keys, self.users, target_keys)
            if slot and not self._uploads(current).started_before(self.runtime.now()):
                return slot
            wait = "Run it again in 15 minutes, or once the uploads in progress have ended."
        raise no_key_slot_error(self.params, target_keys, current.keys, wait)

    def _set_target(self, journal: Journal, new: NewKey, verifier: ManagedKeyVerifier) -> None:
        """Verify the key, and set it in the target."""
        target = self.params.target.with_key(new.id, new.secret)
        try:
            if self.params.verify != NEVER:
                verifier.verify(new)
            journal.begin(target.public(), new.secret)
            client = Client(journal.project_for_call(), [new.secret])
        except errors.ArchivingError as exc:
            raise self._abort(exc, journal, new) from exc
        try:
            with record_call(self.runtime):
                client.put_storage(target.body())
        except errors.ArchivingError as exc:
            # The target may hold the key, unless the API refused it: keep the key, and its id in the state file.
            error = journal.rollback_after_error(exc)
            raise (self._delete_new_key(error, new) if errors.is_definite_refusal(exc) else error) from exc

    def _abort(self, exc: errors.ArchivingError, journal: Journal, new: NewKey | None = None) -> errors.ArchivingError:
        """Delete the new key and restore the state file, after an error before the call of the API.

        :returns: the error to raise.
        """
        return journal.rollback_before_call(self._delete_new_key(exc, new) if new else exc)

    def _delete_new_key(self, exc: errors.ArchivingError, new: NewKey) -> errors.ArchivingError:
        return delete_unused_key(self.iam, self._user(new.user), new, exc)

    def _user(self, name: str) -> DesiredUser:
        return self.users.spare if name == self.users.spare.name else self.users.main

    def _delete_old_keys(self, journal: Journal, before: Current, new: NewKey, widened: bool) -> None:
        """Deactivate and delete the old keys that are due, after the update of the target.

        :param before: the users before the creation of the key.
        """
        now = self.runtime.now()
        retained = {new.id} if self.users.revoke_old_keys else {new.id, *protected_keys(before)}
        old = [key for key in self.log.keys if key.id not in retained]
        actions = plan_key_actions(self.users, old, now, now)
        has_active = any(action.key.active for action in actions) and not self.users.revoke_old_keys
        if has_active and not self._uploads(before).drain(self.users.drain_timeout):
            self.log.retained_keys_reason = result.UPLOADS_IN_PROGRESS
            actions = without_active_keys(actions)
        if not (actions or widened):
            return
        if not self._is_state_file_unchanged(journal.stored):
            # Another run updated the target during the wait: it handles the old keys.
            self.log.retained_keys_reason = OTHER_RUN
            return
        self._apply_key_actions(actions)
        if widened and not any(key.active and key.id != new.id for key in self.log.keys):
            self._narrow_policies()

    def _narrow_policies(self) -> None:
        """Allow the desired location only."""
        for user in self.users.users:
            current = fetch_managed_user(self.iam, user, eager=False)
            if current.user:
                apply_user(self.iam, user, plan_user(user, current))

    def _apply_key_actions(self, actions: t.Sequence[KeyAction]) -> None:
        self._deactivate_or_delete(actions)
        self.log.apply(actions)

    def _deactivate_or_delete(self, actions: t.Iterable[KeyAction]) -> None:
        for action in actions:
            delete_access_keys(
                self.iam, self._user(action.key.user), [action.key.id], deactivate_only=action.action != DELETE
            )
