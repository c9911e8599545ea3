# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a bucket's answers are taken for, on stores that answer as AWS does and on stores that do not."""

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
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import Asked, LocalServer, Reply

NO_CORS = "NoSuchCORSConfiguration"
CORS = b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>"
Answer = t.Callable[[Asked], Reply]


def error(status: int, code: str, message: str = "no", **headers: str) -> Reply:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may take seconds to appear is looked for twice, at once."""
    for module in (base, encryption, policy):
        monkeypatch.setattr(module, "CONFIRM_BACKOFF", (0.0,))
    monkeypatch.setattr(apply, "CREATE_BACKOFF", (0.0,))


class Here:
    """A store that answers as told."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server

    def says(self, answer: Reply | Answer) -> None:
        self.server.answer = (lambda asked, before: answer) if isinstance(answer, Reply) else lambda a, n: answer(a)

    @property
    def asked(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.server.asked]

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
def here() -> t.Iterator[Here]:
    with LocalServer(lambda asked, before: error(404, "NoSuchBucket")) as server:
        yield Here(server)


ASKED_FOR: dict[str, dict[str, t.Any]] = {
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
    ("answer", "said"),
    [
        (error(501, "NotImplemented", "not here"), "answered NotImplemented: not here"),
        (error(405, "MethodNotAllowed", "not so"), "answered MethodNotAllowed: not so"),
        (error(400, "InvalidRequest", "odd"), "answered InvalidRequest: odd"),
        (error(400, "NotImplemented", "odd"), "answered NotImplemented: odd"),
        (error(400, "InvalidURI", "odd"), "answered InvalidURI: odd"),
        (error(404, "NoSuchKey", "none"), "answered NoSuchKey: none"),
        (Reply(200, b"<ListBucketResult/>"), "answered with "),
        (Reply(200, b""), "answered with "),
        (Reply(200, b"<html><body>welcome<br></html>"), "answered with "),
        (Reply(200, b'{"status": "ok"}'), "answered with "),
    ],
)
@pytest.mark.parametrize("facet", sorted(ASKED_FOR))
def test_a_store_without_a_facet_is_told_by_facet_and_store(here: Here, facet: str, answer: Reply, said: str) -> None:
    here.says(answer)
    failure = here.fails(errors.UnsupportedError, **ASKED_FOR[facet])
    title = FACETS[facet].subresource.title
    assert failure.operation == f"read {title} of bucket b-1"
    assert failure.problem.startswith(f"{here.store} {said}")
    assert failure.facts["facet"] == title
    assert failure.facts["store"] == here.store
    assert failure.hint.startswith(f"It seems that this store does not have {title.replace('the policy', '')}"[:40])
    assert {asked.split()[0] for asked in here.asked} == {"GET"}


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
def test_an_answer_of_the_right_form_without_sense_is_told(here: Here, facet: str, body: bytes) -> None:
    here.says(lambda asked: Reply(200, b"" if asked.method == "HEAD" else body))
    failure = here.fails(errors.UnsupportedError, **ASKED_FOR[facet])
    assert failure.facts["facet"] == FACETS[facet].subresource.title
    assert failure.problem.startswith(f"{here.store} answered with something else where the ")
    shown = gather(here.params(facets=sorted(ASKED_FOR[facet])), Context())
    assert shown.result["unavailable"] == dict.fromkeys(ASKED_FOR[facet], "unsupported")
    assert {asked.split()[0] for asked in here.asked} == {"GET", "HEAD"}


def test_who_may_read_a_facet_is_shown_it(here: Here) -> None:
    """Looking for the bucket is a permission like any other."""
    here.says(
        lambda asked: Reply(200, CORS + b"</CORSConfiguration>") if "cors" in asked.path else error(403, "AccessDenied")
    )
    found = gather(here.params(), Context()).result
    assert found["bucket"]["cors_rules"] == [{"allowed_origins": ["*"], "allowed_methods": ["GET"]}]
    assert set(found["unavailable"].values()) == {"denied"}


def test_who_may_read_nothing_is_told_why(here: Here) -> None:
    here.says(lambda asked: error(403, "InvalidAccessKeyId"))
    with pytest.raises(errors.DeniedError, match="The access key is unknown to this store"):
        gather(here.params(), Context())
    here.says(lambda asked: error(403, "AccessDenied"))
    with pytest.raises(errors.DeniedError, match=r"look for bucket b-1.*names are unique among all accounts"):
        gather(here.params(), Context())


