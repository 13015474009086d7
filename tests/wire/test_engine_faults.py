"""Failures on request: `sonant engine --faults`. What was asked for happens, the rest does not, and twice alike."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import pytest
from cartesia import APIConnectionError, AsyncCartesia, InternalServerError, RateLimitError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from engine_fixture import KATIE, RAW, VERSION, WAV, speech
from engine_kit import KEY, Running, bearer, running
from sonant.engine.app import build_engine
from sonant.engine.faults import read_faults
from sonant.engine.injection import FaultInjection
from sonant.engine.options import EngineOptions
from sonant.engine.serving import served
from sonant.errors import SettingsError

OLD = {"Cartesia-Version": "2024-11-13"}


@pytest.fixture(scope="module")
async def obliging(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Running]:
    """An engine whose callers say what is to go wrong."""
    async with running(tmp_path_factory.mktemp("faults"), faults=read_faults("header")) as engine:
        yield engine


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("", "no fault"),
        (" , ,", "no fault"),
        ("seed=1", "no fault"),
        ("boom=1%", "'boom=1%' is no fault"),
        ("200=1%", "is no fault"),
        ("99999999999=1%", "is no fault"),
        ("５００", "is no fault"),
        ("500=5", "share such as 5%"),
        ("500=101%", "share"),
        ("500=-1%", "share"),
        ("cut=nan%", "share"),
        ("500=", "share"),
        ("latency", "time such as 200ms"),
        ("latency=5", "time"),
        ("latency=1h", "time"),
        ("latency=601s", "10 minutes"),
        ("latency=2s-1s", "ends before it begins"),
        ("retry-after=x", "time"),
        ("seed=x", "whole number"),
        ("/tts/bytes", "names a path but no fault"),
        ("/tts/bytes:", "is no fault"),
        ("429=60%,500=50%", "more than 100%"),
        ("429=60%,/tts:500=50%", "at /tts add up"),
    ],
)
def test_a_specification_that_cannot_be_read_is_refused_in_a_sentence(text: str, phrase: str) -> None:
    """And by the command with exit status 2, as every wrong setting (tests/process)."""
    with pytest.raises(SettingsError, match=phrase) as refused:
        read_faults(text)
    assert str(refused.value).endswith("--help.")


def test_what_is_named_for_a_path_wins_there_alone() -> None:
    """The longer path over the shorter; what it says nothing about stays."""
    faults = read_faults("latency=100ms, 500=0%, /tts:500=100%, /tts/sse/:500=0%,/tts/sse:429,retry-after=3s")
    fates = {path: faults.fate(path, 1) for path in ("/voices", "/tts/bytes", "/tts/sse")}
    assert [fate.status for fate in fates.values()] == [None, 500, 429]
    assert {fate.latency_s for fate in fates.values()} == {0.1}
    assert {fate.retry_after_s for fate in fates.values()} == {3.0}


def test_shares_are_kept_and_a_seed_repeats_itself() -> None:
    """Of 1,500 requests about as many fail as were asked for; the same seed names the same ones, another others."""
    text = "429=5%,500=2.5%,cut=10%,drop=1%,latency=10ms-20ms,seed="
    fates, again, others = ([read_faults(text + seed).fate("/x", i) for i in range(1500)] for seed in ("7", "7", "8"))
    assert fates == again != others
    counts = Counter(fate.status for fate in fates)
    assert counts[429] / 1500 == pytest.approx(0.05, abs=0.02)
    assert counts[500] / 1500 == pytest.approx(0.025, abs=0.014)
    assert sum("cut" in fate.ending for fate in fates) / 1500 == pytest.approx(0.1, abs=0.027)
    assert sum("drop" in fate.ending for fate in fates) / 1500 == pytest.approx(0.01, abs=0.009)
    assert all(0.010 <= fate.latency_s <= 0.020 for fate in fates)


def test_nothing_is_in_the_way_unless_asked_for(tmp_path: Path) -> None:
    """Off by default, and then not among the middlewares: it costs nothing."""
    layers = [layer.cls for layer in build_engine(EngineOptions(data_dir=tmp_path)).user_middleware]
    assert FaultInjection not in layers
    wanted = build_engine(EngineOptions(data_dir=tmp_path, faults=read_faults("500=1%")))
    assert FaultInjection in [layer.cls for layer in wanted.user_middleware]


@pytest.mark.parametrize("status", [402, 404, 408, 429, 500, 502, 503, 504])
async def test_a_refusal_asked_for_looks_like_a_real_one(obliging: Running, status: int) -> None:
    """In the form of its version; 429 with the code of the contract and, where asked for, with Retry-After."""
    wish = {"Sonant-Fault": f"{status}, retry-after=1.5s"}
    answer = await obliging.http.post("/tts/bytes", json=speech(), headers=wish)
    assert answer.status_code == status
    body = answer.json()
    assert set(body) == {"error_code", "title", "message", "request_id"}
    assert body["error_code"] == {402: "quota_exceeded", 429: "concurrency_limited"}.get(status)
    assert body["title"] != "Error"
    assert answer.headers.get("retry-after") == ("1.5" if status in (429, 503) else None)
    old = await obliging.http.post("/tts/bytes", json=speech(), headers={**wish, **OLD})
    assert (old.status_code, old.text) == (status, f"{body['title']}: {body['message']}")


async def test_the_rest_is_left_alone(obliging: Running) -> None:
    """Requests that ask for nothing, the status probe, and those that are refused at the door."""
    assert (await obliging.http.post("/tts/bytes", json=speech())).status_code == 200
    assert (await obliging.http.get("/", headers={"Sonant-Fault": "500"})).status_code == 200
    assert (await obliging.http.get("/voices", headers={"Sonant-Fault": "500", **bearer("no")})).status_code == 401
    wrong = await obliging.http.get("/voices", headers={"Sonant-Fault": "boom"})
    assert wrong.status_code == 400
    assert "Sonant-Fault" in wrong.json()["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tts/bytes", speech("Hello there.", output_format=WAV)),
        ("/tts/bytes", speech("Hello there.", output_format=RAW)),
        ("/tts/bytes", speech("One. Two. Three. Four. Five. Six. Seven. Eight.", output_format=RAW)),
        ("/tts/sse", speech("Hello there.")),
        ("/voices", None),
    ],
)
async def test_a_body_that_is_cut_ends_before_its_end(
    obliging: Running, path: str, body: dict[str, Any] | None
) -> None:
    """Status and headers are good, some of the body comes, then the connection breaks; and nothing is charged."""
    method = "GET" if body is None else "POST"
    whole = (await obliging.http.request(method, path, json=body)).content
    before = await obliging.credits()
    for _ in range(3):
        got = bytearray()
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            await read_into(got, obliging, method, path, body)
        assert 0 < len(got) < len(whole)
    assert sum(b["credits"] for b in (await obliging.credits())["data"]) == sum(b["credits"] for b in before["data"])
    assert obliging.machinery.limits.speech.taken == 0


async def read_into(got: bytearray, engine: Running, method: str, path: str, body: dict[str, Any] | None) -> None:
    async with engine.http.stream(method, path, json=body, headers={"Sonant-Fault": "cut"}) as answer:
        assert answer.status_code == 200
        async for chunk in answer.aiter_raw():
            got += chunk


async def test_latency_comes_before_the_answer(obliging: Running) -> None:
    """Of any answer, also of one that is refused then."""
    began = perf_counter()
    answer = await obliging.http.get("/voices", headers={"Sonant-Fault": "latency=150ms,503"})
    assert answer.status_code == 503
    assert perf_counter() - began >= 0.15


async def test_the_sdk_meets_them_as_it_would_meet_real_ones(obliging: Running) -> None:
    """Official SDK: its own exceptions, as if the cloud had failed."""
    say = {"model_id": "sonic-3.6", "transcript": "Hi.", "voice": {"mode": "id", "id": KATIE}, "output_format": RAW}
    async with AsyncCartesia(api_key=KEY, base_url=obliging.base_url, max_retries=0) as sdk:
        for wish, failure in (("429", RateLimitError), ("503", InternalServerError)):
            with pytest.raises(failure):
                await sdk.tts.generate(**say, extra_headers={"Sonant-Fault": wish})  # type: ignore[arg-type]
        with pytest.raises(APIConnectionError):
            await sdk.tts.generate(**say, extra_headers={"Sonant-Fault": "cut"})  # type: ignore[arg-type]


@asynccontextmanager
async def echoing(faults: str) -> AsyncIterator[str]:
    """A socket that counts, behind the faults."""

    async def count(socket: WebSocket) -> None:
        await socket.accept()
        try:
            for number in range(1000):
                await socket.receive_text()
                await socket.send_text(str(number))
        except WebSocketDisconnect:
            pass

    app = Starlette(
        routes=[WebSocketRoute("/count", count)],
        middleware=[Middleware(FaultInjection, faults=read_faults(faults))],
    )
    async with served(app, "127.0.0.1", 0) as base_url:
        yield base_url.replace("http", "ws") + "/count"


async def ask_on(socket: ClientConnection, got: list[str | bytes]) -> None:
    while True:
        await socket.send("next")
        got.append(await socket.recv())


async def test_a_socket_that_is_dropped_vanishes_after_some_messages() -> None:
    """No closing handshake (1006), after one message at least and ten at most, not always as many."""
    counts = set()
    async with echoing("drop=100%,seed=3") as url:
        for _ in range(6):
            async with connect(url, proxy=None) as socket:
                got: list[str | bytes] = []
                with pytest.raises(ConnectionClosedError) as closed:
                    await ask_on(socket, got)
            assert closed.value.rcvd is None
            counts.add(len(got))
    assert len(counts) > 1
    assert counts <= set(range(1, 11))


async def test_a_handshake_may_be_refused_too() -> None:
    """With the status and the body, as the plan's limit would."""
    async with echoing("429,retry-after=2s") as url:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url, proxy=None):
                pass
    response = refused.value.response
    assert (response.status_code, response.headers["Retry-After"]) == (429, "2")
    assert b"concurrency_limited" in (response.body or b"")


