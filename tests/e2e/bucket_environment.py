# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets in several stores. The use cases run without Ansible, through a proxy that records the requests."""

from __future__ import annotations

import contextlib
import functools
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._bucket.info import gather
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.reconcile import reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from tests.sandbox import ProxiedRequest, RecordingProxy, Sandbox, Store

READS = ("GET", "HEAD")
Options = dict[str, Any]


@dataclass
class BucketEnvironment:
    """The name of a bucket in a store, behind a proxy that records the requests."""

    store: Store
    name: str
    proxy: RecordingProxy
    warnings: list[str] = field(default_factory=list)

    @functools.cached_property
    def client(self) -> Any:
        """The administrator's client, which does not use the proxy."""
        return self.store.client()

    def params(self, options: Options) -> Options:
        keys = {"access_key": self.store.access_key, "secret_key": self.store.secret_key}
        return {"name": self.name, "endpoint_url": self.proxy.url, **keys, **options}

    def run(self, check_mode: bool = False, **options: Any) -> Outcome:
        """Run the use case. Only its requests are recorded."""
        self.proxy.clear()
        self.warnings.clear()
        outcome = reconcile(self.params(options), Context(check_mode=check_mode, warn=self.warnings.append))
        assert bool(outcome.result["changes"]) == outcome.changed
        assert self.store.secret_key not in json.dumps([outcome.result, outcome.before, outcome.after])
        return outcome

    def assert_failure(self, kind: type[errors.ArchivingError], check_mode: bool = False, **options: Any) -> str:
        with pytest.raises(kind) as caught:
            self.run(check_mode, **options)
        assert self.store.secret_key not in str(caught.value)
        return str(caught.value)

    def info(self, **options: Any) -> dict[str, Any]:
        self.proxy.clear()
        return gather(self.params(options), Context()).result

    @property
    def described_requests(self) -> list[str]:
        """The requests, as method and subresource."""
        return [_describe_request(request) for request in self.proxy.requests]

    @property
    def writes(self) -> list[str]:
        return [line for line in self.described_requests if line.split()[0] not in READS]

    def create(self) -> BucketEnvironment:
        self.client.create_bucket(Bucket=self.name)
        return self

    def exists(self) -> bool:
        try:
            self.client.head_bucket(Bucket=self.name)
        except ClientError:
            return False
        return True

    def get_bucket_config(self, operation: str) -> Any:
        """Return the response without its metadata, or None for an error."""
        try:
            response = getattr(self.client, operation)(Bucket=self.name)
        except ClientError:
            return None
        return {key: value for key, value in response.items() if key != "ResponseMetadata"}

    def statements(self) -> dict[str, Any]:
        document = self.get_bucket_config("get_bucket_policy")
        statements = json.loads(document["Policy"])["Statement"] if document else []
        return {statement["Sid"]: statement for statement in statements}

    def keys(self) -> list[str]:
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def user(self, *actions: str) -> Options:
        """Create a user with these permissions on the bucket and its objects, and return its connection options."""
        arn = f"arn:aws:s3:::{self.name}"
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": [arn, f"{arn}/*"]}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        key, secret = self.store.make_user(f"user-{secrets.token_hex(4)}", policy)
        return {"access_key": key, "secret_key": secret}

    def is_public(self, key: str) -> bool:
        try:
            with urllib.request.urlopen(f"{self.store.endpoint_url}/{self.name}/{key}", timeout=10) as response:
                return bool(response.status == 200)
        except urllib.error.HTTPError:
            return False


def _describe_request(request: ProxiedRequest) -> str:
    sub = request.query.split("&")[0].split("=")[0]
    key = request.path.strip("/").partition("/")[2]
    return " ".join(filter(None, [request.method, f"?{sub}" if sub else "", key]))


NewBucket = Callable[[str], BucketEnvironment]


@contextlib.contextmanager
def bucket_environments(sandbox: Sandbox) -> Iterator[NewBucket]:
    """Yield a function that returns the environment of a bucket, and delete the buckets at the end."""
    buckets: list[BucketEnvironment] = []

    def new_bucket(store_name: str) -> BucketEnvironment:
        if store_name in sandbox.skipped:
            pytest.skip(sandbox.skipped[store_name])
        store = sandbox.stores[store_name]
        proxy = RecordingProxy(store.endpoint_url).start()
        buckets.append(BucketEnvironment(store, f"s3-bucket-{secrets.token_hex(5)}", proxy))
        return buckets[-1]

    try:
        yield new_bucket
    finally:
        for bucket in buckets:
            if bucket.exists():
                bucket.run(state="absent", force=True)
                assert not bucket.exists()
            bucket.proxy.stop()
