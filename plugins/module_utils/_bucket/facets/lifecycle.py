# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The managed lifecycle rule of a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A write replaces all rules. It therefore includes the unmanaged rules as they were read. The id identifies the managed
rule. It contains the project if several projects share the bucket.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field, replace

from ..._aws.s3_client import Subresource
from ..._core.values import parse_days
from .base import Facet

RULE_ID = "vonage-archiving"
DAYS = ("expire_days", "noncurrent_expire_days", "abort_incomplete_uploads_days")
# The periods after which objects or their versions are deleted.
DELETING = DAYS[:2]
# S3 User Guide, "Lifecycle configuration elements": "up to 1,000 rules. This limit is not adjustable."
MOST_RULES = 1000


@dataclass(frozen=True)
class LifecycleRule:
    """Days since the creation of an object (``expire_days``), since it stopped being the current version
    (``noncurrent_expire_days``), or since the start of the upload; ``None`` for never.

    :param unmanaged_fields: additions to the managed rule by hand, as JSON.
    """

    expire_days: int | None = None
    noncurrent_expire_days: int | None = None
    abort_incomplete_uploads_days: int | None = None
    prefix: str = ""
    unmanaged_fields: str = ""

    @property
    def is_unconditional(self) -> bool:
        """Whether the rule applies to all objects below its prefix."""
        return not {"Filter", "Status"} & set(json.loads(self.unmanaged_fields or "{}"))


def rule_id(project: str | None) -> str:
    """The id of the managed rule of a project, or of the whole bucket."""
    return f"{RULE_ID}-{project}" if project else RULE_ID


@dataclass(frozen=True)
class DesiredLifecycle:
    """:param rule: ``None`` to delete the managed rule."""

    rule: LifecycleRule | None = None
    project: str | None = None


@dataclass(frozen=True)
class Lifecycle:
    """:param others: the unmanaged rules, as read.
    :param transition_minimum: a setting of the whole configuration. A write without it would reset it.
    :param id: the id of the managed rule.
    """

    managed: LifecycleRule | None = None
    others: tuple[t.Mapping[str, t.Any], ...] = field(default=(), compare=False)
    transition_minimum: str | None = field(default=None, compare=False)
    id: str = field(default=RULE_ID, compare=False)

    def shortened_periods(self, target: LifecycleRule) -> list[str]:
        """The names of the periods after which ``target`` deletes objects sooner than any rule does now."""
        rules = [*([self.managed] if self.managed else []), *map(_parse_rule, self.others)]
        # A disabled rule, or one with more conditions than a prefix, may not apply to the same objects.
        comparable = [rule for rule in rules if not rule.unmanaged_fields and target.prefix.startswith(rule.prefix)]
        names = []
        for name in DELETING:
            current = min((getattr(rule, name) for rule in comparable if getattr(rule, name)), default=None)
            days = getattr(target, name)
            if days and (current is None or days < current):
                names.append(name)
        return names

    def retention_days(self, prefix: str) -> int | None:
        """The days after which a rule deletes every object below the prefix; ``None`` without such a rule."""
        rules = [*([self.managed] if self.managed else []), *map(_parse_rule, self.others)]
        applicable = [rule for rule in rules if rule.is_unconditional and prefix.startswith(rule.prefix)]
        return min((rule.expire_days for rule in applicable if rule.expire_days), default=None)

    @property
    def projects(self) -> list[str]:
        """The projects that have a rule of their own."""
        ids = [str(rule.get("ID")) for rule in self.others] + ([self.id] if self.managed else [])
        return sorted({name[len(RULE_ID) + 1 :] for name in ids if name.startswith(f"{RULE_ID}-")})


def rule_from_option(option: t.Mapping[str, t.Any]) -> LifecycleRule | None:
    """The rule; ``None`` if no number of days is set: the managed rule is deleted."""
    expire, noncurrent, abort = (parse_days(option.get(name)) or None for name in DAYS)
    if not (expire or noncurrent or abort):
        return None
    return LifecycleRule(expire, noncurrent, abort, prefix=option.get("prefix") or "")


