"""How much the client lets run at once: learnt from refusals, fair, and never in the way of what may run."""

from collections.abc import Awaitable, Callable

import anyio
import pytest

from client_kit import SPEECH, all_bytes, clip, speak
from scripted import Exchange, ScriptedServer, data, refusal, speech
from sonant.api_client.client import APIClient
from sonant.api_client.connection import Connection, Retry
from sonant.api_client.limiter import PROBE_AFTER, Limiter
from sonant.errors import RateLimitError

ONCE = Retry(attempts=1, base_s=0.001, cap_s=0.001)
"""What is sent again under it did not use up an attempt."""


class Plan:
    """A service that runs so many generations at once and refuses one more; counts what it saw."""

    def __init__(self, concurrency: int, lasts_s: float = 0.0, ends: anyio.Event | None = None) -> None:
        self.concurrency, self.lasts_s, self.ends = concurrency, lasts_s, ends
        self.running = self.most = self.refused = self.done = 0

    async def __call__(self, exchange: Exchange) -> None:
        if self.running >= self.concurrency:
            self.refused += 1
            await refusal(429, code="concurrency_limited")(exchange)
            return
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.ends is not None:
                await self.ends.wait()
            await anyio.sleep(self.lasts_s)
        finally:
            self.running -= 1
        self.done += 1
        await speech(0.01)(exchange)


def limited(server: ScriptedServer, concurrency: int, *, deadline_s: float = 10.0) -> APIClient:
    return APIClient(Connection(server.base_url, None, retry=ONCE, deadline_s=deadline_s, concurrency=concurrency))


async def together(count: int, call: Callable[[], Awaitable[object]]) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(call)


async def test_eight_wanted_where_three_may_run() -> None:
    """The plan is learnt in one round of refusals, and then kept full: little is lost against knowing it."""
    lasts_s, wanted, allowed = 0.15, 24, 3
    plan = Plan(allowed, lasts_s)
    async with ScriptedServer(otherwise=plan) as server, limited(server, 8) as client:
        start = anyio.current_time()
        await together(wanted, lambda: speak(client))
        took_s = anyio.current_time() - start
    ideal_s = lasts_s * wanted / allowed
    print(f"\n{wanted} wanted, {allowed} allowed: {took_s:.2f} s, ideal {ideal_s:.2f} s, {plan.refused} refused")
    assert plan.done == wanted
    assert plan.most == allowed
    assert plan.refused <= 8 - allowed + 1  # one round, and one probe
    assert took_s < 2 * ideal_s


async def test_the_limit_rises_to_what_the_plan_allows() -> None:
    """From two at first to five, by answers alone; what was refused once is seldom asked for again."""
    plan = Plan(5, 0.03)
    async with ScriptedServer(otherwise=plan) as server, limited(server, 2) as client:
        await together(100, lambda: speak(client))
        assert plan.most == 5
        assert client._connection.limiters["tts"].limit in (4, 5, 6)
    assert plan.done == 100
    assert plan.refused <= 2 + 100 / (5 * PROBE_AFTER)


async def test_what_is_refused_while_others_run_is_sent_when_one_ends() -> None:
    """Neither an attempt nor a wait is spent: it goes out the moment there is a slot."""
    ends = anyio.Event()
    plan = Plan(1, ends=ends)
    async with ScriptedServer(otherwise=plan) as server, limited(server, 2) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(speak, client)
            tasks.start_soon(speak, client)
            await server.until(lambda: plan.refused == 1)
            await anyio.wait_all_tasks_blocked()
            assert len(server.requests) == 2
            ends.set()
        assert (len(server.requests), plan.done) == (3, 2)


async def test_it_waits_for_a_slot_no_longer_than_its_deadline() -> None:
    """Then it says that the account is busy; it has asked once, and what ran is not disturbed."""
    go = anyio.Event()
    busy = refusal(429, code="concurrency_limited")
    async with (
        ScriptedServer(speech(1, pause_after=(4096, go)), otherwise=busy) as server,
        limited(server, 2, deadline_s=0.3) as client,
        client.speak(SPEECH) as body,
    ):
        with pytest.raises(RateLimitError, match="Too many requests run at once"):
            await speak(client)
        assert len(server.requests) == 2
        assert client._connection.limiters["tts"].in_flight == 1
        go.set()
        await all_bytes(body)


async def test_speaking_and_listening_do_not_wait_for_each_other() -> None:
    """The plan counts them apart (contract §14), and a call of neither kind is never queued."""
    ends = anyio.Event()
    heard = data({"type": "transcript", "text": "hello"})
    routes = {"/tts/bytes": Plan(9, ends=ends), "/stt": heard, "/voices": data({"data": []})}
    async with (
        ScriptedServer(routes=routes) as server,
        limited(server, 1) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(speak, client)
        tasks.start_soon(speak, client)
        await server.until_requests(1)
        await client.transcribe(clip())
        await client.list_voices()
        assert len(server.requests_to("/tts/bytes")) == 1
        ends.set()


# The limiter alone


async def test_turns_come_in_order_and_the_refused_come_first() -> None:
    """Who waits longest is next; a refusal sends one back to where it stood, not to the end."""
    limiter = Limiter(2, 2)
    order: list[str] = []
    gates = {name: anyio.Event() for name in "abcd"}

    async def work(name: str, refused: bool = False) -> None:
        async with limiter.slot() as slot:
            order.append(name)
            if refused:
                assert await slot.refused(anyio.current_time() + 10)
                order.append(f"{name} again")
            await gates[name].wait()

    async with anyio.create_task_group() as tasks:
        for name, refused in (("a", False), ("b", True), ("c", False), ("d", False)):
            tasks.start_soon(work, name, refused)
            await anyio.wait_all_tasks_blocked()
        for name in "abcd":
            gates[name].set()
            await anyio.wait_all_tasks_blocked()
    assert order == ["a", "b", "b again", "c", "d"]
    assert (limiter.limit, limiter.in_flight, limiter._queue) == (1, 0, [])


async def test_who_gives_up_leaves_no_hole() -> None:
    """Cancelled in the queue, in the moment of its turn, or at work: the slot is somebody else's."""
    limiter = Limiter(1, 1)
    scopes = [anyio.CancelScope() for _ in range(3)]

    async def work(scope: anyio.CancelScope) -> None:
        with scope:
            async with limiter.slot():
                await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        for scope in scopes:
            tasks.start_soon(work, scope)
            await anyio.wait_all_tasks_blocked()
        scopes[2].cancel()
        await anyio.wait_all_tasks_blocked()
        scopes[0].cancel()
        scopes[1].cancel()  # its turn comes while it is being cancelled
    assert (limiter.in_flight, limiter._queue) == (0, [])
    with anyio.fail_after(1):
        async with limiter.slot():
            pass


async def test_alone_and_refused_one_keeps_asking_for_all() -> None:
    """Somebody else uses the account: the limit falls to one, and whoever has the slot keeps it."""
    limiter = Limiter(4, 8)
    async with limiter.slot() as slot:
        assert await slot.refused(anyio.current_time()) is False
        assert (limiter.limit, limiter.in_flight) == (1, 1)
        slot.answered()
        assert limiter.limit == 2  # nothing was learnt of what we may do, so it rises at once
