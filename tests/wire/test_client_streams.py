"""Bodies stream, sockets are shared and closed, cancelling reaches the far end, and notices come up."""

import asyncio
import base64
import subprocess
import sys
import tracemalloc

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_kit import CALLS, CLONE, SPEECH, TIMED, VOICE, all_bytes, client_for, clip, speak, speak_with_times
from scripted import AUDIO, Reply, ScriptedServer, data, events, silence, speech, wav
from sonant.api_client.client import Upload
from sonant.wire.notices import from_headers, to_header
from sonant.wire.tts import Chunk, Done, Timestamps

MEGABYTE = 1_000_000
NOTICES = [
    ("Sonant-Notice", to_header("Synthetic voice — offline.")),
    ("Sonant-Notice", to_header("Approximate clone.")),
]
SAID = ("Synthetic voice — offline.", "Approximate clone.")


async def test_audio_comes_up_byte_for_byte() -> None:
    """Nothing is added, dropped or decoded on the way."""
    whole = wav(2)
    script = [
        Reply(200, whole, [*AUDIO.items(), ("X-Request-ID", "req-7")], framing=how)
        for how in ("length", "chunked", "end")
    ]
    async with ScriptedServer(*script) as server, client_for(server) as client:
        for _ in script:
            async with client.speak(SPEECH) as body:
                assert body.content_type == "audio/wav"
                assert body.request_id == "req-7"
                assert body.notices == ()
                assert await all_bytes(body) == whole


async def test_the_first_bytes_do_not_wait_for_the_last() -> None:
    """Audio is handed on while it is still being made."""
    rest = asyncio.Event()
    slow = Reply(200, wav(1), AUDIO, pause_after=(5000, rest))
    async with ScriptedServer(slow) as server, client_for(server) as client, client.speak(SPEECH) as body:
        pieces = aiter(body)
        assert len(await anext(pieces)) == 5000
        rest.set()
        assert sum([len(piece) async for piece in pieces]) == len(wav(1)) - 5000


async def test_memory_stays_flat_while_thirty_megabytes_stream_in() -> None:
    """Audio is never whole in memory."""
    block = bytes(64 * 1024)
    endless = Reply(200, lambda: (block for _ in range(480)), AUDIO, length=480 * len(block))
    async with (
        ScriptedServer(endless) as server,
        client_for(server) as client,
        client.speak(SPEECH) as body,
    ):
        pieces = aiter(body)
        await anext(pieces)
        tracemalloc.start()
        received = sum([len(piece) async for piece in pieces])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert received > 30 * MEGABYTE
    assert peak < 2 * MEGABYTE


