# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upload check against real stores: what it finds, and what the store holds afterwards."""

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

from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import cleanup as upload_cleanup
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.reconcile import reconcile
from tests.e2e import forks, warm
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
class Bench:
    """A bucket of its own on one store, and what is said of checks of it."""

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

    def user(self, *statements: Statement) -> tuple[str, str]:
        """The key of a user with these permissions."""
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        return self.store.make_user(f"user-{secrets.token_hex(4)}", policy)

    def uploader(self) -> tuple[str, str]:
        """The key of a user with the least that uploads take."""
        return self.user(self.allow("PutObject", on=f"/{PREFIX}/*"))

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
        shown = json.dumps([outcome.result, outcome.failed, self.warnings])
        assert key[1] not in shown
        assert self.store.secret_key not in shown
        return outcome

    def held(self) -> list[str]:
        """Every object, version, delete marker and open upload."""
        found = [entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]
        if self.store.name != "rclone":
            versions = self.client.list_object_versions(Bucket=self.bucket)
            found += [f"{v['Key']}@{v['VersionId']}" for v in versions.get("Versions", []) if v["VersionId"] != "null"]
            found += [f"{v['Key']}@{v['VersionId']} deleted" for v in versions.get("DeleteMarkers", [])]
        uploads = self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return found + [f"{upload['Key']} open" for upload in uploads]

    def make_public(self) -> None:
        statement = {**self.allow("GetObject", on=f"/{PREFIX}/*"), "Principal": "*", "Sid": "Public"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.client.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy))

    def allow_cors(self) -> None:
        rule = {"AllowedOrigins": [ORIGIN], "AllowedMethods": ["GET"]}
        self.client.put_bucket_cors(Bucket=self.bucket, CORSConfiguration={"CORSRules": [rule]})

    def be_versioned(self) -> None:
        self.client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})


def bench_on(store: Store) -> Bench:
    bench = Bench(store, f"check-{secrets.token_hex(5)}")
    bench.client.create_bucket(Bucket=bench.bucket)
    return bench


@pytest.fixture(params=["seaweedfs", "moto-iam"])
def bench(sandbox: Sandbox, request: pytest.FixtureRequest) -> Bench:
    """On each of the stores that know users."""
    return bench_on(sandbox.stores[request.param])


@pytest.fixture
def weed(sandbox: Sandbox) -> Bench:
    """On the store that also answers anonymous requests and preflights as S3 does."""
    return bench_on(sandbox.stores["seaweedfs"])


def oks(outcome: Outcome) -> dict[str, bool]:
    return {check["name"]: check["ok"] for check in outcome.result["checks"]}


def detail(outcome: Outcome, name: str) -> str:
    [found] = [check["detail"] for check in outcome.result["checks"] if check["name"] == name]
    return str(found)


def test_all_is_well(weed: Bench) -> None:
    weed.allow_cors()
    outcome = weed.check(weed.uploader(), expect_public=False, expect_least_privilege=True, cors_origin=ORIGIN)
    assert list(oks(outcome)) == outcome.result["planned"]
    assert len(oks(outcome)) == 13
    assert all(oks(outcome).values()), outcome.failed
    assert outcome.failed == ""
    assert outcome.result["cleanup"] == {"ok": True, "detail": "Objects and uploads deleted: 2.", "left": []}
    assert outcome.result["url"] == f"{weed.store.endpoint_url}/{weed.bucket}/{PREFIX}/"
    assert weed.held() == []


def test_least_privilege_on_each_store(bench: Bench) -> None:
    outcome = bench.check(bench.uploader(), expect_public=False, expect_least_privilege=True)
    assert outcome.failed == ""
    assert len(oks(outcome)) == 12
    assert bench.held() == []


