"""Every method of the official SDK, unmodified, sync and async, against the engine; a new one fails until it is called."""

import contextlib
import inspect
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from types import CodeType
from typing import Any
from uuid import uuid4

import pytest
from cartesia import AsyncCartesia, Cartesia, NotFoundError
from cartesia._resource import AsyncAPIResource, SyncAPIResource
from cartesia.lib import _tts
from cartesia.resources.stt import auto_finalize, manual_finalize

from engine_fixture import KATIE, RAW, WAV, Engine
from hearing_kit import RATE
from sonant.engine.accents import find_accent
from sonant.engine.catalogue import default_voice
from sonant.engine.voice_store import VoiceStore

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # some of it is old, and its sockets are

SAID = "Good morning to you all."
SPEECH: Any = {"model_id": "sonic-3.6", "transcript": SAID, "voice": KATIE}
CONTEXT: Any = {"model_id": "sonic-3.6", "voice": KATIE, "output_format": RAW}
HEARD: Any = {"encoding": "pcm_s16le", "sample_rate": RATE, "model": "ink-2"}
CHANGED: Any = {
    "voice_id": KATIE, "output_format_container": "raw", "output_format_encoding": "pcm_s16le",
    "output_format_sample_rate": 8000,
}  # fmt: skip
OUT_OF_SCOPE = {"agents"}
SLOW = {
    "VoicesResource.clone": "clips.clone",
    "AsyncVoicesResource.clone": "clips.test_async_sdk_clones",
    "TTSResource.infill": "clips.test_sdk_infills_between_two_clips",
    "AsyncTTSResource.infill": "clips.test_async_sdk_infills_after_one_clip",
    "VoiceChangerResource.generate": "changing.test_a_recording_takes_on_the_voice_and_keeps_its_length",
    "AsyncVoiceChangerResource.generate_sse": "changing.test_events_carry_the_same_sound",
    "AsyncVoiceChangerResource.generate": "changing.test_events_carry_the_same_sound",
}
"""So much work that one test of it must do, in the file named."""


def resources(holder: object) -> Iterator[type]:
    """The classes of all resources below a client, by looking at it."""
    for name in dir(type(holder)):
        if name.startswith(("_", "with_")) or name in OUT_OF_SCOPE:
            continue
        value = getattr(holder, name)
        if isinstance(value, (SyncAPIResource, AsyncAPIResource)):
            yield type(value)
            yield from resources(value)


def sockets(is_async: bool) -> Iterator[type]:
    """Connections, their managers and contexts, of that half."""
    for module in (_tts, auto_finalize, manual_finalize):
        for name, kind in vars(module).items():
            is_ours = inspect.isclass(kind) and kind.__module__ == module.__name__
            if (
                is_ours
                and ("Connection" in name or "WebSocketContext" in name)
                and name.startswith("Async") == is_async
            ):
                yield kind


def methods(client: Cartesia | AsyncCartesia) -> dict[str, CodeType]:
    kinds = {*resources(client), *sockets(isinstance(client, AsyncCartesia))}
    found = {"Client.get_status": inspect.unwrap(type(client).get_status).__code__}
    for kind in kinds:
        for name, value in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_"):
                found[f"{kind.__name__}.{name}"] = inspect.unwrap(value).__code__
    return found


@contextlib.contextmanager
def calls() -> Iterator[set[CodeType]]:
    """What is called in this thread meanwhile; the engine has its own."""
    seen: set[CodeType] = set()

    def note(frame: Any, event: str, _: object) -> None:
        if event == "call":
            seen.add(frame.f_code)

    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(None)


async def got(value: Any) -> Any:
    """From either half of the SDK."""
    return await value if inspect.isawaitable(value) else value


async def all_of(items: Any) -> list[Any]:
    return [item async for item in items] if hasattr(items, "__aiter__") else list(items)


