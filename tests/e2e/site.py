# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One project with its bucket, both behind proxies that note every request, and the playbooks run against them."""

from __future__ import annotations

import contextlib
import functools
import html
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_naming import LOCK_KEY
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc, parse_utc
from tests.e2e import runs
from tests.e2e.runs import Run
from tests.sandbox import ProxiedRequest, RecordingProxy, Sandbox, Store, VonageEmulator, upload_only_policy

PROBE = "vonage-archiving-probe-"
# In place of a key that is given: the role makes keys itself.
MANAGED = ("", "")


@dataclass
class Site:
    """What one test works on; nothing of it exists in the store until a run makes it.

    :param uploader: the key that is given; two empty strings for an uploader that is managed.
    """

    store: Store
    emulator: VonageEmulator
    key: str
    secret: str = field(repr=False)
    bucket: str
    uploader: tuple[str, str] = field(repr=False)
    s3: RecordingProxy
    api: RecordingProxy
    home: Path
    #: of keys that runs have made, as far as requests were forgotten
    made: list[str] = field(default_factory=list, repr=False)

    @functools.cached_property
    def client(self) -> Any:
        """The operator's client, past the proxy."""
        return self.store.client()

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the smallest playbook."""
        return {
            "archive_storage_api_url": self.api.url,
            "archive_storage_api_key": self.key,
            "archive_storage_api_secret": self.secret,
            "archive_storage_bucket": self.bucket,
            "archive_storage_region": self.store.region,
            "archive_storage_endpoint": self.s3.url,
            "archive_storage_verify_timeout": 10,
            **(given_key(*self.uploader) if self.uploader[0] else {}),
        }

    @property
    def operator(self) -> dict[str, str]:
        """The operator's environment."""
        return {"AWS_ACCESS_KEY_ID": self.store.access_key, "AWS_SECRET_ACCESS_KEY": self.store.secret_key}

    @property
    def secrets(self) -> list[str]:
        """Every secret that is used, tokens sent so far included."""
        tokens = [call["headers"].get("X-Opentok-Auth", "") for call in self.calls()]
        bearers = [call["headers"].get("Authorization", "").removeprefix("Bearer ") for call in self.calls()]
        known = [self.secret, self.uploader[1], self.store.secret_key, *self.made, *made_secrets(self.s3.requests)]
        return list(filter(None, known + tokens + bearers))

    def run(
        self,
        playbook: str | Path,
        *,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        awx: bool = False,
        ansible_playbook: Path | None = None,
        secrets: Sequence[str] = (),
        **changes: Any,
    ) -> Run:
        """Run a playbook with the role's variables, ``changes`` (without their prefix) on top of them.

        Whatever comes of it, no secret may be shown and no temporary file be left.
        """
        given = {**self.variables, **{f"archive_storage_{name}": value for name, value in changes.items()}}
        hidden = [str(value) for name, value in changes.items() if name.endswith(("secret", "secret_key")) and value]
        return self.run_bare(
            playbook,
            runs.awx_variables(given) if awx else given,
            args=args,
            env=env,
            ansible_playbook=ansible_playbook,
            secrets=[*secrets, *hidden],
        )

    def run_bare(
        self,
        playbook: str | Path,
        variables: Mapping[str, Any] | str | None = None,
        *,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        ansible_playbook: Path | None = None,
        secrets: Sequence[str] = (),
    ) -> Run:
        """Run a playbook with these extra variables and no others."""
        surroundings = {**self.operator, **(env or {})}
        run = runs.run_playbook(playbook, variables or {}, self.home, surroundings, ansible_playbook, args)
        known = [*self.secrets, *secrets]
        assert not runs.leaks(run.output, known)
        assert not runs.leaks(run.told, known)
        assert leftovers(self.home) == []
        return run

    def configure(self, **options: Any) -> Run:
        """Run the playbook configure, which must succeed."""
        return self.run("configure", **options).ok()

    def steady(self, **options: Any) -> Run:
        """Configure again: nothing changes, nothing is uploaded, nothing set."""
        self.forget()
        run = self.configure(**options)
        assert run.changed == []
        assert run.stats["changed"] == 0
        assert self.written == []
        assert self.calls() == []
        return run

    def forget(self) -> None:
        """Forget the requests so far."""
        self.made += made_secrets(self.s3.requests)
        self.s3.clear()
        self.api.clear()
        self.emulator.clear_log()

    def calls(self) -> list[dict[str, Any]]:
        """What the emulator was asked for this project."""
        return [call for call in self.emulator.log() if f"/{self.key}/" in call["path"]]

    @property
    def methods(self) -> list[str]:
        """The methods of those calls."""
        return [call["method"] for call in self.calls()]

    @property
    def written(self) -> list[str]:
        """The requests to the store, and to its IAM API, that could change something."""
        return [told(each) for each in self.s3.requests if not is_read(each)]

    @property
    def probes(self) -> list[str]:
        """The uploads of probes that were seen."""
        return [line for line in self.written if PROBE in line and line.startswith("PUT")]

    @property
    def silent(self) -> bool:
        """Whether neither the store nor the API was asked anything."""
        return self.s3.requests == [] and self.calls() == [] and self.api.requests == []

    def target(self) -> dict[str, Any] | None:
        """What the API holds, secrets included."""
        return self.emulator.target(self.key)

    @property
    def user(self) -> str:
        """The name of the user whose keys are managed."""
        return f"vonage-archiving-{self.key}"

    @property
    def held_key(self) -> tuple[str, str]:
        """Id and secret of the key that the API holds."""
        config = (self.target() or {})["config"]
        return config["accessKey"], config["secretKey"]

    def keys(self, user: str = "") -> dict[str, str]:
        """The access keys of the user whose keys are managed, or of another, each with its status."""
        found = self.store.iam_client().list_access_keys(UserName=user or self.user)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in found}

    def all_keys(self) -> dict[str, str]:
        """The access keys of both users, each with its status."""
        names = {user["UserName"] for user in self.store.iam_client().list_users()["Users"]}
        users = [name for name in (self.user, f"{self.user}-spare") if name in names]
        return {key: status for user in users for key, status in self.keys(user).items()}

    def pass_time(self, seconds: float) -> None:
        """Let time pass, as far as the state file is concerned."""
        document = self.record()
        for name in ("time", "since", "settings_since"):
            moment = parse_utc(document.get(name, ""))
            document.update({} if moment is None else {name: format_utc(moment - seconds)})
        self.client.put_object(Bucket=self.bucket, Key=self.record_key, Body=json.dumps(document).encode())

    def uploaded(self) -> str:
        """Have an archive recorded, which must land; return its key in the bucket."""
        archive = self.emulator.record_archive(self.key)
        assert archive["status"] == "uploaded", archive["sandbox"]
        key = f"{self.key}/{archive['id']}/archive.mp4"
        assert self.client.head_object(Bucket=self.bucket, Key=key)["ContentLength"] == archive["size"]
        return key

    @property
    def record_key(self) -> str:
        """Where the record is by default."""
        return f".vonage-archiving/{self.key}.json"

    def record(self) -> dict[str, Any]:
        """The record in the bucket; it holds no secret."""
        text = self.client.get_object(Bucket=self.bucket, Key=self.record_key)["Body"].read().decode()
        assert not runs.leaks(text, self.secrets)
        return dict(json.loads(text))

    def objects(self) -> list[str]:
        """Every key in the bucket but that by which projects take turns, and every multipart upload that is open."""
        listed = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        found = [each["Key"] for each in listed if each["Key"] != LOCK_KEY]
        uploads = self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return found + [f"open upload of {each['Key']}" for each in uploads]

    def left_probes(self) -> list[str]:
        """What is there of probes."""
        return [key for key in self.objects() if PROBE in key]

    def exists(self) -> bool:
        """Whether the bucket is there."""
        try:
            self.client.head_bucket(Bucket=self.bucket)
        except ClientError:
            return False
        return True

    def holds(self, operation: str) -> Any:
        """The answer about a facet of the bucket, None where it is not set."""
        try:
            return getattr(self.client, operation)(Bucket=self.bucket)
        except ClientError:
            return None


