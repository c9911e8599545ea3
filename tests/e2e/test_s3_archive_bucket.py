# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test s3_archive_bucket against real stores and emulators: the resulting state, and the requests.

The integration target s3_archive_bucket tests the module with Ansible. ``test_shared_bucket.py`` tests buckets of
several projects, and the consent to changes of unrelated objects.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._aws import s3_objects as objects
from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_client import Bucket
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from tests.e2e.bucket_environment import BucketEnvironment, NewBucket, Options, bucket_environments
from tests.e2e.error_responses import error_server
from tests.e2e.extra_stores import name_installed
from tests.e2e.module_runs import without_libraries
from tests.sandbox import ProxiedRequest, Sandbox

pytestmark = pytest.mark.xdist_group("s3_archive_bucket")

STORES = ("seaweedfs", "moto", "moto-iam", "rclone", "localemu", "ministack")
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    name_installed()
    with Sandbox(stores=STORES, vonage=False) as running:
        yield running


@pytest.fixture
def new_bucket(sandbox: Sandbox) -> Iterator[NewBucket]:
    """A function that returns the environment of a bucket, or skips the test if the store is not installed."""
    with bucket_environments(sandbox) as new_bucket:
        yield new_bucket


RULE = {"allowed_origins": ["https://b.example", "https://a.example"], "allowed_methods": ["GET", "HEAD"]}
OTHER_RULE = {"allowed_origins": ["*"], "allowed_methods": ["PUT"], "allowed_headers": ["*"], "max_age_seconds": 60}
# Options that set, change, and remove a facet, and the subresources that its state is read from.
FACETS: dict[str, tuple[Options, Options, Options, list[str]]] = {
    "encryption": ({"encryption": "s3"}, {}, {"encryption": "none"}, ["encryption"]),
    "cors_rules": (
        {"cors_rules": [RULE, OTHER_RULE]},
        {"cors_rules": [OTHER_RULE, RULE]},
        {"cors_rules": []},
        ["cors"],
    ),
    "folders": ({"folders": ["a", "b/c"]}, {"folders": ["a", "d"]}, {}, ["list-type"]),
    "public_prefixes": (
        {"public_prefixes": ["a"]},
        {"public_prefixes": ["b", "a/x"]},
        {"public_prefixes": []},
        ["policy", "publicAccessBlock"],
    ),
    "block_public_access": (
        {"block_public_access": True},
        {},
        {"block_public_access": False},
        ["publicAccessBlock"],
    ),
    "require_encryption": ({"require_encryption": True}, {}, {"require_encryption": False}, ["policy"]),
    "object_ownership": (
        {"object_ownership": "BucketOwnerPreferred"},
        {"object_ownership": "ObjectWriter"},
        {"object_ownership": "BucketOwnerEnforced"},
        ["ownershipControls"],
    ),
    "versioning": ({"versioning": "Enabled"}, {}, {"versioning": "Suspended"}, ["versioning"]),
    "lifecycle": (
        {"lifecycle": {"expire_days": 3, "prefix": "a/", "abort_incomplete_uploads_days": 7}},
        {"lifecycle": {"expire_days": 4, "noncurrent_expire_days": 1}},
        {"lifecycle": {}},
        ["lifecycle"],
    ),
    "tags": ({"tags": {"a": "1", "b": "x y"}}, {"tags": {"a": "2"}}, {"tags": {}, "purge_tags": True}, ["tagging"]),
}


def option_stages(name: str) -> list[Options]:
    return [*FACETS[name][:3]]


