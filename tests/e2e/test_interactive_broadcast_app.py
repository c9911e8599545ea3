# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``interactive_broadcast_app`` with SeaweedFS and an emulator of Heroku.

Assertions compare the state of the servers and the requests that they received.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import VerificationFailedError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import apply
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import reconcile as uploader_module
from tests.e2e import playbook_runs
from tests.e2e.broadcast_environment import (
    OTHERS,
    STRANGER,
    UNVERIFIED,
    BroadcastEnvironment,
    is_denied,
)
from tests.e2e.module_runs import without_libraries
from tests.sandbox import HerokuEmulator

# The time limit of one call of the Heroku API in broadcast_environment.py, and the delay of a busy machine.
TOTAL, SLACK = 3.0, 4.0

ALWAYS = 99


def test_reconcile_check_mode_then_create_then_idempotent(broadcast: BroadcastEnvironment) -> None:
    broadcast.clear_request_log()
    planned = broadcast.run(check_mode=True)
    assert (planned.changed, broadcast.writes, broadcast.keys(), broadcast.config) == (True, [], {}, OTHERS)
    created = broadcast.run()
    assert (created.changed, created.result["reason"]) == (True, "missing")
    assert planned.result["changes"] == created.result["changes"]
    assert created.before != created.after
    assert created.after["AWS_SECRET_ACCESS_KEY"] == "(the new secret)"
    broadcast.assert_configured()
    broadcast.assert_idempotent()


def test_reconcile_images_bucket_is_configured_separately(broadcast: BroadcastEnvironment) -> None:
    images = f"{broadcast.bucket}-images"
    broadcast.ensure_bucket(cors_rules=[])
    broadcast.ensure_bucket(images, public_prefixes=[], folders=[])
    outcome = broadcast.run(images_bucket=images)
    assert outcome.result["config"]["S3_BUCKET_NAME_IMAGES"] == images
    assert all(check["ok"] for check in outcome.result["checks"])
    broadcast.assert_configured()
    assert is_denied(broadcast.app_client().put_object, Bucket=broadcast.bucket, Key="img/x.png", Body=b"x")
    preflight, put = broadcast.upload_from_page(STRANGER)
    assert (preflight.status_code, put.status_code) == (200, 200)
    broadcast.assert_idempotent(images_bucket=images)
    keys = [item["Key"] for item in broadcast.client.list_objects_v2(Bucket=images)["Contents"]]
    assert not [key for key in keys if "probe" in key]


def test_reconcile_bucket_is_misconfigured_fails_and_deletes_the_new_key(broadcast: BroadcastEnvironment) -> None:
    rule = {"allowed_origins": [STRANGER], "allowed_methods": ["PUT"]}
    misconfigured: list[tuple[dict[str, Any], str]] = [
        ({"public_prefixes": []}, "recording_plays"),
        ({"cors_rules": [rule]}, "image_preflight"),
        ({"public_prefixes": [broadcast.key, "img"]}, "images_private"),
    ]
    for options, name in misconfigured:
        broadcast.ensure_bucket(**options)
        with pytest.raises(VerificationFailedError) as error:
            broadcast.run(verify_timeout=0)
        assert [check["name"] for check in error.value.facts["checks"] if not check["ok"]] == [name]
        assert (broadcast.patches(), broadcast.keys(), broadcast.config) == ([], {}, OTHERS)
        broadcast.assert_no_secret(str(error.value.as_result()))
    broadcast.ensure_bucket()
    broadcast.run()
    broadcast.assert_configured()
    listed = broadcast.client.list_objects_v2(Bucket=broadcast.bucket)["Contents"]
    assert not [item["Key"] for item in listed if "probe" in item["Key"]]


