"""Text to speech: `POST /tts/bytes`, `POST /tts/sse` and `WS /tts/websocket`. Source: contract §2.3, §2.4, §3."""

import base64
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, field_validator

from sonant.audio.formats import AudioFormat, Container, Encoding
from sonant.wire.controls import SPEED_RANGE, VOLUME_RANGE
from sonant.wire.message import Message
from sonant.wire.voices import EmbeddingNumbers

CONTAINERS = ("raw", "wav", "mp3")
"""What the bytes endpoints can answer in. Source: contract §2.3."""


class OutputFormat(Message):
    """How the audio is to be encoded. Source: contract §2.3; `encoding` and `sample_rate` default as in OAS-0814."""

    container: Container
    encoding: Encoding | None = None
    sample_rate: int = 44100
    """Hz."""
    bit_rate: int | None = None
    """Bits per second; mp3 only."""

    @field_validator("encoding", mode="before")
    @classmethod
    def _empty_is_absent(cls, value: object) -> object:
        """An mp3 format with an empty encoding is tolerated since 2024."""
        return value or None

    @classmethod
    def of(cls, audio_format: AudioFormat) -> "OutputFormat":
        return cls(
            container=audio_format.container,
            encoding=audio_format.encoding,
            sample_rate=audio_format.sample_rate,
            bit_rate=audio_format.bit_rate,
        )

    def to_audio_format(self) -> AudioFormat:
        if self.container == "mp3":
            return AudioFormat("mp3", self.sample_rate, bit_rate=self.bit_rate or 128000)
        return AudioFormat(self.container, self.sample_rate, self.encoding or "pcm_s16le")


class GenerationConfig(Message):
    """Source: contract §2.4."""

    speed: Annotated[float, Field(ge=SPEED_RANGE[0], le=SPEED_RANGE[1])] | None = None
    """1.0 is the voice's own pace."""
    volume: Annotated[float, Field(ge=VOLUME_RANGE[0], le=VOLUME_RANGE[1])] | None = None
    emotion: str | None = None


class VoiceReference(Message):
    """`voice` as an object; a bare id string means the same. Its `mode` and `__experimental_controls`, of older
    versions, say nothing more. Source: contract §2.4, §3."""

    id: str


class VoiceEmbedding(Message):
    """`voice` up to 2024-11-13 as `{mode: "embedding", embedding}`. Source: contract §1.2."""

    embedding: EmbeddingNumbers


