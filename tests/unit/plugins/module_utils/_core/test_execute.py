# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import DeniedError, InputError
from ansible_collections.vonage.archiving.plugins.module_utils._core.execute import UseCase, execute
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import SYSTEM

SECRET = "0123456789abcdef0123456789abcdef01234567"
OTHER = "Xv7pQ2mKd9wLzR4t"


def failing(error: Exception) -> UseCase:
    def use_case(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        raise error

    return use_case


FAILURES: list[UseCase] = [
    failing(InputError([f"api_key: {SECRET} is invalid"])),
    failing(DeniedError("read it", f"the response contains {SECRET[:12]}", status=403)),
    failing(KeyError(SECRET)),
    lambda _params, _context: Outcome(True, {"echo": [SECRET]}, before={"a": SECRET}, failed=f"{SECRET} is invalid"),
]


@pytest.mark.parametrize("use_case", FAILURES)
@pytest.mark.parametrize(
    "params", [{"api_key": SECRET}, {"s3": [{"endpoint": f"https://{SECRET}@s3.example.com"}]}, {"ids": [SECRET]}]
)
def test_execute_failure_redacts_and_registers_misplaced_secrets(use_case: UseCase, params: dict[str, t.Any]) -> None:
    registered: list[str] = []
    result = execute(use_case, params, Context(diff_mode=True, register_secret=registered.append))
    assert result["failed"] is True
    assert SECRET[:8] not in json.dumps(result)
    assert registered == [SECRET]


@pytest.mark.parametrize("use_case", FAILURES)
def test_execute_failure_redacts_known_secrets(use_case: UseCase) -> None:
    result = execute(use_case, {}, Context(secrets=[SECRET]))
    assert SECRET[:8] not in json.dumps(result)
    result = execute(use_case, {}, Context(environ={"AWS_SECRET_ACCESS_KEY": SECRET}))
    assert SECRET[:8] not in json.dumps(result)


def test_execute_success_has_no_scan_for_misplaced_secrets() -> None:
    registered: list[str] = []
    context = Context(register_secret=registered.append)
    result = execute(lambda params, _context: Outcome(False, dict(params)), {"certificate": "-----BEGIN"}, context)
    assert (result, registered) == ({"changed": False, "certificate": "-----BEGIN"}, [])


def test_execute_secret_registered_late_is_redacted_in_all_warnings() -> None:
    registered: list[str] = []

    def use_case(_params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        context.warn(f"it is {OTHER}")
        context.register_secret(OTHER)
        context.register_secret(" ")
        return Outcome(True)

    result = execute(use_case, {}, Context(secrets=["", " "], register_secret=registered.append))
    assert result == {"changed": True, "warnings": ["it is ********"]}
    assert registered == [OTHER]


def test_execute_secrets_of_an_error_are_registered() -> None:
    registered: list[str] = []
    error = DeniedError("read it", OTHER)
    error.secrets = [OTHER]
    result = execute(failing(error), {}, Context(register_secret=registered.append))
    assert result["msg"] == "Could not read it: ********."
    assert registered == [OTHER]


def test_execute_diff_mode_adds_the_diff() -> None:
    outcome = Outcome(True, {"id": 1}, before=None, after={"a": 1})
    assert execute(lambda _params, _context: outcome, {}, Context()) == {"changed": True, "id": 1}
    result = execute(lambda _params, _context: outcome, {}, Context(diff_mode=True))
    assert result["diff"] == {"before": {}, "after": {"a": 1}}


def test_execute_report_of_a_wait_hides_secrets() -> None:
    reports: list[tuple[str, float]] = []

    def use_case(_params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        context.register_secret(OTHER)
        context.runtime.report_wait(f"{SECRET} and {OTHER}", 3)
        return Outcome(False)

    runtime = replace(SYSTEM, report_wait=lambda awaited, seconds: reports.append((awaited, seconds)))
    execute(use_case, {}, Context(secrets=[SECRET], runtime=runtime))
    ((awaited, seconds),) = reports
    assert seconds == 3
    assert SECRET[:8] not in awaited
    assert OTHER[:8] not in awaited
