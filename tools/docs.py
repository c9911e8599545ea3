# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the HTML site from the plugins' documentation and docs/docsite; a warning is an error.

antsibull-docs creates the Sphinx project (sphinx-init), then the pages. The generated conf.py lists the inventories of
other sites. The list is emptied: the build does not require the inventories, and cannot always download them.

usage: python -m tools.docs
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tools.paths import BUILD, ROOT, homeless_environment
from tools.tree import copy_tree

SITE = BUILD / "docs"
WITHOUT_INVENTORIES = "\n# Inventories of other sites are not fetched.\nintersphinx_mapping = {}\n"
# Labels of other sites: links that antsibull-docs writes to every page, plugins of other collections, and Ansible's
# environment variables.
EXTERNAL_LABELS = r"""nitpick_ignore_regex = [
    ('std:ref', r'ansible_collections\.(?!vonage\.).*'),
    ('std:ref', r'action_plugins|ansible_configuration_settings|common_return_values|module_defaults'),
    ('std:envvar', r'ANSIBLE_.*'),
]
"""


def run(*command: str, quiet: bool = False) -> None:
    """Run one command of the build in the site's folder, with the copy of the collection."""
    env = {**homeless_environment("docs-home"), "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "docs-tree")}
    subprocess.run(command, check=True, cwd=SITE, env=env, stdout=subprocess.DEVNULL if quiet else None)


def add_changelog_title(page: Path) -> None:
    """Add a title to the changelog if there is no release: Sphinx warns about a page without one."""
    text = page.read_text()
    if "===" not in text:
        label, separator, sentence = text.partition("\n\n")
        page.write_text(f"{label}{separator}Release notes\n=============\n\n{sentence}")


def main() -> int:
    """Build the site into build/docs/html."""
    copy_tree(BUILD / "docs-tree")
    shutil.rmtree(SITE, ignore_errors=True)
    # antsibull-docs does not write to a folder that other users can write to.
    SITE.mkdir(parents=True, mode=0o755)
    common = ("--use-current", "--squash-hierarchy", "--fail-on-error")
    layout = ("sphinx-init", "--dest-dir", ".", *common, "--title", "vonage.archiving", "vonage.archiving")
    # Quiet, because it prints instructions for the steps below.
    run("antsibull-docs", *layout, quiet=True)
    with (SITE / "conf.py").open("a") as conf:
        conf.write(WITHOUT_INVENTORIES + EXTERNAL_LABELS)
    (SITE / "rst").mkdir(mode=0o755, exist_ok=True)
    configuration = ("--config-file", "antsibull-docs.cfg")
    run("antsibull-docs", *configuration, "collection", *common, "--dest-dir", "rst", "vonage.archiving")
    # antsibull-docs copies only pages.
    shutil.copytree(ROOT / "docs" / "docsite" / "rst" / "images", SITE / "rst" / "docsite" / "images")
    add_changelog_title(SITE / "rst" / "changelog.rst")
    run(sys.executable, "-m", "sphinx", "-b", "html", "-c", ".", "-W", "--keep-going", "-q", "rst", "html")
    sys.stdout.write(f"{SITE / 'html' / 'index.html'}\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"failed: {error.cmd[0]} {error.cmd[1]}")