@pytest.mark.parametrize("store", ["seaweedfs", "moto", "localemu", "ministack"])
@pytest.mark.parametrize("name", sorted(FACETS))
def test_reconcile_facet_is_set_changed_and_removed(new_bucket: NewBucket, store: str, name: str) -> None:
    if (store, name) == ("seaweedfs", "block_public_access"):
        pytest.skip("has no public access block, see the test of the missing public access block")
    bucket = new_bucket(store).create()
    if (store, name) == ("localemu", "encryption"):
        pytest.skip("does not return it after its removal, see the test of the default encryption of the store")
    is_always_encrypted = (store, name) == ("ministack", "encryption")
    # New buckets of this store are encrypted and have a public access block.
    has_initial_block = (store, name) == ("localemu", "block_public_access")
    *stages, subresources = FACETS[name]
    for options in filter(None, [stages[2], *stages[:2]] if has_initial_block else stages):
        planned = bucket.run(check_mode=True, **options)
        assert bucket.writes == []
        outcome = bucket.run(**options)
        if is_always_encrypted:
            # The store always returns AES256. Only the requests show that nothing changes.
            assert not outcome.changed
            continue
        assert (planned.result, planned.before, planned.after) == (outcome.result, outcome.before, outcome.after)
        assert outcome.changed
        assert name in outcome.result["changes"]
        assert outcome.before != outcome.after
        assert bucket.warnings == []
        second = bucket.run(**options)
        assert (second.changed, second.before, second.after) == (False, {}, {})
        # Some stores add default values.
        assert name == "cors_rules" or second.result["bucket"] == outcome.result["bucket"]
        # One read for each subresource, and one listing for each folder.
        is_removed = name == "encryption" and options == stages[2]
        assert [line for line in bucket.described_requests if line == "HEAD"] == (["HEAD"] if is_removed else [])
        reads = [line.partition("?")[2] for line in bucket.described_requests if line != "HEAD"]
        assert set(reads) <= set(subresources)
        assert len(reads) == max(len(subresources), len(options.get("folders", [])))
        value = bucket.info(facets=[name])["bucket"][name]
        if name not in ("folders", "cors_rules"):
            assert value == (outcome.result["bucket"].get(name) or value)


def test_reconcile_all_facets_read_concurrently(new_bucket: NewBucket) -> None:
    bucket = new_bucket("moto")
    options = {key: value for facet in FACETS.values() for key, value in facet[0].items()}
    # moto denies requests by policy without evaluating the condition. Folders could not be created afterwards.
    options.update(require_encryption=False, block_public_access=True)
    planned = bucket.run(check_mode=True, **options)
    assert not bucket.exists()
    outcome = bucket.run(**options)
    assert planned.result["changes"] == outcome.result["changes"]
    assert planned.after == outcome.after
    assert planned.before == outcome.before == {}
    bucket.run(**options)
    assert (bucket.writes, len(bucket.described_requests)) == ([], 10)
    bucket.proxy.latency = 0.4
    started = time.monotonic()
    assert not bucket.run(**options).changed
    # Ten requests. Two of them, for the folders, are sequential.
    assert time.monotonic() - started < 3 * 0.4 + 1.5


@pytest.mark.parametrize("store", ["seaweedfs", "moto", "rclone"])
def test_reconcile_bucket_is_created_and_deleted(new_bucket: NewBucket, store: str) -> None:
    bucket = new_bucket(store)
    assert bucket.run(check_mode=True).result["changes"] == ["bucket"]
    assert not bucket.exists()
    assert bucket.run().result["bucket"] == {
        "name": bucket.name,
        "exists": True,
        "url": f"{bucket.proxy.url}/{bucket.name}",
        "region": "us-east-1",
    }
    assert bucket.exists()
    assert not bucket.run().changed
    assert bucket.described_requests == ["HEAD"]
    bucket.client.put_object(Bucket=bucket.name, Key="a/recording", Body=b"1")
    for check_mode in (True, False):
        text = bucket.assert_failure(errors.RejectedError, check_mode, state="absent")
        assert "it contains objects, versions of objects or uploads in progress" in text
        assert bucket.writes == []
    assert bucket.run(check_mode=True, state="absent", force=True).changed
    assert bucket.keys() == ["a/recording"]
    deletion = bucket.run(state="absent", force=True)
    assert deletion.result["removed"] == {"objects": 1, "uploads": 0}
    assert not bucket.exists()
    assert not bucket.run(state="absent").changed


def test_reconcile_encryption_creates_missing_bucket(new_bucket: NewBucket) -> None:
    """SeaweedFS returns the same response for a missing bucket and for a bucket without default encryption."""
    bucket = new_bucket("seaweedfs")
    assert bucket.run(encryption="s3").result["changes"] == ["bucket", "encryption"]
    assert bucket.exists()


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_reconcile_absent_upload_in_progress_is_rejected(new_bucket: NewBucket, store: str) -> None:
    bucket = new_bucket(store).create()
    bucket.client.create_multipart_upload(Bucket=bucket.name, Key="a")
    bucket.assert_failure(errors.RejectedError, state="absent")
    assert bucket.exists()


