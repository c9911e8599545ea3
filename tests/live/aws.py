# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about S3 and IAM of AWS."""

from __future__ import annotations

import json
from functools import cached_property

from tests.live.bucket import PART_SIZE, complete_upload, content_md5, create_bucket, start_upload, upload_part
from tests.live.http import S3, Iam, Keys, Response, Transport
from tests.live.question import NO, OTHER, Answer, Question, Run, confirm, confirm_delay, require
from tests.live.settings import Settings

USER = "user"
POLICY = "upload"
SSE = "x-amz-server-side-encryption"
# A key that is not known yet, or is deactivated, is refused with 403. A policy that is not known yet also is.
REFUSED = 403
KMS_DEFAULT = (
    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>"
    "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
)


def s3_client(transport: Transport, settings: Settings, keys: Keys | None = None) -> S3:
    """Return S3, by default with the key of the operator."""
    return S3(transport, settings["endpoint_url"], settings["region"], keys or operator_keys(settings))


def iam_client(transport: Transport, settings: Settings) -> Iam:
    """Return IAM, whose signatures name the region us-east-1."""
    return Iam(transport, settings["iam_endpoint_url"], "us-east-1", operator_keys(settings))


def operator_keys(settings: Settings) -> Keys:
    """Return the key in the settings."""
    return Keys(settings["access_key"], settings["secret_key"], settings["session_token"])


