"""Files in: what a person names, opened only if it lies where Sonant may look, and only if it is audio.

A path is judged by where it really leads, before it is opened, so that a refusal never tells whether a forbidden
file exists; and the open descriptor is judged again, so that a link swapped in between gains nothing.
"""

import errno
import os
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, TypeVar, cast
from urllib.parse import unquote

from sonant.audio.sniff import sniff
from sonant.errors import AudioInputError, InputError, PathNotAllowedError
from sonant.library.names import shown
from sonant.library.places import application_data_folders, may_read, windows_refusal

Found = TypeVar("Found")

MAX_INPUT_BYTES = 2 * 1024**3
"""Three hours of CD sound, a day and a half of mp3: more is a mistake."""

HEAD_BYTES = 4096
"""What `sniff` is shown."""

NOT_ON_THIS_COMPUTER = (
    "A file attached in a chat is not on this computer: ask for the path of a file that is, or for an https:// link."
)

AUDIO_HINT = "Use a wav, mp3, flac, ogg, m4a, mp4 or webm file."


@dataclass
class OpenedFile:
    """A recording, open at its beginning."""

    file: BinaryIO
    name: str
    """As a person knows it, without folders; one printable line."""
    size: int
    """Bytes."""
    extension: str
    """By content, without the dot."""


@dataclass
class LiveFile:
    """A recording that is still being written. Read `file` without buffering: of a pipe it never waits."""

    file: BinaryIO
    name: str
    """As a person knows it, without folders; one printable line."""
    is_pipe: bool


class InputFiles:
    """The folders that recordings may be read from."""

    def __init__(
        self,
        allowed: Sequence[Path],
        lookup: Sequence[Path],
        never: Sequence[Path] | None = None,
        *,
        max_bytes: int = MAX_INPUT_BYTES,
    ) -> None:
        """
        Args:
            allowed: absolute folders; files anywhere below them may be read, hidden ones excepted.
            lookup: where a bare name or relative path is looked for, in this order.
            never: folders below the allowed ones that may not be read; None: where applications keep their data.
        """
        self.allowed = tuple(allowed)
        self.lookup = tuple(lookup)
        self.never = tuple(application_data_folders() if never is None else never)
        self.max_bytes = max_bytes

    def open(self, reference: str) -> OpenedFile:
        """Open the recording a person named. Blocks: for a thread.

        Args:
            reference: an absolute path, one with "~", a file:// address, or a name to look up.

        Raises:
            PathNotAllowedError: it lies elsewhere, is hidden, or is no regular file.
            AudioInputError: it is empty, too large, or not audio.
            InputError: it is not there, or cannot be read.
        """
        return self._found(reference, self._open)

    def open_live(self, reference: str) -> LiveFile:
        """Open a recording that is still being written, or a pipe it comes through. Blocks: for a thread.

        Nothing is waited for: neither its first byte nor, of a pipe, somebody who writes.

        Raises:
            PathNotAllowedError, InputError: as `open`; whether it is audio shows when it has come.
        """
        return self._found(reference, self._open_live)

    def _found(self, reference: str, opening: Callable[[Path], Found]) -> Found:
        path = _path(reference)
        refusal: PathNotAllowedError | None = None
        for candidate in [path] if path.is_absolute() else [folder / path for folder in self.lookup]:
            try:
                return opening(candidate)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PathNotAllowedError as error:
                refusal = refusal or error  # another folder may have it, and be open
            except OSError as error:
                raise InputError(f"{shown(candidate.name)} cannot be read: {error.strerror or error}.") from error
        if refusal:
            raise refusal
        where = "" if path.is_absolute() else f" in {_listed(self.lookup)}"
        raise InputError(f"There is no file {shown(str(path))}{where}.", hint=NOT_ON_THIS_COMPUTER)

    def recordings_in(self, reference: str) -> list[str] | None:
        """The recordings of the folder a person named, by name, without those of folders in it. Blocks: for a thread.

        Returns:
            absolute paths; None where it is no folder, or none that may be read: then `open` says what is wrong.
        """
        path = _path(reference)
        for folder in [path] if path.is_absolute() else [folder / path for folder in self.lookup]:
            real = _real(folder)
            if self._may_read(real) and real.is_dir():
                with suppress(OSError):
                    return sorted(str(item) for item in real.iterdir() if self._is_recording(item))
        return None

    def _is_recording(self, path: Path) -> bool:
        try:
            self._open(path).file.close()
        except (InputError, OSError):
            return False
        return True

    def _open(self, path: Path) -> OpenedFile:
        file = self._opened(path, may_be_pipe=False)
        try:
            return opened(file, path.name, max_bytes=self.max_bytes)
        except BaseException:
            file.close()
            raise

    def _open_live(self, path: Path) -> LiveFile:
        file = self._opened(path, may_be_pipe=True)
        return LiveFile(file, shown(path.name), stat.S_ISFIFO(os.fstat(file.fileno()).st_mode))

    def _opened(self, path: Path, *, may_be_pipe: bool) -> BinaryIO:
        real = _real(path)
        if not self._may_read(real):
            raise self._refusal(path)
        # Before opening: to open a device may already do something.
        _check_regular(os.stat(real), path, may_be_pipe=may_be_pipe)
        file = _open_regular(real, path, may_be_pipe=may_be_pipe)
        try:
            if not self._may_read(_path_of(file, real)):
                raise self._refusal(path)
        except BaseException:
            file.close()
            raise
        return file

    def _may_read(self, real: Path) -> bool:
        return may_read(real, self.allowed, self.never)

    def _refusal(self, path: Path) -> PathNotAllowedError:
        return PathNotAllowedError(
            f"{shown(str(path))} may not be read: only files in {_listed(self.allowed)} are, and none that are hidden "
            "or belong to an application.",
            hint=f"{NOT_ON_THIS_COMPUTER} SONANT_INPUT_DIRS names the folders.",
        )


