"""The engine under a crowd: sockets, many contexts on one, many requests at once, and what is left in memory."""

import base64
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
from websockets.sync.client import ClientConnection, connect

from benchmarks.peers import KEY, engine, engine_process
from benchmarks.recordings import text
from benchmarks.table import Row

KATIE = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
SAMPLE_RATE = 22050
ROUNDS = 15
CONTEXTS = 20
PLAN = 64
REQUESTS, SOCKETS = 10_000, 1_000
SENTENCE = "The harbour was quiet, and the boats lay still in the morning light."
_HEADERS = {"Authorization": f"Bearer {KEY}", "Cartesia-Version": "2026-08-14"}
_SPEECH: dict[str, Any] = {
    "model_id": "sonic-3.6",
    "voice": KATIE,
    "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE},
}


def rows(folder: Path) -> Iterator[Row]:
    with engine(folder, "--tts-concurrency", str(PLAN)) as url:
        yield from _first_audio(url)
        yield from _multiplexed(url)
        yield from _throughput(url)
    yield from _memory(folder)


def _first_audio(url: str) -> Iterator[Row]:
    with _socket(url) as warm:
        _speak(warm, "warm")
        took = {"fresh": [], "open": []}  # type: dict[str, list[float]]
        for number in range(ROUNDS):
            started = time.perf_counter()
            with _socket(url) as fresh:
                _speak(fresh, "first", started=started, into=took["fresh"])
            _speak(warm, f"context-{number}", into=took["open"])
    note = f"median of {ROUNDS}; least {min(took['fresh']):.1f}"
    yield Row("socket: from connecting to the first audio", median(took["fresh"]), "ms", note=note)
    note = f"median of {ROUNDS}; least {min(took['open']):.1f}"
    yield Row("socket: first audio of a new context on an open one", median(took["open"]), "ms", note=note)


def _multiplexed(url: str) -> Iterator[Row]:
    """How much later the first audio of each of 20 comes, on one socket and on 20."""
    one, many = [], []
    with _socket(url) as shared:
        _speak(shared, "warm")
        for number in range(ROUNDS):
            one += _together([shared] * CONTEXTS, f"one-{number}")
    sockets = [_socket(url) for _ in range(CONTEXTS)]
    for number in range(ROUNDS):
        many += _together(sockets, f"many-{number}")
    for each in sockets:
        each.close()
    note = f"medians of {len(one)}; {median(many):.0f} ms on a socket each"
    yield Row(f"socket: first audio, {CONTEXTS} contexts at once on one", median(one), "ms", note=note)
    added = median(one) / median(many)
    yield Row("socket: what sharing adds, as a ratio to a socket each", added, note="first audio of all contexts")


def _together(sockets: list[ClientConnection], name: str) -> list[float]:
    """Milliseconds until each context's first chunk; all begin at once and are read to their end."""
    started = time.perf_counter()
    first: dict[str, float] = {}
    waiting: dict[ClientConnection, set[str]] = {}
    for number, each in enumerate(sockets):
        _send(each, f"{name}-{number}")
        waiting.setdefault(each, set()).add(f"{name}-{number}")

    def read(each: ClientConnection, contexts: set[str]) -> None:
        while contexts:
            event = json.loads(each.recv())
            if event["type"] == "chunk":
                first.setdefault(event["context_id"], 1000 * (time.perf_counter() - started))
            elif event["done"]:
                contexts.remove(event["context_id"])

    with ThreadPoolExecutor(len(waiting)) as pool:
        list(pool.map(read, waiting, waiting.values()))
    return list(first.values())


