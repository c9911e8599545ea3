# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changes of a run: certain, possible, refused, and reverted ones."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.changes import UPLOAD_TARGET, Changes
from ansible_collections.vonage.archiving.plugins.module_utils._core.execute import execute
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome


def record(changes: Changes, exc: Exception | None, *, resource: str = "bucket b", **options: t.Any) -> None:
    def write() -> None:
        with changes.record(resource, "policy", **options):
            if exc:
                raise exc

    if exc:
        with pytest.raises(type(exc)):
            write()
    else:
        write()


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (None, ["bucket b (policy)"]),
        (errors.DeniedError("do it", "403", status=403), []),
        (errors.ConflictError("do it", "409", status=409), []),
        (errors.UnsupportedError("do it", "501", status=501), []),
        (errors.UnreachableError("do it", "503", status=503), ["bucket b (possibly policy)"]),
        (errors.UnreachableError("do it", "404", status=404), ["bucket b (possibly policy)"]),
        (errors.UnreachableError("do it", "no response"), ["bucket b (possibly policy)"]),
        (errors.RejectedError("do it", "408", status=408), ["bucket b (possibly policy)"]),
        (errors.UnsupportedError("do it", "returns another value"), ["bucket b (possibly policy)"]),
        (KeyError("a bug"), ["bucket b (possibly policy)"]),
    ],
)
def test_record_depends_on_the_response(exc: Exception | None, expected: list[str]) -> None:
    changes = Changes()
    record(changes, exc)
    assert changes.as_facts().get("left_behind", []) == expected


def test_record_refused_second_write_keeps_the_first() -> None:
    changes = Changes()
    record(changes, None)
    record(changes, errors.DeniedError("do it", "403", status=403))
    assert changes.as_facts() == {"left_behind": ["bucket b (policy)"]}


def test_record_uncertain_second_write_keeps_the_first() -> None:
    changes = Changes()
    record(changes, None)
    record(changes, errors.UnreachableError("do it", "no response"))
    assert changes.as_facts() == {"left_behind": ["bucket b (policy)"]}


def test_record_with_own_condition() -> None:
    changes = Changes()
    record(changes, errors.DeniedError("do it", "403", status=403), is_refusal=lambda _exc: False)
    assert changes.as_facts() == {"left_behind": ["bucket b (possibly policy)"]}


def test_as_facts_groups_parts_and_omits_reverted_ones() -> None:
    changes = Changes()
    for part in ("created", "policy", "access key A"):
        changes.add("IAM user u", part)
    changes.add("state file s", "pending")
    assert (changes.discard("IAM user u", "access key A"), changes.discard("IAM user u", "access key A")) == (
        True,
        False,
    )
    assert changes.discard("state file s", "pending")
    assert changes.as_facts() == {"left_behind": ["IAM user u (created, policy)"]}


def test_as_facts_has_the_upload_target_apart() -> None:
    changes = Changes()
    record(changes, None, resource=UPLOAD_TARGET)
    assert changes.as_facts() == {"upload_target": "set"}
    changes.doubt(UPLOAD_TARGET, "policy")
    assert changes.as_facts() == {"upload_target": "unknown"}


def test_execute_error_contains_the_changes_of_this_run_only() -> None:
    def use_case(_params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        context.runtime.changes.add("bucket b", "created")
        raise errors.DeniedError("do it", "403")

    context = Context()
    context.runtime.changes.add("bucket a", "created")
    assert execute(use_case, {}, context)["error"]["left_behind"] == ["bucket b (created)"]
    assert "left_behind" not in execute(lambda _params, _context: Outcome(False), {}, context)
