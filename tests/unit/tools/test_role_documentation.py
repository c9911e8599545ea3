# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the documentation and the argument specs of the role archive_storage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from tools.paths import ROOT
from tools.role_variables import SPECS, index_problems, load_list, spec_problems

# The length was 1,210 lines when three entry points repeated all variables.
LONGEST = 605
ENTRY_POINTS = yaml.safe_load(SPECS.read_text())["argument_specs"]
SECRETS = {
    "api_secret": "0123456789abcdef0123456789abcdef01234567",
    "private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n",
    "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "session_token": "IQoJb3JpZ2luX2VjEXAMPLE//session+token==",
    "uploader_secret_key": "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
    "short": "hunter2",
}


def test_ansible_doc_of_role_is_short(tmp_path: Path) -> None:
    tree = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "tree"), "ANSIBLE_HOME": str(tmp_path / "home")}
    command = [str(Path(sys.executable).with_name("ansible-doc")), "-t", "role", "vonage.archiving.archive_storage"]
    run = subprocess.run(command, env={**os.environ, **tree}, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert len(lines) <= LONGEST
    assert [line for line in lines if line.startswith("ENTRY POINT") and "main" in line]


def test_spec_problems_repeated_or_ungrouped_variable_is_found() -> None:
    variables = load_list()
    repeated = {**ENTRY_POINTS, "verify": {"options": {"archive_storage_bucket": {}}}}
    assert [*spec_problems(variables.VARIABLES, repeated)] == [
        "roles/archive_storage/meta/argument_specs.yml: verify repeats archive_storage_bucket of main"
    ]
    ungrouped = {"main": {**ENTRY_POINTS["main"], "description": []}}
    assert len([*index_problems(variables.SECTIONS, ungrouped)]) == len(variables.SECTIONS)


@pytest.mark.parametrize("entry", ENTRY_POINTS)
@pytest.mark.parametrize("value", ["", None, *SECRETS.values()], ids=["empty", "null", *SECRETS])
def test_ansible_validation_of_any_text_in_any_variable_succeeds(entry: str, value: Any) -> None:
    """Ansible validates first, and prints a value that it rejects."""
    options = ENTRY_POINTS[entry]["options"]
    result = ArgumentSpecValidator(options).validate(dict.fromkeys(options, value))
    assert result.error_messages == []


def test_argument_specs_require_nothing() -> None:
    assert ArgumentSpecValidator(ENTRY_POINTS["main"]["options"]).validate({}).error_messages == []


@pytest.mark.parametrize("name", ENTRY_POINTS["main"]["options"])
@pytest.mark.parametrize("value", [["a secret"], {"key": "a secret"}], ids=["list", "dict"])
def test_ansible_validation_of_nested_value_prints_no_value(name: str, value: Any) -> None:
    option = {name: ENTRY_POINTS["main"]["options"][name]}
    assert "a secret" not in str(ArgumentSpecValidator(option).validate({name: value}).error_messages)
