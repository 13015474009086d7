"""Voices and accents. Source: contract §6 (2026-08-14; both the newest and the SDK's field sets are read and written)."""

from typing import Annotated, Literal

from pydantic import Field

from sonant.wire.message import Message

Gender = Literal["masculine", "feminine", "gender_neutral"]

PUBLIC_VOICES: dict[str, str] = {
    "Katie": "f786b574-daa5-4673-aa0c-cbe3e8534c02",
    "Skylar": "db6b0ed5-d5d3-463d-ae85-518a07d3c2b4",
    "Jameson": "a5136bf9-224c-4d76-b823-52bd5efcffcc",
    "Gemma": "62ae83ad-4f6a-430b-af41-a9bede9286ca",
    "Archie": "ef191366-f52f-447a-a398-ed8c0f2943a1",
}
"""Ids that programs hard-code. Source: contract §6.6."""
DOCUMENTATION_VOICES = ("694f9389-aac1-45b6-b726-9d9369183238", "a0e99841-438c-4a64-b679-ae501e7d6091")
"""Placeholders of the documentation, which programs hard-code too."""

CLIP_MAX_BYTES = 16 * 1024 * 1024
"""Largest clip of `/voices/clone`. Source: contract §6.3."""
CLIP_CONTAINERS = ("flac", "mp3", "mpeg", "mpga", "oga", "ogg", "wav", "webm")


class VoiceAccent(Message):
    accent: str | None = None
    """Catalog id, such as `british`."""
    locale: str | None = None
    is_native: bool = False


class Voice(Message):
    id: str
    name: str = ""
    tagline: str = ""
    description: str = ""
    gender: str | None = None
    language: str | None = None
    """Deprecated by Cartesia in favour of `accents`, still sent."""
    accents: list[VoiceAccent] | None = None
    locales: list[VoiceAccent] | None = None
    """The SDK's name for the same."""
    accent: str | None = None
    country: str | None = None
    is_owner: bool = False
    is_pro: bool = False
    status: str = "active"
    access: str | None = None
    visibility: str | None = None
    created_at: str | None = None
    preview_file_url: str | None = None
    notices: list[str] | None = None
    """Sonant's addition: what the embedded engine confesses of this voice."""


class VoicePage(Message):
    data: list[Voice]
    has_more: bool = False
    next_page: str | None = None


class VoiceMetadata(Message):
    """What clone and localize answer."""

    id: str
    name: str
    tagline: str = ""
    description: str = ""
    language: str | None = None
    access: str | None = None
    visibility: str | None = None
    created_at: str | None = None
    user_id: str | None = None
    notices: list[str] | None = None
    """Sonant's addition: what the embedded engine confesses of this voice."""


class LocalizeRequest(Message):
    """`POST /voices/localize`."""

    voice_id: str
    name: str
    accent: str
    description: str | None = None
    tagline: str | None = None
    access: str | None = None


LOCALIZE_LANGUAGES = tuple("en de es fr ja pt zh hi it ko nl pl ru sv tr ar he ta te th".split())
DIALECTS: dict[str, dict[str, str]] = {
    "en": {"au": "australian", "in": "indian-english", "so": "southern-us", "uk": "british", "us": "general-american"},
    "es": {"mx": "mexican", "pe": "castilian"},
    "pt": {"br": "brazilian-portuguese", "eu": "european-portuguese"},
    "fr": {"eu": "parisian", "ca": "canadian-french"},
}
"""Language → dialect → the accent that took its place. Source: contract §6.4."""


class LegacyLocalizeRequest(Message):
    """`POST /voices/localize` up to 2026-03-01."""

    voice_id: str
    name: str
    description: str
    language: str
    original_speaker_gender: str
    """male or female."""
    dialect: str | None = None


class CloneFields(Message):
    """The form fields of `POST /voices/clone` beside `clip`."""

    name: str
    language: str
    description: str | None = None
    tagline: str | None = None
    accent: str | None = None
    base_voice_id: str | None = None
    access: str | None = None


class LegacyCloneFields(Message):
    """The same up to 2026-03-01, all versions' fields together. Source: contract §1.2, §6.3."""

    name: str
    language: str | None = None
    description: str | None = None
    base_voice_id: str | None = None
    mode: str | None = None
    """similarity or stability; required up to 2024-11-13."""
    enhance: bool | None = None
    """Take out noise; through 2025-04-16."""
    transcript: str | None = None
    accent: str | None = None
    access: dict[str, str] | str | None = None
    """`access[type]` at 2026-03-01."""


EMBEDDING_SIZE = 192
"""Numbers of an embedding. Source: contract §1.2."""
MIX_MAX = 32
"""Voices of one mix; nobody says how many there may be."""
EmbeddingNumbers = Annotated[list[float], Field(max_length=EMBEDDING_SIZE)]
"""That it is not shorter, and finite, is checked where it is read."""


class MixPart(Message):
    """A voice by its id, or by its embedding."""

    id: str | None = None
    embedding: EmbeddingNumbers | None = None
    weight: float


class MixRequest(Message):
    """`POST /voices/mix`; weights are brought to a sum of 1. Up to 2024-11-13. Source: contract §6.5."""

    voices: Annotated[list[MixPart], Field(min_length=1, max_length=MIX_MAX)]


class Embedding(Message):
    """A voice as 192 numbers: what mixing answers, and what a voice can be made from."""

    embedding: EmbeddingNumbers


class VoiceFromEmbedding(Embedding):
    """`POST /voices`, up to 2024-11-13. Source: contract §6.5."""

    name: str
    description: str
    language: str | None = None
    base_voice_id: str | None = None


class AccentsRequest(Message):
    """`PATCH /voices/{id}/accents`: 1 to 9 catalogue ids."""

    accents: list[str]


class VoiceUpdate(Message):
    """`PATCH /voices/{id}`: what is to change. `changes` holds only what was set: a null clears gender and accent."""

    name: str | None = None
    tagline: str | None = None
    description: str | None = None
    gender: Gender | None = None
    accent: str | None = None
    access: str | None = None

    def changes(self) -> dict[str, object]:
        return self.model_dump(mode="json", exclude_unset=True)


class Accent(Message):
    id: str
    name: str
    language: str
    locale: str | None = None
    is_locale_default: bool = False
    is_localizable: bool = False


class AccentList(Message):
    accents: list[Accent]
