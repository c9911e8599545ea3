# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets, each run by ansible-playbook on each store that it is about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e import runs
from tests.e2e.runs import ROOT, run_playbook
from tests.e2e.site import leftovers
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("targets")

TARGETS = ROOT / "tests" / "integration" / "targets"
# The same suite on a store that is real and on one that knows all of AWS.
STORES = ("seaweedfs", "moto")
# moto's default form accepts any key and lets everybody list every bucket: it does not show what a user may do, and an
# upload check rightly finds it open.
ONLY_STORES = {
    "archive_upload_check": ("seaweedfs", "moto-iam", "rclone"),
    "iam_archive_uploader": ("seaweedfs", "moto-iam"),
}
# No store plays a part in these.
WITHOUT_STORE = {"heroku_config_vars"}
# The store sees records alone of it: on a second one it can leave out the rest.
RECORDS_ONLY = {("vonage_archive_storage", "moto")}
# Some have two hundred tasks, each of half a second and more where the machine is busy.
SECONDS = 280


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("seaweedfs", "moto", "moto-iam", "rclone"), heroku=True) as running:
        yield running


def cases() -> list[tuple[str, str]]:
    names = sorted(path.name for path in TARGETS.iterdir() if (path / "tasks" / "main.yml").exists())
    return [(name, store) for name in names for store in stores_of(name)]


def stores_of(name: str) -> tuple[str, ...]:
    if name in WITHOUT_STORE:
        return STORES[:1]
    return ONLY_STORES.get(name, STORES)


@pytest.mark.parametrize(("target", "store"), cases())
def test_target(sandbox: Sandbox, target: str, store: str, home: Path) -> None:
    described = sandbox.describe()
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "roles": [str(TARGETS / target)],
    }
    playbook = home / "playbook.yml"
    playbook.write_text(yaml.safe_dump([play]))
    variables = {
        "sandbox": described,
        "store": described["stores"][store],
        "only_what_the_store_sees": (target, store) in RECORDS_ONLY,
    }
    # The targets' own tasks hand secrets to programs that look at the servers, which Ansible shows at high verbosity;
    # what the modules show then is looked through in all other runs.
    run = run_playbook(playbook, variables, home, {"ANSIBLE_VERBOSITY": "0"}, seconds=SECONDS).ok()
    assert run.stats["failures"] == 0
    assert run.stats["ok"] > 5
    known = [each.secret_key for each in sandbox.stores.values()]
    assert not runs.leaks(run.output, known)
    assert leftovers(home) == []
