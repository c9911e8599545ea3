# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit.params import AuditParams, parse_params
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError

NOW = 1_795_000_000.0
DAY = 86400


def parse(**options: t.Any) -> AuditParams:
    return parse_params({"api_key": "47", "api_secret": "0" * 40, "bucket": "recordings", **options}, {}, NOW)


def test_parse_params_defaults() -> None:
    params = parse()
    assert (params.since, params.stuck_after, params.limit, params.sample) == (NOW - 7 * DAY, 3600, 100, 0)
    assert (params.retention_days, params.fails_if_missing, params.acknowledged) == (None, True, frozenset())


def test_parse_params_options() -> None:
    params = parse(
        since="2026-11-01T00:00:00Z",
        target_set_at="90m",
        stuck_after="30m",
        retention_days="0",
        missing="report",
        acknowledged=["a", " b "],
        sample="3",
        limit=5,
    )
    assert (params.since, params.target_set_at, params.stuck_after) == (1_793_491_200, NOW - 5400, 1800)
    assert (params.retention_days, params.fails_if_missing) == (0, False)
    assert params.acknowledged == frozenset({"a", "b"})
    assert (params.sample, params.limit) == (3, 5)


@pytest.mark.parametrize(("value", "days"), [("", None), ("90d", 90), (30, 30), ("0", 0)])
def test_parse_params_retention_days_is_a_number_of_days(value: t.Any, days: int | None) -> None:
    assert parse(retention_days=value).retention_days == days


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"bucket": ""}, "bucket: is required without state_file"),
        ({"bucket": "s3://b/x"}, "bucket: 's3://b/x' is not a bucket name"),
        ({"since": "1w"}, "since: '1w' is not a time"),
        ({"stuck_after": "soon"}, "stuck_after: 'soon' is not a duration. Use a whole number of seconds"),
        ({"retention_days": -1}, "retention_days: -1 is not a number of days. Use a whole number of days"),
        ({"sample": -1}, "sample: -1 is not a whole number"),
        ({"state_file": "/s", "target_set_at": "1d"}, "state_file and target_set_at are mutually exclusive"),
        ({"access_key": "A"}, "secret_key: is required with access_key"),
    ],
)
def test_parse_params_invalid_option_is_one_problem(options: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(**options)
    assert len(caught.value.problems) == 1
    assert str(caught.value.problems[0]).startswith(problem)
