"""Analysis by synthesis: finds the timbre whose speech measures like a clip. Runs in the workbench process."""

import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np

from sonant.audio.pcm import Samples
from sonant.audio.resample import resample
from sonant.engine.espeak import SAMPLE_RATE, read_speech, request_speech, worker_command
from sonant.engine.pipes import WorkerDiedError, pack, read_message, worker_environment
from sonant.engine.profile import (
    PROFILE_RATE,
    Floats,
    Profile,
    Spectrum,
    closeness,
    ltas_distance_db,
    measure,
    measure_spectrum,
    mfcc_distance,
    third_octaves_hz,
)
from sonant.engine.shaping import apply_filter, filter_frequencies, filter_taps
from sonant.engine.timbre import MEDIAN, Klatt, Timbre

_PHRASE = "The boy was there when the sun rose. A rod is used to catch pink salmon. We find joy in the simplest things."
_PHRASE_WPM = 165.0
LONG_PHRASE = (
    f"{_PHRASE} The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. "
    "These days a chicken leg is a rare dish. Rice is often served in round bowls. The juice of lemons makes fine "
    "punch. Four hours of steady work faced us."
)
"""For a target that is the mean of many words: what is compared with it should be one too."""

_SOURCES: tuple[Klatt, ...] = (0, 4, 2)
_SCALES = (90, 96, 102, 108, 115)
_BOUNDS: tuple[tuple[str, float, float, float], ...] = (
    ("f1", 5, 88, 115),
    ("f2", 5, 88, 118),
    ("f3", 5, 88, 122),
    ("h1", 15, 75, 130),
    ("h2", 15, 75, 135),
    ("h3", 15, 75, 135),
    ("h4", 15, 70, 135),
    ("width", 10, 85, 105),
    ("breath", 3, 0, 8),
)
"""(number, first step, least, most). Wider bounds come no nearer than 0.3 and double the word error rate."""
_EQ_LIMIT_DB, _EQ_SECOND_LIMIT_DB, _EQ_SECOND_STRENGTH = 15.0, 6.0, 0.7


@dataclass(frozen=True)
class FitResult:
    timbre: Timbre
    closeness: float
    """Of the fitted voice to the clip, as profile.closeness says."""
    pitch_error_st: float
    ltas_error_db: float


