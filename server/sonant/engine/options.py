"""What the engine is told when it starts."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from sonant.engine.faults import Faults
from sonant.errors import SettingsError

ADMIN_PREFIX = "sk_car_admin_"
"""Of keys that see usage and keys, and nothing else. Source: contract §1.1."""


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
    tts_concurrency: int = 256
    """Generations at once; one more is answered with 429, as Cartesia's plans do (contract §14). Generous, because on
    this machine requests queue for the workers without harm."""
    stt_concurrency: int = 256
    socket_idle_s: float = 300.0
    """A speaking socket on which nothing happens for so long is closed (contract §3.3)."""
    request_idle_s: float = 120.0
    """A request whose caller neither sends what is missing of it nor reads the answer for so long is given up."""
    context_life_s: float = 1.0
    """A context ends so long after its last audio went out (contract §3.3, rule 7)."""
    credits: float | None = None
    """How many may be spent from this start on, before requests are answered with 402; None for no end."""
    faults: Faults | None = None
    """Failures on request; None for those alone that come by themselves."""

    def __post_init__(self) -> None:
        if self.api_key is None and not is_loopback(self.host):
            raise SettingsError(
                f"The engine does not listen on {self.host} without a key: anyone on the network could use it.",
                variable="--api-key",
                hint="Name one with --api-key, or keep to 127.0.0.1.",
            )
        if self.api_key is not None and self.api_key.startswith(ADMIN_PREFIX):
            raise SettingsError(
                f"The engine's key may not begin with {ADMIN_PREFIX}: its admin key does.",
                variable="--api-key",
                hint=f"Name another; its admin key will be {ADMIN_PREFIX} and that.",
            )

    @property
    def _folder(self) -> Path:
        return self.data_dir / "engine"

    @property
    def voices_path(self) -> Path:
        return self._folder / "voices.sqlite3"

    @property
    def records_path(self) -> Path:
        """Dictionaries, datasets, files and fine-tunes; what files hold lies in `files_dir`."""
        return self._folder / "records.sqlite3"

    @property
    def files_dir(self) -> Path:
        return self._folder / "files"

    @property
    def training_claim_path(self) -> Path:
        return self._folder / "training.lock"

    @property
    def ledger_path(self) -> Path:
        return self._folder / "usage.sqlite3"

    @property
    def token_secret_path(self) -> Path:
        return self._folder / "token_secret"


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
