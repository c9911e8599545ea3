# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Config vars on Heroku: real runs of ansible-playbook, and every way in which the API can fail.

What is looked at is what the emulator holds, how many releases it has made, and which calls it got.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._heroku import config_vars
from tests.e2e import runs
from tests.e2e.runs import Run
from tests.e2e.site import leftovers
from tests.sandbox import HerokuEmulator
from tests.sandbox.heroku import App

MODULE = "vonage.archiving.heroku_config_vars"
NEW_SECRET, SECOND_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"
OLD_SECRET, OLD_URL = (
    "9drTJvcXLB89EXAMPLELB8923FB892xMFI+4rAeYs",
    "cloudinary://874837483274837:a676b67565c6767a6767d6767f@x",
)
NOT_NAMED = "postgres://anybody:p4ssw0rd-of-the-database@db.example.com:5432/d1"
BEFORE = {
    "BUCKET_URL": "https://old.example.com",
    "UNTOUCHED": "same",
    "AWS_SECRET_ACCESS_KEY": OLD_SECRET,
    "CLOUDINARY_URL": OLD_URL,
    "DATABASE_URL": NOT_NAMED,
}
HIDDEN = [NEW_SECRET, SECOND_SECRET, OLD_SECRET, OLD_URL, NOT_NAMED]

TIMEOUT, TOTAL, RETRIES = 0.7, 6.0, 2
# What is added to the budget by a busy machine.
SLACK = 3.0
ALWAYS = 99


@pytest.fixture(scope="module")
def emulator() -> Iterator[HerokuEmulator]:
    with HerokuEmulator() as running:
        yield running


@pytest.fixture
def app(emulator: HerokuEmulator) -> App:
    """An app with one release, and nothing logged."""
    emulator.reset()
    return emulator.add_app(config=BEFORE)


def calls(emulator: HerokuEmulator) -> list[str]:
    """The methods of the requests since the last look."""
    found = [call["method"] for call in emulator.log()]
    emulator.clear_log()
    return found


