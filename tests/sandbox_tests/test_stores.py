# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The properties of the stores that other tests rely on."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox import Sandbox, SandboxError, Store, StoreUnavailable, upload_only_policy

ALL = ["seaweedfs", "moto", "moto-iam", "rclone"]
WITH_USERS = ["seaweedfs", "moto-iam"]


def error_code(call: Any, **arguments: Any) -> str:
    """Return the error code of a request that must fail."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize("name", ALL)
def test_store_keeps_objects(sandbox: Sandbox, name: str) -> None:
    client = sandbox.stores[name].client()
    client.create_bucket(Bucket="kept")
    client.put_object(Bucket="kept", Key="a/b", Body=b"content")
    assert client.get_object(Bucket="kept", Key="a/b")["Body"].read() == b"content"
    assert "BucketNotEmpty" in error_code(client.delete_bucket, Bucket="kept")
    client.delete_object(Bucket="kept", Key="a/b")
    client.delete_bucket(Bucket="kept")


@pytest.mark.parametrize("name", ["seaweedfs", "moto-iam", "rclone"])
def test_store_denies_a_wrong_secret(sandbox: Sandbox, name: str) -> None:
    store = sandbox.stores[name]
    assert error_code(store.client(store.access_key, "0" * 40).list_buckets) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", WITH_USERS)
def test_store_applies_the_policy_of_a_user_immediately(sandbox: Sandbox, name: str) -> None:
    store = sandbox.stores[name]
    store.client().create_bucket(Bucket="policies")
    user = store.client(*store.make_user("uploader", upload_only_policy("policies")))
    user.put_object(Bucket="policies", Key="a", Body=b"1", ServerSideEncryption="AES256")
    assert user.list_objects_v2(Bucket="policies")["KeyCount"] == 1
    for denied in (user.get_object, user.delete_object, user.head_object):
        assert error_code(denied, Bucket="policies", Key="a") in {"AccessDenied", "403"}
    assert error_code(user.create_bucket, Bucket="another") == "AccessDenied"
    store.empty_and_delete("policies")


@pytest.mark.parametrize("name", ["moto", "rclone"])
def test_store_without_users_reports_it(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(SandboxError, match="has no users"):
        sandbox.stores[name].make_user("uploader", upload_only_policy("policies"))


def test_seaweedfs_upload_creates_no_bucket(seaweedfs: Store) -> None:
    assert error_code(seaweedfs.client().put_object, Bucket="missing", Key="a", Body=b"1") == "NoSuchBucket"


def test_seaweedfs_supports_many_buckets(seaweedfs: Store) -> None:
    client = seaweedfs.client()
    names = [f"many-{number}" for number in range(12)]
    for name in names:
        client.create_bucket(Bucket=name)
        client.put_object(Bucket=name, Key="a", Body=b"1", ServerSideEncryption="AES256")
    for name in names:
        seaweedfs.empty_and_delete(name)


def test_rclone_deletes_the_bucket_for_an_unknown_subresource(sandbox: Sandbox) -> None:
    """A DELETE of an unknown subresource deletes the bucket. The collection must be safe with such a store."""
    client = sandbox.stores["rclone"].client()
    client.create_bucket(Bucket="hostile")
    client.delete_bucket_cors(Bucket="hostile")
    assert client.list_buckets()["Buckets"] == []


def test_optional_store_is_skipped_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SANDBOX_MINISTACK_PYTHON", raising=False)
    monkeypatch.setenv("SANDBOX_LOCALEMU_PYTHON", "/nonexistent/python")
    with Sandbox(stores=("ministack", "localemu"), vonage=False) as sandbox:
        assert sandbox.stores == {}
        assert "SANDBOX_MINISTACK_PYTHON" in sandbox.skipped["ministack"]
        assert "does not exist" in sandbox.skipped["localemu"]


def test_required_store_is_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nonexistent/bin/python")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises((StoreUnavailable, FileNotFoundError)):
        Sandbox(stores=("rclone",), vonage=False).start()


def test_store_ignores_the_environment_of_the_caller(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_PROFILE": "nobody",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_SESSION_TOKEN": "token",
        "AWS_CA_BUNDLE": "/nonexistent",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    assert sandbox.stores["seaweedfs"].client().list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200
