"""How soon the process is gone once its host has closed stdin."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks.peers import SONANT, StdioServer, environment, upstream
from benchmarks.table import Row

ROUNDS = 7
BUSY_S = 0.5
"""Seconds a call has been running when its host goes."""
TEXT = "The harbour was quiet, and the boats lay still in the morning light. " * 60


def rows(folder: Path) -> Iterator[Row]:
    def idle(server: StdioServer) -> None:
        server.ask("tools/list")

    def engine_up(server: StdioServer) -> None:
        server.call("text_to_speech", transcript="Good morning.")

    def engine_busy(server: StdioServer) -> None:
        engine_up(server)
        _begin(server, TEXT)

    def waiting(server: StdioServer) -> None:
        server.call("text_to_speech", transcript="Good morning.")
        _begin(server, "30 s think")

    with upstream() as base_url:
        yield _row("exit after stdin closes: idle", 50, idle, folder)
        yield _row("exit after stdin closes: engine up", 150, engine_up, folder)
        yield _row("exit after stdin closes: in a call, waiting upstream", 1000, waiting, folder, base_url)
        yield _row("exit after stdin closes: in a call, engine speaking", 1000, engine_busy, folder)


def _begin(server: StdioServer, transcript: str) -> None:
    server.send("tools/call", {"name": "text_to_speech", "arguments": {"transcript": transcript}})
    time.sleep(BUSY_S)


def _row(
    what: str, limit_ms: float, prepare: Callable[[StdioServer], None], folder: Path, base_url: str | None = None
) -> Row:
    took_ms = []
    for _ in range(ROUNDS):
        with StdioServer(SONANT, environment(folder, base_url)) as server:
            prepare(server)
            took_ms.append(1000 * server.close())
    note = f"median of {ROUNDS}; least {min(took_ms):.0f}, most {max(took_ms):.0f}"
    return Row(what, median(took_ms), "ms", limit_ms, note)
