# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault of the API ends within the time limit, in success or in one error.

In both cases, the state file is correct, and the next run reaches the desired state.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile
from tests.e2e import playbook_runs
from tests.sandbox import Sandbox, VonageEmulator

# Seconds for one attempt, and for all attempts and pauses.
TIMEOUT, TOTAL = 0.7, 6.0
RETRIES = 2
# The delay of a busy machine.
SLACK = 3.0
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
# More than the number of attempts.
ALWAYS = 99

# Arguments of fail_next, and the error if the fault is permanent.
SLOW = "no response within the time limit|no complete response within"
TRANSIENT: dict[str, tuple[dict[str, Any], str]] = {
    "429": ({"status": 429}, "the response was HTTP 429"),
    "429 with seconds": ({"status": 429, "retry_after": 1}, "the response was HTTP 429"),
    "429 with a date": ({"status": 429, "retry_after": 1, "retry_after_date": True}, "the response was HTTP 429"),
    "429 with nonsense": ({"status": 429, "retry_after": "soon"}, "the response was HTTP 429"),
    "500": ({"status": 500}, "the response was HTTP 500"),
    "500 and applied": ({"status": 500, "apply": True}, "the response was HTTP 500"),
    "502": ({"status": 502}, "the response was HTTP 502"),
    "503": ({"status": 503}, "the response was HTTP 503"),
    "504": ({"status": 504}, "the response was HTTP 504"),
    "hang": ({"kind": "hang", "seconds": 60}, SLOW),
    "hang and applied": ({"kind": "hang", "seconds": 60, "apply": True}, SLOW),
    "delay": ({"kind": "delay", "seconds": 60}, SLOW),
    "reset": ({"kind": "reset"}, "the connection failed"),
    "reset and applied": ({"kind": "reset", "apply": True}, "the connection failed"),
    "close": ({"kind": "close"}, "the connection failed"),
    "close and applied": ({"kind": "close", "apply": True}, "the connection failed"),
    "truncate": ({"kind": "truncate"}, "the connection was closed before the end of the response"),
    "truncate and applied": (
        {"kind": "truncate", "apply": True},
        "the connection was closed before the end of the response",
    ),
    "trickle": ({"kind": "trickle", "seconds": 0.2}, SLOW),
}
NEEDS_BODY = ("truncate and applied", "trickle")


class FaultScenario:
    """One project with a state file."""

    def __init__(self, emulator: VonageEmulator, home: Path) -> None:
        self.emulator, self.home = emulator, home
        project = emulator.add_project()
        self.key, self.secret = project.key, project.secret
        self.state_file = home / "state.json"

    def run(self, **changes: Any) -> Outcome:
        """Run the use case with short time limits."""
        options = {
            "api_url": self.emulator.url,
            "api_key": self.key,
            "api_secret": self.secret,
            "timeout": TIMEOUT,
            "retries": RETRIES,
            "total_timeout": TOTAL,
            "state_file": str(self.state_file),
            "verify": "never",
            # The faults are those of the requests that change the target.
            "preflight": "never",
            "fallback": "none",
            "s3": {"bucket": "recordings", "access_key": KEY, "secret_key": SECRET},
            **changes,
        }
        return reconcile(options, Context())

    def run_within(self, seconds: float, **changes: Any) -> Outcome | errors.ArchivingError:
        """Run the use case, and return its error, if any; assert the time limit."""
        started = time.monotonic()
        try:
            return self.run(**changes)
        except errors.ArchivingError as error:
            return error
        finally:
            assert time.monotonic() - started < seconds + SLACK

    def calls(self) -> list[dict[str, Any]]:
        return [call for call in self.emulator.log() if f"/{self.key}/" in call["path"]]

    def assert_fresh_tokens(self) -> None:
        """Assert that each attempt has a separate token."""
        tokens = [jwt.decode(call["headers"]["X-Opentok-Auth"], self.secret, ["HS256"]) for call in self.calls()]
        assert len({token["jti"] for token in tokens}) == len(tokens)
        for token, call in zip(tokens, self.calls(), strict=True):
            assert abs(token["iat"] - call["time"]) < TIMEOUT + 2
            assert token["exp"] - token["iat"] <= 300

    @property
    def status(self) -> str:
        return str(json.loads(self.state_file.read_text())["status"])

    def assert_state_file_correct(self) -> None:
        target = self.emulator.target(self.key)
        assert self.status in ("pending", "applied" if target else "absent")

    def assert_recovered(self, **changes: Any) -> None:
        """Assert that the next run reaches the desired state, and that the one after it sends nothing."""
        self.emulator.clear_faults()
        self.run(**changes)
        absent = changes.get("state") == "absent"
        target = self.emulator.target(self.key)
        assert (target is None) == absent
        assert absent or (target or {})["fallback"] == changes.get("fallback", "none")
        assert self.status == ("absent" if absent else "applied")
        self.emulator.clear_log()
        assert not self.run(**changes).changed
        assert self.calls() == []


