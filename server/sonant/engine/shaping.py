"""What our side does to the synthesiser's samples: filter, gain, limit. Streams join without a click."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sonant.audio.pcm import Samples
from sonant.engine.espeak import SAMPLE_RATE

TAPS = 513
"""Length of every filter: 43 Hz steps at 22050 Hz, finer than a third of an octave from 130 Hz on."""
SPEECH_LEVEL_DBFS = -21.0
"""Of speech without its pauses, at volume 1. Leaves room for volume 2 before the limiter is heard."""

_FFT = 2048
_BLOCK = 4096
_BLOCK_STEP = _BLOCK - (TAPS - 1)
_KNEE = 0.8

Taps = NDArray[np.float32]


def filter_taps(gain_db: NDArray[np.float64]) -> Taps:
    """A linear-phase filter.

    Args:
        gain_db: dB at `filter_frequencies()`.

    Returns:
        float32, shape (513,), symmetric.
    """
    taps = np.roll(np.fft.irfft(10 ** (gain_db / 20), _FFT), TAPS // 2)[:TAPS]
    return (taps * np.hanning(TAPS + 2)[1:-1]).astype(np.float32)


def filter_frequencies() -> NDArray[np.float64]:
    """Hz, shape (1025,)."""
    return np.asarray(np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE), np.float64)


def filter_gain_db(taps: Taps) -> NDArray[np.float64]:
    """The inverse of filter_taps: dB at filter_frequencies()."""
    gain: NDArray[np.float64] = 20 * np.log10(np.abs(np.fft.rfft(taps, _FFT)) + 1e-6)
    return gain


def tilt_gain_db(tilt_db: float) -> NDArray[np.float64]:
    """Half of tilt_db up at 4 kHz, half down at 300 Hz, straight on a logarithmic axis between."""
    octaves = np.log2(np.maximum(filter_frequencies(), 50.0))
    return np.interp(octaves, [np.log2(300), np.log2(4000)], [-tilt_db / 2, tilt_db / 2])


def flat_taps() -> Taps:
    """Changes nothing but the delay, which StreamFilter takes out again."""
    return filter_taps(np.zeros(_FFT // 2 + 1))


class StreamFilter:
    """Filters sound that arrives in pieces, each perhaps with other taps; out comes as much as went in, in time.

    Source: overlap-save, https://ccrma.stanford.edu/~jos/sasp/Overlap_Save_Method.html
    """

    def __init__(self) -> None:
        self._before = np.zeros(TAPS - 1, np.float32)
        self._owed = TAPS // 2
        self._taps = flat_taps()

    def feed(self, samples: Samples, taps: Taps) -> Samples:
        """Take float32 samples (frames,) at 22050 Hz; give back what is ready, 256 frames behind."""
        self._taps = taps
        return self._run(samples)

    def finish(self) -> Samples:
        """The last 256 frames."""
        return self._run(np.zeros(TAPS // 2, np.float32))

    def _run(self, samples: Samples) -> Samples:
        run = np.concatenate([self._before, samples])
        blocks = -(-len(samples) // _BLOCK_STEP)
        padded = np.pad(run, (0, blocks * _BLOCK_STEP + TAPS - 1 - len(run)))
        windows = sliding_window_view(padded, _BLOCK)[::_BLOCK_STEP] if blocks else np.zeros((0, _BLOCK), np.float32)
        filtered = np.fft.irfft(np.fft.rfft(windows) * np.fft.rfft(self._taps, _BLOCK), _BLOCK)
        ready = filtered[:, TAPS - 1 :].reshape(-1)[: len(samples)].astype(np.float32)
        self._before = run[len(run) - (TAPS - 1) :]
        held, self._owed = min(self._owed, len(ready)), max(0, self._owed - len(ready))
        return ready[held:]


def apply_filter(samples: Samples, taps: Taps) -> Samples:
    """Filter a whole clip; float32 in and out, same shape, no delay."""
    stream = StreamFilter()
    return np.concatenate([stream.feed(samples, taps), stream.finish()])


def speech_level_dbfs(samples: Samples, sample_rate: int) -> float:
    """Level of what is speech in a clip: of the 10 ms blocks within 25 dB of the loudest ones; -120 for silence."""
    block = sample_rate // 100
    usable = len(samples) // block * block
    if not usable:
        return -120.0
    power = (samples[:usable].reshape(-1, block).astype(np.float64) ** 2).mean(axis=1)
    loud = power[power > np.percentile(power, 95) * 10**-2.5]
    return float(10 * np.log10(loud.mean() + 1e-12)) if len(loud) else -120.0


def limit(samples: Samples) -> Samples:
    """Bend what passes 0.8 so that nothing passes 1; below that, nothing changes. No memory, so pieces join."""
    size = np.abs(samples)
    if not len(samples) or size.max() <= _KNEE:
        return samples
    bent = np.sign(samples) * (_KNEE + (1 - _KNEE) * np.tanh((size - _KNEE) / (1 - _KNEE)))
    return np.where(size > _KNEE, bent, samples).astype(np.float32)
