"""Professional voice cloning: datasets, their files, fine-tunes. Source: contract §9 (2026-08-14)."""

from typing import Literal

from pydantic import Field

from sonant.wire.message import Message
from sonant.wire.models import LIVE_MODELS

FineTuneStatus = Literal["created", "training", "completed", "failed"]
UNFINISHED: tuple[FineTuneStatus, ...] = ("created", "training")

DATASET_FILE_MAX_BYTES = 512 * 1024 * 1024
"""Unspecified by Cartesia; an hour and a half of CD sound in one channel."""
PURPOSE = "fine_tune"
"""Of a dataset's files."""
ADVISED_S = 30 * 60
"""Audio that Cartesia asks for at least. Source: contract §9."""

SNAPSHOTS = tuple(model for model in LIVE_MODELS if model[-10:].startswith("20"))
"""Dated models, newest first: the only ones that speak with a trained voice. Source: contract §2.1."""


class DatasetRequest(Message):
    """`POST /datasets`."""

    name: str
    description: str | None = None


class DatasetChange(Message):
    """`PATCH /datasets/{id}`. What is not there stays as it is."""

    name: str | None = None
    description: str | None = None


class Dataset(Message):
    id: str
    name: str = ""
    description: str = ""
    created_at: str | None = None


class DatasetPage(Message):
    data: list[Dataset]
    has_more: bool = False
    next_page: str | None = None


class DatasetFile(Message):
    id: str
    filename: str = ""
    created_at: str | None = None
    size: int = 0
    """Bytes."""


class DatasetFilePage(Message):
    data: list[DatasetFile]
    has_more: bool = False
    next_page: str | None = None


class FineTuneRequest(Message):
    """`POST /fine-tunes`."""

    name: str
    description: str
    language: str
    dataset: str
    """Id."""
    accent: str | None = None
    model_id: str | None = None
    """Deprecated by Cartesia; the SDK still sends it."""


class UserError(Message):
    """What is wrong with the recordings, for the person to mend."""

    code: str | None = None
    message: str = ""


class FineTune(Message):
    id: str
    name: str = ""
    description: str = ""
    language: str = ""
    dataset: str = ""
    """Id."""
    accent: str | None = None
    model_id: str | None = None
    """Deprecated in favour of:"""
    supported_model_ids: list[str] = Field(default_factory=list)
    """What can speak with its voices."""
    status: str
    """A FineTuneStatus; Cartesia may add some."""
    user_errors: list[UserError] = Field(default_factory=list)
    notices: list[str] | None = None
    """Sonant's addition: what the embedded engine confesses of this training."""


class FineTunePage(Message):
    data: list[FineTune]
    has_more: bool = False
    next_page: str | None = None
