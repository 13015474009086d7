"""The RIFF/WAVE header: written for streams and files, read without trusting its sizes.

Source: Multimedia Programming Interface and Data Specifications 1.0 (1991) and RFC 2361 for the format tags.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from sonant.audio.formats import AudioFormat, Encoding

UNKNOWN_LENGTH = 0xFFFFFFFF
"""What a header says when the end was not known as it was written. Some writers say 0."""

_TAGS: dict[Encoding, int] = {"pcm_s16le": 1, "pcm_f32le": 3, "pcm_alaw": 6, "pcm_mulaw": 7}
_EXTENSIBLE = 0xFFFE


def wav_header(audio_format: AudioFormat, data_bytes: int | None) -> bytes:
    """Everything before the first sample.

    Args:
        audio_format: its `encoding`, `sample_rate` and `channels` count.
        data_bytes: length of the samples that follow; None, or more than a WAV can say, writes 0xFFFFFFFF sizes.
            After an odd number of bytes the writer owes one zero byte.
    """
    if audio_format.encoding is None:
        raise ValueError("a wav needs an encoding")
    frame_bytes = audio_format.frame_bytes
    fmt = struct.pack(
        "<HHIIHH",
        _TAGS[audio_format.encoding],
        audio_format.channels,
        audio_format.sample_rate,
        audio_format.sample_rate * frame_bytes,
        frame_bytes,
        frame_bytes * 8 // audio_format.channels,
    )
    known = data_bytes is not None and data_bytes < UNKNOWN_LENGTH - 128
    length = data_bytes if known and data_bytes is not None else UNKNOWN_LENGTH
    extra = b""
    if audio_format.encoding != "pcm_s16le":  # all but plain PCM: an extension size, and a count of frames
        fmt += b"\0\0"
        extra = b"fact" + struct.pack("<II", 4, length // frame_bytes if known else UNKNOWN_LENGTH)
    chunks = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + extra + b"data" + struct.pack("<I", length)
    riff_length = len(chunks) + length + length % 2 if known else UNKNOWN_LENGTH
    return b"RIFF" + struct.pack("<I", riff_length) + chunks


@dataclass(frozen=True)
class WavLayout:
    """Where the samples of a WAV are, as its header tells it."""

    encoding: Encoding | None
    """None for one that is not among ours (24-bit, ADPCM …)."""
    sample_rate: int
    channels: int
    frame_bytes: int
    data_start: int
    data_bytes: int | None
    """None: the header leaves it open (0, or about 0xFFFFFFFF)."""
    riff_bytes: int | None
    """Length of the whole file according to the header; None: left open."""


def read_wav_layout(file: BinaryIO) -> WavLayout | None:
    """Read the header from the start of the file; None if there is no sane one before the samples."""
    file.seek(0)
    magic = file.read(12)
    if len(magic) < 12 or magic[:4] != b"RIFF" or magic[8:] != b"WAVE":
        return None
    riff_length = struct.unpack("<I", magic[4:8])[0]
    fmt = b""
    for _ in range(64):  # chunks before the samples; real files have a handful
        head = file.read(8)
        if len(head) < 8:
            return None
        name, length = head[:4], struct.unpack("<I", head[4:])[0]
        if name == b"data":
            return _layout(fmt, file.tell(), length, riff_length)
        if name == b"fmt " and length <= 4096:
            fmt = file.read(length)
            file.seek(length % 2, 1)
        else:
            file.seek(length + length % 2, 1)
    return None


def _layout(fmt: bytes, data_start: int, length: int, riff_length: int) -> WavLayout | None:
    if len(fmt) < 16:
        return None
    tag, channels, sample_rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", fmt[:16])
    if tag == _EXTENSIBLE and len(fmt) >= 26:
        tag = struct.unpack("<H", fmt[24:26])[0]
    if not (channels and sample_rate and frame_bytes):
        return None
    expected_bits = {1: 16, 3: 32, 6: 8, 7: 8}
    names: dict[int, Encoding] = {tag: name for name, tag in _TAGS.items()}
    return WavLayout(
        encoding=names.get(tag) if expected_bits.get(tag) == bits else None,
        sample_rate=sample_rate,
        channels=channels,
        frame_bytes=frame_bytes,
        data_start=data_start,
        data_bytes=None if _left_open(length) else length,
        riff_bytes=None if _left_open(riff_length) or _left_open(length) else riff_length + 8,
    )


def _left_open(length: int) -> bool:
    # Streams say 0 or "the most there is", signed or not, some less their header.
    return length == 0 or length >= UNKNOWN_LENGTH - 4096 or 0x7FFFF000 <= length <= 0x7FFFFFFF
