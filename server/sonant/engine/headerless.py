"""Headerless sound as it is sent to the hearing endpoints. Source: contract §5.1, §5.3."""

from collections.abc import Iterator
from typing import cast, get_args

import numpy as np
from starlette.datastructures import QueryParams

from sonant.audio.formats import Encoding
from sonant.audio.pcm import Samples, decode_pcm
from sonant.audio.resample import StreamResampler
from sonant.engine.answers import refuse
from sonant.wire.stt import PCM_ENCODINGS

HEARING_RATE = 16000
"""Hz the recogniser takes."""
_RATES = (4000, 192_000)
_SAMPLE_BYTES = {"pcm_s16le": 2, "pcm_s32le": 4, "pcm_f16le": 2, "pcm_f32le": 4, "pcm_mulaw": 1, "pcm_alaw": 1}


def encoding_in(query: QueryParams) -> tuple[str, int] | None:
    """Encoding and sample rate, in Hz; None where the query names no encoding.

    Raises:
        APIError: 400, unknown or missing.
    """
    encoding, rate = query.get("encoding"), query.get("sample_rate")
    if not encoding:
        return None
    if encoding not in PCM_ENCODINGS:
        raise refuse(400, f"encoding: use one of {', '.join(PCM_ENCODINGS)}.")
    if not rate or not rate.isascii() or not rate.isdigit() or not _RATES[0] <= int(rate[:9]) <= _RATES[1]:
        raise refuse(400, f"sample_rate: headerless audio needs it, in Hz from {_RATES[0]} to {_RATES[1]}.")
    return encoding, int(rate)


class PcmStream:
    """Bytes cut anywhere → float32, mono, 16 kHz. A cut last sample is dropped."""

    def __init__(self, encoding: str, sample_rate: int) -> None:
        self._encoding = encoding
        self._width = _SAMPLE_BYTES[encoding]
        self._resampler = StreamResampler(sample_rate, HEARING_RATE)
        self._rest = b""
        self.bytes_per_s = sample_rate * self._width

    def feed(self, audio_bytes: bytes) -> Samples:
        """The next of it; give it no more than some seconds at once."""
        audio_bytes = self._rest + audio_bytes
        end = len(audio_bytes) // self._width * self._width
        self._rest = audio_bytes[end:]
        return self._resampler.feed(_samples(audio_bytes[:end], self._encoding))

    def finish(self) -> Samples:
        return self._resampler.finish()

    def cut(self, audio_bytes: bytes, seconds: float) -> Iterator[bytes]:
        """The bytes in pieces of about so many seconds."""
        size = max(self._width, int(self.bytes_per_s * seconds))
        for start in range(0, len(audio_bytes), size):
            yield audio_bytes[start : start + size]


def _samples(audio_bytes: bytes, encoding: str) -> Samples:
    if encoding in get_args(Encoding):
        return decode_pcm(audio_bytes, cast(Encoding, encoding))
    if encoding == "pcm_s32le":
        return (np.frombuffer(audio_bytes, "<i4") / 2**31).astype(np.float32)
    return np.nan_to_num(np.frombuffer(audio_bytes, "<f2").astype(np.float32)).clip(-1, 1)
