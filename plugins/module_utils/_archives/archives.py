# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives in the list of the API, and the health of their uploads. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Documented (the vendor's archiving overview and API reference): the list with ``count`` and ``items``, newest first, and
the statuses. Inferred: ``available`` or ``expired`` in a project with an upload target means that the upload failed and
the fallback was used. Not documented: the status of an archive whose upload failed without a fallback, and whether an
archive is briefly ``available`` before its upload.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import typing as t
from dataclasses import dataclass, field

from .._core.timestamps import format_utc

STATUSES = ("started", "paused", "stopped", "uploaded", "available", "expired", "failed", "deleted")
IN_CLOUD = frozenset({"available", "expired"})
IN_PROGRESS = frozenset({"started", "paused", "stopped"})
# Statuses of a transcript, which is a second object of the archive (Video API, "Post-call transcription").
TRANSCRIBING = frozenset({"requested", "started"})
CATEGORIES = ("uploaded", "fell_back", "failed", "stuck", "in_progress", "in_cloud", "other")
PROBLEM_CATEGORIES = ("fell_back", "failed", "stuck")
# "72 hours from the time they are created" (guide "Archiving", overview).
CLOUD_SECONDS = 72 * 3600
# "12 hours in total", pauses included (the same guide).
MAX_OPEN_SECONDS = 12 * 3600
# Per category. AWX truncates results at 700 kB; all lists together are smaller than 40 kB.
MAX_IDS = 100
# The last time that datetime supports, in Unix seconds.
MAX_TIME = datetime.datetime(9999, 12, 31, tzinfo=datetime.timezone.utc).timestamp()


@dataclass(frozen=True)
class Archive:
    """A recording.

    :param created: Unix seconds.
    :param duration: seconds.
    :param size: bytes.
    :param transcribing: whether its transcript is not uploaded yet.
    :param transcribed: whether its transcript is uploaded, according to Vonage.
    :param sha256: of the recording, in base64; empty if the API returns none.
    :param url: a secret: anyone can download an ``available`` archive from it for ten minutes, without credentials.
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
    transcribed: bool = False
    sha256: str = ""
    url: str = field(default="", repr=False)

    @property
    def in_progress(self) -> bool:
        """Whether the recording or its transcript is not uploaded yet."""
        return self.status in IN_PROGRESS or self.transcribing

    @property
    def ended(self) -> float:
        """The time of the last known event, Unix seconds."""
        return max(self.created + self.duration, self.updated)

    @property
    def cloud_deadline(self) -> float:
        """When Vonage deletes the recording in its cloud, Unix seconds."""
        return self.created + CLOUD_SECONDS

    def is_stuck(self, now: float, stuck_after: float) -> bool:
        """Whether the archive should have another status by now.

        :param stuck_after: seconds after its end, or after the end of the longest possible recording.
        """
        if self.status == "stopped":
            return now - self.ended > stuck_after
        return self.status in IN_PROGRESS and now - self.created > MAX_OPEN_SECONDS + stuck_after

    def to_result(self, include_url: bool) -> dict[str, t.Any]:
        """The archive in the result of the module; times are in UTC."""
        result = {
            "id": self.id,
            "status": self.status,
            "name": self.name,
            "reason": self.reason,
            "session_id": self.session_id,
            "created": format_utc(self.created),
            "duration": int(self.duration),
            "size": self.size,
            "output_mode": self.output_mode,
        }
        return {**result, "url": self.url or None} if include_url else result


@dataclass(frozen=True)
class Page:
    """A page of the list.

    :param count: the number of all archives according to the API.
    """

    count: int
    archives: tuple[Archive, ...]


def parse_page(document: t.Any) -> Page:
    """Parse a response of the list.

    :raises ValueError: it is not a page of archives; the message quotes no part of it.
    """
    count = document.get("count") if isinstance(document, dict) else None
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list) or not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise ValueError("the response is not a list of archives with count and items")
    return Page(count, tuple(_parse_archive(item) for item in items))


def _parse_archive(item: t.Any) -> Archive:
    if not isinstance(item, dict) or not item.get("id") or not isinstance(item.get("status"), str):
        raise ValueError("an archive in the list has no id or no status")
    created = _number(item.get("createdAt")) / 1000
    if not 0 < created < MAX_TIME:
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
        transcribed=_transcript_status(item) == "uploaded",
        sha256=_sha256(item.get("sha256sum")),
        url=_text(item.get("url")),
    )


def _transcript_status(item: t.Mapping[str, t.Any]) -> str:
    transcription = item.get("transcription")
    return _text(transcription.get("status")).lower() if isinstance(transcription, dict) else ""


def _number(value: t.Any) -> float:
    """The value if it is a number that is not negative, else 0. The API sends other values if it has no number."""
    is_valid = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < MAX_TIME * 1000
    return value if is_valid else 0


def _sha256(value: t.Any) -> str:
    """The value if it is the base64 form of 32 bytes, else an empty text. The field is in no document of the vendor."""
    try:
        digest = base64.b64decode(_text(value), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return base64.b64encode(digest).decode() if len(digest) == 32 else ""


def _text(value: t.Any) -> str:
    return value if isinstance(value, str) else ""


def category(archive: Archive, now: float, target_set: float | None, stuck_after: float) -> str:
    """The category of an archive.

    :param target_set: the time since which there is an upload target, Unix seconds; ``None`` if unknown.
    :param stuck_after: seconds after its end from which a stopped archive counts as stuck.
    """
    if archive.status in ("uploaded", "failed"):
        return archive.status
    if archive.status in IN_CLOUD:
        return "fell_back" if target_set is not None and archive.created >= target_set else "in_cloud"
    if archive.is_stuck(now, stuck_after):
        return "stuck"
    return "in_progress" if archive.status in IN_PROGRESS else "other"


def health(archives: t.Sequence[Archive], now: float, target_set: float | None, stuck_after: float) -> dict[str, t.Any]:
    """The health of uploads: the count of each category, and the IDs of its newest archives.

    ``fell_back`` is ``None`` if ``target_set`` is. ``ok`` is ``None`` if it is unknown: there is no known problem, but
    archives in the vendor's cloud may have fallen back.
    """
    ids: dict[str, list[str]] = {name: [] for name in CATEGORIES}
    for archive in archives:
        ids[category(archive, now, target_set, stuck_after)].append(archive.id)
    summary: dict[str, t.Any] = {name: summarize_ids(ids[name]) for name in CATEGORIES}
    ok: bool | None = not any(ids[name] for name in PROBLEM_CATEGORIES)
    if target_set is None:
        summary["fell_back"] = None
        ok = None if ok and ids["in_cloud"] else ok
    return {"ok": ok, "checked": len(archives), **summary}


def summarize_ids(ids: t.Sequence[str]) -> dict[str, t.Any]:
    """The number of IDs, and the first of them."""
    return {"count": len(ids), "ids": list(ids[:MAX_IDS])}
