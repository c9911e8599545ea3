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
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import VerificationFailedError
from tests.e2e.broadcast_site import BY_HAND, ORIGIN, OTHERS, STRANGER, BroadcastSite, broadcast_site
from tests.e2e.runs import Run
from tests.e2e.site import given_key, make_uploader
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
def site(sandbox: Sandbox) -> Iterator[BroadcastSite]:
    with broadcast_site(sandbox, sandbox.heroku) as broadcast:
        yield broadcast


@pytest.fixture
def moto(sandbox: Sandbox) -> Iterator[BroadcastSite]:
    with broadcast_site(sandbox, sandbox.heroku, sandbox.stores["moto-iam"]) as broadcast:
        yield broadcast


def result(run: Run) -> dict[str, Any]:
    """The result of the role."""
    facts = [event.result.get("ansible_facts", {}) for event in run.events]
    results = [fact["interactive_broadcast_result"] for fact in facts if "interactive_broadcast_result" in fact]
    assert results, run.output
    return dict(results[-1])


def is_denied(call: Any, **options: Any) -> bool:
    try:
        call(**options)
    except ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 403)
    return False


def assert_only_recordings_are_public(site: BroadcastSite) -> None:
    for key in ("img/private.png", "other/file", f"{site.key}-not/archive.mp4"):
        site.client.put_object(Bucket=site.bucket, Key=key, Body=b"private")
        assert site.anonymous_status(key) == 403, key
    assert site.anonymous_status(f".vonage-archiving/{site.key}.json") == 403
    assert site.anonymous_status("?list-type=2") == 403
    site.client.head_object(Bucket=site.bucket, Key=f".vonage-archiving/{site.key}.json")


def assert_key_is_limited_to_images(site: BroadcastSite) -> None:
    recording, _size = site.record()
    client, bucket = site.app_client(), {"Bucket": site.bucket}
    assert is_denied(client.list_objects_v2, **bucket)
    assert is_denied(client.get_object, **bucket, Key=f".vonage-archiving/{site.key}.json")
    assert is_denied(client.put_object, **bucket, Key=f"{site.key}/x/archive.mp4", Body=b"x")
    assert is_denied(client.put_object, **bucket, Key="other/x", Body=b"x")
    assert is_denied(client.delete_object, **bucket, Key=recording)
    assert is_denied(client.delete_object, **bucket, Key="img/private.png")
    assert is_denied(client.put_bucket_cors, **bucket, CORSConfiguration={"CORSRules": [BY_HAND]})
    assert is_denied(client.delete_bucket_policy, **bucket)
    site.client.head_object(Bucket=site.bucket, Key=recording)
    uploader = site.vonage.target(site.key)
    assert uploader
    assert site.config["AWS_ACCESS_KEY_ID"] != uploader["config"]["accessKey"]


