"""Voice changer: `POST /voice-changer/bytes` and `/voice-changer/sse` (multipart). Source: contract §7."""

from typing import Any

from sonant.wire.message import Message
from sonant.wire.tts import OutputFormat, VoiceReference

MAX_BYTES = 16 * 1024 * 1024
"""Largest clip. Source: contract §7, as in clone."""


class ChangeFields(Message):
    """The form fields beside the file `clip`."""

    voice: str | VoiceReference
    output_format: OutputFormat

    @property
    def voice_id(self) -> str:
        return self.voice if isinstance(self.voice, str) else self.voice.id

    def to_form(self) -> dict[str, str]:
        """Flat form fields; nested ones use brackets (contract §1.3)."""
        format_fields = self.output_format.to_wire().items()
        return {"voice[id]": self.voice_id} | {f"output_format[{key}]": str(value) for key, value in format_fields}


def with_type(event: dict[str, Any]) -> dict[str, Any]:
    """A streamed event as the other streams tell it: some leave out `type` here (contract §7)."""
    if "type" in event:
        return event
    if "data" in event:
        return event | {"type": "chunk"}
    if "error" in event or "title" in event:
        return event | {"type": "error"}
    return event | {"type": "done"} if event.get("done") is True else event
