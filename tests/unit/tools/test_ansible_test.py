# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-test is given: pip's version as it wants it, interpreters without shims, the user's pip settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import ansible_test, pythons


def test_the_version_of_pip_is_found_in_what_is_installed() -> None:
    """An ansible-test that says it otherwise fails here, not by a download that never ends."""
    assert ansible_test.wanted_pips()


def test_the_oldest_python_that_plugins_run_on() -> None:
    """Versions are numbers, and older ones do not count."""
    found = {version: Path(version) for version in ("3.13", "3.10", "3.9", "3.8")}
    assert ansible_test.oldest_python(found) == "3.9"


def test_no_shims_on_the_search_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real interpreters come in their place."""
    monkeypatch.setattr(pythons, "find_pythons", lambda: {"3.9": Path("/opt/py39/bin/python3.9")})
    monkeypatch.setenv("PATH", "/pyenv/shims:/usr/bin")
    assert ansible_test.search_path().split(os.pathsep)[1:] == ["/opt/py39/bin", "/usr/bin"]


def test_settings_of_pip_reach_the_managed_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """ansible-test drops environment variables; the file it reads instead has them."""
    monkeypatch.setenv("PIP_TIMEOUT", "77")
    settings = ansible_test.pip_settings().splitlines()
    assert settings[0] == "[global]"
    assert "timeout = 77" in settings
