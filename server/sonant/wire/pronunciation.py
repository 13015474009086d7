"""Pronunciation dictionaries. Source: contract §8, §2.6."""

from typing import Self

from pydantic import Field, model_validator

from sonant.wire.message import Message

PRONUNCIATION_MAX = 100
"""Characters of one pronunciation."""


class DictionaryItem(Message):
    """One word and how it is said. Servers and programs of different age name the sound differently: either is read."""

    text: str
    pronunciation: str = ""
    """`<<p|h|o|n|e>>` for each word, or text that sounds like it."""
    alias: str | None = None
    """Deprecated: another name of the same."""
    case_sensitive: bool = False
    """Match as it is written; lowercase also matches with a capital first letter. Before sonic-3.6 always so."""

    @model_validator(mode="after")
    def _either_name(self) -> Self:
        self.pronunciation = self.pronunciation or self.alias or ""
        if not self.pronunciation:
            raise ValueError("give `pronunciation`")
        return self


class Dictionary(Message):
    id: str
    name: str = ""
    description: str | None = None
    items: list[DictionaryItem] = Field(default_factory=list)
    pinned: bool = False
    is_owner: bool | None = None
    access: str | None = None
    visibility: str | None = None
    owner_id: str | None = None
    """Before 2026-08-14 in place of the three above; the SDK still reads it."""
    created_at: str | None = None
    notices: list[str] | None = None
    """Sonant's addition: sounds the embedded engine does not have."""


class DictionaryPage(Message):
    data: list[Dictionary]
    has_more: bool = False
    next_page: str | None = None


class DictionaryWrite(Message):
    """The body that makes or changes a dictionary. `items` replaces the whole list."""

    name: str | None = None
    description: str | None = None
    items: list[DictionaryItem] | None = None

    def to_wire(self) -> dict[str, object]:
        return self.model_dump(mode="json", exclude_none=True, exclude={"items": {"__all__": {"alias"}}})
