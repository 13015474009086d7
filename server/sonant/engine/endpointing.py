"""Who speaks when, in sound that is still coming: the same rules as the worker's for recordings, sphinx_worker.Listener."""

from dataclasses import dataclass

import numpy as np

from sonant.audio.pcm import Samples
from sonant.engine.hearing import Preparation
from sonant.engine.sphinx_worker import LONG_S, LONGEST_S, SAMPLE_RATE

_LEVEL_FRAME = SAMPLE_RATE // 50
_LIVE_START_DBFS = -36.0
"""The level live sound is taken to have before it was heard: what is raised fully before the first word is raised too
much in it."""


@dataclass(frozen=True)
class Piece:
    """The next of a stretch of speech."""

    audio_bytes: bytes
    """pcm_s16le, 16 kHz."""
    start_s: float | None
    """Of the stretch, from the start of all sound; None: it goes on."""
    is_last: bool
    """The stretch ends with it."""


class Stretches:
    """Finds the stretches of speech. A flush ends the one that is open; the next sound may begin another."""

    def __init__(self) -> None:
        from pocketsphinx import Vad

        self._preparation = Preparation(_LIVE_START_DBFS)
        self._rest = b""
        self._origin_s = 0.0
        """Where the endpointer's clock began."""
        self._heard_bytes = 0
        self._is_open = False
        self._start_s = self._length_s = 0.0
        self._gaps = Vad(mode=3, sample_rate=SAMPLE_RATE)
        self._begin()

    @property
    def heard_s(self) -> float:
        """How much sound there was."""
        return self._heard_bytes / 2 / SAMPLE_RATE

    def feed(self, samples: Samples) -> list[Piece]:
        """Take the next sound: float32, mono, 16 kHz, shape (frames,), 0.1 s or so."""
        audio_bytes = self._preparation.run(samples)
        self._heard_bytes += len(audio_bytes)
        audio_bytes = self._rest + audio_bytes
        size = self._endpointer.frame_bytes
        end = len(audio_bytes) - len(audio_bytes) % size
        pieces: list[Piece] = []
        for start in range(0, end, size):
            speech = self._endpointer.process(audio_bytes[start : start + size])
            if speech is not None:
                pieces.append(self._piece(speech, is_last=not self._endpointer.in_speech))
        self._rest = audio_bytes[end:]
        return _joined(pieces)

    def flush(self) -> list[Piece]:
        """End the stretch that is open, perhaps in the middle of a word."""
        pieces = []
        # At least one sample: of nothing, the library asks for the first.
        speech = self._endpointer.end_stream(self._rest or b"\0\0")
        if speech is not None:
            pieces.append(self._piece(speech, is_last=True))
        elif self._is_open:
            pieces.append(Piece(b"", None, is_last=True))
        self._is_open = False
        self._rest = b""
        self._begin()
        return pieces

    def _begin(self) -> None:
        from pocketsphinx import Endpointer

        self._endpointer = Endpointer(window=0.3, ratio=0.9, vad_mode=0, sample_rate=SAMPLE_RATE)
        self._origin_s = self.heard_s

    def _piece(self, speech: bytes, *, is_last: bool) -> Piece:
        start_s = None
        if not self._is_open:
            # After a cut the next stretch begins where the last one ended, though speech began long before.
            start_s = self._start_s = max(
                self._origin_s + self._endpointer.speech_start, self._start_s + self._length_s
            )
            self._length_s = 0.0
        self._length_s += len(speech) / 2 / SAMPLE_RATE
        is_long = self._length_s >= LONG_S and not self._gaps.is_speech(speech[-self._endpointer.frame_bytes :])
        is_last = is_last or is_long or self._length_s >= LONGEST_S
        self._is_open = not is_last
        return Piece(speech, start_s, is_last)


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Neighbours of one stretch as one piece."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and piece.start_s is None and not joined[-1].is_last:
            last = joined.pop()
            piece = Piece(last.audio_bytes + piece.audio_bytes, last.start_s, piece.is_last)
        joined.append(piece)
    return joined


class Swing:
    """How far the level of one stretch goes up and down; see hearing.is_speech."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)
        self._levels: list[float] = []

    def add(self, audio_bytes: bytes) -> None:
        """The next of it, pcm_s16le."""
        samples = np.concatenate([self._rest, np.frombuffer(audio_bytes, "<i2").astype(np.float32)])
        whole = len(samples) // _LEVEL_FRAME * _LEVEL_FRAME
        self._rest = samples[whole:]
        power = np.square(samples[:whole].reshape(-1, _LEVEL_FRAME)).mean(axis=1)
        self._levels += (10 * np.log10(1 + power)).tolist()

    @property
    def db(self) -> float:
        """From the 10th to the 90th percentile of the levels of its frames."""
        levels = sorted(self._levels)
        return levels[len(levels) * 9 // 10] - levels[len(levels) // 10] if levels else 0.0
