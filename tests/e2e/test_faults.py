# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in which the API can fail ends within the time budget, in success or in one clear error.

In both cases the state file says what is known, and the next run mends what is left.
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
from tests.e2e import runs
from tests.sandbox import Sandbox, VonageEmulator

# Seconds: for a try, and for all tries and pauses together.
TIMEOUT, TOTAL = 0.7, 6.0
RETRIES = 2
# What is added to the budget by a busy machine.
SLACK = 3.0
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
# For ever, that is: more often than anything is tried.
ALWAYS = 99

# Arguments of fail_next, and what the error says where the fault lasts.
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


class Scene:
    """One project with a state file, and what was sent for it."""

    def __init__(self, emulator: VonageEmulator, home: Path) -> None:
        self.emulator, self.home = emulator, home
        project = emulator.add_project()
        self.key, self.secret = project.key, project.secret
        self.state_file = home / "record.json"

    def run(self, **changes: Any) -> Outcome:
        """Run the use case with little time."""
        options = {
            "api_url": self.emulator.url,
            "api_key": self.key,
            "api_secret": self.secret,
            "timeout": TIMEOUT,
            "retries": RETRIES,
            "total_timeout": TOTAL,
            "state_file": str(self.state_file),
            "verify": "never",
            "fallback": "none",
            "s3": {"bucket": "recordings", "access_key": KEY, "secret_key": SECRET},
            **changes,
        }
        return reconcile(options, Context())

    def within(self, seconds: float, **changes: Any) -> Outcome | errors.ArchivingError:
        """Run it, and return the error if there is one; no more time may pass than said."""
        started = time.monotonic()
        try:
            return self.run(**changes)
        except errors.ArchivingError as error:
            return error
        finally:
            assert time.monotonic() - started < seconds + SLACK

    def calls(self) -> list[dict[str, Any]]:
        return [call for call in self.emulator.log() if f"/{self.key}/" in call["path"]]

    def fresh_tokens(self) -> None:
        """Every try was signed for itself."""
        tokens = [jwt.decode(call["headers"]["X-Opentok-Auth"], self.secret, ["HS256"]) for call in self.calls()]
        assert len({token["jti"] for token in tokens}) == len(tokens)
        for token, call in zip(tokens, self.calls(), strict=True):
            assert abs(token["iat"] - call["time"]) < TIMEOUT + 2
            assert token["exp"] - token["iat"] <= 300

    @property
    def status(self) -> str:
        return str(json.loads(self.state_file.read_text())["status"])

    def truth(self) -> None:
        """What the state file shows is true."""
        target = self.emulator.target(self.key)
        assert self.status in ("pending", "applied" if target else "absent")

    def mended(self, **changes: Any) -> None:
        """The next run brings about what is asked for, and the one after it does nothing."""
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
def scene(e2e_sandbox: Sandbox, home: Path) -> Iterator[Scene]:
    emulator = e2e_sandbox.vonage
    emulator.echo_secrets = False
    emulator.clear_faults()
    emulator.clear_log()
    yield Scene(emulator, home)
    emulator.clear_faults()


# What is asked for where there is a target already, and the method that it takes.
ACTIONS: dict[str, dict[str, Any]] = {"PUT": {"fallback": "opentok"}, "DELETE": {"state": "absent"}}


# The answer to a DELETE has no body that could be cut or trickle.
CASES = [(method, name) for method in ACTIONS for name in TRANSIENT if method == "PUT" or name not in NEEDS_BODY]


def prepare(scene: Scene, method: str) -> dict[str, Any]:
    """Set a target, and return what to change so that the next run takes this method."""
    scene.run()
    scene.emulator.clear_log()
    return ACTIONS[method]


def order(scene: Scene, method: str, fault: dict[str, Any], times: int) -> None:
    scene.emulator.fail_next(**fault, times=times, method=method, path=f"/{scene.key}/")


@pytest.mark.parametrize(("method", "name"), CASES)
def test_a_fault_that_passes_is_survived(scene: Scene, method: str, name: str) -> None:
    changes = prepare(scene, method)
    order(scene, method, TRANSIENT[name][0], times=1)
    outcome = scene.within(TOTAL, **changes)
    assert isinstance(outcome, Outcome)
    assert outcome.changed
    assert [call["method"] for call in scene.calls()] == [method, method]
    scene.fresh_tokens()
    scene.truth()
    assert scene.status == ("absent" if method == "DELETE" else "applied")
    scene.mended(**changes)


