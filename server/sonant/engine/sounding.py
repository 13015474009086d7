"""Speech as the bytes of a container, while it is being made, in bounded memory."""

import io
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

import anyio
import numpy as np
from anyio import to_thread

from sonant.audio.encoder import Encoder
from sonant.audio.formats import AudioFormat
from sonant.audio.pcm import Samples
from sonant.audio.resample import StreamResampler
from sonant.engine.synthesis import SAMPLE_RATE, Piece, TimedPhoneme, TimedWord

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

    from sonant.engine.stored_files import Recording

_HOLD_S = 20.0
"""A clip no longer than this is finished before its first byte goes out, so that its header tells the truth."""
_FADE_S = 0.005
"""Speech cut off in the middle of a wave would click."""
_LONGEST_S = 1e9
"""Seconds no utterance reaches, and which can still be counted in samples."""
_SLICE_S = 2.0
"""Encoded and sent at a time: a few ms of work, and what is cancelled ends soon."""

Timed = TypeVar("Timed", TimedWord, TimedPhoneme)


class BodyEncoder:
    """Samples in, bytes of an AudioFormat out. Blocks for milliseconds: run it in a thread.

    Args:
        audio_format: of the bytes.
        sample_rate: Hz of the samples; the synthesiser's if it is not said.
    """

    def __init__(self, audio_format: AudioFormat, sample_rate: int = SAMPLE_RATE) -> None:
        self._resampler = StreamResampler(sample_rate, audio_format.sample_rate)
        self._outlet = Outlet()
        self._encoder = Encoder(cast(BinaryIO, self._outlet), audio_format)

    def feed(self, samples: Samples) -> None:
        """float32, mono, shape (frames,)."""
        self._encoder.write(self._resampler.feed(samples))

    def finish(self) -> None:
        self._encoder.write(self._resampler.finish())
        self._encoder.close()

    def take(self) -> bytes:
        """What is ready. What has been taken can no longer be corrected: a size put into its header later is lost."""
        return self._outlet.take()

    def encode(self, samples: Samples) -> bytes:
        self.feed(samples)
        return self.take()


class Outlet(io.RawIOBase):
    """A file that forgets what was taken from its front: later writes to that part go nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = bytearray()
        self._start = self._position = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, audio_bytes: "Buffer") -> int:
        kept = bytes(audio_bytes)
        length = len(kept)
        at = self._position - self._start
        self._position += length
        kept = kept[max(0, -at) :]
        at = max(0, at)
        self._kept[at : at + len(kept)] = kept
        return length

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + (0, self._position, self._start + len(self._kept))[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        ready = bytes(self._kept)
        self._start += len(ready)
        self._kept.clear()
        return ready


def slices(samples: Samples, sample_rate: int = SAMPLE_RATE) -> Iterator[Samples]:
    step = round(_SLICE_S * sample_rate)
    for start in range(0, len(samples), step):
        yield samples[start : start + step]


async def cut_after(pieces: AsyncIterator[Piece], most_s: float | None) -> AsyncGenerator[Piece, None]:
    """An utterance, cut off softly after so many seconds. Closing it closes the utterance."""
    left = None if most_s is None else round(min(most_s, _LONGEST_S) * SAMPLE_RATE)
    async with aclosing(cast(AsyncGenerator[Piece, None], pieces)) as said:
        async for piece in said:
            if left is None or len(piece.samples) < left:
                yield piece
                left = None if left is None else left - len(piece.samples)
                continue
            assert most_s is not None
            samples = piece.samples[:left].copy()
            fade = min(round(_FADE_S * SAMPLE_RATE), len(samples))
            samples[len(samples) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
            yield Piece(samples, _before(piece.words, most_s), _before(piece.phonemes, most_s))
            return


def _before(timed: tuple[Timed, ...], most_s: float) -> tuple[Timed, ...]:
    return tuple(replace(one, end_s=min(one.end_s, most_s)) for one in timed if one.start_s < most_s)


async def sound_of(pieces: AsyncIterator[Piece]) -> AsyncGenerator[Samples, None]:
    """The samples of an utterance; closing it closes the utterance."""
    async with aclosing(cast(AsyncGenerator[Piece, None], pieces)) as said:
        async for piece in said:
            yield piece.samples


async def body_of(
    sound: AsyncGenerator[Samples, None],
    audio_format: AudioFormat,
    threads: anyio.CapacityLimiter,
    sample_rate: int = SAMPLE_RATE,
) -> AsyncGenerator[bytes, None]:
    """The bytes of a container: in one piece if the clip is short, else as they come. Nothing is made ahead."""
    held_frames = 0 if audio_format.container == "raw" else round(_HOLD_S * sample_rate)
    frames = 0
    async with aclosing(sound):
        encoder = await to_thread.run_sync(BodyEncoder, audio_format, sample_rate, limiter=threads)
        async for samples in sound:
            for part in slices(samples, sample_rate):
                await to_thread.run_sync(encoder.feed, part, limiter=threads)
                frames += len(part)
                if frames > held_frames and (ready := encoder.take()):
                    yield ready
        await to_thread.run_sync(encoder.finish, limiter=threads)
        yield encoder.take()


async def kept(
    chunks: AsyncGenerator[bytes, None], recording: "Recording", threads: anyio.CapacityLimiter
) -> AsyncGenerator[bytes, None]:
    """The same chunks, which are stored as they pass: all of them, or nothing if they are not taken to their end."""
    async with aclosing(chunks):
        try:
            async for chunk in chunks:
                await to_thread.run_sync(recording.write, chunk, limiter=threads)
                yield chunk
            await to_thread.run_sync(recording.keep, limiter=threads)
        except BaseException as reason:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(recording.drop, reason, limiter=threads)
            raise
