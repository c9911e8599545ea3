# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags of a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The API replaces the whole set. A write therefore includes the unmanaged tags as they were read, and the tags of AWS
itself (``aws:``), which S3 requires (S3 API Reference, PutBucketTagging).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..._aws.s3_client import Subresource
from ..._aws.tags import Tags
from .base import Facet


@dataclass(frozen=True)
class DesiredTags:
    tags: Tags
    purge: bool


class TaggingFacet(Facet[DesiredTags, Tags]):
    name = "tags"
    subresource = Subresource(
        title="the tags",
        get="get_bucket_tagging",
        put="put_bucket_tagging",
        delete="delete_bucket_tagging",
        expected_root_elements=frozenset({"Tagging"}),
        not_set_codes=frozenset({"NoSuchTagSet", "NoSuchTagSetError"}),
        actions=("s3:GetBucketTagging", "s3:PutBucketTagging", "s3:PutBucketTagging"),
    )

    def parse(self, response: dict[str, t.Any] | None) -> Tags:
        return tuple(sorted((tag["Key"], tag.get("Value", "")) for tag in (response or {}).get("TagSet", [])))

    def target(self, desired: DesiredTags, current: Tags) -> Tags:
        kept = {key: value for key, value in current if not desired.purge or key.startswith("aws:")}
        return tuple(sorted({**kept, **dict(desired.tags)}.items()))

    def to_option(self, state: Tags) -> dict[str, str]:
        return dict(state)

    def payload(self, state: Tags) -> dict[str, t.Any] | None:
        if not state:
            return None
        return {"Tagging": {"TagSet": [{"Key": key, "Value": value} for key, value in state]}}
