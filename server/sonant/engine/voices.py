"""A voice of the engine: who speaks, and in what language; and how the wire shows it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sonant.engine.accents import CatalogueAccent
from sonant.engine.languages import speakable
from sonant.engine.timbre import Timbre
from sonant.wire.languages import base_of
from sonant.wire.voices import Gender, Voice, VoiceAccent

TAGLINE_MAX = 32
"""Characters. Source: contract §6.1."""
BUILT_IN_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class EngineVoice:
    id: str
    name: str
    tagline: str
    description: str
    gender: Gender | None
    language: str
    """What the synthesiser is told when the request names no language: code or locale, such as `en` or `en-GB`."""
    accent: CatalogueAccent | None
    timbre: Timbre
    added: tuple[CatalogueAccent, ...] = ()
    """Accents it speaks beside its own, with the same timbre."""
    origin: str = "built-in"
    """`built-in`, `clone`, `localized`, `embedding` or `fine_tune`."""
    notices: tuple[str, ...] = ()
    """What every answer spoken with it confesses, beside being synthetic."""
    is_owner: bool = False
    access: str = "public"
    created_at: datetime = BUILT_IN_SINCE
    supported_model_ids: tuple[str, ...] = ()
    """Of a trained voice: the only models that speak with it (contract §2.1)."""

    @property
    def is_pro(self) -> bool:
        return self.origin == "fine_tune"

    @property
    def locale(self) -> str:
        return self.accent.locale if self.accent else self.language

    @property
    def country(self) -> str | None:
        """ISO alpha-2; deprecated by Cartesia, still sent."""
        region = self.locale.partition("-")[2]
        return region if len(region) == 2 else None

    def speaks(self, language: str) -> bool:
        """Whether it has an accent, its own or an added one, in a language (`en`) or in a locale (`en-GB`)."""
        return self.variety(language) is not None

    def variety(self, language: str) -> str | None:
        """What the synthesiser is told when it is to speak a language or locale it has an accent in."""
        if _is_of(self.locale, language):
            return self.language
        return next((accent.speech_language for accent in self.added if _is_of(accent.locale, language)), None)

    def confessions(self, language: str | None = None) -> tuple[str, ...]:
        """Its own notices and those of the language it is to speak."""
        note = speakable(language or self.language).note
        return (*self.notices, note) if note else self.notices

    def matches(self, query: str) -> bool:
        needle = query.casefold()
        return needle in self.name.casefold() or needle in self.description.casefold() or needle == self.id

    def to_wire(self) -> Voice:
        """Both the newest field set and the SDK's (contract §6.1, §17)."""
        accent_id = self.accent.id if self.accent else None
        own = VoiceAccent(accent=accent_id, locale=self.locale, is_native=True)
        locales = [own, *(VoiceAccent(accent=accent.id, locale=accent.locale) for accent in self.added)]
        return Voice(
            id=self.id, name=self.name, tagline=self.tagline, description=self.description, gender=self.gender,
            language=base_of(self.locale), accents=[accent for accent in locales if accent.accent],
            locales=locales, accent=accent_id,
            country=self.country, is_owner=self.is_owner, is_pro=self.is_pro, status="active",
            access=self.access, visibility="owner" if self.is_owner else "all",
            created_at=timestamp(self.created_at), notices=list(self.confessions()) or None,
        )  # fmt: skip


def _is_of(locale: str, language: str) -> bool:
    return locale == language if "-" in language else base_of(locale) == language


def timestamp(moment: datetime) -> str:
    """RFC 3339, UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
