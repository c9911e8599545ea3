# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The public access block of a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

S3 User Guide, "Blocking public access to your Amazon S3 storage": two of the four settings are about ACLs, two about
bucket policies. A policy can open a prefix only if the latter two are off. New buckets have all four on.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..._aws.s3_client import Subresource
from .base import Facet


@dataclass(frozen=True)
class Block:
    """The four settings. A block that is not set has all of them off."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False

    def __or__(self, other: Block) -> Block:
        return Block(*map(any, zip(self.values, other.values)))

    @property
    def values(self) -> tuple[bool, bool, bool, bool]:
        acls = (self.block_public_acls, self.ignore_public_acls)
        return (*acls, self.block_public_policy, self.restrict_public_buckets)


@dataclass(frozen=True)
class DesiredPublicAccessBlock:
    """:param all: the option ``block_public_access``; ``None`` if it is not set.
    :param policies: whether to block public policies, from the option ``public_prefixes``; ``None`` if it is not set.
    :param kept: whether other projects need the two settings about policies. Only ``all=False`` then changes them.
    """

    all: bool | None = None
    policies: bool | None = None
    kept: bool = False


class BlockFacet(Facet[DesiredPublicAccessBlock, Block]):
    name = "block_public_access"
    subresource = Subresource(
        title="the public access block",
        get="get_public_access_block",
        put="put_public_access_block",
        delete="delete_public_access_block",
        expected_root_elements=frozenset({"PublicAccessBlockConfiguration"}),
        not_set_codes=frozenset({"NoSuchPublicAccessBlockConfiguration"}),
        actions=(
            "s3:GetBucketPublicAccessBlock",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketPublicAccessBlock",
        ),
    )

    def required_options(self, desired: DesiredPublicAccessBlock) -> tuple[str, ...]:
        # public_prefixes needs the block off, which a store without a block satisfies.
        return (self.name,) if desired.all else ()

    def without_required_options(self, desired: DesiredPublicAccessBlock) -> DesiredPublicAccessBlock | None:
        return desired if desired.all is False else None

    def parse(self, response: dict[str, t.Any] | None) -> Block:
        config = (response or {}).get("PublicAccessBlockConfiguration", {})
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        return Block(*(bool(config.get(name)) for name in names))

    def default_state(self, on_aws: bool) -> Block:
        return Block(True, True, True, True) if on_aws else Block()

    def target(self, desired: DesiredPublicAccessBlock, current: Block) -> Block:
        acls, ignore, policy, restrict = current.values
        if desired.all is not None:
            acls = ignore = policy = restrict = desired.all
        if desired.policies is not None and desired.all is not False:
            policy = restrict = desired.policies
        if desired.kept and desired.all is not False:
            policy, restrict = current.block_public_policy, current.restrict_public_buckets
        return Block(acls, ignore, policy, restrict)

    def to_option(self, state: Block) -> dict[str, bool]:
        names = ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")
        return dict(zip(names, state.values))

    def payload(self, state: Block) -> dict[str, t.Any] | None:
        # Never deleted: all four off has the same meaning, and a store may take the DELETE for one of the bucket.
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        return {"PublicAccessBlockConfiguration": dict(zip(names, state.values))}
