"""The catalogue of accents: Cartesia's ids, and which of them the engine can speak. Source: contract §6.4."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from sonant.engine.languages import LANGUAGES
from sonant.wire.languages import base_of

_TABLE = """
abruzzo-italian          it-IT  Abruzzo Italian
african-american         en-US  African American English
african-french           fr-SN  African French
arabic                   ar-EG  Arabic
arabic-english           en-AE  Arabic English
australian               en-AU* Australian English
bagheli                  hi-IN  Bagheli Hindi
belgian-french           fr-BE* Belgian French
brazilian-portuguese     pt-BR* Brazilian Portuguese
british                  en-GB* British English
budapest                 hu-HU* Budapest Hungarian
bulgarian                bg-BG* Bulgarian
california               en-US  California English
camba                    es-BO* Camba Spanish
campania                 it-IT  Campania Italian
canadian-english         en-CA* Canadian English
canadian-french          fr-CA* Canadian French
castilian                es-ES* Castilian Spanish
central-tamil            ta-IN* Central Tamil
central-thai             th-TH* Central Thai
central-vietnamese       vi-VN  Central Vietnamese
chilean                  es-CL* Chilean Spanish
colombian                es-CO* Colombian Spanish
czech                    cs-CZ* Czech
danish                   da-DK* Danish
european-portuguese      pt-PT* European Portuguese
finnish                  fi-FI* Finnish
general-american         en-US* General American English
indian-english           en-IN* Indian English
indian-urdu              ur-IN* Indian Urdu
irish                    en-IE* Irish English
israeli                  he-IL* Israeli Hebrew
istanbul                 tr-TR* Istanbul Turkish
jakarta                  id-ID* Jakarta Indonesian
jessore                  bn-IN* Jessore Bengali
khaleeji                 ar-AE* Khaleeji Arabic
konkani                  mr-IN* Konkani Marathi
korean                   ko-KR* Korean
kyiv                     uk-UA* Kyiv Ukrainian
malay                    ms-MY* Malay
mandarin                 zh-CN* Mandarin Chinese
manila                   tl-PH* Manila Tagalog
mexican                  es-MX* Mexican Spanish
middle-eastern-arabic    ar-JO* Middle Eastern Arabic
midwestern-american      en-US  Midwestern American English
modern-standard-arabic   ar-SA* Modern Standard Arabic
moldovan                 ro-MD* Moldovan Romanian
new-york                 en-US  New York English
new-zealand              en-NZ* New Zealand English
north-kerala             ml-IN* North Kerala Malayalam
odia                     or-IN* Odia
oslo                     no-NO* Oslo Norwegian
parisian                 fr-FR* Parisian French
parsi                    gu-IN* Parsi Gujarati
peruvian                 es-PE* Peruvian Spanish
polish                   pl-PL* Polish
powadhi                  pa-IN* Powadhi Punjabi
randstad                 nl-NL* Randstad Dutch
romanian                 ro-RO* Romanian
russian                  ru-RU* Russian
singaporean              en-SG* Singaporean English
slovak                   sk-SK* Slovak
south-african            en-ZA* South African English
southern-karnataka       kn-IN* Southern Karnataka Kannada
southern-us              en-US  Southern American English
southern-vietnamese      vi-VN* Southern Vietnamese
standard-german          de-DE* Standard German
standard-hindi           hi-IN* Standard Hindi
standard-italian         it-IT* Standard Italian
standard-japanese        ja-JP* Standard Japanese
stockholm                sv-SE* Stockholm Swedish
swiss-standard           de-CH* Swiss Standard German
taiwanese-mandarin       zh-TW* Taiwanese Mandarin
tbilisi                  ka-GE* Tbilisi Georgian
telangana                te-IN* Telangana Telugu
thessaloniki             el-GR* Thessaloniki Greek
urdu                     ur-PK* Urdu
zagreb                   hr-HR* Zagreb Croatian
"""
"""Id, locale (a star marks the accent that stands for its locale), name."""

_OLDER_NAMES = {
    "high-german": "standard-german",
    "hindi": "standard-hindi",
    "italian": "standard-italian",
    "japanese": "standard-japanese",
}
"""What SDK 4.2 still calls them."""

_USUAL_LOCALE = {
    "en": "en-US", "es": "es-ES", "pt": "pt-BR", "fr": "fr-FR", "de": "de-DE", "zh": "zh-CN", "ar": "ar-SA",
    "nl": "nl-NL", "ro": "ro-RO", "ur": "ur-IN",
}  # fmt: skip
"""Which locale a bare code means, where the catalogue knows several."""


@dataclass(frozen=True)
class CatalogueAccent:
    id: str
    name: str
    language: str
    """ISO code, such as `en`."""
    locale: str
    """BCP-47, such as `en-GB`; some are not among the locales a request may name."""
    is_locale_default: bool

    @property
    def speech_language(self) -> str:
        """What the synthesiser is to be told: the locale where it has rules for it, else the language."""
        return self.locale if self.locale in LANGUAGES else self.language

    @property
    def is_localizable(self) -> bool:
        """Whether a voice can be moved into it here: where the engine has rules for that locale, or for the language
        and this is its usual accent."""
        usual = _USUAL_LOCALE.get(self.language, self.locale) == self.locale
        return self.is_locale_default and (self.locale in LANGUAGES or (usual and self.language in LANGUAGES))


@cache
def accents() -> dict[str, CatalogueAccent]:
    """Id → accent, sorted by id."""
    return {accent.id: accent for accent in _rows()}


def _rows() -> Iterator[CatalogueAccent]:
    for line in _TABLE.strip().splitlines():
        accent_id, locale, name = line.split(maxsplit=2)
        bare = locale.rstrip("*")
        yield CatalogueAccent(accent_id, name, base_of(bare), bare, locale.endswith("*"))


def find_accent(accent_id: str) -> CatalogueAccent | None:
    """By catalogue id, the older names included; display names are refused, as at 2026-08-14."""
    key = accent_id.strip().lower()
    return accents().get(_OLDER_NAMES.get(key, key))


def accent_of(language: str) -> CatalogueAccent | None:
    """The accent that stands for a language code or locale."""
    wanted = _USUAL_LOCALE.get(language, language)
    for accent in accents().values():
        if accent.is_locale_default and wanted in (accent.locale, accent.language):
            return accent
    base = base_of(language)
    return accent_of(base) if base != language else None