async def test_the_speaking_socket_breaks_off_too(obliging: Running) -> None:
    """Without `done`, and unpaid; its slot is free again, and the next socket speaks."""
    url = obliging.base_url.replace("http", "ws") + "/tts/websocket"
    headers = {**bearer(KEY), **VERSION}
    say = json.dumps(speech("One. Two. Three. Four. Five. Six. Seven. Eight.", context_id="c", add_timestamps=True))
    before = obliging.machinery.ledger.spent()
    async with connect(url, additional_headers={**headers, "Sonant-Fault": "drop"}, proxy=None) as socket:
        await socket.send(say)
        with pytest.raises(ConnectionClosedError) as closed:
            await done_on(socket)
        assert closed.value.rcvd is None
    async with connect(url, additional_headers=headers, proxy=None) as socket:
        assert obliging.machinery.limits.sockets.taken == 1
        await socket.send(say)
        await done_on(socket)
    assert obliging.machinery.ledger.spent() == before + 47


async def done_on(socket: ClientConnection) -> None:
    while json.loads(await socket.recv())["type"] != "done":
        pass


async def test_shares_of_a_running_engine_are_of_requests(tmp_path: Path) -> None:
    """A path's own share befalls that path, in the same order each time the engine is started."""
    runs = []
    for _ in range(2):
        async with running(tmp_path, faults=read_faults("/accents:500=50%,seed=5")) as engine:
            runs.append([(await engine.http.get("/accents", headers=VERSION)).status_code for _ in range(12)])
            assert (await engine.http.get("/voices")).status_code == 200
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}
