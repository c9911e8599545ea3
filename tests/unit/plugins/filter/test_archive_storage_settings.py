# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter is the function under its name."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.filter.archive_storage_settings import FilterModule
from ansible_collections.vonage.archiving.plugins.module_utils._settings import settings

GIVEN = {"api_key": "47123456", "bucket": "recordings", "fallback": "kept"}


def test_the_filter_is_the_function() -> None:
    assert FilterModule().filters()["archive_storage_settings"](GIVEN) == settings(GIVEN)


def test_a_mistyped_name_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(f"{FilterModule.__module__}.Display.warning", lambda _self, text: warnings.append(text))
    names = ["archive_storage_bucket", "archive_storage_bukcet"]
    assert FilterModule().filters()["archive_storage_settings"]({**GIVEN, "names": names}) == settings(GIVEN)
    assert warnings == [
        "The variable archive_storage_bukcet is ignored, since the role has none of that name: "
        "is archive_storage_bucket meant?"
    ]


def test_the_example_of_its_documentation() -> None:
    read = FilterModule().filters()["archive_storage_settings"]
    found = read({"api_key": 47123456, "bucket": "example-recordings", "public": "no"})
    assert (found["project"], found["public"]) == ("47123456", False)
    assert found["problems"] == []


KEY, APPLICATION = {"VONAGE_VIDEO_API_KEY": "env-key"}, {"VONAGE_VIDEO_APPLICATION_ID": "env-app"}


@pytest.mark.parametrize(
    ("api_key", "application_id", "environment", "expected"),
    [
        ("", "", {}, ("", "")),
        ("", "", KEY, ("env-key", "")),
        ("", "", APPLICATION, ("", "env-app")),
        ("", "", {**KEY, **APPLICATION}, ("env-key", "")),
        ("key", "", {**KEY, **APPLICATION}, ("key", "")),
        ("", "app", {**KEY, **APPLICATION}, ("", "app")),
        ("key", "app", {}, ("key", "app")),
    ],
)
def test_an_id_that_is_given_keeps_the_other_one_of_the_environment_out(
    api_key: str, application_id: str, environment: dict[str, str], expected: tuple[str, str]
) -> None:
    jinja2, yaml = pytest.importorskip("jinja2"), pytest.importorskip("yaml")
    root = pathlib.Path(__file__).resolve().parents[4]
    templates = yaml.safe_load((root / "roles/archive_storage/vars/main.yml").read_text())["_archive_storage_given"]

    def looked_up(_plugin: str, name: str) -> str:
        return environment.get(name, "")

    def rendered(name: str) -> t.Any:
        return (
            jinja2.Environment(autoescape=False)
            .from_string(templates[name])
            .render(lookup=looked_up, archive_storage_api_key=api_key, archive_storage_application_id=application_id)
        )

    assert (rendered("api_key"), rendered("application_id")) == expected
