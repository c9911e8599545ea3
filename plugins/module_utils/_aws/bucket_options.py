# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the options of ``s3_archive_bucket`` to what is wanted of each facet. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.vonage.archiving.plugins.module_utils._aws import connection as aws
from ansible_collections.vonage.archiving.plugins.module_utils._aws import names
from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets import cors, lifecycle, settings, tagging
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.block import BlockWish
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.encryption import EncryptionWish
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.policy import PolicyWish
from ansible_collections.vonage.archiving.plugins.module_utils._errors import InputError

CORS_RULE = {
    "id": {"type": "str"},
    "allowed_origins": {"type": "list", "elements": "str", "required": True},
    "allowed_methods": {"type": "list", "elements": "str", "required": True},
    "allowed_headers": {"type": "list", "elements": "str"},
    "expose_headers": {"type": "list", "elements": "str"},
    "max_age_seconds": {"type": "int"},
}
LIFECYCLE = {
    "expire_days": {"type": "int"},
    "noncurrent_expire_days": {"type": "int"},
    "abort_incomplete_uploads_days": {"type": "int"},
    "prefix": {"type": "str"},
}
# What the option allow can contain: consent to changes that affect data which is already in the bucket.
ADOPT_BUCKET, SHORTER_RETENTION = "adopt_bucket", "shorter_retention"
ALLOWABLE = (ADOPT_BUCKET, SHORTER_RETENTION)
ARGUMENTS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True, "aliases": ["bucket"]},
    "scope": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "force": {"type": "bool", "default": False},
    "allow": {"type": "list", "elements": "str", "choices": list(ALLOWABLE)},
    "encryption": {"type": "str"},
    "cors_rules": {"type": "list", "elements": "dict", "options": CORS_RULE},
    "folders": {"type": "list", "elements": "str"},
    "public_prefixes": {"type": "list", "elements": "str"},
    "block_public_access": {"type": "bool"},
    "require_tls": {"type": "bool"},
    "require_encryption": {"type": "bool"},
    "defer_requirements": {"type": "bool", "default": False},
    "object_ownership": {
        "type": "str",
        "choices": ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"],
    },
    "versioning": {"type": "str", "choices": ["Enabled", "Suspended"]},
    "lifecycle": {"type": "dict", "options": LIFECYCLE},
    "tags": {"type": "dict"},
    "purge_tags": {"type": "bool", "default": False},
    **aws.ARGUMENTS,
}


@dataclass(frozen=True)
class Desired:
    """A bucket as the options describe it.

    :param scope: the project that this is about, where several share the bucket.
    :param allow: the changes that the user consents to, see ``ALLOWABLE``.
    :param folders: the folders that the options name, each with a slash at its end.
    :param region: only if given as an option: then a bucket that is elsewhere is an error.
    :param wishes: by name of the facet; facets that no option mentions are neither read nor written.
    """

    name: str
    present: bool = True
    force: bool = False
    scope: str | None = None
    region: str | None = None
    allow: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()
    wishes: t.Mapping[str, t.Any] = field(default_factory=dict)

    def for_new_bucket(self) -> Desired:
        """The same without deferred requirements: no recording can be on its way to a bucket that does not exist."""
        wish = self.wishes.get("policy")
        if not isinstance(wish, PolicyWish):
            return self
        return replace(self, wishes={**self.wishes, "policy": replace(wish, defer=False)})

    def on_a_store_that_encrypts(self) -> Desired:
        """The same on a store that has been found to report AES256 whatever is set."""
        wish = self.wishes.get("encryption")
        if not isinstance(wish, EncryptionWish):
            return self
        return replace(self, wishes={**self.wishes, "encryption": replace(wish, floor=True)})


def desired(params: t.Mapping[str, t.Any], connection: Connection) -> Desired:
    """:raises InputError: with everything that is wrong, before anything is sent."""
    problems = _problems(params, connection)
    if problems:
        raise InputError(problems)
    present = params.get("state") != "absent"
    return Desired(
        name=params["name"],
        present=present,
        force=bool(params.get("force")),
        scope=params.get("scope"),
        region=params.get("region"),
        allow=frozenset(params.get("allow") or ()),
        folders=_folders(params),
        wishes=_wishes(params, connection) if present else {},
    )


def _wishes(params: t.Mapping[str, t.Any], connection: Connection) -> dict[str, t.Any]:
    wishes: dict[str, t.Any] = {}
    if params.get("encryption"):
        wishes["encryption"] = EncryptionWish(params["encryption"], floor=connection.is_aws)
    for name in ("object_ownership", "versioning"):
        if params.get(name):
            wishes[name] = params[name]
    wishes.update(_access_wishes(params, connection))
    if params.get("lifecycle") is not None:
        rule = lifecycle.rule_from_option(params["lifecycle"])
        wishes["lifecycle"] = lifecycle.LifecycleWish(rule, params.get("scope"))
    if params.get("tags") is not None:
        tags = tagging.tags_from_option(params["tags"])
        wishes["tags"] = tagging.TagWish(tags, bool(params.get("purge_tags")))
    if params.get("folders"):
        wishes["folders"] = _folders(params)
    if params.get("cors_rules") is not None:
        wishes["cors_rules"] = tuple(cors.rule_from_option(rule) for rule in params["cors_rules"])
    return wishes


