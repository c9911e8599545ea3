# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run use cases as actions: options, results, and redaction."""

from __future__ import annotations

import gc
import json
import os
import typing as t
import warnings

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import action as _action
from ansible_collections.vonage.archiving.plugins.module_utils._core.action import run_task
from ansible_collections.vonage.archiving.plugins.module_utils._core.environment import GARBAGE_THRESHOLD
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import ArchivingError, DeniedError
from ansible_collections.vonage.archiving.plugins.module_utils._core.execute import UseCase
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome

SECRET = "Xv7pQ2mKd9wLzR4t"
FETCHED = "b3Jfc29tZXRoaW5nX2Vsc2U"
SPEC: dict[str, t.Any] = {
    "name": {"type": "str"},
    "on": {"type": "bool", "default": True},
    "count": {"type": "int"},
    "data": {"type": "dict"},
    "token": {"type": "str", "no_log": True, "aliases": ["password"]},
}


@pytest.fixture(autouse=True)
def _usual_garbage() -> t.Iterator[None]:
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)


def run(
    use_case: UseCase,
    environ: dict[str, t.Any] | None = None,
    check_mode: bool = False,
    diff: bool = False,
    keep_empty_strings: t.Sequence[str] = (),
    **given: t.Any,
) -> dict[str, t.Any]:
    """The result, which Ansible sends on as JSON; no secret is in it."""
    before = dict(os.environ)
    found = run_task(
        use_case,
        SPEC,
        given,
        environ or {},
        check_mode=check_mode,
        diff_mode=diff,
        keep_empty_strings=keep_empty_strings,
    )
    assert dict(os.environ) == before
    text = json.dumps(found)
    assert SECRET not in text
    assert FETCHED not in text
    return found


def returning(**result: t.Any) -> UseCase:
    return lambda _params, _context: Outcome(False, result)


def raising(error: Exception) -> UseCase:
    def use_case(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        raise error

    return use_case


def test_run_task_passes_options_and_context(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[t.Any] = []
    monkeypatch.setenv("SOME_FALLBACK", "from outside")

    def use_case(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        context.warn("mind the gap")
        calls.extend([dict(params), context.check_mode, context.environ["SOME_FALLBACK"], gc.get_threshold()[0]])
        return Outcome(True, {"made": 3}, before=None, after={"a": 1})

    found = run(use_case, check_mode=True, name=7, count="4", data="a=b")
    options = {"name": "7", "on": True, "count": 4, "data": {"a": "b"}, "token": None}
    assert calls == [options, True, "from outside", GARBAGE_THRESHOLD]
    assert found == {"changed": True, "made": 3, "warnings": ["mind the gap"]}
    assert run(use_case, diff=True)["diff"] == {"before": {}, "after": {"a": 1}}


@pytest.mark.parametrize("empty", ["", " ", None])
def test_run_task_empty_option_is_not_set(empty: t.Any) -> None:
    calls: list[t.Any] = []

    def use_case(params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        calls.append(dict(params))
        return Outcome(False, {"said": "a b c"})

    found = run(use_case, name=empty, on=empty, count=empty, data=empty, token=empty)
    assert calls == [{"name": None, "on": True, "count": None, "data": None, "token": None}]
    assert found["said"] == "a b c"


def test_run_task_empty_string_in_data_is_a_value() -> None:
    def use_case(params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        return Outcome(False, {"data": params["data"]})

    data = {"a": "", "b": {"c": " "}}
    assert run(use_case, keep_empty_strings=["data"], data=data)["data"] == data
    assert run(use_case, keep_empty_strings=["data"], data="")["data"] is None
    assert run(use_case, data=data)["data"] == {"b": {}}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"naem": "n"}, "naem"),
        ({"count": "many"}, "count"),
        ({"data": ["a"]}, "data"),
        ({"on": "maybe"}, "on"),
        ({"count": "many", "on": "maybe"}, "; argument"),
        ({"token": SECRET, "count": SECRET}, "count"),
    ],
)
def test_run_task_invalid_options_are_an_input_error(given: dict[str, t.Any], told: str) -> None:
    found = run(returning(), **given)
    assert found["failed"]
    assert told in found["msg"]
    assert found["msg"].startswith("Invalid options: ")
    assert found["error"]["kind"] == "input"
    assert "exception" not in found


@pytest.mark.parametrize("name", ["token", "password"])
@pytest.mark.parametrize("secret", [SECRET, 4711471147114711])
def test_run_task_secret_option_is_redacted(name: str, secret: t.Any) -> None:
    result = {"plain": secret, "deep": [{"a": f"x{secret}y"}, (f"{secret}",)], "none": None, "many": 2.5}
    found = run(returning(**result), **{name: secret})
    assert str(secret) not in json.dumps(found)
    assert (found["none"], found["many"]) == (None, 2.5)


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "VONAGE_VIDEO_ACCOUNT_SECRET"])
def test_run_task_secret_of_the_environment_is_redacted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(returning(said=f"<{SECRET}>"), {name: SECRET})["said"] == "<********>"
    monkeypatch.setenv(name, SECRET)
    assert run(returning(said=f"<{SECRET}>"))["said"] == "<********>"
    monkeypatch.setenv(name, " ")
    assert run(returning(said="a b"))["said"] == "a b"


