# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action: what it hands on, and what it is when libraries are missing."""

from __future__ import annotations

import gc
import os
import typing as t

import pytest
import yaml

from ansible_collections.vonage.archiving.plugins.action import archive_storage_project as action
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.project import ARGUMENTS
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.task_variables import TaskVariables
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import MissingLibraryError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.modules import archive_storage_project as documentation
from ansible_collections.vonage.archiving.tests.unit.plugins.action.acting import act

SECRET = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _usual_garbage() -> t.Iterator[None]:
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)


Call = tuple[t.Mapping[str, t.Any], Context, TaskVariables]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    calls: list[Call] = []

    def reconcile(params: t.Mapping[str, t.Any], context: Context, variables: TaskVariables) -> Outcome:
        calls.append((params, context, variables))
        variables.register_secrets(context)
        return Outcome(True, {"project": "1", "text": SECRET}, {"a": 1}, {"a": 2})

    monkeypatch.setattr(action, "reconcile", reconcile)
    return calls


def test_action_passes_options_and_variables(calls: list[Call]) -> None:
    options = {"project": 47123456, "account_secret": SECRET, "archives": "5", "timeout": ""}
    variables = {
        "archive_storage_bucket": "recordings",
        "archive_storage_tags": {"old": ""},
        "archive_storage_uploader_secret_key": "hidden-key",
        "archive_storage_projects": ["other"],
        "other": 1,
    }
    environment: list[dict[str, t.Any]] = [{"AWS_REGION": "eu-west-1"}, {"LEVEL": 3}]
    result = act(action.ActionModule, options, variables, environment, check_mode=True, diff=True)
    assert result == {
        "changed": True,
        "project": "1",
        "text": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER",
        "diff": {"before": {"a": 1}, "after": {"a": 2}},
    }
    [(params, context, read)] = calls
    assert read.storage == {
        "bucket": "recordings",
        "tags": {"old": ""},
        "uploader_secret_key": "hidden-key",
    }
    assert (params["account_secret"], params["archives"], params["timeout"]) == (SECRET, 5, "20.0")
    assert context.check_mode
    assert (context.environ["AWS_REGION"], context.environ["LEVEL"]) == ("eu-west-1", "3")
    assert "LEVEL" not in os.environ
    assert "hidden-key" not in repr(read)


@pytest.mark.parametrize(
    ("variables", "options", "expected"),
    [
        ({}, {}, {"project": None, "archives": 20, "timeout": "20.0", "total_timeout": "90.0", "account_key": None}),
        (
            {
                "vonage_project_id": 47123456,
                "archive_fleet_archives": "0",
                "archive_fleet_timeout": 5,
                "archive_fleet_total_timeout": "30",
                "archive_fleet_account_key": "123",
            },
            {},
            {"project": "47123456", "archives": 0, "timeout": "5", "total_timeout": "30", "account_key": "123"},
        ),
        ({"archive_fleet_archives": 0, "archive_fleet_timeout": 0}, {}, {"archives": 0, "timeout": "20.0"}),
        ({"archive_fleet_archives": "", "archive_fleet_timeout": ""}, {}, {"archives": 20, "timeout": "20.0"}),
        (
            {"vonage_project_id": "1", "archive_fleet_archives": 5, "archive_fleet_timeout": 5},
            {"project": "2", "archives": 0, "timeout": ""},
            {"project": "2", "archives": 0, "timeout": "5"},
        ),
    ],
)
def test_action_unset_option_uses_variable_of_fleet(
    variables: dict[str, t.Any], options: dict[str, t.Any], expected: dict[str, t.Any], calls: list[Call]
) -> None:
    act(action.ActionModule, options, variables)
    [(params, _context, _variables)] = calls
    assert {name: params.get(name) for name in expected} == expected


def test_action_secret_of_account_in_variable_is_redacted(calls: list[Call]) -> None:
    result = act(action.ActionModule, {}, {"archive_fleet_account_secret": SECRET})
    assert calls[0][0]["account_secret"] == SECRET
    assert SECRET not in str(result)


@pytest.mark.parametrize("name", ["archive_storage_bukcet", "interactive_broadcast_heroku_ap"])
@pytest.mark.parametrize("strict", [True, False])
def test_action_misspelled_variable_fails_if_strict_and_else_warns(name: str, strict: bool) -> None:
    """Other variables are missing: nothing is sent."""
    result = act(action.ActionModule, {}, {name: "x", "_archive_storage_strict": strict})
    assert result["failed"]
    assert (f"{name}: is not a variable of the role" in result["msg"]) is strict
    assert "archive_storage_bucket: is not set" in result["msg"]
    assert [name in text for text in result.get("warnings", [])] == ([] if strict else [True])


def test_action_unknown_option_fails(calls: list[Call]) -> None:
    result = act(action.ActionModule, {"regoin": "eu-west-1"})
    assert result["failed"]
    assert "regoin" in result["msg"]
    assert calls == []


def test_documentation_has_all_options() -> None:
    options = yaml.safe_load(documentation.DOCUMENTATION)["options"]
    assert set(options) == set(ARGUMENTS)
    for name, spec in ARGUMENTS.items():
        ours = {
            "type": options[name]["type"],
            "default": options[name].get("default"),
            "aliases": options[name].get("aliases", []),
        }
        default = spec.get("default")
        default = str(default) if spec["type"] == "str" and default is not None else default
        theirs = {"type": spec["type"], "default": default, "aliases": spec.get("aliases", [])}
        assert ours == theirs, name


def test_run_without_libraries_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_args: t.Any, **_options: t.Any) -> t.NoReturn:
        raise MissingLibraryError("load the Python library boto3", "there is none")

    monkeypatch.setattr(action, "reconcile", missing)
    result = act(action.ActionModule, {})
    assert result["error"]["kind"] == "missing_library"
