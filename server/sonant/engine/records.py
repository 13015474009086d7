"""What the engine keeps beside voices: dictionaries, datasets, files, fine-tunes, each a JSON object with an id."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sonant.engine.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT,
    body TEXT,  -- NULL once deleted: the row stays so that a cursor on it still knows its place
    UNIQUE (kind, id)
);
CREATE INDEX IF NOT EXISTS records_by_parent ON records (kind, parent);
"""

Body = dict[str, Any]


class Records:
    """Objects of several kinds, in the order they were made. All calls block: run them in a thread.

    Raises:
        EngineUnavailableError: the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def entries(self, kind: str, parent: str | None = None) -> list[tuple[str, Body | None]]:
        """Id and body, newest first; None for one that was deleted."""
        if not self._database.exists():
            return []
        query = "SELECT id, body FROM records WHERE kind = ? AND parent IS ? ORDER BY position DESC"
        rows = self._database.read(lambda db: db.execute(query, (kind, parent)).fetchall())
        return [(record_id, json.loads(body) if body else None) for record_id, body in rows]

    def entries_of(self, kinds: Sequence[str]) -> list[tuple[str, str, Body | None]]:
        """Kind, id and body of all of several kinds, whatever their parents, newest first; None for deleted ones."""
        if not self._database.exists():
            return []
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT kind, id, body FROM records WHERE kind IN ({marks}) ORDER BY position DESC"  # noqa: S608
        rows = self._database.read(lambda db: db.execute(query, tuple(kinds)).fetchall())
        return [(kind, record_id, json.loads(body) if body else None) for kind, record_id, body in rows]

    def get(self, kind: str, record_id: str) -> Body | None:
        if not self._database.exists():
            return None
        query = "SELECT body FROM records WHERE kind = ? AND id = ?"
        row = self._database.read(lambda db: db.execute(query, (kind, record_id)).fetchone())
        return json.loads(row[0]) if row and row[0] else None

    def put(self, kind: str, record_id: str, body: Mapping[str, Any], parent: str | None = None) -> None:
        """Add one, or replace the one of the same id."""
        query = (
            "INSERT INTO records (kind, id, parent, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body"
        )
        self._database.write(lambda db: db.execute(query, (kind, record_id, parent, _to_json(body))))

    def update(self, kind: str, record_id: str, change: Callable[[Body], Body]) -> Body | None:
        """Change one with nobody in between; None where there is none."""

        def run(db: Any) -> Body | None:
            row = db.execute("SELECT body FROM records WHERE kind = ? AND id = ?", (kind, record_id)).fetchone()
            if not row or not row[0]:
                return None
            body = change(json.loads(row[0]))
            db.execute("UPDATE records SET body = ? WHERE kind = ? AND id = ?", (_to_json(body), kind, record_id))
            return body

        return self._database.write(run) if self._database.exists() else None

    def delete(self, kind: str, record_id: str) -> bool:
        """Whether there was one. What it held is overwritten."""
        if not self._database.exists():
            return False
        query = "UPDATE records SET body = NULL WHERE kind = ? AND id = ? AND body IS NOT NULL"
        return self._database.write(lambda db: db.execute(query, (kind, record_id)).rowcount) > 0


def _to_json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)
