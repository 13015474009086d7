"""Word times into SRT and WebVTT cues.

Source: BBC subtitle guidelines for line length and duration; WebVTT, W3C.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sonant.wire.stt import TranscribedWord

LINE_CHARS = 42
CUE_CHARS = 2 * LINE_CHARS
CUE_S = 6.0
GAP_S = 0.8
"""A silence this long starts a new cue."""


@dataclass(frozen=True)
class Cue:
    start_s: float
    end_s: float
    text: str


def cues(words: Iterable[TranscribedWord]) -> Iterator[Cue]:
    """Words grouped into cues of at most two lines and six seconds, broken at pauses and sentence ends."""
    held: list[TranscribedWord] = []
    for word in words:
        if held:
            chars = sum(len(w.word) + 1 for w in held) + len(word.word)
            pause = word.start - held[-1].end > GAP_S
            ended = held[-1].word.rstrip("\"')”’").endswith((".", "!", "?", "。", "！", "？")) and len(held) > 2
            if pause or ended or chars > CUE_CHARS or word.end - held[0].start > CUE_S:
                yield _cue(held)
                held = []
        held.append(word)
    if held:
        yield _cue(held)


def _cue(words: Sequence[TranscribedWord]) -> Cue:
    text = " ".join(word.word.strip() for word in words)
    if len(text) > LINE_CHARS:
        middle = len(text) // 2
        blanks = [index for index, character in enumerate(text) if character == " "]
        if blanks:
            cut = min(blanks, key=lambda index: abs(index - middle))
            text = f"{text[:cut]}\n{text[cut + 1 :]}"
    return Cue(words[0].start, max(words[-1].end, words[0].start + 0.1), text)


def srt(words: Iterable[TranscribedWord]) -> str:
    return "".join(
        f"{number}\n{_time(cue.start_s, ',')} --> {_time(cue.end_s, ',')}\n{cue.text}\n\n"
        for number, cue in enumerate(cues(words), 1)
    )


def vtt(words: Iterable[TranscribedWord]) -> str:
    body = "".join(
        f"{_time(cue.start_s, '.')} --> {_time(cue.end_s, '.')}\n{_escaped(cue.text)}\n\n" for cue in cues(words)
    )
    return f"WEBVTT\n\n{body}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float, mark: str) -> str:
    milliseconds = round(seconds * 1000)
    return (
        f"{milliseconds // 3600000:02}:{milliseconds // 60000 % 60:02}:{milliseconds // 1000 % 60:02}"
        f"{mark}{milliseconds % 1000:03}"
    )
