"""Credits an operation spends. Source: contract §14. Failed requests cost nothing."""

from sonant.wire.markup import parse


def speech_credits(transcript: str) -> int:
    """About one a character; a break or spell tag counts as one, and what is spelled by the character."""
    credits = 0
    for part in parse(transcript):
        credits += len(part) if isinstance(part, str) else 1 + (len(part.value) if part.name == "spell" else 0)
    return credits


def infill_credits(transcript: str) -> int:
    return 300 + speech_credits(transcript)


def transcription_credits(duration_s: float) -> int:
    """One per two seconds."""
    return round(duration_s / 2)


def changing_credits(duration_s: float) -> int:
    """Fifteen per second of the recording."""
    return round(15 * duration_s)