@pytest.mark.parametrize(("store", "count"), [("seaweedfs", 1001), ("moto", 21)])
def test_reconcile_absent_force_deletes_versions_and_uploads(
    new_bucket: NewBucket, store: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if count < objects.MOST_DELETED:
        monkeypatch.setattr(objects, "MOST_DELETED", 10)
    bucket = new_bucket(store).create()
    client, name = bucket.client, bucket.name
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    # More than one page.
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: client.put_object(Bucket=name, Key=f"k/{n}", Body=b""), range(count)))
    for _unused in range(2):
        client.put_object(Bucket=name, Key="a", Body=b"1")
        client.delete_object(Bucket=name, Key="a")
    for _unused in range(2):
        client.create_multipart_upload(Bucket=name, Key="open")
    deletion = bucket.run(state="absent", force=True)
    assert deletion.result["removed"] == {"objects": count + 4, "uploads": 2}
    assert not bucket.exists()


UNMANAGED_STATEMENT = {"Sid": "Unmanaged", "Effect": "Deny", "Principal": "*", "Action": ["s3:DeleteBucketWebsite"]}
UNMANAGED_RULE = {
    "ID": "unmanaged",
    "Status": "Enabled",
    "Filter": {"And": {"Prefix": "x/", "Tags": [{"Key": "k", "Value": "v"}]}},
    "Expiration": {"Days": 9},
}


def put_unmanaged_settings(bucket: BucketEnvironment) -> None:
    client, name = bucket.client, bucket.name
    statement = {**UNMANAGED_STATEMENT, "Resource": [f"arn:aws:s3:::{name}"]}
    client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [UNMANAGED_RULE]})
    client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "unmanaged", "Value": "1"}]})


def unmanaged_settings(bucket: BucketEnvironment) -> list[Any]:
    policy = {key: value for key, value in bucket.statements().get("Unmanaged", {}).items() if key != "Resource"}
    rules = [
        entry
        for entry in bucket.get_bucket_config("get_bucket_lifecycle_configuration")["Rules"]
        if entry["ID"] == "unmanaged"
    ]
    tags = [entry for entry in bucket.get_bucket_config("get_bucket_tagging")["TagSet"] if entry["Key"] == "unmanaged"]
    return [{**policy, "Action": list(_as_list(policy["Action"]))}, rules, tags]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("store", ["seaweedfs", "moto", "localemu", "ministack"])
def test_reconcile_unmanaged_settings_are_kept(new_bucket: NewBucket, store: str) -> None:
    bucket = new_bucket(store).create()
    put_unmanaged_settings(bucket)
    before = unmanaged_settings(bucket)
    assert before[0]["Sid"] == "Unmanaged"
    names = ("public_prefixes", "require_encryption", "lifecycle", "tags")
    for stage in range(3):
        options = {key: value for name in names for key, value in option_stages(name)[stage].items()}
        options.pop("purge_tags", None)
        bucket.run(**options)
        assert unmanaged_settings(bucket) == before
        assert not bucket.run(**options).changed
    assert set(bucket.statements()) == {"Unmanaged"}


def test_reconcile_public_prefix_makes_only_its_objects_public(new_bucket: NewBucket) -> None:
    bucket = new_bucket("seaweedfs").create()
    for key in ("open/a", "opened", "closed/a", ".vonage-archiving/1.json"):
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"x")
    assert not bucket.is_public("open/a")
    bucket.run(public_prefixes=["open"])
    assert bucket.is_public("open/a")
    assert not any(map(bucket.is_public, ("opened", "closed/a", ".vonage-archiving/1.json", "")))
    bucket.run(public_prefixes=[])
    assert not bucket.is_public("open/a")


