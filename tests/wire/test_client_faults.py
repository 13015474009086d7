"""Each thing that can go wrong on the way is one readable failure, after exactly so many requests."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import anyio
import anyio.abc
import pytest

from client_kit import (
    CALLS,
    CLONE,
    PAYING,
    QUICK,
    READING,
    SPEECH,
    all_bytes,
    client_for,
    clip,
    speak,
    speak_with_times,
)
from scripted import (
    AUDIO,
    Exchange,
    Reply,
    ScriptedServer,
    Step,
    data,
    events,
    hang_up,
    not_http,
    refusal,
    refused_url,
    reset,
    silence,
    speech,
    wav,
    web_page,
)
from sonant.api_client.connection import Deadlines
from sonant.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    RateLimitError,
    RemoteWireError,
    ServerError,
    SettingsError,
    SpeechError,
)

CLIP = wav(0.5)
CHUNK = {"type": "chunk", "data": "AAAA", "done": False, "status_code": 206, "step_time": 1.0}
DONE = {"type": "done", "done": True, "status_code": 206}


async def failure_of(call: str, step: Step, **how: object) -> tuple[SpeechError, ScriptedServer]:
    """The failure of a call that is always answered so, and the server as it was left."""
    async with ScriptedServer(otherwise=step) as server:
        async with client_for(server, **how) as client:  # type: ignore[arg-type]
            with pytest.raises(SpeechError) as caught:
                await CALLS[call](client)
        await server.until_idle()
    return caught.value, server


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (400, InvalidRequestError, 1),
        (401, AuthenticationError, 1),
        (402, QuotaExceededError, 1),
        (403, AuthenticationError, 1),
        (404, NotFoundError, 1),
        (413, InvalidRequestError, 1),
        (422, InvalidRequestError, 1),
        (429, RateLimitError, 3),
        (500, ServerError, 3),
        (503, ServerError, 3),
    ],
)
async def test_a_refusal_is_its_own_failure(status: int, kind: type[APIError], requests: int) -> None:
    """Contract §1.4: the status decides the class; only 429 and 5xx are worth asking again."""
    failure, server = await failure_of("speak", refusal(status, code="some_code", message="because of that"))
    assert type(failure) is kind
    assert isinstance(failure, APIError)
    assert (failure.status_code, failure.error_code, failure.request_id) == (status, "some_code", "req-1")
    assert "because of that" in str(failure)
    assert len(server.requests) == requests


@pytest.mark.parametrize("call", CALLS)
async def test_every_call_tells_a_refusal(call: str) -> None:
    """No method swallows an error or returns it as a result."""
    failure, server = await failure_of(call, refusal(404, code="voice_not_found"))
    assert type(failure) is NotFoundError
    assert len(server.requests) == 1


async def test_an_error_in_the_old_text_form_is_understood() -> None:
    """Contract §1.4: versions before 2026-03-01 answer `Title: Message` as text."""
    failure, _ = await failure_of("speak", Reply(400, b"Bad Request: transcript is empty"))
    assert "transcript is empty" in str(failure)


async def test_a_page_in_an_error_is_not_read_out() -> None:
    """A gateway's markup says nothing to a reader."""
    failure, server = await failure_of("speak", web_page(502))
    assert type(failure) is ServerError
    assert "<" not in str(failure)
    assert len(server.requests) == 3


async def test_an_endless_error_body_is_not_read_to_its_end() -> None:
    """The status says enough; 64 kB of explanation is plenty."""
    endless = Reply(400, lambda: (b"x" * 65536 for _ in range(10_000)), framing="chunked")
    failure, server = await failure_of("speak", endless)
    assert type(failure) is InvalidRequestError
    assert server.requests[0].was_abandoned


async def test_an_error_body_that_stalls_is_still_an_error() -> None:
    """Whatever came of the body is used, and nothing is waited for longer than the silence allows."""
    stalled = Reply(401, b"Unauthorized", length=5000, ending="silence")
    failure, _ = await failure_of("speak", stalled, deadlines=Deadlines(silence_s=0.1))
    assert type(failure) is AuthenticationError


async def test_a_redirect_is_not_followed() -> None:
    """The key goes to no other address."""
    async with ScriptedServer(otherwise=speech(0.1)) as elsewhere:
        failure, server = await failure_of("speak", Reply(302, headers={"Location": elsewhere.base_url}))
        assert elsewhere.connections == 0
    assert isinstance(failure, APIError)
    assert failure.status_code == 302
    assert "another address" in str(failure)
    assert len(server.requests) == 1


async def test_nobody_there_is_told_with_the_address() -> None:
    """A refused connection was never made, so every call may try again; then it says where it looked."""
    url = refused_url()
    async with client_for(url) as client:
        for call in CALLS.values():
            with pytest.raises(APIConnectionError, match=url.removeprefix("http://")):
                await call(client)


async def test_a_name_that_does_not_resolve_is_no_connection() -> None:
    """RFC 2606 keeps `.invalid` free for ever."""
    async with client_for("http://nowhere.invalid") as client:
        with pytest.raises(APIConnectionError, match=r"nowhere\.invalid could not be reached"):
            await client.list_voices()


