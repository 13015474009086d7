"""A dataset → four voices of one speaker. Runs in the workbench process: a file that breaks a decoder breaks only that.

Every file is read to its end, or to the end of its second hour, half a minute at a time; each stretch is measured and
judged on its own. What is kept of them is numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sonant.audio.codec import decode_blocks, probe
from sonant.audio.pcm import Samples
from sonant.engine.cloning import APPROXIMATE, nearness
from sonant.engine.fitting import LONG_PHRASE, Espeak, FitResult, Search, fit_closely
from sonant.engine.pipes import Message
from sonant.engine.pooling import one_speaker, pool
from sonant.engine.profile import PROFILE_RATE, Profile, measure
from sonant.engine.timbre import MEDIAN, Timbre
from sonant.errors import AudioInputError
from sonant.wire.training import ADVISED_S

TRAINING_LIMIT_S = 1800.0
"""For the whole: reading goes at two hundred times the speed of speech, measuring at thirty."""
LEAST_S = 20.0
"""Of speech without its pauses, as recordings of half a minute hold. Cartesia wants half an hour of them."""

_STRETCH_S = 30.0
_MEASURED_S = 600.0
"""Of all files together, spread over them evenly: more changes nothing but the time it takes."""
_READ_S = 7200.0
_SHORTEST_S = 1.0
_SILENT_DBFS = -60.0
_LEAST_VOICED = 0.15
_SLOWEST_SYLLABLES = 1.0
"""A second; nobody speaks more slowly, while long notes do nothing else."""
_STEADY_ST, _MOST_STEADY = 0.03, 0.6
"""How little a pitch moves within 10 ms, in semitones, for how much of the time: notes 0.85 to 1, voices 0.1 to 0.2."""
_NOISY_DB, _DROWNED_DB = 15.0, 5.0
_LEAST_OF_ONE = 2 / 3
"""How much of the speech must be one speaker's for the rest to be set aside."""


@dataclass(frozen=True)
class Fault:
    """Why a stretch or a file was not used, as a `user_errors` entry has it."""

    code: str
    told: str


_EMPTY = Fault("too_short", "it holds less than a second of speech")
_SILENT = Fault("silent", "it is silent")
_NO_VOICE = Fault("no_voice", "there is no voice in it; it sounds like noise or music")
_DROWNED = Fault("too_noisy", "the speech drowns in noise")


def train_job(details: Message, _: list[Samples]) -> tuple[Message, list[Samples]]:
    """The workbench's side of trainer.py.

    `details` holds `files`, each with `name` and `path`; the answer `voices` (none when it failed), `user_errors`
    and `notices`.
    """
    errors: list[dict[str, str]] = []
    heard: list[tuple[str, Profile]] = []
    files = [(file["name"], Path(file["path"])) for file in details["files"]]
    share = min(1.0, _MEASURED_S / max(1.0, sum(_length_s(path) for _, path in files)))
    turn = _Turns(share)
    for name, path in files:
        profiles, fault = _survey(path, turn)
        heard += [(name, profile) for profile in profiles]
        if fault is not None:
            errors.append({"code": fault.code, "message": f"{name}: {fault.told}."})
    heard, strangers, mixed = _of_one_speaker(heard)
    errors += strangers
    speech_s = sum(profile.speech_s for _, profile in heard)
    if not mixed and speech_s < LEAST_S:
        told = f"The recordings hold {speech_s:.0f} s of usable speech; at least {LEAST_S:.0f} s are needed, pauses not counted."
        errors.append({"code": "not_enough_speech", "message": f"{told} Cartesia itself asks for 30 minutes."})
    if mixed or speech_s < LEAST_S:
        return {"voices": [], "user_errors": errors, "notices": []}, []
    target = pool([profile for _, profile in heard])
    with Espeak() as espeak:
        result = fit_closely(target, espeak)
        voices = list(_voices(result.timbre, target, espeak))
    return {"voices": voices, "user_errors": errors, "notices": _verdict(target, result, share)}, []


class _Turns:
    """Which of the stretches are measured, so that of all of them a certain share is, evenly."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._due = 1.0  # the first one always

    def take(self) -> bool:
        self._due += self._share
        if self._due < 1.0:
            return False
        self._due -= 1.0
        return True


def _length_s(path: Path) -> float:
    """0 for what cannot be read, which is told later."""
    try:
        with path.open("rb") as file:
            return min(probe(file).duration_s, _READ_S)
    except (AudioInputError, OSError):
        return 0.0


def _survey(path: Path, turn: _Turns) -> tuple[list[Profile], Fault | None]:
    """The profiles of a file's usable stretches, and what is wrong with it if there is none, or if it breaks off."""
    profiles: list[Profile] = []
    faults: list[Fault] = []
    try:
        with path.open("rb") as file:
            for samples in _stretches(file):
                if turn.take():
                    found = _judge(samples)
                    (faults if isinstance(found, Fault) else profiles).append(found)  # type: ignore[arg-type]
    except AudioInputError as error:
        return profiles, Fault("unreadable_audio", error.message.rstrip("."))
    except OSError:
        return profiles, Fault("unreadable_audio", "it can no longer be read")
    return profiles, (faults or [_EMPTY])[0] if not profiles else None


