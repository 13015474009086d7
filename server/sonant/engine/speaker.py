"""One voice speaking on and on: sentence after sentence, and sentences of which a part has been said already.

A part of a sentence is cut out of the whole: what is said early out of the sentence with more words behind it, so that
it does not sound like an end, what is said later out of the whole sentence, so that pitch and pace are those it would
have had if nothing had been said early. Both are joined where they are quiet, in step with the voice.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sonant.audio.pcm import Samples
from sonant.audio.splice import crossfade
from sonant.engine.emotions import prosody_of
from sonant.engine.espeak import SAMPLE_RATE, Speech
from sonant.engine.languages import Language
from sonant.engine.markup import Manner
from sonant.engine.pieces import Piece, TimedPhoneme, TimedWord
from sonant.engine.shaping import StreamFilter, Taps, filter_gain_db, filter_taps, flat_taps, limit, tilt_gain_db
from sonant.engine.text import Sentence
from sonant.engine.timbre import Timbre
from sonant.engine.timing import Timed
from sonant.errors import EngineError

_OVERLAP = round(0.010 * SAMPLE_RATE)
"""Frames over which the two parts of a sentence pass into each other: a period of the lowest voices."""
_REACH = round(0.012 * SAMPLE_RATE)
"""How far a joint may lie from where a word ends. Half of it is what times of words are off by (timing.py)."""
_STEP = round(0.002 * SAMPLE_RATE)
_IN_STEP = 0.5
"""Correlation from which two sounds count as one, whose amplitudes add up and not their powers."""


@dataclass(frozen=True)
class Stretch:
    """A sentence, of which the tokens from `first` up to `after` are to be said; the others have been, or are not to
    be: they only shape how it sounds."""

    sentence: Sentence
    first: int = 0
    after: int | None = None
    """None: to the end."""


@dataclass(frozen=True)
class Spoken:
    """What the synthesiser made of a whole sentence."""

    manner: Manner
    speech: Speech
    words: list[Timed]

    def edge_before(self, token: int) -> int:
        """Where the sound of the tokens before it ends; the pause there may be in front of it belongs to it."""
        start = next((word.start for word in self.words if word.token >= token), len(self.speech.samples))
        for ipa, frame in reversed(self.speech.phonemes):
            if frame < start:
                if ipa:
                    break
                start = frame
        return start


class Speaker:
    """The sound of one utterance so far: where it stands, and the filter that runs through it. Blocks for
    milliseconds: run it in a thread."""

    def __init__(self, timbre: Timbre, language: Language, voice_db: float) -> None:
        self.timbre = timbre
        self.language = language
        self.frames = 0
        """Said so far, whether or not the filter has let it out."""
        self._has_sound = False
        self._voice_db = voice_db
        self._fir = np.asarray(timbre.fir, np.float32) if timbre.fir else None
        self._filter = StreamFilter() if self._fir is not None else None
        self._taps: dict[float, Taps] = {}
        """By the tilt of an emotion."""
        self._last_taps = flat_taps()
        self._overlap = np.zeros(0, np.float32)
        """What follows the sound so far in the sentence it was cut out of."""
        self._shift = 0
        """How far that cut lies from where the words said end."""

    def say(self, spoken: Spoken, first: int = 0, after: int | None = None) -> Piece:
        """The tokens from `first` up to `after` of a sentence. See Stretch."""
        prosody = prosody_of(spoken.manner.emotion)
        gain_db = self._voice_db + prosody.level_db
        sentence = spoken.speech.samples * np.float32(spoken.manner.volume * 10 ** (gain_db / 20))
        before = np.zeros(0, np.float32) if first else self._faded_overlap()
        self._use(prosody.tilt_db)
        begin = self._joint(sentence, spoken.edge_before(first)) if first else 0
        end, shift = len(sentence), 0
        if after is not None:
            edge = spoken.edge_before(after)
            end = max(begin, _quietest(sentence, edge))
            shift = end - edge
        sound = sentence[begin:end]
        if first:
            sound = _joined(self._overlap, sound)
        self._overlap, self._shift = sentence[end : end + _OVERLAP], shift
        self._has_sound = self._has_sound or len(sound) > 0
        offset = self.frames + len(before) - begin
        words = tuple(
            TimedWord(word.word, (offset + word.start) / SAMPLE_RATE, (offset + min(word.end, end)) / SAMPLE_RATE)
            for word in spoken.words
            if word.token >= first and (after is None or word.token < after)
        )
        phonemes = tuple(_timed_phonemes(spoken.speech, offset, begin, end))
        return Piece(self._passed(np.concatenate([before, sound])), words, phonemes)

    def pause(self, duration_s: float) -> Iterator[Piece]:
        """Silence, at most a second at a time."""
        frames = round(duration_s * SAMPLE_RATE)
        for start in range(0, frames, SAMPLE_RATE):
            silence = np.zeros(min(SAMPLE_RATE, frames - start), np.float32)
            yield Piece(self._passed(np.concatenate([self._faded_overlap(), silence])))

    def finish(self) -> Piece | None:
        """What is left; None if nothing is.

        Raises:
            EngineError: all that was said made no sound.
        """
        if not self._has_sound:
            raise EngineError(f"The offline engine made no sound of that text in {self.language.name}.")
        rest = self._passed(self._faded_overlap())
        if self._filter is not None:
            rest = np.concatenate([rest, limit(self._filter.finish())])
        return Piece(rest) if len(rest) else None

    def _joint(self, sentence: Samples, edge: int) -> int:
        """Where the sentence is best entered around that frame: in step with what is to pass into it."""
        at = max(0, edge + self._shift)
        overlap = self._overlap
        if not len(overlap) or not overlap.any():
            return at
        starts = range(max(0, at - _REACH), min(at + _REACH, len(sentence) - len(overlap)) + 1)
        if not starts:
            return at
        return max(starts, key=lambda start: _likeness(overlap, sentence[start : start + len(overlap)]))

    def _faded_overlap(self) -> Samples:
        overlap, self._overlap = self._overlap, np.zeros(0, np.float32)
        return (overlap * np.linspace(1, 0, len(overlap), dtype=np.float32)).astype(np.float32)

    def _use(self, tilt_db: float) -> None:
        """Have the next sound filtered as an emotion needs it. A filter that does nothing yet is not there: what it
        would have given is what went in."""
        if tilt_db and self._filter is None:
            self._filter = StreamFilter()
        if self._filter is not None:
            if tilt_db not in self._taps:
                self._taps[tilt_db] = _taps_of(self._fir, tilt_db)
            self._last_taps = self._taps[tilt_db]

    def _passed(self, samples: Samples) -> Samples:
        self.frames += len(samples)
        return limit(self._filter.feed(samples, self._last_taps) if self._filter else samples)


def _quietest(samples: Samples, near: int) -> int:
    """The frame near another with the least sound around it."""
    starts = range(max(0, near - _REACH), min(near + _REACH, len(samples)) + 1, _STEP // 2)
    power = np.square(samples)
    return min(starts, key=lambda at: float(power[max(0, at - _STEP) : at + _STEP].sum()) + abs(at - near) * 1e-9)


def _joined(overlap: Samples, sound: Samples) -> Samples:
    frames = min(len(overlap), len(sound))
    if not frames:
        return sound
    if _likeness(overlap[:frames], sound[:frames]) < _IN_STEP:
        return crossfade(overlap[:frames], sound, frames)
    rising = np.linspace(0, 1, frames, dtype=np.float32)
    return np.concatenate([overlap[:frames] * (1 - rising) + sound[:frames] * rising, sound[frames:]])


def _likeness(one: Samples, other: Samples) -> float:
    """-1 to 1."""
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norm if norm > 1e-6 else 0.0


def _taps_of(fir: Taps | None, tilt_db: float) -> Taps:
    if not tilt_db:
        return flat_taps() if fir is None else fir
    gain_db = tilt_gain_db(tilt_db)
    return filter_taps(gain_db if fir is None else gain_db + filter_gain_db(fir))


def _timed_phonemes(speech: Speech, offset: int, begin: int, end: int) -> Iterator[TimedPhoneme]:
    ends = [frame for _, frame in speech.phonemes[1:]] + [len(speech.samples)]
    for (ipa, start), stop in zip(speech.phonemes, ends, strict=False):
        if ipa and begin <= start < max(end, begin + 1):
            yield TimedPhoneme(ipa, (offset + start) / SAMPLE_RATE, (offset + min(max(start, stop), end)) / SAMPLE_RATE)
