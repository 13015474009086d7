"""`python -m benchmarks [--only NAME …]`: every number of one run in one table."""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import calls, engine, exits, listing, memory, startup, wire
from benchmarks.table import Row, machine, print_head, print_row

PARTS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "startup": startup.rows,
    "exits": exits.rows,
    "listing": listing.rows,
    "calls": calls.rows,
    "memory": memory.rows,
    "engine": engine.rows,
    "recognition": engine.recognition_rows,
    "wire": wire.rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=PARTS, metavar="NAME", help=f"one part; may be repeated: {', '.join(PARTS)}"
    )
    chosen = parser.parse_args().only or list(PARTS)
    print(machine())
    print_head()
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="sonant-benchmark-") as folder:
            for row in PARTS[name](Path(folder)):
                print_row(row)
    print(machine())  # the load again: a busy machine makes slow numbers


if __name__ == "__main__":
    main()
