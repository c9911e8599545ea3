# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models and the servers of the sandbox respond to the same random calls with the same status, code, and state."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
import requests
from botocore.exceptions import ClientError

from tests.sandbox import Sandbox
from tests.sandbox.vonage import VonageEmulator
from tests.sandbox.vonage.state import DELETABLE

from .iam_model import IamModel
from .responses import OPERATOR, OPERATOR_SECRET, ApiError
from .s3_model import Caller, S3Model
from .vonage_model import Archive, VonageModel, VonageProject

CALLS = 120
BUCKET = "model-validation"
CALLER = Caller(OPERATOR, OPERATOR_SECRET, time.time())
MISSING_ID = "AKIAMISSING000000000"
Params = dict[str, Any]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("seaweedfs", "moto")) as started:
        yield started


def models() -> tuple[S3Model, IamModel]:
    names = iter(range(10**6))
    iam = IamModel(lambda _length: f"ID{next(names):018}", time.time, lambda _time, _action: None, lambda: 0.0)
    return S3Model(iam.random_id, time.time, iam, is_aws=False), iam


def respond(call: Callable[..., Params], params: Params) -> tuple[int, str, Params]:
    """The status, the code of an error, and the response."""
    try:
        return 200, "", call(**params)
    except ApiError as exc:
        return exc.status, exc.code, {}
    except ClientError as exc:
        return exc.response["ResponseMetadata"]["HTTPStatusCode"], exc.response["Error"]["Code"], {}


@dataclass
class Comparison:
    """The same calls to a model and a server. Each has its own IDs, which are compared by their position here.

    :param differences: other codes of the server, by operation and code of the model.
    """

    server: Any
    model: Callable[[str, Params], Params]
    differences: Mapping[tuple[str, str], str] = field(default_factory=dict)
    ids: list[tuple[str, str]] = field(default_factory=lambda: [(MISSING_ID, MISSING_ID)])
    calls: int = 0

    def call(self, operation: str, names: tuple[str, ...] = (), **params: Any) -> tuple[Params, Params]:
        """Compare the status, the code, and the values of these names; a tuple in ``params`` is a pair of IDs."""
        self.calls += 1
        pairs = [
            {name: value[side] if isinstance(value, tuple) else value for name, value in params.items()}
            for side in (0, 1)
        ]
        status, code, response = respond(getattr(self.server, operation), pairs[0])
        model_status, model_code, model_response = respond(lambda **both: self.model(operation, both), pairs[1])
        # The code of a HEAD request is its status.
        is_head = operation.startswith("head_")
        model_code = str(model_status) if is_head and model_code else model_code
        if self.differences.get((operation, model_code)) != code:
            assert (model_status, model_code) == (status, code), (self.calls, operation, params)
        for name in names:
            values = [self.plain(model_response.get(name), 1), self.plain(response.get(name), 0)]
            assert values[0] == values[1], (self.calls, operation, params, name)
        return response, model_response

    def plain(self, value: Any, side: int) -> Any:
        """A value with the positions of IDs, and without the members that a model does not have."""
        if isinstance(value, list):
            return [self.plain(item, side) for item in value] or None
        if isinstance(value, dict):
            kept = {name: self.plain(item, side) for name, item in value.items() if name in COMPARED}
            return {name: item for name, item in kept.items() if item is not None}
        known = [pair[side] for pair in self.ids]
        return known.index(value) if isinstance(value, str) and value in known else value

    def add_id(self, name: str, responses: tuple[Params, Params]) -> None:
        first, second = (response.get(name) for response in responses)
        # The version "null" has the same ID everywhere.
        if first and second and first != "null" and (first, second) not in self.ids:
            self.ids.append((first, second))


