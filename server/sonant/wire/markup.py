"""Inline markup of a transcript: `<break time="1s"/>`, `<spell>…</spell>`, … Source: contract §2.5, §2.6.

Not full SSML. What does not parse as one of these is text to be read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

TagName = Literal["speed", "volume", "emotion", "break", "spell", "/spell", "laughter", "phonemes"]

_NUMBER = r"\d+(?:\.\d+)?"
_TAG = re.compile(
    rf"""
      <\s*(?P<name>speed|volume)\s+ratio\s*=\s*["'](?P<ratio>{_NUMBER})["']\s*/?\s*>
    | <\s*emotion\s+value\s*=\s*["'](?P<emotion>[a-zA-Z]+)["']\s*/?\s*>
    | <\s*break\s+time\s*=\s*["'](?P<time>{_NUMBER})(?P<unit>ms|s)["']\s*/?\s*>
    | <\s*(?P<spell>/?\s*spell)\s*>
    | (?P<laughter>\[laughter\])
    | <<(?P<phonemes>[^<>\s]{{1,300}})>>
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Tag:
    """One piece of markup."""

    name: TagName
    value: str = ""
    """The ratio, the emotion, the pause in seconds, or the phonemes with `|` between; else empty."""


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
    found = match.groupdict()
    if found["name"]:
        return Tag("speed" if found["name"].lower() == "speed" else "volume", found["ratio"])
    if found["emotion"]:
        return Tag("emotion", found["emotion"].lower())
    if found["time"]:
        seconds = float(found["time"]) / (1000 if found["unit"].lower() == "ms" else 1)
        return Tag("break", f"{seconds:g}")
    if found["spell"]:
        return Tag("/spell" if "/" in found["spell"] else "spell")
    return Tag("laughter") if found["laughter"] else Tag("phonemes", found["phonemes"])


def spans(transcript: str) -> list[tuple[int, int]]:
    """Start and end of each stretch that must not be cut: a tag, or a spelled run from its tag to its end."""
    found: list[tuple[int, int]] = []
    open_spell: int | None = None
    for match in _TAG.finditer(transcript):
        spell = (match["spell"] or "").lower()
        if spell == "spell" and open_spell is None:
            open_spell = match.start()
        elif spell and "/" in spell and open_spell is not None:
            found.append((open_spell, match.end()))
            open_spell = None
        elif open_spell is None:
            found.append(match.span())
    return found


def has_speech(transcript: str) -> bool:
    """Whether anything is left to be spoken once tags are taken away."""
    return any(
        any(character.isalnum() for character in part)
        or any(ord(character) > 0x2100 and not character.isspace() for character in part)
        if isinstance(part, str)
        else part.name == "phonemes"
        for part in parse(transcript)
    )
