# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IAM policies that a project needs with its variables. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Actions and resources: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3", and the
same page for IAM.
"""

from __future__ import annotations

import re
import typing as t

from .._aws import s3_naming as names
from .._bucket.facets.registry import FACETS
from .._bucket.params import BucketParams
from .._upload_target.params import ManagedKeyParams
from .._uploader import policy as uploader
from .._uploader.policy import allow
from .._uploader.user_params import DesiredUser
from .params import Params
from .variables import NEVER

Statement = dict[str, t.Any]
_ACCOUNT = re.compile(r"arn:[\w-]+:iam::(\d{12}):")
# A policy applies only to users of its own account.
ANY_ACCOUNT = "*"
# A bucket is emptied by the versions of its objects, also without versioning. Some other stores have no versions.
DELETE_VERSION, DELETE_OBJECT, ABORT_UPLOAD = "s3:DeleteObjectVersion", "s3:DeleteObject", "s3:AbortMultipartUpload"


def operator_policy(params: Params, *, deletes_bucket: bool = False) -> uploader.Document:
    """Return the smallest policy with which the operator can configure, verify, rotate, recover, and delete.

    :param params: of a run that creates or updates the archive storage.
    :param deletes_bucket: whether the operator can also delete the bucket with all recordings of the project.
    """
    bucket, target = t.cast(BucketParams, params.desired_bucket), params.desired_target
    arn = f"arn:{names.partition(bucket.connection.region)}:s3:::{bucket.name}"
    statements = [
        allow("Bucket", _bucket_actions(params, bucket, deletes_bucket=deletes_bucket), arn),
        *_state_file_statements(params, arn),
        *_object_statements(params, bucket, arn, deletes_bucket=deletes_bucket),
    ]
    if isinstance(target, ManagedKeyParams):
        statements += _uploader_statements((target.uploader.main, target.uploader.spare), bucket)
    if deletes_bucket:
        statements += _deletion_statements(params.project, bucket, arn)
    return {"Version": uploader.VERSION, "Statement": statements}


def upload_user_policy(params: Params) -> uploader.Document:
    """Return the policy of the IAM user whose key Vonage uploads with. The role attaches it to a managed user."""
    bucket, target = t.cast(BucketParams, params.desired_bucket), params.desired_target
    partition = names.partition(bucket.connection.region)
    if isinstance(target, ManagedKeyParams):
        return target.uploader.main.document(partition)
    return uploader.external_document(bucket.name, params.project, partition)


def _verifies_uploads(params: Params) -> bool:
    """Whether a playbook uploads probes: verify always does with an external key."""
    return not params.managed or params.settings["verify"] != NEVER


def _bucket_actions(params: Params, bucket: BucketParams, *, deletes_bucket: bool) -> list[str]:
    actions = ["s3:CreateBucket", "s3:ListBucket"]
    if _verifies_uploads(params) or deletes_bucket:
        actions.append("s3:ListBucketVersions")
    # Uploads in progress before a key is deactivated, and probes of killed checks.
    actions.append("s3:ListBucketMultipartUploads")
    for name, facet in FACETS.items():
        if name in bucket.facets and name != "folders":
            # Without SSE-S3, the run only reads the default encryption, and refuses one with KMS.
            reads_only = name == "encryption" and params.settings["sse"] != "s3"
            actions += [action for action in facet.subresource.actions[: 1 if reads_only else 3] if action]
    if deletes_bucket:
        actions.append("s3:DeleteBucket")
    return list(dict.fromkeys(actions))


def _state_file_statements(params: Params, arn: str) -> t.Iterator[Statement]:
    """The state file, and the lock of the bucket."""
    lock, store = f"{arn}/{names.LOCK_KEY}", params.settings["state_file"]
    bucket, _slash, key = store.partition("s3://")[2].partition("/")
    state_file_bucket = f"{arn.rpartition(':')[0]}:{bucket}"
    objects = [*([f"{state_file_bucket}/{key}"] if bucket else []), lock]
    if params.settings["require_tls"]:
        # Before the bucket rejects requests without TLS, the run reads the endpoints of other projects.
        state_files = f"{arn}/{names.STATE_FILE_PREFIX}"
        others = [item for item in objects if not item.startswith(state_files)]
        yield {**allow("StateFile", ["s3:PutObject"], lock), "Resource": objects}
        yield {**allow("StateFiles", ["s3:GetObject"], lock), "Resource": [*others, f"{state_files}*"]}
    else:
        yield {**allow("StateFile", ["s3:GetObject", "s3:PutObject"], lock), "Resource": objects}
    if bucket and state_file_bucket != arn:
        yield allow("StateFileBucket", ["s3:ListBucket"], state_file_bucket)


def _object_statements(
    params: Params, bucket: BucketParams, arn: str, *, deletes_bucket: bool
) -> t.Iterator[Statement]:
    """The folders, and the probes, which an operator who deletes the bucket can delete anyway."""
    folders = bucket.facets.get("folders")
    if folders:
        # Other stores can have an object with the name of a folder, and not list it.
        actions = ["s3:PutObject"] if bucket.connection.is_aws else ["s3:PutObject", "s3:GetObject"]
        yield {**allow("Folders", actions, arn), "Resource": [f"{arn}/{folder}" for folder in folders]}
    if _verifies_uploads(params):
        probes = f"{arn}/{params.project}/{names.PROBE_PREFIX}*"
        deletions = [*_deletion_actions(bucket), ABORT_UPLOAD] if deletes_bucket else []
        needed = [action for action in (DELETE_OBJECT, DELETE_VERSION, ABORT_UPLOAD) if action not in deletions]
        yield allow("Probes", ["s3:GetObject", *needed], probes)
        if params.settings["expect_least_privilege"] and not deletes_bucket:
            # A key with too many permissions can begin an upload there.
            yield allow("ProbesElsewhere", [ABORT_UPLOAD], f"{arn}/{names.PROBE_PREFIX}*")


def _uploader_statements(users: t.Sequence[DesiredUser], bucket: BucketParams) -> t.Iterator[Statement]:
    user = users[0]
    actions = list(uploader.OPERATOR_ACTIONS)
    if user.boundary:
        actions.append(uploader.BOUNDARY_ACTION)
    if not bucket.connection.is_aws:
        actions.append(uploader.TAGS_ACTION)
    match = _ACCOUNT.match(user.boundary or "")
    account = match[1] if match else ANY_ACCOUNT
    arn = f"arn:{names.partition(bucket.connection.region)}:iam::{account}:user"
    yield {**allow("Uploader", actions, arn), "Resource": [f"{arn}{each.path}{each.name}" for each in users]}
    if user.path != "/":
        # A request about a user that does not exist yet contains the name only.
        yield allow("NewUploader", list(uploader.NEW_USER_ACTIONS), f"{arn}/{user.name}")
        yield allow("NewSpareUploader", ["iam:GetUser"], f"{arn}/{users[1].name}")


def _deletion_actions(bucket: BucketParams) -> list[str]:
    return [DELETE_VERSION] if bucket.connection.is_aws else [DELETE_OBJECT, DELETE_VERSION]


def _deletion_statements(project: str, bucket: BucketParams, arn: str) -> t.Iterator[Statement]:
    """The deletion of the bucket with everything that belongs to the project."""
    recordings, probes = f"{arn}/{project}/*", f"{arn}/{names.PROBE_PREFIX}*"
    others = [f"{arn}/{key}" for key in (f"{names.STATE_FILE_PREFIX}*", *bucket.facets.get("folders", ()))]
    yield {**allow("Deletion", _deletion_actions(bucket), arn), "Resource": [recordings, probes, *others]}
    yield {**allow("DeletionOfUploads", [ABORT_UPLOAD], arn), "Resource": [recordings, probes]}
