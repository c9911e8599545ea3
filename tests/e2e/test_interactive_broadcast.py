# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document "Interactive Broadcast: Archiving" as one run, and what comes of it for the application, its visitors,
and everybody else. What is looked at is what the servers hold and which calls they got.
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
    with broadcast_site(sandbox, sandbox.heroku) as made:
        yield made


@pytest.fixture
def moto(sandbox: Sandbox) -> Iterator[BroadcastSite]:
    with broadcast_site(sandbox, sandbox.heroku, sandbox.stores["moto-iam"]) as made:
        yield made


def result(run: Run) -> dict[str, Any]:
    """The fact that the role sets."""
    facts = [event.result.get("ansible_facts", {}) for event in run.events]
    found = [fact["interactive_broadcast_result"] for fact in facts if "interactive_broadcast_result" in fact]
    assert found, run.output
    return dict(found[-1])


def refused(call: Any, **options: Any) -> bool:
    """Whether a call with a key is denied."""
    try:
        call(**options)
    except ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 403)
    return False


def nothing_else_is_public(site: BroadcastSite) -> None:
    """Only what is below the API key, whatever else there is."""
    for key in ("img/private.png", "other/file", f"{site.key}-not/archive.mp4"):
        site.client.put_object(Bucket=site.bucket, Key=key, Body=b"private")
        assert site.anybody_gets(key) == 403, key
    assert site.anybody_gets(f".vonage-archiving/{site.key}.json") == 403
    assert site.anybody_gets("?list-type=2") == 403
    site.client.head_object(Bucket=site.bucket, Key=f".vonage-archiving/{site.key}.json")


def the_key_can_do_nothing_else(site: BroadcastSite) -> None:
    recording, _size = site.record()
    mine, place = site.application(), {"Bucket": site.bucket}
    assert refused(mine.list_objects_v2, **place)
    assert refused(mine.get_object, **place, Key=f".vonage-archiving/{site.key}.json")
    assert refused(mine.put_object, **place, Key=f"{site.key}/x/archive.mp4", Body=b"x")
    assert refused(mine.put_object, **place, Key="other/x", Body=b"x")
    assert refused(mine.delete_object, **place, Key=recording)
    assert refused(mine.delete_object, **place, Key="img/private.png")
    assert refused(mine.put_bucket_cors, **place, CORSConfiguration={"CORSRules": [BY_HAND]})
    assert refused(mine.delete_bucket_policy, **place)
    site.client.head_object(Bucket=site.bucket, Key=recording)
    uploader = site.vonage.target(site.key)
    assert uploader
    assert site.config["AWS_ACCESS_KEY_ID"] != uploader["config"]["accessKey"]