def test_reconcile_verify_only_finds_wrong_config_vars_and_changes_nothing(broadcast: BroadcastEnvironment) -> None:
    """Mistakes of the document and of persons."""
    broadcast.ensure_bucket()
    broadcast.run()
    good: dict[str, str | None] = dict(broadcast.config)
    broadcast.clear_request_log()
    assert broadcast.run(verify="only").result["changes"] == []
    url = broadcast.config["S3_COMPOSEDVIDEO_URL"]
    swapped = {"AWS_ACCESS_KEY_ID": good["AWS_SECRET_ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY": good["AWS_ACCESS_KEY_ID"]}
    edited: list[tuple[dict[str, str | None], str]] = [
        # The format of the document, unchanged and filled in.
        ({"S3_COMPOSEDVIDEO_URL": "https//s3.amazonaws.com/[S3_BUCKET_NAME]"}, "is not a valid URL"),
        ({"S3_COMPOSEDVIDEO_URL": f"https//s3.amazonaws.com/{broadcast.bucket}"}, "is not a valid URL"),
        ({"S3_COMPOSEDVIDEO_URL": "https://[S3_BUCKET_NAME].s3.amazonaws.com/"}, "is not a valid URL"),
        ({"S3_COMPOSEDVIDEO_URL": url.rstrip("/")}, "does not end with a slash"),
        ({"S3_COMPOSEDVIDEO_URL": f"{url}x/"}, "recording_plays"),
        ({"S3_COMPOSEDVIDEO_URL": ""}, "does not have"),
        ({"AWS_SECRET_ACCESS_KEY": "x" * 40}, "replace it with rotate=true"),
        ({"S3_BUCKET_NAME_IMAGES": ""}, "does not have"),
        (swapped, "image_upload"),
    ]
    for changes, message in edited:
        broadcast.app.change({**good, **changes})
        with pytest.raises(errors.ArchivingError) as error:
            broadcast.run(verify="only", verify_timeout=0)
        assert message in str(error.value), changes
        broadcast.assert_no_secret(str(error.value.as_result()))
        planned = broadcast.run(check_mode=True)
        broadcast.assert_no_secret(str(planned))
    assert broadcast.patches() == []
    broadcast.app.change(good)
    broadcast.iam.update_access_key(UserName=broadcast.user, AccessKeyId=good["AWS_ACCESS_KEY_ID"], Status="Inactive")
    with pytest.raises(VerificationFailedError) as error:
        broadcast.run(verify="only", verify_timeout=0)
    assert "image_upload" in str(error.value)
    # The next run repairs it.
    broadcast.app.change({"S3_COMPOSEDVIDEO_URL": url.rstrip("/")})
    assert broadcast.run().result["reason"] == "changed"
    assert broadcast.config["S3_COMPOSEDVIDEO_URL"] == url
    broadcast.assert_configured()
    broadcast.assert_idempotent()


def test_reconcile_generation_2_removes_the_slash_at_the_end(broadcast: BroadcastEnvironment) -> None:
    broadcast.ensure_bucket()
    broadcast.run(generation=2)
    good = broadcast.config["BUCKET_URL"]
    broadcast.app.change({"BUCKET_URL": f"{good}/"})
    # SeaweedFS treats two slashes as one, but S3 does not: the verification succeeds, and the change is reported.
    verified = broadcast.run(generation=2, verify="only", verify_timeout=0)
    assert (verified.changed, verified.result["changes"]) == (False, ["BUCKET_URL"])
    assert broadcast.config["BUCKET_URL"] == f"{good}/"
    broadcast.run(generation=2)
    assert broadcast.config["BUCKET_URL"] == good
    broadcast.assert_idempotent(generation=2)


def attempt(broadcast: BroadcastEnvironment, **options: Any) -> Outcome | errors.ArchivingError:
    """Run the use case and return its error, if any; assert the time limit and that the error has no secret."""
    started = time.monotonic()
    try:
        return broadcast.run(**{"rotate": True, **UNVERIFIED, **options})
    except errors.ArchivingError as error:
        broadcast.assert_no_secret(f"{error} {error.as_result()}")
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
def test_reconcile_patch_fails_new_key_stays_unless_clearly_refused(
    broadcast: BroadcastEnvironment, heroku: HerokuEmulator, name: str
) -> None:
    broadcast.run(**UNVERIFIED)
    old = dict(broadcast.config)
    heroku.fail_next(**FAULTS[name], method="PATCH", times=ALWAYS)
    error = attempt(broadcast)
    assert isinstance(error, errors.ArchivingError)
    assert error.operation == f"change the config vars of {broadcast.app.name}"
    assert broadcast.keys()[broadcast.config["AWS_ACCESS_KEY_ID"]] == "Active"
    assert (broadcast.config != old) is bool(FAULTS[name].get("apply"))
    assert len(broadcast.keys()) == (1 if name in CLEAR_REFUSALS else 2)
    heroku.clear_faults()
    broadcast.assert_recovered()


@pytest.mark.parametrize("name", FAULTS)
def test_reconcile_get_fails_nothing_is_written(
    broadcast: BroadcastEnvironment, heroku: HerokuEmulator, name: str
) -> None:
    broadcast.run(**UNVERIFIED)
    old = dict(broadcast.config)
    broadcast.clear_request_log()
    heroku.fail_next(**FAULTS[name], method="GET", times=ALWAYS)
    assert isinstance(attempt(broadcast), errors.ArchivingError)
    assert (broadcast.writes, broadcast.config) == ([], old)
    broadcast.assert_configured()


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_reconcile_transient_fault_succeeds(
    broadcast: BroadcastEnvironment, heroku: HerokuEmulator, method: str
) -> None:
    broadcast.run(**UNVERIFIED)
    for name in ("429", "500 and applied", "reset and applied", "close in the middle"):
        old = broadcast.config["AWS_ACCESS_KEY_ID"]
        heroku.fail_next(**FAULTS[name], method=method)
        outcome = attempt(broadcast)
        assert isinstance(outcome, Outcome), name
        assert broadcast.config["AWS_ACCESS_KEY_ID"] != old
        broadcast.assert_configured()
    broadcast.assert_idempotent(**UNVERIFIED)


def test_reconcile_pending_release_keeps_both_keys_until_it_ends(
    broadcast: BroadcastEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "POLL_SECONDS", 0.1)
    broadcast.run(**UNVERIFIED)
    old = broadcast.config["AWS_ACCESS_KEY_ID"]
    broadcast.app.release_command = True
    outcome = broadcast.run(rotate=True, **{**UNVERIFIED, "grace_period": 1})
    assert "AWS_ACCESS_KEY_ID" in outcome.result["pending"]
    assert "release command" in broadcast.warnings[-1]
    assert broadcast.config["AWS_ACCESS_KEY_ID"] == old
    assert sorted(broadcast.keys().values()) == ["Active", "Active"]
    broadcast.app.finish_releases(succeeded=True)
    assert broadcast.config["AWS_ACCESS_KEY_ID"] != old
    broadcast.app.release_command = False
    broadcast.assert_recovered()


def test_reconcile_user_that_is_not_managed_is_refused_without_force(broadcast: BroadcastEnvironment) -> None:
    broadcast.iam.create_user(UserName=broadcast.user)
    broadcast.iam.create_access_key(UserName=broadcast.user)
    with pytest.raises(errors.NotManagedError):
        broadcast.run()
    assert (broadcast.patches(), broadcast.config, len(broadcast.keys())) == ([], OTHERS, 1)
    broadcast.run(user={"force": True}, **UNVERIFIED)
    broadcast.assert_configured()


def test_reconcile_wrong_token_or_token_as_app_error_shows_no_secret(broadcast: BroadcastEnvironment) -> None:
    broadcast.run(**UNVERIFIED)
    wrong: list[dict[str, Any]] = [{"api_token": "HRKU-of-another-account"}, {"app": broadcast.heroku.api_token}]
    for changes in wrong:
        with pytest.raises(errors.ArchivingError) as error:
            broadcast.run(**changes)
        assert not playbook_runs.find_leaks(str(error.value), ["HRKU-of-another-account", *broadcast.secrets])


def test_reconcile_concurrent_runs_end_with_success_or_conflict_and_a_working_key(
    broadcast: BroadcastEnvironment,
) -> None:
    broadcast.run(**UNVERIFIED)
    outcomes = []
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2, 0.3):
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(attempt, broadcast)
            time.sleep(delay)
            second = pool.submit(attempt, broadcast)
        outcomes += [first.result(), second.result()]
        assert broadcast.keys()[broadcast.config["AWS_ACCESS_KEY_ID"]] == "Active"
        broadcast.assert_key_works()
    failed = [outcome for outcome in outcomes if isinstance(outcome, errors.ArchivingError)]
    assert all(isinstance(error, errors.ConflictError) for error in failed), failed
    assert len(failed) < len(outcomes)
    broadcast.assert_recovered()


