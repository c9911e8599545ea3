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
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import bucket, bucket_info, lease
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.policy import public_statement
from ansible_collections.vonage.archiving.plugins.module_utils._aws.names import LOCK_KEY
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Context, Outcome
from tests.e2e import driver, forks
from tests.sandbox import DropConnection, ProxiedRequest, RecordingProxy, Sandbox, Store

pytestmark = pytest.mark.xdist_group("shared_bucket")

SCOPES = [str(47120000 + n) for n in range(12)]
OTHERS = SCOPES[:2]
VICTIM = SCOPES[2]
CLOSED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
# How many requests the run of the victim sends from when it takes its turn to when it has ended it.
POINTS = 14


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("seaweedfs", "moto"), vonage=False) as running:
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

    def options(self, scope: str | None, **more: Any) -> dict[str, Any]:
        keys = {"access_key": self.store.access_key, "secret_key": self.store.secret_key, "region": self.store.region}
        return {"endpoint_url": self.url or self.store.endpoint_url, **keys, "name": self.name, "scope": scope, **more}

    def run(self, scope: str, **more: Any) -> Outcome:
        given = {"public_prefixes": [scope], "lifecycle": {"prefix": f"{scope}/", "expire_days": 30}, **more}
        return bucket.reconcile(self.options(scope, **given), Context(warn=self.warnings.append))

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

    def objects(self) -> list[str]:
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]


def rules_of(*scopes: str) -> set[str]:
    return {f"vonage-archiving-{scope}" for scope in scopes}


def test_twelve_projects_at_once(sandbox: Sandbox) -> None:
    """They also make the bucket, each for itself. The second time, nobody has anything to write."""
    with RecordingProxy(sandbox.stores["seaweedfs"].endpoint_url, latency=0.005) as proxy:
        shared = Shared(sandbox.stores["seaweedfs"], proxy.url)

        def all_at_once() -> list[bool]:
            start = threading.Barrier(len(SCOPES))

            def one(scope: str) -> bool:
                start.wait(10)
                # SeaweedFS takes no more than ten tags.
                return shared.run(scope, tags={f"project-{scope[-1]}": "x"} if scope in SCOPES[:10] else None).changed

            with ThreadPoolExecutor(len(SCOPES)) as pool:
                return list(pool.map(one, SCOPES))

        assert all(all_at_once())
        assert shared.public == set(SCOPES)
        assert shared.rules == rules_of(*SCOPES)
        tags = shared.client.get_bucket_tagging(Bucket=shared.name)["TagSet"]
        assert {each["Key"] for each in tags} == {f"project-{n}" for n in range(10)}
        assert shared.objects() == [LOCK_KEY]
        proxy.clear()
        assert not any(all_at_once())
        assert {each.method for each in proxy.requests} == {"GET"}
        assert not any(each.path.endswith(LOCK_KEY) for each in proxy.requests)
    assert shared.warnings == []
    told = bucket_info.gather(
        shared.options(SCOPES[3], facets=["lifecycle", "public_prefixes"])
        | {"endpoint_url": shared.store.endpoint_url},
        Context(),
    )
    assert told.result["bucket"]["lifecycle_scopes"] == SCOPES
    assert told.result["bucket"]["public_prefixes"] == [SCOPES[3]]
    assert told.result["bucket"]["lifecycle"] == {"prefix": f"{SCOPES[3]}/", "expire_days": 30}


