"""The tool change_voice: a recording in, a file in another voice out, as long as it was."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from anyio import to_thread

from scripted import refusal, speech
from sonant.audio.formats import AudioFormat
from sonant.engine.profile import measure
from sonant.workflows import changing, parts
from surface_kit import (
    KATIE,
    Home,
    Served,
    check_schema,
    first_text,
    links,
    path_of,
    refused,
    said,
    samples_of,
    serve_scripted,
)

WAV = AudioFormat("wav", 16000, "pcm_s16le")


async def test_a_recording_comes_back_in_the_voice_named(offline: Served, tmp_path: Path) -> None:
    """Rule: any container that can be read, any format; as long as it was; free and honest where the engine works."""
    text = "The boy was there when the sun rose."
    spoken = await offline.call("text_to_speech", transcript=text, voice="Jameson", format="wav")
    samples, rate = samples_of(path_of(spoken))
    source = offline.home.root / "memo.aiff"
    soundfile.write(source, samples, rate)
    async with offline.client() as client:
        result = await client.call_tool("change_voice", {"audio": str(source), "voice": "Pip", "format": "flac"})
        (schema,) = [tool.output_schema for tool in (await client.list_tools()).tools if tool.name == "change_voice"]
    check_schema(result, schema)
    told = said(result)
    changed, _ = samples_of(path_of(result))
    assert len(changed) == len(samples)
    assert (told["voice"], told["sample_rate"], links(result)[0].mime_type) == ("Pip", 44100, "audio/flac")
    assert path_of(result).name == "memo as Pip.flac"
    assert any("accent, timing and delivery stay" in notice for notice in told["notices"])
    assert "free" in first_text(result)
    assert measure(changed, rate).f0_hz > 2 * measure(samples, rate).f0_hz


async def test_what_the_service_answers_is_kept_byte_for_byte(home: Home) -> None:
    """Rule: a clip it takes goes as it is, an answer in its own formats is the file; 15 credits a second are told."""
    clip = home.root / "clip.wav"
    soundfile.write(clip, np.full(16000 * 2, 0.1, np.float32), 16000)
    async with serve_scripted(home, routes={"POST /voice-changer/bytes": speech(2.0)}) as (served, upstream):
        result = await served.call("change_voice", audio=str(clip), voice="katie", format="wav", filename="other")
    request = upstream.requests[-1]
    assert request.files["clip"].head == clip.read_bytes()
    assert request.form == {
        "voice[id]": KATIE, "output_format[container]": "wav", "output_format[encoding]": "pcm_s16le",
        "output_format[sample_rate]": "44100",
    }  # fmt: skip
    assert said(result)["credits"] == 30
    assert path_of(result).name == "other.wav"


async def test_a_failure_leaves_no_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: also of one part of several; the reason is told."""
    monkeypatch.setattr(changing, "PART_S", 4.0)
    monkeypatch.setattr(parts, "SEARCH_S", 2.0)
    source = home.root / "long.aiff"
    soundfile.write(source, np.full(8000 * 12, 0.1, np.float32), 8000)
    fails = {"POST /voice-changer/bytes": refusal(400, message="The clip is silent.")}
    async with serve_scripted(home, routes=fails) as (served, _):
        told = refused(await served.call("change_voice", audio=str(source), voice="Katie"))
    assert "silent" in told
    assert home.files() == []


async def test_parts_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: cut and joined again, a recording is what it was, each frame in its place."""
    monkeypatch.setattr(parts, "SEARCH_S", 3.0)
    sound = np.sin(np.arange(16000 * 14) * 0.05).astype(np.float32) * 0.5
    for second in (3, 4, 7, 11):
        sound[second * 16000 : second * 16000 + 8000] = 0
    source, target = io.BytesIO(), io.BytesIO()
    soundfile.write(source, sound, 16000, format="WAV", subtype="PCM_16")
    cut = list(parts.parts_of(source, WAV, 5.0, changing.OVERLAP_S))
    assert len(cut) >= 3
    assert [part.start_s for part in cut[1:]] == pytest.approx(np.cumsum([part.duration_s for part in cut[:-1]]))
    duration_s = await to_thread.run_sync(changing._join, [part.file for part in cut], target, WAV)
    target.seek(0)
    joined, _ = soundfile.read(target, dtype="float32")
    assert duration_s == 14
    assert np.abs(joined - sound).max() < 1e-3
