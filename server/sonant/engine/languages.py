"""What the embedded engine can read, and how well: wire codes and locales → espeak-ng's language files.

Codes and locales: contract §2.1. Tiers were judged by reading phoneme strings, not by native listeners.
"""

import re
from dataclasses import dataclass
from typing import Literal

from sonant.errors import InputError, UnsupportedOfflineError

Tier = Literal["good", "fair", "poor"]


@dataclass(frozen=True)
class Language:
    """A language or a locale of it."""

    code: str
    """As on the wire: `en`, `en-GB`."""
    name: str
    """In English."""
    espeak: str
    """File below espeak-ng's `lang` folder; it holds the reading rules."""
    tier: Tier = "good"
    note: str | None = None
    """What to say in every answer, a plain sentence."""
    spaced: bool = True
    """Words are written apart; else each event of the synthesiser is one."""


_ARABIC = "Arabic is written without short vowels; the offline engine guesses them."
_JAPANESE = "The offline engine reads Japanese in kana only, not kanji."
_THAI = "The offline engine reads Thai poorly: it cannot tell where words end."
_HEBREW = "The offline engine reads Hebrew poorly: the vowels are not written."
_TAGALOG = "The offline engine reads Tagalog by Indonesian rules, so some sounds are off."
_MANDARIN = "The offline engine reads Mandarin character by character; the tones are approximate."


def _accent(wanted: str, spoken: str) -> str:
    return f"The offline engine has no {wanted} accent; this is spoken with a {spoken} one."


