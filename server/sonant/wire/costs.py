"""Credits an operation spends. Source: contract §14. Failed requests cost nothing."""

import math

from sonant.wire.markup import parse


def speech_credits(transcript: str) -> int:
    """About one a character; a break or spell tag counts as one, and what is spelled by the character."""
    credits = 0
    for part in parse(transcript):
        credits += len(part) if isinstance(part, str) else 1 + (len(part.value) if part.name == "spell" else 0)
    return credits


def with_trained_voice(credits: int) -> int:
    """What speech costs with a voice that was trained: half as much again."""
    return math.ceil(1.5 * credits)


TRAINING_CREDITS = 1_000_000
"""Of a voice trained on a dataset, when it succeeds."""


def infill_credits(transcript: str) -> int:
    return 300 + speech_credits(transcript)


def transcription_credits(duration_s: float) -> int:
    """One per two seconds."""
    return round(duration_s / 2)


def changing_credits(duration_s: float) -> int:
    """Fifteen per second of the recording."""
    return round(15 * duration_s)


def listening_credits(model: str, duration_s: float) -> int:
    """Of live audio, by the second: ink-whisper one, ink-2 three."""
    return round(duration_s * (1 if model.startswith("ink-whisper") else 3))
