"""Credits an operation spends. Source: contract §14. Failed requests cost nothing."""

import math

from sonant.wire.markup import parse


def speech_credits(transcript: str, *, is_pro: bool = False) -> int:
    """About one a character, with a trained voice half as much again; a break or spell tag counts as one, and what is
    spelled by the character."""
    credits = 0
    for part in parse(transcript):
        credits += len(part) if isinstance(part, str) else 1 + (len(part.value) if part.name == "spell" else 0)
    return math.ceil(1.5 * credits) if is_pro else credits


TRAINING_CREDITS = 1_000_000
"""Of a voice trained on a dataset, when it succeeds."""


def infill_credits(transcript: str) -> int:
    return 300 + speech_credits(transcript)


def transcription_credits(duration_s: float) -> int:
    """One per two seconds."""
    return round(duration_s / 2)
