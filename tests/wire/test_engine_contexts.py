"""`WS /tts/websocket`, rule by rule (contract §3.3); every event held against the contract's AsyncAPI file."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from contract_events import check_event, check_request
from engine_fixture import KATIE, RAW, Engine, speech
from sonant.engine.app import build_engine
from sonant.engine.machinery import Machinery
from sonant.engine.options import EngineOptions
from sonant.engine.serving import served

Event = dict[str, Any]


class Caller:
    """A client of the socket that knows nothing but the wire."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, transcript: str, context_id: str = "a", **changes: object) -> None:
        message = speech(transcript, context_id=context_id, **changes)
        check_request("tts", "GenerationRequest", message)
        await self.socket.send(json.dumps(message))

    async def more(self, transcript: str, context_id: str = "a", **changes: object) -> None:
        await self.say(transcript, context_id, **{"continue": True}, **changes)

    async def cancel(self, context_id: str) -> None:
        message = {"context_id": context_id, "cancel": True}
        check_request("tts", "CancelRequest", message)
        await self.socket.send(json.dumps(message))

    async def next(self) -> Event:
        with anyio.fail_after(5):
            event: Event = json.loads(await self.socket.recv())
        if "title" in event or event["type"] != "error":  # older versions have errors of their own shape
            check_event("tts", event)
        return event

    async def until(self, kind: str, context_id: str = "a") -> list[Event]:
        """The events of a context up to that one; others' are dropped."""
        events: list[Event] = []
        while not events or events[-1]["type"] != kind:
            event = await self.next()
            if event.get("context_id") == context_id:
                events.append(event)
                assert kind == "error" or event["type"] != "error", event
        return events


@asynccontextmanager
async def called(base_url: str, version: str = "2026-08-14") -> AsyncIterator[Caller]:
    url = f"ws{base_url.removeprefix('http')}/tts/websocket?api_key=sk_car_{'k' * 32}&cartesia_version={version}"
    async with connect(url, max_size=None, compression=None, proxy=None) as socket:
        yield Caller(socket)


class OwnEngine:
    """One with options of its own, whose sockets are watched."""

    def __init__(self, options: EngineOptions) -> None:
        self._app = build_engine(options)
        self.machinery: Machinery = self._app.state.machinery
        self.sent = 0
        """Characters, to whoever, read or not."""
        self.speaks, self.lost_one = anyio.Event(), anyio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            await send(message)
            if message["type"] == "websocket.send":
                self.sent += len(message["text"])
                self.speaks.set()

        await self._app(scope, receive, watched)
        if scope["type"] == "websocket":
            self.lost_one.set()


@asynccontextmanager
async def own_engine(data_dir: Path, **options: Any) -> AsyncIterator[tuple[str, OwnEngine]]:
    app = OwnEngine(EngineOptions(data_dir=data_dir, **options))
    async with served(app, "127.0.0.1", 0) as base_url:
        yield base_url, app


def words(events: list[Event]) -> list[str]:
    return [word for event in events if event["type"] == "timestamps" for word in event["word_timestamps"]["words"]]


def starts(events: list[Event]) -> list[float]:
    return [at for event in events if event["type"] == "timestamps" for at in event["word_timestamps"]["start"]]


def sound(events: list[Event]) -> bytes:
    return b"".join(base64.b64decode(event["data"]) for event in events if event["type"] == "chunk")


TIMED = {"add_timestamps": True, "add_phoneme_timestamps": True}


