"""Sound of a file that is still being written: its bytes, as they come, to samples."""

import io
from typing import cast

import numpy as np

from sonant.audio.formats import Encoding
from sonant.audio.pcm import Samples, decode_pcm
from sonant.audio.resample import StreamResampler
from sonant.audio.sniff import sniff
from sonant.audio.wav import WavLayout, read_wav_layout
from sonant.errors import AudioInputError

_HEAD_BYTES = 12
"""Enough to know a wav."""
_HEADER_MAX_BYTES = 64 * 1024
_HINT = (
    "While it is still being written, only a wav or headerless samples can be followed; or wait until it is finished."
)
_LEFT_OUT = "Record 16-bit wav, or leave out `live` once it is finished."

_PLAIN: tuple[Encoding, int] = ("pcm_s16le", 16000)
HEADERLESS: dict[str, tuple[Encoding, int]] = {
    **dict.fromkeys(("raw", "pcm", "s16", "s16le"), _PLAIN),
    "ulaw": ("pcm_mulaw", 8000),
    "mulaw": ("pcm_mulaw", 8000),
    "alaw": ("pcm_alaw", 8000),
}
"""Encoding and sample rate (Hz) of headerless files, by the ending of their name; mono."""


class GrowingSound:
    """Bytes of a growing wav, or of headerless samples, → float32, mono.

    Args:
        name: of the file, whose ending says what headerless samples are.
        is_pipe: what comes out of a pipe without a header is taken for 16-bit samples at 16 kHz.
        sample_rate: of what comes out, in Hz.
    """

    def __init__(self, name: str, sample_rate: int, *, is_pipe: bool) -> None:
        self._name = name
        self._sample_rate = sample_rate
        self._raw = HEADERLESS.get(name.rpartition(".")[2].lower()) or (_PLAIN if is_pipe else None)
        self._rest = b""
        self._layout: WavLayout | None = None
        self._resampler: StreamResampler | None = None
        self._left: int | None = None
        self.headerless: tuple[Encoding, int] | None = None
        """What it was taken for, once it is known to have no header."""

    @property
    def is_whole(self) -> bool:
        """All that the header announced has come."""
        return self._left == 0

    def feed(self, audio_bytes: bytes) -> Samples:
        """The next bytes, cut anywhere; none at all is the end.

        Raises:
            AudioInputError: it cannot be followed.
        """
        is_end = not audio_bytes
        self._rest += audio_bytes
        if self._layout is None and not (self._rest and self._read_head(is_end=is_end)):
            return np.zeros(0, np.float32)
        assert self._layout is not None
        assert self._resampler is not None
        width = self._layout.frame_bytes
        if self._left is not None:
            self._rest = self._rest[: self._left]
        end = len(self._rest) // width * width
        frames, self._rest = self._rest[:end], self._rest[end:]
        if self._left is not None:
            self._left = self._left - end if self._left - end >= width else 0
        samples = decode_pcm(frames, cast(Encoding, self._layout.encoding)).reshape(-1, self._layout.channels)
        mono = self._resampler.feed(samples.mean(axis=1, dtype=np.float32))
        return np.concatenate([mono, self._resampler.finish()]) if is_end else mono

    def _read_head(self, *, is_end: bool) -> bool:
        """Whether it is known by now where the samples are."""
        if len(self._rest) < _HEAD_BYTES and not is_end:
            return False
        kind = sniff(self._rest)
        if kind == "wav" and self._rest[:4] == b"RIFF":
            layout = read_wav_layout(io.BytesIO(self._rest))
            if layout is None:
                if len(self._rest) > _HEADER_MAX_BYTES or is_end:
                    raise AudioInputError(f"The header of {self._name} is damaged or not finished.", hint=_LEFT_OUT)
                return False
            if layout.encoding is None or layout.frame_bytes % layout.channels:
                raise AudioInputError(f"{self._name} holds samples that cannot be followed.", hint=_LEFT_OUT)
            self._rest = self._rest[layout.data_start :]
            self._left = layout.data_bytes
        elif kind is not None or self._raw is None:
            what = f"is {kind}" if kind else "has no header that is known"
            raise AudioInputError(f"{self._name} {what}, which cannot be followed.", hint=_HINT)
        else:
            self.headerless = self._raw
            encoding, rate = self._raw
            width = 2 if encoding == "pcm_s16le" else 1
            layout = WavLayout(encoding, rate, 1, width, 0, None, None)
        self._layout = layout
        self._resampler = StreamResampler(layout.sample_rate, self._sample_rate)
        return True
