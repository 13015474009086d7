"""The voices made on this engine: numbers in SQLite, shared by every server of the user. No audio is kept."""

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sonant.engine.accents import find_accent
from sonant.engine.database import Database
from sonant.engine.timbre import Timbre
from sonant.engine.voices import EngineVoice, timestamp

_SCHEMA = """
CREATE TABLE IF NOT EXISTS voices (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    body TEXT  -- NULL once deleted: the row stays so that a cursor on it still knows its place
)
"""


class VoiceStore:
    """All calls block (on the disk, or on another process's write): run them in a thread.

    Raises:
        EngineUnavailableError: the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def entries(self) -> list[tuple[str, EngineVoice | None]]:
        """Id and voice, newest first; None for one that was deleted."""
        if not self._database.exists():
            return []
        rows = self._database.read(
            lambda db: db.execute("SELECT id, body FROM voices ORDER BY position DESC").fetchall()
        )
        return [(voice_id, _from_json(voice_id, body) if body else None) for voice_id, body in rows]

    def get(self, voice_id: str) -> EngineVoice | None:
        if not self._database.exists():
            return None
        row = self._database.read(lambda db: db.execute("SELECT body FROM voices WHERE id = ?", (voice_id,)).fetchone())
        return _from_json(voice_id, row[0]) if row and row[0] else None

    def put(self, voice: EngineVoice) -> None:
        """Add a voice, or replace the one of the same id."""
        query = "INSERT INTO voices (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body"
        self._database.write(lambda db: db.execute(query, (voice.id, _to_json(voice))))

    def update(self, voice_id: str, change: Callable[[EngineVoice], EngineVoice]) -> EngineVoice | None:
        """Change one with nobody in between; None where there is none. What `change` raises leaves it as it is."""

        def run(db: sqlite3.Connection) -> EngineVoice | None:
            row = db.execute("SELECT body FROM voices WHERE id = ?", (voice_id,)).fetchone()
            if not row or not row[0]:
                return None
            voice = change(_from_json(voice_id, row[0]))
            db.execute("UPDATE voices SET body = ? WHERE id = ?", (_to_json(voice), voice_id))
            return voice

        return self._database.write(run) if self._database.exists() else None

    def delete(self, voice_id: str) -> bool:
        """Whether there was one. Its numbers are overwritten."""
        if not self._database.exists():
            return False
        query = "UPDATE voices SET body = NULL WHERE id = ? AND body IS NOT NULL"
        return self._database.write(lambda db: db.execute(query, (voice_id,)).rowcount) > 0


def _to_json(voice: EngineVoice) -> str:
    return json.dumps(
        {
            "name": voice.name, "tagline": voice.tagline, "description": voice.description, "gender": voice.gender,
            "language": voice.language, "accent": voice.accent.id if voice.accent else None,
            "added": [accent.id for accent in voice.added],
            "timbre": voice.timbre.to_dict(), "origin": voice.origin, "notices": voice.notices,
            "access": voice.access, "created_at": timestamp(voice.created_at),
            "supported_model_ids": voice.supported_model_ids,
        },
        ensure_ascii=False,
    )  # fmt: skip


def _from_json(voice_id: str, body: str) -> EngineVoice:
    data = json.loads(body)
    return EngineVoice(
        id=voice_id, name=data["name"], tagline=data["tagline"], description=data["description"],
        gender=data["gender"], language=data["language"],
        accent=find_accent(data["accent"]) if data["accent"] else None,
        added=tuple(accent for accent in map(find_accent, data.get("added", ())) if accent),
        timbre=Timbre.from_dict(data["timbre"]), origin=data["origin"], notices=tuple(data["notices"]),
        is_owner=True, access=data["access"], created_at=datetime.fromisoformat(data["created_at"]),
        supported_model_ids=tuple(data.get("supported_model_ids", ())),
    )  # fmt: skip
