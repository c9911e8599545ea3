# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inline policy of an uploader.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The vendor's guide "Using Amazon S3 storage with OpenTok archiving" names s3:PutObject on all of the bucket,
s3:ListBucket on it and s3:ListAllMyBuckets. Uploads, including multipart uploads, need s3:PutObject on their key;
aborting a multipart upload needs s3:AbortMultipartUpload (Amazon S3 User Guide, "Multipart upload API and
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
# The actions of the operator who manages the users and their keys (Service Authorization Reference, "AWS Identity and
# Access Management (IAM)"). CreateUser with tags also needs TagUser.
OPERATOR_ACTIONS = (
    *("iam:GetUser", "iam:CreateUser", "iam:TagUser", "iam:DeleteUser"),
    *("iam:GetUserPolicy", "iam:PutUserPolicy", "iam:DeleteUserPolicy"),
    *("iam:ListUserPolicies", "iam:ListAttachedUserPolicies", "iam:ListGroupsForUser"),
    *("iam:ListAccessKeys", "iam:CreateAccessKey", "iam:UpdateAccessKey", "iam:DeleteAccessKey"),
)
# The reads before the user exists.
NEW_USER_ACTIONS = ("iam:GetUser", "iam:GetUserPolicy", "iam:ListAccessKeys")
# To change the boundary of an existing user.
BOUNDARY_ACTION = "iam:PutUserPermissionsBoundary"
# AWS returns the tags with the user. Other stores do not.
TAGS_ACTION = "iam:ListUserTags"
# Numbered statements with previous permissions, as long as a key may need them.
TRANSITION_SID_PREFIX = "VonageArchivingUntilRotated"
_LOCATION = re.compile(r"arn:[\w-]*:s3:::([^/*?]+)/([^*?]+)/\*")


def document(bucket: str, prefix: str, list_all_my_buckets: bool = False, partition: str = "aws") -> Document:
    """The policy of the uploader of one project.

    :param prefix: the project's id, without a slash at its end.
    """
    arn = f"arn:{partition}:s3:::{bucket}"
    statements = [
        _allow_uploads(bucket, prefix, partition),
        # The condition limits the parameter "prefix" of the listing. The asterisk also matches an empty string:
        # "<prefix>/" is allowed. "<prefix>" is denied, because it would list projects whose ids start with this id. A
        # listing without the parameter is denied (Amazon S3 User Guide, "Bucket policy examples using condition keys").
        {**allow(LIST, ["s3:ListBucket"], arn), "Condition": {"StringLike": {"s3:prefix": [f"{prefix}/*"]}}},
    ]
    if list_all_my_buckets:
        # This action supports no narrower resource (Service Authorization Reference, "Actions ... for Amazon S3").
        statements.append(allow(LIST_BUCKETS, ["s3:ListAllMyBuckets"], f"arn:{partition}:s3:::*"))
    return {"Version": VERSION, "Statement": statements}


def external_document(bucket: str, prefix: str, partition: str = "aws") -> Document:
    """The smallest policy of a user whose key is an external key."""
    return {"Version": VERSION, "Statement": [_allow_uploads(bucket, prefix, partition)]}


def _allow_uploads(bucket: str, prefix: str, partition: str) -> policy.Statement:
    return allow(UPLOAD, ["s3:PutObject", "s3:AbortMultipartUpload"], f"arn:{partition}:s3:::{bucket}/{prefix}/*")


def allowed_locations(documents: t.Iterable[t.Mapping[str, t.Any] | None]) -> set[UploadLocation]:
    """The locations that these policies allow uploads to: several, as long as older keys are active."""
    statements = [
        statement for document in documents if document for statement in policy.as_list(document.get("Statement"))
    ]
    resources = [
        str(arn)
        for statement in statements
        if isinstance(statement, dict)
        for arn in policy.as_list(statement.get("Resource"))
    ]
    return {UploadLocation(*match.groups()) for match in map(_LOCATION.fullmatch, resources) if match}


def other_projects(documents: t.Iterable[t.Mapping[str, t.Any] | None], project: str) -> list[str]:
    """The ids of projects other than this one that these policies allow uploads for."""
    return sorted({place.prefix.partition("/")[0] for place in allowed_locations(documents)} - {project})


def merge_with_current(desired: Document, current: t.Mapping[str, t.Any]) -> Document:
    """The desired policy with all other current permissions. Idempotent."""
    try:
        _head, statements = policy.parse_policy(json.dumps(current))
    except ValueError:
        return desired
    meanings = {_unnamed(statement) for statement in desired["Statement"]}
    others = {_unnamed(statement): statement for statement in statements if statement.get("Effect") == "Allow"}
    kept = [others[text] for text in sorted(set(others) - meanings)]
    # Sids must be unique (IAM User Guide, "IAM JSON policy elements: Sid").
    named = [{**statement, "Sid": f"{TRANSITION_SID_PREFIX}{number}"} for number, statement in enumerate(kept, start=1)]
    return {**desired, "Statement": [*desired["Statement"], *named]}


def _unnamed(statement: policy.Statement) -> str:
    return policy.canonical_form({**statement, "Sid": ""})


def allow(sid: str, actions: list[str], resource: str) -> policy.Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": [resource]}


def is_equal(one: t.Mapping[str, t.Any] | None, other: t.Mapping[str, t.Any] | None) -> bool:
    """Whether two policies are equivalent: stores reorder them, and replace lists of one value by the value."""
    if not one or not other:
        return not one and not other
    try:
        return _meaning(one) == _meaning(other)
    except ValueError:
        return False


def _meaning(document: t.Mapping[str, t.Any]) -> tuple[t.Any, list[str]]:
    head, statements = policy.parse_policy(json.dumps(document))
    return head.get("Version"), policy.canonical_document(statements)


def format_policy(document: t.Mapping[str, t.Any] | None) -> Document | None:
    """A policy in a normal form: the diff shows real differences only."""
    if not document:
        return None
    statements = [
        _format_statement(item) for item in policy.as_list(document.get("Statement")) if isinstance(item, dict)
    ]
    return {**document, "Statement": sorted(statements, key=_sid)}


def _format_statement(statement: policy.Statement) -> policy.Statement:
    listed: dict[str, t.Any] = {
        key: sorted(map(str, policy.as_list(statement[key]))) for key in ("Action", "Resource") if key in statement
    }
    condition = {
        operator: {key: sorted(map(str, policy.as_list(values))) for key, values in tests.items()}
        for operator, tests in (statement.get("Condition") or {}).items()
    }
    return {**statement, **listed, **({"Condition": condition} if condition else {})}


def _sid(statement: policy.Statement) -> str:
    return str(statement.get("Sid", ""))
