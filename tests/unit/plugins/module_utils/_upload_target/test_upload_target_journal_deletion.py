# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state file before a deletion of the target, and the remaining time of an announced call."""

from __future__ import annotations

from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import StoredObject
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.journal import Journal
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.project import Project
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._upload_target.upload_target_cases import (
    API_SECRET,
    IDS,
    NOW,
    PROJECT,
    applied,
)


class Store:
    """One state file in memory, without conflicts."""

    location = "memory"

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self) -> StoredObject:
        return StoredObject(self.data)

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        self.data = data
        return StoredObject(data)


def test_journal_of_a_deletion_forgets_the_start_of_the_period_with_a_target() -> None:
    store = Store(state.dump(applied(IDS[0])))
    journal = Journal(
        Project(PROJECT, API_SECRET), store, store.read(), True, frozenset(IDS[:1]), Runtime(lambda: NOW + 9)
    )
    journal.claim()
    assert state.parse(store.data).since == "2027-01-15T08:00:00Z"
    journal.begin({}, None)
    announced = state.parse(store.data)
    assert (announced.since, announced.storage, announced.may_hold) == ("", {}, (IDS[0],))
    assert journal.seconds_left == 91
    journal.commit(state.ABSENT)
    committed = state.parse(store.data)
    assert (committed.status, committed.since, committed.may_hold) == ("absent", "", ())
