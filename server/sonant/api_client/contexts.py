"""One context of `/tts/websocket`: text in, in pieces if need be; audio and times out. Source: contract §3.3."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import anyio

from sonant.api_client.backlog import Backlog
from sonant.api_client.bodies import EventReader
from sonant.api_client.connection import Connection, pause
from sonant.api_client.failures import without_transcript
from sonant.api_client.limiter import Slot
from sonant.api_client.lines import Line
from sonant.api_client.retry import Course, Effect
from sonant.errors import APIConnectionError, APITimeoutError, SpeechError
from sonant.wire.tts import ContextRequest, Done, FlushDone, SpeechEvent

_QUOTABLE_CHARS = 20
"""A piece of text as long as this is looked for in an error; shorter ones are words anybody uses."""


@asynccontextmanager
async def speaking(connection: Connection, first: ContextRequest) -> AsyncIterator["SpeechContext"]:
    """A context that has begun with a first text. Leaving it early cancels it upstream.

    Raises:
        SpeechError: it could not be begun.
    """
    async with connection.limiters["tts"].slot() as slot:
        context = SpeechContext(connection, first, slot)
        try:
            await context._begin()
            yield context
        finally:
            await context._leave()


class SpeechContext:
    """Text in by `send`, `flush` and `finish`; events out by iterating, once, up to and with `done`.

    One task may send while another iterates. What was sent is begun again on another socket, unnoticed, where retry.py
    allows it and nothing has come back yet.

    Raises, while iterating:
        APIError: the stream told of an error.
        APIConnectionError: the socket dropped in the middle of it.
        APITimeoutError: it fell silent although there was something to say.
        RemoteWireError: it holds what no event is.
    """

    def __init__(self, connection: Connection, first: ContextRequest, slot: Slot) -> None:
        self.context_id = first.context_id or uuid4().hex
        self._connection = connection
        self._slot = slot
        self._first = first
        self._texts: list[str] = []
        self._unheard: list[dict[str, Any]] | None = []
        """All messages so far, as long as nothing has come back."""
        self._is_finished = self._is_over = self._has_answered = False
        self._flushes = 0
        """Flushes that nothing has come back for."""
        self._spoke_at = 0.0
        self._sending = anyio.Lock()
        self._course = Course(connection.retry, Effect.PAYS, 0.0, connection.deadlines.first_byte_s)
        self._events = EventReader(connection.mask, self._cleaned)
        self._wire_id = uuid4().hex  # of our making: two callers may have chosen the same
        self._line: Line | None = None
        self._backlog: Backlog | None = None

    @property
    def notices(self) -> tuple[str, ...]:
        """What the answer confesses about itself; events may add to it."""
        return self._events.notices

    async def send(self, transcript: str, *, continues: bool = True, flush: bool = False) -> None:
        """Add text, spaces included: transcripts are joined as they are.

        Args:
            continues: more will follow; False ends the context's text.
            flush: speak now what has been sent.

        Raises:
            APIConnectionError: the socket dropped in the middle of the answer.
        """
        if self._is_finished:
            raise RuntimeError("the context's text has ended")
        self._is_finished = not continues
        self._flushes += flush
        # All the rest is repeated (contract §3.3, rule 1).
        more = self._first.model_copy(update={"transcript": transcript, "continues": continues, "flush": flush})
        async with self._sending:
            await self._say(more)

    async def flush(self) -> None:
        """Speak now what has been sent; a `flush_done` event tells when that is spoken."""
        await self.send("", flush=True)

    async def finish(self) -> None:
        """No more text will come; `done` follows when all is spoken."""
        if not self._is_finished:
            await self.send("", continues=False)

    async def __aiter__(self) -> AsyncIterator[SpeechEvent]:
        while not self._is_over:
            event = await self._next()
            if event is not None:
                yield event

    async def _begin(self) -> None:
        self._is_finished = not self._first.continues
        self._flushes += self._first.flush
        async with self._sending:
            await self._say(self._first)
            while self._line is None:
                await self._attach()

    async def _say(self, request: ContextRequest) -> None:
        self._texts.append(request.transcript)
        message = request.to_wire()
        self._spoke_at = anyio.current_time()
        if self._unheard is not None:
            self._unheard.append(message)
            self._course.deadline = self._spoke_at + self._connection.deadline_s
        if self._line is None:
            return  # `_attach` says it
        try:
            await self._line.send(message | {"context_id": self._wire_id})
        except APIConnectionError:
            if self._unheard is None:
                raise
            # Nothing has come back yet: whoever iterates begins again.

    async def _attach(self) -> None:
        """Find a socket and say everything there."""
        self._line, self._backlog = await self._connection.lines.attach(self._wire_id, self._arrived)
        try:
            for message in self._unheard or ():
                await self._line.send(message | {"context_id": self._wire_id})
        except APIConnectionError as failure:
            await self._detach(cancel=False)
            await pause(self._course, failure, self._slot, sent=False)
        self._spoke_at = anyio.current_time()

    async def _detach(self, *, cancel: bool) -> None:
        """An id that was used is not used again (contract §3.3, rule 7)."""
        line, wire_id = self._line, self._wire_id
        self._line = self._backlog = None
        self._wire_id = uuid4().hex
        if line is not None:
            await line.detach(wire_id, cancel=cancel)

    async def _leave(self) -> None:
        await self._detach(cancel=not self._is_over)

    async def _next(self) -> SpeechEvent | None:
        while True:
            try:
                data = await self._wait()
                self._is_over = data.get("type") == "error"
                event = self._events.read(data | {"context_id": self.context_id})
            except SpeechError as failure:
                if self._unheard is None:
                    raise self._told(failure) from None
                await self._again(failure)
                self._is_over = False
            else:
                return self._heard(event)

    def _arrived(self, message: dict[str, Any]) -> None:
        """A message has come, which whoever iterates may take much later."""
        if message.get("type") == "done":
            self._slot.free()  # the plan counts what is being generated
        elif not self._has_answered and message.get("type") != "error":
            self._has_answered = True
            self._slot.answered()

    def _heard(self, event: SpeechEvent | None) -> SpeechEvent | None:
        self._unheard = None
        if isinstance(event, FlushDone):
            self._flushes = max(0, self._flushes - 1)
        elif isinstance(event, Done):
            self._is_over = True
        return event

    async def _again(self, failure: SpeechError) -> None:
        """Begin again elsewhere, or raise the failure."""
        is_silent = isinstance(failure, APITimeoutError)
        async with self._sending:
            if is_silent and self._line is not None:
                await self._line.retire()
            await self._detach(cancel=is_silent)
            await pause(self._course, failure, self._slot, sent=True)
            while self._line is None:
                await self._attach()

    async def _wait(self) -> dict[str, Any]:
        """The next message, which has its time as soon as there is something to say."""
        deadlines = self._connection.deadlines
        patience_s = deadlines.first_byte_s if self._unheard is not None else deadlines.silence_s
        start = anyio.current_time()
        assert self._backlog is not None
        while True:
            is_due = self._is_finished or self._flushes > 0
            until = max(start, self._spoke_at) if is_due else anyio.current_time()
            with anyio.CancelScope(deadline=until + patience_s):
                return await self._backlog.get()
            if is_due and max(start, self._spoke_at) <= until:
                raise APITimeoutError(
                    f"The speech service fell silent for {patience_s:g} seconds, so nothing was saved.",
                    hint="Try again.",
                )

    def _told(self, failure: SpeechError) -> SpeechError:
        if isinstance(failure, APIConnectionError) and not isinstance(failure, APITimeoutError):
            return APIConnectionError(
                "The connection was cut in the middle of the speech service's answer, so nothing was saved.",
                hint="Try again.",
            )
        return failure

    def _cleaned(self, text: str) -> str:
        text = self._connection.mask(text)
        for said in ("".join(self._texts), *self._texts):
            if len(said) >= _QUOTABLE_CHARS or len(self._texts) == 1:
                text = without_transcript(text, said)
        return text
