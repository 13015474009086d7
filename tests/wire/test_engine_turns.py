"""`WS /stt/turns/websocket`: whose turn it is. Source: contract §5.4."""

import json
import re
from typing import Any

import anyio
import pytest
from websockets.exceptions import InvalidStatus

from contract_events import check_event
from engine_fixture import Engine
from hearing_kit import RATE, noise, rest, silence, socket, spoken
from sonant.api_client.client import APIClient
from sonant.api_client.connection import Connection
from sonant.engine.live import Heard
from sonant.engine.recognition import RecognisedWord
from sonant.engine.turn_taking import TurnTaker
from sonant.wire.stt import TurnEnd, TurnSettings, TurnUpdate

pytest.importorskip("pocketsphinx")

PATH = "/stt/turns/websocket"
WEATHER, YES = "The weather is nice today.", "Yes."
ORDER = re.compile(
    r"(connected )(turn\.start (turn\.update )*(turn\.eager_end (turn\.resume (turn\.update )*)?)*turn\.end )*"
)


@pytest.fixture(scope="module")
def said() -> list[bytes]:
    return spoken(WEATHER, YES)


def check(events: list[dict[str, Any]]) -> None:
    """Each is as the contract says, they come in its order, and no update takes a word back."""
    told = ""
    for event in events:
        check_event("sttTurns", event)
        if event["type"] == "turn.start":
            told = ""
        if "transcript" in event:
            assert event["transcript"].startswith(told)
            told = event["transcript"]
    assert ORDER.fullmatch("".join(f"{event['type']} " for event in events)), events


def test_the_sdk_is_told_of_turns(engine: Engine, said: list[bytes]) -> None:
    """A short pause is no end, though perhaps an eager one; a long pause is; close ends the last turn."""
    audio = said[0] + silence(0.7) + said[0] + silence(2) + said[1]
    open_socket = engine.sdk().stt.auto_finalize.websocket
    with open_socket(model="ink-2", encoding="pcm_s16le", sample_rate=RATE, turn_end_threshold=0.1) as connection:
        for start in range(0, len(audio), 3200):
            connection.send_raw(audio[start : start + 3200])
        connection.send({"type": "close"})
        events = [event.to_dict() for event in connection]
    check(events)
    ends = [event["transcript"] for event in events if event["type"] == "turn.end"]
    assert ends == [f"{WEATHER} {WEATHER}", YES]
    first = [event["type"] for event in events][: [event["type"] for event in events].index("turn.end")]
    assert first.count("turn.update") >= 3  # before each stretch has ended, and when it has
    assert "turn.resume" in first
    assert first[-1] == "turn.eager_end"


async def test_our_client_configures_turns(engine: Engine, said: list[bytes]) -> None:
    """Typed events in both directions at once; with an eager setting a shorter silence ends the turn."""
    settings = TurnSettings(start_threshold=0.9, eager_end_threshold=0.6, end_threshold=0.5)
    async with (
        APIClient(Connection(engine.base_url, engine.api_key)) as api,
        api.turns(encoding="pcm_s16le", sample_rate=RATE, settings=TurnSettings()) as turns,
    ):
        await turns.configure(settings)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(turns.send, said[0] + silence(1))
            events = []
            while not (events and isinstance(events[-1], TurnEnd)):
                events.append(await anext(turns))
        await turns.close()
        assert [event async for event in turns] == []
    assert TurnUpdate in [type(event) for event in events]
    assert events[-1] == TurnEnd(request_id=events[0].request_id, transcript=WEATHER)


@pytest.mark.parametrize("sound", [silence(4), noise(1)], ids=["silence", "noise"])
def test_where_nobody_speaks_there_is_no_turn(engine: Engine, sound: bytes) -> None:
    """Sound alone starts none: somebody would be interrupted by a door."""
    with socket(engine, PATH) as connection:
        connection.send(sound)
        connection.send('{"type":"done"}')
        assert [event["type"] for event in rest(connection)] == ["connected"]