def test_a_bucket_that_nobody_may_look_for_and_that_is_not_there(here: Here) -> None:
    here.says(lambda asked: Reply(403) if asked.method == "HEAD" else error(404, "NoSuchBucket"))
    assert gather(here.params(), Context()).result["bucket"] == {"name": "b-1", "exists": False}


@pytest.mark.parametrize("code", ["ExpiredToken", "RequestTimeout", "InvalidBucketName"])
def test_what_is_wrong_with_any_request_is_no_missing_facet(here: Here, code: str) -> None:
    here.says(error(400, code))
    with pytest.raises(errors.ArchivingError) as caught:
        here.run(cors_rules=[])
    assert not isinstance(caught.value, errors.UnsupportedError)


DATED = b"<ListBucketResult><Contents><Key>a/</Key><LastModified>soon</LastModified></Contents></ListBucketResult>"


@pytest.mark.parametrize("answer", [Reply(200, DATED), Reply(206, b"nothing"), Reply(206, b"<a>" * 3)])
def test_a_listing_that_cannot_be_read_is_told(here: Here, answer: Reply) -> None:
    here.says(answer)
    failure = here.fails(errors.UnreachableError, folders=["a"])
    assert failure.problem.startswith(f"{here.store} answered with something that cannot be read")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("options", [{}, {"cors_rules": []}, {"folders": ["a"]}, {"state": "absent"}], ids=str)
def test_a_server_that_sends_to_another_address(here: Here, status: int, options: dict[str, t.Any]) -> None:
    """Many send from http to https so."""
    here.says(Reply(status, b"<html>", {"Location": "https://me:hunter2@s3.example.com/b-1"}))
    failure = here.fails(errors.RejectedError, **options)
    assert f"{here.store} answered {status}: it leads to https://********@s3.example.com/b-1" in failure.problem
    assert failure.hint.startswith("Give endpoint_url the address that it leads to")
    assert len(here.asked) == 1


def test_an_unset_facet_is_none(here: Here) -> None:
    here.says(error(404, NO_CORS))
    bucket = Bucket("b-1", Connection(here.server.url, "us-east-1", "AK", "sk"))
    assert bucket.read(cors.CorsFacet.subresource) is None


def test_a_missing_bucket_is_no_missing_facet(here: Here) -> None:
    bucket = Bucket("b-1", Connection(here.server.url, "us-east-1", "AK", "sk"))
    with pytest.raises(errors.NotFoundError):
        bucket.read(cors.CorsFacet.subresource)


def test_a_store_that_tells_a_missing_bucket_like_a_missing_facet(here: Here) -> None:
    """SeaweedFS does so for the default encryption."""
    made: list[str] = []

    def answer(asked: Asked) -> Reply:
        if asked.method == "PUT" and "?" not in asked.path:
            made.append(asked.path)
            return Reply(200)
        if "encryption" in asked.path and asked.method == "PUT":
            assert made
            made.append(asked.path)
            return Reply(200)
        if "encryption" in asked.path and len(made) == 2:
            rule = "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
            inner = f"{rule}</ApplyServerSideEncryptionByDefault></Rule>"
            root = "ServerSideEncryptionConfiguration"
            return Reply(200, f"<{root}>{inner}</{root}>".encode())
        if "encryption" in asked.path:
            return error(404, "ServerSideEncryptionConfigurationNotFoundError")
        return Reply(200) if made else error(404, "NoSuchBucket")

    here.says(answer)
    checked = here.run(check_mode=True, encryption="s3")
    assert checked.result["changes"] == ["bucket", "encryption"]
    assert here.run(encryption="s3").result["changes"] == ["bucket", "encryption"]
    assert made == ["/b-1", "/b-1?encryption"]


def test_who_may_not_look_for_the_bucket_is_believed_the_facet(here: Here) -> None:
    here.says(lambda asked: error(403, "AccessDenied") if asked.method == "HEAD" else error(404, NO_CORS))
    assert here.run(cors_rules=[]).result["changes"] == []


def test_a_bucket_of_somebody_else(here: Here) -> None:
    here.says(error(403, "AccessDenied", "Access Denied"))
    asked: list[dict[str, t.Any]] = [{}, {"cors_rules": []}, {"state": "absent"}]
    for options in asked:
        failure = here.fails(errors.DeniedError, **options)
        assert "names are unique among all accounts" in failure.hint
    assert "s3:GetBucketCORS" in here.fails(errors.DeniedError, cors_rules=[]).hint


