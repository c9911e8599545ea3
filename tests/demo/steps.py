# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the demo, one after the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox import Sandbox

from . import show
from .judge import Finding, Runs, judge
from .playbook import Ansible, Run, command
from .servers import calls, held_key, look

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
    closed_bucket: bool = False
    calls_of_runs: list[int] = field(default_factory=list)

    def play(self) -> list[Finding]:
        """Go through all steps and return what is found at the end."""
        ansible = self.prepare()
        show.heading(2, "Configure: bucket, user, access key, proof that uploads with it arrive, upload target")
        first = self.run(ansible, "configure")
        show.heading(3, "Configure again: nothing has changed, so nothing may be changed")
        second = self.run(ansible, "configure")
        show.heading(4, "A session is recorded, and the recording uploaded as Vonage does it")
        archives = [self.record()]
        show.heading(5, "Verify: look at everything, and upload probes with a key that is there for that only")
        verified = self.run(ansible, "verify")
        show.checks(verified)
        show.heading(6, "Rotate: another access key, and the next recording is uploaded with it")
        old_key = held_key(self.sandbox)
        rotated = self.run(ansible, "rotate")
        archives.append(self.record())
        show.heading(7, "What is there now, asked of the servers")
        found = look(self.sandbox, self.bucket, tuple(self.calls_of_runs), archives, old_key)
        return judge(Runs(first, second, verified, rotated), found, ORIGIN)

    def prepare(self) -> Ansible:
        """Show what runs."""
        store, vonage = self.sandbox.store, self.sandbox.vonage
        show.note(f"S3, IAM  {store.endpoint_url}  a real server ({store.name}): signatures and policies count")
        show.note(f"Vonage   {vonage.url}  an emulator of the Video API, with project {vonage.api_key}")
        if self.closed_bucket:
            self.close()
        return Ansible(
            variables=self.variables(),
            # The operator's credentials, as AWX or a shell has them.
            environment={"AWS_ACCESS_KEY_ID": store.access_key, "AWS_SECRET_ACCESS_KEY": store.secret_key},
            folder=self.sandbox.state_dir,
        )

    def close(self) -> None:
        """Make the bucket such that nobody can upload recordings to it."""
        client = self.sandbox.store.client()
        client.create_bucket(Bucket=self.bucket)
        recordings = f"arn:aws:s3:::{self.bucket}/{self.sandbox.vonage.api_key}/*"
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": recordings}
        client.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
        show.note(f"The bucket {self.bucket} is there, and somebody's policy denies uploads.")

    def variables(self) -> Mapping[str, Any]:
        """Return the variables of the role."""
        store, vonage = self.sandbox.store, self.sandbox.vonage
        return {
            "archive_storage_api_url": vonage.url,
            "archive_storage_api_key": vonage.api_key,
            "archive_storage_api_secret": vonage.api_secret,
            "archive_storage_bucket": self.bucket,
            "archive_storage_region": store.region,
            "archive_storage_endpoint": store.endpoint_url,
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
