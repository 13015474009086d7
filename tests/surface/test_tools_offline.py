"""Every tool, with every argument, with no key: the embedded engine behind a real socket answers."""

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from mcp import MCPError
from mcp_types import CallToolResult
from numpy.typing import NDArray

from scripted import data, wav
from sonant.audio.formats import PRESETS
from sonant.wire.notices import SYNTHETIC_NOTICE
from surface_kit import (
    ERAS,
    KATIE,
    LEGACY,
    MODERN,
    Home,
    Served,
    check_schema,
    first_text,
    json_at,
    links,
    path_of,
    refused,
    said,
    samples_of,
    serve,
    serve_scripted,
    text_at,
)

SENTENCE = "Please leave the parcel with our neighbour."
COUNT = "One two three four five six."
"""What the engine's recogniser hears rightly from the engine's voice."""
LONG_SENTENCES = [
    f"Chapter {number} says that the river was wide, the bridge was old, and nobody had crossed it for many years."
    for number in range(1, 51)
]
LONG = " ".join(LONG_SENTENCES)


@pytest.fixture(scope="session")
async def spoken(offline: Served) -> CallToolResult:
    """One sentence as a wav file."""
    return await offline.call("text_to_speech", transcript=SENTENCE, format="wav", filename="sentence")


@pytest.fixture(scope="session")
async def long_spoken(offline: Served) -> CallToolResult:
    """More than 5,000 characters with word times, as a wav file."""
    assert len(LONG) > 5000
    return await offline.call("text_to_speech", transcript=LONG, format="wav", timestamps=True, filename="long")


# text_to_speech


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("era", ERAS)
async def test_a_file_is_in_the_format_that_was_asked_for(offline: Served, name: str, era: str) -> None:
    """Rule: container, encoding, sample rate and duration of the file are those that the result tells."""
    result = await offline.call("text_to_speech", era, transcript=SENTENCE, format=name)
    wanted, told, path = PRESETS[name], said(result), path_of(result)
    assert path.suffix == f".{wanted.extension}"
    assert told["sample_rate"] == wanted.sample_rate
    assert links(result)[0].mime_type == wanted.mime_type
    if wanted.container == "raw":
        frames = path.stat().st_size / wanted.frame_bytes
        assert frames == int(frames)
        duration_s = frames / wanted.sample_rate
    else:
        info = soundfile.info(path)
        assert (info.format.lower(), info.samplerate, info.channels) == (wanted.container, wanted.sample_rate, 1)
        assert name != "wav" or info.subtype == "PCM_16"
        assert name != "ogg" or info.subtype == "VORBIS"
        duration_s = info.duration
    assert duration_s == pytest.approx(told["duration_s"], abs=0.06)
    assert 1.5 < duration_s < 4


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 24000, 48000])
async def test_a_sample_rate_is_kept_to(offline: Served, sample_rate: int) -> None:
    """Rule: every rate of the schema works, for a container of samples and for a compressed one."""
    for name in ("wav", "mp3"):
        result = await offline.call("text_to_speech", transcript="Good morning.", format=name, sample_rate=sample_rate)
        assert soundfile.info(path_of(result)).samplerate == sample_rate == said(result)["sample_rate"]


async def test_speed_and_volume_change_the_sound(offline: Served, spoken: CallToolResult) -> None:
    """Rule: speed changes the duration, volume the level."""
    fast = await offline.call("text_to_speech", transcript=SENTENCE, format="wav", speed=1.5)
    slow = await offline.call("text_to_speech", transcript=SENTENCE, format="wav", speed=0.6)
    quiet = await offline.call("text_to_speech", transcript=SENTENCE, format="wav", volume=0.5)
    normal_s = said(spoken)["duration_s"]
    assert said(fast)["duration_s"] < 0.8 * normal_s
    assert said(slow)["duration_s"] > 1.3 * normal_s
    loud = np.abs(samples_of(path_of(spoken))[0]).max()
    assert np.abs(samples_of(path_of(quiet))[0]).max() < 0.8 * loud


