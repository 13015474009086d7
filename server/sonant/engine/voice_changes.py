"""What may be changed about a voice that was made here, and how. Source: contract §6.2."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from sonant.engine.accents import CatalogueAccent, accents, find_accent
from sonant.engine.answers import refuse
from sonant.engine.voice_shapes import LOCALES, NESTED_ACCESS, NEWEST
from sonant.engine.voices import TAGLINE_MAX, EngineVoice
from sonant.wire.languages import base_of
from sonant.wire.voices import Gender

ACCENTS_AT_ONCE, ACCENTS_MAX = 9, 10
"""In one request; and of a voice in all, its own included. Source: contract §6.2."""
_NAME_MAX, _DESCRIPTION_MAX = 1_000, 20_000
"""Characters; nobody says how many there may be, but each listing tells them again."""


@dataclass(frozen=True)
class Changes:
    """The body of a PATCH, checked by itself; what hangs on the voice is checked when it is applied."""

    fields: Mapping[str, Any] = field(default_factory=dict)

    def applied(self, voice: EngineVoice) -> EngineVoice:
        changed = replace(voice, **self.fields)
        if "accent" not in self.fields:
            return changed
        accent = changed.accent
        if accent is None:
            if voice.added:
                raise refuse(400, "accent: a voice with added accents keeps its own; remove those first.")
            return changed
        if accent.language != base_of(voice.language):
            raise refuse(
                400, f"accent: {accent.id} is not an accent of {base_of(voice.language)}; "
                "POST /voices/localize moves a voice into another language.",
            )  # fmt: skip
        return replace(
            changed,
            language=accent.speech_language,
            added=tuple(other for other in voice.added if other.locale != accent.locale),
        )


def read_changes(data: Mapping[str, Any], version: str) -> Changes:
    """
    Raises:
        APIError: 400, naming the field.
    """
    changes: dict[str, Any] = {}
    if version < NESTED_ACCESS:  # up to then both were required
        for name in ("name", "description"):
            if name not in data:
                raise refuse(400, f"{name}: this version needs name and description.")
    for name in ("name", "description", *(("tagline",) if version >= NEWEST else ())):
        if name in data:
            if not isinstance(data[name], str):
                raise refuse(400, f"{name}: must be a string.")
            changes[name] = data[name]
    check_texts(changes.get("name", "-"), changes.get("tagline"), changes.get("description"))
    if "name" in changes:
        changes["name"] = changes["name"].strip()
    if "gender" in data and version >= LOCALES:
        if data["gender"] not in (None, *get_args(Gender)):
            raise refuse(400, f"gender: use {', '.join(get_args(Gender))} or null.")
        changes["gender"] = data["gender"]
    if "accent" in data and version >= NESTED_ACCESS:
        changes["accent"] = None if data["accent"] is None else required_accent(data["accent"], version)
    if "access" in data and version >= NESTED_ACCESS:
        changes["access"] = check_access(data["access"])
    return Changes(changes)


def with_accents(voice: EngineVoice, wanted: object) -> EngineVoice:
    """The voice with further accents.

    Raises:
        APIError: 400, for every rule of contract §6.2.
    """
    if not isinstance(wanted, list) or not all(isinstance(item, str) for item in wanted):
        raise refuse(400, "accents: a list of accent ids; GET /accents lists them.")
    if not 1 <= len(wanted) <= ACCENTS_AT_ONCE:
        raise refuse(400, f"accents: 1 to {ACCENTS_AT_ONCE} ids.")
    found = [required_accent(accent_id) for accent_id in wanted]
    if len({accent.id for accent in found}) < len(found):
        raise refuse(400, "accents: each id once.")
    if voice.origin != "clone":
        raise refuse(400, "Accents can be added to instant clones only.")
    if voice.accent is None:
        raise refuse(400, "The voice has no accent of its own yet: set it first with PATCH /voices/{id}.")
    for accent in found:
        check_localizable(accent)
    own = {voice.accent.id, *(accent.id for accent in voice.added)}
    added = (*voice.added, *(accent for accent in found if accent.id not in own))
    if 1 + len(added) > ACCENTS_MAX:
        raise refuse(400, f"accents: a voice has at most {ACCENTS_MAX}, its own included.")
    return replace(voice, added=added)


def without_accent(voice: EngineVoice, accent_id: str) -> EngineVoice:
    """
    Raises:
        APIError: 400 for its own accent, 404 for one it has not.
    """
    accent = find_accent(accent_id)
    if accent is not None and accent == voice.accent:
        raise refuse(400, f"{accent.id} is the voice's own accent, which stays.")
    if accent is None or accent not in voice.added:
        raise refuse(404, f"The voice has no accent {accent_id[:64]!r}.")
    return replace(voice, added=tuple(other for other in voice.added if other != accent))


def required_accent(accent_id: object, version: str = NEWEST) -> CatalogueAccent:
    """By its catalogue id; before 2026-08-14 by its name as well."""
    accent = find_accent(accent_id) if isinstance(accent_id, str) else None
    if accent is None and isinstance(accent_id, str) and version < NEWEST:
        key = accent_id.strip().casefold()
        accent = next((known for known in accents().values() if known.name.casefold() == key), None)
    if accent is None:
        raise refuse(400, f"There is no accent {str(accent_id)[:64]!r}; GET /accents lists their ids.")
    return accent


def check_localizable(accent: CatalogueAccent) -> None:
    if not accent.is_localizable:
        raise refuse(
            400, f"The engine cannot move a voice into {accent.id!r}; GET /accents?is_localizable=true lists where it can.",
            "language_not_supported",
        )  # fmt: skip


def check_texts(name: str, tagline: str | None = None, description: str | None = None) -> None:
    if not name.strip():
        raise refuse(400, "name: a voice needs one.")
    for field_name, text, most in (
        ("name", name, _NAME_MAX), ("tagline", tagline, TAGLINE_MAX), ("description", description, _DESCRIPTION_MAX),
    ):  # fmt: skip
        if len(text or "") > most:
            raise refuse(400, f"{field_name}: at most {most} characters.")


def check_access(access: object) -> str:
    """Flat, or as 2026-03-01 writes it: `{"type": …}`."""
    if isinstance(access, Mapping):
        access = access.get("type")
    if access not in (None, "private", "public"):
        raise refuse(400, "access: use private or public.")
    return str(access or "private")
