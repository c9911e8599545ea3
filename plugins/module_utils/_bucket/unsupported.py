# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Skip options whose feature the store lacks.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

from .._core import errors
from .._core.plan import Context
from .._core.redaction import redact
from .facets.registry import FACETS
from .params import BucketParams
from .plan import CurrentBucket


def skip_unsupported(params: BucketParams, current: CurrentBucket, context: Context) -> BucketParams:
    """The options without those to skip, each with a warning."""
    for name, exc in current.unsupported.items():
        params = skip_facet(params, name, exc, context)
    return params.without_opening_the_block() if "public_prefixes" in params.skipped else params


def skip_facet(params: BucketParams, name: str, exc: errors.UnsupportedError, context: Context) -> BucketParams:
    """The options without those of this facet, each with a warning."""
    # The problem contains a message of the store.
    problem = redact(exc.problem, params.connection.secrets)
    for option in FACETS[name].required_options(params.facets[name]):
        context.warn(f"{option} is skipped, since it is in skip_unsupported: {problem}.")
    return params.without_facet(name)
