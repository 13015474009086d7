"""What an answer confesses about itself (synthetic voice, approximate clone, weak language).

Our addition: the embedded engine sends a repeatable header, in JSON and SSE a field `notices`. Cartesia never does.
Header values are ASCII, so a notice travels percent-encoded.
"""

from collections.abc import Iterable
from urllib.parse import quote, unquote

NOTICE_HEADER = "Sonant-Notice"

SYNTHETIC_NOTICE = (
    "This speech is synthetic and rule-based, made on this machine; set CARTESIA_API_KEY for Cartesia's natural voices."
)
"""What the embedded engine says of all its speech. A reader needs it once, so it is known by its text."""

_READABLE = " !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"


def to_header(notice: str) -> str:
    return quote(notice, safe=_READABLE)


def from_headers(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(unquote(value) for value in values))
