# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The setup of the document "Interactive Broadcast: Archiving", as the application, its visitors, and others see it.

Assertions compare the state of the servers and the requests that they received.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.e2e.broadcast_environment import (
    BY_HAND,
    ORIGIN,
    OTHERS,
    STRANGER,
    BroadcastEnvironment,
    is_denied,
    new_broadcast_environment,
)
from tests.e2e.playbook_runs import Run
from tests.e2e.project_environment import create_uploader, external_key_variables
from tests.sandbox import Sandbox
from tools.cores import DEFAULT_LINES, ensure_core
from tools.pythons import find_pythons

pytestmark = pytest.mark.xdist_group("interactive_broadcast")

RESTRICTED: dict[str, Any] = {"interactive_broadcast_allowed_origins": [ORIGIN]}

VERIFY = [
    {
        "name": "Verify",
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": [
            {
                "name": "Verify",
                "ansible.builtin.include_role": {
                    "name": "vonage.archiving.interactive_broadcast",
                    "tasks_from": "verify",
                },
            }
        ],
    }
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("seaweedfs", "moto-iam"), heroku=True) as running:
        yield running


@pytest.fixture
def broadcast(sandbox: Sandbox) -> Iterator[BroadcastEnvironment]:
    with new_broadcast_environment(sandbox, sandbox.heroku) as broadcast:
        yield broadcast


@pytest.fixture
def moto(sandbox: Sandbox) -> Iterator[BroadcastEnvironment]:
    with new_broadcast_environment(sandbox, sandbox.heroku, sandbox.stores["moto-iam"]) as broadcast:
        yield broadcast


def result(run: Run) -> dict[str, Any]:
    """The result of the role."""
    facts = [event.result.get("ansible_facts", {}) for event in run.events]
    results = [fact["interactive_broadcast_result"] for fact in facts if "interactive_broadcast_result" in fact]
    assert results, run.output
    return dict(results[-1])


def assert_only_recordings_are_public(broadcast: BroadcastEnvironment) -> None:
    for key in ("img/private.png", "other/file", f"{broadcast.key}-not/archive.mp4"):
        broadcast.client.put_object(Bucket=broadcast.bucket, Key=key, Body=b"private")
        assert broadcast.anonymous_status(key) == 403, key
    assert broadcast.anonymous_status(f".vonage-archiving/{broadcast.key}.json") == 403
    assert broadcast.anonymous_status("?list-type=2") == 403
    broadcast.client.head_object(Bucket=broadcast.bucket, Key=f".vonage-archiving/{broadcast.key}.json")


def assert_key_is_limited_to_images(broadcast: BroadcastEnvironment) -> None:
    recording, _size = broadcast.record_archive()
    client, bucket = broadcast.app_client(), {"Bucket": broadcast.bucket}
    assert is_denied(client.list_objects_v2, **bucket)
    assert is_denied(client.get_object, **bucket, Key=f".vonage-archiving/{broadcast.key}.json")
    assert is_denied(client.put_object, **bucket, Key=f"{broadcast.key}/x/archive.mp4", Body=b"x")
    assert is_denied(client.put_object, **bucket, Key="other/x", Body=b"x")
    assert is_denied(client.delete_object, **bucket, Key=recording)
    assert is_denied(client.delete_object, **bucket, Key="img/private.png")
    assert is_denied(client.put_bucket_cors, **bucket, CORSConfiguration={"CORSRules": [BY_HAND]})
    assert is_denied(client.delete_bucket_policy, **bucket)
    broadcast.client.head_object(Bucket=broadcast.bucket, Key=recording)
    uploader = broadcast.vonage.target(broadcast.key)
    assert uploader
    assert broadcast.config["AWS_ACCESS_KEY_ID"] != uploader["config"]["accessKey"]


