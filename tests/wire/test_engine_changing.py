"""The voice changer of the engine, through the official SDK. Source: contract §7, §14, §1.4."""

import base64
import io
import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from engine_fixture import WAV, Engine, speech
from sonant.audio.codec import Encoder, check_complete
from sonant.audio.formats import AudioFormat
from sonant.audio.pcm import Samples, decode_pcm
from sonant.audio.wav import read_wav_layout
from sonant.engine.changing import stretches
from sonant.engine.profile import closeness, measure
from sonant.wire.changing import with_type
from sonant.wire.notices import NOTICE_HEADER, from_headers

TEXT = "The boy was there when the sun rose. A rod is used to catch pink salmon."
RAW_16K = {"output_format_container": "raw", "output_format_encoding": "pcm_s16le", "output_format_sample_rate": 16000}
FORM = {
    "output_format[container]": "raw",
    "output_format[encoding]": "pcm_s16le",
    "output_format[sample_rate]": "16000",
}


@pytest.fixture(scope="module")
def voices(engine: Engine) -> dict[str, str]:
    return {voice.name: voice.id for voice in engine.sdk().voices.list(limit=100)}


def said(engine: Engine, voice: str, transcript: str = TEXT) -> bytes:
    body = speech(transcript, voice=voice, output_format=WAV)
    with engine.http() as http:
        return http.post("/tts/bytes", json=body).content


@pytest.fixture(scope="module")
def clip(engine: Engine, voices: dict[str, str]) -> bytes:
    """Five seconds of a masculine voice, as wav at 16 kHz."""
    return said(engine, voices["Ash"])


def spent(engine: Engine) -> float:
    """Credits for changed voices, as the account tells them."""
    with engine.http(Authorization=f"Bearer sk_car_admin_{engine.api_key}") as http:
        groups = http.get("/usage/credits", params={"interval": "day", "group_by": "capability"}).json()["data"]
    return sum(bucket["credits"] for group in groups if group["id"] == "voice_changer" for bucket in group["buckets"])


@pytest.fixture(scope="module")
def short(clip: bytes) -> bytes:
    return in_a_wav(samples_of(clip)[:30000])


def samples_of(wav: bytes) -> Samples:
    layout = read_wav_layout(io.BytesIO(wav))
    assert layout is not None
    return decode_pcm(wav[layout.data_start :], "pcm_s16le")


def in_a_wav(samples: Samples, sample_rate: int = 16000) -> bytes:
    file = io.BytesIO()
    with Encoder(file, AudioFormat("wav", sample_rate, "pcm_s16le")) as encoder:
        encoder.write(samples)
    return file.getvalue()


def test_a_recording_takes_on_the_voice_and_keeps_its_length(
    engine: Engine, voices: dict[str, str], clip: bytes
) -> None:
    """To the sample; nearer to the target than to the speaker; as loud; charged by the second; honest."""
    before = spent(engine)
    answer = engine.sdk().voice_changer.generate(clip=("a.wav", clip), voice_id=voices["Dahlia"], **RAW_16K)
    spoken, changed = samples_of(clip), decode_pcm(answer.read(), "pcm_s16le")
    assert len(changed) == len(spoken)
    source, result = measure(spoken, 16000), measure(changed, 16000)
    target = measure(samples_of(said(engine, voices["Dahlia"])), 16000)
    assert closeness(result, target) < 3 < closeness(source, target)
    assert result.level_dbfs == pytest.approx(source.level_dbfs, abs=1)
    assert spent(engine) - before == round(15 * len(spoken) / 16000)
    notices = from_headers(answer.http_response.headers.get_list(NOTICE_HEADER))
    assert any("accent, timing and delivery stay" in notice for notice in notices)


async def test_events_carry_the_same_sound(engine: Engine, voices: dict[str, str], short: bytes) -> None:
    """Asynchronous SDK: chunks of status 206 with their rate, then done of status 200; deterministic."""
    async with engine.async_sdk() as client:
        stream = await client.voice_changer.generate_sse(clip=("a.wav", short), voice_id=voices["Fern"], **RAW_16K)
        *chunks, done = [event async for event in stream]
        whole = await client.voice_changer.generate(clip=("a.wav", short), voice_id=voices["Fern"], **RAW_16K)
        audio_bytes = await whole.read()
    assert {(chunk.done, chunk.status_code, chunk.sample_rate, chunk.type) for chunk in chunks} == {
        (False, 206, 16000, "chunk")
    }
    assert (done.done, done.status_code, done.type) == (True, 200, "done")
    assert b"".join(base64.b64decode(chunk.data) for chunk in chunks) == audio_bytes


@pytest.mark.parametrize(
    ("container", "sample_rate", "more"),
    [("wav", 44100, {"encoding": "pcm_f32le"}), ("mp3", 22050, {"bit_rate": 64000})],
)
def test_every_container_is_answered(
    engine: Engine, voices: dict[str, str], short: bytes, container: str, sample_rate: int, more: dict[str, object]
) -> None:
    """Whole, at the rate asked for, as long as what was sent."""
    wanted = {f"output_format_{name}": value for name, value in more.items()}
    answer = engine.sdk().voice_changer.generate(
        clip=("a.wav", short), voice_id=voices["Ash"], output_format_container=container,
        output_format_sample_rate=sample_rate, **wanted,
    )  # fmt: skip
    audio_format = AudioFormat(container, sample_rate, more.get("encoding"), more.get("bit_rate"))  # type: ignore[arg-type]
    length_s = check_complete(io.BytesIO(answer.read()), audio_format)
    assert length_s == pytest.approx(len(samples_of(short)) / 16000, abs=1 / 8000)


def noise() -> bytes:
    return in_a_wav(np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32))


