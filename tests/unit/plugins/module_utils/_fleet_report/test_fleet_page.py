# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTML page of a fleet report: its content, and the escaping of hostile names."""

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
    """The page as a browser reads it, approximately."""

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
        tag = self.open[-1] if self.open else ""
        if tag in ("td", "th"):
            self.rows[-1][-1] += data
        elif tag == "style":
            self.style += data
        elif tag == "title":
            self.title += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


def parse_page(rows: list[Row], check_mode: bool = False) -> Page:
    text = html_page.format_page(rows, NOW, check_mode)
    text.encode()
    page = Page(text)
    # The page has no resource, script, or link.
    assert set(page.tags) <= TAGS
    assert {name for _tag, name, _value in page.attributes} <= ATTRIBUTES
    assert not re.search(r"url\(|@import|expression|https?:|//", page.style)
    policy = [value for tag, name, value in page.attributes if (tag, name) == ("meta", "content")]
    assert "default-src 'none'; style-src 'unsafe-inline'" in policy
    return page


@given(ROWS, st.booleans())
def test_format_page_any_rows_contains_their_cells(rows: list[Row], check_mode: bool) -> None:
    page = parse_page(rows, check_mode)
    assert page.rows == [list(HEADINGS), *(list(row.cells()) for row in report.sort_rows(rows))]
    assert (report.CHECK_MODE_NOTE in html_page.format_page(rows, NOW, check_mode)) is check_mode


@pytest.mark.parametrize("name", HOSTILE)
def test_format_page_hostile_name_is_text(name: str) -> None:
    page = parse_page([Row(name, name, name, name, FAILED, name, retained_keys_reason=name)])
    assert page.rows[1][1] == report.to_printable(name)
    assert page.title == "Archive storage: 1 projects, 1 failed"


def test_format_page_every_class_has_a_style() -> None:
    rows = [Row(state, "1", "", "", state, "") for state in report.STATES]
    page = parse_page([*rows, Row("x", "1", "", "", OK, "", archives={**ARCHIVES, "ok": False})])
    used = {value for _tag, name, value in page.attributes if name == "class"}
    words = {word for value in used for word in value.split()}
    assert {"failed", "not-run", "changed", "ok", "failed-uploads"} <= words
    styled = set(re.findall(r"\.([a-z][a-z-]*)[ ,{]", page.style))
    assert words - {"state"} <= styled | {"tiles"}


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_format_page_any_count_contains_all_rows(count: int) -> None:
    page = parse_page([Row(str(at), f"{at:04}", "", "", OK, "unchanged") for at in range(count)])
    assert [line[0] for line in page.rows[1:]] == [f"{at:04}" for at in range(count)]
