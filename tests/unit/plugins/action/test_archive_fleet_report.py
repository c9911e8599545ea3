# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action reports every host of the play, even if a variable of one host fails."""

from __future__ import annotations

import gc
import json
import pathlib
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.utils.display import Display

from ansible_collections.vonage.archiving.plugins.action import archive_fleet_report as action
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report.reconcile import ARGUMENTS
from ansible_collections.vonage.archiving.plugins.modules import archive_fleet_report as documentation
from ansible_collections.vonage.archiving.tests.unit.plugins.action.acting import act


class Broken(dict):  # type: ignore[type-arg]
    """Variables of a host, one of which is a template that fails."""

    error: Exception = AnsibleError("'nowhere' is undefined")

    def get(self, name: str, default: t.Any = None) -> t.Any:
        if name == "vonage_project_name":
            raise self.error
        return super().get(name, default)


class Divided(Broken):
    """Raises as ``{{ 1/0 }}`` does up to ansible-core 2.18."""

    error = ZeroDivisionError("division by zero")


class Undefined:
    """An undefined variable of ansible-core."""

    def __bool__(self) -> bool:
        raise AnsibleError("undefined")


@pytest.fixture(autouse=True)
def _restore_gc_threshold() -> t.Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(Display, "display", lambda _self, text: texts.append(text))
    return texts


def report(hosts: dict[str, t.Any], check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
    known = {"hostvars": hosts, "ansible_play_hosts_all": list(hosts)}
    return act(action.ActionModule, options, known, check_mode=check_mode)


def named(project: t.Any, **more: t.Any) -> dict[str, t.Any]:
    return {"vonage_project_id": project, "vonage_project_name": f"name of {project}", **more}


def test_action_every_host_has_a_row(shown: list[str], tmp_path: pathlib.Path) -> None:
    hosts = {
        "a": named("1", archive_storage_result={"changed": False, "project": "1", "reason": "unchanged"}),
        "b": Broken(named("2", archive_storage_result={"failed": True, "msg": "it broke"})),
        "c": named("3"),
        "d": {"vonage_project_id": Undefined(), "archive_storage_result": Undefined()},
        "e": named("5", archive_storage_result="not a dictionary"),
        "f": {},
        "g": Divided(named("7")),
    }
    result = report(hosts, report_path=str(tmp_path / "r.html"))
    assert not result.get("failed"), result
    summary = result["summary"]
    assert (summary["total"], summary["ok"], summary["failed"], summary["not_run"]) == (7, 1, 1, 5)
    assert summary["failed_projects"] == ["2", "3", "5", "7", "d", "f"]
    assert "2: it broke" in shown[0]
    projects = json.loads((tmp_path / "r.json").read_text())["projects"]
    assert {project["host"]: project["name"] for project in projects} == {
        "a": "name of 1",
        "b": "",
        "c": "name of 3",
        "d": "",
        "e": "name of 5",
        "f": "",
        "g": "",
    }
    assert result["changed"] is False


def test_action_path_not_writable_shows_table_and_fails(shown: list[str], tmp_path: pathlib.Path) -> None:
    result = report({"a": named("1")}, report_path=str(tmp_path / "no" / "r.html"))
    assert result["failed"]
    assert result["error"]["kind"] == "rejected"
    assert len(shown) == 1


def test_action_check_mode_is_shown(shown: list[str]) -> None:
    assert report({"a": named("1")}, check_mode=True)["report"] is None
    assert shown[0].endswith("this was a dry run (check mode).")


def test_action_failure_does_not_show_secret(shown: list[str]) -> None:
    secret = "Xv7pQ2mKd9wLzR4t"
    result = report({"a": named("1")}, report_path=f"s3://No/{secret}", aws_secret_access_key=secret, access_key="AKIA")
    assert result["failed"]
    assert secret not in json.dumps(result)
    assert secret not in shown[0]


def test_documentation_has_all_options() -> None:
    shared = {name for name in ARGUMENTS if name != "report_path"}
    assert set(yaml.safe_load(documentation.DOCUMENTATION)["options"]) | shared == set(ARGUMENTS)
