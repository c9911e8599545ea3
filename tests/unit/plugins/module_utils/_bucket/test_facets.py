# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facets: what is wanted of a state, how it is shown, what is sent for it."""

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
    rule_from_option,
    rule_problems,
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

ARN = "arn:aws:s3:::b-1"
words = st.sampled_from(["a", "b", "c"])
some = st.lists(words, max_size=3, unique=True).map(lambda found: tuple(sorted(found)))
ages = st.sampled_from([None, 0, 60])
cors_rules = st.lists(st.builds(CorsRule, some, some, some, some, ages, st.one_of(st.none(), words)), max_size=3).map(
    tuple
)
days = st.sampled_from([None, 1, 30])
our_rules = st.one_of(st.none(), st.builds(LifecycleRule, days, days, days, words))
lifecycles = st.builds(Lifecycle, our_rules, st.just(({"ID": "theirs"},)), st.sampled_from([None, "x"]))
tags = st.dictionaries(st.sampled_from(["a", "b", "aws:c"]), words).map(lambda found: tuple(sorted(found.items())))
flags = st.sampled_from([None, True, False])
policies = st.lists(
    st.sampled_from([public_statement(ARN, ["a"]), tls_statement(ARN), {"Sid": "Theirs", "Effect": "Deny"}]),
    max_size=3,
).map(Policy.from_statements)
CASES: dict[str, tuple[st.SearchStrategy[t.Any], st.SearchStrategy[t.Any]]] = {
    "cors_rules": (cors_rules, cors_rules),
    "lifecycle": (st.builds(DesiredLifecycle, our_rules, st.one_of(st.none(), words)), lifecycles),
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
    "policy": (st.builds(DesiredPolicy, st.just(ARN), st.one_of(st.none(), some), flags, flags), policies),
    "folders": (some, some),
}


def test_every_facet_has_its_case() -> None:
    assert set(CASES) == set(FACETS)


@pytest.mark.parametrize("name", sorted(CASES))
@given(data=st.data())
def test_what_is_wanted_stays_as_it_is(name: str, data: st.DataObject) -> None:
    facet = FACETS[name]
    wanted, current = (data.draw(strategy) for strategy in CASES[name])
    target = facet.target(wanted, current)
    assert facet.target(wanted, target) == target
    assert facet.equal(target, facet.target(wanted, target))
    assert bool(facet.changes(wanted, current, target)) == (not facet.equal(current, target))
    assert facet.changes(wanted, target, target) == ()


def test_cors_order_of_rules_counts_and_order_inside_does_not() -> None:
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
    ("wanted", "current", "serves"),
    [
        ({}, {"max_age_seconds": 0}, True),
        ({}, {"max_age_seconds": 5}, False),
        ({"max_age_seconds": 5}, {"max_age_seconds": 5}, True),
        ({"max_age_seconds": 5}, {}, False),
        ({}, {"id": "somebody's"}, True),
        ({"id": "mine"}, {"id": "somebody's"}, False),
    ],
)
def test_cors_what_was_not_asked_is_not_compared(
    wanted: dict[str, t.Any], current: dict[str, t.Any], serves: bool
) -> None:
    there = (CorsRule(("*",), ("GET",), **current),)
    assert (CorsFacet().target((CorsRule(("*",), ("GET",), **wanted),), there) == there) is serves


def test_cors_there_and_back() -> None:
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


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (
            {"allowed_methods": ["PATCH"]},
            "cors_rules[0].allowed_methods has PATCH; S3 knows GET, PUT, POST, DELETE, HEAD",
        ),
        ({"allowed_methods": []}, "cors_rules[0] needs at least one of allowed_origins and one of allowed_methods"),
        ({"allowed_origins": []}, "cors_rules[0] needs at least one of allowed_origins and one of allowed_methods"),
        (
            {"allowed_origins": ["https://*.*.example"]},
            "cors_rules[0].allowed_origins 'https://*.*.example': S3 takes one * at most",
        ),
        (
            {"allowed_origins": ["example.com"]},
            "cors_rules[0].allowed_origins 'example.com': an origin has a scheme and a host, as in "
            "https://www.example.com",
        ),
        (
            {"allowed_origins": ["https://example.com/"]},
            "cors_rules[0].allowed_origins 'https://example.com/': an origin ends with its host or port; "
            "with a path it never matches",
        ),
        ({"allowed_headers": ["x-*-*"]}, "cors_rules[0].allowed_headers 'x-*-*' has more than one *"),
        ({"expose_headers": ["*"]}, "cors_rules[0].expose_headers '*': S3 takes no * here"),
        ({"max_age_seconds": -1}, "cors_rules[0].max_age_seconds must not be negative"),
        ({"id": "x" * 256}, "cors_rules[0].id is longer than 255 characters"),
    ],
)
def test_cors_problems(rule: dict[str, t.Any], problem: str) -> None:
    good = {"allowed_origins": ["https://www.example.com:8443"], "allowed_methods": ["GET"]}
    assert rule_problems([rule_from_option({**good, **rule})]) == [problem]