def test_reconcile_user_with_which_vonage_uploads_is_refused(broadcast: BroadcastEnvironment) -> None:
    """Otherwise its keys would be deleted, and recordings would be lost."""
    name = f"uploads-{broadcast.key}"
    params = {"name": name, "bucket": broadcast.bucket, "prefix": broadcast.key}
    uploader_module.reconcile({**broadcast.operator_options, **params}, Context())
    before = broadcast.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    assert [key["Status"] for key in before] == ["Active"]
    states: list[dict[str, Any]] = [{}, {"state": "absent"}]
    for changes in states:
        with pytest.raises(errors.NotManagedError):
            broadcast.run(user={"name": name, "force": True}, **changes)
    assert broadcast.iam.list_access_keys(UserName=name)["AccessKeyMetadata"] == before
    assert (broadcast.patches(), broadcast.config) == ([], OTHERS)


@pytest.mark.parametrize(("library", "package"), [("requests", "requests"), ("botocore", "boto3")])
def test_reconcile_missing_library_raises_typed_error(
    broadcast: BroadcastEnvironment, monkeypatch: pytest.MonkeyPatch, library: str, package: str
) -> None:
    with monkeypatch.context() as patch:
        without_libraries(patch, library)
        with pytest.raises(errors.MissingLibraryError, match=f"Install {package} for this interpreter"):
            broadcast.run()
    assert (broadcast.patches(), broadcast.config, broadcast.keys()) == ([], OTHERS, {})


def test_reconcile_invalid_options_raise_input_error_without_a_request(broadcast: BroadcastEnvironment) -> None:
    broadcast.clear_request_log()
    with pytest.raises(errors.InputError) as caught:
        broadcast.run(bucket="Not A Bucket", images_bucket="Not An Images Bucket")
    assert len(caught.value.problems) == 2
    assert (broadcast.s3.requests, broadcast.api.requests) == ([], [])
