# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role's variables: what they become in whatever form they arrive, and what contradicts itself."""

from __future__ import annotations

import datetime
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.settings import read_settings
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.variables import (
    BOOLEAN,
    CHOICE,
    DAYS,
    DURATION,
    SECRETS,
    VARIABLES,
    of_kind,
)

MINIMAL: dict[str, t.Any] = {
    "api_key": "47123456",
    "bucket": "recordings",
}
# On top of these, for an external key.
EXTERNAL: dict[str, t.Any] = {
    "upload_key": "external",
    "uploader_access_key": "AKIAIOSFODNN7EXAMPLE",
    "uploader_secret_key": "hidden",
}
FOR_EXTERNAL_KEY = (
    "is for an external key, and archive_storage_upload_key is managed. Remove it, or set archive_storage_upload_key "
    "to external"
)
DEFAULTS = {name: variable.default for name, variable in VARIABLES.items()}


def read(verify_only: bool = False, environ: t.Mapping[str, str] | None = None, **variables: t.Any) -> dict[str, t.Any]:
    return read_settings({**MINIMAL, **variables}, environ or {}, verify_only=verify_only)


def problems(**variables: t.Any) -> list[str]:
    return [str(problem) for problem in read(**variables)["problems"]]


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        (
            {"allow": "adopt_buckets"},
            "archive_storage_allow: 'adopt_buckets' is not one of adopt_bucket, shorter_retention, "
            "teardown_without_api",
        ),
    ],
)
def test_read_settings_list_item_that_is_not_a_choice_is_a_problem(variables: dict[str, t.Any], problem: str) -> None:
    assert problems(**variables) == [problem]


def test_read_settings_minimal_managed_key_has_no_problems() -> None:
    settings = read()
    assert settings["problems"] == []
    assert {name: settings[name] for name in (*of_kind(CHOICE), *of_kind(DURATION), *of_kind(DAYS))} == {
        "state": "present",
        "preflight": "auto",
        "upload_key": "managed",
        "verify": "new_key",
        "sse": "s3",
        "fallback": "opentok",
        "update": "on_change",
        "retention_days": 0,
        "abort_incomplete_uploads_days": 7,
        "max_age": None,
        "verify_timeout": 30,
        "rotate_after": 7776000,
        "grace_period": 64800,
        "delete_after": 86400,
        "drain_timeout": 30,
    }
    assert (settings["managed"], settings["rotate"], settings["uploader_name"]) == (
        True,
        False,
        "vonage-archiving-47123456",
    )
    assert (settings["project"], settings["prefix"], settings["folders"]) == ("47123456", "47123456/", [])
    assert settings["state_file"] == "s3://recordings/.vonage-archiving/47123456.json"
    assert settings["lifecycle"] == {
        "prefix": "47123456/",
        "expire_days": 0,
        "abort_incomplete_uploads_days": 7,
    }
    assert (settings["public"], settings["public_prefixes"], settings["require_tls"]) == (False, [], True)
    assert (settings["cors_rules"], settings["tags"], settings["uploader_tags"]) == (None, None, None)


def test_read_settings_minimal_external_key_has_no_problems() -> None:
    settings = read(**EXTERNAL)
    assert (settings["managed"], settings["uploader_access_key"], settings["problems"]) == (
        False,
        "AKIAIOSFODNN7EXAMPLE",
        [],
    )


@pytest.mark.parametrize("empty", ["", "  ", None])
def test_read_settings_empty_value_is_unset(empty: t.Any) -> None:
    """AWX renders empty inputs as empty strings, which ansible-core 2.19 and later convert to None."""
    optional = dict.fromkeys([name for name in VARIABLES if name not in MINIMAL], empty)
    assert read(**optional) == read()


