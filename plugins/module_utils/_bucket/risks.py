# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check changes that depend on the contents of the bucket: some need the consent of the user, one is refused.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

``find_risks`` is pure and returns the risks of a plan. ``check_risks`` reads the bucket to find affected objects or
projects. A run without a risk reads nothing.
"""

from __future__ import annotations

import datetime
import json
import typing as t
from dataclasses import dataclass
from functools import partial
from itertools import islice

from .._aws import s3_naming as names
from .._aws import s3_objects as objects
from .._aws.errors import translate_errors
from .._aws.policy_document import canonical_document
from .._aws.s3_client import Bucket
from .._aws.s3_naming import PROBE_PREFIX
from .._core import errors
from .._core.values import without_userinfo
from .facets.lifecycle import Lifecycle
from .facets.policy import TLS, Policy
from .params import ADOPT_BUCKET, SHORTER_RETENTION, BucketParams
from .plan import BucketPlan, CurrentBucket
from .state_file import shows_use_of

# The facets that affect all objects in the bucket.
BUCKET_WIDE = {
    "encryption": "default encryption",
    "policy": "policy",
    "block_public_access": "public access block",
}
# The maximum number of state files that are read concurrently, and the maximum number of bytes of each.
STATE_FILE_READS = 16
LARGEST_STATE_FILE = 1 << 20
# The maximum number of prefixes to search. Some stores list empty prefixes.
MOST_EMPTY_PREFIXES = 20


@dataclass(frozen=True)
class Adoption:
    """Settings of the whole bucket change; ``settings`` contains their names for messages."""

    settings: tuple[str, ...]


@dataclass(frozen=True)
class Retention:
    """Objects below a prefix are deleted sooner; ``option`` is the name of the period."""

    option: str
    days: int
    prefix: str


@dataclass(frozen=True)
class TlsOnly:
    """Requests without TLS are going to be denied for all projects."""


Risk = t.Union[Adoption, Retention, TlsOnly]


def find_risks(params: BucketParams, current: CurrentBucket, plan: BucketPlan) -> frozenset[Risk]:
    """Find the risks of the plan that the user has not consented to."""
    if not current.exists:
        return frozenset()
    finders = (_find_adoption, _find_retention, _find_tls_only)
    return frozenset(risk for find in finders for risk in find(params, current, plan))


def _find_adoption(params: BucketParams, current: CurrentBucket, plan: BucketPlan) -> t.Iterator[Risk]:
    # The deletion of the settings of a project does not concern other objects.
    if not params.project or params.only_project or ADOPT_BUCKET in params.allow:
        return
    changed = {step.target for step in plan.steps}
    # A later run applies these. Until then, a state file would hide that the bucket was not managed.
    if plan.pending:
        changed.add("policy")
    settings = tuple(title for name, title in BUCKET_WIDE.items() if name in changed)
    if settings:
        yield Adoption(settings)


def _find_retention(params: BucketParams, current: CurrentBucket, plan: BucketPlan) -> t.Iterator[Risk]:
    rules = current.states.get("lifecycle", Lifecycle())
    target = next((step.value.managed for step in plan.steps if step.target == "lifecycle"), None)
    if target is None or SHORTER_RETENTION in params.allow:
        return
    for option in rules.shortened_periods(target):
        yield Retention(option, getattr(target, option), target.prefix)


def _find_tls_only(params: BucketParams, current: CurrentBucket, plan: BucketPlan) -> t.Iterator[Risk]:
    statements = canonical_document(current.states.get("policy", Policy()).managed_statements(TLS))
    targets = (canonical_document(step.value.managed_statements(TLS)) for step in plan.steps if step.target == "policy")
    if params.project and any(target not in ([], statements) for target in targets):
        yield TlsOnly()


def check_risks(bucket: Bucket, params: BucketParams, risks: t.Iterable[Risk]) -> None:
    """Read the bucket to check whether the risks apply to it.

    :raises NotManagedError: the bucket contains unrelated objects, and there is no consent.
    :raises RejectedError: recordings would be deleted without consent, or uploads of another project denied.
    """
    try:
        for risk in sorted(risks, key=repr):
            _check(bucket, params, risk)
    except errors.NotFoundError as exc:
        # A bucket that was just created may be unknown to the next request. It contains nothing.
        if exc.facts.get("code") != "NoSuchBucket":
            raise


def _check(bucket: Bucket, params: BucketParams, risk: Risk) -> None:
    if isinstance(risk, Adoption):
        _check_adoption(bucket, params, risk)
    elif isinstance(risk, Retention):
        _check_retention(bucket, risk)
    else:
        _check_tls_only(bucket, params)


def _check_adoption(bucket: Bucket, params: BucketParams, risk: Adoption) -> None:
    key = _unrelated_key(bucket, names.folder(params.project or ""))
    if key is None or _list_state_files(bucket, most=1) or _has_state_file(bucket, params):
        return
    raise errors.NotManagedError(
        f"change the {' and the '.join(risk.settings)} of bucket {bucket.name}",
        f"it contains objects that do not belong to project {params.project}, such as {key}, but no state file below "
        f"{names.STATE_FILE_PREFIX}: the bucket may have another purpose",
        f"Check the name of the bucket. If it is correct, add {ADOPT_BUCKET} to the option allow. Nothing was changed.",
        consent=ADOPT_BUCKET,
    )


def _has_state_file(bucket: Bucket, params: BucketParams) -> bool:
    """Whether the option ``state_file`` shows that the project uses the bucket already."""
    if params.state_file is None or not params.project:
        return False
    return shows_use_of(bucket.name, params.state_file, params.project, bucket.connection)


def _unrelated_key(bucket: Bucket, prefix: str) -> str | None:
    """Return a key that is neither below the prefix nor a state file.

    Empty folder markers and probes do not count: the first run of another project writes them before its state file.
    The first page of the first level is enough, since few of its entries can be related.
    """
    related = (prefix, names.STATE_FILE_PREFIX)
    candidates = [key for key in objects.list_top_level(bucket) if not key.startswith(related)]
    for candidate in candidates[:MOST_EMPTY_PREFIXES]:
        if not candidate.endswith("/"):
            return candidate
        # Some stores still list a prefix whose objects are all deleted.
        keys = (str(entry["Key"]) for entry in objects.list_first_page(bucket, candidate) if not _is_folder(entry))
        unrelated = next((key for key in keys if PROBE_PREFIX not in key), None)
        if unrelated:
            return unrelated
    return None


def _check_retention(bucket: Bucket, risk: Retention) -> None:
    operation = f"set lifecycle.{risk.option} of bucket {bucket.name} to {risk.days} days"
    try:
        entry = _expiring_object(bucket, risk)
    except errors.DeniedError as exc:
        raise exc.with_hint(
            f"It is needed to check whether recordings would be deleted. {SHORTER_RETENTION} in the option allow "
            "permits the change without a check."
        ) from exc
    if entry is None:
        return
    modified = entry.get("LastModified")
    date = f" of {modified:%Y-%m-%d}" if isinstance(modified, datetime.datetime) else ""
    kind = "noncurrent version" if entry.get("IsLatest") is False else "object"
    raise errors.RejectedError(
        operation,
        f"S3 applies it to existing objects too, such as the {kind} {entry.get('Key')}{date}, and deletes them sooner "
        "than the current rules do",
        f"If that is intended, add {SHORTER_RETENTION} to the option allow. Nothing was changed.",
        consent=SHORTER_RETENTION,
    )


def _expiring_object(bucket: Bucket, risk: Retention) -> t.Mapping[str, t.Any] | None:
    """An object, or a noncurrent version, that the shorter period applies to; the oldest of the first page.

    Empty folder markers and probes do not count: an interrupted verification leaves probes.
    """
    if risk.option == "expire_days":
        entries = [
            entry
            for entry in objects.list_first_page(bucket, risk.prefix)
            if not _is_folder(entry) and PROBE_PREFIX not in str(entry.get("Key"))
        ]
    else:
        entries = objects.list_noncurrent_versions(bucket, risk.prefix)
    return min(entries, key=lambda entry: str(entry.get("LastModified", "")), default=None)


def _is_folder(entry: t.Mapping[str, t.Any]) -> bool:
    return str(entry.get("Key")).endswith("/") and not entry.get("Size")


def _check_tls_only(bucket: Bucket, params: BucketParams) -> None:
    keys = [key for key in _list_state_files(bucket) if key != names.state_file_key(params.project or "")]
    documents = bucket.runtime.run_concurrently([partial(_read_json, bucket, key) for key in keys], STATE_FILE_READS)
    for key, document in zip(keys, documents):
        if not isinstance(document, dict):
            problem = f"the endpoint of another project is not known: its state file {key} cannot be read"
            raise _tls_refusal(bucket, problem, "Run the configuration of that project, which writes the file again.")
        # The key names the project only if it is the default key.
        project = document.get("project") or key[len(names.STATE_FILE_PREFIX) : -len(names.STATE_FILE_SUFFIX)]
        endpoint = _endpoint(document)
        if project != params.project and endpoint.lower().startswith("http://"):
            problem = f"project {project} uploads to this bucket without TLS, to the endpoint {endpoint}"
            hint = "Set an https endpoint for that project first, or set require_tls=false."
            raise _tls_refusal(bucket, problem, hint)


def _tls_refusal(bucket: Bucket, problem: str, hint: str) -> errors.RejectedError:
    return errors.RejectedError(f"set require_tls on bucket {bucket.name}", problem, f"{hint} Nothing was changed.")


def _list_state_files(bucket: Bucket, most: int | None = None) -> list[str]:
    """List the keys of the state files of all projects."""
    keys = objects.list_keys(bucket, names.STATE_FILE_PREFIX)
    return list(islice((key for key in keys if key.endswith(names.STATE_FILE_SUFFIX)), most))


def _read_json(bucket: Bucket, key: str) -> t.Any:
    """Read the document in an object; an empty one if the object was deleted, ``None`` if it is not JSON."""
    operation, action = f"read the state file {key} in bucket {bucket.name}", "s3:GetObject"
    try:
        response = bucket.call_with_client(bucket.client, "get_object", operation, action, Key=key)
        with translate_errors(operation, bucket.connection, action):
            data = response["Body"].read(LARGEST_STATE_FILE)
    except errors.NotFoundError:
        return {}
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _endpoint(document: t.Mapping[str, t.Any]) -> str:
    """The endpoint in a state file; empty if there is none, as for AWS."""
    storage = document.get("storage")
    endpoint = storage.get("endpoint") if isinstance(storage, dict) else ""
    return without_userinfo(endpoint) if isinstance(endpoint, str) else ""
