"""What the standard library leaves to each platform: locks, names taken without replacing."""

import errno
import os
import sys
from pathlib import Path

from sonant.errors import OutputError

NO_LINKS = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
"""How file systems without hard links (exFAT, many network and phone mounts) say so."""


def move_without_replacing(source: Path, target: Path) -> None:
    """Give a file another name in its folder.

    Raises:
        FileExistsError: the name is taken; nothing was changed.
    """
    if sys.platform == "win32":
        os.rename(source, target)  # which there never replaces
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        move_onto_placeholder(source, target)
    else:
        source.unlink()


def move_onto_placeholder(source: Path, target: Path) -> None:
    """Where there are no hard links: take the name by exclusive creation, then move over one's own empty file."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        os.replace(source, target)
    except OSError:
        target.unlink(missing_ok=True)
        raise


def lock_file(descriptor: int) -> bool | None:
    """Hold a file for as long as it is open. False: somebody else does. None: this file system has no locks."""
    if sys.platform == "win32":  # there an open file cannot be removed anyway
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems
        return None
    return True


def output_error(error: OSError, place: str, *, variable: str) -> OutputError:
    """What the system said about a place, for a reader.

    Args:
        place: begins the sentence.
        variable: the setting that moves it elsewhere.
    """
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return OutputError(f"{place} is full.", hint="Free some space on that disk, then try again.")
        case errno.EROFS:
            reason = "is on a read-only disk"
        case errno.EACCES | errno.EPERM:
            reason = "is not writable"
        case errno.EEXIST | errno.ENOTDIR:
            reason = "is not a folder"
        case errno.ENOENT | errno.ESTALE | errno.ENODEV:
            reason = "cannot be made, or has gone away"
        case _:
            reason = f"cannot be used: {error.strerror or 'the system refused'}"
    return OutputError(f"{place} {reason}.", hint=f"Set {variable} to a folder you can write to.")
