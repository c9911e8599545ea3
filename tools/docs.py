# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the HTML site from the plugins' documentation and docs/docsite; a warning is an error.

antsibull-docs lays out the site (sphinx-init), then makes its pages. Its layout links to the inventories of other
sites, which cannot be fetched everywhere and are not needed to build ours: those links are taken out.

usage: python -m tools.docs
"""

from __future__ import annotations

import shutil
import subprocess
import sys

from tools.paths import BUILD, homeless_environment
from tools.tree import copy_tree

SITE = BUILD / "docs"
WITHOUT_INVENTORIES = "\n# Inventories of other sites are not fetched.\nintersphinx_mapping = {}\n"
# Labels of other sites: those that antsibull-docs writes into every page, other collections' plugins, and the
# variables that configure Ansible itself.
FOREIGN = r"""nitpick_ignore_regex = [
    ('std:ref', r'ansible_collections\.(?!vonage\.).*'),
    ('std:ref', r'action_plugins|ansible_configuration_settings|common_return_values|module_defaults'),
    ('std:envvar', r'ANSIBLE_.*'),
]
"""


def run(*command: str, quiet: bool = False) -> None:
    """Run one step of the build, in the site's folder and against the copied collection."""
    env = {**homeless_environment("docs-home"), "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "docs-tree")}
    subprocess.run(command, check=True, cwd=SITE, env=env, stdout=subprocess.DEVNULL if quiet else None)


def main() -> int:
    """Build the site into build/docs/html."""
    copy_tree(BUILD / "docs-tree")
    shutil.rmtree(SITE, ignore_errors=True)
    # antsibull-docs refuses to write where others could.
    SITE.mkdir(parents=True, mode=0o755)
    common = ("--use-current", "--squash-hierarchy", "--fail-on-error")
    layout = ("sphinx-init", "--dest-dir", ".", *common, "--title", "vonage.archiving", "vonage.archiving")
    # It tells how to build the site by hand, which comes next here anyway.
    run("antsibull-docs", *layout, quiet=True)
    with (SITE / "conf.py").open("a") as conf:
        conf.write(WITHOUT_INVENTORIES + FOREIGN)
    (SITE / "rst").mkdir(mode=0o755, exist_ok=True)
    configuration = ("--config-file", "antsibull-docs.cfg")
    run("antsibull-docs", *configuration, "collection", *common, "--dest-dir", "rst", "vonage.archiving")
    run(sys.executable, "-m", "sphinx", "-b", "html", "-c", ".", "-W", "--keep-going", "-q", "rst", "html")
    sys.stdout.write(f"{SITE / 'html' / 'index.html'}\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"failed: {error.cmd[0]} {error.cmd[1]}")
