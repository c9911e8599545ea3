# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Misspelled names of variables of the roles ``archive_storage`` and ``interactive_broadcast``. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Ansible rejects an unknown option of a module, and ignores an unknown variable of a role: with
``archive_storage_require_encription``, a bucket would lack a requirement without a message.
"""

from __future__ import annotations

import difflib
import typing as t

from .._core.problems import Problem
from .variables import PREFIX, VARIABLES

BROADCAST_PREFIX = "interactive_broadcast_"
BROADCAST_VARIABLES = frozenset(
    (
        *("state", "generation", "api_key", "api_secret", "api_url", "bucket", "region", "allowed_origins"),
        *("images_bucket", "image_acls", "endpoint", "base_url", "heroku_app", "heroku_api_token", "heroku_api_url"),
        *("enable_archiving", "adopt_app", "user_name", "user_path", "user_permissions_boundary", "user_tags"),
        *("rotate", "rotate_after", "grace_period", "endpoint_url", "iam_endpoint_url", "access_key", "secret_key"),
        *("session_token", "profile", "validate_certs", "aws_ca_bundle", "verify", "verify_timeout"),
    )
)
# Other variables of the roles and their playbooks.
OTHERS = frozenset(("hosts", "result", "recovery"))
# Names of other variables with the same prefix, such as a list of projects, must not cause a warning.
SIMILAR = 0.75


class Misspelling(t.NamedTuple):
    """A name that is not a variable of a role, and the most similar variable."""

    name: str
    variable: str

    @property
    def problem(self) -> Problem:
        message = f"is not a variable of the role. Use {self.variable}, or set {PREFIX}strict to false"
        return Problem(self.name, message)

    @property
    def warning(self) -> str:
        return (
            f"The variable {self.name} is ignored, because the role has no such variable. Did you mean {self.variable}?"
        )


def find_misspellings(names: t.Iterable[str]) -> list[Misspelling]:
    """Return the names that are similar to a variable of their role."""
    sorted_names = sorted(names)
    roles: dict[str, t.Collection[str]] = {PREFIX: VARIABLES, BROADCAST_PREFIX: BROADCAST_VARIABLES}
    return [
        misspelling
        for prefix, variables in roles.items()
        for misspelling in _find_similar(sorted_names, prefix, variables)
    ]


def _find_similar(names: t.Iterable[str], prefix: str, variables: t.Collection[str]) -> list[Misspelling]:
    bare_names = [name[len(prefix) :] for name in names if name.startswith(prefix)]
    return [
        Misspelling(f"{prefix}{name}", f"{prefix}{similar}")
        for name in bare_names
        if name not in variables and name not in OTHERS
        for similar in difflib.get_close_matches(name, sorted(variables), n=1, cutoff=SIMILAR)
    ]
