"""One voice moved towards another: pitch, formants, long-term spectrum. Runs in the workbench process.

F0 track → pitch marks → TD-PSOLA, whose grains are resampled for the formants → equaliser → the level it had. Words,
timing, accent and delivery stay the speaker's.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from sonant.audio.pcm import Samples
from sonant.audio.resample import resample
from sonant.engine.cloning import check
from sonant.engine.fitting import equaliser_bands_db, gain_at
from sonant.engine.pipes import Message
from sonant.engine.profile import PROFILE_RATE, Floats, Profile, measure, measure_spectrum, power_spectra, track_pitch
from sonant.engine.shaping import limit, speech_level_dbfs
from sonant.engine.suitability import SEVERAL_SPEAKERS, check_is_speech, has_several_speakers
from sonant.engine.transform import bend_pitch

_LEAST_FORMANT, _MOST_FORMANT = 0.84, 1.20
_PRIOR_WEIGHT = 12.0
"""Of (F0 ratio)^0.2 as the formant ratio. Without it one target ran to 0.80, and three times the words were lost."""
_LEAST_RANGE, _MOST_RANGE = 0.6, 1.7
_LEAST_RATIO, _MOST_RATIO = 0.4, 2.6
_EQ_LIMIT_DB, _EQ_SECOND_LIMIT_DB, _EQ_SECOND_STRENGTH = 12.0, 6.0, 0.7
_QUIET_DB = 28.0
"""So far below the speaker's level nothing is voiced."""
_SHORTEST_S = 0.03
_SMOOTHING = 15
"""Bins of 31 Hz over which harmonics become an envelope."""
_ENVELOPE_HZ = np.arange(250.0, 5400.0, 50.0)
_COMPARED_HZ = np.arange(300.0, 4500.0, 50.0)
_HINT = "Use a recording with at least a second of one person speaking, without music."


@dataclass(frozen=True)
class Likeness:
    """What a recording is moved towards."""

    f0_hz: float
    f0_iqr_st: float
    ltas_db: list[float]
    envelope: list[float]
    """Natural logarithm of the mean power where voiced, at 250, 300 … 5350 Hz."""


@dataclass(frozen=True)
class Plan:
    """What is done to every stretch of one recording."""

    source_hz: float
    target_hz: float
    range: float
    """Of the new intonation over the old."""
    formant: float
    bands_db: list[float]
    gain_db: float
    level_dbfs: float
    """Of the recording's speech."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        return cls(**values)


def liken_job(details: Message, clips: list[Samples]) -> tuple[Message, list[Samples]]:
    """Measure a speech of the target voice."""
    (samples,), sample_rate = clips, details["sample_rate"]
    profile = measure(samples, sample_rate)
    ltas_db = profile.spectrum.ltas_db.tolist()
    likeness = Likeness(profile.f0_hz, profile.f0_iqr_st, ltas_db, _envelope(samples, sample_rate, profile).tolist())
    return asdict(likeness), []


def plan_job(details: Message, clips: list[Samples]) -> tuple[Message, list[Samples]]:
    """Listen to the beginning of a recording and find what to do with all of it.

    Raises:
        AudioInputError: there is no voice in it, too little, or music.
    """
    (samples,), sample_rate = clips, details["sample_rate"]
    target = Likeness(**details["target"])
    source = check(samples, sample_rate, _HINT)
    check_is_speech(source, _HINT)
    notices = [SEVERAL_SPEAKERS] if has_several_speakers(source) else []
    plan = Plan(
        source_hz=source.f0_hz,
        target_hz=target.f0_hz,
        range=float(np.clip(target.f0_iqr_st / max(source.f0_iqr_st, 0.5), _LEAST_RANGE, _MOST_RANGE)),
        formant=_formant_ratio(_envelope(samples, sample_rate, source), target, source.f0_hz),
        bands_db=[0.0] * len(target.ltas_db),
        gain_db=0.0,
        level_dbfs=source.level_dbfs,
    )
    moved = _moved(samples, sample_rate, plan, source.pitch.f0_hz)
    bands_db = _missing_db(moved, sample_rate, target, _EQ_LIMIT_DB, 1.0)
    again = equalise(moved, sample_rate, bands_db)
    bands_db += _missing_db(again, sample_rate, target, _EQ_SECOND_LIMIT_DB, _EQ_SECOND_STRENGTH)
    equalised = equalise(moved, sample_rate, bands_db)
    gain_db = speech_level_dbfs(samples, sample_rate) - speech_level_dbfs(equalised, sample_rate)
    found = asdict(plan) | {"bands_db": bands_db.tolist(), "gain_db": gain_db}
    return {"plan": found, "notices": notices}, []


def convert_job(details: Message, clips: list[Samples]) -> tuple[Message, list[Samples]]:
    """A stretch in the other voice; as long as it was."""
    (samples,), sample_rate = clips, details["sample_rate"]
    if len(samples) < _SHORTEST_S * sample_rate:
        return {}, [samples]
    plan = Plan.from_dict(details["plan"])
    moved = _moved(samples, sample_rate, plan, _track(samples, sample_rate, plan))
    equalised = equalise(moved, sample_rate, np.array(plan.bands_db))
    return {}, [limit(equalised * np.float32(10 ** (plan.gain_db / 20)))]


def equalise(samples: Samples, sample_rate: int, bands_db: Floats) -> Samples:
    """Apply gains given in third octaves; no delay. Float32 in and out, same shape."""
    size = -(-(len(samples) + sample_rate // 10) // 4096) * 4096  # room for what rings beyond the end
    frequencies_hz = np.asarray(np.fft.rfftfreq(size, 1 / sample_rate), np.float64)
    gain = 10 ** (gain_at(frequencies_hz, bands_db) / 20)
    equalised = np.fft.irfft(np.fft.rfft(samples, size) * gain.astype(np.float32), size)
    return np.asarray(equalised[: len(samples)], np.float32)


def _moved(samples: Samples, sample_rate: int, plan: Plan, f0_hz: Floats) -> Samples:
    """Pitch and formants as planned; `f0_hz` is the speaker's, every 10 ms."""
    semitones = 12 * np.log2(np.maximum(f0_hz, 1) / plan.source_hz)
    wanted_hz = plan.target_hz * 2 ** (semitones * plan.range / 12)
    ratio = np.where(f0_hz > 0, np.clip(wanted_hz / np.maximum(f0_hz, 1), _LEAST_RATIO, _MOST_RATIO), 1.0)
    return bend_pitch(samples, sample_rate, f0_hz, ratio, plan.formant)


