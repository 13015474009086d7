"""How the engine says no, and what every answer carries. Source: contract §1.4."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from pydantic import ValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Scope

from sonant.errors import (
    APIError,
    AudioFormatError,
    EngineError,
    EngineUnavailableError,
    SpeechError,
    UnknownVoiceError,
    UnsupportedOfflineError,
)
from sonant.wire.errors import BY_STATUS, ErrorBody, title_of
from sonant.wire.notices import NOTICE_HEADER, to_header
from sonant.wire.tts import ErrorEvent
from sonant.wire.versions import JSON_ERRORS_SINCE, REQUEST_ID_HEADER, VERSION

BROKEN_OFF = "broken_off"
"""In a request's state when its answer will be cut on purpose, and so fail."""


@dataclass(frozen=True)
class Refusal:
    """One failure as the wire tells it."""

    status_code: int
    message: str
    error_code: str | None = None

    @property
    def title(self) -> str:
        return title_of(self.status_code)


def refuse(status_code: int, message: str, error_code: str | None = None) -> APIError:
    """The failure to raise in an endpoint."""
    kind = BY_STATUS[status_code][0]
    return kind(message, status_code=status_code, title=title_of(status_code), error_code=error_code)


def refusal_of(error: Exception) -> Refusal:
    """What a failure means to a caller; anything but a failure of errors.py is our bug and tells nothing."""
    match error:
        case APIError():
            return Refusal(error.status_code, error.message, error.error_code)
        case HTTPException():
            return Refusal(error.status_code, _HTTP_MESSAGES.get(error.status_code, str(error.detail)))
        case ValidationError():
            return Refusal(400, _first_fault(error))
        case UnknownVoiceError():
            return Refusal(404, str(error), "voice_not_found")
        case AudioFormatError():  # the code alone says what to do: convert it
            return Refusal(400, error.message, "unsupported_audio_format")
        case UnsupportedOfflineError():
            return Refusal(400, str(error), "unsupported_offline")
        case EngineUnavailableError():
            return Refusal(422, str(error), "engine_unavailable")
        case EngineError():
            return Refusal(422, str(error), "engine_failed")
        case SpeechError():
            return Refusal(400, str(error), "invalid_input")
        case _:
            return Refusal(500, "The engine failed. This is a fault of Sonant's, not of your request.")


_NOT_FOUND_CODES = ("voice_not_found", "model_not_found", "pronunciation_dict_not_found")
_HTTP_MESSAGES = {
    404: "The engine has nothing at this path.",
    405: "The engine does not take this method here.",
}


def _first_fault(error: ValidationError) -> str:
    """Where and what, without the value: it may be somebody's text."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"] if not str(part).startswith("function-"))
    told = fault["msg"].removeprefix("Value error, ")
    return f"{where}: {told}" if where else told


def request_id_of(scope: Scope) -> str:
    """One id a request, made when first asked for."""
    state: dict[str, object] = scope.setdefault("state", {})
    return str(state.setdefault("request_id", str(uuid4())))


def version_of(scope: Scope) -> str:
    """The version date a request asked for, which the gate has checked; compare it as text."""
    return str(scope.get("state", {}).get("version", VERSION))


def error_response(refusal: Refusal, scope: Scope) -> Response:
    """The refusal in the form of the request's version."""
    request_id = request_id_of(scope)
    headers = {REQUEST_ID_HEADER: request_id}
    if version_of(scope) < JSON_ERRORS_SINCE:
        status_code = _status_then(refusal)
        return PlainTextResponse(f"{title_of(status_code)}: {refusal.message}", status_code, headers)
    body = ErrorBody(
        error_code=refusal.error_code, title=refusal.title, message=refusal.message, request_id=request_id
    ).model_dump(exclude={"doc_url"})
    return JSONResponse(body, refusal.status_code, headers)


def error_event(refusal: Refusal, scope: Scope, context_id: str | None = None) -> dict[str, object]:
    """The refusal inside a stream of speech, in the form of the request's version. Source: contract §1.4."""
    if version_of(scope) < JSON_ERRORS_SINCE:
        status_code = _status_then(refusal)
        old = {"type": "error", "error": f"{title_of(status_code)}: {refusal.message}", "status_code": status_code,
               "done": True}  # fmt: skip
        return old | ({"context_id": context_id} if context_id is not None else {})
    return ErrorEvent(
        status_code=refusal.status_code, title=refusal.title, message=refusal.message, error_code=refusal.error_code,
        request_id=request_id_of(scope), context_id=context_id,
    ).model_dump(mode="json", exclude_none=True) | {"error_code": refusal.error_code}  # fmt: skip


def _status_then(refusal: Refusal) -> int:
    """Before 2026-03-01 an unknown id in a request was a bad request. Source: contract §1.4."""
    return 400 if refusal.error_code in _NOT_FOUND_CODES else refusal.status_code


async def on_error(request: Request, error: Exception) -> Response:
    """Starlette's handler for every failure."""
    response = error_response(refusal_of(error), request.scope)
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


def json_answer(body: dict[str, object], scope: Scope, notices: Sequence[str] = ()) -> JSONResponse:
    """A JSON answer with its notices, as a field and as headers."""
    if notices:
        body = body | {"notices": list(notices)}
    response = JSONResponse(body)
    add_headers(response.headers, scope, notices)
    return response


def add_headers(headers: MutableHeaders, scope: Scope, notices: Iterable[str]) -> None:
    headers[REQUEST_ID_HEADER] = request_id_of(scope)
    for notice in dict.fromkeys(notices):
        headers.append(NOTICE_HEADER, to_header(notice))
