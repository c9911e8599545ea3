# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action: what it hands on, and what it is when libraries are missing."""

from __future__ import annotations

import gc
import os
import typing as t
import warnings

import pytest
import yaml
from ansible.utils.display import Display

from ansible_collections.vonage.archiving.plugins.action import archive_storage_project as action
from ansible_collections.vonage.archiving.plugins.module_utils._errors import MissingLibraryError
from ansible_collections.vonage.archiving.plugins.module_utils._fleet.options import ARGUMENTS
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.modules import archive_storage_project as documentation
from ansible_collections.vonage.archiving.tests.unit.plugins.action.acting import act

SECRET = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _usual_garbage() -> t.Iterator[None]:
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[t.Mapping[str, t.Any], Context]]:
    calls: list[tuple[t.Mapping[str, t.Any], Context]] = []

    def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        calls.append((params, context))
        return Outcome(True, {"project": "1", "said": SECRET}, {"a": 1}, {"a": 2})

    monkeypatch.setattr(action, "reconcile", reconcile)
    return calls


def test_it_hands_on_what_the_task_says(seen: list[tuple[t.Mapping[str, t.Any], Context]]) -> None:
    variables = {"bucket": "recordings", "tags": {"old": ""}}
    given = {"variables": variables, "aws_secret_key": SECRET, "access_key": "AKIA", "archives": "5", "profile": ""}
    found = act(
        action.ActionModule, given, environment=[{"AWS_REGION": "eu-west-1"}, {"LEVEL": 3}], check_mode=True, diff=True
    )
    assert found == {
        "changed": True,
        "project": "1",
        "said": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER",
        "diff": {"before": {"a": 1}, "after": {"a": 2}},
    }
    [(params, context)] = seen
    assert params["variables"] == variables
    assert (params["secret_key"], params["archives"], params["profile"]) == (SECRET, 5, None)
    assert context.check_mode
    assert (context.environ["AWS_REGION"], context.environ["LEVEL"]) == ("eu-west-1", "3")
    assert "LEVEL" not in os.environ


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"names": ["archive_storage_bukcet", "archive_storage_bucket", "other"]}, ["archive_storage_bukcet"]),
        ({"names": []}, []),
        ({"names": None}, []),
        ({"names": "archive_storage_bukcet"}, []),
        ({"names": 7}, []),
        ({"names": [7, None]}, []),
        ('{"bucket": "b"}', []),
        (None, []),
        ([], []),
    ],
)
def test_names_that_look_mistyped(
    variables: t.Any, told: list[str], seen: list[t.Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, text: shown.append(text))
    found = act(action.ActionModule, {"variables": variables})
    assert [name for text in shown for name in told if name in text] == told
    assert len(shown) == len(told)
    # What is no dictionary is told of in words.
    assert bool(seen) is not found.get("failed", False)
    assert "exception" not in found


def test_an_unknown_option_is_refused(seen: list[t.Any]) -> None:
    found = act(action.ActionModule, {"variables": {}, "regoin": "eu-west-1"})
    assert found["failed"]
    assert "regoin" in found["msg"]
    assert seen == []


def test_the_documentation_has_the_options_that_there_are() -> None:
    told = yaml.safe_load(documentation.DOCUMENTATION)["options"]
    assert set(told) == set(ARGUMENTS)
    for name, spec in ARGUMENTS.items():
        ours = {
            "type": told[name]["type"],
            "default": told[name].get("default"),
            "aliases": told[name].get("aliases", []),
        }
        theirs = {"type": spec["type"], "default": spec.get("default"), "aliases": spec.get("aliases", [])}
        assert ours == theirs, name


@pytest.mark.parametrize("error", [TypeError("unexpected keyword"), OSError("no descriptor left")])
def test_nothing_keeps_it_from_being_loaded(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: t.Any, **_options: t.Any) -> t.NoReturn:
        raise error

    monkeypatch.setattr(action, "make_client", fail)
    action._warm_up()


def test_without_the_libraries_it_is_the_task_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_args: t.Any, **_options: t.Any) -> t.NoReturn:
        raise MissingLibraryError("load the Python library boto3", "there is none")

    monkeypatch.setattr(action, "make_client", missing)
    action._warm_up()
    monkeypatch.setattr(action, "reconcile", missing)
    found = act(action.ActionModule, {"variables": {"bucket": "b"}})
    assert found["error"]["kind"] == "missing_library"


def test_to_load_the_libraries_writes_nothing(
    recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(action, "make_client", lambda *_args, **_options: warnings.warn("old", stacklevel=1))
    action._warm_up()
    assert list(recwarn) == []


def test_to_load_the_libraries_looks_at_nothing_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    # It happens before anything is known of the task.
    monkeypatch.setenv("AWS_PROFILE", "there-is-none")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere.pem")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "no url")
    before = dict(os.environ)
    action._warm_up()
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "https://account.example.com"),
        ({"api_secret": SECRET}, None),
        ({"api_url": "https://project.example.com"}, "https://project.example.com"),
    ],
)
def test_project_is_at_the_host_of_the_account_that_returns_its_secret(
    given: dict[str, str], expected: str | None, seen: list[tuple[t.Mapping[str, t.Any], Context]]
) -> None:
    """Whatever a credential of a project in the same job says."""
    environ = {
        "VONAGE_VIDEO_ACCOUNT_API_URL": "https://account.example.com",
        "VONAGE_VIDEO_API_URL": "https://attacker.example.com",
    }
    act(action.ActionModule, {"variables": {}, **given}, environment=[environ])
    [(params, _context)] = seen
    assert params["api_url"] == expected