def iam_action(request: ProxiedRequest) -> str:
    """The operation of a request to the IAM API, which are all POST; empty for a request to S3."""
    if (request.method, request.path, request.query) != ("POST", "/", ""):
        return ""
    return parse_qs(request.body.decode()).get("Action", [""])[0]


def made_secrets(requests: Sequence[ProxiedRequest]) -> list[str]:
    """The secrets of all access keys that were made."""
    answers = [each.answer.decode() for each in requests if iam_action(each) == "CreateAccessKey"]
    return [html.unescape(found) for each in answers for found in re.findall("<SecretAccessKey>([^<]+)<", each)]


def given_key(access_key: str, secret_key: str) -> dict[str, Any]:
    """The variables for an uploader whose key is given."""
    return {
        "archive_storage_upload_key": "external",
        "archive_storage_uploader_access_key": access_key,
        "archive_storage_uploader_secret_key": secret_key,
    }


def is_read(request: ProxiedRequest) -> bool:
    """Tell whether a request changes nothing."""
    return request.method in ("GET", "HEAD", "OPTIONS") or iam_action(request).startswith(("Get", "List"))


def told(request: ProxiedRequest) -> str:
    """A request in a line."""
    return iam_action(request) or f"{request.method} {request.path}?{request.query}"


def leftovers(home: Path) -> list[str]:
    """Return the temporary files that a run has left."""
    places = [home / "tmp", home / "ansible" / "tmp", home / "ansible" / "local", home / "ansible" / "remote"]
    return sorted(str(path.relative_to(home)) for place in places if place.exists() for path in place.iterdir())


