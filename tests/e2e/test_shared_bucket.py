# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test projects that share a bucket, concurrently and with killed runs: no settings of another project are lost.

The tests use SeaweedFS, and moto for the public access block.
"""

from __future__ import annotations

import functools
import json
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._aws import lease
from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_naming import LOCK_KEY
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import apply as bucket_apply
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import info as bucket_info
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import reconcile as bucket
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.policy import public_statement
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from tests.e2e import forked_process, workflow_driver
from tests.sandbox import DropConnection, ProxiedRequest, RecordingProxy, Sandbox, Store

pytestmark = pytest.mark.xdist_group("shared_bucket")

PROJECTS = [str(47120000 + n) for n in range(12)]
OTHER_PROJECTS = PROJECTS[:2]
VICTIM = PROJECTS[2]
FULL_BLOCK = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
# The number of requests of the victim's run, from the acquisition of the lock to its release.
POINTS = 14


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("seaweedfs", "moto", "rclone"), vonage=False) as running:
        yield running


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECONDS", "WRITE_SECONDS", "MARGIN", "LONGEST_PAUSE"):
        monkeypatch.setattr(lease, name, getattr(lease, name))
    workflow_driver.shorten_lease()


@dataclass
class SharedBucket:
    """A bucket and its contents."""

    store: Store
    url: str = ""
    name: str = field(default_factory=lambda: f"shared-{secrets.token_hex(6)}")
    warnings: list[str] = field(default_factory=list)

    @functools.cached_property
    def client(self) -> Any:
        return self.store.client()

    def options(self, project: str | None, **changes: Any) -> dict[str, Any]:
        keys = {"access_key": self.store.access_key, "secret_key": self.store.secret_key, "region": self.store.region}
        return {
            "endpoint_url": self.url or self.store.endpoint_url,
            **keys,
            "name": self.name,
            "project": project,
            **changes,
        }

    def run(self, project: str, **changes: Any) -> Outcome:
        options = {"public_prefixes": [project], "lifecycle": {"prefix": f"{project}/", "expire_days": 30}, **changes}
        return bucket.reconcile(self.options(project, **options), Context(warn=self.warnings.append))

    def statement(self, sid: str) -> dict[str, Any]:
        statements = json.loads(self.client.get_bucket_policy(Bucket=self.name)["Policy"])["Statement"]
        return next((entry for entry in statements if entry["Sid"] == sid), {})

    @property
    def public(self) -> set[str]:
        resources = self.statement("VonageArchivingPublicRead").get("Resource", [])
        return {resource.split("/")[1] for resource in ([resources] if isinstance(resources, str) else resources)}

    @property
    def rules(self) -> set[str]:
        rules = self.client.get_bucket_lifecycle_configuration(Bucket=self.name)["Rules"]
        return {entry["ID"] for entry in rules}

    def has_policy(self) -> bool:
        try:
            return bool(self.client.get_bucket_policy(Bucket=self.name))
        except ClientError:
            return False

    def lifecycle(self, project: str) -> dict[str, Any]:
        rules = self.client.get_bucket_lifecycle_configuration(Bucket=self.name)["Rules"]
        return next((entry for entry in rules if entry["ID"] == f"vonage-archiving-{project}"), {})

    def plan(self, project: str, **changes: Any) -> bool:
        """Return whether a run would change anything, or has pending requirements."""
        outcome = bucket.reconcile(self.options(project, **changes), Context(check_mode=True))
        return outcome.changed or bool(outcome.result["pending_requirements"])

    def delete(self, project: str, check_mode: bool = False, **changes: Any) -> Outcome:
        options = self.options(project, state="absent", force=True, **changes)
        return bucket.reconcile(options, Context(check_mode=check_mode))

    def put(self, key: str, body: bytes = b"x") -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def objects(self) -> list[str]:
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]


def rule_ids(*projects: str) -> set[str]:
    return {f"vonage-archiving-{project}" for project in projects}


def test_reconcile_twelve_concurrent_projects_keep_all_settings(sandbox: Sandbox) -> None:
    """Each run also creates the bucket. The second time, no run writes."""
    with RecordingProxy(sandbox.stores["seaweedfs"].endpoint_url, latency=0.005) as proxy:
        shared = SharedBucket(sandbox.stores["seaweedfs"], proxy.url)

        def run_concurrently() -> list[bool]:
            start = threading.Barrier(len(PROJECTS))

            def run_project(project: str) -> bool:
                start.wait(10)
                # SeaweedFS supports at most ten tags.
                return shared.run(
                    project, tags={f"project-{project[-1]}": "x"} if project in PROJECTS[:10] else None
                ).changed

            with ThreadPoolExecutor(len(PROJECTS)) as pool:
                return list(pool.map(run_project, PROJECTS))

        assert all(run_concurrently())
        assert shared.public == set(PROJECTS)
        assert shared.rules == rule_ids(*PROJECTS)
        tags = shared.client.get_bucket_tagging(Bucket=shared.name)["TagSet"]
        assert {entry["Key"] for entry in tags} == {f"project-{n}" for n in range(10)}
        assert shared.objects() == [LOCK_KEY]
        proxy.clear()
        assert not any(run_concurrently())
        assert {request.method for request in proxy.requests} == {"GET"}
        assert not any(request.path.endswith(LOCK_KEY) for request in proxy.requests)
    assert shared.warnings == []
    info = bucket_info.gather(
        shared.options(PROJECTS[3], facets=["lifecycle", "public_prefixes"])
        | {"endpoint_url": shared.store.endpoint_url},
        Context(),
    )
    assert info.result["bucket"]["lifecycle_projects"] == PROJECTS
    assert info.result["bucket"]["public_prefixes"] == [PROJECTS[3]]
    assert info.result["bucket"]["lifecycle"] == {"prefix": f"{PROJECTS[3]}/", "expire_days": 30}


@pytest.mark.parametrize("locked", [True, False])
def test_reconcile_lock_keeps_concurrent_settings(
    sandbox: Sandbox, locked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run reads the policy and is suspended before it writes the policy. Meanwhile, another run starts and ends."""
    if not locked:
        monkeypatch.setattr(bucket_apply, "LOCKED_FACETS", frozenset())
    shared = SharedBucket(sandbox.stores["seaweedfs"])
    shared.run(PROJECTS[0])
    other_has_ended, about_to_write = threading.Event(), threading.Event()

    def suspend(n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.query.startswith("policy"):
            about_to_write.set()
            # The other run never ends if it waits for the lock.
            other_has_ended.wait(1)

    with RecordingProxy(shared.store.endpoint_url, before=suspend) as proxy, ThreadPoolExecutor(2) as pool:
        slow = pool.submit(SharedBucket(shared.store, proxy.url, shared.name).run, PROJECTS[1])
        assert about_to_write.wait(10)
        shared.run(PROJECTS[2])
        other_ended_first = not slow.done()
        other_has_ended.set()
        assert slow.result(30).changed
    assert other_ended_first is not locked
    lost = set() if locked else {PROJECTS[2]}
    assert shared.public == set(PROJECTS[:3]) - lost


def new_shared_bucket(store: Store) -> SharedBucket:
    """A bucket of two projects with unmanaged settings and a public access block that was activated manually."""
    shared = SharedBucket(store)
    shared.client.create_bucket(Bucket=shared.name)
    days: dict[str, Any] = {"Status": "Enabled", "Expiration": {"Days": 30}}
    rules = [
        {"ID": f"vonage-archiving-{project}", "Filter": {"Prefix": f"{project}/"}, **days} for project in OTHER_PROJECTS
    ]
    configuration = {"Rules": [*rules, {"ID": "unmanaged", "Filter": {"Prefix": "unmanaged/"}, **days}]}
    shared.client.put_bucket_lifecycle_configuration(Bucket=shared.name, LifecycleConfiguration=configuration)
    arn = f"arn:aws:s3:::{shared.name}"
    principal = {"AWS": "arn:aws:iam::111122223333:root"}
    unmanaged_statement = {
        "Sid": "Unmanaged",
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:GetObject",
        "Resource": f"{arn}/t/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [unmanaged_statement, public_statement(arn, OTHER_PROJECTS)]}
    shared.client.put_bucket_policy(Bucket=shared.name, Policy=json.dumps(policy))
    shared.client.put_public_access_block(Bucket=shared.name, PublicAccessBlockConfiguration=FULL_BLOCK)
    return shared


def run_and_kill(shared: SharedBucket, point: int, after: bool) -> list[str]:
    """Run the use case of the victim in its own process, kill it at a request while it holds the lock, and return the
    requests.
    """
    lock, requests = threading.Lock(), list[ProxiedRequest]()

    def is_kill_point(request: ProxiedRequest) -> bool:
        with lock:
            if not requests and not request.path.endswith(LOCK_KEY):
                return False
            requests.append(request)
            return len(requests) == point

    kill_requests: list[ProxiedRequest] = []

    def before(n: int, request: ProxiedRequest) -> None:
        if is_kill_point(request):
            kill_requests.append(request)
            if not after:
                forked_process.kill_process(process)
                raise DropConnection

    def kill_after(n: int, request: ProxiedRequest) -> None:
        if after and request in kill_requests:
            forked_process.kill_process(process)

    with RecordingProxy(shared.store.endpoint_url, before=before, after=kill_after) as proxy:
        options = {"public_prefixes": [VICTIM], "lifecycle": {"prefix": f"{VICTIM}/", "expire_days": 30}}
        process = forked_process.create_process(
            workflow_driver.ensure_shared_bucket,
            SharedBucket(shared.store, proxy.url, shared.name).options(VICTIM, **options),
        )
        process.start()
        process.join(60)
    assert process.exitcode == (-9 if kill_requests else 0)
    return [f"{request.method} {request.path.replace(shared.name, 'b')}?{request.query}" for request in requests]


def assert_other_settings_kept(shared: SharedBucket) -> None:
    assert {*rule_ids(*OTHER_PROJECTS), "unmanaged"} <= shared.rules
    assert set(OTHER_PROJECTS) <= shared.public
    assert shared.statement("Unmanaged")


def assert_kill_is_repaired(store: Store, point: int, after: bool) -> None:
    shared = new_shared_bucket(store)
    run_and_kill(shared, point, after)
    assert_other_settings_kept(shared)
    repaired = shared.run(VICTIM).changed
    assert_other_settings_kept(shared)
    assert shared.rules == {*rule_ids(*OTHER_PROJECTS, VICTIM), "unmanaged"}
    assert shared.public == {*OTHER_PROJECTS, VICTIM}
    assert not shared.run(VICTIM).changed
    # A run without changes does not modify a lease before it expires.
    lock = shared.client.get_object(Bucket=shared.name, Key=LOCK_KEY)["Body"].read()
    assert lease.parse_lease(lock) == lease.FREE or not repaired


@pytest.mark.usefixtures("short_lease")
def test_reconcile_killed_with_lock_keeps_settings_of_other_projects(sandbox: Sandbox) -> None:
    store = sandbox.stores["moto"]
    all_requests = run_and_kill(new_shared_bucket(store), 0, False)
    assert len(all_requests) == POINTS
    writes = [line.partition("&")[0] for line in all_requests if line.startswith("PUT")]
    lock = f"PUT /b/{LOCK_KEY}?"
    assert writes == [lock, "PUT /b?lifecycle", "PUT /b?publicAccessBlock", "PUT /b?policy", lock]
    # A kill after a request equals a kill before the next one, except for requests without a response.
    points = [(n, after) for n in range(1, POINTS + 1) for after in (False, all_requests[n - 1].startswith("PUT"))]
    with ThreadPoolExecutor(3) as pool:
        cases = [pool.submit(assert_kill_is_repaired, store, n, after) for n, after in dict.fromkeys(points)]
    for case in cases:
        case.result()


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_reconcile_versioning_suspended_lock_works(sandbox: Sandbox, store: str) -> None:
    """SeaweedFS then rejects conditions on objects of the earlier versioning state."""
    shared = SharedBucket(sandbox.stores[store])
    shared.run(PROJECTS[0], versioning="Enabled")
    shared.run(PROJECTS[1])
    shared.run(PROJECTS[2], versioning="Suspended")
    shared.run(PROJECTS[3])
    assert shared.public == set(PROJECTS[:4])
    assert shared.rules == rule_ids(*PROJECTS[:4])
    assert shared.warnings == []


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_reconcile_absent_only_lock_left_deletes_bucket(sandbox: Sandbox, store: str) -> None:
    shared = SharedBucket(sandbox.stores[store])
    absent = shared.options(None, state="absent")
    shared.run(PROJECTS[0], versioning="Enabled")
    # The second run creates further versions of the lock.
    shared.run(PROJECTS[0], public_prefixes=[])
    client = shared.client
    client.put_object(Bucket=shared.name, Key=".vonage-archiving/record.json", Body=b"{}")
    with pytest.raises(errors.RejectedError, match="it contains objects"):
        bucket.reconcile(absent, Context())
    versions = client.list_object_versions(Bucket=shared.name)["Versions"]
    assert [version["Key"] for version in versions].count(LOCK_KEY) >= 4
    for version in versions:
        if version["Key"] != LOCK_KEY:
            client.delete_object(Bucket=shared.name, Key=version["Key"], VersionId=version["VersionId"])
    assert bucket.reconcile(absent, Context(check_mode=True)).changed
    client.head_bucket(Bucket=shared.name)
    assert bucket.reconcile(absent, Context()).result["removed"] == {}
    with pytest.raises(ClientError, match="404"):
        client.head_bucket(Bucket=shared.name)


def test_reconcile_absent_force_other_projects_are_kept(sandbox: Sandbox) -> None:
    shared = SharedBucket(sandbox.stores["seaweedfs"])
    shared.run(PROJECTS[0])
    for project in PROJECTS[:7]:
        shared.put(f".vonage-archiving/{project}.json", b"{}")
        shared.put(f"{project}/a/archive.mp4")
    contents = shared.objects()
    state_files = ", ".join(f".vonage-archiving/{project}.json" for project in PROJECTS[1:6])
    for check_mode in (True, False):
        with pytest.raises(errors.NotManagedError, match=f"{state_files} and more. Nothing was deleted"):
            shared.delete(PROJECTS[0], check_mode)
    assert shared.objects() == contents
    for project in PROJECTS[1:7]:
        shared.client.delete_object(Bucket=shared.name, Key=f".vonage-archiving/{project}.json")
    # A project can have its state file outside of the bucket.
    with pytest.raises(errors.NotManagedError, match=f"to this project: {PROJECTS[1]}/a/archive.mp4, "):
        shared.delete(PROJECTS[0])
    for project in PROJECTS[1:7]:
        shared.client.delete_object(Bucket=shared.name, Key=f"{project}/a/archive.mp4")
    assert shared.delete(PROJECTS[0]).changed
    # Without the option project, everything is deleted.
    shared.run(PROJECTS[0])
    shared.put(f".vonage-archiving/{PROJECTS[1]}.json", b"{}")
    assert bucket.reconcile(shared.options(None, state="absent", force=True), Context()).changed


UNRELATED = ("finance/2026/ledger.csv", "readme.txt", ".vonage-archiving/notes/a.txt", f"{PROJECTS[0]}0/a", "exports/")


@pytest.mark.parametrize("versioning", [None, "Enabled"])
@pytest.mark.parametrize("key", UNRELATED)
@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_reconcile_absent_force_unrelated_objects_are_kept(
    sandbox: Sandbox, store: str, key: str, versioning: str | None
) -> None:
    shared = SharedBucket(sandbox.stores[store])
    shared.run(PROJECTS[0], versioning=versioning)
    shared.put(f"{PROJECTS[0]}/a/archive.mp4")
    shared.put(key)
    contents = shared.objects()
    for check_mode in (True, False):
        with pytest.raises(errors.NotManagedError, match=f"do not belong to this project: {key}. Nothing was deleted"):
            shared.delete(PROJECTS[0], check_mode)
    assert shared.objects() == contents
    # SeaweedFS keeps no versions of folders.
    if versioning and (store, key) != ("seaweedfs", "exports/"):
        # A delete marker hides the object. Its versions exist.
        shared.client.delete_object(Bucket=shared.name, Key=key)
        with pytest.raises(errors.NotManagedError, match=f"this project: {key}"):
            shared.delete(PROJECTS[0])


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_reconcile_absent_force_unrelated_upload_is_kept(sandbox: Sandbox, store: str) -> None:
    shared = SharedBucket(sandbox.stores[store])
    shared.run(PROJECTS[0])
    shared.client.create_multipart_upload(Bucket=shared.name, Key="finance/video")
    shared.put(f"{PROJECTS[0]}/a/archive.mp4")
    with pytest.raises(errors.NotManagedError, match="this project: the upload in progress of finance/video"):
        shared.delete(PROJECTS[0])
    assert f"{PROJECTS[0]}/a/archive.mp4" in shared.objects()


@pytest.mark.parametrize("store", ["seaweedfs", "moto", "rclone"])
def test_reconcile_absent_force_deletes_project_and_bucket(sandbox: Sandbox, store: str) -> None:
    shared, project = SharedBucket(sandbox.stores[store]), PROJECTS[0]
    versioned = store != "rclone"
    if versioned:
        shared.run(project, versioning="Enabled", folders=[project, "img/a"])
        # Several versions of the lock, and a marker of its folder.
        shared.run(project, public_prefixes=[], folders=[project, "img/a"])
        shared.put(".vonage-archiving/", b"")
        shared.client.delete_object(Bucket=shared.name, Key=f"{project}/deleted.mp4")
    else:
        shared.client.create_bucket(Bucket=shared.name)
    shared.put(f"{project}/a/archive.mp4")
    shared.put(f"{project}/a/archive.mp4")
    shared.put(f".vonage-archiving/{project}.json", b"{}")
    for key in (f"{project}/open", "vonage-archiving-probe-1/upload") if versioned else ():
        shared.client.create_multipart_upload(Bucket=shared.name, Key=key)
    with RecordingProxy(shared.store.endpoint_url) as proxy:
        planned = SharedBucket(shared.store, proxy.url, shared.name).delete(project, check_mode=True, folders=["img/a"])
        assert {request.method for request in proxy.requests} <= {"GET", "HEAD"}
    assert planned.result["removed"] == {}
    outcome = shared.delete(project, folders=["img/a"])
    assert (outcome.changed, outcome.result["changes"]) == (True, ["bucket"])
    assert outcome.result["removed"]["uploads"] == (2 if versioned else 0)
    assert outcome.result["removed"]["objects"] >= (10 if versioned else 2)
    with pytest.raises(ClientError, match="404"):
        shared.client.head_bucket(Bucket=shared.name)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_reconcile_absent_force_new_object_raises_conflict_error(sandbox: Sandbox, store: str, method: str) -> None:
    """With POST, it appears before the deletion of the objects; with DELETE, immediately before the deletion of the
    bucket.
    """
    shared, project = SharedBucket(sandbox.stores[store]), PROJECTS[0]
    shared.run(project)
    shared.put(f"{project}/a/archive.mp4")

    def overtake(_n: int, request: ProxiedRequest) -> None:
        if request.method == method:
            shared.put("finance/ledger.csv")

    with RecordingProxy(shared.store.endpoint_url, before=overtake) as proxy:
        overtaken = SharedBucket(shared.store, proxy.url, shared.name)
        with pytest.raises(errors.ConflictError, match=r"appeared during the deletion: finance/ledger\.csv"):
            overtaken.delete(project)
    assert shared.objects() == ["finance/ledger.csv"]


def uploads_unencrypted(shared: SharedBucket, key: str) -> bool:
    try:
        shared.client.put_object(Bucket=shared.name, Key=key, Body=b"x")
    except ClientError:
        return False
    return True


def test_reconcile_require_encryption_applies_to_project_only(sandbox: Sandbox) -> None:
    shared = SharedBucket(sandbox.stores["seaweedfs"])

    def fetch_settings(project: str) -> dict[str, Any]:
        options = shared.options(project, facets=["require_encryption"])
        return dict(bucket_info.gather(options, Context()).result["bucket"])

    # A run without a project wrote this statement.
    bucket.reconcile(shared.options(None, require_encryption=True), Context())
    assert not uploads_unencrypted(shared, f"{PROJECTS[1]}/a")
    for project in PROJECTS[:2]:
        outcome = shared.run(project, require_encryption=True)
        assert outcome.result["bucket"]["require_encryption"] is True
        assert "require_encryption" in outcome.result["changes"]
        assert not shared.run(project, require_encryption=True).changed
        assert not shared.run(PROJECTS[2], require_encryption=False).result["bucket"]["require_encryption"]
    arn = f"arn:aws:s3:::{shared.name}"
    assert shared.statement("VonageArchivingRequireEncryption")["Resource"] == [f"{arn}/{s}/*" for s in PROJECTS[:2]]
    is_rejected = [not uploads_unencrypted(shared, f"{project}/a") for project in PROJECTS[:3]]
    assert is_rejected == [True, True, False]
    settings = fetch_settings(PROJECTS[1])
    assert (settings["require_encryption"], settings["encryption_projects"]) == (True, PROJECTS[:2])
    settings = fetch_settings(PROJECTS[2])
    assert settings["require_encryption"] is False
    consent = {"allow": ["adopt_bucket"]}
    shared.run(PROJECTS[0], require_encryption=False, **consent)
    assert [uploads_unencrypted(shared, f"{project}/a") for project in PROJECTS[:2]] == [True, False]
    shared.run(PROJECTS[1], require_encryption=False, **consent)
    assert shared.statement("VonageArchivingRequireEncryption") == {}


def test_reconcile_defer_requirements_allows_unencrypted_uploads(sandbox: Sandbox) -> None:
    shared, project = SharedBucket(sandbox.stores["seaweedfs"]), PROJECTS[0]
    options = {"require_encryption": True, "defer_requirements": True, "lifecycle": None, "public_prefixes": None}
    # No recording can be in progress to a bucket that does not exist.
    new = bucket.reconcile(shared.options(project, **options), Context(check_mode=True))
    assert (new.result["changes"], new.result["pending_requirements"]) == (["bucket", "require_encryption"], [])
    shared.run(project, lifecycle=None, public_prefixes=None)
    for check_mode in (True, False):
        outcome = bucket.reconcile(shared.options(project, **options), Context(check_mode=check_mode))
        assert outcome.result["changes"] == []
        assert outcome.result["pending_requirements"] == ["require_encryption"]
        assert outcome.result["bucket"]["require_encryption"] is False
    second = shared.run(project, **options)
    assert (second.changed, second.result["pending_requirements"]) == (False, ["require_encryption"])
    assert uploads_unencrypted(shared, f"{project}/a")
    applied = shared.run(project, **{**options, "defer_requirements": False})
    assert (applied.result["changes"], applied.result["pending_requirements"]) == (["require_encryption"], [])
    assert not uploads_unencrypted(shared, f"{project}/a")
    # An existing statement stays, and can be removed.
    second = shared.run(project, **options)
    assert (second.changed, second.result["pending_requirements"]) == (False, [])
    removed = shared.run(project, **{**options, "require_encryption": False})
    assert (removed.result["changes"], removed.result["pending_requirements"]) == (["require_encryption"], [])


def assert_rejected_without_write(
    shared: SharedBucket, run: Any, error: type[errors.ArchivingError], match: str
) -> None:
    """Assert this in check mode and in a run."""
    with RecordingProxy(shared.store.endpoint_url) as proxy:
        for check_mode in (True, False):
            with pytest.raises(error, match=match):
                run(SharedBucket(shared.store, proxy.url, shared.name), check_mode)
        assert {request.method for request in proxy.requests} <= {"GET", "HEAD"}


ADOPTED: dict[str, Any] = {"public_prefixes": None, "lifecycle": None}


@pytest.mark.parametrize(
    ("store", "options", "setting"),
    [
        ("seaweedfs", {"encryption": "s3"}, "default encryption"),
        ("seaweedfs", {"require_encryption": True}, "policy"),
        ("seaweedfs", {"require_encryption": True, "defer_requirements": True}, "policy"),
        ("moto", {"public_prefixes": [PROJECTS[0]]}, "policy"),
        ("moto", {"block_public_access": True}, "public access block"),
    ],
)
def test_reconcile_unrelated_objects_require_consent(
    sandbox: Sandbox, store: str, options: dict[str, Any], setting: str
) -> None:
    shared, project = SharedBucket(sandbox.stores[store]), PROJECTS[0]
    shared.client.create_bucket(Bucket=shared.name)
    options = {**ADOPTED, **options}
    # Objects of the project and the bucket lock are not unrelated. The first run of another project writes
    # folder markers and probes before its state file.
    shared.put(f"{PROJECTS[1]}/", b"")
    shared.put(f"{PROJECTS[1]}/vonage-archiving-probe-1/object")
    shared.put(f"{project}/a/archive.mp4")
    shared.put(LOCK_KEY, lease.FREE.data())
    assert shared.plan(project, **options)
    shared.put("finance/ledger.csv")

    def run(proxied: SharedBucket, check_mode: bool) -> None:
        bucket.reconcile(proxied.options(project, **options), Context(check_mode=check_mode))

    match = f"change the {setting} of bucket .* such as finance/ledger.csv, .* add adopt_bucket to the option allow"
    assert_rejected_without_write(shared, run, errors.NotManagedError, match)
    # Other settings require no consent.
    assert shared.run(project, **{**ADOPTED, "cors_rules": [{"allowed_origins": ["*"], "allowed_methods": ["GET"]}]})
    assert shared.plan(project, **options, allow=["adopt_bucket"])
    # A state file of any project shows that the bucket is used for recordings.
    shared.put(f".vonage-archiving/{PROJECTS[1]}.json", b"{}")
    outcome = shared.run(project, **options)
    assert outcome.changed or outcome.result["pending_requirements"]


@pytest.mark.parametrize("kind", ["file", "bucket"])
def test_reconcile_state_file_of_project_replaces_consent(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    shared, project = SharedBucket(sandbox.stores["seaweedfs"]), PROJECTS[0]
    shared.client.create_bucket(Bucket=shared.name)
    shared.put("finance/ledger.csv")
    path = tmp_path / "state.json"
    location = str(path) if kind == "file" else f"s3://{shared.name}/state/a.json"
    options = {**ADOPTED, "encryption": "s3", "state_file": location}

    def write(data: bytes) -> None:
        path.write_bytes(data)
        shared.put("state/a.json", data)

    def run(proxied: SharedBucket, check_mode: bool) -> None:
        bucket.reconcile(proxied.options(project, **options), Context(check_mode=check_mode))

    def document(owner: str, **storage: str) -> bytes:
        return json.dumps({"format": 1, "project": owner, "status": "applied", "storage": storage}).encode()

    match = "such as finance/ledger.csv, .* add adopt_bucket to the option allow"
    assert_rejected_without_write(shared, run, errors.NotManagedError, match)
    for data in (b"", b"[]", b"{", json.dumps({"project": project}).encode(), document(PROJECTS[1])):
        write(data)
        assert_rejected_without_write(shared, run, errors.NotManagedError, match)
    # The project has used another bucket so far. The name of this one may be wrong.
    write(document(project, bucket="another-bucket"))
    assert_rejected_without_write(shared, run, errors.NotManagedError, match)
    for data in (document(project), document(project, bucket=shared.name)):
        write(data)
        assert shared.plan(project, **options)
    assert shared.run(project, **options).changed
    # A run without such a change does not read the state file.
    path.unlink()
    with RecordingProxy(shared.store.endpoint_url) as proxy:
        assert not SharedBucket(shared.store, proxy.url, shared.name).run(project, **options).changed
        assert {request.query for request in proxy.requests if "state" in request.path} == set()


def test_reconcile_unchanged_settings_require_no_consent(sandbox: Sandbox) -> None:
    shared, project = SharedBucket(sandbox.stores["moto"]), PROJECTS[0]
    options = {**ADOPTED, "encryption": "s3", "block_public_access": True}
    shared.run(project, **options)
    shared.put("finance/ledger.csv")
    with RecordingProxy(shared.store.endpoint_url) as proxy:
        assert not SharedBucket(shared.store, proxy.url, shared.name).run(project, **options).changed
        assert sorted(request.query for request in proxy.requests) == ["encryption", "publicAccessBlock"]


def test_reconcile_policy_changed_after_plan_requires_consent(sandbox: Sandbox) -> None:
    """Before the lock is acquired, only the lifecycle rule differs. After that, the policy differs, too."""
    shared, project = SharedBucket(sandbox.stores["seaweedfs"]), PROJECTS[0]
    shared.run(project, lifecycle=None)
    shared.put("finance/ledger.csv")

    def delete_policy(_n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.path.endswith(LOCK_KEY) and shared.has_policy():
            shared.client.delete_bucket_policy(Bucket=shared.name)

    with RecordingProxy(shared.store.endpoint_url, before=delete_policy) as proxy:
        with pytest.raises(errors.NotManagedError, match=r"change the policy .* such as finance/ledger\.csv"):
            SharedBucket(shared.store, proxy.url, shared.name).run(project)
        assert {request.path for request in proxy.requests if request.method == "PUT"} == {f"/{shared.name}/{LOCK_KEY}"}


def test_reconcile_bucket_created_concurrently_requires_consent(sandbox: Sandbox) -> None:
    shared = SharedBucket(sandbox.stores["seaweedfs"])

    def overtake(_n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.path.strip("/") == shared.name and not request.query:
            shared.client.create_bucket(Bucket=shared.name)
            shared.put("finance/ledger.csv")

    with (
        RecordingProxy(shared.store.endpoint_url, before=overtake) as proxy,
        pytest.raises(errors.NotManagedError, match=r"such as finance/ledger\.csv"),
    ):
        SharedBucket(shared.store, proxy.url, shared.name).run(PROJECTS[0])
    assert shared.objects() == ["finance/ledger.csv"]


def lifecycle_options(days: int | None = None, noncurrent: int | None = None) -> dict[str, Any]:
    days_of = {"expire_days": days, "noncurrent_expire_days": noncurrent}
    lifecycle = {"lifecycle": {"prefix": f"{PROJECTS[0]}/", **days_of, "abort_incomplete_uploads_days": 7}}
    return {"public_prefixes": None, **lifecycle}


@pytest.mark.parametrize("before", [None, 90])
@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_reconcile_shorter_retention_requires_consent(sandbox: Sandbox, store: str, before: int | None) -> None:
    shared, project = SharedBucket(sandbox.stores[store]), PROJECTS[0]
    shared.run(project, **lifecycle_options(before), folders=[project])
    # Without recordings, nothing would be deleted: folders and other projects have none.
    shared.put(f"{PROJECTS[1]}/a/archive.mp4")
    assert shared.plan(project, **lifecycle_options(30))
    shared.put(f"{project}/a/archive.mp4")

    def run(proxied: SharedBucket, check_mode: bool) -> None:
        bucket.reconcile(proxied.options(project, **lifecycle_options(30)), Context(check_mode=check_mode))

    match = f"expire_days .* to 30 days: .* the object {project}/a/archive.mp4 of 20.* add shorter_retention to the opt"
    assert_rejected_without_write(shared, run, errors.RejectedError, match)
    assert shared.run(project, **lifecycle_options(30), allow=["shorter_retention"]).changed
    # Periods that are not shorter than the current one.
    for days in (30, 60, None):
        shared.run(project, **lifecycle_options(days))
        assert shared.lifecycle(project).get("Expiration") == ({"Days": days} if days else None)


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_reconcile_shorter_retention_of_noncurrent_versions_requires_consent(sandbox: Sandbox, store: str) -> None:
    shared, project = SharedBucket(sandbox.stores[store]), PROJECTS[0]
    shared.run(project, **lifecycle_options())
    shared.put(f"{project}/a/archive.mp4")
    # A bucket that was never versioned has no noncurrent versions.
    assert shared.plan(project, **lifecycle_options(noncurrent=7))
    shared.client.put_bucket_versioning(Bucket=shared.name, VersioningConfiguration={"Status": "Enabled"})
    assert shared.plan(project, **lifecycle_options(noncurrent=7))
    shared.put(f"{project}/a/archive.mp4")

    def run(proxied: SharedBucket, check_mode: bool) -> None:
        bucket.reconcile(proxied.options(project, **lifecycle_options(noncurrent=7)), Context(check_mode=check_mode))

    match = f"noncurrent_expire_days .* to 7 days: .* the noncurrent version {project}/a/archive.mp4"
    assert_rejected_without_write(shared, run, errors.RejectedError, match)
    assert shared.run(project, **lifecycle_options(noncurrent=7), allow=["shorter_retention"]).changed


def state_file(endpoint: str | None, status: str = "applied", project: str = "") -> bytes:
    document = {"format": 1, "project": project, "status": status, "storage": {"endpoint": endpoint}}
    return json.dumps(document).encode()


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_reconcile_require_tls_other_project_without_tls_is_rejected(
    sandbox: Sandbox, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint of the sandbox does not use https. The statement is only planned."""
    monkeypatch.setattr(Connection, "is_encrypted", True)
    shared, project = SharedBucket(sandbox.stores[store]), PROJECTS[0]
    shared.run(project)
    options = {**ADOPTED, "require_tls": True}
    shared.put(f".vonage-archiving/{project}.json", state_file("http://own.example"))
    shared.put(".vonage-archiving/elsewhere.json", state_file("http://own.example", project=project))
    shared.put(f".vonage-archiving/{PROJECTS[1]}.json", state_file(None))
    for other_project in PROJECTS[2:8]:
        shared.put(f".vonage-archiving/{other_project}.json", state_file("https://s3.example"))
    assert shared.plan(project, **options)

    def run(proxied: SharedBucket, check_mode: bool) -> None:
        bucket.reconcile(proxied.options(project, **options), Context(check_mode=check_mode))

    for status in ("applied", "pending"):
        shared.put(f".vonage-archiving/{PROJECTS[8]}.json", state_file("HTTP://s3.example:8333", status))
        match = (
            f"set require_tls on .*: project {PROJECTS[8]} uploads .* to the endpoint HTTP://s3.example:8333. Set an"
        )
        assert_rejected_without_write(shared, run, errors.RejectedError, match)
    # The check does not run without the project, and not while the requirement is deferred.
    assert bucket.reconcile(shared.options(None, **options), Context(check_mode=True)).changed
    deferred = bucket.reconcile(shared.options(project, **options, defer_requirements=True), Context(check_mode=True))
    assert (deferred.changed, deferred.result["pending_requirements"]) == (False, ["require_tls"])
    shared.put(f".vonage-archiving/{PROJECTS[8]}.json", b"{damaged")
    match = f"of another project is not known: its state file .vonage-archiving/{PROJECTS[8]}.json cannot be read"
    assert_rejected_without_write(shared, run, errors.RejectedError, match)
