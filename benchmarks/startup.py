"""From spawn to the answered tools/list, beside a bare server of the same SDK: what we add to what the SDK costs."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import get_args

import psutil

from benchmarks.peers import BARE, SONANT, Era, StdioServer, environment
from benchmarks.table import Row

ROUNDS = 15


def rows(folder: Path) -> Iterator[Row]:
    for era in get_args(Era):
        _spawn(BARE, folder, era)  # compiles what has no bytecode yet
        _spawn(SONANT, folder, era)
        rounds = [(_spawn(BARE, folder, era), _spawn(SONANT, folder, era)) for _ in range(ROUNDS)]
        for index, clock in enumerate(("", ", processor time")):
            bare = [spawned[index] for spawned, _ in rounds]
            ours = [spawned[index] for _, spawned in rounds]
            # Whatever else runs on the machine only ever adds: the least of many is what the code itself needs.
            yield Row(
                f"spawn to tools/list, {era}, times a bare server{clock}",
                min(ours) / min(bare),
                limit=1.1,
                note=f"least of {ROUNDS} in turn: {1000 * min(ours):.0f} beside {1000 * min(bare):.0f} ms; "
                f"medians {1000 * median(ours):.0f} beside {1000 * median(bare):.0f} "
                f"({median(ours) / median(bare):.2f} times)",
            )


def _spawn(command: tuple[str, ...], folder: Path, era: Era) -> tuple[float, float]:
    """Seconds on the wall, and seconds of processor time."""
    with StdioServer(command, environment(folder), era) as server:
        server.ask("tools/list")
        wall_s = time.perf_counter() - server.started
        used = psutil.Process(server.process.pid).cpu_times()
        return wall_s, used.user + used.system