def open_own(path: Path) -> BinaryIO:
    """Open a file Sonant wrote itself, wherever that was. Blocks: for a thread.

    Raises:
        FileNotFoundError: it is not there any more.
        PathNotAllowedError: something else has taken its place.
    """
    _check_regular(os.lstat(path), path)
    return _open_regular(path, path)


def opened(file: BinaryIO, name: str, *, max_bytes: int) -> OpenedFile:
    """Look into an open file: only audio of a sensible size passes. Nothing of its content is ever told.

    Raises:
        AudioInputError: it is empty, too large, or not audio.
    """
    name = shown(name)
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise AudioInputError(f"{name} is empty.")
    if size > max_bytes:
        raise too_large(name, max_bytes)
    file.seek(0)
    extension = sniff(file.read(HEAD_BYTES))
    if extension is None:
        raise AudioInputError(f"{name} is not audio, going by what is in it.", hint=AUDIO_HINT)
    file.seek(0)
    return OpenedFile(file, name, size, extension)


def too_large(name: str, max_bytes: int) -> AudioInputError:
    """The refusal of a file of more than `max_bytes`."""
    limit = f"{max_bytes / 1e9:.3g} GB" if max_bytes >= 1e9 else f"{max_bytes / 1e6:.3g} MB"
    return AudioInputError(f"{shown(name)} is larger than {limit}.", hint="Cut it, or convert it to mp3 first.")


def _path(reference: str) -> Path:
    text = reference.strip()
    if text[:5].lower() == "file:":
        text = _from_file_url(text)
    if not text or "\0" in text:
        raise InputError("That is not the name of a file.", hint="Give a path, an https:// link, or an audio:// id.")
    path = Path(os.path.expanduser(text))
    if sys.platform == "win32" and (why := windows_refusal(PureWindowsPath(path))):
        raise PathNotAllowedError(f"{shown(text)} {why}, so it is not read.", hint=NOT_ON_THIS_COMPUTER)
    return path


def _from_file_url(url: str) -> str:
    # Not urlsplit: people paste names with a bare "#" or "?" in them, and a path has no use for either.
    rest = url[5:]
    if rest.startswith("//"):
        host, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        if host.lower() not in ("", "localhost"):
            raise PathNotAllowedError(
                f"{shown(url)} names a file on another computer.", hint="Write file:///, then the path."
            )
    path = unquote(rest)
    if sys.platform == "win32":
        path = path.lstrip("/")
    if not os.path.isabs(path):
        raise InputError(f"{shown(url)} names no file.", hint="Write file:///, then the path.")
    return path


def _real(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(str(path))} is not a path this system understands.") from error


def _check_regular(status: os.stat_result, path: Path, *, may_be_pipe: bool = False) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise PathNotAllowedError(f"{shown(str(path))} is a folder.", hint="Name one file in it.")
    if may_be_pipe and stat.S_ISFIFO(status.st_mode):
        return
    if not stat.S_ISREG(status.st_mode):
        raise PathNotAllowedError(f"{shown(str(path))} is not an ordinary file.", hint="Name a recording.")


def _open_regular(real: Path, path: Path, *, may_be_pipe: bool = False) -> BinaryIO:
    """Open without waiting (a pipe has nobody at its other end) and without following a link put there just now."""
    flags = os.O_RDONLY
    for name in ("O_BINARY", "O_NONBLOCK", "O_NOFOLLOW", "O_NOCTTY"):
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(real, flags)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link now; a socket or a pipe now
            raise PathNotAllowedError(f"{shown(str(path))} is not an ordinary file.") from error
        raise
    # A live file is read as it grows: what a buffer once saw of its end is not its end.
    file = cast(BinaryIO, os.fdopen(descriptor, "rb", buffering=0) if may_be_pipe else os.fdopen(descriptor, "rb"))
    try:
        status = os.fstat(descriptor)
        _check_regular(status, path, may_be_pipe=may_be_pipe)
        if sys.platform != "win32" and stat.S_ISREG(status.st_mode):
            os.set_blocking(descriptor, True)
    except BaseException:
        file.close()
        raise
    return file


def _path_of(file: BinaryIO, real: Path) -> Path:
    """Where an open file is, asked of the system by its descriptor.

    Where the system does not say, the path is followed once more and must lead to the same file.
    """
    with suppress(OSError):
        if sys.platform == "linux":
            return Path(os.readlink(f"/proc/self/fd/{file.fileno()}"))
        if sys.platform == "darwin":
            import fcntl

            return Path(os.fsdecode(fcntl.fcntl(file.fileno(), fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")))
    again = _real(real)
    if not os.path.samestat(os.fstat(file.fileno()), os.stat(again)):
        raise PathNotAllowedError(f"{shown(real.name)} changed while it was being opened.", hint="Try again.")
    return again


def _listed(folders: Sequence[Path]) -> str:
    names = list(dict.fromkeys(str(folder) for folder in folders))
    return " or ".join(names) if names else "no folder at all"
