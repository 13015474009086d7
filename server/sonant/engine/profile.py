"""What a voice sounds like, in numbers: pitch, spectrum, pace, level, noise. Runs in worker processes only.

On eleven recordings the pitch tracker differs from Praat's by more than 15 % in at most 0.6 % of voiced frames.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sonant.audio.pcm import Samples
from sonant.audio.resample import resample

PROFILE_RATE = 16_000
"""Hz. All measuring is done at this rate."""
HOP_S = 0.01

_HOP = 160
_FFT = 512
_WINDOW = 400
_PITCH_WINDOW = 720
_LOWEST_HZ = 50.0
_PITCH_FFT = 1080
"""A fast length, and no shorter than the window and the longest period together: 720 + 16000 / 50."""
_CANDIDATES = 6
_UNVOICED_COST = 0.55
_VOICING_CHANGE_COST = 0.3
_OCTAVE_JUMP_COST = 1.2
_SPEECH_RANGE_DB = 25.0
"""Below the loudest frames: what still counts as speech."""

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Pitch:
    """Every 10 ms. Source: normalised autocorrelation and a Viterbi path, https://www.fon.hum.uva.nl/paul/papers/Proceedings_1993.pdf"""

    f0_hz: Floats
    """0 where unvoiced."""
    strength: Floats
    """Autocorrelation of the chosen period, 0 to 1."""


@dataclass(frozen=True)
class Spectrum:
    """Of the frames that are speech."""

    ltas_db: Floats
    """Long-term average in third octaves from 99 Hz to 6.3 kHz, mean 0."""
    mfcc: Floats
    is_speech: Mask
    """Every 10 ms."""
    level_db: Floats
    """dBFS, every 10 ms."""


@dataclass(frozen=True)
class Profile:
    """A clip's voice."""

    spectrum: Spectrum
    pitch: Pitch
    f0_hz: float
    """Median."""
    f0_iqr_st: float
    """Semitones between the quartiles."""
    syllables_per_s: float
    level_dbfs: float
    noise_dbfs: float
    speech_s: float
    voiced_s: float


def measure(samples: Samples, sample_rate: int) -> Profile:
    """Profile a clip: float32 in [-1, 1], shape (frames,), any rate; at least 50 ms."""
    at_16k = resample(samples, sample_rate, PROFILE_RATE)
    spectrum = measure_spectrum(at_16k)
    pitch = track_pitch_of_speaker(at_16k, spectrum)
    frames = len(spectrum.level_db)
    voiced = pitch.f0_hz[pitch.f0_hz > 0]
    semitones = 12 * np.log2(voiced / 100) if len(voiced) else np.zeros(1)
    low, median, high = np.percentile(semitones, [25, 50, 75])
    speech_s = float(spectrum.is_speech.sum() * HOP_S)
    power = 10 ** (spectrum.level_db[spectrum.is_speech] / 10)
    return Profile(
        spectrum,
        pitch,
        f0_hz=float(100 * 2 ** (median / 12)),
        f0_iqr_st=float(high - low),
        syllables_per_s=_count_syllables(spectrum, pitch.f0_hz[:frames] > 0) / max(speech_s, 0.1),
        level_dbfs=float(10 * np.log10(power.mean() + 1e-12)) if len(power) else -120.0,
        noise_dbfs=float(np.percentile(spectrum.level_db, 5)),
        speech_s=speech_s,
        voiced_s=len(voiced) * HOP_S,
    )


def closeness(one: Profile, other: Profile) -> float:
    """How far two voices are apart; two clips of one person are 2 to 4 apart, two different people 5 to 13."""
    pitch = abs(12 * np.log2(one.f0_hz / other.f0_hz)) + abs(one.f0_iqr_st - other.f0_iqr_st)
    spectra = ltas_distance_db(one.spectrum, other.spectrum) + mfcc_distance(one.spectrum, other.spectrum)
    return float(pitch / 2 + spectra / 3)


def ltas_distance_db(one: Spectrum, other: Spectrum) -> float:
    return float(np.sqrt(np.mean((one.ltas_db - other.ltas_db) ** 2)))


def mfcc_distance(one: Spectrum, other: Spectrum) -> float:
    return float(np.linalg.norm(one.mfcc[1:13] - other.mfcc[1:13]))