_ALL = (
    Language("en", "English", "gmw/en-US"),
    Language("en-US", "English (United States)", "gmw/en-US"),
    Language("en-CA", "English (Canada)", "gmw/en-US", note=_accent("Canadian", "US")),
    Language("en-GB", "English (Britain)", "gmw/en"),
    Language("en-AU", "English (Australia)", "gmw/en", note=_accent("Australian", "British")),
    Language("en-IE", "English (Ireland)", "gmw/en", note=_accent("Irish", "British")),
    Language("en-IN", "English (India)", "gmw/en", note=_accent("Indian", "British")),
    Language("en-NZ", "English (New Zealand)", "gmw/en", note=_accent("New Zealand", "British")),
    Language("en-SG", "English (Singapore)", "gmw/en", note=_accent("Singaporean", "British")),
    Language("en-ZA", "English (South Africa)", "gmw/en", note=_accent("South African", "British")),
    Language("fr", "French", "roa/fr"),
    Language("fr-FR", "French (France)", "roa/fr"),
    Language("fr-CA", "French (Canada)", "roa/fr", note=_accent("Canadian French", "European French")),
    Language("de", "German", "gmw/de"),
    Language("de-DE", "German (Germany)", "gmw/de"),
    Language("es", "Spanish", "roa/es"),
    Language("es-ES", "Spanish (Spain)", "roa/es"),
    Language("es-MX", "Spanish (Mexico)", "roa/es-419"),
    Language("es-US", "Spanish (United States)", "roa/es-419"),
    Language("pt", "Portuguese", "roa/pt-BR"),
    Language("pt-BR", "Portuguese (Brazil)", "roa/pt-BR"),
    Language("pt-PT", "Portuguese (Portugal)", "roa/pt"),
    Language("zh", "Chinese", "sit/cmn", "fair", _MANDARIN, spaced=False),
    Language("zh-CN", "Chinese (China)", "sit/cmn", "fair", _MANDARIN, spaced=False),
    Language("ja", "Japanese", "jpx/ja", "fair", _JAPANESE, spaced=False),
    Language("ja-JP", "Japanese (Japan)", "jpx/ja", "fair", _JAPANESE, spaced=False),
    Language("hi", "Hindi", "inc/hi"),
    Language("hi-IN", "Hindi (India)", "inc/hi"),
    Language("it", "Italian", "roa/it"),
    Language("it-IT", "Italian (Italy)", "roa/it"),
    Language("ko", "Korean", "ko", "fair"),
    Language("ko-KR", "Korean (Korea)", "ko", "fair"),
    Language("nl", "Dutch", "gmw/nl"),
    Language("nl-NL", "Dutch (Netherlands)", "gmw/nl"),
    Language("nl-BE", "Dutch (Belgium)", "gmw/nl", note=_accent("Belgian", "Netherlands")),
    Language("pl", "Polish", "zlw/pl"),
    Language("pl-PL", "Polish (Poland)", "zlw/pl"),
    Language("ru", "Russian", "zle/ru"),
    Language("ru-RU", "Russian (Russia)", "zle/ru"),
    Language("sv", "Swedish", "gmq/sv"),
    Language("sv-SE", "Swedish (Sweden)", "gmq/sv"),
    Language("tr", "Turkish", "trk/tr"),
    Language("tr-TR", "Turkish (Turkey)", "trk/tr"),
    Language("tl", "Tagalog", "poz/id", "poor", _TAGALOG),
    Language("tl-PH", "Tagalog (Philippines)", "poz/id", "poor", _TAGALOG),
    Language("bg", "Bulgarian", "zls/bg"),
    Language("bg-BG", "Bulgarian (Bulgaria)", "zls/bg"),
    Language("ro", "Romanian", "roa/ro"),
    Language("ro-RO", "Romanian (Romania)", "roa/ro"),
    Language("ar", "Arabic", "sem/ar", "fair", _ARABIC),
    Language("cs", "Czech", "zlw/cs"),
    Language("cs-CZ", "Czech (Czechia)", "zlw/cs"),
    Language("el", "Greek", "grk/el"),
    Language("el-GR", "Greek (Greece)", "grk/el"),
    Language("fi", "Finnish", "urj/fi"),
    Language("fi-FI", "Finnish (Finland)", "urj/fi"),
    Language("hr", "Croatian", "zls/hr"),
    Language("hr-HR", "Croatian (Croatia)", "zls/hr"),
    Language("ms", "Malay", "poz/ms"),
    Language("ms-MY", "Malay (Malaysia)", "poz/ms"),
    Language("sk", "Slovak", "zlw/sk"),
    Language("sk-SK", "Slovak (Slovakia)", "zlw/sk"),
    Language("da", "Danish", "gmq/da"),
    Language("da-DK", "Danish (Denmark)", "gmq/da"),
    Language("ta", "Tamil", "dra/ta"),
    Language("ta-IN", "Tamil (India)", "dra/ta"),
    Language("uk", "Ukrainian", "zle/uk"),
    Language("uk-UA", "Ukrainian (Ukraine)", "zle/uk"),
    Language("hu", "Hungarian", "urj/hu"),
    Language("hu-HU", "Hungarian (Hungary)", "urj/hu"),
    Language("no", "Norwegian", "gmq/nb"),
    Language("no-NO", "Norwegian (Norway)", "gmq/nb"),
    Language("vi", "Vietnamese", "aav/vi", "fair"),
    Language("vi-VN", "Vietnamese (Vietnam)", "aav/vi", "fair"),
    Language("bn", "Bengali", "inc/bn"),
    Language("bn-IN", "Bengali (India)", "inc/bn"),
    Language("th", "Thai", "tai/th", "poor", _THAI, spaced=False),
    Language("th-TH", "Thai (Thailand)", "tai/th", "poor", _THAI, spaced=False),
    Language("he", "Hebrew", "sem/he", "poor", _HEBREW),
    Language("he-IL", "Hebrew (Israel)", "sem/he", "poor", _HEBREW),
    Language("ka", "Georgian", "ccs/ka"),
    Language("ka-GE", "Georgian (Georgia)", "ccs/ka"),
    Language("id", "Indonesian", "poz/id"),
    Language("id-ID", "Indonesian (Indonesia)", "poz/id"),
    Language("te", "Telugu", "dra/te"),
    Language("te-IN", "Telugu (India)", "dra/te"),
    Language("gu", "Gujarati", "inc/gu"),
    Language("gu-IN", "Gujarati (India)", "inc/gu"),
    Language("kn", "Kannada", "dra/kn"),
    Language("kn-IN", "Kannada (India)", "dra/kn"),
    Language("ml", "Malayalam", "dra/ml"),
    Language("ml-IN", "Malayalam (India)", "dra/ml"),
    Language("mr", "Marathi", "inc/mr"),
    Language("mr-IN", "Marathi (India)", "inc/mr"),
    Language("pa", "Punjabi", "inc/pa"),
    Language("pa-IN", "Punjabi (India)", "inc/pa"),
    Language("or", "Odia", "inc/or", "fair"),
    Language("or-IN", "Odia (India)", "inc/or", "fair"),
    Language("ur", "Urdu", "inc/ur", "fair"),
    Language("ur-IN", "Urdu (India)", "inc/ur", "fair"),
    # Beyond the wire's locales: what espeak-ng has besides, for the voices of the catalogue.
    Language("en-GB-x-rp", "English (Received Pronunciation)", "gmw/en-GB-x-rp"),
    Language("en-GB-scotland", "English (Scotland)", "gmw/en-GB-scotland"),
    Language("en-GB-x-gbclan", "English (Lancashire)", "gmw/en-GB-x-gbclan"),
    Language("en-GB-x-gbcwmd", "English (West Midlands)", "gmw/en-GB-x-gbcwmd"),
    Language("en-US-nyc", "English (New York)", "gmw/en-US-nyc"),
    Language("en-029", "English (Caribbean)", "gmw/en-029"),
    Language("fr-BE", "French (Belgium)", "roa/fr-BE"),
)

LANGUAGES: dict[str, Language] = {language.code: language for language in _ALL}
"""Wire code or locale → language, in the wire's own spelling."""

_BY_LOWER_CODE = {code.lower(): language for code, language in LANGUAGES.items()}

_KANJI = re.compile("[\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")


def speakable(language: str) -> Language:
    """The language of a wire code or locale; case and `_` for `-` do not matter (contract §2.1).

    Raises:
        InputError: nobody knows that code.
    """
    found = _BY_LOWER_CODE.get(language.strip().lower().replace("_", "-"))
    if found is None:
        codes = ", ".join(code for code in LANGUAGES if "-" not in code)
        raise InputError(f"{language[:40]!r} is not a language the offline engine knows.", hint=f"It speaks: {codes}.")
    return found


def check_script(language: Language, text: str) -> None:
    """Refuse what the language's rules would read as nonsense.

    Raises:
        UnsupportedOfflineError: kanji in Japanese, which the engine reads as "Chinese letter".
    """
    if language.espeak == "jpx/ja" and (kanji := _KANJI.search(text)):
        raise UnsupportedOfflineError(
            f"The offline engine cannot read kanji such as {kanji.group()}.",
            hint="Write the text in kana, or set CARTESIA_API_KEY to use Cartesia's voices.",
        )