def test_reconcile_require_encryption_rejects_unencrypted_uploads(new_bucket: NewBucket) -> None:
    bucket = new_bucket("seaweedfs")
    # The folder is created, although the policy that requires encryption is applied first.
    bucket.run(require_encryption=True, folders=["a"])
    with pytest.raises(ClientError, match="AccessDenied"):
        bucket.client.put_object(Bucket=bucket.name, Key="a/plain", Body=b"")
    bucket.client.put_object(Bucket=bucket.name, Key="a/sse", Body=b"", ServerSideEncryption="AES256")
    assert bucket.keys() == ["a/", "a/sse"]


def test_reconcile_store_without_public_access_block_raises_unsupported_error(new_bucket: NewBucket) -> None:
    bucket = new_bucket("seaweedfs").create()
    text = bucket.assert_failure(errors.UnsupportedError, block_public_access=True, encryption="s3")
    assert "Could not read the public access block of bucket" in text
    assert f"the S3 store at {bucket.proxy.url} responded with NotImplemented" in text
    assert bucket.writes == []
    # The option is not set. In a store without a public access block, the policy is sufficient.
    outcome = bucket.run(public_prefixes=["a"])
    assert outcome.result["changes"] == ["public_prefixes"]
    assert "block_public_access" not in outcome.result["bucket"]
    assert (outcome.result["unsupported"], bucket.warnings) == ([], [])
    # An inactive block equals a missing one.
    assert not bucket.run(block_public_access=False).changed
    assert bucket.warnings == []


def test_reconcile_skip_unsupported_applies_supported_options(new_bucket: NewBucket) -> None:
    bucket = new_bucket("seaweedfs").create()
    options: Options = {"block_public_access": True, "encryption": "s3", "tags": {"a": "1"}}
    skip: Options = {"skip_unsupported": ["block_public_access", "encryption", "lifecycle"]}
    planned = bucket.run(check_mode=True, **options, **skip)
    outcome = bucket.run(**options, **skip)
    assert planned.result == outcome.result
    assert (outcome.result["changes"], outcome.result["unsupported"]) == (
        ["encryption", "tags"],
        ["block_public_access"],
    )
    assert "block_public_access" not in outcome.result["bucket"]
    [warning] = bucket.warnings
    assert warning.startswith("block_public_access is skipped, since it is in skip_unsupported: the S3 store at ")
    assert bucket.get_bucket_config("get_bucket_tagging")["TagSet"] == [{"Key": "a", "Value": "1"}]
    second = bucket.run(**options, **skip)
    assert (second.changed, second.result["unsupported"], len(bucket.warnings)) == (False, ["block_public_access"], 1)
    assert bucket.writes == []


PUBLIC_POLICY_BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": False,
    "RestrictPublicBuckets": False,
}
FULL_BLOCK = dict.fromkeys(PUBLIC_POLICY_BLOCK, True)


@pytest.mark.parametrize("store", ["ministack", "moto", "localemu"])
def test_reconcile_public_prefixes_write_the_policy_while_the_block_is_off(new_bucket: NewBucket, store: str) -> None:
    """ministack rejects a public policy while the public access block is active."""
    bucket = new_bucket(store).create()
    bucket.run(block_public_access=True)
    assert bucket.get_bucket_config("get_public_access_block")["PublicAccessBlockConfiguration"] == FULL_BLOCK
    if store == "ministack":
        statement = {"Sid": "X", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        policy = {"Statement": [{**statement, "Resource": f"arn:aws:s3:::{bucket.name}/*"}]}
        with pytest.raises(ClientError, match="AccessDenied"):
            bucket.client.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps(policy))
    bucket.run(public_prefixes=["a"])
    assert bucket.writes == ["PUT ?publicAccessBlock", "PUT ?policy"]
    assert bucket.get_bucket_config("get_public_access_block")["PublicAccessBlockConfiguration"] == PUBLIC_POLICY_BLOCK
    bucket.run(public_prefixes=[])
    assert bucket.writes == ["DELETE ?policy", "PUT ?publicAccessBlock"]
    assert bucket.get_bucket_config("get_public_access_block")["PublicAccessBlockConfiguration"] == FULL_BLOCK