async def test_every_other_argument_is_taken(offline: Served) -> None:
    """Rule: voice by name or id, language, emotion, model and a file name, all in one call."""
    result = await offline.call(
        "text_to_speech",
        LEGACY,
        transcript='Bonjour. <break time="300ms"/> Voilà <spell>AB1</spell>.',
        voice=KATIE.upper(),
        language="fr",
        emotion="Happy",
        model="sonic-3.6",
        filename="../été: a/b?.mp3",
    )
    told = said(result)
    assert told["voice_id"] == KATIE
    path = path_of(result)
    assert path.parent == offline.home.out
    assert path.suffix == ".mp3"
    assert "été" in path.name
    assert not set('/\\:?*"<>|') & set(path.name)


async def test_a_name_is_never_used_twice(offline: Served) -> None:
    """Rule: a file is never replaced; the next one gets a number."""
    paths = [
        path_of(await offline.call("text_to_speech", transcript=f"Take {number}.", filename="take"))
        for number in range(3)
    ]
    assert [path.name for path in paths] == ["take.mp3", "take (2).mp3", "take (3).mp3"]


async def test_word_times_are_a_file_that_fits_the_sound(offline: Served) -> None:
    """Rule: timestamps give a JSON file: the words in order, in seconds, within the recording."""
    result = await offline.call("text_to_speech", transcript=SENTENCE, format="flac", timestamps=True)
    told = said(result)
    words = json_at(told["words_path"])["words"]
    assert [re.sub(r"\W", "", word["word"]) for word in words] == re.findall(r"\w+", SENTENCE)
    starts = [word["start_s"] for word in words]
    assert starts == sorted(starts)
    assert all(0 <= word["start_s"] < word["end_s"] <= told["duration_s"] + 0.05 for word in words)
    assert [link.mime_type for link in links(result)] == ["audio/flac", "application/json"]


async def test_long_text_is_one_file_with_all_its_words(long_spoken: CallToolResult) -> None:
    """Rule: text beyond one request is split and joined: every word is there once, in order, at its time."""
    told = said(long_spoken)
    words = json_at(told["words_path"])["words"]
    assert [re.sub(r"\W", "", word["word"]) for word in words] == re.findall(r"\w+", LONG)
    starts = [word["start_s"] for word in words]
    assert starts == sorted(starts)
    assert words[-1]["end_s"] <= told["duration_s"] + 0.05
    assert words[-1]["end_s"] > told["duration_s"] - 1
    assert soundfile.info(path_of(long_spoken)).duration == pytest.approx(told["duration_s"], abs=0.01)


async def test_long_text_is_joined_without_clicks_or_gaps(offline: Served, long_spoken: CallToolResult) -> None:
    """Rule: at joints the wave makes no jump that speech does not make, and no silence lasts a second."""
    one_piece = await offline.call("text_to_speech", transcript=LONG[:1150], format="wav")
    natural, _ = samples_of(path_of(one_piece))
    samples, sample_rate = samples_of(path_of(long_spoken))
    assert largest_jump(samples) <= 1.3 * largest_jump(natural)
    assert largest_jump_out_of_quiet(samples) <= 1.3 * largest_jump_out_of_quiet(natural)
    loud = np.flatnonzero(np.abs(samples) > 0.003)
    assert np.diff(loud).max() / sample_rate < 1.0
    assert loud[0] / sample_rate < 0.5


def largest_jump(samples: NDArray[np.float32]) -> float:
    return float(np.abs(np.diff(samples)).max())


def largest_jump_out_of_quiet(samples: NDArray[np.float32]) -> float:
    """The largest step from one sample to the next where 10 ms around it are below -40 dBFS: what a click is."""
    energy = np.cumsum(np.square(samples, dtype=np.float64))
    level = np.sqrt((energy[441:] - energy[:-441]) / 441)
    return float(np.abs(np.diff(samples))[220:-220][level < 0.01].max())