def test_role_generation_1_configures_everything_and_is_idempotent(site: BroadcastSite, home: Path) -> None:
    planned = site.play(home, args=["--check"], **RESTRICTED).ok()
    assert site.writes == []
    first = site.play(home, **RESTRICTED).ok()
    assert site.config == {
        **OTHERS,
        "AWS_ACCESS_KEY_ID": next(iter(site.keys())),
        "AWS_SECRET_ACCESS_KEY": site.config["AWS_SECRET_ACCESS_KEY"],
        "S3_BUCKET_NAME": site.bucket,
        "S3_BUCKET_NAME_IMAGES": site.bucket,
        "S3_COMPOSEDVIDEO_URL": f"{site.s3.url}/{site.bucket}/",
        "INSTANCE_ENABLE_ARCHIVING": "true",
    }
    assert len(site.patches()) == 1
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

    site.clear_log()
    again = site.play(home, **RESTRICTED).ok()
    assert again.stats["changed"] == 0
    assert site.writes == []
    assert site.patches() == []
    assert len(site.app.releases) == 2

    site.assert_configured()
    recording, size = site.record()
    played = site.play_recording(recording)
    assert (played.status_code, len(played.content)) == (200, size)
    for acl in ("private", "public-read"):
        preflight, put = site.upload_from_page(ORIGIN, acl)
        assert preflight.headers["Access-Control-Allow-Origin"] in (ORIGIN, "*")
        assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
        assert (put.status_code, put.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
    preflight, _put = site.upload_from_page(STRANGER)
    assert "Access-Control-Allow-Origin" not in preflight.headers
    assert_only_recordings_are_public(site)
    assert_key_is_limited_to_images(site)


def test_role_generation_2_sets_one_config_var_and_creates_no_user(site: BroadcastSite, home: Path) -> None:
    """With an external key for uploads."""
    external_key = given_key(*make_uploader(site.store, site.bucket))
    options: dict[str, Any] = {**external_key, "interactive_broadcast_generation": 2}
    hidden = [str(external_key["archive_storage_uploader_secret_key"])]
    site.play(home, **options, hidden=hidden).ok()
    assert site.config == {**OTHERS, "BUCKET_URL": f"{site.s3.url}/{site.bucket}"}
    assert site.patches() == [{"BUCKET_URL": f"{site.s3.url}/{site.bucket}"}]
    assert site.keys() == {}
    site.clear_log()
    assert site.play(home, **options, hidden=hidden).ok().stats["changed"] == 0
    assert site.writes == []
    recording, size = site.record()
    assert len(site.play_recording(recording).content) == size
    assert_only_recordings_are_public(site)
    rules = site.client.get_bucket_cors(Bucket=site.bucket)["CORSRules"]
    assert [rule["AllowedOrigins"] for rule in rules] == [["*"]]


@pytest.mark.slow
def test_role_variables_of_a_survey_configure_and_state_absent_keeps_recordings(
    site: BroadcastSite, home: Path
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
        "interactive_broadcast_images_bucket": f"{site.bucket}-images",
        "interactive_broadcast_state": "",
        "interactive_broadcast_validate_certs": "",
    }
    first = site.play(home, awx=True, **survey, interactive_broadcast_bukcet="x").ok()
    assert "Did you mean interactive_broadcast_bucket?" in first.output
    assert site.config["INSTANCE_ENABLE_ARCHIVING"] == "false"
    for name in (site.bucket, f"{site.bucket}-images"):
        (rule,) = site.client.get_bucket_cors(Bucket=name)["CORSRules"]
        assert sorted(rule["AllowedOrigins"]) == ["https://*.example.org", ORIGIN]
        assert site.client.get_bucket_encryption(Bucket=name)
    site.assert_configured()
    policy = site.iam.get_user_policy(UserName=site.user, PolicyName="vonage-archiving")["PolicyDocument"]
    assert "PutObjectAcl" not in json.dumps(policy)
    assert {"Key": "team", "Value": "video"} in site.iam.list_user_tags(UserName=site.user)["Tags"]
    recording, _size = site.record()
    site.clear_log()
    absent = site.play(home, awx=True, **{**survey, "interactive_broadcast_state": "absent"}).ok()
    assert result(absent)["release"] is True
    assert (site.config, site.keys(), site.vonage.target(site.key)) == (OTHERS, {}, None)
    assert len(site.patches()) == 1
    site.client.head_object(Bucket=site.bucket, Key=recording)
    # Nothing is left to delete.
    assert not site.run(state="absent").changed
    assert site.client.list_objects_v2(Bucket=f"{site.bucket}-images")["KeyCount"] == 1


def set_up_by_hand(site: BroadcastSite, bucket_acl: bool = True) -> tuple[str, str]:
    """Follow the document: it uses the key of a person, who has all permissions, in two places."""
    acl = {"ACL": "public-read"} if bucket_acl else {}
    site.client.create_bucket(Bucket=site.bucket)
    site.client.put_bucket_cors(Bucket=site.bucket, CORSConfiguration={"CORSRules": [BY_HAND]})
    site.client.put_object(Bucket=site.bucket, Key=f"{site.key}/", Body=b"", **acl)
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{site.bucket}*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    person = site.store.make_user(f"person-{site.key}", policy)
    key = {"AWS_ACCESS_KEY_ID": person[0], "AWS_SECRET_ACCESS_KEY": person[1], "S3_BUCKET_NAME": site.bucket}
    # The example of the document, which ends with a slash.
    site.app.change({**key, "S3_COMPOSEDVIDEO_URL": f"{site.store.endpoint_url}/{site.bucket}/"})
    body = {
        "type": "s3",
        "config": {"accessKey": person[0], "secretKey": person[1], "bucket": site.bucket, "endpoint": site.s3.url},
        "fallback": "opentok",
    }
    headers = {"X-OPENTOK-AUTH": token(site)}
    url = f"{site.vonage.url}/v2/project/{site.key}/archive/storage"
    requests.put(url, json=body, headers=headers, timeout=10).raise_for_status()
    return person


def token(site: BroadcastSite) -> str:
    """A token for the REST API."""
    import jwt

    now = int(time.time())
    claims = {"iss": site.key, "ist": "project", "iat": now, "exp": now + 120, "jti": "by-hand"}
    return jwt.encode(claims, site.secret, "HS256")


class Viewer:
    """Plays a recording repeatedly in a thread."""

    def __init__(self, site: BroadcastSite, recording: str) -> None:
        self.site, self.recording = site, recording
        self.statuses: list[int] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._play, daemon=True)

    def _play(self) -> None:
        while not self.stop.wait(0.02):
            self.statuses.append(self.site.play_recording(self.recording).status_code)

    def __enter__(self) -> Viewer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(30)