def test_role_generation_1_configures_everything_and_is_idempotent(broadcast: BroadcastEnvironment, home: Path) -> None:
    planned = broadcast.play(home, args=["--check"], **RESTRICTED).ok()
    assert broadcast.writes == []
    first = broadcast.play(home, **RESTRICTED).ok()
    assert broadcast.config == {
        **OTHERS,
        "AWS_ACCESS_KEY_ID": next(iter(broadcast.keys())),
        "AWS_SECRET_ACCESS_KEY": broadcast.config["AWS_SECRET_ACCESS_KEY"],
        "S3_BUCKET_NAME": broadcast.bucket,
        "S3_BUCKET_NAME_IMAGES": broadcast.bucket,
        "S3_COMPOSEDVIDEO_URL": f"{broadcast.s3.url}/{broadcast.bucket}/",
        "INSTANCE_ENABLE_ARCHIVING": "true",
    }
    assert len(broadcast.patches()) == 1
    # Check mode reports the changes of the run.
    assert result(planned)["app_changes"] == result(first)["app_changes"]
    assert result(planned)["archive_storage"]["bucket_changes"] == result(first)["archive_storage"]["bucket_changes"]
    assert result(planned)["images_changes"] == result(first)["images_changes"] == ["object_ownership"]
    assert planned.changed == first.changed
    assert [check["name"] for check in result(first)["checks"] if check["ok"]] == [
        "recording_plays",
        "image_upload",
        "images_private",
        "image_preflight",
    ]

    broadcast.clear_request_log()
    again = broadcast.play(home, **RESTRICTED).ok()
    assert again.stats["changed"] == 0
    assert broadcast.writes == []
    assert broadcast.patches() == []
    assert len(broadcast.app.releases) == 2

    broadcast.assert_configured()
    recording, size = broadcast.record_archive()
    played = broadcast.play_recording(recording)
    assert (played.status_code, len(played.content)) == (200, size)
    for acl in ("private", "public-read"):
        preflight, put = broadcast.upload_from_page(ORIGIN, acl)
        assert preflight.headers["Access-Control-Allow-Origin"] in (ORIGIN, "*")
        assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
        assert (put.status_code, put.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
    preflight, _put = broadcast.upload_from_page(STRANGER)
    assert "Access-Control-Allow-Origin" not in preflight.headers
    assert_only_recordings_are_public(broadcast)
    assert_key_is_limited_to_images(broadcast)


def test_role_generation_2_sets_one_config_var_and_creates_no_user(broadcast: BroadcastEnvironment, home: Path) -> None:
    """With an external key for uploads."""
    external_key = external_key_variables(*create_uploader(broadcast.store, broadcast.bucket))
    options: dict[str, Any] = {**external_key, "interactive_broadcast_generation": 2}
    hidden = [str(external_key["archive_storage_uploader_secret_key"])]
    broadcast.play(home, **options, hidden=hidden).ok()
    assert broadcast.config == {**OTHERS, "BUCKET_URL": f"{broadcast.s3.url}/{broadcast.bucket}"}
    assert broadcast.patches() == [{"BUCKET_URL": f"{broadcast.s3.url}/{broadcast.bucket}"}]
    assert broadcast.keys() == {}
    broadcast.clear_request_log()
    assert broadcast.play(home, **options, hidden=hidden).ok().stats["changed"] == 0
    assert broadcast.writes == []
    recording, size = broadcast.record_archive()
    assert len(broadcast.play_recording(recording).content) == size
    assert_only_recordings_are_public(broadcast)
    rules = broadcast.client.get_bucket_cors(Bucket=broadcast.bucket)["CORSRules"]
    assert [rule["AllowedOrigins"] for rule in rules] == [["*"]]


@pytest.mark.slow
def test_role_variables_of_a_survey_configure_and_state_absent_keeps_recordings(
    broadcast: BroadcastEnvironment, home: Path
) -> None:
    survey: dict[str, Any] = {
        "interactive_broadcast_generation": "1",
        "interactive_broadcast_allowed_origins": f"{ORIGIN}, https://*.example.org",
        "interactive_broadcast_image_acls": "no",
        "interactive_broadcast_enable_archiving": "False",
        "interactive_broadcast_grace_period": "",
        "interactive_broadcast_verify_timeout": "",
        "interactive_broadcast_rotate_after": "",
        "interactive_broadcast_rotate": "",
        "interactive_broadcast_verify": "",
        "interactive_broadcast_user_tags": "{team: video}",
        "interactive_broadcast_user_path": "",
        "interactive_broadcast_images_bucket": f"{broadcast.bucket}-images",
        "interactive_broadcast_state": "",
        "interactive_broadcast_validate_certs": "",
    }
    misspelled = broadcast.play(home, awx=True, **survey, interactive_broadcast_bukcet="x").failed()
    assert "Use interactive_broadcast_bucket, or set archive_storage_strict to false" in misspelled.error
    assert broadcast.writes == []
    assert broadcast.s3.requests == broadcast.api.requests == []
    first = broadcast.play(
        home, awx=True, **survey, interactive_broadcast_bukcet="x", archive_storage_strict=False
    ).ok()
    assert "Did you mean interactive_broadcast_bucket?" in first.output
    assert broadcast.config["INSTANCE_ENABLE_ARCHIVING"] == "false"
    for name in (broadcast.bucket, f"{broadcast.bucket}-images"):
        (rule,) = broadcast.client.get_bucket_cors(Bucket=name)["CORSRules"]
        assert sorted(rule["AllowedOrigins"]) == ["https://*.example.org", ORIGIN]
        assert broadcast.client.get_bucket_encryption(Bucket=name)
    broadcast.assert_configured()
    policy = broadcast.iam.get_user_policy(UserName=broadcast.user, PolicyName="vonage-archiving")["PolicyDocument"]
    assert "PutObjectAcl" not in json.dumps(policy)
    assert {"Key": "team", "Value": "video"} in broadcast.iam.list_user_tags(UserName=broadcast.user)["Tags"]
    recording, _size = broadcast.record_archive()
    broadcast.clear_request_log()
    absent = broadcast.play(home, awx=True, **{**survey, "interactive_broadcast_state": "absent"}).ok()
    assert result(absent)["release"] is True
    assert (broadcast.config, broadcast.keys(), broadcast.vonage.target(broadcast.key)) == (OTHERS, {}, None)
    assert len(broadcast.patches()) == 1
    broadcast.client.head_object(Bucket=broadcast.bucket, Key=recording)
    # Nothing is left to delete.
    assert not broadcast.run(state="absent").changed
    assert broadcast.client.list_objects_v2(Bucket=f"{broadcast.bucket}-images")["KeyCount"] == 1


def set_up_by_hand(broadcast: BroadcastEnvironment, bucket_acl: bool = True) -> tuple[str, str]:
    """Follow the document: it uses the key of a person, who has all permissions, in two places."""
    acl = {"ACL": "public-read"} if bucket_acl else {}
    broadcast.client.create_bucket(Bucket=broadcast.bucket)
    broadcast.client.put_bucket_cors(Bucket=broadcast.bucket, CORSConfiguration={"CORSRules": [BY_HAND]})
    broadcast.client.put_object(Bucket=broadcast.bucket, Key=f"{broadcast.key}/", Body=b"", **acl)
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{broadcast.bucket}*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    person = broadcast.store.make_user(f"person-{broadcast.key}", policy)
    key = {"AWS_ACCESS_KEY_ID": person[0], "AWS_SECRET_ACCESS_KEY": person[1], "S3_BUCKET_NAME": broadcast.bucket}
    # The example of the document, which ends with a slash.
    broadcast.app.change({**key, "S3_COMPOSEDVIDEO_URL": f"{broadcast.store.endpoint_url}/{broadcast.bucket}/"})
    body = {
        "type": "s3",
        "config": {
            "accessKey": person[0],
            "secretKey": person[1],
            "bucket": broadcast.bucket,
            "endpoint": broadcast.s3.url,
        },
        "fallback": "opentok",
    }
    headers = {"X-OPENTOK-AUTH": token(broadcast)}
    url = f"{broadcast.vonage.url}/v2/project/{broadcast.key}/archive/storage"
    requests.put(url, json=body, headers=headers, timeout=10).raise_for_status()
    return person


def token(broadcast: BroadcastEnvironment) -> str:
    """A token for the REST API."""
    import jwt

    now = int(time.time())
    claims = {"iss": broadcast.key, "ist": "project", "iat": now, "exp": now + 120, "jti": "by-hand"}
    return jwt.encode(claims, broadcast.secret, "HS256")


class Viewer:
    """Plays a recording repeatedly in a thread."""

    def __init__(self, broadcast: BroadcastEnvironment, recording: str) -> None:
        self.broadcast, self.recording = broadcast, recording
        self.statuses: list[int] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._play, daemon=True)

    def _play(self) -> None:
        while not self.stop.wait(0.02):
            self.statuses.append(self.broadcast.play_recording(self.recording).status_code)

    def __enter__(self) -> Viewer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(30)


