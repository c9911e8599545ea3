# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The uploader as it is to be: validated offline. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Rules: AWS IAM API Reference, CreateUser and Tag; IAM User Guide, "IAM and AWS STS quotas" and "Rules for tagging".
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .._aws import s3_naming as names
from .._aws.tags import MOST_TAGS, tag_problems, tags_from_option
from . import policy as uploader_policy

OWNER_TAG = "vonage-archiving:managed"
LONGEST_NAME = 64
LONGEST_PATH = 512
_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]+")
_PATH = re.compile(r"/([\x21-\x7e]+/)?")
_BOUNDARY = re.compile(r"arn:aws[a-z-]*:iam::(aws|\d{12}):policy/[\w+=,.@/-]{1,1024}")
_TAG = re.compile(r"[\w\s.:/=+@-]*")


@dataclass(frozen=True)
class Wanted:
    """The user as it is to be.

    :param boundary: ARN of the permissions boundary; ``None`` leaves the one that is there.
    :param tags: those to set; others stay.
    :param force: take over, or remove, also a user that is not ours.
    """

    name: str
    bucket: str
    prefix: str
    path: str = "/"
    boundary: str | None = None
    tags: t.Mapping[str, str] = field(default_factory=dict)
    list_all_my_buckets: bool = False
    force: bool = False

    def document(self, partition: str) -> uploader_policy.Document:
        """What the user is to be allowed, as a policy.

        :param partition: of its ARNs.
        """
        return uploader_policy.document(self.bucket, self.prefix, self.list_all_my_buckets, partition)


def problems(wanted: Wanted, longest_suffix: str = "") -> list[str]:
    """Everything that is wrong with the user and what it is to be allowed.

    :param longest_suffix: what the caller may append to the name.
    """
    found = [*user_problems(wanted, longest_suffix), names.legacy_bucket_problem(wanted.bucket)]
    return [why for why in [*found, names.project_problem(wanted.prefix)] if why]


def user_problems(wanted: Wanted, longest_suffix: str = "") -> list[str]:
    """What is wrong with the user, whatever it is to be allowed."""
    found = []
    longest = LONGEST_NAME - len(longest_suffix)
    if not _NAME.fullmatch(wanted.name) or len(wanted.name) > longest:
        found.append(f"the user name {wanted.name!r} must have 1 to {longest} letters, digits and any of _+=,.@-")
    if not _PATH.fullmatch(wanted.path) or len(wanted.path) > LONGEST_PATH:
        found.append(
            f"path {wanted.path!r} must begin and end with a slash and have at most {LONGEST_PATH} characters, without "
            "spaces"
        )
    if wanted.boundary and not _BOUNDARY.fullmatch(wanted.boundary):
        found.append(
            f"permissions_boundary {wanted.boundary!r} is no ARN of a managed policy, such as "
            "arn:aws:iam::123456789012:policy/uploaders"
        )
    return found + _tag_problems(wanted.tags)


def removal_problems(wanted: Wanted) -> list[str]:
    """What is wrong with a user that is to be deleted; the prefix is optional then."""
    problem = names.project_problem(wanted.prefix) if wanted.prefix else None
    return [*user_problems(wanted), *([problem] if problem else [])]


def _tag_problems(tags: t.Mapping[str, t.Any]) -> list[str]:
    # One of the tags is ours.
    found = tag_problems(tags, most=MOST_TAGS - 1, service="IAM, with one of this collection's,")
    keys = [str(key) for key in tags]
    for key in keys:
        if key.lower() == OWNER_TAG:
            found.append(f"the tag {key!r} is this collection's own: it marks the user as made by it")
        elif [other.lower() for other in keys].count(key.lower()) > 1:
            found.append(f"the tag {key!r} differs from another one in upper and lower case only: to IAM they are one")
    texts = [(key, text) for key, value in tags_from_option(tags) for text in (key, value)]
    odd = sorted({key for key, text in texts if not _TAG.fullmatch(text)})
    return found + [f"the tag {key!r} has characters other than letters, digits, spaces and _.:/=+-@" for key in odd]
