# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users choose the names of projects: a template in a name is never evaluated, with any release of ansible-core."""

from __future__ import annotations

import importlib.util
import typing as t

import ansible.template
import pytest
from ansible.utils import unsafe_proxy

from ansible_collections.vonage.archiving.plugins.inventory import vonage_projects
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.projects import AccountProject

TEMPLATES = ["{{ lookup('pipe', 'id') }}", "{% if true %}x{% endif %}", "{# comment #}", "}}", "{"]


class Unsafe(str):
    """Text as ``wrap_var`` of ansible-core 2.16 to 2.18 marks it."""

    __slots__ = ()


@pytest.fixture
def oldest(monkeypatch: pytest.MonkeyPatch) -> t.Any:
    """The plugin as ansible-core 2.16 to 2.18 loads it: there, unmarked text is a template."""
    monkeypatch.delattr(ansible.template, "trust_as_template", raising=False)
    monkeypatch.setattr(unsafe_proxy, "wrap_var", Unsafe)
    spec = importlib.util.spec_from_file_location("vonage_projects_of_the_oldest_core", vonage_projects.__file__)
    assert spec
    assert spec.loader
    plugin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plugin)
    return plugin


def variables(plugin: t.Any, text: str) -> dict[str, t.Any]:
    result: dict[str, t.Any] = plugin._host_variables(AccountProject("1", name=text, status=text, environment=text))
    return result


@pytest.mark.parametrize("text", TEMPLATES)
def test_host_variables_with_the_oldest_core_mark_every_template_as_unsafe(oldest: t.Any, text: str) -> None:
    values = variables(oldest, text)
    marked = {name for name, value in values.items() if value == text}
    assert len(marked) == 3
    assert all(isinstance(values[name], Unsafe) for name in marked)


def test_host_variables_with_the_oldest_core_do_not_mark_plain_values(oldest: t.Any) -> None:
    """AWX stores marked text in another form."""
    values = variables(oldest, "plain")
    assert not any(isinstance(value, Unsafe) for value in values.values())
    assert oldest._to_data(7) == 7
    assert oldest._to_data(True) is True
    assert oldest._without_mark(Unsafe("plain")) == "plain"
    assert not isinstance(oldest._without_mark(Unsafe("plain")), Unsafe)


@pytest.mark.skipif(not hasattr(ansible.template, "trust_as_template"), reason="before ansible-core 2.19")
@pytest.mark.parametrize(("text", "is_trusted"), [(text, False) for text in TEMPLATES] + [("plain", True)])
def test_host_variables_with_the_newest_core_trust_plain_text_only(text: str, is_trusted: bool) -> None:
    values = variables(vonage_projects, text)
    marked = [value for value in values.values() if value == text]
    assert len(marked) == 3
    assert [ansible.template.is_trusted_as_template(value) for value in marked] == [is_trusted] * 3
