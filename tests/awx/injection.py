# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials, injected by AWX's own code."""

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
# Where a job sees its private folder.
RUNNER = "/runner/"


def read(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping."""
    return dict(yaml.safe_load(path.read_text()))


def inject(kind: Mapping[str, Any], inputs: Mapping[str, Any], folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables of a job with such a credential, and what AWX shows of them.

    :param folder: the private folder of the job, which gets the files; they are named where they are, not as the job in
        its container sees them.
    """
    (folder / "env").mkdir(exist_ok=True)
    env: EnvVarsType = {}
    shown: EnvVarsType = {}
    args: list[str] = []
    definition = ManagedCredentialType("vonage", kind["name"], kind["kind"], kind["inputs"], kind["injectors"])
    inject_credential(definition, Credential(dict(inputs)), env, shown, args, str(folder))
    assert args == [], "only the environment has the same form in every version of AWX"
    found = {name: str(value) for name, value in env.items()}
    assert not [name for name, value in found.items() if "\n" in value], "would not survive env.list"
    return {name: value.replace(RUNNER, f"{folder}/") for name, value in found.items()}, {
        name: str(value) for name, value in shown.items()
    }


def amazon(access_key: str, secret_key: str) -> dict[str, str]:
    """Return what the type "Amazon Web Services", which AWX has itself, sets."""
    return {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
