"""A recording made ready to be sent: in a container the wire takes, and no larger than it takes."""

import contextlib
import math
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, cast

import anyio
import anyio.from_thread
import anyio.to_thread

from sonant.api_client.client import Upload
from sonant.audio.codec import Encoder, decode_blocks, probe
from sonant.audio.formats import MIME_TYPES, AudioFormat
from sonant.library.inputs import OpenedFile, too_large
from sonant.wire.voices import CLIP_CONTAINERS, CLIP_MAX_BYTES

CLIP_MAX_S = 60.0
"""Seconds of a recording that are sent as a clip: contract §6.3 advises 3 to 20, so more only costs time."""

_CLIP_FORMAT = AudioFormat("wav", 44100, "pcm_s16le")
_WHOLE_FORMAT = AudioFormat("flac", 44100)


@contextlib.asynccontextmanager
async def as_clip(opened: OpenedFile, *, tail: bool = False) -> AsyncIterator[tuple[Upload, tuple[str, ...]]]:
    """The recording as a clip to send, with what was done to it.

    Args:
        opened: the recording.
        tail: where it is too long, keep its end rather than its beginning.
    """
    info = await anyio.to_thread.run_sync(probe, opened.file)
    opened.file.seek(0)
    if opened.extension in CLIP_CONTAINERS and opened.size <= CLIP_MAX_BYTES and info.duration_s <= CLIP_MAX_S:
        yield Upload(opened.file, f"clip.{opened.extension}", MIME_TYPES[opened.extension]), ()
        return
    start_s = max(0.0, info.duration_s - CLIP_MAX_S) if tail else 0.0
    with cast(BinaryIO, tempfile.TemporaryFile(prefix="sonant-")) as converted:
        await anyio.to_thread.run_sync(_convert, opened.file, converted, start_s)
        converted.seek(0)
        notes: tuple[str, ...] = ()
        if info.duration_s > CLIP_MAX_S:
            notes = (f"Only the {'last' if tail else 'first'} {CLIP_MAX_S:.0f} s of the recording were used.",)
        yield Upload(converted, "clip.wav", "audio/wav"), notes


@contextlib.asynccontextmanager
async def as_recording(opened: OpenedFile, max_bytes: int) -> AsyncIterator[Upload]:
    """The whole recording, to be sent under its own name; converted without loss where its container is not taken.

    Raises:
        AudioInputError: it is larger than the service takes.
    """
    name = Path(opened.name).stem or "recording"
    if opened.extension in CLIP_CONTAINERS:
        if opened.size > max_bytes:
            raise too_large(opened.name, max_bytes)
        yield Upload(opened.file, f"{name}.{opened.extension}", MIME_TYPES[opened.extension])
        return
    with cast(BinaryIO, tempfile.TemporaryFile(prefix="sonant-")) as converted:
        await anyio.to_thread.run_sync(_convert, opened.file, converted, 0.0, math.inf, _WHOLE_FORMAT)
        if converted.seek(0, os.SEEK_END) > max_bytes:
            raise too_large(opened.name, max_bytes)
        yield Upload(converted, f"{name}.flac", "audio/flac")


def _convert(
    source: BinaryIO,
    target: BinaryIO,
    start_s: float,
    length_s: float = CLIP_MAX_S,
    audio_format: AudioFormat = _CLIP_FORMAT,
) -> None:
    rate = audio_format.sample_rate
    skip, left = int(start_s * rate), length_s * rate
    with Encoder(target, audio_format) as encoder:
        for block in decode_blocks(source, sample_rate=rate):
            anyio.from_thread.check_cancelled()  # the end of a long recording comes after all the rest of it
            dropped = min(skip, len(block))
            skip -= dropped
            part = block[dropped : dropped + int(min(left, len(block)))]
            left -= len(part)
            encoder.write(part)
            if left <= 0:
                return
