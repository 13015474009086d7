"""When somebody's turn begins and ends, judged from what the recogniser hears. Source: contract §5.4."""

import math
from dataclasses import dataclass
from typing import Literal

from sonant.engine.live import Heard
from sonant.engine.recognition import RecognisedWord
from sonant.wire.stt import TurnSettings

_ONSET_S = 0.15
_HALF_LIFE_S = 0.5
_UNFINISHED_FACTOR = 2.5
_GUESS_LAG_S = 0.6
"""The first guess knows a word about so long after it was said."""

_OPEN_ENDS = frozenset(
    "a an the my your our their its and or but nor if when while because although than as of to at for from with without "
    "into between i we they he she been would should must may might could very um uh er".split()
)
"""Words with which few sentences end."""

Kind = Literal["start", "update", "eager_end", "resume", "end"]


@dataclass(frozen=True)
class Turned:
    kind: Kind
    transcript: str = ""


class TurnTaker:
    """Decides on turns as sound comes. Time is that of the sound, not of the clock.

    *Beginning.* While speech is heard, the probability that a turn has begun is 1 − 0.5^(t / 0.15 s), t being how long
    it has been heard: with the default threshold of 0.8 a turn starts after 0.35 s, if at least one word has been
    recognised by then, and never for sounds without words.

    *Ending.* In silence, the probability that the speaker goes on is 0.5^(t / h). The half-life h is 0.5 s, or 1.25 s
    where the last word is one that hardly ends a sentence ("the", "and", "to"). The default thresholds are passed after
    0.4 s (0.6) and 0.9 s (0.3) of silence, or 0.9 s and 2.2 s after an open end; `end_timeout_ms` ends any turn. That
    there is silence is known about 0.5 s after the last word, so no threshold makes an end sooner. Sound that is not
    speech counts as silence.
    """

    def __init__(self, settings: TurnSettings) -> None:
        self.settings = settings
        self._is_on = self._is_eager = False
        self._ended: list[str] = []
        self._told = ""
        self._last_word_s = 0.0
        self.is_stuck = False
        """The turn would be over, but something that is not speech keeps its last stretch open: that must be ended."""

    def hear(self, heard: Heard) -> list[Turned]:
        """What follows from what was just heard."""
        events: list[Turned] = []
        self.is_stuck = False
        for words in heard.ended:
            self._begin(events)
            self._ended += [word.word for word in words]
            self._last_word_s = words[-1].end_s
            self._update(events, self._ended)
        if heard.guess and self._has_begun(heard.guess_s):
            self._listen_on(events, heard)
        elif self._is_on:
            self._wait(events, heard.at_s)
        return events

    def finish(self) -> list[Turned]:
        """No more sound will come."""
        return [self._end()] if self._is_on else []

    def _listen_on(self, events: list[Turned], heard: Heard) -> None:
        last_s = heard.guess[-1].end_s
        if heard.at_s - last_s > _GUESS_LAG_S and self._is_on:  # it goes on, but not with words
            self._last_word_s = max(self._last_word_s, last_s)
            if self._is_over(heard.at_s):
                self.is_stuck = True
                return
        self._begin(events)
        self._update(events, [*self._ended, *_words(heard.sure)])

    def _has_begun(self, speech_s: float) -> bool:
        return 1 - math.pow(0.5, speech_s / _ONSET_S) >= self.settings.start_threshold

    def _wait(self, events: list[Turned], at_s: float) -> None:
        if self._is_over(at_s):
            events.append(self._end())
        elif not self._is_eager and self._goes_on(at_s) <= self.settings.eager_end_threshold:
            self._is_eager = True
            events.append(Turned("eager_end", self._told))

    def _is_over(self, at_s: float) -> bool:
        is_late = (at_s - self._last_word_s) * 1000 >= self.settings.end_timeout_ms
        return is_late or self._goes_on(at_s) <= self.settings.end_threshold

    def _goes_on(self, at_s: float) -> float:
        last = self._told.rpartition(" ")[2].rstrip(".").lower()
        half_life_s = _HALF_LIFE_S * (_UNFINISHED_FACTOR if last in _OPEN_ENDS else 1)
        return math.pow(0.5, max(0.0, at_s - self._last_word_s) / half_life_s)

    def _begin(self, events: list[Turned]) -> None:
        if not self._is_on:
            self._is_on = True
            events.append(Turned("start"))
        elif self._is_eager:
            self._is_eager = False
            events.append(Turned("resume"))

    def _update(self, events: list[Turned], words: list[str]) -> None:
        told = " ".join(words)
        if len(told) > len(self._told):
            self._told = told
            events.append(Turned("update", told))

    def _end(self) -> Turned:
        told = self._told
        self._is_on = self._is_eager = False
        self._ended, self._told = [], ""
        return Turned("end", told)


def _words(words: tuple[RecognisedWord, ...]) -> list[str]:
    return [word.word for word in words]