@pytest.mark.parametrize("name", of_kind(BOOLEAN))
def test_read_settings_boolean_any_form_is_parsed(name: str) -> None:
    yes: t.Any = (True, "true", "True", "yes", "YES", "on", "1", 1, " y ", "t")
    no: t.Any = (False, "false", "False", "no", "off", "OFF", "0", 0, "n", "f")
    for value in yes:
        assert read(**{name: value})[name] is True
    for value in no:
        assert read(**{name: value})[name] is False
    neither: t.Any = ("maybe", 2, "truetrue", [], 1.5, datetime.date(2026, 1, 1))
    for value in neither:
        assert f"archive_storage_{name}: {str(value).lower()!r} is not one of true, false" in problems(**{name: value})


NUMBERS: t.Any = ((0, 0), ("0", 0), (30, 30), ("30", 30), (" 7 ", 7), ("007", 7))
NOT_NUMBERS: t.Any = ("-1", -1, "1.5", 1.5, "seven", True, "1e3", "²", "٣", [7], "1w", "d", "7 d", "1h30m", "-1d")


@pytest.mark.parametrize("name", of_kind(DURATION))
def test_read_settings_duration_any_form_is_parsed(name: str) -> None:
    units: t.Any = (("45s", 45), ("15m", 900), ("12h", 43200), (" 90d ", 7776000), ("0d", 0))
    for value, expected in (*NUMBERS, *units):
        assert read(**{**EXTERNAL, name: value})[name] == expected
    for bad in NOT_NUMBERS:
        assert problems(**{name: bad}) == [
            f"archive_storage_{name}: {str(bad)!r} is not a duration. Use a whole number of seconds, or a whole number "
            "with a unit, such as 30s, 15m, 12h, or 90d"
        ]
        assert read(**{name: bad})[name] == DEFAULTS[name]


@pytest.mark.parametrize("name", of_kind(DAYS))
def test_read_settings_days_any_form_is_parsed(name: str) -> None:
    for value, expected in (*NUMBERS, ("90d", 90), (" 7d ", 7)):
        assert read(**{**EXTERNAL, name: value})[name] == expected
    for bad in (*NOT_NUMBERS, "24h", "86400s"):
        assert problems(**{name: bad}) == [
            f"archive_storage_{name}: {str(bad)!r} is not a number of days. Use a whole number of days, also with the "
            "unit d, such as 90d"
        ]
        assert read(**{name: bad})[name] == DEFAULTS[name]


@pytest.mark.parametrize("name", of_kind(CHOICE))
def test_read_settings_choice_invalid_is_a_problem(name: str) -> None:
    choices: t.Any = VARIABLES[name].choices
    for value in choices:
        assert read(**{name: value})[name] == value
        assert not any("not one of" in problem for problem in problems(**{name: value}))
    assert (
        problems(**{name: "KMS"})[0]
        == f"archive_storage_{name}: 'KMS' is not one of {', '.join(VARIABLES[name].choices)}"
    )


def test_read_settings_numeric_ids_are_text() -> None:
    assert read(api_key=47123456)["project"] == "47123456"
    assert read(bucket=20260101)["bucket"] == "20260101"
    assert read(bucket=datetime.date(2026, 1, 1))["bucket"] == "2026-01-01"
    assert read(api_key="", application_id="78d335fa-323d-0114-9c3d-d6f0d48968cf")["prefix"].startswith("78d335fa")


