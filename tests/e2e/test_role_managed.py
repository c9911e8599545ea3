# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role with an uploader that it manages, as ansible-playbook runs it: users, keys and targets afterwards.

What a test only needs to be there is made by the driver, without Ansible, as is what the module alone decides.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.delete import UPLOADS_IN_PROGRESS
from tests.e2e import driver
from tests.e2e.runs import Run
from tests.e2e.site import MANAGED, PROBE, Site, iam_action, new_site, told
from tests.sandbox import Sandbox

BUCKET = "vonage.archiving.archive_storage : Create or update the bucket"
KEY = "vonage.archiving.archive_storage : Create or update the upload target"
TARGET = "vonage.archiving.archive_storage : Create or update the upload target"
REMOVE_TARGET = "vonage.archiving.archive_storage : Delete the upload target and its access keys"
POLICY = "vonage-archiving"
# A key is deactivated before it is deleted.
RETIRED = ["UpdateAccessKey", "DeleteAccessKey"]
OWNER_TAG = "vonage-archiving:managed"


def driven(site: Site) -> list[str]:
    """Do as the role does, without Ansible; return what was changed."""
    return driver.configure(variables_of(site))


def variables_of(site: Site) -> dict[str, Any]:
    """What the driver takes."""
    variables = {name.removeprefix("archive_storage_"): value for name, value in site.variables.items()}
    keys = {"access_key": site.store.access_key, "secret_key": site.store.secret_key}
    return {**variables, **keys}


def change_record(site: Site, **changes: Any) -> None:
    """Change fields of the record."""
    body = json.dumps({**site.record(), **changes}).encode()
    site.client.put_object(Bucket=site.bucket, Key=site.record_key, Body=body)


def iam_calls(site: Site) -> list[str]:
    """The requests to the IAM API that could change something."""
    return [action for action in map(iam_action, site.s3.requests) if action and not action.startswith(("Get", "List"))]


def allowed(site: Site) -> dict[str, str]:
    """The one policy of the user: what may be done on what."""
    iam = site.store.iam_client()
    (name,) = iam.list_user_policies(UserName=site.user)["PolicyNames"]
    document = iam.get_user_policy(UserName=site.user, PolicyName=name)["PolicyDocument"]
    found = json.loads(document) if isinstance(document, str) else document
    return {
        action: resource
        for each in found["Statement"]
        for action in many(each["Action"])
        for resource in many(each["Resource"])
    }


def many(value: Any) -> list[Any]:
    """A list, of which SeaweedFS makes a scalar where it has one item."""
    return value if isinstance(value, list) else [value]


def users(site: Site) -> list[str]:
    """The users of this project that are there."""
    names = [user["UserName"] for user in site.store.iam_client().list_users()["Users"]]
    return sorted(name for name in names if name.startswith(site.user))


def diffs(run: Run) -> dict[str, Any]:
    """What the tasks that change something showed as a difference."""
    return {event.task: event.result["diff"] for event in run.events if event.changed}


