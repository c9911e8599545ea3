# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""s3_archive_bucket against real stores: what they hold afterwards, and what they were asked."""

from __future__ import annotations

import functools
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._aws import s3_objects as objects
from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_client import Bucket
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.info import READABLE, gather
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.reconcile import reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from tests.e2e.extra_stores import name_installed
from tests.sandbox import ProxiedRequest, RecordingProxy, Sandbox, Store

pytestmark = pytest.mark.xdist_group("s3_stores")

STORES = ("seaweedfs", "moto", "moto-iam", "rclone", "localemu", "ministack")
READS = ("GET", "HEAD")
Options = dict[str, Any]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    name_installed()
    with Sandbox(stores=STORES, vonage=False) as running:
        yield running


@dataclass
class Bench:
    """A bucket's name on one store, requests for which go through a proxy that notes them."""

    store: Store
    bucket: str
    proxy: RecordingProxy
    warnings: list[str] = field(default_factory=list)

    @functools.cached_property
    def client(self) -> Any:
        """The administrator's client, past the proxy."""
        return self.store.client()

    def params(self, options: Options) -> Options:
        keys = {"access_key": self.store.access_key, "secret_key": self.store.secret_key}
        return {"name": self.bucket, "endpoint_url": self.proxy.url, **keys, **options}

    def run(self, check_mode: bool = False, **options: Any) -> Outcome:
        """Run it; the requests of this run only are noted."""
        self.proxy.clear()
        self.warnings.clear()
        outcome = reconcile(self.params(options), Context(check_mode=check_mode, warn=self.warnings.append))
        assert bool(outcome.result["changes"]) == outcome.changed
        assert self.store.secret_key not in json.dumps([outcome.result, outcome.before, outcome.after])
        return outcome

    def fails(self, kind: type[errors.ArchivingError], check_mode: bool = False, **options: Any) -> str:
        with pytest.raises(kind) as caught:
            self.run(check_mode, **options)
        assert self.store.secret_key not in str(caught.value)
        return str(caught.value)

    def info(self, **options: Any) -> dict[str, Any]:
        self.proxy.clear()
        return gather(self.params(options), Context()).result

    @property
    def asked(self) -> list[str]:
        """The requests, as method and subresource."""
        return [_asked(request) for request in self.proxy.requests]

    @property
    def writes(self) -> list[str]:
        return [asked for asked in self.asked if asked.split()[0] not in READS]

    def make(self) -> Bench:
        self.client.create_bucket(Bucket=self.bucket)
        return self

    def exists(self) -> bool:
        try:
            self.client.head_bucket(Bucket=self.bucket)
        except ClientError:
            return False
        return True

    def holds(self, operation: str) -> Any:
        """The answer about the bucket without its metadata, None for an error."""
        try:
            answer = getattr(self.client, operation)(Bucket=self.bucket)
        except ClientError:
            return None
        return {key: value for key, value in answer.items() if key != "ResponseMetadata"}

    def statements(self) -> dict[str, Any]:
        document = self.holds("get_bucket_policy")
        return {each["Sid"]: each for each in json.loads(document["Policy"])["Statement"]} if document else {}

    def keys(self) -> list[str]:
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def user(self, *actions: str) -> Options:
        """The connection options of a user who may do this with the bucket and what is in it, and nothing else."""
        arn = f"arn:aws:s3:::{self.bucket}"
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": [arn, f"{arn}/*"]}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        key, secret = self.store.make_user(f"user-{secrets.token_hex(4)}", policy)
        return {"access_key": key, "secret_key": secret}

    def anybody_reads(self, key: str) -> bool:
        try:
            with urllib.request.urlopen(f"{self.store.endpoint_url}/{self.bucket}/{key}", timeout=10) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError:
            return False


def _asked(request: ProxiedRequest) -> str:
    sub = request.query.split("&")[0].split("=")[0]
    key = request.path.strip("/").partition("/")[2]
    return " ".join(filter(None, [request.method, f"?{sub}" if sub else "", key]))


@pytest.fixture
def benches(sandbox: Sandbox) -> Iterator[Any]:
    """A function that gives a bench on a store, or skips the test where there is no such store."""
    made: list[Bench] = []

    def bench(name: str) -> Bench:
        if name in sandbox.skipped:
            pytest.skip(sandbox.skipped[name])
        store = sandbox.stores[name]
        proxy = RecordingProxy(store.endpoint_url).start()
        made.append(Bench(store, f"s3-stores-{secrets.token_hex(5)}", proxy))
        return made[-1]

    yield bench
    for each in made:
        if each.exists():
            each.run(state="absent", force=True)
            assert not each.exists()
        each.proxy.stop()


RULE = {"allowed_origins": ["https://b.example", "https://a.example"], "allowed_methods": ["GET", "HEAD"]}
OTHER_RULE = {"allowed_origins": ["*"], "allowed_methods": ["PUT"], "allowed_headers": ["*"], "max_age_seconds": 60}
# A facet's life: options that set it, change it, and take it away again, and the subresources that it is read by.
LIVES: dict[str, tuple[Options, Options, Options, list[str]]] = {
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


def stages_of(name: str) -> list[Options]:
    return [*LIVES[name][:3]]


@pytest.mark.parametrize("store", ["seaweedfs", "moto", "localemu", "ministack"])
@pytest.mark.parametrize("name", sorted(LIVES))
def test_the_life_of_a_facet(benches: Any, store: str, name: str) -> None:
    if (store, name) == ("seaweedfs", "block_public_access"):
        pytest.skip("has no public access block: see test_a_store_without_a_public_access_block")
    bench = benches(store).make()
    if (store, name) == ("localemu", "encryption"):
        pytest.skip("says nothing more of it once it was removed: see test_a_default_that_is_there_from_the_start")
    always_encrypted = (store, name) == ("ministack", "encryption")
    # There, new buckets are encrypted and locked.
    set_at_first = (store, name) == ("localemu", "block_public_access")
    *stages, subs = LIVES[name]
    for options in filter(None, [stages[2], *stages[:2]] if set_at_first else stages):
        planned = bench.run(check_mode=True, **options)
        assert bench.writes == []
        done = bench.run(**options)
        if always_encrypted:
            # It reports AES256 whatever is set: only the write shows that nothing changes.
            assert not done.changed
            continue
        assert (planned.result, planned.before, planned.after) == (done.result, done.before, done.after)
        assert done.changed
        assert name in done.result["changes"]
        assert done.before != done.after
        assert bench.warnings == []
        again = bench.run(**options)
        assert (again.changed, again.before, again.after) == (False, {}, {})
        # Some stores fill in what was not given.
        assert name == "cors_rules" or again.result["bucket"] == done.result["bucket"]
        # One read for each subresource, one listing for each folder, and nothing else.
        removed = name == "encryption" and options == stages[2]
        assert [asked for asked in bench.asked if asked == "HEAD"] == (["HEAD"] if removed else [])
        reads = [asked.partition("?")[2] for asked in bench.asked if asked != "HEAD"]
        assert set(reads) <= set(subs)
        assert len(reads) == max(len(subs), len(options.get("folders", [])))
        shown = bench.info(facets=[name])["bucket"][name]
        if name not in ("folders", "cors_rules"):
            assert shown == (done.result["bucket"].get(name) or shown)


def test_everything_at_once_side_by_side(benches: Any) -> None:
    bench = benches("moto")
    options = {key: value for life in LIVES.values() for key, value in life[0].items()}
    # moto denies by a policy whatever its condition says, so that no folder could be made afterwards.
    options.update(require_encryption=False, block_public_access=True)
    planned = bench.run(check_mode=True, **options)
    assert not bench.exists()
    done = bench.run(**options)
    assert planned.result["changes"] == done.result["changes"]
    assert planned.after == done.after
    assert planned.before == done.before == {}
    bench.run(**options)
    assert (bench.writes, len(bench.asked)) == ([], 10)
    bench.proxy.latency = 0.4
    started = time.monotonic()
    assert not bench.run(**options).changed
    # Ten requests, of which two (the folders) come one after the other.
    assert time.monotonic() - started < 3 * 0.4 + 1.5


@pytest.mark.parametrize("store", ["seaweedfs", "moto", "rclone"])
def test_a_bucket_comes_and_goes(benches: Any, store: str) -> None:
    bench = benches(store)
    assert bench.run(check_mode=True).result["changes"] == ["bucket"]
    assert not bench.exists()
    assert bench.run().result["bucket"] == {
        "name": bench.bucket,
        "exists": True,
        "url": f"{bench.proxy.url}/{bench.bucket}",
        "region": "us-east-1",
    }
    assert bench.exists()
    assert not bench.run().changed
    assert bench.asked == ["HEAD"]
    bench.client.put_object(Bucket=bench.bucket, Key="a/recording", Body=b"1")
    for check_mode in (True, False):
        text = bench.fails(errors.RejectedError, check_mode, state="absent")
        assert "it contains objects, versions of objects or uploads in progress" in text
        assert bench.writes == []
    assert bench.run(check_mode=True, state="absent", force=True).changed
    assert bench.keys() == ["a/recording"]
    gone = bench.run(state="absent", force=True)
    assert gone.result["removed"] == {"objects": 1, "uploads": 0}
    assert not bench.exists()
    assert not bench.run(state="absent").changed


def test_encryption_alone_makes_a_bucket_that_is_missing(benches: Any) -> None:
    """SeaweedFS answers for a missing bucket as for one without a default encryption."""
    bench = benches("seaweedfs")
    assert bench.run(encryption="s3").result["changes"] == ["bucket", "encryption"]
    assert bench.exists()


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_an_open_upload_keeps_a_bucket(benches: Any, store: str) -> None:
    bench = benches(store).make()
    bench.client.create_multipart_upload(Bucket=bench.bucket, Key="a")
    bench.fails(errors.RejectedError, state="absent")
    assert bench.exists()


@pytest.mark.parametrize(("store", "count"), [("seaweedfs", 1001), ("moto", 21)])
def test_force_empties_everything(benches: Any, store: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if count < objects.MOST_DELETED:
        monkeypatch.setattr(objects, "MOST_DELETED", 10)
    bench = benches(store).make()
    client, name = bench.client, bench.bucket
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    # More than one page.
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: client.put_object(Bucket=name, Key=f"k/{n}", Body=b""), range(count)))
    for _unused in range(2):
        client.put_object(Bucket=name, Key="a", Body=b"1")
        client.delete_object(Bucket=name, Key="a")
    for _unused in range(2):
        client.create_multipart_upload(Bucket=name, Key="open")
    gone = bench.run(state="absent", force=True)
    assert gone.result["removed"] == {"objects": count + 4, "uploads": 2}
    assert not bench.exists()


THEIRS_STATEMENT = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": ["s3:DeleteBucketWebsite"]}
THEIRS_RULE = {
    "ID": "theirs",
    "Status": "Enabled",
    "Filter": {"And": {"Prefix": "x/", "Tags": [{"Key": "k", "Value": "v"}]}},
    "Expiration": {"Days": 9},
}


def give_to_others(bench: Bench) -> None:
    client, name = bench.client, bench.bucket
    statement = {**THEIRS_STATEMENT, "Resource": [f"arn:aws:s3:::{name}"]}
    client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [THEIRS_RULE]})
    client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "theirs", "Value": "1"}]})


def others(bench: Bench) -> list[Any]:
    policy = {key: value for key, value in bench.statements().get("Theirs", {}).items() if key != "Resource"}
    rules = [each for each in bench.holds("get_bucket_lifecycle_configuration")["Rules"] if each["ID"] == "theirs"]
    tags = [each for each in bench.holds("get_bucket_tagging")["TagSet"] if each["Key"] == "theirs"]
    return [{**policy, "Action": list(_many(policy["Action"]))}, rules, tags]


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("store", ["seaweedfs", "moto", "localemu", "ministack"])
def test_what_others_set_survives(benches: Any, store: str) -> None:
    bench = benches(store).make()
    give_to_others(bench)
    before = others(bench)
    assert before[0]["Sid"] == "Theirs"
    names = ("public_prefixes", "require_encryption", "lifecycle", "tags")
    for stage in range(3):
        options = {key: value for name in names for key, value in stages_of(name)[stage].items()}
        options.pop("purge_tags", None)
        bench.run(**options)
        assert others(bench) == before
        assert not bench.run(**options).changed
    assert set(bench.statements()) == {"Theirs"}


def test_everybody_reads_below_a_public_prefix_and_nowhere_else(benches: Any) -> None:
    bench = benches("seaweedfs").make()
    for key in ("open/a", "opened", "closed/a", ".vonage-archiving/1.json"):
        bench.client.put_object(Bucket=bench.bucket, Key=key, Body=b"x")
    assert not bench.anybody_reads("open/a")
    bench.run(public_prefixes=["open"])
    assert bench.anybody_reads("open/a")
    assert not any(map(bench.anybody_reads, ("opened", "closed/a", ".vonage-archiving/1.json", "")))
    bench.run(public_prefixes=[])
    assert not bench.anybody_reads("open/a")


def test_uploads_that_are_not_encrypted_are_refused(benches: Any) -> None:
    bench = benches("seaweedfs")
    # The folder is made although the policy that demands encryption comes first.
    bench.run(require_encryption=True, folders=["a"])
    with pytest.raises(ClientError, match="AccessDenied"):
        bench.client.put_object(Bucket=bench.bucket, Key="a/plain", Body=b"")
    bench.client.put_object(Bucket=bench.bucket, Key="a/sse", Body=b"", ServerSideEncryption="AES256")
    assert bench.keys() == ["a/", "a/sse"]


def test_a_store_without_a_public_access_block(benches: Any) -> None:
    bench = benches("seaweedfs").make()
    text = bench.fails(errors.UnsupportedError, block_public_access=True, encryption="s3")
    assert "Could not read the public access block of bucket" in text
    assert f"the S3 store at {bench.proxy.url} answered NotImplemented" in text
    assert bench.writes == []
    # Nobody named it: without one, a policy is all it takes.
    done = bench.run(public_prefixes=["a"])
    assert done.result["changes"] == ["public_prefixes"]
    assert "block_public_access" not in done.result["bucket"]
    assert (done.result["unsupported"], bench.warnings) == ([], [])
    # A block that is switched off is the same as none.
    assert not bench.run(block_public_access=False).changed
    assert bench.warnings == []


def test_skip_unsupported_applies_what_the_store_has(benches: Any) -> None:
    bench = benches("seaweedfs").make()
    options = {"block_public_access": True, "encryption": "s3", "tags": {"a": "1"}}
    skip = {"skip_unsupported": ["block_public_access", "encryption", "lifecycle"]}
    planned = bench.run(check_mode=True, **options, **skip)
    done = bench.run(**options, **skip)
    assert planned.result == done.result
    assert (done.result["changes"], done.result["unsupported"]) == (["encryption", "tags"], ["block_public_access"])
    assert "block_public_access" not in done.result["bucket"]
    [warning] = bench.warnings
    assert warning.startswith("block_public_access is skipped, since it is in skip_unsupported: the S3 store at ")
    assert bench.holds("get_bucket_tagging")["TagSet"] == [{"Key": "a", "Value": "1"}]
    again = bench.run(**options, **skip)
    assert (again.changed, again.result["unsupported"], len(bench.warnings)) == (False, ["block_public_access"], 1)
    assert bench.writes == []


OPENED = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}
LOCKED = dict.fromkeys(OPENED, True)


@pytest.mark.parametrize("store", ["ministack", "moto", "localemu"])
def test_a_prefix_is_opened_and_locked_in_the_right_order(benches: Any, store: str) -> None:
    """ministack refuses a public policy while the block is on."""
    bench = benches(store).make()
    bench.run(block_public_access=True)
    assert bench.holds("get_public_access_block")["PublicAccessBlockConfiguration"] == LOCKED
    if store == "ministack":
        statement = {"Sid": "X", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        policy = {"Statement": [{**statement, "Resource": f"arn:aws:s3:::{bench.bucket}/*"}]}
        with pytest.raises(ClientError, match="AccessDenied"):
            bench.client.put_bucket_policy(Bucket=bench.bucket, Policy=json.dumps(policy))
    bench.run(public_prefixes=["a"])
    assert bench.writes == ["PUT ?publicAccessBlock", "PUT ?policy"]
    assert bench.holds("get_public_access_block")["PublicAccessBlockConfiguration"] == OPENED
    bench.run(public_prefixes=[])
    assert bench.writes == ["PUT ?publicAccessBlock", "DELETE ?policy"]
    assert bench.holds("get_public_access_block")["PublicAccessBlockConfiguration"] == LOCKED


@pytest.mark.parametrize("store", ["ministack", "moto"])
def test_somebody_locked_it_meanwhile(benches: Any, store: str) -> None:
    """What was open before and is not asked for any more never shows, and no write is refused on the way."""
    bench = benches(store).make()
    bench.run(public_prefixes=["a", "b"])
    bench.client.put_public_access_block(Bucket=bench.bucket, PublicAccessBlockConfiguration=LOCKED)
    bench.run(public_prefixes=["a"], require_encryption=True)
    assert bench.writes == ["PUT ?policy", "PUT ?publicAccessBlock", "PUT ?policy"]
    assert bench.statements()["VonageArchivingPublicRead"]["Resource"] == [f"arn:aws:s3:::{bench.bucket}/a/*"]
    bench.client.put_public_access_block(Bucket=bench.bucket, PublicAccessBlockConfiguration=LOCKED)
    # Not asked for the block, so that it stays; and so the store refuses the policy that has our statement in it.
    if store == "ministack":
        text = bench.fails(errors.DeniedError, require_encryption=False)
        assert "VonageArchivingPublicRead" in text
    assert not bench.run(block_public_access=True).changed
    assert bench.run(block_public_access=True, public_prefixes=[], require_encryption=False).changed
    assert bench.statements() == {}


def test_closing_and_writing_a_policy_at_once(benches: Any) -> None:
    bench = benches("ministack").make()
    bench.run(public_prefixes=["a"])
    assert bench.run(block_public_access=True, require_encryption=True).changed
    assert bench.writes == ["PUT ?policy", "PUT ?publicAccessBlock"]


def test_none_is_converged_on_a_store_that_always_encrypts(benches: Any) -> None:
    bench = benches("ministack")
    assert bench.run(encryption="none").result["changes"] == ["bucket"]
    found = bench.run(encryption="none")
    assert (found.changed, found.before, found.after) == (False, {}, {})
    assert found.result["bucket"]["encryption"] == "s3"


def test_a_default_that_is_there_from_the_start(benches: Any) -> None:
    bench = benches("localemu").make()
    assert not bench.run(encryption="s3").changed
    assert bench.run(encryption="none").result["changes"] == ["encryption"]
    assert not bench.run(encryption="none").changed


# The desired values that a store without the feature satisfies.
NONE: list[Options] = [
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
FORMS = [
    options
    for name, life in sorted(LIVES.items())
    if name not in ("folders", "versioning")
    for options in life[:3]
    if options and options not in NONE
]


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_a_store_that_lacks_a_feature_keeps_its_bucket(benches: Any, options: Options) -> None:
    bench = benches("rclone").make()
    for check_mode in (True, False):
        text = bench.fails(errors.UnsupportedError, check_mode, **options)
        assert f"the S3 store at {bench.proxy.url} answered" in text
        assert "It seems that this store does not have" in text
        assert bench.writes == []
    for check_mode in (True, False, False):
        done = bench.run(check_mode, **options, skip_unsupported=list(options))
        assert (done.changed, done.result["unsupported"]) == (False, list(options))
        assert done.result["bucket"].keys() == {"name", "exists", "url", "region"}
        assert [warning.partition(" ")[0] for warning in bench.warnings] == list(options)
        assert bench.writes == []
    assert bench.exists()


@pytest.mark.parametrize("options", NONE, ids=str)
def test_a_store_that_lacks_a_feature_satisfies_none(benches: Any, options: Options) -> None:
    bench = benches("rclone").make()
    for check_mode in (True, False):
        done = bench.run(check_mode, **options)
        assert (done.changed, done.result["unsupported"], bench.warnings) == (False, [], [])
        assert bench.writes == []
    name = next(iter(options))
    assert name in done.result["bucket"] or name in ("public_prefixes", "versioning")
    assert bench.exists()


def test_versioning_that_only_a_write_shows_to_be_unsupported(benches: Any) -> None:
    """rclone returns that nothing is versioned, and rejects the write."""
    bench = benches("rclone").make()
    assert "NotImplemented" in bench.fails(errors.UnsupportedError, versioning="Enabled")
    for _unused in range(2):
        done = bench.run(versioning="Enabled", skip_unsupported=["versioning"])
        assert (done.changed, done.result["changes"], done.result["unsupported"]) == (False, [], ["versioning"])
        [warning] = bench.warnings
        assert "versioning is skipped, since it is in skip_unsupported: " in warning
        assert "NotImplemented" in warning
    assert bench.exists()


def test_a_new_bucket_on_a_store_that_lacks_features(benches: Any) -> None:
    bench = benches("rclone")
    options = {
        "encryption": "s3",
        "lifecycle": {"expire_days": 1},
        "public_prefixes": ["a"],
        "versioning": "Enabled",
        "cors_rules": [],
    }
    skip = ["encryption", "lifecycle", "public_prefixes", "versioning"]
    done = bench.run(**options, skip_unsupported=skip)
    assert (done.result["changes"], done.result["unsupported"]) == (["bucket"], skip)
    assert done.result["bucket"]["cors_rules"] == []
    assert len(bench.warnings) == len(skip)
    assert bench.exists()
    again = bench.run(**options, skip_unsupported=skip)
    assert (again.changed, again.result["unsupported"], len(bench.warnings)) == (False, skip, len(skip))


def test_no_recording_is_lost_on_a_store_of_files(benches: Any) -> None:
    bench = benches("rclone").make()
    bench.client.put_object(Bucket=bench.bucket, Key="a/recording", Body=b"1")
    bench.client.put_object(Bucket=bench.bucket, Key="b", Body=b"1")
    bench.run(folders=["a"])
    bench.fails(errors.UnsupportedError, folders=["b"])
    bench.fails(errors.UnsupportedError, folders=["c"])
    assert bench.keys() == ["a/recording", "b"]
    skipped = bench.run(folders=["b", "c"], skip_unsupported=["folders"])
    assert (skipped.changed, skipped.result["unsupported"], len(bench.warnings)) == (False, ["folders"], 1)
    assert bench.keys() == ["a/recording", "b"]
    # What the store created instead of the folder would have blocked every upload below it.
    bench.client.put_object(Bucket=bench.bucket, Key="c/recording", Body=b"1")


# By option, what the documentation says it takes; the first is the one to read.
ACTIONS: dict[str, list[str]] = {
    "encryption": ["s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration"],
    "cors_rules": ["s3:GetBucketCORS", "s3:PutBucketCORS"],
    "folders": ["s3:ListBucket", "s3:GetObject", "s3:PutObject"],
    "require_encryption": ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"],
    "object_ownership": ["s3:GetBucketOwnershipControls", "s3:PutBucketOwnershipControls"],
    "versioning": ["s3:GetBucketVersioning", "s3:PutBucketVersioning"],
    # The last two for a period that is shorter than before.
    "lifecycle": [
        "s3:GetLifecycleConfiguration",
        "s3:PutLifecycleConfiguration",
        "s3:ListBucket",
        "s3:GetBucketVersioning",
    ],
    "tags": ["s3:GetBucketTagging", "s3:PutBucketTagging"],
    "block_public_access": ["s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"],
}


# It takes a subresource that it does not know for the bucket itself.
UNKNOWN_TO_MOTO = ["s3:ListBucket", "s3:CreateBucket", "s3:DeleteBucket"]
# What moto calls them, and what SeaweedFS knows.
OWN_NAMES = {
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
    """The documented actions; SeaweedFS refuses a policy with actions that it does not know."""
    own = OWN_NAMES[store].get(name, [])
    return own if own and store == "seaweedfs" else [*ACTIONS[name], *own]


@pytest.mark.parametrize(
    ("store", "name"),
    [("moto-iam", name) for name in sorted(ACTIONS)]
    + [("seaweedfs", name) for name in ("cors_rules", "folders", "require_encryption", "tags")],
)
def test_the_least_permissions(benches: Any, store: str, name: str) -> None:
    bench = benches(store).make()
    user = bench.user(*permissions(store, name))
    for options in filter(None, LIVES[name][:3]):
        assert bench.run(**options, **user).changed
        assert bench.warnings == []
        assert not bench.run(**options, **user).changed
    other = bench.user("s3:GetBucketLocation")
    text = bench.fails(errors.DeniedError, **LIVES[name][0], **other)
    assert f"These credentials need the permission {ACTIONS[name][0]} here." in text
    assert bench.writes == []


@pytest.mark.parametrize("store", ["seaweedfs", "moto-iam"])
def test_a_bucket_that_is_not_managed_to_see(benches: Any, store: str) -> None:
    bench = benches(store).make()
    nobody = bench.user("s3:GetBucketLocation")
    cases: list[Options] = [{}, {"state": "absent"}, {"cors_rules": []}]
    for options in cases:
        assert "names are unique among all accounts" in bench.fails(errors.DeniedError, **options, **nobody)
    assert bench.exists()


def test_reading_everything_names_what_is_unsupported_and_what_is_denied(benches: Any) -> None:
    bench = benches("seaweedfs").make()
    found = bench.info()
    assert found["unavailable"] == {"block_public_access": "unsupported"}
    assert set(READABLE) < set(found["bucket"])
    assert (found["bucket"]["encryption"], found["bucket"]["cors_rules"]) == ("none", [])
    assert len(bench.asked) == 10
    hostile = benches("rclone").make().info()
    assert set(hostile["unavailable"].values()) == {"unsupported"}
    assert set(READABLE) - set(hostile["unavailable"]) == {"folders", "versioning"}
    iam = benches("moto-iam").make()
    user = iam.user("s3:HeadBucket", "s3:GetBucketCORS")
    found = iam.info(**user)
    assert set(found["unavailable"].values()) == {"denied"}
    assert set(READABLE) - set(found["unavailable"]) == {"cors_rules"}
    missing = benches("moto").info()
    assert missing == {"bucket": {"name": missing["bucket"]["name"], "exists": False}, "unavailable": {}}


def test_a_bucket_made_by_somebody_in_between_is_taken_as_it_is(benches: Any) -> None:
    bench = benches("seaweedfs")

    def overtake(_n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and not request.query and not bench.exists():
            bench.make()
            give_to_others(bench)

    bench.proxy.before = overtake
    bench.run(require_encryption=True, tags={"a": "1"})
    assert set(bench.statements()) == {"Theirs", "VonageArchivingRequireEncryption"}
    assert len(bench.holds("get_bucket_tagging")["TagSet"]) == 2


class Killed(BaseException):
    """Nothing runs after a kill; nothing in the code under test catches this."""


def full(public: bool) -> Options:
    stage = 0 if public else 1
    names = ("encryption", "cors_rules", "object_ownership", "versioning", "lifecycle", "tags", "folders")
    options = {key: value for name in names for key, value in (stages_of(name)[stage] or LIVES[name][0]).items()}
    prefixes = ["a"] if public else []
    return {**options, "public_prefixes": prefixes, "block_public_access": True, "require_encryption": public}


def test_a_run_that_is_killed_anywhere_is_repaired_by_the_next(benches: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill after a write is one before the next."""
    call = Bucket.call
    left = 0

    def killing(self: Bucket, operation: str, *args: Any, **params: Any) -> dict[str, Any]:
        nonlocal left
        answer = call(self, operation, *args, **params)
        if operation.startswith(("put_", "create_", "delete_")):
            left -= 1
            if left == 0:
                raise Killed
        return answer

    def killed(options: Options, after: int) -> bool:
        nonlocal left
        left = after
        try:
            bench.run(**options)
        except Killed:
            return True
        finally:
            left = 0
        return False

    monkeypatch.setattr(Bucket, "call", killing)
    bench = benches("moto")
    # moto would refuse folders while the policy denies uploads, whatever the condition.
    opened, closed = {**full(True), "require_encryption": False}, full(False)
    kills = 0
    for after in range(1, 20):
        dead = [killed(opened, after)]
        statement = bench.statements().get("VonageArchivingPublicRead")
        assert statement is None or statement["Resource"] == [f"arn:aws:s3:::{bench.bucket}/a/*"]
        bench.run(**opened)
        assert bench.holds("get_public_access_block")["PublicAccessBlockConfiguration"] == OPENED
        dead.append(killed(closed, after))
        # It is locked by the very first write.
        assert bench.holds("get_public_access_block")["PublicAccessBlockConfiguration"] == LOCKED
        bench.run(**closed)
        assert bench.statements() == {}
        kills += sum(dead)
        if not any(dead):
            break
        bench.run(state="absent", force=True)
    assert not bench.run(**closed).changed
    assert kills >= 18
