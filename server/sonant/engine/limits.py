"""How much may run at once: the plan's concurrency. Source: contract §14, §3.3, §5.5."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from sonant.engine.answers import error_response, refusal_of, refuse
from sonant.engine.ledger import Ledger
from sonant.errors import APIError

_SPEAKING = ("/tts/", "/infill/", "/voice-changer/")
_HEARING = ("/stt", "/audio/transcriptions")
_SOCKETS_PER_SLOT = 10


class Slots:
    """So many at once; one more is refused, not queued: that is the caller's part."""

    def __init__(self, limit: int, what: str) -> None:
        self.limit = limit
        self.taken = 0
        self._what = what

    @contextmanager
    def one(self) -> Iterator[None]:
        """
        Raises:
            APIError: 429, all are taken.
        """
        if self.taken >= self.limit:
            raise refuse(429, f"Too many {self._what} at once: the plan allows {self.limit}.", "concurrency_limited")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Limits:
    """What one engine's plan allows. An HTTP request counts as one for as long as it runs; so does a context, while it
    is being spoken; a hearing socket counts as long as it is open; a speaking socket only among the sockets."""

    def __init__(self, speech: int, hearing: int) -> None:
        self.speech = Slots(speech, "generations")
        self.hearing = Slots(hearing, "transcriptions")
        self.sockets = Slots(_SOCKETS_PER_SLOT * speech, "sockets")

    def slots_for(self, scope: Scope) -> Slots | None:
        path: str = scope["path"]
        if path.startswith(_HEARING):
            return self.hearing
        if scope["type"] == "websocket":
            return self.sockets
        return self.speech if path.startswith(_SPEAKING) else None


class Admission:
    """Takes the slot a request needs, if there are credits left for it. Pure ASGI."""

    def __init__(self, app: ASGIApp, limits: Limits, ledger: Ledger) -> None:
        self._app = app
        self._limits = limits
        self._ledger = ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        slots = self._limits.slots_for(scope) if scope["type"] in ("http", "websocket") else None
        if slots is None:
            return await self._app(scope, receive, send)
        taking = slots.one()
        try:
            self._ledger.check()  # what needs a slot costs credits
            taking.__enter__()
        except APIError as error:
            return await error_response(refusal_of(error), scope)(scope, receive, send)
        try:
            return await self._app(scope, receive, send)
        finally:
            taking.__exit__(None, None, None)