def test_role_manual_setup_is_taken_over_without_interruption(broadcast: BroadcastEnvironment, home: Path) -> None:
    """The recording plays all the time, the diff shows the changes, and the person's key is unchanged."""
    person = set_up_by_hand(broadcast)
    recording, _size = broadcast.record_archive()
    broadcast.client.put_object_acl(Bucket=broadcast.bucket, Key=recording, ACL="public-read")
    if broadcast.anonymous_status(recording) != 200:
        # A store that ignores ACLs: a policy makes the prefix public.
        public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        statement = {**public, "Resource": f"arn:aws:s3:::{broadcast.bucket}/{broadcast.key}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        broadcast.client.put_bucket_policy(Bucket=broadcast.bucket, Policy=policy)
    assert broadcast.play_recording(recording).status_code == 200
    broadcast.clear_request_log()
    with Viewer(broadcast, recording) as viewer:
        run = broadcast.play(home, hidden=[person[1]]).ok()
    assert len(viewer.statuses) > 20
    assert set(viewer.statuses) == {200}
    outcome = result(run)
    assert "cors_rules" not in outcome["archive_storage"]["bucket_changes"]
    assert outcome["reason"] == "changed"
    assert set(outcome["app_changes"]) >= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_COMPOSEDVIDEO_URL"}
    diff = run.task("Verify and set the config vars of the application").result["diff"]
    assert diff["before"]["AWS_ACCESS_KEY_ID"] in (person[0], "(not shown)")
    assert diff["after"]["AWS_SECRET_ACCESS_KEY"] == "(the new secret)"
    assert "PUT" not in {request.method for request in broadcast.s3.requests if request.query == "cors"}
    keys = broadcast.iam.list_access_keys(UserName=f"person-{broadcast.key}")["AccessKeyMetadata"]
    assert [(key["AccessKeyId"], key["Status"]) for key in keys] == [(person[0], "Active")]
    broadcast.assert_configured()
    assert_key_is_limited_to_images(broadcast)


def test_ensure_bucket_manual_setup_with_acls_keeps_public_access_block_and_acls(moto: BroadcastEnvironment) -> None:
    set_up_by_hand(moto)
    off = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
    moto.client.put_public_access_block(Bucket=moto.bucket, PublicAccessBlockConfiguration=off)
    rules = {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}}
    moto.client.put_bucket_ownership_controls(Bucket=moto.bucket, **rules)
    moto.clear_request_log()
    changed = moto.ensure_bucket()
    assert "cors_rules" not in changed.result["changes"]
    preferred: dict[str, Any] = {"object_ownership": "BucketOwnerPreferred", "public_prefixes": None, "folders": None}
    moto.ensure_bucket(**preferred)
    assert "PUT public_access" not in str(moto.writes)
    block = moto.client.get_public_access_block(Bucket=moto.bucket)["PublicAccessBlockConfiguration"]
    assert block == off
    (rule,) = moto.client.get_bucket_ownership_controls(Bucket=moto.bucket)["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerPreferred"}
    assert not moto.ensure_bucket(**preferred).changed
    assert not moto.ensure_bucket().changed
    # moto responds neither to requests without a key nor to a preflight.
    outcome = moto.run(verify="never")
    assert outcome.result["reason"] == "changed"
    moto.assert_configured()
    moto.assert_idempotent()


