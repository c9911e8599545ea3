# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state file of what was last set in a project, and what to make of it. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The API can be written and not read, so the state file is all there is to compare with. It holds what may be public, and
of the secret an HMAC: the key of that is the project's own secret, so that a reader of state files cannot test guesses.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import secrets
import typing as t
from dataclasses import asdict, dataclass, field, replace

FORMAT = 1
PENDING, APPLIED, ABSENT = "pending", "applied", "absent"
CONTEXT = "vonage.archiving state file of an archive upload target, version 1"
UNFINISHED = "the run that wrote the state file did not finish"
# Longer than clocks of machines that both use NTP differ.
FUTURE = 300

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_TEXTS = ("project", "api_url", "status", "time", "salt", "secret_hmac", "run", "until")


@dataclass(frozen=True)
class State:
    """What a run wrote down.

    :param status: ``pending`` before the API is called; ``applied`` or ``absent`` after it has agreed.
    :param time: UTC, ISO 8601.
    :param storage: the public fields of the target; empty where there is none.
    :param secret_hmac: see :func:`seal`; empty where there is no target.
    :param run: of the run that wrote it; makes every state file unique.
    :param may_hold: of a pending state file, ids of access keys that the target may hold besides the one in
        ``storage``; ``None`` if it may be any.
    :param until: of a pending state file, when the call that it announces is over at the latest; UTC, ISO 8601.
    :param others: of an applied state file, ids of the other access keys. A key that is not among them was created
        without this state file: there may be another one, which is newer.
    :param since: since when the project has had a target, whichever; UTC, ISO 8601; empty where that is not known, and
        where there is none.
    :param settings_since: since when its bucket, endpoint, and encryption have been the same; likewise.
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

    def done(self, status: str, now: float, others: t.Iterable[str] = ()) -> State:
        """The state file once the API has agreed."""
        since = (self.since or stamp(now)) if status == APPLIED else ""
        settings_since = (self.settings_since or stamp(now)) if status == APPLIED else ""
        done = replace(self, status=status, time=stamp(now), since=since, settings_since=settings_since)
        return replace(done, may_hold=(), until="", others=tuple(sorted(others)))

    @property
    def target_since(self) -> float | None:
        """Since when the project has had a target, Unix seconds; ``None`` where that is not known."""
        return seconds(self.since or (self.time if self.status == APPLIED else ""))

    @property
    def changed_at(self) -> float | None:
        """When the target was deleted, or bucket, endpoint, or encryption changed; Unix seconds."""
        return seconds(self.settings_since or self.time)

    def has_settings_of(self, storage: t.Mapping[str, t.Any]) -> bool:
        """Whether bucket, endpoint, and encryption are those of another target."""
        return all(self.storage.get(name) == storage.get(name) for name in ("type", "bucket", "endpoint", "sse"))


def begin(
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
    """The pending state file of a new run.

    :param secret: of the target; ``None`` where there is to be none.
    :param key: the project's own secret.
    :param may_hold: see :class:`State`.
    :param seconds_left: how long the call may take that comes next.
    :param since: see :class:`State`.
    """
    salt = secrets.token_hex(16)
    sealed = seal(secret, salt, key) if secret is not None else ""
    keys = None if may_hold is None else tuple(sorted(may_hold))
    until = stamp(now + seconds_left + 1)
    run = secrets.token_hex(8)
    return State(project, api_url, PENDING, stamp(now), storage, salt, sealed, run, keys, until, since=since)


def in_use(last: State | None, believed: bool) -> frozenset[str] | None:
    """The ids of access keys that the target may hold; ``None`` where it may be any.

    :param believed: whether there is no doubt about the state file but that it is pending.
    """
    if last is None or not believed:
        return None
    own = {str(last.storage["access_key"])} if last.storage.get("access_key") else set()
    if last.status != PENDING:
        return frozenset(own)
    return None if last.may_hold is None else frozenset(own | set(last.may_hold))


def in_doubt(pending: State) -> State:
    """The same after a concurrent run was detected: the target may hold any key."""
    return replace(pending, may_hold=None)


def seal(secret: str, salt: str, key: str) -> str:
    """The HMAC of a target's secret.

    :param key: the project's own secret.
    """
    message = json.dumps([CONTEXT, salt, secret]).encode()
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def matches(state: State, secret: str, key: str) -> bool:
    """Whether the state file is of a target with this secret."""
    return hmac.compare_digest(state.secret_hmac.encode(), seal(secret, state.salt, key).encode())


def dump(state: State) -> bytes:
    """The state file as it is kept: the same bytes for the same state."""
    document = {"format": FORMAT, **asdict(state)}
    return (json.dumps(document, sort_keys=True, indent=2, ensure_ascii=True) + "\n").encode()


class AlienError(ValueError):
    """The data is not a state file."""


def parse(data: bytes) -> State:
    """The state file that the bytes hold.

    :raises ValueError: they are not a state; the text is the ``reason`` in the result.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise AlienError("its content is not JSON") from None
    if not isinstance(document, dict) or "format" not in document:
        raise AlienError("its content is not a state file")
    if document["format"] != FORMAT or isinstance(document["format"], bool):
        raise ValueError("the state file has a format that this version does not know")
    texts = [document.get(name) for name in _TEXTS]
    storage, may_hold, others = document.get("storage"), document.get("may_hold"), document.get("others", [])
    since, settings_since = (document.get(name, "") for name in ("since", "settings_since"))
    lists = [[] if may_hold is None else may_hold, others]
    if not isinstance(storage, dict) or not all(isinstance(each, list) for each in lists):
        raise ValueError("the state file is damaged")
    if not all(isinstance(text, str) for text in [*texts, since, settings_since, *lists[0], *lists[1]]):
        raise ValueError("the state file is damaged")
    state = State(
        storage=storage,
        may_hold=None if may_hold is None else tuple(may_hold),
        others=tuple(others),
        since=since,
        settings_since=settings_since,
        **dict(zip(_TEXTS, texts)),  # type: ignore[arg-type]  # checked above
    )
    if state.status not in (PENDING, APPLIED, ABSENT) or seconds(state.time) is None:
        raise ValueError("the state file is damaged")
    return state


