# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script for live services runs against the stand-ins: it cleans up, also after SIGKILL at every request."""

from __future__ import annotations

import json
import os
import re
import stat
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import forked_process
from tests.live import http
from tests.live.__main__ import QUESTIONS, main
from tests.live.journal import Journal
from tests.live.question import NAME_PREFIX
from tests.live.settings import AWS, GOOGLE, PARTS, VONAGE, read_profile, read_settings
from tests.sandbox import DropConnection, ProxiedRequest, RecordingProxy, Sandbox, Store, VonageEmulator
from tests.sandbox_tests.google_json import TOKEN, GoogleJson
from tools.paths import ROOT

STORES = ("moto-iam", "seaweedfs")
SECRET_OF_KEY = b"<SecretAccessKey>"
# moto accepts a deactivated key: a run waits until the time limit.
WAIT = "0.1"


@dataclass
class Live:
    """The stand-ins of one test, with proxies, and the folder of the journal and the report."""

    store: Store
    emulator: VonageEmulator
    s3: RecordingProxy
    api: RecordingProxy
    json: RecordingProxy
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def proxies(self) -> tuple[RecordingProxy, ...]:
        return self.s3, self.api, self.json

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    def arguments(self, *arguments: str) -> list[str]:
        files = ["--journal", str(self.journal), "--report", str(self.folder)]
        return [*files, "--stand-in", "--wait", WAIT, "--settle", "0", *arguments]

    def run(self, *arguments: str) -> int:
        """Run the script in this process."""
        return main(self.arguments(*arguments))

    def report(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return content

    def answers(self) -> dict[str, str]:
        return {result["name"]: result["answer"] for result in self.report()["results"]}

    def leftovers(self) -> list[str]:
        """Return the resources of the script that exist."""
        buckets = [bucket["Name"] for bucket in self.store.client().list_buckets()["Buckets"]]
        users = [user["UserName"] for user in self.store.iam_client().list_users()["Users"]]
        projects = [project.name for project in self.emulator.state.projects.values()]
        return [name for name in (*buckets, *users, *projects) if name.startswith(NAME_PREFIX)]


def use_account(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the credentials of the operator and of the account."""
    values = {
        "AWS_ENDPOINT_URL": live.s3.url,
        "AWS_IAM_ENDPOINT_URL": live.s3.url,
        "AWS_ACCESS_KEY": live.store.access_key,
        "AWS_SECRET_KEY": live.store.secret_key,
        "GOOGLE_ENDPOINT_URL": live.s3.url,
        # moto requires the region of the signature.
        "GOOGLE_LOCATION": "auto",
        "GOOGLE_ACCESS_KEY": live.store.access_key,
        "GOOGLE_SECRET_KEY": live.store.secret_key,
        "GOOGLE_JSON_URL": live.json.url,
        "GOOGLE_IAM_URL": live.json.url,
        "GOOGLE_OAUTH_TOKEN": TOKEN,
        "GOOGLE_PROJECT": "project",
        "VONAGE_API_URL": live.api.url,
        "VONAGE_VIDEO_API_URL": live.api.url,
        "VONAGE_ACCOUNT_KEY": live.emulator.account_key,
        "VONAGE_ACCOUNT_SECRET": live.emulator.account_secret,
    }
    set_variables(live, monkeypatch, values)


def use_project(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the credentials of the account by those of a project and an application."""
    key_file = live.folder / "application.pem"
    key_file.write_text(live.emulator.private_key_pem)
    values = {
        "VONAGE_ACCOUNT_KEY": "",
        "VONAGE_ACCOUNT_SECRET": "",
        "VONAGE_API_KEY": live.emulator.api_key,
        "VONAGE_API_SECRET": live.emulator.api_secret,
        "VONAGE_APPLICATION_ID": live.emulator.application_id,
        "VONAGE_PRIVATE_KEY_FILE": str(key_file),
    }
    set_variables(live, monkeypatch, values)


def set_variables(live: Live, monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    live.env.update({f"LIVE_{name}": value for name, value in values.items()})
    for name, value in live.env.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def live(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Live]:
    store = sandbox.stores[getattr(request, "param", STORES[0])]
    with (
        GoogleJson(store) as google,
        RecordingProxy(store.endpoint_url) as s3,
        RecordingProxy(sandbox.vonage.url) as api,
        RecordingProxy(google.url) as json_api,
    ):
        live = Live(store, sandbox.vonage, s3, api, json_api, tmp_path)
        use_account(live, monkeypatch)
        yield live
        for proxy in live.proxies:
            proxy.before = proxy.after = None
        assert live.leftovers() == []


@pytest.mark.parametrize("live", STORES, indirect=True)
def test_main_asks_every_question_and_deletes_everything(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    assert live.run() in (0, 1)
    answers = live.answers()
    assert list(answers) == [question.name for part in PARTS for question in QUESTIONS[part]]
    assert live.leftovers() == []
    assert {name: answer for name, answer in answers.items() if answer == "no answer"} == {}
    expected = {
        "aws-encryption-echo": "yes",
        "aws-kms-default": "yes",
        "aws-upload-permissions": "yes",
        "aws-new-key-delay": "yes",
        "google-lifecycle-delete": "yes",
        "google-condition-uploads": "yes",
        "vonage-target-readable": "no",
        "vonage-project-status": "yes",
        "vonage-target-verified": "no",
        "vonage-secret-in-response": "yes",
        "vonage-type-case": "no",
        "vonage-delete-without-target": "yes",
        "vonage-application-host": "not asked",
    }
    assert {name: answers[name] for name in expected} == expected
    assert "These are results of a stand-in" in (live.folder / "report.md").read_text()
    assert_no_secret(live, capsys.readouterr())


def assert_no_secret(live: Live, output: Any) -> None:
    """Assert that no output contains a secret of the settings, of a created key, or of a created project."""
    secrets = [
        TOKEN,
        live.store.secret_key,
        live.emulator.account_secret,
        live.emulator.api_secret,
        *(
            request.response_body.split(SECRET_OF_KEY)[1].split(b"<")[0].decode()
            for request in live.s3.requests
            if SECRET_OF_KEY in request.response_body
        ),
        *(
            json.loads(request.response_body)["secret"]
            for request in live.api.requests
            if (request.method, request.path) == ("POST", "/v2/project")
        ),
        *(
            json.loads(request.response_body)["secret"]
            for request in live.json.requests
            if (request.method, request.path) == ("POST", "/projects/project/hmacKeys")
        ),
    ]
    assert len(secrets) >= 10
    texts = [path.read_text() for path in (live.journal, live.folder / "report.md", live.folder / "report.json")]
    for text in (*texts, output.out, output.err):
        assert [secret for secret in secrets if secret in text] == []


class Kill:
    """Kills a run before or after its ``point``-th request to the proxies."""

    def __init__(self, live: Live, point: int, after: bool, arguments: list[str]) -> None:
        self.point, self.after, self.count = point, after, 0
        self.hit: ProxiedRequest | None = None
        self.process = forked_process.create_process(run_process, live.arguments(*arguments), live.env)
        for proxy in live.proxies:
            proxy.clear()
            proxy.before, proxy.after = self._before, self._after
        self.process.start()
        self.process.join(30)
        for proxy in live.proxies:
            proxy.before = proxy.after = None
        assert self.process.exitcode == (-9 if self.hit else 0), (point, after, self.process.exitcode)

    def _before(self, _n: int, request: ProxiedRequest) -> None:
        self.count += 1
        if self.count != self.point:
            return
        self.hit = request
        if not self.after:
            forked_process.kill_process(self.process)
            raise DropConnection

    def _after(self, _n: int, request: ProxiedRequest) -> None:
        if self.after and request is self.hit:
            forked_process.kill_process(self.process)


def run_process(arguments: list[str], env: dict[str, str]) -> None:
    """Run the script in a process that is killed."""
    os.environ.update(env)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    raise SystemExit(main(arguments))


def kill_at_every_request(live: Live, after: bool, *arguments: str) -> int:
    """Kill a run at each of its requests, and return their number; every cleanup deletes everything."""
    point = 0
    while True:
        point += 1
        if not Kill(live, point, after, list(arguments)).hit:
            return point - 1
        assert live.run("--cleanup", *arguments) == 0, point
        assert live.leftovers() == [], point
        assert pending(live) == []


# A question of a part with all kinds of resources.
RICHEST = {AWS: "aws-upload-in-progress", GOOGLE: "google-condition-uploads", VONAGE: "vonage-secret-in-response"}


@pytest.mark.parametrize("part", PARTS)
def test_cleanup_after_a_kill_before_a_request_deletes_everything(live: Live, part: str) -> None:
    # Before a request, only creations differ: the journal has an entry without a resource.
    name = {**RICHEST, AWS: "aws-new-key-delay"}[part]
    assert kill_at_every_request(live, False, "--part", part, "--question", name) >= 4


# All requests of these questions are requests of aws-upload-in-progress too.
REPEATED = ("aws-new-key-delay", "aws-deactivated-key-delay")
ASKED = [(part, question.name) for part in PARTS for question in QUESTIONS[part] if question.name not in REPEATED]


@pytest.mark.parametrize(("part", "name"), ASKED, ids=[name for _part, name in ASKED])
def test_cleanup_after_a_kill_after_a_request_deletes_everything(live: Live, part: str, name: str) -> None:
    """Without the credentials of the application, the questions about it send no requests."""
    requests = kill_at_every_request(live, True, "--part", part, "--question", name)
    assert requests >= (0 if "application" in name else 1)


@pytest.mark.parametrize("live", ["seaweedfs"], indirect=True)
def test_cleanup_after_a_kill_with_seaweedfs_deletes_everything(live: Live) -> None:
    assert kill_at_every_request(live, True, "--part", AWS, "--question", RICHEST[AWS]) >= 10


def test_cleanup_of_a_given_project_after_a_kill_deletes_the_target(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_project(live, monkeypatch)
    arguments = ["--replace-upload-target", "--part", VONAGE]
    for name in ("vonage-secret-in-response", "vonage-application-target"):
        assert kill_at_every_request(live, True, *arguments, "--question", name) >= 2
        assert live.emulator.target() is None
        assert live.emulator.target(live.emulator.application_id) is None


def test_main_without_consent_does_not_change_a_given_project(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    use_project(live, monkeypatch)
    keys = (live.emulator.api_key, live.emulator.application_id)
    live.emulator.record_archive()
    for key in keys:
        live.emulator.state.holder(key).target = {"type": "s3", "config": {"bucket": "kept"}}
    assert live.run("--part", VONAGE) == 0
    assert [live.emulator.target(key) for key in keys] == [{"type": "s3", "config": {"bucket": "kept"}}] * 2
    assert {request.method for request in live.api.requests} == {"GET"}
    answers = live.answers()
    assert answers["vonage-target-verified"] == answers["vonage-application-target"] == "not asked"
    assert answers["vonage-error-form"] == "yes"


def test_main_with_consent_replaces_and_deletes_the_targets(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    use_project(live, monkeypatch)
    assert live.run("--part", VONAGE, "--replace-upload-target") == 0
    assert live.emulator.target() is None
    assert live.emulator.target(live.emulator.application_id) is None
    answers = live.answers()
    assert (answers["vonage-target-verified"], answers["vonage-application-target"]) == ("no", "yes")
    assert answers["vonage-project-status"] == "not asked"


@pytest.mark.parametrize(
    ("checksum", "answer"), [("n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=", "yes"), ("9f" * 32, "no")]
)
def test_archive_checksum_in_base64_is_confirmed(
    live: Live, monkeypatch: pytest.MonkeyPatch, checksum: str, answer: str
) -> None:
    use_project(live, monkeypatch)
    archive = {"id": "a", "sha256sum": checksum}
    body = json.dumps({"count": 1, "items": [archive]}).encode()
    monkeypatch.setattr(http.Transport, "send", lambda *_args, **_kwargs: http.Response(200, {}, body))
    assert live.run("--part", VONAGE, "--question", "vonage-archive-checksum") == 0
    assert live.answers() == {"vonage-archive-checksum": answer}


@pytest.mark.parametrize(("kind", "name"), [("bucket", "aws-upload-listing"), ("user", "aws-new-key-delay")])
def test_create_with_a_name_that_exists_keeps_the_resource(
    live: Live, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    """The run does not delete a resource that it did not create, although it has the name of the run."""
    region = "eu-west-1"
    monkeypatch.setattr("secrets.token_hex", lambda _count: "taken")
    # In us-east-1, the creation of a bucket of the same account succeeds.
    monkeypatch.setenv("LIVE_AWS_REGION", region)
    taken = f"{NAME_PREFIX}taken"
    s3, iam = live.store.client(), live.store.iam_client()
    if kind == "user":
        iam.create_user(UserName=taken)
    else:
        s3.create_bucket(Bucket=taken, CreateBucketConfiguration={"LocationConstraint": region})
    assert live.run("--part", AWS, "--question", name) == 1
    assert live.run("--cleanup") == 0
    assert live.leftovers() == [taken]
    assert live.answers() == {name: "no answer"}
    iam.delete_user(UserName=taken) if kind == "user" else s3.delete_bucket(Bucket=taken)


def test_main_after_a_lost_response_deletes_the_resource(live: Live) -> None:
    def lose_response(_n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.path.count("/") == 1:
            raise DropConnection

    live.s3.after = lose_response
    assert live.run("--part", AWS, "--question", "aws-upload-listing") == 1
    live.s3.after = None
    assert live.answers() == {"aws-upload-listing": "no answer"}
    assert (live.leftovers(), pending(live)) == ([], [])


def test_main_with_resources_in_the_journal_sends_nothing(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    Kill(live, 3, True, ["--part", AWS, "--question", "aws-upload-listing"])
    live.s3.clear()
    assert live.run("--part", AWS) == 2
    assert "1 resources of an earlier run may remain. Use --cleanup." in capsys.readouterr().err
    assert live.s3.count == 0
    assert live.run("--cleanup") == 0


def test_cleanup_with_another_endpoint_or_without_credentials_keeps_the_entry(
    live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Kill(live, 3, True, ["--part", AWS, "--question", "aws-upload-listing"])
    with monkeypatch.context() as patch:
        patch.setenv("LIVE_AWS_ENDPOINT_URL", live.store.endpoint_url)
        assert live.run("--cleanup") == 1
        patch.delenv("LIVE_AWS_SECRET_KEY")
        assert live.run("--cleanup") == 1
    errors = capsys.readouterr().err
    assert f"the settings are those of {live.store.endpoint_url}" in errors
    assert "the credentials are not set" in errors
    assert len(pending(live)) == 1
    assert live.run("--cleanup") == 0


def test_cleanup_during_a_run_is_refused(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(live.journal)
    assert live.run("--cleanup") == 2
    assert "another run uses this journal" in capsys.readouterr().err
    journal.close()


def test_journal_with_a_cut_line_ignores_the_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    entry = journal.announce(AWS, "bucket", "one", "https://s3.example.com")
    journal.confirm(entry)
    journal.close()
    content = path.read_bytes()
    path.write_bytes(content + content[:40])
    journal = Journal(path)
    assert [(entry.name, entry.is_confirmed) for entry in journal.pending()] == [("one", True)]
    journal.announce(AWS, "user", "two", "https://s3.example.com")
    journal.close()
    journal = Journal(path)
    assert [entry.name for entry in journal.pending()] == ["two", "one"]
    journal.close()


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        (
            {"LIVE_AWS_SECRET_KEY": None},
            ["--part", AWS],
            "Set LIVE_AWS_ACCESS_KEY, LIVE_AWS_SECRET_KEY, or use --profile.",
        ),
        (
            {"LIVE_AWS_ENDPOINT_URL": "http://s3.example.com"},
            ["--part", AWS],
            "http://s3.example.com is not an https URL.",
        ),
        ({}, ["--profile", "profile.ini"], "other users can read profile.ini. Run: chmod 600 profile.ini"),
    ],
)
def test_main_with_invalid_settings_sends_nothing(
    live: Live,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str | None],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(live.folder)
    Path("profile.ini").write_text("[aws]\n")
    Path("profile.ini").chmod(0o644)
    for name, value in changes.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    assert live.run(*arguments) == 2
    assert message in capsys.readouterr().err
    assert live.s3.count == 0


def test_main_with_a_profile_uses_its_credentials(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in live.env if name.startswith("LIVE_AWS_")]
    lines = [f"{name.removeprefix('LIVE_AWS_').lower()} = {live.env[name]}" for name in names]
    for name in live.env:
        monkeypatch.delenv(name)
    profile = live.folder / "profile.ini"
    profile.write_text("\n".join(["[aws]", *lines, ""]))
    profile.chmod(stat.S_IRUSR)
    assert live.run("--profile", str(profile), "--question", "aws-conditional-create") == 0
    assert live.answers() == {"aws-conditional-create": "yes"}
    assert live.report()["stand_in"] is True


def pending(live: Live) -> list[str]:
    journal = Journal(live.journal)
    try:
        return [entry.name for entry in journal.pending()]
    finally:
        journal.close()


PAGE = (ROOT / "docs" / "docsite" / "rst" / "dev_live.rst").read_text()


def example(language: str) -> str:
    """Return the example of the page in a language."""
    match = re.search(rf"code-block:: {language}\n\n((?: {{4}}.*\n|\n)+)", PAGE)
    assert match
    return textwrap.dedent(match[1])


def test_documented_policy_is_sufficient(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = json.loads(example("json"))
    # moto does not evaluate the ARN of a user.
    policy["Statement"][1]["Resource"] = "*"
    access_key, secret_key = live.store.make_user("operator", policy)
    set_variables(live, monkeypatch, {"AWS_ACCESS_KEY": access_key, "AWS_SECRET_KEY": secret_key})
    assert live.run("--part", AWS) == 0
    denied = [line for result in live.report()["results"] for line in result["requests"] if "AccessDenied" in line]
    # The user of the run is denied what uploads do not need.
    assert [line for line in denied if "/upload/" not in line and "Action=" in line] == []
    assert live.answers()["aws-upload-permissions"] == "yes"


def test_documented_profile_has_valid_settings(tmp_path: Path) -> None:
    path = tmp_path / "live.ini"
    path.write_text(example("ini"))
    path.chmod(0o600)
    profile = read_profile(path)
    assert [read_settings(part, {}, profile) is not None for part in PARTS] == [True] * 3


def test_documentation_lists_every_question_with_its_statement() -> None:
    documented = re.findall(r"^   \* - ``([a-z0-9-]+)``\n     - (.+)$", PAGE, re.MULTILINE)
    expected = [(question.name, question.statement) for part in PARTS for question in QUESTIONS[part]]
    assert [(name, statement.replace("``", "`")) for name, statement in documented] == expected
