# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``interactive_broadcast_app``: observe, plan, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The order of writes: the user and its policy; a new key, which is tried; the config vars, all in one release; and when
the application has them, other keys go. The config vars can be read: wherever that is cut off, the next run sees which
key the application has.
"""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .._aws.iam_client import Iam, warn_of_exposed_keys
from .._aws.s3_client import check_owner
from .._aws.session import make_client
from .._core import errors
from .._core.plan import Context, Outcome, Plan
from .._core.secrets import mark_as_secret
from .._core.values import quote_list
from .._heroku import config_vars
from .._heroku.client import Client
from .._upload_check.access_checks import public_url
from .._upload_check.reconcile import bucket_region
from .._uploader import user as uploader
from .._uploader.user import NewKey
from . import urls
from .params import KEY_ID, KEY_SECRET, VARIABLES, Desired, desired
from .plan import (
    Decision,
    Observed,
    changes,
    config,
    decide,
    holder,
    is_broadcast,
    is_uploader,
    not_a_broadcast,
    overtaken,
    surplus,
    uploader_mistaken,
)
from .verify import Prover

POLL_SECONDS = 3.0


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """Give an application what it needs, or take it away."""
    wanted = desired(params, context.environ)
    work = Broadcast(wanted, context, Iam(wanted.iam))
    if wanted.present and wanted.has_key:
        warn_of_exposed_keys(work.iam.connection, context.warn)
    return work.present() if wanted.present else work.absent()


@dataclass
class Broadcast:
    """One run."""

    wanted: Desired
    context: Context
    iam: Iam
    now: t.Callable[[], float] = time.time
    sleep: t.Callable[[float], None] = time.sleep
    checks: list[dict[str, t.Any]] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)

    def present(self) -> Outcome:
        observed, region = self._observe()
        decision = decide(self.wanted, observed, self.now())
        key = observed.variables.get(KEY_ID, "") if decision.reason == "unchanged" else ""
        only = self.wanted.proof == "only"
        if decision.changed and not (only and not self.context.check_mode):
            self._refuse_other_apps(observed)
        if only and not self.context.check_mode:
            self._prove_what_is_set(observed, region)
        elif not self.context.check_mode:
            key = self._apply(observed, decision, region) or key
        changed = decision.changed and not (only and not self.context.check_mode)
        return self._outcome(observed, decision, key, changed)

    def _refuse_other_apps(self, observed: Observed) -> None:
        """A mistyped name must not cost another application its config vars, its access key among them."""
        if not (self.wanted.adopt_app or is_broadcast(observed)):
            raise not_a_broadcast(self.wanted)

    def _observe(self) -> tuple[Observed, str]:
        with ThreadPoolExecutor(3) as pool:
            variables = pool.submit(self._client().read)
            user = (
                pool.submit(uploader.observe, self.iam, self.wanted.user, eager=True) if self.wanted.has_key else None
            )
            place = pool.submit(self._place)
            base, region = place.result()
            seen = user.result() if user else uploader.Observed(None)
            found = variables.result()
        mark_as_secret(found.get(KEY_SECRET))
        if is_uploader(seen.user):
            raise uploader_mistaken(self.wanted)
        return Observed(found, seen, base), region

    def _place(self) -> tuple[str, str]:
        """The base of recordings' URLs, without a slash at its end, and the region of the bucket of images."""
        wanted, operator = self.wanted, make_client(self.wanted.operator)
        for bucket in dict.fromkeys((wanted.bucket, *([wanted.images_bucket] if wanted.has_key else []))):
            check_owner(bucket, wanted.operator)
        region = bucket_region(wanted.store, wanted.bucket, operator)
        base = wanted.base_url or public_url(wanted.store, wanted.bucket, "", region)
        if wanted.has_key and wanted.images_bucket != wanted.bucket:
            region = bucket_region(wanted.store, wanted.images_bucket, operator)
        return base.rstrip("/"), region

    def _client(self, *secrets: str | None) -> Client:
        return Client(self.wanted.app, secrets)

    def _prover(self, value: str, region: str, key: tuple[str, str]) -> Prover:
        return Prover(self.wanted, value, region, key)

    def _look(self, prover: Prover) -> None:
        try:
            self.checks = prover.look()
        finally:
            for trouble in prover.left:
                self.context.warn(f"The proof could not clean up after itself. {trouble}")

    def _prove_what_is_set(self, observed: Observed, region: str) -> None:
        """With the very values that the application has."""
        name, found = urls.VARIABLES[self.wanted.generation], observed.variables
        lacks = [each for each in VARIABLES[self.wanted.generation] if not found.get(each)]
        if lacks:
            raise errors.NotFoundError(
                f"prove that {self.wanted.app.id} works",
                f"the application has no {quote_list(lacks)}",
                "Set it up first: this only looks.",
            )
        self._look(self._prover(found[name], region, _key(observed)))

    def _prove(self, observed: Observed, decision: Decision, new: NewKey | None, region: str) -> None:
        due = self.wanted.proof == "always" or (self.wanted.proof == "new" and decision.changed)
        if not due:
            return
        value = urls.variable_value(self.wanted.generation, observed.base)
        self._look(self._prover(value, region, _key(observed, new)))

    def _apply(self, observed: Observed, decision: Decision, region: str) -> str:
        """The id of the key that was made."""
        uploader.apply(self.iam, self.wanted.user, decision.user)
        new = self._make_key(observed, decision)
        try:
            self._prove(observed, decision, new, region)
        except errors.ArchivingError as exc:
            raise self._without(exc, new) from exc
        try:
            self._set(observed, new)
        except errors.ArchivingError as exc:
            # Unless the answer is a plain no, the application may have the key: it stays.
            raise (self._without(exc, new) if errors.is_definite(exc) else exc) from exc
        self._retire(observed, decision, new)
        return new.id if new else ""

    def _make_key(self, observed: Observed, decision: Decision) -> NewKey | None:
        if decision.reason == "unchanged":
            return None
        held = holder(observed)
        keys = uploader.list_keys(self.iam, self.wanted.user)
        gone = surplus(keys, held.id if held else None)
        if gone and self._client().read().get(KEY_ID) != observed.variables.get(KEY_ID):
            raise overtaken(self.wanted)
        uploader.retire(self.iam, self.wanted.user, [key.id for key in gone])
        return uploader.make_key(self.iam, self.wanted.user)

    def _set(self, observed: Observed, new: NewKey | None) -> None:
        """All that differs, in one release."""
        wish = self._wish(observed, new)
        todo = config_vars.plan(wish, observed.variables)
        if not todo.changed:
            return
        if new and not self._works(new):
            raise overtaken(self.wanted)
        client = self._client(*wish.secrets.values())
        self.pending = config_vars.missing(todo, client.update(config_vars.body(todo)))
        try:
            self._wait(client, todo)
        except errors.ArchivingError as exc:
            # Heroku has taken the change: whatever comes then, the application may get the key.
            self.context.warn(str(exc))
        if self.pending:
            self.context.warn(config_vars.PENDING.format(quote_list(self.pending)))

    def _wait(self, client: Client, todo: Plan) -> None:
        """For a release command to end."""
        waited = 0.0
        while self.pending and waited < self.wanted.grace:
            self.sleep(POLL_SECONDS)
            waited += POLL_SECONDS
            self.pending = config_vars.missing(todo, client.read())

    def _wish(self, observed: Observed, new: NewKey | None) -> config_vars.Desired:
        return config(self.wanted, observed, *_key(observed, new))

    def _without(self, exc: errors.ArchivingError, new: NewKey | None) -> errors.ArchivingError:
        return uploader.discard(self.iam, self.wanted.user, new, exc) if new else exc

    def _retire(self, observed: Observed, decision: Decision, new: NewKey | None) -> None:
        """The application has its key: the others go."""
        if not decision.going or (self.pending and new):
            return
        held = holder(observed)
        if new and held and held.active:
            # Heroku stops the old processes within half a minute, and what they have signed is good for a minute.
            self.sleep(self.wanted.grace)
        if new and not self._has(new):
            raise overtaken(self.wanted)
        uploader.retire(self.iam, self.wanted.user, [key.id for key in decision.going])

    def _has(self, new: NewKey) -> bool:
        """Whether the application has this key, and it works: no other run has come in between."""
        return self._works(new) and self._client().read().get(KEY_ID) == new.id

    def _works(self, new: NewKey) -> bool:
        return new.id in [key.id for key in uploader.list_keys(self.iam, self.wanted.user) if key.active]

    def _outcome(self, observed: Observed, decision: Decision, key: str, changed: bool) -> Outcome:
        plan = changes(self.wanted, observed, decision)
        wish = config(self.wanted, observed, key or "(new)", "")
        name = urls.VARIABLES[self.wanted.generation]
        result = {
            "app": self.wanted.app.id,
            "project": self.wanted.project,
            "reason": decision.reason,
            "url": wish.config[name],
            "config": dict(wish.config),
            "changes": plan.names,
            "release": changed and decision.variables.changed,
            "pending": self.pending,
            "user": self.wanted.user.name if self.wanted.has_key else None,
            "checks": self.checks,
        }
        return Outcome(changed, result, plan.before(), plan.after())

    def absent(self) -> Outcome:
        """Take the config vars away, then the user."""
        client = self._client()
        observed = client.read()
        names = [name for name in VARIABLES[self.wanted.generation] if name in observed]
        todo = config_vars.plan(config_vars.Desired(absent=tuple(names)), observed)
        seen = uploader.observe(self.iam, self.wanted.user) if self.wanted.has_key else uploader.Observed(None)
        if is_uploader(seen.user):
            raise uploader_mistaken(self.wanted)
        if todo.changed:
            self._refuse_other_apps(Observed(observed, seen, ""))
        gone = uploader.removed(seen, uploader.removable(self.iam, self.wanted.user, seen))
        if not self.context.check_mode:
            if todo.changed:
                self.pending = config_vars.missing(todo, client.update(config_vars.body(todo)))
            uploader.remove(self.iam, self.wanted.user, seen)
        result: dict[str, t.Any] = {
            "app": self.wanted.app.id,
            "project": self.wanted.project,
            "reason": "unchanged",
            "url": None,
            "config": {},
            "changes": [*todo.names, *gone],
            "release": todo.changed,
            "pending": self.pending,
            "user": None,
            "checks": [],
        }
        before = {**todo.before(), **({"user": seen.user.name} if seen.user else {})}
        return Outcome(todo.changed or bool(gone), result, before, {})


def _key(observed: Observed, new: NewKey | None = None) -> tuple[str, str]:
    """Id and secret of the application's key: the one that was made, or else the one it has."""
    found = observed.variables
    return (new.id, new.secret) if new else (found.get(KEY_ID, ""), found.get(KEY_SECRET, ""))