def test_read_settings_yaml_text_is_parsed() -> None:
    rule = {"allowed_origins": ["*"], "allowed_methods": ["GET"]}
    for text in (
        "- {allowed_origins: ['*'], allowed_methods: [GET]}",
        '[{"allowed_origins":["*"],"allowed_methods":["GET"]}]',
    ):
        assert read(cors_rules=text)["cors_rules"] == [rule]
    assert read(cors_rules=[rule])["cors_rules"] == [rule]
    assert (read(cors_rules="[]")["cors_rules"], read(tags="{}")["tags"]) == ([], {})
    # The text is used, without the types of YAML.
    written = "cost: 0123\non: yes\nversion: 1.10\nday: 2026-13-45\nnothing:\n'~': 'null'\n"
    texts = {"cost": "0123", "on": "yes", "version": "1.10", "day": "2026-13-45", "nothing": None}
    assert read(tags=written)["tags"] == {**texts, "~": "null"}
    assert read(tags='{"a": 1, "b": true, "c": null}')["tags"] == {"a": "1", "b": "true", "c": None}
    assert read(uploader_tags="{a: b}")["uploader_tags"] == {"a": "b"}
    for name, kind in (("cors_rules", "list"), ("tags", "dictionary"), ("uploader_tags", "dictionary")):
        for wrong in ("word", "7", 7, True, "2026-01-01"):
            assert problems(**{name: wrong}) == [f"archive_storage_{name}: is not a {kind}"]
        for wrong in ("[", "a: b: c", "\t-", "!!int x", "*", "!!python/object:os.system {}"):
            assert problems(**{name: wrong}) == [f"archive_storage_{name}: is a string that is not valid YAML"]
    assert problems(tags=[]) == ["archive_storage_tags: is not a dictionary"]
    assert problems(cors_rules={}) == ["archive_storage_cors_rules: is not a list"]


def test_read_settings_folders_any_form_are_parsed() -> None:
    for value in (["in", "done/2026"], ("in", "done/2026"), "in,done/2026", "in, done/2026,", "in\ndone/2026\n"):
        assert read(folders=value)["folders"] == ["in", "done/2026"]
    assert read(folders=2026)["folders"] == ["2026"]
    assert read(folders=[2026, " in "])["folders"] == ["2026", "in"]
    assert read(folders=datetime.date(2026, 1, 1))["folders"] == ["2026-01-01"]
    assert problems(folders={"a": 1}) == ["archive_storage_folders: is not a list"]
    assert problems(folders=True) == ["archive_storage_folders: is not a list"]


@pytest.mark.parametrize(
    ("endpoint", "endpoint_url", "require_tls", "required"),
    [
        ("", "", None, True),
        ("https://s3.example.com", "", None, True),
        ("http://127.0.0.1:8333", "", None, False),
        ("https://s3.example.com", "http://10.0.0.1", None, False),
        ("https://s3.example.com", "", "no", False),
        ("", "", "yes", True),
        # AWS itself by another address of its own.
        ("", "https://bucket.vpce-1a2b-3c4d.s3.eu-west-1.vpce.amazonaws.com", None, True),
        ("", "https://s3.cn-north-1.amazonaws.com.cn", None, True),
        # A custom domain of AWS: archive_storage_endpoint selects it.
        ("https://s3.amazonaws.com", "https://s3-proxy.example.com", None, True),
    ],
)
def test_read_settings_require_tls_depends_on_endpoints(
    endpoint: str, endpoint_url: str, require_tls: t.Any, required: bool
) -> None:
    settings = read(endpoint=endpoint, endpoint_url=endpoint_url, require_tls=require_tls)
    assert (settings["require_tls"], settings["problems"]) == (required, [])
    assert settings["endpoint_url"] == (endpoint_url or endpoint)


def test_read_settings_state_file_has_default() -> None:
    assert read(**EXTERNAL, state_file="none")["state_file"] == ""
    assert read(state_file="/var/lib/states/a.json")["state_file"] == "/var/lib/states/a.json"
    nameless = read(state="absent", bucket="")
    assert (nameless["state_file"], nameless["problems"]) == ("", [])
    deleted = read(state="absent", delete_bucket=True, delete_recordings="recordings")
    # It stays until the bucket is deleted: an interrupted run must not leave a state file with the status "applied".
    assert (deleted["state_file"], deleted["problems"]) == ("s3://recordings/.vonage-archiving/47123456.json", [])


