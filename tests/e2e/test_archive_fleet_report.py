# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action ``archive_fleet_report``: the report of the playbook fleet, in files and in a bucket."""

from __future__ import annotations

import html.parser
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report import reconcile as fleet_report
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report.reconcile import HostResult
from tests.e2e import playbook_runs
from tests.e2e.fleet_environment import HOSTILE_NAME, FleetEnvironment, new_fleet_environment, report
from tests.sandbox import Sandbox, Store

pytestmark = pytest.mark.xdist_group("archive_fleet_report")


@pytest.fixture
def fleet(e2e_sandbox: Sandbox, home: Path) -> Iterator[FleetEnvironment]:
    """Eight projects that share two buckets."""
    with new_fleet_environment(e2e_sandbox, home, [HOSTILE_NAME, *map(str, range(7))], buckets=2) as fleet:
        yield fleet


class PageParser(html.parser.HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_page_matches_data(fleet: FleetEnvironment, text: str) -> None:
    """Assert that the page has no scripts and no external resources, and that page and data have all projects."""
    page = PageParser(text)
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(page.tags)
    assert not {"src", "href", "onload", "onclick"} & set(page.attributes)
    assert "<script>alert(1)</script> {{ 7 * 7 }}" in page.text
    assert page.tags.count("tr") == 9
    data = report(fleet.home / "report.json")
    assert sorted(row["project"] for row in data["projects"]) == fleet.ids
    assert {row["target"] for row in data["projects"]} == {
        f"s3://{fleet.bucket(project)}/{project}/" for project in fleet.ids
    }
    for output in (text, json.dumps(data)):
        assert not playbook_runs.find_leaks(output, fleet.secrets)


def assert_report_in_bucket(fleet: FleetEnvironment, run: playbook_runs.Run, path: str) -> None:
    assert run.task("Write the report").result["report"] == {"html": path, "json": path.replace(".html", ".json")}
    client, bucket = fleet.store.client(), fleet.bucket(fleet.ids[0])
    page = client.get_object(Bucket=bucket, Key="reports/fleet.html")
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert fleet.ids[0] in PageParser(page["Body"].read().decode()).text
    data = json.loads(client.get_object(Bucket=bucket, Key="reports/fleet.json")["Body"].read())
    assert {row["archives"] for row in data["projects"]} == {None}


def test_playbook_report_contains_all_projects_in_a_file_and_in_a_bucket(fleet: FleetEnvironment) -> None:
    fleet.configure(variables={"archive_fleet_report_path": str(fleet.home / "report.html")})
    assert_page_matches_data(fleet, (fleet.home / "report.html").read_text())

    # Without archives, each project needs one request less. The secret key of uploads is not needed.
    path = f"s3://{fleet.bucket(fleet.ids[0])}/reports/fleet.html"
    variables = {
        name: value for name, value in fleet.variables.items() if name != "archive_storage_uploader_secret_key"
    }
    fleet.clear_request_log()
    run = fleet.run(
        bare=True, variables={**variables, "archive_fleet_archives": 0, "archive_fleet_report_path": path}
    ).ok()
    assert run.changed == []
    assert len(fleet.emulator.log()) == 9
    assert len(fleet.writes) == 2
    assert_report_in_bucket(fleet, run, path)


@dataclass
class ReportScenario:
    """A bucket for reports, and the options of its operator."""

    store: Store
    bucket: str

    def write(self, path: str, check_mode: bool = False, **options: Any) -> Outcome:
        """Run the use case for one failed project."""
        operator = {name: getattr(self.store, name) for name in ("endpoint_url", "region", "access_key", "secret_key")}
        params = {**operator, "show": True, "report_path": path, **options}
        failed = {"failed": True, "msg": "Could not set the upload target.", "project": "47123456"}
        tables: list[str] = []
        hosts = [HostResult("47123456", {"vonage_project_id": "47123456"}, failed)]
        outcome = fleet_report.reconcile(params, Context(check_mode), hosts, tables.append)
        assert not outcome.changed
        assert "47123456" in tables[0]
        return outcome

    def keys(self) -> list[str]:
        return [entry["Key"] for entry in self.store.client().list_objects_v2(Bucket=self.bucket).get("Contents", [])]


@pytest.fixture
def scenario(e2e_sandbox: Sandbox) -> Iterator[ReportScenario]:
    store, bucket = e2e_sandbox.store, f"reports-{secrets.token_hex(5)}"
    store.client().create_bucket(Bucket=bucket)
    yield ReportScenario(store, bucket)
    store.empty_and_delete(bucket)


def test_reconcile_check_mode_and_second_run_write_the_report(scenario: ReportScenario) -> None:
    """Check mode also writes the report, which does not change the configuration."""
    path = f"s3://{scenario.bucket}/fleet.html"
    for check_mode in (True, False, False):
        outcome = scenario.write(path, check_mode)
        assert outcome.result["report"] == {"html": path, "json": path.replace(".html", ".json")}
        assert outcome.result["summary"]["failed_projects"] == ["47123456"]
        body = scenario.store.client().get_object(Bucket=scenario.bucket, Key="fleet.json")["Body"].read()
        assert json.loads(body)["check_mode"] is check_mode
    assert scenario.keys() == ["fleet.html", "fleet.json"]


@pytest.mark.parametrize(
    ("path", "options", "kind"),
    [
        ("s3://{bucket}", {}, errors.InputError),
        ("s3://{bucket}/.vonage-archiving/fleet.html", {}, errors.InputError),
        ("s3://{bucket}-missing/fleet.html", {}, errors.NotFoundError),
        ("s3://{bucket}/fleet.html", {"secret_key": "0" * 40}, errors.DeniedError),
        ("s3://{bucket}/fleet.html", {"endpoint_url": "http://127.0.0.1:9"}, errors.UnreachableError),
        ("/dev/null/fleet.html", {}, errors.RejectedError),
    ],
    ids=["no name", "reserved key", "not_found", "denied", "unreachable", "rejected"],
)
def test_reconcile_invalid_location_shows_the_table_and_raises_typed_error(
    scenario: ReportScenario, path: str, options: dict[str, Any], kind: type[errors.ArchivingError]
) -> None:
    with pytest.raises(kind) as caught:
        scenario.write(path.replace("{bucket}", scenario.bucket), **options)
    assert "0" * 40 not in str(caught.value)
    assert scenario.keys() == []