def test_wrong_credentials_say_nothing_of_accounts(here: Here) -> None:
    here.says(error(403, "SignatureDoesNotMatch", "no"))
    failure = here.fails(errors.DeniedError, cors_rules=[])
    assert failure.hint == "The secret key does not belong to the access key, or a proxy changes the request."


MOVED = error(301, "PermanentRedirect", "elsewhere", x_amz_bucket_region="eu-west-1")


@pytest.mark.parametrize("options", [{}, {"cors_rules": []}, {"folders": ["a"]}, {"state": "absent"}])
def test_a_bucket_in_another_region(here: Here, options: dict[str, t.Any]) -> None:
    here.says(MOVED)
    failure = here.fails(errors.RejectedError, region="us-east-1", **options)
    assert str(failure) == (
        "Could not use bucket b-1 in region us-east-1: the bucket is in eu-west-1. A bucket cannot be moved: set "
        "region=eu-west-1, or choose another name."
    )
    assert failure.facts == {"region": "eu-west-1"}


def test_a_bucket_that_answers_from_another_region_is_not_deleted(here: Here) -> None:
    here.says(Reply(200, b"", {"x-amz-bucket-region": "eu-west-1"}))
    here.fails(errors.RejectedError, region="us-east-1", state="absent", force=True)
    assert {asked.split()[0] for asked in here.asked} == {"HEAD"}


def test_the_region_that_the_store_tells_is_returned(here: Here) -> None:
    here.says(lambda asked: Reply(200, b"", {"x-amz-bucket-region": "eu-west-1"}))
    assert here.run().result["bucket"]["region"] == "eu-west-1"
    found = gather(here.params(facets=["tags"]), Context())
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
def test_facets_that_a_store_may_lack(options: dict[str, t.Any], facets: set[str]) -> None:
    def may_lack(url: str | None, exc: errors.UnsupportedError) -> set[str]:
        params = parse_options({"name": "b-1", **options}, Connection(url, "us-east-1", "AK", "sk"))
        return {name for name in params.facets if params.may_lack(name, exc)}

    other, problem = "https://s3.example.com", ("read it", "it answered otherwise")
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
        # A store that ignores the prefix would delete more than the options say.
        (Reply(200), LIFECYCLE_RULE % b"", False),
        (error(403, "AccessDenied"), None, False),
    ],
)
def test_skip_unsupported_covers_writes_that_change_nothing(
    here: Here, put: Reply, written: bytes | None, skipped: bool
) -> None:
    stored: list[bytes] = []

    def answer(asked: Asked) -> Reply:
        if asked.method == "PUT":
            stored.extend([written] if written else [])
            return put
        return Reply(200, stored[0]) if stored else error(404, "NoSuchLifecycleConfiguration")

    here.says(answer)
    options: dict[str, t.Any] = {
        "lifecycle": {"expire_days": 9, "prefix": "a/"},
        "skip_unsupported": ["lifecycle", "tags"],
    }
    options["allow"] = ["shorter_retention"]
    if not skipped:
        here.fails(errors.ArchivingError, **options)
        return
    for _unused in range(2):
        warnings: list[str] = []
        outcome = reconcile(here.params(**options), Context(warn=warnings.append))
        assert (outcome.changed, outcome.result["changes"]) == (False, [])
        assert (outcome.before, outcome.after) == ({}, {})
        assert outcome.result["unsupported"] == ["lifecycle"]
        assert "lifecycle" not in outcome.result["bucket"]
        assert len(warnings) == 1
    here.fails(errors.UnsupportedError, **{**options, "skip_unsupported": ["tags"]})


def test_options_are_skipped_one_by_one(here: Here) -> None:
    """The store has no policies. The option that is not in skip_unsupported is an error, unless it is none."""
    here.says(lambda asked: error(501, "NotImplemented") if "policy" in asked.path else error(404, "NoSuchBucket"))
    options: dict[str, t.Any] = {"require_encryption": True, "skip_unsupported": ["require_encryption", "require_tls"]}
    here.fails(errors.UnsupportedError, public_prefixes=["a"], **options)
    assert {asked.split()[0] for asked in here.asked} == {"GET"}
    warnings: list[str] = []
    message = "no (operators-secret-key)"
    here.says(lambda asked: error(501, "NotImplemented", message) if "?" in asked.path else Reply(200))
    params = here.params(public_prefixes=[], require_tls=False, **options)
    outcome = reconcile(params, Context(warn=warnings.append))
    assert (outcome.changed, outcome.result["unsupported"]) == (False, ["require_encryption"])
    assert outcome.result["bucket"].keys() == {"name", "exists", "url", "region", "public_prefixes", "require_tls"}
    assert warnings == [
        f"require_encryption is skipped, since it is in skip_unsupported: {here.store} "
        "answered NotImplemented: no (********)."
    ]


