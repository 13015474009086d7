"""The engine on a socket: inside our own event loop on loopback, or as the command `sonant engine`."""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import uvicorn
from starlette.types import ASGIApp

from sonant.engine.app import build_engine
from sonant.engine.connections import BoundedSocket, PatientHTTP
from sonant.engine.options import ADMIN_PREFIX, EngineOptions
from sonant.errors import SettingsError

_LOOPBACK = "127.0.0.1"
_KEEP_ALIVE_S = 75
"""Longer than a client's pool keeps a connection, so that it is the client who lets go."""
_MESSAGE_MAX_BYTES = 1024 * 1024
"""Of one message on a socket: the longest transcript is a tenth of it, a second of the widest audio 768 kB."""
_FAREWELL_S = 0.5
"""For requests cut off by our end; they are cancelled, so they need milliseconds."""


@dataclass(frozen=True)
class EngineAddress:
    base_url: str
    api_key: str = field(repr=False)

    @property
    def admin_key(self) -> str:
        return ADMIN_PREFIX + self.api_key


@contextlib.asynccontextmanager
async def embedded_engine(data_dir: Path) -> AsyncIterator[EngineAddress]:
    """The engine on a free loopback port with a key of its own, for as long as the block lasts.

    Raises:
        SettingsError: no port can be had.
    """
    api_key = secrets.token_urlsafe(32)
    options = EngineOptions(data_dir=data_dir, api_key=api_key, host=_LOOPBACK)
    async with served(build_engine(options), _LOOPBACK, 0) as base_url:
        yield EngineAddress(base_url, api_key)


async def run_engine(
    options: EngineOptions, port: int = 0, on_ready: Callable[[str], None] = lambda base_url: None
) -> None:
    """Serve at the host of the options until cancelled; `on_ready` gets the base URL once requests are answered.

    Raises:
        SettingsError: the port is taken.
    """
    async with served(build_engine(options), options.host, port) as base_url:
        on_ready(base_url)
        await anyio.sleep_forever()


@contextlib.asynccontextmanager
async def served(app: ASGIApp, host: str, port: int) -> AsyncIterator[str]:
    """Any ASGI application on a socket in our own loop for as long as the block lasts; gives its base URL.

    Raises:
        SettingsError: it cannot listen there.
    """
    listener = await _listen(host, port)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    # No ping timeout: a client that plays what it reads has the answer to a ping behind minutes of sound. Each socket's
    # endpoint closes it when nothing moves.
    server = _Server(
        uvicorn.Config(
            app, http=PatientHTTP, ws=BoundedSocket, loop="none", lifespan="on", log_config=None, access_log=False,
            date_header=False, server_header=False, proxy_headers=False, timeout_keep_alive=_KEEP_ALIVE_S,
            ws_max_size=_MESSAGE_MAX_BYTES, ws_per_message_deflate=False, ws_ping_timeout=None,
            log_level="warning",  # below it, addresses of sockets are logged, and a key may stand in their query
        )
    )  # fmt: skip
    try:
        await server.start(listener)
        yield _base_url(listener)
    finally:
        with anyio.CancelScope(shield=True):
            await server.stop()
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn without its main loop, which sleeps in steps of 0.1 s, and without its hands on the signals."""

    async def start(self, listener: socket.socket) -> None:
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=[listener])

    async def stop(self) -> None:
        """Cut every connection, and with it the work for it; then end the application."""
        for server in getattr(self, "servers", []):
            server.close()
        for connection in list(self.server_state.connections):
            if (transport := getattr(connection, "transport", None)) is not None:
                transport.abort()
        if tasks := set(self.server_state.tasks):
            _, left = await asyncio.wait(tasks, timeout=_FAREWELL_S)
            for task in left:
                task.cancel()
        if self.started:
            await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


_NO_NEWS = (
    "ASGI callable returned without completing handshake.",  # refused
    "ASGI callable returned without completing response.",  # broken off: the caller reads no more
    "Invalid UTF-8 sequence received from client.",  # with a traceback
)


def _is_news(record: logging.LogRecord) -> bool:
    """Uvicorn takes some of what callers do for mistakes of the application."""
    return record.msg not in _NO_NEWS


async def _listen(host: str, port: int) -> socket.socket:
    try:
        found = await anyio.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        # The protocol is named because asyncio turns Nagle's delay (40 ms an answer) off only where it is.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if os.name != "nt":  # there it would let another program share the port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(128)
            listener.setblocking(False)
        except BaseException:
            listener.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsError(
            f"The engine cannot listen on {host}:{port}: {reason}.",
            variable="--port",
            hint="Choose another port; 0 picks a free one.",
        ) from None
    return listener


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