class SpeechRequest(Message):
    """The body of `/tts/bytes`. Source: contract §3."""

    model_id: str
    transcript: str
    voice: str | VoiceReference | VoiceEmbedding
    output_format: OutputFormat
    language: str | None = None
    """ISO code or locale; not together with `locale`."""
    locale: str | None = None
    accent: str | None = None
    normalization: str | None = None
    generation_config: GenerationConfig | None = None
    pronunciation_dict_id: str | None = None
    save: bool | None = None
    speed: Literal["slow", "normal", "fast"] | None = None
    """Deprecated; ignored by newer models."""
    duration: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Legacy: most seconds of audio."""

    @property
    def voice_id(self) -> str:
        """Empty for a voice given as an embedding."""
        if isinstance(self.voice, VoiceEmbedding):
            return ""
        return self.voice if isinstance(self.voice, str) else self.voice.id


class StreamedSpeechRequest(SpeechRequest):
    """The body of `/tts/sse`; the container must be raw. Source: contract §3.2."""

    context_id: str | None = None
    add_timestamps: bool = False
    add_phoneme_timestamps: bool = False
    use_normalized_timestamps: bool | None = None

    @field_validator("add_timestamps", "add_phoneme_timestamps", mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        return False if value is None else value


BUFFER_DELAY_RANGE_MS = (0, 5000)
BUFFER_DELAY_DEFAULT_MS = 3000
"""How long a socket waits for a whole sentence. Source: contract §3.3."""
BUFFER_DELAY_OLD_MS = 0
"""The same before 2026-03-01, where the range was 0 to 1000 as well."""


class ContextRequest(StreamedSpeechRequest):
    """Text for a context of `/tts/websocket`; the container must be raw. Source: contract §3.3."""

    transcript: str = ""
    """Rasa leaves it out where it only flushes."""
    context_id: str | None = None
    """Required since 2026-03-01; one socket multiplexes many."""
    continues: Annotated[bool, Field(alias="continue")] = False
    """More text will follow in this context."""
    flush: bool = False
    """Speak now what is buffered."""

    @field_validator("continues", "flush", mode="before")
    @classmethod
    def _null_is_no(cls, value: object) -> object:
        return False if value is None else value

    max_buffer_delay_ms: Annotated[int, Field(ge=BUFFER_DELAY_RANGE_MS[0], le=BUFFER_DELAY_RANGE_MS[1])] | None = None
    """How long to wait for a whole sentence; 0: the caller cuts sentences."""


class CancelRequest(Message):
    """Stop what of a context has not begun. Source: contract §3.3."""

    context_id: str
    cancel: Literal[True] = True


class WordTimestamps(Message):
    """Parallel arrays; seconds from the start of the audio."""

    words: list[str]
    start: list[float]
    end: list[float]


class PhonemeTimestamps(Message):
    """Parallel arrays; seconds from the start of the audio."""

    phonemes: list[str]
    start: list[float]
    end: list[float]


class Event(Message):
    """What every streamed event has. `status_code` is 206 even on `done`: do not branch on it."""

    done: bool
    status_code: int = 206
    context_id: str | None = None
    flush_id: int | None = None
    """On a socket: which flush the text belongs to, counted from 1."""
    notices: list[str] | None = None
    """Sonant's addition: what the embedded engine confesses."""


class Chunk(Event):
    """A piece of generated audio."""

    type: Literal["chunk"] = "chunk"
    data: str
    """Base64 of raw samples in the encoding the request asked for."""
    done: bool = False

    @field_validator("data")
    @classmethod
    def _is_base64(cls, value: str) -> str:
        base64.b64decode(value, validate=True)
        return value

    @property
    def audio_bytes(self) -> bytes:
        return base64.b64decode(self.data)

    step_time: float = 0.0
    """Milliseconds spent on this chunk; most other times on this wire are seconds."""
    sample_rate: int | None = None
    """Hz; told by the voice changer alone (contract §7)."""


class Timestamps(Event):
    type: Literal["timestamps"] = "timestamps"
    done: bool = False
    word_timestamps: WordTimestamps


class PhonemeTimes(Event):
    type: Literal["phoneme_timestamps"] = "phoneme_timestamps"
    done: bool = False
    phoneme_timestamps: PhonemeTimestamps


class FlushDone(Event):
    """On a socket: all that was sent before a flush has been spoken."""

    type: Literal["flush_done"] = "flush_done"
    done: bool = False
    flush_done: bool = True


class Done(Event):
    type: Literal["done"] = "done"
    done: bool = True


class ErrorEvent(Event):
    """Source: contract §1.4, inside a stream."""

    type: Literal["error"] = "error"
    done: bool = True
    status_code: int = 500
    title: str = "Error"
    message: str = ""
    request_id: str | None = None
    error_code: str | None = None


SpeechEvent = Chunk | Timestamps | PhonemeTimes | FlushDone | Done | ErrorEvent
_EVENT: TypeAdapter[SpeechEvent] = TypeAdapter(Annotated[SpeechEvent, Field(discriminator="type")])
_EVENT_TYPES = frozenset({"chunk", "timestamps", "phoneme_timestamps", "flush_done", "done", "error"})


def parse_event(data: dict[str, Any]) -> SpeechEvent | None:
    """The event, by its `type` and not by its SSE name; None for a type this version does not know.

    Raises:
        pydantic.ValidationError: a known type without its fields.
    """
    return _EVENT.validate_python(data) if data.get("type") in _EVENT_TYPES else None
