"""When the caller hangs up, or seems to have, the work for them ends: what the endpoint awaits is cancelled. Pure ASGI."""

from contextlib import suppress

import anyio
import anyio.lowlevel
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sonant.engine.answers import refuse

_GONE: Message = {"type": "http.disconnect"}


class HangUp:
    """Servers report a hang-up as a message to receive, so somebody has to listen while the endpoint works.

    A caller who vanished without a word, or who stopped in the middle, is waited for `idle_s` seconds.
    """

    def __init__(self, app: ASGIApp, idle_s: float) -> None:
        self._app = app
        self._idle_s = idle_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        gone = anyio.Event()
        body_is_read = has_given_up = False

        async with anyio.create_task_group() as group:

            async def listen() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                gone.set()
                group.cancel_scope.cancel()

            async def receive_body() -> Message:
                nonlocal body_is_read, has_given_up
                if body_is_read:
                    await gone.wait()
                    return _GONE
                message = None
                with anyio.move_on_after(self._idle_s):
                    message = await receive()
                if message is None:
                    has_given_up = True
                    raise refuse(408, f"Nothing more of the request came for {self._idle_s:g} seconds.")
                if not message.get("more_body", False):
                    body_is_read = True
                    group.start_soon(listen)
                return message

            async def send_to_reader(message: Message) -> None:
                if has_given_up and message["type"] == "http.response.start":  # what may still come is no next request
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
                with anyio.move_on_after(self._idle_s) as waiting:
                    await send(message)
                if waiting.cancelled_caught:
                    group.cancel_scope.cancel()
                    await anyio.lowlevel.checkpoint()

            with suppress(ClientDisconnect):  # in the middle of its own request: nobody is left to be told
                await self._app(scope, receive_body, send_to_reader)
            group.cancel_scope.cancel()
        return None
