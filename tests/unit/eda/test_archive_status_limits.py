# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits of the event source: connections, time, sizes, queued events, and log messages."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import gc
import ipaddress
import json
import logging
import os
import resource
import socket
import ssl
import time
from asyncio.sslproto import SSLProtocol
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.vonage.archiving.extensions.eda.plugins.event_source import archive_status as source

PATH = "/vonage/archive-status"
SECRET = "a-secret-of-the-callback-URL"
INCOMPLETE_HEADERS = b"POST /x HTTP/1.1\r\nHost: a\r\nX-A: "
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Client:
    """Raw connections to a listener."""

    def __init__(self, listener: source.Listener, context: ssl.SSLContext | None) -> None:
        self.listener = listener
        self.address = listener.sockets[0].getsockname()[:2]
        self._context = context
        self._streams: list[Stream] = []

    async def connect(self, data: bytes = b"", use_tls: bool = True) -> Stream:
        context = self._context if use_tls else None
        stream = await asyncio.open_connection(*self.address, ssl=context)
        self._streams.append(stream)
        stream[1].write(data)
        return stream

    async def send(self, data: bytes) -> bytes:
        """Return the complete response."""
        reader, _writer = await self.connect(data)
        return await asyncio.wait_for(reader.read(), 10)

    async def wait_for_connections(self, number: int) -> None:
        await wait_until(lambda: len(self.listener.connections) == number)

    async def close(self) -> None:
        for _reader, writer in self._streams:
            writer.transport.abort()
        self._streams.clear()
        await asyncio.sleep(0)


def callback(identity: str = "1") -> bytes:
    fields = {"id": identity, "event": "archive", "status": "available", "createdAt": 1_789_999_000_000, "partnerId": 1}
    return json.dumps(fields).encode()


def request(body: bytes, path: str = PATH, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: a", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def status(response: bytes) -> int:
    return int(response.split(b" ", 2)[1]) if response else 0


def run_client(talk: Callable[[Client], Awaitable[None]], **args: Any) -> source.CallbackHandler:
    """Run a client against a listener with these options."""
    params = dataclasses.replace(source.parse_params({"port": 5000, **args}), port=0)
    context = ssl.create_default_context(cafile=params.certfile) if params.certfile else None

    async def run() -> source.CallbackHandler:
        handler = source.CallbackHandler(params)
        async with source.open_listener(handler) as listener:
            client = Client(listener, context)
            await talk(client)
            await client.close()
        assert not listener.connections
        # aiohttp waits for the rest of a body even if the client has closed the connection.
        await wait_until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, source.LINGER_TIMEOUT + 5)
        return handler

    return asyncio.run(run())


async def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def is_open(stream: Stream) -> bool:
    with contextlib.suppress(asyncio.TimeoutError):
        return await asyncio.wait_for(stream[0].read(1), 0.1) != b""
    return True


@pytest.fixture
def certfile(tmp_path: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    unencrypted = serialization.NoEncryption()
    pem = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, unencrypted)
    path = tmp_path / "tls.pem"
    path.write_bytes(pem + certificate.public_bytes(encoding))
    return str(path)


# --- Connections ---


def test_listener_incomplete_headers_closes_after_header_timeout() -> None:
    async def talk(client: Client) -> None:
        start = time.monotonic()
        first, second = await asyncio.gather(client.send(INCOMPLETE_HEADERS), client.send(b""))
        assert 0.9 < time.monotonic() - start < 5
        assert first == second == b""

    run_client(talk, header_timeout=1)


def test_listener_headers_sent_slowly_does_not_extend_header_timeout() -> None:
    async def talk(client: Client) -> None:
        start = time.monotonic()
        reader, writer = await client.connect(INCOMPLETE_HEADERS)
        while not reader.at_eof() and time.monotonic() - start < 5:
            writer.write(b"a")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.05)
        assert 0.9 < time.monotonic() - start < 5

    run_client(talk, header_timeout=1)


