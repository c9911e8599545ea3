# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks of the role pass every option that the validation returns, and no other."""

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
VARIABLES = {"api_key": "47123456", "api_secret": "0123456789abcdef0123456789abcdef01234567", "bucket": "recordings"}
# The names depend on the mode: a verification creates and updates nothing.
BUCKET_TASK, TARGET_TASK, FINAL_TASK = (
    f"{{{{ _archive_storage_task_names.{name} }}}}" for name in ("bucket", "target", "final")
)
# Options that the tasks derive from the results of earlier tasks.
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
    (match,) = [entry for entry in tasks(file) if entry["name"] == name]
    return match


def options(state: str) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    deletion = {"delete_bucket": True, "delete_recordings": "recordings"} if state == "absent" else {}
    return _options(state, **deletion)


def _options(state: str, **deletion: t.Any) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    params = parse_params({**VARIABLES, **deletion, "state": state}, {})
    return params.bucket, params.upload_target


def assert_passed(passed: dict[str, t.Any], expected: dict[str, t.Any], source: str) -> None:
    """Assert that each option is the value that the validation returned under its name."""
    assert passed.keys() - DERIVED == expected.keys() - DERIVED
    for name in expected.keys() - DERIVED:
        if isinstance(passed[name], str):
            path = f"{source}['{name}']" if name == "update" else f"{source}.{name}"
            assert passed[name] == f"{{{{ {path} }}}}"


def test_bucket_task_has_every_option() -> None:
    bucket, _target = options("present")
    passed = task("main", BUCKET_TASK)[BUCKET]
    assert_passed(passed, bucket, "_archive_storage.bucket")


def test_target_task_has_every_option() -> None:
    _bucket, target = options("present")
    passed = task("main", TARGET_TASK)[TARGET]
    assert_passed(passed, target, "_archive_storage.upload_target")
    s3 = dict(passed["s3"])
    assert s3.pop("secret_key") == "{{ archive_storage_uploader_secret_key | default('', true) }}"
    assert_passed(s3, target["s3"], "_archive_storage.upload_target.s3")


def test_deletion_tasks_have_every_option() -> None:
    bucket, target = options("absent")
    passed = task("absent", "Delete the bucket with all recordings of the project")[BUCKET]
    fixed = {name: passed[name] for name in ("state", "force")}
    assert fixed == {name: bucket[name] for name in fixed}
    assert passed.keys() == bucket.keys()
    passed = task("absent", "Delete the upload target and its access keys")[TARGET]
    assert passed.pop("state") == "absent"
    assert passed.keys() == {name for name in target if name not in ("state", "s3")}


def test_deletion_of_bucket_settings_has_every_option() -> None:
    bucket, _target = _options("absent")
    passed = task("absent", "Delete the settings of the project in the bucket")[BUCKET]
    assert passed.pop("state") == bucket.pop("state")
    assert passed == {name: f"{{{{ _archive_storage.bucket.{name} }}}}" for name in bucket}


def test_secret_key_check_has_options_of_external_key() -> None:
    main = task("main", TARGET_TASK)[TARGET]
    check = task("secret_key", "Check whether the upload target needs an update")
    passed = dict(check[TARGET])
    assert check["check_mode"] is True
    assert passed.pop("verify") == "never"
    assert {**passed.pop("s3"), "secret_key": main["s3"]["secret_key"]} == main["s3"]
    assert passed == {name: main[name] for name in passed}
    # Options of managed keys and of the verification, and the default state.
    assert main.keys() - passed.keys() == {
        *("s3", "state", "uploader", "iam_endpoint_url", "grace_period", "check_previous_target", "verify"),
        *("expect_public", "expect_least_privilege", "cors_origin", "cors_method", "verify_timeout"),
    }


def test_requirements_check_has_options_of_target() -> None:
    main = task("main", TARGET_TASK)[TARGET]
    passed = task("requirements", "Verify that uploads meet the new requirements")[TARGET]
    assert passed.pop("verify") == "only"
    assert passed == {name: main[name] for name in passed}
    assert main.keys() - passed.keys() == {
        "check_previous_target",
        "grace_period",
        "max_age",
        "preflight",
        "state",
        "update",
        "verify",
    }


def test_module_defaults_have_every_option() -> None:
    params = parse_params(VARIABLES, {})
    (block,) = [entry for entry in tasks("main") if "group/vonage.archiving.aws" in entry.get("module_defaults", {})]
    for group, more in (("aws", {"access_key"}), ("vonage", set())):
        passed = block["module_defaults"][f"group/vonage.archiving.{group}"]
        secrets = {name for name in passed if name in SECRETS}
        assert passed.keys() - secrets - more == params.connection[group].keys()
        for name in secrets | more:
            assert passed[name] == f"{{{{ archive_storage_{name} | default('', true) }}}}"
        for name in params.connection[group]:
            assert passed[name] == f"{{{{ _archive_storage.connection.{group}.{name} }}}}"


def test_registered_variables_are_read_by_report() -> None:
    registered = {
        entry["register"]
        for name in ("main", "secret_key", "requirements", "absent")
        for entry in tasks(name)
        if "register" in entry
    }
    assert registered == {*REGISTERED.values(), "archive_storage_result"}


def test_deletion_is_after_tasks_with_same_variables() -> None:
    names = [entry["name"] for entry in tasks("main")]
    assert names.index(FINAL_TASK) > names.index(TARGET_TASK)


def test_tasks_steady_run_are_four() -> None:
    unconditional = [entry["name"] for entry in tasks("main") if "block" not in entry and "when" not in entry]
    target = task("main", TARGET_TASK)
    assert re.search(r"not _archive_storage\.lacks_secret_key or", target["when"])
    assert [*unconditional, target["name"]] == [
        "Validate the variables",
        BUCKET_TASK,
        "Report",
        TARGET_TASK,
    ]
