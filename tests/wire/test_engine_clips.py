"""What the engine makes of recordings: clones, infills, transcripts. Through the official SDK where it can."""

import io
import json

import httpx
import numpy as np
import pytest
from cartesia import APIStatusError, BadRequestError

from engine_fixture import KATIE, RAW, WAV, Engine, speech
from sonant.audio.codec import Encoder, check_complete, read_clip
from sonant.audio.formats import AudioFormat
from sonant.engine.voice_store import VoiceStore
from sonant.wire.errors import error_from
from sonant.wire.notices import NOTICE_HEADER, from_headers

TEXT = "The boy was there when the sun rose. A rod is used to catch pink salmon."
ASH = "Ash"


@pytest.fixture(scope="module")
def clip(engine: Engine) -> bytes:
    """Five seconds of a masculine voice of the engine's, as wav."""
    client = engine.sdk()
    ash = next(voice.id for voice in client.voices.list(q=ASH) if voice.name == ASH)
    answer = client.tts.generate(model_id="sonic-3.6", transcript=TEXT, voice=ash, output_format=WAV)
    return answer.read()


@pytest.fixture(scope="module")
def clone(engine: Engine, clip: bytes) -> str:
    """The id of a voice cloned from the clip."""
    made = engine.sdk().voices.clone(clip=("me.wav", clip), name="Me", language="en", description="My own")
    assert (made.name, made.language, made.access, made.visibility) == ("Me", "en", "private", "owner")
    return made.id


def test_sdk_clones_a_voice_that_speaks(engine: Engine, clone: str) -> None:
    """It is listed as one's own, and every answer with it says that it is approximate."""
    assert clone in [voice.id for voice in engine.sdk().voices.list(is_owner=True)]
    with engine.http() as http:
        spoken = http.post("/tts/bytes", json=speech(voice=clone))
    notices = from_headers(spoken.headers.get_list(NOTICE_HEADER))
    assert any("approximate" in notice for notice in notices)


def test_a_clone_can_be_localized_and_keeps_its_timbre(engine: Engine, clone: str) -> None:
    """Same numbers, other language; still approximate."""
    made = engine.sdk().voices.localize(voice_id=clone, name="Moi", accent="parisian")
    store = VoiceStore(engine.data_dir / "engine" / "voices.sqlite3")
    first, second = store.get(clone), store.get(made.id)
    assert first is not None
    assert second is not None
    assert second.timbre == first.timbre
    assert second.language == "fr-FR"
    assert second.notices == first.notices


async def test_async_sdk_clones(engine: Engine, clip: bytes) -> None:
    """Clip as a bare file object; the accent of the catalogue."""
    async with engine.async_sdk() as client:
        made = await client.voices.clone(clip=io.BytesIO(clip), name="Me again", language="en", accent="british")
        voice = await client.voices.get(made.id)
        assert (voice.accent, voice.locales[0].locale) == ("british", "en-GB")
        await client.voices.delete(made.id)


def test_no_audio_is_kept(engine: Engine, clone: str, clip: bytes) -> None:
    """Only numbers: the store stays small, and the clip's bytes are nowhere in the engine's folder."""
    for file in (engine.data_dir / "engine").iterdir():
        assert clip[20000:20064] not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0


def test_sdk_infills_between_two_clips(engine: Engine, clip: bytes) -> None:
    """The middle alone comes back, in the format asked for; the answer says what it is."""
    answer = engine.sdk().tts.infill(
        left_audio=("left.wav", clip), right_audio=("right.wav", clip), language="en", model_id="sonic-3",
        transcript="and then on Tuesday", voice_id=KATIE, output_format=RAW,
    )  # fmt: skip
    assert 0.5 < check_complete(io.BytesIO(answer.read()), AudioFormat("raw", 22050, "pcm_s16le")) < 3
    notices = from_headers(answer.http_response.headers.get_list(NOTICE_HEADER))
    assert any("inserted" in notice for notice in notices)


async def test_async_sdk_infills_after_one_clip(engine: Engine, clip: bytes) -> None:
    """One side is enough; mp3 comes back as mp3."""
    async with engine.async_sdk() as client:
        answer = await client.tts.infill(
            left_audio=("left.wav", clip), language="en", model_id="sonic-3-2026-01-12", transcript="goodbye", voice_id=KATIE,
            output_format={"container": "mp3", "sample_rate": 44100, "bit_rate": 64000},
        )  # fmt: skip
        body = await answer.read()
    assert 0.2 < len(read_clip(io.BytesIO(body), sample_rate=16000)) / 16000 < 3