# The members of nested values that are compared.
COMPARED = frozenset({
    "Key", "Value", "Size", "ETag", "UploadId", "VersionId", "IsLatest", "Prefix", "Rules", "ID", "Status", "Filter",
    "Days", "DaysAfterInitiation", "Expiration", "AbortIncompleteMultipartUpload", "AllowedMethods", "AllowedOrigins",
    "AllowedHeaders", "BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets",
    "ApplyServerSideEncryptionByDefault", "SSEAlgorithm", "UserName", "Path", "AccessKeyId",
})  # fmt: skip


@pytest.fixture(params=["seaweedfs", "moto"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def s3(sandbox: Sandbox, store: str) -> Iterator[Comparison]:
    client, (model, _iam) = sandbox.stores[store].client(), models()
    client.create_bucket(Bucket=BUCKET)
    model.create(BUCKET)
    yield Comparison(client, lambda operation, params: model.call(operation, CALLER, params), DIFFERENCES[store])
    sandbox.stores[store].empty_and_delete(BUCKET)


# The models behave as AWS does.
DIFFERENCES: dict[str, dict[tuple[str, str], str]] = {
    "seaweedfs": {
        ("put_object", "NoSuchKey"): "PreconditionFailed",
        ("delete_bucket_policy", ""): "NoSuchBucketPolicy",
        ("delete_bucket_encryption", ""): "ServerSideEncryptionConfigurationNotFoundError",
        ("abort_multipart_upload", "NoSuchUpload"): "",
    },
    "moto": {("upload_part", "NoSuchUpload"): "500", ("complete_multipart_upload", "NoSuchUpload"): "500"},
}


@pytest.mark.parametrize("seed", range(3))
def test_s3_model_responds_to_conditional_calls_as_a_store_does(s3: Comparison, seed: int) -> None:
    generator = random.Random(seed)
    etags = ['"d41d8cd98f00b204e9800998ecf8427e"']
    # SeaweedFS lists a folder for some time after the deletion of its last object.
    s3.call("put_object", Bucket=BUCKET, Key="folder/other", Body=b"other")
    for _number in range(CALLS):
        key: Params = {"Bucket": BUCKET, "Key": generator.choice(("a", "b", "folder/c"))}
        operation = generator.choice(("put", "put", "put", "get", "head", "delete", "list"))
        if operation == "put":
            condition: Params = generator.choice(({}, {"IfNoneMatch": "*"}, {"IfMatch": generator.choice(etags)}))
            body = generator.choice((b"one", b"two"))
            response, _model = s3.call("put_object", ("ETag",), **key, Body=body, **condition)
            etags += [response["ETag"]] if response else []
        elif operation == "list":
            prefix, most = generator.choice(("", "a", "folder/")), generator.choice((1, 1000))
            s3.call("list_objects_v2", ("Contents", "IsTruncated"), Bucket=BUCKET, Prefix=prefix, MaxKeys=most)
            s3.call("list_objects_v2", ("Contents", "CommonPrefixes"), Bucket=BUCKET, Delimiter="/")
        else:
            names = () if operation == "delete" else ("ETag", "ContentLength")
            s3.call(f"{operation}_object", names, **key)
            s3.call("head_bucket", Bucket=generator.choice((BUCKET, "model-validation-missing")))


@pytest.mark.parametrize("seed", range(2))
def test_s3_model_responds_to_multipart_uploads_as_a_store_does(s3: Comparison, seed: int) -> None:
    generator, parts, completed = random.Random(seed), {}, set()
    for _number in range(CALLS // 2):
        number = generator.randrange(len(s3.ids))
        # SeaweedFS accepts the ID of an upload of another object.
        location: Params = {"Bucket": BUCKET, "Key": "ab"[number % 2]}
        upload: Params = {**location, "UploadId": s3.ids[number]}
        operation = generator.choice(("create", "part", "part", "abort", "complete", "list"))
        if operation == "create":
            key = "ab"[len(s3.ids) % 2]
            s3.add_id("UploadId", s3.call("create_multipart_upload", Bucket=BUCKET, Key=key))
        elif operation == "part":
            responses = s3.call("upload_part", **upload, PartNumber=1, Body=b"part")
            if responses[0]:
                parts[upload["UploadId"]] = tuple(
                    {"Parts": [{"PartNumber": 1, "ETag": response["ETag"]}]} for response in responses
                )
        elif upload["UploadId"] in completed:
            pass  # not documented
        elif operation == "abort":
            s3.call("abort_multipart_upload", **upload)
        elif operation == "complete" and upload["UploadId"] in parts:
            response, _model = s3.call("complete_multipart_upload", **upload, MultipartUpload=parts[upload["UploadId"]])
            completed |= {upload["UploadId"]} if response else set()
        responses = s3.call("list_multipart_uploads", Bucket=BUCKET, Prefix=generator.choice(("", "a")))
        listed = [
            sorted((item["Key"], s3.plain(item["UploadId"], side)) for item in response.get("Uploads", ()))
            for side, response in enumerate(responses)
        ]
        assert listed[0] == listed[1], s3.calls
        s3.call("head_object", ("ContentLength",), **location)


@pytest.mark.parametrize("seed", range(2))
def test_s3_model_keeps_versions_as_a_store_does(s3: Comparison, seed: int) -> None:
    generator = random.Random(seed)
    for _number in range(CALLS // 2):
        key: Params = {"Bucket": BUCKET, "Key": generator.choice("ab")}
        operation = generator.choice(("put", "put", "delete", "delete version", "versioning", "get"))
        if operation == "put":
            s3.add_id("VersionId", s3.call("put_object", **key, Body=b"version"))
        elif operation == "versioning":
            s3.call("put_bucket_versioning", Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
            s3.call("get_bucket_versioning", ("Status",), Bucket=BUCKET)
        elif operation == "delete":
            # moto creates no delete marker for an object that does not exist.
            if s3.call("head_object", **key)[0]:
                s3.add_id("VersionId", s3.call("delete_object", **key))
        elif operation == "delete version":
            s3.call("delete_object", **key, VersionId=generator.choice(["null", *s3.ids[1:]]))
        s3.call("get_object", ("ContentLength",), **key)
        s3.call("list_object_versions", ("Versions", "DeleteMarkers"), Bucket=BUCKET)


# By store: the number of calls before versioning is suspended, the operations, and compared headers of a read.
# In a bucket with suspended versioning, moto deletes without a delete marker, and an upload deletes the older versions.
# There, moto validates only uploads to a bucket in which versioning was never enabled. It never returns the ID "null".
SUSPENDED: dict[str, tuple[int, tuple[str, ...], tuple[str, ...]]] = {
    "seaweedfs": (CALLS // 6, ("put", "put", "delete", "delete version"), ("ContentLength", "VersionId")),
    "moto": (0, ("put",), ("ContentLength",)),
}


@pytest.mark.parametrize("seed", range(3))
def test_s3_model_with_suspended_versioning_responds_as_a_store_does(s3: Comparison, store: str, seed: int) -> None:
    generator, versions = random.Random(seed), list[Params]()
    suspended_at, operations, names = SUSPENDED[store]
    for number in range(CALLS // 2):
        key: Params = {"Bucket": BUCKET, "Key": generator.choice("ab")}
        # SeaweedFS does not return to enabled versioning: a delete marker "null" remains the current version.
        if number in (0, suspended_at):
            status = "Suspended" if number == suspended_at else "Enabled"
            s3.call("put_bucket_versioning", Bucket=BUCKET, VersioningConfiguration={"Status": status})
            s3.call("get_bucket_versioning", ("Status",), Bucket=BUCKET)
        operation = generator.choice(operations)
        if operation == "put":
            condition: Params = generator.choice(({}, {}, {"IfNoneMatch": "*"}))
            body = b"version" * generator.randint(1, 3)
            s3.add_id("VersionId", s3.call("put_object", ("ETag",), **key, Body=body, **condition))
        elif operation == "delete":
            s3.add_id("VersionId", s3.call("delete_object", ("DeleteMarker",), **key))
        else:
            version = generator.choice(["null", *s3.ids[1:]])
            # SeaweedFS does not delete a delete marker "null", and then does not find the version before "null".
            if "null" not in [item["VersionId"] for item in versions if item["Key"] == key["Key"]]:
                s3.call("delete_object", ("DeleteMarker", "VersionId"), **key, VersionId=version)
        s3.call("get_object", names, **key)
        s3.call("list_objects_v2", ("Contents",), Bucket=BUCKET)
        responses = s3.call("list_object_versions", Bucket=BUCKET)
        versions = [*responses[0].get("Versions", ()), *responses[0].get("DeleteMarkers", ())]
        # SeaweedFS lists the version "null" after all others.
        listed = [listed_versions(s3, response, side) for side, response in enumerate(responses)]
        assert listed[0] == listed[1], s3.calls


def listed_versions(s3: Comparison, response: Params, side: int) -> list[tuple[str, str]]:
    """The versions and delete markers of a response in a canonical order."""
    lists = ("Versions", "DeleteMarkers")
    return sorted(
        (name, json.dumps(s3.plain(item, side), sort_keys=True)) for name in lists for item in response.get(name, ())
    )


ARN = f"arn:aws:s3:::{BUCKET}"
DENY = {
    "Sid": "Deny", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"{ARN}/denied/*",
}  # fmt: skip
BLOCK = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
CORS_RULE = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.com"], "AllowedHeaders": ["*"]}
RULE = {"ID": "expire", "Status": "Enabled", "Filter": {"Prefix": "a/"}, "Expiration": {"Days": 30}}
ABORT_RULE = {
    "ID": "abort", "Status": "Enabled", "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
}  # fmt: skip
DEFAULT = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
# By subresource: the operation that deletes it, the compared member of a response, and the parameters of the writes.
SUBRESOURCES: dict[str, tuple[str, str, list[Params]]] = {
    "bucket_policy": (
        "bucket_policy", "", [{"Policy": json.dumps({"Version": "2012-10-17", "Statement": [DENY]})}],
    ),
    "bucket_encryption": (
        "bucket_encryption", "ServerSideEncryptionConfiguration",
        [{"ServerSideEncryptionConfiguration": {"Rules": [DEFAULT]}}],
    ),
    "bucket_lifecycle_configuration": (
        "bucket_lifecycle", "Rules",
        [{"LifecycleConfiguration": {"Rules": rules}} for rules in ([RULE], [ABORT_RULE], [RULE, ABORT_RULE])],
    ),
    "bucket_cors": ("bucket_cors", "CORSRules", [{"CORSConfiguration": {"CORSRules": [CORS_RULE]}}]),
    "public_access_block": (
        "public_access_block", "PublicAccessBlockConfiguration",
        [{"PublicAccessBlockConfiguration": {name: name in on for name in BLOCK}} for on in (BLOCK, BLOCK[:2], ())],
    ),
    "bucket_tagging": (
        "bucket_tagging", "TagSet", [{"Tagging": {"TagSet": [{"Key": "team", "Value": value}]}} for value in "ab"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
def test_s3_model_keeps_subresources_as_a_store_does(s3: Comparison, store: str, seed: int) -> None:
    generator = random.Random(seed)
    for _number in range(CALLS):
        name = generator.choice([name for name in SUBRESOURCES if name not in UNSUPPORTED[store]])
        delete, member, writes = SUBRESOURCES[name]
        bucket: Params = {"Bucket": BUCKET}
        operation = generator.choice(("put", "put", "get", "delete"))
        if operation == "put":
            s3.call(f"put_{name}", **bucket, **generator.choice(writes))
        elif operation == "delete":
            s3.call(f"delete_{delete}", **bucket)
        responses = s3.call(f"get_{name}", (member,) if member else (), **bucket)
        if name == "bucket_policy" and responses[0]:
            assert json.loads(responses[0]["Policy"]) == json.loads(responses[1]["Policy"])


# SeaweedFS 4.48 has no public access block.
UNSUPPORTED: dict[str, frozenset[str]] = {"seaweedfs": frozenset({"public_access_block"}), "moto": frozenset()}


@pytest.mark.parametrize(
    ("store", "name"), [(store, name) for store, names in UNSUPPORTED.items() for name in names], indirect=["store"]
)
def test_unsupported_subresource_is_not_implemented_by_the_store(s3: Comparison, store: str, name: str) -> None:
    for operation, params in (("get", {}), ("put", SUBRESOURCES[name][2][0]), ("delete", {})):
        method = getattr(s3.server, f"{operation}_{name}")
        assert respond(method, {"Bucket": BUCKET, **params})[:2] == (501, "NotImplemented"), store


POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": ARN}]})


@pytest.mark.parametrize("seed", range(3))
def test_iam_model_responds_as_moto_does(sandbox: Sandbox, seed: int) -> None:
    (_s3, model), generator = models(), random.Random(seed)
    iam = Comparison(sandbox.stores["moto"].iam_client(), model.call)
    # moto loses the tags of a user that gets another path.
    for _number in range(2 * CALLS):
        user = {"UserName": f"model-{seed}{generator.choice('ab')}"}
        key = {**user, "AccessKeyId": generator.choice(iam.ids)}
        policy = {**user, "PolicyName": generator.choice(("one", "two"))}
        tags = [{"Key": generator.choice(("owner", "team")), "Value": generator.choice("xy")}]
        calls: tuple[tuple[str, tuple[str, ...], Params], ...] = (
            ("create_user", (), {**user, "Path": "/simulation/", "Tags": tags}),
            ("get_user", ("User",), user),
            ("update_user", (), {**user, "NewPath": "/simulation/"}),
            ("tag_user", (), {**user, "Tags": tags}),
            ("list_user_tags", (), user),
            ("put_user_policy", (), {**policy, "PolicyDocument": POLICY}),
            ("get_user_policy", (), policy),
            ("delete_user_policy", (), policy),
            ("list_user_policies", ("PolicyNames",), user),
            ("list_attached_user_policies", ("AttachedPolicies",), user),
            ("list_groups_for_user", ("Groups",), user),
            ("create_access_key", (), user),
            ("update_access_key", (), {**key, "Status": generator.choice(("Active", "Inactive"))}),
            ("delete_access_key", (), key),
            ("list_access_keys", ("AccessKeyMetadata",), user),
            ("delete_user", (), user),
        )
        operation, names, params = generator.choice(calls)
        current = model.users.get(user["UserName"])
        if operation == "delete_user" and current and current.keys and not current.policies:
            # IAM API reference: DeleteUser requires that the keys are deleted before. moto does not.
            assert respond(lambda **both: model.call("delete_user", both), user)[:2] == (409, "DeleteConflict")
            continue
        responses = iam.call(operation, names, **params)
        if operation == "create_access_key" and responses[0]:
            created = [response["AccessKey"]["AccessKeyId"] for response in responses]
            iam.ids.append((created[0], created[1]))
        if operation == "list_user_tags" and responses[0]:
            tag_sets = [sorted((tag["Key"], tag["Value"]) for tag in response["Tags"]) for response in responses]
            assert tag_sets[0] == tag_sets[1], iam.calls


@dataclass
class VonageComparison:
    """The same requests to the model and the emulator, with the token of a project."""

    emulator: VonageEmulator
    model: VonageModel = field(default_factory=lambda: VonageModel(time.time))
    requests: int = 0

    def __post_init__(self) -> None:
        created = self.emulator.add_project("model validation")
        self.project = VonageProject(created.key, created.secret)
        self.model.projects[self.project.id] = self.project

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        age: int = 0,
        secret: str = "",
        project_id: str = "",
    ) -> tuple[Any, Any]:
        """Compare the status, and return the documents.

        :param age: of the token in seconds.
        """
        self.requests += 1
        project_id, now = project_id or self.project.id, int(time.time()) - age
        claims = {"iss": project_id, "ist": "project", "iat": now, "exp": now + 180, "jti": str(self.requests)}
        token = jwt.encode(claims, secret or self.project.secret, algorithm="HS256")
        headers, path = {"X-OPENTOK-AUTH": token}, f"/v2/project/{project_id}{path}"
        url = f"{self.emulator.url}{path}"
        real = requests.request(method, url, params=query, headers=headers, json=body, timeout=10)
        response = self.model.request(method, path, headers, body, query or {})
        assert response.status == real.status_code, (self.requests, method, path, query, age, body)
        return real.json() if real.content else None, json.loads(response.body or "null")


def test_vonage_model_responds_as_the_emulator_does(sandbox: Sandbox) -> None:
    vonage, generator = VonageComparison(sandbox.vonage), random.Random(1)
    project = vonage.project
    config = {"accessKey": "key", "secretKey": "secret", "bucket": "bucket"}
    for _number in range(CALLS):
        age = generator.choice((0, 0, 120, 400, -60))
        secret = generator.choice((project.secret, project.secret, "wrong" * 8))
        project_id = generator.choice((project.id,) * 8 + ("49999999",))
        method = generator.choice(("PUT", "DELETE"))
        good = {"type": "s3", "config": config, "fallback": "none"}
        body = generator.choice((good, good, {**good, "config": {}})) if method == "PUT" else None
        vonage.request(method, "/archive/storage", body=body, age=age, secret=secret, project_id=project_id)
        assert (project.target is None) == (sandbox.vonage.target(project.id) is None)


STATUSES = ("started", "paused", "stopped", "available", "uploaded", "failed")


@pytest.mark.parametrize("seed", range(2))
def test_vonage_model_lists_archives_as_the_emulator_does(sandbox: Sandbox, seed: int) -> None:
    vonage, generator = VonageComparison(sandbox.vonage), random.Random(seed)
    emulator, archives, recordings = vonage.emulator, vonage.project.archives, {}
    # There are more archives than on a page of the default size.
    for _number in range(2 * CALLS):
        operation = generator.choice(("start", "start", "start", "status", "delete", "list"))
        if operation == "start":
            recording = emulator.start_archive(vonage.project.id, age=generator.uniform(0.0, 9000.0))
            recordings[recording.archive.id] = recording
            archives.append(Archive(recording.archive.id, recording.archive.created_at / 1000))
        elif operation == "status" and archives:
            archive = generator.choice(archives)
            archive.status = generator.choice(STATUSES)
            emulator.set_archive_status(recordings[archive.id], archive.status)
        elif operation == "delete" and archives:
            archive = generator.choice(archives)
            if archive.status in DELETABLE:
                recordings[archive.id].holder.delete_archive(archive.id)
                archives.remove(archive)
        # The last page, pages after it, and values that the API refuses.
        query = {
            "offset": generator.choice(("0", "1", "2", str(len(archives) - 1), str(len(archives)), "999", "x", "")),
            "count": generator.choice(("0", "1", "2", "3", "1000", "1001", "-1")),
        }
        names = generator.choice(((), ("offset",), ("count",), ("offset", "count")))
        responses = vonage.request("GET", "/archive", query={name: query[name] for name in names})
        pages = [(page.get("count"), list(map(archive_members, page.get("items", ())))) for page in responses]
        assert pages[0] == pages[1], (vonage.requests, query, names)


def archive_members(item: dict[str, Any]) -> list[Any]:
    """The members of an archive in the list that the simulated playbooks read."""
    return [item[name] for name in ("id", "status", "createdAt")]
