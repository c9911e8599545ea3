# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Default encryption of a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Vonage can upload with S3-managed keys (SSE-S3) only, "and not KMS or customer-provided keys" (Vonage guide "Amazon S3
server-side encryption"). Since January 2023 AWS encrypts everything with SSE-S3 and never reports less (S3 User Guide,
"Setting default server-side encryption behavior").
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_api import Bucket, Subresource
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.base import CONFIRM_PAUSES, Facet
from ansible_collections.vonage.archiving.plugins.module_utils._errors import RejectedError, UnsupportedError

SSE_S3 = "AES256"
# Reads after a removal until AES256 is believed to be the store's own.
FLOOR_TRIES = 3


@dataclass(frozen=True)
class Encryption:
    """:param algorithm: ``None`` where there is no default encryption.
    :param blocked: kinds of encryption that uploads may not have, which a write without them would reset.
    """

    algorithm: str | None
    kms_key: str | None = None
    blocked: t.Mapping[str, t.Any] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class EncryptionWish:
    """:param floor: the store reports AES256 even when nothing is set, as AWS does."""

    mode: str
    floor: bool


class EncryptionFacet(Facet[EncryptionWish, Encryption]):
    name = "encryption"
    sub = Subresource(
        title="the default encryption",
        get="get_bucket_encryption",
        put="put_bucket_encryption",
        delete="delete_bucket_encryption",
        roots=frozenset({"ServerSideEncryptionConfiguration"}),
        absent=frozenset({"ServerSideEncryptionConfigurationNotFoundError"}),
        actions=("s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration", "s3:PutEncryptionConfiguration"),
    )

    def read(self, bucket: Bucket, wanted: EncryptionWish | None) -> Encryption:
        try:
            return super().read(bucket, wanted)  # type: ignore[arg-type]
        except UnsupportedError as exc:
            # LocalEmu answers so once the default is removed. Nothing is written on the strength of it.
            if wanted and wanted.mode == "none" and exc.facts.get("answer") == "empty":
                return Encryption(None)
            raise

    def parse(self, found: dict[str, t.Any] | None) -> Encryption:
        rules = (found or {}).get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
        default = rules[0].get("ApplyServerSideEncryptionByDefault", {}) if rules else {}
        blocked = rules[0].get("BlockedEncryptionTypes") if rules else None
        return Encryption(default.get("SSEAlgorithm"), default.get("KMSMasterKeyID"), blocked)

    def target(self, wanted: EncryptionWish, current: Encryption) -> Encryption:
        if wanted.mode == "s3":
            return Encryption(SSE_S3, blocked=current.blocked)
        if current.algorithm in (None, SSE_S3):
            return current if wanted.floor else Encryption(None)
        raise RejectedError(
            "leave the bucket without a default encryption of ours",
            f"its default is {current.algorithm}, which is not ours to remove and which Vonage cannot upload with",
            "Set encryption=s3 to replace it by S3-managed keys, or remove it yourself first.",
            kms_key=current.kms_key,
        )

    def show(self, state: Encryption) -> t.Any:
        if state.algorithm in (None, SSE_S3):
            return "none" if state.algorithm is None else "s3"
        return f"{state.algorithm} ({state.kms_key})" if state.kms_key else state.algorithm

    def payload(self, state: Encryption) -> dict[str, t.Any] | None:
        if state.algorithm is None:
            return None
        rule: dict[str, t.Any] = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": state.algorithm}}
        if state.blocked:
            rule["BlockedEncryptionTypes"] = state.blocked
        return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}

    def confirm(self, bucket: Bucket, wanted: EncryptionWish, state: Encryption) -> bool:
        if wanted.mode != "none":
            return super().confirm(bucket, wanted, state)
        # A store other than AWS may have the same floor, which shows only now.
        for pause in CONFIRM_PAUSES[:FLOOR_TRIES]:
            time.sleep(pause)
            if self.read(bucket, wanted).algorithm is None:
                return True
        return False
