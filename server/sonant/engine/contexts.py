"""One context of a speaking socket: text in, in pieces; events out, in order. Source: contract §3.3."""

from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from math import inf

import anyio
from anyio import to_thread

from sonant.engine.answers import refuse
from sonant.engine.continuation import Continuation, Haste
from sonant.engine.events import EventMaker
from sonant.engine.languages import speakable
from sonant.engine.machinery import Machinery
from sonant.engine.markup import Manner
from sonant.engine.pieces import Piece
from sonant.engine.speaker import Speaker, Stretch
from sonant.engine.speaking import Order
from sonant.engine.synthesis import Synthesiser
from sonant.engine.text import Silence
from sonant.wire.tts import Chunk, ContextRequest, Event, FlushDone, VoiceReference

_MAY_CHANGE = frozenset(
    {"context_id", "transcript", "continues", "flush", "duration", "max_buffer_delay_ms", "normalization"}
)
_AT_ONCE = 4000
"""Characters looked at together: a few ms of work, however much has been sent."""
_PER_MESSAGE = 64


class _Mark(Enum):
    """What stands between pieces of text."""

    FLUSH = auto()
    END = auto()


class Context:
    """Opened by a first message, which `accept` takes in as it does the others; `run` speaks until it is over."""

    def __init__(
        self,
        context_id: str,
        first: ContextRequest,
        order: Order,
        machinery: Machinery,
        send: Callable[[Event], Awaitable[None]],
        delay_s: float,
    ) -> None:
        self.context_id = context_id
        self.gone = anyio.Event()
        """Set by whoever runs it, when its last event is out."""
        self.is_open = True
        """Whether it takes in more text."""
        self._first = first
        self._order = order
        self._machinery = machinery
        self._send = send
        self._delay_s = delay_s
        self._life_s = machinery.options.context_life_s
        said = order.utterance
        self._language = speakable(said.language)
        self._text = Continuation(self._language, Manner(said.speed, said.volume, said.emotion), said.pronunciations)
        self._inbox: deque[str | _Mark] = deque()
        self._unread = 0
        """Characters in the inbox."""
        self._news = anyio.Event()
        self._failure: Exception | None = None
        self.is_cancelled = False
        self._notices = dict.fromkeys(order.notices)
        self._told: set[str] = set()
        self._flush_id = 1
        self._heard_at = self._waits_since = anyio.current_time()
        """When text last came; when the text that is waiting began to wait."""
        self._last_audio_at = inf
        self._maker = EventMaker(first, order.audio_format, machinery.threads)
        self._speaker: Speaker | None = None

    def __len__(self) -> int:
        """Characters held; each message counts as some, so that empty ones do too."""
        return self._unread + len(self._text) + _PER_MESSAGE * len(self._inbox)

    @property
    def credits(self) -> int:
        """For what has been spoken."""
        return self._order.cost(self._text.credits)

    def accept(self, message: ContextRequest) -> None:
        """Take in a message.

        Raises:
            APIError: 400, it contradicts the first one.
        """
        if message.transcript:  # the SDK fills in defaults of its own where it only flushes or ends
            self._check_same(message)
            self._heard_at = anyio.current_time()
            if not self._text.is_waiting and not self._inbox:
                self._waits_since = self._heard_at
            self._inbox.append(message.transcript)
            self._unread += len(message.transcript)
        if message.flush:
            self._inbox.append(_Mark.FLUSH)
        if not message.continues:
            self._inbox.append(_Mark.END)
            self.is_open = False
        self._news.set()

    def cancel(self) -> None:
        """Begin nothing more: `run` ends with what is being synthesised now (rule 8)."""
        self.is_cancelled = True
        self.is_open = False
        self._news.set()

    def fail(self, error: Exception) -> None:
        """Have `run` end with an error."""
        self._failure = error
        self.cancel()

    async def run(self) -> None:
        """Speak what there is to speak when its time has come.

        Raises:
            SpeechError, ValidationError: it cannot go on.
        """
        synthesiser = await self._machinery.synthesiser()
        while not self.is_cancelled:
            self._news = anyio.Event()
            self._read_inbox()
            upcoming = self._inbox[0] if self._inbox else None
            haste = self._haste(upcoming)
            steps = await to_thread.run_sync(self._text.take, haste, limiter=self._machinery.threads)
            self._notices.update(self._text.notices)
            if steps:
                await self._say(steps, synthesiser)
                self._waits_since = anyio.current_time()
            if isinstance(upcoming, str) or self.is_cancelled:
                continue
            if haste == "all":
                self._text.settle()
            if upcoming is None:
                if not await self._wait():
                    break
                continue
            self._inbox.popleft()
            if upcoming is _Mark.END:
                if self._speaker is None and not self._first.continues:
                    raise refuse(400, "There is nothing to say in the transcript.")
                break
            await self._tell(FlushDone())
            self._flush_id += 1
        self.is_open = False
        if self._failure is not None:
            raise self._failure
        if self._speaker is not None and not self.is_cancelled:
            if (rest := self._speaker.finish()) is not None:
                await self._tell_piece(rest)
            async for event in self._maker.finish():
                await self._tell(event)

    def _read_inbox(self) -> None:
        read = 0
        while self._inbox and read < _AT_ONCE and isinstance(text := self._inbox[0], str):
            piece, rest = text[:_AT_ONCE], text[_AT_ONCE:]
            self._text.feed(piece)
            read += len(piece)
            if rest:
                self._inbox[0] = rest
            else:
                self._inbox.popleft()
        self._unread -= read

    def _haste(self, upcoming: str | _Mark | None) -> Haste:
        """Source: rule 6. A word that nothing has followed for the life of a context is not going to be continued."""
        if isinstance(upcoming, str):
            return "sentences"
        now = anyio.current_time()
        if upcoming is not None or now >= self._heard_at + self._delay_s + self._life_s:
            return "all"
        if self._delay_s == 0 and self._text.ends_like_a_sentence:  # the client cuts the sentences
            return "all"
        return "words" if now >= self._waits_since + self._delay_s else "sentences"

    async def _wait(self) -> bool:
        """For more to do; False when the context has outlived itself (rule 7)."""
        until = self._last_audio_at + self._life_s
        if self._text.is_waiting:
            until = self._waits_since + self._delay_s
            if until <= anyio.current_time():
                until = self._heard_at + self._delay_s + self._life_s
        with anyio.move_on_after(until - anyio.current_time() if until < inf else None):
            await self._news.wait()
            return True
        if self._text.is_waiting or self._inbox:
            return True
        self.is_open = False
        return False

    async def _say(self, steps: list[Stretch | Silence], synthesiser: Synthesiser) -> None:
        with self._machinery.limits.speech.one():
            self._maker.start_clock()
            if self._speaker is None:
                self._speaker = await synthesiser.speaker(self._order.utterance.timbre, self._language)
            for step in steps:
                if isinstance(step, Stretch):
                    if self.is_cancelled:
                        return
                    await self._tell_piece(await synthesiser.say(step, self._speaker))
                else:
                    for piece in self._speaker.pause(step.duration_s):
                        await self._tell_piece(piece)

    async def _tell_piece(self, piece: Piece) -> None:
        async for event in self._maker.events(piece):
            if self.is_cancelled:
                return
            await self._tell(event)

    async def _tell(self, event: Event) -> None:
        event.context_id = self.context_id
        event.flush_id = self._flush_id
        if new := [notice for notice in self._notices if notice not in self._told]:
            event.notices = new
            self._told.update(new)
        await self._send(event)
        if isinstance(event, Chunk):
            self._last_audio_at = anyio.current_time()

    def _check_same(self, message: ContextRequest) -> None:
        """Source: rule 1. What is left out stays as it was."""
        for name in sorted(message.model_fields_set - _MAY_CHANGE):
            value = getattr(message, name)
            if value is not None and _plain(value) != _plain(getattr(self._first, name)):
                raise refuse(400, f"`{name}` must stay what it was in the first message of the context.")


def _plain(value: object) -> object:
    """The same for everything that means the same: a voice's id may stand in an object."""
    return value.id if isinstance(value, VoiceReference) else value
