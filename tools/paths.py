# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths of a checkout, and the environment variables that make all tools write inside it."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"
COLLECTION = Path("ansible_collections", "vonage", "archiving")


def user_environment(home: str) -> dict[str, str]:
    """Return the process environment with caches in the checkout and build/<home> as Ansible's home."""
    env = dict(os.environ)
    env.setdefault("UV_CACHE_DIR", str(CACHE / "uv"))
    env.setdefault("UV_PYTHON_DOWNLOADS", "never")
    env.setdefault("PIP_CACHE_DIR", str(CACHE / "pip"))
    env.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    env["XDG_CACHE_HOME"] = str(CACHE / "xdg")
    env["ANSIBLE_HOME"] = str(BUILD / home)
    env["PATH"] = os.pathsep.join([str(VENV / "bin"), env.get("PATH", os.defpath)])
    return env


def homeless_environment(home: str) -> dict[str, str]:
    """Return the same with build/<home> as HOME: some tools always write logs to the home folder."""
    folder = BUILD / home
    folder.mkdir(parents=True, exist_ok=True)
    return {**user_environment(home), "HOME": str(folder)}
