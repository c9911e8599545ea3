# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the artefact, and see what those make of it who will receive it.

usage: python -m tools.artefact build|importer|ee
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import yaml

from tools import environment
from tools.paths import BUILD, CACHE, COLLECTION, ROOT, user_environment
from tools.tree import copy_tree

NEEDED = Path("meta/ee-requirements.txt")
SHIPPED = Path("extensions", "awx", "execution-environment.yml")


def build() -> Path:
    """Build the tarball of a clean copy of the collection and return its path."""
    tree = copy_tree(BUILD / "artefact-tree")
    dist = BUILD / "dist"
    dist.mkdir(parents=True, exist_ok=True)
    for old in dist.glob("*.tar.gz"):
        old.unlink()
    command = ["ansible-galaxy", "collection", "build", "--output-path", str(dist)]
    subprocess.run(command, check=True, cwd=tree, env=user_environment("home"), stdout=subprocess.DEVNULL)
    [tarball] = dist.glob("*.tar.gz")
    sys.stdout.write(f"{tarball}\n")
    return tarball


def importer() -> int:
    """Let Galaxy's importer judge the artefact; anything it calls an error fails."""
    tarball = build()
    directory = CACHE / "importer"
    environment.ensure(directory, ["-r", str(ROOT / "requirements" / "importer.txt")])
    work = BUILD / "importer"
    work.mkdir(parents=True, exist_ok=True)
    settings = work / "galaxy-importer.cfg"
    settings.write_text(f"[galaxy-importer]\nansible_local_tmp = {work / 'local'}\n")
    env = user_environment("home")
    env.update(GALAXY_IMPORTER_CONFIG=str(settings), PATH=f"{directory / 'bin'}:{env['PATH']}")
    command = [str(directory / "bin" / "python"), "-m", "galaxy_importer.main", str(tarball)]
    process = subprocess.run(command, check=False, cwd=work, env=env, stdout=subprocess.PIPE, text=True)
    sys.stdout.write(process.stdout)
    errors = [line for line in process.stdout.splitlines() if line.startswith(("ERROR", "CRITICAL"))]
    return 1 if process.returncode or errors else 0


def ee() -> int:
    """See that ansible-builder finds the requirements in the artefact, and can lay out an image with it."""
    tree = BUILD / "ee" / "tree"
    target = tree / "ansible_collections" / "vonage" / "archiving"
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(build()) as archive:
        archive.extractall(target, filter="data")
    env = user_environment("home")
    introspect = ["ansible-builder", "introspect", str(tree)]
    found = subprocess.run(introspect, check=True, env=env, stdout=subprocess.PIPE, text=True).stdout
    sys.stdout.write(found)
    missing = [line for line in requirements() if line not in found]
    sys.stdout.writelines(f"ansible-builder does not see {line}\n" for line in missing)
    return 1 if missing else create_context(env)


def requirements() -> list[str]:
    """Return the run-time requirements."""
    lines = (ROOT / NEEDED).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def create_context(env: dict[str, str]) -> int:
    """Lay out the build contexts of images: with the artefact, and of the definition that is in it."""
    work = BUILD / "ee"
    definition = work / "execution-environment.yml"
    [tarball] = (BUILD / "dist").glob("*.tar.gz")
    image = {
        "version": 3,
        "images": {"base_image": {"name": "localhost/any-base:latest"}},
        "dependencies": {
            "ansible_core": {"package_pip": "ansible-core"},
            "ansible_runner": {"package_pip": "ansible-runner"},
            "galaxy": {"collections": [{"name": str(tarball), "type": "file"}]},
        },
    }
    definition.write_text(yaml.safe_dump(image))
    # The one that users copy has the collection from Galaxy, which laying out does not ask.
    return max(laid_out(each, work, env) for each in (definition, work / "tree" / COLLECTION / SHIPPED))


def laid_out(definition: Path, work: Path, env: dict[str, str]) -> int:
    """Let ansible-builder lay out the build context of a definition."""
    create = ["ansible-builder", "create", "-f", str(definition), "-c", str(work / "context")]
    return subprocess.run(create, check=False, cwd=work, env=env).returncode


def main(names: list[str]) -> int:
    """Do what is named."""
    commands = {"build": lambda: 0 if build() else 1, "importer": importer, "ee": ee}
    if len(names) != 1 or names[0] not in commands:
        sys.exit(__doc__)
    return commands[names[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
