# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action that prints IAM policies: what it prints, and that it needs no credentials.

``tests/e2e/test_permissions.py`` tests the policies themselves.
"""

from __future__ import annotations

import gc
import json
import typing as t

import pytest
import yaml
from ansible.utils.display import Display

from ansible_collections.vonage.archiving.plugins.action.archive_storage_policy import ActionModule
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.print_policies import ARGUMENTS
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import policy as uploader
from ansible_collections.vonage.archiving.plugins.modules import archive_storage_policy as documentation
from ansible_collections.vonage.archiving.tests.unit.plugins.action.acting import act

PROJECT: dict[str, t.Any] = {"archive_storage_api_key": 47123456, "archive_storage_bucket": "example-recordings"}


@pytest.fixture(autouse=True)
def _usual_garbage() -> t.Iterator[None]:
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(Display, "display", lambda _display, line, *_args, **_options: lines.append(line))
    return lines


def print_policies(**variables: t.Any) -> dict[str, t.Any]:
    given = {f"archive_storage_{name}": value for name, value in variables.items()}
    return act(ActionModule, {}, {**PROJECT, **given})


def statements(result: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    assert not result.get("failed"), result
    return {statement["Sid"]: statement for statement in result["operator"]["Statement"]}


def test_action_without_credentials_prints_both_policies_as_json(shown: list[str]) -> None:
    result = print_policies()
    assert json.loads(shown[1]) == result["operator"]
    assert json.loads(shown[3]) == result["upload_user"]
    assert shown[0] == ("Policy of the operator who runs Ansible, for project 47123456 and bucket example-recordings:")
    assert shown[2] == "Policy of the upload user vonage-archiving-47123456, which the role creates and attaches:"
    assert result["upload_user"] == uploader.document("example-recordings", "47123456")
    assert (result["changed"], result["project"]) == (False, "47123456")


def test_action_external_key_has_no_iam_actions(shown: list[str]) -> None:
    result = print_policies(upload_key="external")
    assert "iam:" not in str(result)
    assert result["upload_user"] == uploader.external_document("example-recordings", "47123456")
    assert shown[2] == "Policy of the upload user, whose access key you set in archive_storage_uploader_access_key:"


@pytest.mark.usefixtures("shown")
def test_action_application_needs_no_private_key() -> None:
    application = "78D335FA-323D-0114-9C3D-D6F0D48968CF"
    result = print_policies(api_key="", application_id=application, private_key="not a key")
    assert result.get("project") == application.lower(), result


@pytest.mark.usefixtures("shown")
def test_action_secrets_are_not_returned() -> None:
    secrets = {"api_secret": "s3cr3t-1", "secret_key": "s3cr3t-2", "uploader_secret_key": "s3cr3t-3"}
    result = print_policies(upload_key="external", access_key="AKIAIOSFODNN7EXAMPLE", **secrets)
    assert not result.get("failed"), result
    assert "s3cr3t" not in str(result)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("region", "boundary", "bucket_arn", "user_arn"),
    [
        ("", "", "arn:aws:s3:::example-recordings", "arn:aws:iam::*:user/vonage-archiving-47123456"),
        (
            "us-gov-east-1",
            "arn:aws-us-gov:iam::123456789012:policy/uploaders",
            "arn:aws-us-gov:s3:::example-recordings",
            "arn:aws-us-gov:iam::123456789012:user/vonage-archiving-47123456",
        ),
        (
            "us-gov-west-1",
            "arn:aws-us-gov:iam::aws:policy/AmazonS3FullAccess",
            "arn:aws-us-gov:s3:::example-recordings",
            "arn:aws-us-gov:iam::*:user/vonage-archiving-47123456",
        ),
    ],
)
def test_action_arns_contain_partition_and_known_account(
    region: str, boundary: str, bucket_arn: str, user_arn: str
) -> None:
    by_sid = statements(print_policies(region=region, uploader_permissions_boundary=boundary))
    assert by_sid["Bucket"]["Resource"] == [bucket_arn]
    assert by_sid["Uploader"]["Resource"] == [user_arn, f"{user_arn}-spare"]
    assert ("iam:PutUserPermissionsBoundary" in by_sid["Uploader"]["Action"]) is bool(boundary)


@pytest.mark.usefixtures("shown")
def test_action_store_other_than_aws_needs_more_reads() -> None:
    by_sid = statements(print_policies(endpoint="https://s3.example.com", folders=["a"], delete_bucket=True))
    assert by_sid["Folders"]["Action"] == ["s3:PutObject", "s3:GetObject"]
    assert "iam:ListUserTags" in by_sid["Uploader"]["Action"]
    assert by_sid["Deletion"]["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]


@pytest.mark.usefixtures("shown")
def test_action_state_absent_with_deletion_prints_policy_of_whole_lifecycle() -> None:
    deletion = {"state": "absent", "delete_bucket": True, "delete_recordings": "example-recordings"}
    by_sid = statements(print_policies(**deletion))
    assert "s3:DeleteBucket" in by_sid["Bucket"]["Action"]
    assert "s3:CreateBucket" in by_sid["Bucket"]["Action"]
    assert "Deletion" not in statements(print_policies(state="absent"))


def test_action_invalid_variables_fail_with_all_problems(shown: list[str]) -> None:
    result = print_policies(bucket="", fallback="x", strict=True, retention_day=30)
    for problem in (
        "archive_storage_bucket: is not set",
        "archive_storage_fallback: 'x'",
        "archive_storage_retention_day: ",
    ):
        assert problem in result["msg"]
    assert shown == []


def test_action_host_of_inventory_is_its_project(shown: list[str]) -> None:
    result = act(ActionModule, {}, {"vonage_project_id": 47000001, "archive_storage_bucket": "example-recordings"})
    assert result["project"] == "47000001"
    assert len(shown) == 4


def test_documentation_has_all_options() -> None:
    assert set(yaml.safe_load(documentation.DOCUMENTATION)["options"]) == set(ARGUMENTS)
