"""The server over HTTP and SSE: served for real, on a port of its own."""

import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from scripted import ScriptedServer, Step, data, silence, speech, wav
from sonant.errors import SettingsError
from sonant.settings import DEFAULT_TOOLSETS
from sonant.surface.tools.toolsets import tools_of
from sonant.web import WebOptions, serving
from surface_kit import (
    KATIE,
    KATIE_ROW,
    KEY,
    LEGACY,
    MODERN,
    SECRET_WORDS,
    Home,
    all_logs,
    first_text,
    links,
    refused,
    said,
    text_of,
)

TOKEN = "a-long-and-secret-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
}  # fmt: skip
ACCEPT = {"Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def served(
    home: Home, upstream: ScriptedServer, *, token: str | None = None, **options: Any
) -> AsyncIterator[str]:
    """A server on a free port, before a scripted API."""
    variables = {"CARTESIA_BASE_URL": upstream.base_url, "CARTESIA_API_KEY": KEY}
    if token:
        variables["SONANT_HTTP_TOKEN"] = token
    async with serving(home.settings(**variables), WebOptions(port=0, **options)) as base_url:
        yield base_url


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedServer]:
    routes: dict[str, Step] = {
        f"GET /voices/{KATIE}": data(KATIE_ROW),
        "GET /voices": data({"data": [KATIE_ROW], "has_more": False}),
        "POST /stt": data({"type": "transcript", "text": "What was said."}),
    }
    async with ScriptedServer(routes=routes, otherwise=speech(0.5)) as server:
        yield server


@asynccontextmanager
async def connected(base_url: str, transport: str, era: str, **headers: str) -> AsyncIterator[Client]:
    """A real MCP client over a real socket."""
    if transport == "sse":
        async with Client(sse_client(f"{base_url}/sse", headers=headers), mode=LEGACY) as client:
            yield client
    else:
        async with (
            httpx_client(headers) as http,
            Client(streamable_http_client(f"{base_url}/mcp", http_client=http), mode=era) as client,  # type: ignore[arg-type]
        ):
            yield client


def httpx_client(headers: dict[str, str]) -> Any:
    from mcp.shared._httpx_utils import create_mcp_http_client

    return create_mcp_http_client(headers=headers)


WAYS = (("http", LEGACY), ("http", MODERN), ("sse", LEGACY))


@pytest.mark.parametrize(("transport", "era"), WAYS)
async def test_a_recording_goes_in_and_a_file_comes_out(
    home: Home, upstream: ScriptedServer, transport: str, era: str
) -> None:
    """Rule: a person whose server runs elsewhere uploads, transcribes, speaks and downloads; no path is named."""
    async with (
        served(home, upstream, token=TOKEN, transport=transport) as base_url,
        httpx.AsyncClient(base_url=base_url, headers=BEARER) as http,
        connected(base_url, transport, era, **BEARER) as client,
    ):
        assert len((await client.list_tools()).tools) == len(tools_of(DEFAULT_TOOLSETS))
        uploaded = (await http.post("/audio?filename=memo.wav", content=wav(2.0))).raise_for_status().json()
        assert uploaded["duration_s"] == 2.0
        heard = await client.call_tool("transcribe", {"audio": uploaded["audio"]})
        assert said(heard)["text"] == "What was said."
        progress: list[str | None] = []

        async def on_progress(_: float, __: float | None, message: str | None) -> None:
            progress.append(message)

        spoken = await client.call_tool(
            "text_to_speech",
            {"transcript": "Hello.", "format": "wav", "timestamps": False},
            progress_callback=on_progress,
        )
        assert progress
        told = said(spoken)
        assert "path" not in told
        assert told["uri"].startswith(f"{base_url}/audio/")
        assert told["uri"] in first_text(spoken)
        for result in (heard, spoken):
            assert str(home.root) not in result.model_dump_json()
        got = await http.get(told["uri"])
        assert got.headers["content-type"] == "audio/wav"
        assert len(got.content) == 44 + 44100
        (content,) = (await client.read_resource(links(spoken)[0].uri)).contents
        assert content.mime_type == "audio/wav"
        again = await client.call_tool("transcribe", {"audio": told["uri"]})  # an answer is the next question's input
        assert said(again)["text"] == "What was said."
        subtitles = await client.call_tool("transcribe", {"audio": uploaded["audio"], "format": "json"})
        assert (await http.get(said(subtitles)["uri"])).json()["text"] == "What was said."


