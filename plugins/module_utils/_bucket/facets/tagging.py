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
from .base import Facet

Tags = tuple[tuple[str, str], ...]
MOST_TAGS = 50


@dataclass(frozen=True)
class DesiredTags:
    tags: Tags
    purge: bool


def tags_from_option(option: t.Mapping[str, t.Any]) -> Tags:
    """Sorted pairs. A boolean becomes the YAML word for it."""
    return tuple(sorted((str(key), _text(value)) for key, value in option.items()))


def _text(value: t.Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def tag_problems(option: t.Mapping[str, t.Any], most: int = MOST_TAGS, service: str = "S3") -> list[str]:
    problems = [f"tags has {len(option)} tags; {service} takes at most {most}"] if len(option) > most else []
    for key, value in option.items():
        if not 1 <= len(str(key)) <= 128 or str(key).lower().startswith("aws:"):
            problems.append(f"the tag name {key!r} must have 1 to 128 characters and not start with aws:")
        if isinstance(value, (dict, list)) or len(_text(value)) > 256:
            problems.append(f"the value of tag {key!r} must be a string of at most 256 characters")
    return problems


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
