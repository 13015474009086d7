"""A transcript cut into what is said in one go: sentences of bounded length, and silences."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, groupby

from sonant.engine.lexicon import Lexicon
from sonant.engine.markup import Break, Inline, Manner, Span, read_marks

LONGEST_SENTENCE = 400
"""Characters. espeak-ng smashes its stack on long runs of dots; shorter texts also make a crash cheap."""

_LEAD_S, _TAIL_S = 0.012, 0.007
"""Silence espeak-ng leaves before and after a clause: what a break must be shortened by to be exact."""
_PARAGRAPH_PAUSE_S, _SENTENCE_PAUSE_S, _CLAUSE_PAUSE_S = 0.60, 0.32, 0.15
"""At speed 1."""

_STAND_IN, _FILL = "\ue000", "\ue001"
"""Hold the place and the length of an Inline while the text is cut; the caller's private characters go first."""
_UNSPOKEN = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff\ue000-\uf8ff]"
    "|[\U000e0000-\U0010ffff]"
)
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_LIST_ITEM = re.compile(r"\n(?=[ \t]*(?:[-*•–]|\d{1,3}[.)])\s)")
_LIST_NUMBER = re.compile(r"\d{1,3}[.)]")
"""Taken for a sentence of its own by the splitter; belongs to the next."""
_SENTENCE_END = re.compile(r"[.!?…。！？।॥؟۔]['\"»”’)\]]*$")
_CLAUSE_END = re.compile(r"[,;:،、，；：–—]$")
_GOOD_CUT = re.compile(r"[,;:،、，；：–—](?=\s|[^\x00-\x7f])|\s")
_DOTTED = re.compile(r"(?:\w\.){12,}")
_BRACKETS = re.compile(r"\[+|\]+")


@dataclass(frozen=True)
class Token:
    """What stands between two spaces."""

    parts: tuple[str | Inline, ...]
    start: int = 0
    """Where it begins in the cleaned transcript."""

    @property
    def word(self) -> str:
        return "".join(part if isinstance(part, str) else part.word for part in self.parts)

    @property
    def read(self) -> str:
        """The letters that are read, which a dictionary may have replaced; sounds have none."""
        return "".join(
            part if isinstance(part, str) else "" if part.kind == "ipa" else part.value for part in self.parts
        )


@dataclass(frozen=True)
class Sentence:
    """At most 400 characters in one manner."""

    tokens: tuple[Token, ...]
    manner: Manner


@dataclass(frozen=True)
class Silence:
    duration_s: float


@dataclass(frozen=True)
class Script:
    """What to do, in order. `plain` is all that is to be read, for checks of its letters."""

    steps: tuple[Sentence | Silence, ...]
    notices: tuple[str, ...]

    @property
    def is_speakable(self) -> bool:
        return any(isinstance(step, Sentence) for step in self.steps)

    @property
    def plain(self) -> str:
        return " ".join(token.read for step in self.steps if isinstance(step, Sentence) for token in step.tokens)


def clean(text: str) -> str:
    """Take out what no one can say: control, format and private characters, half surrogates."""
    return _UNSPOKEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def is_speakable(transcript: str) -> bool:
    """Whether anything is left to say once the marks are read."""
    return read_script(transcript, "en").is_speakable


def read_script(
    transcript: str, language: str, manner: Manner | None = None, pronunciations: Lexicon | None = None
) -> Script:
    """Cut a transcript.

    Args:
        transcript: anything; marks of contract §2.5 and §2.6 are obeyed, all else is text.
        language: wire code, for the ends of sentences.
        manner: what holds until a mark says otherwise.
        pronunciations: words to be said otherwise than they are written.
    """
    marked = read_marks(clean(transcript), manner or Manner(), pronunciations)
    steps: list[Sentence | Silence] = []
    for is_break, spans in groupby(marked.spans, key=lambda span: isinstance(span.content, Break)):
        if is_break:
            asked_s = sum(span.content.duration_s for span in spans if isinstance(span.content, Break))
            steps.append(Silence(asked_s))
        else:
            for index, (in_manner, run) in enumerate(groupby(spans, key=lambda span: span.manner)):
                said = list(_sentences(list(run), in_manner, language))
                if said and index and steps and isinstance(steps[-1], Sentence):
                    steps.append(_pause_after(steps[-1]))
                steps += said
    return Script(tuple(_exact(steps)), marked.notices)


