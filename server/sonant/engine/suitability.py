"""Whether a recording holds one person speaking, as far as pitch alone can tell. Runs in worker processes only.

Measured on engine voices in three moods, five clips of a person, synthetic melodies and chords. Music with singing, and
two speakers of one register, are not told apart from speech.
"""

import numpy as np

from sonant.engine.profile import Floats, Profile
from sonant.errors import AudioInputError

_STILL_ST = 0.05
"""Semitones in 10 ms: less is a held tone."""
_MUSIC_STILL, _MUSIC_SYLLABLES_PER_S = 0.8, 3.0
"""Speech holds its pitch for 19 to 60 % of the time, tunes, chords and hums for 95 %; a monotonous voice has syllables."""
_SPEAKERS_APART_ST = 7.5
"""Two groups of phrases: a man and a woman 8.5 and more, one person up to 6.2, in two moods 6.5."""
_LEAST_SHARE = 0.15
_PHRASE_FRAMES = 8

SEVERAL_SPEAKERS = "There seem to be several speakers in the recording: all of them get the one voice."


def check_is_speech(profile: Profile, hint: str) -> None:
    """
    Raises:
        AudioInputError: it is music or a tone.
    """
    f0_hz = profile.pitch.f0_hz
    both = (f0_hz[1:] > 0) & (f0_hz[:-1] > 0)
    if not both.any():
        return
    steps = np.abs(12 * np.log2(f0_hz[1:][both] / f0_hz[:-1][both]))
    if (steps < _STILL_ST).mean() > _MUSIC_STILL and profile.syllables_per_s < _MUSIC_SYLLABLES_PER_S:
        raise AudioInputError("There is music or a held tone in the recording rather than speech.", hint=hint)


def has_several_speakers(profile: Profile) -> bool:
    """Whether its phrases fall into two groups, far apart in pitch."""
    pitches, lengths = _phrases(profile.pitch.f0_hz)
    order = np.argsort(pitches)
    pitches, lengths = pitches[order], lengths[order]
    share = np.cumsum(lengths) / max(1.0, lengths.sum())
    return any(
        np.average(pitches[cut:], weights=lengths[cut:]) - np.average(pitches[:cut], weights=lengths[:cut])
        > _SPEAKERS_APART_ST
        for cut in range(1, len(pitches))
        if _LEAST_SHARE <= share[cut - 1] <= 1 - _LEAST_SHARE
    )


def _phrases(f0_hz: Floats) -> tuple[Floats, Floats]:
    """(median pitch in semitones, length in frames) of each voiced run that is not just a click."""
    voiced = np.concatenate([[False], f0_hz > 0, [False]])
    edges = np.flatnonzero(voiced[1:] != voiced[:-1])
    runs = [
        f0_hz[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True) if end - start >= _PHRASE_FRAMES
    ]
    pitches = np.array([12 * np.log2(np.median(run) / 100) for run in runs])
    return pitches, np.array([float(len(run)) for run in runs])