def test_generation_1(site: BroadcastSite, home: Path) -> None:
    planned = site.play(home, args=["--check"], **RESTRICTED).ok()
    assert site.written == []
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
    # What check mode has said is what was done.
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

    site.forget()
    again = site.play(home, **RESTRICTED).ok()
    assert again.stats["changed"] == 0
    assert site.written == []
    assert site.patches() == []
    assert len(site.app.releases) == 2

    site.settled()
    recording, size = site.record()
    played = site.watch(recording)
    assert (played.status_code, len(played.content)) == (200, size)
    for acl in ("private", "public-read"):
        before, put = site.upload_from_a_page(ORIGIN, acl)
        assert before.headers["Access-Control-Allow-Origin"] in (ORIGIN, "*")
        assert "PUT" in before.headers["Access-Control-Allow-Methods"]
        assert (put.status_code, put.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
    before, _put = site.upload_from_a_page(STRANGER)
    assert "Access-Control-Allow-Origin" not in before.headers
    nothing_else_is_public(site)
    the_key_can_do_nothing_else(site)


def test_generation_2(site: BroadcastSite, home: Path) -> None:
    """Images are elsewhere: one config var, no user, no key; the uploader's key is given."""
    given = given_key(*make_uploader(site.store, site.bucket))
    options: dict[str, Any] = {**given, "interactive_broadcast_generation": 2}
    hidden = [str(given["archive_storage_uploader_secret_key"])]
    site.play(home, **options, hidden=hidden).ok()
    assert site.config == {**OTHERS, "BUCKET_URL": f"{site.s3.url}/{site.bucket}"}
    assert site.patches() == [{"BUCKET_URL": f"{site.s3.url}/{site.bucket}"}]
    assert site.keys() == {}
    site.forget()
    assert site.play(home, **options, hidden=hidden).ok().stats["changed"] == 0
    assert site.written == []
    recording, size = site.record()
    assert len(site.watch(recording).content) == size
    nothing_else_is_public(site)
    rules = site.client.get_bucket_cors(Bucket=site.bucket)["CORSRules"]
    assert [rule["AllowedOrigins"] for rule in rules] == [["*"]]


@pytest.mark.slow
def test_what_awx_sends_and_the_end(site: BroadcastSite, home: Path) -> None:
    """A survey's answers; what was set up is taken away again, but for recordings and what others have set."""
    survey: dict[str, Any] = {
        "interactive_broadcast_generation": "1",
        "interactive_broadcast_allowed_origins": f"{ORIGIN}, https://*.example.org",
        "interactive_broadcast_image_acls": "no",
        "interactive_broadcast_enable_archiving": "False",
        "interactive_broadcast_grace": "",
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
    assert "is interactive_broadcast_bucket meant?" in first.output
    assert site.config["INSTANCE_ENABLE_ARCHIVING"] == "false"
    for name in (site.bucket, f"{site.bucket}-images"):
        (rule,) = site.client.get_bucket_cors(Bucket=name)["CORSRules"]
        assert sorted(rule["AllowedOrigins"]) == ["https://*.example.org", ORIGIN]
        assert site.client.get_bucket_encryption(Bucket=name)
    site.settled()
    policy = site.iam.get_user_policy(UserName=site.user, PolicyName="vonage-archiving")["PolicyDocument"]
    assert "PutObjectAcl" not in json.dumps(policy)
    assert {"Key": "team", "Value": "video"} in site.iam.list_user_tags(UserName=site.user)["Tags"]
    recording, _size = site.record()
    site.forget()
    gone = site.play(home, awx=True, **{**survey, "interactive_broadcast_state": "absent"}).ok()
    assert result(gone)["release"] is True
    assert (site.config, site.keys(), site.vonage.target(site.key)) == (OTHERS, {}, None)
    assert len(site.patches()) == 1
    site.client.head_object(Bucket=site.bucket, Key=recording)
    # There is nothing left to take away.
    assert not site.run(state="absent").changed
    assert site.client.list_objects_v2(Bucket=f"{site.bucket}-images")["KeyCount"] == 1


def by_hand(site: BroadcastSite, bucket_acl: bool = True) -> tuple[str, str]:
    """Set everything up as the document says: the key of a person who may do everything, in two places."""
    acl = {"ACL": "public-read"} if bucket_acl else {}
    site.client.create_bucket(Bucket=site.bucket)
    site.client.put_bucket_cors(Bucket=site.bucket, CORSConfiguration={"CORSRules": [BY_HAND]})
    site.client.put_object(Bucket=site.bucket, Key=f"{site.key}/", Body=b"", **acl)
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{site.bucket}*"}
    policy = {"Version": "2012-10-17", "Statement": [everything]}
    person = site.store.make_user(f"person-{site.key}", policy)
    named = {"AWS_ACCESS_KEY_ID": person[0], "AWS_SECRET_ACCESS_KEY": person[1], "S3_BUCKET_NAME": site.bucket}
    # The document's own example of this, with its slash.
    site.app.change({**named, "S3_COMPOSEDVIDEO_URL": f"{site.store.endpoint_url}/{site.bucket}/"})
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
    """What a person signs for the REST API."""
    import jwt

    now = int(time.time())
    claims = {"iss": site.key, "ist": "project", "iat": now, "exp": now + 120, "jti": "by-hand"}
    return jwt.encode(claims, site.secret, "HS256")


class Audience:
    """Plays a recording over and over, as long as a run lasts."""

    def __init__(self, site: BroadcastSite, recording: str) -> None:
        self.site, self.recording = site, recording
        self.seen: list[int] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self.stop.wait(0.02):
            self.seen.append(self.site.watch(self.recording).status_code)

    def __enter__(self) -> Audience:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(30)


def test_taking_over_what_was_set_up_by_hand(site: BroadcastSite, home: Path) -> None:
    """A recording plays at every moment; the diff says what changes; the person's key is left alone."""
    person = by_hand(site)
    recording, _size = site.record()
    site.client.put_object_acl(Bucket=site.bucket, Key=recording, ACL="public-read")
    if site.anybody_gets(recording) != 200:
        # A store on which ACLs open nothing: the folder was made public by a policy.
        opened = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        statement = {**opened, "Resource": f"arn:aws:s3:::{site.bucket}/{site.key}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        site.client.put_bucket_policy(Bucket=site.bucket, Policy=policy)
    assert site.watch(recording).status_code == 200
    site.forget()
    with Audience(site, recording) as audience:
        run = site.play(home, hidden=[person[1]]).ok()
    assert len(audience.seen) > 20
    assert set(audience.seen) == {200}
    found = result(run)
    assert "cors_rules" not in found["archive_storage"]["bucket_changes"]
    assert found["reason"] == "changed"
    assert set(found["app_changes"]) >= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_COMPOSEDVIDEO_URL"}
    diff = run.task("Give the application its config vars, once it is shown that they work").result["diff"]
    assert diff["before"]["AWS_ACCESS_KEY_ID"] in (person[0], "(not shown)")
    assert diff["after"]["AWS_SECRET_ACCESS_KEY"] == "(the new secret)"
    assert "PUT" not in {each.method for each in site.s3.requests if each.query == "cors"}
    keys = site.iam.list_access_keys(UserName=f"person-{site.key}")["AccessKeyMetadata"]
    assert [(key["AccessKeyId"], key["Status"]) for key in keys] == [(person[0], "Active")]
    site.settled()
    the_key_can_do_nothing_else(site)


def test_taking_over_where_acls_are_switched_on(moto: BroadcastSite) -> None:
    """With a public access block: nothing of what ACLs give is taken away, and a policy opens the folder."""
    by_hand(moto)
    off = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
    moto.client.put_public_access_block(Bucket=moto.bucket, PublicAccessBlockConfiguration=off)
    rules = {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}}
    moto.client.put_bucket_ownership_controls(Bucket=moto.bucket, **rules)
    moto.forget()
    changed = moto.make_bucket()
    assert "cors_rules" not in changed.result["changes"]
    preferred: dict[str, Any] = {"object_ownership": "BucketOwnerPreferred", "public_prefixes": None, "folders": None}
    moto.make_bucket(**preferred)
    assert "PUT public_access" not in str(moto.written)
    held = moto.client.get_public_access_block(Bucket=moto.bucket)["PublicAccessBlockConfiguration"]
    assert held == off
    (rule,) = moto.client.get_bucket_ownership_controls(Bucket=moto.bucket)["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerPreferred"}
    assert not moto.make_bucket(**preferred).changed
    assert not moto.make_bucket().changed
    # moto answers nobody who comes without a key, and no preflight.
    outcome = moto.run(proof="none")
    assert outcome.result["reason"] == "changed"
    moto.settled()
    moto.steady()


def test_a_new_bucket_with_everything_blocked_is_opened_for_recordings_alone(moto: BroadcastSite) -> None:
    """As new buckets of AWS are."""
    moto.client.create_bucket(Bucket=moto.bucket)
    on = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    moto.client.put_public_access_block(Bucket=moto.bucket, PublicAccessBlockConfiguration=on)
    moto.make_bucket()
    held = moto.client.get_public_access_block(Bucket=moto.bucket)["PublicAccessBlockConfiguration"]
    assert held == {**on, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}
    (statement,) = json.loads(moto.client.get_bucket_policy(Bucket=moto.bucket)["Policy"])["Statement"]
    assert statement["Resource"] in (
        f"arn:aws:s3:::{moto.bucket}/{moto.key}/*",
        [f"arn:aws:s3:::{moto.bucket}/{moto.key}/*"],
    )
    moto.run(proof="none")
    moto.settled()


def test_images_in_a_bucket_of_their_own(site: BroadcastSite) -> None:
    images = f"{site.bucket}-images"
    site.make_bucket(cors_rules=[])
    site.make_bucket(images, public_prefixes=[], folders=[])
    outcome = site.run(images_bucket=images)
    assert outcome.result["config"]["S3_BUCKET_NAME_IMAGES"] == images
    assert all(check["ok"] for check in outcome.result["checks"])
    site.settled()
    assert refused(site.application().put_object, Bucket=site.bucket, Key="img/x.png", Body=b"x")
    before, put = site.upload_from_a_page(STRANGER)
    assert (before.status_code, put.status_code) == (200, 200)
    site.steady(images_bucket=images)
    left = [each["Key"] for each in site.client.list_objects_v2(Bucket=images)["Contents"]]
    assert not [key for key in left if "probe" in key]


def test_a_bucket_that_does_not_do_what_is_needed(site: BroadcastSite) -> None:
    """Each is found before the application gets anything, and the key that was made for it goes again."""
    rule = {"allowed_origins": [STRANGER], "allowed_methods": ["PUT"]}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"public_prefixes": []}, "recording_plays"),
        ({"cors_rules": [rule]}, "image_preflight"),
        ({"public_prefixes": [site.key, "img"]}, "images_private"),
    ]
    for options, name in wrong:
        site.make_bucket(**options)
        with pytest.raises(VerificationFailedError) as error:
            site.run(verify_timeout=0)
        assert [check["name"] for check in error.value.facts["checks"] if not check["ok"]] == [name]
        assert (site.patches(), site.keys(), site.config) == ([], {}, OTHERS)
        site.see_no_secret(str(error.value.as_result()))
    site.make_bucket()
    site.run()
    site.settled()
    listed = site.client.list_objects_v2(Bucket=site.bucket)["Contents"]
    assert not [each["Key"] for each in listed if "probe" in each["Key"]]


