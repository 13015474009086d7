"""IPA as the wire takes it: `<<k|ɑ|ɹ|ˈ|t|i|ʒ|ə>>`, one sound or stress mark a segment. Source: contract §2.6."""

import re
import unicodedata

VOWELS = frozenset("aeiouyæɐɑɒɔəɘɚɛɜɝɞɤɨɪɯɵɶøœʉʊʌʏᵻ")
CONSONANTS = frozenset("bcdfhjklmnpqrstvwxzçðħŋɓɕɖɗɟɠɡɢɣɥɦɧɫɬɭɮɰɱɲɳɴɸɹɺɻɽɾʀʁʂʃʄʈʋʍʎʐʑʒʔʕʙʛʜʝʟʡʢβθχⱱʘǀǁǂǃ")
STRESS = frozenset("ˈˌ")
_MARKS = frozenset("ːˑ˞ʰʷʲˠˤⁿˡʼ‿.˥˦˧˨˩")
"""Length, articulation, tone: they belong to the sound before them. So does any combining mark."""
_TWO_IN_ONE = ("tʃ", "dʒ", "ts", "dz", "tɕ", "dʑ", "tʂ", "dʐ", "pf", "kx", "tɬ", "tθ", "dð",
               "aɪ", "aʊ", "eɪ", "oʊ", "ɔɪ", "əʊ", "ɪə", "eə", "ɛə", "ʊə", "ɔʏ", "œy")  # fmt: skip
"""Affricates and diphthongs, which are one sound."""
_SPELLINGS = str.maketrans({"g": "ɡ", "'": "ˈ", "’": "ˈ", ":": "ː", "ʧ": "tʃ", "ʤ": "dʒ", "ʦ": "ts", "ʣ": "dz"})
"""What keyboards and older fonts write for it."""

WRITTEN = re.compile(r"<<([^<>\n]{1,200})>>")
_SLASHES = re.compile(r"\s*(?:/([^/]+)/|\[([^\[\]]+)\])\s*")
_TELLING = (VOWELS | CONSONANTS | STRESS | frozenset("ː")) - frozenset("abcdefghijklmnopqrstuvwxyzæçðøœħ")
"""Nobody writes these in plain text."""


def standard(ipa: str) -> str:
    """The same in the symbols of the alphabet, composed."""
    return unicodedata.normalize("NFC", ipa).translate(_SPELLINGS)


def unknown(ipa: str) -> list[str]:
    """What of it is no IPA, each once."""
    symbols = dict.fromkeys(standard(ipa).replace("|", ""))
    return [symbol for symbol in symbols if not (_is_letter(symbol) or symbol in STRESS or _is_mark(symbol))]


def segments(ipa: str) -> list[str]:
    """The sounds and stress marks in it, however it was divided."""
    found: list[str] = []
    for given in standard(ipa).replace("\u0361", "").replace("\u035c", "").split("|"):
        at = 0
        while at < len(given):
            end = at + (2 if given[at : at + 2] in _TWO_IN_ONE else 1)
            if given[at] not in STRESS:
                while end < len(given) and _is_mark(given[end]):
                    end += 1
            found.append(given[at:end])
            at = end
    return [segment for segment in found if segment.strip("‿.")]


def is_divided(ipa: str) -> bool:
    """Whether each segment is one sound: stress apart, and no two consonants, or consonant and vowel, in one."""
    return all(
        segment in STRESS or len(parts := segments(segment)) == 1 or (parts and all(p[0] in VOWELS for p in parts))
        for segment in standard(ipa).split("|")
    )


def looks_like_ipa(text: str) -> bool:
    """Whether a pronunciation without `<<>>` is meant as IPA: between slashes or brackets, or in its very letters."""
    bare = _SLASHES.fullmatch(text)
    if bare:
        return not any(map(unknown, (bare[1] or bare[2]).split()))
    return any(symbol in _TELLING for symbol in text) and not any(map(unknown, text.split()))


def as_written(ipa: str) -> str:
    """`/nuː ˈjɔɹk/` as the wire writes it: each word in its own `<<>>`, divided into sounds."""
    bare = _SLASHES.fullmatch(ipa)
    words = (bare[1] or bare[2] if bare else ipa).split()
    return " ".join(f"<<{'|'.join(segments(word))}>>" for word in words)


def _is_letter(symbol: str) -> bool:
    base = unicodedata.normalize("NFD", symbol)[0]
    return symbol in VOWELS or symbol in CONSONANTS or base in VOWELS or base in CONSONANTS


def _is_mark(symbol: str) -> bool:
    return symbol in _MARKS or unicodedata.category(symbol)[0] == "M"
