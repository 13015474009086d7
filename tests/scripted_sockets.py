"""A scripted speech service that speaks WebSocket: a real server on loopback that does exactly what a test tells it.

Each connection takes the next *step* of the script; `otherwise` takes those after the script has run out. A step is any
`async (Talk) -> None`, and the connection ends with it. A `Refusal` in its place answers the handshake with a status::

    async with SocketServer(Refusal(429, code="concurrency_limited"), otherwise=speaks()) as server:
        ...                                    # point a client at server.base_url
        await server.until(lambda: server.open_talks == 0)

`server.talks` holds what came, in order: the handshake's path and headers, and every message.
"""

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from scripted import PATIENCE_S


@dataclass(frozen=True)
class Refusal:
    """A handshake refused, in the form of versions since 2026-03-01."""

    status: int
    code: str | None = None
    message: str = "no"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(eq=False)
class Talk:
    """One connection, for a step to use."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    """Lower-case names."""
    server: "SocketServer"
    connection: ServerConnection | None = None
    heard: list[Any] = field(default_factory=list)
    """What the client sent: objects, bare words, bytes."""
    sent: int = 0
    """Messages that left our hands: what the client does not take fills the buffers, and then stops us."""

    async def hear(self) -> Any:
        """The next message: the object in it, or the text or bytes it is."""
        assert self.connection is not None
        message: Any = await self.connection.recv()
        with contextlib.suppress(ValueError):
            message = json.loads(message) if isinstance(message, str) else message
        self.heard.append(message)
        self.server.changed()
        return message

    async def say(self, message: Any) -> None:
        """Send an object as JSON, or text or bytes as they are."""
        assert self.connection is not None
        await self.connection.send(json.dumps(message) if isinstance(message, dict) else message)
        self.sent += 1
        self.server.changed()

    async def chunk(self, context_id: str, audio_bytes: bytes = b"\1\0" * 400, **fields: Any) -> None:
        data = base64.b64encode(audio_bytes).decode()
        await self.say({"type": "chunk", "context_id": context_id, "data": data, "done": False, **fields})

    async def done(self, context_id: str) -> None:
        await self.say({"type": "done", "context_id": context_id, "done": True, "status_code": 206})

    async def fail(self, context_id: str | None, status: int, code: str | None = None, message: str = "no") -> None:
        error = {"type": "error", "done": True, "status_code": status, "title": "Refused", "message": message}
        await self.say({**error, "error_code": code, "request_id": "r", "context_id": context_id})

    def drop(self) -> None:
        """Cut the connection: no closing handshake."""
        assert self.connection is not None
        self.connection.transport.abort()

    async def until_closed(self) -> None:
        """Wait until the client goes away."""
        assert self.connection is not None
        await self.connection.wait_closed()


Step = Callable[[Talk], Awaitable[None]]


class SocketServer:
    """Listens on a free loopback port while its context is open."""

    def __init__(
        self, *script: Step | Refusal, otherwise: Step | Refusal | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._tls = tls
        self.script = list(script)
        self.otherwise = otherwise
        self.talks: list[Talk] = []
        """Every handshake, refused ones included."""
        self.open_talks = 0
        self.base_url = ""
        self._by_request: dict[int, tuple[Talk, Step]] = {}
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._talk, "127.0.0.1", 0, process_request=self._shake, ping_interval=None, close_timeout=0.2,
            max_size=None, write_limit=1, ssl=self._tls,
        )  # fmt: skip
        self.base_url = (
            f"{'https' if self._tls else 'http'}://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something about the server is so; TimeoutError if it never is."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()

    def changed(self) -> None:
        self._changed.set()

    def heard(self) -> list[Any]:
        """What all clients sent, connection after connection."""
        return [message for talk in self.talks for message in talk.heard]

    async def _shake(self, connection: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        talk = Talk(parts.path, parse_qs(parts.query), headers, self)
        self.talks.append(talk)
        self._changed.set()
        step = self.script.pop(0) if self.script else self.otherwise
        if step is None:
            step = Refusal(599, message="the script has run out")
        if isinstance(step, Refusal):
            error = {"error_code": step.code, "title": "Refused", "message": step.message, "request_id": "req-1"}
            body = json.dumps(error).encode() if step.body is None else step.body
            told = {"Content-Type": "application/json", "Content-Length": str(len(body)), **step.headers}
            return Response(step.status, "Scripted", Headers(told), body)
        self._by_request[id(connection)] = talk, step
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        talk, step = self._by_request.pop(id(connection))
        talk.connection = connection
        self.open_talks += 1
        try:
            with contextlib.suppress(ConnectionClosed, ConnectionError):
                await step(talk)
        finally:
            self.open_talks -= 1
            self._changed.set()
