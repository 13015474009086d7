"""Text to speech: a transcript of any length becomes one file.

What fits one request asks for the final container and passes through byte for byte. What is split, timestamped or in a
container the wire lacks asks for raw pcm_s16le and is encoded here once.
"""

import json
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO, cast

import anyio
import anyio.from_thread
import anyio.to_thread

from sonant.api_client.client import APIClient
from sonant.audio.codec import Encoder, check_complete
from sonant.audio.formats import AudioFormat
from sonant.audio.pcm import decode_pcm
from sonant.audio.splice import Joiner
from sonant.errors import InputError
from sonant.library.index import Entry
from sonant.library.outputs import Draft
from sonant.wire import markup
from sonant.wire.controls import EMOTIONS
from sonant.wire.costs import speech_credits, with_trained_voice
from sonant.wire.tts import (
    CONTAINERS,
    Chunk,
    GenerationConfig,
    OutputFormat,
    SpeechRequest,
    StreamedSpeechRequest,
    Timestamps,
)
from sonant.wire.voices import Voice
from sonant.workflows import pronunciation, splitting
from sonant.workflows.jobs import Progress
from sonant.workflows.state import State
from sonant.workflows.tasks import task_group
from sonant.workflows.training import model_for
from sonant.workflows.voices import language_of, noticing_deletion, resolve

_BLOCK_FRAMES = 65536


@dataclass(frozen=True)
class SpeechOrder:
    """What to say, and how."""

    transcript: str
    audio_format: AudioFormat
    voice: str | None = None
    language: str | None = None
    speed: float | None = None
    volume: float | None = None
    emotion: str | None = None
    model: str | None = None
    pronunciation_dict_id: str | None = None
    timestamps: bool = False
    filename: str | None = None


@dataclass(frozen=True)
class Word:
    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class SpeechMade:
    """The file, and the facts about it."""

    entry: Entry
    voice: Voice
    credits: int
    notices: tuple[str, ...]
    words_entry: Entry | None = None
    """The file of word times, where asked for."""


@dataclass
class _Take:
    """One piece as it came back: raw samples in a temporary file, word times from its own start."""

    audio: BinaryIO
    words: list[Word] = field(default_factory=list)
    notices: tuple[str, ...] = ()


def check(order: SpeechOrder) -> SpeechOrder:
    """The order with a cleaned transcript and the wire's spelling of its language.

    Raises:
        InputError: there is nothing to say, or a value the API does not know.
    """
    transcript = splitting.clean(order.transcript)
    if not transcript:
        raise InputError("There is no text to speak.", hint="Give some text in `transcript`.")
    if not markup.has_speech(transcript):
        raise InputError(
            "The text holds only tags or punctuation, so nothing would be spoken.", hint="Add words to `transcript`."
        )
    if order.emotion is not None and order.emotion.strip().lower() not in EMOTIONS:
        raise InputError(
            f"There is no emotion {order.emotion[:40]!r}.", hint=f"Choose one of: {', '.join(EMOTIONS[:20])}, …"
        )
    emotion = order.emotion.strip().lower() if order.emotion else None
    return replace(order, transcript=transcript, language=language_of(order.language), emotion=emotion)


async def speak(state: State, order: SpeechOrder, progress: Progress) -> SpeechMade:
    """Speak the transcript into a new file.

    Raises:
        SpeechError: nothing was saved, and why.
    """
    order = check(order)
    voice = await resolve(state, order.voice, order.language)
    order = replace(order, pronunciation_dict_id=await pronunciation.id_of(state, order.pronunciation_dict_id))
    if voice.is_pro and order.model is None:
        order = replace(order, model=await model_for(state, voice, state.settings.model))
    await state.library.prepare()
    api = await state.api()
    pieces = splitting.split(order.transcript, order.language or voice.language)
    stem = order.filename or f"{voice.name or 'speech'} {datetime.now():%Y-%m-%d %H.%M.%S}"
    words_entry = None
    with noticing_deletion(state, voice):
        async with state.library.outputs.new_file(stem, order.audio_format.extension) as draft:
            if len(pieces) == 1 and not order.timestamps and order.audio_format.container in CONTAINERS:
                progress.report(0, 1, "speaking")
                notices = await _pass_through(api, _request(state, order, voice, order.transcript), draft)
                duration_s = await anyio.to_thread.run_sync(check_complete, draft.file, order.audio_format)
                words: list[Word] = []
            else:
                notices, words, duration_s = await _assemble(state, api, order, voice, pieces, draft, progress)
            if order.timestamps and not words:  # the sound is paid for: keep it
                notices = (*notices, "The speech service sent no word times.")
            entry = await state.library.keep(
                draft, kind="audio", audio_format=order.audio_format, duration_s=duration_s
            )
            if words:
                words_entry = await _keep_words(state, words, entry)
    credits = speech_credits(order.transcript)
    cost = with_trained_voice(credits) if voice.is_pro else credits
    return SpeechMade(entry, voice, cost, notices, words_entry)


def _request(state: State, order: SpeechOrder, voice: Voice, transcript: str) -> SpeechRequest:
    config = GenerationConfig(speed=order.speed, volume=order.volume, emotion=order.emotion)
    return SpeechRequest(
        model_id=order.model or state.settings.model,
        transcript=transcript,
        voice=voice.id,
        output_format=OutputFormat.of(order.audio_format),
        language=order.language,
        generation_config=config if config.to_wire() else None,
        pronunciation_dict_id=order.pronunciation_dict_id,
    )


