# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``archive_upload_check`` with real stores: its checks, and the objects that it leaves."""

from __future__ import annotations

import datetime
import functools
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import cleanup as upload_cleanup
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.reconcile import reconcile
from tests.e2e import forked_process
from tests.e2e.fork_server import preload
from tests.e2e.module_runs import without_libraries
from tests.sandbox import DropConnection, ProxiedRequest, RecordingProxy, Sandbox, Store

pytestmark = pytest.mark.xdist_group("archive_upload_check")

PREFIX = "45678901"
ORIGIN = "https://www.example.com"
Statement = dict[str, Any]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("seaweedfs", "moto-iam", "rclone"), vonage=False) as running:
        yield running


@dataclass
class UploadCheckScenario:
    """A bucket on one store, and the warnings of the last check."""

    store: Store
    bucket: str
    warnings: list[str] = field(default_factory=list)

    @functools.cached_property
    def client(self) -> Any:
        return self.store.client()

    @property
    def operator(self) -> tuple[str, str]:
        return self.store.access_key, self.store.secret_key

    def arn(self, path: str = "") -> str:
        return f"arn:aws:s3:::{self.bucket}{path}"

    def allow(self, *actions: str, on: str) -> Statement:
        return {"Effect": "Allow", "Action": [f"s3:{action}" for action in actions], "Resource": [self.arn(on)]}

    def create_user(self, *statements: Statement) -> tuple[str, str]:
        """Create a user with these permissions, and return its key."""
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        return self.store.make_user(f"user-{secrets.token_hex(4)}", policy)

    def create_uploader(self) -> tuple[str, str]:
        """Create a user with the least permissions for uploads, and return its key."""
        return self.create_user(self.allow("PutObject", on=f"/{PREFIX}/*"))

    def options(self, key: tuple[str, str], **options: Any) -> dict[str, Any]:
        operator = options.pop("operator", self.operator)
        s3 = {
            "bucket": self.bucket,
            "access_key": key[0],
            "secret_key": key[1],
            "endpoint": self.store.endpoint_url,
            **options.pop("s3", {}),
        }
        keys = {"access_key": operator[0], "secret_key": operator[1]} if operator else {}
        return {"s3": s3, "prefix": PREFIX, "region": "us-east-1", "timeout": 20, **keys, **options}

    def check(self, key: tuple[str, str], environ: Mapping[str, str] | None = None, **options: Any) -> Outcome:
        self.warnings.clear()
        context = Context(environ=environ or {}, warn=self.warnings.append)
        outcome = reconcile(self.options(key, **options), context)
        assert not outcome.changed
        output = json.dumps([outcome.result, outcome.failed, self.warnings])
        assert key[1] not in output
        assert self.store.secret_key not in output
        return outcome

    def list_contents(self) -> list[str]:
        """All objects, versions, delete markers, and uploads in progress."""
        contents = [entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]
        if self.store.name != "rclone":
            versions = self.client.list_object_versions(Bucket=self.bucket)
            ids = [version for version in versions.get("Versions", []) if version["VersionId"] != "null"]
            contents += [f"{version['Key']}@{version['VersionId']}" for version in ids]
            markers = versions.get("DeleteMarkers", [])
            contents += [f"{marker['Key']}@{marker['VersionId']} deleted" for marker in markers]
        uploads = self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return contents + [f"{upload['Key']} open" for upload in uploads]

    def make_public(self) -> None:
        statement = {**self.allow("GetObject", on=f"/{PREFIX}/*"), "Principal": "*", "Sid": "Public"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.client.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy))

    def allow_cors(self) -> None:
        rule = {"AllowedOrigins": [ORIGIN], "AllowedMethods": ["GET"]}
        self.client.put_bucket_cors(Bucket=self.bucket, CORSConfiguration={"CORSRules": [rule]})

    def enable_versioning(self) -> None:
        self.client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})


def new_scenario(store: Store) -> UploadCheckScenario:
    scenario = UploadCheckScenario(store, f"check-{secrets.token_hex(5)}")
    scenario.client.create_bucket(Bucket=scenario.bucket)
    return scenario


@pytest.fixture(params=["seaweedfs", "moto-iam"])
def scenario(sandbox: Sandbox, request: pytest.FixtureRequest) -> UploadCheckScenario:
    """A bucket on each store with an IAM API."""
    return new_scenario(sandbox.stores[request.param])