def test_what_is_uploaded_is_as_vonage_uploads(weed: Bench) -> None:
    with RecordingProxy(weed.store.endpoint_url) as proxy:
        key = weed.uploader()
        outcome = weed.check(key, s3={"endpoint": proxy.url}, endpoint_url=weed.store.endpoint_url)
        assert outcome.failed == ""
        puts = [request for request in proxy.requests if request.method in ("PUT", "POST")]
        others = [f"{request.method} {request.query}" for request in proxy.requests if request not in puts]
    # The operator's requests went elsewhere; the uploader's are one put and the four of a multipart upload.
    assert len(puts) == 5
    listing = "GET list-type=2&max-keys=1"
    assert others == [listing, f"{listing}&prefix={PREFIX}%2F"]
    assert all(f"Credential={key[0]}/" in each.headers.get("authorization", "") for each in puts)
    names = {request.path.rsplit("/", 1)[1] for request in puts}
    assert names == {"archive.mp4", "archive.zip"}
    folders = {request.path.split("/")[3] for request in puts}
    assert len(folders) == 1
    asked = [request.headers.get("x-amz-server-side-encryption") for request in puts]
    assert asked.count("AES256") == 2  # the put and the begin of the upload in parts; S3 takes it for no other


def test_single_part_only_without_encryption(bench: Bench) -> None:
    outcome = bench.check(bench.uploader(), multipart=False, s3={"sse": "none"})
    assert list(oks(outcome)) == ["credentials", "put_object", "stored_encryption", "anonymous_list"]
    assert outcome.failed == ""
    assert detail(outcome, "stored_encryption") == 'Stored with "no encryption"; no encryption was requested.'
    assert bench.held() == []


def test_sse_none_reports_the_default_encryption(bench: Bench) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    bench.client.put_bucket_encryption(Bucket=bench.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    outcome = bench.check(bench.uploader(), s3={"sse": "none"})
    assert outcome.failed == ""
    assert detail(outcome, "stored_encryption") == 'Stored with "AES256"; no encryption was requested.'


def test_a_wrong_secret_is_told_at_once(bench: Bench) -> None:
    key = bench.uploader()[0], secrets.token_hex(20)
    started = time.monotonic()
    outcome = bench.check(key, expect_least_privilege=True)
    assert time.monotonic() - started < 10
    assert oks(outcome) == {"credentials": False}
    assert "SignatureDoesNotMatch" in outcome.failed
    assert "The secret key does not belong to the access key" in outcome.failed
    assert outcome.result["cleanup"]["ok"]
    assert bench.held() == []


def test_an_unknown_key_is_waited_for_until_the_timeout(bench: Bench) -> None:
    started = time.monotonic()
    outcome = bench.check(("AKIA" + "Q" * 16, secrets.token_hex(20)), timeout=2)
    assert 2 <= time.monotonic() - started < 8
    assert oks(outcome) == {"credentials": False}
    assert "Still not valid after 2 s" in outcome.failed


def test_a_bucket_that_is_not_there_is_told_at_once(bench: Bench) -> None:
    key = bench.user({"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::*"]})
    started = time.monotonic()
    outcome = bench.check(key, s3={"bucket": "no-such-bucket-here"})
    assert time.monotonic() - started < 10
    assert oks(outcome) == {"put_object": False}
    assert "NoSuchBucket" in outcome.failed
    assert "Create the bucket no-such-bucket-here first" in outcome.failed
    assert "no-such-bucket-here" not in [each["Name"] for each in bench.client.list_buckets()["Buckets"]]


def test_a_store_that_cannot_be_reached_is_told_at_once(weed: Bench) -> None:
    started = time.monotonic()
    outcome = weed.check(weed.uploader(), s3={"endpoint": "http://127.0.0.1:9"})
    assert time.monotonic() - started < 15
    assert oks(outcome) == {"put_object": False}
    assert "http://127.0.0.1:9" in outcome.failed


def test_a_key_without_the_permission_is_told_after_the_timeout(bench: Bench) -> None:
    key = bench.user(bench.allow("PutObject", on="/elsewhere/*"))
    outcome = bench.check(key, timeout=1)
    assert oks(outcome) == {"credentials": True, "put_object": False}
    assert f"needs s3:PutObject on {bench.bucket}/{PREFIX}/*" in outcome.failed
    assert bench.held() == []


