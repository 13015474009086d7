"""A scripted speech service: a real TCP server on loopback that says exactly what a test tells it to.

Use it where the network would be::

    async with ScriptedServer(refusal(500), speech(duration_s=1)) as server:
        ...                                    # point a client at server.base_url
        await server.until_requests(2)
        assert server.requests[0].headers["authorization"] == "Bearer …"

Each request takes the next *step* of the script; `routes` answer by `"POST /tts/bytes"` or by path, first, and without
using the script up; `otherwise` answers when the script has run out. A request that nobody expected gets a 599 and is
listed in `server.unexpected`.

A step is any `async (Exchange) -> None`; the ready-made ones are `Reply` (status, headers, body, and every way to spoil
them), and the functions below it. `server.requests` holds what arrived: method, path, query, headers, size and sha256 of
the body, multipart parts; bodies are read as they come and only their beginnings are kept, so 200 MB cost no memory.
A client that goes away is noticed at once, in the middle of any step: see `SeenRequest.was_abandoned` and
`ScriptedServer.until_idle`. Nothing here waits on a clock unless a step says so (`think_s`, `drip`).

As a program, for benchmarks that want it in its own process: `python tests/scripted.py --megabytes 200 --think-s 2`
prints its base URL, and answers `/tts/bytes` with speech, `/stt` and clones with thanks, until its stdin closes.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import math
import socket
import struct
import sys
from array import array
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from python_multipart.multipart import MultipartParser, parse_options_header

HEAD_BYTES = 1 << 20
"""How much of a body or of one part is kept."""
PIECE_BYTES = 64 * 1024
PATIENCE_S = 10.0
"""A test that waits longer than this for something to happen has failed."""


# What arrived


@dataclass
class Part:
    """One field or file of a multipart body."""

    name: str = ""
    filename: str | None = None
    content_type: str | None = None
    size: int = 0
    head: bytes = b""
    sha256: str = ""

    @property
    def text(self) -> str:
        return self.head.decode()


@dataclass
class SeenRequest:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    """Lower-case names; the last of each."""
    connection: int
    """Which connection it came on, counted from 1."""
    size: int = 0
    """Bytes of body that arrived."""
    sha256: str = ""
    head: bytes = b""
    """The first HEAD_BYTES of the body."""
    parts: list[Part] = field(default_factory=list)
    is_complete: bool = False
    """The whole body came."""
    was_abandoned: bool = False
    """The client closed its end before the answer was done."""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def json(self) -> Any:
        return json.loads(self.head)

    @property
    def form(self) -> dict[str, str]:
        """The fields that are not files."""
        return {part.name: part.text for part in self.parts if part.filename is None}

    @property
    def files(self) -> dict[str, Part]:
        return {part.name: part for part in self.parts if part.filename is not None}


class _PartReader:
    """Takes a multipart body as it comes, and keeps of each part what Part says."""

    def __init__(self, boundary: bytes) -> None:
        self.parts: list[Part] = []
        self._name = self._value = b""
        self._hash = hashlib.sha256()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
            },
        )

    def feed(self, piece: bytes) -> None:
        self._parser.write(piece)

    def _begin(self) -> None:
        self.parts.append(Part())
        self._hash = hashlib.sha256()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        part = self.parts[-1]
        if self._name.lower() == b"content-disposition":
            options = parse_options_header(self._value)[1]
            part.name = options[b"name"].decode()
            part.filename = options[b"filename"].decode() if b"filename" in options else None
        elif self._name.lower() == b"content-type":
            part.content_type = self._value.decode()
        self._name = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        part, piece = self.parts[-1], data[start:end]
        part.size += len(piece)
        part.head = (part.head + piece)[:HEAD_BYTES] if len(part.head) < HEAD_BYTES else part.head
        self._hash.update(piece)

    def _end(self) -> None:
        self.parts[-1].sha256 = self._hash.hexdigest()


# What is answered


class Exchange:
    """A request and the way back, for a step to use."""

    def __init__(self, request: SeenRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self.must_close = False
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def read_body(self) -> None:
        """Read the request's body to its end; done already unless the step has `before_body`."""
        if not self.request.is_complete:
            await _read_body(self.request, self._reader)

    async def never(self) -> None:
        """Wait until the client goes away, or the server is closed."""
        await asyncio.Event().wait()

    def reset(self) -> None:
        """End the connection with a RST: the other side reads an error, not an end."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        )
        self._writer.transport.abort()
        self.must_close = True


Step = Callable[[Exchange], Awaitable[None]]
Body = bytes | Callable[[], Iterable[bytes]]
Headers = Mapping[str, str] | list[tuple[str, str]]


@dataclass(frozen=True)
class Reply:
    """An answer, and the ways in which it can go wrong."""

    status: int = 200
    body: Body = b""
    headers: Headers = field(default_factory=dict)
    framing: Literal["length", "chunked", "end"] = "length"
    """How the client learns where the body ends; "end" by the connection's end."""
    length: int | None = None
    """Content-Length to claim; needed for a body that is not bytes, and for a lie."""
    cut_after: int | None = None
    """Send only so many bytes of the body, then do what `ending` says."""
    ending: Literal["keep", "close", "reset", "silence"] = "keep"
    """"keep" keeps the connection for the next request; "silence" keeps it open and says no more."""
    before_body: bool = False
    """Answer without reading the request's body, then close."""
    wait_for: asyncio.Event | None = None
    """Begin to answer when this is set."""
    pause_after: tuple[int, asyncio.Event] | None = None
    """After so many bytes of body, go on when the event is set."""
    think_s: float = 0.0
    """Seconds before the answer begins."""
    drip: tuple[int, float] | None = None
    """Send pieces of so many bytes with so many seconds after each."""

    async def __call__(self, exchange: Exchange) -> None:
        if self.wait_for is not None:
            await self.wait_for.wait()
        if self.think_s:
            await asyncio.sleep(self.think_s)
        await exchange.send(self._head())
        sent = 0
        for piece in self._pieces():
            await exchange.send(b"%x\r\n%s\r\n" % (len(piece), piece) if self.framing == "chunked" else piece)
            sent += len(piece)
            if self.pause_after is not None and sent == self.pause_after[0]:
                await self.pause_after[1].wait()
            if self.drip is not None:
                await asyncio.sleep(self.drip[1])
        if self.framing == "chunked" and self.cut_after is None:
            await exchange.send(b"0\r\n\r\n")
        if self.ending == "silence":
            await exchange.never()
        elif self.ending == "reset":
            exchange.reset()
        exchange.must_close |= self.ending == "close" or self.framing == "end" or self.before_body

    def _head(self) -> bytes:
        pairs = list(self.headers.items()) if isinstance(self.headers, Mapping) else list(self.headers)
        if self.framing == "chunked":
            pairs.append(("Transfer-Encoding", "chunked"))
        elif self.framing == "length" and self.status != 204:
            length = self.length if self.length is not None else len(self.body) if isinstance(self.body, bytes) else 0
            pairs.append(("Content-Length", str(length)))
        lines = [f"HTTP/1.1 {self.status} Scripted", *(f"{name}: {value}" for name, value in pairs)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _pieces(self) -> Iterator[bytes]:
        left = self.cut_after
        size = self.drip[0] if self.drip else PIECE_BYTES
        stops = [self.pause_after[0]] if self.pause_after else []
        sent = 0
        for block in (self.body,) if isinstance(self.body, bytes) else self.body():
            position = 0
            while position < len(block) and (left is None or left > 0):
                end = min(position + size, len(block), *(stop - sent + position for stop in stops if stop > sent))
                piece = block[position:end] if left is None else block[position:end][:left]
                left = None if left is None else left - len(piece)
                position += len(piece)
                sent += len(piece)
                yield piece


AUDIO = {"Content-Type": "audio/wav"}


def data(content: Any, *, status: int = 200, headers: Headers | None = None) -> Reply:
    """A JSON answer."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers or [])
    return Reply(status, json.dumps(content).encode(), [("Content-Type", "application/json"), *pairs])


def refusal(
    status: int,
    *,
    code: str | None = None,
    message: str = "no",
    retry_after: str | float | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """An error of versions since 2026-03-01."""
    body = {"error_code": code, "title": "Refused", "message": message, "request_id": "req-1"}
    extra = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return data(body, status=status, headers={**extra, **(headers or {})})


def web_page(status: int = 200) -> Reply:
    """What a captive portal or a proxy answers."""
    page = b"<!DOCTYPE html><html><title>Sign in</title><body>Please sign in</body></html>"
    return Reply(status, page, {"Content-Type": "text/html; charset=utf-8"})


def events(*messages: Mapping[str, Any] | str, headers: Headers | None = None, **how: Any) -> Reply:
    """An event stream; a string is sent as it is."""
    body = "".join(one if isinstance(one, str) else f"data: {json.dumps(one)}\n\n" for one in messages).encode()
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers or [])
    return Reply(200, body, [("Content-Type", "text/event-stream"), *pairs], **{"framing": "chunked", **how})


async def silence(exchange: Exchange) -> None:
    """Never answer."""
    await exchange.never()


async def hang_up(exchange: Exchange) -> None:
    """Read the request, and close without a word."""
    exchange.must_close = True


async def reset(exchange: Exchange) -> None:
    """Read the request, and reset the connection."""
    exchange.reset()


async def not_http(exchange: Exchange) -> None:
    """Answer in another protocol."""
    await exchange.send(b"220 mail.example ESMTP\r\n\r\n")
    exchange.must_close = True


def speech(duration_s: float = 1.0, **how: Any) -> Step:
    """A tone in the container that the request's JSON or form asks for (raw, wav or mp3), streamed.

    `how` is passed on to Reply: `think_s`, `wait_for`, `cut_after`, `headers`, …
    """

    async def step(exchange: Exchange) -> None:
        wanted = _wanted_format(exchange.request)
        length, blocks = _tone(duration_s, wanted)
        kind = {"wav": "audio/wav", "mp3": "audio/mpeg"}.get(wanted["container"], "application/octet-stream")
        given = how.get("headers", {})
        headers = [("Content-Type", kind), *(given.items() if isinstance(given, Mapping) else given)]
        await Reply(**{"body": blocks, "length": length, **how, "headers": headers})(exchange)

    return step


def _wanted_format(request: SeenRequest) -> dict[str, Any]:
    if request.parts:
        form = request.form
        names = ("container", "encoding", "sample_rate")
        wanted: dict[str, Any] = {name: form.get(f"output_format[{name}]") for name in names}
    else:
        wanted = dict(request.json["output_format"])
    return {
        "container": wanted.get("container") or "raw",
        "encoding": wanted.get("encoding") or "pcm_s16le",
        "sample_rate": int(wanted.get("sample_rate") or 44100),
    }


def _tone(duration_s: float, wanted: Mapping[str, Any]) -> tuple[int, Callable[[], Iterator[bytes]]]:
    """Total bytes, and the blocks: one second of 440 Hz again and again, or mp3 frames of silence."""
    if wanted["container"] == "mp3":
        # MPEG-1 layer III, 128 kbit/s, 44.1 kHz, mono: 1152 samples in 417 bytes; all zeros after the header is silence.
        frame = b"\xff\xfb\x90\xc0" + bytes(413)
        count = max(1, round(duration_s * 44100 / 1152))
        return count * len(frame), lambda: (frame * min(100, count - at) for at in range(0, count, 100))
    rate, encoding = wanted["sample_rate"], wanted["encoding"]
    second = _second(rate, encoding)
    width = len(second) // rate
    total = round(duration_s * rate) * width
    header = _wav_header(total, rate, width, encoding) if wanted["container"] == "wav" else b""

    def blocks() -> Iterator[bytes]:
        yield header
        for at in range(0, total, len(second)):
            yield second[: total - at]

    return len(header) + total, blocks


@cache
def _second(rate: int, encoding: str) -> bytes:
    if encoding in ("pcm_mulaw", "pcm_alaw"):
        return bytes([0xFF if encoding == "pcm_mulaw" else 0xD5]) * rate  # G.711 silence
    tone = [0.25 * math.sin(2 * math.pi * 440 * at / rate) for at in range(rate)]
    if encoding == "pcm_f32le":
        return array("f", tone).tobytes()
    return array("h", [round(32767 * sample) for sample in tone]).tobytes()


def _wav_header(data_bytes: int, rate: int, width: int, encoding: str) -> bytes:
    tag = {"pcm_s16le": 1, "pcm_f32le": 3, "pcm_alaw": 6, "pcm_mulaw": 7}[encoding]
    shape = struct.pack("<HHIIHH", tag, 1, rate, rate * width, width, 8 * width)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + data_bytes)
        + b"WAVEfmt \x10\0\0\0"
        + shape
        + b"data"
        + struct.pack("<I", data_bytes)
    )


def wav(duration_s: float = 1.0, sample_rate: int = 44100) -> bytes:
    """A whole wav file of a 440 Hz tone; pcm_s16le, mono."""
    wanted = {"container": "wav", "encoding": "pcm_s16le", "sample_rate": sample_rate}
    return b"".join(_tone(duration_s, wanted)[1]())


# The server


class ScriptedServer:
    """Listens on a free loopback port while its context is open."""

    def __init__(
        self, *script: Step, routes: Mapping[str, Step] | None = None, otherwise: Step | None = None, port: int = 0
    ) -> None:
        self.script = list(script)
        self.routes = dict(routes or {})
        self.otherwise = otherwise
        self.requests: list[SeenRequest] = []
        self.unexpected: list[SeenRequest] = []
        self.connections = 0
        """How many were ever opened."""
        self.open_connections = 0
        self.base_url = ""
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def requests_to(self, path: str) -> list[SeenRequest]:
        return [request for request in self.requests if request.path == path]

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something about the server is so; TimeoutError if it never is."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()

    async def until_requests(self, count: int) -> None:
        """Wait until so many requests have arrived, their bodies included."""
        await self.until(lambda: sum(request.is_complete for request in self.requests) >= count)

    async def until_idle(self) -> None:
        """Wait until no connection is open: the client has closed its sockets."""
        await self.until(lambda: self.open_connections == 0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self.open_connections += 1
        try:
            await self._converse(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cancelled only by __aexit__; asyncio of 3.11 reports a cancelled connection as an error
        finally:
            writer.close()
            self.open_connections -= 1
            self._changed.set()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        while head := await _read_head(reader):
            request = _parse_head(head, connection)
            self.requests.append(request)
            self._changed.set()
            step = self._step_for(request)
            exchange = Exchange(request, reader, writer)
            if isinstance(step, Reply) and step.before_body:
                await step(exchange)
                return
            await _read_body(request, reader)
            self._changed.set()
            if not await self._unless_abandoned(step(exchange), request, reader) or exchange.must_close:
                return

    async def _unless_abandoned(
        self, answering: Awaitable[None], request: SeenRequest, reader: asyncio.StreamReader
    ) -> bool:
        """Answer; False if the client went away first. A client sends nothing before it has its answer."""
        answer = asyncio.ensure_future(answering)
        gone = asyncio.ensure_future(_peer_gone(reader))
        try:
            await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                with contextlib.suppress(ConnectionError):
                    answer.result()
                    return True
            request.was_abandoned = True
            return False
        finally:
            for task in (answer, gone):
                task.cancel()
            await asyncio.gather(answer, gone, return_exceptions=True)
            self._changed.set()

    def _step_for(self, request: SeenRequest) -> Step:
        routed = self.routes.get(f"{request.method} {request.path}") or self.routes.get(request.path)
        if routed is not None:
            return routed
        if self.script:
            return self.script.pop(0)
        if self.otherwise is not None:
            return self.otherwise
        self.unexpected.append(request)
        return Reply(599, b"the script has run out", {"Content-Type": "text/plain"})


async def _peer_gone(reader: asyncio.StreamReader) -> None:
    """Return when the other end has closed. Looks without taking: the next request's bytes stay in the reader."""
    with contextlib.suppress(ConnectionError):
        if not reader.at_eof():
            await reader._wait_for_data("peer_gone")  # type: ignore[attr-defined]
        if not reader.at_eof():
            await asyncio.Event().wait()


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def _parse_head(head: bytes, connection: int) -> SeenRequest:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return SeenRequest(method, target, headers, connection)


async def _read_body(request: SeenRequest, reader: asyncio.StreamReader) -> None:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    parts = _PartReader(options[b"boundary"]) if kind == b"multipart/form-data" else None
    digest = hashlib.sha256()
    async for piece in _body_pieces(request, reader):
        request.size += len(piece)
        digest.update(piece)
        if len(request.head) < HEAD_BYTES:
            request.head = (request.head + piece)[:HEAD_BYTES]
        if parts is not None:
            parts.feed(piece)
    request.sha256 = digest.hexdigest()
    request.parts = parts.parts if parts else []
    request.is_complete = True


async def _body_pieces(request: SeenRequest, reader: asyncio.StreamReader) -> Any:
    if request.headers.get("transfer-encoding") == "chunked":
        while size := int((await reader.readline()).split(b";")[0], 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
        return
    left = int(request.headers.get("content-length", 0))
    while left:
        piece = await reader.read(min(left, PIECE_BYTES))
        if not piece:
            raise ConnectionError("the body was cut")
        left -= len(piece)
        yield piece


def refused_url() -> str:
    """The base URL of a loopback port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


# As a program


async def _serve(megabytes: float, think_s: float, port: int) -> None:
    seconds = megabytes * 1e6 / (44100 * 2)
    transcript = data({"type": "transcript", "text": "thanks", "duration": 1.0})
    voice = data({"id": "00000000-0000-4000-8000-000000000001", "name": "Scripted", "language": "en"})
    routes: dict[str, Step] = {
        "POST /tts/bytes": speech(seconds, think_s=think_s),
        "POST /infill/bytes": speech(seconds, think_s=think_s),
        "POST /stt": transcript,
        "POST /voices/clone": voice,
        "GET /voices": data({"data": [], "has_more": False}),
        "GET /": data({"ok": True, "version": "scripted"}),
    }
    async with ScriptedServer(routes=routes, otherwise=voice, port=port) as server:
        print(server.base_url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="A scripted speech service for benchmarks; ends with its stdin.")
    arguments.add_argument("--megabytes", type=float, default=0.1, help="of 44.1 kHz speech in each answer")
    arguments.add_argument("--think-s", type=float, default=0.0, help="before each answer")
    arguments.add_argument("--port", type=int, default=0)
    chosen = arguments.parse_args()
    asyncio.run(_serve(chosen.megabytes, chosen.think_s, chosen.port))
