"""Callers who stop in the middle, never read, or send what no protocol has: each costs nobody else anything."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from engine_fixture import speech
from engine_kit import KEY, Running, running
from sonant.engine import hearing_session, serving

HEARING = "/stt/turns/websocket?model=ink-2&encoding=pcm_s16le&sample_rate=16000&"
TEXT, CONTINUATION, PING = 1, 0, 9


def frame(opcode: int, payload: bytes = b"", *, is_last: bool = True) -> bytes:
    """Masked with zeros, so that the payload stays as it is."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    return bytes([0x80 * is_last | opcode]) + length + bytes(4) + payload


class Line:
    """A bare connection with next to no room for what is not read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def post(self, path: str, body: bytes, *, length: int | None = None) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nCartesia-Version: 2026-08-14\r\n"
        self.writer.write(f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body)

    async def handshake(self, path: str, *, more: str = "") -> str:
        """The head of the answer."""
        upgrade = (
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + "A" * 22
        )
        url = f"{path}api_key={KEY}&cartesia_version=2026-08-14"
        self.writer.write(f"GET {url} HTTP/1.1\r\nHost: localhost\r\n{more}{upgrade}==\r\n\r\n".encode())
        with anyio.fail_after(5):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next one."""
        with anyio.fail_after(5):
            first, size = await self.reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack(">H", await self.reader.readexactly(2))
            return first & 15, await self.reader.readexactly(size)


@asynccontextmanager
async def line_to(engine: Running) -> AsyncIterator[Line]:
    bare = socket.socket()
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    bare.setblocking(False)
    url = httpx.URL(engine.base_url)
    await asyncio.get_running_loop().sock_connect(bare, (url.host, url.port))
    reader, writer = await asyncio.open_connection(sock=bare, limit=1024)
    try:
        yield Line(reader, writer)
    finally:
        writer.transport.abort()


async def until(is_so: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not is_so():  # noqa: ASYNC110 - the engine has no event for tests
            await anyio.sleep(0.005)


async def test_a_request_that_stops_in_the_middle_gives_its_slot_back(tmp_path: Path) -> None:
    """408, which the SDK tries again; and one whose answer is not read is broken off."""
    async with running(tmp_path, tts_concurrency=1, request_idle_s=0.3) as engine:
        slots = engine.machinery.limits.speech
        async with line_to(engine) as half, line_to(engine) as deaf:
            half.post("/tts/bytes", b"{", length=1000)
            await until(lambda: slots.taken == 1)
            head = (await half.reader.readuntil(b"\r\n\r\n")).decode()
            assert head.startswith("HTTP/1.1 408 ")
            assert "connection: close" in head.lower()
            deaf.post("/tts/bytes", json.dumps(speech("This is a long story. " * 500)).encode())
            await until(lambda: slots.taken == 1)
            await until(lambda: slots.taken == 0)
        assert (await engine.http.post("/tts/bytes", json=speech("Hi."))).status_code == 200


async def test_a_hearing_socket_that_never_reads_gives_its_slot_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it is told piles up until nothing more goes in; then it counts as gone."""
    monkeypatch.setattr(hearing_session, "IDLE_S", 0.2)
    listen = serving._listen

    async def listen_narrowly(host: str, port: int) -> socket.socket:
        listener = await listen(host, port)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return listener

    monkeypatch.setattr(serving, "_listen", listen_narrowly)
    async with running(tmp_path) as engine, line_to(engine) as deaf:
        assert " 101 " in await deaf.handshake(HEARING)
        slots = engine.machinery.limits.hearing
        flood = frame(TEXT, b"?") * 1000
        with anyio.fail_after(20):
            while slots.taken:
                deaf.writer.write(flood)
                with anyio.move_on_after(0.05):
                    await deaf.writer.drain()


async def test_pings_of_a_caller_who_does_not_read_are_not_hoarded(tmp_path: Path) -> None:
    """Far fewer answers than pings come when they do read, but the last one does."""
    async with running(tmp_path) as engine, line_to(engine) as line:
        assert " 101 " in await line.handshake("/tts/websocket?")
        count = 60_000
        line.writer.write(frame(PING, b"p" * 125) * count + frame(PING, b"last"))
        with anyio.move_on_after(10):
            await line.writer.drain()
        answers = 0
        with anyio.fail_after(10):
            while (await line.frame())[1] != b"last":
                answers += 1
    assert answers < count / 2


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"\xff{"), 1007),
        (frame(TEXT, b"{", is_last=False) + frame(CONTINUATION, is_last=False) * 5000, 1009),
    ],
)
async def test_what_is_no_message_ends_its_socket(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sent: bytes, code: int
) -> None:
    """With a close code, and without a word in the engine's log."""
    async with running(tmp_path) as engine, line_to(engine) as line:
        assert " 101 " in await line.handshake("/tts/websocket?")
        line.writer.write(sent)
        opcode, payload = await line.frame()
        assert (opcode, struct.unpack(">H", payload[:2])) == (8, (code,))
    assert not caplog.records


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("/tts/websocket?", "Content-Length: 2\r\n", 400),
        (f"/tts/websocket?{'a' * 9000}&", "", 414),
        ("/nowhere?", "", 404),
    ],
)
async def test_what_is_no_handshake_is_answered(tmp_path: Path, path: str, more: str, status: int) -> None:
    """And its connection closed; a path that is not there is told of as on HTTP."""
    async with running(tmp_path) as engine, line_to(engine) as line:
        assert f" {status} " in await line.handshake(path, more=more)
        with anyio.fail_after(5):
            body = await line.reader.read()
    assert status != 404 or json.loads(body)["title"] == "Not Found"


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
async def test_a_connection_without_a_request_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    """Or callers who never write would take all the connections there can be."""
    monkeypatch.setattr(serving, "_KEEP_ALIVE_S", 0.1)
    async with running(tmp_path) as engine, line_to(engine) as line:
        line.writer.write(said)
        with anyio.fail_after(5):
            assert await line.reader.read() == b""


@pytest.mark.parametrize("duration", [1e308, 1e-9])
async def test_a_limit_beyond_all_speech_is_none(tmp_path: Path, duration: float) -> None:
    """Nor does one below a sample break anything."""
    async with running(tmp_path) as engine:
        answer = await engine.http.post("/tts/bytes", json=speech("Hi.", duration=duration))
    assert answer.status_code == 200
    assert (len(answer.content) > 1000) == (duration > 1)


async def test_usage_without_groups_is_of_the_contract(tmp_path: Path) -> None:
    """Its schema takes an empty list for one of buckets, which has no `group_by`; the witness holds it against it."""
    async with running(tmp_path) as engine:
        assert await engine.credits(group_by="voice") == {"data": []}
