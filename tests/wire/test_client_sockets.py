"""The client's sockets: the handshake, contexts that share one socket, and everything that can go wrong on it."""

import base64
import logging
import ssl
import tracemalloc
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme

from client_kit import KEY, QUICK, RAW, TIMED, TRANSCRIPT, VOICE, client_for, speak
from scripted import Reply, ScriptedServer, refused_url
from scripted_sockets import Refusal, SocketServer, Step, Talk
from sonant.api_client.backlog import Budget
from sonant.api_client.client import APIClient
from sonant.api_client.connection import Retry
from sonant.api_client.contexts import SpeechContext
from sonant.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    InvalidRequestError,
    RateLimitError,
    RemoteWireError,
    SettingsError,
    SpeechError,
)
from sonant.wire.tts import Chunk, ContextRequest, Done, FlushDone, SpeechEvent

FIRST = ContextRequest(model_id="sonic-3.6", transcript=TRANSCRIPT, voice=VOICE, output_format=RAW)
OPEN = FIRST.model_copy(update={"continues": True})


async def speaks(talk: Talk) -> None:
    """Answers every text that ends a context with one chunk of it, and `done`; texts before it are joined."""
    texts: dict[str, str] = {}
    while True:
        message = await talk.hear()
        if message.get("cancel"):
            continue
        context_id = message["context_id"]
        texts[context_id] = texts.get(context_id, "") + message["transcript"]
        if not message["continue"]:
            await talk.chunk(context_id, texts.pop(context_id).encode())
            await talk.done(context_id)


def drops(after_chunks: int) -> Step:
    """Cuts the connection after so many chunks of the first context."""

    async def step(talk: Talk) -> None:
        message = await talk.hear()
        for _ in range(after_chunks):
            await talk.chunk(message["context_id"])
        talk.drop()

    return step


async def said(client: APIClient, first: ContextRequest = FIRST) -> bytes:
    """All audio of one context."""
    async with client.context(first) as context:
        return audio_of([event async for event in context])


async def take(context: SpeechContext, into: list[SpeechEvent]) -> None:
    async for event in context:
        into.append(event)


def audio_of(events: list[SpeechEvent]) -> bytes:
    return b"".join(event.audio_bytes for event in events if isinstance(event, Chunk))


def text(of: str) -> ContextRequest:
    return FIRST.model_copy(update={"transcript": of})


# The handshake


async def test_the_handshake_carries_key_version_and_query() -> None:
    """As a request does; repeated parameters are repeated, and the key is in no address."""

    async def echoes(talk: Talk) -> None:
        while (message := await talk.hear()) != "close":
            await talk.say({"heard": repr(message)})

    async with SocketServer(echoes) as server, client_for(server.base_url) as client:
        async with client._connection.socket("/stt/websocket", {"model": "ink-2", "keyterm": ["a b", "c"]}) as socket:
            await socket.send(b"\0\1")
            await socket.send({"type": "close"})
            await socket.send("close")
            assert [message async for message in socket] == [
                {"heard": repr(b"\0\1")},
                {"heard": repr({"type": "close"})},
            ]
        talk = server.talks[0]
    assert (talk.path, talk.query) == ("/stt/websocket", {"model": ["ink-2"], "keyterm": ["a b", "c"]})
    assert (talk.headers["authorization"], talk.headers["cartesia-version"]) == (f"Bearer {KEY}", "2026-08-14")
    assert "sec-websocket-extensions" not in talk.headers


@pytest.mark.parametrize(
    ("refusal", "kind", "says"),
    [
        (Refusal(401, message=f"{KEY} is no key"), AuthenticationError, "401.*… is no key"),
        (Refusal(403), AuthenticationError, "403"),
        (Refusal(429, "concurrency_limited", headers={"Retry-After": "3600"}), RateLimitError, "in 60 minutes"),
        (Refusal(400, body=b"Bad Request: no such model"), InvalidRequestError, "no such model"),
        (Refusal(307, headers={"Location": "http://127.0.0.1:9/"}), APIError, "points to another address"),
        (Refusal(200, body=b"<html>Sign in</html>"), RemoteWireError, "does not open lasting connections"),
    ],
)
async def test_a_refused_handshake_is_told_as_a_refused_request_is(
    refusal: Refusal, kind: type[SpeechError], says: str
) -> None:
    """Same classes, same words, the key masked, and no second try."""
    async with SocketServer(refusal) as server, client_for(server.base_url) as client:
        with pytest.raises(kind, match=says) as caught:
            await said(client)
        assert len(server.talks) == 1
    if isinstance(caught.value, RateLimitError):
        assert (caught.value.error_code, caught.value.retry_after_s) == ("concurrency_limited", 3600)


