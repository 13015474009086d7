"""What a sound is encoded as: container, encoding, sample rate; and the names people use for it.

Container (wav) is not encoding (pcm_s16le) is not MIME type. Source: contract §2.3.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Container = Literal["raw", "wav", "mp3", "flac", "ogg"]
Encoding = Literal["pcm_s16le", "pcm_f32le", "pcm_mulaw", "pcm_alaw"]

CONTAINERS: tuple[Container, ...] = get_args(Container)
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
SAMPLE_RATES = (8000, 16000, 22050, 24000, 44100, 48000)
"""Hz. The rates the wire takes."""

BIT_RATES = (32000, 64000, 96000, 128000, 192000)
"""Bits per second of an mp3."""

SAMPLE_BYTES: dict[Encoding, int] = {"pcm_s16le": 2, "pcm_f32le": 4, "pcm_mulaw": 1, "pcm_alaw": 1}


@dataclass(frozen=True)
class AudioFormat:
    """How audio bytes are to be read. Sound in Sonant is mono unless `channels` says otherwise."""

    container: Container
    sample_rate: int
    """Hz."""
    encoding: Encoding | None = None
    """For raw and wav; None for the compressed containers."""
    bit_rate: int | None = None
    """Bits per second; mp3 only."""
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame (one sample per channel) of an uncompressed format."""
        if self.encoding is None:
            raise ValueError(f"{self.container} has no fixed frame size")
        return SAMPLE_BYTES[self.encoding] * self.channels

    @property
    def extension(self) -> str:
        """The file name's ending, without the dot."""
        if self.container == "raw":
            return {"pcm_mulaw": "ulaw", "pcm_alaw": "alaw"}.get(self.encoding or "", "pcm")
        return self.container

    @property
    def mime_type(self) -> str:
        return MIME_TYPES[self.extension]


MIME_TYPES: dict[str, str] = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "oga": "audio/ogg",
    "opus": "audio/ogg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "mp4": "video/mp4",
    "webm": "audio/webm",
    "aiff": "audio/aiff",
    "mov": "video/quicktime",
    "mkv": "video/x-matroska",
    "avi": "video/x-msvideo",
    "3gp": "video/3gpp",
    "amr": "audio/AMR",
    "au": "audio/basic",
    "caf": "audio/x-caf",
    "w64": "audio/x-w64",
    "wma": "audio/x-ms-wma",
    "pcm": "application/octet-stream",  # headerless: its rate and encoding travel beside it
    "ulaw": "audio/basic",  # RFC 2046 §4.3: 8 kHz mu-law, one channel
    "alaw": "audio/PCMA",  # RFC 4856
}
"""File name ending → MIME type, for all that Sonant writes or takes in."""

TRANSCRIPT_MIME_TYPES = {
    "txt": "text/plain",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "json": "application/json",
}
"""File name ending → MIME type, for what is written down of a sound."""

RAW_S16 = AudioFormat("raw", 44100, "pcm_s16le")

PRESETS: dict[str, AudioFormat] = {
    "mp3": AudioFormat("mp3", 44100, bit_rate=128000),
    "wav": AudioFormat("wav", 44100, "pcm_s16le"),
    "flac": AudioFormat("flac", 44100),
    "ogg": AudioFormat("ogg", 44100),
    "raw": RAW_S16,
    "mulaw_8000": AudioFormat("raw", 8000, "pcm_mulaw"),
    "alaw_8000": AudioFormat("raw", 8000, "pcm_alaw"),
}
"""What a person may ask for by name. Telephony presets are headerless (contract §15)."""
