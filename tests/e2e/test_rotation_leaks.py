# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that the secrets of managed keys never appear in output or files, with success and failure.

All other tests of rotations search the results of the use case in the same way (``RotationEnvironment``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import playbook_runs
from tests.e2e.playbook_runs import Run
from tests.e2e.project_environment import leftovers
from tests.e2e.rotation_environment import RotationEnvironment, new_rotation_environment
from tests.e2e.test_leaks import Watcher
from tests.sandbox import Sandbox


@pytest.fixture
def rotation(e2e_sandbox: Sandbox) -> Iterator[RotationEnvironment]:
    e2e_sandbox.vonage.echo_secrets = True
    with new_rotation_environment(e2e_sandbox) as rotation:
        yield rotation
    e2e_sandbox.vonage.echo_secrets = False


def run_playbook_verbosely(rotation: RotationEnvironment, home: Path, is_direct: bool = False, **options: Any) -> Run:
    """Run the module from a playbook with verbose output, and assert that no secret appears."""
    hidden = {name: rotation.params[name] for name in ("api_secret", "secret_key")}
    arguments = {**rotation.options(**options), **{name: f"{{{{ {name} }}}}" for name in hidden}}
    tasks = [{"name": "Rotate", "vonage.archiving.vonage_archive_storage": arguments}]
    play_options = {"vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}, "gather_facts": False}
    path = home / "play.yml"
    path.write_text(yaml.safe_dump([{"hosts": "localhost", "connection": "local", **play_options, "tasks": tasks}]))
    log = home / "ansible.log"
    watcher = Watcher(home)
    env = {"ANSIBLE_LOG_PATH": str(log), "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "true"}
    variables = {**hidden, "vonage_archiving_direct": is_direct}
    run = playbook_runs.run_playbook(path, variables, home, env, args=["-vvv", "--diff"], watch=watcher)
    text = "\n".join([run.output, run.events_text, log.read_text(), *watcher.command_lines, rotation.state_file_text()])
    assert not playbook_runs.find_leaks(text, rotation.secrets)
    # Temporary files of a module process contain secrets from the options, and no secret of a managed key. In direct
    # execution, there is no such file.
    contents = "\n".join(watcher.contents.values())
    assert bool(playbook_runs.find_leaks(contents, hidden.values())) is not is_direct
    assert not playbook_runs.find_leaks(contents, rotation.created_keys.values())
    assert leftovers(home) == []
    assert "Traceback" not in text
    return run


@pytest.mark.parametrize("is_direct", [True, False])
def test_rotate_success_and_failures_show_no_secret(rotation: RotationEnvironment, home: Path, is_direct: bool) -> None:
    first = run_playbook_verbosely(rotation, home, is_direct).ok()
    assert first.changed == ["Rotate"]
    assert first.task("Rotate").result["storage"]["access_key"] == rotation.target_key_id
    # First the API rejects the request, and its response contains the request. Then it does not respond.
    for status, times in ((403, 1), (500, 9)):
        rotation.emulator.fail_next(status=status, times=times, path=f"/{rotation.key}/archive/storage")
        assert f"HTTP {status}" in run_playbook_verbosely(rotation, home, is_direct, rotate=True).failed().error
    rotation.emulator.clear_faults()
    assert len(rotation.created_keys) == 3
    assert run_playbook_verbosely(rotation, home, is_direct).ok().task("Rotate").result["reason"] == "unknown"
    assert len(rotation.created_keys) == 4
    rotation.assert_configured()
    assert run_playbook_verbosely(rotation, home, is_direct).ok().changed == []