def test_listener_at_connection_limit_closes_oldest_incomplete_request() -> None:
    async def talk(client: Client) -> None:
        streams = []
        for number in range(3):
            streams.append(await client.connect(INCOMPLETE_HEADERS))
            await client.wait_for_connections(number + 1)
        assert status(await client.send(request(callback()))) == 200
        assert [await is_open(stream) for stream in streams] == [False, True, True]

    assert run_client(talk, max_connections=3).events.qsize() == 1


def test_listener_at_connection_limit_closes_slow_body() -> None:
    async def talk(client: Client) -> None:
        oldest = await client.connect(request(b"{" * 50)[:-10])
        await client.wait_for_connections(1)
        newer = await client.connect(INCOMPLETE_HEADERS)
        await client.wait_for_connections(2)
        assert status(await client.send(request(callback()))) == 200
        assert [await is_open(stream) for stream in (oldest, newer)] == [False, True]

    run_client(talk, max_connections=2)


def test_listener_hundreds_of_connections_never_exceeds_limit(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(client: Client) -> None:
        files = len(os.listdir("/dev/fd"))
        streams = [await client.connect(INCOMPLETE_HEADERS) for _number in range(200)]
        assert status(await client.send(request(callback()))) == 200
        assert len(client.listener.connections) <= 10
        # The clients are in this process, too.
        assert len(os.listdir("/dev/fd")) - files <= len(streams) + 20

    run_client(talk, max_connections=10)
    assert caplog.text.count("Closed the oldest of 10 connections to accept another one") == 191


def test_listener_half_open_tls_handshakes_accepts_callback(certfile: str) -> None:
    async def talk(client: Client) -> None:
        streams = []
        for number in range(5):
            streams.append(await client.connect(b"\x16\x03\x01", use_tls=False))
            await client.wait_for_connections(min(3, number + 1))
        assert status(await client.send(request(callback()))) == 200
        assert [await is_open(stream) for stream in streams] == [False, False, False, True, True]

    run_client(talk, max_connections=3, certfile=certfile)


def test_listener_half_open_tls_handshake_closes_after_header_timeout(certfile: str) -> None:
    async def talk(client: Client) -> None:
        start = time.monotonic()
        streams = [await client.connect(data, use_tls=False) for data in (b"", b"\x16\x03\x01", b"no TLS\r\n\r\n")]
        streams.append(await client.connect(INCOMPLETE_HEADERS))
        for reader, _writer in streams:
            with contextlib.suppress(ConnectionError):
                await asyncio.wait_for(reader.read(), 5)
        assert 0.9 < time.monotonic() - start < 5
        await client.wait_for_connections(0)
        assert status(await client.send(request(callback()))) == 200

    run_client(talk, header_timeout=1, certfile=certfile)


def test_listener_tls_client_that_does_not_close_is_closed(certfile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CLOSE_TIMEOUT", 0.5)
    start = time.monotonic()
    rejected = request(b"", "/elsewhere")

    async def talk(client: Client) -> None:
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context(cafile=certfile)
        with socket.create_connection(client.address) as plain:
            wrapped = await loop.run_in_executor(None, lambda: context.wrap_socket(plain, server_hostname="127.0.0.1"))
            await loop.run_in_executor(None, wrapped.sendall, rejected)
            assert status(await loop.run_in_executor(None, wrapped.recv, 4096)) == 404
            await client.wait_for_connections(0)
            wrapped.close()

    run_client(talk, certfile=certfile)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("data", "use_tls"),
    [
        (b"", False),
        (b"\x16\x03\x01", False),
        (b"not TLS\r\n\r\n", False),
        (INCOMPLETE_HEADERS, True),
        (b"GET / HTTP/1.1\r\n\r\n", True),
        (request(b"", "/elsewhere"), True),
        (request(callback()), True),
    ],
)
def test_listener_closed_tls_connection_frees_its_buffers(data: bytes, use_tls: bool, certfile: str) -> None:
    """asyncio has 256 KiB for each TLS connection: a flood creates more of them than the garbage collector deletes."""

    async def talk(client: Client) -> None:
        gc.collect()
        gc.disable()
        for _number in range(3):
            await client.connect(data, use_tls=use_tls)
            await asyncio.sleep(0.05)
            await client.close()
            await client.wait_for_connections(0)
        await asyncio.sleep(0.05)
        assert not [obj for obj in gc.get_objects() if isinstance(obj, SSLProtocol)]

    try:
        run_client(talk, certfile=certfile)
    finally:
        gc.enable()


@pytest.fixture
def exhaust_files() -> Iterator[Callable[[], None]]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def exhaust() -> None:
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))

    yield exhaust
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_listener_without_file_descriptors_pauses_and_recovers(
    exhaust_files: Callable[[], None], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "ACCEPT_PAUSE", 0.2)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def talk(client: Client) -> None:
        oldest = await client.connect(INCOMPLETE_HEADERS)
        await client.wait_for_connections(1)
        with socket.socket() as sock:
            sock.setblocking(False)
            exhaust_files()
            with contextlib.suppress(BlockingIOError):
                sock.connect(client.address)
            sock.setblocking(True)
            sock.sendall(request(callback()))
            # The listener closes the connection with the incomplete request to accept this one.
            response = await asyncio.get_running_loop().run_in_executor(None, sock.recv, 100)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert status(response) == 200
        assert not await is_open(oldest)

    run_client(talk)
    assert caplog.text.count("Could not accept a connection: EMFILE") == 1
    assert "Traceback" not in caplog.text