def tune() -> bytes:
    """Two seconds of four held chords."""
    time_s = np.arange(8000) / 16000
    chords = [sum(np.sin(2 * np.pi * hz * h * time_s) / h for h in range(1, 6) for hz in (root, root * 1.25, root * 1.5))
              for root in (220, 262, 196, 247)]  # fmt: skip
    return in_a_wav((0.03 * np.concatenate(chords)).astype(np.float32))


REFUSED: dict[str, tuple[dict[str, str], bytes, int, str | None, str]] = {
    "no clip": ({}, b"", 400, None, "`clip` is missing"),
    "no voice": ({"voice[id]": ""}, b"clip", 404, "voice_not_found", "no voice"),
    "unknown voice": ({"voice[id]": "x\0\ud800".encode("utf-8", "replace").decode()}, b"clip", 404, "voice_not_found", "no voice"),
    "container": ({"output_format[container]": "ogg"}, b"clip", 400, None, "container"),
    "no encoding": ({"output_format[encoding]": ""}, b"clip", 400, None, "encoding"),
    "rate": ({"output_format[sample_rate]": "1" + "0" * 400}, b"clip", 400, None, "sample_rate"),
    "no audio": ({}, b"GIF89a" + bytes(4096), 400, "unsupported_audio_format", "not audio"),
    "silence": ({}, in_a_wav(np.zeros(40000, np.float32)), 400, "invalid_input", "silent"),
    "noise": ({}, noise(), 400, "invalid_input", "no voice"),
    "music": ({}, tune(), 400, "invalid_input", "music"),
    "too short": ({}, in_a_wav(np.zeros(800, np.float32)), 400, "invalid_input", "shorter than"),
    "too large": ({}, bytes(17 * 1024 * 1024), 413, "file_too_large", "16 MB"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_changed_is_refused_before_it_costs(
    engine: Engine, voices: dict[str, str], clip: bytes, case: str
) -> None:
    """Status, code and words; nothing is charged."""
    changes, sent, status, code, words = REFUSED[case]
    form = {**FORM, "voice[id]": voices["Fern"], **changes}
    files = {"clip": ("c.wav", clip if sent == b"clip" else sent)} if sent else {"other": ("x.wav", clip)}
    before = spent(engine)
    with engine.http() as http:
        answer: httpx.Response = http.post("/voice-changer/sse", data=form, files=files)
        assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text
        assert words in answer.json()["message"]
        if case == "unknown voice":
            old = http.post("/voice-changer/bytes", data=form, files=files, headers={"Cartesia-Version": "2024-11-13"})
            assert (old.status_code, old.text.partition(":")[0]) == (400, "Bad Request")
    assert spent(engine) == before


def test_several_speakers_are_told(engine: Engine, voices: dict[str, str], clip: bytes) -> None:
    """Both get the one voice, which the answer says; one speaker is not taken for two."""
    both = np.concatenate([samples_of(clip)[:30000], samples_of(said(engine, voices["Katie"]))[:30000]])
    form = {**FORM, "voice[id]": voices["Fern"]}
    with engine.http() as http:
        for samples, is_told in ((both, True), (samples_of(clip)[:30000], False)):
            answer = http.post("/voice-changer/bytes", data=form, files={"clip": ("c.wav", in_a_wav(samples))})
            notices = from_headers(answer.headers.get_list(NOTICE_HEADER))
            assert any("several speakers" in notice for notice in notices) is is_told


def test_damage_further_on_is_told_in_the_stream(engine: Engine, voices: dict[str, str], clip: bytes) -> None:
    """What came before it has been sent; then an error event, and no charge."""
    long = np.tile(samples_of(clip), 5)
    file = io.BytesIO()
    with Encoder(file, AudioFormat("flac", 16000)) as encoder:
        encoder.write(long)
    flac = file.getvalue()
    damaged = flac[: len(flac) * 5 // 6]
    form = {**FORM, "voice[id]": voices["Fern"]}
    before = spent(engine)
    with engine.http() as http:
        answer = http.post("/voice-changer/sse", data=form, files={"clip": ("c.flac", damaged)})
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert answer.status_code == 200
    assert len(events) > 4
    assert all(event["type"] == "chunk" for event in events[:-1])
    assert (events[-1]["type"], events[-1]["status_code"], events[-1]["done"]) == ("error", 400, True)
    assert "damaged" in events[-1]["message"]
    assert spent(engine) == before


def test_a_recording_is_cut_at_pauses_and_nothing_is_lost(tmp_path: Path) -> None:
    """Every frame is in one stretch; the cuts lie in the silences."""
    random = np.random.default_rng(1)
    sound = random.normal(0, 0.1, 16000 * 50).astype(np.float32)
    for second in range(0, 50, 3):
        sound[second * 16000 : second * 16000 + 6000] = 0
    parts = list(stretches(io.BytesIO(in_a_wav(sound)), 16000))
    assert len(parts) > 3
    kept = np.concatenate([part.samples[part.before : len(part.samples) - part.after] for part in parts])
    assert len(kept) == len(sound)
    assert np.abs(kept - sound).max() < 1e-4
    for part in parts[:-1]:
        cut = len(part.samples) - part.after
        assert not part.samples[cut - 800 : cut + 800].any()


@pytest.mark.parametrize(
    ("event", "kind"),
    [({"data": "AA==", "done": False}, "chunk"), ({"done": True}, "done"), ({"title": "No", "done": True}, "error"),
     ({"error": "No: no", "done": True}, "error"), ({"type": "later", "data": ""}, "later")],
)  # fmt: skip
def test_events_without_a_type_are_understood(event: dict[str, object], kind: str) -> None:
    """Source: contract §7: the newest SDK's have none, older ones have."""
    assert with_type(event)["type"] == kind