def test_sdk_transcribes_with_word_times(engine: Engine, clip: bytes) -> None:
    """Words on request, within the recording, in order; the text is what was said, more or less."""
    heard = engine.sdk().stt.transcribe(
        file=("clip.wav", clip), model="ink-whisper", language="en", timestamp_granularities=["word"]
    )
    assert "sun" in heard.text.lower()
    assert heard.language == "en"
    assert heard.duration is not None
    assert heard.words
    starts = [word.start for word in heard.words]
    assert starts == sorted(starts)
    assert heard.words[-1].end <= heard.duration + 0.1


async def test_async_sdk_transcribes_without_words(engine: Engine, clip: bytes) -> None:
    """No words unless asked for."""
    async with engine.async_sdk() as client:
        heard = await client.stt.transcribe(file=("clip.wav", clip), model="ink-whisper")
    assert heard.text
    assert heard.words is None


@pytest.mark.parametrize("encoding", ["pcm_s16le", "pcm_mulaw"])
def test_sdk_transcribes_headerless_audio(engine: Engine, clip: bytes, encoding: str) -> None:
    """Encoding and sample rate in the query (contract §5.1)."""
    samples = read_clip(io.BytesIO(clip), sample_rate=8000, max_s=2.5)
    body = io.BytesIO()
    with Encoder(body, AudioFormat("raw", 8000, encoding)) as encoder:  # type: ignore[arg-type]
        encoder.write(samples)
    heard = engine.sdk().stt.transcribe(
        file=("clip.pcm", body.getvalue()), model="ink-whisper", encoding=encoding, sample_rate=8000
    )  # type: ignore[arg-type]
    assert heard.text
    assert heard.duration == pytest.approx(len(samples) / 8000, abs=0.01)


@pytest.mark.parametrize("container", ["mp3", "flac", "ogg"])
def test_stt_takes_containers_and_confesses(engine: Engine, clip: bytes, container: str) -> None:
    """By content, whatever the name says; the limits are told in the body and in the header."""
    body = io.BytesIO()
    with Encoder(body, AudioFormat(container, 16000)) as encoder:  # type: ignore[arg-type]
        encoder.write(read_clip(io.BytesIO(clip), sample_rate=16000, max_s=2.5))
    with engine.http() as http:
        answer = http.post("/stt", data={"model": "ink-whisper"}, files={"file": ("x.bin", body.getvalue())})
    assert answer.status_code == 200, answer.text
    assert answer.json()["type"] == "transcript"
    assert tuple(answer.json()["notices"]) == from_headers(answer.headers.get_list(NOTICE_HEADER))


STT = {"model": "ink-whisper"}
CLONE = {"name": "Me", "language": "en"}
FILL = {"model_id": "sonic-3", "language": "en", "transcript": "and", "voice_id": KATIE,
        "output_format[container]": "raw", "output_format[encoding]": "pcm_s16le",
        "output_format[sample_rate]": "8000"}  # fmt: skip
