# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loads the libraries of the modules in the process of Ansible.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import sys

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import prepare_clients
from ansible_collections.vonage.archiving.plugins.module_utils._core import direct
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import ArchivingError
from ansible_collections.vonage.archiving.plugins.module_utils._core.optional_imports import load
from ansible_collections.vonage.archiving.plugins.module_utils._core.process_state import isolated_process
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc, parse_utc

_PACKAGE = f"{__name__.partition('.plugins.')[0]}.plugins.module_utils"
# Only runs with changes need this code. Without it here, each process of a fleet would compile it.
WRITES = ("_bucket.apply", "_upload_check.verify", "_upload_target.apply")
API_LIBRARIES = ("jwt", "requests", "cryptography.hazmat.primitives.serialization")


@functools.cache
def load_libraries(for_each_run: bool = False) -> str:
    """Load the libraries once, and return the reason if one cannot be used; empty without a problem.

    Ansible loads an action before it forks a process for each task, which then shares the loaded libraries.

    :param for_each_run: whether each run uses the IAM API or the Vonage API, or many runs start from this process.
        Otherwise, only S3 is prepared, because a run without changes calls no other API, and the other libraries take
        60 ms.
    """
    try:
        with isolated_process():
            for library in API_LIBRARIES:
                if for_each_run or importlib.util.find_spec(library.partition(".")[0]) is None:
                    load(library)  # raises the error of a missing library
            if for_each_run:
                for name in WRITES:
                    importlib.import_module(f"{_PACKAGE}.{name}")
            prepare_clients(("s3", "iam") if for_each_run else ("s3",))
            # Python compiles the format of times on first use.
            parse_utc(format_utc(0))
    except ArchivingError as exc:
        return str(exc)
    except Exception as exc:  # a broken library
        return f"a library cannot be loaded: {type(exc).__name__}: {exc}"
    return ""


def load_early() -> None:
    """Load the libraries before Ansible forks, except if no task can run directly."""
    try:
        is_enabled = direct.is_enabled(None, os.environ)
    except ValueError:  # each task fails with the message
        return
    if is_enabled and sys.platform == "linux":
        load_libraries()