async def test_long_text_tells_how_far_it_is(offline: Served) -> None:
    """Rule: progress is reported all along, and only grows."""
    heard: list[tuple[float, float | None]] = []

    async def on_progress(done: float, total: float | None, _: str | None) -> None:
        heard.append((done, total))

    for era in ERAS:
        heard.clear()
        async with offline.client(era) as client:
            arguments = {"transcript": LONG[:2000], "format": "wav"}
            result = await client.call_tool("text_to_speech", arguments, progress_callback=on_progress)
        assert not result.is_error
        assert len(heard) >= 2
        assert [done for done, _ in heard] == sorted(done for done, _ in heard)
        assert all(total and done <= total for done, total in heard)


@pytest.mark.parametrize(
    "transcript",
    ["24/7 support", "Launch 🚀 today 👍🏽", "Hello." + "\n" * 10_000 + "Goodbye.", "שלום and good morning", "A\0B\0C",
     "\ufeffHello\u200b there\u2028friend", "<b>bold</b> & 3 < 4", "e\u0301te\u0301", "日本 and Tokyo", "a" * 3000,
     "<spell>" + "AB" * 900 + "</spell> Done."],
    ids=["slash", "emoji", "newlines", "right to left", "nul", "invisible", "html", "combining", "cjk", "no blanks",
         "long spelling"],
)  # fmt: skip
async def test_odd_text_is_spoken(offline: Served, transcript: str) -> None:
    """Rule: whatever people paste works."""
    result = await offline.call("text_to_speech", transcript=transcript)
    assert said(result)["duration_s"] > 0.3


@pytest.mark.parametrize("transcript", ["", " \n\t", "\0", "...", '<break time="1s"/>', "<spell></spell>", "\u200b"])
async def test_text_with_nothing_to_say_is_refused(offline: Served, transcript: str) -> None:
    """Rule: empty text, blank text and text of only tags are refused, and leave no file."""
    before = offline.home.files()
    refused(await offline.call("text_to_speech", transcript=transcript))
    assert offline.home.files() == before


# transcribe


def converted(source: Path, target: Path, codec: str) -> Path:
    """The recording in another container, as a phone or a browser would record it."""
    samples, sample_rate = samples_of(source)
    rate = 48000 if codec == "libopus" else sample_rate
    with av.open(str(target), "w") as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(
            format=stream.format, layout="mono", rate=rate, frame_size=stream.frame_size or 1024
        )
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis, :], format="flt", layout="mono")
        frame.sample_rate = sample_rate
        for block in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(block))
        out.mux(stream.encode(None))
    return target


@pytest.fixture(scope="session")
async def recording(offline: Served) -> Path:
    """Something clear to be heard."""
    return path_of(await offline.call("text_to_speech", transcript=COUNT, format="wav", filename="count"))


@pytest.mark.parametrize(
    ("extension", "codec"), [("wav", ""), ("mp3", "libmp3lame"), ("m4a", "aac"), ("mp4", "aac"), ("webm", "libopus"),
                             ("flac", "flac"), ("ogg", "libopus")]
)  # fmt: skip
async def test_what_people_record_is_heard(offline: Served, recording: Path, extension: str, codec: str) -> None:
    """Rule: m4a, mp4 and webm work as wav and mp3 do."""
    source = offline.home.root / f"memo.{extension}"
    if codec:
        converted(recording, source, codec)
    else:
        shutil.copyfile(recording, source)
    told = said(await offline.call("transcribe", audio=str(source)))
    assert told["text"] == COUNT
    assert told["whole"] is True
    assert told["duration_s"] == pytest.approx(soundfile.info(recording).duration, abs=0.2)


