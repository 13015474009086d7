"""The voices that come with the engine: our own espeak-ng voice files on its Klatt synthesisers, by far the clearest.

The ids never change: each is a UUID made from a word that never changes. Cartesia's public ids, which programs
hard-code, are answered by stand-ins of the same gender and accent (contract §6.6).
"""

from collections.abc import Iterator
from functools import cache
from uuid import UUID, uuid5

from sonant.engine.accents import accent_of, find_accent
from sonant.engine.languages import LANGUAGES
from sonant.engine.timbre import Timbre
from sonant.engine.voices import EngineVoice
from sonant.wire.voices import DOCUMENTATION_VOICES, PUBLIC_VOICES, Gender

_NAMESPACE = UUID("5f0f2f5e-6b0a-5d0c-9b1e-50a7a1f0c0de")
_HONEST = "A synthetic, rule-based voice of Sonant's embedded engine."

_DEEP = Timbre(base_hz=64, span_hz=32, f1=96, f2=94, f3=95, klatt=5, wpm=162)
_LOW = Timbre(base_hz=75, span_hz=34, f1=98, f2=97, f3=97, klatt=5)
_MIDDLE = Timbre(base_hz=88, span_hz=40)
_LIGHT = Timbre(base_hz=104, span_hz=52, f1=103, f2=103, f3=104, wpm=176)
_BETWEEN = Timbre(base_hz=128, span_hz=50, f1=103, f2=106, f3=106, klatt=5)
_WARM = Timbre(base_hz=134, span_hz=50, f1=102, f2=104, f3=105, klatt=5, wpm=162)
_CLEAR = Timbre(base_hz=158, span_hz=66, f1=103, f2=106, f3=108, klatt=5)
_BRIGHT = Timbre(base_hz=180, span_hz=80, f1=104, f2=108, f3=111, klatt=5, wpm=178)
_YOUNG = Timbre(base_hz=222, span_hz=100, f1=110, f2=118, f3=120, klatt=5, wpm=176)

_M: Gender = "masculine"
_F: Gender = "feminine"
_N: Gender = "gender_neutral"

_ENGLISH: tuple[tuple[str, Gender, str, str, Timbre], ...] = (
    ("Ash", _M, "en-US", "Even, mid-range, American", _MIDDLE),
    ("Basalt", _M, "en-US", "Very deep and slow, American", _DEEP),
    ("Cedar", _M, "en-US", "Light and quick, American", _LIGHT),
    ("Dahlia", _F, "en-US", "Clear, American", _CLEAR),
    ("Elm", _N, "en-US", "Between high and low, American", _BETWEEN),
    ("Fern", _F, "en-US", "Low and warm, American", _WARM),
    ("Gale", _F, "en-US", "Bright and quick, American", _BRIGHT),
    ("Pip", _N, "en-US", "High and young, American", _YOUNG),
    ("Heron", _M, "en-GB-x-rp", "Received Pronunciation", _LOW),
    ("Iris", _F, "en-GB-x-rp", "Received Pronunciation", _CLEAR),
    ("Jasper", _M, "en-GB", "British", _MIDDLE),
    ("Kestrel", _F, "en-GB", "Bright, British", _BRIGHT),
    ("Lochan", _M, "en-GB-scotland", "Scottish", _LIGHT),
    ("Merle", _F, "en-GB-scotland", "Warm, Scottish", _WARM),
    ("Nettle", _M, "en-GB-x-gbclan", "Lancashire", _LOW),
    ("Osier", _N, "en-GB-x-gbcwmd", "West Midlands", _BETWEEN),
    ("Perry", _M, "en-US-nyc", "New York", _LIGHT),
    ("Quill", _F, "en-029", "Caribbean", _WARM),
)

