"""`POST /voices/localize` in the forms it has had. Source: contract §6.4."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sonant.engine.accents import CatalogueAccent, accent_of, accents
from sonant.engine.answers import refuse
from sonant.engine.voice_changes import check_access, check_texts, required_accent
from sonant.engine.voice_shapes import NEWEST
from sonant.wire.voices import DIALECTS, LOCALIZE_LANGUAGES, Gender, LegacyLocalizeRequest, LocalizeRequest

_GENDERS: dict[str, Gender] = {"male": "masculine", "female": "feminine"}


@dataclass(frozen=True)
class Localization:
    """What is asked for, whatever the version called it."""

    voice_id: str
    name: str
    accent: CatalogueAccent
    tagline: str = ""
    description: str = ""
    access: str = "private"
    gender: Gender | None = None


def read_localization(data: Mapping[str, Any], version: str) -> Localization:
    """
    Raises:
        APIError, ValidationError: 400, naming the field.
    """
    if version < NEWEST:
        return _legacy(LegacyLocalizeRequest.model_validate(data))
    wanted = LocalizeRequest.model_validate(data)
    check_texts(wanted.name, wanted.tagline, wanted.description)
    return Localization(
        wanted.voice_id, wanted.name.strip(), required_accent(wanted.accent), wanted.tagline or "",
        wanted.description or "", check_access(wanted.access),
    )  # fmt: skip


def _legacy(wanted: LegacyLocalizeRequest) -> Localization:
    check_texts(wanted.name, None, wanted.description)
    language = wanted.language.strip().lower()
    if language not in LOCALIZE_LANGUAGES:
        raise refuse(400, f"language: use one of {', '.join(LOCALIZE_LANGUAGES)}.", "language_not_supported")
    if wanted.original_speaker_gender not in _GENDERS:
        raise refuse(400, "original_speaker_gender: use male or female.")
    dialects = DIALECTS.get(language, {})
    if wanted.dialect is None:
        accent = accent_of(language)
    elif wanted.dialect in dialects:
        accent = accents()[dialects[wanted.dialect]]
    else:
        known = f"use one of {', '.join(dialects)}" if dialects else f"{language} has none"
        raise refuse(400, f"dialect: {known}.")
    if accent is None:
        raise refuse(400, f"The engine has no accent for {language}.", "language_not_supported")
    return Localization(
        wanted.voice_id, wanted.name.strip(), accent, description=wanted.description,
        gender=_GENDERS[wanted.original_speaker_gender],
    )  # fmt: skip
