# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CORS rules of a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

"Amazon S3 uses the first CORS rule that matches" (S3 User Guide, "Using cross-origin resource sharing"): the order of
rules matters. Within a rule, the lists are sets.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ..._aws.s3_client import Subresource
from ..._core.problems import Problems
from .base import Facet

METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")
MOST_RULES = 100
_PRINTABLE = re.compile(r"[!-~]*")
# RFC 9110, "Tokens".
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_API_NAMES = {
    "allowed_origins": "AllowedOrigins",
    "allowed_methods": "AllowedMethods",
    "allowed_headers": "AllowedHeaders",
    "expose_headers": "ExposeHeaders",
    "max_age_seconds": "MaxAgeSeconds",
    "id": "ID",
}


@dataclass(frozen=True)
class CorsRule:
    """A rule in its comparable form. Header names are compared without regard to case, as in HTTP."""

    allowed_origins: tuple[str, ...]
    allowed_methods: tuple[str, ...]
    allowed_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age_seconds: int | None = None
    id: str | None = None

    @property
    def meaning(self) -> tuple[t.Any, ...]:
        headers = (self.allowed_headers, self.expose_headers)
        lower = (_sorted(header.lower() for header in names) for names in headers)
        return (self.allowed_origins, self.allowed_methods, *lower)


def rule_from_option(option: t.Mapping[str, t.Any]) -> CorsRule:
    return CorsRule(
        allowed_origins=_sorted(option.get("allowed_origins")),
        allowed_methods=_sorted(method.upper() for method in option.get("allowed_methods") or ()),
        allowed_headers=_sorted(option.get("allowed_headers")),
        expose_headers=_sorted(option.get("expose_headers")),
        max_age_seconds=option.get("max_age_seconds"),
        id=option.get("id") or None,
    )


def parse_rules(options: t.Sequence[t.Mapping[str, t.Any]] | None, problems: Problems) -> tuple[CorsRule, ...] | None:
    """Parse the rules, and find problems of rules that no store accepts, or that never match."""
    if options is None:
        return None
    rules = tuple(rule_from_option(option) for option in options)
    if len(rules) > MOST_RULES:
        problems.add("cors_rules", f"at most {MOST_RULES} rules are allowed, got {len(rules)}")
    for index, rule in enumerate(rules):
        _validate_rule(rule, problems.within(f"cors_rules[{index}]"))
    return rules


def _validate_rule(rule: CorsRule, problems: Problems) -> None:
    if not rule.allowed_origins or not rule.allowed_methods:
        problems.add("", "needs at least one of allowed_origins and one of allowed_methods")
    unknown = sorted(set(rule.allowed_methods) - set(METHODS))
    if unknown:
        problems.add("allowed_methods", f"{', '.join(unknown)} is not one of {', '.join(METHODS)}")
    for origin in rule.allowed_origins:
        problems.add_if("allowed_origins", _origin_problem(origin))
    for header in rule.allowed_headers:
        problems.add_if("allowed_headers", _header_problem(header, most_wildcards=1))
    for header in rule.expose_headers:
        problems.add_if("expose_headers", _header_problem(header, most_wildcards=0))
    if rule.max_age_seconds is not None and rule.max_age_seconds < 0:
        problems.add("max_age_seconds", f"{rule.max_age_seconds} is negative")
    if rule.id and len(rule.id) > 255:
        problems.add("id", f"at most 255 characters are allowed, got {len(rule.id)}")


def _origin_problem(origin: str) -> str | None:
    if not _PRINTABLE.fullmatch(origin):
        return f"{origin!r} contains blanks or letters beyond ASCII. Browsers send no such origin: it never matches"
    if origin.count("*") > 1:
        return f"{origin!r} contains more than one *. S3 allows at most one"
    # "*" stands for any characters, also for the scheme. Sandboxed frames send "null".
    if origin.startswith("*") or origin == "null":
        return None
    scheme, _separator, host = origin.partition("://")
    if not scheme or not host:
        return f"{origin!r} is not an origin with a scheme and a host such as https://www.example.com"
    return f"{origin!r} has a path: it never matches. End it with the host or port" if "/" in host else None


def _header_problem(header: str, most_wildcards: int) -> str | None:
    if not _HEADER.fullmatch(header):
        return f"{header!r} is not a valid name of a header"
    if header.count("*") > most_wildcards:
        limit = "at most one" if most_wildcards else "no"
        return f"{header!r} contains {header.count('*')} *. S3 allows {limit} * here"
    return None


def _sorted(values: t.Iterable[str] | None) -> tuple[str, ...]:
    return tuple(sorted(set(values or ())))


class CorsFacet(Facet[tuple[CorsRule, ...], tuple[CorsRule, ...]]):
    name = "cors_rules"
    subresource = Subresource(
        title="the CORS rules",
        get="get_bucket_cors",
        put="put_bucket_cors",
        delete="delete_bucket_cors",
        expected_root_elements=frozenset({"CORSConfiguration"}),
        not_set_codes=frozenset({"NoSuchCORSConfiguration"}),
        actions=("s3:GetBucketCORS", "s3:PutBucketCORS", "s3:PutBucketCORS"),
    )

    def parse(self, response: dict[str, t.Any] | None) -> tuple[CorsRule, ...]:
        rules = (response or {}).get("CORSRules", [])
        options = ({option: rule.get(name) for option, name in _API_NAMES.items()} for rule in rules)
        return tuple(map(rule_from_option, options))

    def target(self, desired: tuple[CorsRule, ...], current: tuple[CorsRule, ...]) -> tuple[CorsRule, ...]:
        if len(desired) == len(current) and all(map(_satisfies, desired, current)):
            return current
        return desired

    def to_option(self, state: tuple[CorsRule, ...]) -> list[dict[str, t.Any]]:
        return [_to_option(rule) for rule in state]

    def payload(self, state: tuple[CorsRule, ...]) -> dict[str, t.Any] | None:
        if not state:
            return None
        return {"CORSConfiguration": {"CORSRules": [_to_api(rule) for rule in state]}}


def _satisfies(desired: CorsRule, current: CorsRule) -> bool:
    """Whether the current rule satisfies the desired one. An id counts only if one is desired."""
    # Some stores fill in 0 if no age is set.
    ages = (None, 0) if desired.max_age_seconds is None else (desired.max_age_seconds,)
    return desired.meaning == current.meaning and current.max_age_seconds in ages and desired.id in (None, current.id)


def _to_option(rule: CorsRule) -> dict[str, t.Any]:
    values = {name: getattr(rule, name) for name in _API_NAMES}
    lists = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {name: value for name, value in lists.items() if value not in (None, [])}


def _to_api(rule: CorsRule) -> dict[str, t.Any]:
    return {_API_NAMES[name]: value for name, value in _to_option(rule).items()}