def test_role_manual_setup_is_taken_over_without_interruption(site: BroadcastSite, home: Path) -> None:
    """The recording plays all the time, the diff shows the changes, and the person's key is unchanged."""
    person = set_up_by_hand(site)
    recording, _size = site.record()
    site.client.put_object_acl(Bucket=site.bucket, Key=recording, ACL="public-read")
    if site.anonymous_status(recording) != 200:
        # A store that ignores ACLs: a policy makes the prefix public.
        public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        statement = {**public, "Resource": f"arn:aws:s3:::{site.bucket}/{site.key}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        site.client.put_bucket_policy(Bucket=site.bucket, Policy=policy)
    assert site.play_recording(recording).status_code == 200
    site.clear_log()
    with Viewer(site, recording) as viewer:
        run = site.play(home, hidden=[person[1]]).ok()
    assert len(viewer.statuses) > 20
    assert set(viewer.statuses) == {200}
    outcome = result(run)
    assert "cors_rules" not in outcome["archive_storage"]["bucket_changes"]
    assert outcome["reason"] == "changed"
    assert set(outcome["app_changes"]) >= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_COMPOSEDVIDEO_URL"}
    diff = run.task("Verify and set the config vars of the application").result["diff"]
    assert diff["before"]["AWS_ACCESS_KEY_ID"] in (person[0], "(not shown)")
    assert diff["after"]["AWS_SECRET_ACCESS_KEY"] == "(the new secret)"
    assert "PUT" not in {request.method for request in site.s3.requests if request.query == "cors"}
    keys = site.iam.list_access_keys(UserName=f"person-{site.key}")["AccessKeyMetadata"]
    assert [(key["AccessKeyId"], key["Status"]) for key in keys] == [(person[0], "Active")]
    site.assert_configured()
    assert_key_is_limited_to_images(site)


def test_ensure_bucket_manual_setup_with_acls_keeps_public_access_block_and_acls(moto: BroadcastSite) -> None:
    set_up_by_hand(moto)
    off = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
    moto.client.put_public_access_block(Bucket=moto.bucket, PublicAccessBlockConfiguration=off)
    rules = {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}}
    moto.client.put_bucket_ownership_controls(Bucket=moto.bucket, **rules)
    moto.clear_log()
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


def test_ensure_bucket_blocked_bucket_allows_public_policy_for_recordings_only(moto: BroadcastSite) -> None:
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


def test_run_images_bucket_is_configured_separately(site: BroadcastSite) -> None:
    images = f"{site.bucket}-images"
    site.ensure_bucket(cors_rules=[])
    site.ensure_bucket(images, public_prefixes=[], folders=[])
    outcome = site.run(images_bucket=images)
    assert outcome.result["config"]["S3_BUCKET_NAME_IMAGES"] == images
    assert all(check["ok"] for check in outcome.result["checks"])
    site.assert_configured()
    assert is_denied(site.app_client().put_object, Bucket=site.bucket, Key="img/x.png", Body=b"x")
    preflight, put = site.upload_from_page(STRANGER)
    assert (preflight.status_code, put.status_code) == (200, 200)
    site.assert_idempotent(images_bucket=images)
    keys = [item["Key"] for item in site.client.list_objects_v2(Bucket=images)["Contents"]]
    assert not [key for key in keys if "probe" in key]


def test_run_bucket_is_misconfigured_fails_and_deletes_the_new_key(site: BroadcastSite) -> None:
    rule = {"allowed_origins": [STRANGER], "allowed_methods": ["PUT"]}
    misconfigured: list[tuple[dict[str, Any], str]] = [
        ({"public_prefixes": []}, "recording_plays"),
        ({"cors_rules": [rule]}, "image_preflight"),
        ({"public_prefixes": [site.key, "img"]}, "images_private"),
    ]
    for options, name in misconfigured:
        site.ensure_bucket(**options)
        with pytest.raises(VerificationFailedError) as error:
            site.run(verify_timeout=0)
        assert [check["name"] for check in error.value.facts["checks"] if not check["ok"]] == [name]
        assert (site.patches(), site.keys(), site.config) == ([], {}, OTHERS)
        site.assert_no_secret(str(error.value.as_result()))
    site.ensure_bucket()
    site.run()
    site.assert_configured()
    listed = site.client.list_objects_v2(Bucket=site.bucket)["Contents"]
    assert not [item["Key"] for item in listed if "probe" in item["Key"]]