def test_a_malformed_response_is_not_skipped(here: Here) -> None:
    for body in (b"", b"<html><body>welcome<br></html>", b'{"status": "ok"}'):
        here.says(Reply(200, body))
        here.fails(errors.UnsupportedError, public_prefixes=[])
        here.fails(errors.UnsupportedError, require_tls=False)
        here.fails(errors.UnsupportedError, lifecycle={"expire_days": 1}, skip_unsupported=["lifecycle"])


def test_an_aws_bucket_has_the_address_of_its_own_region() -> None:
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
        ("OperationAborted", errors.ConflictError, "Run it again once nothing else works on it."),
    ],
)
def test_a_bucket_that_cannot_be_made(here: Here, code: str, kind: type[errors.ArchivingError], hint: str) -> None:
    here.says(lambda asked: error(409, code) if asked.method == "PUT" else error(404, "NoSuchBucket"))
    failure = here.fails(kind)
    assert failure.operation == "create bucket b-1"
    assert failure.hint.startswith(hint)


def test_a_bucket_that_another_run_made_meanwhile_is_ours_on_a_store_that_says_no_more_than_exists(here: Here) -> None:
    made = []

    def answer(asked: Asked) -> Reply:
        if asked.method == "PUT":
            made.append(asked)
            return error(409, "BucketAlreadyExists")
        return Reply(200 if made else 404)

    here.says(answer)
    assert here.run().result["changes"] == ["bucket"]
    made.clear()
    here.says(lambda asked: Reply(403) if made else answer(asked))
    here.fails(errors.DeniedError)


def test_a_bucket_that_was_made_and_does_not_show(here: Here) -> None:
    here.says(lambda asked: Reply(200) if asked.method == "PUT" else error(404, "NoSuchBucket"))
    failure = here.fails(errors.UnreachableError)
    assert str(failure) == (
        "Could not use bucket b-1 after it was created: the store does not return it. Run it again in a minute."
    )


def test_a_store_that_takes_a_write_and_does_not_show_it(here: Here) -> None:
    here.says(lambda asked: Reply(200) if asked.method == "PUT" else error(404, NO_CORS))
    rule = {"allowed_origins": ["*"], "allowed_methods": ["GET"]}
    failure = here.fails(errors.UnsupportedError, cors_rules=[rule])
    assert str(failure) == (
        f"Could not write the CORS rules of bucket b-1: {here.store} accepted it, but returns [] instead of "
        "[{'allowed_origins': ['*'], 'allowed_methods': ['GET']}]. The store may support only a part of what it "
        "accepts. Compare the two, and leave out what it lacks."
    )


def test_what_cannot_be_reached_is_told_whatever_is_asked() -> None:
    with LocalServer(lambda asked, before: Reply()) as gone:
        url = gone.url
    asked: list[dict[str, t.Any]] = [{"folders": ["a"]}, {"folders": ["a"], "cors_rules": []}, {"tags": {}}, {}]
    for options in asked:
        params = {"name": "b-1", "endpoint_url": url, "access_key": "AK", "secret_key": "sk", **options}
        with pytest.raises(errors.UnreachableError, match="Could not connect to the endpoint URL"):
            reconcile(params, Context())


def test_a_head_without_a_reason_gets_one(here: Here) -> None:
    here.says(Reply(400))
    failure = here.fails(errors.RejectedError)
    assert "expired" in failure.hint


