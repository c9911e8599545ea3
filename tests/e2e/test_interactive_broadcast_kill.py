# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application gets its key, and another one, while runs are killed at every request and Heroku fails in every way.

What holds at once, wherever the kill came: the key that the config vars hold works. What the next run brings about: one
active key, which the config vars hold, and no other; the run after that writes nothing, and sends no PATCH.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import reconcile as use_case
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import reconcile as uploader_module
from tests.e2e import forks, runs
from tests.e2e.broadcast_site import OTHERS, BroadcastSite, broadcast_site, reach
from tests.e2e.test_kill import Killer
from tests.sandbox import HerokuEmulator, Sandbox

# Little of the proof: what it sends is the same wherever the run stands, and it leaves at most probes.
QUICK: dict[str, Any] = {"proof": "none"}
# Of all tries at Heroku together, as the site allows them; and what a busy machine adds.
TOTAL, SLACK = 3.0, 4.0
ALWAYS = 99


@pytest.fixture(scope="module")
def heroku() -> Iterator[HerokuEmulator]:
    with HerokuEmulator() as running:
        # What an error says quotes what was sent, secrets included.
        running.echo_secrets = True
        yield running


@pytest.fixture
def site(e2e_sandbox: Sandbox, heroku: HerokuEmulator) -> Iterator[BroadcastSite]:
    with broadcast_site(e2e_sandbox, heroku) as made:
        made.make_bucket()
        yield made


def run_and_kill(site: BroadcastSite, point: int = 0, after: bool = False, **options: Any) -> Killer:
    """Run the use case in a process of its own, and kill that at one of its requests."""
    process = forks.forked(reach, {**site.params, **options})
    with Killer(site, point, after, kill=lambda: forks.kill(process)) as killer:
        process.start()
        process.join(60)
    assert process.exitcode == (-9 if killer.hit else 0), (point, after, process.exitcode)
    return killer


def repaired(site: BroadcastSite) -> None:
    """Assert what holds at once, and what the next runs bring about."""
    if "AWS_ACCESS_KEY_ID" in site.config:
        assert site.keys()[site.config["AWS_ACCESS_KEY_ID"]] == "Active"
        site.key_works()
    site.run(**QUICK)
    site.settled()
    site.steady(**QUICK)


def afresh(site: BroadcastSite) -> None:
    """Back to an application that has nothing."""
    site.run(state="absent")
    assert (site.config, site.keys()) == (OTHERS, {})


@pytest.mark.slow
def test_a_first_run_killed_at_every_request(site: BroadcastSite) -> None:
    count = run_and_kill(site).count
    assert count > 15
    site.settled()
    for point in range(1, count + 1):
        for after in (False, True):
            afresh(site)
            run_and_kill(site, point, after)
            repaired(site)


@pytest.mark.slow
def test_a_replacement_killed_at_every_request(site: BroadcastSite) -> None:
    site.run(**QUICK)
    count = run_and_kill(site, rotate=True).count
    assert count > 15
    for point in range(1, count + 1):
        for after in (False, True):
            assert len(site.keys()) == 1
            run_and_kill(site, point, after, rotate=True)
            repaired(site)


def attempt(site: BroadcastSite, **options: Any) -> Outcome | errors.ArchivingError:
    """Run the use case, and return the error if there is one; it shows no secret and keeps to its time."""
    started = time.monotonic()
    try:
        return site.run(**{"rotate": True, **QUICK, **options})
    except errors.ArchivingError as error:
        site.see_no_secret(f"{error} {error.as_result()}")
        return error
    finally:
        # GET and PATCH have this time each.
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
PLAIN = ("401", "403", "404", "422")


@pytest.mark.parametrize("name", FAULTS)
def test_heroku_does_not_take_the_change(site: BroadcastSite, heroku: HerokuEmulator, name: str) -> None:
    """After a plain no the new key is gone again; else it may be what the application has, and stays."""
    site.run(**QUICK)
    old = dict(site.config)
    heroku.fail_next(**FAULTS[name], method="PATCH", times=ALWAYS)
    error = attempt(site)
    assert isinstance(error, errors.ArchivingError)
    assert error.operation == f"change the config vars of {site.app.name}"
    assert site.keys()[site.config["AWS_ACCESS_KEY_ID"]] == "Active"
    assert (site.config != old) is bool(FAULTS[name].get("apply"))
    assert len(site.keys()) == (1 if name in PLAIN else 2)
    heroku.clear_faults()
    repaired(site)


