"""Which places on this computer may be read: allowed folders, but nothing hidden and nothing of an application's."""

import os
import stat
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path, PureWindowsPath

WINDOWS_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"
}
"""Names that open a device in any folder. Source: learn.microsoft.com, "Naming Files, Paths, and Namespaces"."""


def may_read(real: Path, allowed: Sequence[Path], never: Sequence[Path]) -> bool:
    """Climb from a file: an allowed folder must come before anything hidden or excluded.

    Folders are compared by what they are, not by how they are spelled: case, Unicode forms and mounts differ.

    Args:
        real: without links; it need not exist.
    """
    open_to_us, closed = _identities(allowed), _identities(never)
    for place in (real, *real.parents):
        identity = _identity(place)
        if identity in open_to_us:
            return True
        if identity in closed or _is_hidden(place):
            return False
    return False


def application_data_folders() -> list[Path]:
    """Where this platform's applications keep what is theirs: mail, keys, browser profiles."""
    import platformdirs  # slow to import, and most processes read no file

    home = Path.home()
    folders = {
        platformdirs.user_data_path(),
        platformdirs.user_config_path(),
        platformdirs.user_cache_path(),
        platformdirs.user_state_path(),
        home / "snap",
    }
    if sys.platform == "darwin":
        folders.add(home / "Library")
    if sys.platform == "win32":
        folders.add(home / "AppData")
    # Some people point XDG_CONFIG_HOME at their home; that must not close all of it.
    return sorted(folder for folder in folders if folder not in (home, *home.parents))


def windows_refusal(path: PureWindowsPath) -> str | None:
    """Why Windows would take this path for something other than a file on this computer, if it would."""
    if path.drive.startswith("\\\\"):
        return "names another computer or a device"
    for part in path.parts[1:] if path.anchor else path.parts:
        if part.split(".")[0].rstrip(" ").lower() in WINDOWS_DEVICES:
            return "names a device"
        if ":" in part:
            return "names a hidden stream of a file"
    return None


def _identity(place: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(place)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _identities(folders: Iterable[Path]) -> set[tuple[int, int]]:
    return {identity for folder in folders if (identity := _identity(folder))}


def _is_hidden(place: Path) -> bool:
    if place.name.startswith("."):
        return True
    try:
        status = os.lstat(place)
    except OSError:
        return False
    marks = getattr(status, "st_flags", 0) & stat.UF_HIDDEN  # macOS
    return bool(marks or getattr(status, "st_file_attributes", 0) & stat.FILE_ATTRIBUTE_HIDDEN)  # Windows
