# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page: what is in it, and that nothing in a name can make it more than that."""

from __future__ import annotations

import html.parser
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report import html_page, report
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report.report import FAILED, HEADINGS, OK, Row
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._fleet_report.fleet_results import (
    ARCHIVES,
    HOSTILE,
    NOW,
    ROWS,
)

TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "p", "ul", "li", "b"} | TABLE
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "scope", "class"}
VOID = {"meta"}


class Page(html.parser.HTMLParser):
    """What a browser makes of a page, near enough."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.rows: list[list[str]] = []
        self.style = ""
        self.title = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        where = self.open[-1] if self.open else ""
        if where in ("td", "th"):
            self.rows[-1][-1] += data
        elif where == "style":
            self.style += data
        elif where == "title":
            self.title += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


def read(rows: list[Row], check_mode: bool = False) -> Page:
    text = html_page.page(rows, NOW, check_mode)
    text.encode()
    found = Page(text)
    # Nothing is loaded, nothing is run, nothing leads anywhere.
    assert set(found.tags) <= TAGS
    assert {name for _tag, name, _value in found.attributes} <= ATTRIBUTES
    assert not re.search(r"url\(|@import|expression|https?:|//", found.style)
    policy = [value for tag, name, value in found.attributes if (tag, name) == ("meta", "content")]
    assert "default-src 'none'; style-src 'unsafe-inline'" in policy
    return found


@given(ROWS, st.booleans())
def test_the_page_says_what_the_rows_say(rows: list[Row], check_mode: bool) -> None:
    found = read(rows, check_mode)
    assert found.rows == [list(HEADINGS), *(list(each.cells()) for each in report.ordered(rows))]
    assert (report.DRY in html_page.page(rows, NOW, check_mode)) is check_mode


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(name: str) -> None:
    found = read([Row(name, name, name, name, FAILED, name, retained_keys_reason=name)])
    assert found.rows[1][1] == report.plain(name)
    assert found.title == "Archive storage: 1 projects, 1 failed"


def test_classes_are_those_of_the_style() -> None:
    rows = [Row(state, "1", "", "", state, "") for state in report.STATES]
    found = read([*rows, Row("x", "1", "", "", OK, "", archives={**ARCHIVES, "ok": False})])
    used = {value for _tag, name, value in found.attributes if name == "class"}
    words = {word for value in used for word in value.split()}
    assert {"failed", "not-run", "changed", "ok", "troubled"} <= words
    styled = set(re.findall(r"\.([a-z][a-z-]*)[ ,{]", found.style))
    assert words - {"state"} <= styled | {"tiles"}


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_so_many_rows(count: int) -> None:
    found = read([Row(str(at), f"{at:04}", "", "", OK, "unchanged") for at in range(count)])
    assert [line[0] for line in found.rows[1:]] == [f"{at:04}" for at in range(count)]
