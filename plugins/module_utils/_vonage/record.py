# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of what was last set in a project, and what to make of it. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The API can be written and not read, so the record is all there is to compare with. It holds what may be public, and
of the secret an HMAC: the key of that is the project's own secret, so that who reads records cannot test guesses.
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
CONTEXT = "vonage.archiving record of an archive upload target, version 1"
UNFINISHED = "the run that wrote the record did not finish"
# Longer than clocks of machines that both use NTP differ.
FUTURE = 300

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_TEXTS = ("project", "api_url", "status", "time", "salt", "secret_hmac", "run", "until")


@dataclass(frozen=True)
class Record:
    """What a run wrote down.

    :param status: ``pending`` before the API is called; ``applied`` or ``absent`` after it has agreed.
    :param time: UTC, ISO 8601.
    :param storage: the public fields of the target; empty where there is none.
    :param secret_hmac: see :func:`seal`; empty where there is no target.
    :param run: of the run that wrote it; makes every record unique.
    :param may_hold: of a pending record, ids of access keys that the target may hold besides the one in ``storage``;
        ``None`` where it may be any.
    :param until: of a pending record, when the call that it announces is over at the latest; UTC, ISO 8601.
    :param others: of an applied record, ids of the access keys that were there besides. One that is not among them was
        made without this record: there may be another record, which is newer.
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

    def done(self, status: str, now: float, others: t.Iterable[str] = ()) -> Record:
        """The record once the API has agreed."""
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
) -> Record:
    """The pending record of a new run.

    :param secret: of the target; ``None`` where there is to be none.
    :param key: the project's own secret.
    :param may_hold: see :class:`Record`.
    :param seconds_left: how long the call may take that comes next.
    :param since: see :class:`Record`.
    """
    salt = secrets.token_hex(16)
    sealed = seal(secret, salt, key) if secret is not None else ""
    held = None if may_hold is None else tuple(sorted(may_hold))
    until = stamp(now + seconds_left + 1)
    run = secrets.token_hex(8)
    return Record(project, api_url, PENDING, stamp(now), storage, salt, sealed, run, held, until, since=since)


def in_use(last: Record | None, believed: bool) -> frozenset[str] | None:
    """The ids of access keys that the target may hold; ``None`` where it may be any.

    :param believed: whether there is no doubt about the record but that it is pending.
    """
    if last is None or not believed:
        return None
    own = {str(last.storage["access_key"])} if last.storage.get("access_key") else set()
    if last.status != PENDING:
        return frozenset(own)
    return None if last.may_hold is None else frozenset(own | set(last.may_hold))


def in_doubt(pending: Record) -> Record:
    """The same after another run was found to be at work: the target may hold any key."""
    return replace(pending, may_hold=None)


def seal(secret: str, salt: str, key: str) -> str:
    """The HMAC of a target's secret.

    :param key: the project's own secret.
    """
    message = json.dumps([CONTEXT, salt, secret]).encode()
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def matches(record: Record, secret: str, key: str) -> bool:
    """Whether the record is of a target with this secret."""
    return hmac.compare_digest(record.secret_hmac.encode(), seal(secret, record.salt, key).encode())


def dump(record: Record) -> bytes:
    """The record as it is kept: the same bytes for the same record."""
    document = {"format": FORMAT, **asdict(record)}
    return (json.dumps(document, sort_keys=True, indent=2, ensure_ascii=True) + "\n").encode()


class AlienError(ValueError):
    """What is kept there is something else than a record."""


def parse(data: bytes) -> Record:
    """The record that the bytes hold.

    :raises ValueError: they hold none; the text says why, for ``why`` in the result.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise AlienError("what is kept there is not JSON") from None
    if not isinstance(document, dict) or "format" not in document:
        raise AlienError("what is kept there is no record")
    if document["format"] != FORMAT or isinstance(document["format"], bool):
        raise ValueError("the record has a format that this version does not know")
    texts = [document.get(name) for name in _TEXTS]
    storage, held, others = document.get("storage"), document.get("may_hold"), document.get("others", [])
    since, settings_since = (document.get(name, "") for name in ("since", "settings_since"))
    lists = [[] if held is None else held, others]
    if not isinstance(storage, dict) or not all(isinstance(each, list) for each in lists):
        raise ValueError("the record is damaged")
    if not all(isinstance(text, str) for text in [*texts, since, settings_since, *lists[0], *lists[1]]):
        raise ValueError("the record is damaged")
    record = Record(
        storage=storage,
        may_hold=None if held is None else tuple(held),
        others=tuple(others),
        since=since,
        settings_since=settings_since,
        **dict(zip(_TEXTS, texts)),  # type: ignore[arg-type]  # checked above
    )
    if record.status not in (PENDING, APPLIED, ABSENT) or seconds(record.time) is None:
        raise ValueError("the record is damaged")
    return record


def owner(data: bytes) -> str:
    """The project that a state file names, also one that :func:`parse` cannot read; empty where there is none."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    project = document.get("project") if isinstance(document, dict) and "format" in document else None
    return project if isinstance(project, str) else ""


def doubt(record: Record, project: str, api_url: str, now: float) -> str:
    """Why the record says nothing about the target; empty where it can be believed."""
    if record.project != project:
        return f"the record is of another project ({record.project})"
    if record.api_url != api_url:
        return f"the record is of the same project at another address ({record.api_url})"
    if (seconds(record.time) or 0) > now + FUTURE:
        return f"the record comes from the future ({record.time}): a clock is or was off"
    if record.status == PENDING:
        return UNFINISHED
    return ""


def reason(
    known: Record | None,
    storage: t.Mapping[str, t.Any] | None,
    secret: str | None,
    key: str,
    now: float,
    always: bool = False,
    max_age: float | None = None,
) -> str:
    """Why the API has to be called: ``unknown``, ``changed``, ``forced``, ``expired``; else ``unchanged``.

    :param known: a record without doubt, ``None`` where there is none.
    :param storage: the public fields that are wanted; ``None`` for no target at all.
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


def differs(known: Record, storage: t.Mapping[str, t.Any] | None, secret: str | None, key: str) -> bool:
    """Whether what is recorded is not what is wanted."""
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