_STAND_INS: tuple[tuple[str, str, Gender, str, Timbre], ...] = (
    ("Katie", PUBLIC_VOICES["Katie"], _F, "en-US", Timbre(base_hz=142, span_hz=62, f1=102, f2=105, f3=107, klatt=5)),
    ("Skylar", PUBLIC_VOICES["Skylar"], _F, "en-US", Timbre(base_hz=164, span_hz=78, f1=103, f2=105, f3=108, wpm=176)),
    ("Jameson", PUBLIC_VOICES["Jameson"], _M, "en-US", Timbre(base_hz=82, span_hz=40, f1=99, f2=99, f3=99)),
    ("Gemma", PUBLIC_VOICES["Gemma"], _F, "en-GB", Timbre(base_hz=146, span_hz=58, f1=102, f2=106, f3=109, klatt=5)),
    ("Archie", PUBLIC_VOICES["Archie"], _M, "en-GB", Timbre(base_hz=92, span_hz=46, f1=101, f2=101, f3=102, klatt=5)),
    ("Sarah", DOCUMENTATION_VOICES[0], _F, "en-US", Timbre(base_hz=132, span_hz=48, f1=101, f2=104, f3=106, wpm=160)),
    ("Barbershop Man", DOCUMENTATION_VOICES[1], _M, "en-US", Timbre(base_hz=72, span_hz=36, f1=98, f2=96, f3=97)),
)  # fmt: skip

_NAMES = """
ar-SA Layla Omar | bg-BG Elena Ivan | bn-IN Anjali Arjun | cs-CZ Tereza Jakub | da-DK Freja Magnus | de-DE Greta Klaus
el-GR Eleni Nikos | es-ES Lucía Javier | es-MX Ximena Diego | fi-FI Aino Eero | fr-FR Élise Luc | fr-BE Manon Bastien
gu-IN Hetal Jignesh | he-IL Noa Eitan | hi-IN Priya Rohan | hr-HR Ivana Luka | hu-HU Zsófia Gábor
id-ID Sari Budi | it-IT Chiara Marco | ja-JP Yui Haruto | ka-GE Nino Giorgi | kn-IN Kavya Sanjay | ko-KR Jiwoo Minjun
ml-IN Lakshmi Vishnu | mr-IN Asha Sachin | ms-MY Aisyah Hakim | nl-NL Sanne Daan | no-NO Ingrid Lars | or-IN Subhadra Bikram
pa-IN Simran Gurpreet | pl-PL Zofia Tomasz | pt-BR Camila Thiago | pt-PT Inês Tiago | ro-RO Ioana Andrei | ru-RU Olga Dmitri
sk-SK Zuzana Marek | sv-SE Astrid Nils | ta-IN Meena Karthik | te-IN Padma Ravi | th-TH Ploy Somchai | tl-PH Tala Jomar
tr-TR Elif Emre | uk-UA Oksana Taras | ur-IN Zara Bilal | vi-VN Linh Minh | zh-CN Mei Wei
"""
"""For each locale with reading rules of its own: a feminine name, a masculine one."""

_FEMININE = (_CLEAR, _WARM, _BRIGHT)
_MASCULINE = (_MIDDLE, _LOW, _LIGHT)


@cache
def catalogue() -> dict[str, EngineVoice]:
    """Id → voice, stand-ins first, then English, then the other languages."""
    return {voice.id: voice for voice in (*_stand_ins(), *_english(), *_other_languages())}


def default_voice() -> EngineVoice:
    return catalogue()[PUBLIC_VOICES["Katie"]]


def _stand_ins() -> Iterator[EngineVoice]:
    for name, voice_id, gender, locale, timbre in _STAND_INS:
        yield EngineVoice(
            voice_id, name, "Stand-in, synthetic",
            f"{_HONEST} It stands in for Cartesia's {name}: same id, gender and accent, not the same voice.",
            gender, locale, accent_of(locale), timbre,
        )  # fmt: skip


def _english() -> Iterator[EngineVoice]:
    for name, gender, language, tagline, timbre in _ENGLISH:
        accent = find_accent("new-york") if language == "en-US-nyc" else accent_of(language[:5])
        description = f"{tagline}. {_HONEST}"
        yield EngineVoice(
            str(uuid5(_NAMESPACE, f"en/{name}")), name, tagline, description, gender, language,
            accent if language != "en-029" else None, timbre,
        )  # fmt: skip


def _other_languages() -> Iterator[EngineVoice]:
    for index, entry in enumerate(_NAMES.replace("\n", "|").strip("|").split("|")):
        locale, feminine, masculine = entry.split()
        accent = accent_of(locale)
        language = locale if locale in LANGUAGES else locale.partition("-")[0]
        spoken = LANGUAGES[language]
        for gender, name, palette in ((_F, feminine, _FEMININE), (_M, masculine, _MASCULINE)):
            yield EngineVoice(
                str(uuid5(_NAMESPACE, f"{locale}/{gender}")), name, spoken.name[:32],
                f"{spoken.name}. {_HONEST}", gender, language, accent, palette[index % len(palette)],
            )  # fmt: skip