def test_cors_what_is_fine() -> None:
    origins = ["*", "https://*.example.com", "*.example.com", "null", "http://localhost:3000"]
    assert rule_problems([rule_from_option({"allowed_origins": origins, "allowed_methods": ["get"]})] * 100) == []
    assert "at most 100" in rule_problems([CorsRule(("*",), ("GET",))] * 101)[0]


@pytest.mark.parametrize(
    "rule",
    [
        {"Filter": {"Prefix": "p/"}},
        {"Prefix": "p/"},
        {"Filter": {"And": {"Prefix": "p/"}}},
        {"Filter": {"Prefix": "p/", "ObjectSizeGreaterThan": 0}},
    ],
)
def test_lifecycle_forms_that_stores_make_of_our_rule(rule: dict[str, t.Any]) -> None:
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
    "more",
    [
        {"Status": "Disabled"},
        {"Filter": {"Prefix": "p/", "Tag": {"Key": "a", "Value": "b"}}},
        {"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]},
        {"Expiration": {"Days": 3, "ExpiredObjectDeleteMarker": True}},
    ],
)
def test_lifecycle_what_somebody_added_to_our_rule_is_put_right(more: dict[str, t.Any]) -> None:
    facet = LifecycleFacet()
    full = {"ID": RULE_ID, "Status": "Enabled", "Filter": {"Prefix": "p/"}, "Expiration": {"Days": 3}, **more}
    current = facet.parse({"Rules": [full]})
    wanted = DesiredLifecycle(LifecycleRule(expire_days=3, prefix="p/"))
    [change] = facet.changes(wanted, current, facet.target(wanted, current))
    assert json.loads(change.before["unmanaged_fields"])
    assert change.after == {"expire_days": 3, "prefix": "p/"}


def test_lifecycle_others_are_sent_along() -> None:
    facet = LifecycleFacet()
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 9}}
    current = facet.parse({"Rules": [theirs], "TransitionDefaultMinimumObjectSize": "varies_by_storage_class"})
    payload = facet.payload(facet.target(DesiredLifecycle(LifecycleRule(expire_days=1)), current))
    ours = {"ID": RULE_ID, "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    assert payload == {
        "LifecycleConfiguration": {"Rules": [theirs, ours]},
        "TransitionDefaultMinimumObjectSize": "varies_by_storage_class",
    }
    kept = facet.payload(facet.target(DesiredLifecycle(), current))
    assert kept is not None
    assert kept["LifecycleConfiguration"] == {"Rules": [theirs]}
    assert facet.payload(facet.target(DesiredLifecycle(), facet.parse(None))) is None


def test_lifecycle_ours_has_the_older_form_where_others_have_it() -> None:
    facet = LifecycleFacet()
    theirs = {"ID": "theirs", "Status": "Enabled", "Prefix": "x/", "Expiration": {"Days": 9}}
    wanted = DesiredLifecycle(LifecycleRule(abort_incomplete_uploads_days=7, prefix="p/"))
    payload = facet.payload(facet.target(wanted, facet.parse({"Rules": [theirs]})))
    assert payload is not None
    rules = payload["LifecycleConfiguration"]["Rules"]
    days = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
    assert rules == [theirs, {"ID": RULE_ID, "Status": "Enabled", "Prefix": "p/", **days}]
    assert facet.parse({"Rules": rules}).managed == wanted.rule


def test_lifecycle_options() -> None:
    assert lifecycle_rule({}) is None
    assert lifecycle_rule({"expire_days": 0, "noncurrent_expire_days": None}) is None
    assert lifecycle_rule({"expire_days": 2, "prefix": None}) == LifecycleRule(expire_days=2)


def test_tags() -> None:
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
        ({str(n): "" for n in range(51)}, "tags has 51 tags; S3 takes at most 50"),
    ],
)
def test_tag_problems(option: dict[str, t.Any], problem: str) -> None:
    assert tag_problems(option) == [problem]


@pytest.mark.parametrize(
    ("mode", "floor", "current", "target"),
    [
        ("s3", True, None, "AES256"),
        ("s3", False, "aws:kms", "AES256"),
        ("none", False, "AES256", None),
        ("none", True, "AES256", "AES256"),
        ("none", True, None, None),
    ],
)
def test_encryption(mode: str, floor: bool, current: str | None, target: str | None) -> None:
    desired = DesiredEncryption(mode, floor)
    assert EncryptionFacet().target(desired, Encryption(current, None)).algorithm == target


