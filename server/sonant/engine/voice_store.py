"""The voices made on this engine: numbers in SQLite, shared by every server of the user. No audio is kept."""

import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sonant.engine.accents import find_accent
from sonant.engine.timbre import Timbre
from sonant.engine.voices import EngineVoice, timestamp
from sonant.errors import EngineUnavailableError
from sonant.folders import make_private_folder

_SCHEMA = """
CREATE TABLE IF NOT EXISTS voices (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    body TEXT  -- NULL once deleted: the row stays so that a cursor on it still knows its place
)
"""
_LOCK_WAIT_S = 5.0
_RETRY_S = 0.01

Result = TypeVar("Result")


class VoiceStore:
    """Every call opens and closes its own connection: safe from any thread, and nothing to close at the end.

    All calls block (on the disk, or on another process's write): run them in a thread.

    Raises:
        EngineUnavailableError: the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> list[tuple[str, EngineVoice | None]]:
        """Id and voice, newest first; None for one that was deleted."""
        if not self._exists():
            return []
        rows = self._run(lambda db: db.execute("SELECT id, body FROM voices ORDER BY position DESC").fetchall())
        return [(voice_id, _from_json(voice_id, body) if body else None) for voice_id, body in rows]

    def get(self, voice_id: str) -> EngineVoice | None:
        if not self._exists():
            return None
        row = self._run(lambda db: db.execute("SELECT body FROM voices WHERE id = ?", (voice_id,)).fetchone())
        return _from_json(voice_id, row[0]) if row and row[0] else None

    def put(self, voice: EngineVoice) -> None:
        """Add a voice, or replace the one of the same id."""
        query = "INSERT INTO voices (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body"
        self._run(lambda db: db.execute(query, (voice.id, _to_json(voice))))

    def delete(self, voice_id: str) -> bool:
        """Whether there was one. Its numbers are overwritten."""
        if not self._exists():
            return False
        query = "UPDATE voices SET body = NULL WHERE id = ? AND body IS NOT NULL"
        return self._run(lambda db: db.execute(query, (voice_id,)).rowcount) > 0

    def _run(self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        give_up_at = time.monotonic() + _LOCK_WAIT_S
        while True:
            try:
                self._create_file()
                with closing(sqlite3.connect(self._path, timeout=_LOCK_WAIT_S)) as connection, connection:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("PRAGMA secure_delete = ON")
                    connection.execute(_SCHEMA)
                    return query(connection)
            except (OSError, sqlite3.Error) as error:
                # SQLite's own patience does not cover the switch to WAL of a file that is new to several servers.
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > give_up_at:
                    raise self._unusable(error) from error
                time.sleep(_RETRY_S)

    def _exists(self) -> bool:
        """Reading creates nothing."""
        try:
            return self._path.exists()
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> EngineUnavailableError:
        return EngineUnavailableError(
            f"The file of made voices, {self._path}, cannot be used: {error}.",
            hint="Check the folder, or name another with SONANT_DATA_DIR.",
        )

    def _create_file(self) -> None:
        """For the user alone: a voice is personal. The WAL files take over the mode."""
        if not self._path.exists():
            make_private_folder(self._path.parent)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))


def _to_json(voice: EngineVoice) -> str:
    return json.dumps(
        {
            "name": voice.name, "tagline": voice.tagline, "description": voice.description, "gender": voice.gender,
            "language": voice.language, "accent": voice.accent.id if voice.accent else None,
            "timbre": voice.timbre.to_dict(), "origin": voice.origin, "notices": voice.notices,
            "access": voice.access, "created_at": timestamp(voice.created_at),
        },
        ensure_ascii=False,
    )  # fmt: skip


def _from_json(voice_id: str, body: str) -> EngineVoice:
    data = json.loads(body)
    return EngineVoice(
        id=voice_id, name=data["name"], tagline=data["tagline"], description=data["description"],
        gender=data["gender"], language=data["language"],
        accent=find_accent(data["accent"]) if data["accent"] else None,
        timbre=Timbre.from_dict(data["timbre"]), origin=data["origin"], notices=tuple(data["notices"]),
        is_owner=True, access=data["access"], created_at=datetime.fromisoformat(data["created_at"]),
    )  # fmt: skip