@pytest.mark.parametrize(
    ("changes", "status", "named"),
    [
        ({"model": "ink-whisper"}, 400, "ink-whisper"),
        ({"turn_start_threshold": 0.95}, 400, "turn_start_threshold"),
        ({"turn_eager_end_threshold": 0.2}, 400, "turn_eager_end_threshold"),
        ({"turn_end_threshold": "nan"}, 400, "turn_end_threshold"),
        ({"turn_end_timeout_ms": 639}, 400, "turn_end_timeout_ms"),
        ({"turn_end_timeout_ms": "soon"}, 400, "turn_end_timeout_ms"),
        ({"turn_start_threshold": 0.6}, 400, "must fall"),
        ({"turn_eager_end_threshold": 0.4, "turn_end_threshold": 0.4}, 400, "must fall"),
    ],
)
def test_a_handshake_out_of_range_is_refused(
    engine: Engine, changes: dict[str, object], status: int, named: str
) -> None:
    """As an HTTP answer that names the parameter."""
    with pytest.raises(InvalidStatus) as refused, socket(engine, PATH, **changes):
        pass
    assert refused.value.response.status_code == status
    assert named in json.loads(bytes(refused.value.response.body))["message"]


@pytest.mark.parametrize("version", ["2026-08-14", "2025-04-16"])
def test_what_is_not_understood_is_an_error_and_no_end(engine: Engine, version: str) -> None:
    """`finalize` belongs to the other socket; a wrong setting changes nothing."""
    strange = [
        "finalize", "", "[]", "{" * 5000, '{"type":["close"]}', '{"type":"config","turn":[1]}',
        '{"type":"config","turn":{"end_threshold":true}}', '{"type":"config","turn":{"end_threshold":0.5,"eager_end_threshold":0.3}}',
        '{"type":"config","turn":{"end_timeout_ms":1e999}}',
    ]  # fmt: skip
    with socket(engine, PATH, cartesia_version=version) as connection:
        assert json.loads(connection.recv())["type"] == "connected"
        for text in strange:
            connection.send(text)
            event = json.loads(connection.recv())
            assert event["type"] == "error"
            if version == "2026-08-14":
                check_event("sttTurns", event)
                assert event["status_code"] == 400
            if text == "finalize":
                assert "Unrecognized message type" in event["message"]
        connection.send('{"type":"config"}')
        connection.send('{"type":"close"}')
        assert rest(connection) == []


def word(text: str, end_s: float) -> RecognisedWord:
    return RecognisedWord(text, end_s - 0.2, end_s, 0.9)


def ends_at(last: str, **settings: float) -> tuple[float, float]:
    """Seconds of silence after which a turn ends eagerly, and for good."""
    taker = TurnTaker(TurnSettings(**settings))
    taker.hear(Heard(1.2, ended=((word("hello", 0.5), word(last, 1.0)),)))
    eager_s = 0.0
    for step in range(13, 300):
        for event in taker.hear(Heard(step / 10)):
            if event.kind == "eager_end":
                eager_s = step / 10 - 1
            if event.kind == "end":
                return round(eager_s, 1), round(step / 10 - 1, 1)
    raise AssertionError("no end")


def test_thresholds_and_words_decide_how_long_is_waited() -> None:
    """Silence halves the chance every 0.5 s, slower after a word that ends no sentence; the timeout ends all."""
    assert ends_at("today.") == (0.4, 0.9)
    assert ends_at("the.") == (1.0, 2.2)
    assert ends_at("today.", end_threshold=0.05) == (0.4, 2.2)
    assert ends_at("the.", end_threshold=0.05) == (1.0, 5.5)
    assert ends_at("the.", end_timeout_ms=640)[1] == 0.7


def test_a_turn_begins_when_the_chance_is_high_enough_and_a_word_was_heard() -> None:
    """Not for sound without words; with a lower threshold sooner."""
    for threshold, needed_s in ((0.7, 0.27), (0.9, 0.5)):
        taker = TurnTaker(TurnSettings(start_threshold=threshold))
        assert taker.hear(Heard(1.0, guess_s=9.0)) == []
        assert taker.hear(Heard(1.0, guess=(word("hi", 0.9),), guess_s=needed_s - 0.03)) == []
        (event,) = taker.hear(Heard(1.1, guess=(word("hi", 0.9),), guess_s=needed_s + 0.02))
        assert event.kind == "start"


def test_a_noise_after_the_last_word_does_not_keep_a_turn_open() -> None:
    """The stretch goes on, the words do not: the turn asks for its end."""
    taker = TurnTaker(TurnSettings())
    guess = (word("good", 0.8), word("morning", 1.2))
    assert [event.kind for event in taker.hear(Heard(1.3, guess=guess, guess_s=1.0))] == ["start"]
    taker.hear(Heard(3.0, guess=guess, guess_s=2.7))
    assert taker.is_stuck
    assert [event.kind for event in taker.hear(Heard(3.0, ended=(guess,)))] == ["update", "end"]
