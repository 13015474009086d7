"""The processes that are measured, and the least client that can talk to them: lines of JSON, no SDK, no event loop."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

HERE = Path(__file__).parent
BARE = (sys.executable, str(HERE / "bare_server.py"))
SONANT = (sys.executable, "-m", "sonant")
KEY = "sk_car_benchmark"

Era = Literal["2025-11-25", "2026-07-28"]
"""The last protocol with a handshake, and the first without."""

_CLIENT = {"name": "benchmark", "version": "0"}


def environment(folder: Path, base_url: str | None = None) -> dict[str, str]:
    """What a host gives the server: its own folders, and the address of the service or none."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SONANT_", "CARTESIA_"))}
    service = {"CARTESIA_BASE_URL": base_url, "CARTESIA_API_KEY": KEY} if base_url else {}
    return {
        **kept,
        **service,
        "SONANT_OUTPUT_DIR": str(folder / "out"),
        "SONANT_DATA_DIR": str(folder / "data"),
        "SONANT_INPUT_DIRS": str(folder),
        "SONANT_CALL_LIMIT_S": "900",
    }


class StdioServer:
    """An MCP server started as a host starts it."""

    def __init__(self, command: Sequence[str], env: dict[str, str], era: Era = "2025-11-25") -> None:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
        )
        self._era = era
        self._ids = iter(range(1, 1 << 30))
        if era == "2025-11-25":
            hello = {"protocolVersion": era, "capabilities": {}, "clientInfo": _CLIENT}
            self.receive(self.send("initialize", hello))
            self._write({"method": "notifications/initialized"})

    def send(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Ask without waiting; the id of the answer."""
        params = dict(params or {})
        if self._era == "2026-07-28":
            told = {"protocolVersion": self._era, "clientCapabilities": {}, "clientInfo": _CLIENT}
            params["_meta"] = {f"io.modelcontextprotocol/{name}": value for name, value in told.items()}
        request_id = next(self._ids)
        self._write({"id": request_id, "method": method, "params": params})
        return request_id

    def receive(self, *request_ids: int) -> bytes:
        """Wait until all of these are answered; the last answer as it was sent."""
        waiting = set(request_ids)
        assert self.process.stdout is not None
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"the server ended with {self.process.wait()}")
            message = json.loads(line)
            if message.get("id") in waiting and "method" not in message:
                result = message.get("result")
                if result is None or result.get("isError"):
                    raise RuntimeError(f"the server refused: {line[:2000]!r}")
                waiting.discard(message["id"])
                if not waiting:
                    return line

    def ask(self, method: str, params: dict[str, Any] | None = None) -> bytes:
        return self.receive(self.send(method, params))

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The typed result of a tool."""
        result = json.loads(self.ask("tools/call", {"name": tool, "arguments": arguments}))["result"]
        structured: dict[str, Any] = result["structuredContent"]
        return structured

    def close(self) -> float:
        """Close its stdin; the seconds until it was gone."""
        assert self.process.stdin is not None
        started = time.perf_counter()
        self.process.stdin.close()
        self.process.wait()
        return time.perf_counter() - started

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def __enter__(self) -> "StdioServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def upstream() -> Iterator[str]:
    """The scripted speech service in a process of its own; its base URL."""
    with _until_stdin_closes((sys.executable, str(HERE / "upstream.py"))) as url:
        yield url


@contextlib.contextmanager
def engine(folder: Path, *options: str) -> Iterator[str]:
    """`sonant engine`; its base URL."""
    with engine_process(folder, *options) as (url, _):
        yield url


@contextlib.contextmanager
def engine_process(folder: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`sonant engine`; its base URL and its process."""
    process = subprocess.Popen(
        (*SONANT, "engine", *options), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(folder)
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().decode().strip(), process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def http_server(folder: Path, base_url: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`sonant serve --transport http`; its base URL and its process."""
    process = subprocess.Popen(
        (*SONANT, "serve", "--transport", "http", "--port", "0"),
        stderr=subprocess.PIPE,
        env=environment(folder, base_url),
    )
    assert process.stderr is not None
    try:
        yield process.stderr.readline().decode().split()[-1].removesuffix("/mcp"), process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _until_stdin_closes(command: Sequence[str]) -> Iterator[str]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.stdin.close()
        process.wait()
