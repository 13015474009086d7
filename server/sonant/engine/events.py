"""Speech as the events of a stream, the same for SSE and sockets. Source: contract §3.2, §3.3."""

import base64
from collections.abc import AsyncGenerator, Iterator
from time import perf_counter

import anyio
from anyio import to_thread

from sonant.audio.formats import AudioFormat
from sonant.audio.pcm import Samples
from sonant.engine.pieces import Piece
from sonant.engine.sounding import BodyEncoder
from sonant.engine.synthesis import SAMPLE_RATE
from sonant.wire.tts import (
    Chunk,
    Event,
    PhonemeTimes,
    PhonemeTimestamps,
    StreamedSpeechRequest,
    Timestamps,
    WordTimestamps,
)

_FIRST_CHUNK_S, _CHUNK_S = 0.1, 0.5
"""The first one small, as a listener waits for it; all small enough that many streams on one socket take turns."""


class EventMaker:
    """Turns the pieces of one utterance into events: sound first, then the times of what is said in it."""

    def __init__(
        self, wanted: StreamedSpeechRequest, audio_format: AudioFormat, threads: anyio.CapacityLimiter
    ) -> None:
        self._wanted = wanted
        self._threads = threads
        self._encoder = BodyEncoder(audio_format)
        self._is_first = True
        self._since = perf_counter()

    def start_clock(self) -> None:
        """`step_time` of the next chunk counts from now."""
        self._since = perf_counter()

    async def events(self, piece: Piece) -> AsyncGenerator[Event, None]:
        for part in self._slices(piece.samples):
            audio_bytes = await to_thread.run_sync(self._encoder.encode, part, limiter=self._threads)
            if audio_bytes:
                yield self._chunk(audio_bytes)
        if self._wanted.add_timestamps and piece.words:
            yield Timestamps(word_timestamps=WordTimestamps(
                words=[word.word for word in piece.words],
                start=[round(word.start_s, 4) for word in piece.words],
                end=[round(word.end_s, 4) for word in piece.words],
            ))  # fmt: skip
        if self._wanted.add_phoneme_timestamps and piece.phonemes:
            yield PhonemeTimes(phoneme_timestamps=PhonemeTimestamps(
                phonemes=[sound.phoneme for sound in piece.phonemes],
                start=[round(sound.start_s, 4) for sound in piece.phonemes],
                end=[round(sound.end_s, 4) for sound in piece.phonemes],
            ))  # fmt: skip

    async def finish(self) -> AsyncGenerator[Event, None]:
        """What the encoder still holds."""
        await to_thread.run_sync(self._encoder.finish, limiter=self._threads)
        if audio_bytes := self._encoder.take():
            yield self._chunk(audio_bytes)

    def _slices(self, samples: Samples) -> Iterator[Samples]:
        at = 0
        while at < len(samples):
            end = at + round((_FIRST_CHUNK_S if self._is_first else _CHUNK_S) * SAMPLE_RATE)
            self._is_first = False
            yield samples[at:end]
            at = end

    def _chunk(self, audio_bytes: bytes) -> Chunk:
        now = perf_counter()
        spent_ms, self._since = (now - self._since) * 1000, now
        return Chunk(data=base64.b64encode(audio_bytes).decode("ascii"), step_time=round(spent_ms, 3))