@pytest.mark.parametrize(
    ("options", "environ", "said"),
    [
        ({"profile": "nobody"}, {}, "The config profile (nobody) could not be found"),
        ({}, {"AWS_ACCESS_KEY_ID": "AK"}, "Partial credentials found"),
        ({}, {"AWS_REGION": "eu west"}, "Provided region_name 'eu west' doesn't match"),
    ],
)
def test_what_is_wrong_with_the_configuration_is_no_bug_of_ours(
    options: dict[str, t.Any],
    environ: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    with pytest.raises(errors.InputError) as caught:
        reconcile({"name": "b-1", "cors_rules": [], **options}, Context(environ=environ))
    assert said in str(caught.value)


def test_region_and_endpoint_of_a_profile_count(monkeypatch: pytest.MonkeyPatch, tmp_path: t.Any, here: Here) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"[profile p]\nregion = eu-south-1\nendpoint_url = {here.server.url}\n[profile q]\nregion = x-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    named = Bucket("b-1", Connection(profile="p")).connection
    assert (named.region, named.endpoint_url, named.is_aws) == ("eu-south-1", here.server.url, False)
    aws = Bucket("b-1", Connection(profile="q")).connection
    assert (aws.region, aws.endpoint_url, aws.is_aws) == ("x-1", None, True)


def test_a_store_that_always_encrypts_has_no_default_of_ours(here: Here) -> None:
    root, rule = "ServerSideEncryptionConfiguration", "ApplyServerSideEncryptionByDefault"
    body = f"<{root}><Rule><{rule}><SSEAlgorithm>AES256</SSEAlgorithm></{rule}></Rule></{root}>".encode()
    here.says(lambda asked: Reply(204) if asked.method == "DELETE" else Reply(200, body))
    outcome = here.run(encryption="none")
    assert (outcome.changed, outcome.result["changes"]) == (False, [])
    assert outcome.result["bucket"]["encryption"] == "s3"
    assert outcome.before == outcome.after == {}


def test_an_empty_answer_will_do_for_no_default_of_ours(here: Here) -> None:
    """LocalEmu answers so once the default was removed."""
    here.says(Reply(200, b""))
    assert not here.run(encryption="none").changed
    here.fails(errors.UnsupportedError, encryption="s3")
    assert {asked.split()[0] for asked in here.asked} == {"GET"}


BELOW = b"<ListBucketResult><Contents><Key>a/recording.mp4</Key></Contents></ListBucketResult>"
EMPTY = b"<ListBucketResult></ListBucketResult>"


def test_a_folder_that_holds_something_is_not_written_over(here: Here) -> None:
    """A store that keeps files (rclone) replaces the folder and all in it by an empty file."""
    here.says(Reply(200, BELOW))
    assert not here.run(folders=["a"]).changed
    assert {asked.split()[0] for asked in here.asked} == {"GET"}


def test_a_name_that_a_store_takes_for_another_is_not_written_over(here: Here) -> None:
    here.says(lambda asked: Reply(200, b"" if asked.method == "HEAD" else EMPTY))
    failure = here.fails(errors.UnsupportedError, folders=["a"])
    assert failure.operation == "create the folder a/ in bucket b-1"
    assert failure.facts["facet"] == "the folders"
    assert not [asked for asked in here.asked if asked.startswith("PUT")]


def test_a_folder_that_became_something_else_is_taken_away_again(here: Here) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.method == "HEAD" and not any(asked.startswith("PUT") for asked in here.asked):
            return error(404, "404")
        return Reply(200, EMPTY if asked.method == "GET" else b"")

    here.says(answer)
    here.fails(errors.UnsupportedError, folders=["a"])
    assert [asked for asked in here.asked if asked.split()[0] in ("PUT", "DELETE")] == ["PUT /b-1/a/", "DELETE /b-1/a/"]


def test_an_open_upload_is_something(here: Here) -> None:
    uploads = b"<ListMultipartUploadsResult><Upload><Key>a</Key><UploadId>1</UploadId></Upload>"

    def answer(asked: Asked) -> Reply:
        if "uploads" in asked.path:
            return Reply(200, uploads + b"</ListMultipartUploadsResult>")
        return Reply(200, b"<ListVersionsResult></ListVersionsResult>" if "versions" in asked.path else b"")

    here.says(answer)
    failure = here.fails(errors.RejectedError, state="absent")
    assert str(failure).startswith("Could not delete bucket b-1: it contains objects")
    assert not [asked for asked in here.asked if asked.startswith("DELETE")]


BARE = {"versions": b"<ListVersionsResult/>", "uploads": b"<ListMultipartUploadsResult/>"}


def bare(asked: Asked) -> Reply:
    """An empty bucket."""
    return Reply(200, next((body for sub, body in BARE.items() if sub in asked.path), b"<ListBucketResult/>"))


@pytest.mark.parametrize("force", [True, False])
def test_a_bucket_that_somebody_deletes_meanwhile_is_gone(here: Here, force: bool) -> None:
    """So it looks, too, when the answer to our own request was lost."""
    here.says(lambda asked: error(404, "NoSuchBucket") if asked.method == "DELETE" else bare(asked))
    gone = here.run(state="absent", force=force)
    assert (gone.changed, gone.result["bucket"]) == (True, {"name": "b-1", "exists": False})
    here.says(lambda asked: error(404, "NoSuchKey") if asked.method == "DELETE" else bare(asked))
    here.fails(errors.NotFoundError, state="absent")


def test_an_upload_that_ends_meanwhile_is_none_to_abort(here: Here) -> None:
    upload = (
        b"<ListMultipartUploadsResult><Upload><Key>a</Key><UploadId>1</UploadId></Upload></ListMultipartUploadsResult>"
    )

    def answer(asked: Asked) -> Reply:
        if asked.method == "DELETE":
            return error(404, "NoSuchUpload") if "uploadId" in asked.path else Reply(204)
        return Reply(200, upload) if "uploads" in asked.path else bare(asked)

    here.says(answer)
    assert here.run(state="absent", force=True).result["removed"] == {"objects": 0, "uploads": 0}


def test_a_listing_of_versions_without_versions(here: Here) -> None:
    left = [b"<Version><Key>a</Key></Version>"]

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            left.clear()
            assert b"<Object><Key>a</Key></Object>" in asked.body
            return Reply(200, b"<DeleteResult/>")
        found = b"<ListVersionsResult>%s</ListVersionsResult>" % b"".join(left)
        return Reply(200, found) if "versions" in asked.path else bare(asked)

    here.says(answer)
    assert here.run(state="absent", force=True).result["removed"] == {"objects": 1, "uploads": 0}


@pytest.mark.parametrize("body", [b"<ListVersionsResult><Version/></ListVersionsResult>"])
def test_an_entry_without_a_key_is_not_nothing(here: Here, body: bytes) -> None:
    here.says(lambda asked: Reply(200, body) if "versions" in asked.path else bare(asked))
    assert "is not a listing" in here.fails(errors.UnsupportedError, state="absent").problem
    assert not [asked for asked in here.asked if asked.startswith("DELETE")]


@pytest.mark.parametrize("others", [True, False])
def test_a_lock_with_many_versions_hides_nothing(here: Here, others: bool) -> None:
    """Each turn leaves two versions where the bucket keeps them."""
    page = b"<Version><Key>.vonage-archiving/bucket.lock</Key><VersionId>1</VersionId></Version>" * 1000
    after = b"<Version><Key>47123456/archive.mp4</Key><VersionId>2</VersionId></Version>" if others else b""

    def answer(asked: Asked) -> Reply:
        if "versions" not in asked.path:
            return bare(asked)
        found = after if "key-marker=.vonage-archiving%2Fbucket.lock" in asked.path else page
        return Reply(200, b"<ListVersionsResult>%s</ListVersionsResult>" % found)

    here.says(answer)
    if others:
        failure = here.fails(errors.RejectedError, state="absent")
        assert failure.problem == "it contains objects, versions of objects or uploads in progress"
    else:
        assert here.run(check_mode=True, state="absent").changed
    assert {asked.split()[0] for asked in here.asked} == {"HEAD", "GET"}


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
    here: Here, prefix: str, key: str, refused: bool, entry: str
) -> None:
    root = "ListBucketResult" if entry == "Contents" else "ListVersionsResult"
    top = f"<{root}><CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes></{root}>".encode()
    inside = f"<{root}><{entry}><Key>{key}</Key></{entry}></{root}>".encode() if key else f"<{root}/>".encode()

    def answer(asked: Asked) -> Reply:
        if "uploads" in asked.path or asked.method == "HEAD":
            return bare(asked)
        if entry == "Contents" and "versions" in asked.path:
            return error(501, "NotImplemented")
        return Reply(200, top if "delimiter" in asked.path else inside)

    here.says(answer)
    if refused:
        failure = here.fails(errors.NotManagedError, **OF_PROJECT)
        assert failure.problem == f"it contains objects that do not belong to this project: {key}"
    else:
        assert here.run(check_mode=True, **OF_PROJECT).changed
    assert {asked.split()[0] for asked in here.asked} == {"HEAD", "GET"}