async def test_a_recording_is_named_in_many_ways(home: Home) -> None:
    """Rule: a path, ~, a file:// address, a bare name, or the audio:// id of a result, with or without its ending."""
    heard = data({"type": "transcript", "text": "Hello."})
    async with serve_scripted(home, routes={"POST /stt": heard}) as (served, upstream):
        uri = said(result := await served.call("text_to_speech", transcript="Hello.", format="wav"))["uri"]
        path = path_of(result)
        names = (str(path), path.as_uri(), path.name, uri, uri.rpartition(".")[0], f"  {path}\n")
        for name in names:
            assert said(await served.call("transcribe", audio=name))["text"] == "Hello."
        uploads = [request.files["file"].sha256 for request in upstream.requests_to("/stt")]
        assert uploads == [hashlib.sha256(path.read_bytes()).hexdigest()] * len(names)


@pytest.mark.parametrize("kind", ["srt", "vtt", "json"])
async def test_subtitles_are_files(offline: Served, recording: Path, kind: str) -> None:
    """Rule: SRT, VTT and word times are files, and the text is told too."""
    result = await offline.call("transcribe", LEGACY, audio=str(recording), format=kind)
    told = said(result)
    path = Path(told["path"])
    content = text_at(told["path"])
    assert path.suffix == f".{kind}"
    assert links(result)[0].uri == told["uri"]
    assert "three four" in content
    if kind == "json":
        fields = json.loads(content)
        assert {"text", "language", "duration_s", "words"} <= fields.keys()
        assert fields["words"][0].keys() == {"word", "start_s", "end_s"}
    else:
        assert content.startswith("WEBVTT\n\n" if kind == "vtt" else "1\n00:00:0")
        assert re.search(r"00:00:0\d[.,]\d{3} --> 00:00:0\d[.,]\d{3}\n", content)


async def test_a_long_recording_is_heard_in_parts(offline: Served, recording: Path) -> None:
    """Rule: a recording of minutes is cut at pauses, told in order, with times that go on."""
    one, rate = samples_of(recording)
    silence = np.zeros(rate * 55, np.float32)  # quick to recognise
    source = offline.home.root / "meeting.wav"
    soundfile.write(source, np.concatenate([one, silence] * 3), rate)
    messages: list[str] = []

    async def on_progress(_: float, __: float | None, message: str | None) -> None:
        messages.append(message or "")

    async with offline.client() as client:
        result = await client.call_tool(
            "transcribe", {"audio": str(source), "format": "json"}, progress_callback=on_progress
        )
    told = said(result)
    words = json_at(told["path"])["words"]
    threes = [word["start_s"] for word in words if word["word"] == "three"]
    assert len(threes) == 3
    for start_s, number in zip(threes, range(3), strict=True):
        assert start_s == pytest.approx(threes[0] + number * (len(one) / rate + 55), abs=0.3)
    assert any("minutes" in message for message in messages)


# list_voices


async def test_voices_are_found_by_what_a_person_knows(offline: Served, era: str) -> None:
    """Rule: query, language, accent and gender narrow the list, alone and together."""
    every = said(await offline.call("list_voices", era, limit=100))["voices"]
    assert len([voice for voice in every if (voice.get("locale") or "").startswith("en")]) >= 8
    men = said(await offline.call("list_voices", era, gender="male", limit=100))["voices"]
    assert men
    assert all(voice["gender"] == "masculine" for voice in men)
    french = said(await offline.call("list_voices", era, language="fr"))["voices"]
    assert french
    british = said(await offline.call("list_voices", era, accent="British", language="en"))["voices"]
    assert british
    assert all(voice["locale"] == "en-GB" for voice in british)
    katie = said(await offline.call("list_voices", era, query="katie"))["voices"]
    assert KATIE in [voice["id"] for voice in katie]
    nobody = await offline.call("list_voices", era, query="zzzzzz")
    assert said(nobody)["voices"] == []
    assert "No voice" in first_text(nobody)


