# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about Google Cloud Storage: its XML API with signatures of AWS and an HMAC key.

Conditions in the policy of the bucket require an OAuth token and the ID of the project, see ``google_policy``.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from functools import cached_property

from tests.live.bucket import PART_SIZE, complete_upload, content_md5, create_bucket, start_upload, upload_part
from tests.live.google_policy import Policy
from tests.live.http import S3, Keys, Response, Transport
from tests.live.question import NO, OTHER, YES, Answer, NotAskedError, Question, Run, confirm, require
from tests.live.settings import Settings

SSE = "x-amz-server-side-encryption"
LIFECYCLE = (
    "<LifecycleConfiguration><Rule><ID>live</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter>"
    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
    "</Rule></LifecycleConfiguration>"
)
# A response with one of these codes means that the signature was not accepted.
SIGNATURE_CODES = {
    "AccessDenied",
    "AuthenticationRequired",
    "InvalidAuthentication",
    "InvalidSecurity",
    "SignatureDoesNotMatch",
}


def s3_client(transport: Transport, settings: Settings) -> S3:
    """Return the XML API; Google accepts any region in a signature."""
    return S3(transport, settings["endpoint_url"], "auto", Keys(settings["access_key"], settings["secret_key"]))


class Google:
    """The XML API, with one bucket for all questions of the run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.s3 = s3_client(run.transport, run.settings)

    @cached_property
    def bucket(self) -> str:
        """The bucket; the first question that requires it creates it."""
        return create_bucket(self.run, self.s3, self.run.settings["location"])

    @cached_property
    def policy(self) -> Policy:
        """The policy of the bucket, and the service account."""
        if not (self.run.settings["oauth_token"] and self.run.settings["project"]):
            raise NotAskedError("needs an OAuth token and a project")
        return Policy(self.run, self.bucket)

    def has_bucket(self) -> bool:
        """Return whether the bucket exists."""
        return self.s3.send("HEAD", self.bucket).is_success


def ask_encryption_header(google: Google) -> Answer:
    response = google.s3.send("PUT", google.bucket, "encrypted", headers={SSE: "AES256"}, body=b"1")
    if not response.is_success:
        return Answer(NO, f"refused: {response}")
    return Answer(YES, f"{SSE} in the response: {response.headers.get(SSE, 'none')}")


def ask_lifecycle_put(google: Google) -> Answer:
    body = LIFECYCLE.encode()
    headers = {"Content-MD5": content_md5(body)}
    response = google.s3.send("PUT", google.bucket, query={"lifecycle": ""}, headers=headers, body=body)
    rules = google.s3.send("GET", google.bucket, query={"lifecycle": ""}).texts("Rule")
    return confirm(response.is_refusal, f"{response}; rules: {len(rules)}")


def ask_lifecycle_delete(google: Google) -> Answer:
    if not google.has_bucket():
        return Answer(OTHER, "the bucket does not exist")
    response = google.s3.send("DELETE", google.bucket, query={"lifecycle": ""})
    is_kept = google.has_bucket()
    return confirm(is_kept, f"{response}; the bucket {'exists' if is_kept else 'is deleted'}")


def ask_checksum_of_deletion(google: Google) -> Answer:
    require(google.s3.send("PUT", google.bucket, "deleted", body=b"1"), "upload an object")
    body = b"<Delete><Object><Key>deleted</Key></Object></Delete>"
    checksum = b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    headers = {
        "x-amz-sdk-checksum-algorithm": "CRC32",
        "x-amz-checksum-crc32": checksum,
        "Content-MD5": content_md5(body),
    }
    response = google.s3.send("POST", google.bucket, query={"delete": ""}, headers=headers, body=body)
    is_deleted = google.s3.send("HEAD", google.bucket, "deleted").status == 404
    return confirm(response.is_success and is_deleted, f"{response}; deleted: {is_deleted}")


def ask_conditional_create(google: Google) -> Answer:
    headers = {"If-None-Match": "*"}
    require(google.s3.send("PUT", google.bucket, "create", headers=headers, body=b"1"), "create an object")
    return confirm(google.s3.send("PUT", google.bucket, "create", headers=headers, body=b"2").is_success)


def ask_policy_subresource(google: Google) -> Answer:
    responses = {
        name: google.s3.send("GET", google.bucket, query={name: ""})
        for name in ("policy", "encryption", "publicAccessBlock", "ownershipControls")
    }
    evidence = ", ".join(f"{name}: {response}" for name, response in responses.items())
    return confirm(all(response.is_refusal for response in responses.values()), evidence)


def ask_multipart_upload(google: Google) -> Answer:
    upload_id = start_upload(google.s3, google.bucket, "parts")
    listing = google.s3.send("GET", google.bucket, query={"uploads": ""}).texts("UploadId")
    tags = [
        require(upload_part(google.s3, google.bucket, "parts", upload_id, number, body), "upload a part").headers[
            "ETag"
        ]
        for number, body in ((1, bytes(PART_SIZE)), (2, b"end"))
    ]
    completed = complete_upload(google.s3, google.bucket, "parts", upload_id, tags)
    return confirm(completed.is_success and upload_id in listing, f"listed: {upload_id in listing}")


def ask_condition_of_uploads(google: Google) -> Answer:
    key = google.policy.create_key()
    google.policy.add_binding("roles/storage.objectCreator", google.policy.member, "upload/")
    s3 = S3(google.s3.transport, google.s3.endpoint, google.s3.region, key)
    seconds = google.run.seconds_until(lambda: s3.send("PUT", google.bucket, "upload/object", body=b"1").is_success)
    if seconds is None:
        return Answer(OTHER, f"the key cannot upload within {google.run.wait:g} s")
    started = s3.send("POST", google.bucket, "upload/parts", query={"uploads": ""})
    refused = [s3.send("PUT", google.bucket, "other/object", body=b"1"), s3.send("GET", google.bucket)]
    evidence = f"after {seconds:.1f} s; multipart upload: {started}"
    return confirm(started.is_success and all(response.status == 403 for response in refused), evidence)


def ask_condition_of_all_users(google: Google) -> Answer:
    for name in ("public/object", "private/object"):
        require(google.s3.send("PUT", google.bucket, name, body=b"1"), "upload an object")
    response = google.policy.try_binding("roles/storage.objectViewer", "allUsers", "public/")
    if not response.is_success:
        return Answer(NO, f"refused: {response}")
    url = google.run.settings["endpoint_url"]

    def read(name: str) -> Response:
        return google.run.transport.send("GET", url, f"/{google.bucket}/{name}", {}, note=" (anonymous)")

    seconds = google.run.seconds_until(lambda: read("public/object").is_success)
    private = read("private/object")
    return confirm(seconds is not None and private.status in (401, 403), f"accepted; private object: {private}")


def key_request(google: Google, service: str) -> Response:
    """Send CreateAccessKey for a service account that does not exist: the response cannot contain a key."""
    query = {"Action": "CreateAccessKey", "UserName": f"{google.run.name}@example.invalid"}
    return google.s3.send("POST", query=query, service=service)


def confirm_signature(response: Response) -> Answer:
    """Return whether the signature was accepted: any refusal must have another reason."""
    is_accepted = response.status != 0 and response.code not in SIGNATURE_CODES and response.status not in (401, 501)
    return confirm(is_accepted, str(response))


def ask_key_api_s3(google: Google) -> Answer:
    return confirm_signature(key_request(google, "s3"))


def ask_key_api_iam(google: Google) -> Answer:
    return confirm_signature(key_request(google, "iam"))


QUESTIONS = (
    Question("google-encryption-header", "An upload with the header for SSE-S3 is accepted.", ask_encryption_header),
    Question("google-lifecycle-put", "A lifecycle rule in the format of S3 is refused.", ask_lifecycle_put),
    Question("google-lifecycle-delete", "`DELETE ?lifecycle` does not delete the bucket.", ask_lifecycle_delete),
    Question("google-deletion-checksum", "`POST ?delete` accepts a CRC32 checksum.", ask_checksum_of_deletion),
    Question(
        "google-conditional-create", "`If-None-Match: *` is ignored: the object is overwritten.", ask_conditional_create
    ),
    Question("google-subresources", "Subresources that only S3 has are refused.", ask_policy_subresource),
    Question(
        "google-multipart-upload",
        "Multipart uploads work, and the list of uploads contains them.",
        ask_multipart_upload,
    ),
    Question(
        "google-condition-uploads",
        "A condition on `resource.name` limits single and multipart uploads to a prefix.",
        ask_condition_of_uploads,
    ),
    Question(
        "google-condition-all-users",
        "A binding of `allUsers` with a condition makes a prefix public, and no other object.",
        ask_condition_of_all_users,
    ),
    Question("google-key-api-s3", "`Action=CreateAccessKey` accepts a signature for the service s3.", ask_key_api_s3),
    Question(
        "google-key-api-iam", "`Action=CreateAccessKey` accepts a signature for the service iam.", ask_key_api_iam
    ),
)
