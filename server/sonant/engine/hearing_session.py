"""What the two hearing sockets share: the handshake, sound coming in, failures that do not end them, the bill.

Source: contract §5.3, §5.4, §5.5.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.websockets import WebSocket, WebSocketDisconnect

from sonant.audio.pcm import Samples
from sonant.engine.answers import Refusal, error_response, refusal_of, refuse, request_id_of, version_of
from sonant.engine.endpoints_hearing import spoken_language
from sonant.engine.headerless import PcmStream, encoding_in
from sonant.engine.keyterms import learnable
from sonant.engine.live import Ear, Heard
from sonant.engine.machinery import Machinery, machinery_of
from sonant.errors import SpeechError
from sonant.wire.costs import listening_credits
from sonant.wire.message import Message
from sonant.wire.stt import BATCH_MODELS, KEYTERMS_MOST, KEYTERMS_MOST_CHARS, TURN_MODELS, SttError
from sonant.wire.versions import JSON_ERRORS_SINCE

IDLE_S = 180.0
"""A socket on which nothing comes for so long is closed. Source: contract §5.5."""
_FAREWELL_S = 1.0
_BLOCK_S = 0.1
"""Heard at once, however it is sent."""


@dataclass(frozen=True)
class Asked:
    """What a handshake asks for, as far as both sockets know it."""

    model: str
    encoding: str
    sample_rate: int
    """Hz."""
    language: str
    keyterms: tuple[str, ...]


def asked_in(query: QueryParams, models: tuple[str, ...]) -> Asked:
    """
    Raises:
        APIError: 400 or 404, something is missing, unknown or out of range.
    """
    model = query.get("model")
    if not model:
        raise refuse(400, "model: the query parameter is missing.")
    if model not in (*BATCH_MODELS, *TURN_MODELS):
        raise refuse(404, f"There is no model {model[:64]!r}; use {models[0]}.", "model_not_found")
    if model not in models:
        raise refuse(400, f"{model} is not for this socket; use {models[0]}.", "model_not_supported")
    pcm = encoding_in(query)
    if pcm is None:
        raise refuse(400, "encoding: the query parameter is missing.")
    return Asked(model, *pcm, spoken_language(query.get("language") or "en"), _keyterms(query, model))


def _keyterms(query: QueryParams, model: str) -> tuple[str, ...]:
    keyterms = tuple(query.getlist("keyterm"))
    if keyterms and model not in TURN_MODELS:
        raise refuse(400, f"keyterm: {model} takes none; use {TURN_MODELS[0]}.")
    if len(keyterms) > KEYTERMS_MOST or sum(map(len, keyterms)) > KEYTERMS_MOST_CHARS:
        raise refuse(400, f"keyterm: at most {KEYTERMS_MOST} terms of {KEYTERMS_MOST_CHARS} characters in all.")
    return keyterms


class Session(ABC):
    """One open socket. Its subclasses say what is answered."""

    is_sure = False
    """Whether the beginning of what is being said must be settled before the end."""

    def __init__(self, websocket: WebSocket, asked: Asked) -> None:
        self.asked = asked
        self.request_id = request_id_of(websocket.scope)
        self._websocket = websocket
        self._pcm = PcmStream(asked.encoding, asked.sample_rate)
        self._block_bytes = len(next(self._pcm.cut(bytes(self._pcm.bytes_per_s), _BLOCK_S)))
        self._pending = bytearray()
        self._ear: Ear

    @abstractmethod
    async def start(self) -> None:
        """The socket is open."""

    @abstractmethod
    async def on_heard(self, heard: Heard) -> None:
        """Some more sound was heard."""

    @abstractmethod
    async def on_text(self, text: str) -> bool:
        """A text came; whether to go on."""

    @abstractmethod
    async def finish(self, *, is_asked: bool) -> None:
        """No more will come: the caller has said so, or has said nothing for too long."""

    async def send(self, message: Message) -> None:
        await self._write(message.to_wire())

    async def fail(self, error: Exception | Refusal) -> None:
        """Tell a failure; the socket stays. Source: contract §1.4."""
        refusal = error if isinstance(error, Refusal) else refusal_of(error)
        if version_of(self._websocket.scope) < JSON_ERRORS_SINCE:
            told = f"{refusal.title}: {refusal.message}"
            await self._write({"type": "error", "message": told, "request_id": self.request_id})
            return
        event = SttError(
            status_code=refusal.status_code, error_code=refusal.error_code, title=refusal.title,
            message=refusal.message, request_id=self.request_id,
        )  # fmt: skip
        await self._write(event.model_dump(mode="json"))

    async def _write(self, data: dict[str, object]) -> None:
        """
        Raises:
            WebSocketDisconnect: the caller has gone, or has read nothing for so long that it comes to the same.
        """
        with anyio.move_on_after(IDLE_S) as waiting:
            await self._websocket.send_json(data)
        if waiting.cancelled_caught:
            raise WebSocketDisconnect

    async def flush(self) -> Heard:
        """Hear what is left; what is being said ends here."""
        await self._take(bytes(self._pending))
        self._pending.clear()
        return await self._ear.flush()

    async def converse(self, ear: Ear, messages: MemoryObjectReceiveStream[bytes | str]) -> None:
        self._ear = ear
        await self.start()
        async for message in messages:
            try:
                if isinstance(message, bytes):
                    await self._on_audio(message)
                elif not await self.on_text(message):
                    return
            except SpeechError as error:
                await self.fail(error)
        try:
            await self.finish(is_asked=False)
        except SpeechError as error:
            await self.fail(error)

    def prepared(self, samples: Samples) -> Samples:
        """What is heard of some sound."""
        return samples

    async def _on_audio(self, audio_bytes: bytes) -> None:
        self._pending += audio_bytes
        size = self._block_bytes
        end = len(self._pending) // size * size
        whole = bytes(self._pending[:end])
        del self._pending[:end]
        for start in range(0, end, size):
            await self._take(whole[start : start + size])

    async def _take(self, audio_bytes: bytes) -> None:
        if audio_bytes and len(samples := self._pcm.feed(audio_bytes)):
            await self.on_heard(await self._ear.feed(self.prepared(samples)))


async def serve(websocket: WebSocket, open_session: Callable[[WebSocket], Session]) -> None:
    """Shake hands, or refuse with an HTTP answer; then hear until one of the two has had enough.

    Args:
        open_session: may raise what the handshake is refused with.
    """
    machinery = machinery_of(websocket)
    try:
        session = open_session(websocket)
        recogniser = await machinery.recogniser()
        recogniser.check_available()
        terms, names = await learnable(session.asked.keyterms)
    except (SpeechError, ValidationError) as error:
        response = error_response(refusal_of(error), websocket.scope)
        return await response(websocket.scope, websocket.receive, websocket.send)
    await websocket.accept()
    async with Ear(recogniser, terms, names, is_sure=session.is_sure) as ear:
        try:
            reason = await _until_the_end(websocket, session, ear)
            with anyio.move_on_after(_FAREWELL_S):  # a caller that has stopped reading does not hear it
                await websocket.close(1000, reason)
        except WebSocketDisconnect:
            pass
        finally:
            await _charge(machinery, websocket, session.asked.model, ear.heard_s)


async def _until_the_end(websocket: WebSocket, session: Session, ear: Ear) -> str:
    """Converse until it is over, and say why; at once when the caller vanishes.

    One message is read ahead, for the end of the connection is one, too.
    """
    is_gone = is_idle = False
    outbox, inbox = anyio.create_memory_object_stream[bytes | str](0)

    async def read(outbox: MemoryObjectSendStream[bytes | str]) -> None:
        nonlocal is_gone, is_idle
        async with outbox:
            while True:
                message = None
                with anyio.move_on_after(IDLE_S):
                    message = await websocket.receive()
                if message is None:
                    is_idle = True
                    return
                if message["type"] == "websocket.disconnect":
                    is_gone = True
                    tasks.cancel_scope.cancel()
                    return
                audio_bytes = message.get("bytes")
                await outbox.send(message.get("text") or "" if audio_bytes is None else audio_bytes)

    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, outbox)
        try:
            async with inbox:
                await session.converse(ear, inbox)
        except WebSocketDisconnect:
            is_gone = True
        except Exception as error:  # noqa: BLE001 - told, then raised outside the group
            failure = error
        tasks.cancel_scope.cancel()
    if is_gone:
        raise WebSocketDisconnect
    if failure is not None:
        await session.fail(failure)
        raise failure
    return f"Nothing came for {IDLE_S:g} seconds." if is_idle else ""


async def _charge(machinery: Machinery, websocket: WebSocket, model: str, heard_s: float) -> None:
    credits = listening_credits(model, heard_s)
    if credits:
        with anyio.CancelScope(shield=True):
            await machinery.charge(websocket.scope, "stt", credits, model=model)
