"""How much we let run at once: a limit that learns, and a queue of our own in front of it.

An account may run so many generations at a time (contract §14), and nobody tells us how many; one more is refused with
429 `concurrency_limited`. So the limit starts at what the largest plan allows and moves as congestion control does:

- A refusal sets it to one less than what was running, at once: of eight where three may run, five are refused, and the
  limit is three.
- It grows by one after as many answers as it is high, all of them while it was full; at a height that was refused
  before, after ten times as many, since finding out costs somebody a refusal.

What was refused goes back to its place in the queue, which is first come, first served, and is sent again as soon as
something of ours ends. Where nothing of ours runs, somebody else uses the account: then only time helps, and who was
refused keeps the slot while it waits, so that one asks and not all.

Sources: Netflix/concurrency-limits `AIMDLimit` (grow only while the limit is used), botocore `retries/throttling.py`
(remember the height at which it was refused).
"""

import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import anyio

PROBE_AFTER = 10
"""Times the limit: answers before a height that was refused is tried again."""


class Limiter:
    """One limit, shared by everything that counts against it.

    Args:
        limit: how many may run at first.
        cap: how many may ever run.
    """

    def __init__(self, limit: int, cap: int) -> None:
        self.limit = limit
        self.cap = max(limit, cap)
        self.in_flight = 0
        self._refused_at: int | None = None
        """As many were running when one was refused."""
        self._answers = 0
        """Since the limit last moved."""
        self._tickets = count()
        self._queue: list[tuple[int, anyio.Event]] = []

    @asynccontextmanager
    async def slot(self) -> AsyncIterator["Slot"]:
        """Wait for a turn, and have it as long as the context is open."""
        slot = Slot(self, next(self._tickets))
        await slot.take()
        try:
            yield slot
        finally:
            slot.free()

    async def _enter(self, ticket: int) -> None:
        if self.in_flight < self.limit and not self._queue:
            self.in_flight += 1
            return
        turn = anyio.Event()
        place = (ticket, turn)
        heapq.heappush(self._queue, place)
        self._admit()
        entered = False
        try:
            await turn.wait()
            entered = True
        finally:
            if not entered and turn.is_set():  # cancelled in the moment the turn came
                self._leave()
            elif not entered:
                self._queue.remove(place)
                heapq.heapify(self._queue)

    def _leave(self) -> None:
        self.in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        while self._queue and self.in_flight < self.limit:
            self.in_flight += 1
            heapq.heappop(self._queue)[1].set()

    def _answered(self) -> None:
        if self.in_flight < self.limit:
            return
        if self._refused_at is not None and self.in_flight >= self._refused_at:
            self._refused_at = None  # what was refused once is not any more
        self._answers += 1
        is_probe = self._refused_at is not None and self.limit + 1 >= self._refused_at
        if self._answers >= self.limit * (PROBE_AFTER if is_probe else 1) and self.limit < self.cap:
            self.limit += 1
            self._answers = 0
            self._admit()

    def _refused(self) -> None:
        self._answers = 0
        if self.in_flight > 1:  # alone, we learn nothing of what we may do: others use the account
            self._refused_at = self.in_flight
        self.limit = max(1, min(self.limit, self.in_flight - 1))


class Slot:
    """One operation's place: in the queue, or among what runs."""

    def __init__(self, limiter: Limiter, ticket: int) -> None:
        self._limiter = limiter
        self._ticket = ticket
        self._is_held = False

    async def take(self) -> None:
        await self._limiter._enter(self._ticket)
        self._is_held = True

    def free(self) -> None:
        if self._is_held:
            self._is_held = False
            self._limiter._leave()

    def answered(self) -> None:
        """The far end let it run."""
        self._limiter._answered()

    async def refused(self, deadline: float) -> bool:
        """The far end did not. True if something else of ours ran and has ended, so that now is the moment to ask again;
        False if nothing did, and only time helps. The slot is held again in either case.

        Raises:
            TimeoutError: nothing ended by the deadline, on the clock of `anyio.current_time`.
        """
        limiter = self._limiter
        limiter._refused()
        if limiter.in_flight <= 1:
            return False
        self.free()
        with anyio.CancelScope(deadline=deadline) as waiting:
            await self.take()
        if waiting.cancelled_caught:
            raise TimeoutError
        return True
