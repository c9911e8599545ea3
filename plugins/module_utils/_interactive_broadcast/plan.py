# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an Interactive Broadcast application has, and what has to change. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The application's secret is kept in its config vars and nowhere else. Unlike an upload target they can be read, so that
which key is in use is always known.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._core import errors
from .._core.plan import Change, Plan
from .._heroku import config_vars
from .._uploader import policy as uploader_policy
from .._uploader import user as uploader
from .._uploader.user import ACTIVE, QUOTA, AccessKey
from . import urls
from .params import KEY_ID, KEY_SECRET, Desired, is_key_id

NEW = "(new)"
# Config vars that only Interactive Broadcast is known to read (its public code, conf/settings.json and .env): one of
# the first set, or all of the second, identifies an application. Many others have AWS_ACCESS_KEY_ID or S3_BUCKET_NAME.
MARKERS = frozenset(
    {"S3_COMPOSEDVIDEO_URL", "INSTANCE_ENABLE_ARCHIVING", "POSTPRODUCTION_ENABLED", "INTERACTIVE_STREAM_LIMIT"}
)
MARKERS_TOGETHER = frozenset({"FIREBASE_PROJECT_ID", "ENCRYPT_PASSWORD"})
# A release command may run for so long before the application gets its config vars (Heroku's article "Release Phase"
# names no shorter limit than an hour).
LONGEST_RELEASE = 3600


@dataclass(frozen=True)
class Observed:
    """The application's config vars, all of them, and its user.

    :param base: the URL of the bucket, without a slash at its end.
    """

    variables: t.Mapping[str, str]
    user: uploader.Observed
    base: str

    def __repr__(self) -> str:
        # The config vars hold secrets.
        return f"Observed(user={self.user!r}, base={self.base!r})"


@dataclass(frozen=True)
class Decision:
    """What there is to do.

    :param reason: why the application gets another key: ``missing``, ``changed``, ``forced``, ``expired``; else
        ``unchanged``.
    :param user: changes to the user, but for its keys.
    :param variables: changes to the config vars, with a place-holder for a key that is yet to be made.
    :param going: keys that the application does not have then.
    """

    reason: str
    user: Plan
    variables: Plan
    going: tuple[AccessKey, ...] = ()

    @property
    def changed(self) -> bool:
        return self.user.changed or self.variables.changed or bool(self.going) or self.reason != "unchanged"


def decide(wanted: Desired, observed: Observed, now: float) -> Decision:
    """What there is to do."""
    variables = config_vars.plan(config(wanted, observed, NEW, NEW), observed.variables)
    if not wanted.has_key:
        return Decision("unchanged", Plan(), variables)
    reason = why(wanted, observed, now)
    user = uploader.plan(wanted.user, observed.user)
    held = holder(observed)
    if reason == "unchanged":
        kept = config(wanted, observed, observed.variables[KEY_ID], observed.variables[KEY_SECRET])
        variables = config_vars.plan(kept, observed.variables)
    return Decision(reason, user, variables, tuple(going(observed.user.keys, held, reason, now)))


def going(keys: t.Iterable[AccessKey], held: AccessKey | None, reason: str, now: float) -> list[AccessKey]:
    """The keys that the application will not have."""
    if reason != "unchanged":
        return list(keys)
    return [key for key in keys if key != held and not _may_be_wanted(key, now)]


def _may_be_wanted(key: AccessKey, now: float) -> bool:
    """Whether it may be another run's, or in a release that Heroku has yet to finish."""
    return key.active and key.created is not None and now - key.created < LONGEST_RELEASE


def holder(observed: Observed) -> AccessKey | None:
    """The key of the user that the application has."""
    found = [key for key in observed.user.keys if key.id == observed.variables.get(KEY_ID)]
    return found[0] if found else None


def why(wanted: Desired, observed: Observed, now: float) -> str:
    """Why the application needs another key, or ``unchanged``."""
    held = holder(observed)
    if not observed.variables.get(KEY_ID) or not observed.variables.get(KEY_SECRET):
        return "missing"
    if held is None or not held.active:
        # Of somebody else, deleted or inactive: the document's own way gives the application the key of a person.
        return "changed"
    if wanted.rotate:
        return "forced"
    old = wanted.rotate_after is not None and held.created is not None and now - held.created >= wanted.rotate_after
    return "expired" if old else "unchanged"


