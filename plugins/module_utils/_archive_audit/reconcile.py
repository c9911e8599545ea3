# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``vonage_archive_audit``: compare the archives of a project with a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._archives import listing
from .._archives.archives import Archive
from .._archives.target import fetch_target
from .._aws.s3_client import Bucket
from .._bucket.facets.lifecycle import DesiredLifecycle, LifecycleFacet
from .._core import errors
from .._core.errors import InputError
from .._core.plan import Context, Outcome
from .._core.problems import Problem
from .._state_file.state import State
from .._vonage.client import Client
from .objects import Objects, fetch_content, fetch_objects
from .params import AuditParams, parse_params
from .plan import DAY, Audit, Rules, plan_audit, select_samples
from .result import Subject, format_audit, format_failure, format_message


def reconcile(options: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """Compare the archives of a project with the bucket. Makes no changes."""
    now = context.runtime.now()
    params = parse_params(options, context.environ, now)
    context.register_secret(params.project.secret)
    client = Client(params.project, runtime=context.runtime)
    client.prepare()
    subject = _fetch_subject(params, context, now)
    archive_list, vonage_requests = _fetch_archives(client, params, subject, context)
    subject = replace(subject, complete=archive_list.complete)
    archives = [archive for archive in archive_list.archives if archive.created >= subject.since]
    bucket = Bucket(subject.bucket, params.operator, context.runtime)
    # A recording in progress has no object.
    audited = [archive.id for archive in archives if archive.status not in ("started", "paused")]
    known = [archive.id for archive in archive_list.archives]
    objects = fetch_objects(bucket, params.project.id, audited, known, subject.since)
    run = _Run(params, context, bucket, archives, objects)
    audit, rules = run.audit(Rules(now, params.stuck_after, subject.bucket_since, acknowledged=params.acknowledged))
    subject = replace(subject, retention_days=rules.retention_days)
    return _outcome(subject, audit, run, vonage_requests)


def _fetch_subject(params: AuditParams, context: Context, now: float) -> Subject:
    """The bucket and the window of the audit, from the options and the state file."""
    project = params.project
    subject = Subject(project.id, project.name, params.bucket, params.since, now, params.fails_if_missing, params.limit)
    if params.store is None:
        reason = None if params.target_set_at is not None else "neither state_file nor target_set_at is set"
        since = max(params.since, params.target_set_at or 0)
        return replace(subject, since=since, target_since=params.target_set_at, unknown_reason=reason)
    target, reason = fetch_target(params.store, params.project, now)
    if target is not None:
        return _limit_to_target(subject, target, context)
    if not params.bucket:
        raise InputError([Problem("bucket", f"is required, because the upload target is unknown: {reason}")])
    context.warn(
        "The window of the audit is not limited to the time since the upload target was set, because that is unknown: "
        f"{reason}. Recordings that are available or expired count as fallbacks."
    )
    return replace(subject, unknown_reason=reason)


def _limit_to_target(subject: Subject, target: State, context: Context) -> Subject:
    """Limit the audit to the period with an upload target; without the option, the bucket is that of the target."""
    bucket = str(target.storage.get("bucket") or "")
    if not (subject.bucket or bucket):
        raise InputError([Problem("bucket", "is required, because the upload target is not a bucket")])
    is_same = subject.bucket in ("", bucket)
    if not is_same:
        context.warn(
            f"bucket: the audit uses {subject.bucket}, and the upload target has "
            f"{f'the bucket {bucket}' if bucket else 'no bucket'}. Remove the option to audit the bucket of the target."
        )
    return replace(
        subject,
        bucket=subject.bucket or bucket,
        since=max(subject.since, target.target_since or 0),
        target_since=target.target_since,
        bucket_since=target.changed_at if is_same else None,
    )


def _fetch_archives(
    client: Client, params: AuditParams, subject: Subject, context: Context
) -> tuple[listing.Listing, int]:
    """The archives of the window and of the day before it, and the number of requests."""
    requests: list[int] = []

    def fetch(offset: int, count: int) -> t.Any:
        requests.append(offset)
        return listing.fetch_page(client, params.project, offset, count)

    # An object of the window can belong to an archive that was created before it.
    archive_list = listing.fetch_archives(fetch, subject.since - DAY, context.runtime)
    if not archive_list.complete:
        context.warn(
            f"Archives of {params.project.name} were deleted while the list was fetched: some archives may be missing "
            "in the result."
        )
    return archive_list, len(requests)


class _Run:
    """The steps that read the bucket only if the audit needs it."""

    def __init__(
        self, params: AuditParams, context: Context, bucket: Bucket, archives: t.Sequence[Archive], objects: Objects
    ) -> None:
        self._params = params
        self._context = context
        self._bucket = bucket
        self._archives = archives
        self.objects = objects
        self.requests = objects.requests
        self.sample: dict[str, int] | None = None

    def audit(self, rules: Rules) -> tuple[Audit, Rules]:
        """Determine the states, and read lifecycle rules and samples if they can change a state."""
        audit = self._plan(rules)
        if self._params.retention_days is not None:
            rules = replace(rules, retention_days=self._params.retention_days)
        elif audit.archives["missing"] or audit.archives["expired"]:
            rules = replace(rules, retention_days=self._fetch_retention())
        if rules.retention_days:
            audit = self._plan(rules)
        if self._params.sample:
            rules = replace(rules, corrupt=self._verify_samples(audit))
            audit = self._plan(rules)
        return audit, rules

    def _plan(self, rules: Rules) -> Audit:
        return plan_audit(self._archives, self.objects.by_archive, rules)

    def _fetch_retention(self) -> int:
        """The days after which a lifecycle rule of the bucket deletes recordings; 0 without one."""
        project = self._params.project.id
        self.requests += 1
        try:
            lifecycle = LifecycleFacet().read(self._bucket, DesiredLifecycle(project=project))
        except (errors.DeniedError, errors.UnsupportedError) as exc:
            self._context.warn(
                f"{exc} The audit assumes that no lifecycle rule deletes recordings: set retention_days."
            )
            return 0
        return lifecycle.retention_days(f"{project}/") or 0

    def _verify_samples(self, audit: Audit) -> frozenset[str]:
        """Compare the content of the newest recordings with their checksums, and return the ids of corrupt ones."""
        corrupt, verified, downloaded = set(), 0, 0
        for archive, recording in select_samples(audit, self.objects.by_archive, self._params.sample):
            self.requests += 1
            try:
                content = fetch_content(self._bucket, f"{self._params.project.id}/{archive.id}/{recording.name}")
            except errors.NotFoundError:
                continue  # it was deleted meanwhile
            verified += 1
            downloaded += content.downloaded
            if content.sha256 != archive.sha256:
                corrupt.add(archive.id)
        self.sample = {"verified": verified, "corrupt": len(corrupt), "downloaded_bytes": downloaded}
        return frozenset(corrupt)


def _outcome(subject: Subject, audit: Audit, run: _Run, vonage_requests: int) -> Outcome:
    objects = run.objects
    unknown = {"count": objects.unknown, "archive_ids": list(objects.unknown_archives)[: subject.limit]}
    result = {
        **format_audit(subject, audit),
        "objects_without_archive": unknown if objects.is_whole else None,
        "requests": {"vonage": vonage_requests, "s3": run.requests},
        "msg": format_message(subject, audit),
    }
    if run.sample is not None:
        result["sample"] = run.sample
    return Outcome(False, result, failed=format_failure(subject, audit))
