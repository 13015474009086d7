"""`WS /stt/websocket`: the caller says when a transcript is due. Source: contract §5.3."""

import math

import numpy as np
from starlette.datastructures import QueryParams
from starlette.websockets import WebSocket

from sonant.audio.pcm import Samples
from sonant.engine.answers import Refusal, refuse
from sonant.engine.endpoints_hearing import LIMITS
from sonant.engine.hearing_session import Asked, Session, asked_in, serve
from sonant.engine.live import Heard
from sonant.engine.recognition import RecognisedWord
from sonant.wire.stt import BATCH_MODELS, TURN_MODELS, Done, FlushDone, TranscribedWord, Transcript

_LONGEST_WAIT_S = 60.0
"""What has been said is told as final after so long, however patient the caller."""


async def listen_on_socket(websocket: WebSocket) -> None:
    await serve(websocket, _open)


def _open(websocket: WebSocket) -> Session:
    query = websocket.query_params
    asked = asked_in(query, (*TURN_MODELS, *BATCH_MODELS))
    volume = _number(query, "min_volume", most=1.0)
    patience_s = _number(query, "max_silence_duration_secs", most=math.inf)
    # Both are for the ink-whisper models; the others know a pause by themselves.
    return (
        Listening(websocket, asked, volume, patience_s) if asked.model in BATCH_MODELS else Listening(websocket, asked)
    )


def _number(query: QueryParams, name: str, most: float) -> float:
    """From 0 to `most`; 0 where it is not given."""
    text = query.get(name)
    if not text:
        return 0.0
    try:
        value = float(text[:40])
    except ValueError:
        value = math.nan
    if not (0 <= value <= most and math.isfinite(value)):
        raise refuse(400, f"{name}: use a number from 0{f' to {most:g}' if math.isfinite(most) else ' on'}.")
    return value


class Listening(Session):
    """Every stretch of speech is a final transcript after the pause that ends it, or when the caller says so.

    Args:
        min_volume: root mean square, from 0 to 1 (full scale), below which 0.1 s of sound count as silence.
        patience_s: seconds of silence before a transcript is final; 0: as soon as the pause is sure, after 0.3 s.
    """

    def __init__(self, websocket: WebSocket, asked: Asked, min_volume: float = 0.0, patience_s: float = 0.0) -> None:
        super().__init__(websocket, asked)
        self._min_volume = min_volume
        self._patience_s = patience_s
        self._waiting: list[RecognisedWord] = []
        self._has_text = False
        self._interim = ""
        self._told_until_s = 0.0

    def prepared(self, samples: Samples) -> Samples:
        is_quiet = self._min_volume and float(np.sqrt(np.square(samples).mean())) < self._min_volume
        return np.zeros_like(samples) if is_quiet else samples

    async def start(self) -> None:
        """Nothing is said before something was heard."""

    async def on_heard(self, heard: Heard) -> None:
        self._waiting += [word for words in heard.ended for word in words]
        if self._waiting and self._is_due(heard):
            await self._tell(heard.at_s)
        words = [*self._waiting, *heard.guess]
        if (text := self._text(words)) != self._interim:
            self._interim = text
            await self._send(words, text, heard.at_s, is_final=False)

    async def on_text(self, text: str) -> bool:
        match text.strip():
            case "finalize":
                await self._finalize()
                await self._tell(self._ear.heard_s)
                await self.send(FlushDone(request_id=self.request_id))
            case "close" | "done":
                await self.finish(is_asked=True)
                return False
            case _:
                await self.fail(Refusal(400, "Unrecognized message type: send audio, `finalize` or `close`."))
        return True

    async def finish(self, *, is_asked: bool) -> None:
        await self._finalize()
        if self._waiting:
            await self._tell(self._ear.heard_s)
        if is_asked:
            await self.send(Done(request_id=self.request_id, notices=[LIMITS]))

    async def _finalize(self) -> None:
        heard = await self.flush()
        self._waiting += [word for words in heard.ended for word in words]

    def _is_due(self, heard: Heard) -> bool:
        quiet_s = 0.0 if heard.guess else heard.at_s - self._waiting[-1].end_s
        return quiet_s >= self._patience_s or heard.at_s - self._waiting[0].start_s >= _LONGEST_WAIT_S

    async def _tell(self, at_s: float) -> None:
        """What waits is final."""
        words, text = self._waiting, self._text(self._waiting)
        self._waiting, self._interim = [], ""
        await self._send(words, text, at_s, is_final=True)
        self._told_until_s = at_s
        self._has_text = self._has_text or bool(text)

    def _text(self, words: list[RecognisedWord]) -> str:
        text = " ".join(word.word for word in words)
        return f" {text}" if text and self._has_text else text

    async def _send(self, words: list[RecognisedWord], text: str, at_s: float, *, is_final: bool) -> None:
        await self.send(
            Transcript(
                request_id=self.request_id, is_final=is_final, text=text, language=self.asked.language,
                duration=round(at_s - self._told_until_s, 3),
                words=[
                    TranscribedWord(word=word.word, start=round(word.start_s, 3), end=round(word.end_s, 3))
                    for word in words
                ],
            )
        )  # fmt: skip