async def test_pieces_are_one_speech_with_one_clock(engine: Engine) -> None:
    """Rules 2 and 3: pieces that end inside words, then an empty end; as long as the whole, `done` once, at the end."""
    text = "Good morning, how are you? I met Dr. Smith. He was fine."
    async with called(engine.base_url) as caller:
        await caller.say(text, "whole", **TIMED)
        whole = await caller.until("done", "whole")
        for start in range(0, len(text), 4):
            await caller.more(text[start : start + 4], **TIMED)
        await caller.say("", "a", **TIMED)
        pieces = await caller.until("done")
    assert words(pieces) == words(whole) == text.split()
    assert starts(pieces) == starts(whole) == sorted(starts(whole))
    assert len(sound(pieces)) == len(sound(whole))
    phonemes = [event["phoneme_timestamps"] for event in pieces if event["type"] == "phoneme_timestamps"]
    assert phonemes[-1]["end"][-1] <= len(sound(pieces)) / 2 / 22050
    assert {event.get("flush_id") for event in pieces if event["type"] == "chunk"} == {1}
    assert "synthetic" in pieces[0]["notices"][0]


async def test_a_sentence_is_spoken_when_the_next_has_begun_and_a_word_never_cut(engine: Engine) -> None:
    """Rule 6: sentences at once; with the delay run out, whole words; the rest of a sentence later, on the same clock."""
    async with called(engine.base_url) as caller:
        await caller.more("One sentence. And th", max_buffer_delay_ms=5000, **TIMED)
        await caller.more("en it ", max_buffer_delay_ms=5000, **TIMED)
        assert words(await caller.until("timestamps")) == ["One", "sentence."]
        await caller.cancel("a")
        await caller.until("done")
        await caller.more("My dear fr", "b", max_buffer_delay_ms=20, **TIMED)
        early = await caller.until("timestamps", "b")
        await caller.say("iend.", "b", max_buffer_delay_ms=20, **TIMED)
        late = await caller.until("done", "b")
        await caller.more("Now ", "c", max_buffer_delay_ms=0, **TIMED)
        assert words(await caller.until("timestamps", "c")) == ["Now"]
        await caller.more("or never!", "c", max_buffer_delay_ms=0, **TIMED)
        assert words(await caller.until("timestamps", "c")) == ["or", "never!"]
    assert (words(early), words(late)) == (["My", "dear"], ["friend."])
    assert starts(late)[0] > starts(early)[-1]


async def test_flushes_are_counted_and_acknowledged_after_their_last_chunk(engine: Engine) -> None:
    """Rule 4; a flush with nothing to say is acknowledged too."""
    async with called(engine.base_url) as caller:
        await caller.more("First half", **TIMED)
        await caller.more("", flush=True, **TIMED)
        await caller.more("", flush=True, **TIMED)
        await caller.more(" second half ", flush=True, **TIMED)
        await caller.say("end.", **TIMED)
        events = await caller.until("done")
    told = [(event["type"], event.get("flush_id")) for event in events if event["type"] != "phoneme_timestamps"]
    seen = list(dict.fromkeys(told))
    assert seen == [
        ("chunk", 1), ("timestamps", 1), ("flush_done", 1), ("flush_done", 2),
        ("chunk", 3), ("timestamps", 3), ("flush_done", 3), ("chunk", 4), ("timestamps", 4), ("done", None),
    ]  # fmt: skip
    assert words(events) == ["First", "half", "second", "half", "end."]
    assert starts(events) == sorted(starts(events))


async def test_a_contradiction_ends_its_context_and_no_other(engine: Engine) -> None:
    """Rule 1. What is left out stays; the SDK's empty message that ends a context carries defaults, which mean nothing."""
    async with called(engine.base_url) as caller:
        await caller.more("One ", generation_config={"speed": 1.2}, language="en")
        await caller.more("other ", "b")
        await caller.more("two ", voice={"mode": "id", "id": KATIE})
        await caller.more("three ", output_format={**RAW, "sample_rate": 8000})
        error = (await caller.until("error"))[-1]
        assert (error["status_code"], error["done"]) == (400, True)
        assert "output_format" in error["message"]
        await caller.say("", "b", model_id="sonic-latest", voice="6ccbfb76-1fc6-48f7-b71d-91ac6298247b")
        assert sound(await caller.until("done", "b"))
        await caller.say("Anew.", output_format={**RAW, "sample_rate": 8000})
        assert sound(await caller.until("done"))


