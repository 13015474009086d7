"""Inline markup of a transcript: `<break time="1s"/>`, `<spell>…</spell>`, … Source: contract §2.5, §2.6.

Not full SSML. What does not parse as one of these is text to be read.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

TagName = Literal["speed", "volume", "emotion", "break", "spell", "ipa", "laughter"]

_NUMBER = r"""\s*=\s*(?P<q{0}>["'])\s*(?P<{0}>\d{{0,6}}\.?\d{{1,6}})\s*{1}(?P=q{0})\s*/?>"""
_TAG = re.compile(
    "|".join(
        (
            r"<break\s+time" + _NUMBER.format("break", r"(?P<unit>ms|s)\s*"),
            r"<speed\s+ratio" + _NUMBER.format("speed", ""),
            r"<volume\s+ratio" + _NUMBER.format("volume", ""),
            r"""<emotion\s+value\s*=\s*(?P<qe>["'])\s*(?P<emotion>[\w-]{1,40})\s*(?P=qe)\s*/?>""",
            r"<spell>(?P<spell>[^<]{0,5000})</spell>",
            r"<<(?P<ipa>[^<>\n]{1,200})>>",
            r"(?P<laughter>\[laughter\])",
        )
    ),
    re.IGNORECASE,
)
_NAMES: tuple[TagName, ...] = ("break", "speed", "volume", "emotion", "spell", "ipa", "laughter")


@dataclass(frozen=True)
class Tag:
    """One piece of markup."""

    name: TagName
    value: str
    """The ratio, the emotion in lower case, the pause in seconds, what is spelled, or the phonemes with `|` between."""
    length: int = field(default=0, compare=False)
    """Characters of the transcript it takes up."""


def parse(transcript: str) -> Iterator[str | Tag]:
    """The transcript in order: runs of text, and tags."""
    position = 0
    for match in _TAG.finditer(transcript):
        if match.start() > position:
            yield transcript[position : match.start()]
        yield _tag(match)
        position = match.end()
    if position < len(transcript):
        yield transcript[position:]


def _tag(match: re.Match[str]) -> Tag:
    name = next(name for name in _NAMES if match[name] is not None)
    value = match[name]
    if name == "break" and match["unit"].lower() == "ms":
        value = f"{float(value) / 1000:g}"
    return Tag(name, value.lower() if name == "emotion" else value, len(match.group()))


def spans(transcript: str) -> list[tuple[int, int]]:
    """Start and end of each tag: stretches that must not be cut."""
    return [match.span() for match in _TAG.finditer(transcript)]


def has_speech(transcript: str) -> bool:
    """Whether anything is left to be spoken once tags are taken away: a letter, a digit, a symbol, an emoji."""
    return any(
        part.name == "ipa" or (part.name == "spell" and _is_spoken(part.value))
        if isinstance(part, Tag)
        else _is_spoken(part)
        for part in parse(transcript)
    )


def _is_spoken(text: str) -> bool:
    # Symbols beyond ASCII, such as arrows, currency, mathematics and emoji, have names to be read.
    return any(
        character.isalnum() or (not character.isascii() and unicodedata.category(character).startswith("S"))
        for character in text
    )
