# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings: Vonage takes the key of the target at their start or at their end, and uploads them in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .responses import ApiError
from .s3_model import Caller
from .vonage_model import Archive, VonageProject

if TYPE_CHECKING:
    from .world import World

PARTS = 3
# Until the list of the API contains a new archive; the collection assumes 30 seconds at most.
LONGEST_LIST_DELAY = 25.0
LONGEST = 11 * 3600.0


class Recording:
    """One recording.

    :param at_start: whether it uses the target at its start.
    """

    def __init__(self, world: World, project: VonageProject, number: int) -> None:
        self.world, self.project = world, project
        self.name = f"archive-{number}"
        self.at_start = world.random.random() < 0.5
        self.target: dict[str, Any] | None = None
        self.archive = Archive(self.name, world.scheduler.now)
        self.upload = ""

    def _log(self, text: str) -> None:
        self.world.scheduler.log(f"{self.name} of {self.project.id} {text}")

    def start(self) -> None:
        now, generator = self.world.scheduler.now, self.world.random
        self.archive.created = now
        self.archive.listed = now + generator.uniform(0.0, LONGEST_LIST_DELAY)
        self.project.archives.append(self.archive)
        if self.at_start:
            self._take_target()
        self._log(f"starts{self._key_text()}")
        longest = generator.choice((20.0, 300.0, 7200.0, LONGEST))
        self.world.scheduler.at(now + generator.uniform(1.0, longest), self.end)

    def _take_target(self) -> None:
        self.target = self.project.target

    def _key_text(self) -> str:
        return f" with {self.target['config']['accessKey']}" if self.target else ""

    def end(self) -> None:
        if not self.at_start:
            self._take_target()
        if self.target is None:
            self.archive.status = "available"
            self._log("ends, without a target")
            return
        self.archive.status = "stopped"
        self._log(f"ends{self._key_text()}")
        self._schedule(lambda: self._upload(0))

    def _schedule(self, action: Any) -> None:
        scheduler = self.world.scheduler
        scheduler.at(scheduler.now + self.world.random.choice((0.5, 5.0, 60.0)) * self.world.random.random(), action)

    def _upload(self, number: int) -> None:
        """Create the upload, upload its parts, or complete it."""
        assert self.target is not None
        config, s3 = self.target["config"], self.world.s3
        caller = Caller(config["accessKey"], config["secretKey"], self.world.scheduler.now)
        location = {"Bucket": config["bucket"], "Key": f"{self.project.id}/{self.name}/archive.mp4"}
        extra = {"ServerSideEncryption": "AES256"} if config.get("sse") == "s3" else {}
        try:
            if number == 0:
                self.upload = s3.call("create_multipart_upload", caller, {**location, **extra})["UploadId"]
            elif number <= PARTS:
                part = {"UploadId": self.upload, "PartNumber": number, "Body": b"part"}
                s3.call("upload_part", caller, {**location, **part})
            else:
                parts = {"Parts": [{"PartNumber": part} for part in range(1, PARTS + 1)]}
                s3.call(
                    "complete_multipart_upload", caller, {**location, "UploadId": self.upload, "MultipartUpload": parts}
                )
        except ApiError as exc:
            self.archive.status = "available"
            self._log(f"was rejected: {exc.code}")
            self.world.invariants.recording_rejected(self.name, self.project.id, config["accessKey"], exc.code)
            return
        if number > PARTS:
            self.archive.status = "uploaded"
            self._log("arrived")
            return
        self._schedule(lambda: self._upload(number + 1))
