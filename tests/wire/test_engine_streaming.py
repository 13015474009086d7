"""Bodies that stream: back-pressure, hang-ups, workers that die, requests side by side."""

import io
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import psutil
import pytest
from starlette.types import Message, Receive, Scope, Send

from engine_fixture import RAW, VERSION, WAV, Engine, speech
from sonant.audio.codec import check_complete, read_clip
from sonant.audio.formats import AudioFormat
from sonant.engine.app import build_engine
from sonant.engine.options import EngineOptions
from sonant.engine.serving import served
from sonant.wire.notices import NOTICE_HEADER, from_headers

SENTENCE = "The quick brown fox jumps over the lazy dog, again and again, until the evening comes. "
LONG = SENTENCE * 6
"""About half a minute: more than is held back."""
ENDLESS = SENTENCE * 1500
"""More sound than fits in any socket's buffer: 1.6 GB as 48 kHz float."""
LOUD = {"container": "raw", "encoding": "pcm_f32le", "sample_rate": 48000}


def workers() -> list[psutil.Process]:
    """The synthesis processes of this test process."""
    children = psutil.Process(os.getpid()).children(recursive=True)
    return [child for child in children if any("espeak_worker" in part for part in child.cmdline())]


def test_a_long_wav_streams_with_open_sizes_and_is_whole(engine: Engine) -> None:
    """Beyond what is held back, the header cannot know its length (contract §2.3)."""
    wav = {"container": "wav", "encoding": "pcm_s16le", "sample_rate": 8000}
    with engine.http() as http:
        body = http.post("/tts/bytes", json=speech(LONG, output_format=wav)).content
    assert body[4:8] == b"\xff\xff\xff\xff"
    assert 20 < check_complete(io.BytesIO(body), AudioFormat("wav", 8000, "pcm_s16le")) < 60


def test_a_long_mp3_streams_and_is_whole(engine: Engine) -> None:
    """Its index frame cannot be corrected any more, but every player can do without."""
    mp3 = {"container": "mp3", "sample_rate": 44100, "bit_rate": 64000}
    with engine.http() as http:
        answer = http.post("/tts/bytes", json=speech(LONG, output_format=mp3))
        exact = http.post("/tts/bytes", json=speech(LONG, output_format=RAW))
    assert "content-length" not in answer.headers
    wanted_s = len(exact.content) / 2 / 22050
    heard = read_clip(io.BytesIO(answer.content), sample_rate=16000)
    assert len(heard) / 16000 == pytest.approx(wanted_s, abs=0.2)


def test_short_clips_say_their_length(engine: Engine) -> None:
    """So that a cut body shows."""
    mp3 = {"container": "mp3", "sample_rate": 44100, "bit_rate": 128000}
    with engine.http() as http:
        answer = http.post("/tts/bytes", json=speech(output_format=mp3))
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_every_answer_confesses(engine: Engine) -> None:
    """Synthetic always, a weak language by name, in the header and in the first event."""
    greek = speech("Σύντομα.", language="el")
    thai = speech("สวัสดี", language="th")
    with engine.http() as http:
        plain = from_headers(http.post("/tts/bytes", json=greek).headers.get_list(NOTICE_HEADER))
        weak = http.post("/tts/sse", json=thai)
    assert len(plain) == 1
    assert "synthetic" in plain[0]
    told = from_headers(weak.headers.get_list(NOTICE_HEADER))
    assert any("Thai" in notice for notice in told)
    first = json.loads(weak.text.split("\n\n")[0].removeprefix("data: "))
    assert tuple(first["notices"]) == told


