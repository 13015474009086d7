"""From spawn to the answered tools/list, beside a bare server of the same SDK: what we add to what the SDK costs."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import get_args

from benchmarks.peers import BARE, SONANT, Era, StdioServer, environment
from benchmarks.table import Row

ROUNDS = 12


def rows(folder: Path) -> Iterator[Row]:
    for era in get_args(Era):
        _spawn(BARE, folder, era), _spawn(SONANT, folder, era)  # compiles what has no bytecode yet
        bare, ours = [], []
        for _ in range(ROUNDS):
            bare.append(_spawn(BARE, folder, era))
            ours.append(_spawn(SONANT, folder, era))
        # Whatever else runs here only ever adds: the least of many is what the code itself needs.
        yield Row(
            f"spawn to tools/list, {era}, times a bare server: least",
            min(ours) / min(bare),
            limit=1.1,
            note=f"{1000 * min(ours):.0f} ms beside {1000 * min(bare):.0f} ms, {ROUNDS} rounds in turn",
        )
        yield Row(
            f"spawn to tools/list, {era}, times a bare server: median",
            median(ours) / median(bare),
            limit=1.1,
            note=f"{1000 * median(ours):.0f} ms beside {1000 * median(bare):.0f} ms",
        )


def _spawn(command: tuple[str, ...], folder: Path, era: Era) -> float:
    with StdioServer(command, environment(folder), era) as server:
        server.ask("tools/list")
        return time.perf_counter() - server.started
