# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creation and replacement of an application's key with runs killed at every request and all faults of Heroku.

After a kill at any request, the key in the config vars works. After the next run, the user has one active key, which is
in the config vars; the run after that writes nothing and sends no PATCH.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import apply
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import reconcile as uploader_module
from tests.e2e import forks, runs
from tests.e2e.broadcast_site import OTHERS, BroadcastSite, broadcast_site, run_use_case
from tests.e2e.test_kill import Killer
from tests.sandbox import HerokuEmulator, Sandbox

# Without verification, which sends the same requests at every point and leaves at most probes.
QUICK: dict[str, Any] = {"verify": "never"}
# The time limit of one call of the Heroku API in broadcast_site.py, and the delay of a busy machine.
TOTAL, SLACK = 3.0, 4.0
ALWAYS = 99


@pytest.fixture(scope="module")
def heroku() -> Iterator[HerokuEmulator]:
    with HerokuEmulator() as running:
        # Errors quote the request, including secrets.
        running.echo_secrets = True
        yield running


@pytest.fixture
def site(e2e_sandbox: Sandbox, heroku: HerokuEmulator) -> Iterator[BroadcastSite]:
    with broadcast_site(e2e_sandbox, heroku) as broadcast:
        broadcast.ensure_bucket()
        yield broadcast


def run_and_kill(site: BroadcastSite, point: int = 0, after: bool = False, **options: Any) -> Killer:
    """Run the use case in another process, and kill that process at one of its requests."""
    process = forks.forked(run_use_case, {**site.params, **options})
    with Killer(site, point, after, kill=lambda: forks.kill(process)) as killer:
        process.start()
        process.join(60)
    assert process.exitcode == (-9 if killer.hit else 0), (point, after, process.exitcode)
    return killer


def assert_recovered(site: BroadcastSite) -> None:
    """Assert that the key works now, and that the next runs reach the desired state."""
    if "AWS_ACCESS_KEY_ID" in site.config:
        assert site.keys()[site.config["AWS_ACCESS_KEY_ID"]] == "Active"
        site.assert_key_works()
    site.run(**QUICK)
    site.assert_configured()
    site.assert_idempotent(**QUICK)


def reset_app(site: BroadcastSite) -> None:
    site.run(state="absent")
    assert (site.config, site.keys()) == (OTHERS, {})


@pytest.mark.slow
def test_first_run_killed_at_every_request_recovers(site: BroadcastSite) -> None:
    count = run_and_kill(site).count
    assert count > 15
    site.assert_configured()
    for point in range(1, count + 1):
        for after in (False, True):
            reset_app(site)
            run_and_kill(site, point, after)
            assert_recovered(site)


@pytest.mark.slow
def test_rotation_killed_at_every_request_recovers(site: BroadcastSite) -> None:
    site.run(**QUICK)
    count = run_and_kill(site, rotate=True).count
    assert count > 15
    for point in range(1, count + 1):
        for after in (False, True):
            assert len(site.keys()) == 1
            run_and_kill(site, point, after, rotate=True)
            assert_recovered(site)


def attempt(site: BroadcastSite, **options: Any) -> Outcome | errors.ArchivingError:
    """Run the use case and return its error, if any; assert the time limit and that the error has no secret."""
    started = time.monotonic()
    try:
        return site.run(**{"rotate": True, **QUICK, **options})
    except errors.ArchivingError as error:
        site.assert_no_secret(f"{error} {error.as_result()}")
        return error
    finally:
        # GET and PATCH have this time limit each.
        assert time.monotonic() - started < 2 * TOTAL + SLACK


FAULTS: dict[str, dict[str, Any]] = {
    "401": {"status": 401},
    "403": {"status": 403},
    "404": {"status": 404},
    "422": {"status": 422},
    "429": {"status": 429},
    "500": {"status": 500},
    "500 and applied": {"status": 500, "apply": True},
    "hang": {"kind": "hang", "seconds": 60},
    "hang and applied": {"kind": "hang", "seconds": 60, "apply": True},
    "reset": {"kind": "reset"},
    "reset and applied": {"kind": "reset", "apply": True},
    "close in the middle": {"kind": "truncate"},
    "close in the middle, applied": {"kind": "truncate", "apply": True},
}
CLEAR_REFUSALS = ("401", "403", "404", "422")


