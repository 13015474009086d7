"""How near speech made of pieces of a text comes to the same text spoken whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sonant.audio.pcm import Samples
from sonant.audio.resample import resample
from sonant.engine.catalogue import catalogue
from sonant.engine.continuation import Continuation, Haste
from sonant.engine.languages import speakable
from sonant.engine.markup import Manner
from sonant.engine.pieces import Piece, TimedWord
from sonant.engine.profile import HOP_S, PROFILE_RATE, measure_spectrum, track_pitch_of_speaker
from sonant.engine.speaker import Stretch
from sonant.engine.synthesis import SAMPLE_RATE, Synthesiser, Utterance

KATIE = catalogue()["f786b574-daa5-4673-aa0c-cbe3e8534c02"].timbre


@dataclass(frozen=True)
class Take:
    """One rendering of a text."""

    samples: Samples
    words: tuple[TimedWord, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @cached_property
    def f0_hz(self) -> NDArray[np.float64]:
        """Every 10 ms; 0 where there is no voice."""
        at_16k = resample(self.samples, SAMPLE_RATE, PROFILE_RATE)
        return track_pitch_of_speaker(at_16k, measure_spectrum(at_16k)).f0_hz

    @property
    def spoken(self) -> list[str]:
        return [word.word for word in self.words]


@dataclass(frozen=True)
class Difference:
    duration: float
    """Of 1: 0.01 is a hundredth longer than the whole."""
    median_st: float
    """Semitones between the median pitches."""
    contour_st: float
    """Root mean square, semitones, frame by frame at the same place of the same word."""
    pauses: int
    """More than the whole has."""


async def whole(synthesiser: Synthesiser, text: str, language: str = "en") -> Take:
    return _take([piece async for piece in synthesiser.speak(Utterance(text, KATIE, language))])


async def in_pieces(
    synthesiser: Synthesiser, pieces: Sequence[str], haste: Haste = "sentences", language: str = "en"
) -> Take:
    """Each piece fed, and after it spoken what that haste lets be spoken."""
    text = Continuation(speakable(language), Manner())
    speaker = await synthesiser.speaker(KATIE, speakable(language))
    out: list[Piece] = []
    for index, piece in enumerate(pieces):
        text.feed(piece)
        for step in text.take("all" if index + 1 == len(pieces) else haste):
            if isinstance(step, Stretch):
                out.append(await synthesiser.say(step, speaker))
            else:
                out += speaker.pause(step.duration_s)
    rest = speaker.finish()
    return _take([*out, *([rest] if rest else [])])


async def apart(synthesiser: Synthesiser, pieces: Sequence[str], language: str = "en") -> Take:
    """Each piece as a request of its own, one after another: what continuation has to be better than."""
    takes = [await whole(synthesiser, piece, language) for piece in pieces]
    words, offset_s = [], 0.0
    for take in takes:
        words += [TimedWord(word.word, word.start_s + offset_s, word.end_s + offset_s) for word in take.words]
        offset_s += take.duration_s
    return Take(np.concatenate([take.samples for take in takes]), tuple(words))


def compare(one: Take, other: Take) -> Difference:
    """`one` is the whole. Pauses are silences of 80 ms."""
    f0, other_f0 = one.f0_hz, other.f0_hz
    starts = [0.0, *(word.start_s for word in one.words), one.duration_s]
    other_starts = [0.0, *(word.start_s for word in other.words), other.duration_s]
    times = np.arange(len(f0)) * HOP_S
    there = np.interp(times, starts, other_starts)
    matched = other_f0[np.clip(np.round(there / HOP_S).astype(int), 0, len(other_f0) - 1)]
    both = (f0 > 0) & (matched > 0)
    apart_st = 12 * np.log2(matched[both] / f0[both])
    return Difference(
        duration=other.duration_s / one.duration_s - 1,
        median_st=float(12 * np.log2(np.median(other_f0[other_f0 > 0]) / np.median(f0[f0 > 0]))),
        contour_st=float(np.sqrt(np.mean(apart_st**2))),
        pauses=_pauses(other) - _pauses(one),
    )


def _take(pieces: Sequence[Piece]) -> Take:
    samples = np.concatenate([piece.samples for piece in pieces])
    return Take(samples, tuple(word for piece in pieces for word in piece.words))


def _pauses(take: Take) -> int:
    block = SAMPLE_RATE // 100
    usable = len(take.samples) // block * block
    level = np.sqrt((take.samples[:usable].reshape(-1, block) ** 2).mean(axis=1))
    silent = "".join("_" if quiet else "x" for quiet in level < 10 ** (-50 / 20)).strip("_")
    return sum(len(run) >= 8 for run in silent.split("x"))
