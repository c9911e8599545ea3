# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetches the current state: the config vars of the application, its IAM user, and the locations of its buckets.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._aws.iam_client import Iam
from .._aws.s3_client import check_owner
from .._aws.session import make_client
from .._core.plan import Context
from .._heroku.client import Client
from .._upload_check.access_checks import public_url
from .._upload_check.fetch import fetch_bucket_region
from .._uploader.fetch import AccessKey, CurrentUser, fetch_managed_user
from .params import KEY_ID, KEY_SECRET, BroadcastParams


@dataclass(frozen=True)
class AppKey:
    """The access key of the application; users swap the two values, so neither is in the representation."""

    id: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


class Locations(t.NamedTuple):
    """The locations of the buckets.

    :param base_url: of recordings, without a slash at the end.
    :param images_region: the region of the bucket for images.
    """

    base_url: str = ""
    images_region: str = ""


@dataclass(frozen=True)
class Current:
    """The current state.

    :param config_vars: all config vars of the application.
    """

    config_vars: t.Mapping[str, str]
    user: CurrentUser
    locations: Locations = field(default_factory=Locations)

    def __repr__(self) -> str:
        # The config vars contain secrets.
        return f"Current(user={self.user!r}, locations={self.locations!r})"

    @property
    def app_key(self) -> AppKey:
        """The access key in the config vars, of any user."""
        return AppKey(self.config_vars.get(KEY_ID, ""), self.config_vars.get(KEY_SECRET, ""))

    @property
    def user_key(self) -> AccessKey | None:
        """The access key of the application's own user that is in the config vars."""
        return next((key for key in self.user.keys if key.id == self.config_vars.get(KEY_ID)), None)


def fetch_current(desired: BroadcastParams, iam: Iam, context: Context) -> Current:
    """Fetch the config vars, the user, and the locations of the buckets concurrently."""
    tasks: list[t.Callable[[], t.Any]] = [lambda: fetch_locations(desired)]
    if desired.has_key:
        tasks.append(lambda: fetch_managed_user(iam, desired.user, eager=True))
    tasks.append(lambda: heroku_client(desired).fetch())
    results = context.runtime.run_concurrently(tasks)
    config_vars = results[-1]
    context.register_secret(config_vars.get(KEY_SECRET, ""))
    return Current(config_vars, results[1] if desired.has_key else CurrentUser(None), results[0])


def fetch_locations(desired: BroadcastParams) -> Locations:
    """Fetch the regions of the buckets."""
    operator = make_client(desired.operator)
    for bucket in dict.fromkeys((desired.bucket, *([desired.images_bucket] if desired.has_key else []))):
        check_owner(bucket, desired.operator)
    region = fetch_bucket_region(desired.store, desired.bucket, operator)
    base_url = desired.base_url or public_url(desired.store, desired.bucket, "", region)
    if desired.has_key and desired.images_bucket != desired.bucket:
        region = fetch_bucket_region(desired.store, desired.images_bucket, operator)
    return Locations(base_url.rstrip("/"), region)


def heroku_client(desired: BroadcastParams, *secrets: str | None) -> Client:
    """A client for the application.

    :param secrets: redacted in errors.
    """
    return Client(desired.app, secrets)
