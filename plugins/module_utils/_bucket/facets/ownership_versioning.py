# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Object ownership and versioning of a bucket: facets whose state is one word.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from ..._aws.s3_client import Subresource
from .base import Facet


class OwnershipFacet(Facet[str, t.Optional[str]]):
    """S3 User Guide, "Controlling ownership of objects and disabling ACLs for your bucket"."""

    name = "object_ownership"
    subresource = Subresource(
        title="the object ownership",
        get="get_bucket_ownership_controls",
        put="put_bucket_ownership_controls",
        delete="delete_bucket_ownership_controls",
        expected_root_elements=frozenset({"OwnershipControls"}),
        not_set_codes=frozenset({"OwnershipControlsNotFoundError"}),
        actions=(
            "s3:GetBucketOwnershipControls",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketOwnershipControls",
        ),
    )

    def parse(self, response: dict[str, t.Any] | None) -> str | None:
        rules = (response or {}).get("OwnershipControls", {}).get("Rules", [])
        return str(rules[0].get("ObjectOwnership")) if rules else None

    def target(self, desired: str, current: str | None) -> str | None:
        return desired

    def to_option(self, state: str | None) -> str | None:
        return state

    def payload(self, state: str | None) -> dict[str, t.Any] | None:
        return {"OwnershipControls": {"Rules": [{"ObjectOwnership": state}]}}


class VersioningFacet(Facet[str, t.Optional[str]]):
    """S3 User Guide, "Using versioning in S3 buckets": once enabled it can only be suspended, never be unset."""

    name = "versioning"
    subresource = Subresource(
        title="the versioning",
        get="get_bucket_versioning",
        put="put_bucket_versioning",
        delete="",
        # The second is the name in moto.
        expected_root_elements=frozenset({"VersioningConfiguration", "GetBucketVersioningResponse"}),
        not_set_codes=frozenset(),
        actions=("s3:GetBucketVersioning", "s3:PutBucketVersioning", ""),
    )

    def parse(self, response: dict[str, t.Any] | None) -> str | None:
        return (response or {}).get("Status")

    def target(self, desired: str, current: str | None) -> str | None:
        # A bucket that was never versioned keeps no versions either.
        return current if desired == "Suspended" and current is None else desired

    def to_option(self, state: str | None) -> str | None:
        return state

    def payload(self, state: str | None) -> dict[str, t.Any] | None:
        return {"VersioningConfiguration": {"Status": state}}
