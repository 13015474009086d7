"""Speech to text on this machine: English, in worker processes, in bounded memory."""

import importlib.util
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import anyio
from anyio import to_thread

from sonant.audio.codec import decode_blocks
from sonant.audio.pcm import Samples
from sonant.engine import sphinx_worker
from sonant.engine.hearing import Preparation, is_speech
from sonant.engine.pipes import Message, PipeProcess, WorkerDiedError, worker_environment
from sonant.engine.spoken_text import as_sentence
from sonant.errors import EngineUnavailableError

SAMPLE_RATE = sphinx_worker.SAMPLE_RATE
"""Hz. The only one the acoustic model knows."""

_READY_LIMIT_S = 60.0
_ANSWER_LIMIT_S = 120.0
"""A second of sound takes 0.2 s, the end of a long stretch a few; whatever takes this long has hung."""
_IDLE_S = 60.0
"""A worker holds 150 MB and loads in half a second: worth keeping between requests, not for good."""


@dataclass(frozen=True)
class RecognisedWord:
    word: str
    """As it stands in the text, with its capital and full stop."""
    start_s: float
    end_s: float
    confidence: float
    """0 to 1; right words have 0.7 on average, wrong ones 0.3."""


@dataclass(frozen=True)
class Recognition:
    """What was understood. The words joined by spaces are the text; both are empty where nobody speaks."""

    text: str
    words: tuple[RecognisedWord, ...]
    duration_s: float
    """Of the recording, not of the speech in it."""


