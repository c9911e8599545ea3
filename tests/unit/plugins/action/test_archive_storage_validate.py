# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action that validates the variables of the role: what it reads, returns, and never shows."""

from __future__ import annotations

import gc
import typing as t

import pytest
import yaml

from ansible_collections.vonage.archiving.plugins.action.archive_storage_validate import ActionModule
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.validate import ARGUMENTS
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.variables import (
    SECRETS,
    VARIABLES,
)
from ansible_collections.vonage.archiving.plugins.modules import archive_storage_validate as documentation
from ansible_collections.vonage.archiving.tests.unit.plugins.action.acting import act

SECRET = "0123456789abcdef0123456789abcdef01234567"
GIVEN: dict[str, t.Any] = {
    "archive_storage_api_key": "47123456",
    "archive_storage_api_secret": SECRET,
    "archive_storage_bucket": "recordings",
}


@pytest.fixture(autouse=True)
def _usual_garbage() -> t.Iterator[None]:
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)


def validate(
    mode: str = "apply", environment: list[dict[str, t.Any]] | None = None, **variables: t.Any
) -> dict[str, t.Any]:
    return act(ActionModule, {"mode": mode}, {**GIVEN, **variables}, environment)


def test_action_returns_options_of_modules() -> None:
    found = validate()
    assert not found.get("failed"), found
    assert (found["project"], found["state"], found["managed"], found["verify_only"]) == (
        "47123456",
        "present",
        True,
        False,
    )
    assert (found["bucket"]["name"], found["upload_target"]["verify"]) == ("recordings", "new_key")
    assert found["changed"] is False
    assert validate("verify")["verify_only"] is True


def test_action_returns_no_secret() -> None:
    secrets: dict[str, t.Any] = {
        f"archive_storage_{name}": f"not-shown-{name}" for name in SECRETS if name != "private_key"
    }
    external: dict[str, t.Any] = {
        "archive_storage_upload_key": "external",
        "archive_storage_uploader_access_key": "AKIAIOSFODNN7EXAMPLE",
    }
    assert "not-shown" not in str(validate(archive_storage_access_key="AKIAI44QH8DHBEXAMPLE", **secrets, **external))
    assert "not-shown" not in str(validate(archive_storage_sse="x", **secrets, **external))


def test_action_invalid_variables_returns_problems_and_project() -> None:
    found = validate(archive_storage_sse="x", archive_storage_public="perhaps")
    assert found["failed"]
    assert "archive_storage_sse: 'x' is not one of s3, none" in found["msg"]
    assert "archive_storage_public: 'perhaps'" in found["msg"]
    assert found["error"]["problems"]
    assert (found["project"], found["bucket"]) == ("47123456", {"name": "recordings"})


def test_action_misspelled_variable_is_a_warning() -> None:
    found = validate(archive_storage_bukcet="x", archive_storage_projects=[], other=1)
    (warning,) = found["warnings"]
    assert "archive_storage_bukcet is ignored" in warning


def test_action_strict_misspelled_variable_fails_with_all_problems() -> None:
    found = validate(
        archive_storage_strict=True,
        archive_storage_regio="x",
        archive_storage_region="not a region",
        archive_storage_sse="x",
    )
    assert found["failed"]
    assert not found.get("warnings")
    assert (
        "archive_storage_regio: is not a variable of the role. Use archive_storage_region, or set "
        "archive_storage_strict to false" in found["error"]["problems"]
    )
    # The name of the valid variable in one problem does not hide its own problem.
    for name in ("archive_storage_region:", "archive_storage_sse:"):
        assert any(problem.startswith(name) for problem in found["error"]["problems"]), found["error"]["problems"]


@pytest.mark.parametrize(
    ("value", "fails"), [("", True), (None, True), ("true", True), (False, False), ("no", False), (True, True)]
)
def test_action_in_playbook_of_collection_is_strict_unless_variable_is_false(value: t.Any, fails: bool) -> None:
    found = validate(_archive_storage_strict=True, archive_storage_strict=value, archive_storage_retention_day=30)
    assert bool(found.get("failed")) is fails
    assert bool(found.get("warnings")) is not fails
    assert "archive_storage_retention_days" in str(found["warnings"] if not fails else found["msg"])


def test_action_invalid_strict_fails() -> None:
    assert (
        "archive_storage_strict: 'perhaps' is not one of true, false"
        in validate(archive_storage_strict="perhaps")["msg"]
    )


def test_action_mode_names_validates_only_names() -> None:
    misspelled: dict[str, t.Any] = {"interactive_broadcast_bukcet": "x", "archive_storage_sse": "invalid"}
    found = validate("names", archive_storage_strict=True, **misspelled)
    assert "Use interactive_broadcast_bucket" in found["msg"]
    assert "archive_storage_sse" not in found["msg"]
    assert not validate("names", archive_storage_strict=True, archive_storage_sse="invalid").get("failed")


