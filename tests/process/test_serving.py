"""`sonant serve` over HTTP and SSE, and `sonant engine`: on this machine freely, beyond it only with care."""

import httpx
import pytest
from cartesia import AuthenticationError, Cartesia
from mcp import Client
from mcp.client.sse import sse_client

import sonant
from engine_fixture import KATIE, WAV
from process_kit import SONANT, Command, Home


async def _get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(url)


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_it_serves_over_the_network_transports(transport: str, home: Home) -> None:
    """The official client speaks through it; beside it are a health route and the file."""
    with Command(home, [*SONANT, "serve", "--transport", transport, "--port", "0"]) as server:
        url = server.line(server.err).split()[-1]
        base_url = url.rpartition("/")[0]
        health = await _get(f"{base_url}/health")
        assert health.json() == {"ok": True, "name": "sonant", "version": sonant.__version__}
        assert home.files() == []
        client = Client(url) if transport == "http" else Client(sse_client(url), mode="legacy")
        async with client:
            result = await client.call_tool("text_to_speech", {"transcript": "Hello.", "format": "wav"})
        assert not result.is_error
        told = result.model_dump_json()
        assert str(home.root) not in told
        link = next(block for block in result.content if block.type == "resource_link")
        file_id = link.uri.removeprefix("audio://")
        got = await _get(f"{base_url}/audio/{file_id}")
        assert got.headers["content-type"] == "audio/wav"
        assert got.content.startswith(b"RIFF")
        server.process.terminate()
        server.wait()
        assert server.out.get() is None, "stdout is nobody's over HTTP"


@pytest.mark.parametrize(
    ("transport", "args", "more", "missing"),
    [
        ("http", [], {}, "SONANT_HTTP_TOKEN"),
        ("sse", [], {}, "SONANT_HTTP_TOKEN"),
        ("http", [], {"SONANT_HTTP_TOKEN": "word"}, "--allowed-host"),
        ("http", ["--allowed-host", "example.com"], {"SONANT_HTTP_TOKEN": "word"}, "--allowed-origin"),
    ],
    ids=["no token", "no token, SSE", "no host", "no origin"],
)
def test_it_does_not_open_itself_to_strangers(
    transport: str, args: list[str], more: dict[str, str], missing: str, home: Home
) -> None:
    """Beyond this machine a token, the host names and the web origins must be given."""
    done = home.run("serve", "--transport", transport, "--host", "0.0.0.0", "--port", "0", *args, **more)
    assert done.returncode == 2
    assert missing in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_wrong_setting_does_not_kill_a_server_over_http(home: Home) -> None:
    """As over stdio: it says so instead."""
    environ = home.environ(SONANT_CONCURRENCY="many")
    with Command(home, [*SONANT, "serve", "--transport", "http", "--port", "0"], environ) as server:
        async with Client(server.line(server.err).split()[-1]) as client:
            result = await client.call_tool("list_voices", {})
    assert result.is_error
    assert "SONANT_CONCURRENCY" in result.model_dump_json()


def test_a_port_that_is_taken_is_named(home: Home) -> None:
    """One sentence, and what to do."""
    with Command(home, [*SONANT, "engine"]) as engine:
        port = engine.line(engine.out).strip().rpartition(":")[2]
        for command in (["engine"], ["serve", "--transport", "http"]):
            done = home.run(*command, "--port", port)
            assert done.returncode == 2
            assert port in done.stderr
            assert "Traceback" not in done.stderr


def test_the_engine_prints_its_address_and_takes_any_key_on_this_machine(home: Home) -> None:
    """One line, when it answers; the official SDK speaks with it, unmodified."""
    with Command(home, [*SONANT, "engine"]) as engine:
        base_url = engine.line(engine.out).strip()
        client = Cartesia(api_key="anything at all", base_url=base_url, max_retries=0)
        audio = client.tts.generate(
            model_id="sonic-3.6", transcript="Hello.", voice={"mode": "id", "id": KATIE}, output_format=WAV,
            extra_headers={"Cartesia-Version": "2026-08-14"},
        )  # fmt: skip
        assert audio.read().startswith(b"RIFF")
        engine.process.terminate()
        engine.wait()
        assert engine.out.get() is None, "one line and no more"


def test_the_engine_takes_only_the_key_it_was_given(home: Home) -> None:
    """`--api-key` names it; the sentence that refuses does not."""
    with Command(home, [*SONANT, "engine", "--api-key", "the-right-one"]) as engine:
        base_url = engine.line(engine.out).strip()
        version = {"Cartesia-Version": "2026-08-14"}
        right = Cartesia(api_key="the-right-one", base_url=base_url, max_retries=0, default_headers=version)
        assert len(right.voices.list(limit=5).data) == 5
        wrong = Cartesia(api_key="another", base_url=base_url, max_retries=0, default_headers=version)
        with pytest.raises(AuthenticationError) as refused:
            wrong.voices.list(limit=5)
        assert "the-right-one" not in str(refused.value)


def test_the_engine_does_not_open_itself_to_strangers(home: Home) -> None:
    """Beyond this machine only with a key."""
    done = home.run("engine", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "--api-key" in done.stderr