@pytest.fixture
def seaweedfs(sandbox: Sandbox) -> UploadCheckScenario:
    """A bucket on the store that responds to anonymous requests and preflights like S3."""
    return new_scenario(sandbox.stores["seaweedfs"])


def results(outcome: Outcome) -> dict[str, bool]:
    return {check["name"]: check["ok"] for check in outcome.result["checks"]}


def detail(outcome: Outcome, name: str) -> str:
    [text] = [check["detail"] for check in outcome.result["checks"] if check["name"] == name]
    return str(text)


def test_reconcile_correct_setup_passes_all_checks(seaweedfs: UploadCheckScenario) -> None:
    seaweedfs.allow_cors()
    outcome = seaweedfs.check(
        seaweedfs.create_uploader(), expect_public=False, expect_least_privilege=True, cors_origin=ORIGIN
    )
    assert list(results(outcome)) == outcome.result["planned"]
    assert len(results(outcome)) == 13
    assert all(results(outcome).values()), outcome.failed
    assert outcome.failed == ""
    assert outcome.result["cleanup"] == {"ok": True, "detail": "Objects and uploads deleted: 2.", "left": []}
    assert outcome.result["url"] == f"{seaweedfs.store.endpoint_url}/{seaweedfs.bucket}/{PREFIX}/"
    assert seaweedfs.list_contents() == []


def test_reconcile_least_privilege_passes_on_each_store(scenario: UploadCheckScenario) -> None:
    outcome = scenario.check(scenario.create_uploader(), expect_public=False, expect_least_privilege=True)
    assert outcome.failed == ""
    assert len(results(outcome)) == 12
    assert scenario.list_contents() == []


def test_reconcile_uploads_have_the_requests_of_vonage(seaweedfs: UploadCheckScenario) -> None:
    with RecordingProxy(seaweedfs.store.endpoint_url) as proxy:
        key = seaweedfs.create_uploader()
        outcome = seaweedfs.check(key, s3={"endpoint": proxy.url}, endpoint_url=seaweedfs.store.endpoint_url)
        assert outcome.failed == ""
        puts = [request for request in proxy.requests if request.method in ("PUT", "POST")]
        others = [f"{request.method} {request.query}" for request in proxy.requests if request not in puts]
    # The operator's requests do not use the proxy. The uploader sends one PUT, and four requests of a multipart upload.
    assert len(puts) == 5
    listing = "GET list-type=2&max-keys=1"
    assert others == [listing, f"{listing}&prefix={PREFIX}%2F"]
    assert all(f"Credential={key[0]}/" in request.headers.get("authorization", "") for request in puts)
    names = {request.path.rsplit("/", 1)[1] for request in puts}
    assert names == {"archive.mp4", "archive.zip"}
    folders = {request.path.split("/")[3] for request in puts}
    assert len(folders) == 1
    encryption = [request.headers.get("x-amz-server-side-encryption") for request in puts]
    assert encryption.count("AES256") == 2  # S3 accepts the header only for PutObject and CreateMultipartUpload


def test_reconcile_single_part_without_encryption_passes(scenario: UploadCheckScenario) -> None:
    outcome = scenario.check(scenario.create_uploader(), multipart=False, s3={"sse": "none"})
    assert list(results(outcome)) == ["credentials", "put_object", "stored_encryption", "anonymous_list"]
    assert outcome.failed == ""
    assert detail(outcome, "stored_encryption") == 'Stored with "no encryption"; no encryption was requested.'
    assert scenario.list_contents() == []