def test_run_verify_only_finds_wrong_config_vars_and_changes_nothing(site: BroadcastSite) -> None:
    """Mistakes of the document and of persons."""
    site.ensure_bucket()
    site.run()
    good: dict[str, str | None] = dict(site.config)
    site.clear_log()
    assert site.run(verify="only").result["changes"] == []
    url = site.config["S3_COMPOSEDVIDEO_URL"]
    swapped = {"AWS_ACCESS_KEY_ID": good["AWS_SECRET_ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY": good["AWS_ACCESS_KEY_ID"]}
    edited: list[tuple[dict[str, str | None], str]] = [
        # The format of the document, unchanged and filled in.
        ({"S3_COMPOSEDVIDEO_URL": "https//s3.amazonaws.com/[S3_BUCKET_NAME]"}, "is not a valid URL"),
        ({"S3_COMPOSEDVIDEO_URL": f"https//s3.amazonaws.com/{site.bucket}"}, "is not a valid URL"),
        ({"S3_COMPOSEDVIDEO_URL": "https://[S3_BUCKET_NAME].s3.amazonaws.com/"}, "is not a valid URL"),
        ({"S3_COMPOSEDVIDEO_URL": url.rstrip("/")}, "does not end with a slash"),
        ({"S3_COMPOSEDVIDEO_URL": f"{url}x/"}, "recording_plays"),
        ({"S3_COMPOSEDVIDEO_URL": ""}, "does not have"),
        ({"AWS_SECRET_ACCESS_KEY": "x" * 40}, "replace it with rotate=true"),
        ({"S3_BUCKET_NAME_IMAGES": ""}, "does not have"),
        (swapped, "image_upload"),
    ]
    for changes, message in edited:
        site.app.change({**good, **changes})
        with pytest.raises(errors.ArchivingError) as error:
            site.run(verify="only", verify_timeout=0)
        assert message in str(error.value), changes
        site.assert_no_secret(str(error.value.as_result()))
        planned = site.run(check_mode=True)
        site.assert_no_secret(str(planned))
    assert site.patches() == []
    site.app.change(good)
    site.iam.update_access_key(UserName=site.user, AccessKeyId=good["AWS_ACCESS_KEY_ID"], Status="Inactive")
    with pytest.raises(VerificationFailedError) as error:
        site.run(verify="only", verify_timeout=0)
    assert "image_upload" in str(error.value)
    # The next run repairs it.
    site.app.change({"S3_COMPOSEDVIDEO_URL": url.rstrip("/")})
    assert site.run().result["reason"] == "changed"
    assert site.config["S3_COMPOSEDVIDEO_URL"] == url
    site.assert_configured()
    site.assert_idempotent()


def test_run_generation_2_removes_the_slash_at_the_end(site: BroadcastSite) -> None:
    site.ensure_bucket()
    site.run(generation=2)
    good = site.config["BUCKET_URL"]
    site.app.change({"BUCKET_URL": f"{good}/"})
    # SeaweedFS treats two slashes as one, but S3 does not: the verification succeeds, and the change is reported.
    verified = site.run(generation=2, verify="only", verify_timeout=0)
    assert (verified.changed, verified.result["changes"]) == (False, ["BUCKET_URL"])
    assert site.config["BUCKET_URL"] == f"{good}/"
    site.run(generation=2)
    assert site.config["BUCKET_URL"] == good
    site.assert_idempotent(generation=2)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_role_unrecognized_app_is_refused_without_adopt_app(site: BroadcastSite, home: Path, state: str) -> None:
    config = {"AWS_ACCESS_KEY_ID": "AKIAOFANOTHERAPP1234", "AWS_SECRET_ACCESS_KEY": "another-secret-of-the-app"}
    other = site.heroku.add_app(config={**config, "DATABASE_URL": "postgres://db.example.com/billing"})
    before = other.config
    mistyped: dict[str, Any] = {"interactive_broadcast_heroku_app": other.name, "interactive_broadcast_state": state}
    failed = site.play(home, hidden=[config["AWS_SECRET_ACCESS_KEY"]], **mistyped).failed()
    assert f"Could not change the config vars of {other.name}: none of them identifies an" in failed.error
    assert (site.writes, other.config, site.keys()) == ([], before, {})
    if state == "present":
        site.ensure_bucket()
        assert site.run(app=other.name, adopt_app=True).result["reason"] == "changed"
        assert site.keys() == {other.config["AWS_ACCESS_KEY_ID"]: "Active"}
        # Now it is recognized.
        site.assert_idempotent(app=other.name)


@pytest.mark.slow
def test_role_invalid_variables_are_refused_and_false_is_respected(site: BroadcastSite, home: Path) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"interactive_broadcast_state": "Present"}, "must be present or absent"),
        ({"interactive_broadcast_rotate_after": "90 days"}, "rotate_after"),
        ({"archive_storage_require_encryption": True}, "refuses the images"),
        ({"interactive_broadcast_heroku_api_token": "HRKU-not-the-right-one"}, "HTTP 401 (unauthorized)"),
        ({"interactive_broadcast_allowed_origins": []}, "allowed_origins"),
        (
            {"archive_storage_uploader_name": f"interactive-broadcast-{site.key}"},
            f"interactive-broadcast-{site.key} must not be both",
        ),
    ]
    for options, message in wrong:
        run = site.play(home, hidden=["HRKU-not-the-right-one"], **options).failed()
        assert message in run.error
    verify = home / "verify.yml"
    verify.write_text(yaml.safe_dump(VERIFY))
    assert "only with state present" in site.play(home, verify, interactive_broadcast_state="absent").failed().error
    assert (site.writes, site.config) == ([], OTHERS)
    switches = ("image_acls", "enable_archiving", "verify")
    off: dict[str, Any] = {f"interactive_broadcast_{name}": False for name in switches}
    run = site.play(home, **off).ok()
    assert result(run)["checks"] == []
    assert site.config["INSTANCE_ENABLE_ARCHIVING"] == "false"
    policy = site.iam.get_user_policy(UserName=site.user, PolicyName="vonage-archiving")["PolicyDocument"]
    assert "PutObjectAcl" not in json.dumps(policy)


