# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet hands to the modules' use cases what the role's tasks hand to the modules: read out of the role's files."""

from __future__ import annotations

import functools
import pathlib
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._arguments import validated
from ansible_collections.vonage.archiving.plugins.module_utils._aws import bucket_options, upload_options
from ansible_collections.vonage.archiving.plugins.module_utils._aws import connection as aws
from ansible_collections.vonage.archiving.plugins.module_utils._fleet.options import ARGUMENTS, Asked, asked
from ansible_collections.vonage.archiving.plugins.module_utils._role_variables import VARIABLES
from ansible_collections.vonage.archiving.plugins.module_utils._rotation import options as rotation
from ansible_collections.vonage.archiving.plugins.module_utils._settings import settings
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import connection as vonage
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import storage

jinja2, yaml = pytest.importorskip("jinja2"), pytest.importorskip("yaml")

ROLE = pathlib.Path(__file__).resolve().parents[5] / "roles" / "archive_storage"
PREFIX = "archive_storage_"
ACTION = "vonage.archiving.archive_storage_project"
SPECS = {
    "vonage.archiving.s3_archive_bucket": bucket_options.ARGUMENTS,
    "vonage.archiving.archive_key_rotation": rotation.ARGUMENTS,
    "vonage.archiving.vonage_archive_storage": storage.ARGUMENTS,
    "vonage.archiving.archive_upload_check": upload_options.ARGUMENTS,
}
# What the role takes from the environment, a fleet must not: it would be the same for all.
WITHOUT_ENVIRONMENT = {"api_key": "", "application_id": ""}
SAMPLES: list[dict[str, t.Any]] = [
    {"bucket": "recordings", "api_key": "47123456", "api_secret": "of-the-project"},
    {
        "bucket": "recordings",
        "api_key": 47123456,
        "api_secret": "of-the-project",
        "api_url": "https://api.example.com",
        "region": "eu-west-1",
        "cors_rules": [
            {"allowed_origins": "https://*.example.com", "allowed_methods": ["GET"], "max_age_seconds": "9"}
        ],
        "folders": "docs, images",
        "public": "yes",
        "require_tls": "true",
        "require_encryption": True,
        "retention_days": "30",
        "abort_incomplete_uploads_days": 0,
        "tags": '{"team": "video", "old": ""}',
        "access_key": "AKIAOPERATOR",
        "secret_key": "of-the-operator",
        "session_token": "of-the-session",
        "aws_ca_bundle": "/etc/ca.pem",
        "validate_certs": "no",
        "uploader_name": "uploads",
        "uploader_path": "/video/",
        "uploader_permissions_boundary": "arn:aws:iam::123456789012:policy/edge",
        "uploader_tags": {"cost": "7"},
        "uploader_list_all_my_buckets": "true",
        "rotate": "true",
        "rotate_after": "3600",
        "grace_period": 60,
        "delete_after": "120",
        "drain_timeout": 0,
        "fallback": "none",
        "certificate": "-----BEGIN CERTIFICATE-----",
        "record": "s3://elsewhere/{project}.json",
        "verify_timeout": "5",
        "expect_least_privilege": "yes",
    },
    {
        "bucket": "recordings",
        "application_id": "78D335FA-323d-0114-9c3d-d6f0d48968cf",
        "private_key": "-----BEGIN PRIVATE KEY-----",
        "endpoint": "http://store.example.com",
        "endpoint_url": "http://inside.example.com",
        "iam_endpoint_url": "http://iam.example.com",
        "require_tls": False,
        "profile": "video",
        "sse": "none",
        "cors_rules": [],
        "folders": ["a", "b"],
        "update": "always",
        "verify": False,
        "tags": {},
        "fallback": "vonage",
    },
]
KEY = {"uploader": "given", "uploader_access_key": "AKIAIOSFODNN7EXAMPLE", "uploader_secret_key": "of-the-uploader"}
NO_ENDPOINT: dict[str, str] = {}
ENDPOINT = {"AWS_ENDPOINT_URL": "https://s3.eu-west-1.amazonaws.com"}
IGNORED = {"AWS_ENDPOINT_URL_S3": "http://outside", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"}


@functools.cache
def read(name: str) -> t.Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


def tasks(document: t.Any) -> t.Iterator[dict[str, t.Any]]:
    for task in document:
        yield task
        for section in ("block", "rescue", "always"):
            yield from tasks(task.get(section, ()))


def template(text: t.Any, known: t.Mapping[str, t.Any]) -> t.Any:
    """A value of a YAML file, templates and all; of other templates than single expressions, there are none here."""
    if isinstance(text, dict):
        return {name: template(value, known) for name, value in text.items()}
    if not isinstance(text, str) or "{{" not in text:
        return text
    text = text.strip()
    assert text.startswith("{{"), text
    assert text.endswith("}}"), text
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)
    environment.filters["intersect"] = lambda some, others: [each for each in some if each in others]
    found: t.Any = environment.compile_expression(text[2:-2].strip(), undefined_to_none=False)(**known)
    return found


