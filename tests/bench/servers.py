# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of the bench: a store, the emulator, a proxy for each, and a bucket and a project for each side.

All sides have the same end state: an encrypted, private bucket with a CORS rule, and a project that uploads to it. The
end state has only settings that all sides support.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from botocore.exceptions import ClientError

from tests.sandbox import ProxiedRequest, RecordingProxy, Sandbox, Store

ORIGIN = "https://player.example.com"
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
TOKEN_SECONDS = 180
# The settings in a snapshot of a bucket. The store returns an error for a setting that is not set.
SUBRESOURCES = {
    "encryption": ("get_bucket_encryption", "ServerSideEncryptionConfiguration"),
    "cors": ("get_bucket_cors", "CORSRules"),
    "policy": ("get_bucket_policy", "Policy"),
    "block": ("get_public_access_block", "PublicAccessBlockConfiguration"),
    "tags": ("get_bucket_tagging", "TagSet"),
    "lifecycle": ("get_bucket_lifecycle_configuration", "Rules"),
    "versioning": ("get_bucket_versioning", "Status"),
    "ownership": ("get_bucket_ownership_controls", "OwnershipControls"),
}


@dataclass(frozen=True)
class Side:
    """A playbook that keeps the end state.

    :param playbook: the name of its file in playbooks/ or tests/bench/playbooks/.
    :param is_own: whether it uses this collection.
    """

    name: str
    playbook: str
    title: str
    is_own: bool = True


@dataclass(frozen=True)
class Part:
    """Sides with the same end state, which are measured in the same rounds. One of them is "peers"."""

    name: str
    title: str
    sides: tuple[Side, ...]


EMPTY = Side("empty", "empty.yml", "an empty play", is_own=False)
ROLE = Part(
    "role",
    "One project",
    (
        Side("configure", "configure.yml", "playbooks/configure.yml, the role"),
        Side("modules", "modules.yml", "the two modules without the role"),
        Side("peers", "peers.yml", "s3_bucket, s3_cors and uri", is_own=False),
        EMPTY,
    ),
)
BUCKETS = Part(
    "buckets",
    "Many buckets in a loop",
    (
        Side("module", "buckets.yml", "s3_archive_bucket"),
        Side("peers", "buckets_peers.yml", "s3_bucket and s3_cors", is_own=False),
        EMPTY,
    ),
)


@dataclass
class BenchServers:
    """The servers for all sides of a part, which the caller starts and stops.

    :param buckets: the number of buckets of each side of the part "buckets".
    """

    part: Part
    store: Store
    sandbox: Sandbox
    s3: RecordingProxy
    vonage: RecordingProxy
    buckets: int = 100
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)

    def set_latency(self, seconds: float) -> None:
        """Add a delay to each request."""
        self.s3.latency = self.vonage.latency = seconds

    def clear(self) -> None:
        """Delete the logs of requests."""
        self.s3.clear()
        self.vonage.clear()

    def request_kinds(self) -> list[str]:
        """Return the kinds of requests since ``clear``, sorted, because reads run in parallel."""
        return sorted(
            [f"S3 {s3_kind(request)}" for request in self.s3.requests]
            + [f"Vonage {request.method} {request.path.rpartition('/')[2]}" for request in self.vonage.requests]
        )

    def bucket(self, side: Side) -> str:
        """Return the name of the side's only or first bucket."""
        return self.bucket_names(side)[0]

    def bucket_names(self, side: Side) -> list[str]:
        """Return the names of the side's buckets."""
        if self.part is ROLE:
            return [f"bench-{side.name}"]
        return [f"bench-{side.name}-{number}" for number in range(self.buckets)]

    def project(self, side: Side) -> tuple[str, str]:
        """Return key and secret of the side's project."""
        if side.name not in self.keys:
            project = self.sandbox.vonage.add_project(side.name)
            self.keys[side.name] = (project.key, project.secret)
        return self.keys[side.name]

    def create_buckets(self, side: Side) -> None:
        """Create the side's buckets with public access blocked, the default of AWS since April 2023."""
        client = self.store.client()
        for bucket in self.bucket_names(side):
            client.create_bucket(Bucket=bucket)
            if self.has_public_access_block:
                block = dict.fromkeys(BLOCKS, True)
                client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)

    @property
    def has_public_access_block(self) -> bool:
        """Return whether the store supports the public access block."""
        return self.store.name.startswith("moto")

    def variables(self, side: Side) -> dict[str, Any]:
        """Return the extra variables for the role, or for a playbook of the bench."""
        return role_variables(self, side) if side.name == "configure" else play_variables(self, side)

    def snapshot(self, side: Side) -> dict[str, Any]:
        """Return the current state of the servers, without the names that differ between the sides."""
        buckets = [self._bucket_state(bucket) for bucket in self.bucket_names(side)]
        upload_target = self.sandbox.vonage.target(self.project(side)[0]) or {}
        target_state = {name: value for name, value in upload_target.items() if value is not None}
        text = json.dumps({"buckets": buckets, "target": target_state}, sort_keys=True)
        text = text.replace(f"bench-{side.name}", "BUCKET").replace(self.project(side)[0], "PROJECT")
        anonymous: dict[str, Any] = json.loads(text)
        return anonymous

    def _bucket_state(self, bucket: str) -> dict[str, Any]:
        state: dict[str, Any] = {}
        client = self.store.client()
        for name, (operation, key) in SUBRESOURCES.items():
            try:
                value = getattr(client, operation)(Bucket=bucket).get(key)
            except ClientError:
                value = None
            state[name] = json.loads(value) if name == "policy" and value else value
        return state


