"""The client's contexts against the real engine: what the two promise each other."""

import anyio

from client_kit import RAW, TIMED, client_for
from engine_fixture import KATIE, Engine
from sonant.api_client.client import APIClient
from sonant.wire.tts import Chunk, ContextRequest, Done, FlushDone, SpeechEvent, Timestamps

SENTENCES = ("The train was late again. ", "So we walked along the river, ", "and counted the boats.")
FIRST = ContextRequest(model_id="sonic-3.6", transcript=SENTENCES[0], voice=KATIE, output_format=RAW)


def client_of(engine: Engine) -> APIClient:
    return client_for(engine.base_url, api_key=engine.api_key)


def audio_of(events: list[SpeechEvent]) -> bytes:
    return b"".join(event.audio_bytes for event in events if isinstance(event, Chunk))


def words_of(events: list[SpeechEvent]) -> list[tuple[str, float, float]]:
    times = [event.word_timestamps for event in events if isinstance(event, Timestamps)]
    return [word for one in times for word in zip(one.words, one.start, one.end, strict=True)]


async def test_the_socket_says_what_the_event_stream_says(engine: Engine) -> None:
    """As much sound (no two readings are the same), the same word times, and the same confession."""
    async with client_of(engine) as client:
        timed = TIMED.model_copy(update={"voice": KATIE})
        async with client.speak_with_times(timed) as stream:
            by_stream = [event async for event in stream]
        async with client.speak_on_socket(timed) as context:
            by_socket = [event async for event in context]
    assert len(audio_of(by_socket)) == len(audio_of(by_stream)) > 0
    assert words_of(by_socket) == words_of(by_stream) != []
    assert context.notices == stream.notices != ()


async def test_text_in_pieces_is_spoken_in_one_context(engine: Engine) -> None:
    """Sent by one task while another listens; a flush is acknowledged in its place, and `done` comes once."""
    async with client_of(engine) as client:
        first = FIRST.model_copy(update={"continues": True})
        async with client.context(first) as context, anyio.create_task_group() as tasks:

            async def write() -> None:
                await context.send(SENTENCES[1], flush=True)
                await context.send(SENTENCES[2], continues=False)

            tasks.start_soon(write)
            events = [event async for event in context]
    kinds = [type(event) for event in events]
    assert kinds.count(FlushDone) == 1
    assert kinds.count(Done) == 1
    assert isinstance(events[-1], Done)
    at = kinds.index(FlushDone)
    assert audio_of(events[:at]) != b"" != audio_of(events[at:])


async def test_twenty_contexts_at_once_say_what_each_says_alone(engine: Engine) -> None:
    """On one socket, none mixed up with another; one that is left early disturbs none."""
    texts = ("One.", "Twenty-two.", "Three hundred and thirty-three.", "Four thousand, four hundred and forty-four.")
    async with client_of(engine) as client:

        async def said(text: str) -> int:
            async with client.context(FIRST.model_copy(update={"transcript": text})) as context:
                return len(audio_of([event async for event in context]))

        alone = [await said(text) for text in texts]
        together: list[int] = [0] * 20

        async def one(number: int) -> None:
            together[number] = await said(texts[number % 4])

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, number)
            async with client.context(FIRST) as left:
                await anext(aiter(left))
        assert together == alone * 5
        assert len(set(alone)) == 4
        assert len(client._connection.lines._lines) == 1
