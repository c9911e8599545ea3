# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of the module s3_archive_bucket."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection, connection
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.encryption import DesiredEncryption
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.lifecycle import (
    DesiredLifecycle,
    LifecycleRule,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.policy import DesiredPolicy, Policy
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.public_access_block import (
    DesiredPublicAccessBlock,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.registry import FACETS
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.tagging import DesiredTags
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.params import (
    BucketParams,
    parse_options,
    parse_params,
)
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._bucket.example_bucket import AWS

OTHER = Connection("https://s3.example.com", "eu-west-1")


def parse_facets(store: Connection = AWS, **options: t.Any) -> t.Mapping[str, t.Any]:
    return parse_options({"name": "b-1", **options}, store).facets


@pytest.mark.parametrize(
    ("options", "facets"),
    [
        ({}, {}),
        ({"encryption": "s3"}, {"encryption": DesiredEncryption("s3", always_encrypted=True)}),
        ({"versioning": "Enabled"}, {"versioning": "Enabled"}),
        ({"object_ownership": "ObjectWriter"}, {"object_ownership": "ObjectWriter"}),
        ({"folders": ["b", "a/", "a"]}, {"folders": ("a/", "b/")}),
        ({"folders": []}, {}),
        ({"cors_rules": []}, {"cors_rules": ()}),
        ({"lifecycle": {}}, {"lifecycle": DesiredLifecycle()}),
        ({"lifecycle": {"expire_days": 0, "prefix": "a/"}}, {"lifecycle": DesiredLifecycle()}),
        ({"lifecycle": {"expire_days": 3}}, {"lifecycle": DesiredLifecycle(LifecycleRule(3))}),
        ({"tags": {}, "purge_tags": True}, {"tags": DesiredTags((), True)}),
        ({"require_tls": False}, {"policy": DesiredPolicy("arn:aws:s3:::b-1", require_tls=False)}),
        ({"block_public_access": False}, {"block_public_access": DesiredPublicAccessBlock(False)}),
        (
            {"public_prefixes": []},
            {
                "policy": DesiredPolicy("arn:aws:s3:::b-1", ()),
                "block_public_access": DesiredPublicAccessBlock(None, True),
            },
        ),
        (
            {"public_prefixes": ["b", "a"], "block_public_access": True},
            {
                "policy": DesiredPolicy("arn:aws:s3:::b-1", ("a/", "b/")),
                "block_public_access": DesiredPublicAccessBlock(True, False),
            },
        ),
        ({"state": "absent", "encryption": "s3", "tags": {"a": "b"}}, {}),
    ],
)
def test_parse_options_any_options_returns_their_facets(options: dict[str, t.Any], facets: dict[str, t.Any]) -> None:
    assert parse_facets(**options) == facets


def test_parse_options_other_store_assumes_no_implicit_encryption() -> None:
    assert parse_facets(OTHER, encryption="none") == {"encryption": DesiredEncryption("none", always_encrypted=False)}
    params = parse_options({"name": "b-1", "encryption": "none", "tags": {"a": "b"}}, OTHER).with_implicit_encryption()
    assert params.facets["encryption"] == DesiredEncryption("none", always_encrypted=True)
    assert params.facets["tags"] == DesiredTags((("a", "b"),), False)
    assert BucketParams("b-1").with_implicit_encryption() == BucketParams("b-1")


def test_parse_params_invalid_connection_and_options_are_reported_together() -> None:
    params = {"name": "B", "endpoint_url": "s3.example.com", "state_file": "state.json"}
    with pytest.raises(errors.InputError) as caught:
        parse_params(params, {})
    problems = "; ".join(map(str, caught.value.problems))
    for part in ("endpoint_url", "name: 'B' is not a valid bucket name", "state_file: project is not set"):
        assert part in problems


def test_for_connection_resolved_defaults_update_facets() -> None:
    options = {"name": "b-1", "project": "471", "require_tls": True, "encryption": "none", "region": "eu-west-1"}
    params = parse_params({**options, "state_file": "/state/a.json"}, {"AWS_ENDPOINT_URL": "https://s3.example.com"})
    assert params.connection == Connection("https://s3.example.com", "eu-west-1")
    assert params.state_file is not None
    assert not params.facets["encryption"].always_encrypted
    resolved = params.for_connection(Connection(region="cn-northwest-1"))
    assert resolved.facets["encryption"].always_encrypted
    assert resolved.facets["policy"].arn == "arn:aws-cn:s3:::b-1"
    with pytest.raises(errors.InputError, match="Vonage cannot upload to cn-north-1"):
        params.for_connection(Connection(region="cn-north-1"))
    with pytest.raises(errors.InputError, match="is not https"):
        params.for_connection(Connection("http://s3.example.com"))


def test_parse_options_region_of_china_sets_the_partition_on_aws_only() -> None:
    china = parse_facets(Connection(region="cn-northwest-1"), require_tls=True)
    assert china["policy"].arn == "arn:aws-cn:s3:::b-1"
    other_store = parse_facets(Connection("https://oss.example.cn", region="cn-hangzhou"), require_tls=True)
    assert other_store["policy"].arn == "arn:aws:s3:::b-1"


DAYS = "a whole number of days, also with the unit d, such as 90d, or 0 for never"
PROBLEMS: list[tuple[dict[str, t.Any], str]] = [
    (
        {"name": "B"},
        "name: 'B' is not a valid bucket name: 3 to 63 lower-case letters, digits, dots, and hyphens are allowed, with "
        "a letter or digit at both ends",
    ),
    (
        {"name": "B", "state": "absent"},
        "name: 'B' is not a valid bucket name: 3 to 63 lower-case letters, digits, dots, and hyphens are allowed, with "
        "a letter or digit at both ends",
    ),
    ({"region": "eu west"}, "region: 'eu west' is not a valid name of a region"),
    (
        {"encryption": "kms"},
        "encryption: 'kms' is not one of s3, none, keep_kms, refuse_kms. Vonage can upload with S3-managed keys only, "
        "not with KMS or "
        "keys of your own",
    ),
    ({"folders": [""]}, "folders: the prefix '' is empty: it would mean the whole bucket"),
    ({"public_prefixes": ["/"]}, "public_prefixes: the prefix '/' is empty: it would mean the whole bucket"),
    (
        {"public_prefixes": [".vonage-archiving/1"]},
        "public_prefixes: '.vonage-archiving/1' would make the state files below .vonage-archiving/ public",
    ),
    ({"lifecycle": {"expire_days": -1}}, f"lifecycle.expire_days: -1 is not a number of days. Use {DAYS}"),
    ({"lifecycle": {"expire_days": "24h"}}, f"lifecycle.expire_days: '24h' is not a number of days. Use {DAYS}"),
    (
        {"project": "a/b"},
        "project: 'a/b' is not a valid project ID. Vonage uploads recordings below the API key or the application ID: "
        "letters, digits, and hyphens",
    ),
    (
        {"project": "a/b", "state": "absent"},
        "project: 'a/b' is not a valid project ID. Vonage uploads recordings below the API key or the application ID: "
        "letters, digits, and hyphens",
    ),
    (
        {"cors_rules": [{"allowed_origins": ["https://a.example "], "allowed_methods": ["GET"]}]},
        "cors_rules[0].allowed_origins: 'https://a.example ' contains blanks or letters beyond ASCII. Browsers send no "
        "such origin: it never matches",
    ),
    (
        {"cors_rules": [{"allowed_origins": ["*"], "allowed_methods": ["GET"], "allowed_headers": ["a b"]}]},
        "cors_rules[0].allowed_headers: 'a b' is not a valid name of a header",
    ),
    (
        {"lifecycle": {"prefix": "a/"}},
        "lifecycle: prefix is set, but no number of days. Set one too, or leave prefix out",
    ),
    (
        {"lifecycle": {"prefix": "/a", "expire_days": 1}},
        "lifecycle.prefix: '/a' starts with a slash, but no key does: the rule would never apply",
    ),
    ({"purge_tags": True}, "purge_tags: tags is not set. Set tags too; an empty dictionary deletes all tags"),
    ({"tags": {"aws:a": "b"}}, "tags: the tag name 'aws:a' must have 1 to 128 characters and not start with aws:"),
    (
        {"cors_rules": [{"allowed_origins": ["*"]}]},
        "cors_rules[0]: needs at least one of allowed_origins and one of allowed_methods",
    ),
]


@pytest.mark.parametrize(("options", "problem"), PROBLEMS)
def test_parse_options_invalid_option_is_refused(options: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(errors.InputError) as caught:
        parse_facets(**options)
    assert [str(item) for item in caught.value.problems] == [problem]


def test_parse_options_several_invalid_options_are_reported_together() -> None:
    with pytest.raises(errors.InputError) as caught:
        parse_facets(encryption="kms", folders=["a//b"], lifecycle={"expire_days": -1})
    assert len(caught.value.problems) == 3
    assert str(caught.value).startswith("Invalid options: ")
    assert str(caught.value).endswith(". Nothing was sent.")


@pytest.mark.parametrize("url", ["http://s3.example.com", "HTTP://s3.example.com"])
def test_parse_options_require_tls_without_https_is_refused(url: str) -> None:
    with pytest.raises(
        errors.InputError,
        match=r"require_tls: endpoint_url .* is not https",
    ):
        parse_facets(Connection(url), require_tls=True)
    assert parse_facets(Connection(url), require_tls=False)
    assert parse_facets(OTHER, require_tls=True)


def test_parse_options_region_without_uploads_by_vonage_is_refused() -> None:
    with pytest.raises(errors.InputError, match="Vonage cannot upload to cn-north-1"):
        parse_facets(Connection(region="cn-north-1"))


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://user:secret@s3.example.com", "contains credentials. Set access_key and secret_key instead"),
        ("https://s3.example.com?x=1", "contains a query or a fragment. Set a URL such as https://s3.example.com"),
        ("https://s3.example.com#x", "contains a query or a fragment. Set a URL such as https://s3.example.com"),
        *(
            (url, "is not a valid URL such as https://s3.example.com")
            for url in (
                "s3.example.com",
                "ftp://s3.example.com",
                "https://",
                "http://a b/",
                "http://s3.example.com:99999",
                "http://exa\nmple",
            )
        ),
    ],
)
def test_connection_invalid_endpoint_url_is_refused(url: str, problem: str) -> None:
    with pytest.raises(errors.InputError, match=rf"endpoint_url: .* {problem}"):
        connection({"endpoint_url": url}, {})


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/", "http://[::1]:9000", "https://minio_1.local/s3"])
def test_connection_endpoint_url_with_final_slash_is_stripped(url: str) -> None:
    assert connection({"endpoint_url": url}, {}).endpoint_url == url.rstrip("/")


def test_parse_options_project_absent_deletes_the_rule_and_reads_the_policy() -> None:
    facets = parse_facets(state="project_absent", project="471")
    assert facets == {
        "lifecycle": DesiredLifecycle(None, "471"),
        "policy": DesiredPolicy("arn:aws:s3:::b-1", project="471"),
    }
    assert FACETS["policy"].target(facets["policy"], Policy()) == Policy()
    closing = parse_facets(state="project_absent", project="471", public_prefixes=[])
    assert closing["policy"].public_prefixes == ()
    assert closing["block_public_access"].policies is True


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "project: is required with state=project_absent"),
        (
            {"project": "471", "public_prefixes": ["471"]},
            "public_prefixes: must be an empty list with state=project_absent, or not set",
        ),
        ({"project": "471", "tags": {"a": "b"}}, "tags: cannot be set with state=project_absent"),
        ({"project": "471", "lifecycle": {}}, "lifecycle: cannot be set with state=project_absent"),
        ({"project": "471", "force": True}, "force: cannot be set with state=project_absent"),
    ],
)
def test_parse_options_project_absent_with_other_options_is_refused(options: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(errors.InputError) as caught:
        parse_facets(state="project_absent", **options)
    assert list(map(str, caught.value.problems)) == [problem]
