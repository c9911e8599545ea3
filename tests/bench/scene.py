# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage: a store, the emulator, a proxy in front of each, and for every side a bucket and a project of its own.

The sides keep one and the same end state: a bucket that is encrypted, closed to the public and has a CORS rule, and a
project whose recordings go there. No side has anything to set that another could not keep.
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
# What a snapshot of a bucket reads; a store answers with an error where nothing is set.
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
    """One way to keep the end state.

    :param playbook: its file: of playbooks/, or of tests/bench/playbooks/.
    """

    name: str
    playbook: str
    title: str
    is_ours: bool = True


@dataclass
class Scene:
    """Everything the sides run against. Not started here: the caller owns sandbox and proxies."""

    store: Store
    sandbox: Sandbox
    s3: RecordingProxy
    vonage: RecordingProxy
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)

    def set_latency(self, seconds: float) -> None:
        """Let every request take that much longer."""
        self.s3.latency = self.vonage.latency = seconds

    def clear(self) -> None:
        """Forget the requests so far."""
        self.s3.clear()
        self.vonage.clear()

    def kinds(self) -> list[str]:
        """Return what was requested since ``clear``, sorted: reads run side by side, in no order."""
        return sorted(
            [f"S3 {s3_kind(each)}" for each in self.s3.requests]
            + [f"Vonage {each.method} {each.path.rpartition('/')[2]}" for each in self.vonage.requests]
        )

    def bucket(self, side: Side) -> str:
        """Return the name of the side's bucket."""
        return f"bench-{side.name}"

    def project(self, side: Side) -> tuple[str, str]:
        """Return key and secret of the side's project."""
        if side.name not in self.keys:
            made = self.sandbox.vonage.add_project(side.name)
            self.keys[side.name] = (made.key, made.secret)
        return self.keys[side.name]

    def make_bucket(self, side: Side) -> None:
        """Make the side's bucket as AWS has made buckets since April 2023: closed to the public."""
        client = self.store.client()
        client.create_bucket(Bucket=self.bucket(side))
        if self.blocks:
            client.put_public_access_block(
                Bucket=self.bucket(side), PublicAccessBlockConfiguration=dict.fromkeys(BLOCKS, True)
            )

    @property
    def blocks(self) -> bool:
        """Whether the store has a public access block."""
        return self.store.name.startswith("moto")

    def variables(self, side: Side) -> dict[str, Any]:
        """Return the extra variables of a run, those of the role or those of the bench's own plays."""
        return role_variables(self, side) if side.name == "configure" else play_variables(self, side)

    def snapshot(self, side: Side) -> dict[str, Any]:
        """Return the end state as the servers hold it, without the names that differ between the sides."""
        found: dict[str, Any] = {}
        for name, (operation, key) in SUBRESOURCES.items():
            try:
                value = getattr(self.store.client(), operation)(Bucket=self.bucket(side)).get(key)
            except ClientError:
                value = None
            found[name] = json.loads(value) if name == "policy" and value else value
        held = self.sandbox.vonage.target(self.project(side)[0]) or {}
        found["target"] = {name: value for name, value in held.items() if value is not None}
        text = json.dumps(found, sort_keys=True).replace(self.bucket(side), "BUCKET")
        anonymous: dict[str, Any] = json.loads(text.replace(self.project(side)[0], "PROJECT"))
        return anonymous


def s3_kind(request: ProxiedRequest) -> str:
    """Return a request's method and what it is about: ``GET ?cors``, ``HEAD bucket``, ``GET object``."""
    subresource = request.query.partition("=")[0].partition("&")[0]
    has_key = len(request.path.strip("/").split("/")) > 1
    return f"{request.method} {f'?{subresource}' if subresource and not has_key else 'object' if has_key else 'bucket'}"


def target(scene: Scene, side: Side) -> dict[str, str]:
    """Return what Vonage is told. Its requests go to the store itself: they are not part of what is measured."""
    return {
        "bucket": scene.bucket(side),
        "access_key": scene.store.access_key,
        "secret_key": scene.store.secret_key,
        "endpoint": scene.store.endpoint_url,
    }


def role_variables(scene: Scene, side: Side) -> dict[str, Any]:
    """Return the variables of ``playbooks/configure.yml``.

    Without a lifecycle rule, which the role has by default: none of the peers compared could keep it. Without the proof
    of an upload, which only a run that changes something makes: moto would fail it, it answers preflights as it likes.
    """
    key, secret = scene.project(side)
    reach = target(scene, side)
    return {
        "archive_storage_api_url": scene.vonage.url,
        "archive_storage_api_key": key,
        "archive_storage_api_secret": secret,
        "archive_storage_bucket": reach["bucket"],
        "archive_storage_region": scene.store.region,
        "archive_storage_endpoint": reach["endpoint"],
        "archive_storage_endpoint_url": scene.s3.url,
        "archive_storage_access_key": scene.store.access_key,
        "archive_storage_secret_key": scene.store.secret_key,
        # As the peers: they cannot make keys.
        "archive_storage_uploader": "given",
        "archive_storage_uploader_access_key": reach["access_key"],
        "archive_storage_uploader_secret_key": reach["secret_key"],
        "archive_storage_cors_rules": [{"allowed_origins": [ORIGIN], "allowed_methods": ["GET"]}],
        "archive_storage_abort_incomplete_uploads_days": 0,
        "archive_storage_verify": False,
    }


def play_variables(scene: Scene, side: Side) -> dict[str, Any]:
    """Return the variables of the bench's own plays. The token is made for the peers, who would need a tool for it."""
    key, secret = scene.project(side)
    now = int(time.time())
    claims = {"iss": key, "ist": "project", "iat": now, "exp": now + TOKEN_SECONDS, "jti": f"bench-{now}"}
    return {
        "api_key": key,
        "api_secret": secret,
        "api_url": scene.vonage.url,
        "token": jwt.encode(claims, secret, algorithm="HS256"),
        "endpoint_url": scene.s3.url,
        "region": scene.store.region,
        "access_key": scene.store.access_key,
        "secret_key": scene.store.secret_key,
        "target": target(scene, side),
        "origin": ORIGIN,
        "blocked": scene.blocks,
    }
