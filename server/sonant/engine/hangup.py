"""When the caller hangs up, the work for them ends: what the endpoint awaits is cancelled. Pure ASGI."""

from contextlib import suppress

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_GONE: Message = {"type": "http.disconnect"}


class HangUp:
    """Servers report a hang-up as a message to receive, so somebody has to listen while the endpoint works."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        gone = anyio.Event()
        body_is_read = False

        async with anyio.create_task_group() as group:

            async def listen() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                gone.set()
                group.cancel_scope.cancel()

            async def receive_body() -> Message:
                nonlocal body_is_read
                if body_is_read:
                    await gone.wait()
                    return _GONE
                message = await receive()
                if not message.get("more_body", False):
                    body_is_read = True
                    group.start_soon(listen)
                return message

            with suppress(ClientDisconnect):  # in the middle of its own request: nobody is left to be told
                await self._app(scope, receive_body, send)
            group.cancel_scope.cancel()
        return None
