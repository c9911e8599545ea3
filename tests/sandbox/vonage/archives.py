# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upload archives with the stored target, and list them."""

from __future__ import annotations

import contextlib
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
    """An upload failed. The message contains no secret."""


def object_key(key: str, archive_id: str) -> str:
    """Return the object key of an archive, which is fixed according to the guides."""
    return f"{key}/{archive_id}/archive.mp4"


def upload(
    target: Mapping[str, Any], key: str, content: bytes, endpoints: Mapping[str, str], pause: float = 0.0
) -> None:
    """Upload with the stored target: multipart, with the encryption header if the target requires it.

    :param endpoints: the endpoints on this machine, by the endpoint of a target. The sandbox contacts no other machine.
    :param pause: seconds after each part.
    """
    if target["type"] != "s3":
        raise UploadError("the sandbox has no Azure storage")
    config = target["config"]
    endpoint = _local_endpoint(config.get("endpoint", DEFAULT_ENDPOINT), endpoints)
    # A target has no region. Clients without a region sign for us-east-1.
    client = aws_client("s3", endpoint, config["accessKey"], config["secretKey"])
    location = {"Bucket": config["bucket"], "Key": key}
    extra = {"ServerSideEncryption": "AES256"} if config.get("sse") == "s3" else {}
    try:
        started = client.create_multipart_upload(**location, ContentType="video/mp4", **extra)
        with _abort_on_failure(client, {**location, "UploadId": started["UploadId"]}) as upload_id:
            parts = [
                {"PartNumber": number, "ETag": client.upload_part(**upload_id, PartNumber=number, Body=part)["ETag"]}
                for number, part in enumerate(_parts(content, pause), 1)
            ]
            client.complete_multipart_upload(**upload_id, MultipartUpload={"Parts": parts})
    except (ClientError, BotoCoreError, ValueError) as error:
        raise UploadError(f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _abort_on_failure(client: Any, identity: dict[str, str]) -> Iterator[dict[str, str]]:
    try:
        yield identity
    except (ClientError, BotoCoreError):
        # An upload-only key may lack this permission. The first error is reported.
        with contextlib.suppress(ClientError, BotoCoreError):
            client.abort_multipart_upload(**identity)
        raise


def _parts(content: bytes, pause: float) -> Iterator[bytes]:
    for start in range(0, len(content), PART_SIZE):
        yield content[start : start + PART_SIZE]
        time.sleep(pause)


def _local_endpoint(target_endpoint: str, endpoints: Mapping[str, str]) -> str:
    endpoint = endpoints.get(target_endpoint.rstrip("/"), target_endpoint)
    host = urlsplit(endpoint).hostname or ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local:
        raise UploadError(f"the sandbox uploads to this machine only, and {target_endpoint} is not mapped to it")
    return endpoint


def archive_json(holder: Project | Application, archive: Archive, base_url: str) -> dict[str, Any]:
    """Return the archive in the format of the API."""
    available = archive.status == "available"
    document: dict[str, Any] = {
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
        "sha256sum": archive.sha256sum,
        # Documented: set only while the file is in the vendor's cloud.
        "url": f"{base_url}/_sandbox/download/{object_key(holder.key, archive.id)}" if available else None,
    }
    if archive.transcription:
        document.update(hasTranscription=True, transcription={"status": archive.transcription, "url": None})
    if isinstance(holder, Application):
        return {**document, "applicationId": holder.key}
    number: int | str = int(holder.key) if holder.key.isdigit() else holder.key
    return {**document, "projectId": number, "partnerId": number}


def select(holder: Project | Application, query: Mapping[str, str]) -> tuple[int, list[Archive]]:
    """Return the number of archives that match the query, and the requested page, newest first."""
    offset = _number(query, "offset", 0)
    count = _number(query, "count", DEFAULT_COUNT)
    if count > MAX_COUNT:
        raise bad_request(f"count may not be greater than {MAX_COUNT}")
    session = query.get("sessionId")
    matching = [archive for archive in reversed(holder.archives) if session is None or archive.session_id == session]
    return len(matching), matching[offset : offset + count]


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
