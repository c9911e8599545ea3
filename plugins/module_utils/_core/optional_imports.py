# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Third-party libraries, imported only by the code path that needs them.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

botocore alone takes half a second to import: a run whose record is a local file never pays for it.
"""

from __future__ import annotations

import importlib
import sys
import typing as t

from .errors import MissingLibraryError

# What to install for an importable name.
PACKAGES = {
    "botocore": "boto3",
    "cryptography": "cryptography",
    "jwt": "PyJWT",
    "requests": "requests",
    "urllib3": "requests",
}


def load(name: str) -> t.Any:
    """The module ``name``, dotted names included.

    :raises MissingLibraryError: it is not installed for the interpreter that runs this.
    """
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise _missing(name, f"the interpreter {sys.executable} says: {exc}") from exc


def too_old(name: str, least: str) -> MissingLibraryError:
    """What to raise where the library is there and cannot do what is needed of it.

    :param least: the first version that can.
    """
    found = getattr(load(name), "__version__", "of an unknown version")
    return _missing(name, f"the interpreter {sys.executable} has {name} {found}, and {least} or later is needed")


def _missing(name: str, problem: str) -> MissingLibraryError:
    package = PACKAGES.get(name.partition(".")[0], name)
    return MissingLibraryError(
        f"load the Python library {package}",
        problem,
        f"Install {package} for that interpreter, or let ansible_python_interpreter name one that has it "
        '("{{ ansible_playbook_python }}" is the one that runs Ansible).',
        library=package,
        interpreter=sys.executable,
    )
