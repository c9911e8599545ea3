# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durations in the options of modules."""

from __future__ import annotations

import typing as t

import pytest
import yaml

from ansible_collections.vonage.archiving.plugins.doc_fragments import account, heroku, vonage
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.project import ARGUMENTS as PROJECT
from ansible_collections.vonage.archiving.plugins.module_utils._archives.reconcile import ARGUMENTS as ARCHIVES
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.params import ARGUMENTS as BUCKET
from ansible_collections.vonage.archiving.plugins.module_utils._core.params import parse_budget, parse_seconds
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast.params import (
    ARGUMENTS as BROADCAST,
)
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.params import ARGUMENTS as UPLOAD_CHECK
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import ARGUMENTS as UPLOAD_TARGET
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.params import ARGUMENTS as UPLOADER
from ansible_collections.vonage.archiving.plugins.modules import (
    archive_storage_project,
    archive_upload_check,
    iam_archive_uploader,
    interactive_broadcast_app,
    s3_archive_bucket,
    vonage_archive_info,
    vonage_archive_storage,
)

DOCUMENTATION = {
    archive_storage_project.DOCUMENTATION: PROJECT,
    archive_upload_check.DOCUMENTATION: UPLOAD_CHECK,
    iam_archive_uploader.DOCUMENTATION: UPLOADER,
    interactive_broadcast_app.DOCUMENTATION: BROADCAST,
    s3_archive_bucket.DOCUMENTATION: BUCKET,
    vonage_archive_info.DOCUMENTATION: ARCHIVES,
    vonage_archive_storage.DOCUMENTATION: UPLOAD_TARGET,
}
FRAGMENTS = [fragment.ModuleDocFragment.DOCUMENTATION for fragment in (account, heroku, vonage)]
# S3 defines this name, which states the unit.
WITH_UNIT_IN_NAME = {"max_age_seconds"}


def numbers(options: t.Mapping[str, t.Any]) -> set[str]:
    """The options with a whole or decimal number that is not a duration."""
    own = {name for name, option in options.items() if option.get("type") in ("int", "float")}
    return own.union(*(numbers(option.get("options") or option.get("suboptions") or {}) for option in options.values()))


@pytest.mark.parametrize("spec", DOCUMENTATION.values())
def test_arguments_numbers_are_not_durations(spec: dict[str, t.Any]) -> None:
    counts = {"retries", "limit", "bucket_limit", "archives", "generation"}
    assert numbers(spec) <= counts | WITH_UNIT_IN_NAME


@pytest.mark.parametrize("text", [*DOCUMENTATION, *FRAGMENTS])
def test_documentation_numbers_are_not_durations(text: str) -> None:
    counts = {"retries", "limit", "bucket_limit", "archives", "generation"}
    assert numbers(yaml.safe_load(text)["options"]) <= counts | WITH_UNIT_IN_NAME


def test_parse_budget_accepts_units_and_fractions() -> None:
    problems = Problems()
    budget = parse_budget({"timeout": "2.5", "total_timeout": "2m"}, problems)
    assert (budget.timeout, budget.total, list(problems)) == (2.5, 120, [])


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            "soon",
            "age: 'soon' is not a duration. Use a whole number of seconds, or a whole number with a unit, such as 30s, "
            "15m, 12h, or 90d",
        ),
        ("-5", "age: '-5' is not a whole number that is 0 or greater"),
        ("1.5", "age: '1.5' is not a whole number that is 0 or greater"),
        ("2h", "age: 7200 is greater than 3600, the largest valid value"),
    ],
)
def test_parse_seconds_invalid_names_value_and_forms(value: str, problem: str) -> None:
    problems = Problems()
    assert parse_seconds({"age": value}, "age", 30, problems, most=3600) == 30
    assert [*map(str, problems)] == [problem]
