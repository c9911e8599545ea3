# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetch all pages of the list of archives concurrently.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The first page contains the number of archives, so the other pages can be requested concurrently. If an archive is
created meanwhile, the others move to later positions, and some appear twice. If one is deleted, the others move to
earlier positions, and one can be missed between two pages. Then the list is fetched a second time.
"""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass

from .._core import errors
from .._core.runtime import SYSTEM, Runtime
from .._vonage.project import Project
from .archives import Archive, Page, parse_page

# "count: maximum 1000" (API reference, listing archives).
PAGE_SIZE = 1000
# Rate limits are not documented.
WORKERS = 4

# Fetches a page: the offset, and the maximum number of archives.
FetchPage = t.Callable[[int, int], Page]


class ArchiveApi(t.Protocol):
    """The part of the API client that this module needs."""

    def get(self, path: str, operation: str, **query: int | str) -> t.Any:
        """The JSON document at a path."""


@dataclass(frozen=True)
class Listing:
    """The content of the list.

    :param total: the number of all archives according to the API.
    :param archives: newest first, without duplicates.
    :param complete: whether no archive can be missing.
    """

    total: int
    archives: tuple[Archive, ...]
    complete: bool = True


def fetch_page(client: ArchiveApi, project: Project, offset: int, count: int) -> Page:
    """Fetch one page of the archives of a project, newest first.

    :raises errors.ArchivingError: the request fails, or the response is not a list of archives.
    """
    operation = f"list the archives of {project.name}"
    document = client.get(project.archives_path, operation, offset=offset, count=count)
    try:
        return parse_page(document)
    except ValueError as exc:
        hint = f"Check that api_url is correct: {project.api_url}."
        raise errors.RejectedError(operation, str(exc), hint, status=200) from exc


def fetch_archives(fetch: FetchPage, since: float | None = None, runtime: Runtime = SYSTEM) -> Listing:
    """Fetch all archives.

    :param since: Unix seconds. Archives that were created earlier are left out, and pages of them are not fetched.
    """
    listing = _fetch_once(fetch, since, runtime)
    return listing if listing.complete else _fetch_once(fetch, since, runtime)


def _fetch_once(fetch: FetchPage, since: float | None, runtime: Runtime) -> Listing:
    pages, rest_is_older = _fetch_pages(fetch, since, runtime)
    total = pages[0].count
    archives = {archive.id: archive for page in pages for archive in page.archives}
    has_shrunk = min(page.count for page in pages) < total
    recent = [archive for archive in archives.values() if since is None or archive.created >= since]
    newest_first = tuple(sorted(recent, key=lambda archive: -archive.created))
    return Listing(total, newest_first, not has_shrunk and (rest_is_older or len(archives) >= total))


def _fetch_pages(fetch: FetchPage, since: float | None, runtime: Runtime) -> tuple[list[Page], bool]:
    """The pages, and whether only pages of older archives were not fetched."""
    pages = [fetch(0, PAGE_SIZE)]
    # The API can return fewer archives per page than requested.
    position = size = len(pages[0].archives)
    ids = _ids(pages)
    while size and position < pages[0].count:
        if _is_older(pages[-1], since):
            return pages, True
        offsets = range(position, min(position + WORKERS * size, pages[0].count), size)
        wave = runtime.run_concurrently([functools.partial(fetch, offset, size) for offset in offsets])
        pages += wave
        if _ids(wave) <= ids:
            # The list never reaches the count of the API.
            break
        ids |= _ids(wave)
        position = offsets.stop
    return pages, False


def _ids(pages: t.Iterable[Page]) -> set[str]:
    return {archive.id for page in pages for archive in page.archives}


def _is_older(page: Page, since: float | None) -> bool:
    return since is not None and bool(page.archives) and page.archives[-1].created < since
