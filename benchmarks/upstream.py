"""A scripted speech service that the transcript tells what to do: `2 s think, 200 MB` thinks 2 s and sends 200 MB.

Runs until its stdin closes; prints its base URL. It is in a process of its own so that its work and its memory are not
counted as Sonant's.
"""

import asyncio
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from scripted import Exchange, ScriptedServer, data, speech

BYTES_A_SECOND = 44100 * 2
SMALL_S = 3.0
"""Seconds of speech where the transcript does not say how much."""


async def speak(exchange: Exchange) -> None:
    transcript = exchange.request.json["transcript"]
    megabytes = re.search(r"(\d+) MB", transcript)
    think = re.search(r"(\d+) s think", transcript)
    duration_s = float(megabytes[1]) * 1e6 / BYTES_A_SECOND if megabytes else SMALL_S
    await speech(duration_s, think_s=float(think[1]) if think else 0.0)(exchange)


async def serve() -> None:
    voice = data({"id": "00000000-0000-4000-8000-000000000001", "name": "Scripted", "language": "en"})
    heard = data({"type": "transcript", "text": "thanks", "duration": 1.0})
    async with ScriptedServer(routes={"POST /tts/bytes": speak, "POST /stt": heard}, otherwise=voice) as server:
        print(server.base_url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