def test_read_settings_lifecycle_excludes_state_file() -> None:
    assert read(retention_days=30)["lifecycle"]["expire_days"] == 30
    assert not read()["state_file"].partition("recordings/")[2].startswith(read()["lifecycle"]["prefix"])
    assert read(abort_incomplete_uploads_days=0)["lifecycle"] == {}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], ("", "")),
        ([{"allowed_origins": ["https://a.example"], "allowed_methods": ["PUT", "GET"]}], ("https://a.example", "PUT")),
        ([{"allowed_origins": ["*"], "allowed_methods": ["GET"]}], ("https://www.example.com", "GET")),
        ([{"allowed_origins": ["https://*.a.example"], "allowed_methods": ["GET"]}], ("https://www.a.example", "GET")),
        ([{"allowed_origins": "*", "allowed_methods": "GET,PUT"}], ("https://www.example.com", "GET")),
        ([{"allowed_origins": [], "allowed_methods": ["GET"]}], ("", "")),
        (["word"], ("", "")),
    ],
)
def test_read_settings_preflight_uses_first_cors_rule(rules: list[t.Any], expected: tuple[str, str]) -> None:
    settings = read(cors_rules=rules)
    assert (settings["cors_origin"], settings["cors_method"]) == expected


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        (
            {"api_key": ""},
            "archive_storage_api_key: is not set, and archive_storage_application_id is not set. Set one of them",
        ),
        (
            {"application_id": "x"},
            "archive_storage_api_key: cannot be set together with archive_storage_application_id",
        ),
        (
            {"api_key": "a/b"},
            "archive_storage_api_key: 'a/b' is not a valid ID: letters, digits, underscores, and hyphens are allowed",
        ),
        ({"bucket": ""}, "archive_storage_bucket: is not set"),
        (
            {**EXTERNAL, "uploader_access_key": ""},
            "archive_storage_uploader_access_key: is not set, and archive_storage_upload_key is external",
        ),
        (
            {**EXTERNAL, "rotate": "yes"},
            "archive_storage_rotate: an external key cannot be rotated. Set archive_storage_upload_key to managed",
        ),
        (
            {"uploader_access_key": "AKIAIOSFODNN7EXAMPLE"},
            f"archive_storage_uploader_access_key: {FOR_EXTERNAL_KEY}",
        ),
        ({"uploader_secret_key": "hidden"}, f"archive_storage_uploader_secret_key: {FOR_EXTERNAL_KEY}"),
        (
            {"state_file": "none"},
            "archive_storage_state_file: is none, but a managed key needs a state file, which contains the key of the "
            "upload target",
        ),
        (
            {"max_age": "3600"},
            "archive_storage_max_age: is for an external key. Set archive_storage_rotate_after",
        ),
        (
            {"iam_endpoint_url": "iam.example.com"},
            "archive_storage_iam_endpoint_url: 'iam.example.com' is not a valid URL such as https://s3.example.com",
        ),
        (
            {"require_encryption": "yes", "sse": "none"},
            "archive_storage_require_encryption: would reject every recording: archive_storage_sse is not s3",
        ),
        (
            {"require_tls": "yes", "endpoint": "http://127.0.0.1"},
            "archive_storage_require_tls: would reject every recording: an endpoint is not https",
        ),
        (
            {"public": "yes", "state_file": "s3://recordings/47123456/r.json"},
            "archive_storage_public: would make the state file public (archive_storage_state_file)",
        ),
        (
            {"state": "absent", "delete_bucket": "yes"},
            "archive_storage_delete_bucket: deletes every recording in the bucket. To confirm, set "
            "archive_storage_delete_recordings to the name of the bucket",
        ),
        (
            {"delete_bucket": "yes", "delete_recordings": "recordings"},
            "archive_storage_delete_bucket: needs archive_storage_state=absent",
        ),
        (
            {"state": "absent", "bucket": "", "delete_bucket": "yes", "delete_recordings": ""},
            "archive_storage_bucket: is not set",
        ),
        (
            {"endpoint": "s3.example.com"},
            "archive_storage_endpoint: 's3.example.com' is not a valid URL such as https://s3.example.com",
        ),
        (
            {"endpoint_url": "https://s3.internal.example.com"},
            "archive_storage_endpoint: is not set, and the store of the operator is not AWS: "
            "https://s3.internal.example.com (archive_storage_endpoint_url, or AWS_ENDPOINT_URL_S3 or "
            "AWS_ENDPOINT_URL of "
            "the environment). Set archive_storage_endpoint to the URL at which Vonage reaches the store",
        ),
        (
            {"endpoint_url": "ftp://s3"},
            "archive_storage_endpoint_url: 'ftp://s3' is not a valid URL such as https://s3.example.com",
        ),
        (
            {**EXTERNAL, "verify_only": True, "uploader_secret_key": ""},
            "archive_storage_uploader_secret_key: is not set. Without it, uploads cannot be verified",
        ),
        ({"cors_rules": ["GET"]}, "archive_storage_cors_rules[0]: is not a dictionary"),
        ({"verify_only": True, "state": "absent"}, "archive_storage_state: is absent, which cannot be verified"),
    ],
)
def test_read_settings_contradiction_is_a_problem(variables: dict[str, t.Any], problem: str) -> None:
    assert problems(**variables) == [problem]