def owner(data: bytes) -> str:
    """The project that a state file names, also one that :func:`parse` cannot read; empty where there is none."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    project = document.get("project") if isinstance(document, dict) and "format" in document else None
    return project if isinstance(project, str) else ""


def doubt(state: State, project: str, api_url: str, now: float) -> str:
    """Why the state file says nothing about the target; empty where it can be believed."""
    if state.project != project:
        return f"the state file is of another project ({state.project})"
    if state.api_url != api_url:
        return f"the state file is of the same project at another address ({state.api_url})"
    if (seconds(state.time) or 0) > now + FUTURE:
        return f"the state file comes from the future ({state.time}): a clock is or was off"
    if state.status == PENDING:
        return UNFINISHED
    return ""


def reason(
    known: State | None,
    storage: t.Mapping[str, t.Any] | None,
    secret: str | None,
    key: str,
    now: float,
    always: bool = False,
    max_age: float | None = None,
) -> str:
    """Why the API has to be called: ``unknown``, ``changed``, ``forced``, ``expired``; else ``unchanged``.

    :param known: a state file without doubt; ``None`` if there is none.
    :param storage: the public fields of the desired target; ``None`` for no target.
    :param secret: of the target; ``None`` where it was left out.
    """
    if known is None:
        return "unknown"
    if differs(known, storage, secret, key):
        return "changed"
    if always:
        return "forced"
    if max_age is not None and now - (seconds(known.time) or 0) >= max_age:
        return "expired"
    return "unchanged"


def differs(known: State, storage: t.Mapping[str, t.Any] | None, secret: str | None, key: str) -> bool:
    """Whether the state file differs from the desired target."""
    if storage is None or known.status == ABSENT:
        return (storage is None) != (known.status == ABSENT)
    return dict(known.storage) != dict(storage) or (secret is not None and not matches(known, secret, key))


def stamp(now: float) -> str:
    """Unix seconds as UTC, ISO 8601."""
    return datetime.datetime.fromtimestamp(int(now), datetime.timezone.utc).strftime(_TIME)


def seconds(time: str) -> float | None:
    """Unix seconds of what :func:`stamp` writes; ``None`` for anything else."""
    try:
        parsed = datetime.datetime.strptime(time, _TIME)
    except ValueError:
        return None
    return parsed.replace(tzinfo=datetime.timezone.utc).timestamp()