def test_ensure_bucket_blocked_bucket_allows_public_policy_for_recordings_only(moto: BroadcastEnvironment) -> None:
    """New buckets of AWS block all public access."""
    moto.client.create_bucket(Bucket=moto.bucket)
    on = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    moto.client.put_public_access_block(Bucket=moto.bucket, PublicAccessBlockConfiguration=on)
    moto.ensure_bucket()
    block = moto.client.get_public_access_block(Bucket=moto.bucket)["PublicAccessBlockConfiguration"]
    assert block == {**on, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}
    (statement,) = json.loads(moto.client.get_bucket_policy(Bucket=moto.bucket)["Policy"])["Statement"]
    assert statement["Resource"] in (
        f"arn:aws:s3:::{moto.bucket}/{moto.key}/*",
        [f"arn:aws:s3:::{moto.bucket}/{moto.key}/*"],
    )
    moto.run(verify="never")
    moto.assert_configured()


@pytest.mark.parametrize("state", ["present", "absent"])
def test_role_unrecognized_app_is_refused_without_adopt_app(
    broadcast: BroadcastEnvironment, home: Path, state: str
) -> None:
    config = {"AWS_ACCESS_KEY_ID": "AKIAOFANOTHERAPP1234", "AWS_SECRET_ACCESS_KEY": "another-secret-of-the-app"}
    other = broadcast.heroku.add_app(config={**config, "DATABASE_URL": "postgres://db.example.com/billing"})
    before = other.config
    mistyped: dict[str, Any] = {"interactive_broadcast_heroku_app": other.name, "interactive_broadcast_state": state}
    failed = broadcast.play(home, hidden=[config["AWS_SECRET_ACCESS_KEY"]], **mistyped).failed()
    assert f"Could not change the config vars of {other.name}: none of them identifies an" in failed.error
    assert (broadcast.writes, other.config, broadcast.keys()) == ([], before, {})
    if state == "present":
        broadcast.ensure_bucket()
        assert broadcast.run(app=other.name, adopt_app=True).result["reason"] == "changed"
        assert broadcast.keys() == {other.config["AWS_ACCESS_KEY_ID"]: "Active"}
        # Now it is recognized.
        broadcast.assert_idempotent(app=other.name)


