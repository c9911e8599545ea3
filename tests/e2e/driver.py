# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role does, in its order, without Ansible: quick enough to be killed at every single call.

``test_kill.py`` shows that it sends what the role sends.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from ansible_collections.vonage.archiving.plugins.module_utils._aws import bucket, lease, upload_check
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._rotation import run as rotation
from ansible_collections.vonage.archiving.plugins.module_utils._settings import settings
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import storage

Variables = dict[str, Any]
Done = list[str]


def connection(variables: Variables) -> dict[str, Any]:
    """The operator's connection and the project, as the role's module_defaults give them."""
    names = ("region", "access_key", "secret_key")
    project = ("api_url", "api_key", "api_secret")
    given = {name: variables[name] for name in (*names, *project)}
    return {**given, "endpoint_url": variables["endpoint"]}


def uploads(variables: Variables) -> dict[str, Any]:
    """The option ``s3`` of two modules."""
    return {
        "bucket": variables["bucket"],
        "access_key": variables["uploader_access_key"],
        "secret_key": variables["uploader_secret_key"],
        "endpoint": variables["endpoint"],
        "sse": "s3",
    }


def reach_target(variables: Variables, check_mode: bool = False, **options: Any) -> Outcome:
    """Run the use case of ``vonage_archive_storage``."""
    found = settings(variables)
    given = {**connection(variables), "record": found["record"], **options}
    if found["state"] == "present":
        given.update(s3=uploads(variables), fallback=found["fallback"])
    return storage.reconcile({"state": found["state"], **given}, Context(check_mode=check_mode))


def check_uploads(variables: Variables) -> None:
    """Run the use case of ``archive_upload_check``, which must find nothing wrong."""
    found = settings(variables)
    probe = {"s3": uploads(variables), "prefix": found["project"], "expect_public": False, "timeout": 10}
    outcome = upload_check.reconcile({**connection(variables), **probe}, Context())
    if outcome.failed:
        raise AssertionError(outcome.failed)


def make_bucket(variables: Variables) -> Outcome:
    """Run the use case of ``s3_archive_bucket`` as tasks/bucket.yml does."""
    found = settings(variables)
    wanted = {name: found[name] for name in ("public_prefixes", "require_tls", "require_encryption", "lifecycle")}
    named = {"name": found["bucket"], "scope": found["project"], "encryption": "s3"}
    return bucket.reconcile({**connection(variables), **named, **wanted}, Context())


def lease_for_a_second() -> None:
    """Instead of most of a minute, so that nobody has to wait for long for a run that was killed in its turn."""
    lease.SECONDS, lease.WRITE_SECONDS, lease.MARGIN, lease.LONGEST_PAUSE = 1.0, 0.4, 0.0, 0.2


def share_bucket(options: dict[str, Any]) -> None:
    """Run the use case of ``s3_archive_bucket``, to be killed while it has its turn."""
    lease_for_a_second()
    bucket.reconcile(options, Context())


def rotate(variables: Variables, context: Context | None = None, **options: Any) -> Outcome:
    """Run the use case of ``archive_key_rotation`` as tasks/managed.yml does, where the bucket is as it should be."""
    found = settings(variables)
    names = ("fallback", "record", "rotate", "rotate_after", "grace_period", "delete_after", "drain_timeout")
    given = {**connection(variables), **{name: found[name] for name in names}}
    target = {"bucket": found["bucket"], "endpoint": found["endpoint"], "sse": found["sse"]}
    given.update(s3=target, verify_timeout=found["verify_timeout"], **options)
    return rotation.reconcile(given, context or Context())


def configure(variables: Variables) -> Done:
    """Do as tasks/present.yml does; return what was changed."""
    found = settings(variables)
    if found["problems"]:
        raise AssertionError(found["problems"])
    if found["managed"]:
        made = make_bucket(variables)
        done = ["bucket"] if made.changed else []
        return [*done, "target"] if rotate(variables).changed else done
    plan = reach_target(variables, check_mode=True)
    made = make_bucket(variables)
    due = plan.result["reason"] != "unchanged"
    if made.changed or due:
        check_uploads(variables)
    done = ["bucket"] if made.changed else []
    return [*done, "target"] if due and reach_target(variables).changed else done


def remove(variables: Variables) -> Done:
    """Do as tasks/absent.yml does."""
    return ["target"] if reach_target({**variables, "state": "absent"}).changed else []


def kill_at_file(operation: str, count: int, after: bool) -> None:
    """Kill this process at the ``count``-th call of a function of ``os``, before or after it took effect."""
    original: Callable[..., Any] = getattr(os, operation)
    calls: list[int] = []

    def deadly(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) != count:
            return original(*args, **kwargs)
        if after:
            original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("this process has been killed")

    setattr(os, operation, deadly)


def main(action: str, variables: Variables, file_kill: tuple[str, int, bool] | None = None) -> None:
    """Entry point of the process that is killed."""
    if file_kill:
        kill_at_file(*file_kill)
    {"configure": configure, "remove": remove}[action](variables)
