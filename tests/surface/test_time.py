"""Time: cancelling in the middle of anything, calls that reach the limit, jobs."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from mcp_types import CallToolResult

from scripted import Reply, ScriptedServer, Step, data, refusal, silence, speech, wav
from surface_kit import (
    ERAS,
    KATIE,
    LEGACY,
    MODERN,
    Home,
    Served,
    check_schema,
    first_text,
    refused,
    said,
    serve,
    serve_scripted,
)

LONG = "The river was wide and the bridge was old. " * 150


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Temporary files go where the test sees them; none may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


MIDDLE = Reply(
    200, lambda: iter([wav(5.0)]), {"Content-Type": "audio/wav"}, length=441044, cut_after=200_000, ending="silence"
)
CANCELLED: dict[str, tuple[str, dict[str, Any], str, Step]] = {
    "before speech": ("text_to_speech", {"transcript": "Hello."}, "POST /tts/bytes", silence),
    "in speech": ("text_to_speech", {"transcript": "Hello.", "format": "wav"}, "POST /tts/bytes", MIDDLE),
    "in long speech": ("text_to_speech", {"transcript": LONG}, "POST /tts/bytes", silence),
    "in timed speech": ("text_to_speech", {"transcript": "Hello.", "timestamps": True}, "POST /tts/sse", silence),
    "looking up a voice": ("text_to_speech", {"transcript": "Hello.", "voice": "Katie"}, "GET /voices", silence),
    "transcribing": ("transcribe", {"audio": "clip.wav"}, "POST /stt", silence),
    "transcribing in parts": ("transcribe", {"audio": "long.wav"}, "POST /stt", silence),
    "listing": ("list_voices", {}, "GET /voices", silence),
    "cloning": ("clone_voice", {"audio": "clip.wav", "name": "Ada"}, "POST /voices/clone", silence),
    "localizing": ("localize_voice", {"voice": KATIE, "language": "fr"}, "POST /voices/localize", silence),
    "infilling": ("infill", {"transcript": "then", "before": "clip.wav"}, "POST /infill/bytes", silence),
}


@pytest.mark.parametrize("moment", CANCELLED)
@pytest.mark.parametrize("era", ERAS)
async def test_cancelling_closes_the_request_and_leaves_nothing(home: Home, era: str, moment: str) -> None:
    """Rule: when the client cancels, the socket upstream closes, and no file, part or job is left."""
    tool, arguments, route, step = CANCELLED[moment]
    (home.root / "clip.wav").write_bytes(wav(4.0, 16000))
    if arguments.get("audio") == "long.wav":
        (home.root / "long.wav").write_bytes(wav(400.0, 8000))
    async with serve_scripted(home, routes={route: step}) as (served, upstream):
        async with served.client(era) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, tool, arguments)
            method, _, path = route.partition(" ")
            await upstream.until(lambda: any(r.is_complete for r in upstream.requests_to(path) if r.method == method))
            tasks.cancel_scope.cancel()
        waiting = [request for request in upstream.requests_to(path) if request.method == method]
        # One that was cut while its body was still on its way has ended without having been complete.
        await upstream.until(lambda: all(request.was_abandoned or not request.is_complete for request in waiting))
        async with asyncio.timeout(5):
            while any(not job.finished.is_set() for job in served.state.jobs._jobs.values()):
                await anyio.lowlevel.checkpoint()
        assert home.files() == []


async def test_cancelling_ends_the_embedded_engines_work(offline: Served) -> None:
    """Rule: the same with the engine behind it; the next call is answered at once."""
    before = offline.home.files()
    for tool, arguments in (
        ("text_to_speech", {"transcript": LONG * 4, "format": "wav"}),
        ("text_to_speech", {"transcript": LONG[:1000], "format": "wav", "timestamps": True}),
    ):
        for era in ERAS:
            async with offline.client(era) as client:
                with anyio.move_on_after(0.15):
                    await client.call_tool(tool, arguments)
    with anyio.fail_after(10):
        said(await offline.call("text_to_speech", transcript="And now this.", filename="after cancelling"))
    assert offline.home.files() == sorted([*before, "after cancelling.mp3"])


async def test_a_call_that_reaches_the_limit_goes_on_as_a_job(home: Home, era: str) -> None:
    """Rule: the result says that it goes on, get_job waits for it, and its result is that of the tool."""
    go_on = asyncio.Event()
    routes: dict[str, Step] = {"POST /tts/bytes": speech(0.5, wait_for=go_on)}
    async with serve_scripted(home, routes=routes, call_limit_s=0.2) as (served, _):
        async with served.client(era) as client:
            schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
            first = await client.call_tool("text_to_speech", {"transcript": "Hello.", "format": "wav"})
            told = said(first)
            assert told["status"] == "running"
            assert told["job_id"] in first_text(first)
            assert "get_job" in first_text(first)
            check_schema(first, schemas["text_to_speech"])
            for action in ("read", "wait"):
                still = await client.call_tool("get_job", {"job_id": told["job_id"], "action": action})
                assert said(still)["status"] == "running"
                check_schema(still, schemas["get_job"])
            go_on.set()
            done = await client.call_tool("get_job", {"job_id": told["job_id"]})
            assert said(done)["duration_s"] == 0.5
            assert done.content[1].type == "resource_link"
            check_schema(done, schemas["get_job"])
            again = await client.call_tool("get_job", {"job_id": f" {told['job_id']} ", "action": "READ"})
            assert said(again)["path"] == said(done)["path"]
            late = await client.call_tool("get_job", {"job_id": told["job_id"], "action": "cancel"})
            assert "done before it could be cancelled" in refused(late)
        assert len(home.files()) == 1


async def test_a_list_that_does_not_come_is_given_up_at_the_limit(home: Home) -> None:
    """Rule: any call returns within the limit; what cannot be a job fails in a sentence."""
    routes: dict[str, Step] = {"GET /voices": silence}
    async with serve_scripted(home, routes=routes, call_limit_s=0.2) as (served, upstream):
        assert "did not answer in time" in refused(await served.call("list_voices"))
        await upstream.until(lambda: upstream.requests_to("/voices")[0].was_abandoned)


async def running_job(served: Served, era: str = MODERN, **arguments: Any) -> str:
    result = await served.call("text_to_speech", era, **{"transcript": "Hello.", "format": "wav", **arguments})
    return str(said(result)["job_id"])


async def test_a_job_can_be_cancelled(home: Home) -> None:
    """Rule: get_job cancels: the request upstream ends, no file is left, and reading it says so."""
    routes: dict[str, Step] = {"POST /tts/bytes": silence}
    async with serve_scripted(home, routes=routes, call_limit_s=0.2) as (served, upstream):
        job_id = await running_job(served)
        for action in ("cancel", "cancel", "read", "wait"):
            result = await served.call("get_job", LEGACY, job_id=job_id, action=action)
            assert said(result)["status"] == "cancelled"
        await upstream.until(lambda: upstream.requests_to("/tts/bytes")[0].was_abandoned)
        assert home.files() == []


async def test_a_job_that_failed_is_reported_as_a_failure(home: Home, era: str) -> None:
    """Rule: what a call would have said, get_job says: the sentence, as an error, each time."""
    go_on = asyncio.Event()

    async def fail_later(exchange: Any) -> None:
        await go_on.wait()
        await refusal(402, code="quota_exceeded")(exchange)

    routes: dict[str, Step] = {"POST /tts/bytes": fail_later}
    async with serve_scripted(home, routes=routes, call_limit_s=0.2) as (served, _):
        job_id = await running_job(served)
        go_on.set()
        for action in ("wait", "read"):
            assert "out of credits" in refused(await served.call("get_job", era, job_id=job_id, action=action))


async def test_a_job_nobody_knows_is_refused(offline: Served) -> None:
    """Rule: an unknown id is refused in a sentence, and an unknown action by name."""
    assert "no such job" in refused(await offline.call("get_job", job_id="nope"))
    assert "action must be 'wait'" in refused(await offline.call("get_job", job_id="nope", action="stop"))


async def test_jobs_outlive_their_connection_but_not_the_server(home: Home) -> None:
    """Rule: another connection of the same server can pick a job up; the server's end ends it and its request."""
    routes: dict[str, Step] = {"POST /tts/bytes": silence}
    async with ScriptedServer(routes=routes) as upstream:
        upstream.routes |= {f"GET /voices/{KATIE}": data({"id": KATIE, "name": "Katie", "language": "en"})}
        async with serve(home, CARTESIA_BASE_URL=upstream.base_url, call_limit_s=0.2) as served:
            job_id = await running_job(served, LEGACY)
            assert said(await served.call("get_job", MODERN, job_id=job_id, action="read"))["status"] == "running"
        await upstream.until(lambda: upstream.requests_to("/tts/bytes")[0].was_abandoned)
    assert home.files() == []


