# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Responses of a bucket, on stores that respond as AWS does and on other stores."""

from __future__ import annotations

import base64
import hashlib
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws.conditional_object import ConditionalObject
from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_client import Bucket, MalformedResponseError
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection, make_client
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import apply, fetch
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets import base, cors, encryption, policy
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.registry import FACETS
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.info import gather
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.params import parse_options
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.reconcile import reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    ReceivedRequest,
    Reply,
)

NO_CORS = "NoSuchCORSConfiguration"
CORS = b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>"
Responder = t.Callable[[ReceivedRequest], Reply]


def error(status: int, code: str, message: str = "no", **headers: str) -> Reply:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a value that may need seconds to appear twice, without a pause."""
    for module in (base, encryption, policy):
        monkeypatch.setattr(module, "CONFIRM_BACKOFF", (0.0,))
    monkeypatch.setattr(apply, "CREATE_BACKOFF", (0.0,))


class Scene:
    """A store with scripted responses."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server

    def respond_with(self, response: Reply | Responder) -> None:
        self.server.respond = (
            (lambda request, before: response)
            if isinstance(response, Reply)
            else lambda request, before: response(request)
        )

    @property
    def requests(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.server.requests]

    def params(self, **options: t.Any) -> dict[str, t.Any]:
        keys = {"access_key": "AK", "secret_key": "operators-secret-key"}
        return {"name": "b-1", "state": "present", "endpoint_url": self.server.url, **keys, **options}

    def run(self, check_mode: bool = False, **options: t.Any) -> t.Any:
        return reconcile(self.params(**options), Context(check_mode=check_mode))

    def fails(self, kind: type[errors.ArchivingError], **options: t.Any) -> errors.ArchivingError:
        with pytest.raises(kind) as caught:
            self.run(**options)
        assert "operators-secret-key" not in str(caught.value)
        return caught.value

    @property
    def store(self) -> str:
        return f"the S3 store at {self.server.url}"


@pytest.fixture
def scene() -> t.Iterator[Scene]:
    with LocalServer(lambda request, before: error(404, "NoSuchBucket")) as server:
        yield Scene(server)


DESIRED: dict[str, dict[str, t.Any]] = {
    "encryption": {"encryption": "s3"},
    "cors_rules": {"cors_rules": [{"allowed_origins": ["*"], "allowed_methods": ["GET"]}]},
    "policy": {"require_encryption": True},
    "block_public_access": {"block_public_access": True},
    "object_ownership": {"object_ownership": "BucketOwnerEnforced"},
    "versioning": {"versioning": "Enabled"},
    "lifecycle": {"lifecycle": {"expire_days": 1}},
    "tags": {"tags": {"a": "b"}},
}


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (error(501, "NotImplemented", "not implemented"), "responded with NotImplemented: not implemented"),
        (error(405, "MethodNotAllowed", "not so"), "responded with MethodNotAllowed: not so"),
        (error(400, "InvalidRequest", "odd"), "responded with InvalidRequest: odd"),
        (error(400, "NotImplemented", "odd"), "responded with NotImplemented: odd"),
        (error(400, "InvalidURI", "odd"), "responded with InvalidURI: odd"),
        (error(404, "NoSuchKey", "none"), "responded with NoSuchKey: none"),
        (Reply(200, b"<ListBucketResult/>"), "returned "),
        (Reply(200, b""), "returned "),
        (Reply(200, b"<html><body>welcome<br></html>"), "returned "),
        (Reply(200, b'{"status": "ok"}'), "returned "),
    ],
)
@pytest.mark.parametrize("facet", sorted(DESIRED))
def test_reconcile_unsupported_facet_error_names_facet_and_store(
    scene: Scene, facet: str, response: Reply, words: str
) -> None:
    scene.respond_with(response)
    failure = scene.fails(errors.UnsupportedError, **DESIRED[facet])
    title = FACETS[facet].subresource.title
    assert failure.operation == f"read {title} of bucket b-1"
    assert failure.problem.startswith(f"{scene.store} {words}")
    assert failure.facts["facet"] == title
    assert failure.facts["store"] == scene.store
    assert failure.hint.startswith(f"The store probably does not support {title.replace('the policy', '')}"[:40])
    assert {request.split()[0] for request in scene.requests} == {"GET"}


RULE = b"<LifecycleConfiguration><Rule>%s</Rule></LifecycleConfiguration>"


@pytest.mark.parametrize(
    ("facet", "body"),
    [
        (
            "cors_rules",
            CORS.replace(b"</CORSRule>", b"<MaxAgeSeconds>x</MaxAgeSeconds></CORSRule></CORSConfiguration>"),
        ),
        ("lifecycle", RULE % b"<Expiration><Date>x</Date></Expiration>"),
        ("tags", b"<Tagging><TagSet><Tag/></TagSet></Tagging>"),
        ("policy", b'{"Statement": [{"Principal": 1}]}'),
        ("policy", b'{"Statement": [{"Sid": ["a"]}]}'),
        ("policy", b'{"Statement": [{"Condition": ["a"]}]}'),
        ("policy", b"[" * 100_000),
    ],
)
def test_reconcile_malformed_document_is_an_error_that_names_the_facet(scene: Scene, facet: str, body: bytes) -> None:
    scene.respond_with(lambda request: Reply(200, b"" if request.method == "HEAD" else body))
    failure = scene.fails(errors.UnsupportedError, **DESIRED[facet])
    assert failure.facts["facet"] == FACETS[facet].subresource.title
    assert failure.problem.startswith(f"{scene.store} returned a malformed response instead of the ")
    shown = gather(scene.params(facets=sorted(DESIRED[facet])), Context())
    assert shown.result["unavailable"] == dict.fromkeys(DESIRED[facet], "unsupported")
    assert {request.split()[0] for request in scene.requests} == {"GET", "HEAD"}


