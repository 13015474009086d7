"""Stored files, as answers."""

from mcp_types import CallToolResult

from sonant.library.names import shown
from sonant.surface.results import answer, counted
from sonant.surface.results_account import FileRow, Files
from sonant.wire.files import FilePage, StoredFile
from sonant.workflows.state import State


def files(state: State, page: FilePage) -> CallToolResult:
    rows = [_row(file) for file in page.data]
    lines = [f"- {row.name} ({_about(row)}): {row.id}" for row in rows]
    cursor = page.data[-1].id if page.has_more and page.data else None
    head = counted(len(rows), "stored file") if rows else "No stored file fits."
    more = [f"More with cursor={cursor}"] if cursor else []
    return answer("\n".join([head, *lines, *more]), Files(files=rows, next_cursor=cursor), state=state)


def _row(file: StoredFile) -> FileRow:
    return FileRow(
        id=file.id, name=shown(file.filename, 80) or file.id, purpose=file.purpose or None, size=file.size,
        created_at=file.created_at,
    )  # fmt: skip


def _about(row: FileRow) -> str:
    size = f"{row.size / 1e6:.1f} MB" if row.size is not None else ""
    return ", ".join(filter(None, (row.purpose, size, (row.created_at or "")[:10]))) or "no details"
