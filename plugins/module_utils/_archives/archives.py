# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives as the API lists them, and what they say of uploads. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Documented (the vendor's archiving overview and API reference): the list with ``count`` and ``items``, newest first, and
the statuses. Inferred: that ``available`` or ``expired`` in a project with an upload target means that the upload
failed and the fallback took effect. Not documented: the status of an archive whose upload failed without a fallback,
and whether an archive is ``available`` for a moment before it is uploaded.
"""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass, field

from .._state_file import state

STATUSES = ("started", "paused", "stopped", "uploaded", "available", "expired", "failed", "deleted")
IN_CLOUD = frozenset({"available", "expired"})
IN_PROGRESS = frozenset({"started", "paused", "stopped"})
# Of a transcript, which is a second object of the archive (Video API, "Post-call transcription").
TRANSCRIBING = frozenset({"requested", "started"})
CATEGORIES = ("uploaded", "fell_back", "failed", "stuck", "in_progress", "in_cloud", "other")
TROUBLE = ("fell_back", "failed", "stuck")
# Of each category. AWX cuts results at 700 kB; all lists together stay below 40 kB.
MOST_IDS = 100
# What datetime can show.
LATEST = datetime.datetime(9999, 12, 31, tzinfo=datetime.timezone.utc).timestamp()


@dataclass(frozen=True)
class Archive:
    """One recording.

    :param created: Unix seconds.
    :param duration: seconds.
    :param size: bytes.
    :param transcribing: whether its transcript has not been uploaded yet.
    :param url: where an ``available`` archive can be fetched from for ten minutes, without credentials: a secret.
    """

    id: str
    status: str
    created: float
    duration: float = 0.0
    size: int = 0
    updated: float = 0.0
    name: str = ""
    reason: str = ""
    session_id: str = ""
    output_mode: str = ""
    transcribing: bool = False
    url: str = field(default="", repr=False)

    @property
    def in_progress(self) -> bool:
        """Whether something of it is still to be uploaded."""
        return self.status in IN_PROGRESS or self.transcribing

    @property
    def ended(self) -> float:
        """When the last is known to have happened to it, Unix seconds."""
        return max(self.created + self.duration, self.updated)

    def shown(self, urls: bool) -> dict[str, t.Any]:
        """As the module returns it; times are UTC."""
        plain = {
            "id": self.id,
            "status": self.status,
            "name": self.name,
            "reason": self.reason,
            "session_id": self.session_id,
            "created": state.stamp(self.created),
            "duration": int(self.duration),
            "size": self.size,
            "output_mode": self.output_mode,
        }
        return {**plain, "url": self.url or None} if urls else plain


@dataclass(frozen=True)
class Page:
    """One answer of the list.

    :param count: how many archives the API says there are.
    """

    count: int
    archives: tuple[Archive, ...]


def parse_page(document: t.Any) -> Page:
    """The page that an answer holds.

    :raises ValueError: it holds none; the text quotes nothing of it.
    """
    count = document.get("count") if isinstance(document, dict) else None
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list) or not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise ValueError("the answer is no list of archives with count and items")
    return Page(count, tuple(_archive(item) for item in items))


def _archive(item: t.Any) -> Archive:
    if not isinstance(item, dict) or not item.get("id") or not isinstance(item.get("status"), str):
        raise ValueError("an archive in the list has no id or no status")
    created = _number(item.get("createdAt")) / 1000
    if not 0 < created < LATEST:
        raise ValueError("an archive in the list has no usable createdAt")
    return Archive(
        id=str(item["id"]),
        status=item["status"].lower(),
        created=created,
        duration=_number(item.get("duration")),
        size=int(_number(item.get("size"))),
        updated=_number(item.get("updatedAt")) / 1000,
        name=_text(item.get("name")),
        reason=_text(item.get("reason")),
        session_id=_text(item.get("sessionId")),
        output_mode=_text(item.get("outputMode")),
        transcribing=_transcript_status(item) in TRANSCRIBING,
        url=_text(item.get("url")),
    )


def _transcript_status(item: t.Mapping[str, t.Any]) -> str:
    transcription = item.get("transcription")
    return _text(transcription.get("status")).lower() if isinstance(transcription, dict) else ""


def _number(value: t.Any) -> float:
    """A number that is not negative; 0 for anything else, which the API sends for what it does not know."""
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < LATEST * 1000
    return value if usable else 0


def _text(value: t.Any) -> str:
    return value if isinstance(value, str) else ""


def category(archive: Archive, now: float, target_set: float | None, stuck_after: float) -> str:
    """What an archive says of uploads.

    :param target_set: since when there is an upload target, Unix seconds; ``None`` where that is not known.
    :param stuck_after: seconds after its end from which on a stopped archive should be somewhere.
    """
    if archive.status in ("uploaded", "failed"):
        return archive.status
    if archive.status in IN_CLOUD:
        return "fell_back" if target_set is not None and archive.created >= target_set else "in_cloud"
    if archive.status == "stopped" and now - archive.ended > stuck_after:
        return "stuck"
    return "in_progress" if archive.status in IN_PROGRESS else "other"


def health(archives: t.Sequence[Archive], now: float, target_set: float | None, stuck_after: float) -> dict[str, t.Any]:
    """How uploads went: each category with its count and the ids of the newest.

    ``fell_back`` is ``None`` where it is not known since when there is a target. ``ok`` is ``None`` where it cannot be
    told: nothing is known to be wrong, but there are archives in the vendor's cloud that may have fallen back.
    """
    found: dict[str, list[str]] = {name: [] for name in CATEGORIES}
    for archive in archives:
        found[category(archive, now, target_set, stuck_after)].append(archive.id)
    summary: dict[str, t.Any] = {name: counted(ids) for name, ids in found.items()}
    ok: bool | None = not any(found[name] for name in TROUBLE)
    if target_set is None:
        summary["fell_back"] = None
        ok = None if ok and found["in_cloud"] else ok
    return {"ok": ok, "checked": len(archives), **summary}


def counted(entries: t.Sequence[t.Any]) -> dict[str, t.Any]:
    """How many there are, and the first of them."""
    return {"count": len(entries), "ids": list(entries[:MOST_IDS])}
