"""What was spent, as the account of this engine tells it. Nothing is really paid here. Source: contract §12, §14."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sonant.engine.answers import refuse
from sonant.engine.database import Database

Capability = Literal["tts", "stt", "infill", "voice_changer", "fine_tune"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (
    at REAL NOT NULL,  -- Unix time
    capability TEXT NOT NULL,
    model TEXT,
    voice TEXT,
    caller TEXT,
    credits REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS spent_at ON spent (at);
"""


@dataclass(frozen=True)
class Charge:
    at: float
    """Unix time, seconds."""
    capability: Capability
    model: str | None
    voice: str | None
    """Voice id."""
    caller: str | None
    """Id of the credential: credentials.Caller.id."""
    credits: float


class Ledger:
    """All calls block: run them in a thread.

    Args:
        path: of the file.
        credits: how many there are to spend in all; None for no end.

    Raises:
        EngineUnavailableError: the file cannot be read or written.
    """

    def __init__(self, path: Path, credits: float | None = None) -> None:
        self._database = Database(path, _SCHEMA)
        self._credits = credits

    def check(self) -> None:
        """
        Raises:
            APIError: 402, the credits are spent.
        """
        if self._credits is not None and self.spent() >= self._credits:
            raise refuse(402, "The credits of this engine's plan are spent.", "quota_exceeded")

    def charge(
        self, capability: Capability, credits: float, *, model: str | None, voice: str | None, caller: str | None
    ) -> None:
        """Write down what a request that succeeded has cost."""
        row = (time.time(), capability, model, voice, caller, credits)
        self._database.write(lambda db: db.execute("INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?)", row))

    def spent(self) -> float:
        if not self._database.exists():
            return 0.0
        return float(self._database.read(lambda db: db.execute("SELECT total(credits) FROM spent").fetchone())[0])

    def charges(self, start: float, end: float) -> Sequence[Charge]:
        """Those of a time span, start included and end excluded, oldest first."""
        if not self._database.exists():
            return []
        query = "SELECT at, capability, model, voice, caller, credits FROM spent WHERE at >= ? AND at < ? ORDER BY at"
        return [Charge(*row) for row in self._database.read(lambda db: db.execute(query, (start, end)).fetchall())]
