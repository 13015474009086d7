"""Whether a text is written in letters that its language's rules can read."""

import unicodedata
from collections import Counter

from sonant.engine.languages import Language
from sonant.wire.languages import base_of

_WRITES: dict[str, tuple[str, tuple[str, ...]]] = {
    "LATIN": ("Latin", ("en",)),
    "CYRILLIC": ("Cyrillic", ("ru", "uk", "bg")),
    "GREEK": ("Greek", ("el",)),
    "HEBREW": ("Hebrew", ("he",)),
    "ARABIC": ("Arabic", ("ar", "ur")),
    "CJK": ("Chinese", ("zh",)),
    "HIRAGANA": ("Japanese", ("ja",)),
    "KATAKANA": ("Japanese", ("ja",)),
    "HANGUL": ("Korean", ("ko",)),
    "DEVANAGARI": ("Devanagari", ("hi", "mr")),
    "BENGALI": ("Bengali", ("bn",)),
    "GURMUKHI": ("Gurmukhi", ("pa",)),
    "GUJARATI": ("Gujarati", ("gu",)),
    "ORIYA": ("Odia", ("or",)),
    "TAMIL": ("Tamil", ("ta",)),
    "TELUGU": ("Telugu", ("te",)),
    "KANNADA": ("Kannada", ("kn",)),
    "MALAYALAM": ("Malayalam", ("ml",)),
    "THAI": ("Thai", ("th",)),
    "GEORGIAN": ("Georgian", ("ka",)),
}
"""First word of a letter's Unicode name → its script, and the languages written in it; Latin, for all the others."""

_SPELLS_LATIN = ("ja",)
"""Every other language reads words in Latin letters as English ones."""


def foreign_script_notice(language: Language, text: str) -> str | None:
    """What to say of a text most of whose letters the language does not know; None where it knows them."""
    base = base_of(language.code)
    foreign: Counter[str] = Counter()
    known = 0
    for character, times in Counter(text).items():
        if not character.isalpha():
            continue
        script = unicodedata.name(character, "").partition(" ")[0]
        if script not in _WRITES or base in _WRITES[script][1] or (script == "LATIN" and base not in _SPELLS_LATIN):
            known += times
        else:
            foreign[script] += times
    if foreign.total() <= known:
        return None
    most = "HIRAGANA" if "HIRAGANA" in foreign else foreign.most_common(1)[0][0]  # Japanese is half Chinese letters
    script, languages = _WRITES[most]
    return (
        f"Most of this text is in {script} letters, which {language.name.partition(' (')[0]} rules read poorly or "
        f"spell out one by one; give language={' or '.join(languages)} if that is its language."
    )
