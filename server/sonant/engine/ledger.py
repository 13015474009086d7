"""What was spent, as the account of this engine tells it. Nothing is really paid here. Source: contract §12, §14."""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sonant.engine.answers import refuse
from sonant.engine.database import Database
from sonant.errors import EngineUnavailableError

Capability = Literal["tts", "stt", "infill", "voice_changer", "fine_tune"]
Property = Literal["capability", "model", "voice", "caller"]
"""What charges can be told apart by: a column of the table."""

DAY_S = 86400
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
_LOCK_WAIT_S = 5.0
_INSERT = "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?)"

_logger = logging.getLogger(__name__)

Row = tuple[float, str, str | None, str | None, str | None, float]


@dataclass(frozen=True)
class Spent:
    day: int
    """Days since 1970-01-01, UTC."""
    what: str | None
    """The property asked for; None where the charge has none, or none was asked for."""
    credits: float


@dataclass(frozen=True)
class KeyUse:
    id: str
    """credentials.Caller.id."""
    first_at: float
    """Unix time."""
    last_at: float


class Ledger:
    """Writing costs a request nothing: a thread of the ledger's own does it, within a millisecond of the charge.

    Args:
        path: of the file.
        credits: how many may be spent while this object lives; None for no end.
    """

    def __init__(self, path: Path, credits: float | None = None) -> None:
        self._path = path
        self._database = Database(path, _SCHEMA)
        self._credits = credits
        self._spent = 0.0
        self._unwritten: queue.Queue[Row | None] = queue.Queue()
        self._writer: threading.Thread | None = None

    def check(self) -> None:
        """
        Raises:
            APIError: 402, the credits are spent.
        """
        if self._credits is not None and self._spent >= self._credits:
            raise refuse(402, "The credits of this engine's plan are spent.", "quota_exceeded")

    def charge(
        self, capability: Capability, credits: float, *, model: str | None, voice: str | None, caller: str | None
    ) -> None:
        """Write down what a request that succeeded has cost. Does not block, and is called from one thread only."""
        self._spent += credits
        self._unwritten.put((time.time(), capability, model, voice, caller, credits))
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="ledger", daemon=True)
            self._writer.start()

    def spent(self) -> float:
        """Credits charged while this object lives."""
        return self._spent

    def spent_by_day(
        self, start: float, end: float, by: Property | None = None, caller: str | None = None
    ) -> Sequence[Spent]:
        """What was spent in a time span, start included and end excluded, by day. Blocks: run it in a thread.

        Raises:
            EngineUnavailableError: the file cannot be read.
        """
        self._unwritten.join()
        if not self._database.exists():
            return []
        query = (
            f"SELECT CAST(at / {DAY_S} AS INTEGER) AS day, {by or 'NULL'} AS what, sum(credits) FROM spent "  # noqa: S608
            "WHERE at >= ? AND at < ? AND (? IS NULL OR caller = ?) GROUP BY day, what ORDER BY day, what"
        )
        rows = self._database.read(lambda db: db.execute(query, (start, end, caller, caller)).fetchall())
        return [Spent(*row) for row in rows]

    def keys(self) -> Sequence[KeyUse]:
        """Those that have spent something, oldest first. Blocks: run it in a thread.

        Raises:
            EngineUnavailableError: the file cannot be read.
        """
        self._unwritten.join()
        if not self._database.exists():
            return []
        query = "SELECT caller, min(at) AS first, max(at) FROM spent WHERE caller IS NOT NULL GROUP BY caller ORDER BY first"
        return [KeyUse(*row) for row in self._database.read(lambda db: db.execute(query).fetchall())]

    def close(self) -> None:
        """Write what is left. Blocks for a moment."""
        if self._writer is not None:
            self._unwritten.put(None)
            self._writer.join()
            self._writer = None

    def _write(self) -> None:
        """In a thread of its own, until there comes a None."""
        connection: sqlite3.Connection | None = None
        while True:
            rows = [self._unwritten.get()]
            while not self._unwritten.empty():
                rows.append(self._unwritten.get())
            try:
                connection = connection or self._connect()
                with connection:
                    connection.executemany(_INSERT, [row for row in rows if row is not None])
            except (EngineUnavailableError, sqlite3.Error) as error:  # speech does not fail for want of book-keeping
                _logger.warning("What was spent could not be written down: %s", error)
                connection = None
            finally:
                for _ in rows:
                    self._unwritten.task_done()
            if None in rows:
                break
        if connection is not None:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        """One that is kept open, and does not wait for the disk: what was committed survives the death of the process,
        though not that of the machine."""
        self._database.write(lambda _: None)  # makes the file, for the user alone
        connection = sqlite3.connect(self._path, timeout=_LOCK_WAIT_S)
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection
