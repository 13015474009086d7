"""One request to the speech service as data, before it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sonant.api_client.bodies import Upload
from sonant.api_client.retry import Effect

Capability = Literal["tts", "stt"]
"""What the plan counts: generations of speech, and transcriptions. Source: contract §14."""


@dataclass(frozen=True)
class Call:
    """One request as data. Its content is private and stays out of its repr."""

    method: str
    path: str
    effect: Effect
    accept: str = "application/json"
    params: Mapping[str, str | list[str]] = field(default_factory=dict, repr=False)
    json: Mapping[str, object] | None = field(default=None, repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    uploads: Mapping[str, Upload] = field(default_factory=dict, repr=False)
    extra_s: float = 0.0
    """Seconds by which the work asked for may delay the first byte."""
    transcript: str = field(default="", repr=False)
    """What must not be quoted in an error."""
    open_to_all: bool = False
    """Takes neither key nor version."""
    counts_as: Capability | None = None
    """Which of the plan's limits it counts against while it runs."""
    version: str | None = None
    """Date of the version to speak, for what only an older one has; None: the connection's."""
    for_admin: bool = False
    """Takes the admin key, and no other."""
