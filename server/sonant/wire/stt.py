"""Batch speech to text: `POST /stt` (multipart). Source: contract §5.1, §2.2."""

from sonant.wire.message import Message
from sonant.wire.models import HEARING_MODELS

DEFAULT_MODEL = "ink-whisper"
BATCH_MODELS = tuple(name for model in HEARING_MODELS if model.batch for name in (model.id, *model.snapshots))

LANGUAGES: frozenset[str] = frozenset(
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml cy "
    "sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo "
    "uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue".split()
)
"""What ink-whisper takes."""

CONTAINERS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
PCM_ENCODINGS = ("pcm_s16le", "pcm_s32le", "pcm_f16le", "pcm_f32le", "pcm_mulaw", "pcm_alaw")
"""Of headerless audio; given, with `sample_rate`, in the query."""


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
