"""`WS /stt/websocket` and the batch forms, with the official SDKs and without. Source: contract §5.1 to §5.3, §1.4."""

import io
import json
import wave
from types import SimpleNamespace
from typing import cast

import anyio
import httpx
import openai
import pytest
from websockets.exceptions import ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

from contract_events import check_event
from engine_fixture import Engine
from hearing_kit import QUERY, RATE, noise, rest, silence, socket, spoken
from sonant.api_client.client import APIClient
from sonant.api_client.connection import Connection
from sonant.engine import hearing_session
from sonant.engine.app import build_engine
from sonant.engine.options import EngineOptions
from sonant.engine.serving import served
from sonant.errors import InvalidRequestError
from sonant.wire.stt import Done, FlushDone, Transcript

pytest.importorskip("pocketsphinx")

PATH = "/stt/websocket"
WEATHER, STARS, TERM = (
    "The weather is nice today.",
    "So many stars in the night sky.",
    "Our customer is called Cartesia.",
)


@pytest.fixture(scope="module")
def said() -> dict[str, bytes]:
    sentences = (WEATHER, STARS, TERM)
    return dict(zip(sentences, spoken(*sentences), strict=True))


def wav(audio_bytes: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, RATE, 0, "NONE", ""))
        writer.writeframes(audio_bytes)
    file.seek(0)
    file.name = "said.wav"
    return file


def test_the_sdk_hears_what_is_said_piece_by_piece(engine: Engine, said: dict[str, bytes]) -> None:
    """Guesses come first; the final texts joined untouched are the whole; finalize and close are acknowledged."""
    audio = silence(0.4) + said[WEATHER] + silence(0.1)
    open_socket = engine.sdk().stt.manual_finalize.websocket
    with open_socket(model="ink-2", encoding="pcm_s16le", sample_rate=RATE) as connection:
        for start in range(0, len(audio), 3201):  # in the middle of a sample
            connection.send_raw(audio[start : start + 3201])
        connection.send("finalize")
        events = []
        for message in iter(connection.recv_bytes, None):
            events.append(json.loads(message))
            if events[-1]["type"] == "flush_done":
                break
        connection.send_raw(silence(0.3) + said[STARS])
        connection.send("close")
        events += [json.loads(message) for message in _until_closed(connection)]
    for event in events:
        check_event("sttManual", event)
    finals = [event for event in events if event.get("is_final")]
    assert "".join(event["text"] for event in finals) == "The weather is nice today. So many stars in the night sky."
    assert len([event for event in events if event.get("is_final") is False]) >= 5
    assert [event["type"] for event in events if event["type"] != "transcript"] == ["flush_done", "done"]
    assert len({event["request_id"] for event in events}) == 1
    words = [word for event in finals for word in event["words"]]
    assert [word["word"] for word in words][:2] == ["The", "weather"]
    starts = [word["start"] for word in words]
    assert starts == sorted(starts)
    assert starts[0] == pytest.approx(0.4, abs=0.15)
    assert starts[5] > len(audio) / 2 / RATE


def _until_closed(connection: object) -> list[bytes]:
    messages = []
    try:
        while True:
            messages.append(connection.recv_bytes())  # type: ignore[attr-defined]
    except ConnectionClosedOK:
        return messages


async def test_our_client_and_the_asynchronous_sdk_hear_the_same(engine: Engine, said: dict[str, bytes]) -> None:
    """Typed events out of one, the SDK's own out of the other; a refusal is raised, and the socket goes on."""
    texts = []
    async with APIClient(Connection(engine.base_url, engine.api_key)) as api:
        with pytest.raises(InvalidRequestError, match="sample_rate"):
            async with api.listen(encoding="pcm_s16le", sample_rate=1):
                pass
        async with api.listen(encoding="pcm_s16le", sample_rate=RATE) as listening:
            await listening._socket.send("nonsense")
            with pytest.raises(InvalidRequestError, match="Unrecognized"):
                await anext(listening)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listening.send, said[WEATHER] + silence(0.5))
                events = [await anext(listening)]
            await listening.finalize()
            await listening.close()
            events += [event async for event in listening]
    assert [type(event) for event in events[-2:]] == [FlushDone, Done]
    texts.append("".join(event.text for event in events if isinstance(event, Transcript) and event.is_final))
    async with engine.async_sdk() as sdk:
        websocket = sdk.stt.manual_finalize.websocket(model="ink-whisper", encoding="pcm_s16le", sample_rate=RATE)
        async with websocket as connection:
            await connection.send_raw(said[WEATHER])
            await connection.send("close")
            texts.append("".join([event.text async for event in connection if getattr(event, "is_final", False)]))
    assert texts == [WEATHER, WEATHER]