def test_from_nothing_to_a_key_that_is_rotated(managed: Site) -> None:
    site = managed
    planned = site.configure(args=["--check"])
    assert (site.written, site.calls(), users(site), site.exists()) == ([], [], [], False)
    first = site.configure()
    assert planned.changed == first.changed == [BUCKET, KEY]
    assert diffs(planned) == diffs(first)
    key, secret = site.held_key
    assert site.target() == {
        "type": "s3",
        "config": {
            "accessKey": key,
            "secretKey": secret,
            "bucket": site.bucket,
            "endpoint": site.s3.url,
            "sse": "s3",
        },
        "fallback": "opentok",
        "certificate": None,
    }
    assert (users(site), site.keys()) == ([site.user], {key: "Active"})
    below = f"arn:aws:s3:::{site.bucket}/{site.key}/*"
    assert allowed(site) == {
        "s3:PutObject": below,
        "s3:AbortMultipartUpload": below,
        "s3:ListBucket": f"arn:aws:s3:::{site.bucket}",
    }
    assert iam_calls(site) == ["CreateUser", "TagUser", "PutUserPolicy", "CreateAccessKey"]
    # The proof came before the target was set, and nothing of it is left.
    assert (site.methods, len(site.probes), site.objects()) == (["PUT"], 3, [site.record_key])
    probed = [each.time for each in site.s3.requests if PROBE in each.path]
    assert max(probed) < site.calls()[0]["time"]
    assert all(check["ok"] for check in first.result["checks"])
    shown = {"id": key, "user": site.user, "status": "Active", "created": None, "in_target": True}
    assert first.result["access_keys"] == [shown]
    assert (first.result["reason"], first.result["retained_keys_reason"]) == ("unknown", "")
    assert first.result["verification"] == f"uploads with {key} work"
    assert (site.record()["status"], site.record()["storage"]["access_key"]) == ("applied", key)
    steady_calls(site)
    archives = [site.uploaded()]
    rotated_now(site, (key, secret))
    archives.append(site.uploaded())
    assert sorted(site.objects()) == sorted([*archives, site.record_key])


def steady_calls(site: Site) -> None:
    """A run that changes nothing reads each thing once."""
    held = site.held_key
    written = site.record()
    run = site.steady()
    assert run.result["reason"] == "unchanged"
    facets = ("encryption", "lifecycle", "policy", "publicAccessBlock")
    user = ("GetUser", "GetUserPolicy", "ListAccessKeys", "ListUserTags")
    assert sorted(told(each) for each in site.s3.requests) == sorted(
        [f"GET /{site.bucket}?{facet}" for facet in facets]
        + [f"GET /{site.bucket}/{site.record_key}?"]
        # Of the spare user only whether it is there.
        + [*user, "GetUser"]
    )
    assert (site.held_key, site.record(), site.keys()) == (held, written, {held[0]: "Active"})


def rotated_now(site: Site, old: tuple[str, str]) -> None:
    """The playbook rotate replaces the key, and says so before in check mode."""
    site.forget()
    planned = site.run("rotate", args=["--check"]).ok()
    assert (site.written, site.calls(), site.all_keys()) == ([], [], {old[0]: "Active"})
    run = site.run("rotate").ok()
    assert planned.changed == run.changed == [KEY]
    assert diffs(planned) == diffs(run)
    assert diffs(run)[KEY]["after"]["target"]["access_key"] == "(new)"
    new = site.held_key
    assert new[0] != old[0]
    assert new[1] != old[1]
    # The old key stays, for recordings that started with it.
    assert site.all_keys() == {old[0]: "Active", new[0]: "Active"}
    assert (site.methods, run.result["reason"]) == (["PUT"], "forced")
    assert iam_calls(site) == ["CreateUser", "TagUser", "PutUserPolicy", "CreateAccessKey"]
    assert site.record()["storage"]["access_key"] == new[0]


