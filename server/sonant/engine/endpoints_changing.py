"""`POST /voice-changer/bytes` and `POST /voice-changer/sse`. Source: contract §7."""

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from time import perf_counter

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from sonant.audio.formats import AudioFormat
from sonant.audio.pcm import Samples
from sonant.engine.answers import error_event, refusal_of
from sonant.engine.changing import LEAST_RATE, Change
from sonant.engine.machinery import Machinery, machinery_of
from sonant.engine.sounding import body_of
from sonant.engine.speaking import check_format, content_type
from sonant.engine.streaming import StreamedAnswer
from sonant.engine.uploads import read_form
from sonant.engine.voices import EngineVoice
from sonant.engine.workbench import Workbench
from sonant.errors import SpeechError
from sonant.wire.changing import MAX_BYTES, ChangeFields
from sonant.wire.costs import changing_credits
from sonant.wire.tts import Chunk, Done, Event


async def change_bytes(request: Request) -> Response:
    order = await _read(request)
    return StreamedAnswer(
        order.body(request.scope),
        content_type(order.audio_format),
        order.notices,
        whole_if_one=order.audio_format.container != "raw",
        holding=order.holding,
    )


async def change_events(request: Request) -> Response:
    order = await _read(request)
    frames = _frames(order, request.scope)
    return StreamedAnswer(frames, "text/event-stream", order.notices, holding=order.holding)


@dataclass(frozen=True)
class _Order:
    """A recording whose beginning has been understood; nothing of it has been changed."""

    change: Change
    voice: EngineVoice
    audio_format: AudioFormat
    notices: tuple[str, ...]
    holding: AsyncExitStack
    """The recording and the process that works on it."""
    machinery: Machinery

    def body(self, scope: Scope) -> AsyncGenerator[bytes, None]:
        return body_of(self._charged(scope), self.audio_format, self.machinery.threads, self.change.sample_rate)

    async def _charged(self, scope: Scope) -> AsyncGenerator[Samples, None]:
        async with aclosing(self.change.sound()) as sound:
            async for samples in sound:
                yield samples
        credits = changing_credits(self.change.frames / self.change.sample_rate)
        await self.machinery.charge(scope, "voice_changer", credits, voice=self.voice.id)


async def _read(request: Request) -> _Order:
    """
    Raises:
        APIError, AudioInputError, UnknownVoiceError: the request cannot be met.
    """
    machinery = machinery_of(request)
    async with AsyncExitStack() as stack:
        form = await stack.enter_async_context(read_form(request, max_bytes=MAX_BYTES))
        wanted = ChangeFields.model_validate(form.fields())
        audio_format = check_format(wanted.output_format)
        voice = await machinery.voice(wanted.voice_id)
        sample_rate = max(LEAST_RATE, audio_format.sample_rate)
        change = Change(form.required_file("clip", MAX_BYTES), sample_rate, machinery.threads)
        await change.open()
        bench = await stack.enter_async_context(Workbench())
        likeness = await machinery.likenesses().of(voice, await machinery.synthesiser(), bench)
        await change.prepare(bench, likeness)
        return _Order(change, voice, audio_format, (*change.notices, *voice.notices), stack.pop_all(), machinery)


async def _frames(order: _Order, scope: Scope) -> AsyncGenerator[bytes, None]:
    """Each event as `data: {…}`; the first tells the notices. A failure after it is an event too."""
    begun, sample_rate = False, order.audio_format.sample_rate
    started = perf_counter()
    try:
        async with aclosing(order.body(scope)) as body:
            async for audio_bytes in body:
                step_time = round((perf_counter() - started) * 1000, 3)
                data = base64.b64encode(audio_bytes).decode("ascii")
                notices = None if begun else list(order.notices)
                yield _frame(Chunk(data=data, sample_rate=sample_rate, step_time=step_time, notices=notices))
                begun, started = True, perf_counter()
        yield _frame(Done(status_code=200))
    except SpeechError as error:
        if not begun:
            raise  # still time for a status
        told = error_event(refusal_of(error), scope)
        yield b"event: error\ndata: " + json.dumps(told).encode() + b"\n\n"


def _frame(event: Event) -> bytes:
    return b"data: " + event.model_dump_json(exclude_none=True).encode() + b"\n\n"