NOISE = bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("path", "fields", "file", "status_code", "error_code", "phrase"),
    [
        ("/stt", STT, NOISE, 400, "unsupported_audio_format", "not audio"),
        ("/stt", STT, b"", 400, "invalid_input", "empty"),
        ("/stt", STT, None, 400, None, "missing"),
        ("/stt", {}, NOISE, 400, None, "model"),
        ("/stt", {"model": "ink-2"}, NOISE, 400, "model_not_supported", "live"),
        ("/stt", {"model": "ink-9"}, NOISE, 404, "model_not_found", "ink-9"),
        ("/stt", {**STT, "language": "de"}, NOISE, 400, "language_not_supported", "English only"),
        ("/stt", {**STT, "language": "xx"}, NOISE, 400, "language_not_supported", "xx"),
        ("/stt", {**STT, "timestamp_granularities[]": "segment"}, NOISE, 400, None, "word"),
        ("/stt?encoding=pcm_s8&sample_rate=8000", STT, NOISE, 400, None, "encoding"),
        ("/stt?encoding=pcm_s16le", STT, NOISE, 400, None, "sample_rate"),
        ("/voices/clone", CLONE, NOISE, 400, "unsupported_audio_format", "not audio"),
        ("/voices/clone", CLONE, None, 400, None, "clip"),
        ("/voices/clone", {**CLONE, "name": " "}, NOISE, 400, None, "name"),
        ("/voices/clone", {"name": "Me"}, NOISE, 400, None, "language"),
        ("/voices/clone", {**CLONE, "language": "xx"}, NOISE, 400, "language_not_supported", "xx"),
        ("/voices/clone", {**CLONE, "accent": "parisian"}, NOISE, 400, None, "accent"),
        ("/voices/clone", {**CLONE, "accent": "British English"}, NOISE, 400, None, "accent"),
        ("/voices/clone", {**CLONE, "tagline": "x" * 33}, NOISE, 400, None, "tagline"),
        ("/voices/clone", {**CLONE, "base_voice_id": "nobody"}, NOISE, 404, "voice_not_found", "nobody"),
        ("/infill/bytes", FILL, None, 400, None, "left_audio"),
        ("/infill/bytes", FILL, NOISE, 400, "unsupported_audio_format", "not audio"),
        ("/infill/bytes", {**FILL, "model_id": "sonic-3.6"}, NOISE, 400, "model_not_supported", "sonic-3"),
        ("/infill/bytes", {**FILL, "transcript": ""}, NOISE, 400, None, "empty"),
        ("/infill/bytes", {**FILL, "voice_id": "nobody"}, NOISE, 404, "voice_not_found", "nobody"),
        ("/infill/bytes", {**FILL, "language": "en-GB"}, NOISE, 400, None, "sonic-3.6"),
    ],
)
def test_forms_that_cannot_be_met_are_refused_by_name(
    engine: Engine, path: str, fields: dict[str, str], file: bytes | None, status_code: int,
    error_code: str | None, phrase: str,
) -> None:  # fmt: skip
    """Each check of contract §4, §5.1 and §6.3."""
    name = {"/stt": "file", "/voices/clone": "clip", "/infill/bytes": "left_audio"}[path.partition("?")[0]]
    with engine.http() as http:
        files = {name: ("clip.wav", file)} if file is not None else {"other": ("clip.wav", b"x")}
        answer = http.post(path, data=fields, files=files)
    assert (answer.status_code, answer.json()["error_code"]) == (status_code, error_code), answer.text
    assert phrase in answer.json()["message"]


@pytest.mark.parametrize(
    ("seconds", "level", "reason"),
    [(3, 0.0, "The clip is silent."), (3, 0.1, "There is no voice in the clip"), (0.5, 0.1, "shorter than one second")],
)
def test_a_clip_of_no_use_is_told_without_talk_of_its_format(
    engine: Engine, seconds: float, level: float, reason: str
) -> None:
    """It is audio, so converting it would not help: what a reader gets is the engine's own advice and no other."""
    body = io.BytesIO()
    with Encoder(body, AudioFormat("wav", 16000, "pcm_s16le")) as encoder:
        encoder.write(np.random.default_rng(0).normal(0, level, int(seconds * 16000)).astype(np.float32))
    with engine.http() as http:
        answer = http.post("/voices/clone", data=CLONE, files={"clip": ("me.wav", body.getvalue())})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_input")
    told = str(error_from(answer.status_code, answer.content))
    assert reason in told
    assert told.endswith("Use a clip with at least three seconds, better ten, of one person speaking.")
    assert "onvert" not in told


def test_what_cannot_be_decoded_is_to_be_converted(engine: Engine) -> None:
    """One advice, not two."""
    with engine.http() as http:
        answer = http.post("/voices/clone", data=CLONE, files={"clip": ("me.wav", NOISE)})
    told = str(error_from(answer.status_code, answer.content))
    assert told.endswith("The file is not audio, going by what is in it. Convert the recording to wav, mp3 or flac.")


def test_a_clip_above_16_mb_is_413(engine: Engine) -> None:
    """Source: contract §6.3. The whole upload is taken, so that the caller gets to read the answer."""
    with pytest.raises(APIStatusError) as caught:
        engine.sdk().voices.clone(clip=("big.wav", bytes(17 * 1024 * 1024)), name="Big", language="en")
    assert caught.value.status_code == 413
    assert json.loads(caught.value.response.content)["error_code"] == "file_too_large"


def test_silence_cannot_be_cloned(engine: Engine) -> None:
    """It is audio, but nobody is in it."""
    silence = (
        b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00"
    )
    with pytest.raises(BadRequestError, match="silent"):
        engine.sdk().voices.clone(
            clip=("s.wav", silence + b"data\x00\x00\x00\x00" + bytes(80000)), name="Nobody", language="en"
        )


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "multipart/form-data; boundary=y"])
def test_a_body_that_is_no_form_is_refused(engine: Engine, content_type: str) -> None:
    """Malformed multipart is the caller's fault."""
    with engine.http(**{"Content-Type": content_type}) as http:
        for path in ("/stt", "/voices/clone", "/infill/bytes"):
            answer: httpx.Response = http.post(path, content=b"--x\r\nnonsense")
            assert answer.status_code == 400, answer.text