@contextlib.asynccontextmanager
async def opened(manager: Any) -> AsyncIterator[Any]:
    if hasattr(manager, "__aenter__"):
        async with manager as connection:
            yield connection
    else:
        with manager as connection:
            yield connection


async def speak(client: Any) -> bytes:
    """Answers the wav that others need."""
    wav: bytes = await got((await got(client.tts.generate(**SPEECH, output_format=WAV))).read())
    old = await all_of(await got(client.tts.bytes(**{**SPEECH, "voice": {"id": KATIE}}, output_format=WAV)))
    assert len(b"".join(old)) == pytest.approx(len(wav), rel=0.02)
    for events in (client.tts.generate_sse, client.tts.sse):
        assert [e.type for e in await all_of(await got(events(**SPEECH, output_format=RAW)))][-1] == "done"
    return wav


async def change(client: Any, wav: bytes) -> None:
    answer = await got(client.voice_changer.change_voice_bytes(clip=("a.wav", wav), **CHANGED))
    assert len(await got(answer.read())) == pytest.approx(len(wav) / 2, rel=0.05)
    if isinstance(client, Cartesia):
        assert [event.done for event in client.voice_changer.generate_sse(clip=("a.wav", wav), **CHANGED)][-1]
    assert await got(client.voice_changer.change_voice_sse(clip=("a.wav", wav), **CHANGED)) is None  # read, not kept


async def keep_voices(client: Any, clone: str) -> None:
    voices = client.voices
    there = await got(voices.localize(voice_id=clone, name="Mine in Paris", accent="parisian"))
    more = await got(voices.add_accents(clone, accents=["parisian"]))
    assert "fr-FR" in [locale.locale for locale in more.locales]
    less = await got(voices.delete_accent("parisian", id=clone))
    assert [locale.locale for locale in less.locales] == ["en-GB"]
    assert (await got(voices.update(there.id, name="Ours"))).name == "Ours"
    assert (await got(voices.get(there.id))).name == "Ours"
    assert {clone, there.id} <= {voice.id for voice in await all_of(voices.list(is_owner=True))}
    assert "parisian" in [accent.id for accent in (await got(voices.list_accents())).accents]
    await got(voices.delete(there.id))
    with pytest.raises(NotFoundError):
        await got(voices.get(there.id))


async def keep_dictionaries(client: Any) -> None:
    dictionaries = client.pronunciation_dicts
    made = await got(dictionaries.create(name="Names", items=[{"text": "Nguyen", "alias": "win"}]))
    assert (await got(dictionaries.retrieve(made.id))).items[0].alias == "win"
    assert (await got(dictionaries.update(made.id, items=[]))).items == []
    assert made.id in [one.id for one in await all_of(dictionaries.list())]
    await got(dictionaries.delete(made.id))
    with pytest.raises(NotFoundError):
        await got(dictionaries.retrieve(made.id))


async def train(client: Any, wav: bytes) -> None:
    """With too little to learn from: what a training yields is tested with the trainings."""
    made = await got(client.datasets.create(name="Readings", description=""))
    await got(client.datasets.files.upload(made.id, file=("a.wav", wav), purpose="fine_tune"))
    await got(client.datasets.update(made.id, name="Renamed", description="By me."))
    assert (await got(client.datasets.retrieve(made.id))).name == "Renamed"
    (file,) = await all_of(client.datasets.files.list(made.id))
    training = await got(
        client.fine_tunes.create(
            dataset=made.id, name="Me", description="", language="en", model_id="sonic-3.6-2026-08-27"
        )
    )
    assert (await got(client.fine_tunes.retrieve(training.id))).dataset == made.id
    assert training.id in [one.id for one in await all_of(client.fine_tunes.list())]
    assert await all_of(client.fine_tunes.list_voices(training.id)) == []
    await got(client.fine_tunes.delete(training.id))
    await got(client.datasets.files.delete(file.id, id=made.id))
    assert made.id in [one.id for one in await all_of(client.datasets.list())]
    await got(client.datasets.delete(made.id))