def task(name: str, options: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    return {"name": name, MODULE: options, **keywords}


def play(emulator: HerokuEmulator, app: App, home: Path, tasks: list[dict[str, Any]], **env: str) -> Run:
    """Run these tasks; the token comes from a variable, and no secret is shown or left behind."""
    common = {"app": app.name, "api_url": emulator.url, "api_token": "{{ api_token }}", "timeout": 5, "retries": 0}
    content = {
        "name": "Config vars",
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "module_defaults": {"group/vonage.archiving.heroku": common},
        "tasks": tasks,
    }
    playbook = home / "play.yml"
    playbook.write_text(yaml.safe_dump([content], sort_keys=False))
    secrets = {"api_token": emulator.api_token, "secret": NEW_SECRET, "second": SECOND_SECRET}
    # Up to ansible-core 2.20 results always repeat the options; later ones only if told to.
    run = runs.run_playbook(playbook, secrets, home, {"ANSIBLE_INJECT_INVOCATION": "true", **env})
    hidden = [*HIDDEN, emulator.api_token]
    assert not runs.leaks(run.output, hidden)
    assert not runs.leaks(run.told, hidden)
    assert leftovers(home) == []
    return run


SET = {
    "config": {"BUCKET_URL": "https://new.example.com", "UNTOUCHED": "same", "WEB_CONCURRENCY": 2, "EMPTY": ""},
    "secrets": {"AWS_SECRET_ACCESS_KEY": "{{ secret }}", "AWS_SESSION_TOKEN": "{{ second }}"},
    "absent": ["CLOUDINARY_URL", "NEVER_THERE"],
}
CHANGES = {
    "BUCKET_URL": "changed",
    "WEB_CONCURRENCY": "added",
    "EMPTY": "added",
    "AWS_SECRET_ACCESS_KEY": "changed",
    "AWS_SESSION_TOKEN": "added",
    "CLOUDINARY_URL": "removed",
}
SENT = {
    "BUCKET_URL": "https://new.example.com",
    "WEB_CONCURRENCY": "2",
    "EMPTY": "",
    "AWS_SECRET_ACCESS_KEY": NEW_SECRET,
    "AWS_SESSION_TOKEN": SECOND_SECRET,
    "CLOUDINARY_URL": None,
}
AFTER = {name: value for name, value in {**BEFORE, **SENT}.items() if value is not None}


def test_planned_set_and_left_alone(emulator: HerokuEmulator, app: App, home: Path) -> None:
    """Check mode says what a run does; it is done in one release; further runs do nothing, however they are written."""
    as_awx_writes_it = {**SET, "timeout": "", "retries": "", "total_timeout": "", "api_url": emulator.url}
    as_text = {**SET, "secrets": '{"AWS_SECRET_ACCESS_KEY": "{{ secret }}", "AWS_SESSION_TOKEN": "{{ second }}"}'}
    tasks = [
        task("plan", SET, check_mode=True),
        task("set", SET),
        task("again", SET),
        task("from AWX", as_awx_writes_it, check_mode=True),
        task("as text", as_text),
        task("by id, with the token of the environment", {**SET, "app": app.id, "api_token": ""}),
        task("nothing else", {"config": "", "secrets": "", "absent": ["NEVER_THERE"]}),
    ]
    run = play(emulator, app, home, tasks, HEROKU_API_KEY=emulator.api_token).ok()
    assert run.changed == ["plan", "set"]
    results = {event.task: event.result for event in run.events}
    assert all("module_args" in result["invocation"] for result in results.values())
    for name in ("plan", "set"):
        assert results[name]["changes"] == CHANGES
        assert results[name]["release"] is True
        assert results[name]["app"] == app.name
        assert results[name]["diff"]["before"] == {
            "BUCKET_URL": "https://old.example.com",
            "AWS_SECRET_ACCESS_KEY": "(the old secret)",
            "CLOUDINARY_URL": "(not shown)",
        }
        assert results[name]["diff"]["after"] == {
            "BUCKET_URL": "https://new.example.com",
            "WEB_CONCURRENCY": "2",
            "EMPTY": "",
            "AWS_SECRET_ACCESS_KEY": "(the new secret)",
            "AWS_SESSION_TOKEN": "(the new secret)",
        }
    for name in ("again", "from AWX", "as text", "nothing else"):
        assert (results[name]["changes"], results[name]["release"], results[name]["pending"]) == ({}, False, [])
    patches = [call["json"] for call in emulator.log() if call["method"] == "PATCH"]
    assert patches == [SENT]
    assert calls(emulator) == ["GET", "GET", "PATCH", *["GET"] * 5]
    assert app.config == AFTER
    assert len(app.releases) == 2


def test_failures_show_no_secret(emulator: HerokuEmulator, app: App, home: Path) -> None:
    """Errors that quote what was sent, options that cannot be right, wrong tokens: no secret in any of them."""
    emulator.echo_secrets = True
    for status in (422, 200):
        emulator.fail_next(status=status, method="PATCH")
    wrong = {
        "config": {"A B": "1", "FLAG": True, "RATIO": 1.10, "AWS_SECRET_ACCESS_KEY": "x"},
        "secrets": {"AWS_SECRET_ACCESS_KEY": "{{ secret }}", "HEROKU_X": "{{ second }}", "NONE": None},
    }
    text = "AWS_SECRET_ACCESS_KEY={{ secret }} AWS_SESSION_TOKEN={{ second }}"
    tasks = [
        *[task(name, SET, ignore_errors=True) for name in ("422", "200")],
        task("wrong", wrong, ignore_errors=True),
        task("wrong token", {**SET, "api_token": "{{ second }}"}, ignore_errors=True),
        task("token as app", {"app": "{{ api_token }}", "absent": ["A"]}, ignore_errors=True),
        task("no dict", {"secrets": "{{ secret }}"}, ignore_errors=True),
        task("not an option", {"secrets": text, "bogus": True}, ignore_errors=True),
        task("fine", {"secrets": text}),
    ]
    run = play(emulator, app, home, tasks).ok()
    told = {event.task: event.result["msg"] for event in run.events if event.kind == "failed"}
    assert "answered HTTP 422 (invalid_params)" in told["422"]
    assert "the answer is a web page" in told["200"]
    assert told["wrong"].startswith(
        "Could not start: these 6 things are wrong with the options: config.FLAG is a boolean"
    )
    assert "HTTP 401 (unauthorized)" in told["wrong token"]
    assert "app holds an API token" in told["token as app"]
    assert "secrets" in told["no dict"]
    assert "bogus" in told["not an option"]
    assert run.changed == ["fine"]
    assert app.config["AWS_SESSION_TOKEN"] == SECOND_SECRET
    assert "Traceback" not in run.output


SLOW = "no answer came in time|no complete answer within"
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "429": ({"status": 429}, "the answer was HTTP 429"),
    "429 with seconds": ({"status": 429, "retry_after": 1}, "the answer was HTTP 429"),
    "500 and applied": ({"status": 500, "apply": True}, "the answer was HTTP 500"),
    "503": ({"status": 503}, "the answer was HTTP 503"),
    "hang": ({"kind": "hang", "seconds": 60}, SLOW),
    "hang and applied": ({"kind": "hang", "seconds": 60, "apply": True}, SLOW),
    "reset and applied": ({"kind": "reset", "apply": True}, "the connection failed"),
    "close": ({"kind": "close"}, "the connection failed"),
    "truncate and applied": ({"kind": "truncate", "apply": True}, "the connection broke in the middle of the answer"),
}


