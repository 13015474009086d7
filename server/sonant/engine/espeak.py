"""The speech library, from our side of the pipe: a few worker processes, started when first needed."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio

from sonant.audio.pcm import Samples, decode_pcm
from sonant.engine import espeak_worker
from sonant.engine.pipes import PipeProcess, WorkerDiedError, worker_environment
from sonant.errors import EngineError, EngineUnavailableError

SAMPLE_RATE = 22050
"""Hz. The only one espeak-ng has."""
SSML, PHONEMES = 0x10, 0x100
"""Flags of a text: it holds our markup; it holds [[phonemes]]."""

_RATE, _VOLUME, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7
_SLOWEST_WPM, _FASTEST_WPM = 80, 450
_PACE_PIVOT_WPM, _PACE_EXPONENT = 170.0, 1.09
"""espeak changes its pace less than asked (in English, German most). With this, 0.6 to 1.5 come out within 5 %."""
_VOLUME_UNCLIPPED = 50
"""Louder, espeak's own output clips: klatt voices from 65 on. Our gain comes after."""
_ANSWER_LIMIT_S = 20.0
"""A sentence takes milliseconds; whatever takes this long has hung."""


@dataclass(frozen=True)
class Speech:
    """What the library made of one text."""

    samples: Samples
    """float32 in [-1, 1], shape (frames,), 22050 Hz."""
    words: tuple[tuple[int, int], ...]
    """(position, frame): a word begins. Positions count characters of the text from 0."""
    phonemes: tuple[tuple[str, int], ...]
    """(IPA, frame): a sound begins. Empty IPA is a pause."""


def request_speech(language: str, voice: str, text: str, *, wpm: float, flags: int = 0) -> dict[str, Any]:
    """Every parameter on every request: the library keeps what the last one set."""
    rate = _PACE_PIVOT_WPM * (wpm / _PACE_PIVOT_WPM) ** _PACE_EXPONENT
    rate = min(_FASTEST_WPM, max(_SLOWEST_WPM, round(rate)))
    parameters = {_RATE: rate, _VOLUME: _VOLUME_UNCLIPPED, _PITCH: 50, _RANGE: 50, _WORD_GAP: 0}
    return {"language": language, "voice": voice, "text": text, "flags": flags, "parameters": parameters}


def read_speech(reply: Mapping[str, Any], audio_bytes: bytes) -> Speech:
    words, phonemes = [], []
    for kind, position, frame, ipa in reply["events"]:
        if kind == espeak_worker.EVENT_WORD:
            words.append((position - 1, frame))
        elif not ipa.startswith("("):  # "(en)": the library says that it switches language
            phonemes.append((ipa, frame))
    return Speech(decode_pcm(audio_bytes, "pcm_s16le"), tuple(words), tuple(phonemes))


def worker_command() -> list[str]:
    """What to run. `-I -S`: nothing of the surroundings reaches the process.

    Raises:
        EngineUnavailableError: the library is not installed here.
    """
    try:
        import espeakng_loader

        library_path, data_folder = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    except (ImportError, OSError, RuntimeError):
        raise EngineUnavailableError(
            "The embedded engine cannot speak here: its speech library (espeakng-loader) is missing.",
            hint="Reinstall Sonant with pip on glibc Linux, macOS or Windows, or set CARTESIA_API_KEY.",
        ) from None
    return [sys.executable, "-I", "-S", str(Path(espeak_worker.__file__)), str(library_path), str(data_folder)]


class EspeakPool:
    """Answers requests in up to `workers` processes. One that dies is replaced, and its sentence asked once more."""

    def __init__(self, workers: int = 2) -> None:
        self._slots = anyio.Semaphore(workers)
        self._idle: list[PipeProcess] = []
        self._busy: set[PipeProcess] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def speak(self, language: str, voice: str, text: str, *, wpm: float, flags: int = 0) -> Speech:
        """Say one sentence.

        Args:
            language: a file below espeak's `lang` folder.
            voice: voice file lines of the speaker.
            text: at most a few hundred characters, with nothing of the caller's left as markup.
            wpm: words per minute, held to 80…450.

        Raises:
            EngineError: it cannot be said, twice.
        """
        return read_speech(*await self._ask(request_speech(language, voice, text, wpm=wpm, flags=flags)))

    async def phonemes(self, language: str, texts: list[str]) -> list[str]:
        """IPA of each text, as that language reads it; `[[names]]` are read as phoneme names."""
        reply, _ = await self._ask({"language": language, "phonemes": texts})
        spoken: list[str] = reply["phonemes"]
        return spoken

    async def aclose(self) -> None:
        """End every process; what is being asked fails."""
        self._closed = True
        while self._idle or self._busy:
            worker = self._idle.pop() if self._idle else self._busy.pop()
            await worker.stop()

    async def _ask(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        try:
            reply, audio = await self._ask_once(request)
        except WorkerDiedError:
            try:
                reply, audio = await self._ask_once(request, fresh=True)
            except WorkerDiedError:
                raise EngineError(
                    "The offline engine failed on a sentence, twice.",
                    hint="Reword the text: long runs of dots, symbols or phonemes are the likely cause.",
                ) from None
        if "error" in reply:
            raise EngineError(f"The offline engine could not speak: {reply['error']}.")
        return reply, audio

    async def _ask_once(self, request: Mapping[str, Any], *, fresh: bool = False) -> tuple[dict[str, Any], bytes]:
        async with self._worker(fresh) as worker:
            return await worker.exchange(request, within_s=_ANSWER_LIMIT_S)

    async def _start(self) -> PipeProcess:
        return await PipeProcess.start(worker_command(), worker_environment(), ready_within_s=_ANSWER_LIMIT_S)

    @asynccontextmanager
    async def _worker(self, fresh: bool) -> AsyncIterator[PipeProcess]:
        """A worker to oneself. One whose request did not finish, cancelled or not, is ended and not used again.

        `fresh`: not one that was idle, as all of them may have been killed meanwhile.
        """
        async with self._slots:
            if self._closed:
                raise EngineUnavailableError("The offline engine has been closed.")
            if fresh and self._idle:
                await self._idle.pop().stop()
            worker = self._idle.pop() if self._idle and not fresh else await self._start()
            self._busy.add(worker)
            try:
                yield worker
            except BaseException:
                self._busy.discard(worker)
                await worker.stop()
                raise
            self._busy.discard(worker)
            if self._closed:
                await worker.stop()
            else:
                self._idle.append(worker)
