# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the demo, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox import Sandbox, upload_only_policy

from . import show
from .judge import Finding, judge
from .playbook import Ansible, Run, command
from .servers import calls, look

ORIGIN = "https://player.example.com"
CORS_RULES = [{"allowed_origins": [ORIGIN], "allowed_methods": ["GET", "HEAD"], "allowed_headers": ["range"]}]
# More than one part: recordings are uploaded in parts.
ARCHIVE_SIZE = 6 * 1024 * 1024


class StepFailed(Exception):
    """A playbook did not do what it should; there is no point in going on."""


@dataclass
class Demo:
    """A running sandbox, and how far the demo has come."""

    sandbox: Sandbox
    bucket: str
    wrong_key: bool = False
    calls_of_runs: list[int] = field(default_factory=list)

    def play(self) -> list[Finding]:
        """Go through all steps and return what is found at the end."""
        ansible = self.prepare()
        show.heading(3, "Configure: the bucket, proof that uploads arrive, the upload target of the project")
        first = self.run(ansible, "configure")
        show.heading(4, "Configure again: nothing has changed, so nothing may be changed")
        second = self.run(ansible, "configure")
        show.heading(5, "A session is recorded, and the recording uploaded as Vonage does it")
        archive = self.record()
        show.heading(6, "Verify: look at everything, and upload probes with the key that Vonage has")
        verified = self.run(ansible, "verify")
        show.checks(verified)
        show.heading(7, "What is there now, asked of the servers")
        found = look(self.sandbox, self.bucket, tuple(self.calls_of_runs), archive)
        return judge(first, second, verified, found, ORIGIN)

    def prepare(self) -> Ansible:
        """Show what runs, and make the key that Vonage gets."""
        store, vonage = self.sandbox.store, self.sandbox.vonage
        show.note(f"S3       {store.endpoint_url}  a real server ({store.name}): signatures and policies count")
        show.note(f"Vonage   {vonage.url}  an emulator of the Video API, with project {vonage.api_key}")
        show.heading(2, f"Make an access key that can do nothing but upload to the bucket {self.bucket}")
        access_key, secret_key = store.make_user("demo-uploader", upload_only_policy(self.bucket))
        show.note(f"access key {access_key}; this is what Vonage will get")
        wrong = "".join(reversed(secret_key))
        return Ansible(
            variables=self.variables(access_key, wrong if self.wrong_key else secret_key),
            # The operator's credentials, as AWX or a shell has them.
            environment={"AWS_ACCESS_KEY_ID": store.access_key, "AWS_SECRET_ACCESS_KEY": store.secret_key},
            folder=self.sandbox.state_dir,
        )

    def variables(self, access_key: str, secret_key: str) -> Mapping[str, Any]:
        """Return the variables of the role."""
        store, vonage = self.sandbox.store, self.sandbox.vonage
        return {
            "archive_storage_api_url": vonage.url,
            "archive_storage_api_key": vonage.api_key,
            "archive_storage_api_secret": vonage.api_secret,
            "archive_storage_bucket": self.bucket,
            "archive_storage_region": store.region,
            "archive_storage_endpoint": store.endpoint_url,
            "archive_storage_uploader_access_key": access_key,
            "archive_storage_uploader_secret_key": secret_key,
            "archive_storage_cors_rules": CORS_RULES,
        }

    def run(self, ansible: Ansible, playbook: str) -> Run:
        """Run a playbook, show it, and stop the demo if it failed."""
        show.note("$ " + " ".join(["ansible-playbook", *command(playbook)[1:], "-e @variables.json"]))
        before = calls(self.sandbox)
        run = ansible.run(playbook, show.task)
        if playbook == "configure":
            self.calls_of_runs.append(calls(self.sandbox) - before)
        show.recap(run)
        if not run.ok:
            raise StepFailed(f"{playbook} failed: {run.problem()}")
        return run

    def record(self) -> Mapping[str, Any]:
        """Have the sandbox record an archive."""
        archive = self.sandbox.vonage.record_archive(name="demo", size=ARCHIVE_SIZE)
        show.note(f"archive {archive['id']}, {archive['size']} bytes: {archive['status']}")
        return archive
