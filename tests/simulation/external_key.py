# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects with external keys: an administrator creates two keys, and the variables contain one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .iam_model import IamModel, Key
from .invariants import MAX_CLOCK_DIFFERENCE, SLACK, InvariantError, Invariants, _parse
from .runs import BUCKET, Project
from .scheduler import Run

# The permissions that an upload needs.
ACTIONS = ["s3:PutObject", "s3:AbortMultipartUpload"]


def create_external_keys(iam: IamModel, project: str) -> list[tuple[str, str]]:
    """Create a user with two keys, long before all runs, and return IDs and secrets."""
    user = {"UserName": f"administrator-{project}"}
    statement = {"Effect": "Allow", "Action": ACTIONS, "Resource": f"arn:aws:s3:::{BUCKET}/{project}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    delay, iam.delay = iam.delay, lambda: 0.0
    iam.call("create_user", user)
    iam.call("put_user_policy", {**user, "PolicyName": "uploads", "PolicyDocument": document})
    keys = [iam.call("create_access_key", user)["AccessKey"] for _number in range(2)]
    iam.delay = delay
    return [(key["AccessKeyId"], key["SecretAccessKey"]) for key in keys]


class ExternalKeyInvariants(Invariants):
    """The invariants of targets and state files; no run calls IAM."""

    def keys(self, project: Project) -> list[Key]:
        return []

    def before_call(self, run: Run, operation: str, params: Mapping[str, Any]) -> Callable[[], None] | None:
        if "UserName" in params:
            self._fail(f"{run.name} calls {operation}, and the key of {run.project} is external")
        return super().before_call(run, operation, params)

    def _reasons(self, project: Project, run: Run) -> set[str]:
        document = self.state_file(project)
        if document is None or document["status"] != "applied":
            return {"unknown"}
        storage, settings = document["storage"], project.desired
        endpoint = None if settings.is_aws else "https://s3.example.com"
        desired = {"sse": settings.sse, "bucket": BUCKET, "endpoint": endpoint, "access_key": settings.external_key[0]}
        if any(storage.get(name) != value for name, value in desired.items()):
            return {"changed"}
        now = self.world.scheduler.now + run.offset
        return {"unknown"} if _parse(document["time"]) > now + MAX_CLOCK_DIFFERENCE - SLACK else set()

    def check_normal_state(self, project: Project) -> None:
        super().check_normal_state(project)
        key = self.target_key(project)
        if key is None or key.id != project.desired.external_key[0]:
            raise InvariantError(f"the target of {project.id} does not contain the desired key")
