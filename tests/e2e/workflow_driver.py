# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workflow of the role without Ansible, which is fast enough to be killed at every request.

``test_kill.py`` verifies that it sends the same requests as the role.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage import workflow
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.params import Params, parse_params
from ansible_collections.vonage.archiving.plugins.module_utils._aws import lease
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import reconcile as bucket
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import announced_call
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import ensure_upload_target

# The role's variables without their prefix.
Variables = dict[str, Any]
Changes = list[str]


def parse(variables: Variables, **changes: Any) -> Params:
    """Return the parameters, without values from the environment."""
    return parse_params({**variables, **changes}, {})


def ensure_target(variables: Variables, check_mode: bool = False) -> Outcome:
    """Run the use case of ``vonage_archive_storage`` with an external key, without an upload check."""
    return ensure_upload_target(parse(variables, verify="never").desired_target, Context(check_mode=check_mode))


def check_uploads(variables: Variables) -> None:
    """Run the upload check of an external key; all checks must pass."""
    params = parse_params(variables, {}, verify_only=True)
    assert ensure_upload_target(params.desired_target, Context()).result["checks"]


def shorten_lease() -> None:
    """Reduce the lease to one second: the lease of a killed run delays the next one."""
    lease.SECONDS, lease.WRITE_SECONDS, lease.MARGIN, lease.LONGEST_PAUSE = 1.0, 0.4, 0.0, 0.2


def ensure_shared_bucket(options: dict[str, Any]) -> None:
    """Run the use case of ``s3_archive_bucket`` with a short lease."""
    shorten_lease()
    bucket.reconcile(options, Context())


def runtime_without_waits() -> Runtime:
    """A clock on which the wait for the announced call of a killed run takes no time."""
    skipped = [0.0]

    def sleep(seconds: float) -> None:
        if seconds == announced_call.INTERVAL:
            skipped.append(seconds)
        else:
            time.sleep(seconds)

    return Runtime(monotonic=lambda: time.monotonic() + sum(skipped), sleep=sleep)


def configure(variables: Variables) -> Changes:
    """Run the workflow, which must succeed, and return the changed resources."""
    outcome = workflow.configure(parse(variables), Context(runtime=runtime_without_waits()))
    if outcome.failed:
        raise AssertionError(outcome.failed)
    result = outcome.result
    target = result["uploader_changes"] or result["reason"] != "unchanged"
    return [*(["bucket"] if result["bucket_changes"] else []), *(["target"] if target else [])]


def remove(variables: Variables) -> Changes:
    """Delete the upload target as tasks/absent.yml does."""
    context = Context(runtime=runtime_without_waits())
    changed = ensure_upload_target(parse(variables, state="absent").desired_target, context).changed
    return ["target"] if changed else []


def kill_at_file(operation: str, count: int, after: bool) -> None:
    """Kill this process at the ``count``-th call of a function of ``os``, before or after it took effect."""
    original: Callable[..., Any] = getattr(os, operation)
    calls: list[int] = []

    def call_or_kill(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) != count:
            return original(*args, **kwargs)
        if after:
            original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("this process has been killed")

    setattr(os, operation, call_or_kill)


def main(action: str, variables: Variables, file_kill: tuple[str, int, bool] | None = None) -> None:
    """Entry point of the process that is killed."""
    if file_kill:
        kill_at_file(*file_kill)
    {"configure": configure, "remove": remove}[action](variables)
