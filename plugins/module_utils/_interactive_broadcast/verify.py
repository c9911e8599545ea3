# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tries what the application and its visitors will do: play a recording, upload an image, and nothing more.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
import uuid
from dataclasses import dataclass, field, replace

from .._aws.conditional_object import get_small_object
from .._aws.errors import told
from .._aws.s3_naming import PROBE_PREFIX
from .._aws.session import make_client, with_known_owner
from .._core import errors
from .._core.deadline import Patience
from .._core.http import Answer, Http
from .._core.secrets import redact
from .._upload_check.access_checks import BUDGET, preflight, public_url
from .._upload_check.probe import Check, may_pass, problem
from . import urls
from .params import IMAGES, Desired, is_key_id

# The smallest GIF there is: a browser that happens upon it sees an image.
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")


@dataclass
class Prover:
    """One look at everything.

    :param value: what the config var of the URL is, or is to be.
    :param region: of the bucket of images.
    :param key: id and secret of the application's access key; empty where it has none.
    :param left: what could not be removed in the end.
    """

    wanted: Desired
    value: str
    region: str
    key: tuple[str, str] = field(default=("", ""), repr=False)
    left: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.operator = make_client(self.wanted.operator)
        self.patience = Patience(self.wanted.patience)
        self.run = f"{PROBE_PREFIX}{uuid.uuid4()}"
        trust: bool | str = self.wanted.operator.ca_bundle or True
        verify = trust if self.wanted.operator.validate_certs else False
        self.http = Http(BUDGET, secrets=self.secrets, verify=verify)

    @property
    def secrets(self) -> list[str | None]:
        swapped = [] if is_key_id(self.key[0]) else [self.key[0]]
        return [self.key[1], *swapped, self.wanted.app.token, *self.wanted.operator.secrets]

    def look(self) -> list[dict[str, t.Any]]:
        """All findings.

        :raises errors.VerificationFailedError: one of them is bad.
        """
        checks = [self.recording()]
        if self.wanted.has_key:
            checks += self.images()
        checks = [check._replace(detail=redact(check.detail, self.secrets)) for check in checks]
        bad = [check for check in checks if not check.ok]
        shown = [check._asdict() for check in checks]
        if bad:
            raise errors.VerificationFailedError(
                f"prove that {self.wanted.app.id} will work with s3://{self.wanted.bucket}",
                " ".join(f"{check.name}: {check.detail}" for check in bad),
                self._advice([check.name for check in bad]),
                checks=shown,
            )
        return shown

    def _advice(self, bad: list[str]) -> str:
        if self.wanted.proof == "only" and "image_upload" in bad:
            return "The config vars were not touched. If the key is the trouble, rotate=true gives another one."
        return "The config vars were not touched."

    def recording(self) -> Check:
        """A recording, asked for by the URL that the application would make of the config var, without a key."""
        wrong = urls.value_problem(self.wanted.generation, self.value)
        if urls.base_problems(self.value):
            return Check("recording_plays", False, f"{wrong}.")
        key = f"{self.wanted.project}/{self.run}/archive.mp4"
        content = f"Check by vonage.archiving, to be removed: {key}\n".encode()
        url = urls.recording(self.wanted.generation, self.value, key)
        try:
            with self._there(self.wanted.bucket, key, content, "text/plain"):
                return self._readable(url, content, wrong)
        except errors.ArchivingError as exc:
            return Check("recording_plays", False, f"While trying to {exc.operation}: {problem(exc)} {exc.hint}")

    def _readable(self, url: str, content: bytes, wrong: str) -> Check:
        came = "nothing"
        for _pause in self.patience.pauses():
            came, body = self._get(url)
            if body == content:
                return Check("recording_plays", True, f"GET {url} without a key was answered with the probe.")
        advice = (
            "Recordings must be readable for everybody below the API key, and the URL must be that of the bucket: look "
            "at public access blocks, and at base_url or endpoint."
        )
        advice = f"{wrong}." if wrong else advice
        return Check("recording_plays", False, f"GET {url} without a key was answered with {came}. {advice}")

    def _get(self, url: str) -> tuple[str, bytes]:
        try:
            answer = self.http.send("GET", url, "read a probe without a key")
        except errors.UnreachableError as exc:
            status = exc.facts.get("status")
            return (f"HTTP {status}" if status else problem(exc)), b""
        return f"HTTP {answer.status}", answer.body if answer.status == 200 else b""

    def images(self) -> list[Check]:
        """An image of an event, put and read with the application's own key."""
        bucket, key = self.wanted.images_bucket, f"{IMAGES}/{self.run}.gif"
        store = replace(
            with_known_owner(self.wanted.operator, self.wanted.store),
            region=self.region,
            access_key=self.key[0],
            secret_key=self.key[1],
            session_token=None,
            profile=None,
        )
        client = make_client(store, isolated=True)
        acl = {"ACL": "private"} if self.wanted.user.acls else {}
        attempted = f"put an image to s3://{bucket}/{key} with the application's key"

        def put() -> None:
            with told(attempted, store, "s3:PutObject"):
                client.put_object(Bucket=bucket, Key=key, Body=PIXEL, ContentType="image/gif", **acl)

        def get() -> bytes:
            with told("read the image again with the application's key", store, "s3:GetObject"):
                return get_small_object(client, bucket, key, len(PIXEL) + 1)[0]

        url = public_url(self.wanted.store, bucket, key, self.region)
        try:
            self.patience.call(put, may_pass)
            with self._gone_after(bucket, key):
                same = self.patience.call(get, may_pass) == PIXEL
                checks = [Check("image_upload", same, f"s3://{bucket}/{key} was put and {'' if same else 'not '}read.")]
                checks.append(self._private(url))
                return [*checks, *([self._preflight(url)] if self.wanted.cors_origin else [])]
        except errors.ArchivingError as exc:
            return [Check("image_upload", False, f"While trying to {exc.operation}: {problem(exc)} {exc.hint}")]

    def _private(self, url: str) -> Check:
        came, body = self._get(url)
        ok = body != PIXEL
        advice = "" if ok else " Images are read by signed URLs: nobody else needs access to them."
        return Check("images_private", ok, f"GET {url} without a key was answered with {came}.{advice}")

    def _preflight(self, url: str) -> Check:
        """What a browser asks before it puts an image; rules just set may not count yet."""
        origin = str(self.wanted.cors_origin)
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type,x-amz-acl",
        }
        check = Check("image_preflight", False, "")
        for _pause in self.patience.pauses():
            try:
                answer: Answer = self.http.send("OPTIONS", url, "send a CORS preflight", lambda: headers)
            except errors.ArchivingError as exc:
                return Check("image_preflight", False, f"OPTIONS {url}: {problem(exc)} {exc.hint}")
            check = preflight(answer, origin, "PUT")._replace(name="image_preflight")
            if check.ok:
                break
        return check

    def _there(self, bucket: str, key: str, content: bytes, kind: str) -> _Removed:
        """The operator's object, as long as it is needed."""
        attempted = f"put a probe to s3://{bucket}/{key}"
        encryption = {"ServerSideEncryption": "AES256"} if self.wanted.operator.is_aws else {}
        with told(attempted, self.wanted.operator, "s3:PutObject"):
            self.operator.put_object(Bucket=bucket, Key=key, Body=content, ContentType=kind, **encryption)
        return self._gone_after(bucket, key)

    def _gone_after(self, bucket: str, key: str) -> _Removed:
        return _Removed(self, bucket, key)


@dataclass
class _Removed:
    """Takes a probe away in the end; what goes wrong then must not hide what was found."""

    prover: Prover
    bucket: str
    key: str

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_exc: object) -> None:
        try:
            with told(f"remove s3://{self.bucket}/{self.key}", self.prover.wanted.operator, "s3:DeleteObject"):
                self.prover.operator.delete_object(Bucket=self.bucket, Key=self.key)
        except errors.ArchivingError as exc:
            self.prover.left.append(str(exc))
