# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of waits, from a module that runs directly."""

from __future__ import annotations

import json
import sys
import threading
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import direct
from ansible_collections.vonage.archiving.plugins.module_utils._core.execute import ModuleSpec
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.progress import format_wait, runtime_with_reports


@pytest.mark.parametrize(("seconds", "shown"), [(84.6, "85 s"), (1.0, "1 s"), (0.2, "1 s")])
def test_format_wait_shows_host_reason_and_seconds(seconds: float, shown: str) -> None:
    assert format_wait("p-1", "the lock", seconds) == f"[p-1]: Waiting up to {shown} for the lock."


def test_report_waits_of_two_threads_keep_the_output() -> None:
    first_begins, first_ends, second_begins = threading.Event(), threading.Event(), threading.Event()

    def show(line: str) -> None:
        # Without a lock, the second report begins in the first one, and ends after it.
        if "first" in line:
            first_begins.set()
            second_begins.wait(0.2)
        else:
            second_begins.set()
            first_ends.wait(0.2)

    def report(name: str) -> None:
        runtime_with_reports(show, "localhost").report_wait(name, 1)

    output = sys.stdout
    first, second = (threading.Thread(target=report, args=(name,)) for name in ("first", "second"))
    first.start()
    first_begins.wait()
    second.start()
    first.join()
    first_ends.set()
    second.join()
    current, sys.stdout = sys.stdout, output
    assert current is output


def test_run_directly_report_is_shown_and_not_a_part_of_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []

    def show(line: str) -> None:
        lines.append(line)
        print(line)

    def use_case(_params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        context.runtime.report_wait("another run", 85)
        return Outcome(False, {"ended": True})

    runtime = runtime_with_reports(show, "localhost")
    output = direct.run_directly(ModuleSpec(use_case, {}), direct.encode_options({}), {}, "/", runtime)
    assert lines == ["[localhost]: Waiting up to 85 s for another run."]
    assert json.loads(output.stdout)["ended"] is True
