# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the list of archives says of uploads, and how its pages are read."""

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


def item(**changes: t.Any) -> dict[str, t.Any]:
    """An archive as the API shows it."""
    usual = {"id": "ab0baa3d", "status": "uploaded", "createdAt": 1795280400000, "duration": 60, "size": 7, "url": None}
    return {**usual, **changes}


def made(status: str, age: float = HOUR, number: int = 0) -> Archive:
    return Archive(f"{status}-{age:.0f}-{number}", status, NOW - age)


def test_an_archive_is_read_and_shown() -> None:
    full = item(name="lesson", reason="user initiated", sessionId="1_x", outputMode="composed", password="hunter2!")
    (found,) = archives.parse_page({"count": 1, "items": [{**full, "url": "https://signed"}]}).archives
    assert found.shown(False) == {
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
    assert found.shown(True) == {**found.shown(False), "url": "https://signed"}
    assert "signed" not in repr(found)


def test_what_is_missing_is_empty() -> None:
    bare = {"id": 5, "status": "STARTED", "createdAt": 1.0, "size": None, "duration": True, "name": None}
    (found,) = archives.parse_page({"count": 1, "items": [bare]}).archives
    assert found == Archive("5", "started", 0.001)
    assert found.shown(True)["url"] is None


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
def test_what_is_no_list(document: t.Any) -> None:
    with pytest.raises(ValueError, match=r"^the answer is no list|^an archive in the list has no"):
        archives.parse_page(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.fixed_dictionaries(dict.fromkeys(item(), json_values)))
def test_no_item_is_an_error_of_ours(strange: dict[str, t.Any]) -> None:
    try:
        page = archives.parse_page({"count": 1, "items": [strange]})
    except ValueError as exc:
        assert str(exc).startswith("an archive in the list has no")  # noqa: PT017
        return
    json.dumps([each.shown(True) for each in page.archives])
    archives.health(page.archives, NOW, SET, HOUR)


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        (made("uploaded"), "uploaded"),
        (made("failed"), "failed"),
        (made("available"), "fell_back"),
        (made("expired", 86400), "fell_back"),
        (made("available", 86401), "in_cloud"),
        (made("stopped", HOUR + 1), "stuck"),
        (made("stopped", HOUR), "in_progress"),
        (Archive("x", "stopped", NOW - HOUR - 60, duration=60), "in_progress"),
        (Archive("x", "stopped", NOW - 9 * HOUR, updated=NOW - 5), "in_progress"),
        (made("started", 9 * HOUR), "in_progress"),
        (made("paused"), "in_progress"),
        (made("deleted"), "other"),
        (made("something new"), "other"),
    ],
)
def test_categories(archive: Archive, expected: str) -> None:
    assert archives.category(archive, NOW, SET, HOUR) == expected


def test_without_the_time_of_the_target_nothing_fell_back_for_sure() -> None:
    found = archives.health([made("available"), made("uploaded")], NOW, None, HOUR)
    assert (found["ok"], found["fell_back"], found["in_cloud"]["count"]) == (None, None, 1)
    assert archives.health([made("uploaded")], NOW, None, HOUR)["ok"] is True
    assert archives.health([made("available"), made("failed")], NOW, None, HOUR)["ok"] is False


statuses = st.sampled_from([*archives.STATUSES, "unheard of"])


@given(st.lists(st.tuples(statuses, st.floats(0, 10 * 86400))), st.none() | st.floats(0, 10 * 86400))
def test_every_archive_counts_once(drawn: list[tuple[str, float]], set_ago: float | None) -> None:
    several = [made(status, age, number) for number, (status, age) in enumerate(drawn)]
    target_set = None if set_ago is None else NOW - set_ago
    found = archives.health(several, NOW, target_set, HOUR)
    assert sum(found[name]["count"] for name in archives.CATEGORIES if found[name]) == len(several)
    trouble = sum(found[name]["count"] for name in archives.TROUBLE if found[name])
    assert (found["ok"] is False) == bool(trouble)
    if target_set is not None:
        kept = [each.id for each in several if each.status in ("available", "expired") and each.created >= target_set]
        assert found["fell_back"]["ids"] == kept[: archives.MOST_IDS]


