# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All pages of the list of archives, side by side.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The first page tells how many archives there are, so that all others can be asked for at once. While that happens, an
archive that is new moves the others on, which makes some come twice; one that is deleted moves them back, which can
make one slip through between two pages. Then the list is read once more.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote

from .._core import errors
from .._vonage.project import Project
from .archives import Archive, Page, parse_page

# "count: maximum 1000" (API reference, listing archives).
PAGE = 1000
# Limits of rate are not documented; four at a time stay polite.
WORKERS = 4

# Asks for a page: of which offset, and how many at most.
Ask = t.Callable[[int, int], Page]


class ArchiveApi(t.Protocol):
    """What is needed of the API client."""

    def get(self, path: str, attempted: str, **query: int | str) -> t.Any:
        """The JSON document at a path."""


@dataclass(frozen=True)
class Listing:
    """What the list held.

    :param total: how many archives the API says there are.
    :param archives: newest first, each once.
    :param complete: whether none can be missing.
    """

    total: int
    archives: tuple[Archive, ...]
    complete: bool = True


def fetch_page(client: ArchiveApi, project: Project, offset: int, count: int) -> Page:
    """One page of the archives of a project, newest first.

    :raises errors.ArchivingError: the request fails, or the response is not a list of archives.
    """
    attempted = f"list the archives of {project.name}"
    document = client.get(f"/v2/project/{quote(project.id, safe='')}/archive", attempted, offset=offset, count=count)
    try:
        return parse_page(document)
    except ValueError as exc:
        hint = f"Check that api_url is correct: {project.api_url}."
        raise errors.RejectedError(attempted, str(exc), hint, status=200) from exc


def read(ask: Ask, since: float | None = None) -> Listing:
    """All archives; with ``since`` only those that were created then or later, and only the pages it takes."""
    first = _once(ask, since)
    return first if first.complete else _once(ask, since)


def _once(ask: Ask, since: float | None) -> Listing:
    pages, stopped = _pages(ask, since)
    total = pages[0].count
    archives = {archive.id: archive for page in pages for archive in page.archives}
    shrunk = min(page.count for page in pages) < total
    wanted = [each for each in archives.values() if since is None or each.created >= since]
    newest_first = tuple(sorted(wanted, key=lambda each: -each.created))
    return Listing(total, newest_first, not shrunk and (stopped or len(archives) >= total))


def _pages(ask: Ask, since: float | None) -> tuple[list[Page], bool]:
    """The pages, and whether the rest was left out because it is older."""
    pages = [ask(0, PAGE)]
    # What the API gives at once may be less than what it was asked for.
    at = size = len(pages[0].archives)
    seen = _ids(pages)
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        while size and at < pages[0].count:
            if _is_older(pages[-1], since):
                return pages, True
            wave = range(at, min(at + WORKERS * size, pages[0].count), size)
            pages += pool.map(lambda offset: ask(offset, size), wave)
            found = _ids(pages[-len(wave) :])
            if found <= seen:
                # The count is one that the list never comes to: to ask on could take for ever.
                break
            seen |= found
            at = wave.stop
    return pages, False


def _ids(pages: t.Iterable[Page]) -> set[str]:
    return {archive.id for page in pages for archive in page.archives}


def _is_older(page: Page, since: float | None) -> bool:
    return since is not None and bool(page.archives) and page.archives[-1].created < since