@pytest.mark.parametrize(("recovered", "fails"), [("47123456", True), ("47999999", False)])
def test_action_recovery_strict_misspelled_variable_fails_on_target_project_only(recovered: str, fails: bool) -> None:
    request: dict[str, t.Any] = {
        "archive_recover_project": recovered,
        "archive_recover_archive_created": "2026-01-31T12:00:00Z",
    }
    found = validate("recover", archive_storage_strict=True, archive_storage_bukcet="x", **request)
    assert bool(found.get("failed")) is fails


def test_action_environment_of_task_is_for_modules_only() -> None:
    environment = [{"VONAGE_VIDEO_API_KEY": "4711", "VONAGE_VIDEO_API_SECRET": SECRET}]
    assert validate(environment=environment, archive_storage_api_secret="")["project"] == "47123456"
    assert validate(environment=environment, archive_storage_api_key="")["failed"]


def test_action_environment_of_controller_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VONAGE_VIDEO_API_KEY", "4711")
    assert validate(archive_storage_api_key="")["project"] == "4711"


class Broken:
    """A templar for which one value cannot be evaluated."""

    def template(self, value: t.Any, **_options: t.Any) -> t.Any:
        if value == "{{ broken }}":
            raise ValueError("'broken' is undefined.")
        return value


def test_action_failing_template_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.vonage.archiving.tests.unit.plugins.action.acting.Templar", Broken)
    found = validate(archive_storage_region="{{ broken }}")
    assert "archive_storage_region: its template cannot be evaluated: 'broken' is undefined" in found["msg"]


def recover(**variables: t.Any) -> dict[str, t.Any]:
    return validate("recover", **{"archive_recover_project": 47123456, **variables})


def test_action_recover_compares_projects() -> None:
    fact = recover()["ansible_facts"]["archive_storage_recovery"]
    assert fact == {
        "is_target_project": True,
        "project": "47123456",
        "bucket": "recordings",
        "changed": False,
        "reason": "manual_repair_required",
        "findings": "",
        "by_account": False,
    }
    other = recover(archive_recover_project="4711", archive_storage_sse="x")
    assert not other["ansible_facts"]["archive_storage_recovery"]["is_target_project"]


def test_action_recover_host_of_account_uses_inventory_project() -> None:
    found = recover(archive_storage_api_secret="", archive_storage_api_key="4711", vonage_project_id=47123456)
    fact = found["ansible_facts"]["archive_storage_recovery"]
    assert (fact["is_target_project"], fact["by_account"], fact["project"]) == (True, True, "47123456")


def test_action_recover_invalid_variables_fail() -> None:
    found = recover(archive_recover_archive_created="yesterday", archive_recover_rotate="x")
    assert found["failed"]
    assert "archive_recover_archive_created: must be a UTC time" in found["msg"]
    assert "archive_recover_rotate: must be one of" in found["msg"]


def test_documentation_has_all_options() -> None:
    documented = yaml.safe_load(documentation.DOCUMENTATION)["options"]
    assert {name: (option["choices"], option["default"]) for name, option in documented.items()} == {
        name: (spec["choices"], spec["default"]) for name, spec in ARGUMENTS.items()
    }
    assert set(yaml.safe_load(documentation.RETURN)) == {*validate(), "error"} - {"changed", "failed", "ansible_facts"}


LEAKED: dict[str, str] = {
    "api_secret": SECRET,
    "private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----",
    "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "session_token": "IQoJb3JpZ2luX2VjEXAMPLE//session+token" * 5,
    "uploader_secret_key": "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
}
# A name, a path, or data, in which text of any form is valid. The result contains it as an option of a module.
VALID_NAMES = {"bucket", "region", "uploader_name", "api_url", "delete_recordings"}
FREE_TEXT = {"tags", "uploader_tags", "cors_rules", "folders", "profile", "aws_ca_bundle", "state_file", "certificate"}


@pytest.mark.parametrize("mode", ["apply", "verify"])
@pytest.mark.parametrize("secret", LEAKED)
@pytest.mark.parametrize("name", [name for name in VARIABLES if name not in SECRETS])
def test_action_secret_also_in_another_variable_is_not_shown(name: str, secret: str, mode: str) -> None:
    value = LEAKED[secret]
    variables: dict[str, t.Any] = {f"archive_storage_{variable}": value for variable in (secret, name)}
    found = validate(mode, **variables)
    assert not any(line in str(found) for line in value.splitlines() if len(line) > 30)


@pytest.mark.parametrize("mode", ["apply", "verify"])
@pytest.mark.parametrize("secret", LEAKED)
@pytest.mark.parametrize("name", [name for name in VARIABLES if name not in SECRETS and name not in FREE_TEXT])
def test_action_secret_only_in_wrong_variable_is_not_shown(name: str, secret: str, mode: str) -> None:
    value = LEAKED[secret]
    variables: dict[str, t.Any] = {"archive_storage_api_secret": "another", f"archive_storage_{name}": value}
    found = validate(mode, **variables)
    if not found.get("failed"):
        # The forms overlap: this value is a valid name.
        assert name in VALID_NAMES
        return
    assert not any(line in str(found) for line in value.splitlines() if len(line) > 30)
