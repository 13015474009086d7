"""Sound for the tests of hearing, and a bare socket to send it on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import numpy as np
from anyio.from_thread import start_blocking_portal
from websockets.sync.client import ClientConnection, connect

from engine_fixture import Engine
from sonant.audio.resample import resample
from sonant.engine.synthesis import SAMPLE_RATE, Synthesiser, Utterance
from sonant.engine.timbre import Timbre

RATE = 16000
QUERY: dict[str, Any] = {
    "model": "ink-2", "encoding": "pcm_s16le", "sample_rate": RATE, "cartesia_version": "2026-08-14",
}  # fmt: skip


def spoken(*sentences: str) -> list[bytes]:
    """Each in a clear voice, pcm_s16le at 16 kHz. Made in another thread: here a loop may be under way."""
    with start_blocking_portal() as portal:
        return portal.call(_spoken, *sentences)


async def _spoken(*sentences: str) -> list[bytes]:
    async with Synthesiser(workers=1) as synthesiser:
        said = []
        for sentence in sentences:
            pieces = [piece.samples async for piece in synthesiser.speak(Utterance(sentence, Timbre(), "en"))]
            samples = resample(np.concatenate(pieces), SAMPLE_RATE, RATE)
            said.append((samples * 32767).astype("<i2").tobytes())
    return said


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def noise(seconds: float) -> bytes:
    samples = np.random.default_rng(3).normal(0, 1600, round(seconds * RATE))
    return samples.astype("<i2").tobytes()


@contextmanager
def socket(engine: Engine, path: str, **changes: Any) -> Iterator[ClientConnection]:
    """A socket that only websockets knows; a change of None leaves the parameter out."""
    query = {name: value for name, value in {**QUERY, **changes}.items() if value is not None}
    url = f"{engine.base_url.replace('http', 'ws', 1)}{path}?{urlencode(query, doseq=True)}"
    headers = {"X-API-Key": engine.api_key}
    with connect(url, additional_headers=headers, proxy=None, compression=None) as connection:
        yield connection


def rest(connection: ClientConnection) -> list[dict[str, Any]]:
    """Every event until the engine closes in order."""
    return [json.loads(message) for message in connection]
