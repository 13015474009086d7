"""What a tool answers: first one or two sentences with the facts, then a link, then the same as typed data.

Hosts pass on either the text or the structure, so each is enough alone. Audio is in neither, and the spoken text is
never echoed back.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypedDict

from mcp_types import CallToolResult, ContentBlock, ResourceLink, TextContent
from pydantic import BaseModel

from sonant.wire.notices import SYNTHETIC_NOTICE
from sonant.workflows.state import State

if TYPE_CHECKING:
    from sonant.library.index import Entry


class Answer(BaseModel):
    """What every result may say."""

    notices: list[str] = []
    job_id: str | None = None
    """Where the work goes on, if it outlasted the call; the other fields are then absent."""


class Sound(Answer):
    path: str | None = None
    uri: str | None = None
    duration_s: float | None = None
    sample_rate: int | None = None
    voice: str | None = None
    voice_id: str | None = None
    credits: int | None = None


class Speech(Sound):
    words_path: str | None = None


class Transcript(Answer):
    text: str | None = None
    whole: bool | None = None
    path: str | None = None
    uri: str | None = None
    duration_s: float | None = None
    language: str | None = None
    credits: int | None = None


class VoiceRow(BaseModel):
    id: str
    name: str
    gender: str | None = None
    locale: str | None = None
    about: str | None = None
    mine: bool | None = None


class OneVoice(BaseModel):
    id: str
    name: str


class VoiceDetails(VoiceRow):
    # Sent where OneVoice is promised: what five tools tell need not cost five times in tools/list.
    accents: list[str] = []
    notices: list[str] = []


class Accents(BaseModel):
    accents: list[dict[str, str]]
    # id, name, locale


class Voices(BaseModel):
    voices: list[VoiceRow]
    next_cursor: str | None = None


class NewVoice(Answer):
    voice_id: str | None = None
    name: str | None = None
    language: str | None = None


class Infill(Sound):
    words_start_s: float | None = None
    words_duration_s: float | None = None


class DictionaryRow(BaseModel):
    id: str
    name: str
    words: int


class Pronunciations(BaseModel):
    dictionaries: list[DictionaryRow] = []
    words: list[str] = []
    next_cursor: str | None = None


class SavedPronunciations(BaseModel):
    id: str
    name: str
    words: int
    notices: list[str] = []


class Deleted(BaseModel):  # a docstring would be part of every schema
    deleted: bool  # not, where the person was asked and declined, or has to be asked first
    id: str | None = None


class JobReport(BaseModel):
    """How a job stands; once done, its result has the fields of the tool that began it as well."""

    job_id: str | None = None
    status: str | None = None
    so_far: str | None = None


def fresh_notices(state: State, notices: Iterable[str]) -> list[str]:
    """The notices that need saying now: the one about synthetic speech only in the first result of a process."""
    told: list[str] = []
    for notice in dict.fromkeys(notices):
        if notice == SYNTHETIC_NOTICE:
            if notice in state.said:
                continue
            state.said.add(notice)
        told.append(notice)
    return told


def answer(text: str, data: BaseModel, *entries: "Entry | None", state: State) -> CallToolResult:
    """A result with its text, links to its files and its typed form."""
    content: list[ContentBlock] = [TextContent(type="text", text=text)]
    content += [
        ResourceLink(
            type="resource_link",
            uri=entry.uri,
            name=entry.path.name if state.shows_paths else f"{entry.id}.{entry.extension}",
            mime_type=entry.mime_type,
        )
        for entry in entries
        if entry is not None
    ]
    return CallToolResult(content=content, structured_content=data.model_dump(mode="json", exclude_defaults=True))


class Place(TypedDict):
    """Where a file is, as fields of a result."""

    uri: str | None
    path: str | None


NOWHERE = Place(uri=None, path=None)


def place(state: State, entry: "Entry") -> Place:
    """The file's path here; where no paths are shown, the address it is fetched from."""
    if state.shows_paths:
        return Place(uri=entry.uri, path=str(entry.path))
    return Place(uri=f"{state.public_url}/audio/{entry.id}.{entry.extension}", path=None)


def where(state: State, entry: "Entry") -> str:
    """The same in words."""
    found = place(state, entry)
    return found["path"] or found["uri"] or entry.uri


def counted(number: int, what: str) -> str:
    """`1 word`, `2 words`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def sentences(*parts: str) -> str:
    """Joined by blanks, except where one ends a paragraph."""
    return " ".join(part for part in parts if part).replace("\n ", "\n").strip()


def seconds(duration_s: float | None) -> str:
    """`12.3 s`, or `1 h 02 min`, as a person would say it."""
    if duration_s is None:
        return "of unknown length"
    if duration_s < 90:
        return f"{duration_s:.1f} s"
    minutes = round(duration_s / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{duration_s / 60:.1f} min"