def test_a_permission_that_comes_late_is_waited_for(bench: Bench) -> None:
    name = f"late-{secrets.token_hex(4)}"
    nothing = {"Version": "2012-10-17", "Statement": [bench.allow("PutObject", on="/elsewhere/*")]}
    key = bench.store.make_user(name, nothing)
    right = {"Version": "2012-10-17", "Statement": [bench.allow("PutObject", on=f"/{PREFIX}/*")]}
    grant = threading.Timer(
        1.5,
        bench.store.iam_client().put_user_policy,
        kwargs={"UserName": name, "PolicyName": f"{name}-policy", "PolicyDocument": json.dumps(right)},
    )
    grant.start()
    outcome = bench.check(key)
    grant.join()
    assert outcome.failed == ""
    assert bench.held() == []


@pytest.mark.parametrize("versioned", [False, True])
def test_a_key_that_can_do_too_much(bench: Bench, versioned: bool) -> None:
    if versioned:
        bench.be_versioned()
    key = bench.user(bench.allow("*", on=""), bench.allow("*", on="/*"))
    outcome = bench.check(key, expect_least_privilege=True)
    wrong = [name for name, ok in oks(outcome).items() if not ok]
    assert wrong == ["no_read", "no_list_outside", "no_put_outside", "no_delete"]
    for action in ("s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject"):
        assert f"Remove {action} there from the permissions" in outcome.failed
    assert "4 of 11 checks failed" in outcome.failed
    assert outcome.result["cleanup"]["ok"]
    assert bench.held() == []


@pytest.mark.parametrize(
    ("action", "on", "name"),
    [
        ("GetObject", f"/{PREFIX}/*", "no_read"),
        ("ListBucket", "", "no_list_outside"),
        ("PutObject", "/*", "no_put_outside"),
        ("DeleteObject", f"/{PREFIX}/*", "no_delete"),
    ],
)
def test_each_surplus_permission_is_found(bench: Bench, action: str, on: str, name: str) -> None:
    key = bench.user(bench.allow("PutObject", on=f"/{PREFIX}/*"), bench.allow(action, on=on))
    outcome = bench.check(key, expect_least_privilege=True)
    assert [found for found, ok in oks(outcome).items() if not ok] == [name]
    assert bench.held() == []


def test_a_versioned_bucket_holds_nothing_afterwards(bench: Bench) -> None:
    bench.be_versioned()
    outcome = bench.check(bench.uploader(), expect_least_privilege=True)
    assert outcome.failed == ""
    assert bench.held() == []


def test_a_suspended_bucket_holds_nothing_afterwards(sandbox: Sandbox) -> None:
    # On moto alone: SeaweedFS never removes the delete markers of a suspended bucket, whoever asks for it.
    bench = bench_on(sandbox.stores["moto-iam"])
    bench.be_versioned()
    bench.client.put_bucket_versioning(Bucket=bench.bucket, VersioningConfiguration={"Status": "Suspended"})
    outcome = bench.check(bench.uploader(), expect_least_privilege=True)
    assert outcome.failed == ""
    assert bench.held() == []


def test_public_and_private(weed: Bench) -> None:
    key = weed.uploader()
    private = weed.check(key, expect_public=True, timeout=1)
    assert [name for name, ok in oks(private).items() if not ok] == ["anonymous_read"]
    assert "HTTP 403. The probe should be readable." in private.failed
    weed.make_public()
    public = weed.check(key, expect_public=True, expect_least_privilege=True)
    assert public.failed == ""
    assert "Objects below this prefix can be read without a key" in detail(public, "no_read")
    wrong = weed.check(key, expect_public=False, timeout=1)
    assert [name for name, ok in oks(wrong).items() if not ok] == ["anonymous_read"]
    assert "The probe should not be readable" in wrong.failed
    assert weed.held() == []