async def test_memory_stays_flat_while_thirty_megabytes_are_uploaded(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Nor is what is sent."""
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.truncate(30 * MEGABYTE)
    async with (
        ScriptedServer(otherwise=data({"type": "transcript", "text": "x"})) as server,
        client_for(server) as client,
    ):
        await client.transcribe(clip())
        with path.open("rb") as file:
            tracemalloc.start()
            await client.transcribe(Upload(file, "long.wav", "audio/wav"))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert server.requests[1].files["file"].size == 30 * MEGABYTE
    assert peak < 8 * MEGABYTE  # some of which is what the scripted server keeps


# Sockets


async def test_nothing_is_opened_before_the_first_call() -> None:
    """Starting the server costs nothing and tells nobody."""
    async with ScriptedServer() as server:
        async with client_for(server):
            pass
        assert server.connections == 0


async def test_calls_share_one_socket() -> None:
    """One pooled client: the handshake is paid for once, whatever the call."""
    chunk = {"type": "chunk", "data": "AAAA", "done": False}
    routes = {"/tts/bytes": speech(0.1), "/tts/sse": events(chunk, {"type": "done", "done": True}),
              "/stt": data({"text": "x"}), "/infill/bytes": speech(0.1), "/accents": data({"accents": []}),
              "/voices": data({"data": []}), f"DELETE /voices/{VOICE}": Reply(204)}  # fmt: skip
    voice = data({"id": VOICE, "name": "Ada"})
    async with ScriptedServer(routes=routes, otherwise=voice) as server, client_for(server) as client:
        for _ in range(2):
            for call in CALLS.values():
                await call(client)
        assert len(server.requests) == 2 * len(CALLS)
        assert server.connections == 1


async def test_parallel_calls_run_at_once() -> None:
    """No call waits for another: all four have arrived before any is answered."""
    go = asyncio.Event()
    async with ScriptedServer(otherwise=speech(0.1, wait_for=go)) as server, client_for(server) as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(speak, client)
            await server.until_requests(4)
            go.set()
        assert server.connections == 4


async def test_closing_leaves_no_socket_open() -> None:
    """Neither idle ones nor one in the middle of an answer."""
    half = Reply(200, wav(1), AUDIO, cut_after=5000, ending="silence")
    async with ScriptedServer(speech(0.1), half, otherwise=silence) as server:
        client = client_for(server)
        await speak(client)
        async with client.speak(SPEECH):
            assert server.open_connections == 1
        await client.aclose()
        await server.until_idle()


async def test_a_closed_client_refuses_to_open_again() -> None:
    """A call after shutdown is our mistake, not a new socket."""
    async with ScriptedServer() as server:
        used, unused = client_for(server), client_for(server)
        server.otherwise = data({"ok": True})
        await used.status()
        for client in (used, unused):
            await client.aclose()
            with pytest.raises(RuntimeError):
                await client.status()


@pytest.mark.parametrize("call", CALLS)
async def test_cancelling_before_the_answer_closes_the_socket(call: str) -> None:
    """The far end reads the end of the connection and can stop its work."""
    async with ScriptedServer(otherwise=silence) as server, client_for(server) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(CALLS[call], client)
            await server.until_requests(1)
            tasks.cancel_scope.cancel()
        await server.until_idle()
        assert server.requests[0].was_abandoned
        assert len(server.requests) == 1


async def test_cancelling_in_the_middle_of_audio_closes_the_socket() -> None:
    """The same once bytes have come."""
    half = Reply(200, wav(1), AUDIO, cut_after=5000, ending="silence")
    started = anyio.Event()

    async def listen() -> None:
        async with client.speak(SPEECH) as body:
            async for _ in body:
                started.set()

    async with ScriptedServer(half) as server, client_for(server) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await started.wait()
            tasks.cancel_scope.cancel()
        await server.until_idle()
        assert server.requests[0].was_abandoned


async def test_leaving_a_body_unread_closes_its_socket() -> None:
    """Whoever stops listening does not keep the far end speaking."""
    async with ScriptedServer(Reply(200, wav(1), AUDIO, cut_after=5000, ending="silence")) as server:
        async with client_for(server) as client:
            async with client.speak(SPEECH) as body:
                async for _ in body:
                    break
            await server.until_idle()
        assert server.requests[0].was_abandoned


async def test_cancelling_in_the_middle_of_an_upload_closes_the_socket(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """A cancelled upload ends, and its file can be closed at once."""
    path = tmp_path / "long.wav"
    with path.open("wb") as sparse:
        sparse.truncate(200 * MEGABYTE)
    async with ScriptedServer(otherwise=silence) as server, client_for(server) as client:
        with path.open("rb") as file:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.clone_voice, CLONE, Upload(file, "long.wav", "audio/wav"))
                await server.until(lambda: bool(server.requests))
                tasks.cancel_scope.cancel()
        await server.until_idle()
        assert not server.requests[0].is_complete


async def test_cancelling_a_wait_ends_it_at_once() -> None:
    """A backoff is not slept to its end."""
    busy = data({"title": "t", "message": "m"}, status=429, headers={"Retry-After": "8"})
    async with ScriptedServer(otherwise=busy) as server, client_for(server) as client:
        start = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(speak, client)
            await server.until_requests(1)
            tasks.cancel_scope.cancel()
        assert anyio.current_time() - start < 4
        assert len(server.requests) == 1


# Events and notices


async def test_speech_with_times_is_its_events_in_order() -> None:
    """Contract §3.2: by `type`, whether or not an `event:` line stands before."""
    audio = base64.b64encode(bytes(100)).decode()
    step = events(
        {"type": "chunk", "data": audio, "done": False, "status_code": 206, "step_time": 12.5, "context_id": "c"},
        "event: timestamps\r\n"
        'data: {"type":"timestamps","done":false,"status_code":206,"word_timestamps":'
        '{"words":["Hi"],"start":[0.0],"end":[0.3]}}\r\n\r\n',
        {"type": "done", "done": True, "status_code": 206},
    )
    async with ScriptedServer(step) as server, client_for(server) as client:
        found, _ = await speak_with_times(client)
    chunk, times, done = found
    assert isinstance(chunk, Chunk)
    assert (chunk.data, chunk.step_time, chunk.context_id) == (audio, 12.5, "c")
    assert isinstance(times, Timestamps)
    assert times.word_timestamps.words == ["Hi"]
    assert isinstance(done, Done)


async def test_events_are_handed_on_as_they_come() -> None:
    """A word is not held back until the sentence is done."""
    rest = asyncio.Event()
    first = 'data: {"type":"chunk","data":"AAAA","done":false}\n\n'
    step = events(first, {"type": "done", "done": True}, pause_after=(len(first), rest))
    async with ScriptedServer(step) as server, client_for(server) as client, client.speak_with_times(TIMED) as stream:
        pieces = aiter(stream)
        assert isinstance(await anext(pieces), Chunk)
        rest.set()
        assert isinstance(await anext(pieces), Done)


async def test_a_stream_whose_end_comes_after_done_leaves_its_socket_usable() -> None:
    """The last bytes of a chunked body may come a moment later; they are waited for, briefly."""
    rest = asyncio.Event()
    done = 'data: {"type":"done","done":true}\n\n'
    async with ScriptedServer(events(done, pause_after=(len(done), rest)), speech(0.1)) as server:
        async with client_for(server) as client:
            async with client.speak_with_times(TIMED) as stream:
                async for _ in stream:
                    rest.set()
            await speak(client)
        assert server.connections == 1


async def test_a_stream_that_stays_open_after_done_holds_nobody_up() -> None:
    """`done` is the end, whatever the socket does."""
    done = 'data: {"type":"done","done":true}\n\n'
    async with ScriptedServer(events(done, cut_after=len(done), ending="silence")) as server:
        client = client_for(server)
        with anyio.fail_after(5):
            found, _ = await speak_with_times(client)
        await server.until_idle()
        await client.aclose()
    assert [event.type for event in found] == ["done"]


async def test_notices_of_audio_come_from_repeated_headers() -> None:
    """What an answer confesses crosses the seam."""
    async with (
        ScriptedServer(
            speech(0.1, headers=dict(NOTICES[:1])), Reply(200, wav(0.1), [*AUDIO.items(), *NOTICES])
        ) as server,
        client_for(server) as client,
    ):
        async with client.speak(SPEECH) as body:
            assert body.notices == SAID[:1]
        async with client.speak(SPEECH) as body:
            assert body.notices == SAID


async def test_notices_of_a_stream_come_from_headers_and_events() -> None:
    """In server-sent events a field `notices` adds to the headers'; none is said twice."""
    chunk = {"type": "chunk", "data": "AAAA", "done": False, "notices": [SAID[0], "Weak language."]}
    step = events(chunk, {"type": "done", "done": True}, headers=NOTICES[:1])
    async with ScriptedServer(step) as server, client_for(server) as client:
        _, stream = await speak_with_times(client)
    assert stream.notices == (SAID[0], "Weak language.")


async def test_notices_of_json_come_from_headers_and_the_field() -> None:
    """A transcript or a voice carries what either place said."""
    answer = data({"text": "x", "notices": ["English only."]}, headers=NOTICES)
    async with ScriptedServer(answer, data({"text": "x"})) as server, client_for(server) as client:
        assert (await client.transcribe(clip())).notices == [*SAID, "English only."]
        assert (await client.transcribe(clip())).notices is None


@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_a_notice_survives_its_header(notice: str) -> None:
    """Percent-encoded: header values are ASCII."""
    header = to_header(notice)
    assert header.isascii()
    assert not {"\r", "\n", "\0"} & set(header)
    assert from_headers([header]) == (notice,)


async def test_replies_keep_what_they_know_and_ignore_what_they_do_not() -> None:
    """Contract §1.2: fields may be added without a new version."""
    voice = {"id": VOICE, "name": "Katie", "is_owner": False, "brand_new": {"x": 1}, "accents": [{"accent": "british"}]}
    page = data({"data": [voice], "has_more": True, "next_page": VOICE})
    accent = {"id": "british", "name": "British", "language": "en", "locale": "en-GB", "is_localizable": True}
    async with ScriptedServer(page, data({"accents": [accent]})) as server, client_for(server) as client:
        found = await client.list_voices()
        accents = await client.list_accents()
    assert (found.has_more, found.data[0].name) == (True, "Katie")
    assert [one.id for one in accents] == ["british"]


async def test_a_long_transcript_is_read_whole() -> None:
    """Ten thousand words with their times; read in a thread, as it takes a while."""
    words = [{"word": "word", "start": at / 2, "end": at / 2 + 0.4} for at in range(10_000)]
    async with ScriptedServer(data({"text": "word " * 10_000, "words": words})) as server, client_for(server) as client:
        heard = await client.transcribe(clip(), word_times=True)
    assert heard.words is not None
    assert len(heard.words) == 10_000


def test_importing_the_client_opens_and_prints_nothing() -> None:
    """Importing a module reads, opens and prints nothing; numpy and soundfile stay out of it."""
    code = (
        "import sys, sonant.api_client.client\n"
        "assert not {'numpy', 'soundfile', 'mcp', 'starlette', 'uvicorn'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