def test_gather_only_one_facet_permitted_returns_it(scene: Scene) -> None:
    """HeadBucket needs its own permission."""
    scene.respond_with(
        lambda request: (
            Reply(200, CORS + b"</CORSConfiguration>") if "cors" in request.path else error(403, "AccessDenied")
        )
    )
    found = gather(scene.params(), Context()).result
    assert found["bucket"]["cors_rules"] == [{"allowed_origins": ["*"], "allowed_methods": ["GET"]}]
    assert set(found["unavailable"].values()) == {"denied"}


def test_gather_without_permissions_raises_the_reason(scene: Scene) -> None:
    scene.respond_with(lambda request: error(403, "InvalidAccessKeyId"))
    with pytest.raises(errors.DeniedError, match="The access key is unknown to this store"):
        gather(scene.params(), Context())
    scene.respond_with(lambda request: error(403, "AccessDenied"))
    with pytest.raises(
        errors.DeniedError, match=r"check whether bucket b-1 exists.*names are unique among all accounts"
    ):
        gather(scene.params(), Context())


def test_gather_head_denied_and_bucket_missing_returns_that_it_does_not_exist(scene: Scene) -> None:
    scene.respond_with(lambda request: Reply(403) if request.method == "HEAD" else error(404, "NoSuchBucket"))
    assert gather(scene.params(), Context()).result["bucket"] == {"name": "b-1", "exists": False}


@pytest.mark.parametrize("code", ["ExpiredToken", "RequestTimeout", "InvalidBucketName"])
def test_reconcile_error_of_the_request_is_not_an_unsupported_facet(scene: Scene, code: str) -> None:
    scene.respond_with(error(400, code))
    with pytest.raises(errors.ArchivingError) as caught:
        scene.run(cors_rules=[])
    assert not isinstance(caught.value, errors.UnsupportedError)


DATED = b"<ListBucketResult><Contents><Key>a/</Key><LastModified>soon</LastModified></Contents></ListBucketResult>"


@pytest.mark.parametrize("response", [Reply(200, DATED), Reply(206, b"nothing"), Reply(206, b"<a>" * 3)])
def test_reconcile_malformed_listing_is_unreachable(scene: Scene, response: Reply) -> None:
    scene.respond_with(response)
    failure = scene.fails(errors.UnreachableError, folders=["a"])
    assert failure.problem.startswith(f"{scene.store} returned a response that cannot be parsed")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("options", [{}, {"cors_rules": []}, {"folders": ["a"]}, {"state": "absent"}], ids=str)
def test_reconcile_redirect_is_rejected_after_one_request(scene: Scene, status: int, options: dict[str, t.Any]) -> None:
    """Many servers redirect from http to https."""
    scene.respond_with(Reply(status, b"<html>", {"Location": "https://me:hunter2@s3.example.com/b-1"}))
    failure = scene.fails(errors.RejectedError, **options)
    assert f"{scene.store} responded with {status}: it leads to https://********@s3.example.com/b-1" in failure.problem
    assert failure.hint.startswith("Set endpoint_url to the target of the redirect")
    assert len(scene.requests) == 1


def test_read_unset_facet_returns_none(scene: Scene) -> None:
    scene.respond_with(error(404, NO_CORS))
    bucket = Bucket("b-1", Connection(scene.server.url, "us-east-1", "AK", "sk"))
    assert bucket.read(cors.CorsFacet.subresource) is None


def test_read_missing_bucket_is_not_an_unset_facet(scene: Scene) -> None:
    bucket = Bucket("b-1", Connection(scene.server.url, "us-east-1", "AK", "sk"))
    with pytest.raises(errors.NotFoundError):
        bucket.read(cors.CorsFacet.subresource)


def test_reconcile_store_with_the_same_error_for_bucket_and_facet_creates_both(scene: Scene) -> None:
    """SeaweedFS responds in this way for the default encryption."""
    made: list[str] = []

    def respond(request: ReceivedRequest) -> Reply:
        if request.method == "PUT" and "?" not in request.path:
            made.append(request.path)
            return Reply(200)
        if "encryption" in request.path and request.method == "PUT":
            assert made
            made.append(request.path)
            return Reply(200)
        if "encryption" in request.path and len(made) == 2:
            rule = "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
            inner = f"{rule}</ApplyServerSideEncryptionByDefault></Rule>"
            root = "ServerSideEncryptionConfiguration"
            return Reply(200, f"<{root}>{inner}</{root}>".encode())
        if "encryption" in request.path:
            return error(404, "ServerSideEncryptionConfigurationNotFoundError")
        return Reply(200) if made else error(404, "NoSuchBucket")

    scene.respond_with(respond)
    checked = scene.run(check_mode=True, encryption="s3")
    assert checked.result["changes"] == ["bucket", "encryption"]
    assert scene.run(encryption="s3").result["changes"] == ["bucket", "encryption"]
    assert made == ["/b-1", "/b-1?encryption"]


def test_reconcile_head_denied_and_facet_unset_changes_nothing(scene: Scene) -> None:
    scene.respond_with(lambda request: error(403, "AccessDenied") if request.method == "HEAD" else error(404, NO_CORS))
    assert scene.run(cors_rules=[]).result["changes"] == []


