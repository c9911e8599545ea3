# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``vonage_archive_storage``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The package, in the order of a run:

- ``params``: the options, validated offline, as one of three types: an external key, a managed key, or no target.
- ``fetch``: the state file and the IAM users.
- ``plan``: the differences, and the actions for old keys.
- ``verify``: the upload check, before the target uses a key.
- ``external_key`` with ``apply``, ``rotation`` (managed key), ``delete`` (no target): the use cases and their writes.
- ``result``: the result and the diff, with the same keys in every mode.
"""

from __future__ import annotations

import typing as t

from .._core.plan import Context, Outcome
from .external_key import ensure_external_key
from .params import DeleteParams, ExternalKeyParams, ManagedKeyParams, UploadTargetParams, parse_params
from .rotation import ensure_managed_key


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """Create, update, or delete the upload target of one project."""
    return ensure_upload_target(parse_params(params, context.environ), context)


def ensure_upload_target(params: UploadTargetParams, context: Context) -> Outcome:
    """The same as :func:`reconcile` with parsed options."""
    for warning in params.warnings:
        context.warn(warning)
    if isinstance(params, ManagedKeyParams):
        return ensure_managed_key(params, context)
    if isinstance(params, ExternalKeyParams):
        return ensure_external_key(params, context)
    if isinstance(params, DeleteParams):
        # A run that deletes nothing does not load it: Ansible compiles the code of a collection in each run.
        from .delete import delete_target

        return delete_target(params, context)
    raise TypeError(type(params).__name__)
