# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet: the projects of one account as hosts of an inventory, and runs of the playbook fleet."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.e2e import playbook_runs
from tests.e2e.playbook_runs import Run
from tests.e2e.project_environment import (
    created_secrets,
    describe_request,
    external_key_variables,
    is_read,
    leftovers,
    list_users,
)
from tests.sandbox import RecordingProxy, Sandbox, Store, VonageEmulator
from tests.sandbox.vonage.state import Project

HOSTILE_NAME = '<script>alert(1)</script> {{ 7 * 7 }} "&\u202e\x1b[31m'


@dataclass
class FleetEnvironment:
    """The environment of one test. Only the projects and an upload key exist before a run.

    :param mark: the prefix of the names of its projects and buckets.
    """

    store: Store
    emulator: VonageEmulator
    mark: str
    projects: list[Project]
    uploader: tuple[str, str] = field(repr=False)
    s3: RecordingProxy
    home: Path
    buckets: int = 1
    created_secrets: list[str] = field(default_factory=list, repr=False)

    @property
    def ids(self) -> list[str]:
        """The sorted IDs of the projects."""
        return sorted(project.key for project in self.projects)

    def bucket(self, project: str) -> str:
        return f"{self.mark}-{int(project) % self.buckets}"

    @property
    def inventory(self) -> Path:
        """The file of the inventory plugin, which also sets the bucket of each project."""
        text = f"""---
plugin: vonage.archiving.vonage_projects
api_url: {self.emulator.url}
names: ["{self.mark}*"]
compose:
  archive_storage_bucket: "'{self.mark}-' ~ (vonage_project_id | int % {self.buckets})"
"""
        return playbook_runs.write_private(self.home / "fleet.vonage_projects.yml", text)

    @property
    def variables(self) -> dict[str, Any]:
        return {
            "archive_storage_api_url": self.emulator.url,
            "archive_storage_region": self.store.region,
            "archive_storage_endpoint": self.s3.url,
            "archive_storage_verify_timeout": 10,
            "archive_fleet_timeout": 3,
            "archive_fleet_total_timeout": 6,
            **(external_key_variables(*self.uploader) if self.uploader[0] else {}),
        }

    @property
    def operator(self) -> dict[str, str]:
        """The environment variables of the operator."""
        return {
            "AWS_ACCESS_KEY_ID": self.store.access_key,
            "AWS_SECRET_ACCESS_KEY": self.store.secret_key,
            "VONAGE_VIDEO_ACCOUNT_KEY": self.emulator.account_key,
            "VONAGE_VIDEO_ACCOUNT_SECRET": self.emulator.account_secret,
        }

    @property
    def secrets(self) -> list[str]:
        """Every current and former secret, including tokens."""
        own = [project.secret for project in self.projects]
        more = [self.uploader[1], self.store.secret_key, self.emulator.account_secret]
        tokens = [call["headers"].get("X-Opentok-Auth", "") for call in self.emulator.log()]
        return list(filter(None, [*own, *more, *self.created_secrets, *created_secrets(self.s3.requests), *tokens]))

    def run(
        self,
        *args: str,
        forks: int = 4,
        env: dict[str, str] | None = None,
        core: Path | None = None,
        variables: dict[str, Any] | None = None,
        awx: bool = False,
        bare: bool = False,
        **changes: Any,
    ) -> Run:
        """Run the playbook, and assert that it shows no secret and leaves no temporary file.

        :param bare: without the variables of this environment.
        :param changes: variables of the role without their prefix.
        """
        combined = {} if bare else self.variables
        combined.update({f"archive_storage_{name}": value for name, value in changes.items()})
        combined.update(variables or {})
        run = playbook_runs.run_playbook(
            "fleet",
            playbook_runs.awx_variables(combined) if awx else combined,
            self.home,
            {**self.operator, "ANSIBLE_FORKS": str(forks), **(env or {})},
            core,
            ["-i", str(self.inventory), *args],
        )
        hidden = [str(value) for name, value in changes.items() if name.endswith(("secret", "secret_key")) and value]
        secret_values = [*self.secrets, *hidden]
        assert not playbook_runs.find_leaks(run.output, secret_values)
        assert not playbook_runs.find_leaks(run.events_text, secret_values)
        assert leftovers(self.home) == []
        return run

    def configure(self, *args: str, **options: Any) -> Run:
        """Run the playbook, and assert that every project succeeds."""
        run = self.run(*args, **options).ok()
        assert sorted(results(run)) == self.ids
        return run

    def assert_idempotent(self, *args: str, **options: Any) -> Run:
        """Run the playbook again, and assert that nothing is changed or written."""
        self.clear_request_log()
        run = self.configure(*args, **options)
        assert run.changed == []
        assert self.writes == []
        assert [call["method"] for call in self.emulator.log() if call["method"] != "GET"] == []
        return run

    def clear_request_log(self) -> None:
        """Clear the recorded requests."""
        self.created_secrets += created_secrets(self.s3.requests)
        self.s3.clear()
        self.emulator.clear_log()

    @property
    def writes(self) -> list[str]:
        """The write requests to the store and to its IAM API."""
        return [describe_request(request) for request in self.s3.requests if not is_read(request)]

    def puts(self) -> list[str]:
        """The project of each request that set an upload target, sorted."""
        calls = [call for call in self.emulator.log() if call["method"] == "PUT"]
        return sorted(call["path"].split("/")[3] for call in calls)

    def record_archive(self, project: str) -> None:
        """Record an archive, and assert that it is uploaded."""
        archive = self.emulator.record_archive(project)
        assert archive["status"] == "uploaded", archive["sandbox"]
        key = f"{project}/{archive['id']}/archive.mp4"
        assert self.store.client().head_object(Bucket=self.bucket(project), Key=key)["ContentLength"]

    def rules(self, bucket: str) -> list[str]:
        """The prefixes of the lifecycle rules of a bucket."""
        rules = self.store.client().get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        return sorted(rule["Filter"]["Prefix"] for rule in rules)


