# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bucket policies compared by what they mean. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Sources: IAM User Guide, "Grammar of the IAM JSON policy language" (a list of one and a scalar are the same; actions and
condition keys have no case), "AWS JSON policy elements: Principal" (``*`` and ``{"AWS": "*"}`` are the same in a
resource-based policy; an account id and the ARN of its root too); S3 User Guide, "The meaning of public".
"""

from __future__ import annotations

import json
import re
import typing as t

Statement = dict[str, t.Any]

# A policy that allows everybody is not public if it is limited by one of these to fixed values.
LIMITING_KEYS = frozenset(
    {
        "aws:calledvia",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
    }
)
# Operators that hold only if the key is there and has one of the values.
LIMITING_OPERATORS = frozenset(
    {"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "IpAddress"}
)
_ACCOUNT = re.compile(r"\d{12}")
_SETS = ("Action", "NotAction", "Resource", "NotResource")


def many(value: t.Any) -> list[t.Any]:
    """A scalar as a list of one."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def parsed(document: str) -> tuple[dict[str, t.Any], list[Statement]]:
    """A policy document as its head (everything but the statements) and its statements.

    :raises ValueError: it is no policy.
    """
    head = json.loads(document)
    if not isinstance(head, dict) or "Statement" not in head:
        raise ValueError("it is JSON, but has no statements")
    found = many(head.pop("Statement"))
    if not all(isinstance(statement, dict) and isinstance(statement.get("Sid", ""), str) for statement in found):
        raise ValueError("its statements are no objects, or have no names")
    return head, found


def meaning(statement: t.Mapping[str, t.Any]) -> str:
    """A text that is equal for two statements exactly if they mean the same."""
    canonical: dict[str, t.Any] = {"Effect": statement.get("Effect"), "Sid": statement.get("Sid", "")}
    for key in ("Principal", "NotPrincipal"):
        if key in statement:
            canonical[key] = _principals(statement[key])
    for key in _SETS:
        if key in statement:
            values = (str(value) for value in many(statement[key]))
            canonical[key] = sorted({value.lower() if key.endswith("Action") else value for value in values})
    if statement.get("Condition"):
        canonical["Condition"] = _conditions(statement["Condition"])
    return json.dumps(canonical, sort_keys=True)


def document_meaning(found: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    """The meaning of a whole policy: the order of statements has none."""
    return sorted({meaning(statement) for statement in found})


def is_public(statement: t.Mapping[str, t.Any]) -> bool:
    """Whether S3 would take this statement for one that gives public access."""
    if statement.get("Effect") != "Allow":
        return False
    principals = _principals(statement.get("Principal")).values()
    everybody = "NotPrincipal" in statement or any("*" in named for named in principals)
    tests = (statement.get("Condition") or {}).items()
    return everybody and not any(_limits(operator, *test) for operator, found in tests for test in found.items())


def _limits(operator: str, key: str, values: t.Any) -> bool:
    """Whether a condition restricts a statement to fixed values, so that it is not public."""
    fixed = all(not set(str(value)) & set("*?$") for value in many(values))
    if operator.rpartition(":")[2] not in LIMITING_OPERATORS or operator.startswith("ForAllValues"):
        return False
    return key.lower() in LIMITING_KEYS and fixed and not any(_is_broad(str(value)) for value in many(values))


def _is_broad(value: str) -> bool:
    """Wider than /8 (IPv4) or /32 (IPv6) counts as public (S3 User Guide, "The meaning of public")."""
    address, _slash, size = value.rpartition("/")
    if not (size.isascii() and size.isdigit()) or not re.fullmatch(r"[0-9.]+|[0-9A-Fa-f:.]+", address):
        return False
    return int(size) < (32 if ":" in address else 8)


def _principals(value: t.Any) -> dict[str, list[str]]:
    if isinstance(value, (str, list)):
        value = {"AWS": value}  # stores other than AWS take a list here too
    return {
        kind: sorted({_principal(kind, str(name)) for name in many(names)}) for kind, names in (value or {}).items()
    }


def _principal(kind: str, name: str) -> str:
    if kind == "AWS" and _ACCOUNT.fullmatch(name):
        return f"arn:aws:iam::{name}:root"
    return name


def _conditions(value: t.Mapping[str, t.Any]) -> dict[str, dict[str, list[str]]]:
    return {
        operator: {key.lower(): sorted({_scalar(item) for item in many(items)}) for key, items in tests.items()}
        for operator, tests in value.items()
    }


def _scalar(value: t.Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