def test_a_name_is_heard_when_it_is_expected(engine: Engine, said: dict[str, bytes]) -> None:
    """Without the keyterm the recogniser has no such word."""
    with socket(engine, PATH, keyterm=["Cartesia", "[[_:]] <x>", "\0\ud7ff", ""]) as connection:
        connection.send(silence(0.3) + said[TERM])
        connection.send("close")
        text = "".join(event["text"] for event in rest(connection) if event.get("is_final"))
    assert "Cartesia" in text
    assert "[" not in text


def test_whisper_waits_for_its_silence_and_hears_nothing_below_its_volume(
    engine: Engine, said: dict[str, bytes]
) -> None:
    """max_silence_duration_secs holds the final text back, as an interim one; min_volume silences all of it."""
    with socket(engine, PATH, model="ink-whisper", max_silence_duration_secs=1) as connection:
        connection.send(said[WEATHER] + silence(1.5))
        connection.send("done")
        events = rest(connection)
    (final,) = [event for event in events if event.get("is_final")]
    assert final["text"] == WEATHER
    assert len(said[WEATHER]) / 2 / RATE + 0.8 < final["duration"] < len(said[WEATHER]) / 2 / RATE + 1.3
    assert events[events.index(final) - 1]["text"] == WEATHER
    with socket(engine, PATH, model="ink-whisper", min_volume=0.9) as connection:
        connection.send(said[WEATHER])
        connection.send("close")
        assert [event["type"] for event in rest(connection)] == ["done"]


def test_nothing_is_written_where_nobody_speaks(engine: Engine) -> None:
    """A finalize is still answered; frames may be empty, odd, or as long as they like."""
    with socket(engine, PATH) as connection:
        for frame in (b"", b"\1", silence(5)[1:], noise(1)):
            connection.send(frame)
        connection.send("finalize")
        connection.send("close")
        events = rest(connection)
    assert "".join(event.get("text", "") for event in events) == ""
    assert [event["type"] for event in events[-2:]] == ["flush_done", "done"]


@pytest.mark.parametrize(
    ("changes", "status", "code", "named"),
    [
        ({"model": None}, 400, None, "model"),
        ({"model": "ink-9"}, 404, "model_not_found", "ink-9"),
        ({"encoding": None}, 400, None, "encoding"),
        ({"encoding": "mp3"}, 400, None, "encoding"),
        ({"sample_rate": None}, 400, None, "sample_rate"),
        ({"sample_rate": "9" * 5000}, 400, None, "sample_rate"),
        ({"model": "ink-whisper", "language": "fr"}, 400, "language_not_supported", "English"),
        ({"model": "ink-whisper", "language": "xx"}, 400, "language_not_supported", "xx"),
        ({"model": "ink-whisper", "keyterm": ["a"]}, 400, None, "keyterm"),
        ({"keyterm": ["a"] * 101}, 400, None, "keyterm"),
        ({"keyterm": ["a" * 1201]}, 400, None, "keyterm"),
        ({"min_volume": "1.1"}, 400, None, "min_volume"),
        ({"max_silence_duration_secs": "nan"}, 400, None, "max_silence_duration_secs"),
        ({"cartesia_version": "2025-04-16", "model": "ink-9"}, 400, None, "Bad Request: There is no model"),
    ],
)  # fmt: skip
def test_a_handshake_is_refused_with_an_http_answer(
    engine: Engine, changes: dict[str, object], status: int, code: str | None, named: str
) -> None:
    """The documented status, code and shape for the version, before the socket is open."""
    with pytest.raises(InvalidStatus) as refused, socket(engine, PATH, **changes):
        pass
    response = refused.value.response
    assert response.status_code == status
    body = bytes(response.body).decode()
    assert named in body
    if "cartesia_version" not in changes:
        assert json.loads(body)["error_code"] == code