PROJECT = "vonage.archiving.archive_storage_project"


def results(run: Run) -> dict[str, dict[str, Any]]:
    """The results of the projects by host."""
    return {event.host: event.result for event in run.events if event.action == PROJECT}


def failures(run: Run) -> dict[str, dict[str, Any]]:
    """The results of the failed projects by host."""
    return {event.host: event.result for event in run.events if (event.kind, event.action) == ("failed", PROJECT)}


def report(path: Path) -> dict[str, Any]:
    """Read the report in JSON."""
    data = json.loads(path.read_text())
    assert isinstance(data, dict)
    return data


def stats(run: Run) -> dict[str, Any]:
    """The statistics that the run passes on in a workflow."""
    all_stats = [event.result["ansible_stats"] for event in run.events if "ansible_stats" in event.result]
    assert len(all_stats) == 1
    return dict(all_stats[0]["data"]["archive_fleet"])


@contextlib.contextmanager
def new_fleet_environment(
    sandbox: Sandbox,
    home: Path,
    names: Sequence[str],
    buckets: int = 1,
    managed: bool = False,
    keeps_bodies: bool = True,
) -> Iterator[FleetEnvironment]:
    """Create a project for each name; delete the buckets and the users at the end.

    :param keeps_bodies: whether the bodies of S3 requests are recorded.
    """
    store, emulator = sandbox.store, sandbox.vonage
    mark = f"fleet{secrets.token_hex(4)}"
    before = list_users(store)
    allowed = [f"arn:aws:s3:::{mark}-{number}/*" for number in range(buckets)]
    statement = {"Effect": "Allow", "Action": ["s3:PutObject", "s3:AbortMultipartUpload"], "Resource": allowed}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    key = ("", "") if managed else store.make_user(f"uploader-{mark}", policy)
    projects = [emulator.add_project(f"{mark} {name}") for name in names]
    with RecordingProxy(store.endpoint_url, keeps_bodies=keeps_bodies) as s3:
        fleet = FleetEnvironment(store, emulator, mark, projects, key, s3, home, buckets)
        emulator.clear_log()
        try:
            yield fleet
        finally:
            emulator.clear_faults()
            for number in range(buckets):
                with contextlib.suppress(ClientError):
                    store.client().delete_bucket_policy(Bucket=f"{mark}-{number}")
                with contextlib.suppress(ClientError):
                    store.empty_and_delete(f"{mark}-{number}")
            for user in list_users(store) - before:
                store.iam_client().delete_user(UserName=user)