@asynccontextmanager
async def watched_engine(data_dir: Path, path: str) -> AsyncIterator[tuple[str, anyio.Event, list[int]]]:
    """An engine with one worker, whose next request to a path can be watched: when it ended, how much it sent."""
    app = build_engine(EngineOptions(data_dir=data_dir, workers=1))
    ended, sent = anyio.Event(), [0]

    async def watch(scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            await send(message)
            sent[0] += len(message.get("body", b""))

        if scope.get("path") != path or ended.is_set():
            return await app(scope, receive, send)
        try:
            await app(scope, receive, counted)
        finally:
            ended.set()

    async with served(watch, "127.0.0.1", 0) as base_url:
        yield base_url, ended, sent


async def test_a_hang_up_ends_the_synthesis_and_frees_the_worker(tmp_path: Path) -> None:
    """A slow reader holds the synthesis back; one that goes away ends it; the next is served at once."""
    headers = {"Authorization": "Bearer x", **VERSION}
    async with (
        watched_engine(tmp_path, "/tts/bytes") as (base_url, ended, sent),
        httpx.AsyncClient(base_url=base_url, headers=headers, timeout=10) as http,
    ):
        async with http.stream("POST", "/tts/bytes", json=speech(ENDLESS, output_format=LOUD)) as answer:
            assert answer.status_code == 200
            chunks = answer.aiter_raw()  # kept: when it is collected, the answer is closed
            await anext(chunks)
            assert (await http.get("/voices")).status_code == 200
            assert not ended.is_set()
        with anyio.fail_after(2):
            await ended.wait()
            assert (await http.post("/tts/bytes", json=speech())).status_code == 200
        assert sent[0] < 64 * 1024 * 1024


async def test_a_hang_up_ends_a_clone_in_the_making(engine: Engine, tmp_path: Path) -> None:
    """Fitting takes seconds in a process of its own; nobody waits for it any more, so it ends, and nothing is kept."""
    async with engine.async_http() as http:
        clip = (await http.post("/tts/bytes", json=speech(LONG, output_format=WAV))).content
    async with (
        watched_engine(tmp_path, "/voices/clone") as (base_url, ended, _),
        httpx.AsyncClient(base_url=base_url, headers={"Authorization": "Bearer x", **VERSION}) as http,
    ):
        with anyio.move_on_after(0.5):
            await http.post("/voices/clone", data={"name": "Me", "language": "en"}, files={"clip": clip})
        with anyio.fail_after(1):
            await ended.wait()
        assert (await http.get("/voices", params={"is_owner": True})).json()["data"] == []
    assert [child for child in psutil.Process().children() if "workbench" in " ".join(child.cmdline())] == []


async def test_stopping_cuts_what_is_running_and_leaves_no_worker(tmp_path: Path) -> None:
    """Within 50 ms idle; in the middle of an answer, too, the caller sees a cut body."""
    before = {worker.pid for worker in workers()}
    async with httpx.AsyncClient(headers={"Authorization": "Bearer x", **VERSION}, timeout=10) as http:
        async with watched_engine(tmp_path, "/tts/bytes") as (base_url, ended, _):
            request = http.build_request("POST", f"{base_url}/tts/bytes", json=speech(ENDLESS, output_format=LOUD))
            answer = await http.send(request, stream=True)
            assert answer.status_code == 200
            stopped_at = anyio.current_time()
        assert anyio.current_time() - stopped_at < 1
        assert ended.is_set()
        with pytest.raises(httpx.TransportError):
            async for _ in answer.aiter_raw():
                pass
    assert {worker.pid for worker in workers()} <= before


async def test_a_killed_worker_costs_no_more_than_its_sentence(engine: Engine) -> None:
    """Killed in the middle of an answer: the answer goes on whole, and the next request works."""
    async with engine.async_http() as http:
        whole = await http.post("/tts/sse", json=speech(LONG, output_format=LOUD))
        async with http.stream("POST", "/tts/sse", json=speech(LONG, output_format=LOUD)) as answer:
            lines = answer.aiter_lines()
            assert '"chunk"' in await anext(lines)
            for worker in workers():
                worker.kill()
            rest = [line async for line in lines]
        assert '"type":"done"' in "".join(rest)
        assert sum('"chunk"' in line for line in rest) + 1 == whole.text.count('"type":"chunk"')
        assert (await http.post("/tts/bytes", json=speech())).status_code == 200


async def test_many_requests_at_once_share_two_workers_and_none_fails(engine: Engine) -> None:
    """More than there are workers wait their turn."""
    statuses = []
    async with engine.async_http() as http:

        async def speak() -> None:
            answer = await http.post("/tts/bytes", json=speech(SENTENCE * 5))
            statuses.append(answer.status_code)

        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(speak)
    assert statuses == [200] * 8
    assert len(workers()) == 2


async def test_an_upload_that_breaks_off_harms_nobody(engine: Engine) -> None:
    """A caller that goes away in the middle of its own body."""
    host, _, port = engine.base_url.removeprefix("http://").partition(":")
    async with await anyio.connect_tcp(host, int(port)) as stream:
        head = "\r\n".join([
            "POST /voices/clone HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {engine.api_key}",
            "Cartesia-Version: 2026-08-14", "Content-Length: 1000000",
            "Content-Type: multipart/form-data; boundary=x", "", "--x\r\n",
        ])  # fmt: skip
        await stream.send(head.encode())
    async with engine.async_http() as http:
        assert (await http.get("/voices")).status_code == 200