class Aws:
    """The services, with one bucket and one user for all questions of the run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.s3 = s3_client(run.transport, run.settings)
        self.iam = iam_client(run.transport, run.settings)

    @cached_property
    def bucket(self) -> str:
        """The bucket; the first question that requires it creates it."""
        region = self.run.settings["region"]
        return create_bucket(self.run, self.s3, "" if region == "us-east-1" else region)

    @cached_property
    def user(self) -> str:
        """The IAM user, with the permission for uploads below ``upload/`` only."""
        name = self.run.name
        self.run.create(USER, name, lambda: self.iam.send("CreateUser", UserName=name))
        statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{self.bucket}/upload/*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        policy = self.iam.send("PutUserPolicy", UserName=name, PolicyName=POLICY, PolicyDocument=document)
        require(policy, "set the policy of the user")
        return name

    def create_key(self) -> Keys:
        """Create a key of the user; the deletion of the user deletes it."""
        response = require(self.iam.send("CreateAccessKey", UserName=self.user), "create an access key")
        return Keys(response.texts("AccessKeyId")[0], response.texts("SecretAccessKey")[0])

    def set_key_status(self, key: Keys, status: str) -> None:
        """Set the status of a key: ``Active`` or ``Inactive``."""
        parameters = {"UserName": self.user, "AccessKeyId": key.access_key, "Status": status}
        require(self.iam.send("UpdateAccessKey", **parameters), "set the status of the access key")

    def delete_key(self, key: Keys) -> None:
        """Delete a key, because a user has at most two."""
        require(
            self.iam.send("DeleteAccessKey", UserName=self.user, AccessKeyId=key.access_key), "delete the access key"
        )

    def upload(self, key: Keys, name: str = "upload/object") -> Response:
        """Upload an object with a key of the user."""
        return s3_client(self.run.transport, self.run.settings, key).send("PUT", self.bucket, name, body=b"live")

    def wait_for_key(self, key: Keys) -> float | None:
        """Return the seconds until a key can upload."""
        return self.run.seconds_until(lambda: self.upload(key).is_success)


def delete_user(iam: Iam, name: str) -> bool:
    """Delete an IAM user of a run with its keys and policy, and return whether it existed."""
    keys = iam.send("ListAccessKeys", UserName=name)
    if keys.status == 404:
        return False
    for access_key in require(keys, "list the access keys").texts("AccessKeyId"):
        iam.send("DeleteAccessKey", UserName=name, AccessKeyId=access_key)
    iam.send("DeleteUserPolicy", UserName=name, PolicyName=POLICY)
    deleted = iam.send("DeleteUser", UserName=name)
    if deleted.status != 404:
        require(deleted, "delete the user")
    return True


def ask_conditional_create(aws: Aws) -> Answer:
    headers = {"If-None-Match": "*"}
    require(aws.s3.send("PUT", aws.bucket, "create", headers=headers, body=b"1"), "create an object")
    return confirm(aws.s3.send("PUT", aws.bucket, "create", headers=headers, body=b"2").status == 412)


def ask_conditional_replace(aws: Aws) -> Answer:
    tag = require(aws.s3.send("PUT", aws.bucket, "replace", body=b"1"), "create an object").headers.get("ETag", "")
    require(aws.s3.send("PUT", aws.bucket, "replace", headers={"If-Match": tag}, body=b"2"), "replace an object")
    return confirm(aws.s3.send("PUT", aws.bucket, "replace", headers={"If-Match": tag}, body=b"3").status == 412)


def ask_encryption_echo(aws: Aws) -> Answer:
    response = require(aws.s3.send("PUT", aws.bucket, "echo", headers={SSE: "AES256"}, body=b"1"), "upload an object")
    return confirm(response.headers.get(SSE) == "AES256", f"{SSE}: {response.headers.get(SSE, 'not in the response')}")


def ask_kms_default(aws: Aws) -> Answer:
    body = KMS_DEFAULT.encode()
    headers = {"Content-MD5": content_md5(body)}
    require(
        aws.s3.send("PUT", aws.bucket, query={"encryption": ""}, headers=headers, body=body),
        "set the default encryption",
    )
    require(aws.s3.send("PUT", aws.bucket, "kms", headers={SSE: "AES256"}, body=b"1"), "upload an object")
    stored = require(aws.s3.send("HEAD", aws.bucket, "kms"), "read the object").headers.get(SSE, "none")
    require(aws.s3.send("DELETE", aws.bucket, query={"encryption": ""}), "delete the default encryption")
    return confirm(stored == "AES256", f"stored with {stored}")


def ask_new_bucket_defaults(aws: Aws) -> Answer:
    encryption = aws.s3.send("GET", aws.bucket, query={"encryption": ""}).texts("SSEAlgorithm")
    ownership = aws.s3.send("GET", aws.bucket, query={"ownershipControls": ""}).texts("ObjectOwnership")
    blocks = aws.s3.send("GET", aws.bucket, query={"publicAccessBlock": ""}).texts("BlockPublicPolicy")
    expected = (["AES256"], ["BucketOwnerEnforced"], ["true"])
    evidence = f"encryption: {encryption}, ownership: {ownership}, BlockPublicPolicy: {blocks}"
    return confirm((encryption, ownership, blocks) == expected, evidence)


def ask_upload_permissions(aws: Aws) -> Answer:
    key = aws.create_key()
    if aws.wait_for_key(key) is None:
        return Answer(NO, "a single upload is refused")
    s3 = s3_client(aws.run.transport, aws.run.settings, key)
    upload_id = start_upload(s3, aws.bucket, "upload/parts")
    tags = [
        require(upload_part(s3, aws.bucket, "upload/parts", upload_id, number, body), "upload a part").headers["ETag"]
        for number, body in ((1, bytes(PART_SIZE)), (2, b"end"))
    ]
    completed = complete_upload(s3, aws.bucket, "upload/parts", upload_id, tags)
    refused = [s3.send("GET", aws.bucket, "upload/parts"), s3.send("GET", aws.bucket), aws.upload(key, "other/object")]
    aws.delete_key(key)
    return confirm(completed.is_success and all(response.status == REFUSED for response in refused))


def ask_new_key_delay(aws: Aws) -> Answer:
    key = aws.create_key()
    seconds = aws.wait_for_key(key)
    aws.delete_key(key)
    return confirm_delay(seconds, aws.run.wait)


def ask_deactivated_key_delay(aws: Aws) -> Answer:
    key = aws.create_key()
    if aws.wait_for_key(key) is None:
        return Answer(OTHER, "the new key cannot upload")
    aws.set_key_status(key, "Inactive")
    seconds = aws.run.seconds_until(lambda: aws.upload(key).status == REFUSED)
    aws.delete_key(key)
    return confirm_delay(seconds, aws.run.wait)


def ask_upload_in_progress(aws: Aws) -> Answer:
    key = aws.create_key()
    if aws.wait_for_key(key) is None:
        return Answer(OTHER, "the new key cannot upload")
    s3 = s3_client(aws.run.transport, aws.run.settings, key)
    upload_id = start_upload(s3, aws.bucket, "upload/deactivated")
    require(upload_part(s3, aws.bucket, "upload/deactivated", upload_id, 1, b"1"), "upload a part")
    aws.set_key_status(key, "Inactive")
    seconds = aws.run.seconds_until(
        lambda: upload_part(s3, aws.bucket, "upload/deactivated", upload_id, 2, b"2").status == REFUSED
    )
    aws.delete_key(key)
    return confirm_delay(seconds, aws.run.wait)


def ask_upload_listing(aws: Aws) -> Answer:
    upload_id = start_upload(aws.s3, aws.bucket, "listed")
    listing = require(aws.s3.send("GET", aws.bucket, query={"uploads": ""}), "list the uploads")
    return confirm(upload_id in listing.texts("UploadId"))


QUESTIONS = (
    Question(
        "aws-conditional-create", "`If-None-Match: *` does not overwrite an object (412).", ask_conditional_create
    ),
    Question(
        "aws-conditional-replace",
        "`If-Match` with an old ETag does not replace an object (412).",
        ask_conditional_replace,
    ),
    Question("aws-encryption-echo", "The response to an upload with SSE-S3 repeats the header.", ask_encryption_echo),
    Question("aws-kms-default", "The header for SSE-S3 overrides a KMS default of the bucket.", ask_kms_default),
    Question(
        "aws-new-bucket-defaults",
        "A new bucket has SSE-S3, BucketOwnerEnforced, and a block of public policies.",
        ask_new_bucket_defaults,
    ),
    Question(
        "aws-upload-permissions",
        "`s3:PutObject` below a prefix is sufficient for single and multipart uploads, and permits nothing else.",
        ask_upload_permissions,
    ),
    Question("aws-new-key-delay", "A new access key can upload within the time limit.", ask_new_key_delay),
    Question(
        "aws-deactivated-key-delay", "A deactivated key is refused within the time limit.", ask_deactivated_key_delay
    ),
    Question(
        "aws-upload-in-progress",
        "After its key is deactivated, an upload in progress cannot continue.",
        ask_upload_in_progress,
    ),
    Question("aws-upload-listing", "A list of uploads contains a new upload immediately.", ask_upload_listing),
)
