# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tries access keys of the uploader as Vonage will use them.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import upload_check, uploader
from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam import Iam
from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader import QUOTA, NewKey
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import Desired
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.telling import Story


@dataclass(frozen=True)
class Prover:
    """Runs upload checks."""

    wanted: Desired
    context: Context
    iam: Iam
    story: Story

    def try_key(self, key: NewKey) -> None:
        """Upload with this key, and wait until that works.

        :raises errors.NotProvenError: something is not as it should be.
        """
        config = self.wanted.target.config
        s3 = {**config, "access_key": key.id, "secret_key": key.secret}
        params = {**self.wanted.probe, "s3": s3, "prefix": self.wanted.project.id}
        found = upload_check.reconcile(params, replace(self.context, check_mode=False))
        self.story.checks = found.result["checks"]
        self.story.proof = f"uploads with {key.id} arrive"
        if found.failed:
            raise errors.NotProvenError(
                f"prove that uploads with a key of {key.user} arrive",
                found.failed,
                "The target was not touched: recordings go where they went before.",
                checks=self.story.checks,
            )

    def try_by_the_way(self, users: t.Sequence[uploader.Observed]) -> None:
        """The same with a key that is there only for that: the secret of the target's key is known to nobody here.

        :param users: those that are there.
        """
        there = [user for user, seen in zip((self.wanted.main, self.wanted.spare), users) if seen.user]
        # Some may have gone since the users were looked at.
        owners = [key.user for key in self.story.keys]
        free = [user for user in there if owners.count(user.name) < QUOTA]
        if not free:
            why = "each user has two keys" if there else f"there is no user {self.wanted.main.name} yet"
            self.story.proof = f"no upload was tried: {why}"
            self.context.warn(f"Of {self.wanted.project.name}, {self.story.proof}.")
            return
        uploader.announce_verification(self.iam, free[0])
        key = uploader.make_key(self.iam, free[0])
        try:
            self.try_key(key)
        except errors.NotProvenError as exc:
            if key.id not in [each.id for each in uploader.list_keys(self.iam, free[0])]:
                problem = "another run has retired the key for that, since it was nobody's"
                raise errors.ConflictError(
                    exc.attempted, problem, "Run it again once the other run has ended."
                ) from exc
            raise
        finally:
            uploader.retire(self.iam, free[0], [key.id])