def test_reconcile_bucket_of_another_account_hint_mentions_other_accounts(scene: Scene) -> None:
    scene.respond_with(error(403, "AccessDenied", "Access Denied"))
    calls: list[dict[str, t.Any]] = [{}, {"cors_rules": []}, {"state": "absent"}]
    for options in calls:
        failure = scene.fails(errors.DeniedError, **options)
        assert "names are unique among all accounts" in failure.hint
    assert "s3:GetBucketCORS" in scene.fails(errors.DeniedError, cors_rules=[]).hint


def test_reconcile_wrong_credentials_hint_does_not_mention_accounts(scene: Scene) -> None:
    scene.respond_with(error(403, "SignatureDoesNotMatch", "no"))
    failure = scene.fails(errors.DeniedError, cors_rules=[])
    assert failure.hint == "The secret key does not belong to the access key, or a proxy changes the request."


MOVED = error(301, "PermanentRedirect", "elsewhere", x_amz_bucket_region="eu-west-1")


@pytest.mark.parametrize("options", [{}, {"cors_rules": []}, {"folders": ["a"]}, {"state": "absent"}])
def test_reconcile_bucket_in_another_region_is_rejected(scene: Scene, options: dict[str, t.Any]) -> None:
    scene.respond_with(MOVED)
    failure = scene.fails(errors.RejectedError, region="us-east-1", **options)
    assert str(failure) == (
        "Could not use bucket b-1 in region us-east-1: the bucket is in eu-west-1. A bucket cannot be moved: set "
        "region=eu-west-1, or choose another name."
    )
    assert failure.facts == {"region": "eu-west-1"}


def test_reconcile_absent_bucket_in_another_region_is_not_deleted(scene: Scene) -> None:
    scene.respond_with(Reply(200, b"", {"x-amz-bucket-region": "eu-west-1"}))
    scene.fails(errors.RejectedError, region="us-east-1", state="absent", force=True)
    assert {request.split()[0] for request in scene.requests} == {"HEAD"}


def test_reconcile_region_in_response_is_returned(scene: Scene) -> None:
    scene.respond_with(lambda request: Reply(200, b"", {"x-amz-bucket-region": "eu-west-1"}))
    assert scene.run().result["bucket"]["region"] == "eu-west-1"
    found = gather(scene.params(facets=["tags"]), Context())
    assert found.result["bucket"]["region"] == "eu-west-1"


@pytest.mark.parametrize(
    ("options", "facets"),
    [
        ({"public_prefixes": []}, {"policy", "block_public_access"}),
        ({"public_prefixes": ["a"]}, {"block_public_access"}),
        ({"public_prefixes": ["a"], "skip_unsupported": ["public_prefixes"]}, {"policy", "block_public_access"}),
        ({"block_public_access": True}, set()),
        ({"block_public_access": True, "skip_unsupported": ["block_public_access"]}, {"block_public_access"}),
        ({"block_public_access": False}, {"block_public_access"}),
        ({"require_tls": False, "require_encryption": False}, {"policy"}),
        ({"require_tls": True, "require_encryption": True, "skip_unsupported": ["require_tls"]}, set()),
        ({"require_encryption": True, "defer_requirements": True}, set()),
        (
            {"lifecycle": {}, "cors_rules": [], "tags": {}, "encryption": "none"},
            {"lifecycle", "cors_rules", "tags", "encryption"},
        ),
        ({"versioning": "Suspended"}, {"versioning"}),
        ({"object_ownership": "ObjectWriter"}, set()),
        ({"lifecycle": {"expire_days": 1}}, set()),
        ({"lifecycle": {"expire_days": 1}, "skip_unsupported": ["lifecycle"]}, {"lifecycle"}),
    ],
)
def test_may_lack_options_are_satisfied_without_these_facets(options: dict[str, t.Any], facets: set[str]) -> None:
    def may_lack(url: str | None, exc: errors.UnsupportedError) -> set[str]:
        params = parse_options({"name": "b-1", **options}, Connection(url, "us-east-1", "AK", "sk"))
        return {name for name in params.facets if params.may_lack(name, exc)}

    other, problem = "https://s3.example.com", ("read it", "it is malformed")
    assert may_lack(other, errors.UnsupportedError(*problem)) == facets
    # A malformed response may hide public access. On AWS, no response means that it lacks a facet.
    implied = {"block_public_access"} if "public_prefixes" in options else set()
    assert may_lack(other, MalformedResponseError(*problem)) == implied
    assert may_lack(None, errors.UnsupportedError(*problem)) == set()


LIFECYCLE_RULE = (
    b"<LifecycleConfiguration><Rule><ID>vonage-archiving</ID><Status>Enabled</Status><Filter><Prefix>%s</Prefix>"
    b"</Filter><Expiration><Days>9</Days></Expiration></Rule></LifecycleConfiguration>"
)