@pytest.mark.parametrize(("method", "name"), CASES)
def test_a_fault_that_stays_is_told(scene: Scene, method: str, name: str) -> None:
    changes = prepare(scene, method)
    order(scene, method, TRANSIENT[name][0], times=ALWAYS)
    error = scene.within(TOTAL, **changes)
    assert isinstance(error, errors.UnreachableError)
    told = str(error)
    assert told.startswith(
        f"Could not {'set' if method == 'PUT' else 'delete'} the upload target of project {scene.key}"
    )
    assert re.search(TRANSIENT[name][1], told)
    assert f"({RETRIES + 1} attempts)" in told
    assert not runs.leaks(told, [SECRET, scene.secret])
    assert len(scene.calls()) == RETRIES + 1
    scene.fresh_tokens()
    assert scene.status == "pending"
    scene.mended(**changes)


@pytest.mark.parametrize("date", [False, True], ids=["seconds", "date"])
def test_to_come_back_after_the_budget_is_told_at_once(scene: Scene, date: bool) -> None:
    scene.emulator.fail_next(status=429, retry_after=120, retry_after_date=date, times=ALWAYS)
    error = scene.within(1.0)
    assert isinstance(error, errors.UnreachableError)
    assert "The next attempt was due in" in str(error)
    assert "The service limits the rate of requests" in str(error)
    assert len(scene.calls()) == 1
    assert scene.status == "pending"
    scene.mended()


def test_the_time_for_all_tries_together_is_kept(scene: Scene) -> None:
    """Retries without end do not make it longer."""
    scene.emulator.fail_next("hang", seconds=60, times=ALWAYS)
    error = scene.within(2.0, retries=50, total_timeout=2.0)
    assert isinstance(error, errors.UnreachableError)
    assert len(scene.calls()) <= 4
    scene.fresh_tokens()
    scene.mended()


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_never_more_tries_than_allowed(scene: Scene, retries: int) -> None:
    scene.emulator.fail_next(status=503, retry_after=0, times=ALWAYS)
    assert isinstance(scene.within(TOTAL, retries=retries), errors.UnreachableError)
    assert len(scene.calls()) == retries + 1


def test_a_refusal_is_not_tried_again(scene: Scene) -> None:
    scene.run()
    before = scene.state_file.read_bytes()
    for status, kind in ((400, errors.RejectedError), (403, errors.DeniedError)):
        scene.emulator.clear_log()
        scene.emulator.fail_next(status=status)
        assert isinstance(scene.within(1.0, fallback="opentok"), kind)
        assert len(scene.calls()) == 1
        # Nothing has changed for sure: what was known stays known.
        assert scene.state_file.read_bytes() == before
    assert not scene.run().changed


def module_play(scene: Scene, **options: Any) -> Path:
    """A playbook that calls the module itself; secrets come by extra variables."""
    arguments = {
        "api_url": scene.emulator.url,
        "api_key": scene.key,
        "api_secret": "{{ api_secret }}",
        "fallback": "none",
        "state_file": str(scene.state_file),
        "verify": "never",
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
    path = scene.home / "play.yml"
    path.write_text(yaml.safe_dump([play]))
    return path


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"status": 429, "retry_after": 0, "times": 1}, ""),
        ({"kind": "hang", "seconds": 60, "times": ALWAYS}, rf"({SLOW}).* \(2 attempts\)"),
        ({"kind": "reset", "apply": True, "times": ALWAYS}, "the connection failed"),
    ],
    ids=["429", "hang", "applied and reset"],
)
def test_by_the_module(scene: Scene, fault: dict[str, Any], told: str) -> None:
    scene.emulator.fail_next(**fault)
    playbook = module_play(scene, timeout=1, retries=1, total_timeout=5)
    secrets = {"api_secret": scene.secret, "secret_key": SECRET}
    run = runs.run_playbook(playbook, secrets, scene.home, {})
    assert not runs.leaks(run.output + run.told, secrets.values())
    assert len(scene.calls()) == 2
    scene.fresh_tokens()
    if told:
        run.failed()
        assert run.error.startswith(f"Could not set the upload target of project {scene.key}")
        assert re.search(told, run.error)
        assert "Nothing is lost: run it again later." in run.error
        assert scene.status == "pending"
    else:
        assert run.ok().changed == ["Set it"]
        assert scene.status == "applied"
    scene.mended()