@pytest.mark.slow
def test_role_invalid_variables_are_refused_and_false_is_respected(broadcast: BroadcastEnvironment, home: Path) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"interactive_broadcast_state": "Present"}, "must be present or absent"),
        ({"interactive_broadcast_rotate_after": "90 days"}, "rotate_after"),
        ({"archive_storage_require_encryption": True}, "refuses the images"),
        ({"interactive_broadcast_heroku_api_token": "HRKU-not-the-right-one"}, "HTTP 401 (unauthorized)"),
        ({"interactive_broadcast_allowed_origins": []}, "allowed_origins"),
        (
            {"archive_storage_uploader_name": f"interactive-broadcast-{broadcast.key}"},
            f"interactive-broadcast-{broadcast.key} must not be both",
        ),
    ]
    for options, message in wrong:
        run = broadcast.play(home, hidden=["HRKU-not-the-right-one"], **options).failed()
        assert message in run.error
    verify = home / "verify.yml"
    verify.write_text(yaml.safe_dump(VERIFY))
    assert (
        "only with state present" in broadcast.play(home, verify, interactive_broadcast_state="absent").failed().error
    )
    assert (broadcast.writes, broadcast.config) == ([], OTHERS)
    switches = ("image_acls", "enable_archiving", "verify")
    off: dict[str, Any] = {f"interactive_broadcast_{name}": False for name in switches}
    run = broadcast.play(home, **off).ok()
    assert result(run)["checks"] == []
    assert broadcast.config["INSTANCE_ENABLE_ARCHIVING"] == "false"
    policy = broadcast.iam.get_user_policy(UserName=broadcast.user, PolicyName="vonage-archiving")["PolicyDocument"]
    assert "PutObjectAcl" not in json.dumps(policy)


@pytest.mark.slow
def test_verify_tasks_check_current_config_vars_and_change_nothing(broadcast: BroadcastEnvironment, home: Path) -> None:
    broadcast.play(home).ok()
    verify = home / "verify.yml"
    verify.write_text(yaml.safe_dump(VERIFY))
    broadcast.clear_request_log()
    run = broadcast.play(home, verify).ok()
    assert run.changed == []
    assert all(check["ok"] for check in result(run)["checks"])
    assert (broadcast.patches(), len(broadcast.app.releases)) == ([], 2)
    broadcast.assert_configured()
    good = broadcast.config["S3_COMPOSEDVIDEO_URL"]
    broadcast.app.change({"S3_COMPOSEDVIDEO_URL": good.rstrip("/"), "INSTANCE_ENABLE_ARCHIVING": "false"})
    failed = broadcast.play(home, verify, interactive_broadcast_verify_timeout=1).failed()
    assert "does not end with a slash" in failed.error
    broadcast.app.change({"S3_COMPOSEDVIDEO_URL": good})
    assert "INSTANCE_ENABLE_ARCHIVING" in broadcast.play(home, verify).failed().error
    broadcast.client.delete_bucket_policy(Bucket=broadcast.bucket)
    assert (
        "Players without a key need a bucket policy"
        in broadcast.play(home, verify, interactive_broadcast_verify_timeout=1).failed().error
    )
    assert broadcast.patches() == []


@pytest.mark.slow
def test_role_on_oldest_core_configures_and_is_idempotent(broadcast: BroadcastEnvironment, home: Path) -> None:
    """Up to ansible-core 2.18, templates return strings, and module_defaults are templated for every task."""
    oldest = ensure_core(DEFAULT_LINES[0], find_pythons())
    if oldest is None:
        pytest.skip(f"no Python of this machine runs ansible-core {DEFAULT_LINES[0]}")
    survey = {"interactive_broadcast_rotate_after": "", "interactive_broadcast_enable_archiving": "yes"}
    options: dict[str, Any] = {"ansible_playbook": oldest, "awx": True, **survey}
    broadcast.play(home, **options).ok()
    broadcast.assert_configured()
    recording, size = broadcast.record_archive()
    assert len(broadcast.play_recording(recording).content) == size
    broadcast.clear_request_log()
    assert broadcast.play(home, **options).ok().stats["changed"] == 0
    assert broadcast.writes == []
    off = dict.fromkeys(("interactive_broadcast_enable_archiving", "interactive_broadcast_image_acls"), False)
    broadcast.play(home, **{**options, "awx": False, **off}).ok()
    assert broadcast.config["INSTANCE_ENABLE_ARCHIVING"] == "false"
