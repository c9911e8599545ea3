# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test which requests a run sends if it changes nothing: one for each facet in the options, and one for the state
file.
"""

from __future__ import annotations

from typing import Any

from tests.bench.runs import HERE
from tests.bench.servers import ORIGIN, s3_kind
from tests.e2e.configured_project import configure_project
from tests.e2e.project_environment import ProjectEnvironment

# The role's default options: no lifecycle rule except its own, and no public access.
DEFAULT = ["GET ?encryption", "GET ?lifecycle", "GET ?policy", "GET ?publicAccessBlock", "GET object"]
RULES = [{"allowed_origins": [ORIGIN], "allowed_methods": ["GET"]}]
MODULES = HERE / "playbooks" / "modules.yml"


def store_requests(project: ProjectEnvironment) -> list[str]:
    """Return the requests to the store, sorted: concurrent reads have no order."""
    return sorted(s3_kind(request) for request in project.s3.requests)


def unchanged_run_requests(project: ProjectEnvironment, **options: Any) -> list[str]:
    """Run twice without changes, assert that the requests to the store are equal, and return them."""
    project.assert_idempotent(**options)
    first = store_requests(project)
    project.assert_idempotent(**options)
    assert store_requests(project) == first
    assert project.api.requests == []
    return first


def test_requests_default_options_read_each_facet_once(project: ProjectEnvironment) -> None:
    assert unchanged_run_requests(configure_project(project)) == DEFAULT
    project.assert_idempotent(args=["--check", "--diff"])
    assert store_requests(project) == DEFAULT


def test_requests_each_additional_facet_or_folder_adds_one_read(project: ProjectEnvironment) -> None:
    """A public prefix requires no additional request: the policy and the public access block contain it."""
    options = {"cors_rules": RULES, "tags": {"purpose": "archives"}, "folders": ["one", "two"], "public": True}
    expected = [*DEFAULT, "GET ?cors", "GET ?tagging", "GET ?list-type", "GET ?list-type"]
    project.configure(**options)
    assert unchanged_run_requests(project, **options) == sorted(expected)


def test_requests_local_state_file_sends_no_request(project: ProjectEnvironment) -> None:
    expected = [kind for kind in DEFAULT if kind != "GET object"]
    state_file = str(project.home / "state.json")
    assert unchanged_run_requests(configure_project(project, state_file=state_file), state_file=state_file) == expected


def test_requests_modules_read_only_requested_facets(project: ProjectEnvironment) -> None:
    """The options are those of the benchmark."""
    variables = {
        "api_key": project.key,
        "api_secret": project.secret,
        "api_url": project.api.url,
        "endpoint_url": project.s3.url,
        "region": project.store.region,
        "access_key": project.store.access_key,
        "secret_key": project.store.secret_key,
        "target": {"bucket": project.bucket, "access_key": project.uploader[0], "secret_key": project.uploader[1]},
        "origin": ORIGIN,
        "blocked": False,
    }
    assert project.run_bare(MODULES, variables).ok().stats["changed"] == 2
    project.clear_request_log()
    assert project.run_bare(MODULES, variables).ok().stats["changed"] == 0
    assert store_requests(project) == ["GET ?cors", "GET ?encryption", "GET object"]
    assert project.calls() == []
