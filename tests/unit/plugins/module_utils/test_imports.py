# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use cases do not import Ansible, and import libraries only when they use them."""

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
        "_upload_target.reconcile",
    ],
)
def test_use_case_import_loads_neither_ansible_nor_libraries(module: str) -> None:
    code = f"import sys, {UTILS}.{module}; print(' '.join(sys.modules))"
    env = {"PYTHONPATH": ":".join(sys.path)}
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env).stdout
    names = output.split()
    assert f"{UTILS}.{module}" in names
    assert not LIBRARIES & set(names)
    assert not [name for name in names if name.startswith("ansible.module_utils")]
