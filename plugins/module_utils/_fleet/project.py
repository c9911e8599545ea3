# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role ``archive_storage`` in one call: use case of the action ``archive_storage_project``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The steps, and what is done after which failure, are those of the role's tasks ``managed.yml``, ``given.yml``,
``bucket.yml`` and ``requirements.yml``. Each is a use case that a module has, too.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import bucket, upload_check
from ansible_collections.vonage.archiving.plugins.module_utils._fleet.options import OF_ONE_PROJECT, Asked, asked
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._rotation import run as rotation
from ansible_collections.vonage.archiving.plugins.module_utils._secrets import mark_as_secret
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import (
    account,
    archive_info,
    archives,
    listing,
    record,
    storage,
)
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import connection as vonage
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.api import Client
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.storage import SecretNeededError

# What a bucket can demand of uploads, so that those with an older target are refused.
KEY_RESULTS = ("checks", "access_keys", "rotate_at", "waits", "retained_keys_until", "proof")


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """Bring about the archive storage of one project of many, and look at its latest archives."""
    started = time.monotonic()
    environ = {name: value for name, value in context.environ.items() if name not in OF_ONE_PROJECT}
    context = replace(context, environ=environ)
    run = Run(asked(params, environ), context)
    try:
        if run.wanted.secret is None:
            run.wanted = run.wanted.with_secret(owned_secret(run.wanted, context))
        outcome = run.managed() if run.wanted.settings["managed"] else run.given()
        outcome.result["archives"] = run.latest(outcome.result) if run.wanted.archives else None
    except errors.ArchivingError as exc:
        outcome = run.failure(exc)
    outcome.result["seconds"] = round(time.monotonic() - started, 1)
    return outcome


def owned_secret(wanted: Asked, context: Context) -> str:
    """The secret of the project, as its account tells it.

    :raises InputError: there is neither a secret nor an account to ask.
    """
    option = "archive_storage_private_key" if wanted.settings["application_id"] else "archive_storage_api_secret"
    problems: list[str] = []
    owner = account.account(wanted.params, context.environ, problems)
    if owner is None or wanted.settings["application_id"]:
        why = "; ".join(problems) or "an account has secrets of projects only"
        error = errors.InputError([f"{option} is not given, and the account cannot be asked for it: {why}"])
        error.secrets = account.misplaced(wanted.params)
        raise error
    found = account.fetch_some(owner, [wanted.project])[0]
    mark_as_secret(found.secret)
    context.learn(found.secret)
    return found.secret