async def test_parallel_calls_do_not_wait_for_each_other(home: Home) -> None:
    """Rule: four calls that each need an answer are all under way at once, on one connection."""
    go_on = asyncio.Event()
    results: list[CallToolResult] = []
    routes: dict[str, Step] = {"POST /tts/bytes": speech(0.2, wait_for=go_on)}
    async with serve_scripted(home, routes=routes) as (served, upstream), served.client() as client:

        async def speak() -> None:
            results.append(await client.call_tool("text_to_speech", {"transcript": "Hello.", "format": "wav"}))

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(speak)
            await upstream.until(lambda: len(upstream.requests_to("/tts/bytes")) == 4)
            go_on.set()
        assert len({said(result)["path"] for result in results}) == 4


async def test_one_call_makes_no_more_requests_at_once_than_the_plan_allows(home: Home) -> None:
    """Rule: within one call at most SONANT_CONCURRENCY generations run; the next starts when one has ended."""
    under_way = most = 0

    async def counted(exchange: Any) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        await speech(0.2)(exchange)
        under_way -= 1

    for limit in (1, 2, 3):
        most = 0
        routes: dict[str, Step] = {"POST /tts/bytes": counted}
        async with serve_scripted(home, routes=routes, SONANT_CONCURRENCY=str(limit)) as (served, _):
            said(await served.call("text_to_speech", transcript=LONG, format="wav"))
        assert most == limit
