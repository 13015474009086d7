"""Ids of what was made: global, unguessable, and safe in a URL, a file name and a shell."""

import re
import secrets

ID_PATTERN = re.compile(r"[0-9a-f]{32}")


def new_id() -> str:
    """128 random bits in lower-case hex: whoever holds an id was given it."""
    return secrets.token_hex(16)
