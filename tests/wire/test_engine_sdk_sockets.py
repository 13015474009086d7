"""The official SDK's sockets, unmodified, against the engine: contexts, as people use them."""

import pytest
from cartesia import AsyncCartesia, Cartesia
from cartesia.lib._tts import WebSocketContext

from engine_fixture import KATIE, RAW, Engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own, of websockets

VOICE = {"mode": "id", "id": KATIE}
SENTENCES = ["Good morning. ", "How are ", "you to", "day? ", "Fine, I hope."]


def sockets_of(engine: Engine) -> str:
    """The SDK would use TLS."""
    return f"ws{engine.base_url.removeprefix('http')}"


@pytest.fixture(scope="module")
def sdk(engine: Engine) -> Cartesia:
    return engine.sdk().copy(websocket_base_url=sockets_of(engine))


def drain(context: WebSocketContext) -> tuple[list[str], int]:
    """The words and the bytes of sound."""
    words, size = [], 0
    for event in context.receive():
        assert event.type != "error", event
        if event.type == "timestamps" and event.word_timestamps:
            words += event.word_timestamps.words
        if event.type == "chunk" and event.audio:
            size += len(event.audio)
            assert event.flush_id == 1
    return words, size


def test_sdk_streams_text_into_contexts_of_one_socket(sdk: Cartesia) -> None:
    """Two contexts at once; what one reads of the other's, the SDK keeps for it."""
    settings = {"model_id": "sonic-3.6", "voice": VOICE, "output_format": RAW, "language": "en", "add_timestamps": True}
    with sdk.tts.websocket_connect() as socket:
        one, two = socket.context(**settings), socket.context("mine", **settings)
        for piece in SENTENCES:
            one.push(piece)
            two.push(piece)
        one.no_more_inputs()
        two.no_more_inputs()
        heard = [drain(two), drain(one)]
    assert heard[0] == heard[1]
    assert heard[0][0] == "".join(SENTENCES).split()
    assert heard[0][1] > 2 * 44100


def test_sdk_may_end_a_context_with_its_own_defaults(sdk: Cartesia) -> None:
    """`no_more_inputs` names another voice and model than the context has; it is no contradiction."""
    with sdk.tts.websocket_connect() as socket:
        context = socket.context()
        context.send(model_id="sonic-3", transcript="Hello there.", voice=VOICE, output_format=RAW, continue_=True)
        context.no_more_inputs()
        assert drain(context)[1] > 10_000


def test_sdk_speaks_the_way_of_its_second_version(sdk: Cartesia) -> None:
    """`tts.websocket()`."""
    socket = sdk.tts.websocket()
    socket.connect()
    try:
        outputs = list(
            socket.send(
                model_id="sonic-3.6",
                transcript="Hello.",
                voice=VOICE,
                output_format=RAW,
                stream=True,
                add_timestamps=True,
            )
        )
    finally:
        socket.close()
    assert sum(len(output.audio or b"") for output in outputs) > 10_000
    assert [word for output in outputs if output.word_timestamps for word in output.word_timestamps.words] == ["Hello."]


async def test_async_sdk_flushes_cancels_and_goes_on(engine: Engine) -> None:
    """The asynchronous half; its listener sorts events by context."""
    settings = {"model_id": "sonic-3.6", "voice": VOICE, "output_format": RAW}
    async with (
        AsyncCartesia(
            api_key=engine.api_key, base_url=engine.base_url, websocket_base_url=sockets_of(engine), max_retries=0
        ) as client,
        client.tts.websocket_connect() as socket,
    ):
        dropped, kept = socket.context(**settings), socket.context(**settings)
        await dropped.push("This will not be heard to its end. " * 20)
        await kept.push("First.", flush=True)
        await dropped.cancel()
        await kept.push(" Second.")
        await kept.no_more_inputs()
        kinds = list(dict.fromkeys([(event.type, getattr(event, "flush_id", None)) async for event in kept.receive()]))
    assert kinds == [("chunk", 1), ("flush_done", 1), ("chunk", 2), ("done", None)]


def test_sdk_sees_an_error_as_an_event(sdk: Cartesia) -> None:
    """And the socket lives on."""
    with sdk.tts.websocket_connect() as socket:
        bad = socket.context(model_id="sonic-3.6", voice="nobody", output_format=RAW)
        bad.push("Hello.")
        (error,) = bad.receive()
        assert (error.type, error.status_code) == ("error", 404)
        good = socket.context(model_id="sonic-3.6", voice=KATIE, output_format=RAW)
        good.push("Hello.", continue_=False)
        assert drain(good)[1] > 10_000
