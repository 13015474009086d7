"""How a failure looks on the wire, and the one status table that serves both ends. Source: contract §1.4."""

import json
from typing import Any

from sonant.errors import (
    APIError,
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from sonant.wire.message import Message

BY_STATUS: dict[int, tuple[type[APIError], str]] = {
    400: (InvalidRequestError, "Bad Request"),
    401: (AuthenticationError, "Unauthorized"),
    402: (QuotaExceededError, "Payment Required"),
    403: (AuthenticationError, "Forbidden"),
    404: (NotFoundError, "Not Found"),
    405: (InvalidRequestError, "Method Not Allowed"),
    408: (ServerError, "Request Timeout"),
    409: (InvalidRequestError, "Conflict"),
    410: (NotFoundError, "Gone"),
    413: (InvalidRequestError, "Payload Too Large"),
    421: (InvalidRequestError, "Misdirected Request"),
    422: (InvalidRequestError, "Unprocessable Entity"),
    429: (RateLimitError, "Too Many Requests"),
    500: (ServerError, "Internal Server Error"),
    502: (ServerError, "Bad Gateway"),
    503: (ServerError, "Service Unavailable"),
    504: (ServerError, "Gateway Timeout"),
}

_CODE_HINTS: dict[str, str | None] = {
    "quota_exceeded": "The account is out of credits: top it up, or unset CARTESIA_API_KEY to use the embedded engine.",
    "plan_upgrade_required": "The account's plan does not include this.",
    "voice_not_found": "Find a voice with list_voices.",
    "pronunciation_dict_not_found": "Find a dictionary with list_pronunciations.",
    "file_not_found": "Find a file with list_files.",
    "file_in_use": "Delete what uses it first.",
    "model_not_found": "Leave out `model` and SONANT_MODEL to use the default.",
    "model_sunsetted": "That model is retired; leave out `model` and SONANT_MODEL to use the default.",
    "voice_model_mismatch": "This voice needs another model, or this model another voice.",
    "language_not_supported": "Choose another language or model.",
    "file_too_large": "Use a shorter or smaller recording.",
    "unsupported_audio_format": "Convert the recording to wav, mp3 or flac.",
    # The embedded engine's own, whose messages say what to do:
    "invalid_input": None,
    "unsupported_offline": None,
    "engine_unavailable": None,
    "engine_failed": "Try again.",
    "concurrency_limited": "Too many requests run at once on this account; try again in a moment.",
}
_STATUS_HINTS = {
    401: "Check CARTESIA_API_KEY.",
    402: _CODE_HINTS["quota_exceeded"],
    400: "Change what it names, then try again.",
    403: "This key may not do that: use another key, or an account whose plan includes it.",
    404: "Check the id; list_voices shows the voices there are.",
    413: "Send less at once: a shorter text, or a shorter or smaller recording.",
    422: "Change what it names, then try again.",
    429: "Try again in a moment.",
}
_SERVER_HINT = "Nothing was charged for it; try again in a minute."


class ErrorBody(Message):
    """The JSON error object of versions since 2026-03-01."""

    error_code: str | None = None
    title: str
    message: str
    request_id: str | None = None
    doc_url: str | None = None


def title_of(status_code: int) -> str:
    """The standard title of a status."""
    known = BY_STATUS.get(status_code)
    return known[1] if known else "Error"


def error_from(status_code: int, body: bytes | dict[str, Any], request_id: str | None = None) -> APIError:
    """The failure a non-2xx answer, or an error event, stands for. Reads JSON, old text and foreign pages alike."""
    kind = BY_STATUS.get(status_code, (ServerError if status_code >= 500 else InvalidRequestError, ""))[0]
    data = body if isinstance(body, dict) else _object(body)
    title = str(data.get("title") or title_of(status_code))
    told = str(data.get("message") or data.get("error") or (_plain(body) if isinstance(body, bytes) else "")).strip()
    code = data.get("error_code")
    code = str(code) if code else None
    by_status = _STATUS_HINTS.get(status_code) or (_SERVER_HINT if status_code >= 500 else None)
    hint = _CODE_HINTS.get(code, by_status) if code else by_status
    said = f": {told[:300].rstrip('.')}." if told else "."
    return kind(
        f"The speech service refused the request ({status_code} {title}){said}"
        if status_code < 500
        else f"The speech service failed ({status_code} {title}){said}",
        status_code=status_code,
        title=title,
        error_code=code,
        request_id=str(data.get("request_id") or request_id or "") or None,
        hint=hint,
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _plain(body: bytes) -> str:
    """The old text form `Title: Message`; a page of markup says nothing a reader could use."""
    text = body.decode("utf-8", "replace").strip()
    return "" if text.startswith(("<", "{", "[")) or not text.isprintable() else text