class Role:
    """The role, with its variables set so."""

    def __init__(self, sample: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> None:
        given = {f"{PREFIX}{name}": value for name, value in sample.items()}
        self.known: dict[str, t.Any] = {
            **read("defaults/main.yml"),
            **given,
            "lookup": lambda _plugin, name: environ.get(name, ""),
            "query": lambda *_args: [],
            "omit": "",
        }
        # In the order of the file, each may use those before it.
        own = read("vars/main.yml")
        for name in ("_archive_storage_has_secret", "_archive_storage_looking", "_archive_storage_given"):
            self.known[name] = template(own[name], self.known)
        self.known["_archive_storage_settings"] = settings(self.known["_archive_storage_given"])
        for name in ("_archive_storage_target", "_archive_storage_uploader", "_archive_storage_bucket_owner"):
            self.known[name] = template(own[name], self.known)
        self.defaults = next(each for each in tasks(read("tasks/main.yml")) if "module_defaults" in each)

    def options(self, file: str, module: str, **known: t.Any) -> list[dict[str, t.Any]]:
        """The options that the tasks of a file hand to a module, as the module reads them."""
        every = {**self.known, **known}
        groups = self.defaults["module_defaults"]
        spec = SPECS[module]
        found = []
        for task in tasks(read(f"tasks/{file}.yml")):
            if module in task:
                shared = [
                    {**aws.ARGUMENTS, **vonage.ARGUMENTS}.keys() & spec.keys() & values.keys()
                    for values in groups.values()
                ]
                usual = {
                    name: value
                    for names, values in zip(shared, groups.values())
                    for name, value in values.items()
                    if name in names
                }
                params = template({**usual, **task[module]}, every)
                found.append(validated(spec, params, ["tags"] if "tags" in spec else []))
        assert found
        return found


def fleet(sample: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Asked:
    """The same, as project.yml hands it to the action."""
    [task] = read("tasks/project.yml")
    known = {**read("defaults/main.yml"), **{f"{PREFIX}{name}": value for name, value in sample.items()}}
    plain = {name: known[f"{PREFIX}{name}"] for name in task["vars"]["_archive_storage_plain"]}
    options = {name: template(text, known) for name, text in task[ACTION].items() if name != "variables"}
    return asked(validated(ARGUMENTS, {**options, "variables": plain}, ["variables"]), environ)


@pytest.fixture(params=range(len(SAMPLES)), ids=["smallest", "rich", "elsewhere"])
def sample(request: pytest.FixtureRequest) -> dict[str, t.Any]:
    return SAMPLES[int(request.param)]


def test_every_variable_of_the_role_is_handed_on() -> None:
    [task] = read("tasks/project.yml")
    plain = task["vars"]["_archive_storage_plain"]
    named = set(read("vars/main.yml")["_archive_storage_given"])
    assert set(plain) == named - {"has_secret", "looking", "names"}
    assert len(plain) == len(set(plain))
    # The rest are options of their own, and are what they are called.
    own = {name for name in VARIABLES if name not in plain}
    assert {name: template(task[ACTION][name], {f"{PREFIX}{name}": "x"}) for name in own} == dict.fromkeys(own, "x")
    assert set(task[ACTION]) <= set(ARGUMENTS)
    assert set(ARGUMENTS) - set(task[ACTION]) <= {"retries"}


def test_numbers_that_are_nought_arrive() -> None:
    [task] = read("tasks/project.yml")
    for name in ("archives", "retries"):
        if name in task[ACTION]:
            assert template(task[ACTION][name], {f"archive_fleet_{name}": 0}) == 0
            assert template(task[ACTION][name], {f"archive_fleet_{name}": ""}) == ""
            assert template(task[ACTION][name], {}) == ""


@pytest.mark.parametrize("proof", rotation.PROOFS)
def test_the_rotation(sample: dict[str, t.Any], proof: str) -> None:
    role = Role({name: value for name, value in sample.items() if name != "max_age"}, NO_ENDPOINT)
    found = role.options("managed", "vonage.archiving.archive_key_rotation", _archive_storage_proof=proof)
    # The second one is an alias of the first.
    assert found[0] == found[1]
    assert fleet(sample, NO_ENDPOINT).rotation(proof) == found[0]


@pytest.mark.parametrize("environ", [NO_ENDPOINT, ENDPOINT, IGNORED], ids=["", "environment", "ignored"])
def test_the_bucket(sample: dict[str, t.Any], environ: dict[str, str]) -> None:
    role = Role(sample, environ)
    consents = role.known["_archive_storage_settings"]["allow"]
    [found] = role.options("bucket", "vonage.archiving.s3_archive_bucket", _archive_storage_consents=consents)
    assert fleet(sample, environ).bucket(adopted=False) == {
        **found,
        "tags": role.known["_archive_storage_settings"]["tags"],
    }
    assert (found["endpoint_url"] or "").startswith(("http://inside", environ.get("AWS_ENDPOINT_URL", "")))
    assert found["endpoint_url"] != "http://outside"


@pytest.mark.parametrize(
    ("given", "looking", "owner"),
    [("", False, "caller_for_writes"), ("", True, "caller"), ("123456789012", True, "123456789012")],
)
def test_role_expects_the_bucket_of_the_operator_unless_an_account_is_given(
    given: str, looking: bool, owner: str
) -> None:
    text = read("vars/main.yml")["_archive_storage_bucket_owner"]
    known = {"_archive_storage_settings": {"expected_bucket_owner": given}, "_archive_storage_looking": looking}
    assert template(text, known) == owner


@pytest.mark.parametrize("pending", [["require_tls"], ["require_encryption"], ["require_tls", "require_encryption"]])
def test_requirements_of_role_and_fleet_are_the_same(sample: dict[str, t.Any], pending: list[str]) -> None:
    role = Role(sample, NO_ENDPOINT)
    final = {"storage": {"access_key": "AKIA"}}
    known = {"_archive_storage_pending": pending, "_archive_storage_final": final}
    [found] = role.options("requirements", "vonage.archiving.s3_archive_bucket", **known)
    assert fleet(sample, NO_ENDPOINT).requirements(pending) == found
    [check] = role.options("requirements", "vonage.archiving.vonage_archive_storage", **known)
    assert fleet(sample, NO_ENDPOINT).previous_target("AKIA") == check


@pytest.mark.parametrize("max_age", ["", 0, "60"])
def test_the_target_and_the_check_of_a_key_that_is_given(sample: dict[str, t.Any], max_age: t.Any) -> None:
    known = {**sample, **KEY, "max_age": max_age, "rotate": False}
    role = Role(known, NO_ENDPOINT)
    ours = fleet(known, NO_ENDPOINT)
    found = role.options("given", "vonage.archiving.vonage_archive_storage")
    assert found[0] == found[1]
    assert ours.target() == found[0]
    checks = role.options("given", "vonage.archiving.archive_upload_check")
    # The second one is an alias of the first.
    assert checks == [ours.check(), ours.check()]
    assert found[0]["s3"]["secret_key"] == "of-the-uploader"