@pytest.mark.parametrize(("size", "refused"), [(0, False), (1, True)])
def test_delete_with_project_deletes_empty_markers_of_folders_only(here: Here, size: int, refused: bool) -> None:
    top = b"<ListVersionsResult><CommonPrefixes><Prefix>img/</Prefix></CommonPrefixes></ListVersionsResult>"
    entry = b"<Version><Key>img/a/</Key><Size>%d</Size></Version>" % size
    inside = b"<ListVersionsResult>%s</ListVersionsResult>" % entry

    def answer(asked: Asked) -> Reply:
        return Reply(200, top if "delimiter" in asked.path else inside) if "versions" in asked.path else bare(asked)

    here.says(answer)
    here.fails(errors.NotManagedError, **OF_PROJECT)
    if refused:
        here.fails(errors.NotManagedError, folders=["img/a"], **OF_PROJECT)
    else:
        assert here.run(check_mode=True, folders=["img/a"], **OF_PROJECT).changed


def test_delete_with_project_reads_all_pages_of_the_lock(here: Here) -> None:
    """Its versions may be many, and the key after it may be another project's."""
    page = b"<Version><Key>.vonage-archiving/bucket.lock</Key><VersionId>1</VersionId></Version>" * 1000
    more = (
        b"<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>v</NextVersionIdMarker>"
    )
    top = b"<CommonPrefixes><Prefix>.vonage-archiving/</Prefix></CommonPrefixes>"
    last = b"<Version><Key>.vonage-archiving/x.json</Key><VersionId>2</VersionId></Version>"

    def answer(asked: Asked) -> Reply:
        if "versions" not in asked.path:
            return bare(asked)
        found = top if "delimiter" in asked.path else last if "key-marker=k&" in asked.path else page + more
        return Reply(200, b"<ListVersionsResult>%s</ListVersionsResult>" % found)

    here.says(answer)
    assert ".vonage-archiving/x.json" in here.fails(errors.NotManagedError, **OF_PROJECT).problem