class LifecycleFacet(Facet[DesiredLifecycle, Lifecycle]):
    name = "lifecycle"
    subresource = Subresource(
        title="the lifecycle rules",
        get="get_bucket_lifecycle_configuration",
        put="put_bucket_lifecycle_configuration",
        delete="delete_bucket_lifecycle",
        expected_root_elements=frozenset({"LifecycleConfiguration"}),
        not_set_codes=frozenset({"NoSuchLifecycleConfiguration"}),
        actions=(
            "s3:GetLifecycleConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:PutLifecycleConfiguration",
        ),
    )

    def parse_scoped(self, response: dict[str, t.Any] | None, desired: DesiredLifecycle) -> Lifecycle:
        return self.parse(response, rule_id(desired.project))

    def parse(self, response: dict[str, t.Any] | None, managed_id: str = RULE_ID) -> Lifecycle:
        rules = (response or {}).get("Rules", [])
        managed_rules = [rule for rule in rules if rule.get("ID") == managed_id]
        return Lifecycle(
            managed=_parse_rule(managed_rules[0]) if managed_rules else None,
            others=tuple(rule for rule in rules if rule.get("ID") != managed_id),
            transition_minimum=(response or {}).get("TransitionDefaultMinimumObjectSize"),
            id=managed_id,
        )

    def target(self, desired: DesiredLifecycle, current: Lifecycle) -> Lifecycle:
        return replace(current, managed=desired.rule, id=rule_id(desired.project))

    def limit_exceeded(self, state: Lifecycle) -> str:
        number = len(state.others) + bool(state.managed)
        return f"{number} rules, and S3 allows at most {MOST_RULES}" if number > MOST_RULES else ""

    def to_option(self, state: Lifecycle) -> t.Any:
        if state.managed is None:
            return {}
        values = {name: getattr(state.managed, name) for name in (*DAYS, "prefix", "unmanaged_fields")}
        return {name: value for name, value in values.items() if value}

    def payload(self, state: Lifecycle) -> dict[str, t.Any] | None:
        # AWS rejects a configuration in which some rules have a filter and others the older prefix.
        has_prefixes = any("Prefix" in rule and "Filter" not in rule for rule in state.others)
        rules = [*state.others, *([_to_api(state.id, state.managed, has_prefixes)] if state.managed else [])]
        if not rules:
            return None
        payload: dict[str, t.Any] = {"LifecycleConfiguration": {"Rules": rules}}
        if state.transition_minimum:
            payload["TransitionDefaultMinimumObjectSize"] = state.transition_minimum
        return payload


def _parse_rule(rule: t.Mapping[str, t.Any]) -> LifecycleRule:
    filters = {**(rule.get("Filter") or {}), **((rule.get("Filter") or {}).get("And") or {})}
    filters.pop("And", None)
    prefix = filters.pop("Prefix", rule.get("Prefix", "")) or ""
    filters = {key: value for key, value in filters.items() if value}
    unmanaged = {key: value for key, value in rule.items() if key not in _SENT_KEYS}
    if filters:
        unmanaged["Filter"] = filters
    for element, key in _DAYS_KEYS:
        # Some stores fill in False and 0 for fields that are not set.
        fields = {name: value for name, value in (rule.get(element) or {}).items() if name != key and value}
        if fields:
            unmanaged[element] = fields
    if rule.get("Status") != "Enabled":
        unmanaged["Status"] = rule.get("Status")
    expire, noncurrent, abort = (_days(rule, element, key) for element, key in _DAYS_KEYS)
    unmanaged_fields = json.dumps(unmanaged, sort_keys=True, default=str) if unmanaged else ""
    return LifecycleRule(expire, noncurrent, abort, prefix, unmanaged_fields)


# In the order of the fields of LifecycleRule.
_DAYS_KEYS = (
    ("Expiration", "Days"),
    ("NoncurrentVersionExpiration", "NoncurrentDays"),
    ("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
)
_SENT_KEYS = frozenset({"ID", "Status", "Filter", "Prefix", *(element for element, key in _DAYS_KEYS)})


def _days(rule: t.Mapping[str, t.Any], element: str, key: str) -> int | None:
    value = (rule.get(element) or {}).get(key)
    return int(value) if value else None


def _to_api(name: str, rule: LifecycleRule, has_prefix: bool) -> dict[str, t.Any]:
    scope: dict[str, t.Any] = {"Prefix": rule.prefix}
    document = {"ID": name, "Status": "Enabled", **(scope if has_prefix else {"Filter": scope})}
    for days, (element, key) in zip(DAYS, _DAYS_KEYS):
        if getattr(rule, days):
            document[element] = {key: getattr(rule, days)}
    return document
