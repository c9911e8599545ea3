# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``vonage_project_info`` with the emulator."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import account as use_case
from tests.e2e import playbook_runs
from tests.e2e.account_environment import AccountEnvironment, new_account_environment
from tests.e2e.module_runs import without_libraries
from tests.sandbox import Sandbox

MAX_RESULT = 700_000  # AWX truncates larger results.


@pytest.fixture
def account(e2e_sandbox: Sandbox) -> Iterator[AccountEnvironment]:
    with new_account_environment(e2e_sandbox.vonage) as account:
        yield account


def test_reconcile_large_account_sends_one_request(account: AccountEnvironment) -> None:
    for number in range(1200):
        account.emulator.add_project(f"{account.mark}-{number:04}", key=f"{3 * 10**7 + number}")
    result = use_case.reconcile({**account.credentials, "names": [f"{account.mark}-[01]*"]}, Context()).result
    assert account.calls() == ["GET /v2/project 200"]
    assert [project["id"] for project in result["projects"]] == [f"{3 * 10**7 + number}" for number in range(1200)]
    assert result["total"] >= 1203
    text = json.dumps(result)
    assert len(text) < MAX_RESULT
    assert not [secret for secret in account.secrets if secret in text]


def test_reconcile_returns_the_projects_of_the_account(account: AccountEnvironment) -> None:
    projects = use_case.reconcile({**account.credentials, "names": [f"{account.mark}*"]}, Context()).result["projects"]
    assert [(project["name"], project["status"]) for project in projects] == [
        (f"{account.mark}-broadcast", "SUSPENDED"),
        (f"{account.mark}-lessons", "ACTIVE"),
        (f"{account.mark}-{{{{ 6 * 7 }}}}", "ACTIVE"),
    ]
    ids = [account.projects[1].key, account.projects[0].key]
    selected = use_case.reconcile({**account.credentials, "ids": ids, "include_secrets": True}, Context()).result[
        "projects"
    ]
    assert [project["secret"] for project in selected] == [account.projects[1].secret, account.projects[0].secret]
    with pytest.raises(errors.NotFoundError, match="Could not read project 1 of account"):
        use_case.reconcile({**account.credentials, "ids": ["1"]}, Context())


def test_reconcile_credentials_of_a_project_are_denied(account: AccountEnvironment) -> None:
    project = {"account_key": account.projects[0].key, "account_secret": account.projects[0].secret}
    with pytest.raises(errors.DeniedError, match="not those of a project") as caught:
        use_case.reconcile({**account.credentials, **project}, Context())
    assert not playbook_runs.find_leaks(str(caught.value), account.secrets)


def test_reconcile_account_requests_are_retried_within_the_budget(account: AccountEnvironment) -> None:
    account.emulator.fail_next(status=429, retry_after=0, path="^/v2/project$")
    account.emulator.fail_next(status=500, path="^/v2/project$")
    assert use_case.reconcile(account.credentials, Context()).result["total"] >= 3
    account.emulator.fail_next("hang", times=9, path="^/v2/project$")
    started = time.monotonic()
    with pytest.raises(errors.UnreachableError, match="2 attempts"):
        use_case.reconcile({**account.credentials, "timeout": 0.5, "retries": 1, "total_timeout": 2}, Context())
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(("library", "package"), [("requests", "requests"), ("jwt", "PyJWT")])
def test_reconcile_missing_library_raises_typed_error(
    account: AccountEnvironment, monkeypatch: pytest.MonkeyPatch, library: str, package: str
) -> None:
    without_libraries(monkeypatch, library)
    with pytest.raises(errors.MissingLibraryError, match=f"Install {package} for this interpreter"):
        use_case.reconcile(account.credentials, Context())


def test_reconcile_invalid_options_raise_input_error_without_a_request(account: AccountEnvironment) -> None:
    with pytest.raises(errors.InputError) as caught:
        use_case.reconcile({**account.credentials, "account_secret": "", "api_url": "no URL"}, Context())
    assert len(caught.value.problems) == 2
    assert account.calls() == []


def test_reconcile_check_mode_returns_the_same_result(account: AccountEnvironment) -> None:
    params = {**account.credentials, "names": [f"{account.mark}*"]}
    outcomes = [use_case.reconcile(params, Context(check_mode)) for check_mode in (True, False)]
    assert [outcome.changed for outcome in outcomes] == [False, False]
    assert outcomes[0].result["projects"] == outcomes[1].result["projects"]
    assert len(outcomes[0].result["projects"]) == 3