@pytest.mark.parametrize("locked", [True, False])
def test_it_is_the_lock_that_keeps_what_the_other_has_written(
    sandbox: Sandbox, locked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run has read the policy, and is held up before it writes it, until another run has come and gone."""
    if not locked:
        monkeypatch.setattr(bucket, "TAKING_TURNS", frozenset())
    shared = Shared(sandbox.stores["seaweedfs"])
    shared.run(SCOPES[0])
    other_has_ended, about_to_write = threading.Event(), threading.Event()

    def hold_up(n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.query.startswith("policy"):
            about_to_write.set()
            # It never ends if it waits for its turn.
            other_has_ended.wait(1)

    with RecordingProxy(shared.store.endpoint_url, before=hold_up) as proxy, ThreadPoolExecutor(2) as pool:
        slow = pool.submit(Shared(shared.store, proxy.url, shared.name).run, SCOPES[1])
        assert about_to_write.wait(10)
        shared.run(SCOPES[2])
        ended_first = not slow.done()
        other_has_ended.set()
        assert slow.result(30).changed
    assert ended_first is not locked
    lost = set() if locked else {SCOPES[2]}
    assert shared.public == set(SCOPES[:3]) - lost


def inhabited(store: Store) -> Shared:
    """A bucket of two projects and of somebody else, which somebody has closed by hand."""
    shared = Shared(store)
    shared.client.create_bucket(Bucket=shared.name)
    days: dict[str, Any] = {"Status": "Enabled", "Expiration": {"Days": 30}}
    rules = [{"ID": f"vonage-archiving-{scope}", "Filter": {"Prefix": f"{scope}/"}, **days} for scope in OTHERS]
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
    assert lease.parsed(held) == lease.FREE or not repaired


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
    shared.run(SCOPES[0], versioning="Enabled")
    shared.run(SCOPES[1])
    shared.run(SCOPES[2], versioning="Suspended")
    shared.run(SCOPES[3])
    assert shared.public == set(SCOPES[:4])
    assert shared.rules == rules_of(*SCOPES[:4])
    assert shared.warnings == []


@pytest.mark.parametrize("store", ["seaweedfs", "moto"])
def test_the_lock_goes_with_a_bucket_that_has_nothing_else(sandbox: Sandbox, store: str) -> None:
    shared = Shared(sandbox.stores[store])
    absent = shared.options(None, state="absent")
    shared.run(SCOPES[0], versioning="Enabled")
    # Versions of it, for it was written again.
    shared.run(SCOPES[0], public_prefixes=[])
    client = shared.client
    client.put_object(Bucket=shared.name, Key=".vonage-archiving/record.json", Body=b"{}")
    with pytest.raises(errors.RejectedError, match="it holds objects"):
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


def test_a_project_does_not_take_the_recordings_of_others_with_it(sandbox: Sandbox) -> None:
    shared = Shared(sandbox.stores["seaweedfs"])
    shared.run(SCOPES[0])
    for scope in SCOPES[:7]:
        shared.client.put_object(Bucket=shared.name, Key=f".vonage-archiving/{scope}.json", Body=b"{}")
        shared.client.put_object(Bucket=shared.name, Key=f"{scope}/a/archive.mp4", Body=b"x")
    held = shared.objects()
    for check_mode in (True, False):
        with pytest.raises(errors.NotOursError, match=f"gone: {', '.join(SCOPES[1:6])} and 1 more"):
            bucket.reconcile(shared.options(SCOPES[0], state="absent", force=True), Context(check_mode=check_mode))
    assert shared.objects() == held
    for scope in SCOPES[1:7]:
        shared.client.delete_object(Bucket=shared.name, Key=f".vonage-archiving/{scope}.json")
    # Not every project has its record here.
    with pytest.raises(errors.NotOursError, match=f"gone: {SCOPES[1]}. Nothing"):
        bucket.reconcile(shared.options(SCOPES[0], state="absent", force=True), Context())
    for scope in SCOPES[1:7]:
        shared.client.delete_object(Bucket=shared.name, Key=f"{scope}/a/archive.mp4")
    assert bucket.reconcile(shared.options(SCOPES[0], state="absent", force=True), Context()).changed
    # Without a scope, somebody means all of it.
    shared.run(SCOPES[0])
    shared.client.put_object(Bucket=shared.name, Key=f".vonage-archiving/{SCOPES[1]}.json", Body=b"{}")
    assert bucket.reconcile(shared.options(None, state="absent", force=True), Context()).changed
