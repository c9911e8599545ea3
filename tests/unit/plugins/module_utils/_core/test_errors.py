# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors


@pytest.mark.parametrize(
    ("problem", "hint", "text"),
    [
        ("it is full", "", "Could not write the file: it is full."),
        ("it is full.", "", "Could not write the file: it is full."),
        ("it is full", "Make room.", "Could not write the file: it is full. Make room."),
    ],
)
def test_message_consists_of_operation_problem_and_hint(problem: str, hint: str, text: str) -> None:
    assert errors.format_message("write the file", problem, hint) == text
    assert str(errors.ArchivingError("write the file", problem, hint)) == text


def test_as_result_omits_unknown_facts() -> None:
    error = errors.DeniedError("read it", "no", "Ask.", status=403, code=None, tries=0)
    assert error.as_result() == {
        "kind": "denied",
        "operation": "read it",
        "problem": "no",
        "hint": "Ask.",
        "status": 403,
        "tries": 0,
    }


def test_input_error_contains_all_problems() -> None:
    error = errors.InputError(["a is wrong", "b is missing"])
    assert str(error) == ("Invalid options: a is wrong; b is missing. Nothing was sent.")
    assert error.as_result()["problems"] == ["a is wrong", "b is missing"]


def test_input_error_with_a_single_problem() -> None:
    assert str(errors.InputError(["a is wrong"])) == ("Invalid options: a is wrong. Nothing was sent.")


def test_each_error_has_a_unique_kind() -> None:
    found: list[t.Any] = [errors.ArchivingError, *errors.ArchivingError.__subclasses__()]
    kinds = [each.kind for each in found]
    assert len(kinds) >= 9
    assert len(set(kinds)) == len(kinds)
