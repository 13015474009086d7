"""The models there are, and what each can do. No endpoint lists them. Source: contract §2.1, §2.2."""

from dataclasses import dataclass

DEFAULT_MODEL = "sonic-3.6"
INFILL_MODEL = "sonic-3"


@dataclass(frozen=True)
class SpeechModel:
    id: str
    about: str
    snapshots: tuple[str, ...] = ()
    """Dated names of the same model, which never change."""
    is_regional: bool = False
    """Takes locales, accents, a pinned normalization, and the languages LATE_LANGUAGES."""
    infills: bool = False


@dataclass(frozen=True)
class HearingModel:
    id: str
    about: str
    snapshots: tuple[str, ...] = ()
    batch: bool = False
    """`POST /stt`"""
    live: bool = False
    """`WS /stt/websocket`"""
    turns: bool = False
    """`WS /stt/turns/websocket`"""


SPEECH_MODELS = (
    SpeechModel("sonic-3.6", "the newest, and the default", ("sonic-3.6-2026-08-27",), is_regional=True),
    SpeechModel("sonic-3.5", "of May 2026", ("sonic-3.5-2026-05-04",)),
    SpeechModel("sonic-3", "the only one that infills", ("sonic-3-2026-01-12",), infills=True),
    SpeechModel("sonic-latest", "moves on without notice", is_regional=True),
    SpeechModel("sonic-preview", "what comes next; may change", is_regional=True),
)
HEARING_MODELS = (
    HearingModel("ink-whisper", "100 languages, recordings and live", ("ink-whisper-2025-06-04",), batch=True, live=True),
    HearingModel("ink-2", "en, fr, hi, ja, es; live, with turns", live=True, turns=True),
    HearingModel("ink-preview", "what comes next; live, with turns", live=True, turns=True),
)  # fmt: skip

LATE_LANGUAGES = ("or", "ur")
"""Of the 44 languages, those that came with sonic-3.6."""

LIVE_MODELS = tuple(name for model in SPEECH_MODELS for name in (model.id, *model.snapshots))
REGIONAL_MODELS = tuple(name for model in SPEECH_MODELS if model.is_regional for name in (model.id, *model.snapshots))
RETIRED_MODELS = ("sonic-3-2025-10-27", "sonic-2", "sonic-turbo", "sonic", "sonic-english",
                  "sonic-multilingual")  # fmt: skip
RETIRED_PREFIXES = ("sonic-2-", "sonic-turbo-", "sonic-english-", "sonic-multilingual-")
"""Of their dated snapshots."""
