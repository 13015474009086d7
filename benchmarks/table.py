"""One row a number: what was measured, how much, what it may be, and whether it is."""

import importlib.metadata
import os
import platform
import sys
from dataclasses import dataclass

WIDTHS = (70, 12, 11, 5)


@dataclass(frozen=True)
class Row:
    """One measured number."""

    what: str
    measured: float
    unit: str = ""
    limit: float | None = None
    """At most this, in the same unit; None where the number is only told."""
    note: str = ""


def machine() -> str:
    """Where and when this ran: numbers mean nothing without it."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}, Python {platform.python_version()}, "
        f"mcp {importlib.metadata.version('mcp')}"
    )


def print_head() -> None:
    _line("what", "measured", "at most", "", "note")
    _line(*("-" * width for width in WIDTHS), "----")


def print_row(row: Row) -> None:
    verdict = "" if row.limit is None else "ok" if row.measured <= row.limit else "OVER"
    limit = "" if row.limit is None else _number(row.limit, row.unit)
    _line(row.what, _number(row.measured, row.unit), limit, verdict, row.note)


def _line(*cells: str) -> None:
    what, measured, limit, verdict, note = cells
    print(
        f"{what:<{WIDTHS[0]}}  {measured:>{WIDTHS[1]}}  {limit:>{WIDTHS[2]}}  {verdict:<{WIDTHS[3]}}  {note}".rstrip()
    )
    sys.stdout.flush()


def _number(value: float, unit: str) -> str:
    text = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{text} {unit}".rstrip()
