"""What the requests of one engine share: its options, its voices, its workers. No state is global."""

import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self, cast

import anyio
from anyio import to_thread
from starlette.requests import HTTPConnection
from starlette.types import Scope

from sonant.engine.answers import BROKEN_OFF
from sonant.engine.blobs import Blobs
from sonant.engine.catalogue import catalogue, default_voice
from sonant.engine.credentials import Caller, id_of
from sonant.engine.ledger import Capability, Ledger
from sonant.engine.limits import Limits
from sonant.engine.options import EngineOptions
from sonant.engine.previews import Previews
from sonant.engine.records import Records
from sonant.engine.tokens import Tokens
from sonant.engine.trainer import Trainer
from sonant.engine.voice_store import VoiceStore
from sonant.engine.voices import EngineVoice
from sonant.errors import EngineUnavailableError, UnknownVoiceError

if TYPE_CHECKING:
    from sonant.engine.changing import Likenesses
    from sonant.engine.recognition import Recogniser
    from sonant.engine.synthesis import Synthesiser

_THREADS = 4
FILE_KINDS = ("file", "dataset_file")
"""Kinds of records whose id is also that of their bytes in `Machinery.blobs`."""


class Machinery:
    """Use as an async context manager: leaving ends the workers. Each part starts when it is first needed."""

    def __init__(self, options: EngineOptions) -> None:
        self.options = options
        self.started_at = time.time()
        self.key_id = id_of(options.api_key) if options.api_key else None
        self.store = VoiceStore(options.voices_path)
        self.records = Records(options.records_path)
        self.blobs = Blobs(options.files_dir, self._is_file)
        self.previews = Previews()
        self.ledger = Ledger(options.ledger_path, options.credits)
        self.limits = Limits(options.tts_concurrency, options.stt_concurrency)
        self.tokens = Tokens(options.token_secret_path)
        self.trainer = Trainer(self)
        self._stack = AsyncExitStack()
        self._starting = anyio.Lock()
        self._synthesiser: Synthesiser | None = None
        self._recogniser: Recogniser | None = None
        self._likenesses: Likenesses | None = None
        self._closed = False
        self.threads = anyio.CapacityLimiter(_THREADS)
        """For arithmetic and files, so that nobody else's threads run out."""

    async def __aenter__(self) -> Self:
        tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._stack.callback(tasks.cancel_scope.cancel)  # before the group waits for what no request owns
        tasks.start_soon(self.trainer.start, tasks)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        await self._stack.aclose()
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self.ledger.close)

    async def synthesiser(self) -> "Synthesiser":
        from sonant.engine.synthesis import Synthesiser

        async with self._starting:
            self._check_open()
            if self._synthesiser is None:
                self._synthesiser = await self._stack.enter_async_context(Synthesiser(self.options.workers))
        return self._synthesiser

    async def recogniser(self) -> "Recogniser":
        from sonant.engine.recognition import Recogniser

        async with self._starting:
            self._check_open()
            if self._recogniser is None:
                self._recogniser = await self._stack.enter_async_context(Recogniser(self.options.workers))
        return self._recogniser

    def likenesses(self) -> "Likenesses":
        from sonant.engine.changing import Likenesses

        if self._likenesses is None:
            self._likenesses = Likenesses()
        return self._likenesses

    async def voice(self, voice_id: str) -> EngineVoice:
        """
        Raises:
            UnknownVoiceError: there is none of that id.
        """
        found = catalogue().get(voice_id) or await to_thread.run_sync(self.store.get, voice_id, limiter=self.threads)
        if found is None and self.options.any_voice:
            found = default_voice()
        if found is None:
            raise UnknownVoiceError(
                f"There is no voice {voice_id[:64]!r} here.", hint="GET /voices lists the voices there are."
            )
        return found

    async def charge(
        self,
        scope: Scope,
        capability: Capability,
        credits: float,
        *,
        model: str | None = None,
        voice: str | None = None,
    ) -> None:
        """Write down what a request that succeeded has cost; failed ones cost nothing (contract §1.4).

        Args:
            scope: of the request, whose caller pays.
            capability: what was done.
            credits: as wire/costs.py counts them.
            model: model id.
            voice: voice id.
        """
        state = scope.get("state", {})
        if state.get(BROKEN_OFF):
            return
        caller: Caller | None = state.get("caller")
        self.ledger.charge(capability, credits, model=model, voice=voice, caller=caller.id if caller else None)

    def _is_file(self, file_id: str) -> bool:
        """Whether anything still wants those bytes."""
        return any(self.records.get(kind, file_id) for kind in FILE_KINDS)

    def _check_open(self) -> None:
        if self._closed:
            raise EngineUnavailableError("The engine is shutting down.")


def machinery_of(connection: HTTPConnection) -> Machinery:
    """Of a request or of a socket."""
    return cast(Machinery, connection.app.state.machinery)
