# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One project, its bucket, and its Interactive Broadcast application, behind proxies that record every request.

The requests of the application and its visitors follow its public code and use nothing of the collection.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._bucket import reconcile as bucket
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import reconcile as use_case
from tests.e2e import playbook_runs
from tests.e2e.playbook_runs import Run
from tests.e2e.project_environment import created_secrets, describe_request, is_read, leftovers
from tests.sandbox import HerokuEmulator, RecordingProxy, Sandbox, Store, VonageEmulator
from tests.sandbox.heroku import App

ORIGIN, STRANGER = "https://broadcast.example.com", "https://elsewhere.example.net"
# Config vars that are not managed: nothing shows or changes them.
OTHERS = {
    "REDIS_URL": "redis://h:p4ss-of-the-database@db.example.com:6379",
    "SECRET_KEY": "s3cr3t-of-the-sessions",
    # Identifies the application.
    "INTERACTIVE_STREAM_LIMIT": "limit-of-the-streams",
}
# The CORS rule of the document, in its order.
BY_HAND = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "POST", "PUT"], "AllowedHeaders": ["*"]}
# Without verification, which sends the same requests at every point and leaves at most probes.
UNVERIFIED: dict[str, Any] = {"verify": "never"}
IMAGE = b"\x89PNG an image of an event"


