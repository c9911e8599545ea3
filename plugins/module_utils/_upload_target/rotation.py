# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A target with a managed key: fetch, plan, verify, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The secret of a new key goes to the upload check and to Vonage, in this process, and nowhere else.

The order of writes: the state file is claimed, so that no other run creates or deletes keys, or changes policies; the
policies allow the desired location and still the current ones; the key is created and verified; the state file says
``pending``; the API is called; the state file says ``applied``. Later runs deactivate and delete the old keys, and
narrow the policies; without a grace period, this run does. If the run is interrupted at any point, every key that the
target may hold works, and the state file names them.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field, replace

from .._aws.iam_client import Iam, warn_of_exposed_keys
from .._aws.multipart_uploads import Flights
from .._aws.s3_client import check_owner
from .._aws.session import make_client
from .._core import errors
from .._core.plan import Context, Outcome
from .._state_file import state
from .._state_file.store import StoredObject
from .._uploader import user as uploader
from .._uploader.user import AccessKey, NewKey
from .._vonage.client import Client
from . import announced_call, fetch, previous_target, result
from .fetch import Current
from .journal import Journal
from .params import ALWAYS, NEVER, ONLY, ManagedKeyParams, UploaderParams
from .plan import (
    DELETE,
    NEW,
    KeyAction,
    KeySlot,
    RotationPlan,
    find_key_slot,
    find_target_key,
    no_key_slot,
    old_keys,
    plan_key_actions,
    plan_rotation,
    possible_keys,
    protected_keys,
    set_at,
    without_active_keys,
)
from .verify import ManagedKeyVerifier

OTHER_RUN = "another run is changing the same project"
RUN_AGAIN = "Run it again once the other run has ended."


def ensure_managed_key(params: ManagedKeyParams, context: Context) -> Outcome:
    """Ensure that the target holds a key of the uploader that works and is not too old."""
    iam = Iam(params.uploader.iam)
    warn_of_exposed_keys(iam.connection, context.warn)
    return Rotation(params, context, iam).run()


