# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model of S3: buckets with their subresources, conditional writes, versions, and multipart uploads.

Strongly consistent, as S3 is for objects. The clock of the store is the simulated time.
"""

from __future__ import annotations

import datetime
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .iam_model import IamModel, allows, denies
from .responses import MAX_SKEW, OPERATOR, OPERATOR_SECRET, ApiError, respond

# The root elements of responses, which the collection compares, and the codes for "not set".
SUBRESOURCES = {
    "bucket_encryption": (
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
    "bucket_ownership_controls": ("OwnershipControls", "OwnershipControls", "OwnershipControlsNotFoundError"),
    "public_access_block": (
        "PublicAccessBlockConfiguration",
        "PublicAccessBlockConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
    ),
    "bucket_policy": ("Policy", "", "NoSuchBucketPolicy"),
    "bucket_lifecycle_configuration": (
        "LifecycleConfiguration",
        "LifecycleConfiguration",
        "NoSuchLifecycleConfiguration",
    ),
    "bucket_tagging": ("Tagging", "Tagging", "NoSuchTagSet"),
    "bucket_cors": ("CORSConfiguration", "CORSConfiguration", "NoSuchCORSConfiguration"),
    "bucket_versioning": ("VersioningConfiguration", "VersioningConfiguration", ""),
}
# Members that a GET returns without their parent.
UNWRAPPED = ("bucket_lifecycle_configuration", "bucket_tagging", "bucket_cors", "bucket_versioning")


class Caller(NamedTuple):
    """The credentials of a request; no key for an anonymous one.

    :param time: the time of its signature.
    """

    key: str
    secret: str
    time: float
    secure: bool = True


@dataclass
class Version:
    """A version of an object, or a delete marker."""

    id: str
    data: bytes
    size: int
    etag: str
    modified: float
    sse: str = ""
    marker: bool = False


@dataclass
class Upload:
    """A multipart upload in progress."""

    id: str
    key: str
    initiated: float
    sse: str
    parts: dict[int, int] = field(default_factory=dict)


@dataclass
class Bucket:
    name: str
    created: float
    sub: dict[str, Any] = field(default_factory=dict)
    # The newest version is the last one.
    objects: dict[str, list[Version]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    @property
    def versioning(self) -> str:
        return str(self.sub.get("bucket_versioning", {}).get("Status", ""))

    def current(self, key: str) -> Version | None:
        versions = self.objects.get(key)
        return versions[-1] if versions and not versions[-1].marker else None


@dataclass
class S3Model:
    """An S3 API.

    :param is_aws: whether it always encrypts and blocks public access of new buckets, as AWS does.
    """

    random_id: Callable[[int], str]
    now: Callable[[], float]
    iam: IamModel
    is_aws: bool = True
    buckets: dict[str, Bucket] = field(default_factory=dict)
    on_change: Callable[[], None] = lambda: None

    def call(self, operation: str, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation by the name of the client's method."""
        verb, _separator, subresource = operation.partition("_")
        if operation == "delete_bucket_lifecycle":
            subresource = "bucket_lifecycle_configuration"
        if subresource in SUBRESOURCES:
            values = self._subresource(verb, subresource, caller, dict(params))
        else:
            method: Callable[..., dict[str, Any]] = getattr(self, f"_{operation}")
            values = method(caller, **params)
        if verb not in ("get", "head", "list"):
            self.on_change()
        return respond(self.now(), **values)

    # Authorization.

    def authorize(self, caller: Caller, action: str, bucket: str, key: str = "", **context: str) -> None:
        """:raises ApiError: the credentials are not valid, or lack the permission."""
        resource = f"arn:aws:s3:::{bucket}{f'/{key}' if key else ''}"
        context["aws:SecureTransport"] = "true" if caller.secure else "false"
        self._authenticate(caller)
        existing = self.buckets.get(bucket)
        document = existing.sub.get("bucket_policy", {}).get("Policy") if existing else None
        if document and denies(document, action, resource, context):
            raise ApiError(403, "AccessDenied", "Access Denied: an explicit deny in the bucket policy")
        if caller.key == OPERATOR:
            return
        if not caller.key:
            block = existing.sub.get("public_access_block", {}) if existing else {}
            if document and not block.get("RestrictPublicBuckets") and allows(document, action, resource, context):
                return
        elif self.iam.allows(caller.key, action, resource, context):
            return
        raise ApiError(403, "AccessDenied", "Access Denied")

    def _authenticate(self, caller: Caller) -> None:
        if caller.key == OPERATOR:
            if caller.secret != OPERATOR_SECRET:
                raise ApiError(403, "SignatureDoesNotMatch")
        elif caller.key:
            key = self.iam.keys.get(caller.key)
            if key is None or not (key.known and key.usable):
                raise ApiError(403, "InvalidAccessKeyId", "The access key does not exist in our records.")
            if key.secret != caller.secret:
                raise ApiError(403, "SignatureDoesNotMatch")
        if caller.key and abs(caller.time - self.now()) > MAX_SKEW:
            raise ApiError(403, "RequestTimeTooSkewed")

    def _bucket(self, name: str) -> Bucket:
        bucket = self.buckets.get(name)
        if bucket is None:
            raise ApiError(404, "NoSuchBucket", "The specified bucket does not exist")
        return bucket

    # Buckets.

    def _head_bucket(self, caller: Caller, Bucket: str, **_params: Any) -> dict[str, Any]:
        self.authorize(caller, "s3:ListBucket", Bucket)
        self._bucket(Bucket)
        return {}

    def _create_bucket(self, caller: Caller, Bucket: str, **_params: Any) -> dict[str, Any]:
        self.authorize(caller, "s3:CreateBucket", Bucket)
        if Bucket in self.buckets:
            raise ApiError(409, "BucketAlreadyOwnedByYou")
        self.create(Bucket)
        return {}

    def create(self, name: str) -> Bucket:
        bucket = self.buckets[name] = Bucket(name, self.now())
        if self.is_aws:
            names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
            bucket.sub["public_access_block"] = dict.fromkeys(names, True)
        return bucket

    def _delete_bucket(self, caller: Caller, Bucket: str, **_params: Any) -> dict[str, Any]:
        self.authorize(caller, "s3:DeleteBucket", Bucket)
        bucket = self._bucket(Bucket)
        if bucket.objects or bucket.uploads:
            raise ApiError(409, "BucketNotEmpty")
        del self.buckets[Bucket]
        return {}

    def _subresource(self, verb: str, name: str, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        member, root, not_set = SUBRESOURCES[name]
        self.authorize(caller, f"s3:{verb.title()}{name.title().replace('_', '')}", params["Bucket"])
        sub = self._bucket(params["Bucket"]).sub
        if verb == "put":
            value = params["Policy"] if name == "bucket_policy" else params[member]
            self._check_public_policy(name, value, sub)
            sub[name] = {"Policy": value} if name == "bucket_policy" else value
            return {}
        if verb == "delete":
            sub.pop(name, None)
            return {}
        if name == "bucket_encryption" and self.is_aws and name not in sub:
            rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            return {member: {"Rules": [rule]}, "RootElement": root}
        if name not in sub and not_set:
            raise ApiError(404, not_set)
        value = sub.get(name, {})
        if name == "bucket_policy":
            return dict(value)
        return {**(value if name in UNWRAPPED else {member: value}), "RootElement": root}

    def _check_public_policy(self, name: str, value: Any, sub: Mapping[str, Any]) -> None:
        block = sub.get("public_access_block", {})
        if name == "bucket_policy" and block.get("BlockPublicPolicy") and '"Effect":"Allow","Principal":"*"' in value:
            raise ApiError(403, "AccessDenied", "public policies are blocked by the BlockPublicPolicy setting")

    # Objects.

    def _get_object(self, caller: Caller, Bucket: str, Key: str, **_params: Any) -> dict[str, Any]:
        version = self._read(caller, Bucket, Key)
        return {**self._read_headers(Bucket, version), "Body": io.BytesIO(version.data)}

    def _head_object(self, caller: Caller, Bucket: str, Key: str, **_params: Any) -> dict[str, Any]:
        return self._read_headers(Bucket, self._read(caller, Bucket, Key))

    def _read(self, caller: Caller, name: str, key: str) -> Version:
        self.authorize(caller, "s3:GetObject", name, key)
        version = self._bucket(name).current(key)
        if version is None:
            raise ApiError(404, "NoSuchKey", "The specified key does not exist.")
        return version

    def _read_headers(self, bucket: str, version: Version) -> dict[str, Any]:
        headers = {"ContentLength": version.size, "LastModified": _datetime(version.modified)}
        # After versioning was enabled or suspended once, reads return the ID "null", and uploads do not.
        is_versioned = bool(self._bucket(bucket).versioning)
        return {**headers, **({"VersionId": version.id} if is_versioned else {}), **_version_headers(version)}

    def _put_object(self, caller: Caller, Bucket: str, Key: str, Body: bytes = b"", **params: Any) -> dict[str, Any]:
        self._authorize_put(caller, Bucket, Key, params.get("ServerSideEncryption"))
        bucket = self._bucket(Bucket)
        self._check_conditions(bucket.current(Key), params.get("IfMatch"), params.get("IfNoneMatch"))
        etag = f'"{hashlib.md5(Body, usedforsecurity=False).hexdigest()}"'
        version = self._add(bucket, Key, Body, len(Body), etag, self._sse(bucket, params.get("ServerSideEncryption")))
        return _version_headers(version)

    def _authorize_put(self, caller: Caller, bucket: str, key: str, sse: str | None) -> None:
        context = {"s3:x-amz-server-side-encryption": sse} if sse else {}
        self.authorize(caller, "s3:PutObject", bucket, key, **context)

    @staticmethod
    def _check_conditions(current: Version | None, if_match: str | None, if_none_match: str | None) -> None:
        if if_none_match == "*" and current:
            raise ApiError(412, "PreconditionFailed", "A pre-condition did not hold")
        if if_match is not None:
            if current is None:
                raise ApiError(404, "NoSuchKey", "The specified key does not exist.")
            if current.etag != if_match:
                raise ApiError(
                    412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"
                )

    def _sse(self, bucket: Bucket, requested: str | None) -> str:
        is_default = self.is_aws or "bucket_encryption" in bucket.sub
        return requested or ("AES256" if is_default else "")

    def _add(self, bucket: Bucket, key: str, data: bytes, size: int, etag: str, sse: str) -> Version:
        enabled = bucket.versioning == "Enabled"
        version = Version(self.random_id(8) if enabled else "null", data, size, etag, self.now(), sse)
        others = bucket.objects.get(key, [])
        kept = others if enabled else [other for other in others if other.id != "null"]
        bucket.objects[key] = [*kept, version]
        return version

    def _delete_object(self, caller: Caller, Bucket: str, Key: str, VersionId: str = "", **_params: Any) -> Any:
        self.authorize(caller, "s3:DeleteObjectVersion" if VersionId else "s3:DeleteObject", Bucket, Key)
        return self.delete(self._bucket(Bucket), Key, VersionId)

    def delete(self, bucket: Bucket, key: str, version_id: str = "") -> dict[str, Any]:
        versions = bucket.objects.get(key, [])
        marker: dict[str, Any] = {}
        if version_id:
            kept = [version for version in versions if version.id != version_id]
            marker = {"VersionId": version_id} if bucket.versioning else {}
            if any(version.marker for version in versions if version.id == version_id):
                marker["DeleteMarker"] = True
        elif bucket.versioning:
            # A suspended bucket replaces the version "null" by the marker.
            name = self.random_id(8) if bucket.versioning == "Enabled" else "null"
            kept = [version for version in versions if version.id != name]
            kept.append(Version(name, b"", 0, "", self.now(), marker=True))
            marker = {"DeleteMarker": True, "VersionId": name}
        else:
            kept = []
        if kept:
            bucket.objects[key] = kept
        else:
            bucket.objects.pop(key, None)
        return marker

    def _delete_objects(self, caller: Caller, Bucket: str, Delete: Any, **_params: Any) -> dict[str, Any]:
        bucket = self._bucket(Bucket)
        for item in Delete["Objects"]:
            self.authorize(caller, "s3:DeleteObject", Bucket, item["Key"])
            self.delete(bucket, item["Key"], item.get("VersionId", ""))
        return {}

    # Listings.

    def _list_objects_v2(
        self, caller: Caller, Bucket: str, Prefix: str = "", Delimiter: str = "", MaxKeys: int = 1000, **params: Any
    ) -> dict[str, Any]:
        context = {"s3:prefix": Prefix} if Prefix else {}
        self.authorize(caller, "s3:ListBucket", Bucket, **context)
        bucket = self._bucket(Bucket)
        after = params.get("ContinuationToken") or params.get("StartAfter") or ""
        items = [
            key for key in sorted(bucket.objects) if key.startswith(Prefix) and key > after and bucket.current(key)
        ]
        keys, prefixes = _group(items, Prefix, Delimiter)
        contents = []
        for key in keys[:MaxKeys]:
            version = bucket.objects[key][-1]
            contents.append(
                {"Key": key, "Size": version.size, "ETag": version.etag, "LastModified": _datetime(version.modified)}
            )
        result: dict[str, Any] = {"IsTruncated": len(keys) > MaxKeys, "RootElement": "ListBucketResult"}
        result["CommonPrefixes"] = [{"Prefix": prefix} for prefix in prefixes]
        if contents:
            result["Contents"] = contents
        if result["IsTruncated"] and contents:
            result["NextContinuationToken"] = contents[-1]["Key"]
        return result

    def _list_object_versions(
        self, caller: Caller, Bucket: str, Prefix: str = "", Delimiter: str = "", MaxKeys: int = 1000, **params: Any
    ) -> dict[str, Any]:
        self.authorize(caller, "s3:ListBucketVersions", Bucket)
        bucket = self._bucket(Bucket)
        after = params.get("KeyMarker") or ""
        items = [key for key in sorted(bucket.objects) if key.startswith(Prefix) and key > after]
        keys, prefixes = _group(items, Prefix, Delimiter)
        result: dict[str, Any] = {"Versions": [], "DeleteMarkers": [], "RootElement": "ListVersionsResult"}
        for key, version, latest in _versions(bucket, keys[:MaxKeys]):
            item = {"Key": key, "VersionId": version.id, "IsLatest": latest}
            item["LastModified"] = _datetime(version.modified)
            if version.marker:
                result["DeleteMarkers"].append(item)
            else:
                result["Versions"].append({**item, "Size": version.size, "ETag": version.etag})
        result["CommonPrefixes"] = [{"Prefix": prefix} for prefix in prefixes]
        return {**result, "IsTruncated": False}

    # Multipart uploads.

    def _create_multipart_upload(self, caller: Caller, Bucket: str, Key: str, **params: Any) -> dict[str, Any]:
        sse = params.get("ServerSideEncryption")
        self._authorize_put(caller, Bucket, Key, sse)
        bucket = self._bucket(Bucket)
        upload = Upload(self.random_id(16), Key, self.now(), self._sse(bucket, sse))
        bucket.uploads[upload.id] = upload
        return {"Bucket": Bucket, "Key": Key, "UploadId": upload.id, **_sse_header(upload)}

    def _upload(self, name: str, key: str, upload_id: str) -> Upload:
        upload = self._bucket(name).uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise ApiError(404, "NoSuchUpload", "The specified upload does not exist.")
        return upload

    def _authorize_part(self, caller: Caller, bucket: str, key: str, upload_id: str) -> None:
        # S3 evaluates s3:PutObject for each part, with the encryption of the upload.
        existing = self.buckets.get(bucket)
        upload = existing.uploads.get(upload_id) if existing else None
        self._authorize_put(caller, bucket, key, upload.sse if upload else None)

    def _upload_part(
        self, caller: Caller, Bucket: str, Key: str, UploadId: str, PartNumber: int, Body: bytes = b""
    ) -> dict[str, Any]:
        self._authorize_part(caller, Bucket, Key, UploadId)
        upload = self._upload(Bucket, Key, UploadId)
        upload.parts[PartNumber] = len(Body)
        return {"ETag": f'"part-{PartNumber}-{len(Body)}"', **_sse_header(upload)}

    def _complete_multipart_upload(
        self, caller: Caller, Bucket: str, Key: str, UploadId: str, MultipartUpload: Any
    ) -> dict[str, Any]:
        self._authorize_part(caller, Bucket, Key, UploadId)
        upload = self._upload(Bucket, Key, UploadId)
        bucket = self._bucket(Bucket)
        del bucket.uploads[UploadId]
        size = sum(upload.parts[part["PartNumber"]] for part in MultipartUpload["Parts"])
        version = self._add(bucket, Key, b"", size, f'"{UploadId}-{len(upload.parts)}"', upload.sse)
        return {"Bucket": Bucket, "Key": Key, **_version_headers(version)}

    def _abort_multipart_upload(self, caller: Caller, Bucket: str, Key: str, UploadId: str) -> dict[str, Any]:
        self.authorize(caller, "s3:AbortMultipartUpload", Bucket, Key)
        self._upload(Bucket, Key, UploadId)
        del self._bucket(Bucket).uploads[UploadId]
        return {}

    def _list_multipart_uploads(self, caller: Caller, Bucket: str, Prefix: str = "", **_params: Any) -> dict[str, Any]:
        self.authorize(caller, "s3:ListBucketMultipartUploads", Bucket)
        uploads = [
            {"Key": upload.key, "UploadId": upload.id, "Initiated": _datetime(upload.initiated)}
            for upload in self._bucket(Bucket).uploads.values()
            if upload.key.startswith(Prefix)
        ]
        return {"IsTruncated": False, "RootElement": "ListMultipartUploadsResult", "Uploads": uploads}


def _group(keys: list[str], prefix: str, delimiter: str) -> tuple[list[str], list[str]]:
    """Keys, and the prefixes that stand for the others."""
    if not delimiter:
        return keys, []
    plain, prefixes = [], []
    for key in keys:
        head, found, _rest = key[len(prefix) :].partition(delimiter)
        if found:
            prefixes.append(f"{prefix}{head}{delimiter}")
        else:
            plain.append(key)
    return plain, list(dict.fromkeys(prefixes))


def _versions(bucket: Bucket, keys: list[str]) -> Iterator[tuple[str, Version, bool]]:
    for key in keys:
        versions = bucket.objects[key]
        for version in reversed(versions):
            yield key, version, version is versions[-1]


def _version_headers(version: Version) -> dict[str, str]:
    headers = {"ETag": version.etag, **_sse_header(version)}
    return headers if version.id == "null" else {**headers, "VersionId": version.id}


def _sse_header(encrypted: Upload | Version) -> dict[str, str]:
    return {"ServerSideEncryption": encrypted.sse} if encrypted.sse else {}


def _datetime(time: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(time), datetime.UTC)
