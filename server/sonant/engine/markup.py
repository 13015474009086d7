"""The marks a transcript may hold (contract §2.5, §2.6), as spans to be spoken."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeGuard

from sonant.engine.emotions import EMOTIONS
from sonant.engine.lexicon import Lexicon
from sonant.engine.pronounce import unheard
from sonant.wire.controls import SPEED_RANGE, VOLUME_RANGE
from sonant.wire.ipa import WRITTEN
from sonant.wire.markup import parse

LONGEST_BREAK_S = 60.0
"""A typing slip must not fill a disk with silence."""


@dataclass(frozen=True)
class Manner:
    """How a stretch is spoken."""

    speed: float = 1.0
    volume: float = 1.0
    emotion: str | None = None


@dataclass(frozen=True)
class Inline:
    """A stretch that is not read as it is written."""

    kind: Literal["spell", "ipa", "alias"]
    word: str
    """As it counts among the words."""
    value: str
    """Characters to spell, IPA to say, or text to read instead."""


@dataclass(frozen=True)
class Break:
    duration_s: float


@dataclass(frozen=True)
class Span:
    content: str | Inline | Break
    manner: Manner
    start: int
    """Where it stands in the transcript."""


@dataclass(frozen=True)
class Marked:
    spans: tuple[Span, ...]
    notices: tuple[str, ...]


_SPELLED_AT_ONCE = 200
"""Characters. Each takes half a second to say, and a sentence has to stay short."""

_LIKE_A_TAG = re.compile(r"</?(speed|volume|emotion|break|spell)\b", re.IGNORECASE)
"""What is left of these in the text was meant as a mark, and is none."""


def read_marks(transcript: str, manner: Manner, lexicon: Lexicon | None = None) -> Marked:
    """Split a transcript at its marks; spans come in order, and each knows the manner that holds there."""
    notices: dict[str, None] = {}
    spans: list[Span] = []
    at = end = 0
    for part in parse(transcript):
        at, end = end, end + (len(part) if isinstance(part, str) else part.length)
        if isinstance(part, str):
            for found in _LIKE_A_TAG.finditer(part):
                notices[f"A <{found[1].lower()}> tag was not understood and was read as text."] = None
            spans += _text_spans(part, manner, lexicon, at)
            continue
        match part.name:
            case "break":
                duration_s = float(part.value)
                if duration_s > LONGEST_BREAK_S:
                    notices[f"A break was shortened to {LONGEST_BREAK_S:.0f} seconds."] = None
                spans.append(Span(Break(min(duration_s, LONGEST_BREAK_S)), manner, at))
            case "speed":
                manner = replace(manner, speed=_within(SPEED_RANGE, part.value, "speed", notices))
            case "volume":
                manner = replace(manner, volume=_within(VOLUME_RANGE, part.value, "volume", notices))
            case "emotion" if part.value in EMOTIONS:
                manner = replace(manner, emotion=part.value)
            case "emotion":
                notices["An <emotion> tag named no emotion the engine knows and was passed over."] = None
            case "spell":
                spans += _spelled(part.value.strip(), manner, at)
            case "ipa":
                spans.append(Span(Inline("ipa", part.value.replace("|", ""), part.value), manner, at))
            case "laughter":
                notices["The offline engine cannot laugh; [laughter] was left out."] = None
    odd = dict.fromkeys(symbol for span in spans if _is_ipa(span.content) for symbol in unheard(span.content.value))
    if odd:
        notices[f"In a pronunciation, the engine has no sound for {', '.join(odd)[:60]} and left it out."] = None
    return Marked(tuple(spans), tuple(notices))


def _is_ipa(content: str | Inline | Break) -> TypeGuard[Inline]:
    return isinstance(content, Inline) and content.kind == "ipa"


def _within(limits: tuple[float, float], written: str, what: str, notices: dict[str, None]) -> float:
    low, high = limits
    ratio = min(high, max(low, float(written)))
    if ratio != float(written):
        notices[f"A {what} tag lay outside {low} to {high} and was held to that."] = None
    return ratio


def _spelled(characters: str, manner: Manner, at: int) -> Iterator[Span]:
    for start in range(0, len(characters), _SPELLED_AT_ONCE):
        part = characters[start : start + _SPELLED_AT_ONCE]
        yield from (Span(" " if start else "", manner, at), Span(Inline("spell", part, part), manner, at))


def _text_spans(text: str, manner: Manner, lexicon: Lexicon | None, at: int) -> Iterator[Span]:
    end = 0
    for found in lexicon.find(text) if lexicon else ():
        yield Span(text[end : found.start], manner, at + end)
        end = found.end
        for part in _said(text[found.start : end], found.pronunciation):
            yield Span(part, manner, at + found.start)
    yield Span(text[end:], manner, at + end)


def _said(word: str, pronunciation: str) -> Iterator[Inline]:
    """What is read in a word's place; the first part counts as the word, the others as nothing."""
    for index, part in enumerate(WRITTEN.split(pronunciation)):
        if not part.strip():
            continue  # between two words of sounds; it would end the word that is being replaced
        yield Inline("ipa" if index % 2 else "alias", word, part)
        word = ""
