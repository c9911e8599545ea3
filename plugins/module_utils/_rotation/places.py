# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where keys of an uploader may be used, as its policy has it: buckets, and projects. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import uploader
from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader_policy import Place, other_projects, places
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import Desired


def of_project(wanted: Desired, seen: t.Iterable[uploader.Observed]) -> list[Place]:
    """Where uploads of the project may be going to; the bucket that is wanted is the first."""
    others = {place.bucket for place in _places(seen)} - {wanted.target.place}
    return [Place(bucket, wanted.project.id) for bucket in (wanted.target.place, *sorted(others))]


def refuse_others(wanted: Desired, seen: t.Iterable[uploader.Observed]) -> None:
    """Keys that another project uploads with look like left-overs here.

    :raises NotOursError: there may be some.
    """
    others = other_projects((each.user.policy for each in seen if each.user), wanted.project.id)
    if others and not wanted.main.force:
        raise errors.NotOursError(
            f"manage the keys of the IAM user {wanted.main.name} for {wanted.project.name}",
            f"{', '.join(others)} uploads with them, as its policy says",
            "Give each project a user of its own: leave out the name, or let it hold the project's id. Nothing was "
            "changed.",
            user=wanted.main.name,
        )


def _places(seen: t.Iterable[uploader.Observed]) -> set[Place]:
    return places(each.user.policy for each in seen if each.user)
