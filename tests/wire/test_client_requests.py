"""What the client puts on the wire is what the contract says, letter for letter."""

import hashlib
import io
import os
import tempfile

import pytest

from client_kit import (
    CALLS,
    CLONE,
    INFILL,
    KEY,
    LOCALIZE,
    SPEECH,
    TRANSCRIPT,
    VOICE,
    all_bytes,
    client_for,
    clip,
)
from scripted import Reply, ScriptedServer, SeenRequest, data, events, speech
from sonant.api_client.client import Upload
from sonant.errors import InputError, UnknownVoiceError
from sonant.wire.tts import GenerationConfig

VOICE_REPLY = data({"id": VOICE, "name": "Ada"})
DONE = {"type": "done", "done": True, "status_code": 206}
GOOD = {
    "POST /tts/bytes": speech(0.01),
    "POST /infill/bytes": speech(0.01),
    "POST /tts/sse": events(DONE),
    "POST /stt": data({"type": "transcript", "text": "hello"}),
    "GET /voices": data({"data": [], "has_more": False}),
    "GET /accents": data({"accents": []}),
    "GET /": data({"ok": True, "version": "1"}),
    f"DELETE /voices/{VOICE}": Reply(204),
}


async def sent(name: str) -> SeenRequest:
    async with ScriptedServer(routes=GOOD, otherwise=VOICE_REPLY) as server, client_for(server) as client:
        await CALLS[name](client)
        return server.requests[0]


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("speak", "POST", "/tts/bytes"),
        ("speak_with_times", "POST", "/tts/sse"),
        ("infill", "POST", "/infill/bytes"),
        ("transcribe", "POST", "/stt"),
        ("list_voices", "GET", "/voices"),
        ("get_voice", "GET", f"/voices/{VOICE}"),
        ("delete_voice", "DELETE", f"/voices/{VOICE}"),
        ("clone_voice", "POST", "/voices/clone"),
        ("localize_voice", "POST", "/voices/localize"),
        ("list_accents", "GET", "/accents"),
    ],
)
async def test_every_call_carries_the_key_and_the_version(name: str, method: str, path: str) -> None:
    """Contract §1.1, §1.2: `Authorization: Bearer`, and `Cartesia-Version` on every request but the probe."""
    request = await sent(name)
    assert (request.method, request.target) == (method, path)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["cartesia-version"] == "2026-08-14"


async def test_the_probe_carries_no_key() -> None:
    """Contract §1.5: `GET /` takes no credentials and no version."""
    request = await sent("status")
    assert request.target == "/"
    assert not {"authorization", "cartesia-version", "x-api-key"} & request.headers.keys()


async def test_no_key_sends_no_credentials() -> None:
    """An engine that asks for no key gets none, not an empty one."""
    async with ScriptedServer(routes=GOOD) as server, client_for(server, api_key=None) as client:
        await client.list_voices()
    assert "authorization" not in server.requests[0].headers


async def test_a_path_in_the_base_url_is_kept() -> None:
    """A gateway may serve the API below a path."""
    async with (
        ScriptedServer(otherwise=data({"data": []})) as server,
        client_for(server.base_url + "/cartesia/") as client,
    ):
        await client.list_voices()
    assert server.requests[0].path == "/cartesia/voices"


async def test_a_speech_request_is_the_json_of_the_contract() -> None:
    """Contract §3: absent rather than null, nested objects as they are."""
    asked = SPEECH.model_copy(
        update={"generation_config": GenerationConfig(speed=1.2), "language": "en", "pronunciation_dict_id": "pdict_1"}
    )
    async with ScriptedServer(routes=GOOD) as server, client_for(server) as client, client.speak(asked) as body:
        await all_bytes(body)
    request = server.requests[0]
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "model_id": "sonic-3.6",
        "transcript": TRANSCRIPT,
        "voice": VOICE,
        "language": "en",
        "output_format": {"container": "wav", "encoding": "pcm_s16le", "sample_rate": 44100},
        "generation_config": {"speed": 1.2},
        "pronunciation_dict_id": "pdict_1",
    }


async def test_a_timed_speech_request_asks_for_an_event_stream() -> None:
    """Contract §3.2."""
    request = await sent("speak_with_times")
    assert request.headers["accept"] == "text/event-stream"
    assert request.json["add_timestamps"] is True
    assert request.json["output_format"]["container"] == "raw"


async def test_infill_names_its_fields_with_brackets_and_sends_both_clips() -> None:
    """Contract §4, §1.3."""
    left, right = clip(b"left"), clip(b"right!", "b.wav")
    async with (
        ScriptedServer(routes=GOOD) as server,
        client_for(server) as client,
        client.infill(INFILL, left=left, right=right) as body,
    ):
        await all_bytes(body)
    request = server.requests[0]
    assert request.form == {
        "model_id": "sonic-3",
        "language": "en",
        "transcript": TRANSCRIPT,
        "voice_id": VOICE,
        "output_format[container]": "wav",
        "output_format[encoding]": "pcm_s16le",
        "output_format[sample_rate]": "44100",
    }
    assert {name: (part.head, part.filename, part.content_type) for name, part in request.files.items()} == {
        "left_audio": (b"left", "clip.wav", "audio/wav"),
        "right_audio": (b"right!", "b.wav", "audio/wav"),
    }