@pytest.mark.parametrize("version", ["2026-08-14", "2025-04-16"])
def test_what_is_no_command_is_an_error_of_the_version_and_no_end(engine: Engine, version: str) -> None:
    """Before 2026-03-01 it had a message and an id only."""
    with socket(engine, PATH, cartesia_version=version) as connection:
        for text in ("shout", "", '{"type":"close"}', "x" * 900_000):
            connection.send(text)
            event = json.loads(connection.recv())
            if version == "2026-08-14":
                check_event("sttManual", event)
                assert event["status_code"] == 400
                assert "done" not in event
            else:
                assert set(event) == {"type", "message", "request_id"}
        connection.send("close")
        assert [event["type"] for event in rest(connection)] == ["done"]


def test_a_socket_on_which_nothing_comes_is_closed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, after three minutes; here a moment."""
    monkeypatch.setattr(hearing_session, "IDLE_S", 0.1)
    with socket(engine, PATH) as connection:
        assert rest(connection) == []
        assert connection.close_code == 1000


async def test_who_vanishes_in_the_middle_of_a_word_leaves_the_place_and_pays(tmp_path, said) -> None:
    """The next one gets the only place there is; what was heard is on the bill."""
    app = build_engine(EngineOptions(data_dir=tmp_path, stt_concurrency=1))
    async with served(app, "127.0.0.1", 0) as base_url:
        engine = cast(Engine, SimpleNamespace(base_url=base_url, api_key="any"))
        await anyio.to_thread.run_sync(_vanish, engine, said[WEATHER])
        with anyio.fail_after(20):
            while app.state.machinery.limits.hearing.taken:  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.01)
        recogniser = await app.state.machinery.recogniser()
        assert not recogniser._busy
        assert 1 <= app.state.machinery.ledger.spent() <= 6


def _vanish(engine: Engine, audio_bytes: bytes) -> None:
    with socket(engine, PATH) as connection:
        connection.send(audio_bytes[: 2 * RATE])
        assert json.loads(connection.recv())["is_final"] is False
        with pytest.raises(InvalidStatus) as refused, socket(engine, PATH):
            pass
        assert refused.value.response.status_code == 429
        connection.socket.shutdown(2)


def test_the_openai_sdk_transcribes(engine: Engine, said: dict[str, bytes]) -> None:
    """Unmodified, with what it sends by default; what cannot be honoured is refused and named."""
    client = openai.OpenAI(
        api_key=engine.api_key,
        base_url=engine.base_url,
        default_headers={"Cartesia-Version": "2026-08-14"},
        max_retries=0,
    )
    with client:
        create = client.audio.transcriptions.create
        heard = create(file=wav(said[WEATHER]), model="ink-whisper", response_format="json", temperature=0)
        assert heard.text == WEATHER
        with pytest.raises(openai.BadRequestError, match="response_format"):
            create(file=wav(said[WEATHER]), model="ink-whisper", response_format="srt")
        with pytest.raises(openai.BadRequestError, match="prompt"):
            create(file=wav(said[WEATHER]), model="ink-whisper", prompt="Names: Anna")


def test_batch_takes_what_it_can_decode_and_names_what_it_cannot(engine: Engine, said: dict[str, bytes]) -> None:
    """Headerless sound by the query, and its last half sample; what is no audio has the documented code."""
    form = {"model": "ink-whisper", "timestamp_granularities[]": "word"}
    with engine.http() as http:

        def ask(content: bytes, query: str = "") -> httpx.Response:
            return http.post(f"/stt{query}", data=form, files={"file": ("said.wav", content)})

        heard = ask(said[WEATHER] + b"\1", "?encoding=pcm_s16le&sample_rate=16000").json()
        assert heard["text"] == WEATHER
        assert heard["words"][0]["word"] == "The"
        for content in (b"%PDF-1.7 nothing to hear", b"\0" * 4096):
            refused = ask(content)
            assert (refused.status_code, refused.json()["error_code"]) == (400, "unsupported_audio_format")
        assert ask(said[WEATHER], "?encoding=pcm_s24le&sample_rate=16000").status_code == 400


def test_many_connections_come_and_go(engine: Engine) -> None:
    """Opened and dropped without a word, they cost nothing and harm nobody."""
    url = f"{engine.base_url.replace('http', 'ws', 1)}{PATH}?model=ink-2&encoding=pcm_s16le&sample_rate=16000"
    url += f"&cartesia_version={QUERY['cartesia_version']}&api_key={engine.api_key}"
    for _ in range(20):
        connection = connect(url, proxy=None, compression=None)
        connection.socket.close()
    with socket(engine, PATH) as connection:
        connection.send("close")
        assert [event["type"] for event in rest(connection)] == ["done"]
