"""The voice changer as our client asks for it, answered by a script. Source: contract §7."""

import pytest

from client_kit import VOICE, WAV, all_bytes, client_for, clip
from scripted import ScriptedServer, events, speech
from sonant.errors import InvalidRequestError, RemoteWireError
from sonant.wire.changing import ChangeFields
from sonant.wire.tts import Chunk, Done, SpeechEvent

FIELDS = ChangeFields(voice=VOICE, output_format=WAV)
PIECE = {"data": "AAAA", "done": False, "status_code": 206, "sample_rate": 44100, "step_time": 1.5}
DONE = {"done": True, "status_code": 200}


async def changed(*sent: dict[str, object]) -> list[SpeechEvent]:
    async with (
        ScriptedServer(events(*sent)) as server,
        client_for(server) as client,
        client.change_voice_events(FIELDS, clip()) as stream,
    ):
        return [event async for event in stream]


@pytest.mark.parametrize("kinds", [({}, {}), ({"type": "chunk"}, {"type": "done"})])
async def test_events_are_understood_with_and_without_a_type(kinds: tuple[dict[str, str], dict[str, str]]) -> None:
    """The newest API leaves it out, older ones and the engine tell it."""
    chunk, done = await changed(PIECE | kinds[0], DONE | kinds[1])
    assert isinstance(chunk, Chunk)
    assert (chunk.audio_bytes, chunk.sample_rate) == (b"\0\0\0", 44100)
    assert isinstance(done, Done)


async def test_a_failure_in_the_stream_is_raised() -> None:
    """Told by an event, or by the end of the stream before `done`."""
    told = {"title": "Bad Request", "message": "The clip is damaged.", "status_code": 400, "done": True}
    with pytest.raises(InvalidRequestError, match="damaged"):
        await changed(PIECE, told)
    with pytest.raises(RemoteWireError, match="cut short"):
        await changed(PIECE)


async def test_the_form_is_flat_and_the_clip_whole() -> None:
    """Nested fields use brackets (contract §1.3)."""
    async with (
        ScriptedServer(speech(0.5)) as server,
        client_for(server) as client,
        client.change_voice(FIELDS, clip(), duration_s=3.0) as body,
    ):
        assert (await all_bytes(body))[:4] == b"RIFF"
    assert server.requests[0].path == "/voice-changer/bytes"
    assert server.requests[0].form["voice[id]"] == VOICE
    assert server.requests[0].files["clip"].head == b"RIFF....WAVE"
