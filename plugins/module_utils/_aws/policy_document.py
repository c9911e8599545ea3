# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bucket policies in a canonical form, for comparison. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Sources: IAM User Guide, "Grammar of the IAM JSON policy language" (a list with one item equals a scalar; actions and
condition keys are case-insensitive), "AWS JSON policy elements: Principal" (``*`` and ``{"AWS": "*"}`` are equal in a
resource-based policy, and so are an account id and the ARN of its root); S3 User Guide, "The meaning of public".
"""

from __future__ import annotations

import json
import re
import typing as t

Statement = dict[str, t.Any]

# A statement that allows all principals is not public if one of these limits it to fixed values.
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
# Operators that match only if the key exists and has one of the values.
LIMITING_OPERATORS = frozenset(
    {"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "IpAddress"}
)
_ACCOUNT = re.compile(r"\d{12}")
_SETS = ("Action", "NotAction", "Resource", "NotResource")


def as_list(value: t.Any) -> list[t.Any]:
    """A list of the values of a scalar or a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def parse_policy(document: str) -> tuple[dict[str, t.Any], list[Statement]]:
    """Parse a policy document into its metadata, which is everything except the statements, and its statements.

    :raises ValueError: it is not a policy.
    """
    metadata = json.loads(document)
    if not isinstance(metadata, dict) or "Statement" not in metadata:
        raise ValueError("it is JSON, but has no statements")
    statements = as_list(metadata.pop("Statement"))
    if not all(isinstance(statement, dict) and isinstance(statement.get("Sid", ""), str) for statement in statements):
        raise ValueError("a statement is not an object, or its Sid is not a string")
    return metadata, statements


def canonical_form(statement: t.Mapping[str, t.Any]) -> str:
    """A text that is equal for two statements exactly if they have the same meaning."""
    canonical: dict[str, t.Any] = {"Effect": statement.get("Effect"), "Sid": statement.get("Sid", "")}
    for key in ("Principal", "NotPrincipal"):
        if key in statement:
            canonical[key] = _principals(statement[key])
    for key in _SETS:
        if key in statement:
            values = (str(value) for value in as_list(statement[key]))
            canonical[key] = sorted({value.lower() if key.endswith("Action") else value for value in values})
    if statement.get("Condition"):
        canonical["Condition"] = _conditions(statement["Condition"])
    return json.dumps(canonical, sort_keys=True)


def canonical_document(statements: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    """The canonical forms of the statements of a policy, in which their order has no meaning."""
    return sorted({canonical_form(statement) for statement in statements})


def is_public(statement: t.Mapping[str, t.Any]) -> bool:
    """Whether S3 considers this statement public."""
    if statement.get("Effect") != "Allow":
        return False
    principals = _principals(statement.get("Principal")).values()
    is_for_all = "NotPrincipal" in statement or any("*" in names for names in principals)
    conditions = (statement.get("Condition") or {}).items()
    return is_for_all and not any(_limits(operator, *test) for operator, tests in conditions for test in tests.items())


def _limits(operator: str, key: str, values: t.Any) -> bool:
    """Whether a condition restricts a statement to fixed values. Such a statement is not public."""
    fixed = all(not set(str(value)) & set("*?$") for value in as_list(values))
    if operator.rpartition(":")[2] not in LIMITING_OPERATORS or operator.startswith("ForAllValues"):
        return False
    return key.lower() in LIMITING_KEYS and fixed and not any(_is_broad(str(value)) for value in as_list(values))


def _is_broad(value: str) -> bool:
    """Wider than /8 (IPv4) or /32 (IPv6) counts as public (S3 User Guide, "The meaning of public")."""
    address, _slash, size = value.rpartition("/")
    if not (size.isascii() and size.isdigit()) or not re.fullmatch(r"[0-9.]+|[0-9A-Fa-f:.]+", address):
        return False
    return int(size) < (32 if ":" in address else 8)


def _principals(value: t.Any) -> dict[str, list[str]]:
    if isinstance(value, (str, list)):
        value = {"AWS": value}  # other stores also accept a list here
    return {
        kind: sorted({_principal(kind, str(name)) for name in as_list(names)}) for kind, names in (value or {}).items()
    }


def _principal(kind: str, name: str) -> str:
    if kind == "AWS" and _ACCOUNT.fullmatch(name):
        return f"arn:aws:iam::{name}:root"
    return name


def _conditions(value: t.Mapping[str, t.Any]) -> dict[str, dict[str, list[str]]]:
    return {
        operator: {key.lower(): sorted({_scalar(item) for item in as_list(items)}) for key, items in tests.items()}
        for operator, tests in value.items()
    }


def _scalar(value: t.Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
