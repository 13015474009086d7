"""Many stretches of one speaker's recordings as one profile, and who among them is somebody else."""

from collections.abc import Sequence

import numpy as np

from sonant.engine.profile import Floats, Pitch, Profile, Spectrum, closeness

_COMPARED = 48
_SAME_SPEAKER, _SHORT_SLACK = 5.5, 3.0
"""Closeness up to which two stretches are one speaker's: two clips of one person are 2 to 4 apart, two people 5 to 13.
A short stretch is measured less surely."""


def pool(profiles: Sequence[Profile]) -> Profile:
    """One profile of all, each weighed by how much speech it holds; its frames are theirs, one after the other."""
    weights = np.array([profile.speech_s for profile in profiles])
    f0_hz = np.concatenate([profile.pitch.f0_hz for profile in profiles])
    semitones = 12 * np.log2(f0_hz[f0_hz > 0] / 100)
    low, median, high = np.percentile(semitones, [25, 50, 75])
    return Profile(
        Spectrum(
            ltas_db=_mean([profile.spectrum.ltas_db for profile in profiles], weights),
            mfcc=_mean([profile.spectrum.mfcc for profile in profiles], weights),
            is_speech=np.concatenate([profile.spectrum.is_speech for profile in profiles]),
            level_db=np.concatenate([profile.spectrum.level_db for profile in profiles]),
        ),
        Pitch(f0_hz, np.concatenate([profile.pitch.strength for profile in profiles])),
        f0_hz=float(100 * 2 ** (median / 12)),
        f0_iqr_st=float(high - low),
        syllables_per_s=float(np.average([profile.syllables_per_s for profile in profiles], weights=weights)),
        level_dbfs=float(np.average([profile.level_dbfs for profile in profiles], weights=weights)),
        noise_dbfs=float(np.average([profile.noise_dbfs for profile in profiles], weights=weights)),
        speech_s=float(weights.sum()),
        voiced_s=sum(profile.voiced_s for profile in profiles),
    )


def _mean(values: Sequence[Floats], weights: Floats) -> Floats:
    return np.asarray(np.average(values, axis=0, weights=weights), np.float64)


def one_speaker(profiles: Sequence[Profile]) -> list[bool]:
    """Which of the profiles are of the speaker who speaks most in them."""
    # The middle one lies among the many, wherever the few are; comparing all with all would take minutes.
    some = [profiles[round(at)] for at in np.linspace(0, len(profiles) - 1, min(len(profiles), _COMPARED))]
    middle = min(some, key=lambda one: float(np.median([closeness(one, other) for other in some])))
    are_near = [_is_near(profile, middle) for profile in profiles]
    speaker = pool([profile for profile, is_near in zip(profiles, are_near, strict=True) if is_near])
    return [_is_near(profile, speaker) for profile in profiles]


def _is_near(profile: Profile, other: Profile) -> bool:
    return closeness(profile, other) < _SAME_SPEAKER + _SHORT_SLACK / profile.speech_s