async def test_cancel_ends_what_has_not_begun(engine: Engine) -> None:
    """Rule 8: `done`, late text refused, an unknown context passed over."""
    async with called(engine.base_url) as caller:
        await caller.cancel("nobody")
        await caller.more("A sentence of some length, to be sure. " * 400)
        await caller.next()
        await caller.cancel("a")
        assert len(sound(await caller.until("done"))) < 60 * 44100
        await caller.more("late ")
        assert "cancelled" in (await caller.until("error"))[-1]["message"]
        await caller.say("Hello.", "b")
        assert sound(await caller.until("done", "b"))


async def test_a_context_dies_after_its_last_audio_and_its_id_is_free_again(tmp_path: Path) -> None:
    """Rule 7: even in the middle of a word, which is spoken first; then the clock and the flushes begin anew."""
    async with own_engine(tmp_path, context_life_s=0.1) as (base_url, own), called(base_url) as caller:
        for _ in range(2):
            await caller.more("Half a wor", max_buffer_delay_ms=10, **TIMED)
            events = await caller.until("done")
            assert words(events) == ["Half", "a", "wor"]
            assert starts(events)[0] < 0.1
        await caller.say("Twelve chars.", "b")
        await caller.until("done", "b")
        await caller.say("", "b")
        await caller.until("error", "b")
        assert own.machinery.ledger.spent() == 10 + 10 + 13


async def test_twenty_contexts_take_turns(engine: Engine) -> None:
    """Rule 5: each in its own order, none waits for another to end."""
    text = "This is the first sentence of several. And here comes the second one of them. Then the third. "
    async with called(engine.base_url) as caller:
        for index in range(20):
            await caller.more(text, f"c{index}", add_timestamps=True)
            await caller.say(f"Number {index}.", f"c{index}", add_timestamps=True)
        events: list[Event] = []
        while sum(event["type"] == "done" for event in events) < 20:
            events.append(await caller.next())
    for index in range(20):
        own = [event for event in events if event["context_id"] == f"c{index}"]
        assert words(own) == [*text.split(), "Number", f"{index}."]
        assert starts(own) == sorted(starts(own))
        assert own[-1]["type"] == "done"
    order = [event["context_id"] for event in events]
    first_done = next(at for at, event in enumerate(events) if event["type"] == "done")
    assert len(set(order[:first_done])) == 20


HOSTILE: list[str | bytes] = [
    "", "{", "[]", "null", "\x00", b"\x00\x01", b"{}", '{"a":1}', '{"context_id":"q","transcript":5}', '{"cancel":true}',
    '{"type":"nonsense","context_id":"q"}', '{"context_id":7,"cancel":true}', '{"context_id":"q","cancel":"yes"}',
    json.dumps(speech("")), json.dumps(speech(context_id="x" * 2000)), json.dumps(speech("\ud800", context_id="q")),
    json.dumps(speech("...", context_id="q")), json.dumps(speech("", context_id="q")), "[" * 100_000,
    json.dumps(speech(context_id="q", max_buffer_delay_ms=-1)), json.dumps(speech(context_id="q", language="en", locale="en")),
    json.dumps(speech(context_id="q", output_format={"container": "mp3", "sample_rate": 44100})),
    json.dumps(speech("<<|||>>", context_id="q")), '{"context_id":"q","transcript":' + "9" * 5000 + "}",
]  # fmt: skip


