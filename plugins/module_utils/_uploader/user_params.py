# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The desired state of the uploader, and its validation.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Rules: AWS IAM API Reference, CreateUser and Tag; IAM User Guide, "IAM and AWS STS quotas" and "Rules for tagging".
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .._aws import s3_naming as names
from .._aws.tags import MOST_TAGS, tag_problems, tags_from_option
from .._core.validation import existing_bucket_name_problem
from . import policy as uploader_policy

OWNER_TAG = "vonage-archiving:managed"
LONGEST_NAME = 64
LONGEST_PATH = 512
_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]+")
_PATH = re.compile(r"/([\x21-\x7e]+/)?")
_BOUNDARY = re.compile(r"arn:aws[a-z-]*:iam::(aws|\d{12}):policy/[\w+=,.@/-]{1,1024}")
_TAG = re.compile(r"[\w\s.:/=+@-]*")


@dataclass(frozen=True)
class DesiredUser:
    """The desired state of the user.

    :param boundary: ARN of the permissions boundary; ``None`` keeps the current one.
    :param tags: to set; other tags are kept.
    :param force: whether to manage, or delete, a user that is not managed.
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
        """The policy of the user.

        :param partition: of its ARNs.
        """
        return uploader_policy.document(self.bucket, self.prefix, self.list_all_my_buckets, partition)


def uploader_problems(wanted: DesiredUser, longest_suffix: str = "") -> list[str]:
    """The problems of the user, its bucket, and its prefix.

    :param longest_suffix: the longest suffix that the caller appends to the name.
    """
    found = [*user_problems(wanted, longest_suffix), existing_bucket_name_problem(wanted.bucket)]
    return [why for why in [*found, names.project_problem(wanted.prefix)] if why]


def user_problems(wanted: DesiredUser, longest_suffix: str = "") -> list[str]:
    """The problems of the user, without its bucket and prefix."""
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
            f"permissions_boundary {wanted.boundary!r} is not the ARN of a managed policy, such as "
            "arn:aws:iam::123456789012:policy/uploaders"
        )
    return found + _tag_problems(wanted.tags)


def removal_problems(wanted: DesiredUser) -> list[str]:
    """The problems of a user to delete; its prefix is optional."""
    problem = names.project_problem(wanted.prefix) if wanted.prefix else None
    return [*user_problems(wanted), *([problem] if problem else [])]


def _tag_problems(tags: t.Mapping[str, t.Any]) -> list[str]:
    # One tag marks the user as managed.
    found = tag_problems(tags, most=MOST_TAGS - 1, service="IAM, with one of this collection's,")
    keys = [str(key) for key in tags]
    for key in keys:
        if key.lower() == OWNER_TAG:
            found.append(f"the tag {key!r} is reserved: it marks the user as managed by this collection")
        elif [other.lower() for other in keys].count(key.lower()) > 1:
            found.append(
                f"the tag {key!r} differs from another tag in upper and lower case only: IAM does not distinguish them"
            )
    texts = [(key, text) for key, value in tags_from_option(tags) for text in (key, value)]
    odd = sorted({key for key, text in texts if not _TAG.fullmatch(text)})
    return found + [f"the tag {key!r} has characters other than letters, digits, spaces and _.:/=+-@" for key in odd]
