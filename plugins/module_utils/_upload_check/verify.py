# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upload probes to an upload target as Vonage uploads recordings.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Vonage does not document a check of the target, and reports failed uploads by e-mail (Vonage's security guide for
archiving). Therefore, a verification uploads with the key that Vonage gets, checks the stored probes, and deletes them
with the operator's credentials.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._aws.session import make_client, with_known_owner
from .._core.plan import Context, Outcome
from .._core.redaction import redact
from .._core.retry import Deadline
from .access_checks import AccessChecks, public_url
from .cleanup import Cleanup
from .fetch import configured_region, fetch_bucket_region
from .params import CHECKS, UploadCheckParams
from .permission_checks import PermissionChecks
from .probe import Check, CreatedObjects, new_probe_keys
from .upload_checks import ProbeUploader

Task = t.Callable[[], list[Check]]

# The time limit of all probes together. With the cleanup, one verification ends within 480 seconds.
PROBE_SECONDS = 360.0


def verify_uploads(params: UploadCheckParams, context: Context) -> Outcome:
    """Upload probes with the key of the uploader, check them, and delete them."""
    operator = make_client(params.operator)
    deadline = Deadline(PROBE_SECONDS, context.runtime)
    region = configured_region(params.uploader, operator)
    if not context.check_mode:
        # Without a response before the deadline, the configured region is used.
        fetched = deadline.run([lambda: fetch_bucket_region(params.uploader, params.bucket, operator)])
        region = fetched.get(0, region)
    result: dict[str, t.Any] = {
        "bucket": params.bucket,
        "prefix": params.prefix,
        "url": public_url(params.uploader, params.bucket, f"{params.prefix}/", region),
        "planned": params.planned,
        "checks": [],
    }
    if context.check_mode:
        return Outcome(changed=False, result=result)
    checks, cleanup = verify_with_probes(params, operator, region, deadline)
    # The errors of each client hide its own secrets; a store could return the secret of the other one.
    checks = [check._replace(detail=redact(check.detail, params.secrets)) for check in checks]
    cleanup["detail"] = redact(cleanup["detail"], params.secrets)
    result["cleanup"] = cleanup
    if not cleanup["ok"]:
        context.warn(f"The upload check could not delete all of its probes. {cleanup['detail']}")
    result["checks"] = [check._asdict() for check in checks]
    return Outcome(changed=False, result=result, failed=failure_message(params, checks))


def verify_with_probes(
    params: UploadCheckParams, operator: t.Any, region: str, deadline: Deadline
) -> tuple[list[Check], dict[str, t.Any]]:
    """Run all checks, and then the cleanup, even after an error."""
    params = replace(params, uploader=with_known_owner(params.operator, params.uploader))
    keys, created = new_probe_keys(params.prefix), CreatedObjects()
    checks: list[Check] = []
    cleanup: dict[str, t.Any] = {}
    effective = Deadline(
        params.timeout, deadline.runtime, deadline, "the access key and its permissions to take effect"
    )
    try:
        client = make_client(replace(params.uploader, region=region), isolated=True)
        uploader = ProbeUploader(params, client, keys, created, effective)
        url = public_url(params.uploader, params.bucket, keys.single, region)
        bucket_url = public_url(params.uploader, params.bucket, "", region)
        access = AccessChecks(params, operator, keys, uploader.content, url, effective, bucket_url)
        checks = run_checks(params, uploader, access, deadline)
    finally:
        cleanup.update(Cleanup(params, operator, keys, created, deadline.runtime).run())
    return checks, cleanup


def run_checks(
    params: UploadCheckParams, uploader: ProbeUploader, access: AccessChecks, deadline: Deadline
) -> list[Check]:
    """Run all checks; independent checks run concurrently."""
    permissions = PermissionChecks(uploader)
    checks = run_concurrently({"put_object": uploader.check_put_object}, deadline)
    is_uploaded = all(check.ok for check in checks if check.name != "put_sse_echo")
    tasks: dict[str, Task] = {
        "cors_preflight": lambda: [access.check_cors_preflight()],
        "multipart_upload": uploader.check_multipart_upload,
        "anonymous_read": lambda: [access.check_anonymous_read()],
        "anonymous_list": lambda: [access.check_anonymous_list()],
        "no_read": lambda: [permissions.check_read(access.is_publicly_readable)],
        "no_list_outside": lambda: [permissions.check_list_outside()],
        "no_put_outside": lambda: [permissions.check_put_outside()],
    }
    names = [name for name in tasks if name in params.planned and (is_uploaded or name == "cors_preflight")]
    checks += run_concurrently({name: tasks[name] for name in names}, deadline)
    if is_uploaded:
        multipart = any(check.name == "multipart_upload" and check.ok for check in checks)
        checks += run_concurrently({"stored_encryption": lambda: [access.check_stored_encryption(multipart)]}, deadline)
        if "no_delete" in params.planned:
            checks += run_concurrently({"no_delete": lambda: [permissions.check_delete()]}, deadline)
    return sorted(checks, key=lambda check: CHECKS.index(check.name))


def run_concurrently(tasks: t.Mapping[str, Task], deadline: Deadline) -> list[Check]:
    """Run all tasks and return their checks; a task that does not end in time is a failed check."""
    results = deadline.run(list(tasks.values()))
    return [check for number, name in enumerate(tasks) for check in results.get(number, [unfinished_check(name)])]


def unfinished_check(name: str) -> Check:
    detail = (
        f"Not finished within {PROBE_SECONDS:.0f} seconds, the limit for all probes of one verification. Check that "
        "the store responds at its endpoint, then run it again."
    )
    return Check(name, False, detail)


def failure_message(params: UploadCheckParams, checks: t.Sequence[Check]) -> str:
    """The message of failed checks; empty if all checks were successful."""
    failed = [check for check in checks if not check.ok]
    if not failed:
        return ""
    findings = " ".join(f"{check.name}: {check.detail}" for check in failed)
    target = f"s3://{params.bucket}/{params.prefix}/"
    return f"Uploads to {target} would not work as expected: {len(failed)} of {len(checks)} checks failed. {findings}"
