"""What the account has stored: a record each, and its bytes in `Machinery.blobs`. Source: contract §11.

The bytes are there before the record, and go after it: an engine killed in between leaves bytes nobody lists, which
blobs.py sweeps, and never a record without bytes. All calls block: run them in a thread.
"""

from contextlib import ExitStack
from datetime import UTC, datetime
from secrets import token_hex
from typing import BinaryIO

from sonant.engine.answers import refuse
from sonant.engine.machinery import FILE_KINDS, Machinery
from sonant.engine.records import Body
from sonant.engine.voices import timestamp
from sonant.wire.files import Purpose, StoredFile

_KIND, _OF_DATASET = FILE_KINDS
_FILENAME_CHARS = 255
_OWNER = "local"


def new_file_id() -> str:
    return f"file_{token_hex(12)}"


def entries(machinery: Machinery) -> list[tuple[str, StoredFile | None]]:
    """Id and file, newest first, those of datasets among them; None for one that was deleted."""
    found = machinery.records.entries_of(FILE_KINDS)
    return [(file_id, _file(kind, file_id, body) if body else None) for kind, file_id, body in found]


def find(machinery: Machinery, file_id: str) -> StoredFile:
    """
    Raises:
        APIError: 404, there is none of that id.
    """
    for kind in FILE_KINDS:
        if body := machinery.records.get(kind, file_id):
            return _file(kind, file_id, body)
    raise _unknown(file_id)


def keep(machinery: Machinery, source: BinaryIO, filename: str, purpose: Purpose) -> StoredFile:
    """Store a copy.

    Raises:
        EngineUnavailableError: the disk is full, or the folder cannot be used.
    """
    file_id = new_file_id()
    size = machinery.blobs.put(file_id, source)
    return _record(machinery, file_id, filename, purpose, size)


def delete(machinery: Machinery, file_id: str) -> None:
    """
    Raises:
        APIError: 404, there is none of that id; 409, a dataset holds it.
    """
    if not machinery.records.delete(_KIND, file_id):
        if machinery.records.get(_OF_DATASET, file_id):
            raise refuse(409, "A dataset uses this file; delete it there.", "file_in_use")
        raise _unknown(file_id)
    machinery.blobs.delete(file_id)


class Recording:
    """A file that is written while it is made, under an id that is known before."""

    def __init__(self, machinery: Machinery, filename: str, purpose: Purpose) -> None:
        self.id = new_file_id()
        self._machinery, self._filename, self._purpose = machinery, filename, purpose
        self._stack = ExitStack()
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._stack.enter_context(self._machinery.blobs.draft(self.id))
        self._file.write(data)

    def keep(self) -> None:
        """It is whole: list it."""
        if self._file is not None:
            size = self._file.tell()
            self._stack.close()
            self._file = None
            _record(self._machinery, self.id, self._filename, self._purpose, size)

    def drop(self, reason: BaseException) -> None:
        """Nothing is left of it, unless it was kept."""
        self._file = None
        self._stack.__exit__(type(reason), reason, reason.__traceback__)


def _record(machinery: Machinery, file_id: str, filename: str, purpose: Purpose, size: int) -> StoredFile:
    body = {"filename": filename[:_FILENAME_CHARS] or "file", "purpose": purpose, "size": size,
            "created_at": timestamp(datetime.now(UTC))}  # fmt: skip
    machinery.records.put(_KIND, file_id, body)
    return _file(_KIND, file_id, body)


def _file(kind: str, file_id: str, body: Body) -> StoredFile:
    purpose = body["purpose"] if kind == _KIND else "fine_tune"
    return StoredFile(
        id=file_id, filename=body["filename"], purpose=purpose, size=body["size"], status="ready",
        owner_id=_OWNER, created_at=body["created_at"],
    )  # fmt: skip


def _unknown(file_id: str) -> Exception:
    return refuse(404, f"There is no file {file_id[:64]!r} here.", "file_not_found")
