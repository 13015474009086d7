"""Languages and locales of the API. Source: contract §2.1 (42 languages, sonic-3.6 adds or and ur; 56 locales)."""

NAMES: dict[str, str] = {
    "en": "English", "fr": "French", "de": "German", "es": "Spanish", "pt": "Portuguese", "zh": "Chinese",
    "ja": "Japanese", "hi": "Hindi", "it": "Italian", "ko": "Korean", "nl": "Dutch", "pl": "Polish", "ru": "Russian",
    "sv": "Swedish", "tr": "Turkish", "tl": "Tagalog", "bg": "Bulgarian", "ro": "Romanian", "ar": "Arabic",
    "cs": "Czech", "el": "Greek", "fi": "Finnish", "hr": "Croatian", "ms": "Malay", "sk": "Slovak", "da": "Danish",
    "ta": "Tamil", "uk": "Ukrainian", "hu": "Hungarian", "no": "Norwegian", "vi": "Vietnamese", "bn": "Bengali",
    "th": "Thai", "he": "Hebrew", "ka": "Georgian", "id": "Indonesian", "te": "Telugu", "gu": "Gujarati",
    "kn": "Kannada", "ml": "Malayalam", "mr": "Marathi", "pa": "Punjabi", "or": "Odia", "ur": "Urdu",
}  # fmt: skip
"""ISO 639-1 code → English name."""

LOCALES: tuple[str, ...] = tuple(
    "bg-BG bn-IN cs-CZ da-DK de-DE el-GR en-AU en-CA en-GB en-IE en-IN en-NZ en-SG en-US en-ZA es-ES es-MX es-US fi-FI "
    "fr-CA fr-FR gu-IN he-IL hi-IN hr-HR hu-HU id-ID it-IT ja-JP ka-GE kn-IN ko-KR ml-IN mr-IN ms-MY nl-BE nl-NL no-NO "
    "or-IN pa-IN pl-PL pt-BR pt-PT ro-RO ru-RU sk-SK sv-SE ta-IN te-IN th-TH tl-PH tr-TR uk-UA ur-IN vi-VN zh-CN".split()
)

_LOCALE_BY_KEY = {locale.lower(): locale for locale in LOCALES}
_CODE_BY_NAME = {name.lower(): code for code, name in NAMES.items()}


def normalise(language: str) -> str | None:
    """The wire's spelling of a language code, locale or English name; None when there is no such language.

    Case does not matter and `en_GB` is an accepted alias of `en-GB` (contract §2.1).
    """
    key = language.strip().lower().replace("_", "-")
    return key if key in NAMES else _LOCALE_BY_KEY.get(key) or _CODE_BY_NAME.get(key)


def main_locale(language: str) -> str:
    """The locale a bare language code means first: `fr-FR` of `fr`. May name one that LOCALES lacks."""
    base = base_of(language)
    return {"en": "en-US", "pt": "pt-BR"}.get(base, f"{base}-{base.upper()}")


def base_of(language: str) -> str:
    """`en` of `en-GB`."""
    return language.split("-")[0].lower()
