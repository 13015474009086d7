"""The tree of failures. Each is one or two sentences for a reader: what happened, and what to do next.

SpeechError                    text for a reader, optional hint (the next step), retryable
├─ SettingsError               which variable, what was expected; `serve` still starts and says it
├─ InputError                  the caller can fix it: PathNotAllowedError, UnknownVoiceError
│    AudioInputError           of no use to us: silent, too short, damaged; AudioFormatError: cannot be decoded at all
├─ OutputError                 the result cannot be kept: disk full, folder not writable
├─ APIError                    the far end said no: status_code, error_code, title, request_id
│    AuthenticationError  QuotaExceededError  NotFoundError  InvalidRequestError
│    RateLimitError(retry_after_s)  ServerError
├─ APIConnectionError          no answer; APITimeoutError
├─ WireError                   LocalWireError: we broke the protocol; RemoteWireError: they did
└─ EngineError                 offline cannot: EngineUnavailableError, UnsupportedOfflineError
"""


class SpeechError(Exception):
    """A failure told to a reader. Never holds a key, a header or a transcript."""

    retryable = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class SettingsError(SpeechError):
    """A setting is wrong; `variable` names it."""

    def __init__(self, message: str, *, variable: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.variable = variable


class InputError(SpeechError):
    """The caller can fix it."""


class AudioInputError(InputError):
    """What was given is not audio we can use."""


class AudioFormatError(AudioInputError):
    """Not audio, or in a form that cannot be decoded here; another format would do."""


class PathNotAllowedError(InputError):
    """The path lies outside the folders Sonant may read, or is hidden."""


class UnknownVoiceError(InputError):
    """No voice, or more than one, answers to that name."""


class OutputError(SpeechError):
    """The result cannot be kept where it was to go."""


class APIError(SpeechError):
    """The far end said no."""

    retry_after_s: float | None = None
    """How long it asked us to stay away."""

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        title: str = "",
        error_code: str | None = None,
        request_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status_code = status_code
        self.title = title
        self.error_code = error_code
        self.request_id = request_id


class AuthenticationError(APIError):
    """401, 403."""


class QuotaExceededError(APIError):
    """402: out of credits."""


class NotFoundError(APIError):
    """404, 410."""


class InvalidRequestError(APIError):
    """Any other 4xx."""


class RateLimitError(APIError):
    """429."""

    retryable = True


class ServerError(APIError):
    """5xx."""

    retryable = True


class APIConnectionError(SpeechError):
    """No answer: refused, unreachable, or cut."""

    retryable = True


class APITimeoutError(APIConnectionError):
    """No answer in time."""


class WireError(SpeechError):
    """The protocol was broken."""


class LocalWireError(WireError):
    """We broke it."""


class RemoteWireError(WireError):
    """They broke it: a truncated, empty or non-audio body."""


class EngineError(SpeechError):
    """The embedded engine cannot."""


class EngineUnavailableError(EngineError):
    """The engine, or a part of it, does not run here."""


class UnsupportedOfflineError(EngineError):
    """Only Cartesia's cloud can do this."""
