# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``heroku_config_vars`` with an emulator of Heroku: runs of ansible-playbook, and all faults of the API.

Assertions compare the config vars, releases, and requests of the emulator.
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
from tests.e2e import playbook_runs
from tests.e2e.playbook_runs import Run
from tests.e2e.project_environment import leftovers
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
# The delay of a busy machine.
SLACK = 3.0
ALWAYS = 99


@pytest.fixture(scope="module")
def emulator() -> Iterator[HerokuEmulator]:
    with HerokuEmulator() as running:
        yield running


@pytest.fixture
def app(emulator: HerokuEmulator) -> App:
    """An app with one release."""
    emulator.reset()
    return emulator.add_app(config=BEFORE)


def calls(emulator: HerokuEmulator) -> list[str]:
    """The methods of the requests since the last call of this function."""
    methods = [call["method"] for call in emulator.log()]
    emulator.clear_log()
    return methods


def task(name: str, options: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    return {"name": name, MODULE: options, **keywords}


def play(emulator: HerokuEmulator, app: App, home: Path, tasks: list[dict[str, Any]], **env: str) -> Run:
    """Run tasks, and assert that they show no secret and leave no temporary file."""
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
    # Up to ansible-core 2.20, results always contain the options; later ones need the variable.
    run = playbook_runs.run_playbook(playbook, secrets, home, {"ANSIBLE_INJECT_INVOCATION": "true", **env})
    hidden = [*HIDDEN, emulator.api_token]
    assert not playbook_runs.find_leaks(run.output, hidden)
    assert not playbook_runs.find_leaks(run.events_text, hidden)
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


def test_module_check_mode_then_set_then_idempotent(emulator: HerokuEmulator, app: App, home: Path) -> None:
    """Options as AWX, text, and environment variables give them are equivalent."""
    as_in_awx = {**SET, "timeout": "", "retries": "", "total_timeout": "", "api_url": emulator.url}
    as_text = {**SET, "secrets": '{"AWS_SECRET_ACCESS_KEY": "{{ secret }}", "AWS_SESSION_TOKEN": "{{ second }}"}'}
    tasks = [
        task("plan", SET, check_mode=True),
        task("set", SET),
        task("again", SET),
        task("from AWX", as_in_awx, check_mode=True),
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


def test_module_errors_show_no_secret(emulator: HerokuEmulator, app: App, home: Path) -> None:
    """Errors that quote the request, invalid options, and wrong tokens."""
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
    messages = {event.task: event.result["msg"] for event in run.events if event.kind == "failed"}
    assert "responded with HTTP 422 (invalid_params)" in messages["422"]
    assert "the response is a web page" in messages["200"]
    assert messages["wrong"].startswith("Invalid options: config.FLAG: is a YAML boolean")
    assert "HTTP 401 (unauthorized)" in messages["wrong token"]
    assert "app: contains an API token" in messages["token as app"]
    assert "secrets" in messages["no dict"]
    assert "bogus" in messages["not an option"]
    assert run.changed == ["fine"]
    assert app.config["AWS_SESSION_TOKEN"] == SECOND_SECRET
    assert "Traceback" not in run.output


SLOW = "no response in time|no response came in time|no complete response within"
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "429": ({"status": 429}, "the response was HTTP 429"),
    "429 with seconds": ({"status": 429, "retry_after": 1}, "the response was HTTP 429"),
    "500 and applied": ({"status": 500, "apply": True}, "the response was HTTP 500"),
    "503": ({"status": 503}, "the response was HTTP 503"),
    "hang": ({"kind": "hang", "seconds": 60}, SLOW),
    "hang and applied": ({"kind": "hang", "seconds": 60, "apply": True}, SLOW),
    "reset and applied": ({"kind": "reset", "apply": True}, "the connection failed"),
    "close": ({"kind": "close"}, "the connection failed"),
    "truncate and applied": (
        {"kind": "truncate", "apply": True},
        "the connection was closed before the end of the response",
    ),
}


def change(emulator: HerokuEmulator, target: App, seconds: float, **changes: Any) -> Outcome | errors.ArchivingError:
    """Run the use case with short time limits; returns its error, if any; asserts the time limit."""
    options = {
        "app": target.name,
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


def assert_recovered(emulator: HerokuEmulator, app: App) -> None:
    """Assert that the next run reaches the desired state, and that the one after it only reads."""
    emulator.clear_faults()
    assert isinstance(change(emulator, app, TOTAL), Outcome)
    desired = {**BEFORE, "BUCKET_URL": "https://new.example.com", "AWS_SECRET_ACCESS_KEY": NEW_SECRET}
    assert app.config == desired
    calls(emulator)
    again = change(emulator, app, TOTAL)
    assert isinstance(again, Outcome)
    assert not again.changed
    assert calls(emulator) == ["GET"]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("name", FAULTS)
def test_reconcile_transient_fault_succeeds(emulator: HerokuEmulator, app: App, method: str, name: str) -> None:
    fault = FAULTS[name][0]
    emulator.fail_next(**fault, method=method)
    outcome = change(emulator, app, TOTAL)
    assert isinstance(outcome, Outcome)
    assert outcome.changed
    assert calls(emulator) == (["GET", "GET", "PATCH"] if method == "GET" else ["GET", "PATCH", "PATCH"])
    # A lost response costs a second release.
    assert len(app.releases) == (3 if method == "PATCH" and fault.get("apply") else 2)
    assert_recovered(emulator, app)


@pytest.mark.parametrize("name", ["429", "hang and applied", "reset and applied"])
def test_reconcile_permanent_fault_raises_unreachable_error(emulator: HerokuEmulator, app: App, name: str) -> None:
    emulator.fail_next(**FAULTS[name][0], method="PATCH", times=ALWAYS)
    error = change(emulator, app, TOTAL)
    assert isinstance(error, errors.UnreachableError)
    assert str(error).startswith(f"Could not change the config vars of {app.name}: {emulator.url}: ")
    assert re.search(FAULTS[name][1], str(error))
    assert "(3 attempts)" in str(error)
    assert not playbook_runs.find_leaks(str(error), [*HIDDEN, emulator.api_token])
    assert calls(emulator) == ["GET", *["PATCH"] * 3]
    assert_recovered(emulator, app)


def test_reconcile_retry_after_longer_than_the_time_limit_fails_immediately(emulator: HerokuEmulator, app: App) -> None:
    in_an_hour = int(time.time()) + 3600
    for retry_after in (120, in_an_hour):
        emulator.clear_faults()
        calls(emulator)
        emulator.fail_next(status=429, retry_after=retry_after, times=ALWAYS)
        error = change(emulator, app, 1.0)
        assert isinstance(error, errors.UnreachableError)
        assert re.search("The next attempt was due in (120|3600|3599) s, with 6 s left", str(error))
        assert "about 75 calls a minute" in str(error)
        assert calls(emulator) == ["GET"]


def test_reconcile_total_timeout_limits_all_attempts(emulator: HerokuEmulator, app: App) -> None:
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
def test_reconcile_error_status_raises_typed_error_without_retry(
    emulator: HerokuEmulator, app: App, status: int, kind: type[Exception]
) -> None:
    emulator.fail_next(status=status, method="PATCH", times=ALWAYS)
    error = change(emulator, app, 1.0)
    assert isinstance(error, kind)
    assert f"responded with HTTP {status} (" in str(error)
    assert calls(emulator) == ["GET", "PATCH"]
    assert app.config == BEFORE


def test_reconcile_errors_of_the_service_explain_the_cause(emulator: HerokuEmulator, app: App) -> None:
    other = emulator.add_app(account="another account")
    reader = emulator.add_token("read-protected").value
    cases: list[tuple[dict[str, Any], str]] = [
        ({"app": "not-there"}, "HTTP 404 (not_found): Couldn't find that app. Check app"),
        ({"app": other.name}, f"HTTP 403 (forbidden): You do not have access to the app {other.name}."),
        ({"api_token": "HRKU-revoked"}, "HTTP 401 (unauthorized): Invalid credentials provided. api_token is wrong"),
        ({"api_token": reader}, "The scope of this token is read-protected; the call accepts global write-protected."),
    ]
    for changes, message in cases:
        error = change(emulator, app, TOTAL, **changes)
        assert message in str(error)
        assert reader not in str(error)
    assert app.config == BEFORE
    # A token that can read is enough if nothing changes.
    same = change(emulator, app, TOTAL, api_token=reader, config={"UNTOUCHED": "same"}, secrets={})
    assert isinstance(same, Outcome)
    assert not same.changed


def test_reconcile_release_command_reports_pending_without_waiting(emulator: HerokuEmulator, app: App) -> None:
    app.release_command = True
    warnings: list[str] = []
    options = {"app": app.name, "api_url": emulator.url, "api_token": emulator.api_token, "config": {"A": "1"}}
    outcome = config_vars.reconcile(options, Context(warn=warnings.append))
    assert outcome.result["pending"] == ["A"]
    assert 'does not show it yet for "A"' in warnings[0]
    app.finish_releases(succeeded=True)
    assert not config_vars.reconcile(options, Context(warn=warnings.append)).changed
    assert len(warnings) == 1


def test_reconcile_above_the_expected_limit_warns_and_sends(emulator: HerokuEmulator, app: App) -> None:
    warnings: list[str] = []
    options = {"app": app.name, "api_url": emulator.url, "api_token": emulator.api_token, "config": {"A": "x" * 32768}}
    outcome = config_vars.reconcile(options, Context(check_mode=True, warn=warnings.append))
    assert outcome.changed
    assert "Heroku may refuse more than 32768." in warnings[0]
    with pytest.raises(errors.RejectedError, match="too large"):
        config_vars.reconcile(options, Context(warn=warnings.append))
    assert app.config == BEFORE


def test_fetch_selected_names_returns_those_that_exist(emulator: HerokuEmulator, app: App) -> None:
    options = {"app": app.id, "api_url": emulator.url}
    values = config_vars.fetch(
        options, {"HEROKU_API_KEY": emulator.api_token}, ["AWS_SECRET_ACCESS_KEY", "NEVER_THERE"]
    )
    assert values == {"AWS_SECRET_ACCESS_KEY": OLD_SECRET}
    assert calls(emulator) == ["GET"]
    with pytest.raises(errors.InputError, match="api_token: is required"):
        config_vars.fetch(options, {}, ["A"])
