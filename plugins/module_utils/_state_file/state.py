# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state file: the upload target that was last set in a project, and its comparison with the desired one. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The API cannot return the target. Only the state file shows the current one. It contains the public fields, and HMACs of
two secrets. The key of both HMACs is the secret of the project, which has at least 160 random bits: a reader of the
state file cannot test guesses.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import typing as t
from dataclasses import asdict, dataclass, field, replace

from .._core.timestamps import MAX_CLOCK_DIFFERENCE, format_utc, parse_utc

FORMAT = 1
# Seconds between the times in a state file that announces nothing.
CLAIM_SECONDS = 1.0
PENDING, APPLIED, ABSENT = "pending", "applied", "absent"
CONTEXT = "vonage.archiving state file of an archive upload target, version 1"
CREDENTIALS_CONTEXT = "vonage.archiving credentials of a project, version 1"
# A part of the HMAC detects every change of the secret, and contains less information than the secret.
CREDENTIALS_HMAC_DIGITS = 16
DAMAGED = "the state file is damaged"
UNFINISHED = "the run that wrote the state file did not finish"

_TEXTS = ("project", "api_url", "status", "time", "salt", "secret_hmac", "run", "until")
_OPTIONAL_TEXTS = ("since", "settings_since", "deleting_since", "credentials_hmac")


@dataclass(frozen=True)
class State:
    """The content of a state file. Field names are the keys of its JSON; times are UTC, ISO 8601.

    :param status: ``pending`` before the call of the API; ``applied`` or ``absent`` after its success.
    :param storage: the public fields of the target; empty without a target.
    :param secret_hmac: see :func:`compute_secret_hmac`; empty without a target.
    :param run: a random ID of the run, which makes every state file unique.
    :param may_hold: if pending, ids of access keys that the target may hold besides the one in ``storage``; ``None``
        for any key.
    :param until: the latest end of the announced call, or of the announced deletion of the IAM users.
    :param deleting_since: if absent, the start of the announced deletion of the IAM users; empty without one.
    :param credentials_hmac: see :func:`compute_credentials_hmac`; the API has accepted the credentials if applied.
    :param others: ids of the other access keys. If applied, any further key was created without this state file:
        another state file may be newer.
    :param since: the start of the current period with a target; empty if unknown, or without a target.
    :param settings_since: the last change of bucket, endpoint, or encryption; empty if unknown, or without a target.
    """

    project: str
    api_url: str
    status: str
    time: str
    storage: t.Mapping[str, t.Any] = field(default_factory=dict)
    salt: str = ""
    secret_hmac: str = ""
    run: str = ""
    may_hold: tuple[str, ...] | None = ()
    until: str = ""
    others: tuple[str, ...] = ()
    since: str = ""
    settings_since: str = ""
    deleting_since: str = ""
    credentials_hmac: str = ""

    def commit(self, status: str, now: float, others: t.Iterable[str] = ()) -> State:
        """The state file after the success of the call.

        :param others: ids of the other access keys.
        """
        since = (self.since or format_utc(now)) if status == APPLIED else ""
        settings_since = (self.settings_since or format_utc(now)) if status == APPLIED else ""
        committed = replace(self, status=status, time=format_utc(now), since=since, settings_since=settings_since)
        return replace(committed, may_hold=(), until="", others=tuple(sorted(others)))

    @property
    def announced_seconds(self) -> float:
        """The maximum duration of the announced call or deletion; 0 without one."""
        start, end = parse_utc(self.time if self.status == PENDING else self.deleting_since), parse_utc(self.until)
        seconds = 0.0 if start is None or end is None else end - start
        return seconds if seconds > CLAIM_SECONDS else 0.0

    @property
    def target_since(self) -> float | None:
        """The start of the period with a target, or of its last known update; Unix seconds, ``None`` if unknown."""
        return parse_utc(self.since or (self.time if self.status == APPLIED else ""))

    @property
    def changed_at(self) -> float | None:
        """When the target was deleted, or its bucket, endpoint, or encryption changed; Unix seconds."""
        return parse_utc(self.settings_since or self.time)

    def has_settings_of(self, storage: t.Mapping[str, t.Any]) -> bool:
        """Whether bucket, endpoint, and encryption equal those of the other target."""
        return all(self.storage.get(name) == storage.get(name) for name in ("type", "bucket", "endpoint", "sse"))