@pytest.mark.parametrize("step", [hang_up, reset])
@pytest.mark.parametrize(
    ("call", "requests"), [("speak", 2), ("transcribe", 2), ("list_voices", 3), ("clone_voice", 1)]
)
async def test_a_connection_cut_before_the_answer(step: Step, call: str, requests: int) -> None:
    """Paid: sent again once. Reading: as often as allowed. Creating: never, it may have been done."""
    failure, server = await failure_of(call, step)
    assert type(failure) is APIConnectionError
    assert len(server.requests) == requests


@pytest.mark.parametrize(("call", "requests"), [("speak", 2), ("list_voices", 3), ("clone_voice", 1)])
async def test_no_answer_in_time(call: str, requests: int) -> None:
    """The first byte has a deadline, and its socket is closed when that passes."""
    failure, server = await failure_of(call, silence, deadlines=QUICK)
    assert type(failure) is APITimeoutError
    assert "did not answer in time" in str(failure)
    assert len(server.requests) == requests
    assert all(request.was_abandoned for request in server.requests)


async def test_headers_that_drip_are_no_answer() -> None:
    """The deadline is for the whole head of an answer, not for each of its bytes."""

    async def dripping(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await exchange.send(b"X-Filler: 1\r\n")
            await asyncio.sleep(0.02)

    failure, _ = await failure_of("clone_voice", dripping, deadlines=QUICK)
    assert type(failure) is APITimeoutError


async def test_something_that_is_not_http() -> None:
    """A wrong port is told as such, and not asked again."""
    failure, server = await failure_of("speak", not_http)
    assert type(failure) is RemoteWireError
    assert "other than HTTP" in str(failure)
    assert len(server.requests) == 1


async def test_a_plain_port_asked_for_a_secure_connection() -> None:
    """`https://` where only `http://` is spoken: told as such, with what to look at."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)

    async def answer(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        async with client_for(f"https://127.0.0.1:{port}") as client:
            with pytest.raises(APIConnectionError, match="secure connection"):
                await client.list_voices()
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("status", [413, 401])
async def test_an_upload_refused_before_it_is_read(status: int) -> None:
    """A server may refuse and hang up at once. If its answer still gets through it is told; if not, the cut is."""
    step = replace(refusal(status, code="file_too_large"), before_body=True)
    async with ScriptedServer(otherwise=step) as server:
        async with client_for(server) as client:
            with pytest.raises((APIError, APIConnectionError), match="smaller"):
                await client.clone_voice(CLONE, clip(bytes(30_000_000)))
        await server.until_idle()
    assert len(server.requests) == 1


# Settings of the machine


async def test_certificates_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong SSL_CERT_FILE is named, not shown as a bug."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    async with client_for("https://127.0.0.1:9") as client:
        with pytest.raises(SettingsError, match="SSL_CERT_FILE"):
            await client.list_voices()


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "nonsense://x", "http://[::1"])
async def test_a_proxy_that_cannot_be_used(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Desktops often set ALL_PROXY to a SOCKS address, which httpx takes only with an extra package."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    async with client_for("http://nowhere.invalid") as client:
        with pytest.raises(SettingsError, match="proxy"):
            await client.list_voices()


# Answers that begin well


@pytest.mark.parametrize("call", PAYING)
async def test_a_web_page_with_status_200_is_no_result(call: str) -> None:
    """Captive portals and proxies answer 200 with a page."""
    failure, server = await failure_of(call, web_page())
    assert type(failure) is RemoteWireError
    assert "answered with a web page instead of" in str(failure)
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", READING)
async def test_a_web_page_is_no_data(call: str) -> None:
    """The same for answers that should be JSON."""
    failure, server = await failure_of(call, web_page())
    assert type(failure) is RemoteWireError
    assert len(server.requests) == 1


BAD_AUDIO: dict[str, tuple[Step, str]] = {
    "json instead of audio": (data({"audio": "no"}), "data instead of audio"),
    "a page that claims to be audio": (Reply(200, b"\n<!doctype html><p>hi", AUDIO), "web page instead of audio"),
    "an empty body": (Reply(200, b"", AUDIO), "no audio at all"),
    "no content": (Reply(204), "no audio at all"),
    "less than Content-Length": (Reply(200, CLIP, AUDIO, length=len(CLIP) + 1, ending="close"), "cut short"),
    "cut in the middle": (Reply(200, CLIP, AUDIO, length=len(CLIP), cut_after=9000, ending="close"), "cut short"),
    "cut before the first byte": (Reply(200, CLIP, AUDIO, cut_after=0, ending="close"), "cut short"),
    "reset in the middle": (Reply(200, CLIP, AUDIO, cut_after=9000, ending="reset"), "cut short"),
    "a chunked body cut": (Reply(200, CLIP, AUDIO, framing="chunked", cut_after=9000, ending="close"), "cut short"),
}


@pytest.mark.parametrize("name", BAD_AUDIO)
@pytest.mark.parametrize("call", ["speak", "infill"])
async def test_a_body_that_is_not_whole_audio_is_told_and_never_asked_for_again(name: str, call: str) -> None:
    """Once an answer has begun, a paid request is not sent a second time."""
    step, words = BAD_AUDIO[name]
    failure, server = await failure_of(call, step)
    assert type(failure) is RemoteWireError
    assert words in str(failure)
    assert len(server.requests) == 1


@pytest.mark.parametrize("delivered", [0, 9000])
async def test_a_body_that_falls_silent(delivered: int) -> None:
    """Silence between bytes has its own deadline; nothing is sent again."""
    stalled = Reply(200, CLIP, AUDIO, cut_after=delivered, ending="silence")
    failure, server = await failure_of("speak", stalled, deadlines=Deadlines(silence_s=0.15))
    assert type(failure) is APITimeoutError
    assert "fell silent" in str(failure)
    assert len(server.requests) == 1
    assert server.requests[0].was_abandoned


async def test_a_slow_body_is_not_a_silent_one() -> None:
    """The deadline is for the pause, not for the whole."""
    slow = Reply(200, CLIP, AUDIO, drip=(len(CLIP) // 8 + 1, 0.1))
    deadlines = Deadlines(silence_s=0.5, first_byte_s=0.5)
    async with ScriptedServer(slow) as server, client_for(server, deadlines=deadlines) as client:
        assert await speak(client) == CLIP


async def test_json_cut_short() -> None:
    """A transcript that broke off is not a transcript."""
    whole = b'{"type":"transcript","text":"hello"}'
    for step in (Reply(200, whole, length=999, ending="close"), Reply(200, whole[:-9])):
        failure, server = await failure_of("transcribe", step)
        assert type(failure) is RemoteWireError
        assert len(server.requests) == 1


# Event streams

BAD_STREAMS: dict[str, tuple[Step, Callable[[SpeechError], bool]]] = {
    "no done": (events(CHUNK), lambda failure: "cut short" in str(failure)),
    "empty": (events(), lambda failure: "cut short" in str(failure)),
    "cut": (events(CHUNK, DONE, cut_after=40, ending="close"), lambda failure: "cut short" in str(failure)),
    "not json": (events("data: nonsense\n\n"), lambda failure: "cannot be read" in str(failure)),
    "not an object": (events("data: [1]\n\n"), lambda failure: "cannot be read" in str(failure)),
    "a chunk without data": (events({"type": "chunk"}), lambda failure: "cannot be read" in str(failure)),
}


@pytest.mark.parametrize("name", BAD_STREAMS)
async def test_an_event_stream_that_breaks_the_protocol(name: str) -> None:
    """Only `done` ends a stream well (contract §3.2)."""
    step, is_told = BAD_STREAMS[name]
    failure, server = await failure_of("speak_with_times", step)
    assert type(failure) is RemoteWireError
    assert is_told(failure)
    assert len(server.requests) == 1


async def test_an_error_event_is_the_failure_it_names() -> None:
    """Contract §1.4, inside a stream: dispatch on `type`, the status from the event."""
    told = {"type": "error", "done": True, "status_code": 402, "title": "No", "message": "broke", "request_id": "r",
            "error_code": "quota_exceeded"}  # fmt: skip
    failure, server = await failure_of("speak_with_times", events(CHUNK, f"event: error\ndata: {json.dumps(told)}\n\n"))
    assert type(failure) is QuotaExceededError
    assert (failure.error_code, failure.request_id) == ("quota_exceeded", "r")
    assert len(server.requests) == 1


async def test_an_old_error_event_without_a_status_is_a_server_error() -> None:
    """Contract §1.4: before 2026-03-01, `error` holds `Title: Message`."""
    failure, _ = await failure_of(
        "speak_with_times", events({"type": "error", "error": "Oops: it broke", "done": True})
    )
    assert type(failure) is ServerError
    assert "it broke" in str(failure)


async def test_what_follows_and_what_is_unknown_in_a_stream_does_no_harm() -> None:
    """Contract §1.2: new event types may appear; comments and event names mean nothing."""
    step = events(": ping\n\n", {"type": "novelty"}, CHUNK, {"no": "type"}, DONE, CHUNK)
    async with ScriptedServer(step) as server, client_for(server) as client:
        found, _ = await speak_with_times(client)
    assert [event.type for event in found] == ["chunk", "done"]


async def test_a_failure_leaves_the_client_usable() -> None:
    """One broken answer does not poison the pool."""
    script = (Reply(200, CLIP, AUDIO, cut_after=10, ending="reset"), refusal(400), hang_up, speech(0.1), speech(0.1))
    async with ScriptedServer(*script) as server, client_for(server) as client:
        for _ in range(2):
            with pytest.raises(SpeechError):
                await speak(client)
        assert len(await speak(client)) > 1000
        async with client.speak(SPEECH) as body:
            assert len(await all_bytes(body)) > 1000
        assert len(server.requests) == 5