def measure_spectrum(samples: Samples) -> Spectrum:
    """Of float32 samples, shape (frames,), 16 kHz."""
    windows = _windows(samples)
    power = power_spectra(samples)
    level_db = 10 * np.log10((windows.astype(np.float64) ** 2).mean(axis=1) + 1e-12)
    is_speech = level_db > np.percentile(level_db, 95) - _SPEECH_RANGE_DB
    speech = power[is_speech]
    mean_power = speech.mean(axis=0)
    bands = [10 * np.log10(mean_power[band].mean() + 1e-12) for band in _third_octave_bins()]
    cepstra = np.log(speech @ _mel_filters().T + 1e-8) @ _cosines().T
    return Spectrum(np.array(bands) - np.mean(bands), cepstra.mean(axis=0), is_speech, level_db)


def power_spectra(samples: Samples) -> Floats:
    """Every 10 ms, 257 bins from 0 to 8 kHz; of float32 samples at 16 kHz."""
    return np.asarray(np.abs(np.fft.rfft(_windows(samples) * np.hanning(_WINDOW).astype(np.float32), _FFT)) ** 2)


def _windows(samples: Samples) -> Samples:
    return sliding_window_view(np.pad(samples, _FFT // 2), _WINDOW)[::_HOP]


def track_pitch_of_speaker(samples: Samples, spectrum: Spectrum) -> Pitch:
    """Pitch by two passes: the second stays within an octave of the confident median. 16 kHz."""
    wide = track_pitch(samples, 55, 500)
    frames = min(len(wide.f0_hz), len(spectrum.level_db))
    loud = spectrum.level_db[:frames] > np.percentile(spectrum.level_db, 95) - 20
    sure = (wide.f0_hz[:frames] > 0) & (wide.strength[:frames] > 0.7) & loud
    if sure.sum() <= 8:
        return wide
    median_hz = float(np.median(wide.f0_hz[:frames][sure]))
    pitch = track_pitch(samples, max(_LOWEST_HZ, median_hz / 2), min(560.0, median_hz * 2))
    pitch.f0_hz[:frames][~spectrum.is_speech[:frames]] = 0
    return pitch


def track_pitch(samples: Samples, lowest_hz: float, highest_hz: float) -> Pitch:
    """Fundamental frequency between two limits. 16 kHz."""
    lags, strengths, level_db = _pitch_candidates(samples, lowest_hz, highest_hz)
    silent = level_db < max(np.percentile(level_db, 95) - 38, -62)
    chosen = _best_path(np.log2(PROFILE_RATE / lags), strengths, silent)
    index = np.arange(len(chosen))
    voiced = chosen < _CANDIDATES
    column = np.where(voiced, chosen, 0)
    f0_hz = np.where(voiced, PROFILE_RATE / lags[index, column], 0.0)
    return Pitch(f0_hz, np.where(voiced, np.clip(strengths[index, column], 0, 1), 0.0))


def _pitch_candidates(samples: Samples, lowest_hz: float, highest_hz: float) -> tuple[Floats, Floats, Floats]:
    """(lags in frames, strengths, level in dB) of the best periods of every 10 ms; shape (n, 6), (n, 6), (n,)."""
    longest, shortest = int(PROFILE_RATE / lowest_hz), int(PROFILE_RATE / highest_hz)
    size = _PITCH_WINDOW + longest
    windows = sliding_window_view(np.pad(samples, (size // 2, size // 2 + _HOP)), size)[::_HOP]
    found = [_candidates_of(windows[at : at + 500], shortest, longest) for at in range(0, len(windows), 500)]
    lags, strengths, level_db = (np.concatenate(part) for part in zip(*found, strict=True))
    return lags, strengths, level_db


def _candidates_of(windows: NDArray[np.float32], shortest: int, longest: int) -> tuple[Floats, Floats, Floats]:
    middle = windows[:, longest // 2 : longest // 2 + _PITCH_WINDOW]
    level_db = 10 * np.log10((middle**2).mean(axis=1) + 1e-12)
    centred = windows - windows.mean(axis=1, keepdims=True)
    head = np.fft.rfft(centred[:, :_PITCH_WINDOW], _PITCH_FFT)
    correlation = np.fft.irfft(np.conj(head) * np.fft.rfft(centred, _PITCH_FFT), _PITCH_FFT)[:, : longest + 1]
    energy = np.cumsum(np.pad(centred.astype(np.float64) ** 2, ((0, 0), (1, 0))), axis=1)
    energy = energy[:, _PITCH_WINDOW : _PITCH_WINDOW + longest + 1] - energy[:, : longest + 1]
    normal = correlation / np.sqrt(np.maximum(energy * energy[:, :1], 1e-9))

    inner = normal[:, shortest:longest]
    is_peak = (inner[:, 1:-1] > inner[:, :-2]) & (inner[:, 1:-1] >= inner[:, 2:])
    lags = np.arange(shortest + 1, longest - 1)
    # A period twice as long correlates as well: long ones pay a little.
    score = np.where(is_peak, inner[:, 1:-1] - 0.06 * np.log2(lags / shortest), -1.0)
    best = np.argpartition(-score, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    rows, columns = np.arange(len(normal))[:, None], lags[best]
    before, at, after = normal[rows, columns - 1], normal[rows, columns], normal[rows, columns + 1]
    bend = before - 2 * at + after
    offset = np.where(np.abs(bend) > 1e-9, 0.5 * (before - after) / np.where(bend == 0, 1, bend), 0).clip(-0.5, 0.5)
    return columns + offset, np.take_along_axis(score, best, axis=1), level_db


def _best_path(octaves: Floats, strengths: Floats, silent: Mask) -> NDArray[np.intp]:
    """The candidate of each frame, or 6 for unvoiced."""
    voiced_cost = np.where(strengths > -0.5, 1 - strengths, 9.0) + 2.0 * silent[:, None]
    unvoiced_cost = np.where(silent, 0.0, _UNVOICED_COST)
    frames = len(octaves)
    came_from = np.zeros((frames, _CANDIDATES + 1), np.intp)
    cost = np.append(voiced_cost[0], unvoiced_cost[0])
    columns = np.arange(_CANDIDATES)
    for frame in range(1, frames):
        jumps = cost[:_CANDIDATES, None] + _OCTAVE_JUMP_COST * np.abs(octaves[frame] - octaves[frame - 1][:, None])
        nearest = jumps.argmin(axis=0)
        stay = jumps[nearest, columns]
        onset = cost[_CANDIDATES] + _VOICING_CHANGE_COST
        came_from[frame, :_CANDIDATES] = np.where(stay <= onset, nearest, _CANDIDATES)
        last = int(cost[:_CANDIDATES].argmin())
        offset = cost[last] + _VOICING_CHANGE_COST
        came_from[frame, _CANDIDATES] = last if offset < cost[_CANDIDATES] else _CANDIDATES
        cost = np.append(
            np.minimum(stay, onset) + voiced_cost[frame], min(offset, cost[_CANDIDATES]) + unvoiced_cost[frame]
        )
    path = np.zeros(frames, np.intp)
    path[-1] = cost.argmin()
    for frame in range(frames - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def _count_syllables(spectrum: Spectrum, voiced: Mask) -> int:
    """Peaks of the level with dips of more than 2 dB between them, near something voiced."""
    window = np.hanning(9)
    level_db = np.convolve(spectrum.level_db, window / window.sum(), "same")
    is_peak = (level_db[1:-1] > level_db[:-2]) & (level_db[1:-1] >= level_db[2:]) & spectrum.is_speech[1:-1]
    count = 0
    previous: int | None = None
    for peak in np.flatnonzero(is_peak) + 1:
        if not voiced[max(0, peak - 2) : peak + 3].any():
            continue
        if previous is None or min(level_db[peak], level_db[previous]) - level_db[previous : peak + 1].min() > 2:
            count += 1
            previous = int(peak)
        elif level_db[peak] > level_db[previous]:
            previous = int(peak)
    return count


def third_octaves_hz() -> Floats:
    centres: Floats = 1000 * 2 ** (np.arange(-10, 9) / 3)
    return centres[(centres > 95) & (centres < 7000)]


@cache
def _third_octave_bins() -> tuple[NDArray[np.intp], ...]:
    bins_hz = np.fft.rfftfreq(_FFT, 1 / PROFILE_RATE)
    bands = []
    for centre in third_octaves_hz():
        inside = np.flatnonzero((bins_hz >= centre / 2 ** (1 / 6)) & (bins_hz < centre * 2 ** (1 / 6)))
        bands.append(inside if len(inside) else np.array([np.abs(bins_hz - centre).argmin()]))
    return tuple(bands)


@cache
def _mel_filters() -> Floats:
    mel = np.linspace(_mel(60.0), _mel(7600.0), 28)
    edges = 700 * (10 ** (mel / 2595) - 1)
    bins_hz = np.fft.rfftfreq(_FFT, 1 / PROFILE_RATE)
    rising = (bins_hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins_hz) / (edges[2:] - edges[1:-1])[:, None]
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None), np.float64)


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


@cache
def _cosines() -> Floats:
    angles = np.pi / 26 * (np.arange(26) + 0.5) * np.arange(14)[:, None]
    return np.asarray(np.cos(angles) * np.sqrt(2 / 26), np.float64)
