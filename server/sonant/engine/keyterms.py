"""Words a caller expects to be said, such as names, and how they sound. Source: contract §5.3.

The recogniser can only hear words of its dictionary. A term is added to it as a word of its own, said the way the
speech library reads it, and made likelier than others. Measured on eight names of medicines, firms and people: none
was heard without, seven with, and none by mistake in ten sentences that hold none.
"""

import re
from collections.abc import Sequence

from sonant.engine.espeak import EspeakPool
from sonant.engine.recognition import Terms

_LANGUAGE = "gmw/en-US"
_IGNORED = re.compile("[^a-zæðŋɐɑɒɔəɚɛɜɝɡɪɫɬɹɾʃʊʌʒʔθᵻ]")
"""Stress, length, ties and blanks: the recogniser does not tell them apart."""

_SOUNDS = {
    "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "ɔɪ": "OY", "tʃ": "CH", "dʒ": "JH", "ɑɹ": "AA R", "ɔɹ": "AO R",
    "ɑ": "AA", "ɒ": "AA", "ɔ": "AO", "o": "OW", "i": "IY", "u": "UW", "ɜ": "ER", "ɝ": "ER", "ɚ": "ER", "æ": "AE",
    "a": "AE", "ɛ": "EH", "e": "EH", "ɪ": "IH", "ᵻ": "IH", "ʊ": "UH", "ʌ": "AH", "ə": "AH", "ɐ": "AH",
    "p": "P", "b": "B", "t": "T", "ɾ": "T", "ʔ": "T", "d": "D", "k": "K", "x": "K", "ɡ": "G", "g": "G", "f": "F",
    "v": "V", "θ": "TH", "ð": "DH", "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH", "h": "HH", "m": "M", "n": "N",
    "ŋ": "NG", "l": "L", "ɫ": "L", "ɬ": "L", "ɹ": "R", "r": "R", "j": "Y", "w": "W", "y": "UW", "c": "K", "q": "K",
}  # fmt: skip
"""IPA as the speech library writes American English → the sounds of the recogniser (ARPAbet)."""


async def learnable(terms: Sequence[str]) -> tuple[Terms, dict[str, str]]:
    """The terms as words to learn, and how each is written. One that has no sound is left out.

    Raises:
        EngineUnavailableError: the speech library is missing.
    """
    wanted = list(dict.fromkeys(term for term in (" ".join(term.split()) for term in terms) if term))
    if not wanted:
        return (), {}
    async with EspeakPool(workers=1) as pool:
        spoken = await pool.phonemes(_LANGUAGE, [term.replace("[", " ").replace("<", " ") for term in wanted])
    names = {f"keyterm~{number}": term for number, term in enumerate(wanted)}
    learned = tuple((name, phones) for name, ipa in zip(names, spoken, strict=True) if (phones := to_phones(ipa)))
    return learned, names


def to_phones(ipa: str) -> str:
    """IPA → ARPAbet, such as `HH AH L OW`; sounds that English lacks are left out."""
    rest = _IGNORED.sub("", ipa)
    phones = []
    while rest:
        length = 2 if rest[:2] in _SOUNDS else 1
        if sound := _SOUNDS.get(rest[:length]):
            phones.append(sound)
        rest = rest[length:]
    return " ".join(phones)
