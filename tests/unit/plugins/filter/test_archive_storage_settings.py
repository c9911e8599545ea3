# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter is the function under its name."""

from __future__ import annotations

from ansible_collections.vonage.archiving.plugins.filter.archive_storage_settings import FilterModule
from ansible_collections.vonage.archiving.plugins.module_utils._settings import settings


def test_the_filter_is_the_function() -> None:
    assert FilterModule().filters() == {"archive_storage_settings": settings}


def test_the_example_of_its_documentation() -> None:
    read = FilterModule().filters()["archive_storage_settings"]
    found = read({"api_key": 47123456, "bucket": "example-recordings", "public": "no"})
    assert (found["project"], found["public"]) == ("47123456", False)
    assert found["problems"] == ["archive_storage_uploader_access_key is not given"]
