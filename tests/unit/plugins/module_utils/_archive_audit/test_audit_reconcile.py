# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import collections
import json
import pathlib
import random
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit import reconcile as audit
from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit.plan import STATES
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.lifecycle import LifecycleFacet
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import SYSTEM
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state

from .audit_cases import BUCKET_SINCE, DAY, FAULTS, HOUR, NOW, RETENTION_DAYS, Case, create_archive, create_case
from .stored_objects import StoredObjects

API_URL = "https://api.opentok.com"
URL, PASSWORD = "https://archives.example.com/a.mp4?Signature=hush", "password-of-an-archive"


class World:
    """A project with archives and a bucket, instead of the API and S3."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: pathlib.Path, cases: t.Sequence[Case]) -> None:
        newest_first = sorted(cases, key=lambda case: -case.archive.created)
        self.items = [self._item(case) for case in newest_first]
        sizes = {f"47/{case.archive.id}/{item.name}": item.size for case in cases for item in case.objects}
        self.bucket = StoredObjects(sizes)
        self.deleting = 0
        self.pages: list[tuple[int, int]] = []
        self.warnings: list[str] = []
        self.path = folder / "state.json"
        target = {"type": "s3", "bucket": "recordings"}
        since = format_utc(NOW - 100 * DAY)
        settings_since = format_utc(BUCKET_SINCE)
        applied = state.State("47", API_URL, state.APPLIED, since, target, since=since, settings_since=settings_since)
        self.path.write_bytes(state.dump(applied))
        monkeypatch.setattr(audit, "Client", lambda *_args, **_options: self)
        monkeypatch.setattr(audit, "Bucket", lambda *_args: self.bucket)

    def _item(self, case: Case) -> dict[str, t.Any]:
        archive = case.archive
        url = URL if archive.status == "available" else None
        times = {"createdAt": round(archive.created * 1000), "duration": archive.duration}
        return {
            "id": archive.id,
            "status": archive.status,
            "size": archive.size,
            "url": url,
            **times,
            "password": PASSWORD,
        }

    def prepare(self) -> None:
        """The client needs no preparation."""

    def get(self, path: str, operation: str, offset: int, count: int) -> dict[str, t.Any]:
        self.pages.append((offset, count))
        # Each page after the first one is fetched after a deletion.
        total = len(self.items) - (self.deleting if offset else 0)
        return {"count": total, "items": self.items[offset : offset + count]}

    def audit(self, now: float = NOW, **options: t.Any) -> Outcome:
        defaults = {"api_key": "47", "api_secret": "0" * 40, "since": "90d", "retention_days": RETENTION_DAYS}
        source = {} if "bucket" in options else {"state_file": str(self.path)}
        context = Context(runtime=replace(SYSTEM, now=lambda: now), warn=self.warnings.append)
        outcome = audit.reconcile({**defaults, **source, **options}, context)
        text = json.dumps(outcome.result) + outcome.failed
        assert not [secret for secret in (URL, PASSWORD, "0" * 40) if secret in text]
        return outcome


def without_times(outcome: Outcome) -> dict[str, t.Any]:
    result: dict[str, t.Any] = json.loads(json.dumps(outcome.result))
    result.pop("window")
    result.pop("msg")
    for risk in result["at_risk"]:
        risk.pop("hours_left")
    return result


def test_reconcile_ten_thousand_archives_have_exact_counts_and_bounded_requests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    chance = random.Random(41)
    cases = [create_case(fault, chance) for fault in chance.choices(list(FAULTS), k=10_000)]
    world = World(monkeypatch, tmp_path, cases)
    first = world.audit()
    expected = collections.Counter(case.state for case in cases)
    assert first.result["counts"] == {name: expected[name] for name in STATES}
    assert all(problem["remedy"] in first.failed for problem in first.result["problems"])
    objects = sum(len(case.objects) for case in cases)
    assert first.result["requests"] == {"vonage": len(world.pages), "s3": len(world.bucket.prefixes)}
    assert len(world.pages) == 10
    assert len(world.bucket.prefixes) == -(-objects // 1000)
    # A second later, no archive has reached another deadline.
    assert without_times(world.audit(NOW + 1)) == without_times(first)
    assert world.warnings == []


def test_reconcile_list_that_shrinks_is_incomplete(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    archives = [create_archive("uploaded", HOUR + number) for number in range(1500)]
    chance = random.Random(7)
    landed = [replace(create_case("arrived", chance), archive=archive) for archive in archives]
    world = World(monkeypatch, tmp_path, landed)
    world.deleting = 1
    outcome = world.audit()
    assert (outcome.result["ok"], outcome.result["complete"], outcome.failed) == (None, False, "")
    assert "some archives may be missing" in world.warnings[0]
    # The list is fetched twice.
    assert outcome.result["requests"]["vonage"] == 4


@pytest.mark.parametrize("error", [errors.DeniedError, errors.UnsupportedError])
def test_reconcile_unreadable_lifecycle_warns_only_if_a_recording_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, error: type[errors.ArchivingError]
) -> None:
    def read(*_args: t.Any) -> t.NoReturn:
        raise error("read the lifecycle rules", "not possible")

    monkeypatch.setattr(LifecycleFacet, "read", read)
    chance = random.Random(3)
    arrived, deleted = create_case("arrived", chance), create_case("deleted", chance)
    World(monkeypatch, tmp_path, [arrived]).audit(retention_days=None)
    world = World(monkeypatch, tmp_path, [arrived, deleted])
    outcome = world.audit(retention_days=None)
    assert outcome.result["ids"]["missing"] == [deleted.archive.id]
    assert "Could not read the lifecycle rules" in world.warnings[0]
    assert "set retention_days" in world.warnings[0]
    assert len(world.warnings) == 1


def test_reconcile_state_file_without_a_bucket_needs_the_option(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    world = World(monkeypatch, tmp_path, [])
    azure = state.State("47", API_URL, state.APPLIED, format_utc(NOW - DAY), {"type": "azure", "container": "c"})
    world.path.write_bytes(state.dump(azure))
    with pytest.raises(errors.InputError, match="the upload target is not a bucket"):
        world.audit()
    assert world.pages == []
    world.audit(bucket="recordings", state_file=str(world.path))
    assert "the upload target has no bucket" in world.warnings[0]


def test_reconcile_sample_that_is_deleted_during_the_audit_is_not_verified(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    def fetch_content(*_args: t.Any) -> t.NoReturn:
        raise errors.NotFoundError("download the object", "it does not exist")

    monkeypatch.setattr(audit, "fetch_content", fetch_content)
    world = World(monkeypatch, tmp_path, [create_case("arrived", random.Random(3))])
    for item in world.items:
        item["sha256sum"] = "4l6MKdPeiCOnt1UaQWMBSovKcTrg+Co5eNsyUp7Q/Jo="
    outcome = world.audit(sample=1)
    assert (outcome.failed, outcome.result["counts"]["landed"]) == ("", 1)
    assert outcome.result["sample"] == {"verified": 0, "corrupt": 0, "downloaded_bytes": 0}
    assert outcome.result["requests"]["s3"] == 2
