"""Changes to a recording that keep its words: pitch bent, silence trimmed, room tone made."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sonant.audio.pcm import Samples
from sonant.audio.resample import resample
from sonant.engine.profile import HOP_S, Floats

_UNVOICED_S = 0.008
_LEAST_OVERLAP = 0.35
_ROOM_FFT = 1024
_QUIETEST = 0.08


def bend_pitch(samples: Samples, sample_rate: int, f0_hz: Floats, ratio: Floats, formant: float = 1.0) -> Samples:
    """Multiply the pitch, and the formants if asked to, keeping duration.

    Args:
        samples: float32 in [-1, 1], shape (frames,).
        f0_hz: every 10 ms, 0 where unvoiced.
        ratio: new pitch over old, every 10 ms, 0.4 to 2.6.
        formant: new formants over old where voiced, 0.8 to 1.25; each grain is resampled.

    Returns:
        float32, same shape.

    Source: TD-PSOLA, https://doi.org/10.1016/0167-6393(90)90021-Z
    """
    marks = _pitch_marks(samples, sample_rate, f0_hz)
    centres = np.array([centre for centre, _, _ in marks])
    warped, warp = samples, 1.0
    if formant != 1.0:  # the whole at once: a better filter than one for each grain
        warped_rate = round(sample_rate / formant)
        warped, warp = resample(samples, sample_rate, warped_rate), warped_rate / sample_rate
    out = np.zeros(len(samples) + sample_rate // 4, np.float32)
    weight = np.zeros_like(out)
    windows: dict[int, Samples] = {}
    at = 0.0
    while at < len(samples):
        after = min(int(np.searchsorted(centres, at)), len(marks) - 1)
        nearest = after - 1 if after and at - centres[after - 1] < centres[after] - at else after
        centre, period, is_voiced = marks[nearest]
        source, half, step = samples, period, float(period)
        if is_voiced:
            step = period / ratio[min(round(centre / sample_rate / HOP_S), len(ratio) - 1)]
            source, half, centre = warped, round(period * warp), round(centre * warp)
        start = round(at) - half
        if half <= centre < len(source) - half and start >= 0:
            window = windows.get(half)
            if window is None:
                window = windows[half] = np.hanning(2 * half + 1).astype(np.float32)
            out[start : start + len(window)] += source[centre - half : centre + half + 1] * window
            weight[start : start + len(window)] += window
        at += max(step, 8.0)
    bent = out[: len(samples)] / np.maximum(weight[: len(samples)], _LEAST_OVERLAP)
    return bent.astype(np.float32)


def _pitch_marks(samples: Samples, sample_rate: int, f0_hz: Floats) -> list[tuple[int, int, bool]]:
    """(centre, period, voiced) from start to end: on the peaks where voiced, every 8 ms elsewhere."""
    if np.power(samples, 3).mean() < 0:  # recorded upside down: the sharp side of the pulses is the lower one
        samples = -samples
    marks = []
    at, was_voiced = 0, False
    while at < len(samples):
        hz = f0_hz[min(round(at / sample_rate / HOP_S), len(f0_hz) - 1)]
        if hz <= 0:
            period = int(sample_rate * _UNVOICED_S)
            marks.append((at, period, False))
            at, was_voiced = at + period, False
            continue
        period = round(sample_rate / hz)
        if was_voiced:
            reach = max(2, period // 5)
            low, high = max(0, at - reach), min(len(samples), at + reach + 1)
            peak = samples[low:high] * (1 - 0.35 * np.abs(np.arange(low, high) - at) / reach)
        else:
            low, high = at, min(len(samples), at + period)
            peak = samples[low:high]
        centre = low + int(np.argmax(peak))
        marks.append((centre, period, True))
        at, was_voiced = max(centre + period, at + 1), True
    return marks


def trim_silence(samples: Samples, sample_rate: int, *, before_s: float = 0.02, after_s: float = 0.03) -> Samples:
    """Drop what is 35 dB below the loudest parts at both ends, but for a short edge."""
    block = sample_rate // 100
    blocks = samples[: len(samples) // block * block].reshape(-1, block).astype(np.float64)
    level_db = 10 * np.log10((blocks**2).mean(axis=1) + 1e-12)
    if not len(level_db):
        return samples
    loud = np.flatnonzero(level_db > np.percentile(level_db, 95) - 35)
    start = max(0, int(loud[0]) * block - int(before_s * sample_rate))
    return samples[start : int(loud[-1] + 1) * block + int(after_s * sample_rate)]


def room_tone(recording: Samples, frames: int, *, seed: int = 0) -> Samples:
    """Noise like a recording's own between the words: its quietest frames' spectrum, with random phases.

    Args:
        recording: float32, shape (n,), n at least 1024.

    Returns:
        float32, shape (frames,), as loud as the quietest 8 % of the recording.
    """
    hop = _ROOM_FFT // 2
    window = np.sqrt(np.hanning(_ROOM_FFT + 1)[:-1])
    windows = sliding_window_view(recording, _ROOM_FFT)[:: _ROOM_FFT // 4].astype(np.float64)
    energy = (windows**2).sum(axis=1)
    quiet = windows[energy <= np.quantile(energy, _QUIETEST)]
    size = np.sqrt((np.abs(np.fft.rfft(quiet * window)) ** 2).mean(axis=0) / (window**2).mean())
    random = np.random.default_rng(seed)
    tone = np.zeros(frames + 2 * _ROOM_FFT)
    for start in range(0, frames + hop, hop):
        phases = np.exp(2j * np.pi * random.random(len(size)))
        tone[start : start + _ROOM_FFT] += np.fft.irfft(size * phases, _ROOM_FFT) * window
    return tone[hop : hop + frames].astype(np.float32)
