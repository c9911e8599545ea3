# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facets of a bucket: targets, options, and requests."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws.tags import tag_problems, tags_from_option
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.cors import (
    CorsFacet,
    CorsRule,
    parse_rules,
    rule_from_option,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.encryption import (
    DesiredEncryption,
    Encryption,
    EncryptionFacet,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.lifecycle import (
    RULE_ID,
    DesiredLifecycle,
    Lifecycle,
    LifecycleFacet,
    LifecycleRule,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.lifecycle import (
    rule_from_option as lifecycle_rule,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.ownership_versioning import (
    OwnershipFacet,
    VersioningFacet,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.policy import (
    PUBLIC,
    DesiredPolicy,
    Policy,
    PolicyFacet,
    public_statement,
    tls_statement,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.public_access_block import (
    Block,
    BlockFacet,
    DesiredPublicAccessBlock,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.registry import FACETS
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.tagging import DesiredTags, TaggingFacet
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._bucket.example_bucket import ARN

words = st.sampled_from(["a", "b", "c"])
word_lists = st.lists(words, max_size=3, unique=True).map(lambda values: tuple(sorted(values)))
ages = st.sampled_from([None, 0, 60])
cors_rules = st.lists(st.builds(CorsRule, *[word_lists] * 4, ages, st.one_of(st.none(), words)), max_size=3).map(tuple)
days = st.sampled_from([None, 1, 30])
managed_rules = st.one_of(st.none(), st.builds(LifecycleRule, days, days, days, words))
lifecycles = st.builds(Lifecycle, managed_rules, st.just(({"ID": "unmanaged"},)), st.sampled_from([None, "x"]))
tags = st.dictionaries(st.sampled_from(["a", "b", "aws:c"]), words).map(lambda values: tuple(sorted(values.items())))
flags = st.sampled_from([None, True, False])
policies = st.lists(
    st.sampled_from([public_statement(ARN, ["a"]), tls_statement(ARN), {"Sid": "Unmanaged", "Effect": "Deny"}]),
    max_size=3,
).map(Policy.from_statements)
CASES: dict[str, tuple[st.SearchStrategy[t.Any], st.SearchStrategy[t.Any]]] = {
    "cors_rules": (cors_rules, cors_rules),
    "lifecycle": (st.builds(DesiredLifecycle, managed_rules, st.one_of(st.none(), words)), lifecycles),
    "tags": (st.builds(DesiredTags, tags, st.booleans()), tags),
    "encryption": (
        st.builds(DesiredEncryption, st.sampled_from(["s3", "none"]), st.booleans()),
        st.sampled_from([Encryption(None), Encryption("AES256")]),
    ),
    "block_public_access": (
        st.builds(DesiredPublicAccessBlock, flags, flags, st.booleans()),
        st.builds(Block, st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    ),
    "object_ownership": (st.sampled_from(["BucketOwnerEnforced", "ObjectWriter"]), st.one_of(st.none(), words)),
    "versioning": (st.sampled_from(["Enabled", "Suspended"]), st.sampled_from([None, "Enabled", "Suspended"])),
    "policy": (st.builds(DesiredPolicy, st.just(ARN), st.one_of(st.none(), word_lists), flags, flags), policies),
    "folders": (word_lists, word_lists),
}


def test_cases_contain_every_facet() -> None:
    assert set(CASES) == set(FACETS)


@pytest.mark.parametrize("name", sorted(CASES))
@given(data=st.data())
def test_target_any_state_is_stable(name: str, data: st.DataObject) -> None:
    facet = FACETS[name]
    desired, current = (data.draw(strategy) for strategy in CASES[name])
    target = facet.target(desired, current)
    assert facet.target(desired, target) == target
    assert facet.equal(target, facet.target(desired, target))
    assert bool(facet.changes(desired, current, target)) == (not facet.equal(current, target))
    assert facet.changes(desired, target, target) == ()


def test_cors_target_order_matters_only_between_rules() -> None:
    facet = CorsFacet()
    one = rule_from_option(
        {"allowed_origins": ["b", "a"], "allowed_methods": ["put", "GET"], "allowed_headers": ["X-a"]}
    )
    same = rule_from_option(
        {"allowed_origins": ["a", "b"], "allowed_methods": ["GET", "PUT"], "allowed_headers": ["x-A"]}
    )
    other = rule_from_option({"allowed_origins": ["c"], "allowed_methods": ["GET"]})
    assert facet.target((one, other), (same, other)) == (same, other)
    assert facet.target((one, other), (other, same)) == (one, other)
    assert facet.target((), (one,)) == ()


@pytest.mark.parametrize(
    ("desired", "current", "satisfies"),
    [
        ({}, {"max_age_seconds": 0}, True),
        ({}, {"max_age_seconds": 5}, False),
        ({"max_age_seconds": 5}, {"max_age_seconds": 5}, True),
        ({"max_age_seconds": 5}, {}, False),
        ({}, {"id": "unmanaged"}, True),
        ({"id": "desired"}, {"id": "unmanaged"}, False),
    ],
)
def test_cors_target_field_that_is_not_set_is_not_compared(
    desired: dict[str, t.Any], current: dict[str, t.Any], satisfies: bool
) -> None:
    rules = (CorsRule(("*",), ("GET",), **current),)
    assert (CorsFacet().target((CorsRule(("*",), ("GET",), **desired),), rules) == rules) is satisfies


def test_cors_payload_any_rule_is_parsed_to_the_same_rule() -> None:
    facet = CorsFacet()
    rule = {
        "allowed_origins": ["https://a.example"],
        "allowed_methods": ["GET"],
        "allowed_headers": ["*"],
        "expose_headers": ["etag"],
        "max_age_seconds": 5,
        "id": "one",
    }
    state = (rule_from_option(rule),)
    payload = facet.payload(state)
    assert payload is not None
    assert facet.parse(payload["CORSConfiguration"]) == state
    assert facet.to_option(state) == [rule]
    assert facet.payload(()) is None


def cors_problems(options: t.Sequence[dict[str, t.Any]]) -> list[str]:
    problems = Problems()
    parse_rules(options, problems)
    return [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (
            {"allowed_methods": ["PATCH"]},
            "cors_rules[0].allowed_methods: PATCH is not one of GET, PUT, POST, DELETE, HEAD",
        ),
        ({"allowed_methods": []}, "cors_rules[0]: needs at least one of allowed_origins and one of allowed_methods"),
        ({"allowed_origins": []}, "cors_rules[0]: needs at least one of allowed_origins and one of allowed_methods"),
        (
            {"allowed_origins": ["https://*.*.example"]},
            "cors_rules[0].allowed_origins: 'https://*.*.example' contains more than one *. S3 allows at most one",
        ),
        (
            {"allowed_origins": ["example.com"]},
            "cors_rules[0].allowed_origins: 'example.com' is not an origin with a scheme and a host such as "
            "https://www.example.com",
        ),
        (
            {"allowed_origins": ["https://example.com/"]},
            "cors_rules[0].allowed_origins: 'https://example.com/' has a path: it never matches. End it with the host "
            "or port",
        ),
        (
            {"allowed_headers": ["x-*-*"]},
            "cors_rules[0].allowed_headers: 'x-*-*' contains 2 *. S3 allows at most one * here",
        ),
        ({"allowed_headers": [""]}, "cors_rules[0].allowed_headers: '' is not a valid name of a header"),
        ({"expose_headers": ["*"]}, "cors_rules[0].expose_headers: '*' contains 1 *. S3 allows no * here"),
        ({"expose_headers": ["a b"]}, "cors_rules[0].expose_headers: 'a b' is not a valid name of a header"),
        ({"max_age_seconds": -1}, "cors_rules[0].max_age_seconds: -1 is negative"),
        ({"id": "x" * 256}, "cors_rules[0].id: at most 255 characters are allowed, got 256"),
    ],
)
def test_parse_rules_invalid_rule_is_a_problem(rule: dict[str, t.Any], problem: str) -> None:
    valid = {"allowed_origins": ["https://www.example.com:8443"], "allowed_methods": ["GET"]}
    assert cors_problems([{**valid, **rule}]) == [problem]


def test_parse_rules_valid_rules_are_no_problem_up_to_the_limit() -> None:
    origins = ["*", "https://*.example.com", "*.example.com", "null", "http://localhost:3000"]
    rule = {"allowed_origins": origins, "allowed_methods": ["get"]}
    assert cors_problems([rule] * 100) == []
    assert cors_problems([rule] * 101) == ["cors_rules: at most 100 rules are allowed, got 101"]


@pytest.mark.parametrize(
    "rule",
    [
        {"Filter": {"Prefix": "p/"}},
        {"Prefix": "p/"},
        {"Filter": {"And": {"Prefix": "p/"}}},
        {"Filter": {"Prefix": "p/", "ObjectSizeGreaterThan": 0}},
    ],
)
def test_lifecycle_parse_forms_of_stores_are_the_same_rule(rule: dict[str, t.Any]) -> None:
    full = {
        "ID": RULE_ID,
        "Status": "Enabled",
        "Expiration": {"Days": 3, "ExpiredObjectDeleteMarker": False},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 4, "NewerNoncurrentVersions": 0},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 5},
        **rule,
    }
    assert LifecycleFacet().parse({"Rules": [full]}).managed == LifecycleRule(3, 4, 5, "p/")


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        ({}, 30),
        ({"ID": RULE_ID}, 30),
        ({"Filter": {"Prefix": "47/"}}, 30),
        ({"Filter": {}, "Prefix": "47/"}, 30),
        ({"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}, 30),
        ({"Filter": {"Prefix": "47/a"}}, None),
        ({"Filter": {"Prefix": "48/"}}, None),
        ({"Filter": {"Tag": {"Key": "a", "Value": "b"}}}, None),
        ({"Filter": {"And": {"Prefix": "", "ObjectSizeGreaterThan": 5}}}, None),
        ({"Status": "Disabled"}, None),
        ({"Expiration": {"Date": "2026-11-01"}}, None),
    ],
)
def test_lifecycle_retention_days_needs_a_rule_for_all_objects(changes: dict[str, t.Any], days: int | None) -> None:
    rule = {"ID": "any", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}, **changes}
    longer = {"ID": "longer", "Status": "Enabled", "Filter": {"Prefix": "47/"}, "Expiration": {"Days": 90}}
    assert LifecycleFacet().parse({"Rules": [rule]}).retention_days("47/") == days
    assert LifecycleFacet().parse({"Rules": [longer, rule]}).retention_days("47/") == (days or 90)


@pytest.mark.parametrize(
    "fields",
    [
        {"Status": "Disabled"},
        {"Filter": {"Prefix": "p/", "Tag": {"Key": "a", "Value": "b"}}},
        {"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]},
        {"Expiration": {"Days": 3, "ExpiredObjectDeleteMarker": True}},
    ],
)
def test_lifecycle_changes_unmanaged_fields_are_deleted(fields: dict[str, t.Any]) -> None:
    facet = LifecycleFacet()
    full = {"ID": RULE_ID, "Status": "Enabled", "Filter": {"Prefix": "p/"}, "Expiration": {"Days": 3}, **fields}
    current = facet.parse({"Rules": [full]})
    desired = DesiredLifecycle(LifecycleRule(expire_days=3, prefix="p/"))
    [change] = facet.changes(desired, current, facet.target(desired, current))
    assert json.loads(change.before["unmanaged_fields"])
    assert change.after == {"expire_days": 3, "prefix": "p/"}


def test_lifecycle_payload_unmanaged_rules_are_included() -> None:
    facet = LifecycleFacet()
    unmanaged = {"ID": "unmanaged", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 9}}
    current = facet.parse({"Rules": [unmanaged], "TransitionDefaultMinimumObjectSize": "varies_by_storage_class"})
    payload = facet.payload(facet.target(DesiredLifecycle(LifecycleRule(expire_days=1)), current))
    managed = {"ID": RULE_ID, "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    assert payload == {
        "LifecycleConfiguration": {"Rules": [unmanaged, managed]},
        "TransitionDefaultMinimumObjectSize": "varies_by_storage_class",
    }
    without_managed = facet.payload(facet.target(DesiredLifecycle(), current))
    assert without_managed is not None
    assert without_managed["LifecycleConfiguration"] == {"Rules": [unmanaged]}
    assert facet.payload(facet.target(DesiredLifecycle(), facet.parse(None))) is None


def test_lifecycle_payload_unmanaged_rule_with_prefix_uses_the_same_form() -> None:
    facet = LifecycleFacet()
    unmanaged = {"ID": "unmanaged", "Status": "Enabled", "Prefix": "x/", "Expiration": {"Days": 9}}
    desired = DesiredLifecycle(LifecycleRule(abort_incomplete_uploads_days=7, prefix="p/"))
    payload = facet.payload(facet.target(desired, facet.parse({"Rules": [unmanaged]})))
    assert payload is not None
    rules = payload["LifecycleConfiguration"]["Rules"]
    days = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
    assert rules == [unmanaged, {"ID": RULE_ID, "Status": "Enabled", "Prefix": "p/", **days}]
    assert facet.parse({"Rules": rules}).managed == desired.rule


def test_rule_from_option_without_days_is_none() -> None:
    assert lifecycle_rule({}) is None
    assert lifecycle_rule({"expire_days": 0, "noncurrent_expire_days": None}) is None
    assert lifecycle_rule({"expire_days": 2, "prefix": None}) == LifecycleRule(expire_days=2)


def test_tags_target_and_payload_keep_tags_of_aws() -> None:
    facet = TaggingFacet()
    current = facet.parse({"TagSet": [{"Key": "b", "Value": "2"}, {"Key": "aws:cloud", "Value": "x"}, {"Key": "e"}]})
    assert facet.to_option(current) == {"aws:cloud": "x", "b": "2", "e": ""}
    assert facet.to_option(facet.target(DesiredTags((("a", "1"),), False), current)) == {
        "a": "1",
        **facet.to_option(current),
    }
    assert facet.to_option(facet.target(DesiredTags((), True), current)) == {"aws:cloud": "x"}
    assert facet.payload((("a", "1"),)) == {"Tagging": {"TagSet": [{"Key": "a", "Value": "1"}]}}
    assert facet.payload(()) is None
    assert tags_from_option({"b": True, "a": 1, "c": None, "d": False}) == (
        ("a", "1"),
        ("b", "true"),
        ("c", ""),
        ("d", "false"),
    )


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ({"aws:x": "1"}, "the tag name 'aws:x' must have 1 to 128 characters and not start with aws:"),
        ({"AWS:x": "1"}, "the tag name 'AWS:x' must have 1 to 128 characters and not start with aws:"),
        ({"": "1"}, "the tag name '' must have 1 to 128 characters and not start with aws:"),
        ({"a": "x" * 257}, "the value of tag 'a' must be a string of at most 256 characters"),
        ({"a": ["x"]}, "the value of tag 'a' must be a string of at most 256 characters"),
        ({str(n): "" for n in range(51)}, "at most 50 tags are allowed by S3, got 51"),
    ],
)
def test_tag_problems_invalid_tag_is_a_problem(option: dict[str, t.Any], problem: str) -> None:
    assert tag_problems(option) == [problem]


@pytest.mark.parametrize(
    ("mode", "always_encrypted", "current", "target"),
    [
        ("s3", True, None, "AES256"),
        ("s3", False, "aws:kms", "AES256"),
        ("none", False, "AES256", None),
        ("none", True, "AES256", "AES256"),
        ("none", True, None, None),
    ],
)
def test_encryption_target_of_any_state(
    mode: str, always_encrypted: bool, current: str | None, target: str | None
) -> None:
    desired = DesiredEncryption(mode, always_encrypted)
    assert EncryptionFacet().target(desired, Encryption(current, None)).algorithm == target


def test_encryption_target_none_with_kms_is_refused() -> None:
    with pytest.raises(errors.RejectedError) as caught:
        EncryptionFacet().target(DesiredEncryption("none", True), Encryption("aws:kms", "key-1"))
    assert str(caught.value) == (
        "Could not set encryption=none: the default encryption of the bucket is aws:kms, which this collection does "
        "not manage and Vonage cannot upload with. Set encryption=s3 to replace it by S3-managed keys, or delete it "
        "yourself first."
    )


@pytest.mark.parametrize("always_encrypted", [False, True])
def test_encryption_target_keep_kms_replaces_only_other_defaults(always_encrypted: bool) -> None:
    facet, desired = EncryptionFacet(), DesiredEncryption("keep_kms", always_encrypted)
    kms = Encryption("aws:kms", "key")
    assert facet.target(desired, kms) == kms
    for algorithm in (None, "AES256"):
        assert facet.target(desired, Encryption(algorithm)) == Encryption("AES256")
    assert facet.required_options(desired) == ("encryption",)


@pytest.mark.parametrize("always_encrypted", [False, True])
def test_encryption_target_refuse_kms_changes_nothing(always_encrypted: bool) -> None:
    facet, desired = EncryptionFacet(), DesiredEncryption("refuse_kms", always_encrypted)
    for algorithm in (None, "AES256"):
        assert facet.target(desired, Encryption(algorithm)) == Encryption(algorithm)
    assert facet.required_options(desired) == ()
    expected = "its default encryption is aws:kms, .* Use s3.sse=s3, .* Nothing was changed"
    with pytest.raises(errors.RejectedError, match=expected):
        facet.target(desired, Encryption("aws:kms"))


def test_encryption_to_option_any_state_is_formatted() -> None:
    facet = EncryptionFacet()
    states = [Encryption(None), Encryption("AES256"), Encryption("aws:kms"), Encryption("aws:kms", "k")]
    assert [facet.to_option(state) for state in states] == ["none", "s3", "aws:kms", "aws:kms (k)"]
    assert facet.parse({"ServerSideEncryptionConfiguration": {"Rules": [{"BucketKeyEnabled": True}]}}) == states[0]
    assert facet.payload(states[0]) is None


@pytest.mark.parametrize(
    ("desired", "target"),
    [
        (DesiredPublicAccessBlock(True), (True, True, True, True)),
        (DesiredPublicAccessBlock(False), (False, False, False, False)),
        (DesiredPublicAccessBlock(True, False), (True, True, False, False)),
        (DesiredPublicAccessBlock(True, True), (True, True, True, True)),
        (DesiredPublicAccessBlock(False, True), (False, False, False, False)),
        (DesiredPublicAccessBlock(None, False), (False, True, False, False)),
        (DesiredPublicAccessBlock(None, True), (False, True, True, True)),
    ],
)
def test_block_target_any_options_changes_only_their_settings(
    desired: DesiredPublicAccessBlock, target: tuple[bool, bool, bool, bool]
) -> None:
    facet = BlockFacet()
    state = facet.target(desired, Block(False, True, False, True))
    assert state.values == target
    payload = facet.payload(state)
    assert payload is not None
    assert facet.parse(payload) == state
    assert facet.parse(None) == Block()


def test_ownership_and_versioning_payload_and_parse_are_inverse() -> None:
    ownership, versioning = OwnershipFacet(), VersioningFacet()
    payload = ownership.payload("ObjectWriter")
    assert payload is not None
    assert ownership.parse(payload) == "ObjectWriter"
    assert ownership.parse(None) is None
    assert versioning.target("Suspended", None) is None
    assert versioning.target("Suspended", "Enabled") == "Suspended"
    assert versioning.parse({"Status": "Enabled"}) == "Enabled"
    assert versioning.payload("Enabled") == {"VersioningConfiguration": {"Status": "Enabled"}}


def test_policy_to_option_managed_statements_are_options() -> None:
    facet = PolicyFacet()
    state = Policy.from_statements([public_statement(ARN, ["b/", "a/c/"]), tls_statement(ARN)])
    assert facet.to_option(state) == {"public_prefixes": ["a/c", "b"], "require_tls": True, "require_encryption": False}
    by_hand = {**tls_statement(ARN), "Effect": "Allow"}
    assert facet.to_option(Policy.from_statements([by_hand]))["require_tls"] == by_hand
    assert facet.to_result(DesiredPolicy(ARN, require_tls=True), state) == {"require_tls": True}


def test_policy_payload_metadata_and_unmanaged_statements_are_included() -> None:
    facet = PolicyFacet()
    document = {
        "Version": "2008-10-17",
        "Id": "x",
        "Statement": [{"Sid": "Unmanaged", "Effect": "Deny", "Resource": "r"}],
    }
    current = facet.parse({"Policy": json.dumps(document)})
    payload = facet.payload(facet.target(DesiredPolicy(ARN, ("a/",)), current))
    assert payload is not None
    policy = json.loads(payload["Policy"])
    assert policy == {**document, "Statement": [*document["Statement"], public_statement(ARN, ["a/"])]}
    assert policy["Statement"][1]["Resource"] == [f"{ARN}/a/*"]
    assert policy["Statement"][1]["Action"] == "s3:GetObject"
    closed = facet.target(DesiredPolicy(ARN, ()), Policy.from_statements([public_statement(ARN, ["a/"])]))
    assert facet.payload(closed) is None


@pytest.mark.parametrize(
    ("statement", "prefixes"),
    [
        (public_statement(ARN, ["a/", "b/"]), {"a/", "b/"}),
        ({**public_statement(ARN, ["a/"]), "Resource": f"{ARN}/*"}, None),
        ({**public_statement(ARN, ["a/"]), "Action": "s3:*"}, None),
        ({**public_statement(ARN, ["a/"]), "Effect": "Deny"}, None),
        (tls_statement(ARN), set()),
    ],
)
def test_public_prefixes_if_unmodified_any_statement_returns_prefixes(
    statement: dict[str, t.Any], prefixes: set[str] | None
) -> None:
    assert Policy.from_statements([statement]).public_prefixes_if_unmodified == prefixes
    assert Policy.from_statements([statement]).without(PUBLIC).public_prefixes_if_unmodified == set()


def test_encryption_payload_blocked_kinds_are_included() -> None:
    facet, blocked = EncryptionFacet(), {"EncryptionType": ["SSE-C"]}
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BlockedEncryptionTypes": blocked}
    current = facet.parse({"ServerSideEncryptionConfiguration": {"Rules": [rule]}})
    target = facet.target(DesiredEncryption("s3", always_encrypted=True), current)
    written = {**rule, "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert facet.payload(target) == {"ServerSideEncryptionConfiguration": {"Rules": [written]}}
    assert facet.equal(target, Encryption("AES256"))
