# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolve the lists of controller_objects.yml with Ansible."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.awx.injection import AWX, ROOT

Objects = dict[str, list[dict[str, Any]]]
STATE = {"archive_storage_bucket": "example-recordings", "archive_storage_public": True}
LISTS = (
    "credential_types credentials execution_environments projects inventories inventory_sources templates workflows "
    "schedules"
)


def resolve(folder: Path, state: Mapping[str, Any] | None = None, **variables: Any) -> Objects:
    """Return the lists.

    :param state: the variable ``archive_awx_storage``, ``STATE`` by default.
    :param variables: other variables of the playbook ``awx_setup``.
    """
    result = folder / "objects.json"
    names = [f"controller_{name}" for name in LISTS.split()]
    content = "{{ {" + ", ".join(f"'{name}': {name}" for name in names) + "} | to_json }}"
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "ansible_python_interpreter": sys.executable,
            "archive_awx_directory": str(AWX),
            "archive_awx_scm_url": "https://git.example.com/archiving.git",
            "archive_awx_image": "registry.example.com/archiving:1",
            "archive_awx_storage": dict(STATE if state is None else state),
            **variables,
        },
        "vars_files": [str(AWX / "controller_objects.yml")],
        "tasks": [{"ansible.builtin.copy": {"content": content, "dest": str(result), "mode": "0600"}}],
    }
    playbook = folder / "play.yml"
    playbook.write_text(yaml.safe_dump([play]))
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "tree"), "ANSIBLE_LOCALHOST_WARNING": "false"}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), str(playbook)]
    process = subprocess.run(command, check=False, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.returncode == 0, process.stdout
    return dict(json.loads(result.read_text()))