async def speak_on_sockets(client: Any) -> None:
    async with opened(client.tts.websocket_connect()) as socket:
        await got(socket.send({**SPEECH, "output_format": RAW, "context_id": "a"}))
        assert (await got(socket.recv())).type == "chunk"
        while (await got(socket.recv())).type != "done":
            pass
        context, dropped = socket.context(**CONTEXT), socket.context(**CONTEXT)
        await got(dropped.push(SAID * 20))
        await got(dropped.cancel())
        await got(context.push(SAID))
        await got(context.send(transcript="And warm.", continue_=True, **CONTEXT))
        await got(context.no_more_inputs())
        assert [event.type for event in await all_of(context.receive())][-1] == "done"
        await got(socket.close())
    old = client.tts.websocket()
    old = await got(old)
    await got(old.connect())
    assert len((await got(old.send(**SPEECH, output_format=RAW, stream=False))).audio) > RATE
    await got(old.context().cancel())
    await got(old.close())


def listen(socket: Any, kind: str, heard: list[Any], ask: Any) -> Any:
    """To one kind of event, which is then asked for."""
    socket.on(kind, heard.append)
    socket.once(kind, heard.append)
    socket.off(kind, heard.append)
    socket.on(kind, heard.append)
    return socket.send(ask)


async def hear(client: Any, wav: bytes) -> None:
    answer = await got(
        client.stt.transcribe(file=("a.wav", wav), model="ink-whisper", timestamp_granularities=["word"])
    )
    assert len(answer.words) == len(answer.text.split())
    for open_socket, kind, ask, end in (
        (client.stt.manual_finalize.websocket, "flush_done", "finalize", "close"),
        (client.stt.auto_finalize.websocket, "error", {"type": "?"}, {"type": "close"}),
    ):  # what they understand is tested with them
        heard: list[Any] = []
        manager = open_socket(**HEARD)
        await got(listen(manager, kind, heard, ask))
        async with opened(manager) as socket:
            await got(listen(socket, kind, heard, ask))
            await got(socket.send_raw(bytes(RATE)))
            assert (await got(socket.recv())).type in ("transcript", "connected")
            await got(socket.send(end))
            await got(socket.dispatch_events())
            await got(socket.close())
        assert {event.type for event in heard} == {kind}


@pytest.fixture
def own_clone(engine: Engine) -> Iterator[str]:
    """The id of a voice that has accents of its own."""
    made = replace(
        default_voice(), id=str(uuid4()), language="en-GB", accent=find_accent("british"), origin="clone", is_owner=True
    )
    store = VoiceStore(engine.data_dir / "engine" / "voices.sqlite3")
    store.put(made)
    yield made.id
    store.delete(made.id)


@pytest.mark.parametrize("kind", [Cartesia, AsyncCartesia])
async def test_every_method_of_the_sdk_works(engine: Engine, own_clone: str, kind: Any) -> None:
    """And is called here, or this names it."""
    where = {"base_url": engine.base_url, "websocket_base_url": f"ws{engine.base_url.removeprefix('http')}"}
    client = kind(api_key=engine.api_key, max_retries=0, **where)
    with calls() as called:
        assert (await got(client.get_status())).ok
        wav = await speak(client)
        await change(client, wav)
        await keep_voices(client, own_clone)
        await keep_dictionaries(client)
        await train(client, wav)
        token = (await got(client.access_token.create(grants={"tts": True}, expires_in=60))).token
        assert token.count(".") == 2
        await speak_on_sockets(client)
        await hear(client, wav)
    await got(client.close())
    missed = {name for name, code in methods(client).items() if code not in called}
    assert missed <= set(SLOW)
    for place in SLOW.values():
        file, _, name = place.partition(".")
        assert f"def {name}(" in Path(__file__).with_name(f"test_engine_{file}.py").read_text("utf-8")
