# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-test gets its version of pip, a PATH with interpreters instead of shims, and the user's pip settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import ansible_test, pythons


def test_pip_versions_of_the_installed_ansible_test_are_not_empty() -> None:
    """A change in ansible-test's source fails here, instead of in a download that does not end."""
    assert ansible_test.pip_versions()


def test_oldest_python_with_unsupported_versions_returns_the_oldest_supported() -> None:
    interpreters = {version: Path(version) for version in ("3.13", "3.10", "3.9", "3.8")}
    assert ansible_test.oldest_python(interpreters) == "3.9"


def test_search_path_with_shims_lists_interpreters_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "find_pythons", lambda: {"3.9": Path("/opt/py39/bin/python3.9")})
    monkeypatch.setenv("PATH", "/pyenv/shims:/usr/bin")
    assert ansible_test.search_path().split(os.pathsep)[1:] == ["/opt/py39/bin", "/usr/bin"]


def test_pip_settings_with_an_environment_variable_include_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """ansible-test does not pass environment variables to pip, but pip reads the file."""
    monkeypatch.setenv("PIP_TIMEOUT", "77")
    settings = ansible_test.pip_settings().splitlines()
    assert settings[0] == "[global]"
    assert "timeout = 77" in settings
