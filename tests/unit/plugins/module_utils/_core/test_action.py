# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The border to Ansible for actions: what comes in, what goes out, and what must not."""

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


def go(
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


def telling(**result: t.Any) -> UseCase:
    return lambda _params, _context: Outcome(False, result)


def raising(error: Exception) -> UseCase:
    def use_case(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        raise error

    return use_case


def test_options_and_context_are_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[t.Any] = []
    monkeypatch.setenv("SOME_FALLBACK", "from outside")

    def use_case(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        context.warn("mind the gap")
        seen.extend([dict(params), context.check_mode, context.environ["SOME_FALLBACK"], gc.get_threshold()[0]])
        return Outcome(True, {"made": 3}, before=None, after={"a": 1})

    found = go(use_case, check_mode=True, name=7, count="4", data="a=b")
    options = {"name": "7", "on": True, "count": 4, "data": {"a": "b"}, "token": None}
    assert seen == [options, True, "from outside", GARBAGE_THRESHOLD]
    assert found == {"changed": True, "made": 3, "warnings": ["mind the gap"]}
    assert go(use_case, diff=True)["diff"] == {"before": {}, "after": {"a": 1}}


@pytest.mark.parametrize("empty", ["", " ", None])
def test_what_is_empty_is_not_given_and_hides_nothing(empty: t.Any) -> None:
    seen: list[t.Any] = []

    def use_case(params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        seen.append(dict(params))
        return Outcome(False, {"said": "a b c"})

    found = go(use_case, name=empty, on=empty, count=empty, data=empty, token=empty)
    assert seen == [{"name": None, "on": True, "count": None, "data": None, "token": None}]
    assert found["said"] == "a b c"


def test_an_empty_string_in_data_is_a_value() -> None:
    def use_case(params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        return Outcome(False, {"data": params["data"]})

    data = {"a": "", "b": {"c": " "}}
    assert go(use_case, keep_empty_strings=["data"], data=data)["data"] == data
    assert go(use_case, keep_empty_strings=["data"], data="")["data"] is None
    assert go(use_case, data=data)["data"] == {"b": {}}


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
def test_options_that_cannot_be_right(given: dict[str, t.Any], told: str) -> None:
    found = go(telling(), **given)
    assert found["failed"]
    assert told in found["msg"]
    assert found["msg"].startswith("Invalid options: ")
    assert found["error"]["kind"] == "input"
    assert "exception" not in found


@pytest.mark.parametrize("name", ["token", "password"])
@pytest.mark.parametrize("secret", [SECRET, 4711471147114711])
def test_a_secret_that_is_given_is_in_no_result(name: str, secret: t.Any) -> None:
    result = {"plain": secret, "deep": [{"a": f"x{secret}y"}, (f"{secret}",)], "none": None, "many": 2.5}
    found = go(telling(**result), **{name: secret})
    assert str(secret) not in json.dumps(found)
    assert (found["none"], found["many"]) == (None, 2.5)


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "VONAGE_VIDEO_ACCOUNT_SECRET"])
def test_a_secret_of_the_environment_is_in_no_result(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert go(telling(said=f"<{SECRET}>"), {name: SECRET})["said"] == "<********>"
    monkeypatch.setenv(name, SECRET)
    assert go(telling(said=f"<{SECRET}>"))["said"] == "<********>"
    monkeypatch.setenv(name, " ")
    assert go(telling(said="a b"))["said"] == "a b"


def test_a_secret_that_is_fetched_is_hidden_like_those_that_are_given() -> None:
    def use_case(_params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        context.warn(f"from before it was known: {FETCHED[:12]}, cut off")
        context.register_secret(FETCHED)
        told = {"said": f"it is {FETCHED}", "error": {"problem": f"{FETCHED[:12]} was cut off"}}
        return Outcome(True, told, {"a": FETCHED}, {"a": [FETCHED]}, failed=f"no {FETCHED}")

    found = go(use_case, diff=True)
    assert (found["failed"], found["changed"], found["msg"]) == (True, True, "no ********")
    assert found["error"]["problem"] == "******** was cut off"
    assert found["warnings"] == ["from before it was known: ********, cut off"]
    assert found["diff"] == {"before": {"a": "********"}, "after": {"a": ["********"]}}


def test_an_error_is_told_as_text_and_as_data() -> None:
    error = DeniedError(f"read {SECRET}", f"the store said: {SECRET[:10]}...", "Ask.", status=403)
    error.secrets = [FETCHED]
    found = go(raising(error), token=SECRET)
    assert found["msg"] == "Could not read ********: the store said: ********. Ask."
    assert (found["error"]["kind"], found["error"]["status"]) == ("denied", 403)
    assert found["failed"]
    swapped = ArchivingError("start", f"the key {FETCHED} looks like a secret")
    swapped.secrets = [FETCHED]
    assert "********" in go(raising(swapped))["msg"]


def test_a_bug_of_ours_says_so_with_its_traceback() -> None:
    found = go(raising(KeyError(f"what of {SECRET}?")), token=SECRET)
    assert found["msg"].startswith("This is a bug in vonage.archiving, please report it: KeyError:")
    assert "Traceback" in found["exception"]
    assert "test_action" in found["exception"]
    assert found["failed"]


def test_the_environment_of_the_task_is_there_for_the_task_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_PROFILE", "")
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    seen: list[t.Any] = []

    def use_case(_params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        assert dict(os.environ) == context.environ
        seen.append([os.environ.get(name) for name in ("AWS_REGION", "AWS_PROFILE", "AWS_CA_BUNDLE", "NUMBER", "YES")])
        raise OSError

    go(use_case, {"AWS_REGION": "us-east-1", "AWS_CA_BUNDLE": " ", "NUMBER": 1, "YES": True})
    go(use_case)
    assert seen == [["us-east-1", None, None, "1", "True"], ["eu-west-1", None, None, None, None]]


def test_warnings_of_libraries_are_not_for_the_user(recwarn: pytest.WarningsRecorder) -> None:
    def use_case(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        warnings.warn("the certificate was not looked at", stacklevel=1)
        return Outcome(False)

    go(use_case)
    assert list(recwarn) == []


def test_secrets_are_made_known_to_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[t.Any] = []
    monkeypatch.setattr(_action, "mark_as_secret", known.append)
    go(telling(), {"AWS_SESSION_TOKEN": FETCHED}, password=SECRET)
    assert set(known) >= {SECRET, FETCHED}
