# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The public access block of a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

S3 User Guide, "Blocking public access to your Amazon S3 storage": two of the four settings are about ACLs, two about
bucket policies. Opening a prefix by policy needs exactly the two policy settings off. New buckets have all four on.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_api import Subresource
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.base import Facet


@dataclass(frozen=True)
class Block:
    """The four settings; a block that is not set is one with all of them off."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False

    def __or__(self, other: Block) -> Block:
        return Block(*(mine or theirs for mine, theirs in zip(self.values, other.values)))

    @property
    def values(self) -> tuple[bool, bool, bool, bool]:
        acls = (self.block_public_acls, self.ignore_public_acls)
        return (*acls, self.block_public_policy, self.restrict_public_buckets)


@dataclass(frozen=True)
class BlockWish:
    """:param all: the option ``block_public_access``, ``None`` where it is not given.
    :param policies: whether public policies are to be blocked, ``None`` where that is nobody's wish.
    :param kept: whether these two settings are other projects' affair, so that they stay unless all are taken off.
    """

    all: bool | None = None
    policies: bool | None = None
    kept: bool = False


class BlockFacet(Facet[BlockWish, Block]):
    name = "block_public_access"
    sub = Subresource(
        title="the public access block",
        get="get_public_access_block",
        put="put_public_access_block",
        delete="delete_public_access_block",
        roots=frozenset({"PublicAccessBlockConfiguration"}),
        absent=frozenset({"NoSuchPublicAccessBlockConfiguration"}),
        actions=(
            "s3:GetBucketPublicAccessBlock",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketPublicAccessBlock",
        ),
    )

    def parse(self, found: dict[str, t.Any] | None) -> Block:
        config = (found or {}).get("PublicAccessBlockConfiguration", {})
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        return Block(*(bool(config.get(name)) for name in names))

    def fresh(self, on_aws: bool) -> Block:
        return Block(True, True, True, True) if on_aws else Block()

    def target(self, wanted: BlockWish, current: Block) -> Block:
        acls, ignore, policy, restrict = current.values
        if wanted.all is not None:
            acls = ignore = policy = restrict = wanted.all
        if wanted.policies is not None and wanted.all is not False:
            policy = restrict = wanted.policies
        if wanted.kept and wanted.all is not False:
            policy, restrict = current.block_public_policy, current.restrict_public_buckets
        return Block(acls, ignore, policy, restrict)

    def show(self, state: Block) -> dict[str, bool]:
        names = ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")
        return dict(zip(names, state.values))

    def payload(self, state: Block) -> dict[str, t.Any] | None:
        # Never deleted: a configuration with all four off means the same, and no store can mistake it for the bucket.
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        return {"PublicAccessBlockConfiguration": dict(zip(names, state.values))}
