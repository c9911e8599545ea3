# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the artifact, and check it with Galaxy's importer and with ansible-builder.

usage: python -m tools.artifact build|importer|ee
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import yaml

from tools import environment, reproducible
from tools.paths import BUILD, CACHE, COLLECTION, ROOT, user_environment
from tools.tree import copy_tree

REQUIREMENTS = Path("meta/ee-requirements.txt")
AWX_DEFINITION = Path("extensions", "awx", "execution-environment.yml")


def build() -> Path:
    """Build the tarball of a clean copy of the collection and return its path; equal files result in equal bytes."""
    tree = copy_tree(BUILD / "artifact-tree")
    dist = BUILD / "dist"
    dist.mkdir(parents=True, exist_ok=True)
    for old in dist.glob("*.tar.gz"):
        old.unlink()
    command = ["ansible-galaxy", "collection", "build", "--output-path", str(dist)]
    subprocess.run(command, check=True, cwd=tree, env=user_environment("home"), stdout=subprocess.DEVNULL)
    [tarball] = dist.glob("*.tar.gz")
    reproducible.normalize(tarball, reproducible.source_date_epoch())
    sys.stdout.write(f"{tarball}\n")
    return tarball


def run_importer() -> int:
    """Run Galaxy's importer on the artifact; an error in its log fails the check."""
    tarball = build()
    directory = CACHE / "importer"
    environment.ensure(directory, environment.locked("importer"))
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


def check_ee() -> int:
    """Check that ansible-builder finds the requirements in the artifact and creates build contexts with it."""
    tree = BUILD / "ee" / "tree"
    target = tree / "ansible_collections" / "vonage" / "archiving"
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(build()) as archive:
        archive.extractall(target, filter="data")
    env = user_environment("home")
    introspect = ["ansible-builder", "introspect", str(tree)]
    output = subprocess.run(introspect, check=True, env=env, stdout=subprocess.PIPE, text=True).stdout
    sys.stdout.write(output)
    missing = [line for line in read_requirements() if line not in output]
    sys.stdout.writelines(f"ansible-builder does not find the requirement {line}\n" for line in missing)
    return 1 if missing else create_contexts(env)


def read_requirements() -> list[str]:
    """Return the run-time requirements."""
    lines = (ROOT / REQUIREMENTS).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def create_contexts(env: dict[str, str]) -> int:
    """Create two build contexts: for an image with the artifact, and for the definition in the artifact."""
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
    # The definition for users names the collection on Galaxy. `ansible-builder create` does not download it.
    definitions = (definition, work / "tree" / COLLECTION / AWX_DEFINITION)
    return max(create_context(path, work, env) for path in definitions)


def create_context(definition: Path, work: Path, env: dict[str, str]) -> int:
    """Create the build context of a definition with ansible-builder."""
    create = ["ansible-builder", "create", "-f", str(definition), "-c", str(work / "context")]
    return subprocess.run(create, check=False, cwd=work, env=env).returncode


def main(names: list[str]) -> int:
    """Run the named command."""
    commands = {"build": lambda: 0 if build() else 1, "importer": run_importer, "ee": check_ee}
    if len(names) != 1 or names[0] not in commands:
        sys.exit(__doc__)
    return commands[names[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
