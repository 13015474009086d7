"""Speech between two recordings: said in a voice fitted to them, at their pace, level and room."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sonant.audio.pcm import Samples
from sonant.audio.resample import resample
from sonant.engine.cloning import read_fit
from sonant.engine.pipes import Message
from sonant.engine.profile import HOP_S, PROFILE_RATE, Floats, measure_spectrum, track_pitch_of_speaker
from sonant.engine.shaping import limit, speech_level_dbfs
from sonant.engine.synthesis import SAMPLE_RATE, Synthesiser, Utterance, read_utterance
from sonant.engine.transform import bend_pitch, room_tone, trim_silence
from sonant.engine.workbench import Workbench
from sonant.errors import AudioInputError, InputError

_SIDE_S = 15.0
"""Of each side, next to the gap."""
_EDGE_S = 5.0
"""Of a neighbour, in which those are looked for:"""
_EDGE_FRAMES = 25
"""Voiced 10 ms frames of a neighbour that the pitch is bent towards."""
_LEAST_BEND, _MOST_BEND = 0.7, 1.4
_SILENT_DBFS = -60.0
_SYNTHETIC = "The inserted words are synthetic: they match the recording's pitch, pace, level and room, not the person."


@dataclass(frozen=True)
class Infill:
    samples: Samples
    """float32 in [-1, 1], shape (frames,), 22050 Hz: the new middle only."""
    verdict: tuple[str, ...]


async def infill(
    synthesiser: Synthesiser, utterance: Utterance, left: Samples | None, right: Samples | None, sample_rate: int
) -> Infill:
    """Say an utterance so that it fits between two clips, after one, or before one.

    The voice is fitted to the clips; `utterance.timbre` speaks only where they are too short for that, and the verdict
    says so. `utterance.speed` is relative to the clips' own pace.

    Args:
        left, right: float32 in [-1, 1], shape (frames,); at least one. Cut at pauses, silence kept.
        sample_rate: Hz of both.

    Raises:
        InputError: no clip, or nothing to say.
        EngineError: the synthesiser or the fit failed.
    """
    if left is None and right is None:
        raise InputError("Infill needs a clip before the new words, after them, or both.")
    read_utterance(utterance)
    no_clip = np.zeros(0, np.float32)
    side_frames = int(_SIDE_S * sample_rate)
    before = no_clip if left is None else left[-side_frames:]
    after = no_clip if right is None else right[:side_frames]
    verdict: tuple[str, ...] = (_SYNTHETIC,)
    async with Workbench() as bench:
        try:
            details, _ = await bench.run("fit", {"sample_rate": sample_rate}, [np.concatenate([before, after])])
        except AudioInputError as error:
            verdict += (f"The given voice was used, because the recording cannot be matched: {error.message}",)
        else:
            utterance = replace(utterance, timbre=read_fit(details).timbre)
            verdict += read_fit(details).verdict[1:]
        middle = np.concatenate([piece.samples async for piece in synthesiser.speak(utterance)])
        how = {"sample_rate": sample_rate, "volume": utterance.volume}
        _, (blended,) = await bench.run("blend", how, [middle, before, after])
    return Infill(blended, verdict)


def blend_job(details: Message, clips: list[Samples]) -> tuple[Message, list[Samples]]:
    """The workbench's side of infill: bend, level and room of the middle (22050 Hz) as of its neighbours."""
    middle, *sides = clips
    before, after = (resample(side, details["sample_rate"], SAMPLE_RATE) for side in sides)
    context = np.concatenate([before, after])
    middle = _bent(trim_silence(middle, SAMPLE_RATE), before, after)
    level_dbfs = speech_level_dbfs(context, SAMPLE_RATE)
    if level_dbfs > _SILENT_DBFS:
        gain_db = level_dbfs - speech_level_dbfs(middle, SAMPLE_RATE)
        middle = middle * np.float32(details["volume"] * 10 ** (gain_db / 20))
    if len(context) > SAMPLE_RATE // 4:
        middle = middle + room_tone(context, len(middle))
    return {}, [limit(middle)]


def _bent(middle: Samples, before: Samples, after: Samples) -> Samples:
    """Pitch moved towards the neighbours at both ends; less in the middle."""
    f0_hz = _f0(middle)
    voiced = f0_hz[f0_hz > 0]
    if len(voiced) <= 20:
        return middle
    edge = int(_EDGE_S * SAMPLE_RATE)
    ends = [_edge_ratio(_f0(before[-edge:])[::-1], voiced[:12]), _edge_ratio(_f0(after[:edge]), voiced[-12:])]
    thirds = len(f0_hz) * np.arange(4) / 3
    bends: Sequence[float] = (0.7 * ends[0], 0.25 * ends[0], 0.25 * ends[1], 0.7 * ends[1])
    return bend_pitch(middle, SAMPLE_RATE, f0_hz, np.exp(np.interp(np.arange(len(f0_hz)), thirds, bends)))


def _edge_ratio(neighbour_hz: Floats, own_hz: Floats) -> float:
    """Natural logarithm of the pitch step to the neighbour; 0 where it has no voice."""
    voiced = neighbour_hz[neighbour_hz > 0][:_EDGE_FRAMES]
    if len(voiced) < 5:
        return 0.0
    return float(np.log(np.clip(np.median(voiced) / np.median(own_hz), _LEAST_BEND, _MOST_BEND)))


def _f0(samples: Samples) -> Floats:
    if len(samples) < SAMPLE_RATE * 5 * HOP_S:
        return np.zeros(0)
    at_16k = resample(samples, SAMPLE_RATE, PROFILE_RATE)
    return track_pitch_of_speaker(at_16k, measure_spectrum(at_16k)).f0_hz
