# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the current state: the state file, and the IAM users of a managed key.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._aws.iam_client import Iam
from .._aws.s3_naming import UploadLocation
from .._core import errors
from .._core.runtime import Runtime
from .._state_file import state
from .._state_file.store import Store, StoredObject, is_reserved
from .._uploader.fetch import AccessKey, CurrentUser, fetch_managed_user
from .._uploader.policy import allowed_locations, other_projects
from .._vonage.project import Project
from .params import UploaderParams


@dataclass(frozen=True)
class CurrentStateFile:
    """The state file.

    :param stored: its content.
    :param last: the parsed content; ``None`` if it is not valid.
    :param known: the parsed content if it reliably shows the current target; else ``None``.
    :param reason: why it does not.
    :param pending: whether the only reason is that the run did not finish.
    :param names_keys: whether it contains the possible keys of the target, also if it is pending or its time is wrong.
    """

    stored: StoredObject = field(default_factory=lambda: StoredObject(None))
    last: state.State | None = None
    known: state.State | None = None
    reason: str = ""
    pending: bool = False
    names_keys: bool = False

    @property
    def is_missing(self) -> bool:
        """Whether the location of the state file is empty, as before the first run."""
        return self.stored.data is None or not self.stored.data.strip()

    @property
    def possible_target_keys(self) -> frozenset[str] | None:
        """The ids of access keys that the target may hold; ``None`` for any key."""
        return state.possible_target_keys(self.last, self.names_keys)


@dataclass(frozen=True)
class Current:
    """The users, their keys, and the state file."""

    main: CurrentUser
    spare: CurrentUser
    state_file: CurrentStateFile

    @property
    def users(self) -> tuple[CurrentUser, CurrentUser]:
        return self.main, self.spare

    @property
    def keys(self) -> tuple[AccessKey, ...]:
        return (*self.main.keys, *self.spare.keys)


def fetch_state_file(project: Project, store: Store | None, now: float) -> CurrentStateFile:
    """Read the state file.

    :param now: Unix seconds.
    :raises NotManagedError: the location contains other data, or the state file of another project: neither is
        overwritten.
    """
    if store is None:
        return CurrentStateFile(reason="there is no state file: the option state_file is not set")
    stored = store.read()
    if not stored.bucket_exists:
        return CurrentStateFile(stored, reason="there is no state file: its bucket does not exist")
    missing = CurrentStateFile(stored, reason="there is no state file yet")
    if stored.data is None or missing.is_missing:
        return missing
    owner = state.parse_project(stored.data)
    if owner and owner != project.id:
        raise another_project_error(project, store.location, owner)
    try:
        last = state.parse(stored.data)
    except state.NotAStateFileError as exc:
        if is_reserved(store.location):
            return CurrentStateFile(stored, reason=str(exc))
        hint = "Use another location for the state file, or delete the content if it is not needed. It was not changed."
        raise errors.NotManagedError(f"use the state file {store.location}", str(exc), hint) from exc
    except ValueError as exc:
        return CurrentStateFile(stored, reason=str(exc))
    doubt = state.distrust_reason(last, project.id, project.api_url, now)
    names_keys = not state.mismatch_reason(last, project.id, project.api_url)
    return CurrentStateFile(stored, last, None if doubt else last, doubt, doubt == state.UNFINISHED, names_keys)


def another_project_error(project: Project, location: str, owner: str) -> errors.NotManagedError:
    """Create the error for a state file of another project."""
    return errors.NotManagedError(
        f"use the state file {location} for {project.name}",
        f"it belongs to project {owner}",
        "Use one state file per project: set the option state_file (in the role archive_storage_state_file) to a "
        "location of its own. Nothing was changed.",
    )


def fetch_users(iam: Iam, users: UploaderParams, runtime: Runtime) -> tuple[CurrentUser, CurrentUser]:
    """Read both users and their keys.

    :raises NotManagedError: a user is not managed by this collection.
    """
    with runtime.executor(2) as pool:
        main = pool.submit(fetch_managed_user, iam, users.main)
        # It often does not exist: read its keys and policy only if it does.
        spare = pool.submit(fetch_managed_user, iam, users.spare, eager=False)
        return main.result(), spare.result()


def fetch_current(iam: Iam, users: UploaderParams, project: Project, store: Store | None, runtime: Runtime) -> Current:
    """Read the users and the state file concurrently."""
    with runtime.executor(2) as pool:
        current_users = pool.submit(fetch_users, iam, users, runtime)
        state_file = pool.submit(fetch_state_file, project, store, runtime.now())
        return Current(*current_users.result(), state_file.result())


def upload_locations(bucket: str, project: Project, users: t.Iterable[CurrentUser]) -> list[UploadLocation]:
    """The locations where the users can upload recordings of the project; the desired bucket is the first."""
    other_buckets = {location.bucket for location in policy_locations(users)} - {bucket}
    return [UploadLocation(name, project.id) for name in (bucket, *sorted(other_buckets))]


def policy_locations(users: t.Iterable[CurrentUser]) -> set[UploadLocation]:
    """The locations in the policies of the users."""
    return allowed_locations(current.user.policy for current in users if current.user)


def projects_of_users(users: t.Iterable[CurrentUser], project: Project) -> list[str]:
    """The other projects in the policies of the users."""
    return other_projects((current.user.policy for current in users if current.user), project.id)


def refuse_other_projects(users: UploaderParams, project: Project, current: t.Iterable[CurrentUser]) -> None:
    """Refuse to rotate keys that another project uses.

    :raises NotManagedError: a policy allows uploads for another project.
    """
    other_projects = projects_of_users(current, project)
    if other_projects and not users.main.force:
        raise errors.NotManagedError(
            f"manage the keys of the IAM user {users.main.name} for {project.name}",
            f"its policy allows uploads for project {' and '.join(other_projects)}",
            "Use one IAM user per project: leave out uploader.name, or include the project ID in it. Nothing was "
            "changed.",
            user=users.main.name,
        )