@pytest.mark.parametrize("filters", [{}, {"accent": "american"}])
async def test_pages_of_voices_add_up(offline: Served, filters: dict[str, Any]) -> None:
    """Rule: next_cursor leads on until there is no more; nothing is told twice or left out."""
    whole = [voice["id"] for voice in said(await offline.call("list_voices", limit=100, **filters))["voices"]]
    got: list[str] = []
    cursor = None
    for _ in range(60):
        page = said(await offline.call("list_voices", limit=3, cursor=cursor, **filters))
        got += [voice["id"] for voice in page["voices"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert len(set(got)) == len(got)
    assert got[: len(whole)] == whole


# clone_voice, localize_voice, infill


async def test_a_clone_speaks_at_once_and_after_a_restart(tmp_path: Path, offline: Served, recording: Path) -> None:
    """Rule: a clip becomes a voice, listed as one's own, usable by name, and known to the next process."""
    home = Home(tmp_path / "home")
    clip = home.root / "me.m4a"
    converted(recording, clip, "aac")
    async with serve(home) as served:
        made = await served.call("clone_voice", audio=str(clip), name="Ada of Test", language="en", description="Calm")
        voice_id = said(made)["voice_id"]
        assert voice_id in first_text(made)
        assert said(made)["notices"], "a clone confesses that it is approximate"
        mine = said(await served.call("list_voices", mine=True))["voices"]
        assert [(voice["id"], voice["mine"]) for voice in mine] == [(voice_id, True)]
        result = await served.call("text_to_speech", transcript="Hello.", voice="ada of test")
        assert said(result)["voice_id"] == voice_id
        french = await served.call("localize_voice", voice=voice_id, language="fr")
        assert said(french)["language"].startswith("fr")
        british = await served.call("localize_voice", LEGACY, voice="Ada of Test", accent="british", name="Ada GB")
        assert said(british)["name"] == "Ada GB"
    async with serve(home) as served:
        result = await served.call("text_to_speech", transcript="Bonjour.", voice=said(french)["voice_id"])
        assert said(result)["voice_id"] == said(french)["voice_id"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"voice": "Katie"}, "`language` or `accent`"),
        ({"voice": "Katie", "accent": "martian"}, "No accent answers"),
        ({"voice": "Katie", "language": "xx"}, "no language 'xx'"),
        ({"voice": "Nobody at All", "language": "fr"}, "no voice named"),
        ({"voice": "00000000-0000-4000-8000-000000000000", "language": "fr"}, "no voice with the id"),
    ],
)
async def test_localizing_into_nothing_is_refused(offline: Served, arguments: dict[str, str], expected: str) -> None:
    """Rule: one of language and accent is needed, and it must exist, as must the voice."""
    assert expected in refused(await offline.call("localize_voice", **arguments))


