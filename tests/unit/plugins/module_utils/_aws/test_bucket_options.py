# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From options to wishes, and what is wrong with options."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_options import Desired, desired
from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import Connection, connection
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.block import BlockWish
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.encryption import EncryptionWish
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.lifecycle import (
    LifecycleRule,
    LifecycleWish,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.policy import PolicyWish
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.tagging import TagWish

AWS = Connection(region="eu-west-1")
OTHER = Connection("https://s3.example.com", "eu-west-1")


def wishes(reach: Connection = AWS, **options: t.Any) -> t.Mapping[str, t.Any]:
    return desired({"name": "b-1", **options}, reach).wishes


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, {}),
        ({"encryption": "s3"}, {"encryption": EncryptionWish("s3", floor=True)}),
        ({"versioning": "Enabled"}, {"versioning": "Enabled"}),
        ({"object_ownership": "ObjectWriter"}, {"object_ownership": "ObjectWriter"}),
        ({"folders": ["b", "a/", "a"]}, {"folders": ("a/", "b/")}),
        ({"folders": []}, {}),
        ({"cors_rules": []}, {"cors_rules": ()}),
        ({"lifecycle": {}}, {"lifecycle": LifecycleWish()}),
        ({"lifecycle": {"expire_days": 0, "prefix": "a/"}}, {"lifecycle": LifecycleWish()}),
        ({"lifecycle": {"expire_days": 3}}, {"lifecycle": LifecycleWish(LifecycleRule(3))}),
        ({"tags": {}, "purge_tags": True}, {"tags": TagWish((), True)}),
        ({"require_tls": False}, {"policy": PolicyWish("arn:aws:s3:::b-1", require_tls=False)}),
        ({"block_public_access": False}, {"block_public_access": BlockWish(False)}),
        (
            {"public_prefixes": []},
            {"policy": PolicyWish("arn:aws:s3:::b-1", ()), "block_public_access": BlockWish(None, True)},
        ),
        (
            {"public_prefixes": ["b", "a"], "block_public_access": True},
            {"policy": PolicyWish("arn:aws:s3:::b-1", ("a/", "b/")), "block_public_access": BlockWish(True, False)},
        ),
        ({"state": "absent", "encryption": "s3", "tags": {"a": "b"}}, {}),
    ],
)
def test_only_what_is_given_is_wished(options: dict[str, t.Any], found: dict[str, t.Any]) -> None:
    assert wishes(**options) == found


def test_other_stores_are_not_taken_to_encrypt_by_themselves() -> None:
    assert wishes(OTHER, encryption="none") == {"encryption": EncryptionWish("none", floor=False)}
    want = desired({"name": "b-1", "encryption": "none", "tags": {"a": "b"}}, OTHER).on_a_store_that_encrypts()
    assert want.wishes["encryption"] == EncryptionWish("none", floor=True)
    assert want.wishes["tags"] == TagWish((("a", "b"),), False)
    assert Desired("b-1").on_a_store_that_encrypts() == Desired("b-1")


def test_the_partition_of_the_region() -> None:
    china = wishes(Connection(region="cn-northwest-1"), require_tls=True)
    assert china["policy"].arn == "arn:aws-cn:s3:::b-1"
    elsewhere = wishes(Connection("https://oss.example.cn", region="cn-hangzhou"), require_tls=True)
    assert elsewhere["policy"].arn == "arn:aws:s3:::b-1"


