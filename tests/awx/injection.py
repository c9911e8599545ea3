# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inject credentials with the code of AWX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from awx_plugins.interfaces._temporary_private_api import EnvVarsType, ManagedCredentialType
from awx_plugins.interfaces._temporary_private_credential_api import Credential
from awx_plugins.interfaces._temporary_private_inject_api import inject_credential

ROOT = Path(__file__).resolve().parents[2]
AWX = ROOT / "extensions" / "awx"
TYPES = AWX / "credential_types"
# The path of the private folder in the container of a job.
RUNNER = "/runner/"


def read(path: Path) -> dict[str, Any]:
    """Read a YAML file that contains a mapping."""
    return dict(yaml.safe_load(path.read_text()))


def inject(kind: Mapping[str, Any], inputs: Mapping[str, Any], folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return the environment variables of a job with this credential, and the version of them that AWX displays.

    :param folder: the private folder of the job, for the injected files. Variables contain the paths on this machine
        instead of those in a container.
    """
    (folder / "env").mkdir(exist_ok=True)
    env: EnvVarsType = {}
    displayed: EnvVarsType = {}
    args: list[str] = []
    definition = ManagedCredentialType("vonage", kind["name"], kind["kind"], kind["inputs"], kind["injectors"])
    inject_credential(definition, Credential(dict(inputs)), env, displayed, args, str(folder))
    assert args == [], "Only the environment has the same format in all versions of AWX."
    variables = {name: str(value) for name, value in env.items()}
    assert not [name for name, value in variables.items() if "\n" in value], (
        "The file env.list has one line per variable."
    )
    return {name: value.replace(RUNNER, f"{folder}/") for name, value in variables.items()}, {
        name: str(value) for name, value in displayed.items()
    }


def amazon_variables(access_key: str, secret_key: str) -> dict[str, str]:
    """Return the variables of AWX's credential type "Amazon Web Services"."""
    return {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
