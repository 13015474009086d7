"""Files out: written beside their final place under a hidden name, published whole, never over another file.

While it grows a file is `.sonant-<random>.part`, readable by its owner alone, and locked where locks exist, so
that clearing up after a crash cannot take a file somebody is writing. Leaving the `async with` unpublished
removes it, whatever the reason.
"""

import errno
import os
import secrets
import stat
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread

from sonant.folders import make_private_folder
from sonant.library.files import lock_file, move_without_replacing, output_error
from sonant.library.names import clean_stem

PART_PREFIX, PART_SUFFIX = ".sonant-", ".part"
STALE_AFTER_S = 3600
"""How long a part must have been left alone where no lock tells whether anybody writes it."""

UNLOCKED_FOR_S = 2.0
"""Between making a part and locking it lie microseconds; a part this old is locked if it is wanted."""

BUFFER_BYTES = 256 * 1024
"""Writes are copied into a buffer of this size on the event loop; only when it is full does a thread go to disk."""

NUMBERED_NAMES = 1000
"""How many "name (n)" are tried before a random ending: looking for a free number must not take for ever."""


class OutputFolder:
    """The folder results are published in; made when it is first needed."""

    def __init__(self, root: Path, *, private: bool = False, shown_as: str | None = None) -> None:
        """
        Args:
            root: absolute path.
            private: its files stay readable by their owner alone (0600, and the folder 0700 if made here).
            shown_as: what messages call the folder, where its path is not to be told.
        """
        self.root = root
        self.private = private
        self.shown_as = shown_as or f"The output folder {root}"

    @asynccontextmanager
    async def new_file(self, stem: str, extension: str) -> "AsyncIterator[Draft]":
        """A draft that becomes "stem.extension" when it is published, and nothing when it is not.

        Cancelling inside the block removes the file even if it had just been published: a cancelled call
        leaves nothing behind.

        Raises:
            OutputError: the folder cannot be made or written to, or the disk is full.
        """
        draft = Draft(self, stem, extension)
        try:
            await to_thread.run_sync(draft._open)
            yield draft
        except Exception:
            draft._discard(published_too=False)
            raise
        except BaseException:
            draft._discard(published_too=True)
            raise
        else:
            draft._discard(published_too=False)

    def sweep(self) -> None:
        """Remove what crashed processes left: parts that nobody holds. Never raises."""
        with suppress(OSError), os.scandir(self.root) as entries:
            for entry in entries:
                if entry.name.startswith(PART_PREFIX) and entry.name.endswith(PART_SUFFIX):
                    with suppress(OSError):  # gone already, or open under Windows, which keeps it
                        _remove_if_stale(entry)

    def _make(self) -> None:
        with self._tell():
            if self.private:
                make_private_folder(self.root)
            else:
                self.root.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def _tell(self) -> Iterator[None]:
        """Turn what the system says about this folder into a sentence."""
        try:
            yield
        except OSError as error:
            variable = "SONANT_DATA_DIR" if self.private else "SONANT_OUTPUT_DIR"
            raise output_error(error, self.shown_as, variable=variable) from error


class Draft:
    """A file being written. `file` may be read and written directly; so may `write`, which never blocks the loop."""

    file: BinaryIO
    """Open for reading and writing, buffered; closed by `publish` and on leaving the block."""

    def __init__(self, folder: OutputFolder, stem: str, extension: str) -> None:
        self.stem = stem
        self.extension = extension
        """Without the dot. May be changed until `publish`, when only the content tells it."""
        self.path: Path | None = None
        """Where it was published."""
        self._published: Path | None = None  # the same, known a moment earlier
        self._folder = folder
        self._part = folder.root / f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"
        self._free_bytes = BUFFER_BYTES
        self._public_mode = 0o600
        # A cancelled call may leave while a thread is still at work here: the thread finds `_over` set, or is
        # waited for. Both are short.
        self._lock = threading.Lock()
        self._over = False

    async def write(self, audio_bytes: bytes) -> None:
        """Append; in a thread when it may touch the disk.

        Raises:
            OutputError: the disk is full.
        """
        if len(audio_bytes) < self._free_bytes:
            self._free_bytes -= len(audio_bytes)
            with self._folder._tell():
                self.file.write(audio_bytes)
        else:
            await to_thread.run_sync(self._write_through, audio_bytes)
            self._free_bytes = BUFFER_BYTES

    async def publish(self) -> Path:
        """Close the file and give it its name, or the next free one: "name (2).mp3". Replaces nothing.

        Raises:
            OutputError: the disk is full, or the folder is no longer there.
        """
        self.path = await to_thread.run_sync(self._publish)
        return self.path

    def _open(self) -> None:
        self._folder._make()
        with self._lock, self._folder._tell():
            if self._over:
                return
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
            # Made as the person's umask has it, to learn what that is (asking for the umask itself would change
            # it for every thread), and closed to others until there is something whole to see.
            descriptor = os.open(self._part, flags, 0o600 if self._folder.private else 0o666)
            self.file = os.fdopen(descriptor, "w+b", buffering=BUFFER_BYTES)
            self._public_mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            if sys.platform != "win32":
                os.fchmod(descriptor, 0o600)
            lock_file(descriptor)

    def _write_through(self, audio_bytes: bytes) -> None:
        with self._lock, self._folder._tell():
            if not self._over:
                self.file.write(audio_bytes)
                self.file.flush()

    def _publish(self) -> Path:
        with self._lock, self._folder._tell():
            if self._over:
                raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
            self.file.flush()
            if sys.platform != "win32":
                os.fchmod(self.file.fileno(), self._public_mode)
            self.file.close()  # before it is named: network file systems tell of a full disk only now
            for name in _names(clean_stem(self.stem), self.extension):
                final = self._folder.root / name
                with suppress(FileExistsError):
                    move_without_replacing(self._part, final)
                    self._over = True
                    self._published = final
                    return final
        raise AssertionError("the last name is random")

    def _discard(self, *, published_too: bool) -> None:
        """On the event loop, and not in a thread, so that no cancellation can come between."""
        with self._lock:
            self._over = True
            if hasattr(self, "file"):
                with suppress(OSError, ValueError):  # a full disk fails once more while closing
                    self.file.close()
            with suppress(OSError):
                self._part.unlink()
            if self._published is not None and (published_too or self.path is None):
                with suppress(OSError):
                    self._published.unlink()


def _names(stem: str, extension: str) -> Iterator[str]:
    ending = f".{extension}"
    if stem.lower().endswith(ending) and len(stem) > len(ending):
        stem = stem[: -len(ending)].rstrip(" .")
    yield f"{stem}{ending}"
    for number in range(2, NUMBERED_NAMES):
        yield f"{stem} ({number}){ending}"
    yield f"{stem} ({secrets.token_hex(8)}){ending}"


def _remove_if_stale(entry: "os.DirEntry[str]") -> None:
    status = entry.stat(follow_symlinks=False)
    age_s = time.time() - status.st_mtime
    if not stat.S_ISREG(status.st_mode) or age_s < UNLOCKED_FOR_S:
        return
    descriptor = os.open(entry.path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        is_free = lock_file(descriptor)
    finally:
        os.close(descriptor)
    if is_free or (is_free is None and age_s >= STALE_AFTER_S):
        os.unlink(entry.path)
