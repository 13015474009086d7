"""What an answer confesses about itself (synthetic voice, approximate clone, weak language).

Our addition: the embedded engine sends a repeatable header, in JSON and SSE a field `notices`. Cartesia never does.
Header values are ASCII, so a notice travels percent-encoded.
"""

from collections.abc import Iterable
from urllib.parse import quote, unquote

NOTICE_HEADER = "Sonant-Notice"
_READABLE = " !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"


def to_header(notice: str) -> str:
    return quote(notice, safe=_READABLE)


def from_headers(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(unquote(value) for value in values))
