"""Every setting, once: its variable, meaning and default. Read once in cli.py, frozen, passed as values.

A wrong setting does not kill the server: `load` gathers the failures, `serve` says them.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from sonant.errors import SettingsError
from sonant.wire.models import DEFAULT_MODEL
from sonant.wire.versions import VERSION

CLOUD_URL = "https://api.cartesia.ai"
TOOLSETS = ("core", "voices", "pronunciation", "training", "account")
DEFAULT_TOOLSETS = ("core", "voices", "pronunciation")
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Variable:
    """One environment variable, as the README tells it."""

    name: str
    meaning: str
    default: str


VARIABLES: tuple[Variable, ...] = (
    Variable("CARTESIA_API_KEY", "Key of a Cartesia account. Blank or absent: the embedded engine.", "none"),
    Variable("CARTESIA_ADMIN_KEY", "Admin key of the account (`sk_car_admin_…`); only for get_usage.", "none"),
    Variable("CARTESIA_BASE_URL", "Another address of the same API; `http://` only on this machine.", CLOUD_URL),
    Variable("CARTESIA_VERSION", f"Version date of the API; {VERSION} for now.", VERSION),
    Variable("SONANT_VOICE", "Voice to use when none is named: a name or an id.", "Katie"),
    Variable("SONANT_MODEL", "Model for text to speech.", DEFAULT_MODEL),
    Variable("SONANT_OUTPUT_DIR", "Where audio files go.", "~/Sonant"),
    Variable(
        "SONANT_INPUT_DIRS", "Folders recordings may be read from, separated by `:` (on Windows `;`).", "home folder"
    ),
    Variable("SONANT_DATA_DIR", "Index of what was made, voices of the embedded engine, uploads.", "per platform"),
    Variable("SONANT_CALL_LIMIT_S", "Seconds a call may take before it goes on as a job.", "45"),
    Variable("SONANT_CONCURRENCY", "Generations at once within one call; the free plan allows 2.", "2"),
    Variable(
        "SONANT_TOOLSETS",
        f"Which sets of tools to offer, separated by commas: some of {', '.join(TOOLSETS)}, or all.",
        ",".join(DEFAULT_TOOLSETS),
    ),
    Variable("SONANT_HTTP_TOKEN", "Bearer token for HTTP and SSE; required beyond this machine.", "none"),
    Variable("SONANT_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR; logs go to stderr.", "WARNING"),
)

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


@dataclass(frozen=True)
class Settings:
    """What was configured, checked, with paths expanded and made absolute."""

    output_dir: Path
    input_dirs: tuple[Path, ...]
    data_dir: Path
    api_key: SecretStr | None = None
    admin_key: SecretStr | None = None
    base_url: str | None = None
    """None: the embedded engine."""
    api_version: str = VERSION
    voice: str | None = None
    model: str = DEFAULT_MODEL
    call_limit_s: float = 45.0
    concurrency: int = 2
    toolsets: tuple[str, ...] = DEFAULT_TOOLSETS
    """In the order of TOOLSETS."""
    http_token: SecretStr | None = None
    log_level: LogLevel = "WARNING"
    problem: SettingsError | None = field(default=None, compare=False)
    """The first thing wrong with the settings; every call answers with it."""

    @property
    def embedded(self) -> bool:
        """Whether the embedded engine answers."""
        return self.base_url is None


def load(environ: Mapping[str, str], home: Path | None = None) -> Settings:
    """Read the settings. Never raises: what is wrong is in `problem`, with defaults in its place.

    Args:
        environ: the environment.
        home: the user's home folder, for tests.
    """
    reader = _Reader(environ, home or Path.home())
    api_key = reader.text("CARTESIA_API_KEY")
    base_url = reader.base_url(api_key)
    return Settings(
        output_dir=reader.folder("SONANT_OUTPUT_DIR") or reader.home / "Sonant",
        input_dirs=reader.folders("SONANT_INPUT_DIRS") or (reader.home,),
        data_dir=reader.folder("SONANT_DATA_DIR") or _data_dir(),
        api_key=SecretStr(api_key) if api_key else None,
        admin_key=SecretStr(admin_key) if (admin_key := reader.text("CARTESIA_ADMIN_KEY")) else None,
        base_url=base_url,
        api_version=reader.choice("CARTESIA_VERSION", (VERSION,), VERSION),
        voice=reader.text("SONANT_VOICE"),
        model=reader.text("SONANT_MODEL") or DEFAULT_MODEL,
        call_limit_s=reader.number("SONANT_CALL_LIMIT_S", 45.0, 1.0, 3600.0),
        concurrency=int(reader.number("SONANT_CONCURRENCY", 2, 1, 64, int)),
        http_token=SecretStr(token) if (token := reader.text("SONANT_HTTP_TOKEN")) else None,
        log_level=reader.choice("SONANT_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "WARNING"),  # type: ignore[arg-type]
        toolsets=reader.toolsets(),
        problem=reader.problem,
    )


class _Reader:
    """Reads variables one by one and keeps the first failure."""

    def __init__(self, environ: Mapping[str, str], home: Path) -> None:
        self.environ = environ
        self.home = home
        self.problem: SettingsError | None = None

    def text(self, name: str) -> str | None:
        """The value without surrounding blanks; None when blank or a placeholder nobody filled in."""
        value = self.environ.get(name, "").strip()
        if re.search(r"\$\{[^}]*\}", value):
            self._fail(name, f"{name} still holds an unfilled placeholder.", "Put a real value there or leave it out.")
            return None
        return value or None

    def base_url(self, api_key: str | None) -> str | None:
        """`CARTESIA_BASE_URL` if set, else the cloud if there is a key, else None for the embedded engine."""
        given = self.text("CARTESIA_BASE_URL")
        if given is None:
            return CLOUD_URL if api_key else None
        parts = _address(given)
        if parts is None:
            self._fail("CARTESIA_BASE_URL", "CARTESIA_BASE_URL is not a plain web address.", f"Example: {CLOUD_URL}")
        elif parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
            self._fail(
                "CARTESIA_BASE_URL",
                "CARTESIA_BASE_URL is http:// on another machine, which would send the key in clear.",
                "Use https://.",
            )
        return given.rstrip("/")

    def folder(self, name: str) -> Path | None:
        value = self.text(name)
        return self._absolute(value, name) if value else None

    def folders(self, name: str) -> tuple[Path, ...]:
        value = self.text(name) or ""
        parts = [part.strip() for part in value.split(os.pathsep) if part.strip()]
        return tuple(path for part in parts if (path := self._absolute(part, name)))

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.text(name)
        if value is None:
            return default
        if value.upper() in allowed:
            return value.upper()
        self._fail(name, f"{name} is {value[:40]!r}, which is not supported.", f"Use {' or '.join(allowed)}.")
        return default

    def number(
        self, name: str, default: float, low: float, high: float, kind: type[int] | type[float] = float
    ) -> float:
        value = self.text(name)
        if value is None:
            return default
        try:
            number: float = kind(value)
        except ValueError:
            number = float("nan")
        if low <= number <= high:
            return number
        whole = "whole " if kind is int else ""
        self._fail(name, f"{name} is {value[:40]!r}.", f"Use a {whole}number from {low:g} to {high:g}.")
        return default

    def toolsets(self) -> tuple[str, ...]:
        text = self.text("SONANT_TOOLSETS")
        if text is None:
            return DEFAULT_TOOLSETS
        named = [part.strip().lower() for part in text.split(",") if part.strip()]
        unknown = [part for part in named if part not in (*TOOLSETS, "all")]
        if unknown:
            known = f"{', '.join(TOOLSETS)}, all"
            self._fail("SONANT_TOOLSETS", f"SONANT_TOOLSETS names {unknown[0][:40]!r}.", f"Use some of: {known}.")
            return DEFAULT_TOOLSETS
        return TOOLSETS if "all" in named else tuple(name for name in TOOLSETS if name in named) or DEFAULT_TOOLSETS

    def _absolute(self, value: str, name: str) -> Path | None:
        """`~` expanded and made absolute, against the home folder where it was relative."""
        if "\0" in value:
            self._fail(name, f"{name} is not a path.", "Use an absolute path.")
            return None
        if value == "~" or value.startswith(("~/", "~\\")):
            value = value[2:]
        return Path(os.path.normpath(self.home / value))  # an absolute value replaces home

    def _fail(self, variable: str, message: str, hint: str) -> None:
        self.problem = self.problem or SettingsError(message, variable=variable, hint=hint)


def _address(text: str) -> SplitResult | None:
    """The parts of a web address without credentials, query or fragment; None if it is anything else."""
    try:
        parts = urlsplit(text)
        plain = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # half an IPv6 address, or a port that is no number
        return None
    odd = "@" in parts.netloc or parts.query or parts.fragment or re.search(r"[\s\\]", text)
    return parts if plain and not odd else None


def _data_dir() -> Path:
    import platformdirs

    return platformdirs.user_data_path("sonant", appauthor=False)
