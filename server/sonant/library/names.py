"""File names that every platform takes and a person can read."""

import unicodedata

MAX_STEM_BYTES = 120
"""UTF-8. File systems stop at 255 bytes (143 under eCryptfs), and " (2).mp3" must still fit."""

DEFAULT_STEM = "speech"
JOINERS = "\u200c\u200d"
"""Zero-width (non-)joiner: Persian words and family emoji need them."""


def clean_stem(text: str) -> str:
    """The text as the part of a file name before its extension.

    Separators become hyphens. Control characters go, and so do the invisible ones that turn the direction
    of text and can make one name look like another. A text of nothing else becomes "speech".
    """
    from pathvalidate import sanitize_filename  # slow to import, and most processes name no file

    visible = "".join(" " if _is_invisible(character) else character for character in text[:4096])
    spaced = " ".join(unicodedata.normalize("NFC", visible).split())
    stem = sanitize_filename(spaced, replacement_text="-", platform="universal")
    stem = _trimmed(stem.encode()[:MAX_STEM_BYTES].decode(errors="ignore"))
    # Trimming can uncover a reserved name: "-CON" is harmless, "CON" is a device on Windows.
    return sanitize_filename(stem, platform="universal") or DEFAULT_STEM


def shown(name: str, limit: int = 200) -> str:
    """A name as it may stand in a sentence: one line, printable, not endless."""
    line = "".join(" " if _is_invisible(character) else character for character in name[: 2 * limit])
    line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in JOINERS


def _trimmed(stem: str) -> str:
    # A leading dot hides the file, a leading hyphen is an option to a shell, Windows drops a trailing dot.
    return stem.lstrip(" .-~" + JOINERS).rstrip(" .-" + JOINERS)
