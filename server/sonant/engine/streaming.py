"""Answers that stream. Nothing is sent before the first piece is there, so that a failure until then has a status."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sonant.engine.answers import add_headers


class StreamedAnswer(Response):
    """Sends each chunk when the socket takes it; whatever ends it early, the chunks' generator is closed.

    `whole_if_one`: look one chunk ahead, and say the length if there is only one. `when_sent` is called once all chunks
    are with the socket, which is when they are to be paid for.
    `holding`: what the chunks are made from, closed after them.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[bytes, None],
        media_type: str,
        notices: Sequence[str] = (),
        *,
        whole_if_one: bool = False,
        when_sent: Callable[[], Awaitable[None]] | None = None,
        holding: AsyncExitStack | None = None,
    ) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._chunks = chunks
        self._notices = notices
        self._whole_if_one = whole_if_one
        self._when_sent = when_sent
        self._holding = holding or AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._holding:
            await self._send(scope, send)

    async def _send(self, scope: Scope, send: Send) -> None:
        add_headers(self.headers, scope, self._notices)
        async with aclosing(self._chunks) as chunks:
            first = await anext(chunks, b"")
            second = await anext(chunks, None) if self._whole_if_one else b""
            if second is None:
                self.headers["content-length"] = str(len(first))
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": first, "more_body": True})
            if second:
                await send({"type": "http.response.body", "body": second, "more_body": True})
            # From here on a failure can only show as a cut body: the server drops the connection (contract §3.1).
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if self._when_sent is not None:
            await self._when_sent()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
