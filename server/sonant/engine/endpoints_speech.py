"""`POST /tts/bytes` and `POST /tts/sse`. Source: contract §3."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from sonant.engine.answers import error_event, refusal_of, refuse, version_of
from sonant.engine.events import EventMaker
from sonant.engine.machinery import Machinery, machinery_of
from sonant.engine.sounding import body_of, cut_after, kept, sound_of
from sonant.engine.speaking import Order, read_order
from sonant.engine.stored_files import Recording
from sonant.engine.streaming import StreamedAnswer
from sonant.engine.uploads import read_json
from sonant.errors import SpeechError
from sonant.wire.costs import speech_credits
from sonant.wire.tts import Done, Event, SpeechRequest, StreamedSpeechRequest
from sonant.wire.versions import FILE_ID_HEADER


async def speak_bytes(request: Request) -> Response:
    machinery = machinery_of(request)
    wanted = SpeechRequest.model_validate(await read_json(request))
    order = await read_order(wanted, machinery, version_of(request.scope))
    synthesiser = await machinery.synthesiser()
    sound = sound_of(cut_after(synthesiser.speak(order.utterance), order.most_s))
    body = body_of(sound, order.audio_format, machinery.threads)
    recording = None
    if wanted.save:
        name = f"speech {datetime.now(UTC):%Y-%m-%d %H.%M.%S}.{order.audio_format.extension}"
        recording = Recording(machinery, name, "tts_generation")
        body = kept(body, recording, machinery.threads)
    answer = StreamedAnswer(
        body,
        order.content_type,
        order.notices,
        whole_if_one=order.audio_format.container != "raw",
        when_sent=partial(_charge, wanted, order, machinery, request.scope),
    )
    if recording is not None:
        answer.headers[FILE_ID_HEADER] = recording.id
    return answer


async def speak_events(request: Request) -> Response:
    machinery = machinery_of(request)
    wanted = StreamedSpeechRequest.model_validate(await read_json(request))
    if wanted.output_format.container != "raw":
        raise refuse(400, "output_format.container: /tts/sse answers raw audio only.")
    order = await read_order(wanted, machinery, version_of(request.scope))
    pay = partial(_charge, wanted, order, machinery, request.scope)
    events = _paid(_events(wanted, order, machinery), pay)
    frames = _frames(events, wanted.context_id, order.notices, request.scope)
    return StreamedAnswer(frames, "text/event-stream", order.notices)


async def _charge(wanted: SpeechRequest, order: Order, machinery: Machinery, scope: Scope) -> None:
    credits = order.cost(speech_credits(wanted.transcript))
    await machinery.charge(scope, "tts", credits, model=wanted.model_id, voice=order.voice_id)


async def _paid(events: AsyncGenerator[Event, None], pay: Callable[[], Awaitable[None]]) -> AsyncGenerator[Event, None]:
    """The events; when the last of them is with the socket, it is time to pay."""
    async with aclosing(events):
        async for event in events:
            yield event
    await pay()


async def _events(wanted: StreamedSpeechRequest, order: Order, machinery: Machinery) -> AsyncGenerator[Event, None]:
    synthesiser = await machinery.synthesiser()
    maker = EventMaker(wanted, order.audio_format, machinery.threads)
    said = cut_after(synthesiser.speak(order.utterance), order.most_s)
    async with aclosing(said):
        async for piece in said:
            async for event in maker.events(piece):
                yield event
            maker.start_clock()
    async for event in maker.finish():
        yield event
    yield Done()


async def _frames(
    events: AsyncGenerator[Event, None], context_id: str | None, notices: tuple[str, ...], scope: Scope
) -> AsyncGenerator[bytes, None]:
    """Each event as `data: {…}`; the first tells the notices. A failure after it is an event too."""
    begun = False
    try:
        async with aclosing(events):
            async for event in events:
                if not begun:
                    event.notices = list(notices)
                begun = True
                yield _frame(event, context_id)
    except SpeechError as error:
        if not begun:
            raise  # still time for a status
        told = error_event(refusal_of(error), scope, context_id)
        # The name is documented for errors; readers go by the JSON's type (contract §3.2).
        yield b"event: error\ndata: " + json.dumps(told).encode() + b"\n\n"


def _frame(event: Event, context_id: str | None) -> bytes:
    event.context_id = context_id
    return b"data: " + event.model_dump_json(exclude_none=True).encode() + b"\n\n"