async def test_hostile_messages_are_errors_and_the_socket_goes_on(engine: Engine) -> None:
    """One error each, in the order they came, none a fault of ours; text, then, is spoken as ever."""
    async with called(engine.base_url) as caller:
        for message in HOSTILE:
            await caller.socket.send(message)
            event = await caller.next()
            assert (event["type"], event["done"]) == ("error", True), message[:100]
            assert 400 <= event["status_code"] < 500, event
        await caller.say("Nul \x00 and all.")
        assert sound(await caller.until("done"))


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [({"voice": "nobody"}, 404, "voice_not_found"), ({"model_id": "sonic-9"}, 404, "model_not_found")],
)
async def test_errors_have_the_form_of_their_version(
    engine: Engine, changes: dict[str, object], status: int, code: str
) -> None:
    """§1.4: an object since 2026-03-01; before, a line of text, and for unknown ids 400."""
    async with called(engine.base_url) as caller:
        await caller.say("Hi.", **changes)
        event = await caller.next()
        assert (event["status_code"], event["error_code"], event["context_id"]) == (status, code, "a")
    async with called(engine.base_url, "2025-04-16") as caller:
        await caller.say("Hi.", **changes)
        event = await caller.next()
        assert (event["status_code"], event["context_id"], event["done"]) == (400, "a", True)
        assert event["error"].startswith("Bad Request: ")


async def test_before_2026_a_context_needs_no_id_and_no_patience(engine: Engine) -> None:
    """≤ 2025-04-16: an id of ours; what is sent is spoken at once."""
    async with called(engine.base_url, "2025-04-16") as caller:
        await caller.socket.send(json.dumps(speech("Hello there.")))
        made_up = (await caller.next())["context_id"]
        assert made_up
        assert (await caller.until("done", made_up))[-1]["done"]
        await caller.more("Hello there.")
        assert sound(await caller.until("chunk"))


async def test_a_huge_frame_closes_its_own_socket_only(engine: Engine) -> None:
    """1009, by the server's library; the neighbour speaks on."""
    async with called(engine.base_url) as neighbour, called(engine.base_url) as caller:
        await neighbour.more("I was ")
        with suppress(ConnectionClosed):  # in the middle of it, or after it
            await caller.socket.send("x" * 2_000_000)
        with pytest.raises(ConnectionClosed):
            await caller.socket.recv()
        assert caller.socket.close_code == 1009
        await neighbour.say("here.")
        assert sound(await neighbour.until("done"))


async def test_an_idle_socket_is_closed(tmp_path: Path) -> None:
    """§3.3 limits, with a code after which the SDK connects again."""
    async with own_engine(tmp_path, socket_idle_s=0.05) as (base_url, _), called(base_url) as caller:
        with pytest.raises(ConnectionClosed):
            await caller.next()
        assert caller.socket.close_code == 1001


ENDLESS = "The quick brown fox jumps over the lazy dog, again and again, until the evening comes. " * 3000
LOUD = {"container": "raw", "encoding": "pcm_f32le", "sample_rate": 48000}


async def test_who_does_not_read_holds_a_slot_and_no_memory_and_who_vanishes_frees_it(tmp_path: Path) -> None:
    """§14: a context counts while it is spoken; beyond the plan 429 on that context. Nothing is made ahead of a reader."""
    async with (
        own_engine(tmp_path, workers=1, tts_concurrency=1) as (base_url, own),
        called(base_url) as caller,
    ):
        async with called(base_url) as deaf:
            deaf.socket.transport.pause_reading()
            await deaf.say(ENDLESS, output_format=LOUD)
            await own.speaks.wait()
            await caller.more("I wait ")  # counts for nothing yet
            await caller.say("and am refused.")
            error = (await caller.until("error"))[-1]
            assert (error["status_code"], error["error_code"]) == (429, "concurrency_limited")
            for flood in range(20):
                await deaf.more(ENDLESS, f"d{flood}", output_format=LOUD)
            assert own.machinery.limits.speech.taken == 1
            assert own.sent < 32 * 1024 * 1024  # what the system's buffers for a socket take
            deaf.socket.transport.resume_reading()
            while (event := await deaf.next())["type"] != "error":
                pass
            assert event["status_code"] == 413  # a million characters unspoken are enough for one socket
            deaf.socket.transport.abort()
        with anyio.fail_after(2):
            await own.lost_one.wait()
        assert (own.machinery.limits.speech.taken, own.machinery.limits.sockets.taken) == (0, 1)
        await caller.say("Now I speak.", "b")
        assert sound(await caller.until("done", "b"))
