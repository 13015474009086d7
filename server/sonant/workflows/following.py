"""Speech to text of a recording that is still being written, or comes through a pipe: heard as it comes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import anyio
import anyio.to_thread

from sonant.api_client.listening import ManualSocket
from sonant.audio.growing import GrowingSound
from sonant.audio.pcm import Samples, encode_pcm
from sonant.errors import APIError, AudioInputError, SpeechError
from sonant.library.inputs import LiveFile
from sonant.wire import stt
from sonant.wire.costs import listening_credits
from sonant.wire.languages import base_of
from sonant.workflows.jobs import Progress
from sonant.workflows.state import State
from sonant.workflows.tasks import task_group
from sonant.workflows.transcribing import SHOWN_CHARS, TranscriptFormat, TranscriptMade, made_of
from sonant.workflows.voices import language_of

QUIET_S = 5.0
"""A file that has not grown for so long is taken for finished."""
PIPE_QUIET_S = 120.0
"""The same of a pipe, which usually ends by being closed. The service hangs up after 180 (contract §5.5)."""

_SAMPLE_RATE = 16000
_LOOK_S = 0.1
_READ_BYTES = 64 * 1024
_TAIL_CHARS = 160
"""Of the words that progress tells."""


@dataclass
class _Hearing:
    """What has been heard so far."""

    progress: Progress
    heard_s: float = 0.0
    texts: list[str] = field(default_factory=list)
    words: list[stt.TranscribedWord] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    language: str | None = None
    chars: int = 0

    def take(self, event: stt.Transcript) -> None:
        if event.is_final:
            self.texts.append(event.text)
            self.words += event.words or ()
            self.language = event.language or self.language
        so_far = self._tail(SHOWN_CHARS, "" if event.is_final else event.text)
        self.progress.so_far = so_far
        words = so_far[-_TAIL_CHARS:].partition(" ")[2] if len(so_far) > _TAIL_CHARS else so_far
        self.progress.report(round(self.heard_s, 1), None, f"heard {self.heard_s:.0f} s: {words}".rstrip(": "))

    def _tail(self, chars: int, more: str) -> str:
        parts, count = [more], len(more)
        for text in reversed(self.texts):
            if count > chars:
                break
            parts.append(text)
            count += len(text)
        return "".join(reversed(parts)).strip()[-chars:]


async def transcribe_live(
    state: State, reference: str, language: str | None, kind: TranscriptFormat, progress: Progress
) -> TranscriptMade:
    """Follow a recording until it has stopped growing, or its pipe is closed.

    Raises:
        SpeechError: it cannot be followed, or the service failed before anything was heard.
    """
    spoken = language_of(language)
    await state.library.prepare()
    async with state.library.outputs.new_file("transcript", "part"):
        pass  # as for a finished one: that there is a place for the file is found out first
    hearing = _Hearing(progress)
    progress.report(0, None, "waiting for sound")
    async with state.library.open_live(reference) as live:
        sound = GrowingSound(live.name, _SAMPLE_RATE, is_pipe=live.is_pipe)
        blocks = _samples(live, sound)
        first = await anext(blocks, None)
        if first is None:
            raise AudioInputError(f"No sound came from {live.name}.", hint="Start the recording first.")
        if sound.headerless:
            encoding, rate = sound.headerless
            hearing.notices.append(f"Its samples have no header; they were taken for mono {encoding} at {rate} Hz.")
        api = await state.api()
        async with api.listen(
            encoding="pcm_s16le",
            sample_rate=_SAMPLE_RATE,
            model=stt.DEFAULT_MODEL,
            language=base_of(spoken) if spoken else None,
        ) as socket:
            await _hear(socket, first, blocks, hearing)
    told = stt.Transcription(
        text="".join(hearing.texts), words=hearing.words, language=hearing.language, notices=hearing.notices
    )
    credits = listening_credits(stt.DEFAULT_MODEL, hearing.heard_s)
    return await made_of(state, [(0.0, told)], hearing.heard_s, kind, live.name, spoken, credits)


async def _hear(socket: ManualSocket, first: Samples, blocks: AsyncIterator[Samples], hearing: _Hearing) -> None:
    """Send what comes and take what is heard, both at once. What was heard before a cut is kept."""

    async def send() -> None:
        await _send(socket, first, hearing)
        async for samples in blocks:
            await _send(socket, samples, hearing)
        await socket.close()

    try:
        async with task_group() as tasks:
            tasks.start_soon(send)
            async for event in socket:
                if isinstance(event, stt.Transcript):
                    hearing.take(event)
                elif isinstance(event, stt.Done):
                    hearing.notices += event.notices or ()
            tasks.cancel_scope.cancel()
    except SpeechError as error:
        if isinstance(error, AudioInputError) or not hearing.texts:
            raise
        why = error.message if isinstance(error, APIError) else "The connection was lost."
        hearing.notices.append(f"It ends after {hearing.heard_s:.0f} s: {why}")


async def _send(socket: ManualSocket, samples: Samples, hearing: _Hearing) -> None:
    await socket.send(encode_pcm(samples, "pcm_s16le"))
    hearing.heard_s += len(samples) / _SAMPLE_RATE


async def _samples(live: LiveFile, sound: GrowingSound) -> AsyncIterator[Samples]:
    """Everything from the file's beginning, then what is added to it."""
    async for audio_bytes in _growth(live, sound):
        samples = await anyio.to_thread.run_sync(sound.feed, audio_bytes)
        if len(samples):
            yield samples
    rest = sound.feed(b"")
    if len(rest):
        yield rest


async def _growth(live: LiveFile, sound: GrowingSound) -> AsyncIterator[bytes]:
    quiet_s = PIPE_QUIET_S if live.is_pipe else QUIET_S
    has_begun = False
    last = anyio.current_time()
    while not sound.is_whole:
        # None: the pipe is open and holds nothing; b"": the file's end as it is now, or nobody writes to the pipe.
        audio_bytes = await anyio.to_thread.run_sync(live.file.read, _READ_BYTES)
        if audio_bytes:
            has_begun = True
            last = anyio.current_time()
            yield audio_bytes
            continue
        if live.is_pipe and has_begun and audio_bytes == b"":
            return
        if anyio.current_time() - last >= quiet_s:
            return
        await anyio.sleep(_LOOK_S)
