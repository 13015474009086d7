"""The parameters of the toolset `account`; see params.py."""

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field

from sonant.surface.params import flat, lower, text, whole
from sonant.wire.account import TOKEN_LONGEST_S
from sonant.wire.files import Purpose

FileQuery = Annotated[str | None, text("In its name")]
FilePurpose = Annotated[
    Purpose | None,
    BeforeValidator(lower),
    text("tts_generation is saved speech", enum=list(get_args(Purpose))),
]
FileId = Annotated[str, text("From list_files")]
Period = Annotated[
    Literal["today", "week", "month", "year"] | None,
    BeforeValidator(lower),
    text("Up to now; default month, 30 days", enum=["today", "week", "month", "year"]),
]
GroupBy = Annotated[
    Literal["capability", "model", "voice", "api_key"] | None,
    BeforeValidator(lower),
    text("Tell apart by this", enum=["capability", "model", "voice", "api_key"]),
]
TokenGrants = Annotated[str | None, text("tts, stt or both; default tts")]
TokenSeconds = Annotated[
    int | None,
    BeforeValidator(whole),
    Field(ge=1, le=TOKEN_LONGEST_S),
    flat("integer", "How long it is valid; default 60", minimum=1, maximum=TOKEN_LONGEST_S),
]