def test_listener_without_file_descriptors_and_connections_retries_at_intervals(
    exhaust_files: Callable[[], None], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "ACCEPT_PAUSE", 0.2)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def talk(client: Client) -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            exhaust_files()
            with contextlib.suppress(BlockingIOError):
                sock.connect(client.address)
            await asyncio.sleep(0.7)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            await asyncio.get_running_loop().sock_sendall(sock, request(callback()))
            response = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 100), 5)
        assert status(response) == 200

    run_client(talk)
    assert 2 <= caplog.text.count("Could not accept a connection: EMFILE") <= 4


@pytest.mark.parametrize(("files", "limit"), [(1024, 256), (512, 256), (256, 128), (1, 1)])
def test_connection_limit_is_at_most_half_of_open_files(
    files: int, limit: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (files, 4096))
    assert source.connection_limit(256) == limit
    assert (f"using {limit}" in caplog.text) == (limit < 256)


def test_connection_limit_without_limit_of_open_files_is_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert source.connection_limit(100_000) == 100_000


# --- Requests ---


def test_listener_headers_above_limit_responds_with_431() -> None:
    async def talk(client: Client) -> None:
        field = b"X-A: " + b"a" * 1000 + b"\r\n"
        response = await client.send(INCOMPLETE_HEADERS + b"a\r\n" + field * 40)
        assert status(response) == 431
        response = await client.send(INCOMPLETE_HEADERS + b"a\r\n" + field * 40 + b"\r\n")
        assert status(response) == 431

    run_client(talk)


def test_listener_request_in_single_bytes_is_accepted() -> None:
    async def talk(client: Client) -> None:
        reader, writer = await client.connect()
        for byte in request(callback()):
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert status(await asyncio.wait_for(reader.read(), 5)) == 200

    run_client(talk)


def test_listener_body_above_read_size_is_complete(certfile: str) -> None:
    fields = json.loads(callback())
    body = json.dumps({**fields, "streams": ["x" * 1000] * 125}).encode()
    assert 100_000 < len(body) < 131_072

    async def talk(client: Client) -> None:
        assert status(await client.send(request(body))) == 200

    assert run_client(talk).events.qsize() == 1
    assert run_client(talk, certfile=certfile).events.qsize() == 1


def test_listener_body_of_max_body_is_accepted() -> None:
    async def talk(client: Client) -> None:
        assert status(await client.send(request(callback()))) == 200
        assert status(await client.send(request(callback() + b" "))) == 413

    run_client(talk, max_body=len(callback()))


