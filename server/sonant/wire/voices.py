"""Voices and accents. Source: contract §6 (2026-08-14; both the newest and the SDK's field sets are read and written)."""

from typing import Literal

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


class CloneFields(Message):
    """The form fields of `POST /voices/clone` beside `clip`."""

    name: str
    language: str
    description: str | None = None
    tagline: str | None = None
    accent: str | None = None
    base_voice_id: str | None = None
    access: str | None = None


class Accent(Message):
    id: str
    name: str
    language: str
    locale: str | None = None
    is_locale_default: bool = False
    is_localizable: bool = False


class AccentList(Message):
    accents: list[Accent]
