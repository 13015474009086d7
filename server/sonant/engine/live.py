"""Speech heard while it is spoken: first guesses at once, the careful reading at each pause.

A worker is taken for a stretch of speech and given back at its end, so that a socket on which nobody speaks costs
none. What it knows of the microphone goes along from one to the next.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from sonant.audio.pcm import Samples
from sonant.engine.endpointing import Piece, Stretches, Swing
from sonant.engine.hearing import is_speech
from sonant.engine.pipes import PipeProcess, WorkerDiedError
from sonant.engine.recognition import RecognisedWord, Recogniser, Terms, written
from sonant.engine.sphinx_worker import SAMPLE_RATE

_ANSWER_LIMIT_S = 60.0
"""The careful reading of the longest stretch takes ten on a busy machine; whatever takes this long has hung."""
_FIRST_CHECK_S = 1.5
"""Seconds of a stretch after which it is first read with care before it has ended; then whenever it has doubled, so
that all of these readings together cost no more than two of the whole."""
_EDGE_WORDS = 2
"""The last words of an unfinished stretch may still become others."""
_USUAL_CONFIDENCE = 0.7
"""Of right words. First guesses have none of their own."""

Read = tuple[str, float, float, float]
"""Word, start_s, end_s, confidence; times from the start of the stretch."""


@dataclass(frozen=True)
class Heard:
    """What is known after some more sound. Seconds from the start of all sound."""

    at_s: float
    """How much sound there was."""
    ended: tuple[tuple[RecognisedWord, ...], ...] = ()
    """The stretches that ended with it and in which somebody spoke."""
    guess: tuple[RecognisedWord, ...] = ()
    """The stretch that is open; any of it may still change."""
    sure: tuple[RecognisedWord, ...] = ()
    """Its beginning, as far as it will not; only if asked for."""
    guess_s: float = 0.0
    """How long that stretch is."""


class Ear:
    """One live source. Use as an async context manager: leaving ends what it is in the middle of.

    Args:
        terms: words to expect; see keyterms.py.
        names: how the words of `terms` are written.
        is_sure: whether the beginning of an open stretch is to be settled before it ends, for more work.
    """

    def __init__(
        self, recogniser: Recogniser, terms: Terms = (), names: dict[str, str] | None = None, *, is_sure: bool = False
    ) -> None:
        self._recogniser = recogniser
        self._terms, self._names = terms, names or {}
        self._is_sure = is_sure
        self._stretches = Stretches()
        self._open: _Open | None = None
        self._cmn: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._let_go(GeneratorExit())

    @property
    def heard_s(self) -> float:
        return self._stretches.heard_s

    async def feed(self, samples: Samples) -> Heard:
        """Take the next sound: float32, mono, 16 kHz, shape (frames,), 0.1 s or so.

        Raises:
            EngineUnavailableError: no recogniser here.
            EngineError: the worker died; the stretch is lost, the next sound is heard again.
        """
        return await self._hear(await self._recogniser.in_thread(self._stretches.feed, samples))

    async def flush(self) -> Heard:
        """The stretch that is open ends here. Errors as those of `feed`."""
        return await self._hear(self._stretches.flush())

    async def _hear(self, pieces: list[Piece]) -> Heard:
        ended = []
        try:
            for piece in pieces:
                if piece.start_s is not None or self._open is None:
                    await self._begin(piece.start_s)
                if words := await self._go_on(piece):
                    ended.append(words)
        except WorkerDiedError as error:
            await self._let_go(error)
            raise
        heard = Heard(self.heard_s, tuple(ended))
        if self._open is None:
            return heard
        guess = self._written(self._open.guess, is_whole=False) if self._open.is_likely else ()
        return replace(
            heard, guess=guess, sure=self._written(self._open.sure, is_whole=False), guess_s=self._open.length_s
        )

    async def _begin(self, start_s: float | None) -> None:
        lease = AsyncExitStack()
        first = {"do": "open", "cmn": self._cmn}
        worker = await lease.enter_async_context(self._recogniser.live_worker(first, self._terms))
        self._open = _Open(worker, lease, self.heard_s if start_s is None else start_s)

    async def _go_on(self, piece: Piece) -> tuple[RecognisedWord, ...]:
        """The words of the stretch, if it has ended."""
        stretch = self._open
        assert stretch is not None
        if piece.audio_bytes:
            await stretch.hear(piece.audio_bytes)
        if not piece.is_last:
            if self._is_sure and stretch.length_s >= stretch.check_at_s:
                await stretch.check()
            return ()
        words, self._cmn = await stretch.shut()
        written_words = self._written(words)
        self._open = None
        await stretch.lease.aclose()
        return written_words

    def _written(self, words: list[Read], *, is_whole: bool = True) -> tuple[RecognisedWord, ...]:
        start_s = self._open.start_s if self._open else 0.0
        named = [
            (self._names.get(word, word), round(start_s + begin, 3), round(start_s + end, 3), confidence)
            for word, begin, end, confidence in words
        ]
        return written(named, is_whole=is_whole)

    async def _let_go(self, why: BaseException) -> None:
        """End the worker in the middle of its stretch."""
        if self._open is not None:
            lease, self._open = self._open.lease, None
            await lease.__aexit__(type(why), why, None)


class _Open:
    """A stretch that is being spoken, and the worker that reads it."""

    def __init__(self, worker: PipeProcess, lease: AsyncExitStack, start_s: float) -> None:
        self.lease = lease
        self.start_s = start_s
        self.length_s = 0.0
        self.check_at_s = _FIRST_CHECK_S
        self.guess: list[Read] = []
        self.sure: list[Read] = []
        self._worker = worker
        self._swing = Swing()

    async def hear(self, audio_bytes: bytes) -> None:
        self.length_s += len(audio_bytes) / 2 / SAMPLE_RATE
        self._swing.add(audio_bytes)
        reply, _ = await self._worker.exchange({"do": "hear"}, audio_bytes, within_s=_ANSWER_LIMIT_S)
        self.guess = reply["words"]

    async def check(self) -> None:
        self.check_at_s = 2 * self.length_s
        reply, _ = await self._worker.exchange({"do": "check"}, within_s=_ANSWER_LIMIT_S)
        if self._is_speech(reply["words"]):
            self.sure = _continued(self.sure, reply["words"][:-_EDGE_WORDS])

    async def shut(self) -> tuple[list[Read], str | None]:
        """All of its words, none if nobody spoke; and what the next worker should know of the microphone."""
        reply, _ = await self._worker.exchange({"do": "shut"}, within_s=_ANSWER_LIMIT_S)
        words = _continued(self.sure, reply["words"]) if self._is_speech(reply["words"]) else self.sure
        return words, reply["cmn"]

    @property
    def is_likely(self) -> bool:
        """Whether the first guess is likely to be speech."""
        return is_speech([_USUAL_CONFIDENCE] * len(self.guess), self.length_s, self._swing.db)

    def _is_speech(self, words: list[Read]) -> bool:
        return is_speech([confidence for *_, confidence in words], self.length_s, self._swing.db)


def _continued(sure: list[Read], words: list[Read]) -> list[Read]:
    """What was settled, and what another reading has after it."""
    if [word for word, *_ in words[: len(sure)]] == [word for word, *_ in sure]:
        return words
    end_s = sure[-1][2]
    return sure + [word for word in words if (word[1] + word[2]) / 2 > end_s]
