# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the steps of the demo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox import Sandbox

from . import output
from .assertions import Check, Runs, check_all
from .playbook import Ansible, Run, command
from .servers import count_requests, fetch_state, fetch_target_key

ORIGIN = "https://player.example.com"
CORS_RULES = [{"allowed_origins": [ORIGIN], "allowed_methods": ["GET", "HEAD"], "allowed_headers": ["range"]}]
# More than one part of a multipart upload.
ARCHIVE_SIZE = 6 * 1024 * 1024


class PlaybookError(Exception):
    """A playbook failed; the demo stops."""


@dataclass
class Demo:
    """A running sandbox, and the requests of each configure run to the Vonage API."""

    sandbox: Sandbox
    bucket: str
    closed_bucket: bool = False
    requests_of_runs: list[int] = field(default_factory=list)

    def run(self) -> list[Check]:
        """Run all steps and return the checks."""
        ansible = self.prepare()
        output.print_heading(2, "Configure: create bucket, user, and access key, verify uploads, set the upload target")
        first = self.run_playbook(ansible, "configure")
        output.print_heading(3, "Configure again: the desired state has not changed, so no changes are expected")
        second = self.run_playbook(ansible, "configure")
        output.print_heading(4, "Record: the emulator uploads an archive as Vonage does")
        archives = [self.record_archive()]
        output.print_heading(5, "Verify: run all checks, and upload probes with a temporary access key")
        verified = self.run_playbook(ansible, "verify")
        output.print_checks(verified)
        output.print_heading(6, "Rotate: replace the access key, and record an archive with the new key")
        old_key = fetch_target_key(self.sandbox)
        rotated = self.run_playbook(ansible, "rotate")
        archives.append(self.record_archive())
        output.print_heading(7, "Check: read the current state from the servers")
        state = fetch_state(self.sandbox, self.bucket, tuple(self.requests_of_runs), archives, old_key)
        return check_all(Runs(first, second, verified, rotated), state, ORIGIN)

    def prepare(self) -> Ansible:
        """Print the servers, and create the bucket if it must deny uploads."""
        store, vonage = self.sandbox.store, self.sandbox.vonage
        output.print_note(f"S3, IAM  {store.endpoint_url}  {store.name}, a real server with signatures and policies")
        output.print_note(f"Vonage   {vonage.url}  an emulator of the Video API, with project {vonage.api_key}")
        if self.closed_bucket:
            self.create_closed_bucket()
        return Ansible(
            variables=self.variables(),
            # The credentials of the operator, in the variables that AWX and shells use.
            environment={"AWS_ACCESS_KEY_ID": store.access_key, "AWS_SECRET_ACCESS_KEY": store.secret_key},
            folder=self.sandbox.state_dir,
        )

    def create_closed_bucket(self) -> None:
        """Create the bucket with a policy that denies uploads of recordings."""
        client = self.sandbox.store.client()
        client.create_bucket(Bucket=self.bucket)
        recordings = f"arn:aws:s3:::{self.bucket}/{self.sandbox.vonage.api_key}/*"
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": recordings}
        client.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
        output.print_note(f"The bucket {self.bucket} exists, with a policy that denies uploads.")

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

    def run_playbook(self, ansible: Ansible, playbook: str) -> Run:
        """Run a playbook and print its tasks.

        :raises PlaybookError: the playbook failed.
        """
        output.print_note("$ " + " ".join(["ansible-playbook", *command(playbook)[1:], "-e @variables.json"]))
        before = count_requests(self.sandbox)
        run = ansible.run(playbook, output.print_task)
        if playbook == "configure":
            self.requests_of_runs.append(count_requests(self.sandbox) - before)
        output.print_recap(run)
        if not run.ok:
            raise PlaybookError(f"{playbook} failed: {run.failure_message()}")
        return run

    def record_archive(self) -> Mapping[str, Any]:
        """Record an archive in the emulator, which uploads it."""
        archive = self.sandbox.vonage.record_archive(name="demo", size=ARCHIVE_SIZE)
        output.print_note(f"archive {archive['id']}, {archive['size']} bytes: {archive['status']}")
        return archive
