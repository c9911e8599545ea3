# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rotation tells, and how it looks for uploads."""

from __future__ import annotations

import json
import typing as t

from hypothesis import given

from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader import NewKey
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._rotation import plan, telling
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import Desired
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.plan import Observed
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import record
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._rotation.rotation_cases import (
    API_SECRET,
    IDS,
    MAIN,
    NOW,
    OBSERVED,
    WANTED,
    access_key,
    applied,
    seen,
    wanted,
)

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
M1, M2 = (access_key(name) for name in IDS[:2])


def told(asked: Desired, found: Observed, story: telling.Story | None = None) -> Outcome:
    decision = plan.decide(asked, found, NOW)
    if story is None:
        story = telling.Story()
        story.begin(found)
    return telling.outcome(asked, found, decision, story, decision.changed)


@given(WANTED, OBSERVED)
def test_what_is_told_before_is_what_is_told_after(asked: Desired, found: Observed) -> None:
    """Check mode knows no new key and no new record; all else is the same."""
    preview = told(asked, found)
    story = telling.Story()
    story.begin(found)
    decision = plan.decide(asked, found, NOW)
    if decision.reason != "unchanged":
        done = applied(IDS[0]).done(record.APPLIED, NOW)
        story.applied(done, NewKey(IDS[0], SECRET, MAIN), [])
    story.retired(decision.fates)
    real = told(asked, found, story)
    assert (real.changed, real.before, real.after) == (preview.changed, preview.before, preview.after)
    assert [real.result[name] for name in ("reason", "changes")] == [
        preview.result[name] for name in ("reason", "changes")
    ]
    assert set(real.result) == set(preview.result)
    assert preview.changed == (preview.before != preview.after)
    for outcome in (preview, real):
        text = json.dumps([outcome.result, outcome.before, outcome.after])
        assert SECRET not in text
        assert API_SECRET not in text


def test_a_first_run() -> None:
    outcome = told(wanted(), seen())
    assert outcome.result["changes"] == ["target", "access_keys"]
    assert outcome.after["target"]["access_key"] == "(new)"
    assert outcome.after["access_keys"] == {"(new)": "Active"}
    assert (outcome.before["target"], outcome.before["access_keys"]) == ("unknown", {})


def test_why_the_record_is_not_believed() -> None:
    assert told(wanted(), seen(M1, M2, last=applied(M1.id))).result["record"]["why"] == telling.STRANGE
    assert "why" not in told(wanted(), seen(M1, last=applied(M1.id))).result["record"]


def test_what_is_waited_for() -> None:
    found = seen(M1, access_key(M2.id, active=False), last=applied(M1.id, [M2.id]))
    assert told(wanted(grace_period=60), found).result["waits"] == telling.DELETE_AFTER
    found = seen(M1, M2, last=applied(M1.id, [M2.id]))
    assert told(wanted(grace_period=60), found).result["waits"] == telling.GRACE_PERIOD
    assert told(wanted(), found).result["retained_keys_until"] == record.stamp(NOW + 42 * 3600)
    alone = told(wanted(), seen(M1, last=applied(M1.id))).result
    assert (alone["waits"], alone["retained_keys_until"]) == ("", None)


def test_when_the_next_rotation_is_due() -> None:
    found = seen(M1, last=applied(M1.id))
    times: dict[str, t.Any] = {"rotate_after": 60, "grace_period": 0, "delete_after": 0}
    assert told(wanted(**times), found).result["rotate_at"] == record.stamp(NOW + 60)
    assert told(wanted(), found).result["rotate_at"] is None
    assert told(wanted(**times), seen(M1)).result["rotate_at"] is None
