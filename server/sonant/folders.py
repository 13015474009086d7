"""Folders that only their owner can enter."""

from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """Make a folder only its owner can enter, and its missing parents likewise. One that exists stays as it is."""
    if not folder.is_dir():
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