@pytest.mark.parametrize("store", ["ministack", "moto"])
def test_reconcile_block_activated_manually_is_repaired_without_exposure(new_bucket: NewBucket, store: str) -> None:
    """Prefixes that are no longer in the options never become public, and no write is rejected."""
    bucket = new_bucket(store).create()
    bucket.run(public_prefixes=["a", "b"])
    bucket.client.put_public_access_block(Bucket=bucket.name, PublicAccessBlockConfiguration=FULL_BLOCK)
    bucket.run(public_prefixes=["a"], require_encryption=True)
    assert bucket.writes == ["PUT ?policy", "PUT ?publicAccessBlock", "PUT ?policy"]
    assert bucket.statements()["VonageArchivingPublicRead"]["Resource"] == [f"arn:aws:s3:::{bucket.name}/a/*"]
    bucket.client.put_public_access_block(Bucket=bucket.name, PublicAccessBlockConfiguration=FULL_BLOCK)
    # The option for the block is not set, and the block stays. The store rejects the policy that contains the
    # public statement.
    if store == "ministack":
        text = bucket.assert_failure(errors.DeniedError, require_encryption=False)
        assert "VonageArchivingPublicRead" in text
    assert not bucket.run(block_public_access=True).changed
    assert bucket.run(block_public_access=True, public_prefixes=[], require_encryption=False).changed
    assert bucket.statements() == {}


def test_reconcile_block_and_policy_writes_policy_first(new_bucket: NewBucket) -> None:
    bucket = new_bucket("ministack").create()
    bucket.run(public_prefixes=["a"])
    assert bucket.run(block_public_access=True, require_encryption=True).changed
    assert bucket.writes == ["PUT ?policy", "PUT ?publicAccessBlock"]


def test_reconcile_encryption_none_store_always_encrypts_is_unchanged(new_bucket: NewBucket) -> None:
    bucket = new_bucket("ministack")
    assert bucket.run(encryption="none").result["changes"] == ["bucket"]
    outcome = bucket.run(encryption="none")
    assert (outcome.changed, outcome.before, outcome.after) == (False, {}, {})
    assert outcome.result["bucket"]["encryption"] == "s3"


def test_reconcile_encryption_default_of_store_is_unchanged(new_bucket: NewBucket) -> None:
    bucket = new_bucket("localemu").create()
    assert not bucket.run(encryption="s3").changed
    assert bucket.run(encryption="none").result["changes"] == ["encryption"]
    assert not bucket.run(encryption="none").changed


# The desired values that a store without the feature satisfies.
SATISFIED_WITHOUT_FEATURE: list[Options] = [
    {"encryption": "none"},
    {"cors_rules": []},
    {"public_prefixes": []},
    {"block_public_access": False},
    {"require_encryption": False},
    {"require_tls": False},
    {"versioning": "Suspended"},
    {"lifecycle": {}},
    {"lifecycle": {"expire_days": 0, "abort_incomplete_uploads_days": 0}},
    {"tags": {}, "purge_tags": True},
    {"tags": {}, "purge_tags": False},
]
REQUIRES_FEATURE = [
    options
    for name, facet in sorted(FACETS.items())
    if name not in ("folders", "versioning")
    for options in facet[:3]
    if options and options not in SATISFIED_WITHOUT_FEATURE
]


@pytest.mark.parametrize("options", REQUIRES_FEATURE, ids=str)
def test_reconcile_missing_feature_raises_unsupported_error(new_bucket: NewBucket, options: Options) -> None:
    bucket = new_bucket("rclone").create()
    for check_mode in (True, False):
        text = bucket.assert_failure(errors.UnsupportedError, check_mode, **options)
        assert any(f"the S3 store at {bucket.proxy.url} {verb} " in text for verb in ("responded with", "returned"))
        assert "The store probably does not support" in text
        assert bucket.writes == []
    for check_mode in (True, False, False):
        outcome = bucket.run(check_mode, **options, skip_unsupported=list(options))
        assert (outcome.changed, outcome.result["unsupported"]) == (False, list(options))
        assert outcome.result["bucket"].keys() == {"name", "exists", "url", "region"}
        assert [warning.partition(" ")[0] for warning in bucket.warnings] == list(options)
        assert bucket.writes == []
    assert bucket.exists()


