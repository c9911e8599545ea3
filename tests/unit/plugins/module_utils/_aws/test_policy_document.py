# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policies are compared by what they mean."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws import policy_document as policy

Statement = dict[str, t.Any]

words = st.sampled_from(["a", "b", "c"])
resources = words.map(lambda word: f"arn:aws:s3:::b-1/{word}/*")
actions = st.sampled_from(["s3:GetObject", "s3:PutObject", "s3:*"])
accounts = st.sampled_from(["111122223333", "444455556666"])


def some(values: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(values, min_size=1, max_size=3, unique=True)


statements = st.builds(
    lambda effect, sid, action, resource, accounts, condition: {
        "Effect": effect,
        "Sid": sid,
        "Action": action,
        "Resource": resource,
        "Principal": {"AWS": accounts},
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Deny"]),
    words,
    some(actions),
    some(resources),
    some(accounts),
    st.dictionaries(st.sampled_from(["StringEquals", "Bool"]), st.dictionaries(words, some(words), min_size=1)),
)


def rewritten(data: st.DataObject, statement: Statement) -> Statement:
    """The same in another form, as stores and people write it."""
    draw = data.draw

    def scalar(values: list[str]) -> t.Any:
        values = draw(st.permutations(values))
        return values[0] if len(values) == 1 and draw(st.booleans()) else values

    def case(text: str) -> str:
        return draw(st.sampled_from([text, text.lower(), text.upper()]))

    def root(account: str) -> str:
        return draw(st.sampled_from([account, f"arn:aws:iam::{account}:root"]))

    found: Statement = {
        **statement,
        "Action": scalar([case(action) for action in statement["Action"]]),
        "Resource": scalar(statement["Resource"]),
        "Principal": {"AWS": scalar([root(account) for account in statement["Principal"]["AWS"]])},
        "Condition": {
            operator: {case(key): scalar(values) for key, values in tests.items()}
            for operator, tests in statement["Condition"].items()
        },
    }
    if not found["Condition"] and draw(st.booleans()):
        del found["Condition"]
    return {key: found[key] for key in draw(st.permutations(list(found)))}


@given(st.data(), statements)
def test_canonical_form_other_notation_is_equal(data: st.DataObject, statement: Statement) -> None:
    assert policy.canonical_form(rewritten(data, statement)) == policy.canonical_form(statement)


def essence(statement: Statement) -> str:
    """The meaning of a statement, determined without the code under test."""
    plain = {key: sorted(value) if isinstance(value, list) else value for key, value in statement.items()}
    plain["Principal"] = sorted(statement["Principal"]["AWS"])
    condition = statement["Condition"].items()
    plain["Condition"] = {name: {k: sorted(v) for k, v in tests.items()} for name, tests in condition}
    return json.dumps(plain, sort_keys=True)


@given(statements, statements)
def test_canonical_form_is_equal_only_for_equal_meaning(one: Statement, other: Statement) -> None:
    assert (policy.canonical_form(one) == policy.canonical_form(other)) == (essence(one) == essence(other))


@given(statements, st.data())
def test_canonical_form_changed_statement_differs(statement: Statement, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(["Effect", "Sid", "Action", "Resource", "Principal"]))
    other = data.draw(statements)
    assume(essence({**statement, key: other[key]}) != essence(statement))
    assert policy.canonical_form({**statement, key: other[key]}) != policy.canonical_form(statement)


@given(st.lists(statements, max_size=4), st.data())
def test_canonical_document_order_has_no_meaning(found: list[Statement], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(found))
    assert policy.canonical_document(shuffled) == policy.canonical_document(found)


@pytest.mark.parametrize(
    "forms",
    [
        [{"Principal": "*"}, {"Principal": {"AWS": "*"}}, {"Principal": {"AWS": ["*"]}}, {"Principal": ["*"]}],
        [{"NotAction": "S3:getObject"}, {"NotAction": ["s3:GetObject"]}],
        [
            {"Condition": {"Bool": {"aws:SecureTransport": False}}},
            {"Condition": {"Bool": {"AWS:securetransport": "false"}}},
        ],
        [{"Condition": {"NumericLessThan": {"a": 3}}}, {"Condition": {"NumericLessThan": {"a": ["3"]}}}],
        [{"Sid": ""}, {}],
    ],
)
def test_canonical_form_known_notations_are_equal(forms: list[Statement]) -> None:
    assert len({policy.canonical_form(form) for form in forms}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Principal": "*"}, {"NotPrincipal": "*"}),
        ({"Action": "s3:GetObject"}, {"NotAction": "s3:GetObject"}),
        ({"Principal": {"AWS": "*"}}, {"Principal": {"Service": "*"}}),
        ({"Resource": "arn:aws:s3:::b/A"}, {"Resource": "arn:aws:s3:::b/a"}),
        ({"Condition": {"Bool": {"a": "true"}}}, {"Condition": {"BoolIfExists": {"a": "true"}}}),
    ],
)
def test_canonical_form_known_differences(one: Statement, other: Statement) -> None:
    assert policy.canonical_form(one) != policy.canonical_form(other)


def test_parse_policy_returns_metadata_and_statements() -> None:
    text = '{"Version": "2008-10-17", "Id": "x", "Statement": {"Sid": "One"}}'
    assert policy.parse_policy(text) == ({"Version": "2008-10-17", "Id": "x"}, [{"Sid": "One"}])


@pytest.mark.parametrize("text", ["", "<xml/>", "[]", "3", "{}", '{"Statement": [3]}', '{"error": "no"}'])
def test_parse_policy_other_text_raises_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        policy.parse_policy(text)


def allow(principal: t.Any = "*", **more: t.Any) -> Statement:
    return {"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", **more}


def when(operator: str, key: str, *values: str) -> Statement:
    return allow(Condition={operator: {key: list(values)}})


@pytest.mark.parametrize(
    "statement",
    [
        allow(),
        allow({"AWS": "*"}),
        allow({"AWS": ["arn:aws:iam::111122223333:root", "*"]}),
        {"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "s3:GetObject"},
        when("StringLike", "aws:Referer", "https://www.example.com/*"),
        when("StringLike", "aws:PrincipalArn", "arn:aws:iam::*:role/x"),
        when("StringNotEquals", "aws:SourceVpc", "vpc-1"),
        when("StringEqualsIfExists", "aws:SourceVpc", "vpc-1"),
        when("ForAllValues:StringEquals", "aws:SourceVpc", "vpc-1"),
        when("IpAddress", "aws:SourceIp", "0.0.0.0/0"),
        when("IpAddress", "aws:SourceIp", "10.0.0.0/8", "128.0.0.0/1"),
        when("IpAddress", "aws:SourceIp", "2001::/16"),
        when("NotIpAddress", "aws:SourceIp", "192.0.2.0/24"),
    ],
)
def test_is_public_open_statement(statement: Statement) -> None:
    assert policy.is_public(statement)


@pytest.mark.parametrize(
    "statement",
    [
        {**allow(), "Effect": "Deny"},
        allow({"AWS": "111122223333"}),
        allow({"Service": "cloudfront.amazonaws.com"}),
        {"Effect": "Allow", "Action": "s3:GetObject"},
        when("StringEquals", "aws:SourceVpce", "vpce-1"),
        when("ForAnyValue:StringEquals", "aws:PrincipalOrgID", "o-1"),
        when("ArnLike", "AWS:sourcearn", "arn:aws:cloudfront::111122223333:distribution/X"),
        when("IpAddress", "aws:SourceIp", "192.0.2.0/24", "198.51.100.7", "2001:db8::/32"),
    ],
)
def test_is_public_limited_statement(statement: Statement) -> None:
    assert not policy.is_public(statement)