@dataclass
class Rotation:
    """One run.

    :param now: Unix seconds.
    """

    params: ManagedKeyParams
    context: Context
    iam: Iam
    now: t.Callable[[], float] = time.time
    sleep: t.Callable[[float], None] = time.sleep
    log: result.RunLog = field(default_factory=result.RunLog)

    @property
    def users(self) -> UploaderParams:
        return self.params.uploader

    def run(self) -> Outcome:
        current = self._fetch_settled()
        plan = self._plan(current)
        self.log.begin(current)
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
            try:
                verifier.verify_with_temporary_key(current.users)
            except errors.ArchivingError as exc:
                # Whether another key would repair it depends on what differs.
                outcome = result.rotation_outcome(self.params, current, plan, self.log, changed=False)
                exc.facts.update({name: outcome.result[name] for name in ("reason", "changes")})
                raise
        elif plan.reason == "unchanged":
            self._apply_plan(current, plan)
            if self.params.verify == ALWAYS:
                verifier.verify_with_temporary_key(current.users)
        else:
            self._rotate(current, verifier)

    def _fetch_settled(self) -> Current:
        """The current state once no call of another run can be in progress: the call of this run has to be the last."""
        params = self.params
        while True:
            current = fetch.fetch_current(self.iam, self.users, params.project, params.store, self.now())
            fetch.refuse_other_projects(self.users, params.project, current.users)
            if self.context.check_mode or params.verify == ONLY:
                return current
            stored, last = current.state_file.stored, current.state_file.last
            if not announced_call.wait(params.project, params.store, stored, last, time.monotonic, self.sleep):
                return current

    def _has_state_file(self, stored: StoredObject) -> bool:
        """Whether the state file is still the same."""
        return self.params.store.read().data == stored.data

    def _plan(self, current: Current) -> RotationPlan:
        plan = plan_rotation(self.params, current, self.now())
        early = plan.reason == "unchanged" and self._is_grace_period_over(current)
        if early:
            plan = plan_rotation(self.params, current, self.now(), grace_period_over=True)
        active = any(action.key.active for action in plan.key_actions) and not self.users.revoke_old_keys
        if active and self._uploads(current).begun_before(set_at(current)):
            self.log.retained_keys_reason = result.UPLOADS_IN_PROGRESS
            return plan_rotation(self.params, current, self.now(), uploads_in_progress=True, grace_period_over=early)
        return plan

    def _is_grace_period_over(self, current: Current) -> bool:
        """Whether the grace period of active old keys ends early, because no recording can use them any more."""
        active = any(key.active for key in old_keys(self.users, current, find_target_key(current)))
        if not active or self.params.verify == ONLY or self.users.revoke_old_keys:
            return False
        previous = self._fetch_previous_target(current)
        if previous.in_use:
            self.log.retained_keys_reason = previous.reason or result.GRACE_PERIOD
        return not previous.in_use

    def _fetch_previous_target(self, current: Current) -> previous_target.PreviousTarget:
        project = self.params.project
        return previous_target.fetch(Client(project), project, set_at(current), self.users.grace_period, self.now())

    def _previous_target_result(self, current: Current) -> dict[str, t.Any]:
        """The return value ``previous_target``, after this run."""
        params = self.params
        last = self.log.last
        if not self.log.new:
            storage = result.public_target(params, NEW)
            last = previous_target.unchanged_settings(current.state_file.known, storage)
        return previous_target.fetch_for_result(params.project, params.store, last, params.grace_period)

    def _uploads(self, current: Current) -> Flights:
        operator, bucket = self.users.operator, self.params.target.bucket
        locations = fetch.upload_locations(bucket, self.params.project, current.users)
        return Flights(operator, make_client(operator), locations, self.now)

    def _apply_plan(self, current: Current, plan: RotationPlan) -> None:
        """Update the users and old keys; the target keeps its key."""
        if not plan.changed:
            return
        # Another run may have created an unknown key, or changed a policy, a moment ago. It claimed the state file
        # before that: if the state file is still the same, no run uses the key, and none will.
        if not self._has_state_file(current.state_file.stored):
            raise errors.ConflictError(f"update the IAM user {self.users.main.name}", OTHER_RUN, RUN_AGAIN)
        uploader.apply(self.iam, self.users.main, plan.main)
        uploader.apply(self.iam, self.users.spare, plan.spare)
        self._apply_key_actions(plan.key_actions)

    def _rotate(self, before: Current, verifier: ManagedKeyVerifier) -> None:
        """Give the target a new key."""
        params, state_file = self.params, before.state_file
        in_use = possible_keys(before)
        known = state_file.known is not None
        journal = Journal(params.project, params.store, state_file.stored, known, in_use, self.now)
        client = Client(params.project)
        client.prepare()
        check_owner(params.target.bucket, self.users.operator)
        if state_file.pending:
            self._check_api_responds(client)
        try:
            journal.claim()
            # From here on no other run creates keys: only now is the list of keys final.
            current = Current(*self._fetch_users(), state_file)
            widened = self._widen_policies(current)
            new, deleted = self._create_key(current, in_use)
        except errors.ArchivingError as exc:
            raise self._abandon(exc, journal) from exc
        self._set_target(journal, new, verifier)
        last = journal.end(state.APPLIED, [key.id for key in current.keys])
        self.log.add_new_key(last, new, [key for key in current.keys if key not in deleted])
        self._finish(journal, current, new, widened)

    def _fetch_users(self) -> tuple[uploader.Observed, uploader.Observed]:
        users = fetch.fetch_users(self.iam, self.users)
        fetch.refuse_other_projects(self.users, self.params.project, users)
        return users

    def _check_api_responds(self, client: Client) -> None:
        """Send a harmless request first: a call with an unknown outcome costs a key, and there are only four."""
        project = self.params.project
        operation = f"check that the API responds for {project.name}"
        try:
            client.get(f"/v2/project/{project.id}/archive", operation, count=1)
        except (errors.UnreachableError, errors.DeniedError):
            raise
        except errors.ArchivingError:
            return  # it responds

    def _widen_policies(self, current: Current) -> bool:
        """Allow the desired location and, until the target is set, the current ones.

        :returns: whether a policy allows more than desired now.
        """
        widened = False
        for user, existing in zip(self.users.users, current.users):
            if existing.user or user is self.users.main:
                wide = uploader.plan(user, existing, widen=True)
                uploader.apply(self.iam, user, wide)
                widened = widened or wide.steps != uploader.plan(user, existing).steps
        return widened

    def _create_key(self, current: Current, in_use: frozenset[str]) -> tuple[NewKey, tuple[AccessKey, ...]]:
        """A new key, and the keys that had to be deleted for it."""
        slot = self._find_key_slot(current, in_use)
        self._deactivate_or_delete([KeyAction(key, DELETE) for key in slot.to_delete])
        spare = self.users.spare
        if slot.spare:
            uploader.apply(self.iam, spare, uploader.plan(spare, current.spare, widen=True))
        return uploader.make_key(self.iam, spare if slot.spare else self.users.main), slot.to_delete

    def _find_key_slot(self, current: Current, in_use: frozenset[str]) -> KeySlot:
        """Where the next key is created; an active old key is deleted for it only if no recording can use it.

        :raises QuotaError: every key may be in use.
        """
        revoke = self.users.revoke_old_keys
        kept = in_use if revoke else in_use | protected_keys(current)
        active = frozenset() if revoke else frozenset(key.id for key in current.keys if key.active)
        slot = find_key_slot(current.keys, self.users, kept | active)
        if slot:
            return slot
        previous = self._fetch_previous_target(current)
        wait = f"Run it again after {state.stamp(previous.until)}, when the grace period is over: {previous.reason}."
        if not previous.in_use:
            slot = find_key_slot(current.keys, self.users, kept)
            if slot and not self._uploads(current).begun_before(self.now()):
                return slot
            wait = "Run it again in 15 minutes, or once the uploads in progress have ended."
        raise no_key_slot(self.params, in_use, current.keys, wait)

    def _set_target(self, journal: Journal, new: NewKey, verifier: ManagedKeyVerifier) -> None:
        """Verify the key, and set it in the target."""
        target = self.params.target.with_key(new.id, new.secret)
        try:
            if self.params.verify != NEVER:
                verifier.verify(new)
            journal.begin(target.public(), new.secret)
            client = self._client(journal, new)
        except errors.ArchivingError as exc:
            raise self._abandon(exc, journal, new) from exc
        try:
            client.put_storage(target.body())
        except errors.ArchivingError as exc:
            # Unless the API has refused it, the target may hold the key: it is kept, and the state file names it.
            error = journal.failed(exc)
            raise (self._delete_new_key(error, new) if errors.is_definite(exc) else error) from exc

    def _client(self, journal: Journal, new: NewKey) -> Client:
        """For one call that ends before the time that the state file announces: another run may call after that."""
        project = self.params.project
        left = min(project.budget.total, journal.seconds_left)
        if left <= 0:
            raise errors.UnreachableError(
                f"set the upload target of {project.name}",
                f"writing the state file {self.params.store.location} took longer than the call may take",
                "The upload target was not changed: run it again.",
            )
        return Client(replace(project, budget=replace(project.budget, total=left)), [new.secret])

    def _abandon(
        self, exc: errors.ArchivingError, journal: Journal, new: NewKey | None = None
    ) -> errors.ArchivingError:
        """After a failure before the call of the API: restore the state file.

        :returns: the error to raise.
        """
        error = self._delete_new_key(exc, new) if new else exc
        try:
            journal.release()
        except errors.ConflictError:
            # This is also the cause of the failure: the other run has deleted the key, or changed the policy.
            return errors.ConflictError(error.operation, f"{OTHER_RUN}, and has taken over", RUN_AGAIN)
        except errors.ArchivingError as second:
            return error.with_hint(f"The state file could not be restored either: {second.problem}.")
        return error

    def _delete_new_key(self, exc: errors.ArchivingError, new: NewKey) -> errors.ArchivingError:
        return uploader.discard(self.iam, self._user(new.user), new, exc)

    def _user(self, name: str) -> uploader.Wanted:
        return self.users.spare if name == self.users.spare.name else self.users.main

    def _finish(self, journal: Journal, before: Current, new: NewKey, widened: bool) -> None:
        """The target holds the new key: deactivate and delete the old keys, as far as they are due.

        :param before: the users before the key was created.
        """
        now = self.now()
        kept = {new.id} if self.users.revoke_old_keys else {new.id, *protected_keys(before)}
        others = [key for key in self.log.keys if key.id not in kept]
        actions = plan_key_actions(self.users, others, now, now)
        active = any(action.key.active for action in actions) and not self.users.revoke_old_keys
        if active and not self._uploads(before).drained(self.users.drain_timeout, self.sleep):
            self.log.retained_keys_reason = result.UPLOADS_IN_PROGRESS
            actions = without_active_keys(actions)
        if not (actions or widened):
            return
        if not self._has_state_file(journal.stored):
            # Another run has set the target during the wait, and decides about the keys.
            self.log.retained_keys_reason = OTHER_RUN
            return
        self._apply_key_actions(actions)
        if widened and not any(key.active and key.id != new.id for key in self.log.keys):
            self._narrow_policies()

    def _narrow_policies(self) -> None:
        """Allow the desired location, and no other."""
        for user in self.users.users:
            current = uploader.observe(self.iam, user, eager=False)
            if current.user:
                uploader.apply(self.iam, user, uploader.plan(user, current))

    def _apply_key_actions(self, actions: t.Sequence[KeyAction]) -> None:
        self._deactivate_or_delete(actions)
        self.log.apply(actions)

    def _deactivate_or_delete(self, actions: t.Iterable[KeyAction]) -> None:
        for action in actions:
            uploader.retire(self.iam, self._user(action.key.user), [action.key.id], delete=action.action == DELETE)