def test_lists_are_cut_and_counts_are_not() -> None:
    found = archives.health([made("failed", number, number) for number in range(2500)], NOW, SET, HOUR)
    assert found["failed"]["count"] == 2500
    assert found["failed"]["ids"] == [f"failed-{number}-{number}" for number in range(archives.MOST_IDS)]


class Service:
    """A list of archives that may change while it is read.

    :param most: what it gives at once at most.
    :param after: called after each answer with the count of answers so far.
    """

    def __init__(self, count: int, most: int = 1000, after: t.Callable[[Service, int], None] | None = None) -> None:
        self.archives = [Archive(f"a{number}", "uploaded", NOW - number) for number in range(count)]
        self.most = most
        self.after = after
        self.asked: list[tuple[int, int]] = []
        self.lock = threading.Lock()

    def __call__(self, offset: int, count: int) -> Page:
        with self.lock:
            self.asked.append((offset, count))
            page = Page(len(self.archives), tuple(self.archives[offset : offset + min(count, self.most)]))
            if self.after:
                self.after(self, len(self.asked))
            return page

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.archives]


@given(st.integers(0, 300), st.integers(1, 100), st.none() | st.integers(0, 310))
def test_all_pages_are_read(count: int, most: int, age: int | None) -> None:
    service = Service(count, most)
    since = None if age is None else NOW - age
    found = listing.read(service, since)
    wanted = service.archives if age is None else service.archives[: age + 1]
    assert list(found.archives) == wanted
    assert (found.total, found.complete) == (count, True)
    assert len(service.asked) == len(set(service.asked))
    needed = max(1, -(-count // most))
    if age is None:
        assert len(service.asked) == needed
    else:
        # Pages are asked for in waves: at most one wave is more than it takes.
        assert len(service.asked) <= min(needed, 1 + (age // most + 1) + listing.WORKERS)


def test_only_the_first_page_where_that_will_do() -> None:
    service = Service(2500)
    assert len(listing.read(service, NOW - 10).archives) == 11
    assert service.asked == [(0, 1000)]


def test_pages_are_asked_for_side_by_side() -> None:
    together = threading.Barrier(2, timeout=20)
    service = Service(2500)

    def ask(offset: int, count: int) -> Page:
        if offset:
            together.wait()
        return service(offset, count)

    assert len(listing.read(ask).archives) == 2500


def test_new_archives_meanwhile() -> None:
    def recorded(service: Service, answers: int) -> None:
        service.archives.insert(0, Archive(f"new{answers}", "started", NOW + answers))

    service = Service(250, 100, recorded)
    before = service.ids
    found = listing.read(service)
    assert found.complete
    assert [each.id for each in found.archives if not each.id.startswith("new")] == before
    assert len(service.asked) == 3


def test_a_deletion_meanwhile_has_the_list_read_again() -> None:
    def deleted(service: Service, answers: int) -> None:
        if answers == 1:
            del service.archives[0]

    service = Service(250, 100, deleted)
    found = listing.read(service)
    assert [each.id for each in found.archives] == service.ids
    assert found.complete
    assert len(service.asked) == 6


def test_a_list_that_never_stands_still_says_so() -> None:
    def deleted(service: Service, answers: int) -> None:
        del service.archives[0]

    service = Service(250, 100, deleted)
    assert not listing.read(service).complete
    assert len(service.asked) == 6


def test_an_api_that_gives_less_than_it_counts() -> None:
    found = listing.read(lambda offset, count: Page(5, ()))
    assert (found.total, found.archives, found.complete) == (5, (), False)


@pytest.mark.parametrize("pages", [["a"], ["a", ""], list("abcdefg")])
def test_an_api_that_counts_more_than_it_ever_gives(pages: list[str]) -> None:
    """It is not asked for as many pages as it says there are, nor are they all thought of."""
    asked: list[int] = []

    def ask(offset: int, count: int) -> Page:
        asked.append(offset)
        name = pages[min(offset, len(pages) - 1)]
        return Page(10**30, (Archive(name, "uploaded", NOW),) if name else ())

    found = listing.read(ask)
    assert ({each.id for each in found.archives}, found.complete) == (set(pages) - {""}, False)
    assert len(asked) <= 2 * (len(pages) + 2 * listing.WORKERS)