def test_a_key_grows_old_and_goes_in_two_steps_with_values_as_awx_sends_them(managed: Site) -> None:
    site = managed
    driven(site)
    names = ("uploader_access_key", "uploader_secret_key", "uploader_name", "uploader_path", "iam_endpoint_url")
    more = (
        "upload_key",
        "uploader_permissions_boundary",
        "uploader_list_all_my_buckets",
        "rotate",
        "max_age",
        "state_file",
    )
    empty: dict[str, Any] = dict.fromkeys((*names, *more, "rotate_after", "grace_period", "drain_timeout", "tags"), "")
    survey = {**empty, "delete_after": "3600", "expect_least_privilege": "no", "uploader_tags": "team: video"}
    old = site.held_key[0]
    site.pass_time(91 * 86400)
    site.forget()
    expired = site.configure(awx=True, **survey)
    new = site.held_key[0]
    assert (expired.changed, expired.result["reason"], expired.result["retained_keys_reason"]) == (
        [KEY],
        "expired",
        "the grace period is not over",
    )
    assert site.all_keys() == {old: "Active", new: "Active"}
    assert iam_calls(site) == ["TagUser", "CreateUser", "TagUser", "PutUserPolicy", "CreateAccessKey"]
    # The archive list shows that no recording can use the old key.
    site.pass_time(60)
    site.forget()
    idle = site.configure(awx=True, **survey)
    assert (idle.changed, idle.result["reason"], set(site.methods)) == ([KEY], "unchanged", {"GET"})
    assert (iam_calls(site), site.all_keys()) == (["UpdateAccessKey"], {old: "Inactive", new: "Active"})
    assert idle.result["retained_keys_reason"] == "old keys are inactive, and deleted later"
    # After both periods the key is deleted, and nobody asks the API.
    site.pass_time(64800 + 3600)
    site.forget()
    late = site.configure(awx=True, **survey)
    assert (late.changed, late.result["reason"], site.calls()) == ([KEY], "unchanged", [])
    assert (iam_calls(site), site.all_keys()) == (["DeleteAccessKey"], {new: "Active"})
    assert (late.result["retained_keys_reason"], late.result["retained_keys_until"]) == ("", None)
    site.uploaded()


def begun_upload(site: Site) -> Callable[[], None]:
    """Begin to upload as Vonage does; what it returns ends it with the same key."""
    vonage = site.store.client(*site.held_key)
    where = {"Bucket": site.bucket, "Key": f"{site.key}/{uuid.uuid4()}/archive.mp4"}
    where["UploadId"] = vonage.create_multipart_upload(**where)["UploadId"]

    def end() -> None:
        part = vonage.upload_part(**where, PartNumber=1, Body=b"whole")
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        vonage.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})

    return end


def test_upload_in_progress_keeps_its_key_after_the_grace_period(managed: Site) -> None:
    """Also one that the archive list does not show."""
    site = managed
    driven(site)
    old = site.held_key
    end = begun_upload(site)
    site.run("rotate").ok()
    new = site.held_key
    site.pass_time(30)
    kept = site.configure()
    assert kept.result["retained_keys_reason"] == "uploads that started before the target was set are in progress"
    assert site.all_keys() == {old[0]: "Active", new[0]: "Active"}
    end()
    assert driven(site) == ["target"]
    assert site.all_keys() == {old[0]: "Inactive", new[0]: "Active"}
    assert site.held_key == new


def test_upload_in_progress_keeps_its_key_from_teardown(managed: Site) -> None:
    site = managed
    driven(site)
    end = begun_upload(site)
    kept = site.run("teardown", drain_timeout=1).ok()
    assert (kept.changed, kept.result["retained_keys_reason"]) == ([REMOVE_TARGET], "the target changed a moment ago")
    site.pass_time(30)
    waiting = site.run("teardown", drain_timeout=1).ok()
    assert (waiting.changed, waiting.result["retained_keys_reason"]) == ([], UPLOADS_IN_PROGRESS)
    assert (site.target(), list(site.all_keys().values())) == (None, ["Active"])
    end()
    assert site.run("teardown", drain_timeout=1).ok().changed == [REMOVE_TARGET]
    assert (users(site), site.all_keys()) == ([], {})
    assert [key for key in site.objects() if key.endswith("archive.mp4")] != []


