# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects that share a bucket, at the same time and with runs that are killed: nobody loses anything.

SeaweedFS is who they meet at; moto has the public access block besides.
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
from tests.e2e import driver, forks
from tests.sandbox import DropConnection, ProxiedRequest, RecordingProxy, Sandbox, Store

pytestmark = pytest.mark.xdist_group("shared_bucket")

PROJECTS = [str(47120000 + n) for n in range(12)]
OTHERS = PROJECTS[:2]
VICTIM = PROJECTS[2]
CLOSED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
# How many requests the run of the victim sends from when it takes its turn to when it has ended it.
POINTS = 14


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("seaweedfs", "moto", "rclone"), vonage=False) as running:
        yield running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECONDS", "WRITE_SECONDS", "MARGIN", "LONGEST_PAUSE"):
        monkeypatch.setattr(lease, name, getattr(lease, name))
    driver.lease_for_a_second()


@dataclass
class Shared:
    """A bucket, and what is in it."""

    store: Store
    url: str = ""
    name: str = field(default_factory=lambda: f"shared-{secrets.token_hex(6)}")
    warnings: list[str] = field(default_factory=list)

    @functools.cached_property
    def client(self) -> Any:
        return self.store.client()

    def options(self, project: str | None, **more: Any) -> dict[str, Any]:
        keys = {"access_key": self.store.access_key, "secret_key": self.store.secret_key, "region": self.store.region}
        return {
            "endpoint_url": self.url or self.store.endpoint_url,
            **keys,
            "name": self.name,
            "project": project,
            **more,
        }

    def run(self, project: str, **more: Any) -> Outcome:
        given = {"public_prefixes": [project], "lifecycle": {"prefix": f"{project}/", "expire_days": 30}, **more}
        return bucket.reconcile(self.options(project, **given), Context(warn=self.warnings.append))

    def statement(self, sid: str) -> dict[str, Any]:
        found = json.loads(self.client.get_bucket_policy(Bucket=self.name)["Policy"])["Statement"]
        return next((each for each in found if each["Sid"] == sid), {})

    @property
    def public(self) -> set[str]:
        named = self.statement("VonageArchivingPublicRead").get("Resource", [])
        return {each.split("/")[1] for each in ([named] if isinstance(named, str) else named)}

    @property
    def rules(self) -> set[str]:
        found = self.client.get_bucket_lifecycle_configuration(Bucket=self.name)["Rules"]
        return {each["ID"] for each in found}

    def has_policy(self) -> bool:
        try:
            return bool(self.client.get_bucket_policy(Bucket=self.name))
        except ClientError:
            return False

    def lifecycle(self, project: str) -> dict[str, Any]:
        found = self.client.get_bucket_lifecycle_configuration(Bucket=self.name)["Rules"]
        return next((each for each in found if each["ID"] == f"vonage-archiving-{project}"), {})

    def plan(self, project: str, **more: Any) -> bool:
        """Whether a run would change anything, or leave something to a later run."""
        outcome = bucket.reconcile(self.options(project, **more), Context(check_mode=True))
        return outcome.changed or bool(outcome.result["pending_requirements"])

    def delete(self, project: str, check_mode: bool = False, **more: Any) -> Outcome:
        options = self.options(project, state="absent", force=True, **more)
        return bucket.reconcile(options, Context(check_mode=check_mode))

    def put(self, key: str, body: bytes = b"x") -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def objects(self) -> list[str]:
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]


def rules_of(*projects: str) -> set[str]:
    return {f"vonage-archiving-{project}" for project in projects}