async def test_infill_fits_between_two_clips(offline: Served, recording: Path, spoken: CallToolResult) -> None:
    """Rule: with join the file is before, new words, after; without, the new words alone."""
    uri = said(spoken)["uri"]
    before_s, after_s = soundfile.info(recording).duration, said(spoken)["duration_s"]
    both = {"before": str(recording), "after": uri}
    alone = said(await offline.call("infill", transcript="and then", format="wav", **both))
    joined = said(await offline.call("infill", LEGACY, transcript="and then", format="wav", join=True, **both))
    assert alone["duration_s"] < 3
    assert joined["duration_s"] == pytest.approx(before_s + joined["words_duration_s"] + after_s, abs=0.15)
    assert joined["words_start_s"] == pytest.approx(before_s, abs=0.1)
    assert soundfile.info(joined["path"]).duration == pytest.approx(joined["duration_s"], abs=0.1)
    samples, rate = samples_of(Path(joined["path"]))
    for joint_s in (joined["words_start_s"], joined["words_start_s"] + joined["words_duration_s"]):
        near = samples[int((joint_s - 0.03) * rate) : int((joint_s + 0.03) * rate)]
        assert np.abs(np.diff(near)).max() < 0.2


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize(("name", "joined"), [("mulaw_8000", False), ("mp3", True), ("ogg", False)])
async def test_infill_fits_to_one_clip(home: Home, side: str, name: str, joined: bool) -> None:
    """Rule: one side is enough, and it is sent as that side, in every format."""
    (home.root / "clip.wav").write_bytes(wav(2.0, 16000))
    async with serve_scripted(home) as (served, upstream):
        told = said(await served.call("infill", transcript="then", format=name, join=joined, **{side: "clip.wav"}))
        (request,) = upstream.requests_to("/infill/bytes")
        assert list(request.files) == ["left_audio" if side == "before" else "right_audio"]
        assert request.form["model_id"] == "sonic-3"
        assert told["duration_s"] == pytest.approx(2.5 if joined else 0.5, abs=0.1)
        assert told["words_start_s"] == pytest.approx(2.0 if joined and side == "before" else 0.0, abs=0.05)
        assert told["credits"] == 304


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"transcript": "and then"}, "Give `before`, `after`, or both"),
        ({"transcript": " "}, "no text to speak"),
        ({"transcript": "x " * 1000, "before": "sentence.wav"}, "too long to insert"),
        ({"transcript": "and then", "before": "missing.wav"}, "no file missing.wav"),
    ],
)
async def test_infill_without_what_it_needs_is_refused(
    offline: Served, spoken: CallToolResult, arguments: dict[str, str], expected: str
) -> None:
    """Rule: a recording and words are needed."""
    assert expected in refused(await offline.call("infill", **arguments))


# Results


async def test_a_result_tells_the_facts_first_and_never_the_spoken_text(offline: Served, era: str) -> None:
    """Rule: first block the facts, then the link, then typed data that fits the schema; the text is not echoed."""
    async with offline.client(era) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        result = await client.call_tool("text_to_speech", {"transcript": SENTENCE, "timestamps": True})
        told = said(result)
        for fact in (told["path"], told["voice"], "free", f"{told['duration_s']:.1f} s"):
            assert fact in first_text(result)
        assert [block.type for block in result.content] == ["text", "resource_link", "resource_link"]
        assert links(result)[0].uri == told["uri"]
        assert "neighbour" not in result.model_dump_json()
        check_schema(result, schemas["text_to_speech"])
        heard = await client.call_tool("transcribe", {"audio": told["uri"], "format": "srt"})
        check_schema(heard, schemas["transcribe"])
        check_schema(await client.call_tool("list_voices", {}), schemas["list_voices"])
        if era == MODERN:  # it takes seconds
            fitted = await client.call_tool("infill", {"transcript": "and then", "before": told["uri"]})
            check_schema(fitted, schemas["infill"])
        localized = await client.call_tool("localize_voice", {"voice": "Katie", "language": "fr", "name": "K"})
        check_schema(localized, schemas["localize_voice"])


async def test_the_synthetic_notice_is_said_once_and_the_others_each_time(home: Home) -> None:
    """Rule: that speech is synthetic is said in the first result of a process; what weakens a result, in each."""
    async with serve(home) as served:
        first = await served.call("text_to_speech", transcript="こんにちは。", language="ja")
        second = await served.call("text_to_speech", LEGACY, transcript="こんにちは。", language="ja")
        assert SYNTHETIC_NOTICE in said(first)["notices"]
        assert SYNTHETIC_NOTICE in first_text(first)
        assert SYNTHETIC_NOTICE not in said(second).get("notices", [])
        weak = [notice for notice in said(first)["notices"] if notice != SYNTHETIC_NOTICE]
        assert weak
        assert said(second)["notices"] == weak
        assert weak[0] in first_text(second)