def create_pending(
    project: str,
    api_url: str,
    now: float,
    storage: t.Mapping[str, t.Any],
    secret: str | None,
    key: str,
    may_hold: t.Iterable[str] | None = None,
    seconds_left: float = 0,
    since: str = "",
) -> State:
    """The state file before a call; it announces the call to other runs.

    :param secret: of the target; ``None`` without a target.
    :param key: the secret of the project.
    :param may_hold: see :class:`State`; likewise ``since``.
    :param seconds_left: the maximum duration of the call.
    """
    salt = secrets.token_hex(16)
    secret_hmac = compute_secret_hmac(secret, salt, key) if secret is not None else ""
    keys = None if may_hold is None else tuple(sorted(may_hold))
    until = format_utc(now + seconds_left + CLAIM_SECONDS)
    run = secrets.token_hex(8)
    pending = State(project, api_url, PENDING, format_utc(now), storage, salt, secret_hmac, run, keys, until)
    return replace(pending, since=since, credentials_hmac=compute_credentials_hmac(project, salt, key))


def possible_target_keys(last: State | None, trusted: bool) -> frozenset[str] | None:
    """The ids of access keys that the target may hold; ``None`` for any key.

    :param trusted: whether the state file is about this target. A pending state file, or a wrong time in it, does not
        change the keys.
    """
    if last is None or not trusted:
        return None
    target_key = {str(last.storage["access_key"])} if last.storage.get("access_key") else set()
    if last.status != PENDING:
        return frozenset(target_key)
    return None if last.may_hold is None else frozenset(target_key | set(last.may_hold))


def named_keys(state: State) -> frozenset[str]:
    """The ids of all access keys in a state file."""
    target_key = state.storage.get("access_key")
    return frozenset([*([str(target_key)] if target_key else []), *state.others, *(state.may_hold or ())])


def mark_keys_unknown(pending: State) -> State:
    """The pending state file after a concurrent run was detected: the target may hold any key."""
    return replace(pending, may_hold=None)


def end_call(pending: State) -> State:
    """The pending state file after the end of a call with an unknown effect: other runs need not wait."""
    return replace(pending, until=format_utc((parse_utc(pending.time) or 0) + CLAIM_SECONDS))


def announce_deletion(absent: State, now: float, seconds: float) -> State:
    """The state file while the IAM users are deleted: no other run may create a key for them.

    :param seconds: the maximum duration.
    """
    return replace(absent, deleting_since=format_utc(now), until=format_utc(now + seconds))


def compute_secret_hmac(secret: str, salt: str, key: str) -> str:
    """The HMAC of the secret of a target.

    :param key: the secret of the project.
    """
    message = json.dumps([CONTEXT, salt, secret]).encode()
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def has_secret(state: State, secret: str, key: str) -> bool:
    """Whether the target of the state file has this secret."""
    return hmac.compare_digest(state.secret_hmac.encode(), compute_secret_hmac(secret, state.salt, key).encode())


def compute_credentials_hmac(project: str, salt: str, key: str) -> str:
    """The HMAC that shows whether the secret of the project has changed.

    The only secret that a later run knows is the key. A slow hash would protect a weak secret, and cost every run. The
    secret is not weak: Vonage creates it (40 hexadecimal digits), or it is a private key.

    :param key: the secret of the project.
    """
    message = json.dumps([CREDENTIALS_CONTEXT, salt, project]).encode()
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()[:CREDENTIALS_HMAC_DIGITS]


def has_credentials(state: State, key: str) -> bool:
    """Whether the target of the state file was set with this secret of the project."""
    expected = compute_credentials_hmac(state.project, state.salt, key)
    return state.status == APPLIED and hmac.compare_digest(state.credentials_hmac.encode(), expected.encode())


def dump(state: State) -> bytes:
    """Format a state file; the same state always results in the same bytes."""
    document = {"format": FORMAT, **asdict(state)}
    return (json.dumps(document, sort_keys=True, indent=2, ensure_ascii=True) + "\n").encode()