async def _pass_through(api: APIClient, request: SpeechRequest, draft: Draft) -> tuple[str, ...]:
    async with api.speak(request) as body:
        async for chunk in body:
            await draft.write(chunk)
        return body.notices


async def _assemble(
    state: State,
    api: APIClient,
    order: SpeechOrder,
    voice: Voice,
    pieces: list[splitting.Piece],
    draft: Draft,
    progress: Progress,
) -> tuple[tuple[str, ...], list[Word], float]:
    """Generate the pieces, at most `concurrency` at once, and join them in order."""
    rate = order.audio_format.sample_rate
    joiner = Joiner(rate)
    words: list[Word] = []
    notices: dict[str, None] = {}
    with Encoder(draft.file, order.audio_format) as encoder:
        async with _Takes(state, api, order, voice, pieces) as takes:
            for index, piece in enumerate(pieces):
                progress.report(index, len(pieces), f"speaking part {index + 1} of {len(pieces)}")
                take = await takes(index)
                with take.audio:
                    await anyio.to_thread.run_sync(_append, joiner, encoder, take.audio, piece.pause_s)
                offset_s = joiner.offset_s
                words += [Word(w.word, w.start_s + offset_s, w.end_s + offset_s) for w in take.words]
                notices |= dict.fromkeys(take.notices)
            await anyio.to_thread.run_sync(lambda: encoder.write(joiner.finish()))
        duration_s = encoder.frames_written / rate
        await anyio.to_thread.run_sync(encoder.close)
    return tuple(notices), words, duration_s


def _append(joiner: Joiner, encoder: Encoder, audio: BinaryIO, pause_s: float) -> None:
    encoder.write(joiner.begin(pause_s))
    audio.seek(0)
    while block := audio.read(_BLOCK_FRAMES * 2):
        anyio.from_thread.check_cancelled()  # a minute of mp3 takes a second
        encoder.write(joiner.feed(decode_pcm(block, "pcm_s16le")))


class _Takes:
    """Runs the requests ahead of the joiner, keeping order and bounding both how many run and how many wait.

    Those are the bounds of one call; what all calls may run at once the client learns and queues for.
    """

    def __init__(
        self, state: State, api: APIClient, order: SpeechOrder, voice: Voice, pieces: list[splitting.Piece]
    ) -> None:
        self._state, self._api, self._order, self._voice, self._pieces = state, api, order, voice, pieces
        self._done: dict[int, _Take] = {}
        self._arrived = [anyio.Event() for _ in pieces]
        self._slots = anyio.Semaphore(state.settings.concurrency)
        self._ahead = anyio.Semaphore(state.settings.concurrency * 2)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "_Takes":
        self._tasks = await self._stack.enter_async_context(task_group())
        self._tasks.start_soon(self._run_all)
        return self

    async def __aexit__(self, *exc: object) -> bool | None:
        self._tasks.cancel_scope.cancel()
        try:
            return await self._stack.__aexit__(*exc)  # type: ignore[arg-type]
        finally:
            for take in self._done.values():
                take.audio.close()

    async def __call__(self, index: int) -> _Take:
        await self._arrived[index].wait()
        self._ahead.release()
        return self._done.pop(index)

    async def _run_all(self) -> None:
        for index in range(len(self._pieces)):
            await self._ahead.acquire()
            await self._slots.acquire()
            self._tasks.start_soon(self._run, index)

    async def _run(self, index: int) -> None:
        try:
            raw = AudioFormat("raw", self._order.audio_format.sample_rate, "pcm_s16le")
            order = replace(self._order, audio_format=raw)
            request = _request(self._state, order, self._voice, self._pieces[index].transcript)
            self._done[index] = await _take(self._api, request, self._order.timestamps)
            self._arrived[index].set()
        finally:
            self._slots.release()


async def _take(api: APIClient, request: SpeechRequest, timestamps: bool) -> _Take:
    take = _Take(cast(BinaryIO, tempfile.TemporaryFile(prefix="sonant-")))
    try:
        if timestamps:
            streamed = StreamedSpeechRequest(**dict(request), add_timestamps=True)
            async with api.speak_with_times(streamed) as events:
                async for event in events:
                    if isinstance(event, Chunk):
                        take.audio.write(event.audio_bytes)
                    elif isinstance(event, Timestamps):
                        times = event.word_timestamps
                        take.words += map(Word, times.words, times.start, times.end)
                take.notices = events.notices
        else:
            async with api.speak(request) as body:
                async for chunk in body:
                    take.audio.write(chunk)
                take.notices = body.notices
        await anyio.to_thread.run_sync(check_complete, take.audio, request.output_format.to_audio_format())
    except BaseException:
        take.audio.close()
        raise
    return take


async def _keep_words(state: State, words: list[Word], entry: Entry) -> Entry:
    listed = [{"word": w.word, "start_s": round(w.start_s, 3), "end_s": round(w.end_s, 3)} for w in words]
    text = json.dumps({"audio": entry.path.name, "words": listed}, ensure_ascii=False, indent=1)
    async with state.library.outputs.new_file(f"{entry.path.stem} words", "json") as draft:
        await draft.write(text.encode())
        return await state.library.keep(draft, kind="transcript", audio_format=None, duration_s=entry.duration_s)
