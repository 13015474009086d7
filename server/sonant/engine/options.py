"""What the engine is told when it starts."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from sonant.errors import SettingsError


@dataclass(frozen=True)
class EngineOptions:
    data_dir: Path
    """Made voices live in its `engine` folder."""
    api_key: str | None = field(default=None, repr=False)
    """None: any key will do, as long as there is one. Only on loopback."""
    host: str = "127.0.0.1"
    """Where the engine listens; its own name is the one Host header besides the loopback ones that is answered."""
    allow_origins: tuple[str, ...] = ()
    """Web origins, such as `https://example.com`, whose pages may call the engine."""
    any_voice: bool = False
    """Answer unknown voice ids with the default voice instead of 404."""
    workers: int = 2
    """Synthesis processes; each is one request spoken at a time."""

    def __post_init__(self) -> None:
        if self.api_key is None and not is_loopback(self.host):
            raise SettingsError(
                f"The engine does not listen on {self.host} without a key: anyone on the network could use it.",
                variable="--api-key",
                hint="Name one with --api-key, or keep to 127.0.0.1.",
            )

    @property
    def voices_path(self) -> Path:
        return self.data_dir / "engine" / "voices.sqlite3"


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
