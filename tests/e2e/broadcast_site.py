# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One project, its bucket and its Interactive Broadcast application, each behind a proxy that notes every request.

What the application and its visitors do is done here as its public code does it, with nothing of the collection's.
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
from tests.e2e import runs
from tests.e2e.runs import Run
from tests.e2e.site import is_read, leftovers, made_secrets, told
from tests.sandbox import HerokuEmulator, RecordingProxy, Sandbox, Store, VonageEmulator
from tests.sandbox.heroku import App

ORIGIN, STRANGER = "https://broadcast.example.com", "https://elsewhere.example.net"
# What every application has besides: never to be shown, never to be touched.
OTHERS = {
    "REDIS_URL": "redis://h:p4ss-of-the-database@db.example.com:6379",
    "SECRET_KEY": "s3cr3t-of-the-sessions",
    # By which the application is recognized.
    "INTERACTIVE_STREAM_LIMIT": "limit-of-the-streams",
}
# The document's rule, in its own order.
BY_HAND = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "POST", "PUT"], "AllowedHeaders": ["*"]}
IMAGE = b"\x89PNG an image of an event"


@dataclass
class BroadcastSite:
    """What one test works on; of it, only project and application exist before a run.

    :param api: the proxy in front of Heroku, under the name that the killer of runs knows.
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
    #: of keys that runs have made, as far as requests were forgotten
    made: list[str] = field(default_factory=list, repr=False)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client, self.iam = self.store.client(), self.store.iam_client()

    @property
    def user(self) -> str:
        """The application's user."""
        return f"interactive-broadcast-{self.key}"

    @property
    def params(self) -> dict[str, Any]:
        """The options of the module; little time for Heroku, and none for processes of an old release."""
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
            "grace": 0,
            "verify_timeout": 10,
            **self.operator_options,
        }

    @property
    def operator_options(self) -> dict[str, Any]:
        """The operator's connection."""
        keys = {"access_key": self.store.access_key, "secret_key": self.store.secret_key}
        return {"endpoint_url": self.s3.url, "region": self.store.region, **keys}

    def make_bucket(self, name: str = "", **options: Any) -> Outcome:
        """Bring about the bucket as the role does."""
        rule = {"allowed_origins": ["*"], "allowed_methods": ["GET", "POST", "PUT"], "allowed_headers": ["*"]}
        wanted = {"public_prefixes": [self.key], "folders": [self.key], "cors_rules": [rule], **options}
        return bucket.reconcile({**self.operator_options, "name": name or self.bucket, **wanted}, Context())

    def run(self, check_mode: bool = False, **options: Any) -> Outcome:
        """Run the use case; no secret may be in what it returns or warns of."""
        context = Context(check_mode=check_mode, warn=self.warnings.append)
        outcome = use_case.reconcile({**self.params, **options}, context)
        self.see_no_secret(json.dumps([outcome.result, outcome.before, outcome.after, self.warnings]))
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
        """Run a playbook; whatever comes of it, no secret may be shown and no temporary file be left."""
        given = {**self.variables, **changes}
        operator = {"AWS_ACCESS_KEY_ID": self.store.access_key, "AWS_SECRET_ACCESS_KEY": self.store.secret_key}
        env = {**operator, "ANSIBLE_INJECT_INVOCATION": "true"}
        text: Mapping[str, Any] | str = runs.awx_variables(given) if awx else given
        run = runs.run_playbook(playbook, text, home, env, ansible_playbook, args)
        self.see_no_secret(run.output, *hidden)
        self.see_no_secret(run.told, *hidden)
        assert leftovers(home) == []
        return run

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the smallest playbook here."""
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
            "interactive_broadcast_grace": 0,
        }

    def see_no_secret(self, text: str, *more: str) -> None:
        """Assert that a text shows none."""
        assert not runs.leaks(text, [*self.secrets, *more])

    @property
    def secrets(self) -> list[str]:
        """Every secret there is or was."""
        target = self.vonage.target(self.key)
        held = [target["config"]["secretKey"]] if target else []
        configs = [each.config for each in self.app.releases]
        values = [config.get("AWS_SECRET_ACCESS_KEY", "") for config in configs]
        # Where a test has swapped the two, an id is what stands there.
        own = [value for value in values if value and not re.fullmatch("[A-Z0-9]{16,24}", value)]
        known = [self.secret, self.store.secret_key, self.heroku.api_token, *OTHERS.values()]
        return [*known, *held, *own, *self.made, *made_secrets(self.s3.requests)]

    def forget(self) -> None:
        """Forget the requests so far."""
        self.made += made_secrets(self.s3.requests)
        self.s3.clear()
        self.api.clear()
        self.vonage.clear_log()

    @property
    def written(self) -> list[str]:
        """The requests to the store, to IAM, to Heroku and to Vonage that could change something."""
        seen = [told(each) for each in [*self.s3.requests, *self.api.requests] if not is_read(each)]
        return seen + [call["method"] for call in self.vonage.log() if f"/{self.key}/" in call["path"]]

    def patches(self) -> list[dict[str, Any]]:
        """What was sent to Heroku to change something."""
        return [json.loads(each.body) for each in self.api.requests if each.method == "PATCH"]

    def keys(self) -> dict[str, str]:
        """The access keys of the application's user."""
        try:
            found = self.iam.list_access_keys(UserName=self.user)["AccessKeyMetadata"]
        except ClientError:
            return {}
        return {key["AccessKeyId"]: key["Status"] for key in found}

    @property
    def config(self) -> dict[str, str]:
        """The config vars, in clear."""
        return self.app.config

    def application(self) -> Any:
        """The application's S3 client, made of its config vars."""
        found = self.config
        return s3_client(self.store, found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"])

    def settled(self) -> None:
        """The application has one active key, which works, there is no other, and nothing else was touched."""
        assert self.keys() == {self.config["AWS_ACCESS_KEY_ID"]: "Active"}
        assert {name: self.config[name] for name in OTHERS} == OTHERS
        self.key_works()

    def key_works(self) -> None:
        """An image can be put and read with the key in the config vars."""
        client, name = self.application(), f"img/{secrets.token_hex(4)}.png"
        images = self.config["S3_BUCKET_NAME_IMAGES"]
        client.put_object(Bucket=images, Key=name, Body=IMAGE)
        assert client.get_object(Bucket=images, Key=name)["Body"].read() == IMAGE

    def steady(self, **options: Any) -> None:
        """Run it once more: nothing changes, and nothing is sent that could change something."""
        self.forget()
        outcome = self.run(**options)
        assert (outcome.changed, outcome.result["changes"], self.written) == (False, [], [])

    def record(self) -> tuple[str, int]:
        """Have an archive recorded, which must land: its key in the bucket, and its size."""
        archive = self.vonage.record_archive(self.key)
        assert archive["status"] == "uploaded", archive["sandbox"]
        return f"{self.key}/{archive['id']}/archive.mp4", archive["size"]

    def watch(self, key: str) -> requests.Response:
        """Play a recording as a visitor of the application does."""
        found = self.config
        # As Node's url.resolve does, see test_broadcast_urls.py.
        of_2016 = urljoin(found.get("S3_COMPOSEDVIDEO_URL", ""), key)
        return requests.get(f"{found['BUCKET_URL']}/{key}" if "BUCKET_URL" in found else of_2016, timeout=10)

    def upload_from_a_page(self, origin: str, acl: str = "private") -> tuple[requests.Response, requests.Response]:
        """Put an image as a browser does that shows a page of that origin: the preflight, and what came of the PUT.

        The URL is one that the application has signed, as the router of react-s3-uploader does.
        """
        images, name = self.config["S3_BUCKET_NAME_IMAGES"], f"img/{secrets.token_hex(4)}.png"
        wanted = {"Bucket": images, "Key": name, "ContentType": "image/png", "ACL": acl}
        url = self.application().generate_presigned_url("put_object", wanted, ExpiresIn=60)
        asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type,x-amz-acl"}
        before = requests.options(url, headers={"Origin": origin, **asked}, timeout=10)
        sent = {"Origin": origin, "Content-Type": "image/png", "x-amz-acl": acl}
        return before, requests.put(url, data=IMAGE, headers=sent, timeout=10)

    def anybody_gets(self, key: str, bucket: str = "") -> int:
        """The status of a GET without a key."""
        return requests.get(f"{self.store.endpoint_url}/{bucket or self.bucket}/{key}", timeout=10).status_code


def s3_client(store: Store, access_key: str, secret_key: str) -> Any:
    """A client with a key; stores other than AWS tell the region of a bucket to nobody."""
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint_url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=store.region,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def reach(params: Mapping[str, Any]) -> None:
    """Entry point of the process that is killed."""
    use_case.reconcile(params, Context())


@contextlib.contextmanager
def broadcast_site(
    sandbox: Sandbox, heroku: HerokuEmulator, store: Store | None = None, config: Mapping[str, str] | None = None
) -> Iterator[BroadcastSite]:
    """Make a project and an application; remove bucket and user at the end."""
    store = store or sandbox.store
    project = sandbox.vonage.add_project()
    app = heroku.add_app(config={**OTHERS, **(config or {})})
    name = f"ib-{secrets.token_hex(6)}"
    with RecordingProxy(store.endpoint_url) as s3, RecordingProxy(heroku.url) as api:
        site = BroadcastSite(store, sandbox.vonage, heroku, project.key, project.secret, name, app, s3, api)
        try:
            yield site
        finally:
            s3.before = s3.after = api.before = api.after = None
            heroku.clear_faults()
            _remove(site)


def _remove(site: BroadcastSite) -> None:
    others = (f"{start}-{site.key}" for start in ("vonage-archiving", "uploads", "person"))
    for user in (site.user, *others):
        with contextlib.suppress(ClientError):
            for key in site.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
                site.iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
            site.iam.delete_user_policy(UserName=user, PolicyName="vonage-archiving")
            site.iam.delete_user(UserName=user)
    with contextlib.suppress(ClientError):
        site.client.delete_bucket_policy(Bucket=site.bucket)
        site.store.empty_and_delete(site.bucket)
    with contextlib.suppress(ClientError):
        site.store.empty_and_delete(f"{site.bucket}-images")
