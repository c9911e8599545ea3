# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One project of a fleet: which project it is, where its secret comes from, and its latest archives."""

from __future__ import annotations

import functools
import json
import typing as t
from types import SimpleNamespace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage import project, workflow
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.params import OF_ONE_PROJECT, Params
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.project import ARGUMENTS, MAX_ARCHIVES
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.result import EMPTY
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.task_variables import TaskVariables
from ansible_collections.vonage.archiving.plugins.module_utils._archives import listing
from ansible_collections.vonage.archiving.plugins.module_utils._archives.archives import Archive, Page
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.argument_spec import validate_options
from ansible_collections.vonage.archiving.plugins.module_utils._core.execute import execute
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problem
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import account

PROJECT = "47123456"
APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
SECRET = "0123456789abcdef0123456789abcdef01234567"
ACCOUNT: dict[str, t.Any] = {"account_key": "1234567", "account_secret": "fedcba9876543210fedcba9876543210fedcba98"}
SET_AT = 1_800_000_000.0
STATE_FILE = {
    "location": "s3://recordings/r.json",
    "status": state.APPLIED,
    "time": format_utc(SET_AT),
    "since": "",
}
DENIED = errors.DeniedError("do it", "403")


class World:
    """Stand-ins for the workflow, the account and the API.

    :ivar outcome: of the workflow.
    :ivar failures: what the account and the API raise.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.desired: list[Params] = []
        self.environs: list[dict[str, str]] = []
        self.warnings: list[str] = []
        self.learned: list[str] = []
        self.archives: list[Archive] = []
        self.failures: dict[str, Exception] = {}
        self.outcome = Outcome(False, {**EMPTY, "project": PROJECT, "state_file": STATE_FILE})
        monkeypatch.setattr(workflow, "configure", self._configure)
        monkeypatch.setattr(account, "fetch_projects", self._fetch)
        monkeypatch.setattr(listing, "fetch_page", self._page)
        monkeypatch.setattr(project, "Client", lambda _project: SimpleNamespace(prepare=lambda: None))

    def _configure(self, params: Params, context: Context) -> Outcome:
        self.calls.append("configure")
        self.desired.append(params)
        self.environs.append(dict(context.environ))
        return self.outcome

    def _fetch(self, owner: t.Any, ids: t.Sequence[str]) -> list[t.Any]:
        self.calls.append(f"secret of {','.join(ids)} by {owner.id} at {owner.api_url}")
        if "secret" in self.failures:
            raise self.failures["secret"]
        return [SimpleNamespace(secret=SECRET) for _each in ids]

    def _page(self, _client: t.Any, who: t.Any, offset: int, count: int) -> Page:
        self.calls.append(f"archives of {who.id}: {offset}+{count}")
        if "archives" in self.failures:
            raise self.failures["archives"]
        return Page(len(self.archives), tuple(self.archives))

    def run(
        self,
        variables: t.Mapping[str, t.Any] | None = None,
        environ: t.Mapping[str, str] | None = None,
        problems: t.Sequence[Problem] = (),
        **options: t.Any,
    ) -> Outcome:
        storage = {"bucket": "recordings", "api_secret": SECRET, **(variables or {})}
        params = validate_options(ARGUMENTS, {"project": PROJECT, "archives": 0, **options})
        context = Context(False, environ or {}, self.warnings.append, self.learned.append)
        return project.reconcile(params, context, TaskVariables(storage, problems=problems))

    def problems(self, *args: t.Any, **options: t.Any) -> list[str]:
        with pytest.raises(errors.InputError) as caught:
            self.run(*args, **options)
        assert self.calls == []
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_reconcile_without_api_key_uses_project_of_host(world: World) -> None:
    outcome = world.run()
    assert world.calls == ["configure"]
    assert (world.desired[0].project, world.desired[0].desired_target.project.secret) == (PROJECT, SECRET)
    assert outcome.result["archives"] is None
    assert isinstance(outcome.result["seconds"], float)
    assert world.learned == [SECRET]


def test_reconcile_numbers_and_texts_are_converted(world: World) -> None:
    world.run({"api_key": int(PROJECT), "rotate_after": "600000"}, project=int(PROJECT), archives="7")
    world.run(project=f" {PROJECT} ")
    assert [params.project for params in world.desired] == [PROJECT, PROJECT]
    assert "archives of 47123456: 0+7" in world.calls


@pytest.mark.parametrize("name", OF_ONE_PROJECT)
def test_reconcile_project_of_environment_is_ignored(world: World, name: str) -> None:
    world.run(environ={name: "4711", "AWS_REGION": "eu-west-1"})
    assert (world.desired[0].project, world.environs) == (PROJECT, [{"AWS_REGION": "eu-west-1"}])
    world.calls.clear()
    assert world.problems(None, {name: "4711"}, project="")[0].startswith("archive_storage_api_key: is not set, and")


def test_reconcile_project_mismatch_is_rejected(world: World) -> None:
    text = f"archive_storage_api_key: is 4711, and this host is project {PROJECT}"
    assert [problem.startswith(text) for problem in world.problems({"api_key": "4711"})] == [True]
    # One application for a whole fleet is as wrong.
    text = f"archive_storage_application_id: is {APPLICATION}, and this host is project {PROJECT}"
    assert any(problem.startswith(text) for problem in world.problems({"application_id": APPLICATION}))
    world.run({"api_key": "4711"}, project=None)
    assert world.desired[0].project == "4711"


def test_reconcile_secret_as_project_is_hidden(world: World) -> None:
    secret = "0123456789abcdef" * 2 + "01234567"
    for variables in ({}, {"api_key": PROJECT}):
        use_case = functools.partial(lambda variables, params, _context: world.run(variables, **params), variables)
        result = execute(use_case, {"project": secret}, Context())
        assert result["error"]["kind"] == "input"
        assert secret not in json.dumps(result)


def test_parse_params_misplaced_secret_in_variable_is_redacted(world: World) -> None:
    secret = SECRET[::-1]
    result = execute(lambda _params, _context: world.run({"uploader_access_key": secret}), {}, Context())
    assert result["error"]["kind"] == "input"
    assert secret not in json.dumps(result)


def test_reconcile_state_absent_is_rejected(world: World) -> None:
    assert any("Use the playbook teardown" in problem for problem in world.problems({"state": "absent"}))


@pytest.mark.parametrize("count", [1, MAX_ARCHIVES])
def test_reconcile_valid_count_fetches_archives(world: World, count: int) -> None:
    world.run(archives=count)
    assert world.calls[-1] == f"archives of {PROJECT}: 0+{count}"


@pytest.mark.parametrize("count", [-1, MAX_ARCHIVES + 1, "many", 1.5])
def test_reconcile_invalid_count_is_rejected(world: World, count: t.Any) -> None:
    assert "archives" in world.problems(archives=count)[0]


def test_reconcile_many_problems_returns_all(world: World) -> None:
    problems = world.problems(
        {"sse": "x", "state": "absent", "api_key": "1"},
        problems=[Problem("archive_storage_region", "a template")],
        archives=-1,
    )
    assert len(problems) == 5, problems


def test_reconcile_unknown_option_is_rejected(world: World) -> None:
    with pytest.raises(errors.InputError, match="regoin"):
        world.run(regoin="eu")


def test_reconcile_without_secret_fetches_it_from_account(world: World) -> None:
    world.run(**ACCOUNT)
    assert world.calls == ["configure"]
    world.calls.clear()
    world.run({"api_secret": ""}, **ACCOUNT)
    assert world.calls == [f"secret of {PROJECT} by 1234567 at https://api.opentok.com", "configure"]
    assert world.desired[-1].desired_target.project.secret == SECRET
    assert SECRET in world.learned


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"api_secret": ""}, "https://account.example.com"),
        ({}, "https://project.example.com"),
        ({"api_secret": "", "api_url": "https://both.example.com"}, "https://both.example.com"),
    ],
)
def test_reconcile_uses_url_of_account_for_project(world: World, variables: dict[str, str], expected: str) -> None:
    environ = {
        "VONAGE_VIDEO_ACCOUNT_API_URL": "https://account.example.com",
        "VONAGE_VIDEO_API_URL": "https://project.example.com",
    }
    world.run(variables, environ, **ACCOUNT)
    assert world.desired[0].desired_target.project.api_url == expected
    if not variables.get("api_secret", "set"):
        assert world.calls[0].endswith(f"at {expected}")


def test_reconcile_account_of_environment_is_used(world: World) -> None:
    environ = {f"VONAGE_VIDEO_{name.upper()}": value for name, value in ACCOUNT.items()}
    assert not world.run({"api_secret": ""}, environ).failed
    assert world.calls[0].startswith(f"secret of {PROJECT} by 1234567")


@pytest.mark.parametrize("options", [{}, {"account_key": "1234567"}])
def test_reconcile_without_secret_and_account_sends_nothing(world: World, options: dict[str, t.Any]) -> None:
    outcome = world.run({"api_secret": ""}, **options)
    assert "archive_storage_api_secret: is not set, and the account cannot return it" in outcome.failed
    assert (outcome.result["error"]["kind"], outcome.result["project"]) == ("input", PROJECT)
    assert world.calls == []


def test_reconcile_application_without_private_key_is_rejected(world: World) -> None:
    problems = world.problems({"application_id": APPLICATION, "api_secret": ""}, project="", **ACCOUNT)
    assert [problem.startswith("archive_storage_private_key") for problem in problems] == [True]


def test_reconcile_account_denied_returns_project(world: World) -> None:
    world.failures["secret"] = DENIED
    outcome = world.run({"api_secret": ""}, **ACCOUNT)
    assert (outcome.result["project"], outcome.result["bucket_changes"]) == (PROJECT, [])
    assert outcome.failed == f"{DENIED} Nothing was changed."
    assert outcome.result["error"]["ending"] == "Nothing was changed."
    assert len(world.calls) == 1


def test_reconcile_swapped_account_secret_is_registered(world: World) -> None:
    swapped: dict[str, t.Any] = {"account_key": ACCOUNT["account_secret"], "account_secret": "1234567"}
    registered: list[str] = []
    context = Context(register_secret=registered.append)
    result = execute(lambda params, _context: world.run({"api_secret": ""}, **params), swapped, context)
    assert result["failed"]
    assert ACCOUNT["account_secret"] in registered
    assert ACCOUNT["account_secret"] not in json.dumps(result)


def archive(status: str, created: float = SET_AT + 60) -> Archive:
    return Archive(f"{status}-{int(created)}", status, created)


def test_fetch_archives_counts_categories(world: World) -> None:
    world.archives = [archive("available"), archive("failed"), archive("uploaded"), archive("available", SET_AT - 60)]
    health = world.run(archives=50).result["archives"]
    assert world.calls[-1] == f"archives of {PROJECT}: 0+50"
    assert (health["checked"], health["newest"], health["ok"]) == (4, format_utc(SET_AT + 60), False)
    assert (health["fell_back"], health["failed"], health["uploaded"], health["in_cloud"]) == (1, 1, 1, 1)
    assert health["ids"] == {"fell_back": [archive("available").id], "failed": [archive("failed").id]}


def test_fetch_archives_after_rotation_counts_earlier_fallbacks(world: World) -> None:
    world.outcome.result["state_file"] = {**STATE_FILE, "since": format_utc(SET_AT - 3600)}
    world.archives = [archive("available", SET_AT - 60)]
    health = world.run(archives=5).result["archives"]
    assert (health["ok"], health["fell_back"], health["in_cloud"]) == (False, 1, 0)


def test_fetch_archives_unknown_target_time_has_unknown_state(world: World) -> None:
    world.outcome.result["state_file"] = {"location": None, "status": None, "time": None, "since": None}
    world.archives = [archive("available")]
    health = world.run(archives=5).result["archives"]
    assert (health["ok"], health["fell_back"], health["in_cloud"], health["ids"]) == (None, 0, 1, {})
    world.archives = []
    health = world.run(archives=5).result["archives"]
    assert (health["ok"], health["newest"], health["checked"]) == (True, None, 0)


@pytest.mark.parametrize("error", [DENIED, errors.UnreachableError("list", "no answer")])
def test_fetch_archives_error_is_a_warning(world: World, error: errors.ArchivingError) -> None:
    world.failures["archives"] = error
    outcome = world.run(archives=5)
    assert not outcome.failed
    assert outcome.result["archives"] is None
    assert world.warnings == [f"The latest archives are not known. {error}"]


def test_reconcile_after_failure_fetches_no_archives(world: World) -> None:
    world.outcome.failed = "denied"
    assert world.run(archives=5).failed
    assert world.calls == ["configure"]