@dataclass
class Run:
    """One run for one project.

    :param bucket_changes: what was changed of the bucket.
    :param diffs: before and after, by what they are of.
    """

    wanted: Asked
    context: Context
    bucket_changes: tuple[str, ...] = ()
    diffs: dict[str, tuple[t.Any, t.Any]] = field(default_factory=dict)

    @property
    def _looking(self) -> Context:
        return replace(self.context, check_mode=True)

    def managed(self) -> Outcome:
        """With an uploader whose keys are made here."""
        # Before the bucket: what is wrong with the options is told while nothing has been touched.
        final = rotation.reconcile(self.wanted.rotation("none"), self._looking)
        made = self._bucket(final)
        proven = bool(self.wanted.settings["verify"])
        changed = False
        if final.result["changes"] or (proven and made.changed):
            proof = "none" if not proven else "always" if made.changed else "new"
            final = rotation.reconcile(self.wanted.rotation(proof), self.context)
            changed = final.changed
        self._note("upload target and uploader", final)
        uploader = {
            "uploader": final.result["uploader"],
            "uploader_changes": final.result["changes"],
            **{name: final.result[name] for name in KEY_RESULTS},
        }
        return self._outcome(made, final, changed, uploader)

    def given(self) -> Outcome:
        """With a key that somebody else made."""
        found = storage.reconcile(self.wanted.target(), self._looking)
        reason = found.result["reason"]
        due = reason != "unchanged"
        if due and not (self.wanted.uploader_secret or self.context.check_mode):
            raise SecretNeededError(
                f"set the upload target of project {self.wanted.project}",
                f"archive_storage_uploader_secret_key is needed now and was left out (reason: {reason})",
                "Nothing was touched.",
                reason=reason,
            )
        made = self._bucket(found)
        proven = self.wanted.settings["verify"] and self.wanted.uploader_secret and (due or made.changed)
        checks: list[dict[str, t.Any]] = self._check() if proven else []
        final = storage.reconcile(self.wanted.target(), self.context) if due else found
        self._note("upload target", final)
        nothing: dict[str, t.Any] = {"uploader": {}, "uploader_changes": [], "access_keys": [], "rotate_at": None}
        told = {"checks": checks, "waits": "", "retained_keys_until": None, "proof": ""}
        return self._outcome(made, final, due and final.changed, {**nothing, **told})

    def _bucket(self, target: Outcome) -> Outcome:
        """Create or update the bucket; requirements that it does not have yet stay pending.

        :param target: what the upload target is now.
        """
        params = self.wanted.bucket(adopted=target.result["record"]["status"] is not None)
        made = bucket.reconcile(params, self.context)
        self.bucket_changes = tuple(made.result["changes"])
        self._note(f"bucket {params['name']}", made)
        return made

    def _require(self, made: Outcome, final: Outcome) -> Outcome:
        """Apply the pending requirements if no recording can still use a target that does not meet them."""
        pending = made.result["pending_requirements"]
        if not pending:
            return Outcome(False, {"changes": [], "bucket": {}})
        params = self.wanted.previous_target(final.result["storage"]["access_key"])
        checked = storage.reconcile(params, self._looking)
        if checked.result["previous_target"]["in_use"]:
            return Outcome(False, {"changes": [], "bucket": {}})
        applied = bucket.reconcile(self.wanted.requirements(pending), self.context)
        try:
            self._verify_requirements(applied.changed)
        except errors.ArchivingError as exc:
            # There are stores that then refuse every upload.
            raise self._without_requirements(exc, pending) from exc
        self.bucket_changes += tuple(applied.result["changes"])
        self._note("bucket requirements", applied)
        return applied

    def _verify_requirements(self, applied: bool) -> None:
        """Upload once more if requirements were applied.

        :raises errors.ArchivingError: uploads do not meet them.
        """
        if not applied or self.context.check_mode or not self.wanted.settings["verify"]:
            return
        if self.wanted.settings["managed"]:
            rotation.reconcile(self.wanted.rotation("only"), self.context)
        elif self.wanted.uploader_secret:
            self._check()

    def _without_requirements(self, exc: errors.ArchivingError, pending: t.Sequence[str]) -> errors.ArchivingError:
        """Remove requirements that uploads do not meet; the error with what became of that."""
        params = {**self.wanted.requirements(pending), **dict.fromkeys(pending, False)}
        names = " and ".join(pending)
        try:
            bucket.reconcile(params, self.context)
        except errors.ArchivingError as second:
            return exc.with_hint(
                f"{names} could not be removed from the bucket, and refuses recordings: {second.problem}."
            )
        return exc.with_hint(f"{names} was removed from the bucket again.")

    def _check(self) -> list[dict[str, t.Any]]:
        found = upload_check.reconcile(self.wanted.check(), self.context)
        checks: list[dict[str, t.Any]] = found.result["checks"]
        if found.failed:
            raise errors.NotProvenError(
                "prove that uploads with the given key arrive",
                found.failed,
                "The target was not touched: recordings go where they went before.",
                checks=checks,
            )
        return checks

    def _note(self, what: str, outcome: Outcome) -> None:
        if outcome.before != outcome.after:
            self.diffs[what] = (outcome.before or {}, outcome.after or {})

    def _outcome(self, made: Outcome, final: Outcome, changed: bool, more: t.Mapping[str, t.Any]) -> Outcome:
        required = self._require(made, final)
        applied = required.result["changes"]
        result = {
            "project": self.wanted.project,
            "bucket": {**made.result["bucket"], **required.result["bucket"]},
            "bucket_changes": [*made.result["changes"], *applied],
            "pending_requirements": [name for name in made.result["pending_requirements"] if name not in applied],
            **{name: final.result[name] for name in ("storage", "reason", "record")},
            **more,
        }
        before, after = self._difference()
        return Outcome(made.changed or changed or required.changed, result, before, after)

    def failure(self, exc: errors.ArchivingError) -> Outcome:
        """What is told of a run that did not get to its end."""
        for secret in exc.secrets:
            self.context.learn(secret)
        told = {"project": self.wanted.project, "bucket_changes": list(self.bucket_changes), "error": exc.as_result()}
        before, after = self._difference()
        return Outcome(bool(self.bucket_changes), told, before, after, failed=str(exc))

    def _difference(self) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        before, after = ({what: both[at] for what, both in self.diffs.items()} for at in (0, 1))
        return before, after

    def latest(self, result: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
        """How the uploads of the latest archives went; ``None``, with a warning, where the API does not tell."""
        problems: list[str] = []
        project = vonage.project(self.wanted.identity(), self.context.environ, problems)
        if project is None:
            raise errors.InputError(problems)
        client = Client(project)
        try:
            client.prepare()
            page = listing.fetch_page(client, project, 0, self.wanted.archives)
        except errors.ArchivingError as exc:
            self.context.warn(f"Its latest archives are not known. {exc}")
            return None
        kept = result["record"]
        since = record.seconds(kept["since"] or kept["time"]) if kept["status"] == record.APPLIED else None
        health = archives.health(page.archives, time.time(), since, archive_info.STUCK_AFTER)
        newest = max((each.created for each in page.archives), default=None)
        found = {name: health[name] or archives.counted([]) for name in archives.CATEGORIES}
        counts = {name: each["count"] for name, each in found.items()}
        troubled = {name: found[name]["ids"] for name in archives.TROUBLE if found[name]["ids"]}
        newest_at = None if newest is None else record.stamp(newest)
        return {"looked_at": len(page.archives), "newest": newest_at, "ok": health["ok"], **counts, "ids": troubled}
