# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Does what Vonage will do with an upload target, before Vonage does it.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Vonage is not known to check a target, and tells of failed uploads by e-mail only (Vonage's security guide for
archiving). So this uploads with the very key that Vonage gets, looks at the outcome from every side, and takes it
away again with the operator's credentials.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._aws.session import Connection, make_client, with_known_owner
from .._aws.time_budget import BudgetExceededError
from .._core.deadline import Deadline, Patience
from .._core.optional_imports import load
from .._core.plan import Context, Outcome
from .._core.secrets import redact
from .access_checks import Views, public_url
from .cleanup import Cleanup
from .denial_checks import Denials
from .params import CHECKS, Settings, settings
from .probe import Check, Ledger, new_keys
from .upload_checks import Uploader

Task = t.Callable[[], list[Check]]

# The time limit of all probes together. With the clean-up, one verification ends within 480 seconds.
PROBE_SECONDS = 360.0


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """The use case of the module ``archive_upload_check``."""
    return verify_uploads(settings(params, context.environ), context)


def verify_uploads(wanted: Settings, context: Context) -> Outcome:
    """Upload probes with the key of the settings, check what is stored, and delete the probes."""
    operator = make_client(wanted.operator)
    deadline = Deadline(PROBE_SECONDS)
    region = _region(wanted, operator, deadline, look=not context.check_mode)
    result: dict[str, t.Any] = {
        "bucket": wanted.bucket,
        "prefix": wanted.prefix,
        "url": public_url(wanted.uploader, wanted.bucket, f"{wanted.prefix}/", region),
        "planned": wanted.planned,
        "checks": [],
    }
    if context.check_mode:
        return Outcome(changed=False, result=result)
    found, cleanup = probe(wanted, operator, region, deadline)
    # Each step hides the secrets of its own connection; a store could echo the other one's.
    checks = [check._replace(detail=redact(check.detail, wanted.secrets)) for check in found]
    cleanup["detail"] = redact(cleanup["detail"], wanted.secrets)
    result["cleanup"] = cleanup
    if not cleanup["ok"]:
        context.warn(f"The upload check could not clean up after itself. {cleanup['detail']}")
    result["checks"] = [check._asdict() for check in checks]
    return Outcome(changed=False, result=result, failed=summary(wanted, checks))


def bucket_region(reach: Connection, bucket: str, operator: t.Any, look: bool = True) -> str:
    """Where the bucket is: on AWS, S3 tells with every answer about it, refusals included (HeadBucket).

    :param reach: how others than the operator reach the store.
    :param operator: the operator's client.
    """
    region = str(reach.region or operator.meta.region_name)
    if not (look and reach.is_aws):
        return region
    try:
        answer = operator.head_bucket(Bucket=bucket)
    except load("botocore.exceptions").ClientError as exc:
        answer = exc.response
    except (load("botocore.exceptions").BotoCoreError, BudgetExceededError):
        # The upload will meet the same trouble, and has the words for it.
        return region
    return str(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region") or region)


def _region(wanted: Settings, operator: t.Any, deadline: Deadline, look: bool) -> str:
    """The region of the bucket; the configured one where S3 does not respond in time."""
    configured = bucket_region(wanted.uploader, wanted.bucket, operator, look=False)
    if not look:
        return configured
    found = deadline.run([lambda: bucket_region(wanted.uploader, wanted.bucket, operator)])
    return found.get(0, configured)


def probe(wanted: Settings, operator: t.Any, region: str, deadline: Deadline) -> tuple[list[Check], dict[str, t.Any]]:
    """Tries everything, then cleans up, whatever happened."""
    wanted = replace(wanted, uploader=with_known_owner(wanted.operator, wanted.uploader))
    keys, ledger = new_keys(wanted.prefix), Ledger()
    checks: list[Check] = []
    cleaned: dict[str, t.Any] = {}
    patience = Patience(wanted.timeout, deadline.clock, deadline.sleep, deadline)
    try:
        client = make_client(replace(wanted.uploader, region=region), isolated=True)
        uploader = Uploader(wanted, client, keys, ledger, patience)
        url = public_url(wanted.uploader, wanted.bucket, keys.single, region)
        bucket_url = public_url(wanted.uploader, wanted.bucket, "", region)
        views = Views(wanted, operator, keys, uploader.content, url, uploader.patience, bucket_url)
        checks = perform(wanted, uploader, views, deadline)
    finally:
        cleaned.update(Cleanup(wanted, operator, keys, ledger, deadline).run())
    return checks, cleaned


def perform(wanted: Settings, uploader: Uploader, views: Views, deadline: Deadline) -> list[Check]:
    """All checks, those that do not depend on each other at the same time."""
    denials = Denials(uploader)
    checks = together({"put_object": uploader.put}, deadline)
    there = all(check.ok for check in checks if check.name != "put_sse_echo")
    tasks: dict[str, Task] = {
        "cors_preflight": lambda: [views.preflight()],
        "multipart_upload": uploader.put_in_parts,
        "anonymous_read": lambda: [views.anonymous()],
        "anonymous_list": lambda: [views.anonymous_list()],
        "no_read": lambda: [denials.read(views.anybody_can_read)],
        "no_list_outside": lambda: [denials.list_outside()],
        "no_put_outside": lambda: [denials.put_outside()],
    }
    asked = [name for name in tasks if name in wanted.planned and (there or name == "cors_preflight")]
    checks += together({name: tasks[name] for name in asked}, deadline)
    if there:
        multipart = any(check.name == "multipart_upload" and check.ok for check in checks)
        checks += together({"stored_encryption": lambda: [views.stored(multipart)]}, deadline)
        if "no_delete" in wanted.planned:
            checks += together({"no_delete": lambda: [denials.delete()]}, deadline)
    return sorted(checks, key=lambda check: CHECKS.index(check.name))


def together(tasks: t.Mapping[str, Task], deadline: Deadline) -> list[Check]:
    """Run all tasks concurrently and return their checks; one that does not end in time is a failed check."""
    finished = deadline.run(list(tasks.values()))
    return [check for number, name in enumerate(tasks) for check in finished.get(number, [not_in_time(name)])]


def not_in_time(name: str) -> Check:
    """The result of a check that was not finished at the deadline; pure."""
    detail = (
        f"Not finished within {PROBE_SECONDS:.0f} seconds, the limit for all probes of one verification. Check that "
        "the store responds at its endpoint, then run it again."
    )
    return Check(name, False, detail)


def summary(wanted: Settings, checks: t.Sequence[Check]) -> str:
    """The message of a failed check, empty where all is well; pure."""
    bad = [check for check in checks if not check.ok]
    if not bad:
        return ""
    findings = " ".join(f"{check.name}: {check.detail}" for check in bad)
    where = f"s3://{wanted.bucket}/{wanted.prefix}/"
    return f"Uploads to {where} would not work as expected, {len(bad)} of {len(checks)} checks failed. {findings}"