def test_reconcile_sse_none_reports_the_default_encryption(scenario: UploadCheckScenario) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    scenario.client.put_bucket_encryption(Bucket=scenario.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    outcome = scenario.check(scenario.create_uploader(), s3={"sse": "none"})
    assert outcome.failed == ""
    assert detail(outcome, "stored_encryption") == 'Stored with "AES256"; no encryption was requested.'


def test_reconcile_wrong_secret_fails_immediately(scenario: UploadCheckScenario) -> None:
    key = scenario.create_uploader()[0], secrets.token_hex(20)
    started = time.monotonic()
    outcome = scenario.check(key, expect_least_privilege=True)
    assert time.monotonic() - started < 10
    assert results(outcome) == {"credentials": False}
    assert "SignatureDoesNotMatch" in outcome.failed
    assert "The secret key does not belong to the access key" in outcome.failed
    assert outcome.result["cleanup"]["ok"]
    assert scenario.list_contents() == []


def test_reconcile_unknown_key_fails_after_the_timeout(scenario: UploadCheckScenario) -> None:
    started = time.monotonic()
    outcome = scenario.check(("AKIA" + "Q" * 16, secrets.token_hex(20)), timeout=2)
    assert 2 <= time.monotonic() - started < 8
    assert results(outcome) == {"credentials": False}
    assert "Still not valid after 2 s" in outcome.failed


def test_reconcile_missing_bucket_fails_immediately(scenario: UploadCheckScenario) -> None:
    key = scenario.create_user({"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::*"]})
    started = time.monotonic()
    outcome = scenario.check(key, s3={"bucket": "no-such-bucket-here"})
    assert time.monotonic() - started < 10
    assert results(outcome) == {"put_object": False}
    assert "NoSuchBucket" in outcome.failed
    assert "Create the bucket no-such-bucket-here first" in outcome.failed
    assert "no-such-bucket-here" not in [bucket["Name"] for bucket in scenario.client.list_buckets()["Buckets"]]


def test_reconcile_unreachable_store_fails_immediately(seaweedfs: UploadCheckScenario) -> None:
    started = time.monotonic()
    outcome = seaweedfs.check(seaweedfs.create_uploader(), s3={"endpoint": "http://127.0.0.1:9"})
    assert time.monotonic() - started < 15
    assert results(outcome) == {"put_object": False}
    assert "http://127.0.0.1:9" in outcome.failed


def test_reconcile_missing_permission_fails_after_the_timeout(scenario: UploadCheckScenario) -> None:
    key = scenario.create_user(scenario.allow("PutObject", on="/elsewhere/*"))
    outcome = scenario.check(key, timeout=1)
    assert results(outcome) == {"credentials": True, "put_object": False}
    assert f"needs s3:PutObject on {scenario.bucket}/{PREFIX}/*" in outcome.failed
    assert scenario.list_contents() == []


def test_reconcile_delayed_permission_passes(scenario: UploadCheckScenario) -> None:
    name = f"late-{secrets.token_hex(4)}"
    insufficient = {"Version": "2012-10-17", "Statement": [scenario.allow("PutObject", on="/elsewhere/*")]}
    key = scenario.store.make_user(name, insufficient)
    sufficient = {"Version": "2012-10-17", "Statement": [scenario.allow("PutObject", on=f"/{PREFIX}/*")]}
    grant = threading.Timer(
        1.5,
        scenario.store.iam_client().put_user_policy,
        kwargs={"UserName": name, "PolicyName": f"{name}-policy", "PolicyDocument": json.dumps(sufficient)},
    )
    grant.start()
    outcome = scenario.check(key)
    grant.join()
    assert outcome.failed == ""
    assert scenario.list_contents() == []


@pytest.mark.parametrize("versioned", [False, True])
def test_reconcile_key_with_all_permissions_fails_least_privilege(
    scenario: UploadCheckScenario, versioned: bool
) -> None:
    if versioned:
        scenario.enable_versioning()
    key = scenario.create_user(scenario.allow("*", on=""), scenario.allow("*", on="/*"))
    outcome = scenario.check(key, expect_least_privilege=True)
    failed = [name for name, ok in results(outcome).items() if not ok]
    assert failed == ["no_read", "no_list_outside", "no_put_outside", "no_delete"]
    for action in ("s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject"):
        assert f"Remove {action} there from the permissions" in outcome.failed
    assert "4 of 11 checks failed" in outcome.failed
    assert outcome.result["cleanup"]["ok"]
    assert scenario.list_contents() == []


@pytest.mark.parametrize(
    ("action", "on", "name"),
    [
        ("GetObject", f"/{PREFIX}/*", "no_read"),
        ("ListBucket", "", "no_list_outside"),
        ("PutObject", "/*", "no_put_outside"),
        ("DeleteObject", f"/{PREFIX}/*", "no_delete"),
    ],
)
def test_reconcile_surplus_permission_fails_its_check(
    scenario: UploadCheckScenario, action: str, on: str, name: str
) -> None:
    key = scenario.create_user(scenario.allow("PutObject", on=f"/{PREFIX}/*"), scenario.allow(action, on=on))
    outcome = scenario.check(key, expect_least_privilege=True)
    assert [check for check, ok in results(outcome).items() if not ok] == [name]
    assert scenario.list_contents() == []


