# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entry point of the module ``archive_upload_check``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .._core.plan import Context, Outcome
from .params import parse_params
from .verify import verify_uploads


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    return verify_uploads(parse_params(params, context.environ), context)