@pytest.mark.parametrize("options", SATISFIED_WITHOUT_FEATURE, ids=str)
def test_reconcile_missing_feature_satisfies_empty_value(new_bucket: NewBucket, options: Options) -> None:
    bucket = new_bucket("rclone").create()
    for check_mode in (True, False):
        outcome = bucket.run(check_mode, **options)
        assert (outcome.changed, outcome.result["unsupported"], bucket.warnings) == (False, [], [])
        assert bucket.writes == []
    name = next(iter(options))
    assert name in outcome.result["bucket"] or name in ("public_prefixes", "versioning")
    assert bucket.exists()


def test_reconcile_versioning_rejected_on_write_raises_unsupported_error(new_bucket: NewBucket) -> None:
    bucket = new_bucket("rclone").create()
    assert "NotImplemented" in bucket.assert_failure(errors.UnsupportedError, versioning="Enabled")
    for _unused in range(2):
        outcome = bucket.run(versioning="Enabled", skip_unsupported=["versioning"])
        assert (outcome.changed, outcome.result["changes"], outcome.result["unsupported"]) == (
            False,
            [],
            ["versioning"],
        )
        [warning] = bucket.warnings
        assert "versioning is skipped, since it is in skip_unsupported: " in warning
        assert "NotImplemented" in warning
    assert bucket.exists()


def test_reconcile_new_bucket_skips_missing_features(new_bucket: NewBucket) -> None:
    bucket = new_bucket("rclone")
    options: Options = {
        "encryption": "s3",
        "lifecycle": {"expire_days": 1},
        "public_prefixes": ["a"],
        "versioning": "Enabled",
        "cors_rules": [],
    }
    skip = ["encryption", "lifecycle", "public_prefixes", "versioning"]
    outcome = bucket.run(**options, skip_unsupported=skip)
    assert (outcome.result["changes"], outcome.result["unsupported"]) == (["bucket"], skip)
    assert outcome.result["bucket"]["cors_rules"] == []
    assert len(bucket.warnings) == len(skip)
    assert bucket.exists()
    second = bucket.run(**options, skip_unsupported=skip)
    assert (second.changed, second.result["unsupported"], len(bucket.warnings)) == (False, skip, len(skip))


def test_reconcile_folders_in_store_of_files_lose_no_recording(new_bucket: NewBucket) -> None:
    bucket = new_bucket("rclone").create()
    bucket.client.put_object(Bucket=bucket.name, Key="a/recording", Body=b"1")
    bucket.client.put_object(Bucket=bucket.name, Key="b", Body=b"1")
    bucket.run(folders=["a"])
    bucket.assert_failure(errors.UnsupportedError, folders=["b"])
    bucket.assert_failure(errors.UnsupportedError, folders=["c"])
    assert bucket.keys() == ["a/recording", "b"]
    skipped = bucket.run(folders=["b", "c"], skip_unsupported=["folders"])
    assert (skipped.changed, skipped.result["unsupported"], len(bucket.warnings)) == (False, ["folders"], 1)
    assert bucket.keys() == ["a/recording", "b"]
    # The object that the store created instead of the folder would have blocked all uploads below it.
    bucket.client.put_object(Bucket=bucket.name, Key="c/recording", Body=b"1")


# The documented permissions by option. The first one is for reads.
ACTIONS: dict[str, list[str]] = {
    "encryption": ["s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration"],
    "cors_rules": ["s3:GetBucketCORS", "s3:PutBucketCORS"],
    "folders": ["s3:ListBucket", "s3:GetObject", "s3:PutObject"],
    "require_encryption": ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"],
    "object_ownership": ["s3:GetBucketOwnershipControls", "s3:PutBucketOwnershipControls"],
    "versioning": ["s3:GetBucketVersioning", "s3:PutBucketVersioning"],
    # The last two permissions are for a period that is shorter than before.
    "lifecycle": [
        "s3:GetLifecycleConfiguration",
        "s3:PutLifecycleConfiguration",
        "s3:ListBucket",
        "s3:GetBucketVersioning",
    ],
    "tags": ["s3:GetBucketTagging", "s3:PutBucketTagging"],
    "block_public_access": ["s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"],
}


