# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upload check as a whole, where no store that runs locally can show it: regions of AWS, and what goes wrong."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from botocore import exceptions

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core.deadline import Patience
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import cleanup as upload_cleanup
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import reconcile as upload_check
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.access_checks import Views
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.params import Settings
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.probe import Check, new_keys
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.upload_checks import PART_SIZE
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import Asked, LocalServer, Reply

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
    """A client whose HeadBucket answers as told."""

    def __init__(self, answer: t.Any) -> None:
        self.answer, self.asked = answer, 0
        self.meta = t.cast("t.Any", type("Meta", (), {"region_name": "us-east-1"}))

    def head_bucket(self, Bucket: str) -> t.Any:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


REFUSAL: t.Any = {**head("eu-west-1"), "Error": {"Code": "403"}}


@pytest.mark.parametrize(
    ("answer", "region"),
    [
        (head("eu-west-1"), "eu-west-1"),
        (exceptions.ClientError(REFUSAL, "HeadBucket"), "eu-west-1"),
        (head(None), "us-east-1"),
        (exceptions.NoCredentialsError(), "us-east-1"),
        (exceptions.EndpointConnectionError(endpoint_url="x"), "us-east-1"),
    ],
)
def test_aws_tells_where_the_bucket_is(answer: t.Any, region: str) -> None:
    assert upload_check.bucket_region(AWS, "b", Operator(answer)) == region


def test_other_stores_are_not_asked_for_a_region() -> None:
    operator = Operator(head("eu-west-1"))
    assert upload_check.bucket_region(WEED, "b", operator) == "us-east-1"
    given = Connection(endpoint_url="http://127.0.0.1:1", region="sa-east-1")
    assert upload_check.bucket_region(given, "b", operator) == "sa-east-1"
    assert operator.asked == 0


def test_check_mode_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(head("eu-west-1"))
    monkeypatch.setattr(upload_check, "make_client", lambda _connection: operator)
    outcome = upload_check.reconcile({**OPTIONS, "region": "eu-west-3"}, Context(check_mode=True))
    assert operator.asked == 0
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


def test_wrong_options_make_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(upload_check, "make_client")
    with pytest.raises(InputError):
        upload_check.reconcile({**OPTIONS, "prefix": "a/b"}, Context())


def test_a_bug_in_a_check_does_not_keep_the_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned: list[str] = []

    def perform(wanted: Settings, uploader: t.Any, _views: t.Any, _deadline: t.Any) -> list[Check]:
        uploader.ledger.put(uploader.keys.single)
        raise KeyError("a bug")

    def run(self: t.Any) -> dict[str, t.Any]:
        cleaned.extend(key for key, _version in self.ledger.objects)
        return {"ok": True, "detail": "", "left": []}

    monkeypatch.setattr(upload_check, "perform", perform)
    monkeypatch.setattr(upload_cleanup.Cleanup, "run", run)
    with pytest.raises(KeyError):
        upload_check.reconcile({**OPTIONS, "endpoint_url": "http://127.0.0.1:1"}, Context())
    assert len(cleaned) == 1


def test_a_server_error_counts_as_private_and_a_key_is_never_shown() -> None:
    """A store that takes every signed request, echoes secrets, and answers unsigned ones with a server error."""

    def answer(asked: Asked, _count: int) -> Reply:
        if "authorization" not in asked.headers and asked.method == "GET":
            return Reply(500, b"s" * 40)
        if asked.method == "POST" and asked.path.endswith("uploads"):
            return Reply(200, b"<R><UploadId>u</UploadId></R>", {"Content-Type": "application/xml"})
        if asked.method == "GET":
            both = b"s" * 40 + b" " + b"o" * 40
            return Reply(400, b"<Error><Code>Odd</Code><Message>" + both + b"</Message></Error>")
        if asked.method == "PUT" and "partNumber=1" not in asked.path:
            sizes.append(len(asked.body))
        # What it says of an object is as long as what it was sent.
        size = sizes[0] + (PART_SIZE if asked.path.endswith(".zip") else 0)
        body = b"x" * size if asked.method == "HEAD" else b"<R/>"
        return Reply(200, body, {"ETag": '"e"', "x-amz-server-side-encryption": "AES256"})

    sizes: list[int] = []

    with LocalServer(answer) as server:
        s3 = {**OPTIONS["s3"], "endpoint": server.url}
        outcome = upload_check.reconcile(
            {**OPTIONS, "s3": s3, "expect_public": False, "expect_least_privilege": True, "timeout": 0}, Context()
        )
    checks = {check["name"]: check for check in outcome.result["checks"]}
    assert checks["anonymous_read"]["ok"]
    assert "HTTP 500, as expected" in checks["anonymous_read"]["detail"]
    # Neither allowed nor denied is no proof.
    assert not checks["no_read"]["ok"]
    assert "It could not be found out whether the key can read recordings" in checks["no_read"]["detail"]
    assert checks["stored_encryption"]["ok"]
    # Neither key to the other one's owner.
    assert not [shown for shown in ("s" * 8, "o" * 8) if shown in f"{outcome.result} {outcome.failed}"]


@pytest.mark.parametrize(
    ("operator", "verify"),
    [
        (WEED, True),
        (replace(WEED, ca_bundle="/ca.pem"), "/ca.pem"),
        (replace(WEED, ca_bundle="/ca.pem", validate_certs=False), False),
    ],
)
def test_whoever_has_no_key_trusts_as_the_operator_does(operator: Connection, verify: bool | str) -> None:
    wanted = Settings("recordings", "45678901", True, WEED, operator)
    assert Views(wanted, None, new_keys("45678901"), b"", "https://x", Patience(0))._http.verify == verify


def test_a_policy_that_some_servers_do_not_know_yet_is_waited_for() -> None:
    begun: list[int] = []

    def answer(asked: Asked, _count: int) -> Reply:
        if asked.method != "POST" or not asked.path.endswith("uploads"):
            return Reply(200, b"<R/>", {"ETag": '"e"'})
        begun.append(len(begun))
        if len(begun) == 1:
            return Reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        return Reply(200, b"<R><UploadId>u</UploadId></R>")

    with LocalServer(answer) as server:
        s3 = {**OPTIONS["s3"], "endpoint": server.url, "sse": "none"}
        outcome = upload_check.reconcile({**OPTIONS, "s3": s3, "timeout": 5}, Context())
    assert {check["name"]: check["ok"] for check in outcome.result["checks"]}["multipart_upload"]
    assert begun == [0, 1]


@pytest.mark.parametrize("body", [b"", b"<html/>", b"<html><br>"])
def test_what_takes_anything_proves_nothing(body: bytes) -> None:
    """A portal or a proxy, say. What is no XML, botocore takes for a server error."""
    with LocalServer(lambda _asked, _count: Reply(200, body)) as server:
        s3 = {**OPTIONS["s3"], "endpoint": server.url, "sse": "none"}
        wanted = {**OPTIONS, "s3": s3, "expect_public": False, "timeout": 0}
        outcome = upload_check.reconcile({**wanted, "multipart": False}, Context())
        assert outcome.failed
        parts = upload_check.reconcile({**wanted, "expect_least_privilege": True}, Context())
        assert parts.failed
    told = {check["name"]: check["detail"] for check in [*outcome.result["checks"], *parts.result["checks"]]}
    if not body.endswith(b"<br>"):
        size = f"has {len(body)} bytes where 119 were uploaded: something else than an S3 store answers there"
        assert size in told["stored_encryption"]
        assert "the answer has no UploadId" in told["multipart_upload"]
