# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recording proxy: it forwards requests unchanged, records them, and calls hooks."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from tests.sandbox import DropConnection, ProxiedRequest, RecordingProxy, Store, VonageEmulator
from tests.sandbox._aws import aws_client

from .helpers import TIMEOUT, s3_body, token


@pytest.fixture
def proxied(emulator: VonageEmulator) -> Iterator[RecordingProxy]:
    """The emulator behind a proxy."""
    with RecordingProxy(emulator.url) as proxy:
        yield proxy


def put(emulator: VonageEmulator, proxy: RecordingProxy, timeout: float = TIMEOUT) -> requests.Response:
    """PUT the upload target through the proxy."""
    url = f"{proxy.url}/v2/project/{emulator.api_key}/archive/storage"
    return requests.put(url, json=s3_body(), headers={"X-OPENTOK-AUTH": token(emulator)}, timeout=timeout)


def connection(proxy: RecordingProxy) -> http.client.HTTPConnection:
    host, port = urlsplit(proxy.url).netloc.split(":")
    return http.client.HTTPConnection(host, int(port), timeout=TIMEOUT)


def test_proxy_keeps_signatures_valid(seaweedfs: Store, bucket: str) -> None:
    """Uploads of every kind, one of them with 100-continue, are stored unchanged."""
    content = bytes(range(256)) * 24000
    with RecordingProxy(seaweedfs.endpoint_url) as proxy:
        client = aws_client("s3", proxy.url, seaweedfs.access_key, seaweedfs.secret_key)
        client.put_object(Bucket=bucket, Key="a", Body=content)
        upload = client.create_multipart_upload(Bucket=bucket, Key="b c+d")["UploadId"]
        identity = {"Bucket": bucket, "Key": "b c+d", "UploadId": upload}
        tag = client.upload_part(**identity, PartNumber=1, Body=content)["ETag"]
        client.complete_multipart_upload(**identity, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
        assert client.get_object(Bucket=bucket, Key="b c+d")["Body"].read() == content
        client.head_object(Bucket=bucket, Key="a")
        client.delete_object(Bucket=bucket, Key="a")
        recorded = [(request.n, request.method, request.path, request.status) for request in proxy.requests]
    path = f"/{bucket}/b%20c%2Bd"
    assert recorded == [
        (1, "PUT", f"/{bucket}/a", 200),
        (2, "POST", path, 200),
        (3, "PUT", path, 200),
        (4, "POST", path, 200),
        (5, "GET", path, 200),
        (6, "HEAD", f"/{bucket}/a", 200),
        (7, "DELETE", f"/{bucket}/a", 204),
    ]


def test_proxy_keeps_wrong_signatures_invalid(seaweedfs: Store) -> None:
    with RecordingProxy(seaweedfs.endpoint_url) as proxy:
        client = aws_client("s3", proxy.url, seaweedfs.access_key, "0" * 40)
        with pytest.raises(client.exceptions.ClientError, match="SignatureDoesNotMatch"):
            client.list_buckets()
        assert proxy.requests[0].status == 403


def test_proxy_keeps_host_header_and_query(emulator: VonageEmulator, proxied: RecordingProxy) -> None:
    requests.get(f"{proxied.url}/v2/project/1/archive?count=2&offset=3", timeout=TIMEOUT)
    assert emulator.log()[0]["headers"]["Host"] == urlsplit(proxied.url).netloc
    assert emulator.log()[0]["query"] == proxied.requests[0].query == "count=2&offset=3"


def test_proxy_forwards_chunked_bodies(emulator: VonageEmulator, proxied: RecordingProxy) -> None:
    url = f"{proxied.url}/v2/project/{emulator.api_key}/archive/storage"
    body = requests.Request("PUT", url, json=s3_body()).prepare().body
    assert isinstance(body, bytes)
    headers = {"X-OPENTOK-AUTH": token(emulator), "Content-Type": "application/json"}
    parts = (body[:10], body[10:])
    assert requests.put(url, data=iter(parts), headers=headers, timeout=TIMEOUT).status_code == 200
    assert proxied.requests[0].headers["transfer-encoding"] == "chunked"
    assert emulator.target() == s3_body()


def test_proxy_keeps_connections_open(seaweedfs: Store) -> None:
    with RecordingProxy(seaweedfs.endpoint_url) as proxy:
        client = connection(proxy)
        sockets = set()
        for _unused in range(3):
            client.request("GET", "/")
            client.getresponse().read()
            sockets.add(client.sock)
        assert len(sockets) == 1
        assert None not in sockets
        assert proxy.count == 3
        client.close()


def test_proxy_latency_is_concurrent(emulator: VonageEmulator) -> None:
    with RecordingProxy(emulator.url, latency=0.3) as proxy:
        started = time.monotonic()
        threads = [threading.Thread(target=put, args=(emulator, proxy)) for _unused in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - started
        assert proxy.count == 4
        assert sorted(request.n for request in proxy.requests) == [1, 2, 3, 4]
    assert 0.3 <= seconds < 1.1


def test_proxy_calls_hooks_before_and_after_requests(emulator: VonageEmulator, proxied: RecordingProxy) -> None:
    calls: list[tuple[str, int, int | None, bool]] = []
    proxied.before = lambda n, request: calls.append(("before", n, request.status, emulator.target() is not None))
    proxied.after = lambda n, request: calls.append(("after", n, request.status, emulator.target() is not None))
    assert put(emulator, proxied).status_code == 200
    assert calls == [("before", 1, None, False), ("after", 1, 200, True)]


@pytest.mark.parametrize("hook", ["before", "after"])
def test_proxy_hook_can_close_the_connection(emulator: VonageEmulator, proxied: RecordingProxy, hook: str) -> None:
    def drop(n: int, request: ProxiedRequest) -> None:
        raise DropConnection

    setattr(proxied, hook, drop)
    with pytest.raises(requests.ConnectionError):
        put(emulator, proxied)
    assert (emulator.target() is not None) is (hook == "after")


def test_proxy_forwards_faults_without_retries(emulator: VonageEmulator, proxied: RecordingProxy) -> None:
    for kind in ("reset", "close", "truncate"):
        emulator.clear_log()
        emulator.fail_next(kind)
        with pytest.raises(requests.RequestException):
            put(emulator, proxied)
        assert len(emulator.log()) == 1


def test_clear_resets_the_count(emulator: VonageEmulator, proxied: RecordingProxy) -> None:
    put(emulator, proxied)
    put(emulator, proxied)
    assert proxied.count == 2
    proxied.clear()
    put(emulator, proxied)
    assert [request.n for request in proxied.requests] == [1]


def test_proxy_unreachable_upstream_closes_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with RecordingProxy(f"http://127.0.0.1:{port}") as proxy:
        with pytest.raises(requests.ConnectionError):
            requests.get(proxy.url, timeout=TIMEOUT)
        assert proxy.requests[0].status is None


def test_stop_ends_requests_in_progress(emulator: VonageEmulator) -> None:
    emulator.fail_next("hang")
    proxy = RecordingProxy(emulator.url).start()
    threading.Timer(0.5, proxy.stop).start()
    started = time.monotonic()
    with pytest.raises(requests.RequestException):
        put(emulator, proxy)
    assert time.monotonic() - started < 3
    with pytest.raises(requests.ConnectionError):
        requests.get(proxy.url, timeout=TIMEOUT)
    emulator.clear_faults()


def test_proxy_requires_an_http_upstream() -> None:
    with pytest.raises(ValueError, match="http://"):
        RecordingProxy("https://s3.amazonaws.com")
