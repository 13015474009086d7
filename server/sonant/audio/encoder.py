"""Samples to a file, as they come."""

from typing import TYPE_CHECKING, BinaryIO, Self

import numpy as np

from sonant.audio.formats import AudioFormat
from sonant.audio.pcm import Samples, encode_pcm
from sonant.audio.wav import wav_header
from sonant.errors import OutputError

if TYPE_CHECKING:
    import soundfile

_CHUNK_FRAMES = 65536
"""libsndfile's Vorbis encoder overflows its stack when it is given minutes at once."""

_DEFAULT_BIT_RATE = 128_000


class Encoder:
    """Writes mono samples into a container.

    Args:
        file: empty, seekable, open for reading and writing (w+b); not closed by us. Sizes and the mp3's index frame
            are put in at `close`, so the bytes before that are a draft.
        audio_format: raw, wav, mp3 (constant bit rate), flac (16 bits) or ogg (Vorbis).

    Raises:
        OutputError: from every method, when the file does not take what is written (a full disk).
    """

    def __init__(self, file: BinaryIO, audio_format: AudioFormat) -> None:
        if audio_format.channels != 1:
            raise ValueError("Encoder writes mono")
        self.frames_written = 0
        self.sample_rate = audio_format.sample_rate
        self._format = audio_format
        self._file = _WatchedFile(file)
        self._sound: soundfile.SoundFile | None = None
        self._closed = False
        if audio_format.container not in ("raw", "wav"):
            self._sound = _open_sound(self._file, audio_format)
        elif audio_format.encoding is None:
            raise ValueError(f"{audio_format.container} needs an encoding")
        elif audio_format.container == "wav":
            self._file.write(wav_header(audio_format, None))
        self._file.check()

    def write(self, samples: Samples) -> None:
        """Append float32 samples in [-1, 1], shape (frames,), at the format's sample rate; louder ones are clipped."""
        if self._sound is not None:
            clipped = np.clip(np.nan_to_num(np.asarray(samples, np.float32)), -1, 1)
            for start in range(0, len(clipped), _CHUNK_FRAMES):
                self._sound.write(clipped[start : start + _CHUNK_FRAMES])
                self._file.check()
        elif self._format.encoding is not None:
            self._file.write(encode_pcm(samples, self._format.encoding))
        self._file.check()
        self.frames_written += len(samples)

    def close(self) -> None:
        """Finish the file: its last frames, its sizes. Again does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._sound is not None:
            self._sound.close()
        elif self._format.container == "wav":
            data_bytes = self.frames_written * self._format.frame_bytes
            self._file.write(b"\0" * (data_bytes % 2))
            self._file.seek(0)
            self._file.write(wav_header(self._format, data_bytes))
            self._file.seek(0, 2)
        self._file.check()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open_sound(file: "_WatchedFile", audio_format: AudioFormat) -> "soundfile.SoundFile":
    import soundfile

    subtype = {"mp3": "MPEG_LAYER_III", "flac": "PCM_16", "ogg": "VORBIS"}[audio_format.container]
    options: dict[str, object] = {}
    if audio_format.container == "mp3":
        options = {"bitrate_mode": "CONSTANT", "compression_level": _mp3_level(audio_format)}
    return soundfile.SoundFile(
        file, "w", audio_format.sample_rate, 1, format=audio_format.container.upper(), subtype=subtype, **options
    )


def _mp3_level(audio_format: AudioFormat) -> float:
    """libsndfile's 0 to 1 for a bit rate, exact for all of BIT_RATES.

    Its range depends on the sample rate (MPEG-1, 2, 2.5); a higher bit rate than that becomes the highest there is.
    """
    sample_rate = audio_format.sample_rate
    lowest, highest = (32, 320) if sample_rate >= 32000 else (8, 160) if sample_rate >= 16000 else (8, 64)
    kbps = min(max((audio_format.bit_rate or _DEFAULT_BIT_RATE) / 1000, lowest), highest)
    return min(0.9999, (highest - kbps) / (highest - lowest))  # 1.0 itself raises


class _WatchedFile:
    """Keeps the first failure of the file below, which libsndfile would only print.

    A closed file is left alone: libsndfile comes back to an encoder that was given up as it is collected.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._failure: OSError | None = None

    def check(self) -> None:
        if self._failure is not None:
            raise OutputError(
                f"The audio file could not be written: {self._failure.strerror or self._failure}.",
                hint="Make room, or choose another output folder.",
            ) from self._failure

    def write(self, audio_bytes: bytes) -> int:
        if self._failure is None and not self._file.closed:
            try:
                return self._file.write(audio_bytes)
            except OSError as failure:
                self._failure = failure
        return len(bytes(audio_bytes))

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def readinto(self, buffer: bytearray) -> int:
        audio_bytes = self._file.read(len(buffer))
        buffer[: len(audio_bytes)] = audio_bytes
        return len(audio_bytes)

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0 if self._file.closed else self._file.seek(offset, whence)

    def tell(self) -> int:
        return 0 if self._file.closed else self._file.tell()
