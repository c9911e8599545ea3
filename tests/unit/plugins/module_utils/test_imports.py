# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use cases do not import Ansible, and import libraries and the code of writes only when they use them."""

from __future__ import annotations

import subprocess
import sys

import pytest

UTILS = "ansible_collections.vonage.archiving.plugins.module_utils"
LIBRARIES = {"boto3", "botocore", "cryptography", "jwt", "requests", "yaml"}


@pytest.mark.parametrize(
    "module",
    [
        "_bucket.reconcile",
        "_bucket.info",
        "_upload_check.reconcile",
        "_heroku.config_vars",
        "_archive_storage.settings",
        "_vonage.account",
        "_archives.reconcile",
        "_archive_audit.reconcile",
        "_upload_target.reconcile",
    ],
)
def test_use_case_import_loads_neither_ansible_nor_libraries(module: str) -> None:
    names = loaded_modules(f"import {UTILS}.{module}")
    assert f"{UTILS}.{module}" in names
    assert not LIBRARIES & names
    assert not [name for name in names if name.startswith("ansible.module_utils")]


def test_run_without_changes_does_not_load_code_of_writes() -> None:
    """Ansible compiles the code of a collection in each run."""
    names = loaded_modules(f"import {UTILS}._bucket.reconcile, {UTILS}._upload_target.reconcile")
    writes = (
        "_bucket.apply",
        "_bucket.delete",
        "_upload_check.verify",
        "_upload_target.apply",
        "_upload_target.delete",
    )
    assert not {f"{UTILS}.{name}" for name in writes} & names


def test_fleet_loads_code_of_writes_before_fork() -> None:
    libraries = "ansible_collections.vonage.archiving.plugins.plugin_utils._libraries"
    names = loaded_modules(f"from {libraries} import load_libraries; assert not load_libraries(for_each_run=True)")
    assert {f"{UTILS}.{name}" for name in ("_bucket.apply", "_upload_check.verify", "_upload_target.apply")} <= names


def loaded_modules(code: str) -> set[str]:
    """Return the modules that a new process has loaded after it ran the code."""
    code += "; import sys; print(' '.join(sys.modules))"
    env = {"PYTHONPATH": ":".join(sys.path)}
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env).stdout
    return set(output.split())
