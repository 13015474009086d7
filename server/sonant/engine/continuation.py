"""A transcript that arrives in pieces, as what can be said of it by now. Source: contract §3.3, rules 2, 4 and 6.

It is cut exactly as it would be if it had arrived at once: a sentence is said when the next one has begun. Said earlier
is only what somebody must hear by now, whole words, and the rest of that sentence later, out of the whole.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from sonant.engine.languages import Language, check_script
from sonant.engine.lexicon import Lexicon
from sonant.engine.markup import Manner
from sonant.engine.scripts import foreign_script_notice
from sonant.engine.speaker import Stretch
from sonant.engine.text import Script, Sentence, Silence, Token, clean, is_sayable, read_script
from sonant.wire.costs import speech_credits
from sonant.wire.markup import spans

Haste = Literal["sentences", "words", "all"]
"""What may be said: what can no longer change; also whole words of an unfinished sentence; everything there is."""

_OPEN_MARK = re.compile(
    r"(?:<spell>[^<]{0,5000}(?:</?s?p?e?l?l?)?|<<[^<>\n]{0,200}>?|</?[a-z][^<>\n]{0,100}|<|\[l?a?u?g?h?t?e?r?)\Z",
    re.IGNORECASE,
)
"""What may yet become a mark of contract §2.5 or §2.6, which must not be cut."""
_WORD_LIKE = 40
"""Characters; something longer without a space is not going to end soon."""
_USELESS = 2000
"""Characters without anything to say, which are not kept any longer for what may come."""
_UNSPACED_CUT = re.compile("[、。，！？；：…](?=[^\\s、。，！？；：…])")
_MORE = "Aa"
"""A word put behind a text to see whether it would begin a sentence."""
_AHEAD = 4
"""Words put behind what is said early, so that its end is not heard as one. More change nothing: measured."""
_PAIRS = (("“", "”"), ("(", ")"), ("«", "»"), ("「", "」"), ("[", "]"))
_SENTENCES_QUOTED = 3
"""What follows the opening of a quotation, before nobody waits for its end any longer."""
_END_OF_SENTENCE = re.compile(r"(?:(?<!\d)\.|[!?…。！？।॥؟۔])['\"»”’)\]]*\Z")
"""Where no space is needed to tell; a point behind a digit may be that of a decimal."""
_EDGES = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True)
class _Place:
    """A sentence of a script, and what of it has been said."""

    index: int
    sentence: Sentence
    said: int
    """Words."""
    gap_s: float
    """Silence in front of it."""


class Continuation:
    """What has been said is kept as far back as the beginning of its last sentence, no more."""

    def __init__(self, language: Language, manner: Manner, lexicon: Lexicon | None = None) -> None:
        self.credits = 0
        """For what has been given out."""
        self.notices: dict[str, None] = dict.fromkeys([language.note] if language.note else [])
        self.is_waiting = False
        """Whether there is something to say that has not been given out."""
        self._language = language
        self._manner = manner
        """At the beginning of the text."""
        self._lexicon = lexicon
        self._text = ""
        self._half_newline = ""
        self._said = 0
        """Words of the text that have been given out."""
        self._paused_s = 0.0
        """Silence given out since."""
        self._counted = 0
        """Characters of the text whose credits have been counted."""

    def __len__(self) -> int:
        """Characters held."""
        return len(self._text)

    @property
    def ends_like_a_sentence(self) -> bool:
        return bool(_END_OF_SENTENCE.search(self._text))

    def feed(self, text: str) -> None:
        """Append a piece, verbatim."""
        text = self._half_newline + text
        self._half_newline = "\r" if text.endswith("\r") else ""
        self._text += clean(text[: len(text) - len(self._half_newline)])
        self.is_waiting = self.is_waiting or bool(self._text)

    def take(self, haste: Haste) -> list[Stretch | Silence]:
        """What is to be said now, in order; it counts as said from here on.

        Raises:
            UnsupportedOfflineError: letters the engine cannot read.
        """
        if haste == "words" and not self._language.spaced:
            self._text, added = _UNSPACED_CUT.subn(r"\g<0> ", self._text)
            self.credits -= added
        text = self._text if haste == "all" else self._text[: _whole_marks(self._text)]
        script = self._script(text)
        told = (*script.notices, foreign_script_notice(self._language, script.plain))
        self.notices.update(dict.fromkeys(notice for notice in told if notice))
        words_end = len(text) if haste == "all" else _last_space(text)
        out: list[Stretch | Silence] = []
        last: _Place | None = None
        self.is_waiting = len(text) < len(self._text)
        for place in self._places(script):
            whole = haste == "all" or self._has_ended(script, place, words_end)
            stretch = _rest_of(place, None) if whole else None
            if haste == "words" and not whole:
                stretch = self._begun(script, place, text, words_end)
            if stretch is None:
                self.is_waiting = True
                break
            check_script(self._language, _written(stretch.sentence))
            if place.gap_s > self._paused_s and not place.said:
                out.append(Silence(place.gap_s - self._paused_s))
            out.append(stretch)
            self._paused_s = 0.0
            last = replace(place, said=_words(place.sentence.tokens[: stretch.after]))
            if not whole:
                self.is_waiting = self.is_waiting or len(text) > words_end + 1
                break
        else:
            gap_s = _gap_at_end(script)
            if haste != "sentences" and gap_s > self._paused_s:
                out.append(Silence(gap_s - self._paused_s))
                self._paused_s = gap_s
            self.is_waiting = self.is_waiting or gap_s > self._paused_s
        if last is not None:
            self._part(script, last)
            self._forget_before(last)
        elif not script.is_speakable and len(text) > _USELESS:
            out += self._forget_marks(script, text)
        return out

    def settle(self) -> None:
        """What comes is a new word, though no space is in front of it: what was there has been spoken as it stood."""
        self._count(len(self._text))
        if self._text and not self._text[-1].isspace():
            self._text += " "
            self._counted += 1

    def _script(self, text: str) -> Script:
        return read_script(text, self._language.code[:2], self._manner, self._lexicon)

    def _places(self, script: Script) -> Iterator[_Place]:
        """The sentences with something left to say."""
        said, gap_s = self._said, 0.0
        for index, step in enumerate(script.steps):
            if isinstance(step, Silence):
                gap_s += step.duration_s
                continue
            words = _words(step.tokens)
            if words > said:
                yield _Place(index, step, said, gap_s)
            said, gap_s = max(0, said - words), 0.0

    def _has_ended(self, script: Script, place: _Place, words_end: int) -> bool:
        """Whether no more text can change the sentence: a whole word stands behind it, or a break."""
        following = script.steps[place.index + 1 :]
        if (
            _is_open(_written(place.sentence))
            and sum(isinstance(step, Sentence) for step in following) < _SENTENCES_QUOTED
        ):
            return False
        for step in following:
            if isinstance(step, Sentence):
                first = step.tokens[0]
                return not self._language.spaced or first.start < words_end or len(first.word) > _WORD_LIKE
        return bool(following)

    def _begun(self, script: Script, place: _Place, text: str, words_end: int) -> Stretch | None:
        """The whole words of a sentence that may go on; None if there are no new ones."""
        tokens = tuple(token for token in place.sentence.tokens if token.start < words_end)
        if _words(tokens) <= place.said:
            return None
        if len(tokens) == len(place.sentence.tokens):
            is_over = place.index + 1 < len(script.steps)
            if not is_over:
                steps = self._script(text + _MORE).steps
                longer = steps[place.index] if place.index < len(steps) else None
                is_over = isinstance(longer, Sentence) and len(longer.tokens) == len(tokens)
            if is_over:
                return _rest_of(place, None)
        sentence = Sentence((*tokens, *_ahead(tokens)), place.sentence.manner)
        return _rest_of(replace(place, sentence=sentence), len(tokens))

    def _part(self, script: Script, last: _Place) -> None:
        """Have what was said end in a space: without one, more text might make one word of it and what follows."""
        for step in script.steps[last.index + 1 :]:
            if isinstance(step, Sentence):
                start = step.tokens[0].start
                if not self._text[start - 1].isspace():
                    self._text = f"{self._text[:start]} {self._text[start:]}"
                    self.credits -= 1  # for a space that nobody sent
                return

    def _forget_before(self, last: _Place) -> None:
        start = last.sentence.tokens[0].start
        self._count(start)
        self._text, self._counted = self._text[start:], self._counted - start
        self._manner, self._said = last.sentence.manner, last.said

    def _forget_marks(self, script: Script, text: str) -> list[Silence]:
        """All there is, since nothing of it is to be said; its breaks are given out, its manner stays."""
        gap_s = _gap_at_end(script) - self._paused_s
        self._paused_s = 0.0
        for step in self._script(f"{text} {_MORE}").steps:
            if isinstance(step, Sentence):
                self._manner = step.manner
        self._count(len(text))
        self._text, self._counted = self._text[len(text) :], 0
        self.is_waiting = bool(self._text)
        return [Silence(gap_s)] if gap_s > 0 else []

    def _count(self, end: int) -> None:
        """Credits of the text up to there. Marks are whole on either side."""
        if end > self._counted:
            self.credits += speech_credits(self._text[self._counted : end])
            self._counted = end


def _rest_of(place: _Place, after: int | None) -> Stretch:
    first, words = 0, 0
    for index, token in enumerate(place.sentence.tokens):
        count = _words((token,))
        if count and words + count > place.said:
            first = index if place.said else 0
            break
        words += count
    return Stretch(place.sentence, first, after)


def _words(tokens: tuple[Token, ...]) -> int:
    """Those that are said: the same however the text is cut. A token with spaces is several, as an entry of a
    dictionary may take in words that have been said one by one."""
    return sum(len(token.word.split()) or 1 for token in tokens if is_sayable(token.word))


def _written(sentence: Sentence) -> str:
    return " ".join(token.word for token in sentence.tokens)


def _ahead(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Words of the same language with nothing to mark an end: those of the sentence itself once more."""
    plain = [_EDGES.sub("", token.word) for token in tokens if all(isinstance(part, str) for part in token.parts)]
    plain = [word for word in plain if is_sayable(word)] or ["a"]
    return tuple(Token((plain[index % len(plain)],)) for index in range(_AHEAD))


def _is_open(written: str) -> bool:
    """Whether a quotation or a bracket has begun in it that has not ended: sentences within are not cut."""
    return written.count('"') % 2 == 1 or any(written.count(a) > written.count(b) for a, b in _PAIRS)


def _gap_at_end(script: Script) -> float:
    """Seconds of break after the last word."""
    gap_s = 0.0
    for step in script.steps:
        gap_s = gap_s + step.duration_s if isinstance(step, Silence) else 0.0
    return gap_s


def _whole_marks(text: str) -> int:
    """How much of a text surely has no mark that is still being written."""
    found = _OPEN_MARK.search(text)
    return found.start() if found else len(text)


def _last_space(text: str) -> int:
    """Where the last space outside of marks is; -1 if there is none. A word that begins before it is whole."""
    marks = spans(text)
    end = len(text)
    while True:
        end = next((at for at in range(end - 1, -1, -1) if text[at].isspace()), -1)
        inside = next((start for start, stop in marks if start <= end < stop), None)
        if inside is None:
            return end
        end = inside
