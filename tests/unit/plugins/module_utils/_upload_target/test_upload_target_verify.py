# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The choice of the user for the temporary key of a verification."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import verify as upload_check
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import verify
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.result import RunLog
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.verify import ManagedKeyVerifier
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.fetch import CurrentUser
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.keys import NewKey

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


PUT_FAILED = {"name": "put_object", "ok": False, "detail": "denied"}
PUBLIC_FAILED = {"name": "anonymous_read", "ok": False, "detail": "not public"}


@pytest.mark.parametrize(
    ("failed", "is_current", "consequence"),
    [
        (PUT_FAILED, False, "Recordings are still uploaded to the current target."),
        (PUT_FAILED, True, "It has the same settings: recordings do not arrive until this is corrected."),
        (PUBLIC_FAILED, True, "Recordings arrive."),
    ],
)
def test_verify_key_failure_states_whether_recordings_arrive(
    monkeypatch: pytest.MonkeyPatch, failed: dict[str, t.Any], is_current: bool, consequence: str
) -> None:
    passed = {"name": "multipart_upload", "ok": True, "detail": ""}
    outcome = Outcome(False, {"checks": [failed, passed]}, failed="1 of 2 checks failed.")
    monkeypatch.setattr(upload_check, "verify_uploads", lambda _check, _context: outcome)
    with pytest.raises(errors.VerificationFailedError) as caught:
        verify.verify_key(managed_params().check, Context(), "verify uploads", is_current)
    assert caught.value.hint == f"The upload target was not changed. {consequence}"


def test_verify_with_temporary_key_does_not_name_the_key_that_it_deletes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_check, "verify_uploads", lambda _check, _context: Outcome(False, {"checks": []}))
    monkeypatch.setattr(verify, "announce_verification", lambda _iam, _user: None)
    monkeypatch.setattr(verify, "create_access_key", lambda _iam, user: NewKey("AKIANEW", "secret", user.name))
    deleted: list[str] = []
    monkeypatch.setattr(verify, "delete_access_keys", lambda _iam, _user, ids: deleted.extend(ids))
    log = RunLog()
    iam: t.Any = None
    current = CurrentUser(user(), ())
    ManagedKeyVerifier(managed_params(), Context(), iam, log).verify_with_temporary_key([current, CurrentUser(None)])
    assert deleted == ["AKIANEW"]
    assert log.verification == "uploads with a temporary key of vonage-archiving-45828062 work"