def test_a_look_at_what_the_application_has(site: BroadcastSite) -> None:
    """Everything by which the document or a person may have gone wrong; nothing is changed by the look."""
    site.make_bucket()
    site.run()
    good: dict[str, str | None] = dict(site.config)
    site.forget()
    assert site.run(proof="only").result["changes"] == []
    found = site.config["S3_COMPOSEDVIDEO_URL"]
    swapped = {"AWS_ACCESS_KEY_ID": good["AWS_SECRET_ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY": good["AWS_ACCESS_KEY_ID"]}
    edited: list[tuple[dict[str, str | None], str]] = [
        # The document's format text as it is, and filled in.
        ({"S3_COMPOSEDVIDEO_URL": "https//s3.amazonaws.com/[S3_BUCKET_NAME]"}, "is no URL"),
        ({"S3_COMPOSEDVIDEO_URL": f"https//s3.amazonaws.com/{site.bucket}"}, "is no URL"),
        ({"S3_COMPOSEDVIDEO_URL": "https://[S3_BUCKET_NAME].s3.amazonaws.com/"}, "is no URL"),
        ({"S3_COMPOSEDVIDEO_URL": found.rstrip("/")}, "no slash at its end"),
        ({"S3_COMPOSEDVIDEO_URL": f"{found}x/"}, "recording_plays"),
        ({"S3_COMPOSEDVIDEO_URL": ""}, "has no"),
        ({"AWS_SECRET_ACCESS_KEY": "x" * 40}, "rotate=true gives another one"),
        ({"S3_BUCKET_NAME_IMAGES": ""}, "has no"),
        (swapped, "image_upload"),
    ]
    for changes, told in edited:
        site.app.change({**good, **changes})
        with pytest.raises(errors.ArchivingError) as error:
            site.run(proof="only", verify_timeout=0)
        assert told in str(error.value), changes
        site.see_no_secret(str(error.value.as_result()))
        planned = site.run(check_mode=True)
        site.see_no_secret(str(planned))
    assert site.patches() == []
    site.app.change(good)
    site.iam.update_access_key(UserName=site.user, AccessKeyId=good["AWS_ACCESS_KEY_ID"], Status="Inactive")
    with pytest.raises(VerificationFailedError) as error:
        site.run(proof="only", verify_timeout=0)
    assert "image_upload" in str(error.value)
    # The next run mends what the look has found.
    site.app.change({"S3_COMPOSEDVIDEO_URL": found.rstrip("/")})
    assert site.run().result["reason"] == "changed"
    assert site.config["S3_COMPOSEDVIDEO_URL"] == found
    site.settled()
    site.steady()


def test_the_other_generation_ends_without_a_slash(site: BroadcastSite) -> None:
    site.make_bucket()
    site.run(generation=2)
    good = site.config["BUCKET_URL"]
    site.app.change({"BUCKET_URL": f"{good}/"})
    # SeaweedFS takes two slashes for one, which S3 does not: that it plays here is not all that is told.
    looked = site.run(generation=2, proof="only", verify_timeout=0)
    assert (looked.changed, looked.result["changes"]) == (False, ["BUCKET_URL"])
    assert site.config["BUCKET_URL"] == f"{good}/"
    site.run(generation=2)
    assert site.config["BUCKET_URL"] == good
    site.steady(generation=2)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_app_that_is_not_an_interactive_broadcast_keeps_its_access_key(
    site: BroadcastSite, home: Path, state: str
) -> None:
    """A mistyped name is refused before anything is touched; with consent, an application is set up all the same."""
    config = {"AWS_ACCESS_KEY_ID": "AKIAOFANOTHERAPP1234", "AWS_SECRET_ACCESS_KEY": "another-secret-of-the-app"}
    other = site.heroku.add_app(config={**config, "DATABASE_URL": "postgres://db.example.com/billing"})
    before = other.config
    mistyped: dict[str, Any] = {"interactive_broadcast_heroku_app": other.name, "interactive_broadcast_state": state}
    refused = site.play(home, hidden=[config["AWS_SECRET_ACCESS_KEY"]], **mistyped).failed()
    assert f"Could not change the config vars of {other.name}: none of them shows that it is" in refused.error
    assert (site.written, other.config, site.keys()) == ([], before, {})
    if state == "present":
        site.make_bucket()
        assert site.run(app=other.name, adopt_app=True).result["reason"] == "changed"
        assert site.keys() == {other.config["AWS_ACCESS_KEY_ID"]: "Active"}
        # From now on it is recognized.
        site.steady(app=other.name)


@pytest.mark.slow
def test_switches_that_are_off_and_options_that_are_wrong(site: BroadcastSite, home: Path) -> None:
    """False is false; what cannot be right is told while nothing has been touched."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"interactive_broadcast_state": "Present"}, "not one of present, absent"),
        ({"interactive_broadcast_rotate_after": "90 days"}, "rotate_after"),
        ({"archive_storage_require_encryption": True}, "would refuse the images"),
        ({"interactive_broadcast_heroku_api_token": "HRKU-not-the-right-one"}, "HTTP 401 (unauthorized)"),
        ({"interactive_broadcast_allowed_origins": []}, "allowed_origins"),
        (
            {"archive_storage_uploader_name": f"interactive-broadcast-{site.key}"},
            f"interactive-broadcast-{site.key} cannot be both",
        ),
    ]
    for options, told in wrong:
        run = site.play(home, hidden=["HRKU-not-the-right-one"], **options).failed()
        assert told in run.error
    verify = home / "verify.yml"
    verify.write_text(yaml.safe_dump(VERIFY))
    assert "nothing to verify" in site.play(home, verify, interactive_broadcast_state="absent").failed().error
    assert (site.written, site.config) == ([], OTHERS)
    switches = ("image_acls", "enable_archiving", "verify")
    off: dict[str, Any] = {f"interactive_broadcast_{name}": False for name in switches}
    run = site.play(home, **off).ok()
    assert result(run)["checks"] == []
    assert site.config["INSTANCE_ENABLE_ARCHIVING"] == "false"
    policy = site.iam.get_user_policy(UserName=site.user, PolicyName="vonage-archiving")["PolicyDocument"]
    assert "PutObjectAcl" not in json.dumps(policy)


@pytest.mark.slow
def test_verify(site: BroadcastSite, home: Path) -> None:
    """With the config vars as they are: proves, changes nothing, and fails where something would not work."""
    site.play(home).ok()
    verify = home / "verify.yml"
    verify.write_text(yaml.safe_dump(VERIFY))
    site.forget()
    run = site.play(home, verify).ok()
    assert run.changed == []
    assert all(check["ok"] for check in result(run)["checks"])
    assert (site.patches(), len(site.app.releases)) == ([], 2)
    site.settled()
    good = site.config["S3_COMPOSEDVIDEO_URL"]
    site.app.change({"S3_COMPOSEDVIDEO_URL": good.rstrip("/"), "INSTANCE_ENABLE_ARCHIVING": "false"})
    failed = site.play(home, verify, interactive_broadcast_verify_timeout=1).failed()
    assert "no slash at its end" in failed.error
    site.app.change({"S3_COMPOSEDVIDEO_URL": good})
    assert "INSTANCE_ENABLE_ARCHIVING" in site.play(home, verify).failed().error
    site.client.delete_bucket_policy(Bucket=site.bucket)
    assert "public" in site.play(home, verify, interactive_broadcast_verify_timeout=1).failed().error
    assert site.patches() == []


@pytest.mark.slow
def test_on_the_oldest_core(site: BroadcastSite, home: Path) -> None:
    """Up to ansible-core 2.18 templates make strings, and module_defaults are templated for every task."""
    oldest = ensure_core(DEFAULT_LINES[0], find_pythons())
    if oldest is None:
        pytest.skip(f"no Python of this machine runs ansible-core {DEFAULT_LINES[0]}")
    survey = {"interactive_broadcast_rotate_after": "", "interactive_broadcast_enable_archiving": "yes"}
    options: dict[str, Any] = {"ansible_playbook": oldest, "awx": True, **survey}
    site.play(home, **options).ok()
    site.settled()
    recording, size = site.record()
    assert len(site.watch(recording).content) == size
    site.forget()
    assert site.play(home, **options).ok().stats["changed"] == 0
    assert site.written == []
    off = dict.fromkeys(("interactive_broadcast_enable_archiving", "interactive_broadcast_image_acls"), False)
    site.play(home, **{**options, "awx": False, **off}).ok()
    assert site.config["INSTANCE_ENABLE_ARCHIVING"] == "false"
