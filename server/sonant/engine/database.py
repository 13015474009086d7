"""SQLite shared by every engine of a user: safe from any thread, from any process, and killed at any moment."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from sonant.errors import EngineUnavailableError
from sonant.folders import make_private_folder

_LOCK_WAIT_S = 5.0
_RETRY_S = 0.01

Result = TypeVar("Result")


class Database:
    """A file with one schema. Every call opens and closes its own connection, so there is nothing to close at the end.

    All calls block (on the disk, or on another process's write): run them in a thread.

    Raises:
        EngineUnavailableError: the file cannot be read or written.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema

    def read(self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        """Ask for something. The file is made if it is not there: see `exists`."""
        return self._run(query, "BEGIN")

    def write(self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        """Change something in one transaction, with no other writer in between: all of it happens, or nothing."""
        return self._run(query, "BEGIN IMMEDIATE")

    def _run(self, query: Callable[[sqlite3.Connection], Result], begin: str) -> Result:
        give_up_at = time.monotonic() + _LOCK_WAIT_S
        while True:
            try:
                self._create_file()
                with closing(sqlite3.connect(self._path, timeout=_LOCK_WAIT_S)) as connection, connection:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("PRAGMA secure_delete = ON")
                    connection.executescript(self._schema)
                    connection.execute(begin)
                    return query(connection)
            except (OSError, sqlite3.Error) as error:
                # SQLite's own patience does not cover the switch to WAL of a file that is new to several servers.
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > give_up_at:
                    raise self._unusable(error) from error
                time.sleep(_RETRY_S)

    def exists(self) -> bool:
        """Reading creates nothing: ask this first."""
        try:
            return self._path.exists()
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> EngineUnavailableError:
        return EngineUnavailableError(
            f"The engine's file {self._path} cannot be used: {error}.",
            hint="Check the folder, or name another with SONANT_DATA_DIR.",
        )

    def _create_file(self) -> None:
        """For the user alone: a voice is personal. The WAL files take over the mode."""
        if not self._path.exists():
            make_private_folder(self._path.parent)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
