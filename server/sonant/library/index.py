"""What was made and taken in, by id: one SQLite file that all of a user's servers share.

WAL, so that readers and a writer do not wait for each other; where the file system cannot do that SQLite falls
back by itself. Calls run in one thread at a time, never on the event loop.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

import anyio
from anyio import to_thread

from sonant.audio.formats import MIME_TYPES, TRANSCRIPT_MIME_TYPES
from sonant.errors import OutputError
from sonant.folders import make_private_folder
from sonant.library.files import output_error

Kind = Literal["audio", "transcript", "upload"]
Result = TypeVar("Result")

SCHEMA_VERSION = 1
"""Kept in `user_version`. A later one is refused by name, an earlier one is brought up to date when opened."""

BUSY_TIMEOUT_S = 5.0
"""How long a write waits for another process's; theirs take a millisecond."""


@dataclass(frozen=True)
class Entry:
    """One file."""

    id: str
    kind: Kind
    path: Path
    """Absolute."""
    extension: str
    """Without the dot, by content."""
    created_at: datetime
    """UTC."""
    duration_s: float | None = None
    sample_rate: int | None = None
    """Hz."""
    encoding: str | None = None
    """Of headerless and wav audio, e.g. "pcm_mulaw": without it a raw file cannot be read back."""

    @property
    def uri(self) -> str:
        scheme = "transcript" if self.kind == "transcript" else "audio"
        return f"{scheme}://{self.id}.{self.extension}"

    @property
    def mime_type(self) -> str:
        types = TRANSCRIPT_MIME_TYPES if self.kind == "transcript" else MIME_TYPES
        return types.get(self.extension, "application/octet-stream")


class Index:
    """The table of entries. Opened at the first call, closed by `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._one_at_a_time = anyio.CapacityLimiter(1)

    async def add(self, entry: Entry) -> None:
        """
        Raises:
            OutputError: the index cannot be written.
        """
        row = (
            entry.id,
            entry.kind,
            str(entry.path),
            entry.extension,
            entry.created_at.timestamp(),
            entry.duration_s,
            entry.sample_rate,
            entry.encoding,
        )
        await self._run(lambda connection: connection.execute(INSERT, row))

    async def get(self, entry_id: str) -> Entry | None:
        """
        Raises:
            OutputError: the index cannot be read.
        """
        row = await self._run(lambda connection: connection.execute(SELECT_ONE, (entry_id,)).fetchone())
        return _entry(row) if row else None

    async def recent(self, limit: int = 20) -> list[Entry]:
        """The newest first, whether or not their files still exist.

        Raises:
            OutputError: the index cannot be read.
        """
        rows = await self._run(lambda connection: connection.execute(SELECT_RECENT, (limit,)).fetchall())
        return [_entry(row) for row in rows]

    async def close(self) -> None:
        """Let go of the file. It is opened again if it is needed again."""
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self._close, limiter=self._one_at_a_time)

    async def _run(self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        return await to_thread.run_sync(self._run_now, query, limiter=self._one_at_a_time)

    def _run_now(self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            if self._connection is None:
                self._connection = _open(self.path)
            return query(self._connection)
        except OSError as error:
            raise output_error(error, "Sonant's data folder", variable="SONANT_DATA_DIR") from error
        except sqlite3.Error as error:
            raise OutputError(
                f"Sonant's index of earlier results cannot be used: {error}.",
                hint="`sonant doctor` shows where it is; SONANT_DATA_DIR moves it.",
            ) from error

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


INSERT = """
INSERT INTO entries (id, kind, path, extension, created_at, duration_s, sample_rate, encoding)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
SELECT_ONE = """
SELECT id, kind, path, extension, created_at, duration_s, sample_rate, encoding FROM entries WHERE id = ?
"""
SELECT_RECENT = """
SELECT id, kind, path, extension, created_at, duration_s, sample_rate, encoding FROM entries
ORDER BY created_at DESC, rowid DESC LIMIT ?
"""

SCHEMA = """
CREATE TABLE entries (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    path TEXT NOT NULL,
    extension TEXT NOT NULL,
    created_at REAL NOT NULL, -- seconds since 1970, UTC
    duration_s REAL,
    sample_rate INTEGER, -- Hz
    encoding TEXT
);
CREATE INDEX entries_by_age ON entries (created_at);
"""


def _open(path: Path) -> sqlite3.Connection:
    make_private_folder(path.parent)
    # SQLite gives its -wal and -shm files the mode of the database, so this one call closes all three.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if os.name == "posix":
        path.chmod(0o600)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")  # with WAL a power cut loses rows, never the file
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switching needs the file for itself, and SQLite does not apply its own timeout to that.

    Source: https://sqlite.org/wal.html#activating_and_configuring_wal_mode
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
            return
        if time.monotonic() > deadline:
            return  # slower, and as correct
        time.sleep(0.01)


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise OutputError(
            "Sonant's index of earlier results was made by a newer Sonant.",
            hint="Update this one, or set SONANT_DATA_DIR to another folder.",
        )
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been first while this one waited for the lock.
        if connection.execute("PRAGMA user_version").fetchone() == (0,):
            for statement in SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.execute("ROLLBACK")
        raise


def _entry(row: tuple[str, Kind, str, str, float, float | None, int | None, str | None]) -> Entry:
    entry_id, kind, path, extension, created_at, duration_s, sample_rate, encoding = row
    return Entry(
        id=entry_id,
        kind=kind,
        path=Path(path),
        extension=extension,
        created_at=datetime.fromtimestamp(created_at, UTC),
        duration_s=duration_s,
        sample_rate=sample_rate,
        encoding=encoding,
    )
