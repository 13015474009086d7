"""When each word is said, from the synthesiser's events, which leave some words out."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sonant.engine.espeak import Speech
from sonant.engine.text import is_sayable


@dataclass(frozen=True)
class Written:
    """A word and where it stands in the text the synthesiser was given."""

    word: str
    start: int
    end: int
    token: int
    """Which of the sentence's tokens it is, or is a part of."""


@dataclass(frozen=True)
class Timed:
    word: str
    token: int
    start: int
    """Frames from the start of the sentence."""
    end: int


def split_at_events(written: Sequence[Written], text: str, speech: Speech) -> list[Written]:
    """For scripts without spaces: every event starts a word of its own."""
    words: list[Written] = []
    for chunk in written:
        inside = sorted({position for position, _ in speech.words if chunk.start < position < chunk.end})
        edges = [chunk.start, *inside, chunk.end]
        if inside:
            words += [Written(text[a:b].strip(), a, b, chunk.token) for a, b in pairwise(edges)]
        else:
            words.append(chunk)
    return words


class WordTimes:
    """The times of one sentence's words.

    espeak-ng says "of the" as one word with one event. Words without an event share the time of the run they were
    merged into, in proportion to how many sounds each has alone (`lacking` says which; median error 15 ms).
    """

    def __init__(self, written: Sequence[Written], speech: Speech) -> None:
        self._speech = speech
        self._words: list[Written] = []
        self._starts: list[int | None] = []
        for word in written:
            # The first of several: numbers, symbols and emoji give more, with odd positions.
            frames = [frame for position, frame in speech.words if word.start <= position < word.end]
            if frames or is_sayable(word.word):
                self._words.append(word)
                self._starts.append(frames[0] if frames else None)
        if self._starts and self._starts[0] is None:
            self._starts[0] = 0

    @property
    def lacking(self) -> list[str]:
        """The words whose own sounds have to be counted, repaired and those they were merged with."""
        return [word.word for first, after in self._runs() for word in self._words[first:after]]

    def resolve(self, ipa: Mapping[str, str]) -> list[Timed]:
        """All words, in order, none left out. `ipa` is how each lacking word sounds alone."""
        starts = [start or 0 for start in self._starts]
        for first, after in self._runs():
            begin = starts[first]
            end = starts[after] if after < len(starts) else len(self._speech.samples)
            sounds = [frame for name, frame in self._speech.phonemes if name and begin <= frame < end]
            counts = [_count_sounds(ipa.get(word.word, "")) for word in self._words[first:after]]
            passed = 0
            for index, count in enumerate(counts):
                share = passed / sum(counts)
                if index:
                    nth = min(round(share * len(sounds)), len(sounds) - 1)
                    starts[first + index] = sounds[nth] if sounds else round(begin + (end - begin) * share)
                passed += count
        return [Timed(word.word, word.token, *self._extent(starts, index)) for index, word in enumerate(self._words)]

    def _runs(self) -> list[tuple[int, int]]:
        """Index ranges: a word with a time, then those without."""
        runs = []
        index = 1
        while index < len(self._starts):
            if self._starts[index] is not None:
                index += 1
                continue
            first = index - 1
            while index < len(self._starts) and self._starts[index] is None:
                index += 1
            runs.append((first, index))
        return runs

    def _extent(self, starts: Sequence[int], index: int) -> tuple[int, int]:
        start = starts[index]
        following = starts[index + 1] if index + 1 < len(starts) else len(self._speech.samples)
        end = start
        for (name, frame), (_, after) in pairwise([*self._speech.phonemes, ("", following)]):
            if name and start <= frame < following:
                end = min(after, following)
        return start, end if end > start else max(start, following)


def _count_sounds(ipa: str) -> int:
    return max(1, sum(unicodedata.category(character)[0] == "L" for character in ipa if character not in "ˈˌː"))
