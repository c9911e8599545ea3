# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policy documents: literal documents that are valid, equal, or public."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws import policy_document as policy

ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}


@pytest.mark.parametrize(
    ("operator", "key", "value", "is_public"),
    [
        ("StringEquals", "aws:PrincipalOrgID", "o-1", False),
        ("StringEqualsIgnoreCase", "aws:PrincipalAccount", "111122223333", False),
        ("StringLike", "aws:SourceVpce", "vpce-1", False),
        ("StringLike", "aws:SourceVpce", "vpce-*", True),
        ("StringLike", "aws:SourceVpce", ["vpce-1", "vpce-?"], True),
        ("ArnEquals", "aws:SourceArn", "arn:aws:sns:eu-west-1:1:t", False),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::1:user/u", False),
        ("ArnLike", "aws:PrincipalArn", "${aws:username}", True),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", False),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/7", True),
        ("IpAddress", "aws:SourceIp", ["10.0.0.0/8", "0.0.0.0/0"], True),
        ("IpAddress", "aws:SourceIp", "2001:db8::/32", False),
        ("IpAddress", "aws:SourceIp", "2001:db8::/31", True),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8x", False),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/\N{SUPERSCRIPT TWO}", False),
        ("IpAddress", "aws:SourceIp", "10.0.0.1", False),
        ("StringEquals", "aws:SourceVpc", "path/1", False),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", True),
        ("StringNotEquals", "aws:SourceVpc", "vpc-1", True),
        ("Bool", "aws:SecureTransport", "true", True),
        ("StringEquals", "aws:Referer", "x", True),
        ("ForAnyValue:StringEquals", "aws:CalledVia", "x", False),
        ("ForAllValues:StringEquals", "aws:CalledVia", "x", True),
        ("StringEqualsIfExists", "aws:SourceVpc", "vpc-1", True),
    ],
)
def test_is_public_with_a_condition(operator: str, key: str, value: t.Any, is_public: bool) -> None:
    assert policy.is_public({**ALLOW, "Condition": {operator: {key: value}}}) is is_public
    assert policy.is_public({**ALLOW, "Condition": {operator: {key.upper(): value}}}) is is_public


@pytest.mark.parametrize(
    ("changes", "is_public"),
    [
        ({}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ["111122223333", "*"]}}, True),
        ({"Principal": ["*"]}, True),
        ({"Principal": {"AWS": "111122223333"}}, False),
        ({"Principal": None}, False),
        ({"Effect": "Deny"}, False),
        ({"Condition": {}}, True),
        ({"Condition": None}, True),
        ({"Principal": {"AWS": "1"}, "NotPrincipal": {"AWS": "111122223333"}}, True),
    ],
)
def test_is_public_of_principals(changes: dict[str, t.Any], is_public: bool) -> None:
    assert policy.is_public({**ALLOW, **changes}) is is_public


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"Statement": [{"Sid": 7}]}, "its Sid is not a string"),
        ({"Statement": [{"Sid": "a"}, "b"]}, "a statement is not an object"),
        ({"Version": "2012-10-17"}, "has no statements"),
        ([{"Statement": []}], "has no statements"),
    ],
)
def test_parse_policy_of_another_document_raises(document: t.Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        policy.parse_policy(json.dumps(document))


def test_parse_policy_separates_metadata_and_statements() -> None:
    assert policy.parse_policy('{"Version": "1", "Id": "x", "Statement": {"Sid": "a"}}') == (
        {"Version": "1", "Id": "x"},
        [{"Sid": "a"}],
    )
    assert policy.parse_policy('{"Statement": [{}]}') == ({}, [{}])


@pytest.mark.parametrize(
    ("one", "other", "is_equal"),
    [
        ({"Action": "s3:GetObject"}, {"Action": ["S3:getobject"]}, True),
        ({"NotAction": ["a", "b", "a"]}, {"NotAction": ["B", "A"]}, True),
        ({"Action": "a"}, {"NotAction": "a"}, False),
        ({"Resource": ["x", "y"]}, {"Resource": ["y", "x"]}, True),
        ({"Resource": "x"}, {"Resource": "X"}, False),
        ({"Resource": "x"}, {"NotResource": "x"}, False),
        ({"Principal": "*"}, {"Principal": {"AWS": ["*"]}}, True),
        ({"Principal": "*"}, {"NotPrincipal": "*"}, False),
        ({"Principal": {"AWS": "111122223333"}}, {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}, True),
        ({"Principal": {"Federated": "1" * 12}}, {"Principal": {"Federated": f"arn:aws:iam::{'1' * 12}:root"}}, False),
        ({"Effect": "Allow"}, {"Effect": "Deny"}, False),
        ({"Sid": ""}, {}, True),
        ({"Sid": "a"}, {"Sid": "b"}, False),
        ({"Condition": {}}, {}, True),
        ({"Condition": {"Bool": {"a:B": True}}}, {"Condition": {"Bool": {"A:b": ["true"]}}}, True),
        ({"Condition": {"Bool": {"a": False}}}, {"Condition": {"Bool": {"a": "false"}}}, True),
        ({"Condition": {"Bool": {"a": True}}}, {"Condition": {"Bool": {"a": False}}}, False),
        ({"Condition": {"StringLike": {"a": ["x", "y"]}}}, {"Condition": {"StringLike": {"a": ["y", "x"]}}}, True),
        ({"Condition": {"StringLike": {"a": "x"}}}, {"Condition": {"StringEquals": {"a": "x"}}}, False),
        ({"Condition": {"StringLike": {"a": "x"}}}, {}, False),
    ],
)
def test_canonical_form_is_equal_for_equal_meanings_only(
    one: dict[str, t.Any], other: dict[str, t.Any], is_equal: bool
) -> None:
    assert (policy.canonical_form(one) == policy.canonical_form(other)) is is_equal
    assert (policy.canonical_document([one, one]) == policy.canonical_document([other])) is is_equal


@pytest.mark.parametrize(("value", "items"), [(None, []), ("a", ["a"]), (["a"], ["a"]), (("a", "b"), ["a", "b"])])
def test_as_list_of_scalars_and_lists(value: t.Any, items: list[t.Any]) -> None:
    assert policy.as_list(value) == items
