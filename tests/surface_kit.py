"""What tests of the surface share: a server behind a real MCP client, and ways to look at its results."""

import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import soundfile
from mcp import Client
from mcp.server import MCPServer
from mcp_types import CallToolResult, ResourceLink, TextContent
from numpy.typing import NDArray

from scripted import ScriptedServer, Step, data, speech
from sonant.app import build_server, open_state
from sonant.settings import Settings, load
from sonant.workflows.state import State

KEY = "sk_car_PLANTED0123456789abcdef"
KATIE = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
SECRET_WORDS = "The secret ingredient is nutmeg, and nobody may know."

LEGACY, MODERN = "legacy", "auto"
ERAS = (LEGACY, MODERN)

KATIE_ROW = {"id": KATIE, "name": "Katie", "language": "en", "gender": "feminine", "is_owner": False, "is_public": True}


@dataclass
class Home:
    """A person's folders, and nothing of the machine's."""

    root: Path
    more: dict[str, str] = field(default_factory=dict)
    """Further variables."""

    def __post_init__(self) -> None:
        self.root.mkdir(exist_ok=True)

    @property
    def out(self) -> Path:
        return self.root / "Sonant"

    @property
    def data(self) -> Path:
        return self.root.parent / f"{self.root.name}-data"

    def settings(self, **more: str) -> Settings:
        return load({"SONANT_DATA_DIR": str(self.data), **self.more, **more}, home=self.root)

    def files(self) -> list[str]:
        """Everything in the output folder, hidden parts included."""
        return sorted(path.name for path in self.out.iterdir()) if self.out.exists() else []


@dataclass
class Served:
    """A process's state, and connections to a server with it."""

    settings: Settings
    state: State
    home: Home

    @asynccontextmanager
    async def client(self, era: str = MODERN) -> AsyncIterator[Client]:
        server, states = _server(self.settings)
        states.append(self.state)  # asked for once, while the client connects
        async with Client(server, mode=era) as client:  # type: ignore[arg-type]
            yield client

    async def call(self, tool: str, era: str = MODERN, /, **arguments: Any) -> CallToolResult:
        """One call on a connection of its own."""
        async with self.client(era) as client:
            return await client.call_tool(tool, arguments)


@asynccontextmanager
async def serve(home: Home, *, call_limit_s: float | None = None, **variables: str) -> AsyncIterator[Served]:
    """A process's worth of server; `call_limit_s` may be shorter than a person may set it."""
    settings = home.settings(**variables)
    if call_limit_s is not None:
        settings = replace(settings, call_limit_s=call_limit_s)
    async with open_state(settings) as state:
        yield Served(settings, state, home)


_servers: dict[tuple[str | None, bool, tuple[str, ...]], tuple[MCPServer[State], list[State]]] = {}


def _server(settings: Settings) -> tuple[MCPServer[State], list[State]]:
    """A server as build_server makes it, made once for all settings it tells alike: that takes 50 ms."""
    told = str(settings.problem) if settings.problem else None, settings.embedded, settings.toolsets
    if told not in _servers:
        states: list[State] = []
        _servers[told] = build_server(settings, lambda: nullcontext(states.pop())), states
    return _servers[told]


@asynccontextmanager
async def serve_scripted(
    home: Home,
    *script: Step,
    routes: dict[str, Step] | None = None,
    call_limit_s: float | None = None,
    **variables: str,
) -> AsyncIterator[tuple[Served, ScriptedServer]]:
    """A server whose API is a scripted one that knows Katie; the planted key opens it."""
    known: dict[str, Step] = {
        "GET /voices": data({"data": [KATIE_ROW], "has_more": False}),
        f"GET /voices/{KATIE}": data(KATIE_ROW),
        "GET /accents": data({"accents": [{"id": "parisian", "name": "Parisian", "language": "fr", "locale": "fr-FR",
                                           "is_localizable": True, "is_locale_default": True}]}),
    }  # fmt: skip
    async with ScriptedServer(*script, routes=known | (routes or {}), otherwise=speech(0.5)) as upstream:
        where = {"CARTESIA_BASE_URL": upstream.base_url, "CARTESIA_API_KEY": KEY}
        async with serve(home, call_limit_s=call_limit_s, **where, **variables) as served:
            yield served, upstream


def text_of(result: CallToolResult) -> str:
    """All text of a result."""
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def first_text(result: CallToolResult) -> str:
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


def links(result: CallToolResult) -> list[ResourceLink]:
    return [block for block in result.content if isinstance(block, ResourceLink)]


def said(result: CallToolResult) -> dict[str, Any]:
    """The structured content of a result that succeeded."""
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return result.structured_content


def path_of(result: CallToolResult) -> Path:
    return Path(said(result)["path"])


def refused(result: CallToolResult) -> str:
    """The sentence of a failed call, checked to be one a reader can use."""
    text = text_of(result)
    assert result.is_error, text
    assert len(result.content) == 1, "a failure is one text"
    assert text == text.strip()
    assert text.endswith((".", "…", "?")), text
    for noise in ("Traceback", "pydantic", "Error executing tool", "Exception", "None", "\n", "object at 0x"):
        assert noise not in text, text
    assert 10 < len(text) < 900, text
    return text


def text_at(path: Path | str) -> str:
    return Path(path).read_text(encoding="utf-8")


def json_at(path: Path | str) -> Any:
    return json.loads(text_at(path))


def samples_of(path: Path) -> tuple[NDArray[np.float32], int]:
    """Mono float32 in [-1, 1], and the sample rate."""
    samples, sample_rate = soundfile.read(path, dtype="float32")
    return samples, sample_rate


def check_schema(result: CallToolResult, output_schema: dict[str, Any] | None) -> None:
    """The structured content is what the tool promised."""
    assert output_schema is not None
    jsonschema.validate(result.structured_content, output_schema)


def everything_kept(home: Home) -> bytes:
    """Every byte and name below the person's folders and Sonant's own; SQLite's files as they are on disk."""
    kept = b""
    for folder in (home.root, home.data):
        for path in folder.rglob("*"):
            kept += str(path.name).encode() + b"\n"
            if path.is_file():
                kept += path.read_bytes()
    return kept


def rows_of(database: Path) -> str:
    with sqlite3.connect(database) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return json.dumps([list(connection.execute(f"SELECT * FROM {table}")) for table in tables], default=repr)


@contextmanager
def all_logs() -> Iterator[list[str]]:
    """Every record any logger emits at DEBUG, formatted with its traceback."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(logging.Formatter("%(name)s %(message)s").format(record))

    root, handler = logging.getLogger(), Keep(logging.DEBUG)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
