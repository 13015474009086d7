"""`WS /tts/websocket`: many contexts on one socket. Source: contract §3.3."""

import json
from collections import deque
from uuid import uuid4

import anyio
from anyio.abc import TaskGroup
from pydantic import ValidationError
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from sonant.engine.answers import error_event, refusal_of, refuse, version_of
from sonant.engine.contexts import Context
from sonant.engine.machinery import Machinery, machinery_of
from sonant.engine.speaking import check_transcript, read_order
from sonant.engine.uploads import read_object
from sonant.errors import SpeechError
from sonant.wire.tts import BUFFER_DELAY_DEFAULT_MS, BUFFER_DELAY_OLD_MS, CancelRequest, ContextRequest, Done, Event
from sonant.wire.versions import JSON_ERRORS_SINCE

_MOST_CONTEXTS = 256
"""On one socket, whether they speak or wait for text."""
_MOST_TEXT = 1_000_000
"""Characters one socket's contexts may hold unspoken, together."""
_LONGEST_ID = 1000
_CANCELLED_KEPT = 256
"""Ids whose late text is refused rather than spoken as if it were new."""
_IDLE_CODE = 1001
"""A code the SDK takes as a reason to connect anew."""
_FAREWELL_S = 1.0


async def speak_on_socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await _Socket(websocket, machinery_of(websocket)).serve()


class _Socket:
    """Reads messages, one after another, and runs a task for each context; what they say goes out one at a time.

    A message that cannot be followed ends the context it is for with an error, and nothing else.
    """

    def __init__(self, websocket: WebSocket, machinery: Machinery) -> None:
        self._websocket = websocket
        self._machinery = machinery
        self._scope = websocket.scope
        self._is_old = version_of(websocket.scope) < JSON_ERRORS_SINCE
        self._running: dict[int, Context] = {}
        """All there are, those included whose context_id has been taken by a younger one."""
        self._contexts: dict[str, Context] = {}
        self._cancelled: deque[str] = deque(maxlen=_CANCELLED_KEPT)
        self._sending = anyio.Lock()
        self._active_at = anyio.current_time()
        self._group: TaskGroup

    async def serve(self) -> None:
        """Until the client goes; then all its work ends."""
        async with anyio.create_task_group() as self._group:
            self._group.start_soon(self._close_when_idle)
            while (message := await self._websocket.receive())["type"] == "websocket.receive":
                self._active_at = anyio.current_time()
                await self._take(message)
            self._group.cancel_scope.cancel()

    async def _take(self, message: Message) -> None:
        context_id = None
        try:
            if message.get("text") is None:
                raise refuse(400, "Binary frames mean nothing here: send JSON as text.")
            data = read_object(message["text"], "The message")
            context_id = _id_of(data)
            if data.get("cancel"):
                self._cancel(CancelRequest.model_validate(data).context_id)
            else:
                await self._follow(ContextRequest.model_validate(data), context_id)
        except (SpeechError, ValidationError) as error:
            context = self._contexts.get(context_id) if context_id is not None else None
            if context is not None and context.is_open:
                context.fail(error)
            else:
                await self._send(error_event(refusal_of(error), self._scope, context_id))

    def _cancel(self, context_id: str) -> None:
        """Source: rule 8. The context itself says `done`; of one that is not there nothing is said."""
        if context_id in self._contexts:
            self._cancelled.append(context_id)
        for context in self._running.values():
            if context.context_id == context_id:
                context.cancel()

    async def _follow(self, message: ContextRequest, context_id: str | None) -> None:
        if context_id is None:
            if not self._is_old:
                raise refuse(400, "context_id: Field required.")
            context_id = str(uuid4())
        if context_id in self._cancelled:
            raise refuse(400, "The context has been cancelled: use a new context_id.")
        if len(message.transcript) + sum(map(len, self._running.values())) > _MOST_TEXT:
            raise refuse(
                413, f"More than {_MOST_TEXT} characters wait to be spoken on this socket: read what is spoken."
            )
        context = self._contexts.get(context_id)
        if context is not None and context.is_open:
            context.accept(message)
        elif context is None or message.transcript or message.continues:  # else it ends what has been ended
            await self._open(message, context_id, context)

    async def _open(self, message: ContextRequest, context_id: str, before: Context | None) -> None:
        """Source: rules 1 and 9. `before`: an older one of the same id, which is still speaking."""
        if len(self._running) >= _MOST_CONTEXTS:
            raise refuse(429, f"More than {_MOST_CONTEXTS} contexts are open on this socket.", "concurrency_limited")
        if not message.continues:
            check_transcript(message.transcript)
        if message.output_format.container != "raw":
            raise refuse(400, "output_format.container: a socket answers raw audio only.")
        self._machinery.ledger.check()
        order = await read_order(message, self._machinery, version_of(self._scope), open_ended=True)
        context = Context(context_id, message, order, self._machinery, self._send, self._delay_s(message))
        context.accept(message)
        self._contexts[context_id] = self._running[id(context)] = context
        self._group.start_soon(self._run, context, message.model_id, order.voice_id, before)

    async def _run(self, context: Context, model: str, voice: str | None, before: Context | None) -> None:
        if before is not None:
            await before.gone.wait()
        last: Event | dict[str, object] = Done(context_id=context.context_id)
        try:
            await context.run()
            if context.credits and not context.is_cancelled:
                await self._machinery.charge(self._scope, "tts", context.credits, model=model, voice=voice)
        except (SpeechError, ValidationError) as error:
            last = error_event(refusal_of(error), self._scope, context.context_id)
        context.is_open = False
        await self._send(last)
        context.gone.set()
        del self._running[id(context)]
        if self._contexts.get(context.context_id) is context:
            del self._contexts[context.context_id]

    async def _send(self, event: Event | dict[str, object]) -> None:
        """Waits for a client that is slow to read, and with it whatever makes the next event."""
        text = json.dumps(event) if isinstance(event, dict) else event.model_dump_json(exclude_none=True)
        async with self._sending:
            try:
                await self._websocket.send_text(text)
            except WebSocketDisconnect:
                self._group.cancel_scope.cancel()
            self._active_at = anyio.current_time()

    async def _close_when_idle(self) -> None:
        idle_s = self._machinery.options.socket_idle_s
        while True:
            left_s = self._active_at + idle_s - anyio.current_time()
            if left_s <= 0:
                break
            await anyio.sleep(left_s)
        with anyio.move_on_after(_FAREWELL_S):  # a client that has stopped reading does not hear it
            async with self._sending:
                await self._websocket.close(_IDLE_CODE, "Nothing has happened for too long.")
        self._group.cancel_scope.cancel()

    def _delay_s(self, message: ContextRequest) -> float:
        default_ms = BUFFER_DELAY_OLD_MS if self._is_old else BUFFER_DELAY_DEFAULT_MS
        return (default_ms if message.max_buffer_delay_ms is None else message.max_buffer_delay_ms) / 1000


def _id_of(data: dict[str, object]) -> str | None:
    """What an error can be told under: only a string is an id."""
    context_id = data.get("context_id")
    if not isinstance(context_id, str):
        return None
    if len(context_id) > _LONGEST_ID:
        raise refuse(400, f"context_id: at most {_LONGEST_ID} characters.")
    return context_id
