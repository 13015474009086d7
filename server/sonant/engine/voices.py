"""A voice of the engine: who speaks, and in what language; and how the wire shows it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sonant.engine.accents import CatalogueAccent
from sonant.engine.languages import speakable
from sonant.engine.timbre import Timbre
from sonant.wire.languages import base_of
from sonant.wire.voices import Gender, Voice, VoiceAccent, VoiceMetadata

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
    origin: str = "built-in"
    """`built-in`, `clone` or `localized`."""
    notices: tuple[str, ...] = ()
    """What every answer spoken with it confesses, beside being synthetic."""
    is_owner: bool = False
    access: str = "public"
    created_at: datetime = BUILT_IN_SINCE

    @property
    def locale(self) -> str:
        return self.accent.locale if self.accent else self.language

    @property
    def country(self) -> str | None:
        """ISO alpha-2; deprecated by Cartesia, still sent."""
        region = self.locale.partition("-")[2]
        return region if len(region) == 2 else None

    def speaks(self, language: str) -> bool:
        """Whether it is native in a language (`en`) or in a locale (`en-GB`)."""
        return language == self.locale if "-" in language else language == base_of(self.locale)

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
        locales = [VoiceAccent(accent=accent_id, locale=self.locale, is_native=True)]
        return Voice(
            id=self.id, name=self.name, tagline=self.tagline, description=self.description, gender=self.gender,
            language=base_of(self.locale), accents=locales if accent_id else [], locales=locales, accent=accent_id,
            country=self.country, is_owner=self.is_owner, is_pro=False, status="active",
            access=self.access, visibility="owner" if self.is_owner else "all",
            created_at=timestamp(self.created_at), notices=list(self.confessions()) or None,
        )  # fmt: skip

    def to_metadata(self) -> VoiceMetadata:
        voice = self.to_wire()
        return VoiceMetadata(
            id=voice.id, name=voice.name, tagline=voice.tagline, description=voice.description,
            language=voice.language, access=voice.access, visibility=voice.visibility, created_at=voice.created_at,
            user_id="local", notices=voice.notices,
        )  # fmt: skip


def timestamp(moment: datetime) -> str:
    """RFC 3339, UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
