"""Long text into pieces a single request carries comfortably, cut where a reader would pause."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from sonant.wire import markup
from sonant.wire.languages import base_of

PIECE_CHARS = 1200
"""About 80 s of speech: long enough for prosody, short enough that a failure costs little."""

SENTENCE_PAUSE_S = 0.35
PARAGRAPH_PAUSE_S = 0.7

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MASK_START, _MASK = "\ufffb", "\ufffc"  # neither letter nor punctuation: no sentence ends inside a tag
_STICKY = ("speed", "volume", "emotion")


@dataclass(frozen=True)
class Piece:
    """A part of the transcript, and the pause that precedes it."""

    transcript: str
    pause_s: float
    """Seconds; 0 for the first."""


def clean(transcript: str) -> str:
    """Control characters become blanks, line ends become `\\n`, and long runs of blank lines one."""
    text = _CONTROLS.sub(" ", transcript.replace("\r\n", "\n").replace("\r", "\n"))
    return re.sub(r"\n(?:[^\S\n]*\n){2,}", "\n\n", text).strip()


def split(transcript: str, language: str | None, limit: int = PIECE_CHARS) -> list[Piece]:
    """Cut a cleaned transcript at sentence ends into pieces of at most `limit` characters.

    A tag is never cut. `<speed>`, `<volume>` and `<emotion>` apply from their place on, so each later piece repeats
    those in force.

    Args:
        transcript: the text, with the markup of contract §2.5.
        language: code or locale whose rules for sentence ends apply; English if None.
        limit: characters.
    """
    if len(transcript) <= limit:
        return [Piece(transcript, 0.0)]
    packed: list[tuple[str, float]] = []
    transcript = _shorter_spells(transcript, limit)
    for sentence, pause_s in _sentences(transcript, base_of(language or "en"), limit):
        if packed and len(packed[-1][0]) + len(sentence) + 2 <= limit:
            glue = "\n\n" if pause_s == PARAGRAPH_PAUSE_S else " "
            packed[-1] = (packed[-1][0] + glue + sentence, packed[-1][1])
        else:
            packed.append((sentence, pause_s if packed else 0.0))
    return _merge_silent(_carry_tags(packed))


def _shorter_spells(transcript: str, limit: int) -> str:
    """Spelled runs that no piece could hold, as several, at blanks if there are any."""
    parts: list[str] = []
    position = 0
    for start, end in markup.spans(transcript):
        if end - start > limit:  # of all tags only a spelled run can be so long
            opening, closing = "<spell>", "</spell>"
            spelled = transcript[start + len(opening) : end - len(closing)]
            runs = textwrap.wrap(spelled, max(1, limit - len(opening) - len(closing)))
            parts += [transcript[position:start], " ".join(f"{opening}{run}{closing}" for run in runs)]
            position = end
    return "".join([*parts, transcript[position:]])


def _sentences(transcript: str, language: str, limit: int) -> Iterator[tuple[str, float]]:
    """Each sentence, none longer than the limit, with the pause that precedes it."""
    from sentencex import segment  # compiled; only long text pays for it

    masked = list(transcript)
    for start, end in markup.spans(transcript):
        masked[start:end] = _MASK_START + _MASK * (end - start - 1)
    text = "".join(masked)
    begin = 0
    for paragraph_end, next_begin in [match.span() for match in _PARAGRAPH.finditer(text)] + [(len(text), len(text))]:
        pause_s = PARAGRAPH_PAUSE_S
        position = begin
        for sentence in segment(language, text[begin:paragraph_end]):
            start = text.find(sentence, position, paragraph_end) if sentence else position
            start = position if start < 0 else start
            position = start + len(sentence)
            for cut_start, cut_end in _cuts(text, start, position, limit):
                if part := transcript[cut_start:cut_end].strip():
                    yield part, pause_s
                    pause_s = SENTENCE_PAUSE_S
        if rest := transcript[position:paragraph_end].strip():
            yield rest, pause_s
        begin = next_begin


def _cuts(text: str, start: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    """A sentence that is too long, cut at a comma or blank if there is one, and never inside a tag if avoidable."""
    while end - start > limit:
        window = text[start : start + limit]
        cut = max((window.rfind(mark) + 1 for mark in (";", ":", ",", "，", "、")), default=0)
        cut = cut if cut > limit // 2 else window.rfind(" ") + 1
        if cut <= 0:
            cut = limit
            if text[start + limit] == _MASK:
                cut = window.rfind(_MASK_START) or limit
        yield start, start + cut
        start += cut
    yield start, end


def _carry_tags(packed: list[tuple[str, float]]) -> list[Piece]:
    in_force: dict[str, str] = {}
    pieces: list[Piece] = []
    for text, pause_s in packed:
        pieces.append(Piece("".join(in_force.values()) + text, pause_s))
        for part in markup.parse(text):
            if isinstance(part, markup.Tag) and part.name in _STICKY:
                attribute = "value" if part.name == "emotion" else "ratio"
                in_force[part.name] = f'<{part.name} {attribute}="{part.value}"/>'
    return pieces


def _merge_silent(pieces: list[Piece]) -> list[Piece]:
    """A piece with nothing to say (a lone tag, stray punctuation) joins its neighbour: no request for silence."""
    merged: list[Piece] = []
    held = ""
    for piece in pieces:
        if not markup.has_speech(piece.transcript):
            if merged:
                merged[-1] = Piece(merged[-1].transcript + " " + piece.transcript, merged[-1].pause_s)
            else:
                held += piece.transcript + " "
            continue
        merged.append(Piece(held + piece.transcript, piece.pause_s if merged else 0.0))
        held = ""
    return merged
