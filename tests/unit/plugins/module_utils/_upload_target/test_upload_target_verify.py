# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The choice of the user for the temporary key of a verification."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.result import RunLog
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.verify import ManagedKeyVerifier
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.fetch import CurrentUser

from .upload_target_cases import IDS, SPARE, access_key, managed_params, user


def test_verify_does_not_use_a_user_that_another_run_is_creating() -> None:
    main = CurrentUser(user(), (access_key(IDS[0]), access_key(IDS[1])))
    spare = CurrentUser(replace(user(SPARE), tags={}, policy=None))
    warnings: list[str] = []
    log = RunLog(keys=main.keys)
    # Any call of the IAM API raises an AttributeError.
    iam: t.Any = None
    ManagedKeyVerifier(managed_params(), Context(warn=warnings.append), iam, log).verify_with_temporary_key(
        [main, spare]
    )
    assert log.verification == "uploads were not verified: each user has two keys"
    assert len(warnings) == 1
