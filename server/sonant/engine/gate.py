"""Who may come in: the Host named, the page that asks, the key, the version. Pure ASGI, in front of everything.

A web page can make a browser call a loopback port, and can make its own name resolve to 127.0.0.1 (DNS rebinding):
so the Host header must be one of ours, and a request with a foreign Origin is refused unless the options name it.
"""

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sonant.engine.answers import Refusal, error_response, refusal_of
from sonant.engine.credentials import Credentials
from sonant.engine.options import EngineOptions, is_loopback
from sonant.errors import SpeechError
from sonant.wire.notices import NOTICE_HEADER
from sonant.wire.versions import (
    FILE_ID_HEADER,
    REQUEST_ID_HEADER,
    VERSION,
    VERSION_HEADER,
    VERSION_QUERY,
    VERSIONS,
)

_UNKNOWN = ""
"""Older than every version, so that errors are text (contract §1.4)."""
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to


class Gate:
    def __init__(self, app: ASGIApp, options: EngineOptions, credentials: Credentials) -> None:
        self._app = app
        self._credentials = credentials
        self._options = options
        self._origins = {origin.rstrip("/").lower() for origin in options.allow_origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        # With and without a trailing slash is the same path, without a redirect (contract §1.3).
        path = scope["path"] = scope["path"].rstrip("/") or "/"
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        allowed_origin = origin if origin and origin.lower() in self._origins else None
        if allowed_origin and scope["type"] == "http":
            send = _with_cors(send, allowed_origin)
        version = _version(headers, scope)
        state: dict[str, object] = scope.setdefault("state", {})
        if version is not None:
            state["version"] = version if version in VERSIONS else _UNKNOWN
        refusal = self._refusal(headers, foreign=bool(origin) and not allowed_origin)
        if refusal is None and allowed_origin and _is_preflight(scope, headers):
            return await _preflight(headers)(scope, receive, send)
        if refusal is None and path != "/":
            refusal = await self._entry_refusal(scope, version)
        if refusal is not None:
            return await error_response(refusal, scope)(scope, receive, send)
        return await self._app(scope, receive, send)

    async def _entry_refusal(self, scope: Scope, version: str | None) -> Refusal | None:
        """The credential, which is put into the scope's state as `caller`, and the version."""
        try:
            caller = await self._credentials.caller(scope)
        except SpeechError as error:
            return refusal_of(error)
        if isinstance(caller, Refusal):
            return caller
        scope["state"]["caller"] = caller
        if version is None:
            return Refusal(400, f"The header {VERSION_HEADER} is required; the newest version is {VERSION}.")
        if version not in VERSIONS:
            return Refusal(400, f"There is no {VERSION_HEADER} {version[:40]!r}; the newest version is {VERSION}.")
        return None

    def _refusal(self, headers: Headers, foreign: bool) -> Refusal | None:
        if not self._is_our_host(headers.get("host", "")):
            return Refusal(421, "The engine does not answer under this Host name.", "host_not_allowed")
        if foreign:
            return Refusal(
                403, "Web pages of this origin may not use the engine unless --allow-origin names it.",
                "origin_not_allowed",
            )  # fmt: skip
        return None

    def _is_our_host(self, host: str) -> bool:
        name = _without_port(host)
        if is_loopback(name):
            return True
        # Bound to every address it cannot know its names; there a key is always required.
        return self._options.host in _EVERYWHERE or name == self._options.host.strip("[]").lower()


def _version(headers: Headers, scope: Scope) -> str | None:
    """The query wins over the header (contract §1.2)."""
    return QueryParams(scope.get("query_string", b"")).get(VERSION_QUERY) or headers.get(VERSION_HEADER) or None


def _without_port(host: str) -> str:
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    return scope["type"] == "http" and scope["method"] == "OPTIONS" and "access-control-request-method" in headers


def _preflight(headers: Headers) -> Response:
    asked = headers.get("access-control-request-headers", "")
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE",
            "Access-Control-Allow-Headers": asked or f"Authorization, Content-Type, X-API-Key, {VERSION_HEADER}",
            "Access-Control-Max-Age": "600",
        },
    )


def _with_cors(send: Send, origin: str) -> Send:
    async def send_with_cors(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = ", ".join([NOTICE_HEADER, REQUEST_ID_HEADER, FILE_ID_HEADER])
            headers.add_vary_header("Origin")
        await send(message)

    return send_with_cors