@pytest.mark.slow
def test_verify_tasks_check_current_config_vars_and_change_nothing(site: BroadcastSite, home: Path) -> None:
    site.play(home).ok()
    verify = home / "verify.yml"
    verify.write_text(yaml.safe_dump(VERIFY))
    site.clear_log()
    run = site.play(home, verify).ok()
    assert run.changed == []
    assert all(check["ok"] for check in result(run)["checks"])
    assert (site.patches(), len(site.app.releases)) == ([], 2)
    site.assert_configured()
    good = site.config["S3_COMPOSEDVIDEO_URL"]
    site.app.change({"S3_COMPOSEDVIDEO_URL": good.rstrip("/"), "INSTANCE_ENABLE_ARCHIVING": "false"})
    failed = site.play(home, verify, interactive_broadcast_verify_timeout=1).failed()
    assert "does not end with a slash" in failed.error
    site.app.change({"S3_COMPOSEDVIDEO_URL": good})
    assert "INSTANCE_ENABLE_ARCHIVING" in site.play(home, verify).failed().error
    site.client.delete_bucket_policy(Bucket=site.bucket)
    assert (
        "Players without a key need a bucket policy"
        in site.play(home, verify, interactive_broadcast_verify_timeout=1).failed().error
    )
    assert site.patches() == []


@pytest.mark.slow
def test_role_on_oldest_core_configures_and_is_idempotent(site: BroadcastSite, home: Path) -> None:
    """Up to ansible-core 2.18, templates return strings, and module_defaults are templated for every task."""
    oldest = ensure_core(DEFAULT_LINES[0], find_pythons())
    if oldest is None:
        pytest.skip(f"no Python of this machine runs ansible-core {DEFAULT_LINES[0]}")
    survey = {"interactive_broadcast_rotate_after": "", "interactive_broadcast_enable_archiving": "yes"}
    options: dict[str, Any] = {"ansible_playbook": oldest, "awx": True, **survey}
    site.play(home, **options).ok()
    site.assert_configured()
    recording, size = site.record()
    assert len(site.play_recording(recording).content) == size
    site.clear_log()
    assert site.play(home, **options).ok().stats["changed"] == 0
    assert site.writes == []
    off = dict.fromkeys(("interactive_broadcast_enable_archiving", "interactive_broadcast_image_acls"), False)
    site.play(home, **{**options, "awx": False, **off}).ok()
    assert site.config["INSTANCE_ENABLE_ARCHIVING"] == "false"
