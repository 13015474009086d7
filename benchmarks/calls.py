"""What a call adds to the request it makes, and whether calls wait for each other."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.peers import KEY, SONANT, StdioServer, environment, upstream
from benchmarks.table import Row

WARM_UP = 10
ROUNDS = 200
PARALLEL = 4
THINK_S = 2

_BODIES: dict[str, dict[str, Any]] = {
    "mp3": {"container": "mp3", "sample_rate": 44100, "bit_rate": 128000},
    "wav": {"container": "wav", "encoding": "pcm_s16le", "sample_rate": 44100},
}


def rows(folder: Path) -> Iterator[Row]:
    with upstream() as base_url, StdioServer(SONANT, environment(folder, base_url)) as server:
        with httpx.Client(base_url=base_url, headers=_headers(), trust_env=False) as http:
            for kind in _BODIES:
                yield _overhead(server, http, kind)
        yield _parallel(server)


def _overhead(server: StdioServer, http: httpx.Client, kind: str) -> Row:
    body = {
        "model_id": "sonic-3.6",
        "transcript": "Good morning.",
        "voice": "00000000-0000-4000-8000-000000000001",
        "output_format": _BODIES[kind],
    }

    def bare() -> None:
        http.post("/tts/bytes", json=body).raise_for_status()

    def ours() -> None:
        server.call("text_to_speech", transcript="Good morning.", format=kind)

    for _ in range(WARM_UP):
        bare()
        ours()
    without, took = [], []
    for _ in range(ROUNDS):
        without.append(_timed_ms(bare))
        took.append(_timed_ms(ours))
    return Row(
        f"text_to_speech, 3 s as {kind}: added to bare httpx",
        median(took) - median(without),
        "ms",
        10,
        f"{median(took):.1f} beside {median(without):.1f} ms, medians of {ROUNDS} in turn; "
        f"least {min(took):.1f} beside {min(without):.1f}",
    )


def _parallel(server: StdioServer) -> Row:
    arguments = {"transcript": f"{THINK_S} s think"}
    took = []
    for _ in range(3):
        started = time.perf_counter()
        sent = [server.send("tools/call", {"name": "text_to_speech", "arguments": arguments}) for _ in range(PARALLEL)]
        server.receive(*sent)
        took.append(time.perf_counter() - started)
    return Row(f"{PARALLEL} calls at once, each {THINK_S} s upstream", median(took), "s", 2.2, "median of 3")


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}", "Cartesia-Version": "2026-08-14", "Accept": "audio/*"}


def _timed_ms(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)
