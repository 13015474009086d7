"""Sockets to `/tts/websocket` that contexts share. Source: contract §3.3.

One is opened when the first context needs it. It carries all contexts at once; it ends when it drops, or when nobody has
used it for a while (the far end would close it after five minutes), and the next context opens another. A second one
beside it is opened only while the first is not read because of a reader who is far behind (backlog.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio

from sonant.api_client.backlog import Arrived, Backlog, Budget
from sonant.api_client.bodies import json_object
from sonant.api_client.sockets import Socket
from sonant.api_client.transport import KEEPALIVE_S
from sonant.errors import APIConnectionError, SpeechError

IDLE_S = 240.0
"""A socket without contexts is closed after so long, and a sixth of it more at most."""
SOCKETS_PER_SLOT = 10
"""Sockets a plan allows for each generation at once. Source: contract §3.3."""

_CHECK_S = 3.0
"""A socket that was idle for a while must answer a ping within so long, or is replaced."""
_CANCEL_S = 1.0
"""What telling the far end to stop may take."""


class Line:
    """One socket, and the contexts on it. A task of its own reads it, whoever waits."""

    def __init__(self, socket: Socket, budget: Budget, idle_s: float) -> None:
        self._socket = socket
        self._budget = budget
        self._idle_s = idle_s
        self._backlogs: dict[str, Backlog] = {}
        self._used_at = anyio.current_time()
        self._is_retired = False
        self.is_over = False
        self.is_stalled = False
        """Not read, because one reader is far behind."""
        # Not in a task group: it lives from one call to another, and ends in `aclose` at the latest.
        self._reader = asyncio.create_task(self._read())

    @property
    def is_usable(self) -> bool:
        return not (self.is_over or self._is_retired) and self._socket.is_open

    @property
    def needs_check(self) -> bool:
        return not self._backlogs and anyio.current_time() - self._used_at > KEEPALIVE_S

    async def check(self) -> None:
        """Make sure that somebody is there, or retire."""
        try:
            await self._socket.check(_CHECK_S)
            self._used_at = anyio.current_time()
        except SpeechError:
            await self.retire()

    def attach(self, context_id: str, arrived: Arrived) -> Backlog:
        """From now on the context's messages are kept."""
        self._used_at = anyio.current_time()
        backlog = self._backlogs[context_id] = Backlog(self._budget, arrived)
        return backlog

    async def detach(self, context_id: str, *, cancel: bool) -> None:
        """The context's messages are dropped; where it is not over, the far end is told to stop."""
        backlog = self._backlogs.pop(context_id, None)
        if backlog is not None:
            backlog.close()
        self._used_at = anyio.current_time()
        if cancel and self._socket.is_open:
            with anyio.CancelScope(shield=True), anyio.move_on_after(_CANCEL_S) as saying, suppress(SpeechError):
                await self._socket.send({"context_id": context_id, "cancel": True})
            self._is_retired |= saying.cancelled_caught
        await self._leave_if_retired()

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message of one of the contexts.

        Raises:
            APIConnectionError: the socket has dropped, and with it every context.
        """
        try:
            await self._socket.send(message)
        except SpeechError as failure:
            self._end(failure)
            raise

    async def retire(self) -> None:
        """Take no new contexts, and close when the last has gone."""
        self._is_retired = True
        await self._leave_if_retired()

    async def aclose(self) -> None:
        self._end(SpeechError("The client was closed before the speech service had answered."))
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._socket.aclose()

    async def _leave_if_retired(self) -> None:
        if self._is_retired and not self._backlogs:
            await self.aclose()

    def _end(self, failure: SpeechError) -> None:
        self.is_over = True
        for backlog in self._backlogs.values():
            backlog.end(failure)

    async def _read(self) -> None:
        failure: SpeechError = APIConnectionError("The connection to the speech service was cut.", hint="Try again.")
        try:
            while (text := await self._receive()) is not None:
                await self._deliver(json_object(text), text)
        except SpeechError as error:
            failure = error
        finally:
            self._end(failure)
            await self._socket.aclose()

    async def _receive(self) -> str | None:
        while True:
            with anyio.move_on_after(self._idle_s / 6):
                return await self._socket.receive()
            if not self._backlogs and anyio.current_time() - self._used_at >= self._idle_s:
                return None

    async def _deliver(self, message: dict[str, Any], text: str) -> None:
        context_id = message.get("context_id")
        if context_id is None and message.get("type") == "error":  # about the socket, so about every context
            self._is_retired = True
            for backlog in self._backlogs.values():
                backlog.put(message, text)
            return
        if not isinstance(context_id, str) or context_id not in self._backlogs:
            return  # late: its context was cancelled
        backlog = self._backlogs[context_id]
        backlog.put(message, text)
        if backlog.is_full:
            self.is_stalled = True
            await backlog.room()
            self.is_stalled = False


class Lines:
    """All sockets of one client that speak.

    Args:
        open_socket: opens another.
        slots: how many contexts may run at once, as far as we know.
    """

    def __init__(
        self,
        open_socket: Callable[[], Awaitable[Socket]],
        slots: Callable[[], int],
        budget: Budget | None = None,
        idle_s: float = IDLE_S,
    ) -> None:
        self.budget = budget or Budget()
        self.idle_s = idle_s
        self._open_socket = open_socket
        self._slots = slots
        self._lines: list[Line] = []
        self._choosing = anyio.Lock()

    async def attach(self, context_id: str, arrived: Arrived) -> tuple[Line, Backlog]:
        """A place on a socket for one context.

        Raises:
            SpeechError: none can be opened.
        """
        async with self._choosing:
            while True:
                self._lines = [line for line in self._lines if not line.is_over]
                usable = [line for line in self._lines if line.is_usable]
                line = next((line for line in usable if not line.is_stalled), None)
                if line is None and usable and len(self._lines) >= SOCKETS_PER_SLOT * self._slots():
                    line = usable[-1]
                if line is None:
                    line = Line(await self._open_socket(), self.budget, self.idle_s)
                    self._lines.append(line)
                elif line.needs_check:
                    await line.check()
                    continue
                return line, line.attach(context_id, arrived)

    async def aclose(self) -> None:
        lines, self._lines = self._lines, []
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as tasks:
                for line in lines:
                    tasks.start_soon(line.aclose)