def test_run_task_registered_secret_is_redacted() -> None:
    def use_case(_params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        context.warn(f"from before it was known: {FETCHED[:12]}, cut off")
        context.register_secret(FETCHED)
        told = {"said": f"it is {FETCHED}", "error": {"problem": f"{FETCHED[:12]} was cut off"}}
        return Outcome(True, told, {"a": FETCHED}, {"a": [FETCHED]}, failed=f"no {FETCHED}")

    found = run(use_case, diff=True)
    assert (found["failed"], found["changed"], found["msg"]) == (True, True, "no ********")
    assert found["error"]["problem"] == "******** was cut off"
    assert found["warnings"] == ["from before it was known: ********, cut off"]
    assert found["diff"] == {"before": {"a": "********"}, "after": {"a": ["********"]}}


def test_run_task_error_is_text_and_data_without_secrets() -> None:
    error = DeniedError(f"read {SECRET}", f"the store responded: {SECRET[:10]}...", "Ask.", status=403)
    error.secrets = [FETCHED]
    found = run(raising(error), token=SECRET)
    assert found["msg"] == "Could not read ********: the store responded: ********. Ask."
    assert (found["error"]["kind"], found["error"]["status"]) == ("denied", 403)
    assert found["failed"]
    swapped = ArchivingError("start", f"the key {FETCHED} looks like a secret")
    swapped.secrets = [FETCHED]
    assert "********" in run(raising(swapped))["msg"]


def test_run_task_unexpected_exception_is_a_bug_with_traceback() -> None:
    found = run(raising(KeyError(f"what of {SECRET}?")), token=SECRET)
    assert found["msg"].startswith("This is a bug in vonage.archiving, please report it: KeyError:")
    assert "Traceback" in found["exception"]
    assert "test_action" in found["exception"]
    assert found["failed"]


def test_run_task_environment_is_set_only_during_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_PROFILE", "")
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    calls: list[t.Any] = []

    def use_case(_params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        assert dict(os.environ) == context.environ
        calls.append([os.environ.get(name) for name in ("AWS_REGION", "AWS_PROFILE", "AWS_CA_BUNDLE", "NUMBER", "YES")])
        raise OSError

    run(use_case, {"AWS_REGION": "us-east-1", "AWS_CA_BUNDLE": " ", "NUMBER": 1, "YES": True})
    run(use_case)
    assert calls == [["us-east-1", None, None, "1", "True"], ["eu-west-1", None, None, None, None]]


def test_run_task_warnings_of_libraries_are_suppressed(recwarn: pytest.WarningsRecorder) -> None:
    def use_case(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        warnings.warn("the certificate was not verified", stacklevel=1)
        return Outcome(False)

    run(use_case)
    assert list(recwarn) == []


def test_run_task_secrets_are_registered_with_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[t.Any] = []
    monkeypatch.setattr(_action, "mark_as_secret", known.append)
    run(returning(), {"AWS_SESSION_TOKEN": FETCHED}, password=SECRET)
    assert set(known) >= {SECRET, FETCHED}
