"""The bytes of uploaded files, by id, in one folder that every engine of a user shares. What they are is in records."""

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from sonant.errors import EngineUnavailableError
from sonant.folders import make_private_folder

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_PART = ".part"
_NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
_COPY_BYTES = 1024 * 1024
_LEFT_BEHIND_S = 3600.0
"""Nobody writes to an upload so long without adding to it, or waits so long before recording it."""


class Blobs:
    """All calls block: run them in a thread.

    Args:
        folder: made when first needed.
        is_known: whether a record of that id exists; what is old and has none was left by a killed engine.

    Raises:
        EngineUnavailableError: the folder cannot be used, or the disk is full.
    """

    def __init__(self, folder: Path, is_known: Callable[[str], bool]) -> None:
        self._folder = folder
        self._is_known = is_known
        self._is_swept = False

    @contextmanager
    def draft(self, blob_id: str) -> Iterator[BinaryIO]:
        """A file to write; it is kept, whole and on the disk, when the block ends, and gone when the block fails.

        Write the record afterwards: then whatever has one has its bytes.
        """
        target = self.path(blob_id)
        part = self._folder / f"{secrets.token_hex(8)}{_PART}"
        with self._telling():
            make_private_folder(self._folder)
            if not self._is_swept:
                self._is_swept = True
                self._sweep()
            try:
                with os.fdopen(os.open(part, _NEW, 0o600), "w+b") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(part, target)
            except BaseException:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
                raise

    def put(self, blob_id: str, source: BinaryIO) -> int:
        """Keep a copy of a file, from where it stands; the bytes it has."""
        with self.draft(blob_id) as file:
            shutil.copyfileobj(source, file, _COPY_BYTES)
            return file.tell()

    def path(self, blob_id: str) -> Path:
        """Where it is, or would be.

        Raises:
            FileNotFoundError: that is no id.
        """
        if not _ID.fullmatch(blob_id):
            raise FileNotFoundError("no file of that id")
        return self._folder / blob_id

    def delete(self, blob_id: str) -> None:
        """Delete the record first: what stays here without one, because it is being read, is swept later."""
        with self._telling(), suppress(PermissionError):
            self.path(blob_id).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Take away what killed engines left: unfinished uploads, and finished ones that never got their record."""
        old = time.time() - _LEFT_BEHIND_S
        for path in self._folder.iterdir():
            with suppress(OSError):
                is_lost = path.suffix == _PART or not self._is_known(path.name)
                if is_lost and path.is_file() and path.stat().st_mtime < old:
                    path.unlink()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EngineUnavailableError(
                f"The engine's folder of files {self._folder} cannot be used: {error.strerror or error}.",
                hint="Check the folder and the space on its disk, or name another with SONANT_DATA_DIR.",
            ) from error
