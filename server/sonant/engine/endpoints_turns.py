"""`WS /stt/turns/websocket`: the engine says whose turn it is. Source: contract §5.4."""

import json
from typing import Any

from pydantic import ValidationError
from starlette.websockets import WebSocket

from sonant.engine.answers import Refusal, refuse
from sonant.engine.endpoints_hearing import LIMITS
from sonant.engine.hearing_session import Asked, Session, asked_in, serve
from sonant.engine.live import Heard
from sonant.engine.turn_taking import Turned, TurnTaker
from sonant.wire.message import Message
from sonant.wire.stt import (
    TURN_MODELS,
    Connected,
    TurnEagerEnd,
    TurnEnd,
    TurnResume,
    TurnSettings,
    TurnStart,
    TurnUpdate,
)

_PREFIX = "turn_"


async def listen_for_turns(websocket: WebSocket) -> None:
    await serve(websocket, _open)


def _open(websocket: WebSocket) -> Session:
    query = websocket.query_params
    asked = asked_in(query, TURN_MODELS)
    given = {name: query[_PREFIX + name][:40] for name in TurnSettings.model_fields if query.get(_PREFIX + name)}
    return Turns(websocket, asked, _settings(TurnSettings(), given, _PREFIX, strict=False))


class Turns(Session):
    is_sure = True  # what was in an update stays

    def __init__(self, websocket: WebSocket, asked: Asked, settings: TurnSettings) -> None:
        super().__init__(websocket, asked)
        self._taker = TurnTaker(settings)

    async def start(self) -> None:
        await self.send(Connected(request_id=self.request_id, notices=[LIMITS]))

    async def on_heard(self, heard: Heard) -> None:
        await self._tell(self._taker.hear(heard))
        if self._taker.is_stuck:
            await self._tell(self._taker.hear(await self._ear.flush()))

    async def on_text(self, text: str) -> bool:
        match _object(text):
            case {"type": "close" | "done"}:
                await self.finish(is_asked=True)
                return False
            case {"type": "config", **more}:
                turn = more.get("turn") or {}
                if not isinstance(turn, dict):
                    raise refuse(400, "turn: must be an object.")
                given = {name: turn[name] for name in TurnSettings.model_fields if turn.get(name) is not None}
                self._taker.settings = _settings(self._taker.settings, given, "turn.", strict=True)
            case _:
                await self.fail(
                    Refusal(400, 'Unrecognized message type: send audio, or JSON whose type is "close" or "config".')
                )
        return True

    async def finish(self, *, is_asked: bool) -> None:
        await self._tell(self._taker.hear(await self.flush()))
        await self._tell(self._taker.finish())

    async def _tell(self, events: list[Turned]) -> None:
        for event in events:
            await self.send(self._message(event))

    def _message(self, event: Turned) -> Message:
        match event.kind:
            case "start":
                return TurnStart(request_id=self.request_id)
            case "resume":
                return TurnResume(request_id=self.request_id)
            case "update":
                return TurnUpdate(request_id=self.request_id, transcript=event.transcript)
            case "eager_end":
                return TurnEagerEnd(request_id=self.request_id, transcript=event.transcript)
            case "end":
                return TurnEnd(request_id=self.request_id, transcript=event.transcript)


def _settings(current: TurnSettings, given: dict[str, Any], prefix: str, *, strict: bool) -> TurnSettings:
    """The settings with some changed.

    Raises:
        APIError: 400, out of range or not in order.
    """
    try:
        settings = TurnSettings.model_validate(current.model_dump() | given, strict=strict)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise refuse(400, f"{prefix}{fault['loc'][0]}: {fault['msg']}.") from None
    if not settings.is_ordered:
        names = [prefix + name for name in ("start_threshold", "eager_end_threshold", "end_threshold")]
        raise refuse(400, f"The thresholds must fall: {' > '.join(names)}.")
    return settings


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
