"""How far memory grows while 200 MB pass through, above a server that has answered one small call of the same kind."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.peers import SONANT, StdioServer, environment, http_server, upstream
from benchmarks.recordings import write_wav
from benchmarks.table import Row

MEGABYTES = 200
SAMPLED_EVERY_S = 0.005
SMALL_S = 2.0


@dataclass
class Peak:
    """The most memory seen, in bytes of resident set."""

    most: int = 0


def rows(folder: Path) -> Iterator[Row]:
    small, eight_channels, hour = (folder / name for name in ("small.wav", "channels.wav", "long.wav"))
    write_wav(small, SMALL_S, sample_rate=44100)
    # Eight channels of 96 kHz make 200 MB of two minutes, which go as one request; in mono it is 38 minutes, in parts.
    write_wav(eight_channels, MEGABYTES * 1e6 / (96000 * 2 * 8), sample_rate=96000, channels=8)
    write_wav(hour, MEGABYTES * 1e6 / (44100 * 2), sample_rate=44100)
    with upstream() as base_url:
        with StdioServer(SONANT, environment(folder, base_url)) as server:
            yield _grown(
                f"memory: {MEGABYTES} MB of speech stream in (wav)",
                server.process.pid,
                lambda: server.call("text_to_speech", transcript="Good morning.", format="wav"),
                lambda: server.call("text_to_speech", transcript=f"{MEGABYTES} MB", format="wav"),
            )
        for what, large in (("in one request", eight_channels), ("in parts", hour)):
            with StdioServer(SONANT, environment(folder, base_url)) as server:
                yield _grown(
                    f"memory: transcribe {MEGABYTES} MB {what}",
                    server.process.pid,
                    lambda: server.call("transcribe", audio=str(small)),
                    lambda: server.call("transcribe", audio=str(large)),  # noqa: B023
                )
        with http_server(folder, base_url) as (url, process), httpx.Client(trust_env=False, timeout=120) as http:
            yield _grown(
                f"memory: POST /audio of {MEGABYTES} MB",
                process.pid,
                lambda: _post(http, url, small),
                lambda: _post(http, url, hour),
            )
            yield _grown(
                f"memory: POST /audio of {MEGABYTES} MB as a form",
                process.pid,
                lambda: _post_form(http, url, small),
                lambda: _post_form(http, url, hour),
            )


def _grown(what: str, pid: int, small: Callable[[], object], large: Callable[[], object]) -> Row:
    process = psutil.Process(pid)
    small()
    before = process.memory_info().rss
    with _watched(process) as peak:
        started = time.perf_counter()
        large()
        took_s = time.perf_counter() - started
    note = f"{before / 1e6:.0f} MB before, {peak.most / 1e6:.0f} MB at most, {took_s:.1f} s"
    return Row(what, (peak.most - before) / 1e6, "MB more", 30, note)


@contextmanager
def _watched(process: psutil.Process) -> Iterator[Peak]:
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLED_EVERY_S):
            peak.most = max(peak.most, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
        peak.most = max(peak.most, process.memory_info().rss)


def _post(http: httpx.Client, url: str, recording: Path) -> None:
    with recording.open("rb") as file:
        http.post(f"{url}/audio", content=iter(lambda: file.read(1 << 18), b"")).raise_for_status()


def _post_form(http: httpx.Client, url: str, recording: Path) -> None:
    with recording.open("rb") as file:
        http.post(f"{url}/audio", files={"file": ("recording.wav", file, "audio/wav")}).raise_for_status()
