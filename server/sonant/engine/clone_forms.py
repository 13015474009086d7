"""The fields of `POST /voices/clone` in the forms they have had. Source: contract §1.2, §6.3."""

from collections.abc import Mapping
from dataclasses import dataclass

from sonant.engine.accents import CatalogueAccent, accent_of
from sonant.engine.answers import refuse
from sonant.engine.speaking import check_language
from sonant.engine.voice_changes import check_access, check_texts, required_accent
from sonant.engine.voice_shapes import LOCALES, NESTED_ACCESS, NEWEST
from sonant.wire.languages import base_of, normalise
from sonant.wire.models import DEFAULT_MODEL
from sonant.wire.versions import EMBEDDINGS_UNTIL
from sonant.wire.voices import CloneFields, LegacyCloneFields

MODES = ("similarity", "stability")
NOT_DENOISED = "The offline engine does not take noise out of a clip, so enhance had no effect."


@dataclass(frozen=True)
class CloneOrder:
    """What is asked for beside the clip, whatever the version called it."""

    name: str
    language: str
    """What the synthesiser is to be told."""
    accent: CatalogueAccent | None
    tagline: str = ""
    description: str = ""
    base_voice_id: str | None = None
    access: str = "private"
    notices: tuple[str, ...] = ()


def read_clone_form(fields: Mapping[str, object], version: str) -> CloneOrder:
    """
    Raises:
        APIError, ValidationError, EngineError: the form cannot be met.
    """
    if version < NEWEST:
        return _legacy(LegacyCloneFields.model_validate(fields), version)
    wanted = CloneFields.model_validate(fields)
    check_texts(wanted.name, wanted.tagline, wanted.description)
    language, accent = spoken_in(wanted.language, wanted.accent, version)
    return CloneOrder(
        wanted.name.strip(), language, accent, wanted.tagline or "", wanted.description or "", wanted.base_voice_id,
        check_access(wanted.access),
    )  # fmt: skip


def check_mode(mode: object, version: str) -> None:
    """The engine has one way to fit a voice: what is asked for is checked and makes no difference."""
    if version <= EMBEDDINGS_UNTIL and mode is None:
        raise refuse(400, f"mode: {version} needs one of {', '.join(MODES)}.")
    if mode not in (None, *MODES):
        raise refuse(400, f"mode: use {' or '.join(MODES)}.")


def _legacy(wanted: LegacyCloneFields, version: str) -> CloneOrder:
    check_texts(wanted.name, None, wanted.description)
    if version < NESTED_ACCESS:
        check_mode(wanted.mode, version)
    notices = (NOT_DENOISED,) if wanted.enhance and version < NESTED_ACCESS else ()
    given = wanted.language
    if version >= NESTED_ACCESS:
        if given is None:
            raise refuse(400, "language: Field required")
    elif given is None or normalise(given) is None:  # which nobody checked then
        if given is not None:
            notices = (*notices, f"There is no language {given[:40]!r}; the voice speaks English.")
        given = "en"
    language, accent = spoken_in(given, wanted.accent if version >= NESTED_ACCESS else None, version)
    access = check_access(wanted.access) if version >= LOCALES else "private"
    return CloneOrder(
        wanted.name.strip(), language, accent, description=wanted.description or "",
        base_voice_id=wanted.base_voice_id, access=access, notices=notices,
    )  # fmt: skip


def spoken_in(language: str, accent_id: str | None, version: str = NEWEST) -> tuple[str, CatalogueAccent | None]:
    """What a new voice is to speak, and the accent shown for it.

    Raises:
        APIError: 400, there is no such language or accent, or they do not go together.
    """
    code = check_language(language, DEFAULT_MODEL)
    if accent_id is None:
        accent = accent_of(code)
        return (accent.speech_language if accent and "-" not in code else code), accent
    accent = required_accent(accent_id, version)
    if accent.language != base_of(code):
        raise refuse(400, f"accent: {accent.id} is not an accent of {code}.")
    return accent.speech_language, accent
