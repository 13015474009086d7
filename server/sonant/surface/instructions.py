"""What the server says of itself when a host connects."""

from sonant.settings import Settings


def instructions(settings: Settings) -> str:
    """A few sentences for the model; a wrong setting comes first."""
    parts = []
    if settings.problem is not None:
        parts.append(f"Not usable yet: {settings.problem} Tell the person; every call will say the same.")
    if settings.embedded:
        parts.append(
            "Speech is made on this machine by an embedded engine: free and offline, but synthetic and rule-based, "
            "clones are approximate, and it recognises English only. With CARTESIA_API_KEY set, Cartesia's natural "
            "voices are used instead."
        )
    else:
        parts.append("Speech is made by Cartesia's cloud and spends credits of the account.")
    parts.append(
        "Results are files; tell the person the path. A file attached in a chat is not on this computer: ask for its "
        "path or an https:// address. Work that takes long goes on as a job: use get_job."
    )
    return " ".join(parts)
