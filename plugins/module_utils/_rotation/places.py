# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where keys of an uploader may be used, as its policy has it: buckets, and projects. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The policy is wider than what is wanted as long as older keys are active, so it tells where these upload to.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import policy, uploader
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import Desired

_PLACE = re.compile(r"arn:[\w-]*:s3:::([^/*?]+)/([^/*?]+)/\*")


class Place(t.NamedTuple):
    """Where recordings go."""

    bucket: str
    project: str


def places(seen: t.Iterable[uploader.Observed]) -> set[Place]:
    """All that the policies of these users name."""
    documents = [each.user.policy for each in seen if each.user and each.user.policy]
    statements = [each for document in documents for each in policy.many(document.get("Statement"))]
    resources = [
        str(text) for each in statements if isinstance(each, dict) for text in policy.many(each.get("Resource"))
    ]
    return {Place(*match.groups()) for match in map(_PLACE.fullmatch, resources) if match}


def buckets(wanted: Desired, seen: t.Iterable[uploader.Observed]) -> list[str]:
    """The buckets that uploads of the project may be going to; the one that is wanted is the first."""
    others = {place.bucket for place in places(seen)} - {wanted.target.place}
    return [wanted.target.place, *sorted(others)]


def refuse_others(wanted: Desired, seen: t.Iterable[uploader.Observed]) -> None:
    """Keys that another project uploads with look like left-overs here.

    :raises NotOursError: there may be some.
    """
    others = sorted({place.project for place in places(seen)} - {wanted.project.id})
    if others and not wanted.main.force:
        raise errors.NotOursError(
            f"manage the keys of the IAM user {wanted.main.name} for {wanted.project.name}",
            f"{', '.join(others)} uploads with them, as its policy says",
            "Give each project a user of its own: leave out the name, or let it hold the project's id. Nothing was "
            "changed.",
            user=wanted.main.name,
        )