@pytest.mark.parametrize(
    "variables",
    [
        {"verify_only": True},
        {"rotate": True, "verify_only": True},
        {**EXTERNAL, "update": "always"},
        {**EXTERNAL, "max_age": 3600},
        {**EXTERNAL, "state_file": "none"},
        # The deletion of a target needs none of its options, and ignores them.
        {"state": "absent", "state_file": "none"},
        {**EXTERNAL, "state": "absent", "upload_key": "managed"},
        {**EXTERNAL, "state": "absent", "uploader_access_key": "", "uploader_secret_key": ""},
        {"state": "absent", "rotate": True, "max_age": 1},
    ],
)
def test_read_settings_compatible_variables_have_no_problems(variables: dict[str, t.Any]) -> None:
    assert problems(**variables) == []


def test_read_settings_external_key_with_a_managed_key_is_a_problem_for_each_variable() -> None:
    assert problems(**{**EXTERNAL, "upload_key": ""}) == [
        f"archive_storage_uploader_access_key: {FOR_EXTERNAL_KEY}",
        f"archive_storage_uploader_secret_key: {FOR_EXTERNAL_KEY}",
    ]


def test_read_settings_update_always_rotates_managed_key() -> None:
    assert read(update="always")["rotate"] is True
    assert read(rotate="yes")["rotate"] is True
    assert read(rotate="", update="on_change")["rotate"] is False


def test_read_settings_uploader_name_has_default() -> None:
    assert read(uploader_name=" video-uploads ")["uploader_name"] == "video-uploads"
    application = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
    assert read(api_key="", application_id=application)["uploader_name"] == f"vonage-archiving-{application}"


def test_read_settings_unknown_cors_option_is_a_problem() -> None:
    rule = {"allowed_origin": ["https://a.example"], "allowed_methods": ["GET"]}
    known = "id, allowed_origins, allowed_methods, allowed_headers, expose_headers, max_age_seconds"
    assert problems(cors_rules=[rule]) == [f"archive_storage_cors_rules[0]: 'allowed_origin' is not one of {known}"]


def test_read_settings_many_problems_returns_all() -> None:
    wrong = {"fallback": "kept", "public": "perhaps", "retention_days": "x", "endpoint": "s3", "upload_key": "external"}
    assert len(read_settings(wrong)["problems"]) == 7


def test_read_settings_secret_as_access_key_is_hidden() -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    settings = read(**{**EXTERNAL, "uploader_access_key": secret})
    assert [str(problem) for problem in settings["problems"]] == [
        "archive_storage_uploader_access_key: contains a secret key. Check whether it and "
        "archive_storage_uploader_secret_key are swapped"
    ]
    assert secret not in str(settings)


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("api_key", "0123456789abcdef0123456789abcdef01234567", "89abcdef"),
        ("api_key", "47123456:0123456789abcdef0123456789abcdef01234567", "89abcdef"),
        ("state_file", "s3://AKIAIOSFODNN7EXAMPLE:hunter2@recordings/r.json", "hunter2"),
        ("application_id", "-----BEGIN PRIVATE EXTERNAL-----\nMIIEvhidden\n", "MIIEvhidden"),
        ("endpoint", "https://me:hunter2@s3.example.com", "hunter2"),
        ("endpoint", "me:hunter2@s3.example.com", "hunter2"),
        ("endpoint_url", "https://me:hun@ter2@s3.example.com", "ter2"),
        ("iam_endpoint_url", "https://me:hunter2@iam.example.com", "hunter2"),
    ],
)
def test_read_settings_misplaced_secret_is_hidden(name: str, value: str, hidden: str) -> None:
    settings = read_settings({**{key: item for key, item in MINIMAL.items() if key != "api_key"}, name: value})
    assert any(problem.option == f"archive_storage_{name}" for problem in settings["problems"])
    assert hidden not in str(settings)


