# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The desired state of the IAM user, and its validation. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Rules: AWS IAM API Reference, CreateUser and Tag; IAM User Guide, "IAM and AWS STS quotas" and "Rules for tagging".
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .._aws.tags import MOST_TAGS, tag_problems, tags_from_option
from .._core.problems import Problems
from .._core.values import none_if_blank
from . import policy as uploader_policy

OWNER_TAG = "vonage-archiving:managed"
LONGEST_NAME = 64
LONGEST_PATH = 512
_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]+")
_PATH = re.compile(r"/([\x21-\x7e]+/)?")
_BOUNDARY = re.compile(r"arn:aws[a-z-]*:iam::(aws|\d{12}):policy/[\w+=,.@/-]{1,1024}")
_TAG = re.compile(r"[\w\s.:/=+@-]*")

# The options of a user in a suboption.
USER_ARGUMENTS: dict[str, t.Any] = {
    "name": {"type": "str"},
    "path": {"type": "str"},
    "permissions_boundary": {"type": "str"},
    "tags": {"type": "dict"},
    "force": {"type": "bool", "default": False},
}


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


def user_fields(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the fields of a :class:`DesiredUser` from the options with the same meaning, except its name."""
    return {
        "path": str(none_if_blank(options.get("path")) or "/"),
        "boundary": none_if_blank(options.get("permissions_boundary")),
        "tags": options.get("tags") or {},
        "list_all_my_buckets": bool(options.get("list_all_my_buckets")),
        "force": bool(options.get("force")),
    }


def validate_user(user: DesiredUser, problems: Problems, longest_suffix: str = "") -> None:
    """Validate the user, without its bucket and prefix.

    :param problems: of the options ``name``, ``path``, ``permissions_boundary``, and ``tags``.
    :param longest_suffix: the longest suffix that the caller appends to the name.
    """
    longest = LONGEST_NAME - len(longest_suffix)
    if not _NAME.fullmatch(user.name) or len(user.name) > longest:
        problems.add(
            "name",
            f"{user.name!r} is not a valid user name: 1 to {longest} letters, digits, and any of _+=,.@- are allowed",
        )
    if not _PATH.fullmatch(user.path) or len(user.path) > LONGEST_PATH:
        problems.add(
            "path",
            f"{user.path!r} is not a valid path. Begin and end it with a slash; at most {LONGEST_PATH} characters, "
            "without spaces, are allowed",
        )
    if user.boundary and not _BOUNDARY.fullmatch(user.boundary):
        problems.add(
            "permissions_boundary",
            f"{user.boundary!r} is not the ARN of a managed policy, such as arn:aws:iam::123456789012:policy/uploaders",
        )
    for message in _tag_problems(user.tags):
        problems.add("tags", message)


def _tag_problems(tags: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    # One tag marks the user as managed.
    yield from tag_problems(tags, most=MOST_TAGS - 1, service="IAM, with one tag of this collection,")
    lower_keys = [str(key).lower() for key in tags]
    for key in map(str, tags):
        if key.lower() == OWNER_TAG:
            yield f"the tag {key!r} is reserved: it marks the user as managed by this collection"
        elif lower_keys.count(key.lower()) > 1:
            yield f"the tag {key!r} differs from another tag only in case, which IAM does not distinguish"
    texts = [(key, text) for key, value in tags_from_option(tags) for text in (key, value)]
    for key in sorted({key for key, text in texts if not _TAG.fullmatch(text)}):
        yield f"the tag {key!r} has characters other than letters, digits, spaces and _.:/=+-@"
