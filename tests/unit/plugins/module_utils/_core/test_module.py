# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run use cases as modules: options, results, and redaction."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import inspect
import json
import os
import typing as t

import pytest
from ansible.module_utils import basic

from ansible_collections.vonage.archiving.plugins.module_utils._core.direct import run_directly
from ansible_collections.vonage.archiving.plugins.module_utils._core.environment import GARBAGE_THRESHOLD
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import ArchivingError, DeniedError
from ansible_collections.vonage.archiving.plugins.module_utils._core.execute import ModuleSpec, UseCase
from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run_module
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome

SECRET = "Xv7pQ2mKd9wLzR4t"
SPEC: dict[str, t.Any] = {
    "name": {"type": "str"},
    "on": {"type": "bool", "default": True},
    "count": {"type": "int"},
    "s3": {"type": "dict", "options": {"key": {"type": "str", "required": True}}},
    "token": {"type": "str", "no_log": True},
}


# Newer releases of ansible-core add the options to the result only with this setting.
_NEW = "_ansible_inject_invocation" in inspect.getsource(basic)
SHOW_OPTIONS: dict[str, t.Any] = {"_ansible_inject_invocation": True} if _NEW else {}


class Runner:
    """Runs use cases as Ansible runs modules: in a separate process, which is this one here, or directly."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_direct: bool = False
    ) -> None:
        self.monkeypatch, self.capsys, self.is_direct = monkeypatch, capsys, is_direct

    def __call__(self, use_case: UseCase, rules: t.Any = None, **arguments: t.Any) -> dict[str, t.Any]:
        message = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        run = self._run_directly if self.is_direct else self._run_module
        status, printed = run(use_case, message, rules or {})
        assert SECRET not in printed
        result: dict[str, t.Any] = json.loads(printed)
        assert bool(result.get("failed")) is (status != 0)
        return result

    def _run_module(self, use_case: UseCase, message: bytes, rules: t.Any) -> tuple[t.Any, str]:
        self.monkeypatch.setattr(basic, "_ANSIBLE_ARGS", message)
        # ansible-core 2.19 and later need the format of results.
        self.monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        # After a test of a plugin has loaded controller code, warnings would be displayed, not returned.
        with contextlib.suppress(ImportError):
            internal = importlib.import_module("ansible.module_utils._internal")
            self.monkeypatch.setattr(internal, "is_controller", False, raising=False)
        with pytest.raises(SystemExit) as exited:
            run_module(use_case, SPEC, **rules)
        return exited.value.code, self.capsys.readouterr().out

    def _run_directly(self, use_case: UseCase, message: bytes, rules: t.Any) -> tuple[t.Any, str]:
        if set(rules) - set(ModuleSpec._fields):
            pytest.skip("no module with these rules runs directly")
        output = run_directly(ModuleSpec(use_case, SPEC, **rules), message, {}, "/")
        assert (output.stderr, *self.capsys.readouterr()) == ("", "", "")
        return output.status, output.stdout


@pytest.fixture(params=["module", "direct"])
def runner(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> t.Iterator[Runner]:
    usual = gc.get_threshold()
    yield Runner(monkeypatch, capsys, request.param == "direct")
    gc.set_threshold(*usual)
    atexit.unregister(gc.freeze)


def unchanged(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
    return Outcome(changed=False)


def raising(error: Exception) -> UseCase:
    def use_case(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        raise error

    return use_case


def test_run_module_passes_options_and_context(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[t.Any] = []
    monkeypatch.setenv("SOME_FALLBACK", "from outside")

    def use_case(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        context.warn("mind the gap")
        calls.extend([dict(params), context.check_mode, context.environ["SOME_FALLBACK"]])
        return Outcome(changed=True, result={"made": 3})

    result = runner(use_case, name="n", count="4", _ansible_check_mode=True)
    assert calls == [{"name": "n", "on": True, "count": 4, "s3": None, "token": None}, True, "from outside"]
    assert (result["changed"], result["made"]) == (True, 3)
    assert "mind the gap" in json.dumps(result["warnings"])


def test_run_module_empty_string_is_not_set_for_every_type(runner: Runner) -> None:
    calls: list[t.Any] = []

    def use_case(params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        calls.append(dict(params))
        return Outcome(changed=False)

    runner(use_case, name="", on="", count=" ", token="")
    assert calls == [{"name": None, "on": True, "count": None, "s3": None, "token": None}]


@pytest.fixture
def data_options(monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    """Rules for two more options, which hold data; the second one is secret."""
    monkeypatch.setitem(SPEC, "data", {"type": "dict"})
    monkeypatch.setitem(SPEC, "hidden", {"type": "dict", "no_log": True})
    return {"keep_empty_strings": ("data", "hidden")}


def test_run_module_empty_string_in_data_is_a_value(runner: Runner, data_options: dict[str, t.Any]) -> None:
    calls: list[t.Any] = []

    def use_case(params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        calls.append((params["data"], params["hidden"], params["name"]))
        return Outcome(changed=False)

    runner(use_case, data_options, name="", data={"a": "", "b": {"c": " "}}, hidden={"d": ""})
    runner(use_case, data_options, name="", data="", hidden=" ")
    runner(use_case, data_options, data='{"a": "", "b": 1}', hidden="c=d")
    runner(use_case, data_options, data={})
    assert calls == [
        ({"a": "", "b": {"c": " "}}, {"d": ""}, None),
        (None, None, None),
        ({"a": "", "b": 1}, {"c": "d"}, None),
        ({}, None, None),
    ]


@pytest.mark.parametrize(
    "hidden", [{"a": SECRET}, {"a": {"b": [SECRET]}}, f'{{"a": "{SECRET}"}}', f"a={SECRET} b=1234567", f"a='{SECRET}'"]
)
def test_run_module_secret_in_data_is_redacted_in_every_notation(
    runner: Runner, data_options: dict[str, t.Any], hidden: t.Any
) -> None:
    # At -vvv the options are returned; the runner searches for the secret in the output.
    verbose = {"hidden": hidden, "_ansible_inject_invocation": True, "_ansible_verbosity": 3}
    result = runner(unchanged, data_options, **verbose)
    assert "hidden" in result["invocation"]["module_args"]
    assert runner(unchanged, data_options, bogus=1, **verbose)["failed"]
    assert runner(raising(ArchivingError("try", f"no {SECRET}")), data_options, **verbose)["failed"]


def test_run_module_invalid_data_is_not_shown(runner: Runner, data_options: dict[str, t.Any]) -> None:
    assert "hidden" in runner(unchanged, data_options, hidden=SECRET, _ansible_inject_invocation=True)["msg"]


def test_run_module_empty_required_option_is_missing(runner: Runner) -> None:
    assert "missing required arguments: key found in s3" in runner(unchanged, s3={"key": ""})["msg"]


def test_run_module_applies_rules(runner: Runner) -> None:
    result = runner(unchanged, {"required_one_of": [("name", "token")]}, name="")
    assert "one of the following is required: name, token" in result["msg"]


def test_run_module_returns_diff_only_in_diff_mode(runner: Runner) -> None:
    def use_case(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        return Outcome(changed=True, before={"a": 1}, after=None)

    assert "diff" not in runner(use_case)
    assert runner(use_case, _ansible_diff=True)["diff"] == {"before": {"a": 1}, "after": {}}


def test_run_module_failed_outcome_keeps_its_result(runner: Runner) -> None:
    def use_case(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        return Outcome(changed=False, result={"checks": [1]}, failed="1 of 1 checks failed")

    result = runner(use_case)
    assert (result["failed"], result["msg"], result["checks"]) == (True, "1 of 1 checks failed", [1])


def test_run_module_error_is_text_and_data(runner: Runner) -> None:
    result = runner(raising(DeniedError("read it", "no", "Ask.", status=403)))
    assert result["msg"] == "Could not read it: no. Ask."
    assert result["error"] == {
        "kind": "denied",
        "operation": "read it",
        "problem": "no",
        "hint": "Ask.",
        "status": 403,
    }
    assert "exception" not in result or "Traceback" not in str(result["exception"])


@pytest.mark.parametrize("where", ["operation", "problem", "hint", "fact"])
def test_run_module_error_contains_no_part_of_a_secret(runner: Runner, where: str) -> None:
    parts = {"operation": "try", "problem": "no", "hint": "", where: f"<{SECRET[:10]}> {SECRET}"}
    fact = parts.pop("fact", "")
    result = runner(raising(ArchivingError(**parts, list=[{"in": fact}])), token=SECRET)
    assert SECRET[:10] not in json.dumps(result)
    assert result["failed"]


def test_run_module_secret_of_the_environment_is_redacted(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)

    def use_case(_params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        return Outcome(changed=False, result={"echo": f"is {context.environ['AWS_SECRET_ACCESS_KEY']}"})

    assert runner(use_case)["echo"] != f"is {SECRET}"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_run_module_part_of_a_proxy_url_is_redacted(runner: Runner, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A slash in the password ends the host for parsers of URLs."""
    monkeypatch.setenv(name, f"http://operator:{SECRET}/{SECRET}@proxy.example.com:3128")
    result = runner(raising(ArchivingError("try", f"Failed to parse: 'operator:{SECRET}'")))
    assert result["msg"] == "Could not try: Failed to parse: 'operator********'."


