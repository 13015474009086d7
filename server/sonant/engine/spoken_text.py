"""Recognised words as people write them: an honest minimum.

The decoder gives lower-case words without punctuation. A stretch of speech between pauses becomes a sentence with a
capital and a full stop; "I", days and months get theirs. Questions, commas, names and figures are beyond these rules.
"""

from collections.abc import Sequence

_CAPITALISED = frozenset(
    "i i'm i'd i'll i've monday tuesday wednesday thursday friday saturday sunday "
    # not "march" and "may", which are more often something else
    "january february april june july august september october november december "
    "english french german spanish american british european".split()
)


def as_sentence(words: Sequence[str], *, is_whole: bool = True) -> list[str]:
    """Written forms of the words of one stretch of speech, one for one; joined by spaces they are a sentence.

    One that is not whole yet has no full stop.
    """
    written = [
        _capital(word) if word in _CAPITALISED or word.removesuffix("'s") in _CAPITALISED else word for word in words
    ]
    if written:
        written[0] = _capital(written[0])
        written[-1] += "" if written[-1].endswith(".") or not is_whole else "."
    return written


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]
