# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verifies what the application and its visitors do: play a recording, and upload an image.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field, replace

from .._aws.conditional_object import get_small_object
from .._aws.errors import translate_errors
from .._aws.session import make_client, with_known_owner
from .._core import errors
from .._core.http_client import Http
from .._core.plan import Context
from .._core.redaction import redact
from .._core.retry import FIRST_PAUSE, LONGEST_PAUSE, Deadline, attempts, backoff, retry
from .._core.runtime import SYSTEM, Runtime
from .._upload_check.access_checks import BUDGET, anonymous_read_check, cors_preflight_check, public_url
from .._upload_check.probe import Check, is_retryable, new_probe_keys, problem
from . import urls
from .fetch import AppKey
from .params import IMAGES_PREFIX, BroadcastParams, is_key_id

T = t.TypeVar("T")

# The smallest GIF: a browser can show it.
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")


def verify_app(
    desired: BroadcastParams, value: str, region: str, key: AppKey, context: Context
) -> list[dict[str, t.Any]]:
    """Run all checks and warn about probes that could not be deleted.

    :param value: the value of the config var with the URL of recordings.
    :param region: the region of the bucket for images.
    :returns: the checks, as the result shows them.
    :raises VerificationFailedError: a check has failed.
    """
    verifier = AppVerifier(desired, value, region, key, context.runtime)
    try:
        return verifier.run()
    finally:
        for message in verifier.leftovers:
            context.warn(f"The verification could not delete its probes. {message}")