def test_delete_with_project_deletes_nothing_outside_on_a_store_that_ignores_prefixes(here: Here) -> None:
    keys = [b"47123456/a", b"finance/a"]
    deleted: list[bytes] = []

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            deleted.append(asked.body)
            keys.remove(b"47123456/a")
            return Reply(200, b"<DeleteResult/>")
        if "versions" not in asked.path or (not deleted and "delimiter" in asked.path):
            return bare(asked)
        entries = b"".join(b"<Version><Key>%s</Key></Version>" % key for key in keys)
        return Reply(200, b"<ListVersionsResult>%s</ListVersionsResult>" % entries)

    here.says(answer)
    failure = here.fails(errors.ConflictError, **OF_PROJECT)
    assert failure.problem == "it contains objects that appeared during the deletion: finance/a"
    assert (len(deleted), b"finance" in deleted[0]) == (1, False)
    assert not [asked for asked in here.asked if asked.startswith("DELETE")]


def test_a_listing_that_is_none_does_not_mean_that_the_bucket_is_empty(here: Here) -> None:
    here.says(Reply(200, b"<html></html>"))
    assert "is not a listing" in here.fails(errors.UnsupportedError, state="absent").problem
    assert not [asked for asked in here.asked if asked.startswith("DELETE")]


def test_a_listing_of_uploads_that_does_not_go_on_comes_to_an_end(here: Here) -> None:
    def answer(asked: Asked) -> Reply:
        if "uploads" in asked.path:
            again = b"<IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker></ListMultipartUploadsResult>"
            return Reply(200, b"<ListMultipartUploadsResult>" + again)
        return Reply(200, b"<ListVersionsResult></ListVersionsResult>" if "versions" in asked.path else b"")

    here.says(answer)
    assert here.run(state="absent").changed
    assert sum("uploads" in asked for asked in here.asked) == 2


def test_a_listing_of_folders_that_does_not_go_on_comes_to_an_end(here: Here) -> None:
    page = b"<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes><IsTruncated>true</IsTruncated>"
    again = b"<ListBucketResult>%s<NextContinuationToken>x</NextContinuationToken></ListBucketResult>" % page
    here.says(lambda asked: Reply(200, b"" if asked.method == "HEAD" else again))
    assert gather(here.params(facets=["folders"]), Context()).result["bucket"]["folders"] == ["a"]
    assert len(here.asked) == 3


def test_the_first_refusal_is_the_one_told(here: Here) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.method == "PUT":
            encrypted = "x-amz-server-side-encryption" in asked.headers
            return error(501, "NotImplemented") if encrypted else error(403, "AccessDenied", "first")
        return error(404, "404") if asked.method == "HEAD" else Reply(200, EMPTY)

    here.says(answer)
    assert "first" in here.fails(errors.DeniedError, folders=["a"]).problem


