"""Stored files. Source: contract §11."""

from typing import Literal

from sonant.wire.message import Message

Purpose = Literal["agent_background_sound", "fine_tune", "tts_generation", "voice-clone"]

FILE_MAX_BYTES = 512 * 1024 * 1024
"""Source: ours; that there is a limit is documented, not where it lies."""


class StoredFile(Message):
    id: str
    filename: str = ""
    purpose: str = ""
    size: int | None = None
    """Bytes."""
    status: str | None = None
    owner_id: str | None = None
    created_at: str | None = None


class FilePage(Message):
    data: list[StoredFile]
    has_more: bool = False
    next_page: str | None = None


class FileFields(Message):
    """The form fields of an upload beside `file`."""

    purpose: Purpose
