"""Work that only one engine of a data folder may do at a time."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Self

from sonant.folders import make_private_folder


class Claim:
    """A lock on a file: SQLite's, since it is the same on every system, and the system's, since it ends with the
    process however that ends. Calls block, briefly: run them in a thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: sqlite3.Connection | None = None

    def take(self) -> bool:
        """Whether it is ours now; not, while another engine has it or the file cannot be used."""
        with suppress(OSError, sqlite3.Error):
            make_private_folder(self._path.parent)
            # Autocommit, so that the transaction is ours to begin; any thread, because threads come from a pool.
            held = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                held.execute("BEGIN EXCLUSIVE")
            except sqlite3.Error:
                held.close()
                raise
            self._held = held
        return self._held is not None

    def release(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
