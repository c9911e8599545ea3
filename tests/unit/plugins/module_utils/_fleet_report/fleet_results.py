# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registered results of hosts of a fleet, and rows of a report with hostile text."""

from __future__ import annotations

import typing as t

from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._archives.archives import CATEGORIES
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report.report import STATES, Row

NOW = 1_800_000_000.0
DAY = 86400
PROJECT = "47123456"
NAMED = {"vonage_project_id": PROJECT, "vonage_project_name": "acme"}
ARCHIVES: dict[str, t.Any] = {
    **dict.fromkeys(CATEGORIES, 0),
    "checked": 20,
    "newest": "2027-01-15T08:00:00Z",
    "ok": True,
    "uploaded": 20,
    "ids": {},
}
EXTERNAL_KEY: dict[str, t.Any] = {
    "changed": False,
    "project": PROJECT,
    "bucket": {"name": "recordings"},
    "bucket_changes": [],
    "storage": {"bucket": "recordings", "access_key": "AKIA1", "fallback": "none"},
    "reason": "unchanged",
    "state_file": {
        "location": "s3://recordings/r.json",
        "status": "applied",
        "time": format_utc(NOW - 3 * DAY),
        "since": None,
    },
    "uploader": {},
    "uploader_changes": [],
    "access_keys": [],
    "rotate_at": None,
    "retained_keys_reason": "",
    "checks": [],
    "verification": "",
    "archives": ARCHIVES,
    "seconds": 0.4,
}
KEYS = [
    {"id": "AKIA0", "in_target": False, "created": format_utc(NOW - 90 * DAY)},
    {"id": "AKIA1", "in_target": True, "created": format_utc(NOW - 40 * DAY)},
]
MANAGED_KEY = {**EXTERNAL_KEY, "access_keys": KEYS, "rotate_at": format_utc(NOW + 50 * DAY), "uploader": {"name": "u"}}
FAILED: dict[str, t.Any] = {
    "failed": True,
    "changed": True,
    "msg": "Could not do it:\n  403.",
    "project": PROJECT,
    "bucket_changes": ["tags"],
    "error": {"kind": "denied", "operation": "do it", "problem": "403", "hint": "", "status": 403},
    "seconds": 1.0,
}
# Names of projects, or messages of a server.
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "\x1b[31mred\x1b[0m\x07",
    "one\nline\r\nmore\u2028and\u2029more\tand\x00",
    "\u202egnp.exe",
    "\ud800 half a pair",
    "{{ 7 * 7 }}{% raw %}",
    "x" * 10_000,
    "é中文\U0001f600",
    "&lt;b&gt;",
)
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=12)
COUNTS = st.fixed_dictionaries(
    {**dict.fromkeys(CATEGORIES, st.integers(0, 9)), "ok": st.sampled_from([None, True, False])}
)
ROWS = st.lists(
    st.builds(
        Row,
        host=TEXTS,
        project=TEXTS,
        name=TEXTS,
        target=TEXTS,
        state=st.sampled_from(STATES),
        reason=TEXTS,
        archives=st.none() | COUNTS,
        key_age=st.none() | st.floats(0, 1e10),
        retained_keys_reason=TEXTS,
    ),
    max_size=8,
)
