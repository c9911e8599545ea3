# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loads the libraries of the modules in the process of Ansible.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import functools
from dataclasses import replace

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection, make_client
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import ArchivingError
from ansible_collections.vonage.archiving.plugins.module_utils._core.optional_imports import load
from ansible_collections.vonage.archiving.plugins.module_utils._core.process_state import isolated_process


@functools.cache
def load_libraries() -> str:
    """Load the libraries once, and return the reason if one cannot be used; empty without a problem.

    Ansible loads an action before it forks a process for each task, which then shares the loaded libraries.
    """
    unused = Connection("http://localhost", region="us-east-1", access_key="none", secret_key="none")
    try:
        with isolated_process():
            for library in ("jwt", "requests", "cryptography.hazmat.primitives.serialization"):
                load(library)
            for service in ("s3", "iam"):
                # botocore creates the exceptions of a client on first use. A forked process uses its own clients.
                make_client(replace(unused, service=service), isolated=True).exceptions  # noqa: B018
    except ArchivingError as exc:
        return str(exc)
    except Exception as exc:  # a broken library
        return f"a library cannot be loaded: {type(exc).__name__}: {exc}"
    return ""