@pytest.mark.parametrize("location", ["s3://recordings/kept@home/r.json", "/var/kept@home/47123456.json"])
def test_read_settings_state_file_with_at_sign_is_valid(location: str) -> None:
    assert read(state_file=location)["state_file"] == location


def test_read_settings_application_id_is_lower_case() -> None:
    upper = "78D335FA-323D-0114-9C3D-D6F0D48968CF"
    assert read(api_key="", application_id=upper) == read(api_key="", application_id=upper.lower())


def test_read_settings_returns_no_secret() -> None:
    settings = read_settings({**MINIMAL, **dict.fromkeys(SECRETS, "not-shown")})
    assert "not-shown" not in str(settings)
    assert settings["secrets"] == list(SECRETS)


def test_read_settings_returns_unset_variables() -> None:
    settings = read(folders="", sse=" ", retention_days=0)
    assert {"folders", "sse", "require_tls"} <= {*settings["unset"]}
    assert not {"bucket", "retention_days"} & {*settings["unset"]}


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("", "s3"),
        ("https://s3.example.com", "s3"),
        ("https://storage.googleapis.com", "none"),
        ("https://STORAGE.googleapis.com:443/", "none"),
        ("https://recordings.storage.googleapis.com", "none"),
        ("https://notstorage.googleapis.com", "s3"),
        ("https://storage.googleapis.com.example.com", "s3"),
    ],
)
def test_read_settings_sse_default_depends_on_store(endpoint: str, expected: str) -> None:
    assert read(endpoint=endpoint)["sse"] == expected
    assert read(endpoint=endpoint, sse="s3")["sse"] == "s3"


KEY_ENVIRON, APPLICATION = {"VONAGE_VIDEO_API_KEY": "env-key"}, {"VONAGE_VIDEO_APPLICATION_ID": "env-app"}


@pytest.mark.parametrize(
    ("api_key", "application_id", "environ", "expected"),
    [
        ("", "", {}, ("", "")),
        ("", "", KEY_ENVIRON, ("env-key", "")),
        ("", "", APPLICATION, ("", "env-app")),
        ("", "", {**KEY_ENVIRON, **APPLICATION}, ("env-key", "")),
        ("key", "", {**KEY_ENVIRON, **APPLICATION}, ("key", "")),
        ("", "app", {**KEY_ENVIRON, **APPLICATION}, ("", "app")),
        ("key", "app", {}, ("key", "app")),
    ],
)
def test_read_settings_id_has_precedence_over_environment(
    api_key: str, application_id: str, environ: dict[str, str], expected: tuple[str, str]
) -> None:
    settings = read(environ=environ, api_key=api_key, application_id=application_id)
    assert (settings["api_key"], settings["application_id"]) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"AWS_ENDPOINT_URL": "https://a.example"}, "https://a.example"),
        ({"AWS_ENDPOINT_URL": "https://a.example", "AWS_ENDPOINT_URL_S3": "https://b.example"}, "https://b.example"),
        (
            {"AWS_ENDPOINT_URL": "https://a.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://s3.example.com",
        ),
        ({}, "https://s3.example.com"),
    ],
)
def test_read_settings_endpoint_url_of_environment_is_used(environ: dict[str, str], expected: str) -> None:
    assert read(environ=environ, endpoint="https://s3.example.com")["endpoint_url"] == expected
    assert read(environ=environ, endpoint_url="https://c.example")["endpoint_url"] == "https://c.example"
