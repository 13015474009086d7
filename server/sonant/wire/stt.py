"""Speech to text: batch, and on sockets. Source: contract §5, §2.2."""

from typing import Annotated, Literal

from pydantic import Field

from sonant.wire.message import Message
from sonant.wire.models import HEARING_MODELS

DEFAULT_MODEL = "ink-whisper"
BATCH_MODELS = tuple(name for model in HEARING_MODELS if model.batch for name in (model.id, *model.snapshots))
DEFAULT_LIVE_MODEL = "ink-2"
TURN_MODELS = tuple(name for model in HEARING_MODELS if model.turns for name in (model.id, *model.snapshots))
"""These hear live audio only, and find the turns in it."""

LANGUAGES: frozenset[str] = frozenset(
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml cy "
    "sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo "
    "uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue".split()
)
"""What ink-whisper takes."""

CONTAINERS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
PCM_ENCODINGS = ("pcm_s16le", "pcm_s32le", "pcm_f16le", "pcm_f32le", "pcm_mulaw", "pcm_alaw")
"""Of headerless audio; given, with `sample_rate`, in the query."""

KEYTERMS_MOST, KEYTERMS_MOST_CHARS = 100, 1200
"""How many, and of how many characters in total. Source: contract §5.3."""


class TranscribedWord(Message):
    word: str
    start: float
    """Seconds from the start of the audio."""
    end: float
    """Seconds from the start of the audio."""


class Transcription(Message):
    """Only `type` and `text` are sure to be there."""

    type: str = "transcript"
    text: str
    request_id: str | None = None
    language: str | None = None
    duration: float | None = None
    """Seconds."""
    words: list[TranscribedWord] | None = None
    is_final: bool | None = None
    notices: list[str] | None = None
    """Sonant's addition: what the embedded engine confesses."""


# WS /stt/websocket. Source: contract §5.3


class Transcript(Message):
    """What was heard since the last final one. All final texts, joined as they are, are the whole."""

    type: Literal["transcript"] = "transcript"
    request_id: str
    is_final: bool
    text: str
    """Begins with a blank where one belongs."""
    duration: float | None = None
    """Seconds of audio it was heard in."""
    language: str | None = None
    words: list[TranscribedWord] | None = None


class FlushDone(Message):
    """All that was sent before a `finalize` has been heard."""

    type: Literal["flush_done"] = "flush_done"
    request_id: str


class Done(Message):
    """All has been heard; the socket closes."""

    type: Literal["done"] = "done"
    request_id: str
    notices: list[str] | None = None
    """Sonant's addition, as in Transcription."""


class SttError(Message):
    """Since 2026-03-01; before it had `message` and `request_id` only. Source: contract §1.4."""

    type: Literal["error"] = "error"
    status_code: int = 500
    error_code: str | None = None
    title: str = "Error"
    message: str = ""
    request_id: str | None = None


# WS /stt/turns/websocket. Source: contract §5.4


class Connected(Message):
    type: Literal["connected"] = "connected"
    request_id: str
    notices: list[str] | None = None
    """Sonant's addition, as in Transcription."""


class TurnStart(Message):
    """Somebody has begun to speak."""

    type: Literal["turn.start"] = "turn.start"
    request_id: str


class TurnUpdate(Message):
    type: Literal["turn.update"] = "turn.update"
    request_id: str
    transcript: str
    """The whole turn so far; what was in an earlier one stays."""


class TurnEagerEnd(Message):
    """They have probably finished."""

    type: Literal["turn.eager_end"] = "turn.eager_end"
    request_id: str
    transcript: str


class TurnResume(Message):
    """They had not."""

    type: Literal["turn.resume"] = "turn.resume"
    request_id: str


class TurnEnd(Message):
    type: Literal["turn.end"] = "turn.end"
    request_id: str
    transcript: str
    """The whole turn, for good."""


ListenEvent = Annotated[Transcript | FlushDone | Done | SttError, Field(discriminator="type")]
TurnEvent = Annotated[
    Connected | TurnStart | TurnUpdate | TurnEagerEnd | TurnResume | TurnEnd | SttError, Field(discriminator="type")
]


class TurnSettings(Message):
    """When a turn starts and ends: probabilities that the speaker is speaking, or will go on."""

    start_threshold: Annotated[float, Field(ge=0.5, le=0.9)] = 0.8
    eager_end_threshold: Annotated[float, Field(ge=0.3, le=0.8)] = 0.6
    end_threshold: Annotated[float, Field(ge=0.05, le=0.5)] = 0.3
    end_timeout_ms: Annotated[float, Field(ge=640, le=11200)] = 5600
    """Milliseconds of silence that end a turn in any case."""

    @property
    def is_ordered(self) -> bool:
        return self.start_threshold > self.eager_end_threshold > self.end_threshold