def test_verify_tries_a_key_of_its_own_and_finds_what_is_not_as_it_should_be(managed: Site) -> None:
    site = managed
    driven(site)
    held, written, keys = site.held_key, site.record(), site.keys()
    site.forget()
    good = site.run("verify").ok()
    assert (good.changed, good.stats["changed"]) == ([], 0)
    assert all(check["ok"] for check in good.result["checks"])
    assert len(good.result["checks"]) == 8
    assert iam_calls(site) == ["TagUser", "CreateAccessKey", *RETIRED]
    assert len(site.probes) == 3
    assert (site.calls(), site.held_key, site.record(), site.keys()) == ([], held, written, keys)
    iam = site.store.iam_client()
    open_to_all = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}]}
    iam.put_user_policy(UserName=site.user, PolicyName=POLICY, PolicyDocument=json.dumps(open_to_all))
    mended_by_configure(site)
    iam.put_user_policy(UserName=site.user, PolicyName=POLICY, PolicyDocument=json.dumps(open_to_all))
    iam.update_access_key(UserName=site.user, AccessKeyId=held[0], Status="Inactive")
    changed = site.run("verify").failed()
    assert changed.failed_task == "Fail if something is not as configured"
    assert f"Uploader: {site.user}: policy." in changed.error
    assert "Upload target: the last applied values differ from the configured ones." in changed.error
    assert (site.keys(), site.calls()) == ({held[0]: "Inactive"}, [])
    change_record(site, status="pending")
    unfinished = site.run("verify").failed()
    assert "Upload target: the run that wrote the state file did not finish." in unfinished.error
    deny_uploads(site)
    denied = site.run("verify").failed()
    assert denied.failed_task == "Create or update the upload target"
    assert "put_object: " in denied.error
    # Looking mends nothing, and leaves nothing.
    assert (site.keys(), site.calls(), site.left_probes()) == ({held[0]: "Inactive"}, [], [])
    site.client.delete_bucket_policy(Bucket=site.bucket)
    assert driven(site) == ["target"]
    assert site.all_keys() == {held[0]: "Inactive", site.held_key[0]: "Active"}
    site.uploaded()


def mended_by_configure(site: Site) -> None:
    """A policy that somebody has changed is put right, and that is all."""
    site.forget()
    run = site.configure()
    assert (run.changed, run.result["reason"], run.result["uploader_changes"]) == (
        [KEY],
        "unchanged",
        [f"{site.user}: policy"],
    )
    assert (iam_calls(site), site.calls()) == (["PutUserPolicy"], [])
    assert "s3:PutObject" in allowed(site)
    assert "s3:*" not in allowed(site)


