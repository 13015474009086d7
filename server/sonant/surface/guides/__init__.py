"""How other software speaks with a voice from here: short texts, ready to paste, with the choices filled in.

The texts are the `.md` files beside this one. `{{name}}` is filled in; lines between `[[engine]]` and `[[cloud]]` are for
those whom the embedded engine answers, lines between `[[cloud]]` and `[[end]]` for all others. No key is ever in one.
"""

import re
from dataclasses import dataclass
from importlib.resources import files

from sonant.audio.formats import SAMPLE_RATES, Encoding
from sonant.errors import InputError
from sonant.library.names import shown
from sonant.settings import Settings
from sonant.wire.languages import base_of
from sonant.wire.voices import Voice

ENGINE_URL = "http://127.0.0.1:8100"
"""Where `sonant engine --port 8100`, which the texts tell people to start, answers."""


@dataclass(frozen=True)
class _Stream:
    """What an integration can play."""

    encoding: Encoding
    sample_rate: int
    """Hz, unless another is asked for."""
    is_fixed: bool = False
    """Takes no other rate."""


INTEGRATIONS: dict[str, _Stream | None] = {
    "livekit": _Stream("pcm_s16le", 24000),
    "pipecat": _Stream("pcm_s16le", 24000),
    "twilio": _Stream("pcm_mulaw", 8000, is_fixed=True),
    "rasa": None,
    "thoughtly": None,
    "browser": _Stream("pcm_f32le", 44100),
}

_FORMAT = re.compile(r"(?:(?:pcm_)?(s16le|f32le|mulaw|alaw)(?:_|$))?(\d+)?")
_SECTION = re.compile(r"^\[\[engine\]\]\n(.*?)^\[\[cloud\]\]\n(.*?)^\[\[end\]\]\n", re.MULTILINE | re.DOTALL)
_ID = re.compile(r"[\w.-]{1,80}")


def check_integration(name: str) -> str:
    """The name as INTEGRATIONS has it.

    Raises:
        InputError: there is no guide for it.
    """
    known = name.strip().lower()
    if known not in INTEGRATIONS:
        raise InputError(f"There is no guide for {name[:40]!r}.", hint=f"There are: {', '.join(INTEGRATIONS)}.")
    return known


def guide(settings: Settings, integration: str, voice: Voice, language: str | None, format: str | None) -> str:
    """The guide as Markdown. Reads a file of a few kB.

    Args:
        settings: say who answers.
        integration: one of INTEGRATIONS.
        voice: whose id is filled in.
        language: code or locale; None for the voice's own.
        format: such as `16000` or `s16le_16000`; None for what the integration likes best.

    Raises:
        InputError: the integration cannot play that format, or the voice cannot be named in code.
    """
    if not _ID.fullmatch(voice.id):
        raise InputError("The id of that voice is not one that can be pasted into code.", hint="Choose another voice.")
    stream = _stream(integration, format)
    base_url = settings.base_url or ENGINE_URL
    spoken = base_of(language or voice.language or "en")
    values = {
        "voice_id": voice.id,
        "voice_name": shown(voice.name, 60) or voice.id,
        "language": spoken,
        "model": settings.model,
        "stt_model": "ink-2" if spoken == "en" else "ink-whisper",
        "base_url": base_url,
        "ws_url": base_url.replace("http", "ws", 1),
        "encoding": stream.encoding if stream else "",
        "sample_rate": str(stream.sample_rate) if stream else "",
    }
    text = files(__name__).joinpath(f"{integration}.md").read_text(encoding="utf-8")
    text = _SECTION.sub(lambda found: found[1 if settings.embedded else 2], text)
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], text)


def _stream(integration: str, format: str | None) -> _Stream | None:
    stream = INTEGRATIONS[integration]
    wanted = (format or "").strip().lower()
    if not wanted:
        return stream
    if stream is None:
        raise InputError(f"{integration} chooses its format itself.", hint="Leave out `format`.")
    likes = f"{stream.encoding}_{stream.sample_rate}"
    found = _FORMAT.fullmatch(wanted)
    encoding = f"pcm_{found[1]}" if found and found[1] else stream.encoding
    sample_rate = int(found[2]) if found and found[2] else stream.sample_rate
    if found is None or encoding != stream.encoding or (stream.is_fixed and sample_rate != stream.sample_rate):
        raise InputError(
            f"{integration} cannot play {wanted[:40]!r}: it takes headerless {stream.encoding}.",
            hint=f"Leave out `format`, or use {likes}.",
        )
    if sample_rate not in SAMPLE_RATES:
        raise InputError(
            f"{sample_rate} Hz is not a sample rate here.", hint=f"Use one of {', '.join(map(str, SAMPLE_RATES))}."
        )
    return _Stream(stream.encoding, sample_rate)
