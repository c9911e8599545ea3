# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetch the current state of a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from functools import partial

from .._aws import s3_naming as names
from .._aws.s3_client import Bucket
from .._aws.session import Connection
from .._core import errors
from .facets.registry import FACETS
from .params import BucketParams
from .plan import CurrentBucket


def fetch_current(bucket: Bucket, params: BucketParams) -> CurrentBucket:
    """Fetch the facets of the options concurrently.

    :raises UnsupportedError: the store lacks a facet that an option needs.
    """
    if not params.facets:
        return CurrentBucket(bucket_exists(bucket, params))
    reads = [partial(_fetch_state, bucket, name, desired) for name, desired in params.facets.items()]
    states = dict(zip(params.facets, bucket.runtime.run_concurrently(reads)))
    _check_region(bucket, params)
    failures = {name: state for name, state in states.items() if isinstance(state, errors.ArchivingError)}
    unsupported: dict[str, errors.UnsupportedError] = {}
    for name, failure in failures.items():
        if isinstance(failure, errors.UnsupportedError) and params.may_lack(name, failure):
            unsupported[name] = failure
        elif not isinstance(failure, errors.NotFoundError):
            raise failure
    states = {name: state for name, state in states.items() if name not in failures}
    exists = failures.keys() == unsupported.keys() and (bool(set(states) - {"encryption"}) or _confirm_exists(bucket))
    states.update((name, FACETS[name].parse(None)) for name in unsupported)
    return CurrentBucket(exists, states if exists else {}, unsupported, bucket.connection.is_aws)


def _confirm_exists(bucket: Bucket) -> bool:
    """SeaweedFS returns "not set" for the default encryption of a missing bucket, where AWS returns NoSuchBucket."""
    if bucket.confirmed_exists or bucket.connection.is_aws:
        return True
    try:
        return bucket.exists()
    except errors.DeniedError:
        # The permission to read a facet does not include s3:ListBucket.
        return True


def bucket_exists(bucket: Bucket, params: BucketParams) -> bool:
    try:
        exists = bucket.exists()
    except errors.ArchivingError:
        _check_region(bucket, params)
        raise
    _check_region(bucket, params)
    return exists


def _fetch_state(bucket: Bucket, name: str, desired: t.Any) -> t.Any:
    """Return the state, or the error: it must not hide the errors of other facets."""
    try:
        return FACETS[name].read(bucket, desired)
    except errors.ArchivingError as exc:
        return exc


def _check_region(bucket: Bucket, params: BucketParams) -> None:
    actual = bucket.actual_region
    if params.region and actual and actual != params.region:
        raise errors.RejectedError(
            f"use bucket {params.name} in region {params.region}",
            f"the bucket is in {actual}",
            f"A bucket cannot be moved: set region={actual}, or choose another name.",
            region=actual,
        )


def bucket_location(bucket: Bucket) -> dict[str, str]:
    return location(bucket.name, bucket.connection, bucket.actual_region)


def location(name: str, connection: Connection, actual_region: str | None = None) -> dict[str, str]:
    """Return the region, and ``url``: the base of the URLs of objects, without a slash at the end."""
    region = actual_region or connection.region or "us-east-1"
    if not connection.is_aws:
        return {"url": f"{connection.endpoint_url}/{name}", "region": region}
    # A certificate for *.s3.region.amazonaws.com does not cover names with dots (S3 User Guide, "Virtual hosting").
    host = names.aws_host(region)
    return {"url": f"https://{host}/{name}" if "." in name else f"https://{name}.{host}", "region": region}
