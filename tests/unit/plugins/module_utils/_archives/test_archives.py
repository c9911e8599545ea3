# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import threading
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._archives import archives, listing
from ansible_collections.vonage.archiving.plugins.module_utils._archives.archives import Archive, Page

NOW = 1795284000.0
SET = NOW - 86400
HOUR = 3600


def api_item(**changes: t.Any) -> dict[str, t.Any]:
    """An archive in the response of the API."""
    item = {"id": "ab0baa3d", "status": "uploaded", "createdAt": 1795280400000, "duration": 60, "size": 7, "url": None}
    return {**item, **changes}


def archive_of(status: str, age: float = HOUR, number: int = 0) -> Archive:
    return Archive(f"{status}-{age:.0f}-{number}", status, NOW - age)


def test_parse_page_all_fields_returns_archive_without_secrets() -> None:
    full = api_item(name="lesson", reason="user initiated", sessionId="1_x", outputMode="composed", password="hunter2!")
    (archive,) = archives.parse_page({"count": 1, "items": [{**full, "url": "https://signed"}]}).archives
    assert archive.to_result(False) == {
        "id": "ab0baa3d",
        "status": "uploaded",
        "name": "lesson",
        "reason": "user initiated",
        "session_id": "1_x",
        "created": "2026-11-21T17:00:00Z",
        "duration": 60,
        "size": 7,
        "output_mode": "composed",
    }
    assert archive.to_result(True) == {**archive.to_result(False), "url": "https://signed"}
    assert "signed" not in repr(archive)


def test_parse_page_missing_fields_are_empty() -> None:
    bare = {"id": 5, "status": "STARTED", "createdAt": 1.0, "size": None, "duration": True, "name": None}
    (archive,) = archives.parse_page({"count": 1, "items": [bare]}).archives
    assert archive == Archive("5", "started", 0.001)
    assert archive.to_result(True)["url"] is None


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"count": 1},
        {"count": "1", "items": []},
        {"count": True, "items": []},
        {"count": -1, "items": []},
        {"count": 1, "items": ["x"]},
        {"count": 1, "items": [{"status": "uploaded", "createdAt": 1}]},
        {"count": 1, "items": [{"id": "x", "createdAt": 1}]},
        {"count": 1, "items": [{"id": "x", "status": "uploaded"}]},
        {"count": 1, "items": [{"id": "x", "status": "uploaded", "createdAt": 10**18}]},
    ],
)
def test_parse_page_other_document_is_an_error(document: t.Any) -> None:
    with pytest.raises(ValueError, match=r"^the response is not a list|^an archive in the list has no"):
        archives.parse_page(document)


SHA256 = "4l6MKdPeiCOnt1UaQWMBSovKcTrg+Co5eNsyUp7Q/Jo="


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (SHA256, SHA256),
        ("e25e8c29d3de8823a7b7551a4163014a8bca713ae0f82a3978db32529ed0fc9a", ""),
        ("AAAA", ""),
        (f"{SHA256}\n", ""),
        ("é", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_parse_page_sha256sum_is_the_base64_form_of_32_bytes(value: t.Any, expected: str) -> None:
    page = archives.parse_page({"count": 1, "items": [{**api_item(), "sha256sum": value}]})
    assert page.archives[0].sha256 == expected


def test_parse_page_transcription_status_is_parsed() -> None:
    items = [{**api_item(), "transcription": {"status": status}} for status in ("uploaded", "started", "failed")]
    page = archives.parse_page({"count": 3, "items": items})
    assert [archive.transcribed for archive in page.archives] == [True, False, False]
    assert [archive.transcribing for archive in page.archives] == [False, True, False]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.fixed_dictionaries(dict.fromkeys(api_item(), json_values)))
def test_parse_page_any_item_is_an_archive_or_an_error(item: dict[str, t.Any]) -> None:
    try:
        page = archives.parse_page({"count": 1, "items": [item]})
    except ValueError as exc:
        assert str(exc).startswith("an archive in the list has no")  # noqa: PT017
        return
    json.dumps([archive.to_result(True) for archive in page.archives])
    archives.health(page.archives, NOW, SET, HOUR)


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        (archive_of("uploaded"), "uploaded"),
        (archive_of("failed"), "failed"),
        (archive_of("available"), "fell_back"),
        (archive_of("expired", 86400), "fell_back"),
        (archive_of("available", 86401), "in_cloud"),
        (archive_of("stopped", HOUR + 1), "stuck"),
        (archive_of("stopped", HOUR), "in_progress"),
        (Archive("x", "stopped", NOW - HOUR - 60, duration=60), "in_progress"),
        (Archive("x", "stopped", NOW - 9 * HOUR, updated=NOW - 5), "in_progress"),
        (archive_of("started", 9 * HOUR), "in_progress"),
        (archive_of("paused"), "in_progress"),
        (archive_of("paused", 13 * HOUR), "in_progress"),
        (archive_of("started", 13 * HOUR + 1), "stuck"),
        (archive_of("deleted"), "other"),
        (archive_of("something new"), "other"),
    ],
)
def test_category_any_archive_has_one(archive: Archive, expected: str) -> None:
    assert archives.category(archive, NOW, SET, HOUR) == expected


def test_health_unknown_target_time_does_not_count_fallbacks() -> None:
    health = archives.health([archive_of("available"), archive_of("uploaded")], NOW, None, HOUR)
    assert (health["ok"], health["fell_back"], health["in_cloud"]["count"]) == (None, None, 1)
    assert archives.health([archive_of("uploaded")], NOW, None, HOUR)["ok"] is True
    assert archives.health([archive_of("available"), archive_of("failed")], NOW, None, HOUR)["ok"] is False


statuses = st.sampled_from([*archives.STATUSES, "unknown"])


