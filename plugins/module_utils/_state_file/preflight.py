# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the credentials of a project before a run changes anything.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A run calls the API to set the upload target, after it has created a bucket, an IAM user, and an access key. Wrong
credentials would be detected last. The check is a request that changes nothing. It is not sent if the state file shows
that the API has accepted the same credentials.
"""

from __future__ import annotations

import typing as t

from .._core import errors
from . import state

if t.TYPE_CHECKING:
    from .._core.runtime import Runtime
    from .._vonage.client import Client
    from .._vonage.project import Project
    from .store import Store

AUTO, ALWAYS, NEVER = "auto", "always", "never"
PREFLIGHT = (AUTO, ALWAYS, NEVER)


def has_accepted_credentials(data: bytes | None, project: Project, now: float) -> bool:
    """Whether the API accepted the credentials of the project when it last set the upload target. Pure.

    :param data: the state file.
    """
    try:
        last = state.parse(data or b"")
    except ValueError:
        return False
    is_current = not state.distrust_reason(last, project.id, project.api_url, now)
    return is_current and state.has_credentials(last, project.secret)


def check_before_changes(mode: str, project: Project, store: Store | None, runtime: Runtime) -> None:
    """Check the credentials of the project, unless the mode or the state file shows that this is not needed.

    :param mode: one of ``PREFLIGHT``.
    :raises errors.ArchivingError: the API does not accept them, or does not respond.
    """
    if mode == NEVER:
        return
    if mode == AUTO and store and has_accepted_credentials(store.read().data, project, runtime.now()):
        return
    # Most runs change nothing, and do not load it.
    from .._vonage.client import Client

    check_credentials(Client(project, runtime=runtime), "Nothing was changed.")


def check_credentials(client: Client, unchanged: str) -> None:
    """Send a request that changes nothing: list one archive.

    :param unchanged: the sentence of an error about the state of the run.
    :raises errors.ArchivingError: the API does not accept the credentials, or does not respond.
    """
    client.prepare()
    try:
        fetch_one_archive(client, f"check the credentials of {client.project.name}")
    except errors.ArchivingError as exc:
        raise exc.with_hint(unchanged) from exc


def fetch_one_archive(client: Client, operation: str) -> t.Any:
    """Send the smallest request that needs the credentials of the project."""
    return client.get(client.project.archives_path, operation, count=1)