def test_run_module_user_of_a_proxy_is_not_redacted(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://archiving@proxy.example.com:3128")
    assert runner(raising(ArchivingError("try archiving", "no")))["msg"] == "Could not try archiving: no."


def test_run_module_unexpected_exception_is_a_bug_without_secrets(runner: Runner) -> None:
    result = runner(raising(KeyError(SECRET)), token=SECRET)
    assert result["msg"].startswith("This is a bug in vonage.archiving, please report it: KeyError: ")
    assert SECRET[:8] not in json.dumps(result)


def test_run_module_secrets_of_an_error_are_redacted(runner: Runner) -> None:
    error = ArchivingError("try", "no")
    error.secrets = [SECRET]
    # The option with the secret by mistake is shown at high verbosity.
    result = runner(raising(error), name=SECRET, **SHOW_OPTIONS)
    assert result["msg"] == "Could not try: no."
    assert result["invocation"]["module_args"]["name"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def test_run_module_registered_secret_is_redacted_in_result_and_options(runner: Runner) -> None:
    def use_case(_params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        context.register_secret(SECRET)
        return Outcome(changed=False, result={"echo": f"is {SECRET}"})

    result = runner(use_case, name=SECRET, **SHOW_OPTIONS)
    assert result["echo"] == "is ********"
    assert result["invocation"]["module_args"]["name"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def test_run_module_credentials_in_urls_are_redacted(runner: Runner) -> None:
    error = ArchivingError("try", "no")
    url = f"https://me:{SECRET}@s3.example.com"
    result = runner(raising(error), name=url, s3={"key": f"s3://AKIA:{SECRET}@b/k"}, **SHOW_OPTIONS)
    options = result["invocation"]["module_args"]
    assert (options["name"], options["s3"]["key"]) == ("https://********@s3.example.com", "s3://********@b/k")


def test_run_module_removes_empty_aws_variables(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("OTHER_EMPTY", "")
    calls: list[t.Any] = []

    def use_case(_params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        names = ("AWS_PROFILE", "AWS_REGION", "OTHER_EMPTY")
        calls.append([(name in os.environ, context.environ.get(name)) for name in names])
        return Outcome(changed=False)

    runner(use_case)
    assert calls == [[(False, None), (True, "eu-west-1"), (True, "")]]


def test_run_module_reduces_garbage_collection(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    thresholds: list[int] = []
    at_the_end: list[t.Any] = []
    monkeypatch.setattr(atexit, "register", at_the_end.append)

    def use_case(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        thresholds.append(gc.get_threshold()[0])
        return Outcome(changed=False)

    runner(use_case)
    assert thresholds == [GARBAGE_THRESHOLD]
    # In direct execution, the process belongs to Ansible.
    assert (gc.freeze in at_the_end) is not runner.is_direct
    assert gc.isenabled()


def test_run_module_cause_of_an_error_is_not_shown(runner: Runner) -> None:
    """Up to ansible-core 2.18, fail_json adds the traceback of an exception that is being handled."""

    def use_case(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        try:
            raise ValueError(f"half of it is {SECRET[:12]}")
        except ValueError as exc:
            raise DeniedError("do it", "no") from exc

    result = runner(use_case, token=SECRET, _ansible_verbosity=3)
    assert result["msg"] == "Could not do it: no."
    assert "exception" not in result
    assert SECRET[:12] not in json.dumps(result)
