# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an uploader may do: its inline policy. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The vendor's guide "Using Amazon S3 storage with OpenTok archiving" names s3:PutObject on all of the bucket,
s3:ListBucket on it and s3:ListAllMyBuckets. What an upload needs, multipart uploads included, is s3:PutObject on its
key; to abort a multipart upload takes s3:AbortMultipartUpload (Amazon S3 User Guide, "Multipart upload API and
permissions").
"""

from __future__ import annotations

import json
import re
import typing as t

from .._aws import policy_document as policy
from .._aws.s3_naming import UploadLocation

Document = dict[str, t.Any]

VERSION = "2012-10-17"
UPLOAD = "VonageArchivingUpload"
LIST = "VonageArchivingList"
LIST_BUCKETS = "VonageArchivingListBuckets"
# What was allowed before, while a key may still be used for that; numbered.
KEPT = "VonageArchivingUntilRotated"
_PLACE = re.compile(r"arn:[\w-]*:s3:::([^/*?]+)/([^*?]+)/\*")


def document(bucket: str, prefix: str, list_all_my_buckets: bool = False, partition: str = "aws") -> Document:
    """The policy of the uploader of one project.

    :param prefix: the project's id, without a slash at its end.
    """
    arn = f"arn:{partition}:s3:::{bucket}"
    statements = [
        allow(UPLOAD, ["s3:PutObject", "s3:AbortMultipartUpload"], f"{arn}/{prefix}/*"),
        # The condition is about the parameter "prefix" of the listing. The asterisk stands for nothing, too, so that
        # "<prefix>/" is among it; "<prefix>" is not, which would list the projects whose ids begin like this one's,
        # nor is a listing without the parameter (Amazon S3 User Guide, "Bucket policy examples using condition keys").
        {**allow(LIST, ["s3:ListBucket"], arn), "Condition": {"StringLike": {"s3:prefix": [f"{prefix}/*"]}}},
    ]
    if list_all_my_buckets:
        # It knows no narrower resource (Service Authorization Reference, "Actions ... for Amazon S3").
        statements.append(allow(LIST_BUCKETS, ["s3:ListAllMyBuckets"], f"arn:{partition}:s3:::*"))
    return {"Version": VERSION, "Statement": statements}


def places(documents: t.Iterable[t.Mapping[str, t.Any] | None]) -> set[UploadLocation]:
    """All that these policies name: they are wider than what is wanted as long as older keys are active."""
    statements = [each for document in documents if document for each in policy.many(document.get("Statement"))]
    resources = [
        str(text) for each in statements if isinstance(each, dict) for text in policy.many(each.get("Resource"))
    ]
    return {UploadLocation(*match.groups()) for match in map(_PLACE.fullmatch, resources) if match}


def other_projects(documents: t.Iterable[t.Mapping[str, t.Any] | None], project: str) -> list[str]:
    """The ids of projects other than this one that these policies allow uploads for."""
    return sorted({place.prefix.partition("/")[0] for place in places(documents)} - {project})


def widened(wanted: Document, current: t.Mapping[str, t.Any]) -> Document:
    """What is wanted, and what else is allowed so far; widened again it is the same."""
    try:
        _head, found = policy.parsed(json.dumps(current))
    except ValueError:
        return wanted
    meant = {_unnamed(statement) for statement in wanted["Statement"]}
    others = {_unnamed(statement): statement for statement in found if statement.get("Effect") == "Allow"}
    kept = [others[text] for text in sorted(set(others) - meant)]
    # A Sid must be there only once (IAM User Guide, "IAM JSON policy elements: Sid").
    named = [{**statement, "Sid": f"{KEPT}{number}"} for number, statement in enumerate(kept, start=1)]
    return {**wanted, "Statement": [*wanted["Statement"], *named]}


def _unnamed(statement: policy.Statement) -> str:
    return policy.meaning({**statement, "Sid": ""})


def allow(sid: str, actions: list[str], resource: str) -> policy.Statement:
    """One statement."""
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": [resource]}


def same(one: t.Mapping[str, t.Any] | None, other: t.Mapping[str, t.Any] | None) -> bool:
    """Whether two policies mean the same: stores reorder them and turn lists of one into scalars."""
    if not one or not other:
        return not one and not other
    try:
        return _meaning(one) == _meaning(other)
    except ValueError:
        return False


def _meaning(found: t.Mapping[str, t.Any]) -> tuple[t.Any, list[str]]:
    head, statements = policy.parsed(json.dumps(found))
    return head.get("Version"), policy.document_meaning(statements)


def shown(found: t.Mapping[str, t.Any] | None) -> Document | None:
    """A policy for the eye, in one form whatever the store makes of it: a diff shows what differs and no more."""
    if not found:
        return None
    statements = [_shown(each) for each in policy.many(found.get("Statement")) if isinstance(each, dict)]
    return {**found, "Statement": sorted(statements, key=_sid)}


def _shown(statement: policy.Statement) -> policy.Statement:
    listed: dict[str, t.Any] = {
        key: sorted(map(str, policy.many(statement[key]))) for key in ("Action", "Resource") if key in statement
    }
    condition = {
        operator: {key: sorted(map(str, policy.many(values))) for key, values in tests.items()}
        for operator, tests in (statement.get("Condition") or {}).items()
    }
    return {**statement, **listed, **({"Condition": condition} if condition else {})}


def _sid(statement: policy.Statement) -> str:
    return str(statement.get("Sid", ""))