def _throughput(url: str) -> Iterator[Row]:
    """Seconds of speech a second, and what is answered when the plan is full."""
    alone = 0.0
    for parallel in (1, 2, 8, PLAN):
        with httpx.Client(base_url=url, headers=_HEADERS, trust_env=False, timeout=120) as http:
            statuses: Counter[int] = Counter()
            started = time.perf_counter()
            spoken_s = 0.0
            with ThreadPoolExecutor(parallel) as pool:
                for status, duration_s in pool.map(lambda _: _request(http), range(max(32, 2 * parallel))):
                    statuses[status] += 1
                    spoken_s += duration_s
            speed = spoken_s / (time.perf_counter() - started)
        alone = alone or speed
        note = f"{speed / alone:.2f} of one's; answers {dict(statuses)}"
        yield Row(f"throughput: {parallel} at once, of 1,000 characters", speed, "s/s", note=note)
    slow = [_stalled(url) for _ in range(PLAN)]  # they have asked and do not read
    with httpx.Client(base_url=url, headers=_HEADERS, trust_env=False) as http:
        started = time.perf_counter()
        refused = http.post("/tts/bytes", json=_SPEECH | {"transcript": SENTENCE})
        took_ms = 1000 * (time.perf_counter() - started)
        told = refused.json()
        note = f"{refused.status_code} {told.get('error_code')}"
        yield Row(f"the {PLAN + 1}th while {PLAN} are spoken to readers that do not read", took_ms, "ms", note=note)
        for each in slow:
            each.close()
        while http.post("/tts/bytes", json=_SPEECH | {"transcript": SENTENCE}).status_code == 429:
            time.sleep(0.01)


def _stalled(url: str) -> socket.socket:
    """A request for ten minutes of speech whose answer nobody reads."""
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps(_SPEECH | {"transcript": text(9000)}).encode()
    head = "\r\n".join(
        [f"POST /tts/bytes HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"]
        + [f"{name}: {value}" for name, value in _HEADERS.items()]
    )
    each = socket.create_connection((host, int(port)))
    each.sendall(head.encode() + b"\r\n\r\n" + body)
    each.recv(1)  # it has begun
    return each


def _memory(folder: Path) -> Iterator[Row]:
    with engine_process(folder) as (url, process):
        watched = psutil.Process(process.pid)
        with httpx.Client(base_url=url, headers=_HEADERS, trust_env=False, timeout=60) as http:
            for _ in range(200):
                _request(http, SENTENCE)
            before = watched.memory_info().rss
            started = time.perf_counter()
            with ThreadPoolExecutor(4) as pool:
                for _ in pool.map(lambda _: _request(http, "Good morning."), range(REQUESTS)):
                    pass
            took_s = time.perf_counter() - started
            after = watched.memory_info().rss
            note = f"{before / 1e6:.0f} MB before, {REQUESTS / took_s:.0f} requests a second"
            yield Row(f"memory: after {REQUESTS:,} requests", (after - before) / 1e6, "MB more", 30, note)
            for number in range(SOCKETS):
                dropped = _socket(url)
                _send(dropped, f"dropped-{number}")
                if number % 2:
                    dropped.recv()
                dropped.socket.close()
            _request(http, SENTENCE)
            dropped_after = watched.memory_info().rss
            left = len([each for each in watched.net_connections() if each.status == "ESTABLISHED"])
            note = f"{left} connections left, {len(watched.children())} workers"
            yield Row(
                f"memory: after {SOCKETS:,} dropped sockets more", (dropped_after - after) / 1e6, "MB more", 30, note
            )


def _request(http: httpx.Client, transcript: str = "") -> tuple[int, float]:
    """Status, and seconds of speech."""
    answer = http.post("/tts/bytes", json=_SPEECH | {"transcript": transcript or text(1000)})
    return answer.status_code, len(answer.content) / 2 / SAMPLE_RATE if answer.is_success else 0.0


def _socket(url: str) -> ClientConnection:
    address = url.replace("http://", "ws://") + "/tts/websocket"
    return connect(address, additional_headers=_HEADERS, compression=None, proxy=None, max_size=None)


def _send(each: ClientConnection, context_id: str) -> None:
    each.send(json.dumps(_SPEECH | {"transcript": SENTENCE, "context_id": context_id}))


def _speak(each: ClientConnection, context_id: str, *, started: float = 0.0, into: list[float] | None = None) -> None:
    """Speak a sentence to its end; milliseconds to its first audio go `into` the list."""
    started = started or time.perf_counter()
    _send(each, context_id)
    first = True
    while True:
        event = json.loads(each.recv())
        if event["type"] == "chunk" and first and base64.b64decode(event["data"]):
            first = False
            if into is not None:
                into.append(1000 * (time.perf_counter() - started))
        if event["done"]:
            if event["type"] != "done":
                raise RuntimeError(event)
            return
