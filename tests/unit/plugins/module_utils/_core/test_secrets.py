# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
import types

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import secrets as _secrets


def test_mark_as_secret_without_the_api_of_ansible_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ansible.module_utils.secrets", None)
    _secrets.mark_as_secret("value")


def test_mark_as_secret_uses_the_api_of_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    marked: list[str] = []
    module = types.ModuleType("secrets")
    module.register_secret = marked.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ansible.module_utils.secrets", module)
    for value in ("one", "", None):
        _secrets.mark_as_secret(value)
    assert marked == ["one"]