def _exact(steps: list[Sentence | Silence]) -> Iterator[Sentence | Silence]:
    """Breaks as long as asked, from the end of one sound to the start of the next."""
    for index, step in enumerate(steps):
        if isinstance(step, Silence):
            beside = (_TAIL_S if index else 0.0) + (_LEAD_S if index + 1 < len(steps) else 0.0)
            yield Silence(max(0.0, step.duration_s - beside))
        else:
            yield step


def _pause_after(sentence: Sentence, *, ends_paragraph: bool = False) -> Silence:
    last = sentence.tokens[-1].word
    if ends_paragraph:
        pause_s = _PARAGRAPH_PAUSE_S
    elif _SENTENCE_END.search(last):
        pause_s = _SENTENCE_PAUSE_S
    else:
        pause_s = _CLAUSE_PAUSE_S if _CLAUSE_END.search(last) else 0.0
    return Silence(pause_s / sentence.manner.speed)


def _sentences(spans: list[Span], manner: Manner, language: str) -> Iterator[Sentence | Silence]:
    inlines = iter([span.content for span in spans if isinstance(span.content, Inline)])
    forms = [_with_stand_ins(span) for span in spans]
    text = "".join(forms)
    places = _Places(spans, forms)
    end = 0
    previous: Sentence | None = None
    previous_paragraph = ""
    for paragraph in _paragraphs(text):
        for piece in _pieces(paragraph, language):
            found = []
            for chunk in piece.split():
                at = text.index(chunk, end)
                end = at + len(chunk)
                found.append(_token(chunk, inlines, places.source_of(at)))
            tokens = tuple(found)
            if not any(is_sayable(token.word) for token in tokens):
                continue
            if previous:
                yield _pause_after(previous, ends_paragraph=paragraph is not previous_paragraph)
            previous_paragraph = paragraph
            previous = Sentence(tokens, manner)
            yield previous


def _with_stand_ins(span: Span) -> str:
    if isinstance(span.content, Inline):
        return _STAND_IN + _FILL * (len(span.content.value) - 1)
    return span.content if isinstance(span.content, str) else ""


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in _PARAGRAPH.split(text):
        yield from _LIST_ITEM.split(paragraph)


def _pieces(paragraph: str, language: str) -> Iterator[str]:
    import sentencex  # loads data files; only speaking needs it

    marker = ""
    for sentence in sentencex.segment(language, paragraph):
        rest = marker + sentence.strip()
        marker = f"{rest} " if _LIST_NUMBER.fullmatch(rest) else ""
        if marker:
            continue
        while len(rest) > LONGEST_SENTENCE:
            cuts = [cut.end() for cut in _GOOD_CUT.finditer(rest, 0, LONGEST_SENTENCE)]
            strong = [cut for cut in cuts if not rest[cut - 1].isspace() and cut > LONGEST_SENTENCE // 2]
            cut = strong[-1] if strong else cuts[-1] if cuts else LONGEST_SENTENCE
            yield rest[:cut].strip()
            rest = rest[cut:].lstrip()
        if rest:
            yield rest
    if marker:
        yield marker


class _Places:
    """Where the characters of a run, whose spans stand in it one after another, stand in the transcript."""

    def __init__(self, spans: list[Span], forms: list[str]) -> None:
        self._spans = spans
        self._ends = list(accumulate(map(len, forms)))

    def source_of(self, position: int) -> int:
        index = bisect_right(self._ends, position)
        span = self._spans[index]
        inside = position - (self._ends[index - 1] if index else 0)
        return span.start + (inside if isinstance(span.content, str) else 0)


def _token(chunk: str, inlines: Iterator[Inline], start: int) -> Token:
    parts = (part for part in re.split(f"({_STAND_IN})", chunk.replace(_FILL, "")) if part)
    return Token(tuple(next(inlines) if part == _STAND_IN else part for part in parts), start)


def is_sayable(word: str) -> bool:
    """Letters, digits, and the signs espeak-ng has names for (currency, arithmetic, emoji)."""
    return any(unicodedata.category(character)[0] in "LN" or character in "%&@#+=" for character in word) or any(
        unicodedata.category(character) in ("So", "Sc") for character in word
    )


def speakable_form(text: str) -> str:
    """The caller's letters as espeak-ng may read them: composed, no `[[`, no dots without end."""
    text = _BRACKETS.sub(lambda run: run.group()[0], unicodedata.normalize("NFC", text))
    return _DOTTED.sub(lambda run: run.group().replace(".", " "), text)