def test_other_stores_get_the_checksum_that_s3_asked_for_first(here: Here) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(200, b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>")

    here.says(answer)
    here.run(tags={"a": "b", "c": "d"}, check_mode=True)
    bucket = Bucket("b-1", Connection(here.server.url, access_key="AK", secret_key="sk"))
    bucket.call("put_bucket_tagging", "try", "", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    read, written = here.server.asked[0], here.server.asked[-1]
    assert written.headers["content-md5"] == base64.b64encode(hashlib.md5(written.body).digest()).decode()
    assert "content-md5" in written.headers["authorization"]
    assert "content-md5" not in read.headers


def test_objects_of_ours_come_with_the_checksum_that_a_default_retention_demands(here: Here) -> None:
    """S3 API Reference, PutObject: without it, they are refused where Object Lock has a retention period."""
    folder = b"<ListBucketResult><Contents><Key>a/</Key></Contents></ListBucketResult>"

    def answer(asked: Asked) -> Reply:
        if asked.method == "HEAD":
            return error(404, "404")
        written = any(each.method == "PUT" for each in here.server.asked)
        return Reply(200, folder if written else EMPTY)

    here.says(answer)
    here.run(folders=["a"])
    reach = Connection(here.server.url, "us-east-1", "AK", "sk")
    stored = ConditionalObject(reach, "b-1", "k", make_client(reach))
    stored.write(b"one", None)
    written = [asked for asked in here.server.asked if asked.method == "PUT"]
    assert [asked.body for asked in written] == [b"", b"one"]
    for asked in written:
        assert asked.headers["content-md5"] == base64.b64encode(hashlib.md5(asked.body).digest()).decode()


@pytest.mark.parametrize("code", ["OperationAborted", "NoSuchBucket"])
def test_a_bucket_that_is_not_ready_for_a_write_is_written_to_again(here: Here, code: str) -> None:
    written: list[Asked] = []

    def answer(asked: Asked) -> Reply:
        if asked.method == "PUT":
            written.append(asked)
            return error(409 if code == "OperationAborted" else 404, code) if len(written) == 1 else Reply(200)
        tags = b"<TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet>" if len(written) > 1 else b"<TagSet></TagSet>"
        return Reply(200, b"<Tagging>" + tags + b"</Tagging>")

    here.says(answer)
    assert here.run(tags={"a": "b"}).changed
    assert len(written) == 2


def test_a_bucket_that_never_is_ready_is_told(here: Here) -> None:
    here.says(lambda a: error(409, "OperationAborted") if a.method == "PUT" else Reply(200, b"<Tagging></Tagging>"))
    assert here.fails(errors.ConflictError, tags={"a": "b"}).facts["code"] == "OperationAborted"
    assert sum(asked.startswith("PUT") for asked in here.asked) == 2


BLOCKED = (
    'User is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::b-1" because public policies '
    "are blocked by the BlockPublicPolicy block public access setting."
)
OFF = b"<PublicAccessBlockConfiguration></PublicAccessBlockConfiguration>"


def test_a_block_above_the_bucket_is_explained(here: Here) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.method == "PUT":
            return error(403, "AccessDenied", BLOCKED)
        return Reply(200, OFF) if "publicAccessBlock" in asked.path else error(404, "NoSuchBucketPolicy")

    here.says(answer)
    failure = here.fails(errors.DeniedError, public_prefixes=["a"])
    assert failure.operation == "open public prefixes of bucket b-1"
    assert "Block Public Access settings for this account" in failure.hint


def test_a_refusal_without_a_reason_may_be_a_block_above_the_bucket(here: Here) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.method == "PUT":
            return error(403, "AccessDenied", "Access Denied")
        return Reply(200, OFF) if "publicAccessBlock" in asked.path else error(404, "NoSuchBucketPolicy")

    here.says(answer)
    failure = here.fails(errors.DeniedError, public_prefixes=["a"])
    assert "s3:PutBucketPolicy" in failure.hint
    assert "Block Public Access settings for this account" in failure.hint
    assert "block of the bucket is off" not in failure.hint
    before = len(here.asked)
    failure = here.fails(errors.DeniedError, require_tls=False, require_encryption=True)
    assert "Block Public Access" not in failure.hint
    assert sum(asked.startswith("PUT") for asked in here.asked[before:]) == 1


def test_public_statements_that_cannot_be_written_again_are_named(here: Here) -> None:
    document = b'{"Statement": [{"Sid": "Theirs", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]}'
    here.says(lambda asked: error(403, "AccessDenied", BLOCKED) if asked.method == "PUT" else Reply(200, document))
    failure = here.fails(errors.DeniedError, require_encryption=True)
    assert failure.operation == "write the policy of bucket b-1"
    assert "Theirs" in failure.hint
    assert "s3:PutBucketPolicy" not in failure.hint
    assert sum(asked.startswith("PUT") for asked in here.asked) == 1
