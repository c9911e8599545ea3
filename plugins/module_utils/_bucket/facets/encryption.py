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

import typing as t
from dataclasses import dataclass, field

from ..._aws.s3_client import Bucket, Subresource
from ..._core.errors import RejectedError, UnsupportedError
from .base import CONFIRM_BACKOFF, Facet

SSE_S3 = "AES256"
# The values of the option. With the last two, a default encryption with KMS is unmanaged: it is kept, or refused.
S3, NONE, KEEP_KMS, REFUSE_KMS = MODES = ("s3", "none", "keep_kms", "refuse_kms")
# The number of reads after a deletion that must return AES256 before it counts as implicit encryption of the store.
IMPLICIT_ENCRYPTION_READS = 3


@dataclass(frozen=True)
class Encryption:
    """:param algorithm: ``None`` if there is no default encryption.
    :param blocked: kinds of encryption that are blocked for uploads. A write without them would reset them.
    """

    algorithm: str | None
    kms_key: str | None = None
    blocked: t.Mapping[str, t.Any] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class DesiredEncryption:
    """:param mode: one of ``MODES``.
    :param always_encrypted: whether the store returns AES256 even if nothing is set, as AWS does.
    """

    mode: str
    always_encrypted: bool = False


class EncryptionFacet(Facet[DesiredEncryption, Encryption]):
    name = "encryption"
    subresource = Subresource(
        title="the default encryption",
        get="get_bucket_encryption",
        put="put_bucket_encryption",
        delete="delete_bucket_encryption",
        expected_root_elements=frozenset({"ServerSideEncryptionConfiguration"}),
        not_set_codes=frozenset({"ServerSideEncryptionConfigurationNotFoundError"}),
        actions=("s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration", "s3:PutEncryptionConfiguration"),
    )

    def read(self, bucket: Bucket, desired: DesiredEncryption | None) -> Encryption:
        try:
            return super().read(bucket, desired)  # type: ignore[arg-type]
        except UnsupportedError as exc:
            # The response of LocalEmu after the default is deleted. No write depends on it.
            if desired and desired.mode in (NONE, REFUSE_KMS) and exc.facts.get("answer") == "empty":
                return Encryption(None)
            raise

    def parse(self, response: dict[str, t.Any] | None) -> Encryption:
        rules = (response or {}).get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
        default = rules[0].get("ApplyServerSideEncryptionByDefault", {}) if rules else {}
        blocked = rules[0].get("BlockedEncryptionTypes") if rules else None
        return Encryption(default.get("SSEAlgorithm"), default.get("KMSMasterKeyID"), blocked)

    def target(self, desired: DesiredEncryption, current: Encryption) -> Encryption:
        is_kms = current.algorithm not in (None, SSE_S3)
        if desired.mode == KEEP_KMS and is_kms:
            return current
        if desired.mode in (S3, KEEP_KMS):
            return Encryption(SSE_S3, blocked=current.blocked)
        if not is_kms:
            is_kept = desired.always_encrypted or desired.mode == REFUSE_KMS
            return current if is_kept else Encryption(None)
        if desired.mode == REFUSE_KMS:
            raise RejectedError(
                "use the bucket with s3.sse=none",
                f"its default encryption is {current.algorithm}, which applies to every upload that does not request "
                "SSE-S3, and the upload key has no permission for keys of KMS",
                "Use s3.sse=s3, which overrides the default, or change the default encryption of the bucket. Nothing "
                "was changed.",
                kms_key=current.kms_key,
            )
        raise RejectedError(
            "set encryption=none",
            f"the default encryption of the bucket is {current.algorithm}, which this collection does not manage and "
            "Vonage cannot upload with",
            "Set encryption=s3 to replace it by S3-managed keys, or delete it yourself first.",
            kms_key=current.kms_key,
        )

    def to_option(self, state: Encryption) -> t.Any:
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

    def confirm(self, bucket: Bucket, desired: DesiredEncryption, state: Encryption) -> bool:
        if desired.mode != NONE:
            return super().confirm(bucket, desired, state)
        # Another store may always encrypt too, which shows only after the deletion.
        current = bucket.wait_until(
            lambda: self.read(bucket, desired),
            lambda current: current.algorithm is None,
            CONFIRM_BACKOFF[: IMPLICIT_ENCRYPTION_READS - 1],
        )
        return current.algorithm is None