class Espeak(AbstractContextManager["Espeak"]):
    """The speech library's worker for one thread that may block."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            worker_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=worker_environment(),
        )
        self._receive()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def say(self, timbre: Timbre, text: str = _PHRASE) -> Samples:
        """Unfiltered speech, 22050 Hz."""
        request = request_speech("gmw/en-US", timbre.voice_lines(), text, wpm=timbre.wpm)
        assert self._process.stdin is not None
        self._process.stdin.write(pack(request))
        self._process.stdin.flush()
        return self._receive()

    def _receive(self) -> Samples:
        assert self._process.stdout is not None
        answer = read_message(self._process.stdout)  # type: ignore[arg-type]
        if answer is None or "error" in answer[0]:
            raise WorkerDiedError("The speech worker failed while a voice was being fitted.")
        reply, audio = answer
        return read_speech(reply, audio).samples if "events" in reply else np.zeros(0, np.float32)


def fit_closely(target: Profile, espeak: Espeak) -> FitResult:
    """The same for a target of many words, compared with many: nearer, in three times the time."""
    quick, careful = Search(espeak, target), Search(espeak, target, LONG_PHRASE)
    timbre = careful.match_pitch(quick.match_pitch(quick.match_formants(), rounds=2), rounds=1)
    return careful.match_spectrum(careful.match_pace(timbre))


def fit(target: Profile) -> FitResult:
    """Find the timbre. Takes about two seconds; the target must hold voiced speech."""
    with Espeak() as espeak:
        search = Search(espeak, target)
        timbre = search.match_pace(search.match_pitch(search.match_formants()))
        return search.match_spectrum(timbre)


class Search:
    """The steps of a fit.

    Args:
        espeak: who says what is compared.
        target: what it is compared with.
        phrase: what is said once the formants are found; longer is nearer, and slower.
    """

    def __init__(self, espeak: Espeak, target: Profile, phrase: str = _PHRASE) -> None:
        self._espeak = espeak
        self._target = target
        self._phrase = phrase

    def match_formants(self) -> Timbre:
        """Sources and scales on a grid, then each number for itself, in steps that halve."""
        span_hz = float(np.clip(self._target.f0_iqr_st * self._target.f0_hz * 0.19, 6, 1.1 * self._target.f0_hz))
        base_hz = self._target.f0_hz - MEDIAN * span_hz
        start = Timbre(base_hz=base_hz, span_hz=span_hz, wpm=_PHRASE_WPM)
        grid = [
            replace(start, klatt=klatt, f1=100 + (scale - 100) * 0.7, f2=scale, f3=scale)
            for klatt in _SOURCES
            for scale in _SCALES
        ]
        best_cost, best = min(((self._cost(timbre), timbre) for timbre in grid), key=lambda trial: trial[0])
        for halving in (1, 2):
            for number, step, least, most in _BOUNDS:
                if number == "breath" and best.klatt:
                    continue
                for sign in (1, -1):
                    moved = float(np.clip(getattr(best, number) + sign * step / halving, least, most))
                    trial = replace(best, **{number: moved})  # type: ignore[arg-type]
                    if (cost := self._cost(trial)) < best_cost - 1e-4:
                        best_cost, best = cost, trial
                        break
        return best

    def match_pitch(self, timbre: Timbre, rounds: int = 4) -> Timbre:
        target = self._target
        for _ in range(rounds):
            said = measure(self._espeak.say(timbre, self._phrase), SAMPLE_RATE)
            wider = np.clip(target.f0_iqr_st / max(said.f0_iqr_st, 0.2), 0.6, 1.6)
            span_hz = float(np.clip(timbre.span_hz * wider, 4, 1.2 * target.f0_hz))
            moved_hz = timbre.base_hz + (target.f0_hz - said.f0_hz) + MEDIAN * (timbre.span_hz - span_hz)
            timbre = replace(timbre, span_hz=span_hz, base_hz=max(20.0, moved_hz))
        return timbre

    def match_pace(self, timbre: Timbre) -> Timbre:
        said = measure(self._espeak.say(timbre, self._phrase), SAMPLE_RATE)
        ratio = self._target.syllables_per_s / max(said.syllables_per_s, 0.5)
        return replace(timbre, wpm=float(np.clip(_PHRASE_WPM * ratio, 110, 260)))

    def match_spectrum(self, timbre: Timbre) -> FitResult:
        """Put what is left of the difference into a filter; the second pass mends what the first one overdid."""
        said = self._espeak.say(replace(timbre, wpm=_PHRASE_WPM), self._phrase)
        gain_db = equaliser_db(_spectrum_of(said), self._target.spectrum, _EQ_LIMIT_DB)
        again = _spectrum_of(apply_filter(said, filter_taps(gain_db)))
        more_db = equaliser_db(again, self._target.spectrum, _EQ_SECOND_LIMIT_DB, _EQ_SECOND_STRENGTH)
        taps = filter_taps(gain_db + more_db)
        result = measure(apply_filter(said, taps), SAMPLE_RATE)
        return FitResult(
            replace(timbre, fir=tuple(float(f"{tap:.6g}") for tap in taps)),
            closeness(result, self._target),
            float(abs(12 * np.log2(result.f0_hz / self._target.f0_hz))),
            ltas_distance_db(result.spectrum, self._target.spectrum),
        )

    def _cost(self, timbre: Timbre) -> float:
        said = _spectrum_of(self._espeak.say(timbre))
        far = sum(abs(scale - 100) for scale in (timbre.f1, timbre.f2, timbre.f3))
        target = self._target.spectrum
        return ltas_distance_db(said, target) / 3 + mfcc_distance(said, target) / 3 + 0.005 * far


def _spectrum_of(said: Samples) -> Spectrum:
    """Of speech at espeak's rate; takes a third of the time of the whole profile."""
    return measure_spectrum(resample(said, SAMPLE_RATE, PROFILE_RATE))


def equaliser_db(source: Spectrum, target: Spectrum, limit_db: float, strength: float = 1.0) -> Floats:
    """Gain at filter_frequencies() that moves one long-term spectrum towards another, smoothed and bounded."""
    bands_db = equaliser_bands_db(source.ltas_db, target.ltas_db, limit_db, strength)
    return gain_at(filter_frequencies(), bands_db)


def equaliser_bands_db(source_db: Floats, target_db: Floats, limit_db: float, strength: float = 1.0) -> Floats:
    """The same in third octaves, as `ltas_db` is."""
    wanted = np.clip((target_db - source_db) * strength, -limit_db, limit_db)
    return np.convolve(np.pad(wanted, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")


def gain_at(frequencies_hz: Floats, bands_db: Floats) -> Floats:
    """Gain in third octaves at other frequencies; beyond the outermost it stays as it is."""
    octaves = np.log(np.maximum(frequencies_hz, 20))
    return np.asarray(np.interp(octaves, np.log(third_octaves_hz()), bands_db), np.float64)