class Recogniser:
    """Recognises in up to `workers` processes, started on demand; one that is idle for `idle_s` ends.

    Use as an async context manager: leaving ends them all. Cancelling a call ends its process.
    """

    def __init__(self, workers: int = 2, *, idle_s: float = _IDLE_S) -> None:
        self._slots = anyio.Semaphore(workers)
        self._threads = anyio.CapacityLimiter(workers)
        self._idle: list[PipeProcess] = []
        self._busy: set[PipeProcess] = set()
        self._idle_s = idle_s
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def available(self) -> bool:
        """Whether pocketsphinx, which has no wheel for some Pythons and machines, is here."""
        return _packages_folder() is not None

    async def transcribe(self, file: BinaryIO, on_progress: Callable[[float], None] | None = None) -> Recognition:
        """Recognise a recording of any length.

        Args:
            file: seekable, any container audio.codec reads; not closed. Nobody else may use it meanwhile.
            on_progress: called with the seconds heard so far, once a second of sound or so.

        Raises:
            AudioInputError: not audio, or damaged.
            EngineUnavailableError: no recogniser here.
            EngineError: the worker died, twice.
        """
        try:
            return await self._transcribe_file(file, on_progress)
        except WorkerDiedError:
            return await self._transcribe_file(file, on_progress)

    async def transcribe_blocks(self, blocks: AsyncIterator[Samples]) -> Recognition:
        """Recognise sound as it comes: float32 mono blocks in [-1, 1], 16 kHz, of about a second or less.

        Raises:
            EngineUnavailableError: no recogniser here.
            EngineError: the worker died; what it had heard cannot be sent again.
        """
        return await self._collect(blocks, None)

    async def listen(self, blocks: AsyncIterator[Samples]) -> AsyncGenerator[tuple[RecognisedWord, ...], None]:
        """The words of each stretch of speech, soon after the pause that ends it. Close it to stop.

        Arguments and errors are those of transcribe_blocks.
        """
        async with self._worker() as worker:
            preparation = Preparation()
            async for samples in blocks:
                audio_bytes = await to_thread.run_sync(preparation.run, samples, limiter=self._threads)
                reply, _ = await worker.exchange({"do": "feed"}, audio_bytes, within_s=_ANSWER_LIMIT_S)
                for words in _spoken(reply):
                    yield words
            reply, _ = await worker.exchange({"do": "end"}, within_s=_ANSWER_LIMIT_S)
            for words in _spoken(reply):
                yield words

    async def aclose(self) -> None:
        """End every process; what is being recognised fails."""
        self._closed = True
        while self._idle or self._busy:
            worker = self._idle.pop() if self._idle else self._busy.pop()
            await worker.stop()

    async def _transcribe_file(self, file: BinaryIO, on_progress: Callable[[float], None] | None) -> Recognition:
        rest = decode_blocks(file, sample_rate=SAMPLE_RATE)
        first = await to_thread.run_sync(next, rest, limiter=self._threads)  # no worker for what is not audio
        async with aclosing(self._decoded(first, rest)) as blocks:
            return await self._collect(blocks, on_progress)

    async def _decoded(self, block: Samples | None, rest: Iterator[Samples]) -> AsyncGenerator[Samples, None]:
        while block is not None:
            yield block
            block = await to_thread.run_sync(_next_block, rest, limiter=self._threads)

    async def _collect(
        self, blocks: AsyncIterator[Samples], on_progress: Callable[[float], None] | None
    ) -> Recognition:
        frames = 0

        async def counted() -> AsyncGenerator[Samples, None]:
            nonlocal frames
            async for samples in blocks:
                yield samples
                frames += len(samples)
                if on_progress is not None:
                    on_progress(frames / SAMPLE_RATE)

        words: list[RecognisedWord] = []
        async with aclosing(counted()) as source, aclosing(self.listen(source)) as stretches:
            async for stretch in stretches:
                words += stretch
        return Recognition(" ".join(word.word for word in words), tuple(words), frames / SAMPLE_RATE)

    @asynccontextmanager
    async def _worker(self) -> AsyncGenerator[PipeProcess, None]:
        """A worker to oneself, at the start of a recording. One that did not finish it is ended and not used again."""
        async with self._slots:
            worker = await self._begin()
            self._busy.add(worker)
            try:
                yield worker
            except BaseException:  # cancelled and closed too: it is in the middle of something
                self._busy.discard(worker)
                await worker.stop()
                raise
            self._busy.discard(worker)
            if self._closed:
                await worker.stop()
            else:
                self._idle.append(worker)

    async def _begin(self) -> PipeProcess:
        """Any idle worker that still lives, else a new one."""
        while True:
            if self._closed:
                raise EngineUnavailableError("The offline engine has been closed.")
            is_new = not self._idle
            worker = await self._start() if is_new else self._idle.pop()
            try:
                await worker.exchange({"do": "begin"}, within_s=_READY_LIMIT_S)
            except WorkerDiedError:
                await worker.stop()
                if is_new:
                    raise
            except BaseException:
                await worker.stop()
                raise
            else:
                return worker

    async def _start(self) -> PipeProcess:
        packages_folder = _packages_folder()
        if packages_folder is None:
            raise EngineUnavailableError(
                "Recognition on this computer needs pocketsphinx, which exists for Python 3.11, 3.12 and 3.13 on "
                f"glibc Linux, macOS and Windows; this is Python {sys.version_info.major}.{sys.version_info.minor} "
                "without it.",
                hint="Run Sonant with Python 3.13, or set CARTESIA_API_KEY.",
            )
        worker_file = str(Path(sphinx_worker.__file__))
        command = [sys.executable, "-I", worker_file, str(packages_folder), str(self._idle_s)]
        try:
            return await PipeProcess.start(command, worker_environment(), ready_within_s=_READY_LIMIT_S)
        except WorkerDiedError:
            raise EngineUnavailableError(
                "The recogniser (pocketsphinx) is installed but does not start.", hint="Reinstall Sonant."
            ) from None


def _next_block(blocks: Iterator[Samples]) -> Samples | None:
    return next(blocks, None)


def _packages_folder() -> Path | None:
    """Where pocketsphinx is installed; None where it is not. Told to the worker, which sees no PYTHONPATH."""
    spec = importlib.util.find_spec("pocketsphinx")
    return Path(spec.origin).parent.parent if spec and spec.origin else None


def _spoken(reply: Message) -> Iterator[tuple[RecognisedWord, ...]]:
    for stretch in reply["stretches"]:
        words = stretch["words"]
        confidences = [confidence for *_, confidence in words]
        if is_speech(confidences, stretch["length_s"], stretch["swing_db"]):
            forms = as_sentence([word for word, *_ in words])
            yield tuple(
                RecognisedWord(form, start_s, end_s, confidence)
                for form, (_, start_s, end_s, confidence) in zip(forms, words, strict=True)
            )
