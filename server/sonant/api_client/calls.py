"""What the groups of calls share."""

from typing import Any

from sonant.api_client.connection import Connection


class Calls:
    """Some of Cartesia's calls as methods. Holds no rule of HTTP: those are connection.py's.

    Every method raises APIError, APIConnectionError or WireError, each in words for a reader.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection


def given(**fields: object) -> dict[str, Any]:
    """The fields that have a value, as the wire's text: `true`, not `True`."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in fields.items()
        if value is not None
    }