@pytest.mark.parametrize(
    ("put", "written", "skipped"),
    [
        (error(501, "NotImplemented"), None, True),
        # A store that accepts the write and ignores it.
        (Reply(200), None, True),
        # A store that ignores the prefix would delete more than the options state.
        (Reply(200), LIFECYCLE_RULE % b"", False),
        (error(403, "AccessDenied"), None, False),
    ],
)
def test_skip_unsupported_covers_writes_that_change_nothing(
    scene: Scene, put: Reply, written: bytes | None, skipped: bool
) -> None:
    stored: list[bytes] = []

    def respond(request: ReceivedRequest) -> Reply:
        if request.method == "PUT":
            stored.extend([written] if written else [])
            return put
        return Reply(200, stored[0]) if stored else error(404, "NoSuchLifecycleConfiguration")

    scene.respond_with(respond)
    options: dict[str, t.Any] = {
        "lifecycle": {"expire_days": 9, "prefix": "a/"},
        "skip_unsupported": ["lifecycle", "tags"],
    }
    options["allow"] = ["shorter_retention"]
    if not skipped:
        scene.fails(errors.ArchivingError, **options)
        return
    for _unused in range(2):
        warnings: list[str] = []
        outcome = reconcile(scene.params(**options), Context(warn=warnings.append))
        assert (outcome.changed, outcome.result["changes"]) == (False, [])
        assert (outcome.before, outcome.after) == ({}, {})
        assert outcome.result["unsupported"] == ["lifecycle"]
        assert "lifecycle" not in outcome.result["bucket"]
        assert len(warnings) == 1
    scene.fails(errors.UnsupportedError, **{**options, "skip_unsupported": ["tags"]})


def test_reconcile_skip_unsupported_skips_single_options(scene: Scene) -> None:
    """The store has no policies. The option that is not in skip_unsupported is an error, unless it is none."""
    scene.respond_with(
        lambda request: error(501, "NotImplemented") if "policy" in request.path else error(404, "NoSuchBucket")
    )
    options: dict[str, t.Any] = {"require_encryption": True, "skip_unsupported": ["require_encryption", "require_tls"]}
    scene.fails(errors.UnsupportedError, public_prefixes=["a"], **options)
    assert {request.split()[0] for request in scene.requests} == {"GET"}
    warnings: list[str] = []
    message = "no (operators-secret-key)"
    scene.respond_with(lambda request: error(501, "NotImplemented", message) if "?" in request.path else Reply(200))
    params = scene.params(public_prefixes=[], require_tls=False, **options)
    outcome = reconcile(params, Context(warn=warnings.append))
    assert (outcome.changed, outcome.result["unsupported"]) == (False, ["require_encryption"])
    assert outcome.result["bucket"].keys() == {"name", "exists", "url", "region", "public_prefixes", "require_tls"}
    assert warnings == [
        f"require_encryption is skipped, since it is in skip_unsupported: {scene.store} "
        "responded with NotImplemented: no (********)."
    ]


def test_reconcile_malformed_response_is_not_skipped(scene: Scene) -> None:
    for body in (b"", b"<html><body>welcome<br></html>", b'{"status": "ok"}'):
        scene.respond_with(Reply(200, body))
        scene.fails(errors.UnsupportedError, public_prefixes=[])
        scene.fails(errors.UnsupportedError, require_tls=False)
        scene.fails(errors.UnsupportedError, lifecycle={"expire_days": 1}, skip_unsupported=["lifecycle"])


def test_fetch_aws_bucket_url_contains_its_region() -> None:
    aws = Connection(region="us-east-1", access_key="AK", secret_key="sk")
    assert fetch.location("b-1", aws, "eu-west-1") == {
        "url": "https://b-1.s3.eu-west-1.amazonaws.com",
        "region": "eu-west-1",
    }
    assert fetch.location("b.1", aws)["url"] == "https://s3.us-east-1.amazonaws.com/b.1"
    china = Connection(region="cn-northwest-1")
    assert fetch.location("b-1", china)["url"] == "https://b-1.s3.cn-northwest-1.amazonaws.com.cn"
    europe = Connection(region="eusc-de-east-1")
    assert fetch.location("b-1", europe)["url"] == "https://b-1.s3.eusc-de-east-1.amazonaws.eu"
    assert Bucket("b-1", Connection(region="eusc-de-east-1", access_key="AK", secret_key="sk")).connection.is_aws
    other = Connection("https://s3.example.com")
    assert fetch.location("b-1", other) == {"url": "https://s3.example.com/b-1", "region": "us-east-1"}


@pytest.mark.parametrize(
    ("code", "kind", "hint"),
    [
        ("BucketAlreadyExists", errors.DeniedError, "The name belongs to another account"),
        ("OperationAborted", errors.ConflictError, "Run it again when no other process changes it."),
    ],
)
def test_reconcile_bucket_that_cannot_be_created_raises_error_with_hint(
    scene: Scene, code: str, kind: type[errors.ArchivingError], hint: str
) -> None:
    scene.respond_with(lambda request: error(409, code) if request.method == "PUT" else error(404, "NoSuchBucket"))
    failure = scene.fails(kind)
    assert failure.operation == "create bucket b-1"
    assert failure.hint.startswith(hint)


def test_reconcile_bucket_created_by_another_run_is_accepted_if_it_is_accessible(scene: Scene) -> None:
    made = []

    def respond(request: ReceivedRequest) -> Reply:
        if request.method == "PUT":
            made.append(request)
            return error(409, "BucketAlreadyExists")
        return Reply(200 if made else 404)

    scene.respond_with(respond)
    assert scene.run().result["changes"] == ["bucket"]
    made.clear()
    scene.respond_with(lambda request: Reply(403) if made else respond(request))
    scene.fails(errors.DeniedError)


def test_reconcile_created_bucket_that_does_not_appear_is_an_error(scene: Scene) -> None:
    scene.respond_with(lambda request: Reply(200) if request.method == "PUT" else error(404, "NoSuchBucket"))
    failure = scene.fails(errors.UnreachableError)
    assert str(failure) == (
        "Could not use bucket b-1 after it was created: the store does not return it. Run it again in a minute."
    )