async def test_a_handshake_that_met_a_passing_trouble_is_tried_again() -> None:
    """Nothing is paid for it: like a call that only reads."""
    async with (
        SocketServer(Refusal(503), Refusal(429, "concurrency_limited"), otherwise=speaks) as server,
        client_for(server.base_url) as client,
    ):
        assert await said(client) == TRANSCRIPT.encode()
        assert len(server.talks) == 3


async def test_nobody_there() -> None:
    """Refused, or open and dumb: in our words, soon."""
    async with client_for(refused_url()) as client:
        with pytest.raises(APIConnectionError, match="could not be reached"):
            await said(client)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with client_for(f"http://127.0.0.1:{port}", deadlines=QUICK, deadline_s=0.2) as client:
            with pytest.raises(APITimeoutError, match=r"within 0\.3 seconds"):
                await said(client)


async def test_a_secure_socket_checks_whom_it_talks_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the certificates that requests go by."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with SocketServer(otherwise=speaks, tls=tls) as server:
        async with client_for(server.base_url) as client:
            with pytest.raises(APIConnectionError, match="secure connection"):
                await said(client)
        assert server.talks == []
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        async with client_for(server.base_url) as client:
            assert await said(client) == TRANSCRIPT.encode()


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"])
async def test_a_socket_takes_the_proxy_that_a_request_takes(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the cloud by the proxy, which is told no key; not where it is named in NO_PROXY, nor ever to loopback."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    async with ScriptedServer(otherwise=Reply(407)) as proxy, SocketServer(otherwise=speaks) as server:
        monkeypatch.setenv("HTTPS_PROXY" if variable == "NO_PROXY" else variable, proxy.base_url)
        if variable == "NO_PROXY":
            monkeypatch.setenv(variable, ".invalid")
        async with client_for("https://speech.invalid", retry=Retry(attempts=1)) as client:
            for asks in (said, speak):
                with pytest.raises(APIConnectionError, match="reached" if variable == "NO_PROXY" else "The proxy"):
                    await asks(client)
        seen = [(request.method, request.target) for request in proxy.requests]
        assert seen == [] if variable == "NO_PROXY" else [("CONNECT", "speech.invalid:443")] * 2
        assert all(KEY not in str(request.headers) for request in proxy.requests)
        async with client_for(server.base_url) as client:
            await said(client)
        assert proxy.connections == len(seen)


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1080", "nonsense://x", "http://[::1", "http://x:y", "http://x:99999"]
)
async def test_a_proxy_that_no_socket_can_use(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told as for requests: which setting, and what to do."""
    for name in ("HTTPS_PROXY", "https_proxy", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    async with client_for("https://speech.invalid") as client:
        with pytest.raises(SettingsError, match="proxy"):
            await said(client)


# Contexts on one socket


async def test_twenty_contexts_share_one_socket() -> None:
    """Opened once, when first needed; each gets its own audio, in order, however the frames are mixed."""

    async def mixes(talk: Talk) -> None:
        heard = [await talk.hear() for _ in range(20)]
        for part in range(3):
            for message in reversed(heard):
                await talk.chunk(message["context_id"], f"{message['transcript']}{part};".encode())
        for message in heard:
            await talk.done(message["context_id"])
        await talk.until_closed()

    got: dict[int, bytes] = {}
    async with SocketServer(mixes) as server, client_for(server.base_url) as client:
        client._connection.limiters["tts"].limit = 20

        async def one(number: int) -> None:
            got[number] = await said(client, text(f"n{number}p"))

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, number)
        assert len(server.talks) == 1
    assert got == {n: f"n{n}p0;n{n}p1;n{n}p2;".encode() for n in range(20)}


async def test_text_in_pieces_goes_out_as_it_comes() -> None:
    """`continue`, flush and end as the contract spells them; every message repeats what the context has in common."""

    async def flushes(talk: Talk) -> None:
        for _ in range(3):
            message = await talk.hear()
        context_id = message["context_id"]
        await talk.chunk(context_id, flush_id=1, notices=[f"synthetic {KEY}"])
        await talk.say({"type": "flush_done", "context_id": context_id, "flush_id": 1, "flush_done": True})
        await talk.say({"type": "surprise", "context_id": context_id})  # may come without a new version
        await talk.hear()
        await talk.done(context_id)

    async with SocketServer(flushes) as server, client_for(server.base_url) as client:
        async with client.context(OPEN.model_copy(update={"context_id": "mine"})) as context:
            await context.send(" and ")
            await context.flush()
            events = []
            async for event in context:
                events.append(event)
                if isinstance(event, FlushDone):
                    await context.finish()
        heard = server.talks[0].heard
    assert [type(event) for event in events] == [Chunk, FlushDone, Done]
    assert {event.context_id for event in events} == {"mine"}
    assert context.notices == ("synthetic …",)
    told = [(m["transcript"], m["continue"], m["flush"]) for m in heard]
    assert told == [(TRANSCRIPT, True, False), (" and ", True, False), ("", True, True), ("", False, False)]
    common = [{k: v for k, v in m.items() if k not in ("transcript", "continue", "flush")} for m in heard]
    assert all(one == common[0] for one in common)


async def test_a_timed_request_reads_the_same_over_the_socket() -> None:
    """The interface of `speak_with_times`: events up to `done`, and what was confessed."""
    async with SocketServer(speaks) as server, client_for(server.base_url) as client:
        async with client.speak_on_socket(TIMED) as events:
            assert audio_of([event async for event in events]) == TRANSCRIPT.encode()
        assert server.talks[0].heard[0]["add_timestamps"] is True


async def test_leaving_early_cancels_upstream_and_drops_late_frames() -> None:
    """By a break or by cancellation; the socket lives on, and the slot is free."""
    goes_on = anyio.Event()

    async def insists(talk: Talk) -> None:
        first = (await talk.hear())["context_id"]
        await talk.chunk(first)
        assert await talk.hear() == {"context_id": first, "cancel": True}
        second = (await talk.hear())["context_id"]
        for _ in range(50):
            await talk.chunk(first)  # late: the far end finishes what it is at (contract §3.3, rule 8)
        goes_on.set()
        assert await talk.hear() == {"context_id": second, "cancel": True}
        await speaks(talk)

    async with SocketServer(insists) as server, client_for(server.base_url) as client:
        async with client.context(FIRST) as context:
            async for _ in context:
                break
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(said, client)
            await goes_on.wait()
            tasks.cancel_scope.cancel()
        assert client._connection.limiters["tts"].in_flight == 0
        assert await said(client) == TRANSCRIPT.encode()
        assert len(server.talks) == 1


# A socket that drops


async def test_a_socket_that_dropped_is_opened_again() -> None:
    """Between contexts nobody notices."""

    async def once(talk: Talk) -> None:
        message = await talk.hear()
        await talk.done(message["context_id"])
        talk.drop()

    async with SocketServer(once, once, speaks) as server, client_for(server.base_url) as client:
        for _ in range(2):
            await said(client)
        await server.until(lambda: server.open_talks == 0)
        assert await said(client) == TRANSCRIPT.encode()
        assert len(server.talks) == 3


async def test_what_nothing_came_back_for_is_begun_again_once() -> None:
    """All of its text, on the new socket, under a new id; a second drop is told (the PAYS row of retry.py)."""

    async def hears_two(talk: Talk) -> None:
        await talk.hear()
        await talk.hear()
        talk.drop()

    async with SocketServer(hears_two, speaks) as server, client_for(server.base_url) as client:
        async with client.context(OPEN) as context:
            await context.send(" And more.")
            await context.send(" The end.", continues=False)
            audio = audio_of([event async for event in context])
        assert audio == f"{TRANSCRIPT} And more. The end.".encode()
        first, second = (talk.heard[0]["context_id"] for talk in server.talks)
        assert first != second
    async with SocketServer(otherwise=drops(0)) as server, client_for(server.base_url) as client:
        with pytest.raises(APIConnectionError) as caught:
            await said(client)
        assert len(server.talks) == 2
        assert caught.value.retryable


async def test_what_had_begun_is_not_begun_again() -> None:
    """It was paid for in part: the caller is told, after all that came, and others on the socket that had not begun
    go on elsewhere."""
    begun = anyio.Event()

    async def drops_in_the_middle(talk: Talk) -> None:
        first = await talk.hear()
        await talk.chunk(first["context_id"])
        begun.set()
        await talk.hear()
        talk.drop()

    async with SocketServer(drops_in_the_middle, speaks) as server, client_for(server.base_url) as client:
        events: list[SpeechEvent] = []
        async with client.context(FIRST) as context:
            await begun.wait()
            assert await said(client, text("The other.")) == b"The other."
            with pytest.raises(APIConnectionError, match="in the middle") as caught:
                await take(context, events)
        assert [type(event) for event in events] == [Chunk]
        assert caught.value.retryable
        assert len(server.talks) == 2


async def test_an_idle_socket_is_closed_and_another_opened_when_needed() -> None:
    """Before the far end does it (contract §3.3: after five minutes)."""
    async with SocketServer(otherwise=speaks) as server, client_for(server.base_url) as client:
        client._connection.lines.idle_s = 0.05
        await said(client)
        await server.until(lambda: server.open_talks == 0)
        assert await said(client) == TRANSCRIPT.encode()
        assert len(server.talks) == 2


async def test_closing_the_client_leaves_no_socket() -> None:
    """Nor a reader that waits for ever."""
    async with SocketServer(otherwise=speaks) as server:
        client = client_for(server.base_url)
        async with client.context(OPEN) as context:
            await client.aclose()
            with pytest.raises(SpeechError, match="client was closed"):
                await anext(aiter(context))
        await server.until(lambda: server.open_talks == 0)


# What a service must not do


def garbage(message: Any) -> Step:
    async def step(talk: Talk) -> None:
        heard = await talk.hear()
        await talk.say(message if not isinstance(message, dict) else {"context_id": heard["context_id"], **message})
        await talk.until_closed()

    return step


@pytest.mark.parametrize(
    "message",
    ["{nope", "[1]", "[" * 50_000, b"\0\1", {"type": "chunk"}, {"type": ["chunk"]}, {"type": "chunk", "data": "%"},
     "x" * 5_000_000],
    ids=["no json", "no object", "deep", "bytes", "no data", "odd type", "no base64", "huge"],
)  # fmt: skip
async def test_garbage_is_told_at_once_and_ends_there(message: Any) -> None:
    """No crash, no second payment, and the next context is served."""
    async with SocketServer(garbage(message), otherwise=speaks) as server, client_for(server.base_url) as client:
        with pytest.raises(RemoteWireError, match="cannot be read"):
            await said(client)
        if isinstance(message, dict):
            return  # the socket was in order, and its script only knows this
        assert await said(client) == TRANSCRIPT.encode()


async def test_frames_for_nobody_are_dropped() -> None:
    """Contexts that were never ours, or carry no text for an id."""

    async def wanders(talk: Talk) -> None:
        message = await talk.hear()
        for context_id in ("unknown", None, 7, ["x"]):
            await talk.say({"type": "chunk", "context_id": context_id, "data": "AAAA", "done": False})
        await talk.done(message["context_id"])
        await talk.until_closed()

    async with SocketServer(wanders) as server, client_for(server.base_url) as client:
        assert await said(client) == b""


async def test_silence_has_an_end_and_the_socket_is_replaced() -> None:
    """Where there is something to say; a context that waits for its caller may be silent as long as it likes."""

    async def silent(talk: Talk) -> None:
        await talk.hear()
        assert (await talk.hear())["cancel"]
        await talk.until_closed()

    async with (
        SocketServer(silent, speaks) as server,
        client_for(server.base_url, deadlines=QUICK, deadline_s=10) as client,
    ):
        assert await said(client) == TRANSCRIPT.encode()
        assert len(server.talks) == 2
    async with (
        SocketServer(speaks) as server,
        client_for(server.base_url, deadlines=QUICK) as client,
        client.context(OPEN) as context,
    ):
        with anyio.move_on_after(0.5) as waited:
            await anext(aiter(context))
        assert waited.cancelled_caught


# Errors in the stream


async def test_an_error_in_the_stream_is_told_like_one_of_http() -> None:
    """Same class and code; neither key nor transcript in it. The socket and other contexts live on."""

    async def refuses(talk: Talk) -> None:
        context_id = (await talk.hear())["context_id"]
        await talk.fail(context_id, 400, "voice_model_mismatch", f"{KEY} said: {TRANSCRIPT}")
        await speaks(talk)

    async with SocketServer(refuses) as server, client_for(server.base_url) as client:
        with pytest.raises(InvalidRequestError, match="This voice needs another model") as caught:
            await said(client)
        assert caught.value.error_code == "voice_model_mismatch"
        assert KEY not in str(caught.value)
        assert "nutmeg" not in str(caught.value)
        assert await said(client) == TRANSCRIPT.encode()
        assert len(server.talks) == 1
        assert not any(message.get("cancel") for message in server.heard())


async def test_an_error_without_a_context_is_everybodys() -> None:
    """It is about the socket: nobody is left waiting."""

    async def refuses(talk: Talk) -> None:
        await talk.hear()
        await talk.hear()
        await talk.fail(None, 400, message="malformed")
        await talk.until_closed()

    failures: list[SpeechError] = []

    async with SocketServer(refuses) as server, client_for(server.base_url) as client:

        async def one() -> None:
            with pytest.raises(InvalidRequestError, match="malformed") as caught:
                await said(client)
            failures.append(caught.value)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            tasks.start_soon(one)
    assert len(failures) == 2


async def test_busy_contexts_wait_for_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 429 inside the stream teaches the limiter, and the context goes out again when another has ended."""
    learnt = anyio.Event()

    async def allows_one(talk: Talk) -> None:
        first = await talk.hear()
        second = await talk.hear()
        await talk.fail(second["context_id"], 429, "concurrency_limited")
        await learnt.wait()
        await talk.done(first["context_id"])
        await speaks(talk)

    async with SocketServer(allows_one) as server, client_for(server.base_url) as client:
        limiter = client._connection.limiters["tts"]
        refused = limiter._refused

        def learns() -> None:
            refused()
            learnt.set()

        monkeypatch.setattr(limiter, "_refused", learns)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(said, client)
            tasks.start_soon(said, client)
        texts = [message["transcript"] for message in server.talks[0].heard]
        assert texts == [TRANSCRIPT] * 3
        assert (limiter.limit, limiter.in_flight) == (1, 0)


# Slow readers


async def test_a_slow_reader_grows_no_memory_and_stops_nobody() -> None:
    """What it leaves goes to disk; another context on the same socket is served meanwhile; nothing is lost."""
    piece, count = b"\1\2" * 24_000, 200

    async def floods(talk: Talk) -> None:
        slow = (await talk.hear())["context_id"]
        for _ in range(count):
            await talk.chunk(slow, piece)
        await talk.done(slow)
        await speaks(talk)

    async with SocketServer(floods) as server, client_for(server.base_url) as client:
        async with client.context(FIRST) as context:
            events = aiter(context)
            await anext(events)
            tracemalloc.start()
            assert await said(client, text("The quick one.")) == b"The quick one."
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert client._connection.limiters["tts"].in_flight == 0  # all is generated, if not taken
            rest = [event async for event in events]
        assert len(rest) == count
        assert isinstance(rest[-1], Done)
        assert audio_of(rest) == piece * (count - 1)
        assert len(server.talks) == 1
    sent = len(base64.b64encode(piece)) * count
    print(f"\n{sent / 1e6:.0f} MB waited; {peak / 1e6:.1f} MB of memory at most, the server's included")
    assert peak < sent / 4


async def test_a_reader_far_behind_stops_its_socket_and_no_other() -> None:
    """When its share of the disk is used up the far end is stopped; a new context has another socket; when the reader
    goes on, so does the far end."""
    piece, count = b"\1\2" * 50_000, 250

    async def floods(talk: Talk) -> None:
        slow = (await talk.hear())["context_id"]
        for _ in range(count):
            await talk.chunk(slow, piece)
        await talk.done(slow)
        await talk.until_closed()

    async with SocketServer(floods, speaks) as server, client_for(server.base_url) as client:
        lines = client._connection.lines
        lines.budget = Budget(memory_bytes=200_000, disk_bytes=1_000_000)
        async with client.context(FIRST) as context:
            await server.until(lambda: lines._lines[0].is_stalled)
            assert await said(client) == TRANSCRIPT.encode()
            assert len(server.talks) == 2
            assert server.talks[0].sent < count / 2
            assert len(audio_of([event async for event in context])) == len(piece) * count
    assert server.talks[0].sent == count + 1


# Secrets


@pytest.mark.parametrize(
    "step",
    [Refusal(401, message=KEY), Refusal(500, body=KEY.encode()), Refusal(302, headers={"Location": f"/{KEY}"}),
     Refusal(200, headers={"X": KEY}), drops(0), drops(1), garbage(KEY), garbage({"type": "error", "status_code": 400, "message": KEY})],
)  # fmt: skip
async def test_the_key_is_in_no_error_and_no_log(
    step: Step | Refusal, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nor in anything the error drags along; not even when everything is logged."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)  # the test's own end
    async with SocketServer(otherwise=step) as server, client_for(server.base_url) as client:
        with pytest.raises(SpeechError) as caught:
            await said(client)
        assert server.talks[0].headers["authorization"] == f"Bearer {KEY}"
    seen: BaseException | None = caught.value
    told = [repr(client), caplog.text, *capfd.readouterr()]
    while seen is not None:
        told += [str(seen), repr(vars(seen))]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    assert KEY not in "\n".join(told)
