"""Failures that were asked for, brought about. Pure ASGI; not there at all unless asked for. See faults.py."""

import anyio
import anyio.lowlevel
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sonant.engine.answers import BROKEN_OFF, Refusal, error_response
from sonant.engine.faults import FAULT_HEADER, Fate, Faults, read_faults
from sonant.errors import SettingsError

_CODES = {402: "quota_exceeded", 429: "concurrency_limited"}
_WAITING = (429, 503)
"""Statuses that may say when to come back."""
_PIECES_BEFORE_CUT, _MESSAGES_BEFORE_DROP = 3, 10
"""Fewer than so many are sent before the connection breaks off; of messages one at least."""


class FaultInjection:
    """Stands behind the gate, so that a refusal has the form of its version. The status probe is left alone."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] == "/":
            return await self._app(scope, receive, send)
        try:
            fate = self._fate(scope)
        except SettingsError as error:
            refusal = Refusal(400, f"{FAULT_HEADER}: {error.message}", "invalid_input")
            return await error_response(refusal, scope)(scope, receive, send)
        if fate.latency_s:
            await anyio.sleep(fate.latency_s)
        if fate.status is not None:
            return await _refuse(fate, scope, receive, send)
        if scope["type"] == "http" and "cut" in fate.ending:
            scope.setdefault("state", {})[BROKEN_OFF] = True  # so that it costs nothing
            return await self._cut(fate, scope, receive, send)
        if scope["type"] == "websocket" and "drop" in fate.ending:
            return await self._drop(fate, scope, receive, send)
        return await self._app(scope, receive, send)

    def _fate(self, scope: Scope) -> Fate:
        faults, path = self._faults, scope["path"]
        asked = Headers(scope=scope).get(FAULT_HEADER) if faults.by_header else None
        if asked is not None:
            faults, path = read_faults(asked), ""
        self._count += 1
        return faults.fate(path, self._count)

    async def _cut(self, fate: Fate, scope: Scope, receive: Receive, send: Send) -> None:
        """Send some pieces of the body, and half of one more; then the server finds the answer unfinished and closes."""
        pieces_left = int(fate.after * _PIECES_BEFORE_CUT)
        held = b""  # one piece is held back, so that what is broken off is never the end

        async def send_some(message: Message) -> None:
            nonlocal held, pieces_left
            if message["type"] != "http.response.body":
                return await send(message)
            body = message.get("body", b"")
            if held and body and pieces_left:
                pieces_left -= 1
                await send({"type": "http.response.body", "body": held, "more_body": True})
                held = b""
            elif held or not message.get("more_body", False):
                whole = held or body
                await send({"type": "http.response.body", "body": whole[: len(whole) // 2], "more_body": True})
                return await _end(breaking)
            held = held or body
            return None

        with anyio.CancelScope() as breaking:
            await self._app(scope, receive, send_some)

    async def _drop(self, fate: Fate, scope: Scope, receive: Receive, send: Send) -> None:
        messages_left = 1 + int(fate.after * (_MESSAGES_BEFORE_DROP - 1))

        async def send_some(message: Message) -> None:
            nonlocal messages_left
            if message["type"] == "websocket.send":
                if not messages_left:
                    return await _end(breaking)
                messages_left -= 1
            return await send(message)

        with anyio.CancelScope() as breaking:
            await self._app(scope, receive, send_some)


async def _end(scope: anyio.CancelScope) -> None:
    """End the application as a caller's hang-up does."""
    scope.cancel()
    await anyio.lowlevel.checkpoint()


async def _refuse(fate: Fate, scope: Scope, receive: Receive, send: Send) -> None:
    assert fate.status is not None
    refusal = Refusal(fate.status, "This failure was asked for with --faults.", _CODES.get(fate.status))
    response = error_response(refusal, scope)
    if fate.retry_after_s is not None and fate.status in _WAITING:
        response.headers["Retry-After"] = f"{fate.retry_after_s:g}"
    await response(scope, receive, send)
