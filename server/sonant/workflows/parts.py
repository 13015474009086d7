"""A long recording as several short ones, cut where it is quiet, in bounded memory."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np

from sonant.audio.codec import Encoder, decode_blocks
from sonant.audio.formats import AudioFormat
from sonant.audio.pcm import Samples

SEARCH_S = 20.0
"""Seconds before a part's end within which the quietest moment is looked for."""


@dataclass(frozen=True)
class Part:
    file: BinaryIO
    """Temporary; whoever takes it closes it."""
    start_s: float
    duration_s: float
    """Without what overlaps with the next."""


def parts_of(file: BinaryIO, audio_format: AudioFormat, part_s: float, overlap_s: float = 0.0) -> Iterator[Part]:
    """The recording as files of at most about `part_s` seconds; each but the last goes `overlap_s` into the next.

    Raises:
        AudioInputError: as decode_blocks.
    """
    rate = audio_format.sample_rate
    overlap = round(overlap_s * rate)
    blocks = decode_blocks(file, sample_rate=rate)
    rest = np.zeros(0, np.float32)
    start = 0
    while True:
        part = cast(BinaryIO, tempfile.TemporaryFile(prefix="sonant-"))
        try:
            with Encoder(part, audio_format) as encoder:
                encoder.write(rest)
                rest = _fill(encoder, blocks, part_s)
                frames = encoder.frames_written
                encoder.write(rest[:overlap])
            part.seek(0)
        except BaseException:
            part.close()
            raise
        if not frames:
            part.close()
            return
        yield Part(part, start / rate, frames / rate)
        start += frames


def _fill(encoder: Encoder, blocks: Iterator[Samples], part_s: float) -> Samples:
    """Write blocks up to the quietest moment near the part's end; what follows it. Holds no more than it looks at."""
    rate = encoder.sample_rate
    held = np.zeros(0, np.float32)
    for block in blocks:
        if encoder.frames_written < (part_s - SEARCH_S) * rate:
            encoder.write(block)
            continue
        held = np.concatenate([held, block])
        if len(held) >= SEARCH_S * rate:
            cut = _quietest(held, rate)
            encoder.write(held[:cut])
            return held[cut:]
    encoder.write(held)
    return held[:0]


def _quietest(samples: Samples, rate: int) -> int:
    """The middle of the quietest 0.3 s, as a frame."""
    step = rate // 100
    count = len(samples) // step
    power = np.square(samples[: count * step].reshape(count, step)).mean(axis=1)
    window = np.convolve(power, np.ones(30), "valid")
    return (int(window.argmin()) + 15) * step
