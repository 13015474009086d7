"""Speech to text: a recording of any length becomes a transcript, in bounded memory."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Literal, cast

import anyio
import anyio.to_thread
import numpy as np

from sonant.api_client.client import APIClient, Upload
from sonant.audio.codec import Encoder, decode_blocks, probe
from sonant.audio.formats import MIME_TYPES, AudioFormat
from sonant.audio.pcm import Samples
from sonant.library.index import Entry
from sonant.library.inputs import OpenedFile
from sonant.wire import stt
from sonant.wire.costs import transcription_credits
from sonant.wire.languages import base_of
from sonant.workflows import subtitles
from sonant.workflows.jobs import Progress
from sonant.workflows.state import State
from sonant.workflows.tasks import task_group
from sonant.workflows.voices import language_of

TranscriptFormat = Literal["text", "srt", "vtt", "json"]

WHOLE_S = 150.0
"""Seconds up to which a recording is sent as it is; a longer one is cut at pauses, so that progress can be told."""
PART_S = 120.0
SEARCH_S = 20.0
"""Seconds before a part's end within which the quietest moment is looked for."""
SHOWN_CHARS = 4000
"""Characters of a transcript shown whole; a longer one becomes a file."""

_PART_FORMAT = AudioFormat("wav", 16000, "pcm_s16le")


@dataclass(frozen=True)
class TranscriptMade:
    """The text, and where its files are."""

    text: str
    """Whole, or its beginning where `entry` holds the rest."""
    whole: bool
    duration_s: float
    language: str | None
    credits: int
    notices: tuple[str, ...]
    word_count: int
    entry: Entry | None = None


@dataclass(frozen=True)
class _Part:
    file: BinaryIO
    start_s: float
    duration_s: float


async def transcribe(
    state: State, reference: str, language: str | None, kind: TranscriptFormat, progress: Progress
) -> TranscriptMade:
    """Transcribe a recording.

    Raises:
        SpeechError: the recording cannot be used, or the service failed.
    """
    spoken = language_of(language)
    await state.library.prepare()
    async with state.library.outputs.new_file("transcript", "part"):
        pass  # a file may be needed for what comes back: that there is a place for it is found out first
    async with state.library.open_audio(reference) as opened:
        info = await anyio.to_thread.run_sync(probe, opened.file)
        opened.file.seek(0)
        api = await state.api()
        if info.duration_s <= WHOLE_S and opened.extension in stt.CONTAINERS:
            progress.report(0, info.duration_s, "listening")
            upload = Upload(opened.file, f"recording.{opened.extension}", MIME_TYPES[opened.extension])
            heard = [(0.0, await _ask(api, upload, spoken, kind != "text", info.duration_s))]
        else:
            heard = await _by_parts(state, api, opened, spoken, kind != "text", info.duration_s, progress)
        return await _made(state, heard, info.duration_s, kind, opened.name, spoken)


async def _ask(
    api: APIClient, upload: Upload, language: str | None, word_times: bool, duration_s: float
) -> stt.Transcription:
    return await api.transcribe(
        upload,
        model=stt.DEFAULT_MODEL,
        language=base_of(language) if language else None,
        word_times=word_times,
        duration_s=duration_s,
    )


async def _by_parts(
    state: State,
    api: APIClient,
    opened: OpenedFile,
    language: str | None,
    word_times: bool,
    duration_s: float,
    progress: Progress,
) -> list[tuple[float, stt.Transcription]]:
    """Cut at quiet moments, ask for `concurrency` parts at once, keep order."""
    heard: dict[float, stt.Transcription] = {}
    slots = anyio.Semaphore(state.settings.concurrency)
    done_s = 0.0

    async def hear(part: _Part) -> None:
        nonlocal done_s
        try:
            with part.file:
                upload = Upload(part.file, "part.wav", "audio/wav")
                heard[part.start_s] = await _ask(api, upload, language, word_times, part.duration_s)
            done_s += part.duration_s
            progress.report(done_s, duration_s, f"heard {done_s / 60:.0f} of {duration_s / 60:.0f} minutes")
        finally:
            slots.release()

    progress.report(0, duration_s, "listening")
    parts = _parts(opened.file)
    async with task_group() as tasks:
        while True:
            await slots.acquire()  # before reading on, so that few parts exist at a time
            part = await anyio.to_thread.run_sync(partial(next, parts, None))
            if part is None:
                break
            tasks.start_soon(hear, part)
    return sorted(heard.items())


