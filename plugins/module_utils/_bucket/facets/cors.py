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
from .base import Facet

METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")
MOST_RULES = 100
_PRINTABLE = re.compile(r"[!-~]*")
# RFC 9110, "Tokens".
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


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
        lower = (tuple(sorted({h.lower() for h in hs})) for hs in (self.allowed_headers, self.expose_headers))
        return (self.allowed_origins, self.allowed_methods, *lower)


def rule_from_option(option: t.Mapping[str, t.Any]) -> CorsRule:
    return CorsRule(
        allowed_origins=_sorted(option.get("allowed_origins")),
        allowed_methods=_sorted(method.upper() for method in option.get("allowed_methods") or ()),
        allowed_headers=_sorted(option.get("allowed_headers")),
        expose_headers=_sorted(option.get("expose_headers")),
        max_age_seconds=option.get("max_age_seconds"),
        id=option.get("id"),
    )


def rule_problems(rules: t.Sequence[CorsRule]) -> list[str]:
    """The problems of rules that no store accepts, or that never match."""
    problems = [f"cors_rules has {len(rules)} rules; S3 takes at most {MOST_RULES}"] if len(rules) > MOST_RULES else []
    for at, rule in enumerate(rules):
        where = f"cors_rules[{at}]"
        unknown = sorted(set(rule.allowed_methods) - set(METHODS))
        if not rule.allowed_origins or not rule.allowed_methods:
            problems.append(f"{where} needs at least one of allowed_origins and one of allowed_methods")
        if unknown:
            problems.append(f"{where}.allowed_methods has {', '.join(unknown)}; S3 knows {', '.join(METHODS)}")
        origins = ((origin, _origin_problem(origin)) for origin in rule.allowed_origins)
        problems += [f"{where}.allowed_origins {origin!r}: {why}" for origin, why in origins if why]
        problems += [
            f"{where}.allowed_headers {h!r} has more than one *" for h in rule.allowed_headers if h.count("*") > 1
        ]
        odd = [h for h in {*rule.allowed_headers, *rule.expose_headers} if not _HEADER.fullmatch(h)]
        if odd:
            problems.append(f"{where}: {', '.join(map(repr, sorted(odd)))} cannot be names of headers")
        problems += [f"{where}.expose_headers {h!r}: S3 takes no * here" for h in rule.expose_headers if "*" in h]
        if rule.max_age_seconds is not None and rule.max_age_seconds < 0:
            problems.append(f"{where}.max_age_seconds must not be negative")
        if rule.id and len(rule.id) > 255:
            problems.append(f"{where}.id is longer than 255 characters")
    return problems


def _origin_problem(origin: str) -> str | None:
    if not _PRINTABLE.fullmatch(origin):
        return "browsers send no origin with blanks or letters beyond ASCII, so that it never matches"
    if origin.count("*") > 1:
        return "S3 takes one * at most"
    if origin.startswith("*") or origin == "null":
        return None  # the * stands for any characters, the scheme included; null is what sandboxed frames send
    scheme, separator, host = origin.partition("://")
    if not separator or not scheme or not host:
        return "an origin has a scheme and a host, as in https://www.example.com"
    return "an origin ends with its host or port; with a path it never matches" if "/" in host else None


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
        return tuple(
            CorsRule(
                allowed_origins=_sorted(rule.get("AllowedOrigins")),
                allowed_methods=_sorted(rule.get("AllowedMethods")),
                allowed_headers=_sorted(rule.get("AllowedHeaders")),
                expose_headers=_sorted(rule.get("ExposeHeaders")),
                max_age_seconds=rule.get("MaxAgeSeconds"),
                id=rule.get("ID") or None,
            )
            for rule in (response or {}).get("CORSRules", [])
        )

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
    shown: dict[str, t.Any] = {
        "allowed_origins": list(rule.allowed_origins),
        "allowed_methods": list(rule.allowed_methods),
        "allowed_headers": list(rule.allowed_headers),
        "expose_headers": list(rule.expose_headers),
        "max_age_seconds": rule.max_age_seconds,
        "id": rule.id,
    }
    return {key: value for key, value in shown.items() if value not in (None, [])}


def _to_api(rule: CorsRule) -> dict[str, t.Any]:
    names = {
        "allowed_origins": "AllowedOrigins",
        "allowed_methods": "AllowedMethods",
        "allowed_headers": "AllowedHeaders",
        "expose_headers": "ExposeHeaders",
        "max_age_seconds": "MaxAgeSeconds",
        "id": "ID",
    }
    return {names[key]: value for key, value in _to_option(rule).items()}
