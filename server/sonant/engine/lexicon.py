"""Where the words of a pronunciation dictionary stand in a text. Source: contract §8; the rules on capitals are those
of docs.cartesia.ai, build-with-cartesia/capability-guides/custom-pronunciations."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sonant.wire.pronunciation import DictionaryItem

_SPACE = re.compile(r"\s")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Letters of scripts that write words without a space between them: Thai, Lao, Burmese, Khmer, Chinese, kana."""
_APOSTROPHES = ("'", "’")


@dataclass(frozen=True)
class Found:
    start: int
    end: int
    """In the text, end excluded."""
    pronunciation: str


@dataclass(frozen=True)
class _Entry:
    text: str
    only: str | None
    """The one spelling it matches under its key; None: any."""
    pronunciation: str


class Lexicon:
    """The words of a dictionary, ready to be looked for. Finding takes as long as the text, however many words there are.

    Args:
        items: earlier ones win among equals.
        any_case: the model matches any capitalisation unless an item says otherwise (sonic-3.6); else lowercase
            words match as they are and with a capital first letter, all others only as they are.
    """

    def __init__(self, items: Iterable[DictionaryItem], *, any_case: bool) -> None:
        self._said: dict[str, list[_Entry]] = {}
        lengths: dict[str, set[int]] = {}
        starts: set[str] = set()
        for item in items:
            for text in {unicodedata.normalize(form, item.text.strip()) for form in ("NFC", "NFD")}:
                loose = any_case and not item.case_sensitive
                spellings = {text, text.upper(), text.casefold()} if loose else {text, _capitalised(text)}
                for spelling in spellings:
                    key = _key(spelling)
                    lengths.setdefault(key[0], set()).add(len(spelling))
                    starts |= {spelling[0], spelling[0].lower(), spelling[0].upper()[0]}
                    self._said.setdefault(key, []).append(_Entry(text, None if loose else spelling, item.pronunciation))
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}
        self._starts = re.compile(f"[{''.join(map(re.escape, sorted(starts)))}]") if starts else None

    def find(self, text: str) -> Iterator[Found]:
        """Whole words and phrases, left to right, the longest at each place."""
        at = 0
        while self._starts and (start := self._starts.search(text, at)):
            found = self._at(text, start.start())
            if found:
                yield found
            at = found.end if found else start.end()

    def _at(self, text: str, start: int) -> Found | None:
        if start and _goes_on(text[start - 1], text[start]):
            return None
        for length in self._lengths.get(text[start].casefold()[0], ()):
            end = start + length
            written = text[start:end]
            if end > len(text) or not _ends_word(text, end):
                continue
            written = _SPACE.sub(" ", written)
            matching = [entry for entry in self._said.get(_key(written), ()) if entry.only in (None, written)]
            if matching:  # Polish before polish, where both are there
                best = min(matching, key=lambda entry: (entry.text != written, entry.only is None))
                return Found(start, end, best.pronunciation)
        return None


def _key(text: str) -> str:
    return _SPACE.sub(" ", text.casefold())


def _capitalised(text: str) -> str:
    """`cat` matches Cat too; `LaTeX` and `CAT` match themselves alone, and so do letters that have no case."""
    return text[0].upper() + text[1:] if text == text.lower() and len(text[0].upper()) == 1 else text


def _goes_on(beside: str, edge: str) -> bool:
    """Whether what stands beside the edge of a find belongs to the same word."""
    return _in_word(beside) and not _UNSPACED.match(beside) and not _UNSPACED.match(edge)


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"


def _ends_word(text: str, end: int) -> bool:
    if end >= len(text):
        return True
    if _goes_on(text[end], text[end - 1]):
        return False
    rest = text[end + 1 : end + 3]
    if text[end] in _APOSTROPHES and text[end - 1].isalpha() and rest[:1].isalpha():
        return rest[:1] in "sS" and not rest[1:].isalpha()  # Maya's is Maya, can't is not can
    return True