class NotAStateFileError(ValueError):
    """The data is not a state file."""


def parse(data: bytes) -> State:
    """Parse a state file.

    :raises ValueError: the data is not a valid state file; the text is the ``reason`` in the result.
    """
    document = _parse_document(data)
    texts = {name: document.get(name) for name in _TEXTS}
    optional = {name: document.get(name, "") for name in _OPTIONAL_TEXTS}
    storage, may_hold, others = document.get("storage"), document.get("may_hold"), document.get("others", [])
    lists = [[] if may_hold is None else may_hold, others]
    if not isinstance(storage, dict) or not all(isinstance(ids, list) for ids in lists):
        raise ValueError(DAMAGED)
    if not all(isinstance(text, str) for text in [*texts.values(), *optional.values(), *lists[0], *lists[1]]):
        raise ValueError(DAMAGED)
    state = State(
        storage=storage,
        may_hold=None if may_hold is None else tuple(may_hold),
        others=tuple(others),
        **optional,
        **texts,  # type: ignore[arg-type]  # checked above
    )
    if state.status not in (PENDING, APPLIED, ABSENT) or parse_utc(state.time) is None:
        raise ValueError(DAMAGED)
    return state


def _parse_document(data: bytes) -> dict[str, t.Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise NotAStateFileError("its content is not JSON") from None
    if not isinstance(document, dict) or "format" not in document:
        raise NotAStateFileError("its content is not a state file")
    if document["format"] != FORMAT or isinstance(document["format"], bool):
        raise ValueError("the state file has a format that this version does not know")
    return document


def read_fields(data: bytes | None) -> dict[str, t.Any]:
    """Read the fields of a state file, even if :func:`parse` rejects it; empty for any other data."""
    try:
        document = json.loads(data or b"")
    except (ValueError, RecursionError):
        return {}
    # Only state files have a format.
    return document if isinstance(document, dict) and "format" in document else {}


def parse_project(data: bytes) -> str:
    """The project in a state file, even if :func:`parse` rejects it; empty if there is none."""
    project = read_fields(data).get("project")
    return project if isinstance(project, str) else ""


def mismatch_reason(state: State, project: str, api_url: str) -> str:
    """Why the state file is about another target; empty if it is not."""
    if state.project != project:
        return f"the state file is of another project ({state.project})"
    if state.api_url != api_url:
        return f"the state file is of the same project at another address ({state.api_url})"
    return ""


def distrust_reason(state: State, project: str, api_url: str, now: float) -> str:
    """Why the state file does not show the current target; empty if it does."""
    mismatch = mismatch_reason(state, project, api_url)
    if mismatch:
        return mismatch
    if (parse_utc(state.time) or 0) > now + MAX_CLOCK_DIFFERENCE:
        return f"the time of the state file is in the future ({state.time}): a clock is or was wrong"
    if state.status == PENDING:
        return UNFINISHED
    return ""


def update_reason(
    current: State | None,
    storage: t.Mapping[str, t.Any] | None,
    secret: str | None,
    key: str,
    now: float,
    always: bool = False,
    max_age: float | None = None,
) -> str:
    """Why the target needs an update: ``unknown``, ``changed``, ``forced``, ``expired``; else ``unchanged``.

    :param current: a reliable state file; ``None`` without one.
    :param storage: the public fields of the desired target; ``None`` for no target.
    :param secret: of the desired target; ``None`` if it is not set.
    """
    if current is None:
        return "unknown"
    if differs(current, storage, secret, key):
        return "changed"
    if always:
        return "forced"
    if max_age is not None and now - (parse_utc(current.time) or 0) >= max_age:
        return "expired"
    return "unchanged"


def differs(current: State, storage: t.Mapping[str, t.Any] | None, secret: str | None, key: str) -> bool:
    """Whether the state file differs from the desired target."""
    if storage is None or current.status == ABSENT:
        return (storage is None) != (current.status == ABSENT)
    return dict(current.storage) != dict(storage) or (secret is not None and not has_secret(current, secret, key))