@pytest.mark.parametrize("expect_public", [None, False, True])
@pytest.mark.parametrize("prefix", ["", f"{PREFIX}/*"], ids=["whole bucket", "prefix only"])
def test_anonymous_list_allowed_by_policy_is_found(weed: Bench, expect_public: bool | None, prefix: str) -> None:
    statements = [{**weed.allow("ListBucket", on=""), "Principal": "*", "Sid": "List"}]
    if prefix:
        statements[0]["Condition"] = {"StringLike": {"s3:prefix": [prefix]}}
    if expect_public:
        statements.append({**weed.allow("GetObject", on=f"/{PREFIX}/*"), "Principal": "*", "Sid": "Public"})
    weed.client.put_bucket_policy(
        Bucket=weed.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    key = weed.uploader()
    found = weed.check(key, expect_public=expect_public, timeout=1)
    assert [name for name, ok in oks(found).items() if not ok] == ["anonymous_list"]
    assert (
        "lists objects: the keys of all recordings are public. Remove s3:ListBucket for all principals" in found.failed
    )
    weed.client.delete_bucket_policy(Bucket=weed.bucket)
    if expect_public:
        weed.make_public()
    closed = weed.check(key, expect_public=expect_public)
    assert closed.failed == ""
    assert detail(closed, "anonymous_list") == "Listing the bucket without a key is refused (HTTP 403)."


def test_anonymous_list_allowed_by_acl_is_found(weed: Bench) -> None:
    key = weed.uploader()
    weed.client.put_bucket_acl(Bucket=weed.bucket, ACL="public-read")
    found = weed.check(key, timeout=1)
    assert [name for name, ok in oks(found).items() if not ok] == ["anonymous_list"]
    assert "set the ACL of the bucket to private" in found.failed
    weed.client.put_bucket_acl(Bucket=weed.bucket, ACL="private")
    assert weed.check(key).failed == ""


def test_anonymous_list_policy_that_is_deleted_late_is_waited_for(weed: Bench) -> None:
    statement = {**weed.allow("ListBucket", on=""), "Principal": "*", "Sid": "List"}
    weed.client.put_bucket_policy(
        Bucket=weed.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    closing = threading.Timer(1.5, weed.client.delete_bucket_policy, kwargs={"Bucket": weed.bucket})
    key = weed.uploader()
    closing.start()
    outcome = weed.check(key)
    closing.join()
    assert outcome.failed == ""


def test_a_policy_that_comes_late_is_waited_for(weed: Bench) -> None:
    opening = threading.Timer(1.5, weed.make_public)
    opening.start()
    outcome = weed.check(weed.uploader(), expect_public=True)
    opening.join()
    assert outcome.failed == ""


@pytest.mark.parametrize(("origin", "method"), [("https://other.example.com", "GET"), (ORIGIN, "DELETE")])
def test_cors_that_does_not_fit(weed: Bench, origin: str, method: str) -> None:
    weed.allow_cors()
    outcome = weed.check(weed.uploader(), cors_origin=origin, cors_method=method, timeout=1)
    assert [name for name, ok in oks(outcome).items() if not ok] == ["cors_preflight"]
    assert f"must allow the origin {origin} and the method {method}" in outcome.failed


def test_no_cors_rules(sandbox: Sandbox) -> None:
    # SeaweedFS allows every origin where a bucket has no rules. moto answers preflights by itself, with headers for
    # every origin, methods beyond those of S3, and the status 403.
    bench = bench_on(sandbox.stores["moto-iam"])
    outcome = bench.check(bench.uploader(), cors_origin=ORIGIN, timeout=1)
    assert [name for name, ok in oks(outcome).items() if not ok] == ["cors_preflight"]


def test_a_store_that_ignores_encryption(sandbox: Sandbox) -> None:
    bench = bench_on(sandbox.stores["rclone"])
    outcome = bench.check(bench.operator)
    assert [name for name, ok in oks(outcome).items() if not ok] == ["put_sse_echo", "multipart_sse_echo"]
    assert bench.held() == []
    assert bench.bucket in [each["Name"] for each in bench.client.list_buckets()["Buckets"]]


def test_an_operator_who_may_not_delete(bench: Bench) -> None:
    operator = bench.user(bench.allow("GetObject", on="/*"), bench.allow("ListBucket", on=""))
    outcome = bench.check(bench.uploader(), operator=operator, multipart=False)
    assert outcome.failed == ""
    cleanup = outcome.result["cleanup"]
    assert not cleanup["ok"]
    [left] = bench.held()
    assert cleanup["left"] == [f"s3://{bench.bucket}/{left}"]
    assert "Delete them manually." in cleanup["detail"]
    assert "s3:DeleteObject" in cleanup["detail"]
    assert bench.warnings == [f"The upload check could not delete all of its probes. {cleanup['detail']}"]


@pytest.mark.parametrize("versioned", [False, True])
def test_an_operator_with_just_the_documented_permissions(bench: Bench, versioned: bool) -> None:
    if versioned:
        bench.be_versioned()
    actions = ["GetObject", "DeleteObject", "DeleteObjectVersion", "AbortMultipartUpload"]
    operator = bench.user(
        bench.allow(*actions, on=f"/{PREFIX}/vonage-archiving-probe-*"),
        bench.allow("AbortMultipartUpload", on="/vonage-archiving-probe-*"),
    )
    outcome = bench.check(bench.uploader(), operator=operator, expect_least_privilege=True)
    assert outcome.failed == ""
    assert outcome.result["cleanup"]["ok"], outcome.result["cleanup"]
    assert "list probes of earlier checks" in outcome.result["cleanup"]["detail"]
    assert bench.held() == []


def test_an_operator_who_may_not_look(bench: Bench) -> None:
    operator = bench.user(bench.allow("DeleteObject", on="/*"), bench.allow("AbortMultipartUpload", on="/*"))
    outcome = bench.check(bench.uploader(), operator=operator)
    assert [name for name, ok in oks(outcome).items() if not ok] == ["stored_encryption"]
    assert f"need s3:GetObject, at least on {bench.bucket}/*/vonage-archiving-probe-*" in outcome.failed
    assert bench.held() == []


def test_no_operator_at_all(weed: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    outcome = weed.check(weed.uploader(), operator=None, multipart=False)
    assert [name for name, ok in oks(outcome).items() if not ok] == ["stored_encryption"]
    assert not outcome.result["cleanup"]["ok"]
    assert len(weed.held()) == 1


def leave_behind(bench: Bench) -> None:
    """What a check leaves that is killed, and things that are none of it."""
    run = "vonage-archiving-probe-11111111-2222-3333-4444-555555555555"
    for key in (
        f"{PREFIX}/{run}/archive.mp4",
        f"{PREFIX}/0a/archive.mp4",
        f"{PREFIX}/vonage-archiving/archive.mp4",
        f"99/{run}/archive.mp4",
        f"{run}/archive.mp4",
    ):
        bench.client.put_object(Bucket=bench.bucket, Key=key, Body=b"1")
    for key in (f"{PREFIX}/{run}/archive.zip", f"{PREFIX}/0a/archive.zip", f"{run}/archive.mp4"):
        bench.client.create_multipart_upload(Bucket=bench.bucket, Key=key)


@pytest.mark.parametrize("versioned", [False, True])
def test_what_a_killed_check_left_is_removed_after_an_hour(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, versioned: bool
) -> None:
    if versioned:
        bench.be_versioned()
    leave_behind(bench)
    before = bench.held()
    young = bench.check(bench.uploader(), expect_least_privilege=True)
    assert young.failed == ""
    if bench.store.name != "moto-iam":  # which dates every upload back to 2010
        assert bench.held() == before

    now = datetime.datetime.now(datetime.UTC)
    monkeypatch.setattr(upload_cleanup, "_now", lambda _runtime: now + datetime.timedelta(minutes=61))
    late = bench.check(bench.uploader(), expect_least_privilege=True)
    assert late.failed == ""
    kept = [entry for entry in before if "/vonage-archiving-probe-" not in entry.removeprefix("99/")]
    # A probe that is an object outside of the prefix is none of ours: only uploads are begun there.
    outside = [entry for entry in kept if entry.startswith("vonage-archiving-probe-") and entry.endswith(" open")]
    assert bench.held() == [entry for entry in before if "99/" in entry or (entry in kept and entry not in outside)]
    assert "Leftovers of earlier, interrupted checks among them: " in late.result["cleanup"]["detail"]


def test_check_mode_sends_nothing(weed: Bench) -> None:
    with RecordingProxy(weed.store.endpoint_url) as proxy:
        options = weed.options(weed.operator, s3={"endpoint": proxy.url}, expect_public=True, cors_origin=ORIGIN)
        outcome = reconcile(options, Context(check_mode=True))
        assert proxy.requests == []
    assert outcome.result["checks"] == []
    assert "cleanup" not in outcome.result
    assert outcome.result["planned"][-3:] == ["anonymous_read", "anonymous_list", "cors_preflight"]
    assert not outcome.changed


def test_neither_takes_the_other_ones_credentials(weed: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[profile broken]\nendpoint_url = http://127.0.0.1:9\nregion = eu-west-1\n")
    environ = {
        "AWS_ACCESS_KEY_ID": weed.store.access_key,
        "AWS_SECRET_ACCESS_KEY": weed.store.secret_key,
        "AWS_ENDPOINT_URL": weed.store.endpoint_url,
        "AWS_SESSION_TOKEN": "",
    }
    for name, value in {**environ, "AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "broken"}.items():
        monkeypatch.setenv(name, value)
    with RecordingProxy(weed.store.endpoint_url) as proxy:
        key = weed.uploader()
        outcome = weed.check(
            key, environ, operator=None, s3={"endpoint": proxy.url}, expect_least_privilege=True, expect_public=False
        )
        assert outcome.failed == ""
        signed = [each.headers["authorization"] for each in proxy.requests if "authorization" in each.headers]
    assert len(signed) > 5
    assert all(f"Credential={key[0]}/" in each for each in signed)
    assert weed.held() == []


def test_many_at_a_time(bench: Bench) -> None:
    key = bench.uploader()

    def one(number: int) -> Outcome:
        return reconcile(bench.options(key, expect_public=False, expect_least_privilege=True), Context())

    with ThreadPoolExecutor(max_workers=6) as pool:
        outcomes = list(pool.map(one, range(6)))
    assert [outcome.failed for outcome in outcomes] == [""] * 6
    assert bench.held() == []


class Killing:
    """Starts a check behind a proxy and kills it when one of its requests has been answered, before it knows."""

    def __init__(self, bench: Bench, proxy: RecordingProxy) -> None:
        self.bench, self.proxy = bench, proxy
        key = bench.user(bench.allow("*", on=""), bench.allow("*", on="/*"))
        through = {"endpoint": proxy.url}
        self.options = bench.options(key, s3=through, endpoint_url=proxy.url, expect_least_privilege=True)

    def run(self, at: int) -> int:
        """The exit status; 0 if there was no such request."""
        self.proxy.clear()
        child = forks.forked(warm.check_uploads, self.options)

        def kill(number: int, _request: ProxiedRequest) -> None:
            if number == at:
                forks.kill(child)

        self.proxy.after = kill
        child.start()
        child.join(60)
        self.proxy.after = None
        assert child.exitcode in (0, -9)
        return child.exitcode


@pytest.mark.slow
def test_killed_at_each_request_the_next_check_cleans_up(weed: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    weed.be_versioned()
    weed.client.put_object(Bucket=weed.bucket, Key=f"{PREFIX}/0a/archive.mp4", Body=b"a recording")
    before = weed.held()
    left: set[int] = set()
    with RecordingProxy(weed.store.endpoint_url) as proxy:
        killing = Killing(weed, proxy)
        at = 1
        while killing.run(at) != 0:
            left.add(len(weed.held()) - len(before))
            at += 1
    assert at > 15
    assert max(left) > 2
    now = datetime.datetime.now(datetime.UTC)
    monkeypatch.setattr(upload_cleanup, "_now", lambda _runtime: now + datetime.timedelta(hours=2))
    outcome = weed.check(weed.uploader(), expect_least_privilege=True)
    assert outcome.failed == ""
    assert weed.held() == before


@pytest.mark.parametrize("status", ["reset", "kept"])
def test_an_upload_whose_answer_is_lost_leaves_nothing(weed: Bench, status: str) -> None:
    """The put arrives and its answer does not: botocore tries again, and the clean-up knows of the key in any case."""

    def drop(_number: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.path.endswith("archive.mp4") and status == "reset":
            raise DropConnection

    with RecordingProxy(weed.store.endpoint_url, after=drop) as proxy:
        outcome = weed.check(weed.uploader(), s3={"endpoint": proxy.url}, endpoint_url=weed.store.endpoint_url)
    assert (outcome.failed == "") is (status == "kept")
    assert weed.held() == []
