# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of keys that a run makes itself are shown nowhere and kept nowhere, whatever comes of the run.

The use case alone is looked at in the same way by every other test of rotations (``RotationSite``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import runs
from tests.e2e.rotation_site import RotationSite, rotation_site
from tests.e2e.runs import Run
from tests.e2e.site import leftovers
from tests.e2e.test_leaks import Watcher
from tests.sandbox import Sandbox


@pytest.fixture
def rotation(e2e_sandbox: Sandbox) -> Iterator[RotationSite]:
    e2e_sandbox.vonage.echo_secrets = True
    with rotation_site(e2e_sandbox) as site:
        yield site
    e2e_sandbox.vonage.echo_secrets = False


def play(site: RotationSite, home: Path, **options: Any) -> Run:
    """Run the module from a playbook, as talkatively as can be; nothing may show a secret."""
    hidden = {name: site.params[name] for name in ("api_secret", "secret_key")}
    arguments = {**site.options(**options), **{name: f"{{{{ {name} }}}}" for name in hidden}}
    tasks = [{"name": "Rotate", "vonage.archiving.vonage_archive_storage": arguments}]
    settings = {"vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}, "gather_facts": False}
    path = home / "play.yml"
    path.write_text(yaml.safe_dump([{"hosts": "localhost", "connection": "local", **settings, "tasks": tasks}]))
    log = home / "ansible.log"
    watcher = Watcher(home)
    env = {"ANSIBLE_LOG_PATH": str(log), "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "true"}
    run = runs.run_playbook(path, hidden, home, env, args=["-vvv", "--diff"], watch=watcher)
    text = "\n".join([run.output, run.told, log.read_text(), *watcher.command_lines, site.record_text()])
    assert not runs.leaks(text, site.secrets)
    # Files of Ansible's own hold the arguments, the secrets that were given among them; none holds one that was made.
    contents = "\n".join(watcher.contents.values())
    assert contents
    assert not runs.leaks(contents, site.made.values())
    assert leftovers(home) == []
    assert "Traceback" not in text
    return run


def test_made_keys(rotation: RotationSite, home: Path) -> None:
    first = play(rotation, home).ok()
    assert first.changed == ["Rotate"]
    assert first.task("Rotate").result["storage"]["access_key"] == rotation.held
    # Refused, with an answer that quotes what was sent; then no answer at all.
    for status, times in ((403, 1), (500, 9)):
        rotation.emulator.fail_next(status=status, times=times, path=f"/{rotation.key}/")
        assert f"HTTP {status}" in play(rotation, home, rotate=True).failed().error
    rotation.emulator.clear_faults()
    assert len(rotation.made) == 3
    assert play(rotation, home).ok().task("Rotate").result["reason"] == "unknown"
    assert len(rotation.made) == 4
    rotation.settled()
    assert play(rotation, home).ok().changed == []