def change(emulator: HerokuEmulator, held: App, seconds: float, **changes: Any) -> Outcome | errors.ArchivingError:
    """Run the use case with little time, and return the error if there is one; no more time may pass than said."""
    options = {
        "app": held.name,
        "api_url": emulator.url,
        "api_token": emulator.api_token,
        "timeout": TIMEOUT,
        "retries": RETRIES,
        "total_timeout": TOTAL,
        "config": {"BUCKET_URL": "https://new.example.com"},
        "secrets": {"AWS_SECRET_ACCESS_KEY": NEW_SECRET},
        **changes,
    }
    started = time.monotonic()
    try:
        return config_vars.reconcile(options, Context())
    except errors.ArchivingError as error:
        return error
    finally:
        assert time.monotonic() - started < seconds + SLACK


def mended(emulator: HerokuEmulator, app: App) -> None:
    """The next run brings about what is asked for, and the one after it only looks."""
    emulator.clear_faults()
    assert isinstance(change(emulator, app, TOTAL), Outcome)
    wanted = {**BEFORE, "BUCKET_URL": "https://new.example.com", "AWS_SECRET_ACCESS_KEY": NEW_SECRET}
    assert app.config == wanted
    calls(emulator)
    again = change(emulator, app, TOTAL)
    assert isinstance(again, Outcome)
    assert not again.changed
    assert calls(emulator) == ["GET"]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_is_survived(emulator: HerokuEmulator, app: App, method: str, name: str) -> None:
    fault = FAULTS[name][0]
    emulator.fail_next(**fault, method=method)
    outcome = change(emulator, app, TOTAL)
    assert isinstance(outcome, Outcome)
    assert outcome.changed
    assert calls(emulator) == (["GET", "GET", "PATCH"] if method == "GET" else ["GET", "PATCH", "PATCH"])
    # All that a lost answer costs is a second release.
    assert len(app.releases) == (3 if method == "PATCH" and fault.get("apply") else 2)
    mended(emulator, app)


@pytest.mark.parametrize("name", ["429", "hang and applied", "reset and applied"])
def test_a_fault_that_stays_is_told(emulator: HerokuEmulator, app: App, name: str) -> None:
    emulator.fail_next(**FAULTS[name][0], method="PATCH", times=ALWAYS)
    error = change(emulator, app, TOTAL)
    assert isinstance(error, errors.UnreachableError)
    assert str(error).startswith(f"Could not change the config vars of {app.name}: {emulator.url}: ")
    assert re.search(FAULTS[name][1], str(error))
    assert "(tried 3 times)" in str(error)
    assert not runs.leaks(str(error), [*HIDDEN, emulator.api_token])
    assert calls(emulator) == ["GET", *["PATCH"] * 3]
    mended(emulator, app)


