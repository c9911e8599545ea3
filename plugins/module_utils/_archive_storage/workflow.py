# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role ``archive_storage`` in one call, for fleets.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The steps are the tasks of ``roles/archive_storage/tasks``: check that a missing secret key is not needed, create or
update the bucket, create or update the upload target, apply new requirements to the bucket.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from .._bucket import reconcile as bucket
from .._bucket.params import ADOPT_BUCKET, BucketParams
from .._core import errors
from .._core.changes import Changes
from .._core.plan import Context, Outcome
from .._state_file.preflight import check_before_changes
from .._upload_target import reconcile as upload_target
from .failure import explain_failure
from .params import Params
from .result import Steps, build_result, is_requirements_due, secret_key_error


def configure(params: Params, context: Context) -> Outcome:
    """Create or update the archive storage of one project.

    A failure is in the outcome, with the changes made before it.
    """
    run = _Run(params, context)
    try:
        run.apply()
    except errors.ArchivingError as exc:
        for secret in exc.secrets:
            context.register_secret(secret)
        run.steps.error = {**exc.as_result(), **run.changes.as_facts()}
        return run.outcome(failure=explain_failure(str(exc), run.steps))
    return run.outcome()


@dataclass
class _Run:
    """One run for one project.

    :param diffs: before and after, by what they describe.
    :param changes: the changes of the current step.
    """

    params: Params
    context: Context
    steps: Steps = field(default_factory=Steps)
    diffs: dict[str, tuple[t.Any, t.Any]] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)

    def __post_init__(self) -> None:
        self.steps.is_read_only = self.context.check_mode
        self.steps.is_external = not self.params.managed

    def _start_step(self, name: str) -> Context:
        """Return the context of the next step."""
        self.steps.failed, self.changes = name, Changes()
        return replace(self.context, runtime=replace(self.context.runtime, changes=self.changes))

    def apply(self) -> None:
        if self.params.lacks_secret_key:
            self._check_secret_key()
        outcome = self._ensure_bucket("bucket", self._desired_bucket, self._check_project)
        self.steps.bucket = self._add_diff("bucket", outcome)
        if self._is_target_due():
            self._apply_target()
        if is_requirements_due(self.steps, verify_only=False):
            self._apply_requirements()

    @property
    def _desired_bucket(self) -> BucketParams:
        # It is None only if the archive storage is deleted.
        return t.cast(BucketParams, self.params.desired_bucket)

    def _ensure_bucket(self, step: str, desired: BucketParams, before_changes: bucket.Check | None = None) -> Outcome:
        return bucket.ensure_bucket(desired, self._start_step(step), before_changes)

    def outcome(self, failure: t.Mapping[str, t.Any] | None = None) -> Outcome:
        """Return the outcome.

        :param failure: ``msg`` and ``error`` of a failed run.
        """
        result = build_result(self.params.project, self.params.managed, self.steps)
        before, after = ({name: both[at] for name, both in self.diffs.items()} for at in (0, 1))
        if not failure:
            return Outcome(result.pop("changed"), result, before, after)
        result["error"] = failure["error"]
        return Outcome(result.pop("changed"), result, before, after, failed=failure["msg"])

    def _check_project(self) -> None:
        """Check the credentials of the project before the first change."""
        target = self.params.desired_target
        store = getattr(target, "store", None)
        check_before_changes(target.preflight, target.project, store, self.context.runtime)

    def _check_secret_key(self) -> None:
        """Check that an external key whose secret was left out is the one of the upload target.

        :raises errors.SecretNeededError: the upload target needs an update.
        """
        context = replace(self._start_step("secret_check"), check_mode=True)
        outcome = upload_target.ensure_upload_target(self.params.desired_target, context)
        self.steps.target = {**outcome.result, "changed": False}
        reason = outcome.result["reason"]
        if reason != "unchanged" and not self.context.check_mode:
            raise secret_key_error(reason)

    def _is_target_due(self) -> bool:
        """Whether the target task is executed: the check of the secret key may be sufficient."""
        target, pending = self.steps.target, (self.steps.bucket or {}).get("pending_requirements")
        return target is None or target["reason"] != "unchanged" or bool(pending)

    def _apply_target(self) -> None:
        bucket_result = self.steps.bucket or {}
        desired = replace(
            self.params.desired_target,
            check_previous_target=bool(bucket_result.get("pending_requirements")),
        )
        if bucket_result.get("changed") and self.params.can_verify:
            desired = replace(desired, verify="always")
        outcome = upload_target.ensure_upload_target(desired, self._start_step("target"))
        self.steps.target = self._add_diff("upload target", outcome)

    def _apply_requirements(self) -> None:
        """Apply the pending requirements. No recording uses an upload target that violates them."""
        pending = (self.steps.bucket or {})["pending_requirements"]
        desired = requirements_of(self._desired_bucket, pending)
        outcome = self._ensure_bucket("requirements", desired)
        self.steps.requirements = {**outcome.result, "changed": outcome.changed}
        if outcome.changed and self.params.can_verify and not self.context.check_mode:
            verified = replace(self.params.desired_target, verify="only")
            try:
                upload_target.ensure_upload_target(verified, self._start_step("requirements_check"))
            except errors.ArchivingError as exc:
                raise self._roll_back(exc, desired, pending) from exc
        self._add_diff("bucket requirements", outcome)

    def _roll_back(
        self, exc: errors.ArchivingError, desired: BucketParams, pending: t.Sequence[str]
    ) -> errors.ArchivingError:
        """Remove requirements that uploads do not meet, and return the error with a hint about it.

        With the requirements, some stores reject every upload.
        """
        names = " and ".join(pending)
        try:
            bucket.ensure_bucket(without_requirements(desired), self.context)
        except errors.ArchivingError as second:
            return exc.with_hint(
                f"{names} could not be removed from the bucket, and rejects recordings: {second.problem}."
            )
        self.steps.is_rolled_back = True
        return exc.with_hint(f"{names} was removed from the bucket again.")

    def _add_diff(self, name: str, outcome: Outcome) -> dict[str, t.Any]:
        if outcome.before != outcome.after:
            self.diffs[name] = (outcome.before or {}, outcome.after or {})
        return {**outcome.result, "changed": outcome.changed}


def requirements_of(desired: BucketParams, pending: t.Collection[str]) -> BucketParams:
    """Return the parameters that only apply the pending requirements, immediately."""
    policy = desired.facets["policy"]
    required = {name: True if name in pending else None for name in ("require_tls", "require_encryption")}
    policy = replace(policy, public_prefixes=None, defer=False, **required)
    # This run has adopted the bucket already.
    allow = desired.allow | {ADOPT_BUCKET}
    return replace(desired, facets={"policy": policy}, folders=(), allow=allow, state_file=None)


def without_requirements(desired: BucketParams) -> BucketParams:
    """Return the parameters that remove the requirements again."""
    policy = desired.facets["policy"]
    names = ("require_tls", "require_encryption")
    removed = {name: None if getattr(policy, name) is None else False for name in names}
    return replace(desired, facets={"policy": replace(policy, **removed)})