@dataclass
class AppVerifier:
    """One verification.

    :param value: the current or desired value of the config var with the URL of recordings.
    :param region: the region of the bucket for images.
    :param key: the application's access key; empty if it has none.
    :param leftovers: messages about probes that could not be deleted.
    """

    desired: BroadcastParams
    value: str
    region: str
    key: AppKey = field(default_factory=AppKey)
    runtime: Runtime = SYSTEM
    leftovers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        operator = self.desired.operator
        self.operator = make_client(operator)
        awaited = "the access key of the application to take effect"
        self.deadline = Deadline(self.desired.verify_timeout, self.runtime, awaited=awaited)
        self.probe_keys = new_probe_keys(self.desired.project)
        verify_certs = (operator.ca_bundle or True) if operator.validate_certs else False
        self.http = Http(BUDGET, secrets=self.secrets, verify=verify_certs, runtime=self.runtime)

    @property
    def secrets(self) -> list[str | None]:
        swapped = [] if is_key_id(self.key.id) else [self.key.id]
        return [self.key.secret, *swapped, self.desired.app.token, *self.desired.operator.secrets]

    def run(self) -> list[dict[str, t.Any]]:
        """Run all checks.

        :raises VerificationFailedError: a check has failed.
        """
        checks = [self.verify_recording()]
        if self.desired.has_key:
            checks += self.verify_images()
        checks = [check._replace(detail=redact(check.detail, self.secrets)) for check in checks]
        results = [check._asdict() for check in checks]
        failed = [check for check in checks if not check.ok]
        if failed:
            hint = "The config vars were not changed."
            if self.desired.verify == "only" and "image_upload" in [check.name for check in failed]:
                hint += " If the access key is wrong, replace it with rotate=true."
            raise errors.VerificationFailedError(
                f"verify that {self.desired.app.id} works with s3://{self.desired.bucket}",
                " ".join(f"{check.name}: {check.detail}" for check in failed),
                hint,
                checks=results,
            )
        return results

    def verify_recording(self) -> Check:
        """Read a probe without a key, at the URL that the application builds from the config var."""
        value_problem = urls.value_problem(self.desired.generation, self.value)
        if urls.base_url_problem(self.value):
            return Check("recording_plays", False, f"{value_problem}.")
        key = self.probe_keys.single
        content = f"Check by vonage.archiving, to be removed: {key}\n".encode()
        url = urls.recording_url(self.desired.generation, self.value, key)
        try:
            with self._temporary_object(self.desired.bucket, key, content, "text/plain"):
                return self._verify_public_read(url, content, value_problem)
        except errors.ArchivingError as exc:
            return _failed_check("recording_plays", exc)

    def _verify_public_read(self, url: str, content: bytes, value_problem: str | None) -> Check:
        status, is_probe = "no response", False
        for _number in self._attempts():
            status, body = self._get_anonymously(url)
            is_probe = body == content
            if is_probe:
                break
        check = anonymous_read_check(url, True, is_probe, status)._replace(name="recording_plays")
        if is_probe:
            return check
        hint = value_problem or (
            "Recordings below the project's prefix must be public, and the URL must be that of the bucket: check the "
            "public access block, and the options base_url and endpoint"
        )
        return check._replace(detail=f"{check.detail} {hint}.")

    def verify_images(self) -> list[Check]:
        """Put and read an image of an event with the application's own key."""
        bucket, key = self.desired.images_bucket, f"{IMAGES_PREFIX}/{self.probe_keys.run}.gif"
        store = replace(
            with_known_owner(self.desired.operator, self.desired.store),
            region=self.region,
            access_key=self.key.id,
            secret_key=self.key.secret,
            session_token=None,
            profile=None,
        )
        client = make_client(store, isolated=True)
        acl = {"ACL": "private"} if self.desired.user.acls else {}

        def put_image() -> None:
            with translate_errors(
                f"put an image to s3://{bucket}/{key} with the application's key", store, "s3:PutObject"
            ):
                client.put_object(Bucket=bucket, Key=key, Body=PIXEL, ContentType="image/gif", **acl)

        def get_image() -> bytes:
            with translate_errors("read the image with the application's key", store, "s3:GetObject"):
                return get_small_object(client, bucket, key, len(PIXEL) + 1)[0]

        url = public_url(self.desired.store, bucket, key, self.region)
        try:
            self._retry(put_image)
            with self._delete_on_exit(bucket, key):
                is_same = self._retry(get_image) == PIXEL
                result = "was put and read" if is_same else "was put, but other content was read"
                checks = [Check("image_upload", is_same, f"s3://{bucket}/{key} {result}."), self._verify_private(url)]
                return [*checks, *([self._verify_preflight(url)] if self.desired.cors_origin else [])]
        except errors.ArchivingError as exc:
            return [_failed_check("image_upload", exc)]

    def _verify_private(self, url: str) -> Check:
        status, body = self._get_anonymously(url)
        detail = f"GET {url} without a key returned {status}."
        if body == PIXEL:
            return Check("images_private", False, f"{detail} Images must not be public: they are read by signed URLs.")
        return Check("images_private", True, detail)

    def _verify_preflight(self, url: str) -> Check:
        """Send the CORS preflight that a browser sends before it puts an image, until new rules take effect."""
        origin = str(self.desired.cors_origin)
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type,x-amz-acl",
        }
        check = Check("image_preflight", False, "")
        for _number in self._attempts():
            try:
                response = self.http.send("OPTIONS", url, "send a CORS preflight", lambda: headers)
            except errors.ArchivingError as exc:
                return Check("image_preflight", False, f"OPTIONS {url}: {problem(exc)} {exc.hint}")
            check = cors_preflight_check(response, origin, "PUT")._replace(name="image_preflight")
            if check.ok:
                break
        return check

    def _get_anonymously(self, url: str) -> tuple[str, bytes]:
        """The status or problem of a GET without a key, and the body of a successful response."""
        try:
            response = self.http.send("GET", url, "read a probe without a key")
        except errors.UnreachableError as exc:
            status = exc.facts.get("status")
            return (f"HTTP {status}" if status else problem(exc)), b""
        return f"HTTP {response.status}", response.body if response.status == 200 else b""

    def _attempts(self) -> t.Iterator[int]:
        """Attempts until the deadline: new policies, keys, and rules take effect after some time."""
        return attempts(self.deadline, backoff(FIRST_PAUSE, LONGEST_PAUSE))

    def _retry(self, call: t.Callable[[], T]) -> T:
        return retry(call, is_retryable, self.deadline, backoff(FIRST_PAUSE, LONGEST_PAUSE))

    @contextlib.contextmanager
    def _temporary_object(self, bucket: str, key: str, content: bytes, content_type: str) -> t.Iterator[None]:
        """Put an object as the operator, and delete it on exit."""
        operator = self.desired.operator
        encryption = {"ServerSideEncryption": "AES256"} if operator.is_aws else {}
        with translate_errors(f"put a probe to s3://{bucket}/{key}", operator, "s3:PutObject"):
            self.operator.put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type, **encryption)
        with self._delete_on_exit(bucket, key):
            yield

    @contextlib.contextmanager
    def _delete_on_exit(self, bucket: str, key: str) -> t.Iterator[None]:
        """Delete an object as the operator; an error must not hide the checks."""
        try:
            yield
        finally:
            try:
                with translate_errors(f"delete s3://{bucket}/{key}", self.desired.operator, "s3:DeleteObject"):
                    self.operator.delete_object(Bucket=bucket, Key=key)
            except errors.ArchivingError as exc:
                self.leftovers.append(str(exc))


def _failed_check(name: str, exc: errors.ArchivingError) -> Check:
    return Check(name, False, f"Could not {exc.operation}: {problem(exc)} {exc.hint}")
