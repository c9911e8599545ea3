# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives: requests of the official SDK, recordings, and uploads."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from opentok.exceptions import NotFoundError, RequestError

from tests.sandbox import Sandbox, Store, VonageEmulator, upload_only_policy
from tests.sandbox.vonage.mp4 import create_mp4

from .helpers import TIMEOUT, account_token, azure_body, official_sdk, put, s3_body, token, wait_for


def sdk(emulator: VonageEmulator) -> Any:
    """Create a client of the official SDK for the project."""
    return official_sdk(emulator.api_key, emulator.api_secret, api_url=emulator.url)


def set_target(sandbox: Sandbox, store: Store, bucket_name: str, fallback: str = "none", **changes: Any) -> None:
    """Set a target with the key of the administrator, and changes of its config; None removes a field."""
    config: dict[str, Any] = {"accessKey": store.access_key, "secretKey": store.secret_key, "bucket": bucket_name}
    config.update({"endpoint": store.endpoint_url, "sse": "s3", **changes})
    body = {"type": "s3", "config": {k: v for k, v in config.items() if v is not None}, "fallback": fallback}
    assert put(sandbox.vonage, body).status_code == 200


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and content of each box of an MP4 file."""
    while content:
        size, kind = struct.unpack(">I4s", content[:8])
        assert 8 <= size <= len(content)
        yield kind, content[8:size]
        content = content[size:]


def descend(content: bytes, *path: bytes) -> bytes:
    """Return the content of a nested box."""
    for kind in path:
        content = dict(boxes(content))[kind]
    return content


def test_create_mp4_is_a_valid_video() -> None:
    content = create_mp4()
    assert [kind for kind, _unused in boxes(content)] == [b"ftyp", b"moov", b"mdat"]
    table = descend(content, b"moov", b"trak", b"mdia", b"minf", b"stbl")
    size, count = struct.unpack(">II", descend(table, b"stsz")[4:12])
    offset = struct.unpack(">I", descend(table, b"stco")[8:12])[0]
    assert len(descend(content, b"mdat")) == size * count
    for number in range(count):
        sample = content[offset + number * size : offset + (number + 1) * size]
        assert struct.unpack(">I", sample[:4])[0] == size - 4
        assert sample[4] == 0x65  # a key frame
    assert b"avcC" in descend(table, b"stsd")


def test_create_mp4_is_padded_to_the_size() -> None:
    content = create_mp4(1_000_000)
    assert len(content) == 1_000_000
    assert [kind for kind, _unused in boxes(content)] == [b"ftyp", b"moov", b"mdat", b"free"]


def test_archive_sha256sum_is_base64_of_the_content(emulator: VonageEmulator) -> None:
    recorded = emulator.record_archive()
    assert base64.b64decode(recorded["sha256sum"], validate=True) == hashlib.sha256(create_mp4()).digest()


def test_archives_sdk_lists_gets_and_deletes(emulator: VonageEmulator) -> None:
    client = sdk(emulator)
    lessons = [emulator.record_archive(name=f"lesson {n}", session_id="1_session") for n in range(3)]
    other = emulator.record_archive()
    archives = client.list_archives()
    assert archives.count == 4
    assert [archive.id for archive in archives] == [other["id"], *(lesson["id"] for lesson in reversed(lessons))]
    one = client.get_archive(lessons[0]["id"])
    assert (one.name, one.status, one.session_id) == ("lesson 0", "available", "1_session")
    assert one.partner_id == int(emulator.api_key)
    assert requests.get(one.url, timeout=TIMEOUT).content == create_mp4()
    page = client.list_archives(session_id="1_session", offset=1, count=1)
    assert [archive.name for archive in page] == ["lesson 1"]
    client.delete_archive(lessons[0]["id"])
    assert client.list_archives().count == 3
    assert requests.get(one.url, timeout=TIMEOUT).status_code == 404
    with pytest.raises(NotFoundError):
        client.get_archive(lessons[0]["id"])
    with pytest.raises(NotFoundError):
        client.delete_archive(lessons[0]["id"])


def test_archives_lost_archive_cannot_be_deleted(emulator: VonageEmulator) -> None:
    put(emulator, {**azure_body(), "fallback": "none"})
    lost = emulator.record_archive(on_failure="stopped")
    with pytest.raises(RequestError, match="409"):
        sdk(emulator).delete_archive(lost["id"])
    assert len(emulator.archives()) == 1


def test_list_archives_pages(emulator: VonageEmulator) -> None:
    for _unused in range(52):
        emulator.record_archive()
    url = f"{emulator.url}/v2/partner/{emulator.api_key}/archive"
    headers = {"X-OPENTOK-AUTH": token(emulator)}

    def get(**query: Any) -> requests.Response:
        return requests.get(url, params=query, headers=headers, timeout=TIMEOUT)

    first = get().json()
    assert (first["count"], len(first["items"])) == (52, 50)
    assert len(get(offset=50).json()["items"]) == 2
    assert len(get(count=1000).json()["items"]) == 52
    for bad in ({"count": 1001}, {"count": "many"}, {"offset": -1}):
        assert get(**bad).status_code == 400
    assert requests.get(url, timeout=TIMEOUT).status_code == 403


def test_upload_with_upload_only_key_is_encrypted(sandbox: Sandbox, seaweedfs: Store, bucket: str) -> None:
    """The upload is multipart, with the documented object key and the encryption header."""
    access_key, secret_key = seaweedfs.make_user("lands-encrypted", upload_only_policy(bucket))
    set_target(sandbox, seaweedfs, bucket, accessKey=access_key, secretKey=secret_key)
    archive = sandbox.vonage.record_archive(name="lesson")
    assert (archive["status"], archive["url"]) == ("uploaded", None)
    key = f"{sandbox.vonage.api_key}/{archive['id']}/archive.mp4"
    assert archive["sandbox"] == {"bucket": bucket, "key": key, "upload_error": None}
    head = seaweedfs.client().head_object(Bucket=bucket, Key=key)
    assert head["ServerSideEncryption"] == "AES256"
    assert head["ContentLength"] == archive["size"]
    assert head["ETag"].strip('"').endswith("-1")  # multipart, one part
    assert seaweedfs.client().get_object(Bucket=bucket, Key=key)["Body"].read() == create_mp4()
    sdk(sandbox.vonage).delete_archive(archive["id"])
    assert seaweedfs.client().head_object(Bucket=bucket, Key=key)["ContentLength"] == archive["size"]


def test_upload_uses_the_target_at_the_start_of_the_archive(sandbox: Sandbox, seaweedfs: Store, bucket: str) -> None:
    set_target(sandbox, seaweedfs, bucket)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(sandbox.vonage.record_archive, size=6 * 1024 * 1024, pause=0.5)
        assert wait_for(lambda: seaweedfs.client().list_multipart_uploads(Bucket=bucket).get("Uploads"), 10)
        set_target(sandbox, seaweedfs, "elsewhere")
        assert sandbox.vonage.archives()[0]["status"] == "stopped"
        archive = slow.result()
    assert (archive["status"], archive["sandbox"]["bucket"]) == ("uploaded", bucket)
    head = seaweedfs.client().head_object(Bucket=bucket, Key=archive["sandbox"]["key"])
    assert head["ETag"].strip('"').endswith("-2")


def test_upload_of_several_parts_without_encryption(sandbox: Sandbox, seaweedfs: Store, bucket: str) -> None:
    set_target(sandbox, seaweedfs, bucket, sse="none")
    archive = sandbox.vonage.record_archive(size=11 * 1024 * 1024)
    head = seaweedfs.client().head_object(Bucket=bucket, Key=archive["sandbox"]["key"])
    assert "ServerSideEncryption" not in head
    assert head["ContentLength"] == 11 * 1024 * 1024
    assert head["ETag"].strip('"').endswith("-3")


def test_upload_target_has_no_endpoint_uses_the_first_store(sandbox: Sandbox, seaweedfs: Store, bucket: str) -> None:
    set_target(sandbox, seaweedfs, bucket, endpoint=None)
    archive = sandbox.vonage.record_archive()
    assert archive["status"] == "uploaded"
    assert seaweedfs.client().head_object(Bucket=bucket, Key=archive["sandbox"]["key"])


def test_upload_contacts_no_other_machine(sandbox: Sandbox, seaweedfs: Store, bucket: str) -> None:
    set_target(sandbox, seaweedfs, bucket, endpoint="https://storage.googleapis.com")
    archive = sandbox.vonage.record_archive()
    assert archive["status"] == "failed"
    assert "this machine only" in archive["sandbox"]["upload_error"]
    sandbox.vonage.s3_endpoints["https://storage.googleapis.com"] = seaweedfs.endpoint_url
    assert sandbox.vonage.record_archive()["status"] == "uploaded"
    sandbox.vonage.reset()
    assert "https://storage.googleapis.com" not in sandbox.vonage.s3_endpoints


@pytest.mark.parametrize(
    ("fallback", "on_failure", "status"),
    [
        ("opentok", "failed", "available"),
        ("vonage", "failed", "available"),
        ("none", "failed", "failed"),
        ("none", "stopped", "stopped"),
    ],
)
@pytest.mark.parametrize("cause", ["wrong secret", "unknown key", "no bucket", "key may not upload"])
def test_upload_failure_sets_the_status(
    sandbox: Sandbox, seaweedfs: Store, bucket: str, cause: str, fallback: str, on_failure: str, status: str
) -> None:
    changes: dict[str, Any] = {
        "wrong secret": {"secretKey": "0" * 40},
        "unknown key": {"accessKey": "AKIAIOSFODNN7EXAMPLE"},
        "no bucket": {"bucket": f"{bucket}-gone"},
        "key may not upload": {},
    }[cause]
    if cause == "key may not upload":
        user = seaweedfs.make_user(f"reader-{fallback}-{on_failure}", upload_only_policy("another-bucket"))
        changes = {"accessKey": user[0], "secretKey": user[1]}
    set_target(sandbox, seaweedfs, bucket, fallback=fallback, **changes)
    archive = sandbox.vonage.record_archive(on_failure=on_failure)
    assert archive["status"] == status
    assert archive["sandbox"]["upload_error"]
    assert "0" * 40 not in archive["sandbox"]["upload_error"]
    assert seaweedfs.client().list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    if status == "available":
        assert requests.get(archive["url"], timeout=TIMEOUT).content == create_mp4()
    else:
        assert archive["url"] is None
    assert sdk(sandbox.vonage).get_archive(archive["id"]).status == status


def deny_uploads(store: Store, bucket: str, condition: dict[str, Any]) -> None:
    """Set a bucket policy that denies uploads, with a condition on the encryption header."""
    statement = {
        "Sid": "Encryption",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {operator: {"s3:x-amz-server-side-encryption": value} for operator, value in condition.items()},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    store.client().put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def test_upload_sends_the_encryption_header(sandbox: Sandbox, seaweedfs: Store, bucket: str) -> None:
    """A bucket that denies the header accepts only uploads with ``sse: none``."""
    deny_uploads(seaweedfs, bucket, {"StringEquals": "AES256"})
    set_target(sandbox, seaweedfs, bucket, sse="s3")
    assert "AccessDenied" in sandbox.vonage.record_archive()["sandbox"]["upload_error"]
    set_target(sandbox, seaweedfs, bucket, sse="none")
    assert sandbox.vonage.record_archive()["status"] == "uploaded"


def test_seaweedfs_ignores_the_header_of_an_iam_user(sandbox: Sandbox, seaweedfs: Store, bucket: str) -> None:
    """A bucket policy that requires the header denies every upload of an IAM user, with or without it.

    A policy that only denies other algorithms has the same effect as on AWS.
    """
    user = seaweedfs.make_user("header-not-seen", upload_only_policy(bucket))
    set_target(sandbox, seaweedfs, bucket, accessKey=user[0], secretKey=user[1])
    deny_uploads(seaweedfs, bucket, {"StringNotEquals": "AES256"})
    assert sandbox.vonage.record_archive()["status"] == "failed"
    deny_uploads(seaweedfs, bucket, {"StringNotEquals": "AES256", "Null": "false"})
    assert sandbox.vonage.record_archive()["status"] == "uploaded"


def test_upload_to_azure_fails(emulator: VonageEmulator) -> None:
    put(emulator, {**azure_body(), "fallback": "opentok"})
    assert emulator.record_archive()["status"] == "available"


def test_record_archive_of_an_application(sandbox: Sandbox, seaweedfs: Store, bucket: str) -> None:
    application = sandbox.vonage.application_id
    holder = sandbox.vonage.state.holder(application)
    set_target(sandbox, seaweedfs, bucket)
    holder.target = sandbox.vonage.target()
    archive = sandbox.vonage.record_archive(application)
    assert archive["applicationId"] == application
    assert "partnerId" not in archive
    assert seaweedfs.client().head_object(Bucket=bucket, Key=f"{application}/{archive['id']}/archive.mp4")


def test_record_archive_over_http(emulator: VonageEmulator) -> None:
    url = f"{emulator.url}/_sandbox/record/{emulator.api_key}"
    archive = requests.post(url, json={"name": "lesson"}, timeout=TIMEOUT).json()
    assert archive["status"] == "available"
    archives = requests.get(f"{emulator.url}/_sandbox/archives/{emulator.api_key}", timeout=TIMEOUT).json()
    assert [item["id"] for item in archives] == [archive["id"]]
    put(emulator, s3_body())
    target = requests.get(f"{emulator.url}/_sandbox/target/{emulator.api_key}", timeout=TIMEOUT).json()
    assert target == s3_body()
    assert requests.post(url, json={"on_failure": "lost"}, timeout=TIMEOUT).status_code == 400
    assert requests.post(f"{emulator.url}/_sandbox/record/1", timeout=TIMEOUT).status_code == 404
    requests.post(f"{emulator.url}/_sandbox/reset", timeout=TIMEOUT)
    assert emulator.target() is None
    assert emulator.archives() == []


def account(emulator: VonageEmulator, method: str, path: str = "", **options: Any) -> requests.Response:
    """Send an account request."""
    headers = {"X-OPENTOK-AUTH": account_token(emulator)}
    return requests.request(method, f"{emulator.url}/v2/project{path}", headers=headers, timeout=TIMEOUT, **options)


def test_account_lists_projects_with_secrets(emulator: VonageEmulator) -> None:
    projects = account(emulator, "GET").json()
    assert [(project["id"], project["secret"]) for project in projects] == [(emulator.api_key, emulator.api_secret)]
    assert {"status", "name", "environment", "createdAt"} < set(projects[0])
    for auth in (token(emulator), token(emulator, emulator.account_secret, iss=emulator.account_key), ""):
        headers = {"X-OPENTOK-AUTH": auth}
        assert requests.get(f"{emulator.url}/v2/project", headers=headers, timeout=TIMEOUT).status_code == 403


def test_account_full_project_lifecycle(emulator: VonageEmulator) -> None:
    project = account(emulator, "POST", json={"name": "school"}).json()
    assert account(emulator, "GET", f"/{project['id']}").json() == project

    def archives(secret: str) -> int:
        auth = token(emulator, secret, iss=project["id"])
        url = f"{emulator.url}/v2/project/{project['id']}/archive"
        return requests.get(url, headers={"X-OPENTOK-AUTH": auth}, timeout=TIMEOUT).status_code

    assert archives(project["secret"]) == 200
    assert account(emulator, "PUT", f"/{project['id']}", json={"status": "SUSPENDED"}).json()["status"] == "SUSPENDED"
    assert archives(project["secret"]) == 403
    assert account(emulator, "PUT", f"/{project['id']}", json={"status": "GONE"}).status_code == 400
    account(emulator, "PUT", f"/{project['id']}", json={"status": "ACTIVE"})
    new = account(emulator, "POST", f"/{project['id']}/refreshSecret").json()["secret"]
    assert (archives(project["secret"]), archives(new)) == (403, 200)
    assert account(emulator, "DELETE", f"/{project['id']}").status_code == 204
    assert account(emulator, "GET", f"/{project['id']}").status_code == 404
    assert archives(new) == 403