@pytest.fixture
def scenario(e2e_sandbox: Sandbox, home: Path) -> Iterator[FaultScenario]:
    emulator = e2e_sandbox.vonage
    emulator.echo_secrets = False
    emulator.clear_faults()
    emulator.clear_log()
    yield FaultScenario(emulator, home)
    emulator.clear_faults()


# The changes of an existing target, by the method of the request.
ACTIONS: dict[str, dict[str, Any]] = {"PUT": {"fallback": "opentok"}, "DELETE": {"state": "absent"}}


# The response to a DELETE has no body.
CASES = [(method, name) for method in ACTIONS for name in TRANSIENT if method == "PUT" or name not in NEEDS_BODY]


def prepare(scenario: FaultScenario, method: str) -> dict[str, Any]:
    """Set a target, and return the changes with which the next run sends a request with this method."""
    scenario.run()
    scenario.emulator.clear_log()
    return ACTIONS[method]


def add_fault(scenario: FaultScenario, method: str, fault: dict[str, Any], times: int) -> None:
    scenario.emulator.fail_next(**fault, times=times, method=method, path=f"/{scenario.key}/")


@pytest.mark.parametrize(("method", "name"), CASES)
def test_reconcile_transient_fault_succeeds(scenario: FaultScenario, method: str, name: str) -> None:
    changes = prepare(scenario, method)
    add_fault(scenario, method, TRANSIENT[name][0], times=1)
    outcome = scenario.run_within(TOTAL, **changes)
    assert isinstance(outcome, Outcome)
    assert outcome.changed
    assert [call["method"] for call in scenario.calls()] == [method, method]
    scenario.assert_fresh_tokens()
    scenario.assert_state_file_correct()
    assert scenario.status == ("absent" if method == "DELETE" else "applied")
    scenario.assert_recovered(**changes)


@pytest.mark.parametrize(("method", "name"), CASES)
def test_reconcile_permanent_fault_raises_unreachable_error(scenario: FaultScenario, method: str, name: str) -> None:
    changes = prepare(scenario, method)
    add_fault(scenario, method, TRANSIENT[name][0], times=ALWAYS)
    error = scenario.run_within(TOTAL, **changes)
    assert isinstance(error, errors.UnreachableError)
    message = str(error)
    assert message.startswith(
        f"Could not {'set' if method == 'PUT' else 'delete'} the upload target of project {scenario.key}"
    )
    assert re.search(TRANSIENT[name][1], message)
    assert f"({RETRIES + 1} attempts)" in message
    assert not playbook_runs.find_leaks(message, [SECRET, scenario.secret])
    assert len(scenario.calls()) == RETRIES + 1
    scenario.assert_fresh_tokens()
    assert scenario.status == "pending"
    scenario.assert_recovered(**changes)


