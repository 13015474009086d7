"""A recording → the same words in another voice, stretch by stretch: bounded memory, and sound before the end is read."""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import anyio
import numpy as np
from anyio import to_thread

from sonant.audio.codec import decode_blocks
from sonant.audio.pcm import Samples
from sonant.engine.synthesis import SAMPLE_RATE, Synthesiser, Utterance
from sonant.engine.voices import EngineVoice
from sonant.engine.workbench import Workbench

if TYPE_CHECKING:
    from sonant.engine.pipes import Message

LEAST_RATE = 44_100
"""Hz. The least at which the work is done: a pitch mark's place is then exact enough for no roughness to be heard."""

_FIRST_S, _FIRST_MAX_S = 12.0, 60.0
"""Of sound in the stretch that all is measured by, and of it with its silences. More does not change the measure."""
_STRETCH_S = 12.0
_SEARCH_S = 4.0
"""Before a stretch's end, in which the quietest moment is looked for."""
_QUIET_S = 0.2
_CONTEXT_S = 0.1
"""Of its neighbours, which a stretch is shown."""
_JOINT_S = 0.01
_AUDIBLE_DBFS = -50.0

_PHRASE = (
    "The boy was there when the sun rose. A rod is used to catch pink salmon. We find joy in the simplest things, and "
    "the source of the huge river is the clear spring. Help the woman get back to her feet."
)
_LIKENESSES_KEPT = 64

APPROXIMATE = (
    "The voice was changed by signal processing on this machine: pitch, formants and brightness are the new voice's; "
    "accent, timing and delivery stay the speaker's, and one speaker without music is taken for granted."
)


class Likenesses:
    """What each voice sounds like, measured once."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Message] = OrderedDict()

    async def of(self, voice: EngineVoice, synthesiser: Synthesiser, bench: Workbench) -> "Message":
        """Have it say a few sentences, and measure them.

        Raises:
            EngineError: it could not speak.
        """
        key = repr(voice.timbre)
        if key not in self._known:
            said = [piece.samples async for piece in synthesiser.speak(Utterance(_PHRASE, voice.timbre, "en-US"))]
            self._known[key], _ = await bench.run("liken", {"sample_rate": SAMPLE_RATE}, [np.concatenate(said)])
            while len(self._known) > _LIKENESSES_KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


@dataclass(frozen=True)
class Stretch:
    """A part of a recording, cut where it is quiet, with a little of its neighbours."""

    samples: Samples
    before: int
    after: int
    """Frames of the neighbours at both ends."""


class Change:
    """One recording on its way into another voice.

    Args:
        clip: the recording; stays open as long as the change is used.
        sample_rate: Hz of the sound that comes out, LEAST_RATE or more.
        threads: where it is decoded.
    """

    def __init__(self, clip: BinaryIO, sample_rate: int, threads: anyio.CapacityLimiter) -> None:
        self.sample_rate = sample_rate
        self.frames = 0
        """Of the recording, as far as it was changed."""
        self.notices: tuple[str, ...] = (APPROXIMATE,)
        self._threads = threads
        self._stretches = stretches(clip, sample_rate)
        self._first: Stretch | None = None
        self._plan: Message = {}

    async def open(self) -> None:
        """Read the beginning.

        Raises:
            AudioInputError: it is no audio, or there is no sound in it.
        """
        self._first = await self._next()

    async def prepare(self, bench: Workbench, likeness: "Message") -> None:
        """Find what is to be done. The bench is used by nobody else from here on.

        Raises:
            AudioInputError: silence, noise, or too little speech.
            EngineError: the process failed.
        """
        assert self._first is not None
        self._bench = bench
        details = {"sample_rate": self.sample_rate, "target": likeness}
        found, _ = await bench.run("plan", details, [self._first.samples])
        self._plan = found["plan"]
        self.notices += tuple(found["notices"])

    async def sound(self) -> AsyncGenerator[Samples, None]:
        """Float32, shape (frames,): together as long as the recording. Nothing is made ahead of what was taken.

        Raises:
            AudioInputError: the recording is damaged further on.
        """
        half = round(_JOINT_S * self.sample_rate / 2)
        held = np.zeros(0, np.float32)
        stretch = self._first
        while stretch is not None:
            details = {"sample_rate": self.sample_rate, "plan": self._plan}
            _, (changed,) = await self._bench.run("convert", details, [stretch.samples])
            self.frames += len(changed) - stretch.before - stretch.after
            start = stretch.before - half if stretch.before else 0
            end = len(changed) - stretch.after + half if stretch.after else len(changed)
            part = changed[start:end]
            if len(held):
                fade = (np.arange(2 * half, dtype=np.float32) + 0.5) / (2 * half)
                part[: 2 * half] = held * (1 - fade) + part[: 2 * half] * fade
            held = part[len(part) - 2 * half :] if stretch.after else part[:0]
            yield part[: len(part) - len(held)]
            stretch = await self._next()

    async def _next(self) -> Stretch | None:
        return await to_thread.run_sync(partial(next, self._stretches, None), limiter=self._threads)


def stretches(clip: BinaryIO, sample_rate: int) -> Iterator[Stretch]:
    """A recording cut at quiet moments, the first part being long enough to be measured.

    Raises:
        AudioInputError: as decode_blocks.
    """
    context = round(_CONTEXT_S * sample_rate)
    held = np.zeros(0, np.float32)
    before, sounding_s, is_first = 0, 0.0, True
    for block in decode_blocks(clip, sample_rate=sample_rate):
        held = np.concatenate([held, block])
        sounding_s += _sounding_s(block, sample_rate)
        whole = max(sounding_s >= _FIRST_S, len(held) >= _FIRST_MAX_S * sample_rate) if is_first else True
        if whole and len(held) >= _STRETCH_S * sample_rate:
            cut = _quietest(held, sample_rate)
            yield Stretch(held[: cut + context], before, context)
            held, before, is_first = held[cut - context :], context, False
    yield Stretch(held, before, 0)


def _quietest(held: Samples, sample_rate: int) -> int:
    """The middle of the quietest moment near the end, as a frame; a little follows it."""
    step = sample_rate // 100
    start = len(held) - round(_SEARCH_S * sample_rate)
    searched = held[start:]
    count = len(searched) // step
    power = np.square(searched[: count * step].reshape(count, step)).mean(axis=1)
    moment = round(_QUIET_S * 100)
    return start + (int(np.convolve(power, np.ones(moment), "valid").argmin()) + moment // 2) * step


def _sounding_s(block: Samples, sample_rate: int) -> float:
    step = sample_rate // 100
    count = len(block) // step
    power = np.square(block[: count * step].reshape(count, step)).mean(axis=1)
    return float((power > 10 ** (_AUDIBLE_DBFS / 10)).sum() / 100)