@dataclass
class BroadcastEnvironment:
    """The environment of one test. Only the project and the application exist before a run.

    :param api: the proxy in front of Heroku; test_kill.Killer uses this name.
    """

    store: Store
    vonage: VonageEmulator
    heroku: HerokuEmulator
    key: str
    secret: str = field(repr=False)
    bucket: str
    app: App
    s3: RecordingProxy
    api: RecordingProxy
    #: the secrets of created keys whose requests are not in the log any more
    created_secrets: list[str] = field(default_factory=list, repr=False)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client, self.iam = self.store.client(), self.store.iam_client()

    @property
    def user(self) -> str:
        """The application's user."""
        return f"interactive-broadcast-{self.key}"

    @property
    def params(self) -> dict[str, Any]:
        """The options of the module, with short time limits for Heroku and no grace period."""
        return {
            "app": self.app.name,
            "api_token": self.heroku.api_token,
            "api_url": self.api.url,
            "timeout": 1,
            "retries": 1,
            "total_timeout": 3,
            "project": self.key,
            "bucket": self.bucket,
            "cors_origin": ORIGIN,
            "grace_period": 0,
            "verify_timeout": 10,
            **self.operator_options,
        }

    @property
    def operator_options(self) -> dict[str, Any]:
        """The operator's connection."""
        keys = {"access_key": self.store.access_key, "secret_key": self.store.secret_key}
        return {"endpoint_url": self.s3.url, "region": self.store.region, **keys}

    def ensure_bucket(self, name: str = "", **options: Any) -> Outcome:
        """Create or update the bucket as the role does."""
        rule = {"allowed_origins": ["*"], "allowed_methods": ["GET", "POST", "PUT"], "allowed_headers": ["*"]}
        params = {"public_prefixes": [self.key], "folders": [self.key], "cors_rules": [rule], **options}
        return bucket.reconcile({**self.operator_options, "name": name or self.bucket, **params}, Context())

    def run(self, check_mode: bool = False, **options: Any) -> Outcome:
        """Run the use case, and assert that its outcome and warnings have no secret."""
        context = Context(check_mode=check_mode, warn=self.warnings.append)
        outcome = use_case.reconcile({**self.params, **options}, context)
        self.assert_no_secret(json.dumps([outcome.result, outcome.before, outcome.after, self.warnings]))
        return outcome

    def play(
        self,
        home: Path,
        playbook: str | Path = "interactive_broadcast",
        args: Sequence[str] = (),
        awx: bool = False,
        ansible_playbook: Path | None = None,
        hidden: Sequence[str] = (),
        **changes: Any,
    ) -> Run:
        """Run a playbook, and assert that it shows no secret and leaves no temporary file."""
        variables = {**self.variables, **changes}
        operator = {"AWS_ACCESS_KEY_ID": self.store.access_key, "AWS_SECRET_ACCESS_KEY": self.store.secret_key}
        env = {**operator, "ANSIBLE_INJECT_INVOCATION": "true"}
        text: Mapping[str, Any] | str = playbook_runs.awx_variables(variables) if awx else variables
        run = playbook_runs.run_playbook(playbook, text, home, env, ansible_playbook, args)
        self.assert_no_secret(run.output, *hidden)
        self.assert_no_secret(run.events_text, *hidden)
        assert leftovers(home) == []
        return run

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the smallest playbook."""
        return {
            "interactive_broadcast_api_url": self.vonage.url,
            "interactive_broadcast_api_key": self.key,
            "interactive_broadcast_api_secret": self.secret,
            "interactive_broadcast_bucket": self.bucket,
            "interactive_broadcast_region": self.store.region,
            "interactive_broadcast_endpoint": self.s3.url,
            "interactive_broadcast_heroku_app": self.app.name,
            "interactive_broadcast_heroku_api_token": self.heroku.api_token,
            "interactive_broadcast_heroku_api_url": self.api.url,
            "interactive_broadcast_verify_timeout": 10,
            "interactive_broadcast_grace_period": 0,
        }

    def assert_no_secret(self, text: str, *more: str) -> None:
        assert not playbook_runs.find_leaks(text, [*self.secrets, *more])

    @property
    def secrets(self) -> list[str]:
        """Every current and former secret."""
        target = self.vonage.target(self.key)
        uploader = [target["config"]["secretKey"]] if target else []
        configs = [release.config for release in self.app.releases]
        values = [config.get("AWS_SECRET_ACCESS_KEY", "") for config in configs]
        # Where a test has swapped the two, the value is an ID.
        app = [value for value in values if value and not re.fullmatch("[A-Z0-9]{16,24}", value)]
        others = [self.secret, self.store.secret_key, self.heroku.api_token, *OTHERS.values()]
        return [*others, *uploader, *app, *self.created_secrets, *created_secrets(self.s3.requests)]

    def clear_request_log(self) -> None:
        """Clear the recorded requests."""
        self.created_secrets += created_secrets(self.s3.requests)
        self.s3.clear()
        self.api.clear()
        self.vonage.clear_log()

    @property
    def writes(self) -> list[str]:
        """The write requests to the store, IAM, Heroku, and Vonage."""
        requested = [*self.s3.requests, *self.api.requests]
        described = [describe_request(request) for request in requested if not is_read(request)]
        calls = [call["method"] for call in self.vonage.log() if f"/{self.key}/" in call["path"]]
        return described + [method for method in calls if method != "GET"]

    def patches(self) -> list[dict[str, Any]]:
        """The bodies of the PATCH requests to Heroku."""
        return [json.loads(request.body) for request in self.api.requests if request.method == "PATCH"]

    def keys(self) -> dict[str, str]:
        """The access keys of the application's user."""
        try:
            keys = self.iam.list_access_keys(UserName=self.user)["AccessKeyMetadata"]
        except ClientError:
            return {}
        return {key["AccessKeyId"]: key["Status"] for key in keys}

    @property
    def config(self) -> dict[str, str]:
        """The config vars, in clear text."""
        return self.app.config

    def app_client(self) -> Any:
        """An S3 client with the key in the config vars."""
        config = self.config
        return s3_client(self.store, config["AWS_ACCESS_KEY_ID"], config["AWS_SECRET_ACCESS_KEY"])

    def assert_configured(self) -> None:
        """Assert that the user has one key, which is active and works, and that other config vars are unchanged."""
        assert self.keys() == {self.config["AWS_ACCESS_KEY_ID"]: "Active"}
        assert {name: self.config[name] for name in OTHERS} == OTHERS
        self.assert_key_works()

    def assert_key_works(self) -> None:
        """Put and read an image with the key in the config vars."""
        client, name = self.app_client(), f"img/{secrets.token_hex(4)}.png"
        images = self.config["S3_BUCKET_NAME_IMAGES"]
        client.put_object(Bucket=images, Key=name, Body=IMAGE)
        assert client.get_object(Bucket=images, Key=name)["Body"].read() == IMAGE

    def assert_idempotent(self, **options: Any) -> None:
        """Run the use case again, and assert that it changes and writes nothing."""
        self.clear_request_log()
        outcome = self.run(**options)
        assert (outcome.changed, outcome.result["changes"], self.writes) == (False, [], [])

    def assert_recovered(self) -> None:
        """Assert that the key works now, and that the next runs reach the desired state."""
        if "AWS_ACCESS_KEY_ID" in self.config:
            assert self.keys()[self.config["AWS_ACCESS_KEY_ID"]] == "Active"
            self.assert_key_works()
        self.run(**UNVERIFIED)
        self.assert_configured()
        self.assert_idempotent(**UNVERIFIED)

    def record_archive(self) -> tuple[str, int]:
        """Record an archive; returns its object key and its size."""
        archive = self.vonage.record_archive(self.key)
        assert archive["status"] == "uploaded", archive["sandbox"]
        return f"{self.key}/{archive['id']}/archive.mp4", archive["size"]

    def play_recording(self, key: str) -> requests.Response:
        """Read a recording as a visitor of the application does."""
        config = self.config
        # Equals Node's url.resolve, see test_broadcast_urls.py.
        generation_1_url = urljoin(config.get("S3_COMPOSEDVIDEO_URL", ""), key)
        url = f"{config['BUCKET_URL']}/{key}" if "BUCKET_URL" in config else generation_1_url
        return requests.get(url, timeout=10)

    def upload_from_page(self, origin: str, acl: str = "private") -> tuple[requests.Response, requests.Response]:
        """Put an image as a browser does on a page of that origin; returns the responses to preflight and PUT.

        The application signs the URL, as the router of react-s3-uploader does.
        """
        images, name = self.config["S3_BUCKET_NAME_IMAGES"], f"img/{secrets.token_hex(4)}.png"
        params = {"Bucket": images, "Key": name, "ContentType": "image/png", "ACL": acl}
        url = self.app_client().generate_presigned_url("put_object", params, ExpiresIn=60)
        requested = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type,x-amz-acl"}
        preflight = requests.options(url, headers={"Origin": origin, **requested}, timeout=10)
        headers = {"Origin": origin, "Content-Type": "image/png", "x-amz-acl": acl}
        return preflight, requests.put(url, data=IMAGE, headers=headers, timeout=10)

    def anonymous_status(self, key: str, bucket: str = "") -> int:
        """The status of a GET without a key."""
        return requests.get(f"{self.store.endpoint_url}/{bucket or self.bucket}/{key}", timeout=10).status_code