@given(st.lists(st.tuples(statuses, st.floats(0, 10 * 86400))), st.none() | st.floats(0, 10 * 86400))
def test_health_any_archives_counts_each_once(drawn: list[tuple[str, float]], set_ago: float | None) -> None:
    sample = [archive_of(status, age, number) for number, (status, age) in enumerate(drawn)]
    target_set = None if set_ago is None else NOW - set_ago
    health = archives.health(sample, NOW, target_set, HOUR)
    assert sum(health[name]["count"] for name in archives.CATEGORIES if health[name]) == len(sample)
    problems = sum(health[name]["count"] for name in archives.PROBLEM_CATEGORIES if health[name])
    assert (health["ok"] is False) == bool(problems)
    if target_set is not None:
        in_cloud = [archive for archive in sample if archive.status in ("available", "expired")]
        ids = [archive.id for archive in in_cloud if archive.created >= target_set]
        assert health["fell_back"]["ids"] == ids[: archives.MAX_IDS]


def test_health_many_archives_limits_ids_not_counts() -> None:
    health = archives.health([archive_of("failed", number, number) for number in range(2500)], NOW, SET, HOUR)
    assert health["failed"]["count"] == 2500
    assert health["failed"]["ids"] == [f"failed-{number}-{number}" for number in range(archives.MAX_IDS)]


class ArchiveList:
    """A list of archives that can change while it is fetched.

    :param most: the maximum number of archives per page.
    :param after: called after each response, with the number of responses.
    """

    def __init__(self, count: int, most: int = 1000, after: t.Callable[[ArchiveList, int], None] | None = None) -> None:
        self.archives = [Archive(f"a{number}", "uploaded", NOW - number) for number in range(count)]
        self.most = most
        self.after = after
        self.requests: list[tuple[int, int]] = []
        self.lock = threading.Lock()

    def __call__(self, offset: int, count: int) -> Page:
        with self.lock:
            self.requests.append((offset, count))
            page = Page(len(self.archives), tuple(self.archives[offset : offset + min(count, self.most)]))
            if self.after:
                self.after(self, len(self.requests))
            return page

    @property
    def ids(self) -> list[str]:
        return [archive.id for archive in self.archives]


@given(st.integers(0, 300), st.integers(1, 100), st.none() | st.integers(0, 310))
def test_fetch_archives_any_count_returns_all_pages(count: int, most: int, age: int | None) -> None:
    service = ArchiveList(count, most)
    since = None if age is None else NOW - age
    fetched = listing.fetch_archives(service, since)
    expected = service.archives if age is None else service.archives[: age + 1]
    assert list(fetched.archives) == expected
    assert (fetched.total, fetched.complete) == (count, True)
    assert len(service.requests) == len(set(service.requests))
    needed = max(1, -(-count // most))
    if age is None:
        assert len(service.requests) == needed
    else:
        # Pages are fetched in waves: at most one wave is not needed.
        assert len(service.requests) <= min(needed, 1 + (age // most + 1) + listing.WORKERS)


def test_fetch_archives_since_fetches_only_recent_pages() -> None:
    service = ArchiveList(2500)
    assert len(listing.fetch_archives(service, NOW - 10).archives) == 11
    assert service.requests == [(0, 1000)]


def test_fetch_archives_several_pages_are_fetched_concurrently() -> None:
    together = threading.Barrier(2, timeout=20)
    service = ArchiveList(2500)

    def fetch(offset: int, count: int) -> Page:
        if offset:
            together.wait()
        return service(offset, count)

    assert len(listing.fetch_archives(fetch).archives) == 2500


def test_fetch_archives_new_archive_does_not_repeat_the_listing() -> None:
    def add_archive(service: ArchiveList, responses: int) -> None:
        service.archives.insert(0, Archive(f"new{responses}", "started", NOW + responses))

    service = ArchiveList(250, 100, add_archive)
    before = service.ids
    fetched = listing.fetch_archives(service)
    assert fetched.complete
    assert [archive.id for archive in fetched.archives if not archive.id.startswith("new")] == before
    assert len(service.requests) == 3


def test_fetch_archives_deletion_repeats_the_listing() -> None:
    def delete_archive(service: ArchiveList, responses: int) -> None:
        if responses == 1:
            del service.archives[0]

    service = ArchiveList(250, 100, delete_archive)
    fetched = listing.fetch_archives(service)
    assert [archive.id for archive in fetched.archives] == service.ids
    assert fetched.complete
    assert len(service.requests) == 6


def test_fetch_archives_repeated_deletions_are_incomplete() -> None:
    def delete_archive(service: ArchiveList, responses: int) -> None:
        del service.archives[0]

    service = ArchiveList(250, 100, delete_archive)
    assert not listing.fetch_archives(service).complete
    assert len(service.requests) == 6


def test_fetch_archives_too_high_count_is_incomplete() -> None:
    fetched = listing.fetch_archives(lambda offset, count: Page(5, ()))
    assert (fetched.total, fetched.archives, fetched.complete) == (5, (), False)


@pytest.mark.parametrize("pages", [["a"], ["a", ""], list("abcdefg")])
def test_fetch_archives_unreachable_count_ends(pages: list[str]) -> None:
    offsets: list[int] = []

    def fetch(offset: int, count: int) -> Page:
        offsets.append(offset)
        name = pages[min(offset, len(pages) - 1)]
        return Page(10**30, (Archive(name, "uploaded", NOW),) if name else ())

    fetched = listing.fetch_archives(fetch)
    assert ({archive.id for archive in fetched.archives}, fetched.complete) == (set(pages) - {""}, False)
    assert len(offsets) <= 2 * (len(pages) + 2 * listing.WORKERS)
