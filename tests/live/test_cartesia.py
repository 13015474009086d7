"""The world has not moved: the client against Cartesia itself. Spends about 60 credits and deletes what it made.

Opt-in: `SONANT_LIVE=1 CARTESIA_API_KEY=… pytest -m live`.
"""

import os
from collections.abc import AsyncIterator

import pytest

from sonant.api_client.client import APIClient
from sonant.api_client.connection import Connection
from sonant.errors import NotFoundError
from sonant.settings import CLOUD_URL
from sonant.wire.tts import Chunk, OutputFormat, SpeechRequest, StreamedSpeechRequest, Timestamps
from sonant.wire.voices import PUBLIC_VOICES

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        os.environ.get("SONANT_LIVE") != "1" or not os.environ.get("CARTESIA_API_KEY"),
        reason="spends credits: set SONANT_LIVE=1 and CARTESIA_API_KEY",
    ),
]
TEXT = "One short line."


@pytest.fixture
async def client() -> AsyncIterator[APIClient]:
    async with APIClient(Connection(CLOUD_URL, os.environ["CARTESIA_API_KEY"])) as opened:
        yield opened


def request(**changes: object) -> dict[str, object]:
    raw = OutputFormat(container="raw", encoding="pcm_s16le", sample_rate=16000)
    return {
        "model_id": "sonic-3.6",
        "transcript": TEXT,
        "voice": PUBLIC_VOICES["Katie"],
        "output_format": raw,
        **changes,
    }


async def test_the_service_answers(client: APIClient) -> None:
    """Contract §1.5."""
    assert (await client.status())["ok"] is True


async def test_a_line_is_spoken(client: APIClient) -> None:
    """Contract §3.1: whole frames of more than half a second."""
    async with client.speak(SpeechRequest.model_validate(request())) as body:
        audio_bytes = b"".join([chunk async for chunk in body])
    assert len(audio_bytes) % 2 == 0
    assert len(audio_bytes) > 16000


async def test_words_have_times(client: APIClient) -> None:
    """Contract §3.2."""
    asked = StreamedSpeechRequest.model_validate(request(add_timestamps=True))
    async with client.speak_with_times(asked) as events:
        found = [event async for event in events]
    assert any(isinstance(event, Chunk) for event in found)
    assert sum(len(event.word_timestamps.words) for event in found if isinstance(event, Timestamps)) == 3


async def test_the_default_voice_exists(client: APIClient) -> None:
    """Katie is Sonant's default, so her id must not go away. Contract §6.6."""
    assert (await client.get_voice(PUBLIC_VOICES["Katie"])).name


async def test_an_unknown_voice_is_told_as_not_found(client: APIClient) -> None:
    """Contract §1.4."""
    with pytest.raises(NotFoundError):
        await client.get_voice("00000000-0000-4000-8000-000000000000")


async def test_accents_are_listed(client: APIClient) -> None:
    """Contract §6.4: catalogue ids drift, so they are always read."""
    assert any(accent.is_localizable for accent in await client.list_accents())
