# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook changes nothing that may belong to something else: keys of a target, state files of other projects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e import driver
from tests.e2e.prepared import variables
from tests.e2e.site import MANAGED, Site, iam_action, is_read, new_site, told
from tests.sandbox import Sandbox

REMOVE_TARGET = "vonage.archiving.archive_storage : Delete the upload target and its access keys"


def iam_writes(site: Site) -> list[str]:
    """The requests to the IAM API that could change something."""
    return [told(each) for each in site.s3.requests if iam_action(each) and not is_read(each)]


def configure(site: Site, **changes: Any) -> None:
    """Do what the first run of the playbook configure does."""
    assert driver.configure(variables(site, **changes)) == ["bucket", "target"]


def test_teardown_404_page_of_a_proxy_keeps_the_uploader_and_the_target(managed: Site) -> None:
    site = managed
    configure(site)
    target, keys = site.target(), site.keys()
    site.forget()
    site.emulator.fail_next(status=404, method="DELETE", path=f"/{site.key}/")
    run = site.run("teardown").failed()
    assert "answered HTTP 404, and the body is not an error of the Vonage API" in run.error
    assert "The upload target may still be set" in run.error
    assert (site.methods, iam_writes(site)) == (["DELETE"], [])
    assert (site.target(), site.keys()) == (target, keys)
    assert site.record()["status"] == "pending"
    site.uploaded()
    assert site.run("teardown").ok().changed == [REMOVE_TARGET]
    assert (site.target(), site.record()["status"]) == (None, "absent")


@pytest.mark.parametrize("playbook", ["configure", "rotate", "verify", "teardown"])
def test_state_file_of_another_project_is_refused_by_every_playbook(
    e2e_sandbox: Sandbox, managed: Site, home: Path, playbook: str
) -> None:
    first = managed
    shared = f"s3://{first.bucket}/state/shared.json"
    configure(first, state_file=shared)

    def state_file() -> bytes:
        return bytes(first.client.get_object(Bucket=first.bucket, Key="state/shared.json")["Body"].read())

    before, target, keys = state_file(), first.target(), first.keys()
    with new_site(e2e_sandbox, home, MANAGED) as second:
        run = second.run(playbook, state_file=shared).failed()
        assert f"use the state file {shared} for project {second.key}: it belongs to project {first.key}" in run.error
        assert "Use one state file per project" in run.error
        # The bucket comes first. A run that does not change it sends nothing but reads.
        assert (iam_writes(second), second.calls()) == ([], [])
        if playbook in ("verify", "teardown"):
            assert (second.written, second.exists()) == ([], False)
    assert state_file() == before
    assert (first.target(), first.keys()) == (target, keys)
    assert driver.configure(variables(first, state_file=shared)) == []
