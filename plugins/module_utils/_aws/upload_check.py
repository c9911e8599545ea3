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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import Connection, make_client
from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_cleanup import Cleanup
from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_deeds import Uploader
from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_denials import Denials
from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_options import CHECKS, Settings, settings
from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_probe import (
    Check,
    Ledger,
    Patience,
    new_keys,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_views import Views, public_url
from ansible_collections.vonage.archiving.plugins.module_utils._libraries import load
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._secrets import redact

Task = t.Callable[[], list[Check]]


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """The use case of the module ``archive_upload_check``."""
    wanted = settings(params, context.environ)
    operator = make_client(wanted.operator)
    region = bucket_region(wanted.uploader, wanted.bucket, operator, look=not context.check_mode)
    result: dict[str, t.Any] = {
        "bucket": wanted.bucket,
        "prefix": wanted.prefix,
        "url": public_url(wanted.uploader, wanted.bucket, f"{wanted.prefix}/", region),
        "planned": wanted.planned,
        "checks": [],
    }
    if context.check_mode:
        return Outcome(changed=False, result=result)
    found, cleanup = probe(wanted, operator, region)
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
    except load("botocore.exceptions").BotoCoreError:
        # The upload will meet the same trouble, and has the words for it.
        return region
    return str(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region") or region)


def probe(wanted: Settings, operator: t.Any, region: str) -> tuple[list[Check], dict[str, t.Any]]:
    """Tries everything, then cleans up, whatever happened."""
    keys, ledger = new_keys(wanted.prefix), Ledger()
    checks: list[Check] = []
    cleaned: dict[str, t.Any] = {}
    try:
        client = make_client(replace(wanted.uploader, region=region), isolated=True)
        uploader = Uploader(wanted, client, keys, ledger, Patience(wanted.timeout))
        url = public_url(wanted.uploader, wanted.bucket, keys.single, region)
        views = Views(wanted, operator, keys, uploader.content, url, uploader.patience)
        checks = perform(wanted, uploader, views)
    finally:
        cleaned.update(Cleanup(wanted, operator, keys, ledger).run())
    return checks, cleaned


def perform(wanted: Settings, uploader: Uploader, views: Views) -> list[Check]:
    """All checks, those that do not depend on each other at the same time."""
    denials = Denials(uploader)
    checks = uploader.put()
    there = all(check.ok for check in checks if check.name != "put_sse_echo")
    tasks: dict[str, Task] = {
        "cors_preflight": lambda: [views.preflight()],
        "multipart_upload": uploader.put_in_parts,
        "anonymous_read": lambda: [views.anonymous()],
        "no_read": lambda: [denials.read(views.anybody_can_read)],
        "no_list_outside": lambda: [denials.list_outside()],
        "no_put_outside": lambda: [denials.put_outside()],
    }
    asked = [name for name in tasks if name in wanted.planned and (there or name == "cors_preflight")]
    checks += together([tasks[name] for name in asked])
    if there:
        multipart = any(check.name == "multipart_upload" and check.ok for check in checks)
        checks.append(views.stored(multipart))
        if "no_delete" in wanted.planned:
            checks.append(denials.delete())
    return sorted(checks, key=lambda check: CHECKS.index(check.name))


def together(tasks: t.Sequence[Task]) -> list[Check]:
    """The findings of all tasks, run side by side."""
    if not tasks:
        return []
    with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
        futures = [pool.submit(task) for task in tasks]
        return [check for future in futures for check in future.result()]


def summary(wanted: Settings, checks: t.Sequence[Check]) -> str:
    """The message of a failed check, empty where all is well; pure."""
    bad = [check for check in checks if not check.ok]
    if not bad:
        return ""
    findings = " ".join(f"{check.name}: {check.detail}" for check in bad)
    where = f"s3://{wanted.bucket}/{wanted.prefix}/"
    return f"Uploads to {where} would not work as expected, {len(bad)} of {len(checks)} checks failed. {findings}"
