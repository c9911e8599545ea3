# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify that uploads work with a key, before the upload target depends on it.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._aws.iam_client import Iam
from .._core import errors
from .._core.plan import Context
from .._upload_check import reconcile as upload_check
from .._upload_check.params import Settings
from .._uploader import user as uploader
from .._uploader.user import QUOTA, NewKey
from .params import ManagedKeyParams
from .result import RunLog

Checks = list[dict[str, t.Any]]


def verify_key(check: Settings, context: Context, operation: str) -> Checks:
    """Upload with the key of this check, and wait until that works.

    :param operation: for the error.
    :raises errors.VerificationFailedError: a check failed.
    """
    outcome = upload_check.verify_uploads(check, replace(context, check_mode=False))
    checks: Checks = outcome.result["checks"]
    if outcome.failed:
        raise errors.VerificationFailedError(
            operation,
            outcome.failed,
            "The upload target was not changed: recordings are uploaded to where they were uploaded before.",
            checks=checks,
        )
    return checks


def format_verification(key_id: str) -> str:
    """The return value ``verification`` of a check that passed."""
    return f"uploads with {key_id} work"


@dataclass(frozen=True)
class ManagedKeyVerifier:
    """Runs upload checks with managed keys."""

    params: ManagedKeyParams
    context: Context
    iam: Iam
    log: RunLog

    def verify(self, key: NewKey) -> None:
        """Upload with this key.

        :raises errors.VerificationFailedError: a check failed.
        """
        check = self.params.check.with_key(key.id, key.secret)
        self.log.checks = verify_key(check, self.context, f"verify uploads with a key of {key.user}")
        self.log.verification = format_verification(key.id)

    def verify_with_temporary_key(self, users: t.Sequence[uploader.Observed]) -> None:
        """The same with a temporary key, since the secret of the target's key is not known.

        :param users: the current users.
        """
        existing = [user for user, current in zip(self.params.uploader.users, users) if current.user]
        # This run may have deleted keys since the users were read.
        owners = [key.user for key in self.log.keys]
        free = [user for user in existing if owners.count(user.name) < QUOTA]
        if not free:
            reason = (
                "each user has two keys" if existing else f"the user {self.params.uploader.main.name} does not exist"
            )
            self.log.verification = f"uploads were not verified: {reason}"
            self.context.warn(f"{self.params.project.name}: {self.log.verification}.")
            return
        uploader.announce_verification(self.iam, free[0])
        key = uploader.make_key(self.iam, free[0])
        try:
            self.verify(key)
        except errors.VerificationFailedError as exc:
            if key.id not in [listed.id for listed in uploader.list_keys(self.iam, free[0])]:
                raise errors.ConflictError(
                    exc.operation,
                    "another run has deleted the temporary key, which is not in the state file",
                    "Run it again once the other run has ended.",
                ) from exc
            raise
        finally:
            uploader.retire(self.iam, free[0], [key.id])
