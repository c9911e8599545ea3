# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The projects of a simulation, and the playbooks as typed calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage import project as fleet
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage import report, result, workflow
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.params import Params, parse_params
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.recovery import (
    ROTATING,
    RecoveryRequest,
    plan_recovery,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.task_variables import TaskVariables
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.reconcile import ensure_bucket
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import ensure_upload_target

from .responses import ACCOUNT, OPERATOR, OPERATOR_SECRET

PLAYBOOKS = ("configure", "verify", "rotate", "recover", "teardown", "fleet")
BUCKET = "recordings"


@dataclass(frozen=True)
class Settings:
    """The variables of a project that a seed chooses.

    :param external_key: ID and secret of the key; empty for a managed key.
    :param allow: after a teardown, recordings do not expire any more: the next run sets a shorter retention.
    """

    is_aws: bool = True
    sse: str = "s3"
    require_encryption: bool = False
    public: bool = False
    retention_days: int = 0
    least_privilege: bool = False
    external_key: tuple[str, ...] = ()
    preflight: str = "auto"
    allow: str = "shorter_retention"


@dataclass(frozen=True)
class Project:
    """A project, its bucket, and its desired settings.

    :param initial: the settings of the first run, before the simulation; ``None`` without such a run.
    """

    id: str
    secret: str
    desired: Settings
    initial: Settings | None

    @property
    def users(self) -> tuple[str, str]:
        return f"vonage-archiving-{self.id}", f"vonage-archiving-{self.id}-spare"

    @property
    def state_key(self) -> str:
        return f".vonage-archiving/{self.id}.json"


def role_variables(project: str, secret: str, settings: Settings) -> dict[str, Any]:
    """The variables of the role, without their prefix."""
    variables: dict[str, Any] = {
        "api_key": project,
        "api_secret": secret,
        "api_url": "https://api.opentok.com",
        "bucket": BUCKET,
        "region": "us-east-1",
        "access_key": OPERATOR,
        "secret_key": OPERATOR_SECRET,
        "sse": settings.sse,
        "require_encryption": settings.require_encryption,
        "public": settings.public,
        "retention_days": settings.retention_days,
        "preflight": settings.preflight,
        "allow": settings.allow,
        "expect_least_privilege": settings.least_privilege,
    }
    if settings.external_key:
        names = ("uploader_access_key", "uploader_secret_key")
        variables |= {"upload_key": "external", **dict(zip(names, settings.external_key, strict=True))}
    if settings.is_aws:
        return {**variables, "expected_bucket_owner": ACCOUNT}
    return {**variables, "endpoint": "https://s3.example.com"}


@cache
def parse(project: str, secret: str, settings: Settings, **changes: Any) -> Params:
    """The parsed variables. Parsing is slow, and does not depend on the simulation."""
    verify_only = bool(changes.pop("verify_only", False))
    return parse_params({**role_variables(project, secret, settings), **changes}, {}, verify_only=verify_only)


class FailedError(Exception):
    """A run has failed.

    :param kind: the kind of its error.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message[:200]}")
        self.kind = kind


def _fail(exc: errors.ArchivingError) -> FailedError:
    return FailedError(exc.kind, str(exc))


@dataclass(frozen=True)
class Playbooks:
    """The playbooks for one project and its settings. Each returns what it changed.

    :param note_request: is called before a rotation that was requested.
    """

    project: Project
    settings: Settings
    note_request: Callable[[str], None] = lambda reason: None

    def _parse(self, **changes: Any) -> Params:
        return parse(self.project.id, self.project.secret, self.settings, **changes)

    def configure(self) -> str:
        """The role's tasks/main.yml."""
        return self._configure(self._parse())

    def rotate(self) -> str:
        """Rotate the key; set an external key again."""
        self.note_request("requested")
        return self._configure(self._parse(**({"update": "always"} if self.is_external else {"rotate": True})))

    @property
    def is_external(self) -> bool:
        return bool(self.settings.external_key)

    def _configure(self, params: Params) -> str:
        outcome = workflow.configure(params, Context())
        if outcome.failed:
            raise FailedError(outcome.result["error"]["kind"], outcome.failed)
        return _summarize(outcome.result, changed=outcome.changed)

    def fleet(self) -> str:
        """The action archive_storage_project."""
        variables = role_variables(self.project.id, self.project.secret, self.settings)
        options = {"project": self.project.id, "archives": 20, "timeout": 20.0, "total_timeout": 90.0, "retries": 4}
        outcome = fleet.reconcile(options, Context(), TaskVariables(variables))
        if outcome.failed:
            raise FailedError(outcome.result["error"]["kind"], outcome.failed)
        return _summarize(outcome.result, changed=outcome.changed)

    def verify(self) -> str:
        """The role's tasks/verify.yml."""
        steps = self._verify()
        results = result.build_result(self.project.id, not self.is_external, steps, verify_only=True)
        if steps.error is not None:
            raise FailedError(str(steps.error["kind"]), str(steps.error["problem"]))
        mismatch = result.describe_mismatch(results, not self.is_external)
        if mismatch:
            raise FailedError("mismatch", mismatch)
        return "as configured"

    def _verify(self) -> result.Steps:
        """The tasks of main.yml in the mode verify, until the first failure."""
        params, steps = self._parse(verify_only=True), result.Steps()
        assert params.desired_bucket is not None
        try:
            bucket = ensure_bucket(params.desired_bucket, Context(check_mode=True))
            steps.bucket = {**bucket.result, "changed": bucket.changed}
            pending = bool(bucket.result["pending_requirements"])
            desired = replace(params.desired_target, check_previous_target=pending)
            target = ensure_upload_target(desired, Context())
            steps.target = {**target.result, "changed": target.changed}
        except errors.ArchivingError as exc:
            steps.error = exc.as_result()
        return steps

    def recover(self) -> str:
        """The role's tasks/recover_project.yml."""
        steps = self._verify()
        is_managed = not self.is_external
        verified = result.build_result(self.project.id, is_managed, steps, verify_only=True)
        verified["mismatch"] = "" if steps.error else result.describe_mismatch(verified, is_managed)
        findings, _ending = report._describe_findings(verified)
        request = RecoveryRequest(self.project.id, "", "bad_credentials")
        reason = plan_recovery(request, verified, managed=is_managed, findings=findings)
        if reason not in ROTATING:
            raise FailedError(reason, findings)
        return f"{reason}: {self._configure(self._parse(rotate=True))}"

    def teardown(self) -> str:
        """The role's tasks/absent.yml, without the deletion of the bucket."""
        params = self._parse(state="absent")
        try:
            outcome = ensure_upload_target(params.desired_target, Context())
            assert params.desired_bucket is not None
            bucket = ensure_bucket(params.desired_bucket, Context())
        except errors.ArchivingError as exc:
            raise _fail(exc) from exc
        changed = outcome.changed or bucket.changed
        return _summarize({**outcome.result, "bucket_changes": bucket.result["changes"]}, changed=changed)


def _summarize(values: dict[str, Any], *, changed: bool) -> str:
    if not changed:
        return "unchanged"
    changes = [*values["bucket_changes"], *(values.get("uploader_changes") or values.get("changes") or ())]
    # The role's result with an external key has no list of the changes of the target.
    changes += ["target"] if values["reason"] != "unchanged" and "target" not in changes else []
    return f"changed ({values['reason']}): {', '.join(changes)}"