@pytest.mark.parametrize(("transport", "era"), WAYS)
async def test_no_log_holds_a_token_a_key_or_a_transcript(
    home: Home, upstream: ScriptedServer, transport: str, era: str
) -> None:
    """Rule: not even at DEBUG, of our loggers or of those below us."""
    upstream.routes["POST /stt"] = data({"type": "transcript", "text": SECRET_WORDS})
    with all_logs() as lines:
        async with (
            served(home, upstream, token=TOKEN, transport=transport) as base_url,
            connected(base_url, transport, era, **BEARER) as client,
        ):
            spoken = await client.call_tool("text_to_speech", {"transcript": SECRET_WORDS, "format": "wav"})
            heard = await client.call_tool("transcribe", {"audio": links(spoken)[0].uri})
            assert SECRET_WORDS in first_text(heard)
    ours = [line for line in lines if not line.startswith(("mcp.client", "httpx", "httpcore", "httpx2", "httpcore2"))]
    for secret in (TOKEN, KEY, "nutmeg"):
        assert not [line for line in ours if secret in line]


async def test_uploads_come_raw_or_as_a_form(home: Home, upstream: ScriptedServer) -> None:
    """Rule: POST /audio takes the recording as its body or as a file of a form; what is not audio is refused."""
    async with served(home, upstream) as base_url, httpx.AsyncClient(base_url=base_url) as http:
        raw = await http.post("/audio", content=wav(1.0))
        form = await http.post("/audio", files={"file": ("memo.wav", wav(1.0), "audio/wav")}, data={"note": "mine"})
        for answer in (raw, form):
            assert answer.status_code == 201
            assert re.fullmatch(r"audio://[0-9a-f]{32}\.wav", answer.json()["audio"])
        for wrong, why in (
            ({"content": b""}, "is empty"),
            ({"content": b"Dear Sir, " * 999}, "is not audio"),
            ({"content": wav(1.0)[:44]}, ""),
            ({"data": {"note": "no file"}, "files": {"x": (None, "just text")}}, "holds no file"),
            ({"content": b"not a form", "headers": {"content-type": "multipart/form-data; boundary=x"}}, ""),
            ({"content": b"not a form", "headers": {"content-type": "multipart/form-data"}}, ""),
        ):
            answer = await http.post("/audio", **wrong)  # type: ignore[arg-type]
            assert answer.status_code == 400, why
            assert why in answer.json()["error"]
            assert str(home.root.parent) not in answer.text
        kept = [path.name for path in (home.data / "uploads").iterdir()]
        assert len(kept) == 2
        assert not [name for name in kept if name.endswith(".part")]


async def test_an_upload_that_is_cut_leaves_nothing(home: Home, upstream: ScriptedServer) -> None:
    """Rule: a client that goes away in the middle of an upload leaves no file."""
    async with served(home, upstream) as base_url:
        port = int(base_url.rpartition(":")[2])
        for head in ("Content-Type: audio/wav", "Content-Type: multipart/form-data; boundary=x"):
            stream = await anyio.connect_tcp("127.0.0.1", port)
            await stream.send(
                f"POST /audio HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n{head}\r\n\r\n".encode()
                + wav(1.0)[:50_000]
            )
            await anyio.wait_all_tasks_blocked()
            await stream.aclose()
        async with httpx.AsyncClient(base_url=base_url) as http:
            assert (await http.get("/health")).json()["ok"] is True
    uploads = home.data / "uploads"
    assert not uploads.exists() or list(uploads.iterdir()) == []


async def test_downloads_are_streamed_in_ranges(home: Home, upstream: ScriptedServer) -> None:
    """Rule: GET /audio/{id} answers ranges, with and without an ending; what is unknown is 404."""
    async with served(home, upstream) as base_url, httpx.AsyncClient(base_url=base_url) as http:
        content = wav(1.0)
        entry_id = (await http.post("/audio", content=content)).json()["audio"].removeprefix("audio://")
        for name in (entry_id, entry_id.partition(".")[0]):
            assert (await http.get(f"/audio/{name}")).content == content
        part = await http.get(f"/audio/{entry_id}", headers={"Range": "bytes=100-199"})
        assert part.status_code == 206
        assert part.content == content[100:200]
        assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
        assert (await http.get(f"/audio/{entry_id}", headers={"Range": "bytes=99999999-"})).status_code == 416
        assert (await http.head(f"/audio/{entry_id}")).headers["content-length"] == str(len(content))
        plain = entry_id.partition(".")[0]
        nearly = plain[:-1] + ("1" if plain[-1] == "0" else "0")
        for unknown in ("0" * 32, "x", "..%2F..%2Fetc%2Fpasswd", "%00", nearly):
            answer = await http.get(f"/audio/{unknown}")
            assert answer.status_code == 404, unknown
            assert str(home.root.parent) not in answer.text