def test_reconcile_versioned_bucket_is_empty_afterwards(scenario: UploadCheckScenario) -> None:
    scenario.enable_versioning()
    outcome = scenario.check(scenario.create_uploader(), expect_least_privilege=True)
    assert outcome.failed == ""
    assert scenario.list_contents() == []


def test_reconcile_bucket_with_suspended_versioning_is_empty_afterwards(sandbox: Sandbox) -> None:
    # Only on moto: SeaweedFS does not delete the delete markers of a bucket with suspended versioning.
    scenario = new_scenario(sandbox.stores["moto-iam"])
    scenario.enable_versioning()
    scenario.client.put_bucket_versioning(Bucket=scenario.bucket, VersioningConfiguration={"Status": "Suspended"})
    outcome = scenario.check(scenario.create_uploader(), expect_least_privilege=True)
    assert outcome.failed == ""
    assert scenario.list_contents() == []


def test_reconcile_expect_public_differs_fails_anonymous_read(seaweedfs: UploadCheckScenario) -> None:
    key = seaweedfs.create_uploader()
    private = seaweedfs.check(key, expect_public=True, timeout=1)
    assert [name for name, ok in results(private).items() if not ok] == ["anonymous_read"]
    assert "HTTP 403. The probe should be readable." in private.failed
    seaweedfs.make_public()
    public = seaweedfs.check(key, expect_public=True, expect_least_privilege=True)
    assert public.failed == ""
    assert "Objects below this prefix can be read without a key" in detail(public, "no_read")
    wrong = seaweedfs.check(key, expect_public=False, timeout=1)
    assert [name for name, ok in results(wrong).items() if not ok] == ["anonymous_read"]
    assert "The probe should not be readable" in wrong.failed
    assert seaweedfs.list_contents() == []