def test_reconcile_write_without_effect_is_an_error_with_both_values(scene: Scene) -> None:
    scene.respond_with(lambda request: Reply(200) if request.method == "PUT" else error(404, NO_CORS))
    rule = {"allowed_origins": ["*"], "allowed_methods": ["GET"]}
    failure = scene.fails(errors.UnsupportedError, cors_rules=[rule])
    assert str(failure) == (
        f"Could not write the CORS rules of bucket b-1: {scene.store} accepted it, but returns [] instead of "
        "[{'allowed_origins': ['*'], 'allowed_methods': ['GET']}]. The store may ignore a part of the request. "
        "Compare the two values, and leave out this part."
    )


def test_reconcile_unreachable_store_is_an_error_for_all_options() -> None:
    with LocalServer(lambda request, before: Reply()) as gone:
        url = gone.url
    calls: list[dict[str, t.Any]] = [{"folders": ["a"]}, {"folders": ["a"], "cors_rules": []}, {"tags": {}}, {}]
    for options in calls:
        params = {"name": "b-1", "endpoint_url": url, "access_key": "AK", "secret_key": "sk", **options}
        with pytest.raises(errors.UnreachableError, match="Could not connect to the endpoint URL"):
            reconcile(params, Context())


def test_reconcile_head_without_reason_has_a_hint(scene: Scene) -> None:
    scene.respond_with(Reply(400))
    failure = scene.fails(errors.RejectedError)
    assert "expired" in failure.hint


@pytest.mark.parametrize(
    ("options", "environ", "words"),
    [
        ({"profile": "missing"}, {}, "The config profile (missing) could not be found"),
        ({}, {"AWS_ACCESS_KEY_ID": "AK"}, "Partial credentials found"),
        ({}, {"AWS_REGION": "eu west"}, "Provided region_name 'eu west' doesn't match"),
    ],
)
def test_reconcile_invalid_configuration_file_is_not_reported_as_a_bug(
    options: dict[str, t.Any],
    environ: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    with pytest.raises(errors.InputError) as caught:
        reconcile({"name": "b-1", "cors_rules": [], **options}, Context(environ=environ))
    assert words in str(caught.value)


def test_reconcile_region_and_endpoint_of_a_profile_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: t.Any, scene: Scene
) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"[profile p]\nregion = eu-south-1\nendpoint_url = {scene.server.url}\n[profile q]\nregion = x-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    named = Bucket("b-1", Connection(profile="p")).connection
    assert (named.region, named.endpoint_url, named.is_aws) == ("eu-south-1", scene.server.url, False)
    aws = Bucket("b-1", Connection(profile="q")).connection
    assert (aws.region, aws.endpoint_url, aws.is_aws) == ("x-1", None, True)


def test_reconcile_encryption_none_on_a_store_that_always_encrypts_changes_nothing(scene: Scene) -> None:
    root, rule = "ServerSideEncryptionConfiguration", "ApplyServerSideEncryptionByDefault"
    body = f"<{root}><Rule><{rule}><SSEAlgorithm>AES256</SSEAlgorithm></{rule}></Rule></{root}>".encode()
    scene.respond_with(lambda request: Reply(204) if request.method == "DELETE" else Reply(200, body))
    outcome = scene.run(encryption="none")
    assert (outcome.changed, outcome.result["changes"]) == (False, [])
    assert outcome.result["bucket"]["encryption"] == "s3"
    assert outcome.before == outcome.after == {}


def test_reconcile_encryption_none_with_empty_response_changes_nothing(scene: Scene) -> None:
    """LocalEmu responds in this way after the default was deleted."""
    scene.respond_with(Reply(200, b""))
    assert not scene.run(encryption="none").changed
    scene.fails(errors.UnsupportedError, encryption="s3")
    assert {request.split()[0] for request in scene.requests} == {"GET"}


BELOW = b"<ListBucketResult><Contents><Key>a/recording.mp4</Key></Contents></ListBucketResult>"
EMPTY = b"<ListBucketResult></ListBucketResult>"


def test_reconcile_folder_with_content_is_not_overwritten(scene: Scene) -> None:
    """A store with files (rclone) replaces the folder and its content by an empty file."""
    scene.respond_with(Reply(200, BELOW))
    assert not scene.run(folders=["a"]).changed
    assert {request.split()[0] for request in scene.requests} == {"GET"}


def test_reconcile_folder_name_of_another_object_is_not_overwritten(scene: Scene) -> None:
    scene.respond_with(lambda request: Reply(200, b"" if request.method == "HEAD" else EMPTY))
    failure = scene.fails(errors.UnsupportedError, folders=["a"])
    assert failure.operation == "create the folder a/ in bucket b-1"
    assert failure.facts["facet"] == "the folders"
    assert not [request for request in scene.requests if request.startswith("PUT")]


def test_reconcile_folder_that_is_stored_as_another_object_is_deleted(scene: Scene) -> None:
    def respond(request: ReceivedRequest) -> Reply:
        if request.method == "HEAD" and not any(request.startswith("PUT") for request in scene.requests):
            return error(404, "404")
        return Reply(200, EMPTY if request.method == "GET" else b"")

    scene.respond_with(respond)
    scene.fails(errors.UnsupportedError, folders=["a"])
    assert [request for request in scene.requests if request.split()[0] in ("PUT", "DELETE")] == [
        "PUT /b-1/a/",
        "DELETE /b-1/a/",
    ]