def test_listener_chunked_body_is_accepted() -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in callback())
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def talk(client: Client) -> None:
        assert status(await client.send(head.encode() + chunks + b"0\r\n\r\n")) == 200

    assert run_client(talk).events.qsize() == 1


def test_listener_expect_100_continue_is_accepted() -> None:
    async def talk(client: Client) -> None:
        head, _end, body = request(callback(), PATH, "Expect: 100-continue").partition(b"\r\n\r\n")
        reader, writer = await client.connect(head + b"\r\n\r\n")
        assert status(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)) == 100
        writer.write(body)
        assert status(await asyncio.wait_for(reader.read(), 5)) == 200

    run_client(talk)


def test_listener_pipelined_requests_processes_only_the_first() -> None:
    async def talk(client: Client) -> None:
        response = await client.send(b"".join(request(callback(f"n{number}")) for number in range(50)))
        assert response.count(b"HTTP/1.1 ") == 1
        assert b"\r\nConnection: close\r\n" in response
        assert status(response) == 200

    assert run_client(talk).events.qsize() == 1


class FakeHttpProtocol(asyncio.Protocol):
    """Replaces the handler of aiohttp: reads a body of 5 bytes, then closes the connection."""

    def __init__(self, received: list[bytes]) -> None:
        self._received = received

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        if data == b"fails\r\n\r\n":
            raise ValueError("Invalid IPv6 URL")
        if len(self._received) == 1:
            connection = self._transport.get_protocol()
            assert isinstance(connection, source.Connection)
            asyncio.get_running_loop().call_soon(connection.read_body, 5)
        elif b"".join(self._received).count(b"5"):
            asyncio.get_running_loop().call_later(0.1, self._transport.close)


@pytest.mark.parametrize("split", [0, 3, 7, 12, 20])
def test_listener_bytes_after_body_are_discarded(split: int) -> None:
    received: list[bytes] = []

    async def talk(client: Client) -> None:
        client.listener.create_http_protocol = lambda: FakeHttpProtocol(received)
        data = b"head\r\n\r\n12345GET / HTTP/1.1\r\n\r\n"
        reader, writer = await client.connect(data[:split])
        await asyncio.sleep(0.05)
        writer.write(data[split:])
        assert await asyncio.wait_for(reader.read(), 5) == b""

    run_client(talk)
    assert received[0] == b"head\r\n\r\n"
    assert b"".join(received[1:]) == b"12345"


def test_listener_error_of_parser_responds_with_400(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(client: Client) -> None:
        client.listener.create_http_protocol = lambda: FakeHttpProtocol([])
        assert status(await client.send(b"fails\r\n\r\n")) == 400

    run_client(talk)
    assert caplog.messages == ["Rejected a request that is not valid HTTP (ValueError)"]


def test_listener_rejected_request_with_body_receives_response() -> None:
    async def talk(client: Client) -> None:
        for path, length, expected in ((f"{PATH}/wrong", 100_000, 401), (f"{PATH}/{SECRET}", 500_000, 413)):
            responses = [await client.send(request(b"x" * length, path)) for _time in range(2)]
            assert [status(response) for response in responses] == [expected] * 2

    run_client(talk, secret=SECRET)


def test_listener_slow_body_responds_with_408() -> None:
    async def talk(client: Client) -> None:
        assert status(await client.send(request(b"{" * 50)[:-10])) == 408

    run_client(talk, body_timeout=1)


def test_listener_slow_body_without_secret_is_rejected_immediately() -> None:
    async def talk(client: Client) -> None:
        start = time.monotonic()
        reader, _writer = await client.connect(request(b"{" * 50)[:-10])
        assert status(await asyncio.wait_for(reader.readline(), 5)) == 401
        assert time.monotonic() - start < 5

    run_client(talk, secret=SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        b"Authorization: Bearer \xed\xa0\x80.\xff.\xfe",
        b"Authorization: Basic \xff",
        b"Content-Type: \xed\xa0\x80/\xff; charset=\xff",
        b"X-A: \x00",
        b"Content-Length: -1",
        b"Content-Length: 5, 6",
        b"Transfer-Encoding: chunked, chunked",
        b"Upgrade: websocket\r\nConnection: upgrade",
        b"Expect: something",
    ],
)
@pytest.mark.parametrize("path", [PATH, f"{PATH}/%ED%A0%80", f"{PATH}/%00", "*", "http://[", "/%"])
def test_listener_malformed_request_is_rejected(headers: bytes, path: str) -> None:
    async def talk(client: Client) -> None:
        response = await client.send(f"POST {path} HTTP/1.1\r\nHost: a\r\n".encode() + headers + b"\r\n\r\n")
        assert 400 <= status(response) < 500, response

    run_client(talk, secret=SECRET, signature_secret=SECRET, body_timeout=1)