async def test_paths_are_neither_read_nor_named_unless_that_is_allowed(home: Home, upstream: ScriptedServer) -> None:
    """Rule: over HTTP the caller is elsewhere; --allow-local-paths says otherwise."""
    (home.root / "memo.wav").write_bytes(wav(1.0))
    for allowed in (False, True):
        async with (
            served(home, upstream, allow_local_paths=allowed) as base_url,
            connected(base_url, "http", MODERN) as client,
        ):
            for name in (str(home.root / "memo.wav"), "memo.wav", "~/memo.wav", (home.root / "memo.wav").as_uri()):
                heard = await client.call_tool("transcribe", {"audio": name})
                if allowed:
                    assert name.startswith("~") or not heard.is_error, text_of(heard)
                else:
                    told = refused(heard)
                    assert "POST /audio" in told
                    assert str(home.root) not in told
            spoken = await client.call_tool("text_to_speech", {"transcript": "Hello.", "filename": "secret name"})
            assert ("path" in said(spoken)) is allowed
            assert (str(home.out) in spoken.model_dump_json()) is allowed


async def test_failures_over_http_name_no_path(home: Home, upstream: ScriptedServer) -> None:
    """Rule: an output folder that cannot be used is not told by its path."""
    home.root.mkdir(exist_ok=True)
    home.out.write_text("not a folder")
    async with served(home, upstream) as base_url, connected(base_url, "http", MODERN) as client:
        told = refused(await client.call_tool("text_to_speech", {"transcript": "Hello."}))
        assert str(home.root) not in told


async def status(http: httpx.AsyncClient, path: str = "/mcp", **headers: str) -> int:
    if path == "/mcp":
        return (await http.post(path, json=INITIALIZE, headers={**ACCEPT, **headers})).status_code
    return (await http.get(path, headers=headers)).status_code


async def test_a_token_is_asked_for_everywhere_but_at_health(home: Home, upstream: ScriptedServer) -> None:
    """Rule: with a token set, every route but /health needs exactly it."""
    async with served(home, upstream, token=TOKEN) as base_url, httpx.AsyncClient(base_url=base_url) as http:
        assert await status(http, "/health") == 200
        for path in ("/mcp", "/audio/x", "/nothing"):
            for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN},
                          {"Authorization": f"Basic {TOKEN}"}, {"Authorization": f"Bearer {TOKEN}x"},
                          {"Authorization": "Bearer caf\xe9"}):  # fmt: skip
                raw = {name: value.encode("latin-1") for name, value in wrong.items()}
                assert await status(http, path, **raw) == 401, (path, wrong)  # type: ignore[arg-type]
        assert (await http.post("/audio", content=wav(1.0))).status_code == 401
        assert await status(http, **BEARER) == 200
        answer = await http.get("/audio/x")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.text


async def test_only_known_hosts_and_origins_are_answered(home: Home, upstream: ScriptedServer) -> None:
    """Rule: a foreign Host is 421, a foreign Origin 403, on every route; those that were allowed pass."""
    options: dict[str, Any] = {"allowed_hosts": ("speech.example",), "allowed_origins": ("https://app.example",)}
    async with served(home, upstream, **options) as base_url, httpx.AsyncClient(base_url=base_url) as http:
        for path in ("/mcp", "/health", "/audio/x"):
            fine = 404 if path == "/audio/x" else 200
            for host in ("speech.example", "SPEECH.example:8000", "localhost:1", "127.0.0.1", "[::1]:9"):
                assert await status(http, path, Host=host) == fine, (path, host)
            for host in ("evil.example", "speech.example.evil.com", "127.0.0.1.evil.com", "localhost.evil.com", ""):
                assert await status(http, path, Host=host) == 421, (path, host)
            for origin in ("https://app.example", "HTTPS://app.example", "http://localhost:3000"):
                assert await status(http, path, Origin=origin) == fine, (path, origin)
            for origin in (
                "https://evil.example",
                "null",
                "http://app.example",
                "https://app.example.evil.com",
                "http://[",
            ):
                assert await status(http, path, Origin=origin) == 403, (path, origin)


async def test_pages_of_an_allowed_origin_can_really_call(home: Home, upstream: ScriptedServer) -> None:
    """Rule: a browser asks first (without the token) and reads the answer only if it is allowed to."""
    options: dict[str, Any] = {"allowed_origins": ("https://app.example",), "token": TOKEN}
    origin = {"Origin": "https://app.example"}
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
    async with served(home, upstream, **options) as base_url, httpx.AsyncClient(base_url=base_url) as http:
        asked = await http.options("/mcp", headers=origin | asks)
        assert asked.status_code in (200, 204)
        assert asked.headers["access-control-allow-origin"] == "https://app.example"
        assert "authorization" in asked.headers["access-control-allow-headers"].lower()
        answer = await http.post("/mcp", json=INITIALIZE, headers=origin | ACCEPT | BEARER)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "mcp-session-id" in answer.headers["access-control-expose-headers"].lower()
        foreign = await http.options("/mcp", headers={"Origin": "https://evil.example"} | asks)
        assert foreign.status_code == 403
        assert "access-control-allow-origin" not in foreign.headers


