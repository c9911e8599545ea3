# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project with archives, for the tests of the modules that list them."""

from __future__ import annotations

import bisect
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit import reconcile as archive_audit
from ansible_collections.vonage.archiving.plugins.module_utils._archives import reconcile as archive_info
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile
from tests.e2e import playbook_runs
from tests.sandbox import Store, VonageEmulator
from tests.sandbox.vonage.state import Archive, Project, encode_sha256


@dataclass
class ArchiveScenario:
    """A project, and calls of vonage_archive_info and vonage_archive_audit for it."""

    emulator: VonageEmulator
    project: Project
    store: Store
    warnings: list[str] = field(default_factory=list)

    @property
    def operator(self) -> dict[str, Any]:
        """The connection options of the store."""
        names = ("endpoint_url", "region", "access_key", "secret_key")
        return {name: getattr(self.store, name) for name in names}

    @property
    def credentials(self) -> dict[str, Any]:
        """The options of the project."""
        return {
            "api_key": self.project.key,
            "api_secret": self.project.secret,
            "api_url": self.emulator.url,
            "timeout": 5,
            "retries": 2,
            "total_timeout": 15,
        }

    def info(self, **options: Any) -> dict[str, Any]:
        """Run the use case, and assert that the result contains no secret."""
        params = {**self.credentials, **options}
        result = archive_info.reconcile(params, Context(warn=self.warnings.append)).result
        hidden = [self.project.secret, self.store.secret_key]
        assert not playbook_runs.find_leaks(json.dumps(result), hidden)
        return result

    def audit(self, check_mode: bool = False, **options: Any) -> Outcome:
        """Audit the project, and assert that the outcome contains no secret."""
        params = {**self.credentials, **self.operator, **options}
        outcome = archive_audit.reconcile(params, Context(check_mode, warn=self.warnings.append))
        assert not outcome.changed
        text = json.dumps(outcome.result) + outcome.failed
        hidden = [self.project.secret, self.store.secret_key, "/_sandbox/download/"]
        assert not playbook_runs.find_leaks(text, hidden)
        return outcome

    def record(self, status: str, age: float = 3600, content: bytes | None = b"video", **fields: Any) -> str:
        """Add an archive with this content, and return its id. Without an object, see ``store_object``.

        :param age: seconds since its creation.
        :param fields: of the archive.
        """
        created = int((time.time() - age) * 1000)
        size, checksum = (0, "") if content is None else (len(content), encode_sha256(content))
        archive = Archive(str(uuid.uuid4()), "1_s", "lesson", created, status, size, 60, sha256sum=checksum, **fields)
        with self.emulator.state.lock:
            # The list is sorted by the time of creation.
            position = bisect.bisect([item.created_at for item in self.project.archives], created)
            self.project.archives.insert(position, archive)
        return archive.id

    def store_object(self, bucket: str, archive_id: str, content: bytes = b"video", name: str = "archive.mp4") -> str:
        """Store an object of an archive, and return its key."""
        key = f"{self.project.key}/{archive_id}/{name}"
        self.store.client().put_object(Bucket=bucket, Key=key, Body=content)
        return key

    def add(self, status: str, age: float, count: int = 1) -> list[str]:
        """Add archives to the list of the API, the oldest first."""
        created = int((time.time() - age) * 1000)
        archives = [Archive(str(uuid.uuid4()), "1_s", "lesson", created, status, 7, 60) for _number in range(count)]
        with self.emulator.state.lock:
            self.project.archives += archives
        return [archive.id for archive in reversed(archives)]

    def create_bucket(self) -> str:
        name = f"recordings-{secrets.token_hex(6)}"
        self.store.client().create_bucket(Bucket=name)
        return name

    def set_target(self, bucket: str, key: tuple[str, str]) -> str:
        """Set the upload target as the module does, and return the location of the state file."""
        state_file = f"s3://{bucket}/.vonage-archiving/{self.project.key}.json"
        target = {"bucket": bucket, "access_key": key[0], "secret_key": key[1], "endpoint": self.store.endpoint_url}
        self.apply_target(target, state_file)
        return state_file

    def apply_target(self, target: dict[str, Any], state_file: str) -> None:
        params = {
            "s3": target,
            "fallback": "opentok",
            "state_file": state_file,
            "verify": "never",
            **self.credentials,
            **self.operator,
        }
        assert reconcile(params, Context()).changed

    def calls(self) -> list[dict[str, Any]]:
        """The requests of this project to the emulator."""
        return [call for call in self.emulator.log() if f"/{self.project.key}/" in call["path"]]

    @property
    def queries(self) -> list[str]:
        """The sorted queries of the requests."""
        return sorted(call["query"] for call in self.calls())