# --- Queued events ---


def test_listener_full_queue_responds_with_503_until_it_has_room() -> None:
    async def talk(client: Client) -> None:
        for identity in "ab":
            assert status(await client.send(request(callback(identity)))) == 200
        response = await client.send(request(callback("c")))
        assert status(response) == 503
        assert b"\r\nRetry-After: 30\r\n" in response

    handler = run_client(talk, max_queued_events=2)
    assert [handler.events.get_nowait()["archive"]["id"] for _event in range(2)] == ["a", "b"]
    assert handler.accept({}, callback("c"))


def test_serve_stopped_with_queued_events_logs_their_number(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    async def run() -> None:
        # Like the queue of ansible-rulebook, which is full while the rules are busy.
        queue: asyncio.Queue[Any] = asyncio.Queue(1)
        task = asyncio.create_task(source.main(queue, {"port": port}))
        await wait_until(lambda: "Listening on" in caplog.text)
        for identity in "abcd":
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request(callback(identity)))
            assert status(await asyncio.wait_for(reader.read(), 5)) == 200
            writer.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    caplog.set_level(logging.INFO)
    asyncio.run(run())
    assert "3 events were not delivered to the rules and are lost" in caplog.text


# --- Log messages ---


def run_with_limiter(act: Callable[[], None], *loggers: logging.Logger) -> None:
    async def run() -> None:
        with source.LogLimiter(*loggers):
            act()

    asyncio.run(run())


def test_log_limiter_repeated_message_is_summarised(caplog: pytest.LogCaptureFixture) -> None:
    def act() -> None:
        for number in range(1000):
            source.log_with_kind(logging.WARNING, "a", "Rejected %d", number)
        source.log_with_kind(logging.WARNING, "b", "Rejected another")

    run_with_limiter(act, source.LOGGER)
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        *(f"Rejected {number}" for number in range(10)),
        "Rejected another",
        "Suppressed 990 more messages like this: Rejected 10",
    ]


def test_log_limiter_asyncio_tracebacks_are_summarised(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("asyncio")

    def act() -> None:
        for _number in range(100):
            try:
                raise OSError(24, "Too many open files")
            except OSError:
                logger.exception("socket.accept() out of system resource\nsocket: 6")

    run_with_limiter(act, logger)
    assert caplog.text.count("Traceback") == 10
    assert caplog.messages[-1] == "Suppressed 90 more messages like this: socket.accept() out of system resource"
    assert not logger.filters


def test_log_limiter_next_interval_shows_messages_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LOG_INTERVAL", 0.1)

    async def run() -> None:
        with source.LogLimiter(source.LOGGER):
            for _interval in range(2):
                for _number in range(11):
                    source.LOGGER.warning("The same")
                await asyncio.sleep(0.15)

    asyncio.run(run())
    assert caplog.messages.count("The same") == 20
    assert caplog.messages.count("Suppressed 1 more messages like this: The same") == 2


def test_listener_flood_of_rejected_requests_log_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(client: Client) -> None:
        with source.LogLimiter(source.LOGGER):
            for _number in range(100):
                assert status(await client.send(request(callback()))) == 401

    run_client(talk, secret=SECRET)
    assert caplog.text.count("Rejected a request from") == 11
    assert "Suppressed 90 more messages like this: Rejected a request from 127.0.0.1: the secret is" in caplog.text
