# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks of the role pass on every option that the validation returns, and no other."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.params import parse_params
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.report import REGISTERED
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.variables import SECRETS

yaml = pytest.importorskip("yaml")
ROLE = pathlib.Path(__file__).resolve().parents[5] / "roles" / "archive_storage"
BUCKET, TARGET = "vonage.archiving.s3_archive_bucket", "vonage.archiving.vonage_archive_storage"
GIVEN = {"api_key": "47123456", "api_secret": "0123456789abcdef0123456789abcdef01234567", "bucket": "recordings"}
# Options that the tasks derive from the results of others.
DERIVED = {"check_previous_target", "verify"}


def tasks(name: str) -> list[dict[str, t.Any]]:
    """Return the tasks of a file, those in blocks too."""

    def flat(entries: list[dict[str, t.Any]]) -> t.Iterator[dict[str, t.Any]]:
        for entry in entries:
            sections = [entry[section] for section in ("block", "rescue", "always") if section in entry]
            yield entry
            for section in sections:
                yield from flat(section)

    return list(flat(yaml.safe_load((ROLE / "tasks" / f"{name}.yml").read_text())))


def task(file: str, name: str) -> dict[str, t.Any]:
    (found,) = [entry for entry in tasks(file) if entry["name"] == name]
    return found


def options(state: str) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    deletion = {"delete_bucket": True, "delete_recordings": "recordings"} if state == "absent" else {}
    params = parse_params({**GIVEN, **deletion, "state": state}, {})
    return params.bucket, params.upload_target


def assert_passed_on(given: dict[str, t.Any], expected: dict[str, t.Any], source: str) -> None:
    """Assert that each option is the value that the validation returned under its name."""
    assert given.keys() - DERIVED == expected.keys() - DERIVED
    for name in expected.keys() - DERIVED:
        if isinstance(given[name], str):
            path = f"{source}['{name}']" if name == "update" else f"{source}.{name}"
            assert given[name] == f"{{{{ {path} }}}}"


def test_the_bucket_gets_every_option() -> None:
    bucket, _target = options("present")
    given = task("main", "Create or update the bucket")[BUCKET]
    assert_passed_on(given, bucket, "_archive_storage.bucket")


def test_the_upload_target_gets_every_option() -> None:
    _bucket, target = options("present")
    given = task("main", "Create or update the upload target")[TARGET]
    assert_passed_on(given, target, "_archive_storage.upload_target")
    s3 = dict(given["s3"])
    assert s3.pop("secret_key") == "{{ archive_storage_uploader_secret_key | default('', true) }}"
    assert_passed_on(s3, target["s3"], "_archive_storage.upload_target.s3")
    assert task("main", "Check that the secret key is not needed")[TARGET] == given


def test_the_deletion_gets_every_option() -> None:
    bucket, target = options("absent")
    given = task("absent", "Delete the bucket with all recordings of the project")[BUCKET]
    fixed = {name: given[name] for name in ("state", "force")}
    assert fixed == {name: bucket[name] for name in fixed}
    assert given.keys() == bucket.keys()
    given = task("absent", "Delete the upload target and its access keys")[TARGET]
    assert given.pop("state") == "absent"
    assert given.keys() == {name for name in target if name not in ("state", "s3")}


def test_requirements_are_verified_as_the_target_is() -> None:
    main = task("main", "Create or update the upload target")[TARGET]
    given = task("requirements", "Verify that uploads meet the new requirements")[TARGET]
    assert given.pop("verify") == "only"
    assert given == {name: main[name] for name in given}
    assert main.keys() - given.keys() == {
        "check_previous_target",
        "grace_period",
        "max_age",
        "state",
        "update",
        "verify",
    }


def test_the_connections_get_every_option() -> None:
    params = parse_params(GIVEN, {})
    (block,) = [entry for entry in tasks("main") if "module_defaults" in entry]
    for group, more in (("aws", {"access_key"}), ("vonage", set())):
        given = block["module_defaults"][f"group/vonage.archiving.{group}"]
        secrets = {name for name in given if name in SECRETS}
        assert given.keys() - secrets - more == params.connection[group].keys()
        for name in secrets | more:
            assert given[name] == f"{{{{ archive_storage_{name} | default('', true) }}}}"
        for name in params.connection[group]:
            assert given[name] == f"{{{{ _archive_storage.connection.{group}.{name} }}}}"


def test_the_report_reads_what_the_tasks_register() -> None:
    registered = {
        entry["register"] for name in ("main", "requirements", "absent") for entry in tasks(name) if "register" in entry
    }
    assert registered == {*REGISTERED.values(), "archive_storage_result"}


def test_the_deletion_comes_after_the_tasks_whose_variables_it_registers() -> None:
    names = [entry["name"] for entry in tasks("main")]
    assert names.index("Delete the archive storage") > names.index("Create or update the upload target")


def test_a_steady_run_executes_four_tasks() -> None:
    unconditional = [entry["name"] for entry in tasks("main") if "block" not in entry and "when" not in entry]
    target = task("main", "Create or update the upload target")
    assert re.search(r"not _archive_storage\.lacks_secret_key or", target["when"])
    assert [*unconditional, target["name"]] == [
        "Validate the variables",
        "Create or update the bucket",
        "Report",
        "Create or update the upload target",
    ]