@pytest.mark.parametrize("date", [False, True], ids=["seconds", "date"])
def test_reconcile_retry_after_longer_than_the_time_limit_fails_immediately(
    scenario: FaultScenario, date: bool
) -> None:
    scenario.emulator.fail_next(status=429, retry_after=120, retry_after_date=date, times=ALWAYS)
    error = scenario.run_within(1.0)
    assert isinstance(error, errors.UnreachableError)
    assert "The next attempt was due in" in str(error)
    assert "The service limits the rate of requests" in str(error)
    assert len(scenario.calls()) == 1
    assert scenario.status == "pending"
    scenario.assert_recovered()


def test_reconcile_total_timeout_limits_all_attempts(scenario: FaultScenario) -> None:
    scenario.emulator.fail_next("hang", seconds=60, times=ALWAYS)
    error = scenario.run_within(2.0, retries=50, total_timeout=2.0)
    assert isinstance(error, errors.UnreachableError)
    assert len(scenario.calls()) <= 4
    scenario.assert_fresh_tokens()
    scenario.assert_recovered()


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_reconcile_permanent_fault_sends_at_most_retries_plus_one_requests(
    scenario: FaultScenario, retries: int
) -> None:
    scenario.emulator.fail_next(status=503, retry_after=0, times=ALWAYS)
    assert isinstance(scenario.run_within(TOTAL, retries=retries), errors.UnreachableError)
    assert len(scenario.calls()) == retries + 1


def test_reconcile_definite_error_is_not_retried(scenario: FaultScenario) -> None:
    scenario.run()
    before = scenario.state_file.read_bytes()
    for status, kind in ((400, errors.RejectedError), (403, errors.DeniedError)):
        scenario.emulator.clear_log()
        scenario.emulator.fail_next(status=status)
        assert isinstance(scenario.run_within(1.0, fallback="opentok"), kind)
        assert len(scenario.calls()) == 1
        # The target has certainly not changed.
        assert scenario.state_file.read_bytes() == before
    assert not scenario.run().changed


def module_play(scenario: FaultScenario, **options: Any) -> Path:
    """Write a playbook that runs the module; secrets are extra variables."""
    arguments = {
        "api_url": scenario.emulator.url,
        "api_key": scenario.key,
        "api_secret": "{{ api_secret }}",
        "fallback": "none",
        "state_file": str(scenario.state_file),
        "verify": "never",
        "preflight": "never",
        "s3": {"bucket": "recordings", "access_key": KEY, "secret_key": "{{ secret_key }}"},
        **options,
    }
    play = {
        "name": "Set the upload target",
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": [{"name": "Set it", "vonage.archiving.vonage_archive_storage": arguments}],
    }
    path = scenario.home / "play.yml"
    path.write_text(yaml.safe_dump([play]))
    return path


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"status": 429, "retry_after": 0, "times": 1}, ""),
        ({"kind": "hang", "seconds": 60, "times": ALWAYS}, rf"({SLOW}).* \(2 attempts\)"),
        ({"kind": "reset", "apply": True, "times": ALWAYS}, "the connection failed"),
    ],
    ids=["429", "hang", "applied and reset"],
)
def test_module_fault_succeeds_or_fails_with_a_hint(
    scenario: FaultScenario, fault: dict[str, Any], message: str
) -> None:
    scenario.emulator.fail_next(**fault)
    playbook = module_play(scenario, timeout=1, retries=1, total_timeout=5)
    secrets = {"api_secret": scenario.secret, "secret_key": SECRET}
    run = playbook_runs.run_playbook(playbook, secrets, scenario.home, {})
    assert not playbook_runs.find_leaks(run.output + run.events_text, secrets.values())
    assert len(scenario.calls()) == 2
    scenario.assert_fresh_tokens()
    if message:
        run.failed()
        assert run.error.startswith(f"Could not set the upload target of project {scenario.key}")
        assert re.search(message, run.error)
        assert "Nothing is lost: run it again later." in run.error
        assert scenario.status == "pending"
    else:
        assert run.ok().changed == ["Set it"]
        assert scenario.status == "applied"
    scenario.assert_recovered()
