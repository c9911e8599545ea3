# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All requests of a run that has nothing to do, by kind: one for each facet asked for, one for the record."""

from __future__ import annotations

from typing import Any

from tests.bench.runs import HERE
from tests.bench.servers import ORIGIN, s3_kind
from tests.e2e.prepared import configured
from tests.e2e.site import Site

# What the role asks for by itself: no lifecycle rule but its own, nobody reads but the owner.
DEFAULT = ["GET ?encryption", "GET ?lifecycle", "GET ?policy", "GET ?publicAccessBlock", "GET object"]
RULES = [{"allowed_origins": [ORIGIN], "allowed_methods": ["GET"]}]
MODULES = HERE / "playbooks" / "modules.yml"


def requested(site: Site) -> list[str]:
    """Return what was requested of the store, sorted: reads run side by side, in no order."""
    return sorted(s3_kind(each) for each in site.s3.requests)


def steady(site: Site, **options: Any) -> list[str]:
    """Return what two runs that have nothing to do requested of the store, which must be equal."""
    site.steady(**options)
    first = requested(site)
    site.steady(**options)
    assert requested(site) == first
    assert site.api.requests == []
    return first


def test_the_role_as_it_is_by_default_and_in_check_mode(site: Site) -> None:
    assert steady(configured(site)) == DEFAULT
    site.steady(args=["--check", "--diff"])
    assert requested(site) == DEFAULT


def test_each_facet_or_folder_more_is_one_request_more(site: Site) -> None:
    """What is looked at anyway costs nothing: that a prefix is public is seen in the policy and the block, too."""
    more = {"cors_rules": RULES, "tags": {"purpose": "archives"}, "folders": ["one", "two"], "public": True}
    expected = [*DEFAULT, "GET ?cors", "GET ?tagging", "GET ?list-type", "GET ?list-type"]
    site.configure(**more)
    assert steady(site, **more) == sorted(expected)


def test_a_local_record_is_no_request(site: Site) -> None:
    expected = [kind for kind in DEFAULT if kind != "GET object"]
    record = str(site.home / "record.json")
    assert steady(configured(site, state_file=record), state_file=record) == expected


def test_the_modules_alone_ask_for_nothing_that_was_not_asked_for(site: Site) -> None:
    """As the bench runs them."""
    variables = {
        "api_key": site.key,
        "api_secret": site.secret,
        "api_url": site.api.url,
        "endpoint_url": site.s3.url,
        "region": site.store.region,
        "access_key": site.store.access_key,
        "secret_key": site.store.secret_key,
        "target": {"bucket": site.bucket, "access_key": site.uploader[0], "secret_key": site.uploader[1]},
        "origin": ORIGIN,
        "blocked": False,
    }
    assert site.run_bare(MODULES, variables).ok().stats["changed"] == 2
    site.forget()
    assert site.run_bare(MODULES, variables).ok().stats["changed"] == 0
    assert requested(site) == ["GET ?cors", "GET ?encryption", "GET object"]
    assert site.calls() == []
