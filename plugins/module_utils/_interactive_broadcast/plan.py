# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans the changes of an Interactive Broadcast application. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The secret key of the application is stored only in its config vars. Unlike an upload target, they can be read, so the
key in use is always known.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core import errors
from .._core.plan import Plan
from .._heroku import config_vars
from .._uploader import policy as uploader_policy
from .._uploader.fetch import AccessKey, User
from .._uploader.keys import QUOTA
from .._uploader.plan import plan_user
from . import urls
from .fetch import AppKey, Current
from .params import KEY_ID, KEY_SECRET, BroadcastParams

# Stands for the ID and the secret of a key that does not exist yet.
NEW = "(new)"
# Only Interactive Broadcast is known to read these config vars (its public code, conf/settings.json and .env). One of
# the first set, or all of the second, identifies an application. Other apps also have AWS_ACCESS_KEY_ID or
# S3_BUCKET_NAME.
IDENTIFYING_VARS = frozenset(
    {"S3_COMPOSEDVIDEO_URL", "INSTANCE_ENABLE_ARCHIVING", "POSTPRODUCTION_ENABLED", "INTERACTIVE_STREAM_LIMIT"}
)
IDENTIFYING_COMBINATION = frozenset({"FIREBASE_PROJECT_ID", "ENCRYPT_PASSWORD"})
# The application gets new config vars only after its release command, which can run for an hour (Heroku's article
# "Release Phase" names no shorter limit).
MAX_RELEASE_SECONDS = 3600


@dataclass(frozen=True)
class BroadcastPlan:
    """The planned changes.

    :param reason: why the application gets another key: ``missing``, ``changed``, ``forced``, ``expired``; otherwise
        ``unchanged``.
    :param user: changes of the user, without its keys.
    :param config_vars: changes of the config vars, with ``NEW`` for a key that does not exist yet.
    :param keys_to_delete: keys that the application does not use after the changes.
    """

    reason: str
    user: Plan
    config_vars: Plan
    keys_to_delete: tuple[AccessKey, ...] = ()

    @property
    def replaces_key(self) -> bool:
        """Whether the application gets another key."""
        return self.reason != "unchanged"

    @property
    def changed(self) -> bool:
        return self.user.changed or self.config_vars.changed or bool(self.keys_to_delete) or self.replaces_key


def plan_changes(desired: BroadcastParams, current: Current, now: float) -> BroadcastPlan:
    """Plan all changes.

    :param now: Unix seconds.
    """
    if not desired.has_key:
        return BroadcastPlan("unchanged", Plan(), plan_config_vars(desired, current, AppKey()))
    reason = rotation_reason(desired, current, now)
    key = current.app_key if reason == "unchanged" else AppKey(NEW, NEW)
    return BroadcastPlan(
        reason,
        plan_user(desired.user, current.user),
        plan_config_vars(desired, current, key),
        tuple(keys_to_delete(current, reason, now)),
    )


def plan_config_vars(desired: BroadcastParams, current: Current, key: AppKey) -> Plan:
    """Plan the changes of the config vars.

    :param key: the access key that the application gets.
    """
    return config_vars.plan_changes(desired_config_vars(desired, current, key), current.config_vars)


def rotation_reason(desired: BroadcastParams, current: Current, now: float) -> str:
    """Why the application needs another key, or ``unchanged``."""
    key = current.user_key
    if not current.app_key.id or not current.app_key.secret:
        return "missing"
    if key is None or not key.active:
        # The key is inactive, deleted, or of another user: the document has the key of a person.
        return "changed"
    if desired.rotate:
        return "forced"
    limit = desired.rotate_after
    is_expired = limit is not None and key.created is not None and now - key.created >= limit
    return "expired" if is_expired else "unchanged"


def keys_to_delete(current: Current, reason: str, now: float) -> list[AccessKey]:
    """The keys of the user that the application does not use after the changes."""
    keys = current.user.keys
    if reason != "unchanged":
        return list(keys)
    return [key for key in keys if key != current.user_key and not _may_be_released(key, now)]


def _may_be_released(key: AccessKey, now: float) -> bool:
    """Whether another run or a pending release of Heroku may still give the key to the application."""
    return key.active and key.created is not None and now - key.created < MAX_RELEASE_SECONDS


def keys_to_evict(keys: t.Sequence[AccessKey], app_key_id: str | None) -> list[AccessKey]:
    """The keys to delete before another one can be created; never the key of the application."""
    unused = sorted((key for key in keys if key.id != app_key_id), key=lambda key: (key.active, key.created or 0))
    return unused[: max(0, len(keys) + 1 - QUOTA)]


def desired_config_vars(desired: BroadcastParams, current: Current, key: AppKey) -> config_vars.DesiredConfigVars:
    """The desired config vars.

    :param key: the access key that the application gets.
    """
    generation = desired.generation
    url = {urls.CONFIG_VARS[generation]: urls.config_var_value(generation, current.locations.base_url)}
    if not desired.has_key:
        return config_vars.DesiredConfigVars(config=url)
    config = {
        KEY_ID: key.id,
        "S3_BUCKET_NAME": desired.bucket,
        "S3_BUCKET_NAME_IMAGES": desired.images_bucket,
        **url,
        # The application compares with the text "true".
        "INSTANCE_ENABLE_ARCHIVING": "true" if desired.enable_archiving else "false",
    }
    return config_vars.DesiredConfigVars(config=config, secrets={KEY_SECRET: key.secret})


def validate_app(desired: BroadcastParams, current: Current) -> None:
    """Refuse an application that is not recognized: a mistyped name must not cost another app its access key.

    :raises NotManagedError: it is not recognized, and the user has not set ``adopt_app``.
    """
    if desired.adopt_app or is_broadcast(current):
        return
    raise errors.NotManagedError(
        f"change the config vars of {desired.app.id}",
        "none of them identifies an Interactive Broadcast application, such as S3_COMPOSEDVIDEO_URL or "
        "INTERACTIVE_STREAM_LIMIT",
        "Check app. For an application that was never set up, set adopt_app=true once (in the role, "
        "interactive_broadcast_adopt_app). Nothing was changed.",
    )


def is_broadcast(current: Current) -> bool:
    """Whether the application is recognized as an Interactive Broadcast, or has a key of its managed user."""
    names = frozenset(current.config_vars)
    return bool(names & IDENTIFYING_VARS) or names >= IDENTIFYING_COMBINATION or current.user_key is not None


def validate_user(desired: BroadcastParams, user: User | None) -> None:
    """Refuse a user with which Vonage uploads: the application must not replace its keys.

    :raises NotManagedError: its policy allows uploads of recordings.
    """
    statements = ((user and user.policy) or {}).get("Statement")
    if isinstance(statements, list) and any(
        isinstance(statement, dict) and statement.get("Sid") == uploader_policy.UPLOAD for statement in statements
    ):
        raise errors.NotManagedError(
            f"manage the IAM user {desired.user.name}",
            "Vonage uploads with this user",
            "The application needs its own user. Choose another name. Nothing was changed.",
            user=desired.user.name,
        )


def concurrent_change_error(desired: BroadcastParams) -> errors.ConflictError:
    """The error for a key or config var that another run has changed in the meantime."""
    return errors.ConflictError(
        f"replace the access key of {desired.app.id}",
        "another run is changing the same application, and has deleted or replaced a key",
        "Run it again once the other run has ended.",
    )