# moto treats unknown subresources as requests for the bucket.
UNKNOWN_TO_MOTO = ["s3:ListBucket", "s3:CreateBucket", "s3:DeleteBucket"]
# The names of the actions in moto, and the actions that SeaweedFS supports.
STORE_ACTIONS = {
    "moto-iam": {
        "encryption": UNKNOWN_TO_MOTO,
        "block_public_access": UNKNOWN_TO_MOTO,
        "object_ownership": UNKNOWN_TO_MOTO,
        "cors_rules": ["s3:GetBucketCors", "s3:PutBucketCors", "s3:DeleteBucketCors"],
        "lifecycle": ["s3:GetBucketLifecycle", "s3:PutBucketLifecycle", "s3:DeleteBucketLifecycle"],
        "tags": ["s3:DeleteBucketTagging"],
    },
    "seaweedfs": {
        "cors_rules": ["s3:GetBucketCors", "s3:PutBucketCors", "s3:DeleteBucketCors"],
        "tags": ["s3:GetBucketTagging", "s3:PutBucketTagging", "s3:DeleteBucketTagging"],
    },
}


def permissions(store: str, name: str) -> list[str]:
    """The documented actions. SeaweedFS rejects a policy with unknown actions."""
    store_actions = STORE_ACTIONS[store].get(name, [])
    return store_actions if store_actions and store == "seaweedfs" else [*ACTIONS[name], *store_actions]


@pytest.mark.parametrize(
    ("store", "name"),
    [("moto-iam", name) for name in sorted(ACTIONS)]
    + [("seaweedfs", name) for name in ("cors_rules", "folders", "require_encryption", "tags")],
)
def test_reconcile_documented_permissions_are_sufficient_and_required(
    new_bucket: NewBucket, store: str, name: str
) -> None:
    bucket = new_bucket(store).create()
    user = bucket.user(*permissions(store, name))
    for options in filter(None, FACETS[name][:3]):
        assert bucket.run(**options, **user).changed
        assert bucket.warnings == []
        assert not bucket.run(**options, **user).changed
    other_user = bucket.user("s3:GetBucketLocation")
    text = bucket.assert_failure(errors.DeniedError, **FACETS[name][0], **other_user)
    assert f"These credentials need the permission {ACTIONS[name][0]} here." in text
    assert bucket.writes == []


@pytest.mark.parametrize("store", ["seaweedfs", "moto-iam"])
def test_reconcile_denied_bucket_names_unique_names(new_bucket: NewBucket, store: str) -> None:
    bucket = new_bucket(store).create()
    other_user = bucket.user("s3:GetBucketLocation")
    cases: list[Options] = [{}, {"state": "absent"}, {"cors_rules": []}]
    for options in cases:
        assert "names are unique among all accounts" in bucket.assert_failure(
            errors.DeniedError, **options, **other_user
        )
    assert bucket.exists()


