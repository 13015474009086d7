"""The server over HTTP: Streamable HTTP at /mcp or SSE at /sse, uploads and downloads beside it, one gate before all.

Whoever calls is not at this computer: unless it is allowed, no local path is read or named.
"""

import hmac
import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from mcp.server.transport_security import TransportSecuritySettings
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sonant import __version__
from sonant.app import build_server, open_state
from sonant.engine.options import is_loopback
from sonant.engine.serving import served
from sonant.errors import InputError, OutputError, SettingsError, SpeechError
from sonant.library.index import Entry
from sonant.settings import Settings
from sonant.workflows.state import State

Transport = Literal["http", "sse"]

DEFAULT_PORT = 8000
UPLOAD_MAX_BYTES = 2 * 1024**3
_CHUNK_BYTES = 256 * 1024
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
_LOOPBACK_ORIGINS = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
_UNGUARDED = TransportSecuritySettings(enable_dns_rebinding_protection=False)
"""The SDK's own check of Host and Origin; ours stands before it and before the other routes too."""


@dataclass(frozen=True)
class WebOptions:
    """How to serve."""

    transport: Transport = "http"
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0 picks a free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names, with or without a port, that requests may name beside the loopback ones."""
    allowed_origins: tuple[str, ...] = ()
    allow_local_paths: bool = False
    public_url: str | None = None
    """Where this server is reached from outside, such as behind a proxy."""

    def check(self, token: SecretStr | None) -> None:
        """Raises SettingsError: it would be open to strangers."""
        if is_loopback(self.host):
            return
        for given, name, why in (
            (token, "SONANT_HTTP_TOKEN", "anyone on the network could use it"),
            (self.allowed_hosts, "--allowed-host", "web pages could reach it under another name"),
            (self.allowed_origins, "--allowed-origin", "it must be said which web pages may call it; `none` for none"),
        ):
            if not given:
                raise SettingsError(
                    f"Sonant does not listen on {self.host} without {name}: {why}.",
                    variable=name,
                    hint=f"Give {name}, or keep to 127.0.0.1.",
                )

    def reached_at(self, base_url: str) -> str:
        """Where callers reach what listens at `base_url`: an address that means every address is none of those."""
        if self.public_url:
            return self.public_url.rstrip("/")
        parts = urlsplit(base_url)
        if parts.hostname in _EVERYWHERE and self.allowed_hosts:
            name = self.allowed_hosts[0]
            return f"http://{name}" if ":" in name else f"http://{name}:{parts.port}"
        return base_url


@asynccontextmanager
async def serving(settings: Settings, options: WebOptions) -> AsyncIterator[str]:
    """Serve for as long as the block lasts; gives the base URL.

    Raises:
        SettingsError: it would be open to strangers, or the port is taken.
    """
    options.check(settings.http_token)
    for chatty in ("mcp.server.sse", "sse_starlette"):
        logging.getLogger(chatty).setLevel(logging.INFO)  # at DEBUG they print whole messages, and so transcripts
    gate = Gate(options, settings.http_token)
    async with AsyncExitStack() as stack:
        # The address is part of what is served (it names files by it), so the socket comes first; until the
        # application is there the gate answers 503.
        base_url = await stack.enter_async_context(served(gate, options.host, options.port))
        public_url = None if options.allow_local_paths else options.reached_at(base_url)
        state = await stack.enter_async_context(open_state(settings, public_url=public_url))
        server = build_server(settings, lambda: nullcontext(state))
        if options.transport == "http":
            mcp_app = server.streamable_http_app(transport_security=_UNGUARDED, host=options.host)
            await stack.enter_async_context(server.session_manager.run())
        else:
            mcp_app = server.sse_app(transport_security=_UNGUARDED, host=options.host)
        gate.app = Starlette(routes=[*_routes(state), *mcp_app.routes])
        yield base_url


def _routes(state: State) -> list[BaseRoute]:
    async def health(_: Request) -> Response:
        return JSONResponse({"ok": True, "name": "sonant", "version": __version__})

    async def upload(request: Request) -> Response:
        """The recording is the body itself, named by `?filename=`, or the first file of a form."""
        name = request.query_params.get("filename", "upload")
        try:
            _check(state)
            if request.headers.get("content-type", "").startswith("multipart/form-data"):
                async with request.form(max_files=1) as form:
                    file = next((part for part in form.values() if isinstance(part, UploadFile)), None)
                    if file is None:
                        raise InputError("The form holds no file.", hint="Send the recording as a file field.")
                    entry = await state.library.adopt_upload(
                        _chunks(file), filename=file.filename or name, max_bytes=UPLOAD_MAX_BYTES
                    )
            else:
                entry = await state.library.adopt_upload(request.stream(), filename=name, max_bytes=UPLOAD_MAX_BYTES)
        except SpeechError as failure:
            return _refusal(failure)
        except HTTPException as failure:  # of the form
            return JSONResponse({"error": failure.detail}, failure.status_code)
        except ClientDisconnect:
            return Response(status_code=400)
        return JSONResponse({"audio": entry.uri, "duration_s": entry.duration_s}, status_code=201)

    async def download(request: Request) -> Response:
        try:
            _check(state)
            entry = await state.library.find(request.path_params["name"].partition(".")[0])
        except SpeechError as failure:
            return _refusal(failure, missing=True)
        return FileResponse(entry.path, media_type=entry.mime_type, filename=_file_name(entry))

    return [
        Route("/health", health, methods=["GET"]),
        Route("/audio", upload, methods=["POST"]),
        Route("/audio/{name}", download, methods=["GET"]),
    ]


def _check(state: State) -> None:
    """Raises SettingsError: a setting is wrong, such as a token nobody filled in."""
    if state.settings.problem is not None:
        raise state.settings.problem


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(_CHUNK_BYTES):
        yield chunk


def _file_name(entry: Entry) -> str:
    return f"{entry.id}.{entry.extension}" if entry.kind == "upload" else entry.path.name


def _refusal(failure: SpeechError, *, missing: bool = False) -> Response:
    match failure:
        case SettingsError():
            status = 503
        case OutputError():
            status = 507
        case _:
            status = 404 if missing else 400
    return JSONResponse({"error": str(failure)}, status_code=status)


class Gate:
    """Host, Origin and token of every request, in that order; only /health needs no token."""

    def __init__(self, options: WebOptions, token: SecretStr | None) -> None:
        self.app: ASGIApp | None = None
        """What answers those let in; None while it is being set up."""
        self._token = token
        self._hosts = {host.lower() for host in options.allowed_hosts}
        self._origins = {origin.lower().rstrip("/") for origin in options.allowed_origins}

        # Pages ask first, without a token, and may read only answers that say so.
        self._cors = CORSMiddleware(
            self._let_in,
            allow_origins=sorted(self._origins),
            allow_origin_regex=_LOOPBACK_ORIGINS,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=("*",),
            expose_headers=("Mcp-Session-Id", "Mcp-Protocol-Version", "WWW-Authenticate", "Content-Range"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _no_lifespan(receive, send)
        refusal = self._stranger(Headers(scope=scope))
        return await (refusal or self._cors)(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp
        if scope["path"] != "/health" and not self._has_token(Headers(scope=scope)):
            answer = JSONResponse(
                {"error": "A bearer token is required: the server's SONANT_HTTP_TOKEN."},
                401,
                {"WWW-Authenticate": "Bearer"},
            )
        else:
            answer = self.app or JSONResponse({"error": "Starting."}, 503, {"Retry-After": "1"})
        await answer(scope, receive, send)

    def _stranger(self, headers: Headers) -> Response | None:
        host = headers.get("host", "").lower()
        name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
        if not (is_loopback(name) or host in self._hosts or name in self._hosts):
            return JSONResponse({"error": "This server does not answer to that Host; see --allowed-host."}, 421)
        origin = headers.get("origin", "").lower().rstrip("/")
        if origin and origin not in self._origins and not re.fullmatch(_LOOPBACK_ORIGINS, origin):
            return JSONResponse({"error": "Pages of that Origin may not call this server; see --allowed-origin."}, 403)
        return None

    def _has_token(self, headers: Headers) -> bool:
        if self._token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        wanted = self._token.get_secret_value().encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), wanted)


async def _no_lifespan(receive: Receive, send: Send) -> None:
    """The application is opened and closed by `serving`; its server need only be told that all is well."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
