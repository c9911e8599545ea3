# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action: it tells of every host of the play, whatever is wrong with the variables of one."""

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
    """Variables of a host of which one is a template that cannot be read."""

    error: Exception = AnsibleError("'nowhere' is undefined")

    def get(self, name: str, default: t.Any = None) -> t.Any:
        if name == "vonage_project_name":
            raise self.error
        return super().get(name, default)


class Divided(Broken):
    """What ``{{ 1/0 }}`` comes to up to ansible-core 2.18."""

    error = ZeroDivisionError("division by zero")


class Undefined:
    """What ansible-core makes of a variable that is not there."""

    def __bool__(self) -> bool:
        raise AnsibleError("undefined")


@pytest.fixture(autouse=True)
def _usual_garbage() -> t.Iterator[None]:
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)


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


def test_every_host_is_told_of(shown: list[str], tmp_path: pathlib.Path) -> None:
    hosts = {
        "a": named("1", archive_storage_result={"changed": False, "project": "1", "reason": "unchanged"}),
        "b": Broken(named("2", archive_storage_result={"failed": True, "msg": "it broke"})),
        "c": named("3"),
        "d": {"vonage_project_id": Undefined(), "archive_storage_result": Undefined()},
        "e": named("5", archive_storage_result="of somebody else"),
        "f": {},
        "g": Divided(named("7")),
    }
    found = report(hosts, report_path=str(tmp_path / "r.html"))
    assert not found.get("failed"), found
    summary = found["summary"]
    assert (summary["total"], summary["ok"], summary["failed"], summary["not_run"]) == (7, 1, 1, 5)
    assert summary["failed_projects"] == ["2", "3", "5", "7", "d", "f"]
    assert "2: it broke" in shown[0]
    projects = json.loads((tmp_path / "r.json").read_text())["projects"]
    assert {each["host"]: each["name"] for each in projects} == {
        "a": "name of 1",
        "b": "",
        "c": "name of 3",
        "d": "",
        "e": "name of 5",
        "f": "",
        "g": "",
    }
    assert found["changed"] is False


def test_a_place_that_cannot_be_written_to(shown: list[str], tmp_path: pathlib.Path) -> None:
    found = report({"a": named("1")}, report_path=str(tmp_path / "no" / "r.html"))
    assert found["failed"]
    assert found["error"]["kind"] == "rejected"
    assert len(shown) == 1


def test_in_check_mode_that_is_said(shown: list[str]) -> None:
    assert report({"a": named("1")}, check_mode=True)["report"] is None
    assert shown[0].endswith("this was a dry run (check mode).")


def test_a_secret_of_the_store_is_in_no_result(shown: list[str]) -> None:
    secret = "Xv7pQ2mKd9wLzR4t"
    found = report({"a": named("1")}, report_path=f"s3://No/{secret}", aws_secret_access_key=secret, access_key="AKIA")
    assert found["failed"]
    assert secret not in json.dumps(found)
    assert secret not in shown[0]


def test_the_documentation_has_the_options_that_there_are() -> None:
    shared = {name for name in ARGUMENTS if name != "report_path"}
    assert set(yaml.safe_load(documentation.DOCUMENTATION)["options"]) | shared == set(ARGUMENTS)
