"""A hearing socket from the client's side: sound goes out, events come in, both at once. Source: contract §5.3, §5.4."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from sonant.api_client.bodies import unreadable
from sonant.api_client.sockets import Socket
from sonant.wire.errors import error_from
from sonant.wire.stt import ListenEvent, SttError, TurnEvent, TurnSettings

Event = TypeVar("Event")

_FRAME_BYTES = 32 * 1024
"""Of sound, sent at once: a message has its limit, and what was sent cannot be taken back."""


class HearingSocket(Generic[Event]):
    """Iterate for the events. One that is an error is raised; what comes after it can still be iterated.

    Every method raises APIConnectionError when the connection has ended.
    """

    def __init__(self, socket: Socket, mask: Callable[[str], str], events: TypeAdapter[Event]) -> None:
        self._socket = socket
        self._mask = mask
        self._events = events

    async def send(self, audio_bytes: bytes) -> None:
        """The next sound, in the encoding the socket was opened with, cut anywhere. Waits while the far end is busy."""
        for start in range(0, len(audio_bytes), _FRAME_BYTES):
            await self._socket.send(audio_bytes[start : start + _FRAME_BYTES])

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        """The next event; the end comes when the far end has closed in order.

        Raises:
            APIError: it is an error.
            RemoteWireError: it cannot be read.
        """
        while True:
            message = await self._socket.receive()
            if message is None:
                raise StopAsyncIteration
            try:
                event = self._read(message)
            except ValidationError:
                raise unreadable() from None
            if isinstance(event, SttError):
                raise self._failure(event)
            if event is not None:
                return event

    def _read(self, message: str) -> Event | None:
        """None: of a type nobody knows yet; Cartesia may add some."""
        try:
            return self._events.validate_json(message)
        except ValidationError as error:
            if any(fault["type"] == "union_tag_invalid" for fault in error.errors(include_url=False)):
                return None
            raise

    def _failure(self, event: SttError) -> Exception:
        data: dict[str, Any] = event.to_wire()
        data["message"] = self._mask(event.message)
        return error_from(event.status_code, data)


class ManualSocket(HearingSocket[ListenEvent]):
    """`WS /stt/websocket`."""

    def __init__(self, socket: Socket, mask: Callable[[str], str]) -> None:
        super().__init__(socket, mask, TypeAdapter(ListenEvent))

    async def finalize(self) -> None:
        """Ask for what was said so far; answered with a final Transcript and FlushDone."""
        await self._socket.send("finalize")

    async def close(self) -> None:
        """No more sound will come; answered with the last final Transcripts and Done, after which events end."""
        await self._socket.send("close")


class TurnSocket(HearingSocket[TurnEvent]):
    """`WS /stt/turns/websocket`."""

    def __init__(self, socket: Socket, mask: Callable[[str], str]) -> None:
        super().__init__(socket, mask, TypeAdapter(TurnEvent))

    async def configure(self, settings: TurnSettings) -> None:
        """Judge turns by these from now on."""
        await self._socket.send({"type": "config", "turn": settings.to_wire()})

    async def close(self) -> None:
        """No more sound will come; answered with the end of the turn, after which events end."""
        await self._socket.send({"type": "close"})
