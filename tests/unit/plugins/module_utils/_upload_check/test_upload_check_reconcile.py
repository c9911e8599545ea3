# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upload checks that no local store can reproduce: regions of AWS, and failures."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from botocore import exceptions

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._core.retry import Deadline
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import cleanup, verify
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.access_checks import AccessChecks
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.fetch import fetch_bucket_region
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.params import UploadCheckParams
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.probe import Check, new_probe_keys
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.reconcile import reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.upload_checks import PART_SIZE
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    ReceivedRequest,
    Reply,
)

AWS, WEED = Connection(), Connection(endpoint_url="http://127.0.0.1:1")
OPTIONS: dict[str, t.Any] = {
    "s3": {"bucket": "recordings", "access_key": "AKIAQQQQQQQQQQQQQQQQ", "secret_key": "s" * 40},
    "prefix": "45678901",
    "access_key": "AKIAOPERATOR",
    "secret_key": "o" * 40,
}


def head(region: str | None) -> dict[str, t.Any]:
    return {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": region} if region else {}}}


class Operator:
    """A client with a fixed response to HeadBucket."""

    def __init__(self, response: t.Any) -> None:
        self.response, self.count = response, 0
        self.meta = t.cast("t.Any", type("Meta", (), {"region_name": "us-east-1"}))

    def head_bucket(self, Bucket: str) -> t.Any:
        self.count += 1
        if isinstance(self.response, Exception):
            raise self.response
        return self.response


REFUSAL: t.Any = {**head("eu-west-1"), "Error": {"Code": "403"}}


@pytest.mark.parametrize(
    ("response", "region"),
    [
        (head("eu-west-1"), "eu-west-1"),
        (exceptions.ClientError(REFUSAL, "HeadBucket"), "eu-west-1"),
        (head(None), "us-east-1"),
        (exceptions.NoCredentialsError(), "us-east-1"),
        (exceptions.EndpointConnectionError(endpoint_url="x"), "us-east-1"),
    ],
)
def test_fetch_bucket_region_of_aws_reads_the_header(response: t.Any, region: str) -> None:
    assert fetch_bucket_region(AWS, "b", Operator(response)) == region


def test_fetch_bucket_region_of_other_stores_sends_nothing() -> None:
    operator = Operator(head("eu-west-1"))
    assert fetch_bucket_region(WEED, "b", operator) == "us-east-1"
    connection = Connection(endpoint_url="http://127.0.0.1:1", region="sa-east-1")
    assert fetch_bucket_region(connection, "b", operator) == "sa-east-1"
    assert operator.count == 0


def test_reconcile_in_check_mode_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(head("eu-west-1"))
    monkeypatch.setattr(verify, "make_client", lambda _connection: operator)
    outcome = reconcile({**OPTIONS, "region": "eu-west-3"}, Context(check_mode=True))
    assert operator.count == 0
    assert outcome.result == {
        "bucket": "recordings",
        "prefix": "45678901",
        "url": "https://recordings.s3.eu-west-3.amazonaws.com/45678901/",
        "planned": [
            "credentials",
            "put_object",
            "put_sse_echo",
            "multipart_upload",
            "multipart_sse_echo",
            "stored_encryption",
            "anonymous_list",
        ],
        "checks": [],
    }
    assert (outcome.changed, outcome.failed) == (False, "")


def test_reconcile_invalid_options_create_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(verify, "make_client")
    with pytest.raises(InputError):
        reconcile({**OPTIONS, "prefix": "a/b"}, Context())


def test_reconcile_bug_in_a_check_still_deletes_the_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    deleted: list[str] = []

    def run_checks(_settings: UploadCheckParams, uploader: t.Any, _access: t.Any, _deadline: t.Any) -> list[Check]:
        uploader.created.add_object(uploader.keys.single)
        raise KeyError("a bug")

    def run(self: t.Any) -> dict[str, t.Any]:
        deleted.extend(key for key, _version in self.created.objects)
        return {"ok": True, "detail": "", "left": []}

    monkeypatch.setattr(verify, "run_checks", run_checks)
    monkeypatch.setattr(cleanup.Cleanup, "run", run)
    with pytest.raises(KeyError):
        reconcile({**OPTIONS, "endpoint_url": "http://127.0.0.1:1"}, Context())
    assert len(deleted) == 1


def test_reconcile_server_error_counts_as_private_and_no_secret_is_shown() -> None:
    """The store accepts every signed request, returns secrets, and fails for unsigned requests with a server error."""

    def respond(request: ReceivedRequest, _count: int) -> Reply:
        if "authorization" not in request.headers and request.method == "GET":
            return Reply(500, b"s" * 40)
        if request.method == "POST" and request.path.endswith("uploads"):
            return Reply(200, b"<R><UploadId>u</UploadId></R>", {"Content-Type": "application/xml"})
        if request.method == "GET":
            both = b"s" * 40 + b" " + b"o" * 40
            return Reply(400, b"<Error><Code>Odd</Code><Message>" + both + b"</Message></Error>")
        if request.method == "PUT" and "partNumber=1" not in request.path:
            sizes.append(len(request.body))
        # The size of an object is that of the upload.
        size = sizes[0] + (PART_SIZE if request.path.endswith(".zip") else 0)
        body = b"x" * size if request.method == "HEAD" else b"<R/>"
        return Reply(200, body, {"ETag": '"e"', "x-amz-server-side-encryption": "AES256"})

    sizes: list[int] = []

    with LocalServer(respond) as server:
        s3 = {**OPTIONS["s3"], "endpoint": server.url}
        outcome = reconcile(
            {**OPTIONS, "s3": s3, "expect_public": False, "expect_least_privilege": True, "timeout": 0}, Context()
        )
    checks = {check["name"]: check for check in outcome.result["checks"]}
    assert checks["anonymous_read"]["ok"]
    assert "HTTP 500, as expected" in checks["anonymous_read"]["detail"]
    # A response that is neither a success nor a denial is not sufficient.
    assert not checks["no_read"]["ok"]
    assert "Could not check whether the key can read recordings" in checks["no_read"]["detail"]
    assert checks["stored_encryption"]["ok"]
    assert not [shown for shown in ("s" * 8, "o" * 8) if shown in f"{outcome.result} {outcome.failed}"]


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (WEED, True),
        (replace(WEED, ca_bundle="/ca.pem"), "/ca.pem"),
        (replace(WEED, ca_bundle="/ca.pem", validate_certs=False), False),
    ],
)
def test_access_checks_use_the_trusted_certificates_of_the_operator(operator: Connection, expected: bool | str) -> None:
    settings = UploadCheckParams("recordings", "45678901", True, WEED, operator)
    access = AccessChecks(settings, None, new_probe_keys("45678901"), b"", "https://x", Deadline(0))
    assert access._http.verify == expected