@pytest.mark.parametrize("lacking", ["token", "allowed_hosts", "allowed_origins"])
async def test_it_does_not_listen_beyond_this_machine_half_guarded(home: Home, lacking: str) -> None:
    """Rule: beyond loopback a token, a host name and a word on origins are required, each by name."""
    given: dict[str, Any] = {"allowed_hosts": ("speech.example",), "allowed_origins": ("none",)}
    given.pop(lacking, None)
    variables = {} if lacking == "token" else {"SONANT_HTTP_TOKEN": TOKEN}
    with pytest.raises(
        SettingsError, match={"token": "SONANT_HTTP_TOKEN"}.get(lacking, lacking[:-1].replace("_", "-"))
    ):
        async with serving(home.settings(**variables), WebOptions(host="0.0.0.0", port=0, **given)):
            pass


async def test_links_lead_to_a_name_that_is_answered(home: Home) -> None:
    """Rule: listening on every address, files are told under the host name that was allowed, not 0.0.0.0."""
    options = WebOptions(host="0.0.0.0", port=0, allowed_hosts=("localhost",), allowed_origins=("none",))
    async with ScriptedServer(routes={f"GET /voices/{KATIE}": data(KATIE_ROW)}, otherwise=speech(0.2)) as upstream:
        variables = {"SONANT_HTTP_TOKEN": TOKEN, "CARTESIA_BASE_URL": upstream.base_url, "CARTESIA_API_KEY": KEY}
        async with serving(home.settings(**variables), options) as base_url:
            local = base_url.replace("0.0.0.0", "127.0.0.1")
            async with connected(local, "http", MODERN, **BEARER) as client:
                uri = said(await client.call_tool("text_to_speech", {"transcript": "Hello."}))["uri"]
            assert uri.startswith("http://localhost:")
            async with httpx.AsyncClient(headers=BEARER) as http:
                assert (await http.get(uri)).status_code == 200


async def test_a_wrong_setting_closes_uploads_and_downloads_too(home: Home, upstream: ScriptedServer) -> None:
    """Rule: a token that was not filled in must not leave the doors open."""
    variables = {"SONANT_HTTP_TOKEN": "${TOKEN}", "CARTESIA_BASE_URL": upstream.base_url}
    async with serving(home.settings(**variables), WebOptions(port=0)) as base_url:
        async with httpx.AsyncClient(base_url=base_url) as http:
            for answer in (await http.post("/audio", content=wav(1.0)), await http.get(f"/audio/{'0' * 32}")):
                assert answer.status_code == 503
                assert "SONANT_HTTP_TOKEN" in answer.json()["error"]
        async with connected(base_url, "http", MODERN) as client:
            assert "SONANT_HTTP_TOKEN" in (client.instructions or "")
            assert "SONANT_HTTP_TOKEN" in refused(await client.call_tool("list_voices", {}))
    assert not (home.data / "uploads").exists()


@pytest.mark.parametrize(("transport", "era"), WAYS)
async def test_cancelling_over_the_network_closes_the_request(
    home: Home, upstream: ScriptedServer, transport: str, era: str
) -> None:
    """Rule: cancelling a call closes the request upstream, whatever carries the call."""
    upstream.routes["POST /tts/bytes"] = silence
    async with served(home, upstream, transport=transport) as base_url, connected(base_url, transport, era) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "text_to_speech", {"transcript": "Hello."})
            await upstream.until(lambda: bool(upstream.requests_to("/tts/bytes")))
            tasks.cancel_scope.cancel()
        await upstream.until(lambda: upstream.requests_to("/tts/bytes")[0].was_abandoned)
        assert home.files() == []


async def test_the_end_of_the_server_ends_all_its_work(home: Home, upstream: ScriptedServer) -> None:
    """Rule: a server that stops in the middle of a call closes its sockets, in and out, and leaves no file."""
    upstream.routes["POST /tts/bytes"] = silence

    async def call(base_url: str) -> None:
        with contextlib.suppress(Exception):  # the client's own trouble
            async with connected(base_url, "http", MODERN) as client:
                await client.call_tool("text_to_speech", {"transcript": "Hello."})

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            async with served(home, upstream) as base_url:
                tasks.start_soon(call, base_url)
                await upstream.until(lambda: bool(upstream.requests_to("/tts/bytes")))
            await upstream.until(lambda: upstream.requests_to("/tts/bytes")[0].was_abandoned)
            tasks.cancel_scope.cancel()
    assert home.files() == []