def _track(samples: Samples, sample_rate: int, plan: Plan) -> Floats:
    """F0 every 10 ms near the speaker's own, 0 where unvoiced."""
    at_16k = resample(samples, sample_rate, PROFILE_RATE)
    f0_hz = track_pitch(at_16k, max(50.0, plan.source_hz * 0.5), min(560.0, plan.source_hz * 2.1)).f0_hz
    level_db = measure_spectrum(at_16k).level_db
    frames = min(len(f0_hz), len(level_db))
    f0_hz[:frames][level_db[:frames] < plan.level_dbfs - _QUIET_DB] = 0
    return f0_hz


def _missing_db(samples: Samples, sample_rate: int, target: Likeness, limit_db: float, strength: float) -> Floats:
    spectrum = measure_spectrum(resample(samples, sample_rate, PROFILE_RATE))
    return equaliser_bands_db(spectrum.ltas_db, np.array(target.ltas_db), limit_db, strength)


def _envelope(samples: Samples, sample_rate: int, profile: Profile) -> Floats:
    """As Likeness keeps it."""
    power = power_spectra(resample(samples, sample_rate, PROFILE_RATE))
    frames = min(len(power), len(profile.pitch.f0_hz))
    voiced = power[:frames][profile.spectrum.is_speech[:frames] & (profile.pitch.f0_hz[:frames] > 0)]
    bins_hz = np.linspace(0, PROFILE_RATE / 2, power.shape[1])
    window = np.hanning(_SMOOTHING)
    smooth = np.convolve(np.log(voiced.mean(axis=0) + 1e-10), window / window.sum(), "same")
    return np.asarray(np.interp(_ENVELOPE_HZ, bins_hz, smooth), np.float64)


def _without_slope(envelope: Floats) -> Floats:
    """At _COMPARED_HZ, less the parabola over the logarithm of frequency that fits it best."""
    octaves = np.log(_COMPARED_HZ)
    shape = np.vander(octaves - octaves.mean(), 3)
    return np.asarray(envelope - shape @ np.linalg.lstsq(shape, envelope, rcond=None)[0], np.float64)


def _formant_ratio(source: Floats, target: Likeness, source_hz: float) -> float:
    """How much longer or shorter the vocal tract: the warp that lays one envelope over the other, near its prior."""
    prior = float(np.clip((target.f0_hz / source_hz) ** 0.2, _LEAST_FORMANT, _MOST_FORMANT))
    wanted = _without_slope(np.interp(_COMPARED_HZ, _ENVELOPE_HZ, target.envelope))
    spread = np.mean(wanted**2)

    def cost(ratio: float) -> float:
        warped = _without_slope(np.interp(_COMPARED_HZ / ratio, _ENVELOPE_HZ, source))
        return float(np.mean((warped - wanted) ** 2) / spread + _PRIOR_WEIGHT * np.log(ratio / prior) ** 2)

    return float(min(np.arange(_LEAST_FORMANT, _MOST_FORMANT + 0.001, 0.01), key=cost))
