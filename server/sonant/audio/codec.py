"""Files of any audio container to samples, a block at a time. soundfile reads what it can, PyAV the rest."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from sonant.audio.completeness import check_complete, mp3_share
from sonant.audio.encoder import Encoder
from sonant.audio.pcm import Samples
from sonant.audio.resample import StreamResampler
from sonant.audio.sniff import sniff
from sonant.errors import AudioFormatError, AudioInputError

if TYPE_CHECKING:
    import av
    import soundfile

__all__ = ["AudioInfo", "Encoder", "check_complete", "decode_blocks", "probe", "read_clip", "sniff"]

HEAD_BYTES = 4096
"""What `sniff` is shown."""

_SOUNDFILE_READS = {"wav", "flac", "ogg", "mp3", "aiff", "au", "caf", "w64"}
_DEMUXERS = {
    "mp4": "mov",
    "m4a": "mov",
    "mov": "mov",
    "3gp": "mov",
    "webm": "matroska",
    "mkv": "matroska",
    "wma": "asf",
}
"""FFmpeg's name where it is not the extension. Naming it keeps FFmpeg from guessing a playlist that opens other files."""

_MISSING_FRAMES_S = 0.1
"""Seconds a decoder may be short of what the container announced."""

_FORMATS_HINT = "Use a wav, mp3, flac, ogg, m4a, mp4 or webm file."


@dataclass(frozen=True)
class AudioInfo:
    """What a file says of its sound."""

    extension: str
    """By content, without the dot."""
    sample_rate: int
    """Hz."""
    channels: int
    duration_s: float
    """Of what is there, where it was cut."""


def probe(file: BinaryIO) -> AudioInfo:
    """Look at a recording without decoding it.

    Args:
        file: seekable; read from its start, left anywhere, not closed.

    Raises:
        AudioFormatError: not audio, or not to be decoded.
        AudioInputError: a video without sound, or nothing in it.
    """
    extension = _extension(file)
    if sound := _open_soundfile(file, extension):
        with sound:
            duration_s = sound.frames / sound.samplerate
            info = AudioInfo(extension, sound.samplerate, sound.channels, duration_s)
        if extension == "mp3":  # libsndfile believes its index frame, also of a download that broke off
            info = replace(info, duration_s=duration_s * mp3_share(file))
    else:
        info = _probe_av(file, extension)
    if info.duration_s <= 0:
        raise AudioInputError(f"This {extension} file has no sound in it: its length is zero.")
    return info


def decode_blocks(file: BinaryIO, *, sample_rate: int, block_s: float = 1.0) -> Iterator[Samples]:
    """Decode a recording of any length in bounded memory.

    Args:
        file: seekable; read from its start, not closed.
        sample_rate: Hz of what comes out.
        block_s: about how much comes at a time, in seconds.

    Yields:
        float32, mono (channels mixed down), shape (frames,).

    Raises:
        AudioFormatError: not audio, or not to be decoded.
        AudioInputError: no sound in it, or damaged on the way.
    """
    extension = _extension(file)
    heard = False
    for native, resampler in _native_blocks(file, extension, sample_rate, block_s):
        block = resampler.finish() if native is None else resampler.feed(native)
        if len(block):
            heard = True
            yield block
    if not heard:
        raise AudioInputError(f"This {extension} file has no sound in it: its length is zero.")


def read_clip(file: BinaryIO, *, sample_rate: int, max_s: float | None = None) -> Samples:
    """Decode a short recording whole, or its first `max_s` seconds.

    Returns:
        float32, mono, at `sample_rate`, shape (frames,); never empty.

    Raises:
        AudioInputError: as `decode_blocks`.
    """
    frames_left = math.inf if max_s is None else max(1, round(max_s * sample_rate))
    blocks = []
    for block in decode_blocks(file, sample_rate=sample_rate):
        blocks.append(block[: int(min(frames_left, len(block)))])
        frames_left -= len(blocks[-1])
        if frames_left <= 0:
            break
    return np.concatenate(blocks)


def _extension(file: BinaryIO) -> str:
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if not head:
        raise AudioInputError("The file is empty.")
    extension = sniff(head)
    if extension is None:
        raise AudioFormatError("The file is not audio, going by what is in it.", hint=_FORMATS_HINT)
    return extension


def _native_blocks(
    file: BinaryIO, extension: str, sample_rate: int, block_s: float
) -> Iterator[tuple[Samples | None, StreamResampler]]:
    """Mono blocks at the file's own rate, each with the resampler it goes through; None at the end."""
    if sound := _open_soundfile(file, extension):
        with sound:
            resampler = StreamResampler(sound.samplerate, sample_rate)
            for block in _soundfile_blocks(sound, extension, block_s):
                yield block, resampler
            yield None, resampler
        return
    with _open_av(file, extension) as container:
        native_rate = container.streams.audio[0].rate
        resampler = StreamResampler(native_rate, sample_rate)
        for block in _av_blocks(container, native_rate, block_s):
            yield block, resampler
        yield None, resampler