def s3_kind(request: ProxiedRequest) -> str:
    """Return the method and the subject of a request: ``GET ?cors``, ``HEAD bucket``, ``GET object``."""
    subresource = request.query.partition("=")[0].partition("&")[0]
    has_key = len(request.path.strip("/").split("/")) > 1
    return f"{request.method} {f'?{subresource}' if subresource and not has_key else 'object' if has_key else 'bucket'}"


def target(servers: BenchServers, side: Side) -> dict[str, str]:
    """Return the upload target, with the URL of the store itself, because requests of Vonage are not measured."""
    return {
        "bucket": servers.bucket(side),
        "access_key": servers.store.access_key,
        "secret_key": servers.store.secret_key,
        "endpoint": servers.store.endpoint_url,
    }


def role_variables(servers: BenchServers, side: Side) -> dict[str, Any]:
    """Return the variables of ``playbooks/configure.yml``.

    There is no lifecycle rule, which is a default of the role, because the peers do not support it. Uploads are not
    verified, which only runs with changes do, because moto's responses to preflight requests fail the verification.
    """
    key, secret = servers.project(side)
    upload_target = target(servers, side)
    return {
        "archive_storage_api_url": servers.vonage.url,
        "archive_storage_api_key": key,
        "archive_storage_api_secret": secret,
        "archive_storage_bucket": upload_target["bucket"],
        "archive_storage_region": servers.store.region,
        "archive_storage_endpoint": upload_target["endpoint"],
        "archive_storage_endpoint_url": servers.s3.url,
        "archive_storage_access_key": servers.store.access_key,
        "archive_storage_secret_key": servers.store.secret_key,
        # An external key, because the peers do not create keys.
        "archive_storage_upload_key": "external",
        "archive_storage_uploader_access_key": upload_target["access_key"],
        "archive_storage_uploader_secret_key": upload_target["secret_key"],
        "archive_storage_cors_rules": [{"allowed_origins": [ORIGIN], "allowed_methods": ["GET"]}],
        "archive_storage_abort_incomplete_uploads_days": 0,
        "archive_storage_verify": "never",
    }


def play_variables(servers: BenchServers, side: Side) -> dict[str, Any]:
    """Return the variables of the bench's playbooks, with a token for uri, which cannot create one."""
    key, secret = servers.project(side)
    now = int(time.time())
    claims = {"iss": key, "ist": "project", "iat": now, "exp": now + TOKEN_SECONDS, "jti": f"bench-{now}"}
    return {
        "api_key": key,
        "api_secret": secret,
        "api_url": servers.vonage.url,
        "token": jwt.encode(claims, secret, algorithm="HS256"),
        "endpoint_url": servers.s3.url,
        "region": servers.store.region,
        "access_key": servers.store.access_key,
        "secret_key": servers.store.secret_key,
        "target": target(servers, side),
        "buckets": servers.bucket_names(side),
        "origin": ORIGIN,
        "blocked": servers.has_public_access_block,
    }
