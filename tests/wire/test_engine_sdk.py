"""The official SDK, unmodified, against the engine on a real socket: an independent witness of the wire."""

import base64
import io
import wave

import pytest
from cartesia import AuthenticationError, BadRequestError, NotFoundError

from engine_fixture import KATIE, RAW, WAV, Engine
from sonant.audio.codec import check_complete, probe
from sonant.audio.formats import AudioFormat

MP3 = {"container": "mp3", "sample_rate": 44100, "bit_rate": 128000}
TEXT = "Good morning, how are you?"


def test_sdk_reads_the_status(engine: Engine) -> None:
    """`GET /` needs no key and no version (contract §1.5)."""
    status = engine.sdk().get_status()
    assert status.ok
    assert status.version == "2026-08-14"


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 24000, 44100, 48000])
def test_sdk_generates_every_sample_rate_with_true_wav_sizes(engine: Engine, sample_rate: int) -> None:
    """A short clip's header tells its true length."""
    answer = engine.sdk().tts.generate(
        model_id="sonic-3.6", transcript=TEXT, voice=KATIE, output_format={**WAV, "sample_rate": sample_rate}
    )
    with wave.open(io.BytesIO(answer.read())) as sound:
        assert sound.getframerate() == sample_rate
        assert 1.0 < sound.getnframes() / sample_rate < 4.0


@pytest.mark.parametrize("encoding", ["pcm_s16le", "pcm_f32le", "pcm_mulaw", "pcm_alaw"])
@pytest.mark.parametrize("container", ["raw", "wav"])
def test_sdk_generates_every_encoding(engine: Engine, container: str, encoding: str) -> None:
    """Each body is whole and of the length the speech has."""
    answer = engine.sdk().tts.generate(
        model_id="sonic-3.6",
        transcript=TEXT,
        voice={"id": KATIE, "mode": "id"},
        output_format={"container": container, "encoding": encoding, "sample_rate": 8000},
    )
    body = io.BytesIO(answer.read())
    audio_format = AudioFormat(container, 8000, encoding)  # type: ignore[arg-type]
    assert 1.0 < check_complete(body, audio_format) < 4.0


def test_sdk_generates_mp3(engine: Engine) -> None:
    """A real mp3 of the asked sample rate."""
    answer = engine.sdk().tts.generate(model_id="sonic-3.6", transcript=TEXT, voice=KATIE, output_format=MP3)
    assert answer.http_response.headers["content-type"] == "audio/mpeg"
    info = probe(io.BytesIO(answer.read()))
    assert (info.extension, info.sample_rate) == ("mp3", 44100)
    assert 1.0 < info.duration_s < 4.0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_sdk_streams_bytes_the_old_way(engine: Engine) -> None:
    """`tts.bytes` still works, as it does at Cartesia's."""
    chunks = list(engine.sdk().tts.bytes(model_id="sonic-3.6", transcript=TEXT, voice={"id": KATIE}, output_format=RAW))
    assert len(b"".join(chunks)) > 22050


def test_sdk_reads_events(engine: Engine) -> None:
    """Chunks, word and phoneme times, then done; every event with the context id."""
    events = list(
        engine.sdk().tts.generate_sse(
            model_id="sonic-3.6", transcript=TEXT, voice=KATIE, output_format=RAW,
            context_id="ctx-1", add_timestamps=True, add_phoneme_timestamps=True,
        )
    )  # fmt: skip
    kinds = [event.type for event in events]
    assert kinds[0] == "chunk"
    assert kinds[-1] == "done"
    assert {"timestamps", "phoneme_timestamps"} <= set(kinds)
    assert {event.context_id for event in events} == {"ctx-1"}
    audio_bytes = b"".join(base64.b64decode(event.data) for event in events if event.type == "chunk")
    duration_s = len(audio_bytes) / 2 / 22050
    words = [event.word_timestamps for event in events if event.type == "timestamps"]
    assert [word for stamps in words for word in stamps.words] == TEXT.split()
    ends = [end for stamps in words for end in stamps.end]
    assert ends == sorted(ends)
    assert ends[-1] <= duration_s + 0.01
    sounds = [event.phoneme_timestamps for event in events if event.type == "phoneme_timestamps"]
    assert sounds[0].start[0] < 0.2
    assert sounds[-1].end[-1] <= duration_s + 0.01


async def test_async_sdk_generates_and_reads_events(engine: Engine) -> None:
    """The asynchronous half of the SDK, on one connection pool."""
    async with engine.async_sdk() as client:
        answer = await client.tts.generate(model_id="sonic-3.6", transcript=TEXT, voice=KATIE, output_format=WAV)
        assert (await answer.read())[:4] == b"RIFF"
        stream = await client.tts.generate_sse(model_id="sonic-3.6", transcript=TEXT, voice=KATIE, output_format=RAW)
        kinds = [event.type async for event in stream]
        assert kinds[-1] == "done"


def test_sdk_pages_through_all_voices(engine: Engine) -> None:
    """Auto-pagination ends, and gives every voice once (contract §1.3)."""
    ids = [voice.id for voice in engine.sdk().voices.list(limit=25)]
    assert len(ids) > 50
    assert len(set(ids)) == len(ids)


async def test_async_sdk_pages_through_all_voices(engine: Engine) -> None:
    """The same through the asynchronous pages."""
    async with engine.async_sdk() as client:
        names = [voice.name async for voice in client.voices.list(limit=50, gender="feminine")]
    assert "Katie" in names
    assert "Archie" not in names


def test_sdk_gets_a_voice(engine: Engine) -> None:
    """Both sets of accent fields are there (contract §17)."""
    voice = engine.sdk().voices.get(KATIE)
    assert (voice.name, voice.gender, voice.accent) == ("Katie", "feminine", "general-american")
    assert voice.locales[0].locale == "en-US"


def test_sdk_localizes_speaks_with_and_deletes_a_voice(engine: Engine) -> None:
    """A voice made here is owned, can speak, and is gone when deleted."""
    client = engine.sdk()
    made = client.voices.localize(voice_id=KATIE, name="Katie in Paris", accent="parisian")
    assert made.language == "fr"
    assert made.id in [voice.id for voice in client.voices.list(is_owner=True)]
    audio = client.tts.generate(model_id="sonic-3.6", transcript="Bonjour.", voice=made.id, output_format=WAV)
    assert audio.read()[:4] == b"RIFF"
    renamed = client.voices.update(made.id, name="Catherine", gender=None)
    assert (renamed.name, renamed.gender) == ("Catherine", None)
    client.voices.delete(made.id)
    with pytest.raises(NotFoundError):
        client.voices.get(made.id)


def test_sdk_lists_accents(engine: Engine) -> None:
    """The catalogue, sorted by id, says where a voice can be moved."""
    accents = engine.sdk().voices.list_accents(extra_query={"language": "en"}).accents
    assert [accent.id for accent in accents] == sorted(accent.id for accent in accents)
    assert {accent.language for accent in accents} == {"en"}
    assert any(accent.is_localizable for accent in accents)


def test_sdk_sees_its_own_exceptions(engine: Engine) -> None:
    """Statuses become the SDK's classes."""
    client = engine.sdk()
    with pytest.raises(NotFoundError):
        client.tts.generate(model_id="sonic-3.6", transcript=TEXT, voice="nobody", output_format=RAW)
    with pytest.raises(BadRequestError):
        client.tts.generate(model_id="sonic-3.6", transcript="", voice=KATIE, output_format=RAW)
    with pytest.raises(AuthenticationError):
        client.with_options(api_key="wrong").voices.get(KATIE)
