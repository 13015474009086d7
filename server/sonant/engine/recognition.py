"""Speech to text on this machine: English, in worker processes, in bounded memory."""

import importlib.util
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeVar
from weakref import WeakKeyDictionary

import anyio
from anyio import to_thread

from sonant.audio.codec import decode_blocks
from sonant.audio.pcm import Samples
from sonant.engine import sphinx_worker
from sonant.engine.hearing import Preparation, is_speech
from sonant.engine.pipes import Message, PipeProcess, WorkerDiedError, worker_environment
from sonant.engine.spoken_text import as_sentence
from sonant.errors import EngineUnavailableError

T = TypeVar("T")

SAMPLE_RATE = sphinx_worker.SAMPLE_RATE
"""Hz. The only one the acoustic model knows."""

_READY_LIMIT_S = 60.0
_ANSWER_LIMIT_S = 120.0
"""A second of sound takes 0.2 s, the end of a long stretch a few; whatever takes this long has hung."""
_IDLE_S = 60.0
"""A worker holds 150 MB and loads in half a second: worth keeping between requests, not for good."""
_LIVE_PER_WORKER = 4
"""A second of live speech takes 0.25 s of a core."""

Terms = tuple[tuple[str, str], ...]
"""Words a worker learned beyond its dictionary: name, phones."""


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

    Live speech, which comes no faster than it is spoken, has four times as many: they share the cores.

    Use as an async context manager: leaving ends them all. Cancelling a call ends its process.
    """

    def __init__(self, workers: int = 2, *, idle_s: float = _IDLE_S) -> None:
        self._slots = anyio.Semaphore(workers)
        self._live_slots = anyio.Semaphore(_LIVE_PER_WORKER * workers)
        self._most = workers + _LIVE_PER_WORKER * workers
        self._threads = anyio.CapacityLimiter(workers)
        self._idle: list[PipeProcess] = []
        self._busy: set[PipeProcess] = set()
        self._learned: WeakKeyDictionary[PipeProcess, Terms] = WeakKeyDictionary()
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

    def check_available(self) -> None:
        """
        Raises:
            EngineUnavailableError: no recogniser here.
        """
        if not self.available():
            raise EngineUnavailableError(
                "Recognition on this computer needs pocketsphinx, which exists for Python 3.11, 3.12 and 3.13 on glibc "
                f"Linux, macOS and Windows; this is Python {sys.version_info.major}.{sys.version_info.minor} without it.",
                hint="Run Sonant with Python 3.13, or set CARTESIA_API_KEY.",
            )

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
        async with self._worker(self._slots, {"do": "begin"}) as worker:
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

    def live_worker(self, first: Message, terms: Terms = ()) -> AbstractAsyncContextManager[PipeProcess]:
        """A worker to oneself for one stretch of live speech; see live.py."""
        return self._worker(self._live_slots, first, terms)

    async def in_thread(self, function: Callable[[Samples], T], samples: Samples) -> T:
        """Arithmetic on sound, beside the event loop."""
        return await to_thread.run_sync(function, samples, limiter=self._threads)

    @asynccontextmanager
    async def _worker(
        self, slots: anyio.Semaphore, first: Message, terms: Terms = ()
    ) -> AsyncGenerator[PipeProcess, None]:
        """A worker to oneself, asked `first`. One that did not finish its work is ended and not used again."""
        async with slots:
            worker = await self._begin(first, terms)
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

    async def _begin(self, first: Message, terms: Terms) -> PipeProcess:
        """Any idle worker that still lives and knows just these terms, else a new one."""
        while True:
            if self._closed:
                raise EngineUnavailableError("The offline engine has been closed.")
            worker = next((idle for idle in reversed(self._idle) if self._learned.get(idle, ()) == terms), None)
            is_new = worker is None
            if worker is None:
                if self._idle and len(self._idle) + len(self._busy) >= self._most:
                    await self._idle.pop(0).stop()
                worker = await self._start(terms)
            else:
                self._idle.remove(worker)
            try:
                await worker.exchange(first, within_s=_READY_LIMIT_S)
            except WorkerDiedError:
                await worker.stop()
                if is_new:
                    raise
            except BaseException:
                await worker.stop()
                raise
            else:
                return worker

    async def _start(self, terms: Terms) -> PipeProcess:
        self.check_available()
        packages_folder = _packages_folder()
        worker_file = str(Path(sphinx_worker.__file__))
        command = [sys.executable, "-I", worker_file, str(packages_folder), str(self._idle_s)]
        try:
            worker = await PipeProcess.start(command, worker_environment(), ready_within_s=_READY_LIMIT_S)
        except WorkerDiedError:
            raise EngineUnavailableError(
                "The recogniser (pocketsphinx) is installed but does not start.", hint="Reinstall Sonant."
            ) from None
        if terms:
            try:
                await worker.exchange({"do": "learn", "terms": terms}, within_s=_READY_LIMIT_S)
            except BaseException:
                await worker.stop()
                raise
            self._learned[worker] = terms
        return worker


def _next_block(blocks: Iterator[Samples]) -> Samples | None:
    return next(blocks, None)


def _packages_folder() -> Path | None:
    """Where pocketsphinx is installed; None where it is not. Told to the worker, which sees no PYTHONPATH."""
    spec = importlib.util.find_spec("pocketsphinx")
    return Path(spec.origin).parent.parent if spec and spec.origin else None


def _spoken(reply: Message) -> Iterator[tuple[RecognisedWord, ...]]:
    for stretch in reply["stretches"]:
        words = stretch["words"]
        if is_speech([confidence for *_, confidence in words], stretch["length_s"], stretch["swing_db"]):
            yield written(words)


def written(words: Sequence[tuple[str, float, float, float]], *, is_whole: bool = True) -> tuple[RecognisedWord, ...]:
    """The words of a stretch as they stand in a text; one that is not whole has no full stop yet."""
    forms = as_sentence([word for word, *_ in words], is_whole=is_whole)
    return tuple(
        RecognisedWord(form, start_s, end_s, confidence)
        for form, (_, start_s, end_s, confidence) in zip(forms, words, strict=True)
    )