def test_to_come_back_after_the_budget_is_told_at_once(emulator: HerokuEmulator, app: App) -> None:
    in_an_hour = int(time.time()) + 3600
    for retry_after in (120, in_an_hour):
        emulator.clear_faults()
        calls(emulator)
        emulator.fail_next(status=429, retry_after=retry_after, times=ALWAYS)
        error = change(emulator, app, 1.0)
        assert isinstance(error, errors.UnreachableError)
        assert re.search("The next try was due in (120|3600|3599) s, with 6 s left", str(error))
        assert "about 75 calls a minute" in str(error)
        assert calls(emulator) == ["GET"]


def test_the_time_for_all_tries_together_is_kept(emulator: HerokuEmulator, app: App) -> None:
    emulator.fail_next("hang", seconds=60, times=ALWAYS)
    assert isinstance(change(emulator, app, 2.0, retries=50, total_timeout=2.0), errors.UnreachableError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.RejectedError),
        (402, errors.DeniedError),
        (403, errors.DeniedError),
        (409, errors.ConflictError),
        (410, errors.NotFoundError),
        (501, errors.UnreachableError),
    ],
)
def test_a_refusal_is_not_tried_again(emulator: HerokuEmulator, app: App, status: int, kind: type[Exception]) -> None:
    emulator.fail_next(status=status, method="PATCH", times=ALWAYS)
    error = change(emulator, app, 1.0)
    assert isinstance(error, kind)
    assert f"answered HTTP {status} (" in str(error)
    assert calls(emulator) == ["GET", "PATCH"]
    assert app.config == BEFORE


def test_refusals_of_the_service_itself(emulator: HerokuEmulator, app: App) -> None:
    other = emulator.add_app(account="somebody else")
    reader = emulator.add_token("read-protected").value
    refused: list[tuple[dict[str, Any], str]] = [
        ({"app": "not-there"}, "HTTP 404 (not_found): Couldn't find that app. Look whether app is right"),
        ({"app": other.name}, f"HTTP 403 (forbidden): You do not have access to the app {other.name}."),
        ({"api_token": "HRKU-revoked"}, "HTTP 401 (unauthorized): Invalid credentials provided. api_token is wrong"),
        ({"api_token": reader}, "This token has read-protected, the call takes global write-protected."),
    ]
    for changes, told in refused:
        error = change(emulator, app, TOTAL, **changes)
        assert told in str(error)
        assert reader not in str(error)
    assert app.config == BEFORE
    # What may be read may be compared.
    same = change(emulator, app, TOTAL, api_token=reader, config={"UNTOUCHED": "same"}, secrets={})
    assert isinstance(same, Outcome)
    assert not same.changed


def test_a_release_command_is_waited_for_by_nobody(emulator: HerokuEmulator, app: App) -> None:
    app.release_command = True
    warnings: list[str] = []
    options = {"app": app.name, "api_url": emulator.url, "api_token": emulator.api_token, "config": {"A": "1"}}
    outcome = config_vars.reconcile(options, Context(warn=warnings.append))
    assert outcome.result["pending"] == ["A"]
    assert 'does not show it yet for "A"' in warnings[0]
    app.finish_releases(succeeded=True)
    assert not config_vars.reconcile(options, Context(warn=warnings.append)).changed
    assert len(warnings) == 1


def test_too_much_is_warned_of_and_left_to_the_service(emulator: HerokuEmulator, app: App) -> None:
    warnings: list[str] = []
    options = {"app": app.name, "api_url": emulator.url, "api_token": emulator.api_token, "config": {"A": "x" * 32768}}
    outcome = config_vars.reconcile(options, Context(check_mode=True, warn=warnings.append))
    assert outcome.changed
    assert "Heroku may refuse more than 32768." in warnings[0]
    with pytest.raises(errors.RejectedError, match="too large"):
        config_vars.reconcile(options, Context(warn=warnings.append))
    assert app.config == BEFORE


def test_chosen_vars_are_read_from_python(emulator: HerokuEmulator, app: App) -> None:
    options = {"app": app.id, "api_url": emulator.url}
    found = config_vars.read(options, {"HEROKU_API_KEY": emulator.api_token}, ["AWS_SECRET_ACCESS_KEY", "NEVER_THERE"])
    assert found == {"AWS_SECRET_ACCESS_KEY": OLD_SECRET}
    assert calls(emulator) == ["GET"]
    with pytest.raises(errors.InputError, match="api_token is required"):
        config_vars.read(options, {}, ["A"])
