"""The embedded engine: how soon it speaks, how much faster than real time, and how fast it listens."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.peers import KEY, SONANT, StdioServer, engine, environment
from benchmarks.recordings import text
from benchmarks.table import Row

ROUNDS = 10
KATIE = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
SAMPLE_RATE = 22050
TEN_MINUTES = 9_000
"""Characters; about 900 a minute are spoken."""
_HEADERS = {"Authorization": f"Bearer {KEY}", "Cartesia-Version": "2026-08-14"}


def rows(folder: Path) -> Iterator[Row]:
    with engine(folder) as url, httpx.Client(base_url=url, headers=_HEADERS, trust_env=False, timeout=120) as http:
        for _ in range(2):
            _speak(http, text(80))
        for characters in (80, 1000):
            waits = [_speak(http, text(characters))[0] for _ in range(ROUNDS)]
            note = f"median of {ROUNDS}, warm; least {1000 * min(waits):.0f}"
            yield Row(f"engine: first audio byte of {characters} characters", 1000 * median(waits), "ms", note=note)
        alone = [_factor(http, 1) for _ in range(3)]
        both = [_factor(http, 2) for _ in range(3)]
        yield Row("engine: real-time factor, one request", median(alone), note="seconds of work a second of speech")
        yield Row("engine: real-time factor, two at once, together", median(both), note="both requests' speech counted")
    for kind in ("wav", "mp3"):
        with StdioServer(SONANT, environment(folder)) as server:
            server.call("text_to_speech", transcript="Good morning.", format=kind)
            started = time.perf_counter()
            made = server.call("text_to_speech", transcript=text(TEN_MINUTES), format=kind)
            took_s = time.perf_counter() - started
        note = f"{made['duration_s'] / 60:.1f} min of speech in {took_s:.1f} s, whole tool"
        yield Row(f"engine: real-time factor, ten minutes as {kind}", took_s / made["duration_s"], note=note)


def recognition_rows(folder: Path) -> Iterator[Row]:
    with StdioServer(SONANT, environment(folder)) as server:
        for what, characters in (("half a minute", 450), ("three minutes", 2700)):
            made = server.call("text_to_speech", transcript=text(characters), format="wav", sample_rate=16000)
            if what == "half a minute":
                server.call("transcribe", audio=made["path"])  # the recogniser's models are read on first use
            started = time.perf_counter()
            heard = server.call("transcribe", audio=made["path"])
            took_s = time.perf_counter() - started
            note = f"{heard['duration_s']:.0f} s heard in {took_s:.1f} s, whole tool"
            yield Row(f"engine: recognition's real-time factor, {what}", took_s / heard["duration_s"], note=note)


def _speak(http: httpx.Client, transcript: str) -> tuple[float, float]:
    """Seconds until the first byte of audio, and seconds of speech."""
    wanted = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE}
    body: dict[str, Any] = {
        "model_id": "sonic-3.6",
        "transcript": transcript,
        "voice": KATIE,
        "output_format": wanted,
    }
    started = time.perf_counter()
    first_s, size = 0.0, 0
    with http.stream("POST", "/tts/bytes", json=body) as answer:
        answer.raise_for_status()
        for piece in answer.iter_raw():
            first_s = first_s or time.perf_counter() - started
            size += len(piece)
    return first_s, size / 2 / SAMPLE_RATE


def _factor(http: httpx.Client, requests: int) -> float:
    """Seconds of work a second of speech."""
    started = time.perf_counter()
    with ThreadPoolExecutor(requests) as pool:
        spoken_s = sum(made[1] for made in pool.map(lambda _: _speak(http, text(1000)), range(requests)))
    return (time.perf_counter() - started) / spoken_s
