"""What went wrong on the way, told to a reader: httpx's exceptions, refusals and odd answers as ours.

No text of httpx or h11 is passed on: theirs may quote a header, and so the key.
"""

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from sonant.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    LocalWireError,
    RemoteWireError,
    SettingsError,
    SpeechError,
)
from sonant.wire.errors import error_from
from sonant.wire.versions import REQUEST_ID_HEADER

CUT_SHORT = "The answer of the speech service was cut short, so nothing was saved."
MASK = "…"

_NETWORK_HINT = "Check the network connection and CARTESIA_BASE_URL, then try again."
_AGAIN_HINT = "Try again."
_KEY_SHAPED = re.compile(r"\bsk_[\w-]{4,}|\beyJ[\w-]+\.[\w-]+\.[\w-]+")
"""API keys and access tokens. Source: contract §1.1."""
_SHORTEST_SECRET = 8
"""Shorter keys are words such as `test`; masking those would garble sentences."""
_TRANSCRIPT_START = 20
"""This many characters of a transcript in a row are taken for a quotation of it."""


def masker(*keys: str | None) -> Callable[[str], str]:
    """A function that takes our keys, and whatever looks like one, out of a text."""
    own = sorted((re.escape(key) for key in keys if key and len(key) >= _SHORTEST_SECRET), key=len, reverse=True)
    pattern = re.compile("|".join([*own, _KEY_SHAPED.pattern]))

    def mask(text: str) -> str:
        return pattern.sub(MASK, text)

    return mask


def without_transcript(text: str, transcript: str) -> str:
    """The text without a quotation of the transcript, whole or from its start."""
    start = transcript.strip()[:_TRANSCRIPT_START]
    if not start.strip():
        return text
    text = text.replace(transcript, MASK)
    return text.split(start)[0] + MASK if len(start) == _TRANSCRIPT_START and start in text else text


def unanswered(error: httpx.HTTPError, host: str, *, is_sent: bool, connect_s: float, silence_s: float) -> SpeechError:
    """The failure behind a request that got no answer."""
    text = str(error)  # looked at, never passed on
    match error:
        case httpx.ConnectTimeout():
            return APITimeoutError(f"{host} could not be reached within {connect_s:g} seconds.", hint=_NETWORK_HINT)
        case httpx.PoolTimeout():
            return APITimeoutError(
                "Too many requests to the speech service are already under way; this one was not sent.",
                hint=_AGAIN_HINT,
            )
        case httpx.WriteTimeout():
            return APITimeoutError(
                f"The speech service took nothing for {silence_s:g} seconds while the request was being sent.",
                hint=_AGAIN_HINT,
            )
        case httpx.ProxyError():
            return APIConnectionError(
                f"The proxy did not let the request through to {host}.", hint="Check HTTPS_PROXY and NO_PROXY."
            )
        case httpx.ConnectError():
            return unreachable(host, secure="SSL" in text or "CERTIFICATE" in text)
        case httpx.LocalProtocolError() if "Content-Length" in text:
            return LocalWireError("The recording changed while it was being sent.", hint=_AGAIN_HINT)
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            return LocalWireError("The request could not be put on the wire; CARTESIA_BASE_URL or the key is unusable.")
        case httpx.RemoteProtocolError() if "disconnected" not in text:  # h11 names all its other complaints alike
            return RemoteWireError(f"{host} answered with something other than HTTP.", hint="Check CARTESIA_BASE_URL.")
        case _ if is_sent:
            return APIConnectionError("The connection was cut before the speech service answered.", hint=_AGAIN_HINT)
        case _:
            return APIConnectionError(
                "The connection was cut while the request was being sent.",
                hint="Try again; if it carries a recording, a smaller one may pass.",
            )


def unreachable(host: str, *, secure: bool) -> APIConnectionError:
    """Nobody is there, or, where it was the `secure` part that failed, not who should be."""
    if secure:
        return APIConnectionError(
            f"The secure connection to {host} could not be made.",
            hint="Check the computer's clock, its certificates (SSL_CERT_FILE) and CARTESIA_BASE_URL.",
        )
    return APIConnectionError(f"{host} could not be reached.", hint=_NETWORK_HINT)


def proxy_unusable() -> SettingsError:
    return SettingsError(
        "The proxy that the environment names cannot be used: it must be an http:// or https:// address.",
        variable="HTTPS_PROXY",
        hint="Correct HTTPS_PROXY and ALL_PROXY, or unset them.",
    )


def refusal(response: httpx.Response, body: bytes, mask: Callable[[str], str], transcript: str) -> APIError:
    """The failure a non-2xx answer stands for, with nothing private in it."""

    def cleaned(text: str) -> str:
        return without_transcript(mask(text), transcript)

    if response.is_redirect:
        return APIError(
            f"The speech service points to another address ({response.status_code}), which is not followed: "
            "the key goes to no other.",
            status_code=response.status_code,
            title="Redirect",
            hint="Check CARTESIA_BASE_URL.",
        )
    data = _object(body)
    told: bytes | dict[str, Any] = cleaned(body.decode("utf-8", "replace")).encode()
    if data is not None:
        told = clean_fields(data, cleaned)
    request_id = response.headers.get(REQUEST_ID_HEADER)
    failure = error_from(response.status_code, told, mask(request_id) if request_id else None)
    failure.retry_after_s = retry_after_s(response.headers)
    return failure


def clean_fields(data: dict[str, Any], cleaned: Callable[[str], str]) -> dict[str, Any]:
    """The fields of an error object that a reader may see."""
    names = ("title", "message", "error", "error_code", "request_id")
    return {name: cleaned(str(data[name])) for name in names if data.get(name)}


def retry_after_s(headers: httpx.Headers) -> float | None:
    """Seconds asked for by `retry-after-ms` or `Retry-After` (a number or a date); None when there is no such wish."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        with suppress(ValueError):
            wait_s = float(value) * unit_s
            if math.isfinite(wait_s):
                return max(0.0, wait_s)
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            continue
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    return None


def readable_wait(seconds: float) -> str:
    """`40 seconds`, `2 minutes`, `3 hours`, `2 days`."""
    for unit_s, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 1.5 * unit_s:
            return f"{round(seconds / unit_s)} {unit}s"
    whole = max(1, round(seconds))
    return f"{whole} second{'s' if whole > 1 else ''}"


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(body)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None
