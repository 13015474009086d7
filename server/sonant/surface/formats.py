"""The `format` and `sample_rate` a person asks for, as an AudioFormat."""

from dataclasses import replace

from sonant.audio.formats import PRESETS, AudioFormat
from sonant.errors import InputError

_MP3_AT_8000 = 64000
"""Bits per second: the most MPEG-2.5 carries at 8 kHz that the wire knows."""


def audio_format(name: str | None, sample_rate: int | None) -> AudioFormat:
    """The format of that name, at that rate if given.

    Raises:
        InputError: the two contradict each other.
    """
    chosen = PRESETS[name or "mp3"]
    if sample_rate is None or sample_rate == chosen.sample_rate:
        return chosen
    if name and name.rsplit("_", 1)[-1].isdigit():
        raise InputError(
            f"{name} is always {chosen.sample_rate} Hz.", hint="Leave out `sample_rate`, or choose the format raw."
        )
    bit_rate = _MP3_AT_8000 if chosen.container == "mp3" and sample_rate == 8000 else chosen.bit_rate
    return replace(chosen, sample_rate=sample_rate, bit_rate=bit_rate)
