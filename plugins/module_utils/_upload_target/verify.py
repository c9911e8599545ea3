# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify that uploads work with a key before the upload target uses it.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._aws.iam_client import Iam
from .._core import errors
from .._core.plan import Context
from .._upload_check.params import UploadCheckParams
from .._uploader.apply import announce_verification
from .._uploader.fetch import CurrentUser, list_access_keys
from .._uploader.keys import QUOTA, NewKey, create_access_key, delete_access_keys
from .params import ManagedKeyParams
from .result import Checks, RunLog, format_verification


def verify_key(check: UploadCheckParams, context: Context, operation: str) -> Checks:
    """Upload a probe with the key of the check, and retry until it works.

    :param operation: for the error.
    :raises errors.VerificationFailedError: a check failed.
    """
    # A run without changes does not load it.
    from .._upload_check.verify import verify_uploads

    outcome = verify_uploads(check, replace(context, check_mode=False))
    checks: Checks = outcome.result["checks"]
    if outcome.failed:
        raise errors.VerificationFailedError(
            operation,
            outcome.failed,
            "The upload target was not changed.",
            checks=checks,
        )
    return checks


def _is_complete(current: CurrentUser) -> bool:
    return current.user is not None and bool(current.keys or current.user.policy is not None)


@dataclass(frozen=True)
class ManagedKeyVerifier:
    """Verifies uploads with managed keys."""

    params: ManagedKeyParams
    context: Context
    iam: Iam
    log: RunLog

    def verify(self, key: NewKey) -> None:
        """Verify uploads with this key.

        :raises errors.VerificationFailedError: a check failed.
        """
        check = self.params.check.with_key(key.id, key.secret)
        self.log.checks = verify_key(check, self.context, f"verify uploads with a key of {key.user}")
        self.log.verification = format_verification(key.id)

    def verify_with_temporary_key(self, users: t.Sequence[CurrentUser]) -> None:
        """Verify uploads with a temporary key: the secret of the target's key is unknown.

        :param users: the current users.
        """
        # An interrupted run may leave a user without keys, policy, and tags: uploads with its keys do not work.
        existing = [user for user, current in zip(self.params.uploader.users, users) if _is_complete(current)]
        # The current keys: this run may have deleted keys since it read the users.
        owners = [key.user for key in self.log.keys]
        users_with_slot = [user for user in existing if owners.count(user.name) < QUOTA]
        if not users_with_slot:
            reason = (
                "each user has two keys" if existing else f"the user {self.params.uploader.main.name} does not exist"
            )
            self.log.verification = f"uploads were not verified: {reason}"
            self.context.warn(f"{self.params.project.name}: {self.log.verification}.")
            return
        user = users_with_slot[0]
        announce_verification(self.iam, user)
        key = create_access_key(self.iam, user)
        try:
            self.verify(key)
        except errors.VerificationFailedError as exc:
            if key.id not in [listed.id for listed in list_access_keys(self.iam, user)]:
                raise errors.ConflictError(
                    exc.operation,
                    "another run has deleted the temporary key, which is not in the state file",
                    "Run it again once the other run has ended.",
                ) from exc
            raise
        finally:
            delete_access_keys(self.iam, user, [key.id])
