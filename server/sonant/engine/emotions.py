"""Cartesia's emotions as prosody: multipliers on pitch, range, pace, level and tilt. No laughter, no crying.

The eight families were measured (word error rate stays within 4 points of neutral); the rest of the 58 names of
contract §2.4 are a family at a strength.
"""

from dataclasses import dataclass

from sonant.errors import InputError


@dataclass(frozen=True)
class Prosody:
    """How a feeling changes the voice. Neutral is all ones and zeros."""

    pitch: float = 1.0
    range: float = 1.0
    pace: float = 1.0
    level_db: float = 0.0
    tilt_db: float = 0.0
    """Level at 4 kHz against 300 Hz; positive is brighter."""


NEUTRAL = Prosody()

_FAMILIES = {
    "angry": Prosody(1.12, 1.5, 1.12, 3, 3),
    "excited": Prosody(1.25, 1.8, 1.15, 2, 2),
    "content": Prosody(1.03, 1.1, 0.97, 0, 0),
    "sad": Prosody(0.90, 0.5, 0.82, -4, -4),
    "scared": Prosody(1.3, 1.2, 1.2, -1, 1),
    "happy": Prosody(1.15, 1.5, 1.07, 1, 1),
    "calm": Prosody(0.95, 0.7, 0.88, -2, -2),
    "serious": Prosody(0.93, 0.7, 0.95, 0, 0),
}

_NAMES: dict[str, tuple[str, float]] = {
    "happy": ("happy", 1), "excited": ("excited", 1), "enthusiastic": ("excited", 0.8), "elated": ("excited", 0.9),
    "euphoric": ("excited", 1.1), "triumphant": ("excited", 0.8), "amazed": ("excited", 0.7),
    "surprised": ("excited", 0.7), "flirtatious": ("happy", 0.6), "curious": ("happy", 0.6), "content": ("content", 1),
    "peaceful": ("calm", 1), "serene": ("calm", 1.1), "calm": ("calm", 1), "grateful": ("content", 1),
    "affectionate": ("content", 1.2), "trust": ("content", 0.8), "sympathetic": ("calm", 0.7),
    "anticipation": ("happy", 0.6), "mysterious": ("calm", 1.1), "angry": ("angry", 1), "mad": ("angry", 1),
    "outraged": ("angry", 1.2), "frustrated": ("angry", 0.7), "agitated": ("angry", 0.8), "threatened": ("scared", 0.7),
    "disgusted": ("angry", 0.5), "contempt": ("serious", 1.1), "envious": ("angry", 0.4), "sarcastic": ("serious", 0.7),
    "ironic": ("serious", 0.6), "sad": ("sad", 1), "dejected": ("sad", 1), "melancholic": ("sad", 0.8),
    "disappointed": ("sad", 0.7), "hurt": ("sad", 0.8), "guilty": ("sad", 0.7), "bored": ("sad", 0.6),
    "tired": ("sad", 0.8), "rejected": ("sad", 0.9), "nostalgic": ("sad", 0.5), "wistful": ("sad", 0.5),
    "apologetic": ("sad", 0.5), "hesitant": ("calm", 0.8), "insecure": ("sad", 0.4), "confused": ("content", 0.9),
    "resigned": ("sad", 0.7), "anxious": ("scared", 0.6), "panicked": ("scared", 1.2), "alarmed": ("scared", 0.8),
    "scared": ("scared", 1), "proud": ("happy", 0.5), "confident": ("serious", 0.6), "distant": ("calm", 1),
    "skeptical": ("serious", 0.7), "contemplative": ("calm", 0.9), "determined": ("serious", 0.8),
}  # fmt: skip

EMOTIONS: tuple[str, ...] = ("neutral", *_NAMES)


def prosody_of(emotion: str | None) -> Prosody:
    """What an emotion does to the voice; None is neutral.

    Raises:
        InputError: no such emotion; the hint lists them.
    """
    if emotion is None or emotion == "neutral":
        return NEUTRAL
    if emotion not in _NAMES:
        raise InputError(f"{emotion[:40]!r} is not an emotion.", hint=f"Use one of: {', '.join(EMOTIONS)}.")
    family, strength = _NAMES[emotion]
    full = _FAMILIES[family]
    return Prosody(
        full.pitch**strength,
        full.range**strength,
        full.pace**strength,
        full.level_db * strength,
        full.tilt_db * strength,
    )
