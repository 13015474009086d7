"""Speech between two clips: `POST /infill/bytes` (multipart). Source: contract §4."""

from sonant.wire.message import Message
from sonant.wire.models import INFILL_MODEL, SPEECH_MODELS
from sonant.wire.tts import OutputFormat

MODELS = tuple(name for model in SPEECH_MODELS if model.infills for name in (model.id, *model.snapshots))
"""What takes part in infill at 2026-08-14."""


class InfillFields(Message):
    """The form fields beside the files `left_audio` and `right_audio`, at least one of which is there."""

    model_id: str = INFILL_MODEL
    language: str
    transcript: str
    voice_id: str
    output_format: OutputFormat
    pronunciation_dict_id: str | None = None
    """Not among the documented fields of infill; the embedded engine obeys it."""

    def to_form(self) -> dict[str, str]:
        """Flat form fields; nested ones use brackets (contract §1.3)."""
        flat = {"model_id": self.model_id, "language": self.language, "transcript": self.transcript,
                "voice_id": self.voice_id}  # fmt: skip
        if self.pronunciation_dict_id:
            flat["pronunciation_dict_id"] = self.pronunciation_dict_id
        return flat | {f"output_format[{key}]": str(value) for key, value in self.output_format.to_wire().items()}