def _stretches(file: BinaryIO) -> Iterator[Samples]:
    """Half a minute each, at PROFILE_RATE; a short rest goes with the last one.

    Raises:
        AudioInputError: it is damaged, told after all that could be read.
    """
    blocks: list[Samples] = []
    frames = read = 0
    size = int(_STRETCH_S * PROFILE_RATE)
    damage: AudioInputError | None = None
    try:
        for block in decode_blocks(file, sample_rate=PROFILE_RATE):
            blocks.append(block)
            frames, read = frames + len(block), read + len(block)
            if frames >= 2 * size:  # so that never less than half a minute is left
                whole = np.concatenate(blocks)
                yield whole[:size]
                blocks, frames = [whole[size:]], frames - size
            if read >= _READ_S * PROFILE_RATE:
                break
    except AudioInputError as error:
        damage = error
    if blocks:
        whole = np.concatenate(blocks)
        yield from (whole[:size], whole[size:]) if frames > 1.5 * size else (whole,)
    if damage is not None:
        raise damage


def _judge(samples: Samples) -> Profile | Fault:
    if len(samples) < _SHORTEST_S * PROFILE_RATE:
        return _EMPTY
    if 10 * np.log10(np.square(samples, dtype=np.float64).mean() + 1e-12) < _SILENT_DBFS:
        return _SILENT
    profile = measure(samples, PROFILE_RATE)
    is_unvoiced = profile.voiced_s < _LEAST_VOICED * profile.speech_s
    if is_unvoiced or profile.syllables_per_s < _SLOWEST_SYLLABLES or _steadiness(profile) > _MOST_STEADY:
        return _NO_VOICE
    if profile.speech_s < _SHORTEST_S:
        return _EMPTY
    if profile.level_dbfs - profile.noise_dbfs < _DROWNED_DB:
        return _DROWNED
    return profile


def _steadiness(profile: Profile) -> float:
    """How much of the voiced time the pitch stands still."""
    f0_hz = profile.pitch.f0_hz
    both = (f0_hz[1:] > 0) & (f0_hz[:-1] > 0)
    moved_st = np.abs(12 * np.log2(f0_hz[1:][both] / f0_hz[:-1][both]))
    return float((moved_st < _STEADY_ST).mean()) if len(moved_st) else 0.0


def _of_one_speaker(
    heard: list[tuple[str, Profile]],
) -> tuple[list[tuple[str, Profile]], list[dict[str, str]], bool]:
    """The stretches of whoever speaks most, the files that are somebody else's, and whether there is no such person."""
    if not heard:
        return [], [], False
    is_theirs = one_speaker([profile for _, profile in heard])
    theirs = [one for one, is_one in zip(heard, is_theirs, strict=True) if is_one]
    others = [name for (name, _), is_one in zip(heard, is_theirs, strict=True) if not is_one]
    speech_s = sum(profile.speech_s for _, profile in heard)
    if sum(profile.speech_s for _, profile in theirs) < _LEAST_OF_ONE * speech_s:
        told = "The recordings are of several speakers; a voice needs one. Remove those of the others, among them"
        named = ", ".join(dict.fromkeys(others))[:500]
        return theirs, [{"code": "several_speakers", "message": f"{told} perhaps {named}."}], True
    told = "it sounds like another speaker than the rest, in part or all of it, which was left out."
    return (
        theirs,
        [{"code": "different_speaker", "message": f"{name}: {told}"} for name in dict.fromkeys(others)],
        False,
    )


def _voices(fitted: Timbre, target: Profile, espeak: Espeak) -> Iterator[dict[str, object]]:
    """The same speaker four times: Cartesia too makes four voices of a training."""
    search = Search(espeak, target)
    halfway = {name: (getattr(fitted, name) + 100) / 2 for name in ("f1", "f2", "f3", "h1", "h2", "h3", "h4", "width")}
    plain = search.match_pitch(replace(fitted, **halfway, klatt=4, breath=0.0, fir=None), rounds=2)
    clear = Search(espeak, target, LONG_PHRASE).match_spectrum(replace(plain, wpm=0.95 * plain.wpm)).timbre
    for manner, tagline, timbre, told in (
        ("", "Trained, as recorded", fitted, "As near to the recordings as it came"),
        ("calm", "Trained, calmer", _moved(fitted, 0.7, 0.92), "The same speaker, flatter and a little slower"),
        ("lively", "Trained, livelier", _moved(fitted, 1.35, 1.07), "The same speaker, more melodious and a little faster"),
        ("clear", "Trained, clearer", clear, "The same speaker, easier to understand, a little further from the recordings"),
    ):  # fmt: skip
        description = f"{told}: approximate and synthetic, made on this computer."
        yield {
            "manner": manner, "tagline": tagline, "description": description, "timbre": timbre.to_dict(),
            "notices": [APPROXIMATE],
        }  # fmt: skip


def _moved(timbre: Timbre, melody: float, pace: float) -> Timbre:
    """The same voice with more or less melody around its median pitch, at another pace."""
    span_hz = timbre.span_hz * melody
    return replace(
        timbre,
        span_hz=span_hz,
        base_hz=timbre.median_hz - MEDIAN * span_hz,
        wpm=float(np.clip(timbre.wpm * pace, 80, 300)),
    )


def _verdict(target: Profile, result: FitResult, share: float) -> list[str]:
    """What whoever trained it should know, most important first."""
    sentences = [APPROXIMATE, nearness(result, "the recordings'")]
    if target.speech_s < ADVISED_S and share == 1.0:
        sentences.append(
            f"It was trained on {target.speech_s:.0f} s of speech, which is enough here; Cartesia's own training needs 30 minutes."
        )
    if (ratio_db := target.level_dbfs - target.noise_dbfs) < _NOISY_DB:
        sentences.append(
            f"The recordings are noisy (speech only {ratio_db:.0f} dB above the noise), which colours the voice."
        )
    return sentences