def test_reconcile_absent_upload_in_progress_prevents_deletion(scene: Scene) -> None:
    uploads = b"<ListMultipartUploadsResult><Upload><Key>a</Key><UploadId>1</UploadId></Upload>"

    def respond(request: ReceivedRequest) -> Reply:
        if "uploads" in request.path:
            return Reply(200, uploads + b"</ListMultipartUploadsResult>")
        return Reply(200, b"<ListVersionsResult></ListVersionsResult>" if "versions" in request.path else b"")

    scene.respond_with(respond)
    failure = scene.fails(errors.RejectedError, state="absent")
    assert str(failure).startswith("Could not delete bucket b-1: it contains objects")
    assert not [request for request in scene.requests if request.startswith("DELETE")]


BARE = {"versions": b"<ListVersionsResult/>", "uploads": b"<ListMultipartUploadsResult/>"}


def bare(request: ReceivedRequest) -> Reply:
    """An empty bucket."""
    return Reply(200, next((body for sub, body in BARE.items() if sub in request.path), b"<ListBucketResult/>"))


@pytest.mark.parametrize("force", [True, False])
def test_reconcile_absent_bucket_deleted_by_another_run_is_a_change(scene: Scene, force: bool) -> None:
    """A lost response to the request of this run has the same effect."""
    scene.respond_with(lambda request: error(404, "NoSuchBucket") if request.method == "DELETE" else bare(request))
    gone = scene.run(state="absent", force=force)
    assert (gone.changed, gone.result["bucket"]) == (True, {"name": "b-1", "exists": False})
    scene.respond_with(lambda request: error(404, "NoSuchKey") if request.method == "DELETE" else bare(request))
    scene.fails(errors.NotFoundError, state="absent")


def test_reconcile_absent_upload_that_ended_is_not_counted(scene: Scene) -> None:
    upload = (
        b"<ListMultipartUploadsResult><Upload><Key>a</Key><UploadId>1</UploadId></Upload></ListMultipartUploadsResult>"
    )

    def respond(request: ReceivedRequest) -> Reply:
        if request.method == "DELETE":
            return error(404, "NoSuchUpload") if "uploadId" in request.path else Reply(204)
        return Reply(200, upload) if "uploads" in request.path else bare(request)

    scene.respond_with(respond)
    assert scene.run(state="absent", force=True).result["removed"] == {"objects": 0, "uploads": 0}