def test_twelve_projects_at_once(sandbox: Sandbox) -> None:
    """They also make the bucket, each for itself. The second time, nobody has anything to write."""
    with RecordingProxy(sandbox.stores["seaweedfs"].endpoint_url, latency=0.005) as proxy:
        shared = Shared(sandbox.stores["seaweedfs"], proxy.url)

        def all_at_once() -> list[bool]:
            start = threading.Barrier(len(PROJECTS))

            def one(project: str) -> bool:
                start.wait(10)
                # SeaweedFS takes no more than ten tags.
                return shared.run(
                    project, tags={f"project-{project[-1]}": "x"} if project in PROJECTS[:10] else None
                ).changed

            with ThreadPoolExecutor(len(PROJECTS)) as pool:
                return list(pool.map(one, PROJECTS))

        assert all(all_at_once())
        assert shared.public == set(PROJECTS)
        assert shared.rules == rules_of(*PROJECTS)
        tags = shared.client.get_bucket_tagging(Bucket=shared.name)["TagSet"]
        assert {each["Key"] for each in tags} == {f"project-{n}" for n in range(10)}
        assert shared.objects() == [LOCK_KEY]
        proxy.clear()
        assert not any(all_at_once())
        assert {each.method for each in proxy.requests} == {"GET"}
        assert not any(each.path.endswith(LOCK_KEY) for each in proxy.requests)
    assert shared.warnings == []
    told = bucket_info.gather(
        shared.options(PROJECTS[3], facets=["lifecycle", "public_prefixes"])
        | {"endpoint_url": shared.store.endpoint_url},
        Context(),
    )
    assert told.result["bucket"]["lifecycle_projects"] == PROJECTS
    assert told.result["bucket"]["public_prefixes"] == [PROJECTS[3]]
    assert told.result["bucket"]["lifecycle"] == {"prefix": f"{PROJECTS[3]}/", "expire_days": 30}


