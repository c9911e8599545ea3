# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applies a plan: the user and its policy, a new key, the config vars, and the deletion of unused keys.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The order of writes is safe to interrupt: the next run reads in the config vars which key the application has.
"""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import dataclass, field

from .._aws.iam_client import Iam
from .._core import errors
from .._core.plan import Context, Plan
from .._core.retry import Deadline, attempts
from .._heroku import config_vars
from .._heroku.client import Client
from .._uploader.apply import apply_user
from .._uploader.fetch import list_access_keys
from .._uploader.keys import NewKey, create_access_key, delete_access_keys, delete_unused_key
from . import fetch
from .fetch import AppKey, Current
from .params import KEY_ID, BroadcastParams
from .plan import BroadcastPlan, concurrent_change_error, desired_config_vars, keys_to_evict, plan_config_vars

POLL_SECONDS = 3.0


@dataclass
class Applier:
    """Applies one plan.

    :param verify: verifies the key before the application gets it, and raises an error if it does not work.
    :param pending: the names of config vars that Heroku does not show yet.
    """

    desired: BroadcastParams
    current: Current
    plan: BroadcastPlan
    iam: Iam
    context: Context
    verify: t.Callable[[AppKey], None]
    pending: list[str] = field(default_factory=list)

    def apply(self) -> str:
        """Apply the plan.

        :returns: the ID of the application's key.
        """
        apply_user(self.iam, self.desired.user, self.plan.user)
        new_key = self._create_key()
        key = AppKey(new_key.id, new_key.secret) if new_key else self.current.app_key
        try:
            self.verify(key)
        except errors.ArchivingError as exc:
            raise self._delete_new_key(exc, new_key) from exc
        try:
            self._update_config_vars(key, new_key)
        except errors.ArchivingError as exc:
            # Unless Heroku has clearly refused the change, the application may have the key: it stays.
            raise (self._delete_new_key(exc, new_key) if errors.is_definite_refusal(exc) else exc) from exc
        self._delete_unused_keys(new_key)
        return key.id

    def _create_key(self) -> NewKey | None:
        if not self.plan.replaces_key:
            return None
        user_key = self.current.user_key
        keys = list_access_keys(self.iam, self.desired.user)
        evicted = keys_to_evict(keys, user_key.id if user_key else None)
        if evicted and self._fetch_key_id() != self.current.config_vars.get(KEY_ID):
            raise concurrent_change_error(self.desired)
        delete_access_keys(self.iam, self.desired.user, [key.id for key in evicted])
        return create_access_key(self.iam, self.desired.user)

    def _delete_new_key(self, exc: errors.ArchivingError, new_key: NewKey | None) -> errors.ArchivingError:
        return delete_unused_key(self.iam, self.desired.user, new_key, exc) if new_key else exc

    def _update_config_vars(self, key: AppKey, new_key: NewKey | None) -> None:
        """Send all changes in one release."""
        plan = plan_config_vars(self.desired, self.current, key)
        if not plan.changed:
            return
        if new_key and not self._is_active(new_key):
            raise concurrent_change_error(self.desired)
        secrets = desired_config_vars(self.desired, self.current, key).secrets
        client = fetch.heroku_client(self.desired, *secrets.values())
        self.pending = config_vars.not_yet_visible(plan, client.update(config_vars.request_body(plan)))
        try:
            self._wait_for_release(client, plan)
        except errors.ArchivingError as exc:
            # Heroku has accepted the change: even if reading fails, the application may get the key.
            self.context.warn(str(exc))
        if self.pending:
            self.context.warn(config_vars.format_pending_warning(self.pending))

    def _wait_for_release(self, client: Client, plan: Plan) -> None:
        """Wait until a release command has ended, at most for the grace period."""
        deadline = self._deadline("Heroku to apply the config vars")
        for number in attempts(deadline, itertools.repeat(POLL_SECONDS)):
            # The response to the update was the first attempt.
            if number > 1:
                self.pending = config_vars.not_yet_visible(plan, client.fetch())
            if not self.pending:
                return

    def _delete_unused_keys(self, new_key: NewKey | None) -> None:
        if not self.plan.keys_to_delete or (self.pending and new_key):
            return
        user_key = self.current.user_key
        if new_key and user_key and user_key.active:
            # Heroku stops the old processes within half a minute, and the URLs that they signed are valid for a minute.
            self._deadline("processes that use the old access key").pause(self.desired.grace_period)
        if new_key and not (self._is_active(new_key) and self._fetch_key_id() == new_key.id):
            raise concurrent_change_error(self.desired)
        delete_access_keys(self.iam, self.desired.user, [key.id for key in self.plan.keys_to_delete])

    def _deadline(self, awaited: str) -> Deadline:
        return Deadline(self.desired.grace_period, self.context.runtime, awaited=awaited)

    def _fetch_key_id(self) -> str | None:
        return fetch.heroku_client(self.desired).fetch().get(KEY_ID)

    def _is_active(self, new_key: NewKey) -> bool:
        keys = list_access_keys(self.iam, self.desired.user)
        return new_key.id in [key.id for key in keys if key.active]
