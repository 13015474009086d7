"""Credits an operation spends. Source: contract §14. Failed requests cost nothing."""

from sonant.wire.markup import parse


def speech_credits(transcript: str) -> int:
    """About one a character; a break or spell tag counts as one."""
    return sum(len(part) if isinstance(part, str) else 1 for part in parse(transcript) if part != "")


def infill_credits(transcript: str) -> int:
    return 300 + speech_credits(transcript)


def transcription_credits(duration_s: float) -> int:
    """One per two seconds."""
    return round(duration_s / 2)
