# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording and uploading, as the service does it with the stored target; and how archives are listed."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from .._aws import aws_client
from .errors import bad_request
from .mp4 import DURATION, HEIGHT, TIMESCALE, WIDTH
from .state import Application, Archive, Project

PART_SIZE = 5 * 1024 * 1024
DEFAULT_ENDPOINT = "https://s3.amazonaws.com"
DEFAULT_COUNT, MAX_COUNT = 50, 1000
FALLBACK_ON = {"opentok", "vonage"}


class UploadError(Exception):
    """An upload failed; the text holds no secret."""


def object_key(key: str, archive_id: str) -> str:
    """Return where an archive goes; the guides document it as fixed."""
    return f"{key}/{archive_id}/archive.mp4"


def upload(
    target: Mapping[str, Any], key: str, content: bytes, endpoints: Mapping[str, str], pause: float = 0.0
) -> None:
    """Upload with the stored target: multipart, with the encryption header if the target says so.

    ``endpoints`` says where an endpoint really is; nothing but this machine is ever spoken to. ``pause`` are the
    seconds after each part.
    """
    if target["type"] != "s3":
        raise UploadError("the sandbox has no Azure storage")
    config = target["config"]
    endpoint = _local_endpoint(config.get("endpoint", DEFAULT_ENDPOINT), endpoints)
    # There is no region in a target: us-east-1 is what a client without one signs for.
    client = aws_client("s3", endpoint, config["accessKey"], config["secretKey"])
    where = {"Bucket": config["bucket"], "Key": key}
    extra = {"ServerSideEncryption": "AES256"} if config.get("sse") == "s3" else {}
    try:
        started = client.create_multipart_upload(**where, ContentType="video/mp4", **extra)
        with _aborted_on_failure(client, {**where, "UploadId": started["UploadId"]}) as identity:
            parts = [
                {"PartNumber": number, "ETag": client.upload_part(**identity, PartNumber=number, Body=part)["ETag"]}
                for number, part in enumerate(_parts(content, pause), 1)
            ]
            client.complete_multipart_upload(**identity, MultipartUpload={"Parts": parts})
    except (ClientError, BotoCoreError, ValueError) as error:
        raise UploadError(f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _aborted_on_failure(client: Any, identity: dict[str, str]) -> Iterator[dict[str, str]]:
    try:
        yield identity
    except (ClientError, BotoCoreError):
        # An upload-only key may lack this permission; the first error is the one to report.
        with contextlib.suppress(ClientError, BotoCoreError):
            client.abort_multipart_upload(**identity)
        raise


def _parts(content: bytes, pause: float) -> Iterator[bytes]:
    for start in range(0, len(content), PART_SIZE):
        yield content[start : start + PART_SIZE]
        time.sleep(pause)


def _local_endpoint(given: str, endpoints: Mapping[str, str]) -> str:
    endpoint = endpoints.get(given.rstrip("/"), given)
    host = urlsplit(endpoint).hostname or ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local:
        raise UploadError(f"the sandbox uploads to this machine only, and {given} is not mapped to it")
    return endpoint


def archive_json(holder: Project | Application, archive: Archive, base_url: str) -> dict[str, Any]:
    """Return an archive as the API shows it."""
    available = archive.status == "available"
    shown: dict[str, Any] = {
        "id": archive.id,
        "status": archive.status,
        "name": archive.name,
        "reason": archive.reason,
        "sessionId": archive.session_id,
        "createdAt": archive.created_at,
        "updatedAt": archive.created_at,
        "size": archive.size,
        "duration": archive.duration,
        "outputMode": "composed",
        "streamMode": "auto",
        "streams": [],
        "hasAudio": False,
        "hasVideo": True,
        "resolution": f"{WIDTH}x{HEIGHT}",
        "event": "archive",
        "password": "",
        "sha256sum": hashlib.sha256(archive.content).hexdigest() if archive.content is not None else "",
        # Documented as set only while the file is in the vendor's cloud.
        "url": f"{base_url}/_sandbox/download/{object_key(holder.key, archive.id)}" if available else None,
    }
    if isinstance(holder, Application):
        return {**shown, "applicationId": holder.key}
    number: int | str = int(holder.key) if holder.key.isdigit() else holder.key
    return {**shown, "projectId": number, "partnerId": number}


def select(holder: Project | Application, query: Mapping[str, str]) -> tuple[int, list[Archive]]:
    """Return how many archives match the query, and the page asked for, newest first."""
    offset = _number(query, "offset", 0)
    count = _number(query, "count", DEFAULT_COUNT)
    if count > MAX_COUNT:
        raise bad_request(f"count may not be greater than {MAX_COUNT}")
    session = query.get("sessionId")
    found = [each for each in reversed(holder.archives) if session is None or each.session_id == session]
    return len(found), found[offset : offset + count]


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise bad_request(f"{name} must be a number")
    return int(text)


def recorded_duration() -> int:
    """Return the length of the recording in whole seconds."""
    return DURATION // TIMESCALE