def test_reconcile_bucket_created_concurrently_keeps_its_settings(new_bucket: NewBucket) -> None:
    bucket = new_bucket("seaweedfs")

    def overtake(_n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and not request.query and not bucket.exists():
            bucket.create()
            put_unmanaged_settings(bucket)

    bucket.proxy.before = overtake
    bucket.run(require_encryption=True, tags={"a": "1"})
    assert set(bucket.statements()) == {"Unmanaged", "VonageArchivingRequireEncryption"}
    assert len(bucket.get_bucket_config("get_bucket_tagging")["TagSet"]) == 2


# The kinds of errors that responses of the store cause.
RESPONSES: list[tuple[int, str, type[errors.ArchivingError]]] = [
    (403, "AccessDenied", errors.DeniedError),
    (403, "SignatureDoesNotMatch", errors.DeniedError),
    (404, "NoSuchUpload", errors.NotFoundError),
    (400, "InvalidRequest", errors.RejectedError),
    (409, "BucketAlreadyExists", errors.ConflictError),
    (501, "NotImplemented", errors.UnsupportedError),
]


@pytest.mark.parametrize(("status", "code", "kind"), RESPONSES)
def test_reconcile_error_response_raises_typed_error(
    new_bucket: NewBucket, status: int, code: str, kind: type[errors.ArchivingError]
) -> None:
    bucket = new_bucket("seaweedfs")
    with error_server(status, code) as url:
        bucket.assert_failure(kind, endpoint_url=url)
    assert not bucket.exists()


def test_reconcile_store_unreachable_raises_unreachable_error(new_bucket: NewBucket) -> None:
    text = new_bucket("seaweedfs").assert_failure(errors.UnreachableError, endpoint_url=NOWHERE)
    assert "Could not connect to the endpoint URL" in text


def test_reconcile_unrelated_objects_raise_not_managed_error(new_bucket: NewBucket) -> None:
    bucket = new_bucket("seaweedfs").create()
    bucket.client.put_object(Bucket=bucket.name, Key="finance/ledger.csv", Body=b"x")
    for check_mode in (True, False):
        text = bucket.assert_failure(errors.NotManagedError, check_mode, project="47123456", encryption="s3")
        assert "add adopt_bucket to the option allow" in text
        assert bucket.writes == []


def test_reconcile_invalid_options_raise_input_error_without_a_request(new_bucket: NewBucket) -> None:
    bucket = new_bucket("seaweedfs")
    text = bucket.assert_failure(errors.InputError, name="Not A Bucket", folders=["../a"], tags={"a": "x" * 300})
    assert all(problem in text for problem in ("name: 'Not A Bucket'", "'../a'", "the value of tag 'a'"))
    assert bucket.described_requests == []


def test_reconcile_missing_library_raises_typed_error(new_bucket: NewBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = new_bucket("seaweedfs")
    with monkeypatch.context() as patch:
        without_libraries(patch, "boto3", "botocore")
        text = bucket.assert_failure(errors.MissingLibraryError, encryption="s3")
    assert "Install boto3 for this interpreter" in text
    assert not bucket.exists()


class KilledError(BaseException):
    """Simulates a kill. The code under test does not catch it."""


def all_options(public: bool) -> Options:
    stage = 0 if public else 1
    names = ("encryption", "cors_rules", "object_ownership", "versioning", "lifecycle", "tags", "folders")
    options = {key: value for name in names for key, value in (option_stages(name)[stage] or FACETS[name][0]).items()}
    prefixes = ["a"] if public else []
    return {**options, "public_prefixes": prefixes, "block_public_access": True, "require_encryption": public}


def test_reconcile_killed_after_any_write_next_run_repairs(
    new_bucket: NewBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill after a write equals a kill before the next one."""
    call = Bucket.call
    remaining = 0

    def call_and_kill(self: Bucket, operation: str, *args: Any, **params: Any) -> dict[str, Any]:
        nonlocal remaining
        response = call(self, operation, *args, **params)
        if operation.startswith(("put_", "create_", "delete_")):
            remaining -= 1
            if remaining == 0:
                raise KilledError
        return response

    def run_is_killed(options: Options, after: int) -> bool:
        nonlocal remaining
        remaining = after
        try:
            bucket.run(**options)
        except KilledError:
            return True
        finally:
            remaining = 0
        return False

    monkeypatch.setattr(Bucket, "call", call_and_kill)
    bucket = new_bucket("moto")
    # moto would reject folders while the policy denies uploads, because it ignores conditions.
    public, private = {**all_options(True), "require_encryption": False}, all_options(False)
    kills = 0
    for after in range(1, 20):
        kills_of_round = [run_is_killed(public, after)]
        statement = bucket.statements().get("VonageArchivingPublicRead")
        assert statement is None or statement["Resource"] == [f"arn:aws:s3:::{bucket.name}/a/*"]
        bucket.run(**public)
        assert (
            bucket.get_bucket_config("get_public_access_block")["PublicAccessBlockConfiguration"] == PUBLIC_POLICY_BLOCK
        )
        kills_of_round.append(run_is_killed(private, after))
        # The first write deletes the public statement.
        assert bucket.statements() == {}
        bucket.run(**private)
        assert bucket.statements() == {}
        kills += sum(kills_of_round)
        if not any(kills_of_round):
            break
        bucket.run(state="absent", force=True)
    assert not bucket.run(**private).changed
    assert kills >= 18