async def test_infill_without_a_clip_is_refused_before_anything_is_sent() -> None:
    """Contract §4: at least one side."""
    async with ScriptedServer() as server, client_for(server) as client:
        with pytest.raises(InputError, match="recording"):
            async with client.infill(INFILL, left=None, right=None):
                pass
        assert server.connections == 0


async def test_transcribe_sends_the_recording_and_its_fields_as_a_form() -> None:
    """Contract §5.1."""
    async with ScriptedServer(routes=GOOD) as server, client_for(server) as client:
        heard = await client.transcribe(clip(b"audio"), model="ink-whisper", language="fr", word_times=True)
    request = server.requests[0]
    assert heard.text == "hello"
    assert request.query == {}
    assert request.form == {"model": "ink-whisper", "language": "fr", "timestamp_granularities[]": "word"}
    assert request.files["file"].head == b"audio"


async def test_headerless_audio_is_described_in_the_query() -> None:
    """Contract §5.1: `encoding` and `sample_rate` travel in the query, not in the form."""
    async with ScriptedServer(routes=GOOD) as server, client_for(server) as client:
        await client.transcribe(clip(), pcm=("pcm_mulaw", 8000))
    request = server.requests[0]
    assert request.query == {"encoding": ["pcm_mulaw"], "sample_rate": ["8000"]}
    assert request.form == {"model": "ink-whisper"}


async def test_clone_sends_only_the_fields_that_have_a_value() -> None:
    """Contract §6.2."""
    async with ScriptedServer(otherwise=VOICE_REPLY) as server, client_for(server) as client:
        await client.clone_voice(CLONE.model_copy(update={"description": "née Byron"}), clip(b"me"))
    request = server.requests[0]
    assert request.form == {"name": "Ada", "language": "en", "description": "née Byron"}
    assert request.files["clip"].head == b"me"


async def test_localize_sends_json() -> None:
    """Contract §6.2: accent, not language."""
    async with ScriptedServer(otherwise=VOICE_REPLY) as server, client_for(server) as client:
        await client.localize_voice(LOCALIZE)
    assert server.requests[0].json == {"voice_id": VOICE, "name": "Ada in Paris", "accent": "parisian"}


async def test_filters_of_the_voice_list_are_written_as_the_wire_writes_them() -> None:
    """Contract §6.2, §1.3: lower-case booleans, brackets for arrays, nothing for what was not asked."""
    async with ScriptedServer(routes=GOOD) as server, client_for(server) as client:
        await client.list_voices(q="a&b", language="en-GB", gender="feminine", is_owner=False, limit=5,
                                 starting_after=VOICE, expand=["preview_file_url"])  # fmt: skip
        await client.list_accents(is_localizable=True, language="fr")
    assert server.requests[0].query == {
        "q": ["a&b"],
        "language": ["en-GB"],
        "gender": ["feminine"],
        "is_owner": ["false"],
        "limit": ["5"],
        "starting_after": [VOICE],
        "expand[]": ["preview_file_url"],
    }
    assert server.requests[1].query == {"is_localizable": ["true"], "language": ["fr"]}


@pytest.mark.parametrize("voice_id", ["", ".", "..", " "])
async def test_a_voice_id_cannot_become_another_call(voice_id: str) -> None:
    """`DELETE /voices/..` would be a request nobody asked for."""
    async with ScriptedServer() as server, client_for(server) as client:
        with pytest.raises(UnknownVoiceError):
            await client.delete_voice(voice_id)
        assert server.connections == 0


async def test_a_voice_id_is_one_segment_of_the_path() -> None:
    """Slashes and question marks in an id are escaped."""
    async with ScriptedServer(otherwise=VOICE_REPLY) as server, client_for(server) as client:
        await client.get_voice("../accents?x=1")
    assert server.requests[0].target == "/voices/..%2Faccents%3Fx%3D1"


async def test_an_upload_from_disk_is_streamed_with_its_length() -> None:
    """The file is never whole in memory: a real file, sent in pieces, with a Content-Length that is right."""
    block = os.urandom(1 << 20)
    with tempfile.TemporaryFile() as file:
        for _ in range(5):
            file.write(block)  # not flushed: the size on disk is not yet the size of the file
        async with ScriptedServer(routes=GOOD) as server, client_for(server) as client:
            await client.transcribe(Upload(file, "long.wav", "audio/wav"))
    request = server.requests[0]
    assert "transfer-encoding" not in request.headers
    assert int(request.headers["content-length"]) == request.size
    assert (request.files["file"].size, request.files["file"].sha256) == (
        5 << 20,
        hashlib.sha256(block * 5).hexdigest(),
    )


async def test_an_upload_begins_at_the_start_whatever_was_read_of_it() -> None:
    """Sniffing a file moves its position; that must not shorten what is sent."""
    file = io.BytesIO(b"0123456789")
    file.read(4)
    async with ScriptedServer(routes=GOOD) as server, client_for(server) as client:
        await client.transcribe(Upload(file, "a.wav", "audio/wav"))
    assert server.requests[0].files["file"].head == b"0123456789"


async def test_an_upload_of_unknown_length_is_sent_in_chunks() -> None:
    """A stream that cannot seek to its end has no Content-Length."""

    class Endless(io.BytesIO):
        def tell(self) -> int:
            raise OSError

    async with ScriptedServer(routes=GOOD) as server, client_for(server) as client:
        await client.transcribe(Upload(Endless(b"x" * 300_000), "a.wav", "audio/wav"))
    assert server.requests[0].headers["transfer-encoding"] == "chunked"
    assert server.requests[0].files["file"].size == 300_000
