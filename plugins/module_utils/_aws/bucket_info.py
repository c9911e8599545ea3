# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facets of a bucket, read and shown.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import names
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket import bucket_location
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_api import Bucket
from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import connection
from ansible_collections.vonage.archiving.plugins.module_utils._aws.errors import CREDENTIAL_CODES
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.lifecycle import Lifecycle, LifecycleWish
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.policy import OPTIONS, Policy, show_options
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.registry import FACETS
from ansible_collections.vonage.archiving.plugins.module_utils._aws.objects import folders_at_the_top
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._values import quote_list

# What can be asked for, each with the facet it is read with.
READABLE = {option: name for name in FACETS for option in (sorted(OPTIONS.values()) if name == "policy" else [name])}


def gather(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """The use case of the module ``s3_archive_bucket_info``."""
    asked = _asked(params)
    bucket = Bucket(params["name"], connection(params, context.environ))
    found = _found(bucket, sorted({READABLE[option] for option in asked}), params.get("scope"))
    if found is None:
        return Outcome(False, {"bucket": {"name": bucket.name, "exists": False}, "unavailable": {}})
    shown: dict[str, t.Any] = {"name": bucket.name, "exists": True, **bucket_location(bucket)}
    unavailable: dict[str, str] = {}
    for option in asked:
        state = found[READABLE[option]]
        if isinstance(state, errors.ArchivingError):
            unavailable[option] = state.kind
        shown[option] = None if option in unavailable else _shown(option, state, params.get("scope"))
    if isinstance(found.get("lifecycle"), Lifecycle):
        shown["lifecycle_scopes"] = found["lifecycle"].scopes
    if "require_encryption" in asked and isinstance(found.get("policy"), Policy):
        shown["encryption_scopes"] = found["policy"].encryption_scopes
    return Outcome(False, {"bucket": shown, "unavailable": unavailable})


def _asked(params: t.Mapping[str, t.Any]) -> list[str]:
    asked = params.get("facets") or list(READABLE)
    unknown = [option for option in asked if option not in READABLE]
    wrong = [names.legacy_bucket_problem(params["name"]), names.scope_problem(params.get("scope") or "any")]
    problems = [why for why in wrong if why]
    if unknown:
        problems.append(f"facets has {quote_list(unknown)}; known are {', '.join(READABLE)}")
    if problems:
        raise errors.InputError(problems)
    return list(dict.fromkeys(asked))


def _found(bucket: Bucket, facets: list[str], scope: str | None) -> dict[str, t.Any] | None:
    """By name, the state of each facet, or why it cannot be had; ``None`` where there is no bucket.

    :raises DeniedError: nothing at all may be read.
    """
    refusal = None
    try:
        if not bucket.exists():
            return None
    except errors.DeniedError as exc:
        refusal = exc  # who may read a facet need not be allowed to look for the bucket
    with ThreadPoolExecutor(max_workers=len(FACETS)) as pool:
        found = dict(zip(facets, pool.map(lambda name: _read(bucket, name, scope), facets)))
    if any(isinstance(state, errors.NotFoundError) for state in found.values()):
        return None
    if refusal and all(isinstance(state, errors.DeniedError) for state in found.values()):
        # A HEAD is answered without a reason.
        raise next((state for state in found.values() if state.facts.get("code") in CREDENTIAL_CODES), refusal)
    return found


def _read(bucket: Bucket, name: str, scope: str | None) -> t.Any:
    """The state of a facet, or why it cannot be had."""
    wish = LifecycleWish(scope=scope) if name == "lifecycle" else None
    try:
        return folders_at_the_top(bucket) if name == "folders" else FACETS[name].read(bucket, wish)
    except (errors.UnsupportedError, errors.DeniedError, errors.NotFoundError) as exc:
        return exc


def _shown(option: str, state: t.Any, scope: str | None) -> t.Any:
    if isinstance(state, Policy):
        return show_options(state, scope)[option]
    return FACETS[READABLE[option]].show(state)