def test_encryption_by_kms_is_not_managed_to_remove() -> None:
    with pytest.raises(errors.RejectedError) as caught:
        EncryptionFacet().target(DesiredEncryption("none", True), Encryption("aws:kms", "key-1"))
    assert str(caught.value) == (
        "Could not set encryption=none: the default encryption of the bucket is aws:kms, which this collection does "
        "not manage and Vonage cannot upload with. Set encryption=s3 to replace it by S3-managed keys, or delete it "
        "yourself first."
    )


def test_encryption_is_shown_as_the_option() -> None:
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
def test_block(desired: DesiredPublicAccessBlock, target: tuple[bool, bool, bool, bool]) -> None:
    facet = BlockFacet()
    found = facet.target(desired, Block(False, True, False, True))
    assert found.values == target
    payload = facet.payload(found)
    assert payload is not None
    assert facet.parse(payload) == found
    assert facet.parse(None) == Block()


def test_ownership_and_versioning() -> None:
    ownership, versioning = OwnershipFacet(), VersioningFacet()
    payload = ownership.payload("ObjectWriter")
    assert payload is not None
    assert ownership.parse(payload) == "ObjectWriter"
    assert ownership.parse(None) is None
    assert versioning.target("Suspended", None) is None
    assert versioning.target("Suspended", "Enabled") == "Suspended"
    assert versioning.parse({"Status": "Enabled"}) == "Enabled"
    assert versioning.payload("Enabled") == {"VersioningConfiguration": {"Status": "Enabled"}}


def test_policy_statements_of_ours_are_shown_as_options() -> None:
    facet = PolicyFacet()
    state = Policy.from_statements([public_statement(ARN, ["b/", "a/c/"]), tls_statement(ARN)])
    assert facet.to_option(state) == {"public_prefixes": ["a/c", "b"], "require_tls": True, "require_encryption": False}
    by_hand = {**tls_statement(ARN), "Effect": "Allow"}
    assert facet.to_option(Policy.from_statements([by_hand]))["require_tls"] == by_hand
    assert facet.to_result(DesiredPolicy(ARN, require_tls=True), state) == {"require_tls": True}


def test_policy_head_and_others_are_sent_along() -> None:
    facet = PolicyFacet()
    document = {"Version": "2008-10-17", "Id": "x", "Statement": [{"Sid": "Theirs", "Effect": "Deny", "Resource": "r"}]}
    current = facet.parse({"Policy": json.dumps(document)})
    payload = facet.payload(facet.target(DesiredPolicy(ARN, ("a/",)), current))
    assert payload is not None
    sent = json.loads(payload["Policy"])
    assert sent == {**document, "Statement": [*document["Statement"], public_statement(ARN, ["a/"])]}
    assert sent["Statement"][1]["Resource"] == [f"{ARN}/a/*"]
    assert sent["Statement"][1]["Action"] == "s3:GetObject"
    closed = facet.target(DesiredPolicy(ARN, ()), Policy.from_statements([public_statement(ARN, ["a/"])]))
    assert facet.payload(closed) is None


@pytest.mark.parametrize(
    ("statement", "opened"),
    [
        (public_statement(ARN, ["a/", "b/"]), {"a/", "b/"}),
        ({**public_statement(ARN, ["a/"]), "Resource": f"{ARN}/*"}, None),
        ({**public_statement(ARN, ["a/"]), "Action": "s3:*"}, None),
        ({**public_statement(ARN, ["a/"]), "Effect": "Deny"}, None),
        (tls_statement(ARN), set()),
    ],
)
def test_policy_what_our_statement_opens(statement: dict[str, t.Any], opened: set[str] | None) -> None:
    assert Policy.from_statements([statement]).public_prefixes_if_unmodified == opened
    assert Policy.from_statements([statement]).without(PUBLIC).public_prefixes_if_unmodified == set()


def test_encryption_leaves_the_kinds_that_are_blocked_as_they_are() -> None:
    facet, blocked = EncryptionFacet(), {"EncryptionType": ["SSE-C"]}
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BlockedEncryptionTypes": blocked}
    current = facet.parse({"ServerSideEncryptionConfiguration": {"Rules": [rule]}})
    target = facet.target(DesiredEncryption("s3", always_encrypted=True), current)
    ours = {**rule, "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert facet.payload(target) == {"ServerSideEncryptionConfiguration": {"Rules": [ours]}}
    assert facet.equal(target, Encryption("AES256"))
