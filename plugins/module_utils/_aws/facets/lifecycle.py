# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lifecycle rule of ours in a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The API replaces all rules at once, so that rules of others are sent along as they were read. Ours is found by its id,
which names the project where several share a bucket.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_api import Subresource
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.base import Facet

RULE_ID = "vonage-archiving"
DAYS = ("expire_days", "noncurrent_expire_days", "abort_incomplete_uploads_days")
# The periods after which objects or their versions are deleted.
DELETING = DAYS[:2]
# S3 User Guide, "Lifecycle configuration elements": "up to 1,000 rules. This limit is not adjustable."
MOST_RULES = 1000


@dataclass(frozen=True)
class LifecycleRule:
    """Days, counted from an object's creation (``expire_days``), from when it stopped being the current version
    (``noncurrent_expire_days``) or from the start of the upload; ``None`` for never.

    :param foreign: what somebody added to our rule by hand, as JSON.
    """

    expire_days: int | None = None
    noncurrent_expire_days: int | None = None
    abort_incomplete_uploads_days: int | None = None
    prefix: str = ""
    foreign: str = ""


def rule_id(scope: str | None) -> str:
    """The id of our rule about one project, or of the one that is about no project in particular."""
    return f"{RULE_ID}-{scope}" if scope else RULE_ID


@dataclass(frozen=True)
class LifecycleWish:
    """:param rule: ``None`` where there is to be none of ours.
    :param scope: the project that it is about.
    """

    rule: LifecycleRule | None = None
    scope: str | None = None


@dataclass(frozen=True)
class Lifecycle:
    """:param others: rules that are not ours, as read.
    :param transition_minimum: a setting of the whole configuration that a write without it would reset.
    :param id: the id by which ours was told from the others.
    """

    ours: LifecycleRule | None = None
    others: tuple[t.Mapping[str, t.Any], ...] = field(default=(), compare=False)
    transition_minimum: str | None = field(default=None, compare=False)
    id: str = field(default=RULE_ID, compare=False)

    def shortened_periods(self, target: LifecycleRule) -> list[str]:
        """The names of the periods after which ``target`` deletes objects sooner than any rule does now."""
        rules = [*([self.ours] if self.ours else []), *map(_parsed, self.others)]
        # A rule that has more conditions than a prefix, or is disabled, may not apply to the same objects.
        plain = [rule for rule in rules if not rule.foreign and target.prefix.startswith(rule.prefix)]
        names = []
        for name in DELETING:
            current = min((getattr(rule, name) for rule in plain if getattr(rule, name)), default=None)
            days = getattr(target, name)
            if days and (current is None or days < current):
                names.append(name)
        return names

    @property
    def scopes(self) -> list[str]:
        """The projects that have a rule of their own."""
        ids = [str(rule.get("ID")) for rule in self.others] + ([self.id] if self.ours else [])
        return sorted({found[len(RULE_ID) + 1 :] for found in ids if found.startswith(f"{RULE_ID}-")})


def rule_from_option(option: t.Mapping[str, t.Any]) -> LifecycleRule | None:
    """The rule, ``None`` where no day is given: then there is to be none of ours."""
    expire, noncurrent, abort = (option.get(name) or None for name in DAYS)
    if not (expire or noncurrent or abort):
        return None
    return LifecycleRule(expire, noncurrent, abort, prefix=option.get("prefix") or "")


class LifecycleFacet(Facet[LifecycleWish, Lifecycle]):
    name = "lifecycle"
    sub = Subresource(
        title="the lifecycle rules",
        get="get_bucket_lifecycle_configuration",
        put="put_bucket_lifecycle_configuration",
        delete="delete_bucket_lifecycle",
        roots=frozenset({"LifecycleConfiguration"}),
        absent=frozenset({"NoSuchLifecycleConfiguration"}),
        actions=(
            "s3:GetLifecycleConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:PutLifecycleConfiguration",
        ),
    )

    def understood(self, found: dict[str, t.Any] | None, wanted: LifecycleWish) -> Lifecycle:
        return self.parse(found, rule_id(wanted.scope))

    def parse(self, found: dict[str, t.Any] | None, ours: str = RULE_ID) -> Lifecycle:
        rules = (found or {}).get("Rules", [])
        mine = [rule for rule in rules if rule.get("ID") == ours]
        return Lifecycle(
            ours=_parsed(mine[0]) if mine else None,
            others=tuple(rule for rule in rules if rule.get("ID") != ours),
            transition_minimum=(found or {}).get("TransitionDefaultMinimumObjectSize"),
            id=ours,
        )

    def target(self, wanted: LifecycleWish, current: Lifecycle) -> Lifecycle:
        return replace(current, ours=wanted.rule, id=rule_id(wanted.scope))

    def excess(self, state: Lifecycle) -> str:
        number = len(state.others) + bool(state.ours)
        return f"{number} rules, of which S3 takes {MOST_RULES}" if number > MOST_RULES else ""

    def show(self, state: Lifecycle) -> t.Any:
        if state.ours is None:
            return {}
        shown = {name: getattr(state.ours, name) for name in (*DAYS, "prefix", "foreign")}
        return {name: value for name, value in shown.items() if value}

    def payload(self, state: Lifecycle) -> dict[str, t.Any] | None:
        # AWS takes no configuration in which some rules have a filter and others the older prefix of their own.
        older = any("Prefix" in rule and "Filter" not in rule for rule in state.others)
        rules = [*state.others, *([_sent(state.id, state.ours, older)] if state.ours else [])]
        if not rules:
            return None
        payload: dict[str, t.Any] = {"LifecycleConfiguration": {"Rules": rules}}
        if state.transition_minimum:
            payload["TransitionDefaultMinimumObjectSize"] = state.transition_minimum
        return payload


def _parsed(rule: t.Mapping[str, t.Any]) -> LifecycleRule:
    filters = {**(rule.get("Filter") or {}), **((rule.get("Filter") or {}).get("And") or {})}
    filters.pop("And", None)
    prefix = filters.pop("Prefix", rule.get("Prefix", "")) or ""
    filters = {key: value for key, value in filters.items() if value}
    rest = {key: value for key, value in rule.items() if key not in _SENT_KEYS}
    if filters:
        rest["Filter"] = filters
    for element, key in _DAYS_KEYS:
        # Some stores fill in False and 0 for what was not given.
        more = {name: value for name, value in (rule.get(element) or {}).items() if name != key and value}
        if more:
            rest[element] = more
    if rule.get("Status") != "Enabled":
        rest["Status"] = rule.get("Status")
    expire, noncurrent, abort = (_days(rule, element, key) for element, key in _DAYS_KEYS)
    foreign = json.dumps(rest, sort_keys=True, default=str) if rest else ""
    return LifecycleRule(expire, noncurrent, abort, prefix, foreign)


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


def _sent(name: str, rule: LifecycleRule, older: bool) -> dict[str, t.Any]:
    where: dict[str, t.Any] = {"Prefix": rule.prefix} if older else {"Filter": {"Prefix": rule.prefix}}
    sent: dict[str, t.Any] = {"ID": name, "Status": "Enabled", **where}
    for days, (element, key) in zip(DAYS, _DAYS_KEYS):
        if getattr(rule, days):
            sent[element] = {key: getattr(rule, days)}
    return sent
