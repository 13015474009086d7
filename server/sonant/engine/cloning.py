"""A clip → a voice with the same pitch, brightness and pace. Not the person; every answer says so."""

from dataclasses import dataclass

import numpy as np

from sonant.audio.pcm import Samples
from sonant.engine.fitting import FitResult, fit
from sonant.engine.pipes import Message
from sonant.engine.profile import Profile, measure
from sonant.engine.timbre import Timbre
from sonant.errors import AudioInputError

LONGEST_S = 30.0
"""More does not bring the voice nearer."""

_SHORTEST_S, _SHORT_S, _GOOD_S = 1.0, 3.0, 8.0
"""Of speech without its pauses; a clip of ten seconds holds about eight."""
_SILENT_DBFS = -60.0
_NOISY_DB = 15.0
_LEAST_VOICED = 0.15
_CLIPPED = 0.999
_MANY_CLIPPED = 0.001

APPROXIMATE = (
    "This is an approximate, synthetic voice: it follows the clip's pitch, brightness and pace, "
    "but nobody would take it for the person."
)


@dataclass(frozen=True)
class Fit:
    """A voice, and how good it is in plain sentences."""

    timbre: Timbre
    verdict: tuple[str, ...]


async def fit_timbre(samples: Samples, sample_rate: int) -> Fit:
    """Fit a voice to a clip, in a process of its own; about two seconds. Cancelling ends the process.

    Args:
        samples: float32 in [-1, 1], shape (frames,); mono speech of one person. The first 30 s are used.
        sample_rate: Hz.

    Raises:
        AudioInputError: silence, less than a second of speech, or no voice in it.
        EngineError: the process failed.
    """
    from sonant.engine.workbench import Workbench  # it imports this module

    enough = samples[: int((LONGEST_S + 1) * sample_rate)]
    async with Workbench() as bench:
        details, _ = await bench.run("fit", {"sample_rate": sample_rate}, [enough])
    return read_fit(details)


def fit_job(details: Message, clips: list[Samples]) -> tuple[Message, list[Samples]]:
    """The workbench's side of fit_timbre."""
    (samples,), sample_rate = clips, details["sample_rate"]
    used = samples[: int(LONGEST_S * sample_rate)]
    profile = check(used, sample_rate)
    result = fit(profile)
    verdict = judge(used, profile, result, was_cut=len(used) < len(samples))
    return {"timbre": result.timbre.to_dict(), "verdict": verdict}, []


def read_fit(details: Message) -> Fit:
    return Fit(Timbre.from_dict(details["timbre"]), tuple(details["verdict"]))


_CLIP_HINT = "Use a clip with at least three seconds, better ten, of one person speaking."


def check(samples: Samples, sample_rate: int, hint: str = _CLIP_HINT) -> Profile:
    """Profile a clip that holds enough of a voice; `hint` tells what would.

    Raises:
        AudioInputError: it does not.
    """
    if len(samples) < _SHORTEST_S * sample_rate:
        raise AudioInputError("The clip is shorter than one second.", hint=hint)
    if 10 * np.log10(np.square(samples, dtype=np.float64).mean() + 1e-12) < _SILENT_DBFS:
        raise AudioInputError("The clip is silent.", hint=hint)
    profile = measure(samples, sample_rate)
    if profile.voiced_s < _LEAST_VOICED * profile.speech_s:
        raise AudioInputError("There is no voice in the clip; it sounds like noise.", hint=hint)
    if profile.speech_s < _SHORTEST_S:
        raise AudioInputError(f"The clip holds only {profile.speech_s:.1f} s of speech.", hint=hint)
    return profile


def nearness(result: FitResult, whose: str) -> str:
    """How near a fit came, in a sentence."""
    near = "close" if result.closeness < 3 else "fairly close" if result.closeness < 5 else "not close"
    return (
        f"The voice came {near}: within {max(0.1, result.pitch_error_st):.1f} semitones of {whose} pitch and "
        f"{result.ltas_error_db:.1f} dB of the spectrum."
    )


def judge(samples: Samples, profile: Profile, result: FitResult, *, was_cut: bool) -> list[str]:
    """What the caller should know, most important first."""
    sentences = [APPROXIMATE]
    sentences.append(nearness(result, "the clip's"))
    if profile.speech_s < _SHORT_S:
        sentences.append(f"The clip holds only {profile.speech_s:.1f} s of speech; ten seconds give a nearer voice.")
    elif profile.speech_s < _GOOD_S:
        sentences.append("Ten seconds of speech or more would give a nearer voice.")
    if was_cut:
        sentences.append(f"Only the first {LONGEST_S:.0f} s of the clip were used.")
    if (ratio_db := profile.level_dbfs - profile.noise_dbfs) < _NOISY_DB:
        sentences.append(
            f"The clip is noisy (speech only {max(0.0, ratio_db):.0f} dB above the noise), which colours the voice."
        )
    if (np.abs(samples) >= _CLIPPED).mean() > _MANY_CLIPPED:
        sentences.append("The clip is overdriven (clipped), which makes the voice harsher; record it more quietly.")
    return sentences