def _folders(params: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    return tuple(sorted({names.folder(name) for name in params.get("folders") or ()}))


def _access_wishes(params: t.Mapping[str, t.Any], connection: Connection) -> dict[str, t.Any]:
    """The policy and the public access block: the option ``public_prefixes`` concerns both."""
    wishes: dict[str, t.Any] = {}
    prefixes = params.get("public_prefixes")
    opened = None if prefixes is None else tuple(sorted({names.folder(prefix) for prefix in prefixes}))
    arn = f"arn:{names.partition(connection.region if connection.is_aws else None)}:s3:::{params['name']}"
    policy = PolicyWish(
        arn,
        opened,
        params.get("require_tls"),
        params.get("require_encryption"),
        params.get("scope"),
        defer=bool(params.get("defer_requirements")),
    )
    if policy.asked:
        wishes["policy"] = policy
    block = BlockWish(params.get("block_public_access"), None if opened is None else not opened)
    if block != BlockWish():
        wishes["block_public_access"] = block
    return wishes


def _problems(params: t.Mapping[str, t.Any], connection: Connection) -> list[str]:
    problems = [why for why in [names.bucket_problem(params["name"])] if why]
    problems += _region_problems(params, connection)
    problems += [why for why in [names.scope_problem(params.get("scope") or "any")] if why]
    unknown = sorted({*(params.get("allow") or ())} - {*ALLOWABLE})
    problems += [f"allow has {', '.join(unknown)}; possible are {', '.join(ALLOWABLE)}"] if unknown else []
    problems += _prefix_problems(params)
    if params.get("state") == "absent":
        return problems
    problems += _scope_problems(params)
    problems += _value_problems(params)
    problems += cors.rule_problems([cors.rule_from_option(rule) for rule in params.get("cors_rules") or ()])
    problems += tagging.tag_problems(params.get("tags") or {})
    if params.get("require_tls") and not connection.is_encrypted:
        problems.append(
            f"require_tls would lock out the very connection that sets it: endpoint_url {connection.endpoint_url} "
            "is not https"
        )
    return problems


def _region_problems(params: t.Mapping[str, t.Any], connection: Connection) -> list[str]:
    if connection.is_aws and connection.region == "cn-north-1":
        # Guide "Using S3 storage with OpenTok archiving": any region but this one.
        return ["the region cn-north-1, China (Beijing), is the one that Vonage cannot upload to"]
    region = params.get("region")
    if region and not all(part.isalnum() for part in region.split("-")):
        return [f"the region {region!r} is no name of a region"]
    return []


def _prefix_problems(params: t.Mapping[str, t.Any]) -> list[str]:
    problems = []
    for option in ("folders", "public_prefixes"):
        found = (names.prefix_problem(prefix) for prefix in params.get(option) or ())
        problems += [f"{option}: {why}" for why in found if why]
    problems += [
        f"public_prefixes: {prefix!r} would show the records below {names.RECORDS_PREFIX} to everybody"
        for prefix in params.get("public_prefixes") or ()
        if names.exposes_records(prefix)
    ]
    return problems


def _scope_problems(params: t.Mapping[str, t.Any]) -> list[str]:
    """With a scope, nothing may be asked for that is about other projects."""
    scope = params.get("scope")
    if not scope or names.scope_problem(scope):
        return []
    problems = [
        f"public_prefixes: {prefix!r} is outside of scope {scope!r}: it must be {scope} or lie below it"
        for prefix in params.get("public_prefixes") or ()
        if not names.folder(prefix).startswith(names.folder(scope))
    ]
    rule = lifecycle.rule_from_option(params.get("lifecycle") or {})
    if rule and not rule.prefix.startswith(names.folder(scope)):
        problems.append(
            f"lifecycle.prefix {rule.prefix!r} is outside of scope {scope!r}: it must begin with {scope}/, or the rule "
            "would be about other projects' recordings too"
        )
    return problems


def _value_problems(params: t.Mapping[str, t.Any]) -> list[str]:
    problems = []
    if params.get("encryption") not in (None, "s3", "none"):
        problems.append(
            f"encryption {params['encryption']!r} is not s3 or none; Vonage can upload with S3-managed keys only, "
            "not with KMS or keys of your own"
        )
    for option, values in (("object_ownership", settings.OWNERSHIPS), ("versioning", settings.VERSIONINGS)):
        if params.get(option) not in (None, *values):
            problems.append(f"{option} {params[option]!r} is not one of {', '.join(values)}")
    days = params.get("lifecycle") or {}
    if str(days.get("prefix") or "").startswith("/"):
        problems.append("lifecycle.prefix starts with a slash, as no key does: the rule would never apply")
    problems += [f"lifecycle.{name} must not be negative" for name in lifecycle.DAYS if (days.get(name) or 0) < 0]
    if days.get("prefix") and all(days.get(name) is None for name in lifecycle.DAYS):
        problems.append("lifecycle has a prefix but no number of days")
    if params.get("purge_tags") and params.get("tags") is None:
        problems.append("purge_tags without tags would remove every tag: give tags, even if it is {}")
    return problems