def make_uploader(store: Store, bucket: str) -> tuple[str, str]:
    """Return the key of a new user who may upload to the bucket and no more."""
    return store.make_user(f"uploader-{secrets.token_hex(4)}", upload_only_policy(bucket))


def users(store: Store) -> set[str]:
    """The users of SeaweedFS, which is slower with each of them: a hundred make a new one take three seconds.

    There, a user goes with all that belongs to it.
    """
    if store.name != "seaweedfs":
        return set()
    pages = store.iam_client().get_paginator("list_users").paginate()
    return {user["UserName"] for page in pages for user in page["Users"]}


@contextlib.contextmanager
def new_site(sandbox: Sandbox, home: Path, uploader: tuple[str, str] | None = None) -> Iterator[Site]:
    """Make a project, and a key for its uploads unless there is one; remove the bucket at the end, if there is one.

    :param uploader: ``MANAGED`` for none.
    """
    store = sandbox.store
    emulator = sandbox.vonage
    project = emulator.add_project()
    bucket = f"e2e-{secrets.token_hex(6)}"
    before = users(store)
    uploader = uploader or make_uploader(store, bucket)
    with RecordingProxy(store.endpoint_url) as s3, RecordingProxy(emulator.url) as api:
        site = Site(store, emulator, project.key, project.secret, bucket, uploader, s3, api, home)
        emulator.clear_log()
        try:
            yield site
        finally:
            emulator.clear_faults()
            if site.exists():
                _remove(site)
            for user in users(store) - before:
                store.iam_client().delete_user(UserName=user)


def _remove(site: Site) -> None:
    # A policy that demands encryption or TLS must not keep the test from cleaning up.
    with contextlib.suppress(ClientError):
        site.client.delete_bucket_policy(Bucket=site.bucket)
    site.store.empty_and_delete(site.bucket)