def s3_client(store: Store, access_key: str, secret_key: str) -> Any:
    """A client with a key; stores other than AWS do not return the region of a bucket."""
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint_url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=store.region,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def is_denied(call: Any, **options: Any) -> bool:
    """Whether S3 responds to a call with HTTP 403."""
    try:
        call(**options)
    except ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 403)
    return False


def run_use_case(params: Mapping[str, Any]) -> None:
    """The entry point of the process that is killed."""
    use_case.reconcile(params, Context())


@contextlib.contextmanager
def new_broadcast_environment(
    sandbox: Sandbox, heroku: HerokuEmulator, store: Store | None = None, config: Mapping[str, str] | None = None
) -> Iterator[BroadcastEnvironment]:
    """Create a project and an application; delete the bucket and the users at the end."""
    store = store or sandbox.store
    project = sandbox.vonage.add_project()
    app = heroku.add_app(config={**OTHERS, **(config or {})})
    name = f"ib-{secrets.token_hex(6)}"
    with RecordingProxy(store.endpoint_url) as s3, RecordingProxy(heroku.url) as api:
        broadcast = BroadcastEnvironment(store, sandbox.vonage, heroku, project.key, project.secret, name, app, s3, api)
        try:
            yield broadcast
        finally:
            s3.before = s3.after = api.before = api.after = None
            heroku.clear_faults()
            _delete_resources(broadcast)


def _delete_resources(broadcast: BroadcastEnvironment) -> None:
    others = (f"{prefix}-{broadcast.key}" for prefix in ("vonage-archiving", "uploads", "person"))
    for user in (broadcast.user, *others):
        with contextlib.suppress(ClientError):
            for key in broadcast.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
                broadcast.iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
            broadcast.iam.delete_user_policy(UserName=user, PolicyName="vonage-archiving")
            broadcast.iam.delete_user(UserName=user)
    with contextlib.suppress(ClientError):
        broadcast.client.delete_bucket_policy(Bucket=broadcast.bucket)
        broadcast.store.empty_and_delete(broadcast.bucket)
    with contextlib.suppress(ClientError):
        broadcast.store.empty_and_delete(f"{broadcast.bucket}-images")
