"""Who speaks: the numbers of a voice, and their form as an espeak-ng voice file."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self

from sonant.engine.emotions import Prosody

MEDIAN = 0.6
"""Where espeak's median pitch lies between `base_hz` and `base_hz + span_hz`; measured."""

Klatt = Literal[0, 2, 4, 5]


@dataclass(frozen=True)
class Timbre:
    """A voice, without a sample of anybody's recording in it."""

    base_hz: float = 82.0
    span_hz: float = 36.0
    """Pitch runs from base_hz to base_hz + span_hz."""
    f1: float = 100.0
    f2: float = 100.0
    f3: float = 100.0
    """Formant frequencies, percent of the language's own; f3 covers all above the second."""
    h1: float = 100.0
    h2: float = 100.0
    h3: float = 100.0
    h4: float = 100.0
    """Formant heights, percent."""
    width: float = 100.0
    """Formant widths, percent."""
    breath: float = 0.0
    """Noise in the formants, 0 to 8; for klatt 0 only."""
    klatt: Klatt = 4
    """espeak's source: 0 its own, else one of its Klatt synthesisers. 4 and 5 are by far the clearest."""
    wpm: float = 170.0
    """Words per minute at speed 1."""
    fir: tuple[float, ...] | None = None
    """Linear-phase filter at 22050 Hz, odd length: what the formants cannot say of the spectrum."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of to_dict; unknown keys are left out, so that an older program reads a newer voice."""
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        if known.get("fir") is not None:
            known["fir"] = tuple(float(tap) for tap in known["fir"])
        return cls(**known)

    @property
    def median_hz(self) -> float:
        return self.base_hz + MEDIAN * self.span_hz

    def felt(self, prosody: Prosody) -> "Timbre":
        """The same voice under an emotion: pitch and range moved around its median."""
        span_hz = self.span_hz * prosody.range * prosody.pitch
        return replace(self, span_hz=span_hz, base_hz=self.median_hz * prosody.pitch - MEDIAN * span_hz)

    def voice_lines(self) -> str:
        """The speaker's half of an espeak-ng voice file; the language's half is the worker's own."""
        base_hz = max(20.0, self.base_hz)
        lines = [f"pitch {base_hz:.0f} {base_hz + max(4.0, self.span_hz):.0f}"]
        scales = (self.f1, self.f1, self.f2) + (self.f3,) * 6
        heights = (100.0, self.h1, self.h2, self.h3) + (self.h4,) * 5
        for number, (scale, height) in enumerate(zip(scales, heights, strict=True)):
            lines.append(f"formant {number} {scale:.0f} {height:.0f} {self.width:.0f}")
        if self.klatt:
            lines.append(f"klatt {self.klatt}")
        elif self.breath > 0:
            lines.append("breath 0 " + f"{self.breath:.0f} " * 6 + "2")
        return "\n".join(lines) + "\n"
