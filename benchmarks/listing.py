"""How much of a model's context the tools take."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from benchmarks.peers import SONANT, Era, StdioServer, environment
from benchmarks.table import Row


def rows(folder: Path) -> Iterator[Row]:
    for era in get_args(Era):
        with StdioServer(SONANT, environment(folder), era) as server:
            yield Row(f"tools/list as sent, {era}", len(server.ask("tools/list")), "bytes", 16_000)