@pytest.mark.parametrize("expect_public", [None, False, True])
@pytest.mark.parametrize("prefix", ["", f"{PREFIX}/*"], ids=["whole bucket", "prefix only"])
def test_reconcile_policy_allows_anonymous_list_fails_its_check(
    seaweedfs: UploadCheckScenario, expect_public: bool | None, prefix: str
) -> None:
    statements = [{**seaweedfs.allow("ListBucket", on=""), "Principal": "*", "Sid": "List"}]
    if prefix:
        statements[0]["Condition"] = {"StringLike": {"s3:prefix": [prefix]}}
    if expect_public:
        statements.append({**seaweedfs.allow("GetObject", on=f"/{PREFIX}/*"), "Principal": "*", "Sid": "Public"})
    seaweedfs.client.put_bucket_policy(
        Bucket=seaweedfs.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    key = seaweedfs.create_uploader()
    public_list = seaweedfs.check(key, expect_public=expect_public, timeout=1)
    assert [name for name, ok in results(public_list).items() if not ok] == ["anonymous_list"]
    assert (
        "lists objects: the keys of all recordings are public. Remove s3:ListBucket for all principals"
        in public_list.failed
    )
    seaweedfs.client.delete_bucket_policy(Bucket=seaweedfs.bucket)
    if expect_public:
        seaweedfs.make_public()
    private_list = seaweedfs.check(key, expect_public=expect_public)
    assert private_list.failed == ""
    assert detail(private_list, "anonymous_list") == "Listing the bucket without a key is refused (HTTP 403)."


def test_reconcile_acl_allows_anonymous_list_fails_its_check(seaweedfs: UploadCheckScenario) -> None:
    key = seaweedfs.create_uploader()
    seaweedfs.client.put_bucket_acl(Bucket=seaweedfs.bucket, ACL="public-read")
    public_list = seaweedfs.check(key, timeout=1)
    assert [name for name, ok in results(public_list).items() if not ok] == ["anonymous_list"]
    assert "set the ACL of the bucket to private" in public_list.failed
    seaweedfs.client.put_bucket_acl(Bucket=seaweedfs.bucket, ACL="private")
    assert seaweedfs.check(key).failed == ""


def test_reconcile_delayed_deletion_of_policy_passes(seaweedfs: UploadCheckScenario) -> None:
    statement = {**seaweedfs.allow("ListBucket", on=""), "Principal": "*", "Sid": "List"}
    seaweedfs.client.put_bucket_policy(
        Bucket=seaweedfs.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    closing = threading.Timer(1.5, seaweedfs.client.delete_bucket_policy, kwargs={"Bucket": seaweedfs.bucket})
    key = seaweedfs.create_uploader()
    closing.start()
    outcome = seaweedfs.check(key)
    closing.join()
    assert outcome.failed == ""


def test_reconcile_delayed_public_policy_passes(seaweedfs: UploadCheckScenario) -> None:
    opening = threading.Timer(1.5, seaweedfs.make_public)
    opening.start()
    outcome = seaweedfs.check(seaweedfs.create_uploader(), expect_public=True)
    opening.join()
    assert outcome.failed == ""


@pytest.mark.parametrize(("origin", "method"), [("https://other.example.com", "GET"), (ORIGIN, "DELETE")])
def test_reconcile_cors_rule_differs_fails_preflight(seaweedfs: UploadCheckScenario, origin: str, method: str) -> None:
    seaweedfs.allow_cors()
    outcome = seaweedfs.check(seaweedfs.create_uploader(), cors_origin=origin, cors_method=method, timeout=1)
    assert [name for name, ok in results(outcome).items() if not ok] == ["cors_preflight"]
    assert f"must allow the origin {origin} and the method {method}" in outcome.failed


def test_reconcile_no_cors_rules_fails_preflight(sandbox: Sandbox) -> None:
    # SeaweedFS allows every origin for a bucket without rules. moto responds to all preflights with headers for every
    # origin, methods that S3 does not have, and the status 403.
    scenario = new_scenario(sandbox.stores["moto-iam"])
    outcome = scenario.check(scenario.create_uploader(), cors_origin=ORIGIN, timeout=1)
    assert [name for name, ok in results(outcome).items() if not ok] == ["cors_preflight"]


def test_reconcile_store_ignores_encryption_fails_its_checks(sandbox: Sandbox) -> None:
    scenario = new_scenario(sandbox.stores["rclone"])
    outcome = scenario.check(scenario.operator)
    assert [name for name, ok in results(outcome).items() if not ok] == ["put_sse_echo", "multipart_sse_echo"]
    assert scenario.list_contents() == []
    assert scenario.bucket in [bucket["Name"] for bucket in scenario.client.list_buckets()["Buckets"]]


def test_reconcile_operator_cannot_delete_warns_of_leftovers(scenario: UploadCheckScenario) -> None:
    operator = scenario.create_user(scenario.allow("GetObject", on="/*"), scenario.allow("ListBucket", on=""))
    outcome = scenario.check(scenario.create_uploader(), operator=operator, multipart=False)
    assert outcome.failed == ""
    cleanup = outcome.result["cleanup"]
    assert not cleanup["ok"]
    [probe] = scenario.list_contents()
    assert cleanup["left"] == [f"s3://{scenario.bucket}/{probe}"]
    assert "Delete them manually." in cleanup["detail"]
    assert "s3:DeleteObject" in cleanup["detail"]
    assert scenario.warnings == [f"The upload check could not delete all of its probes. {cleanup['detail']}"]


@pytest.mark.parametrize("versioned", [False, True])
def test_reconcile_operator_with_documented_permissions_passes(scenario: UploadCheckScenario, versioned: bool) -> None:
    if versioned:
        scenario.enable_versioning()
    actions = ["GetObject", "DeleteObject", "DeleteObjectVersion", "AbortMultipartUpload"]
    operator = scenario.create_user(
        scenario.allow(*actions, on=f"/{PREFIX}/vonage-archiving-probe-*"),
        scenario.allow("AbortMultipartUpload", on="/vonage-archiving-probe-*"),
    )
    outcome = scenario.check(scenario.create_uploader(), operator=operator, expect_least_privilege=True)
    assert outcome.failed == ""
    assert outcome.result["cleanup"]["ok"], outcome.result["cleanup"]
    assert "list probes of earlier checks" in outcome.result["cleanup"]["detail"]
    assert scenario.list_contents() == []


def test_reconcile_operator_cannot_read_fails_stored_encryption(scenario: UploadCheckScenario) -> None:
    operator = scenario.create_user(
        scenario.allow("DeleteObject", on="/*"), scenario.allow("AbortMultipartUpload", on="/*")
    )
    outcome = scenario.check(scenario.create_uploader(), operator=operator)
    assert [name for name, ok in results(outcome).items() if not ok] == ["stored_encryption"]
    assert f"need s3:GetObject, at least on {scenario.bucket}/*/vonage-archiving-probe-*" in outcome.failed
    assert scenario.list_contents() == []


def test_reconcile_no_operator_fails_stored_encryption(
    seaweedfs: UploadCheckScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    outcome = seaweedfs.check(seaweedfs.create_uploader(), operator=None, multipart=False)
    assert [name for name, ok in results(outcome).items() if not ok] == ["stored_encryption"]
    assert not outcome.result["cleanup"]["ok"]
    assert len(seaweedfs.list_contents()) == 1


def create_leftovers(scenario: UploadCheckScenario) -> None:
    """Create leftovers of a killed check, and other objects and uploads."""
    probe = "vonage-archiving-probe-11111111-2222-3333-4444-555555555555"
    for key in (
        f"{PREFIX}/{probe}/archive.mp4",
        f"{PREFIX}/0a/archive.mp4",
        f"{PREFIX}/vonage-archiving/archive.mp4",
        f"99/{probe}/archive.mp4",
        f"{probe}/archive.mp4",
    ):
        scenario.client.put_object(Bucket=scenario.bucket, Key=key, Body=b"1")
    for key in (f"{PREFIX}/{probe}/archive.zip", f"{PREFIX}/0a/archive.zip", f"{probe}/archive.mp4"):
        scenario.client.create_multipart_upload(Bucket=scenario.bucket, Key=key)


@pytest.mark.parametrize("versioned", [False, True])
def test_reconcile_leftovers_of_killed_check_are_deleted_after_an_hour(
    scenario: UploadCheckScenario, monkeypatch: pytest.MonkeyPatch, versioned: bool
) -> None:
    if versioned:
        scenario.enable_versioning()
    create_leftovers(scenario)
    before = scenario.list_contents()
    early = scenario.check(scenario.create_uploader(), expect_least_privilege=True)
    assert early.failed == ""
    if scenario.store.name != "moto-iam":  # moto dates all uploads to 2010
        assert scenario.list_contents() == before

    now = datetime.datetime.now(datetime.UTC)
    monkeypatch.setattr(upload_cleanup, "_now", lambda _runtime: now + datetime.timedelta(minutes=61))
    late = scenario.check(scenario.create_uploader(), expect_least_privilege=True)
    assert late.failed == ""
    unmanaged = [entry for entry in before if "/vonage-archiving-probe-" not in entry.removeprefix("99/")]
    # Outside of the prefix, checks only start uploads and create no objects.
    outside = [entry for entry in unmanaged if entry.startswith("vonage-archiving-probe-") and entry.endswith(" open")]
    assert scenario.list_contents() == [
        entry for entry in before if "99/" in entry or (entry in unmanaged and entry not in outside)
    ]
    assert "Leftovers of earlier, interrupted checks among them: " in late.result["cleanup"]["detail"]


def test_reconcile_check_mode_sends_nothing(seaweedfs: UploadCheckScenario) -> None:
    with RecordingProxy(seaweedfs.store.endpoint_url) as proxy:
        options = seaweedfs.options(
            seaweedfs.operator, s3={"endpoint": proxy.url}, expect_public=True, cors_origin=ORIGIN
        )
        outcome = reconcile(options, Context(check_mode=True))
        assert proxy.requests == []
    assert outcome.result["checks"] == []
    assert "cleanup" not in outcome.result
    assert outcome.result["planned"][-3:] == ["anonymous_read", "anonymous_list", "cors_preflight"]
    assert not outcome.changed


def test_reconcile_environment_credentials_are_not_used_for_uploads(
    seaweedfs: UploadCheckScenario, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile broken]\nendpoint_url = http://127.0.0.1:9\nregion = eu-west-1\n")
    environ = {
        "AWS_ACCESS_KEY_ID": seaweedfs.store.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.store.secret_key,
        "AWS_ENDPOINT_URL": seaweedfs.store.endpoint_url,
        "AWS_SESSION_TOKEN": "",
    }
    for name, value in {**environ, "AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "broken"}.items():
        monkeypatch.setenv(name, value)
    with RecordingProxy(seaweedfs.store.endpoint_url) as proxy:
        key = seaweedfs.create_uploader()
        outcome = seaweedfs.check(
            key, environ, operator=None, s3={"endpoint": proxy.url}, expect_least_privilege=True, expect_public=False
        )
        assert outcome.failed == ""
        requests = [request for request in proxy.requests if "authorization" in request.headers]
        signed = [request.headers["authorization"] for request in requests]
    assert len(signed) > 5
    assert all(f"Credential={key[0]}/" in header for header in signed)
    assert seaweedfs.list_contents() == []


def test_reconcile_concurrent_checks_pass(scenario: UploadCheckScenario) -> None:
    key = scenario.create_uploader()

    def run_check(_number: int) -> Outcome:
        return reconcile(scenario.options(key, expect_public=False, expect_least_privilege=True), Context())

    with ThreadPoolExecutor(max_workers=6) as pool:
        outcomes = list(pool.map(run_check, range(6)))
    assert [outcome.failed for outcome in outcomes] == [""] * 6
    assert scenario.list_contents() == []


class KilledCheck:
    """Runs a check behind a proxy, and kills it before it receives the response to one of its requests."""

    def __init__(self, scenario: UploadCheckScenario, proxy: RecordingProxy) -> None:
        self.scenario, self.proxy = scenario, proxy
        key = scenario.create_user(scenario.allow("*", on=""), scenario.allow("*", on="/*"))
        through = {"endpoint": proxy.url}
        self.options = scenario.options(key, s3=through, endpoint_url=proxy.url, expect_least_privilege=True)

    def run(self, point: int) -> int:
        """Return the exit status; 0 if the check sent fewer requests."""
        self.proxy.clear()
        child = forked_process.create_process(preload.check_uploads, self.options)

        def kill(number: int, _request: ProxiedRequest) -> None:
            if number == point:
                forked_process.kill_process(child)

        self.proxy.after = kill
        child.start()
        child.join(60)
        self.proxy.after = None
        assert child.exitcode in (0, -9)
        return child.exitcode


@pytest.mark.slow
def test_reconcile_killed_at_every_request_next_check_deletes_leftovers(
    seaweedfs: UploadCheckScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    seaweedfs.enable_versioning()
    seaweedfs.client.put_object(Bucket=seaweedfs.bucket, Key=f"{PREFIX}/0a/archive.mp4", Body=b"a recording")
    before = seaweedfs.list_contents()
    leftovers: set[int] = set()
    with RecordingProxy(seaweedfs.store.endpoint_url) as proxy:
        killed_check = KilledCheck(seaweedfs, proxy)
        number = 1
        while killed_check.run(number) != 0:
            leftovers.add(len(seaweedfs.list_contents()) - len(before))
            number += 1
    assert number > 15
    assert max(leftovers) > 2
    now = datetime.datetime.now(datetime.UTC)
    monkeypatch.setattr(upload_cleanup, "_now", lambda _runtime: now + datetime.timedelta(hours=2))
    outcome = seaweedfs.check(seaweedfs.create_uploader(), expect_least_privilege=True)
    assert outcome.failed == ""
    assert seaweedfs.list_contents() == before


@pytest.mark.parametrize("status", ["reset", "kept"])
def test_reconcile_lost_response_leaves_no_object(seaweedfs: UploadCheckScenario, status: str) -> None:
    """The response to the PUT is lost: botocore retries, and the check deletes the object in any case."""

    def drop(_number: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.path.endswith("archive.mp4") and status == "reset":
            raise DropConnection

    with RecordingProxy(seaweedfs.store.endpoint_url, after=drop) as proxy:
        outcome = seaweedfs.check(
            seaweedfs.create_uploader(), s3={"endpoint": proxy.url}, endpoint_url=seaweedfs.store.endpoint_url
        )
    assert (outcome.failed == "") is (status == "kept")
    assert seaweedfs.list_contents() == []


def test_reconcile_missing_library_raises_typed_error(
    seaweedfs: UploadCheckScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = seaweedfs.create_uploader()
    without_libraries(monkeypatch, "botocore")
    with pytest.raises(errors.MissingLibraryError, match="Install boto3 for this interpreter"):
        seaweedfs.check(key)
