# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet: projects of one account as the hosts of an inventory, and the playbook fleet run over them."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.e2e import runs
from tests.e2e.runs import Run
from tests.e2e.site import given_key, is_read, leftovers, made_secrets, told, users
from tests.sandbox import RecordingProxy, Sandbox, Store, VonageEmulator
from tests.sandbox.vonage.state import Project


@dataclass
class FleetSite:
    """What one test works on. Nothing but the projects, and a key for their uploads, is there until a run makes it.

    :param mark: what the names of its projects and buckets begin with.
    """

    store: Store
    emulator: VonageEmulator
    mark: str
    projects: list[Project]
    uploader: tuple[str, str] = field(repr=False)
    s3: RecordingProxy
    home: Path
    buckets: int = 1
    made: list[str] = field(default_factory=list, repr=False)

    @property
    def ids(self) -> list[str]:
        """The ids of the projects, in order."""
        return sorted(project.key for project in self.projects)

    def bucket(self, project: str) -> str:
        """The bucket of a project."""
        return f"{self.mark}-{int(project) % self.buckets}"

    @property
    def inventory(self) -> Path:
        """The inventory: the plugin's file, and the bucket of each project."""
        text = f"""---
plugin: vonage.archiving.vonage_projects
api_url: {self.emulator.url}
names: ["{self.mark}*"]
compose:
  archive_storage_bucket: "'{self.mark}-' ~ (vonage_project_id | int % {self.buckets})"
"""
        return runs.write_private(self.home / "fleet.vonage_projects.yml", text)

    @property
    def variables(self) -> dict[str, Any]:
        """The extra variables of a run."""
        return {
            "archive_storage_api_url": self.emulator.url,
            "archive_storage_region": self.store.region,
            "archive_storage_endpoint": self.s3.url,
            "archive_storage_verify_timeout": 10,
            "archive_fleet_timeout": 3,
            "archive_fleet_total_timeout": 6,
            **(given_key(*self.uploader) if self.uploader[0] else {}),
        }

    @property
    def operator(self) -> dict[str, str]:
        """The environment of a run."""
        return {
            "AWS_ACCESS_KEY_ID": self.store.access_key,
            "AWS_SECRET_ACCESS_KEY": self.store.secret_key,
            "VONAGE_VIDEO_ACCOUNT_KEY": self.emulator.account_key,
            "VONAGE_VIDEO_ACCOUNT_SECRET": self.emulator.account_secret,
        }

    @property
    def secrets(self) -> list[str]:
        """Every secret that is used."""
        own = [project.secret for project in self.projects]
        more = [self.uploader[1], self.store.secret_key, self.emulator.account_secret]
        tokens = [call["headers"].get("X-Opentok-Auth", "") for call in self.emulator.log()]
        return list(filter(None, [*own, *more, *self.made, *made_secrets(self.s3.requests), *tokens]))

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
        """Run the playbook; whatever comes of it, no secret may be shown and no temporary file be left.

        :param bare: with no extra variables but those that are given here.
        :param changes: variables of the role, without their prefix.
        """
        given = {} if bare else self.variables
        given.update({f"archive_storage_{name}": value for name, value in changes.items()})
        given.update(variables or {})
        run = runs.run_playbook(
            "fleet",
            runs.awx_variables(given) if awx else given,
            self.home,
            {**self.operator, "ANSIBLE_FORKS": str(forks), **(env or {})},
            core,
            ["-i", str(self.inventory), *args],
        )
        hidden = [str(value) for name, value in changes.items() if name.endswith(("secret", "secret_key")) and value]
        known = [*self.secrets, *hidden]
        assert not runs.leaks(run.output, known)
        assert not runs.leaks(run.told, known)
        assert leftovers(self.home) == []
        return run

    def configure(self, *args: str, **options: Any) -> Run:
        """Run it; every project must succeed."""
        run = self.run(*args, **options).ok()
        assert sorted(results(run)) == self.ids
        return run

    def steady(self, *args: str, **options: Any) -> Run:
        """Run it again: nothing changes, nothing is written, nothing set."""
        self.forget()
        run = self.configure(*args, **options)
        assert run.changed == []
        assert self.written == []
        assert [call["method"] for call in self.emulator.log() if call["method"] != "GET"] == []
        return run

    def forget(self) -> None:
        """Forget the requests so far."""
        self.made += made_secrets(self.s3.requests)
        self.s3.clear()
        self.emulator.clear_log()

    @property
    def written(self) -> list[str]:
        """The requests to the store that could change something."""
        return [told(each) for each in self.s3.requests if not is_read(each)]

    def puts(self) -> list[str]:
        """The projects whose target was set, each as often as that was."""
        calls = [call for call in self.emulator.log() if call["method"] == "PUT"]
        return sorted(call["path"].split("/")[3] for call in calls)

    def uploaded(self, project: str) -> None:
        """Have an archive recorded, which must land."""
        archive = self.emulator.record_archive(project)
        assert archive["status"] == "uploaded", archive["sandbox"]
        key = f"{project}/{archive['id']}/archive.mp4"
        assert self.store.client().head_object(Bucket=self.bucket(project), Key=key)["ContentLength"]

    def rules(self, bucket: str) -> list[str]:
        """The prefixes of the lifecycle rules of a bucket."""
        found = self.store.client().get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        return sorted(rule["Filter"]["Prefix"] for rule in found)


PROJECT = "vonage.archiving.archive_storage_project"


def results(run: Run) -> dict[str, dict[str, Any]]:
    """What each project's task returned."""
    return {event.host: event.result for event in run.events if event.action == PROJECT}


def failures(run: Run) -> dict[str, dict[str, Any]]:
    """What each project's task returned that failed."""
    return {event.host: event.result for event in run.events if (event.kind, event.action) == ("failed", PROJECT)}


def report(path: Path) -> dict[str, Any]:
    """The report as data, which must be one."""
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


def stats(run: Run) -> dict[str, Any]:
    """What the run hands on in a workflow."""
    found = [event.result["ansible_stats"] for event in run.events if "ansible_stats" in event.result]
    assert len(found) == 1
    return dict(found[0]["data"]["archive_fleet"])


@contextlib.contextmanager
def new_fleet(
    sandbox: Sandbox, home: Path, names: Sequence[str], buckets: int = 1, managed: bool = False
) -> Iterator[FleetSite]:
    """Make a project for each name; remove the buckets and the users at the end."""
    store, emulator = sandbox.store, sandbox.vonage
    mark = f"fleet{secrets.token_hex(4)}"
    before = users(store)
    allowed = [f"arn:aws:s3:::{mark}-{number}/*" for number in range(buckets)]
    statement = {"Effect": "Allow", "Action": ["s3:PutObject", "s3:AbortMultipartUpload"], "Resource": allowed}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    key = ("", "") if managed else store.make_user(f"uploader-{mark}", policy)
    projects = [emulator.add_project(f"{mark} {name}") for name in names]
    with RecordingProxy(store.endpoint_url) as s3:
        fleet = FleetSite(store, emulator, mark, projects, key, s3, home, buckets)
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
            for user in users(store) - before:
                store.iam_client().delete_user(UserName=user)