def test_reconcile_waits_for_a_policy_to_reach_all_servers() -> None:
    created: list[int] = []

    def respond(request: ReceivedRequest, _count: int) -> Reply:
        if request.method != "POST" or not request.path.endswith("uploads"):
            return Reply(200, b"<R/>", {"ETag": '"e"'})
        created.append(len(created))
        if len(created) == 1:
            return Reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        return Reply(200, b"<R><UploadId>u</UploadId></R>")

    with LocalServer(respond) as server:
        s3 = {**OPTIONS["s3"], "endpoint": server.url, "sse": "none"}
        outcome = reconcile({**OPTIONS, "s3": s3, "timeout": 5}, Context())
    assert {check["name"]: check["ok"] for check in outcome.result["checks"]}["multipart_upload"]
    assert created == [0, 1]


@pytest.mark.parametrize("body", [b"", b"<html/>", b"<html><br>"])
def test_reconcile_server_that_accepts_any_request_fails(body: bytes) -> None:
    """For example, a portal or a proxy. Botocore treats a body without XML as a server error."""
    with LocalServer(lambda _asked, _count: Reply(200, body)) as server:
        s3 = {**OPTIONS["s3"], "endpoint": server.url, "sse": "none"}
        options = {**OPTIONS, "s3": s3, "expect_public": False, "timeout": 0}
        outcome = reconcile({**options, "multipart": False}, Context())
        assert outcome.failed
        parts = reconcile({**options, "expect_least_privilege": True}, Context())
        assert parts.failed
    details = {check["name"]: check["detail"] for check in [*outcome.result["checks"], *parts.result["checks"]]}
    if not body.endswith(b"<br>"):
        size = f"has {len(body)} bytes, but 119 bytes were uploaded: the server is not an S3 store"
        assert size in details["stored_encryption"]
        assert "the response has no UploadId" in details["multipart_upload"]