def test_reconcile_absent_versions_without_ids_are_deleted(scene: Scene) -> None:
    left = [b"<Version><Key>a</Key></Version>"]

    def respond(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            left.clear()
            assert b"<Object><Key>a</Key></Object>" in request.body
            return Reply(200, b"<DeleteResult/>")
        found = b"<ListVersionsResult>%s</ListVersionsResult>" % b"".join(left)
        return Reply(200, found) if "versions" in request.path else bare(request)

    scene.respond_with(respond)
    assert scene.run(state="absent", force=True).result["removed"] == {"objects": 1, "uploads": 0}


@pytest.mark.parametrize("body", [b"<ListVersionsResult><Version/></ListVersionsResult>"])
def test_reconcile_absent_entry_without_key_deletes_nothing(scene: Scene, body: bytes) -> None:
    scene.respond_with(lambda request: Reply(200, body) if "versions" in request.path else bare(request))
    assert "is not a listing" in scene.fails(errors.UnsupportedError, state="absent").problem
    assert not [request for request in scene.requests if request.startswith("DELETE")]


@pytest.mark.parametrize("others", [True, False])
def test_reconcile_absent_lock_with_many_versions_finds_other_objects(scene: Scene, others: bool) -> None:
    """Each run with the lock adds two versions in a bucket with versioning."""
    page = b"<Version><Key>.vonage-archiving/bucket.lock</Key><VersionId>1</VersionId></Version>" * 1000
    after = b"<Version><Key>47123456/archive.mp4</Key><VersionId>2</VersionId></Version>" if others else b""

    def respond(request: ReceivedRequest) -> Reply:
        if "versions" not in request.path:
            return bare(request)
        found = after if "key-marker=.vonage-archiving%2Fbucket.lock" in request.path else page
        return Reply(200, b"<ListVersionsResult>%s</ListVersionsResult>" % found)

    scene.respond_with(respond)
    if others:
        failure = scene.fails(errors.RejectedError, state="absent")
        assert failure.problem == "it contains objects, versions of objects or uploads in progress"
    else:
        assert scene.run(check_mode=True, state="absent").changed
    assert {request.split()[0] for request in scene.requests} == {"HEAD", "GET"}


OF_PROJECT = {"project": "47123456", "state": "absent", "force": True}


@pytest.mark.parametrize(
    ("prefix", "key", "refused"),
    [
        ("47123457/", "47123457/a", True),
        ("47123457/", "", False),  # some stores list a prefix below which nothing is left
        ("47123456/", "47123456/a", False),
        ("logs/", "logs/a", True),
        (".vonage-archiving/", ".vonage-archiving/47123456.json", False),
        (".vonage-archiving/", ".vonage-archiving/bucket.lock", False),
        (".vonage-archiving/", ".vonage-archiving/47123457.json", True),
        (".vonage-archiving/", ".vonage-archiving/bucket.lock.txt", True),
        ("vonage-archiving-probe-1/", "vonage-archiving-probe-1/upload", False),
    ],
)
@pytest.mark.parametrize("entry", ["Version", "DeleteMarker", "Contents"])
def test_delete_with_project_and_other_contents_is_refused_before_anything_is_deleted(
    scene: Scene, prefix: str, key: str, refused: bool, entry: str
) -> None:
    root = "ListBucketResult" if entry == "Contents" else "ListVersionsResult"
    top = f"<{root}><CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes></{root}>".encode()
    inside = f"<{root}><{entry}><Key>{key}</Key></{entry}></{root}>".encode() if key else f"<{root}/>".encode()

    def respond(request: ReceivedRequest) -> Reply:
        if "uploads" in request.path or request.method == "HEAD":
            return bare(request)
        if entry == "Contents" and "versions" in request.path:
            return error(501, "NotImplemented")
        return Reply(200, top if "delimiter" in request.path else inside)

    scene.respond_with(respond)
    if refused:
        failure = scene.fails(errors.NotManagedError, **OF_PROJECT)
        assert failure.problem == f"it contains objects that do not belong to this project: {key}"
    else:
        assert scene.run(check_mode=True, **OF_PROJECT).changed
    assert {request.split()[0] for request in scene.requests} == {"HEAD", "GET"}


@pytest.mark.parametrize(("size", "refused"), [(0, False), (1, True)])
def test_delete_with_project_deletes_empty_markers_of_folders_only(scene: Scene, size: int, refused: bool) -> None:
    top = b"<ListVersionsResult><CommonPrefixes><Prefix>img/</Prefix></CommonPrefixes></ListVersionsResult>"
    entry = b"<Version><Key>img/a/</Key><Size>%d</Size></Version>" % size
    inside = b"<ListVersionsResult>%s</ListVersionsResult>" % entry

    def respond(request: ReceivedRequest) -> Reply:
        return (
            Reply(200, top if "delimiter" in request.path else inside) if "versions" in request.path else bare(request)
        )

    scene.respond_with(respond)
    scene.fails(errors.NotManagedError, **OF_PROJECT)
    if refused:
        scene.fails(errors.NotManagedError, folders=["img/a"], **OF_PROJECT)
    else:
        assert scene.run(check_mode=True, folders=["img/a"], **OF_PROJECT).changed


def test_delete_with_project_reads_all_pages_of_the_lock(scene: Scene) -> None:
    """It can have many versions, and the next key can belong to another project."""
    page = b"<Version><Key>.vonage-archiving/bucket.lock</Key><VersionId>1</VersionId></Version>" * 1000
    more = (
        b"<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>v</NextVersionIdMarker>"
    )
    top = b"<CommonPrefixes><Prefix>.vonage-archiving/</Prefix></CommonPrefixes>"
    last = b"<Version><Key>.vonage-archiving/x.json</Key><VersionId>2</VersionId></Version>"

    def respond(request: ReceivedRequest) -> Reply:
        if "versions" not in request.path:
            return bare(request)
        found = top if "delimiter" in request.path else last if "key-marker=k&" in request.path else page + more
        return Reply(200, b"<ListVersionsResult>%s</ListVersionsResult>" % found)

    scene.respond_with(respond)
    assert ".vonage-archiving/x.json" in scene.fails(errors.NotManagedError, **OF_PROJECT).problem


def test_delete_with_project_deletes_nothing_outside_on_a_store_that_ignores_prefixes(scene: Scene) -> None:
    keys = [b"47123456/a", b"finance/a"]
    deleted: list[bytes] = []

    def respond(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            deleted.append(request.body)
            keys.remove(b"47123456/a")
            return Reply(200, b"<DeleteResult/>")
        if "versions" not in request.path or (not deleted and "delimiter" in request.path):
            return bare(request)
        entries = b"".join(b"<Version><Key>%s</Key></Version>" % key for key in keys)
        return Reply(200, b"<ListVersionsResult>%s</ListVersionsResult>" % entries)

    scene.respond_with(respond)
    failure = scene.fails(errors.ConflictError, **OF_PROJECT)
    assert failure.problem == "it contains objects that appeared during the deletion: finance/a"
    assert (len(deleted), b"finance" in deleted[0]) == (1, False)
    assert not [request for request in scene.requests if request.startswith("DELETE")]


def test_reconcile_absent_response_without_listing_deletes_nothing(scene: Scene) -> None:
    scene.respond_with(Reply(200, b"<html></html>"))
    assert "is not a listing" in scene.fails(errors.UnsupportedError, state="absent").problem
    assert not [request for request in scene.requests if request.startswith("DELETE")]


def test_reconcile_absent_repeated_page_of_uploads_ends_the_listing(scene: Scene) -> None:
    def respond(request: ReceivedRequest) -> Reply:
        if "uploads" in request.path:
            again = b"<IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker></ListMultipartUploadsResult>"
            return Reply(200, b"<ListMultipartUploadsResult>" + again)
        return Reply(200, b"<ListVersionsResult></ListVersionsResult>" if "versions" in request.path else b"")

    scene.respond_with(respond)
    assert scene.run(state="absent").changed
    assert sum("uploads" in request for request in scene.requests) == 2


def test_gather_repeated_page_of_folders_ends_the_listing(scene: Scene) -> None:
    page = b"<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes><IsTruncated>true</IsTruncated>"
    again = b"<ListBucketResult>%s<NextContinuationToken>x</NextContinuationToken></ListBucketResult>" % page
    scene.respond_with(lambda request: Reply(200, b"" if request.method == "HEAD" else again))
    assert gather(scene.params(facets=["folders"]), Context()).result["bucket"]["folders"] == ["a"]
    assert len(scene.requests) == 3


def test_reconcile_write_denied_twice_reports_the_first_error(scene: Scene) -> None:
    def respond(request: ReceivedRequest) -> Reply:
        if request.method == "PUT":
            encrypted = "x-amz-server-side-encryption" in request.headers
            return error(501, "NotImplemented") if encrypted else error(403, "AccessDenied", "first")
        return error(404, "404") if request.method == "HEAD" else Reply(200, EMPTY)

    scene.respond_with(respond)
    assert "first" in scene.fails(errors.DeniedError, folders=["a"]).problem


def test_call_other_store_gets_md5_checksum(scene: Scene) -> None:
    def respond(request: ReceivedRequest) -> Reply:
        return Reply(200, b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>")

    scene.respond_with(respond)
    scene.run(tags={"a": "b", "c": "d"}, check_mode=True)
    bucket = Bucket("b-1", Connection(scene.server.url, access_key="AK", secret_key="sk"))
    bucket.call("put_bucket_tagging", "try", "", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    read, written = scene.server.requests[0], scene.server.requests[-1]
    assert written.headers["content-md5"] == base64.b64encode(hashlib.md5(written.body).digest()).decode()
    assert "content-md5" in written.headers["authorization"]
    assert "content-md5" not in read.headers


def test_write_object_sends_md5_checksum(scene: Scene) -> None:
    """S3 API Reference, PutObject: a bucket with a default retention requires it."""
    folder = b"<ListBucketResult><Contents><Key>a/</Key></Contents></ListBucketResult>"

    def respond(request: ReceivedRequest) -> Reply:
        if request.method == "HEAD":
            return error(404, "404")
        written = any(each.method == "PUT" for each in scene.server.requests)
        return Reply(200, folder if written else EMPTY)

    scene.respond_with(respond)
    scene.run(folders=["a"])
    reach = Connection(scene.server.url, "us-east-1", "AK", "sk")
    stored = ConditionalObject(reach, "b-1", "k", make_client(reach))
    stored.write(b"one", None)
    written = [request for request in scene.server.requests if request.method == "PUT"]
    assert [request.body for request in written] == [b"", b"one"]
    for request in written:
        assert request.headers["content-md5"] == base64.b64encode(hashlib.md5(request.body).digest()).decode()


@pytest.mark.parametrize("code", ["OperationAborted", "NoSuchBucket"])
def test_reconcile_bucket_that_is_not_ready_is_retried(scene: Scene, code: str) -> None:
    written: list[ReceivedRequest] = []

    def respond(request: ReceivedRequest) -> Reply:
        if request.method == "PUT":
            written.append(request)
            return error(409 if code == "OperationAborted" else 404, code) if len(written) == 1 else Reply(200)
        tags = b"<TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet>" if len(written) > 1 else b"<TagSet></TagSet>"
        return Reply(200, b"<Tagging>" + tags + b"</Tagging>")

    scene.respond_with(respond)
    assert scene.run(tags={"a": "b"}).changed
    assert len(written) == 2


def test_reconcile_bucket_that_is_never_ready_is_a_conflict(scene: Scene) -> None:
    scene.respond_with(
        lambda a: error(409, "OperationAborted") if a.method == "PUT" else Reply(200, b"<Tagging></Tagging>")
    )
    assert scene.fails(errors.ConflictError, tags={"a": "b"}).facts["code"] == "OperationAborted"
    assert sum(request.startswith("PUT") for request in scene.requests) == 2


BLOCKED = (
    'User is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::b-1" because public policies '
    "are blocked by the BlockPublicPolicy block public access setting."
)
OFF = b"<PublicAccessBlockConfiguration></PublicAccessBlockConfiguration>"


def test_reconcile_public_access_block_of_the_account_is_explained(scene: Scene) -> None:
    def respond(request: ReceivedRequest) -> Reply:
        if request.method == "PUT":
            return error(403, "AccessDenied", BLOCKED)
        return Reply(200, OFF) if "publicAccessBlock" in request.path else error(404, "NoSuchBucketPolicy")

    scene.respond_with(respond)
    failure = scene.fails(errors.DeniedError, public_prefixes=["a"])
    assert failure.operation == "open public prefixes of bucket b-1"
    assert "Block Public Access settings for this account" in failure.hint


def test_reconcile_denial_without_reason_mentions_the_block_of_the_account(scene: Scene) -> None:
    def respond(request: ReceivedRequest) -> Reply:
        if request.method == "PUT":
            return error(403, "AccessDenied", "Access Denied")
        return Reply(200, OFF) if "publicAccessBlock" in request.path else error(404, "NoSuchBucketPolicy")

    scene.respond_with(respond)
    failure = scene.fails(errors.DeniedError, public_prefixes=["a"])
    assert "s3:PutBucketPolicy" in failure.hint
    assert "Block Public Access settings for this account" in failure.hint
    assert "block of the bucket is off" not in failure.hint
    before = len(scene.requests)
    failure = scene.fails(errors.DeniedError, require_tls=False, require_encryption=True)
    assert "Block Public Access" not in failure.hint
    assert sum(request.startswith("PUT") for request in scene.requests[before:]) == 1


def test_reconcile_blocked_public_statement_is_named(scene: Scene) -> None:
    document = b'{"Statement": [{"Sid": "Theirs", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]}'
    scene.respond_with(
        lambda request: error(403, "AccessDenied", BLOCKED) if request.method == "PUT" else Reply(200, document)
    )
    failure = scene.fails(errors.DeniedError, require_encryption=True)
    assert failure.operation == "write the policy of bucket b-1"
    assert "Theirs" in failure.hint
    assert "s3:PutBucketPolicy" not in failure.hint
    assert sum(request.startswith("PUT") for request in scene.requests) == 1