def _parts(file: BinaryIO) -> Iterator[_Part]:
    """The recording as wav files of about `PART_S` seconds, cut where it is quietest."""
    rate = _PART_FORMAT.sample_rate
    blocks = decode_blocks(file, sample_rate=rate)
    rest = np.zeros(0, np.float32)
    start = 0
    while True:
        part = cast(BinaryIO, tempfile.TemporaryFile(prefix="sonant-"))
        try:
            with Encoder(part, _PART_FORMAT) as encoder:
                encoder.write(rest)
                rest = _fill(encoder, blocks)
            part.seek(0)
        except BaseException:
            part.close()
            raise
        frames = encoder.frames_written
        if not frames:
            part.close()
            return
        yield _Part(part, start / rate, frames / rate)
        start += frames


def _fill(encoder: Encoder, blocks: Iterator[Samples]) -> Samples:
    """Write blocks up to the quietest moment near the part's end; what follows it. Holds no more than it looks at."""
    rate = _PART_FORMAT.sample_rate
    held = np.zeros(0, np.float32)
    for block in blocks:
        if encoder.frames_written < (PART_S - SEARCH_S) * rate:
            encoder.write(block)
            continue
        held = np.concatenate([held, block])
        if len(held) >= SEARCH_S * rate:
            cut = _quietest(held, rate)
            encoder.write(held[:cut])
            return held[cut:]
    encoder.write(held)
    return held[:0]


def _quietest(samples: Samples, rate: int) -> int:
    """The middle of the quietest 0.3 s, as a frame."""
    step = rate // 100
    count = len(samples) // step
    power = np.square(samples[: count * step].reshape(count, step)).mean(axis=1)
    window = np.convolve(power, np.ones(30), "valid")
    return (int(window.argmin()) + 15) * step


async def _made(
    state: State,
    heard: list[tuple[float, stt.Transcription]],
    duration_s: float,
    kind: TranscriptFormat,
    name: str,
    language: str | None,
) -> TranscriptMade:
    text = " ".join(part.text.strip() for _, part in heard if part.text.strip())
    words = [
        stt.TranscribedWord(word=word.word, start=word.start + offset_s, end=word.end + offset_s)
        for offset_s, part in heard
        for word in part.words or ()
    ]
    notices = tuple(dict.fromkeys(notice for _, part in heard for notice in part.notices or ()))
    told = next((part.language for _, part in heard if part.language), language)
    if kind in ("srt", "vtt") and text and not words:
        kind, notices = "text", (*notices, f"The speech service sent no word times, so there is no {kind} file.")
    entry = None
    if kind != "text" or len(text) > SHOWN_CHARS:
        stem = f"{name.rpartition('.')[0] or name} transcript"
        async with state.library.outputs.new_file(stem, "txt" if kind == "text" else kind) as draft:
            await draft.write(_content(kind, text, words, duration_s, told).encode())
            entry = await state.library.keep(draft, kind="transcript", duration_s=duration_s)
    return TranscriptMade(
        text=text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS].rsplit(" ", 1)[0] + " …",
        whole=len(text) <= SHOWN_CHARS,
        duration_s=duration_s,
        language=told,
        credits=transcription_credits(duration_s),
        notices=notices,
        word_count=len(text.split()),
        entry=entry,
    )


def _content(
    kind: TranscriptFormat, text: str, words: list[stt.TranscribedWord], duration_s: float, language: str | None
) -> str:
    if kind == "srt":
        return subtitles.srt(words)
    if kind == "vtt":
        return subtitles.vtt(words)
    if kind == "text":
        return text + "\n"
    listed = [{"word": w.word, "start_s": round(w.start, 3), "end_s": round(w.end, 3)} for w in words]
    fields = {"text": text, "language": language, "duration_s": round(duration_s, 3), "words": listed}
    return json.dumps(fields, ensure_ascii=False, indent=1)