PROBLEMS: list[tuple[dict[str, t.Any], str]] = [
    (
        {"name": "B"},
        "the bucket name 'B' must have 3 to 63 lower-case letters, digits, dots and hyphens, with a letter "
        "or digit at both ends",
    ),
    (
        {"name": "B", "state": "absent"},
        "the bucket name 'B' must have 3 to 63 lower-case letters, digits, dots and hyphens, with a letter "
        "or digit at both ends",
    ),
    ({"region": "eu west"}, "the region 'eu west' is no name of a region"),
    (
        {"encryption": "kms"},
        "encryption 'kms' is not s3 or none; Vonage can upload with S3-managed keys only, not with KMS or "
        "keys of your own",
    ),
    ({"versioning": "on"}, "versioning 'on' is not one of Enabled, Suspended"),
    (
        {"object_ownership": "me"},
        "object_ownership 'me' is not one of BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter",
    ),
    ({"folders": [""]}, "folders: the prefix '' is empty: it would mean the whole bucket"),
    ({"public_prefixes": ["/"]}, "public_prefixes: the prefix '/' is empty: it would mean the whole bucket"),
    (
        {"public_prefixes": [".vonage-archiving/1"]},
        "public_prefixes: '.vonage-archiving/1' would show the records below .vonage-archiving/ to everybody",
    ),
    ({"lifecycle": {"expire_days": -1}}, "lifecycle.expire_days must not be negative"),
    ({"scope": "a/b"}, "scope 'a/b' is no id of a project, which has letters, digits and hyphens"),
    (
        {"scope": "a/b", "state": "absent"},
        "scope 'a/b' is no id of a project, which has letters, digits and hyphens",
    ),
    (
        {"cors_rules": [{"allowed_origins": ["https://a.example "], "allowed_methods": ["GET"]}]},
        "cors_rules[0].allowed_origins 'https://a.example ': browsers send no origin with blanks or letters beyond "
        "ASCII, so that it never matches",
    ),
    (
        {"cors_rules": [{"allowed_origins": ["*"], "allowed_methods": ["GET"], "allowed_headers": ["", "a b"]}]},
        "cors_rules[0]: '', 'a b' cannot be names of headers",
    ),
    ({"lifecycle": {"prefix": "a/"}}, "lifecycle has a prefix but no number of days"),
    (
        {"lifecycle": {"prefix": "/a", "expire_days": 1}},
        "lifecycle.prefix starts with a slash, as no key does: the rule would never apply",
    ),
    ({"purge_tags": True}, "purge_tags without tags would remove every tag: give tags, even if it is {}"),
    ({"tags": {"aws:a": "b"}}, "the tag name 'aws:a' must have 1 to 128 characters and not start with aws:"),
    (
        {"cors_rules": [{"allowed_origins": ["*"]}]},
        "cors_rules[0] needs at least one of allowed_origins and one of allowed_methods",
    ),
]


@pytest.mark.parametrize(("options", "problem"), PROBLEMS)
def test_problems(options: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(errors.InputError) as caught:
        wishes(**options)
    assert caught.value.problems == [problem]


def test_problems_are_told_all_at_once() -> None:
    with pytest.raises(errors.InputError) as caught:
        wishes(encryption="kms", folders=["a//b"], lifecycle={"expire_days": -1})
    assert len(caught.value.problems) == 3
    assert str(caught.value).startswith("Could not start: these 3 things are wrong with the options: ")
    assert str(caught.value).endswith(". Nothing was sent.")


@pytest.mark.parametrize("url", ["http://s3.example.com", "HTTP://s3.example.com"])
def test_tls_that_would_lock_out_this_very_connection(url: str) -> None:
    with pytest.raises(errors.InputError, match="require_tls would lock out the very connection that sets it"):
        wishes(Connection(url), require_tls=True)
    assert wishes(Connection(url), require_tls=False)
    assert wishes(OTHER, require_tls=True)


def test_the_region_that_vonage_cannot_upload_to() -> None:
    with pytest.raises(errors.InputError, match="is the one that Vonage cannot upload to"):
        wishes(Connection(region="cn-north-1"))


@pytest.mark.parametrize(
    "url",
    [
        "s3.example.com",
        "ftp://s3.example.com",
        "https://",
        "http://a b/",
        "https://user:secret@s3.example.com",
        "https://s3.example.com?x=1",
        "https://s3.example.com#x",
        "http://s3.example.com:99999",
        "http://exa\nmple",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(errors.InputError, match="is no URL such as https://s3"):
        connection({"endpoint_url": url}, {})


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/", "http://[::1]:9000", "https://minio_1.local/s3"])
def test_addresses(url: str) -> None:
    assert connection({"endpoint_url": url}, {}).endpoint_url == url.rstrip("/")
