# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the integration targets with ansible-playbook on each store that they test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e import playbook_runs
from tests.e2e.playbook_runs import ROOT, run_playbook
from tests.e2e.project_environment import leftovers
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("targets")

TARGETS = ROOT / "tests" / "integration" / "targets"
# A real store, and an emulator of all AWS operations.
STORES = ("seaweedfs", "moto")
# moto without IAM accepts any key, and all users can list all buckets. It cannot verify permissions, and an upload
# check reports it as public.
ONLY_STORES = {
    "archive_upload_check": ("seaweedfs", "moto-iam", "rclone"),
    "iam_archive_uploader": ("seaweedfs", "moto-iam"),
}
# These targets use no store.
WITHOUT_STORE = {"heroku_config_vars"}
# With this store, only the tests of the state file run: the other tests do not use the store.
STATE_FILE_ONLY = {("vonage_archive_storage", "moto")}
# Some targets have two hundred tasks, each of half a second, and more if the machine is busy.
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
        "store_cases_only": (target, store) in STATE_FILE_ONLY,
    }
    # The tasks of the targets pass secrets to programs that read the servers. With high verbosity, Ansible
    # shows them. All other runs verify the output of the modules.
    run = run_playbook(playbook, variables, home, {"ANSIBLE_VERBOSITY": "0"}, seconds=SECONDS).ok()
    assert run.stats["failures"] == 0
    assert run.stats["ok"] > 5
    all_secrets = [store_.secret_key for store_ in sandbox.stores.values()]
    assert not playbook_runs.find_leaks(run.output, all_secrets)
    assert leftovers(home) == []
