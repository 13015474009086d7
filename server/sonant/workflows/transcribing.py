"""Speech to text: a recording of any length becomes a transcript, in bounded memory."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Literal

import anyio
import anyio.to_thread

from sonant.api_client.client import APIClient, Upload
from sonant.audio.codec import probe
from sonant.audio.formats import MIME_TYPES, AudioFormat
from sonant.library.index import Entry
from sonant.library.inputs import OpenedFile
from sonant.wire import stt
from sonant.wire.costs import transcription_credits
from sonant.wire.languages import base_of
from sonant.workflows import subtitles
from sonant.workflows.jobs import Progress
from sonant.workflows.parts import Part, parts_of
from sonant.workflows.state import State
from sonant.workflows.tasks import task_group
from sonant.workflows.voices import language_of

TranscriptFormat = Literal["text", "srt", "vtt", "json"]

WHOLE_S = 150.0
"""Seconds up to which a recording is sent as it is; a longer one is cut at pauses, so that progress can be told."""
PART_S = 120.0
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
        return await made_of(state, heard, info.duration_s, kind, opened.name, spoken)


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

    async def hear(part: Part) -> None:
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
    parts = parts_of(opened.file, _PART_FORMAT, PART_S)
    async with task_group() as tasks:
        while True:
            await slots.acquire()  # before reading on, so that few parts exist at a time
            part = await anyio.to_thread.run_sync(partial(next, parts, None))
            if part is None:
                break
            tasks.start_soon(hear, part)
    return sorted(heard.items())


async def made_of(
    state: State,
    heard: list[tuple[float, stt.Transcription]],
    duration_s: float,
    kind: TranscriptFormat,
    name: str,
    language: str | None,
    credits: int | None = None,
) -> TranscriptMade:
    """The transcript of parts that were heard, each with where it begins, in seconds; in a file where one is due."""
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
        credits=transcription_credits(duration_s) if credits is None else credits,
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
