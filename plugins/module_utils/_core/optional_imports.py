# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports third-party libraries only where they are needed.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The import of botocore takes half a second. A run with a local state file does not need it.
"""

from __future__ import annotations

import importlib
import sys
import typing as t

from .errors import MissingLibraryError

# The package of each importable name.
PACKAGES = {
    "botocore": "boto3",
    "cryptography": "cryptography",
    "jwt": "PyJWT",
    "requests": "requests",
    "urllib3": "requests",
}


def load(name: str) -> t.Any:
    """Import a module.

    :raises MissingLibraryError: the interpreter does not have it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise _missing(name, f"the interpreter {sys.executable} cannot import it: {exc}") from exc


def outdated_library_error(name: str, least: str) -> MissingLibraryError:
    """The error for a library that is too old.

    :param least: the oldest usable version.
    """
    version = getattr(load(name), "__version__", "of an unknown version")
    return _missing(name, f"the interpreter {sys.executable} has {name} {version}, and {least} or later is required")


def _missing(name: str, problem: str) -> MissingLibraryError:
    package = PACKAGES.get(name.partition(".")[0], name)
    return MissingLibraryError(
        f"load the Python library {package}",
        problem,
        f"Install {package} for this interpreter, or set ansible_python_interpreter to one that has it "
        '("{{ ansible_playbook_python }}" is the one that runs Ansible).',
        library=package,
        interpreter=sys.executable,
    )