def config(wanted: Desired, observed: Observed, key: str, secret: str) -> config_vars.Desired:
    """The config vars as they are to be.

    :param key: the id of the application's access key.
    """
    url = {urls.VARIABLES[wanted.generation]: urls.variable_value(wanted.generation, observed.base)}
    if not wanted.has_key:
        return config_vars.Desired(config=url)
    plain = {
        KEY_ID: key,
        "S3_BUCKET_NAME": wanted.bucket,
        "S3_BUCKET_NAME_IMAGES": wanted.images_bucket,
        **url,
        # The application compares with the text "true".
        "INSTANCE_ENABLE_ARCHIVING": "true" if wanted.enable_archiving else "false",
    }
    return config_vars.Desired(config=plain, secrets={KEY_SECRET: secret})


def surplus(observed: t.Sequence[AccessKey], held: str | None) -> list[AccessKey]:
    """Keys that have to go before there is room for one more; never the one the application has."""
    free = sorted((key for key in observed if key.id != held), key=lambda key: (key.active, key.created or 0))
    return free[: max(0, len(observed) + 1 - QUOTA)]


def changes(wanted: Desired, observed: Observed, decision: Decision) -> Plan:
    """All that differs, as a person would write it."""
    user = [Change(f"{wanted.user.name}: {each.name}", each.before, each.after) for each in decision.user.changes]
    before = {key.id: key.status for key in observed.user.keys}
    gone = {key.id for key in decision.going}
    after = {name: word for name, word in before.items() if name not in gone}
    if decision.reason != "unchanged":
        after[NEW] = ACTIVE
    keys = [Change("access_keys", before, after)] if before != after else []
    return Plan((*user, *map(_shown, decision.variables.changes), *keys))


def _shown(change: Change) -> Change:
    """Without what somebody has put in the wrong place."""
    before = str(change.before or "")
    misplaced = change.name == KEY_ID and not is_key_id(before)
    misplaced = misplaced or (change.name in urls.VARIABLES.values() and urls.holds_credentials(before))
    return replace(change, before=config_vars.NOT_SHOWN) if before and misplaced else change


def is_broadcast(observed: Observed) -> bool:
    """Whether the application is recognized as an Interactive Broadcast, or has a key that this collection made."""
    found = frozenset(observed.variables)
    return bool(found & MARKERS) or found >= MARKERS_TOGETHER or holder(observed) is not None


def not_a_broadcast(wanted: Desired) -> errors.NotManagedError:
    """The error for an application whose config vars may belong to something else."""
    return errors.NotManagedError(
        f"change the config vars of {wanted.app.id}",
        "none of them shows that it is an Interactive Broadcast application, such as S3_COMPOSEDVIDEO_URL or "
        "INTERACTIVE_STREAM_LIMIT",
        "Check app. If it is one that has not been set up yet, set adopt_app=true once (in the role "
        "interactive_broadcast_adopt_app). Nothing was changed.",
    )


def is_uploader(user: uploader.User | None) -> bool:
    """Whether this is a user that Vonage uploads with: its keys are not the application's to replace."""
    statements = ((user and user.policy) or {}).get("Statement")
    return isinstance(statements, list) and any(
        isinstance(each, dict) and each.get("Sid") == uploader_policy.UPLOAD for each in statements
    )


def uploader_mistaken(wanted: Desired) -> errors.NotManagedError:
    return errors.NotManagedError(
        f"manage the IAM user {wanted.user.name}",
        "it is one that Vonage uploads with",
        "The application needs a user of its own: choose another name. Nothing was changed.",
        user=wanted.user.name,
    )


def overtaken(wanted: Desired) -> errors.ConflictError:
    """A key or a config var is not what this run has seen or made."""
    return errors.ConflictError(
        f"give {wanted.app.id} another access key",
        "another run is at work on the same application, and has deleted or replaced a key",
        "Run it again once the other run has ended.",
    )