@pytest.mark.parametrize("locked", [True, False])
def test_it_is_the_lock_that_keeps_what_the_other_has_written(
    sandbox: Sandbox, locked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run has read the policy, and is held up before it writes it, until another run has come and gone."""
    if not locked:
        monkeypatch.setattr(bucket_apply, "LOCKED_FACETS", frozenset())
    shared = Shared(sandbox.stores["seaweedfs"])
    shared.run(PROJECTS[0])
    other_has_ended, about_to_write = threading.Event(), threading.Event()

    def hold_up(n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.query.startswith("policy"):
            about_to_write.set()
            # It never ends if it waits for its turn.
            other_has_ended.wait(1)

    with RecordingProxy(shared.store.endpoint_url, before=hold_up) as proxy, ThreadPoolExecutor(2) as pool:
        slow = pool.submit(Shared(shared.store, proxy.url, shared.name).run, PROJECTS[1])
        assert about_to_write.wait(10)
        shared.run(PROJECTS[2])
        ended_first = not slow.done()
        other_has_ended.set()
        assert slow.result(30).changed
    assert ended_first is not locked
    lost = set() if locked else {PROJECTS[2]}
    assert shared.public == set(PROJECTS[:3]) - lost


def inhabited(store: Store) -> Shared:
    """A bucket of two projects and of somebody else, which somebody has closed by hand."""
    shared = Shared(store)
    shared.client.create_bucket(Bucket=shared.name)
    days: dict[str, Any] = {"Status": "Enabled", "Expiration": {"Days": 30}}
    rules = [{"ID": f"vonage-archiving-{project}", "Filter": {"Prefix": f"{project}/"}, **days} for project in OTHERS]
    configuration = {"Rules": [*rules, {"ID": "theirs", "Filter": {"Prefix": "theirs/"}, **days}]}
    shared.client.put_bucket_lifecycle_configuration(Bucket=shared.name, LifecycleConfiguration=configuration)
    arn = f"arn:aws:s3:::{shared.name}"
    person = {"AWS": "arn:aws:iam::111122223333:root"}
    theirs = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": person,
        "Action": "s3:GetObject",
        "Resource": f"{arn}/t/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [theirs, public_statement(arn, OTHERS)]}
    shared.client.put_bucket_policy(Bucket=shared.name, Policy=json.dumps(policy))
    shared.client.put_public_access_block(Bucket=shared.name, PublicAccessBlockConfiguration=CLOSED)
    return shared


def killed(shared: Shared, point: int, after: bool) -> list[str]:
    """Run the victim in a process of its own, which is killed at a request of its turn; what it sent of that."""
    lock, counted = threading.Lock(), list[ProxiedRequest]()

    def is_it(request: ProxiedRequest) -> bool:
        with lock:
            if not counted and not request.path.endswith(LOCK_KEY):
                return False
            counted.append(request)
            return len(counted) == point

    hit: list[ProxiedRequest] = []

    def before(n: int, request: ProxiedRequest) -> None:
        if is_it(request):
            hit.append(request)
            if not after:
                forks.kill(process)
                raise DropConnection

    def late(n: int, request: ProxiedRequest) -> None:
        if after and request in hit:
            forks.kill(process)

    with RecordingProxy(shared.store.endpoint_url, before=before, after=late) as proxy:
        wanted = {"public_prefixes": [VICTIM], "lifecycle": {"prefix": f"{VICTIM}/", "expire_days": 30}}
        process = forks.forked(
            driver.share_bucket, Shared(shared.store, proxy.url, shared.name).options(VICTIM, **wanted)
        )
        process.start()
        process.join(60)
    assert process.exitcode == (-9 if hit else 0)
    return [f"{each.method} {each.path.replace(shared.name, 'b')}?{each.query}" for each in counted]


def see_that_others_have_theirs(shared: Shared) -> None:
    assert {*rules_of(*OTHERS), "theirs"} <= shared.rules
    assert set(OTHERS) <= shared.public
    assert shared.statement("Theirs")


def survive(store: Store, point: int, after: bool) -> None:
    shared = inhabited(store)
    killed(shared, point, after)
    see_that_others_have_theirs(shared)
    repaired = shared.run(VICTIM).changed
    see_that_others_have_theirs(shared)
    assert shared.rules == {*rules_of(*OTHERS, VICTIM), "theirs"}
    assert shared.public == {*OTHERS, VICTIM}
    assert not shared.run(VICTIM).changed
    # Who has nothing to write leaves a lease alone until it has run out.
    held = shared.client.get_object(Bucket=shared.name, Key=LOCK_KEY)["Body"].read()
    assert lease.parse_lease(held) == lease.FREE or not repaired


@pytest.mark.usefixtures("quick")
def test_a_run_that_is_killed_in_its_turn_takes_nothing_from_anybody(sandbox: Sandbox) -> None:
    store = sandbox.stores["moto"]
    whole = killed(inhabited(store), 0, False)
    assert len(whole) == POINTS
    writes = [each.partition("&")[0] for each in whole if each.startswith("PUT")]
    lock = f"PUT /b/{LOCK_KEY}?"
    assert writes == [lock, "PUT /b?lifecycle", "PUT /b?publicAccessBlock", "PUT /b?policy", lock]
    # To be killed after a request is to be killed before the next one, but for what was not answered.
    points = [(n, after) for n in range(1, POINTS + 1) for after in (False, whole[n - 1].startswith("PUT"))]
    with ThreadPoolExecutor(3) as pool:
        cases = [pool.submit(survive, store, n, after) for n, after in dict.fromkeys(points)]
    for case in cases:
        case.result()


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_turns_are_taken_where_versioning_was_suspended(sandbox: Sandbox, store: str) -> None:
    """SeaweedFS then refuses conditions about what was written before."""
    shared = Shared(sandbox.stores[store])
    shared.run(PROJECTS[0], versioning="Enabled")
    shared.run(PROJECTS[1])
    shared.run(PROJECTS[2], versioning="Suspended")
    shared.run(PROJECTS[3])
    assert shared.public == set(PROJECTS[:4])
    assert shared.rules == rules_of(*PROJECTS[:4])
    assert shared.warnings == []


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_the_lock_goes_with_a_bucket_that_has_nothing_else(sandbox: Sandbox, store: str) -> None:
    shared = Shared(sandbox.stores[store])
    absent = shared.options(None, state="absent")
    shared.run(PROJECTS[0], versioning="Enabled")
    # Versions of it, for it was written again.
    shared.run(PROJECTS[0], public_prefixes=[])
    client = shared.client
    client.put_object(Bucket=shared.name, Key=".vonage-archiving/record.json", Body=b"{}")
    with pytest.raises(errors.RejectedError, match="it contains objects"):
        bucket.reconcile(absent, Context())
    held = client.list_object_versions(Bucket=shared.name)["Versions"]
    assert [each["Key"] for each in held].count(LOCK_KEY) >= 4
    for each in held:
        if each["Key"] != LOCK_KEY:
            client.delete_object(Bucket=shared.name, Key=each["Key"], VersionId=each["VersionId"])
    assert bucket.reconcile(absent, Context(check_mode=True)).changed
    client.head_bucket(Bucket=shared.name)
    assert bucket.reconcile(absent, Context()).result["removed"] == {}
    with pytest.raises(ClientError, match="404"):
        client.head_bucket(Bucket=shared.name)


def test_force_with_project_leaves_a_bucket_with_other_projects(sandbox: Sandbox) -> None:
    shared = Shared(sandbox.stores["seaweedfs"])
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
    # Not every project has its state file in the bucket.
    with pytest.raises(errors.NotManagedError, match=f"to this project: {PROJECTS[1]}/a/archive.mp4, "):
        shared.delete(PROJECTS[0])
    for project in PROJECTS[1:7]:
        shared.client.delete_object(Bucket=shared.name, Key=f"{project}/a/archive.mp4")
    assert shared.delete(PROJECTS[0]).changed
    # Without a project, everything is deleted.
    shared.run(PROJECTS[0])
    shared.put(f".vonage-archiving/{PROJECTS[1]}.json", b"{}")
    assert bucket.reconcile(shared.options(None, state="absent", force=True), Context()).changed


UNRELATED = ("finance/2026/ledger.csv", "readme.txt", ".vonage-archiving/notes/a.txt", f"{PROJECTS[0]}0/a", "exports/")


@pytest.mark.parametrize("versioning", [None, "Enabled"])
@pytest.mark.parametrize("key", UNRELATED)
@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_force_with_project_leaves_a_bucket_with_unrelated_objects(
    sandbox: Sandbox, store: str, key: str, versioning: str | None
) -> None:
    shared = Shared(sandbox.stores[store])
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
        # A delete marker hides it. Its versions are still there.
        shared.client.delete_object(Bucket=shared.name, Key=key)
        with pytest.raises(errors.NotManagedError, match=f"this project: {key}"):
            shared.delete(PROJECTS[0])


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_force_with_project_leaves_a_bucket_with_an_unrelated_upload(sandbox: Sandbox, store: str) -> None:
    shared = Shared(sandbox.stores[store])
    shared.run(PROJECTS[0])
    shared.client.create_multipart_upload(Bucket=shared.name, Key="finance/video")
    shared.put(f"{PROJECTS[0]}/a/archive.mp4")
    with pytest.raises(errors.NotManagedError, match="this project: the upload in progress of finance/video"):
        shared.delete(PROJECTS[0])
    assert f"{PROJECTS[0]}/a/archive.mp4" in shared.objects()


@pytest.mark.parametrize("store", ["seaweedfs", "moto", "rclone"])
def test_force_with_project_deletes_the_project_and_the_bucket(sandbox: Sandbox, store: str) -> None:
    shared, project = Shared(sandbox.stores[store]), PROJECTS[0]
    versioned = store != "rclone"
    if versioned:
        shared.run(project, versioning="Enabled", folders=[project, "img/a"])
        # Several versions of the lock, and a marker of the folder in which it is.
        shared.run(project, public_prefixes=[], folders=[project, "img/a"])
        shared.put(".vonage-archiving/", b"")
        shared.client.delete_object(Bucket=shared.name, Key=f"{project}/gone.mp4")
    else:
        shared.client.create_bucket(Bucket=shared.name)
    shared.put(f"{project}/a/archive.mp4")
    shared.put(f"{project}/a/archive.mp4")
    shared.put(f".vonage-archiving/{project}.json", b"{}")
    for key in (f"{project}/open", "vonage-archiving-probe-1/upload") if versioned else ():
        shared.client.create_multipart_upload(Bucket=shared.name, Key=key)
    with RecordingProxy(shared.store.endpoint_url) as proxy:
        planned = Shared(shared.store, proxy.url, shared.name).delete(project, check_mode=True, folders=["img/a"])
        assert {each.method for each in proxy.requests} <= {"GET", "HEAD"}
    assert planned.result["removed"] == {}
    outcome = shared.delete(project, folders=["img/a"])
    assert (outcome.changed, outcome.result["changes"]) == (True, ["bucket"])
    assert outcome.result["removed"]["uploads"] == (2 if versioned else 0)
    assert outcome.result["removed"]["objects"] >= (10 if versioned else 2)
    with pytest.raises(ClientError, match="404"):
        shared.client.head_bucket(Bucket=shared.name)


@pytest.mark.parametrize("deletes", ["POST", "DELETE"])
@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_force_with_project_keeps_an_object_that_appears_during_the_deletion(
    sandbox: Sandbox, store: str, deletes: str
) -> None:
    """With POST, it appears before the objects are deleted; with DELETE, right before the bucket is."""
    shared, project = Shared(sandbox.stores[store]), PROJECTS[0]
    shared.run(project)
    shared.put(f"{project}/a/archive.mp4")

    def overtake(_n: int, request: ProxiedRequest) -> None:
        if request.method == deletes:
            shared.put("finance/ledger.csv")

    with RecordingProxy(shared.store.endpoint_url, before=overtake) as proxy:
        overtaken = Shared(shared.store, proxy.url, shared.name)
        with pytest.raises(errors.ConflictError, match=r"appeared during the deletion: finance/ledger\.csv"):
            overtaken.delete(project)
    assert shared.objects() == ["finance/ledger.csv"]


def uploads_unencrypted(shared: Shared, key: str) -> bool:
    try:
        shared.client.put_object(Bucket=shared.name, Key=key, Body=b"x")
    except ClientError:
        return False
    return True


def test_require_encryption_with_project_applies_to_the_project_only(sandbox: Sandbox) -> None:
    shared = Shared(sandbox.stores["seaweedfs"])
    # As written by a run without a project.
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
    refused = [not uploads_unencrypted(shared, f"{project}/a") for project in PROJECTS[:3]]
    assert refused == [True, True, False]
    shown = bucket_info.gather(shared.options(PROJECTS[1], facets=["require_encryption"]), Context()).result["bucket"]
    assert (shown["require_encryption"], shown["encryption_projects"]) == (True, PROJECTS[:2])
    shown = bucket_info.gather(shared.options(PROJECTS[2], facets=["require_encryption"]), Context()).result["bucket"]
    assert shown["require_encryption"] is False
    consent = {"allow": ["adopt_bucket"]}
    shared.run(PROJECTS[0], require_encryption=False, **consent)
    assert [uploads_unencrypted(shared, f"{project}/a") for project in PROJECTS[:2]] == [True, False]
    shared.run(PROJECTS[1], require_encryption=False, **consent)
    assert shared.statement("VonageArchivingRequireEncryption") == {}


def test_defer_requirements_leaves_uploads_that_do_not_meet_them(sandbox: Sandbox) -> None:
    shared, project = Shared(sandbox.stores["seaweedfs"]), PROJECTS[0]
    given = {"require_encryption": True, "defer_requirements": True, "lifecycle": None, "public_prefixes": None}
    # To a bucket that does not exist no recording is on its way.
    new = bucket.reconcile(shared.options(project, **given), Context(check_mode=True))
    assert (new.result["changes"], new.result["pending_requirements"]) == (["bucket", "require_encryption"], [])
    shared.run(project, lifecycle=None, public_prefixes=None)
    for check_mode in (True, False):
        outcome = bucket.reconcile(shared.options(project, **given), Context(check_mode=check_mode))
        assert outcome.result["changes"] == []
        assert outcome.result["pending_requirements"] == ["require_encryption"]
        assert outcome.result["bucket"]["require_encryption"] is False
    again = shared.run(project, **given)
    assert (again.changed, again.result["pending_requirements"]) == (False, ["require_encryption"])
    assert uploads_unencrypted(shared, f"{project}/a")
    applied = shared.run(project, **{**given, "defer_requirements": False})
    assert (applied.result["changes"], applied.result["pending_requirements"]) == (["require_encryption"], [])
    assert not uploads_unencrypted(shared, f"{project}/a")
    # A statement that is there stays, and can be removed.
    again = shared.run(project, **given)
    assert (again.changed, again.result["pending_requirements"]) == (False, [])
    removed = shared.run(project, **{**given, "require_encryption": False})
    assert (removed.result["changes"], removed.result["pending_requirements"]) == (["require_encryption"], [])


def assert_nothing_is_written(shared: Shared, run: Any, error: type[errors.ArchivingError], match: str) -> None:
    """In check mode and without it."""
    with RecordingProxy(shared.store.endpoint_url) as proxy:
        for check_mode in (True, False):
            with pytest.raises(error, match=match):
                run(Shared(shared.store, proxy.url, shared.name), check_mode)
        assert {each.method for each in proxy.requests} <= {"GET", "HEAD"}


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
def test_bucket_with_unrelated_objects_needs_consent(
    sandbox: Sandbox, store: str, options: dict[str, Any], setting: str
) -> None:
    shared, project = Shared(sandbox.stores[store]), PROJECTS[0]
    shared.client.create_bucket(Bucket=shared.name)
    options = {**ADOPTED, **options}
    # Neither what belongs to the project nor the bucket lock is unrelated. The first run of another project writes
    # folder markers and probes before its state file.
    shared.put(f"{PROJECTS[1]}/", b"")
    shared.put(f"{PROJECTS[1]}/vonage-archiving-probe-1/object")
    shared.put(f"{project}/a/archive.mp4")
    shared.put(LOCK_KEY, lease.FREE.data())
    assert shared.plan(project, **options)
    shared.put("finance/ledger.csv")

    def run(other: Shared, check_mode: bool) -> None:
        bucket.reconcile(other.options(project, **options), Context(check_mode=check_mode))

    match = f"change the {setting} of bucket .* such as finance/ledger.csv, .* add adopt_bucket to the option allow"
    assert_nothing_is_written(shared, run, errors.NotManagedError, match)
    # Other settings need none.
    assert shared.run(project, **{**ADOPTED, "cors_rules": [{"allowed_origins": ["*"], "allowed_methods": ["GET"]}]})
    assert shared.plan(project, **options, allow=["adopt_bucket"])
    # A state file of any project shows that the bucket is used for recordings.
    shared.put(f".vonage-archiving/{PROJECTS[1]}.json", b"{}")
    done = shared.run(project, **options)
    assert done.changed or done.result["pending_requirements"]


@pytest.mark.parametrize("where", ["file", "bucket"])
def test_state_file_of_the_project_shows_that_it_uses_the_bucket(sandbox: Sandbox, tmp_path: Path, where: str) -> None:
    shared, project = Shared(sandbox.stores["seaweedfs"]), PROJECTS[0]
    shared.client.create_bucket(Bucket=shared.name)
    shared.put("finance/ledger.csv")
    path = tmp_path / "state.json"
    location = str(path) if where == "file" else f"s3://{shared.name}/state/a.json"
    options = {**ADOPTED, "encryption": "s3", "state_file": location}

    def write(data: bytes) -> None:
        path.write_bytes(data)
        shared.put("state/a.json", data)

    def run(other: Shared, check_mode: bool) -> None:
        bucket.reconcile(other.options(project, **options), Context(check_mode=check_mode))

    def document(owner: str, **storage: str) -> bytes:
        return json.dumps({"format": 1, "project": owner, "status": "applied", "storage": storage}).encode()

    match = "such as finance/ledger.csv, .* add adopt_bucket to the option allow"
    assert_nothing_is_written(shared, run, errors.NotManagedError, match)
    for data in (b"", b"[]", b"{", json.dumps({"project": project}).encode(), document(PROJECTS[1])):
        write(data)
        assert_nothing_is_written(shared, run, errors.NotManagedError, match)
    # The project has used another bucket so far. The name of this one may be wrong.
    write(document(project, bucket="another-bucket"))
    assert_nothing_is_written(shared, run, errors.NotManagedError, match)
    for data in (document(project), document(project, bucket=shared.name)):
        write(data)
        assert shared.plan(project, **options)
    assert shared.run(project, **options).changed
    # A run without such a change does not read it.
    path.unlink()
    with RecordingProxy(shared.store.endpoint_url) as proxy:
        assert not Shared(shared.store, proxy.url, shared.name).run(project, **options).changed
        assert {each.query for each in proxy.requests if "state" in each.path} == set()


def test_bucket_whose_settings_stay_needs_no_consent_and_no_listing(sandbox: Sandbox) -> None:
    shared, project = Shared(sandbox.stores["moto"]), PROJECTS[0]
    options = {**ADOPTED, "encryption": "s3", "block_public_access": True}
    shared.run(project, **options)
    shared.put("finance/ledger.csv")
    with RecordingProxy(shared.store.endpoint_url) as proxy:
        assert not Shared(shared.store, proxy.url, shared.name).run(project, **options).changed
        assert sorted(each.query for each in proxy.requests) == ["encryption", "publicAccessBlock"]


def test_bucket_that_changes_after_the_plan_is_checked_again(sandbox: Sandbox) -> None:
    """Before the lock, only the lifecycle rule differs. When the run holds the lock, the policy does, too."""
    shared, project = Shared(sandbox.stores["seaweedfs"]), PROJECTS[0]
    shared.run(project, lifecycle=None)
    shared.put("finance/ledger.csv")

    def delete_policy(_n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.path.endswith(LOCK_KEY) and shared.has_policy():
            shared.client.delete_bucket_policy(Bucket=shared.name)

    with RecordingProxy(shared.store.endpoint_url, before=delete_policy) as proxy:
        with pytest.raises(errors.NotManagedError, match=r"change the policy .* such as finance/ledger\.csv"):
            Shared(shared.store, proxy.url, shared.name).run(project)
        assert {each.path for each in proxy.requests if each.method == "PUT"} == {f"/{shared.name}/{LOCK_KEY}"}


def test_bucket_that_another_client_creates_meanwhile_needs_consent(sandbox: Sandbox) -> None:
    shared = Shared(sandbox.stores["seaweedfs"])

    def overtake(_n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.path.strip("/") == shared.name and not request.query:
            shared.client.create_bucket(Bucket=shared.name)
            shared.put("finance/ledger.csv")

    with (
        RecordingProxy(shared.store.endpoint_url, before=overtake) as proxy,
        pytest.raises(errors.NotManagedError, match=r"such as finance/ledger\.csv"),
    ):
        Shared(shared.store, proxy.url, shared.name).run(PROJECTS[0])
    assert shared.objects() == ["finance/ledger.csv"]


def rule(days: int | None = None, noncurrent: int | None = None) -> dict[str, Any]:
    days_of = {"expire_days": days, "noncurrent_expire_days": noncurrent}
    given = {"lifecycle": {"prefix": f"{PROJECTS[0]}/", **days_of, "abort_incomplete_uploads_days": 7}}
    return {"public_prefixes": None, **given}


@pytest.mark.parametrize("before", [None, 90])
@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_shorter_retention_needs_consent(sandbox: Sandbox, store: str, before: int | None) -> None:
    shared, project = Shared(sandbox.stores[store]), PROJECTS[0]
    shared.run(project, **rule(before), folders=[project])
    # Without recordings, nothing would be deleted: neither folders nor other projects have any.
    shared.put(f"{PROJECTS[1]}/a/archive.mp4")
    assert shared.plan(project, **rule(30))
    shared.put(f"{project}/a/archive.mp4")

    def run(other: Shared, check_mode: bool) -> None:
        bucket.reconcile(other.options(project, **rule(30)), Context(check_mode=check_mode))

    match = f"expire_days .* to 30 days: .* the object {project}/a/archive.mp4 of 20.* add shorter_retention to the opt"
    assert_nothing_is_written(shared, run, errors.RejectedError, match)
    assert shared.run(project, **rule(30), allow=["shorter_retention"]).changed
    # Not shorter than it is.
    for days in (30, 60, None):
        shared.run(project, **rule(days))
        assert shared.lifecycle(project).get("Expiration") == ({"Days": days} if days else None)


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_shorter_retention_of_noncurrent_versions_needs_consent(sandbox: Sandbox, store: str) -> None:
    shared, project = Shared(sandbox.stores[store]), PROJECTS[0]
    shared.run(project, **rule())
    shared.put(f"{project}/a/archive.mp4")
    # A bucket that was never versioned has no noncurrent versions.
    assert shared.plan(project, **rule(noncurrent=7))
    shared.client.put_bucket_versioning(Bucket=shared.name, VersioningConfiguration={"Status": "Enabled"})
    assert shared.plan(project, **rule(noncurrent=7))
    shared.put(f"{project}/a/archive.mp4")

    def run(other: Shared, check_mode: bool) -> None:
        bucket.reconcile(other.options(project, **rule(noncurrent=7)), Context(check_mode=check_mode))

    match = f"noncurrent_expire_days .* to 7 days: .* the noncurrent version {project}/a/archive.mp4"
    assert_nothing_is_written(shared, run, errors.RejectedError, match)
    assert shared.run(project, **rule(noncurrent=7), allow=["shorter_retention"]).changed


def state_file(endpoint: str | None, status: str = "applied", project: str = "") -> bytes:
    document = {"format": 1, "project": project, "status": status, "storage": {"endpoint": endpoint}}
    return json.dumps(document).encode()


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_require_tls_is_refused_while_another_project_uploads_without_tls(
    sandbox: Sandbox, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint of the sandbox is not https, so that the statement is only planned here."""
    monkeypatch.setattr(Connection, "is_encrypted", True)
    shared, project = Shared(sandbox.stores[store]), PROJECTS[0]
    shared.run(project)
    given = {**ADOPTED, "require_tls": True}
    shared.put(f".vonage-archiving/{project}.json", state_file("http://own.example"))
    shared.put(".vonage-archiving/elsewhere.json", state_file("http://own.example", project=project))
    shared.put(f".vonage-archiving/{PROJECTS[1]}.json", state_file(None))
    for other in PROJECTS[2:8]:
        shared.put(f".vonage-archiving/{other}.json", state_file("https://s3.example"))
    assert shared.plan(project, **given)

    def run(other: Shared, check_mode: bool) -> None:
        bucket.reconcile(other.options(project, **given), Context(check_mode=check_mode))

    for status in ("applied", "pending"):
        shared.put(f".vonage-archiving/{PROJECTS[8]}.json", state_file("HTTP://s3.example:8333", status))
        match = (
            f"set require_tls on .*: project {PROJECTS[8]} uploads .* to the endpoint HTTP://s3.example:8333. Give that"
        )
        assert_nothing_is_written(shared, run, errors.RejectedError, match)
    # Neither without the project nor while it is deferred.
    assert bucket.reconcile(shared.options(None, **given), Context(check_mode=True)).changed
    deferred = bucket.reconcile(shared.options(project, **given, defer_requirements=True), Context(check_mode=True))
    assert (deferred.changed, deferred.result["pending_requirements"]) == (False, ["require_tls"])
    shared.put(f".vonage-archiving/{PROJECTS[8]}.json", b"{damaged")
    match = f"of another project is not known: its state file .vonage-archiving/{PROJECTS[8]}.json cannot be read"
    assert_nothing_is_written(shared, run, errors.RejectedError, match)