@pytest.mark.parametrize("name", FAULTS)
def test_heroku_does_not_tell_what_there_is(site: BroadcastSite, heroku: HerokuEmulator, name: str) -> None:
    """Then nothing is made, and nothing is written."""
    site.run(**QUICK)
    old = dict(site.config)
    site.forget()
    heroku.fail_next(**FAULTS[name], method="GET", times=ALWAYS)
    assert isinstance(attempt(site), errors.ArchivingError)
    assert (site.written, site.config) == ([], old)
    site.settled()


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_faults_that_pass_are_survived(site: BroadcastSite, heroku: HerokuEmulator, method: str) -> None:
    site.run(**QUICK)
    for name in ("429", "500 and applied", "reset and applied", "close in the middle"):
        held = site.config["AWS_ACCESS_KEY_ID"]
        heroku.fail_next(**FAULTS[name], method=method)
        outcome = attempt(site)
        assert isinstance(outcome, Outcome), name
        assert site.config["AWS_ACCESS_KEY_ID"] != held
        site.settled()
    site.steady(**QUICK)


def test_a_release_that_is_pending(site: BroadcastSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both keys stay until it is known which of them the application has."""
    monkeypatch.setattr(use_case, "POLL_SECONDS", 0.1)
    site.run(**QUICK)
    old = site.config["AWS_ACCESS_KEY_ID"]
    site.app.release_command = True
    outcome = site.run(rotate=True, **{**QUICK, "grace": 1})
    assert "AWS_ACCESS_KEY_ID" in outcome.result["pending"]
    assert "release command" in site.warnings[-1]
    assert site.config["AWS_ACCESS_KEY_ID"] == old
    assert sorted(site.keys().values()) == ["Active", "Active"]
    site.app.finish_releases(succeeded=True)
    assert site.config["AWS_ACCESS_KEY_ID"] != old
    site.app.release_command = False
    repaired(site)


def test_a_user_that_somebody_else_has_made(site: BroadcastSite) -> None:
    site.iam.create_user(UserName=site.user)
    site.iam.create_access_key(UserName=site.user)
    with pytest.raises(errors.NotManagedError):
        site.run()
    assert (site.patches(), site.config, len(site.keys())) == ([], OTHERS, 1)
    site.run(user={"force": True}, **QUICK)
    site.settled()


def test_what_a_proof_says_shows_no_secret(site: BroadcastSite) -> None:
    """A store that repeats what it was sent; a token that is refused."""
    site.run(**QUICK)
    wrong: list[dict[str, Any]] = [{"api_token": "HRKU-of-somebody-else"}, {"app": site.heroku.api_token}]
    for changes in wrong:
        with pytest.raises(errors.ArchivingError) as error:
            site.run(**changes)
        assert not runs.leaks(str(error.value), ["HRKU-of-somebody-else", *site.secrets])


def test_two_runs_at_once(site: BroadcastSite) -> None:
    """One of them may have to give up and say so; the application has a key that works all the same."""
    site.run(**QUICK)
    outcomes = []
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2, 0.3):
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(attempt, site)
            time.sleep(delay)
            second = pool.submit(attempt, site)
        outcomes += [first.result(), second.result()]
        assert site.keys()[site.config["AWS_ACCESS_KEY_ID"]] == "Active"
        site.key_works()
    failed = [each for each in outcomes if isinstance(each, errors.ArchivingError)]
    assert all(isinstance(each, errors.ConflictError) for each in failed), failed
    assert len(failed) < len(outcomes)
    repaired(site)


def test_the_user_that_vonage_uploads_with_is_never_taken(site: BroadcastSite) -> None:
    """Its keys would be deleted, and recordings be lost."""
    name = f"uploads-{site.key}"
    wanted = {"name": name, "bucket": site.bucket, "prefix": site.key}
    uploader_module.reconcile({**site.operator_options, **wanted}, Context())
    before = site.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    assert [key["Status"] for key in before] == ["Active"]
    every: list[dict[str, Any]] = [{}, {"state": "absent"}]
    for changes in every:
        with pytest.raises(errors.NotManagedError):
            site.run(user={"name": name, "force": True}, **changes)
    assert site.iam.list_access_keys(UserName=name)["AccessKeyMetadata"] == before
    assert (site.patches(), site.config) == ([], OTHERS)
