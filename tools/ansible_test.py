# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-test on a copy of the collection.

ansible-test must run below ansible_collections, and does not accept a symlink. For its managed environments, it
downloads pip from its own host instead of the package index. It accepts pyenv's shims as interpreters, and does not
pass environment variables to pip. This wrapper copies the collection, provides pip, sets PATH, and writes a pip.conf.

usage: python -m tools.ansible_test COMMAND [ARGUMENT]...     (such as: sanity --venv; units --venv --python oldest)
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tools import pythons, tree
from tools.paths import BUILD, CACHE, VENV, user_environment

# In the cache, because managed environments are slow to create and must survive `make clean`.
HOME = CACHE / "ansible-test"
# Older versions are supported neither by boto3 nor by ansible-core 2.20 and newer.
OLDEST_TARGET = "3.9"

GET_PIP = '''"""Run pip from a wheel on disk, as get-pip.py does from its embedded wheel."""
import sys
sys.path.insert(0, {wheel!r})
from pip._internal.cli.main import main
own = ("--no-setuptools", "--no-wheel")
sys.exit(main(["install", "--upgrade", "--force-reinstall"] + [a for a in sys.argv[1:] if a not in own]))
'''


def pip_versions() -> set[str]:
    """Return the versions of pip that the installed ansible-test installs in its environments."""
    [source] = VENV.glob("lib/python3*/site-packages/ansible_test/_internal/python_requirements.py")
    return set(re.findall(r"""\bpip=['"]([0-9.]+)['"]""", source.read_text()))


def provide_pip(version: str) -> None:
    """Write a get-pip script for this version to the cache that ansible-test reads before it downloads one."""
    script = HOME / ".ansible" / "test" / "cache" / f"get_pip_{version.replace('.', '_')}.py"
    if script.exists():
        return
    wheels = HOME / "wheels"
    command = [str(VENV / "bin" / "python"), "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels)]
    subprocess.run([*command, f"pip=={version}"], check=True, env=user_environment("ansible-test"))
    [wheel] = wheels.glob(f"pip-{version}-*.whl")
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(GET_PIP.format(wheel=str(wheel)))


def pip_settings() -> str:
    """Return the user's effective pip settings, environment variables included, as a configuration file."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "config", "list"]
    listing = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    settings = {}
    for key, value in (line.split("=", 1) for line in listing.splitlines() if "=" in line):
        scope, name = key.rsplit(".", 1)
        if scope in ("global", "install", ":env:") and name not in ("config-file", "cache-dir"):
            settings[name] = value.strip("'\"").replace("\\n", " ")
    settings["cache-dir"] = str(CACHE / "pip")
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in sorted(settings.items()))


def search_path() -> str:
    """Return a PATH that starts with the interpreters and has no shims."""
    interpreters = [path.parent for path in pythons.find_pythons().values()]
    inherited = [Path(part) for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part]
    folders = [VENV / "bin", *interpreters, *(folder for folder in inherited if folder.name != "shims")]
    return os.pathsep.join(dict.fromkeys(map(str, folders)))


def oldest_python(interpreters: dict[str, Path]) -> str:
    """Return the version of the oldest interpreter that plugins/ must support."""
    supported = [version for version in interpreters if pythons.minor_of(version) >= pythons.minor_of(OLDEST_TARGET)]
    return min(supported, key=pythons.minor_of)


def main(arguments: list[str]) -> int:
    """Prepare the copy and the home folder, and run ansible-test."""
    arguments = [oldest_python(pythons.find_pythons()) if word == "oldest" else word for word in arguments]
    for version in pip_versions():
        provide_pip(version)
    config = HOME / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(pip_settings())
    # Each command has its own copy because commands may run concurrently.
    target = tree.copy_tree(BUILD / f"ansible-test-{arguments[0]}")
    # ansible-test lists the files with git. In the repository of the checkout, build/ is ignored.
    subprocess.run(["git", "init", "--quiet"], check=True, cwd=target)
    env = {**user_environment("ansible-test"), "HOME": str(HOME), "PATH": search_path()}
    env.pop("ANSIBLE_HOME")
    return subprocess.run(["ansible-test", *arguments], check=False, cwd=target, env=env).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