def deny_uploads(site: Site) -> None:
    """Somebody's policy of the bucket."""
    arn = f"arn:aws:s3:::{site.bucket}/{site.key}/*"
    statement = {"Sid": "Closed", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": arn}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    site.client.put_bucket_policy(Bucket=site.bucket, Policy=json.dumps(policy))


def test_a_run_that_fails_leaves_all_as_it_was(managed: Site) -> None:
    site = managed
    driven(site)
    deny_uploads(site)
    before = (site.held_key, site.record(), site.all_keys(), site.holds("get_bucket_policy")["Policy"])
    site.forget()
    failed = site.run("configure", fallback="none").failed()
    assert failed.failed_task == "Create or update the upload target"
    assert "the bucket policy must not deny it" in failed.error
    made = ["CreateUser", "TagUser", "PutUserPolicy", "CreateAccessKey"]
    assert (iam_calls(site), site.calls()) == ([*made, *RETIRED], [])
    assert (site.held_key, site.record(), site.all_keys(), site.holds("get_bucket_policy")["Policy"]) == before
    site.client.delete_bucket_policy(Bucket=site.bucket)
    # A plain no of the API, which echoes what it was sent.
    site.forget()
    site.emulator.echo_secrets = True
    site.emulator.fail_next(status=403, path=f"/{site.key}/")
    refused = site.run("rotate").failed()
    assert "HTTP 403" in refused.error
    assert (iam_calls(site), site.methods) == (["CreateAccessKey", *RETIRED], ["PUT"])
    assert (site.held_key, site.record(), site.all_keys()) == before[:3]
    assert site.left_probes() == []
    site.uploaded()
    assert driven(site) == []


def test_from_a_given_key_to_a_managed_one_and_back(site: Site) -> None:
    driven(site)
    given = site.uploader
    managed = {"upload_key": "managed", "uploader_access_key": "", "uploader_secret_key": ""}
    run = site.configure(**managed)
    assert (run.changed, run.result["reason"]) == ([KEY], "changed")
    made = site.held_key
    assert (made[0] != given[0], site.keys()) == (True, {made[0]: "Active"})
    # Somebody else's key is left alone.
    assert site.store.client(*given).list_objects_v2(Bucket=site.bucket)["KeyCount"] > 0
    both = site.run("configure", upload_key="managed").failed()
    assert "delete them, or set archive_storage_upload_key to external" in both.error
    back = site.configure()
    assert (back.changed, site.held_key) == ([TARGET], given)
    site.uploaded()


def test_teardown_takes_the_users_with_it(managed: Site) -> None:
    site = managed
    driven(site)
    iam = site.store.iam_client()
    spare = f"{site.user}-spare"
    iam.create_user(UserName=spare)
    iam.tag_user(UserName=spare, Tags=[{"Key": OWNER_TAG, "Value": "true"}])
    iam.create_access_key(UserName=spare)
    archive = site.uploaded()
    site.forget()
    planned = site.run("teardown", args=["--check"]).ok()
    assert (site.methods, site.written, users(site)) == (["GET"], [], [site.user, spare])
    site.forget()
    run = site.run("teardown").ok()
    assert planned.changed == run.changed == [REMOVE_TARGET]
    # The archive list shows that no recording can use the keys.
    assert (site.target(), users(site), set(site.methods)) == (None, [], {"DELETE", "GET"})
    assert (site.keys(), site.keys(spare)) == ({}, {})
    assert sorted(site.objects()) == sorted([archive, site.record_key])
    assert site.record()["status"] == "absent"
    site.forget()
    again = site.run("teardown").ok()
    # Without users, nobody can use a key.
    assert (again.changed, site.methods, site.written) == ([], [], [])


def test_two_projects_in_one_play(e2e_sandbox: Sandbox, managed: Site, tmp_path: Path) -> None:
    """Users, keys and records are of one project each; one may have a key that is given."""
    with new_site(e2e_sandbox, tmp_path, MANAGED) as second, new_site(e2e_sandbox, tmp_path) as third:
        sites = (managed, second, third)
        variables = [{**site.variables, "archive_storage_rotate": site is second} for site in sites]
        include = {
            "ansible.builtin.include_role": {"name": "vonage.archiving.archive_storage"},
            # Of numbers: Ansible shows what a loop goes through.
            "loop": [0, 1, 2],
            "vars": {name: f"{{{{ projects[item].{name} | default('') }}}}" for each in variables for name in each},
        }
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", "projects": variables},
            "tasks": [{"name": "Set up", **include}],
        }
        playbook = managed.home / "projects.yml"
        playbook.write_text(yaml.safe_dump([play], sort_keys=False))
        playbook.chmod(0o600)
        hidden = [secret for site in sites for secret in site.secrets]
        first = managed.run_bare(playbook, secrets=hidden).ok()
        assert first.changed == [BUCKET, KEY, BUCKET, KEY, BUCKET, TARGET]
        held = [site.held_key for site in sites]
        assert held[2] == third.uploader
        assert [site.keys() for site in sites] == [{held[0][0]: "Active"}, {held[1][0]: "Active"}, {}]
        assert all(site.uploaded() for site in sites)
        hidden = [secret for site in sites for secret in site.secrets]
        again = managed.run_bare(playbook, secrets=hidden).ok()
        assert again.changed == [KEY]
        assert (held[0], held[2]) == (managed.held_key, third.held_key)
        assert second.held_key[0] != held[1][0]
        stranger = e2e_sandbox.store.client(*managed.held_key)
        with pytest.raises(ClientError, match="AccessDenied"):
            stranger.put_object(Bucket=second.bucket, Key=f"{second.key}/x", Body=b"")