@pytest.mark.parametrize("name", FAULTS)
def test_patch_fails_new_key_stays_unless_clearly_refused(
    site: BroadcastSite, heroku: HerokuEmulator, name: str
) -> None:
    site.run(**QUICK)
    old = dict(site.config)
    heroku.fail_next(**FAULTS[name], method="PATCH", times=ALWAYS)
    error = attempt(site)
    assert isinstance(error, errors.ArchivingError)
    assert error.operation == f"change the config vars of {site.app.name}"
    assert site.keys()[site.config["AWS_ACCESS_KEY_ID"]] == "Active"
    assert (site.config != old) is bool(FAULTS[name].get("apply"))
    assert len(site.keys()) == (1 if name in CLEAR_REFUSALS else 2)
    heroku.clear_faults()
    assert_recovered(site)


@pytest.mark.parametrize("name", FAULTS)
def test_get_fails_nothing_is_written(site: BroadcastSite, heroku: HerokuEmulator, name: str) -> None:
    site.run(**QUICK)
    old = dict(site.config)
    site.clear_log()
    heroku.fail_next(**FAULTS[name], method="GET", times=ALWAYS)
    assert isinstance(attempt(site), errors.ArchivingError)
    assert (site.writes, site.config) == ([], old)
    site.assert_configured()


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_transient_fault_run_succeeds(site: BroadcastSite, heroku: HerokuEmulator, method: str) -> None:
    site.run(**QUICK)
    for name in ("429", "500 and applied", "reset and applied", "close in the middle"):
        old = site.config["AWS_ACCESS_KEY_ID"]
        heroku.fail_next(**FAULTS[name], method=method)
        outcome = attempt(site)
        assert isinstance(outcome, Outcome), name
        assert site.config["AWS_ACCESS_KEY_ID"] != old
        site.assert_configured()
    site.assert_idempotent(**QUICK)


def test_pending_release_keeps_both_keys_until_it_ends(site: BroadcastSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "POLL_SECONDS", 0.1)
    site.run(**QUICK)
    old = site.config["AWS_ACCESS_KEY_ID"]
    site.app.release_command = True
    outcome = site.run(rotate=True, **{**QUICK, "grace_period": 1})
    assert "AWS_ACCESS_KEY_ID" in outcome.result["pending"]
    assert "release command" in site.warnings[-1]
    assert site.config["AWS_ACCESS_KEY_ID"] == old
    assert sorted(site.keys().values()) == ["Active", "Active"]
    site.app.finish_releases(succeeded=True)
    assert site.config["AWS_ACCESS_KEY_ID"] != old
    site.app.release_command = False
    assert_recovered(site)


def test_user_that_is_not_managed_is_refused_without_force(site: BroadcastSite) -> None:
    site.iam.create_user(UserName=site.user)
    site.iam.create_access_key(UserName=site.user)
    with pytest.raises(errors.NotManagedError):
        site.run()
    assert (site.patches(), site.config, len(site.keys())) == ([], OTHERS, 1)
    site.run(user={"force": True}, **QUICK)
    site.assert_configured()


def test_wrong_token_or_token_as_app_error_shows_no_secret(site: BroadcastSite) -> None:
    site.run(**QUICK)
    wrong: list[dict[str, Any]] = [{"api_token": "HRKU-of-another-account"}, {"app": site.heroku.api_token}]
    for changes in wrong:
        with pytest.raises(errors.ArchivingError) as error:
            site.run(**changes)
        assert not runs.leaks(str(error.value), ["HRKU-of-another-account", *site.secrets])


def test_concurrent_runs_end_with_success_or_conflict_and_a_working_key(site: BroadcastSite) -> None:
    site.run(**QUICK)
    outcomes = []
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2, 0.3):
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(attempt, site)
            time.sleep(delay)
            second = pool.submit(attempt, site)
        outcomes += [first.result(), second.result()]
        assert site.keys()[site.config["AWS_ACCESS_KEY_ID"]] == "Active"
        site.assert_key_works()
    failed = [outcome for outcome in outcomes if isinstance(outcome, errors.ArchivingError)]
    assert all(isinstance(error, errors.ConflictError) for error in failed), failed
    assert len(failed) < len(outcomes)
    assert_recovered(site)


def test_user_with_which_vonage_uploads_is_refused(site: BroadcastSite) -> None:
    """Otherwise its keys would be deleted, and recordings would be lost."""
    name = f"uploads-{site.key}"
    params = {"name": name, "bucket": site.bucket, "prefix": site.key}
    uploader_module.reconcile({**site.operator_options, **params}, Context())
    before = site.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    assert [key["Status"] for key in before] == ["Active"]
    states: list[dict[str, Any]] = [{}, {"state": "absent"}]
    for changes in states:
        with pytest.raises(errors.NotManagedError):
            site.run(user={"name": name, "force": True}, **changes)
    assert site.iam.list_access_keys(UserName=name)["AccessKeyMetadata"] == before
    assert (site.patches(), site.config) == ([], OTHERS)