def _broken(at_s: float) -> AudioInputError:
    return AudioInputError(
        f"The recording is damaged: it can be read only up to {at_s:.1f} s.",
        hint="Export or download it again, or cut it there.",
    )


# soundfile


def _open_soundfile(file: BinaryIO, extension: str) -> "soundfile.SoundFile | None":
    """None: PyAV must try (another container, or an encoding inside that libsndfile does not know)."""
    if extension not in _SOUNDFILE_READS:
        return None
    import soundfile

    file.seek(0)
    try:
        sound = soundfile.SoundFile(file)
    except soundfile.LibsndfileError:
        return None
    if extension == "wav" and not sound.frames:  # libsndfile believes a stream's header that says 0; FFmpeg does not
        sound.close()
        return None
    return sound


def _soundfile_blocks(sound: "soundfile.SoundFile", extension: str, block_s: float) -> Iterator[Samples]:
    import soundfile

    block_frames = max(1, round(block_s * sound.samplerate))
    frames = 0
    while True:
        try:
            block = sound.read(block_frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            raise _broken(frames / sound.samplerate) from None
        if not len(block):
            break
        frames += len(block)
        mono: Samples = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
        yield np.nan_to_num(mono, copy=False)  # a float wav may hold anything
    # The Vorbis decoder passes over damage without a word. An mp3's announced length is often wrong, so it is not held to it.
    if extension != "mp3" and sound.frames - frames > _MISSING_FRAMES_S * sound.samplerate:
        raise _broken(frames / sound.samplerate)


# PyAV


def _open_av(file: BinaryIO, extension: str) -> "av.container.InputContainer":
    import av

    file.seek(0)
    try:
        container = av.open(file, mode="r", format=_DEMUXERS.get(extension, extension))
    except (av.FFmpegError, ValueError):
        raise AudioFormatError(
            f"The file begins like {extension} but cannot be read: it is damaged or cut short.", hint=_FORMATS_HINT
        ) from None
    if not container.streams.audio:
        container.close()
        raise AudioInputError(f"This {extension} file has no sound track.", hint="Choose a recording with sound.")
    return container


def _probe_av(file: BinaryIO, extension: str) -> AudioInfo:
    import av

    with _open_av(file, extension) as container:
        stream = container.streams.audio[0]
        if extension == "mp4" and not container.streams.video:
            extension = "m4a"
        if stream.duration is not None and stream.time_base is not None and extension != "aac":
            duration_s = float(stream.duration * stream.time_base)
        elif container.duration is not None and extension != "aac":
            duration_s = container.duration / av.time_base
        else:  # a browser's recording has no length in its head, a bare AAC stream only a guess: walk the packets
            duration_s = _packets_end_s(container)
        return AudioInfo(extension, stream.rate, stream.channels, duration_s)


def _packets_end_s(container: "av.container.InputContainer") -> float:
    import av

    end_s = 0.0
    try:
        for packet in container.demux(container.streams.audio[0]):
            if packet.pts is not None and packet.time_base is not None:
                end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except av.FFmpegError:
        raise _broken(end_s) from None
    return end_s


def _av_blocks(container: "av.container.InputContainer", native_rate: int, block_s: float) -> Iterator[Samples]:
    import av

    # FFmpeg mixes down, because it knows that the centre of 5.1 carries the speech; one mixer per layout met. Into
    # integers, because only then does it keep the sum of the channels within full scale.
    mixers: dict[tuple[str, str, int], av.AudioResampler] = {}
    parts: list[Samples] = []
    waiting = total = 0
    try:
        for frame in container.decode(container.streams.audio[0]):
            key = (frame.format.name, frame.layout.name, frame.sample_rate)
            if key not in mixers:
                mixers[key] = av.AudioResampler(format="s32", layout="mono", rate=native_rate)
            for mixed in mixers[key].resample(frame):
                parts.append(_from_s32(mixed))
                waiting += len(parts[-1])
            if waiting >= block_s * native_rate:
                yield np.concatenate(parts)
                total, waiting, parts = total + waiting, 0, []
        for mixer in mixers.values():
            parts += [_from_s32(mixed) for mixed in mixer.resample(None)]
    except (av.FFmpegError, ValueError):
        raise _broken((total + waiting) / native_rate) from None
    if parts:
        yield np.concatenate(parts)


def _from_s32(frame: "av.AudioFrame") -> Samples:
    return np.asarray(frame.to_ndarray()[0] / 2.0**31, np.float32)
