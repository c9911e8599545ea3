# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of buckets and prefixes."""

from __future__ import annotations

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws import s3_naming as names


@pytest.mark.parametrize("prefix", ["47123456", "a/b", "a/b/", "über", "a b", "a.b", "..."])
def test_prefixes(prefix: str) -> None:
    assert names.prefix_problem(prefix) is None
    assert names.folder(prefix) == f"{prefix.rstrip('/')}/"


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        ("", "is empty: it would mean the whole bucket"),
        ("/", "is empty: it would mean the whole bucket"),
        ("/a", "has a slash at its start or two in a row"),
        ("a//b", "has a slash at its start or two in a row"),
        ("a//", "has a slash at its start or two in a row"),
        ("a/../b", "has a part that is only dots"),
        (".", "has a part that is only dots"),
        ("*", "characters with a special meaning"),
        ("a?", "characters with a special meaning"),
        ("${aws:username}", "characters with a special meaning"),
        ("%2e", "characters with a special meaning"),
        (" a", "characters with a special meaning"),
        ("a\n", "characters with a special meaning"),
        ("\ud800", "characters with a special meaning"),
        ("a" * 901, "is longer than 900 bytes"),
    ],
)
def test_prefixes_that_are_none(prefix: str, why: str) -> None:
    assert why in (names.prefix_problem(prefix) or "")


@pytest.mark.parametrize(
    ("prefix", "shows"),
    [
        (".vonage-archiving", True),
        (".vonage-archiving/", True),
        (".vonage-archiving/47123456", True),
        (".vonage-archiving-too", False),
        ("a/.vonage-archiving", False),
        (".vonage", False),
    ],
)
def test_what_would_show_records(prefix: str, shows: bool) -> None:
    assert names.exposes_state_files(prefix) is shows


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        (None, "aws"),
        ("eu-west-1", "aws"),
        ("cn-northwest-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
    ],
)
def test_partitions(region: str | None, partition: str) -> None:
    assert names.partition(region) == partition