async def test_a_long_transcript_is_a_file_with_its_beginning_told(home: Home) -> None:
    """Rule: whole up to 4,000 characters; beyond, a file, its beginning and a link."""
    (home.root / "talk.wav").write_bytes(wav(1.0, 16000))
    for length, is_whole in ((4000, True), (4001, False), (9000, False)):
        text = ("word " * 2000)[:length].strip().ljust(length, "d")
        async with serve_scripted(home, routes={"POST /stt": data({"type": "transcript", "text": text})}) as (
            served,
            _,
        ):
            result = await served.call("transcribe", audio=str(home.root / "talk.wav"))
        told = said(result)
        assert told["whole"] is is_whole
        if is_whole:
            assert told["text"] == text
            assert links(result) == []
            assert "path" not in told
        else:
            assert len(told["text"]) <= 4002
            assert told["text"].removesuffix(" …") == text[: len(told["text"]) - 2]
            assert text_at(told["path"]).strip() == text
            assert told["path"] in first_text(result)
            assert links(result)[0].mime_type == "text/plain"


# Resources


async def test_a_result_reads_back_also_after_a_restart(home: Home, tmp_path: Path) -> None:
    """Rule: audio:// and transcript:// ids read back with the right MIME type, from any later server."""
    async with serve(home) as served:
        kept: list[tuple[str, Path, str]] = []
        for name in ("mp3", "mulaw_8000", "raw"):
            result = await served.call("text_to_speech", transcript="Hello.", format=name, timestamps=name == "mp3")
            kept.append((said(result)["uri"], path_of(result), PRESETS[name].mime_type))
            if name == "mp3":
                kept.append((links(result)[1].uri, Path(said(result)["words_path"]), "application/json"))
                heard = await served.call("transcribe", audio=said(result)["uri"], format="vtt")
                kept.append((said(heard)["uri"], path_of(heard), "text/vtt"))
    async with serve(home) as served:
        for era in ERAS:
            async with served.client(era) as client:
                for uri, path, mime_type in kept:
                    (content,) = (await client.read_resource(uri)).contents
                    assert content.mime_type == mime_type
                    if uri.startswith("audio:"):
                        assert base64.b64decode(content.blob) == path.read_bytes()  # type: ignore[union-attr]
                    else:
                        assert content.text == text_at(path)  # type: ignore[union-attr]


async def test_a_resource_that_cannot_be_read_says_why(home: Home) -> None:
    """Rule: unknown ids, wrong endings and deleted files are named; more than 8 MB names its path instead."""
    async with serve(home) as served:
        result = await served.call("text_to_speech", transcript="Hello.", format="wav")
        uri, path = said(result)["uri"], path_of(result)
        for era in ERAS:
            async with served.client(era) as client:
                for wrong, why in (
                    (f"audio://{'0' * 32}.wav", "No file has the id"),
                    ("audio://x.wav", "No file has the id"),
                    (uri.replace(".wav", ".mp3"), "not a mp3 file"),
                    (uri.replace("audio:", "transcript:").replace(".wav", ".txt"), "it is audio://"),
                ):
                    with pytest.raises(MCPError, match=re.escape(why)) as caught:
                        await client.read_resource(wrong)
                    assert caught.value.error.code == -32602
        with path.open("ab") as file:
            file.write(bytes(8 * 1024 * 1024))
        async with served.client() as client:
            with pytest.raises(MCPError, match="too large") as caught:
                await client.read_resource(uri)
            assert str(path) in str(caught.value)
            path.unlink()
            with pytest.raises(MCPError, match="moved or deleted"):
                await client.read_resource(uri)


async def test_templates_name_each_format_with_its_type(offline: Served) -> None:
    """Rule: a template has one fixed MIME type, so there is one a format."""
    async with offline.client(MODERN) as client:
        templates = (await client.list_resource_templates()).resource_templates
    types = {template.uri_template: template.mime_type for template in templates}
    assert types["audio://{id}.mp3"] == "audio/mpeg"
    assert types["audio://{id}.wav"] == "audio/wav"
    assert types["transcript://{id}.srt"] == "application/x-subrip"
    assert all(template.mime_type for template in templates)
