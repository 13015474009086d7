"""A web page must not reach the engine: Host and Origin. And where it listens, for whom."""

from pathlib import Path

import anyio
import httpx
import pytest

from engine_fixture import VERSION, Engine, speech
from sonant.engine.options import EngineOptions
from sonant.engine.serving import run_engine
from sonant.errors import SettingsError

PAGE = "https://app.example.com"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "8.8.8.8", ""])
def test_a_foreign_host_is_refused_even_with_the_key(engine: Engine, host: str) -> None:
    """DNS rebinding makes a page's own name point here; its requests still carry that name."""
    with engine.http(Host=host) as http:
        answer = http.get("/")
        assert answer.status_code in (400, 421)
        assert "Sonant" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "127.0.0.2:80", "[::1]:80", "LOCALHOST"])
def test_the_names_of_this_computer_are_served(engine: Engine, host: str) -> None:
    """Whatever port a tunnel puts in."""
    with engine.http(Host=host) as http:
        assert http.get("/").status_code == 200


@pytest.mark.parametrize("origin", [PAGE, "null", "http://localhost:3000"])
def test_a_foreign_origin_is_refused(engine: Engine, origin: str) -> None:
    """No page may call it unless it is named, and none is told it may."""
    with engine.http(Origin=origin) as http:
        for answer in (http.get("/"), http.get("/voices"), http.options("/voices")):
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers


async def test_a_named_origin_gets_its_answers(tmp_path: Path) -> None:
    """Preflight and answers carry the headers a browser wants, notices readable; refusals too."""
    async with anyio.create_task_group() as group:
        url = await _started(group, tmp_path, allow_origins=[PAGE])
        async with httpx.AsyncClient(base_url=url, headers={"Origin": PAGE}) as http:
            preflight = await http.options(
                "/tts/bytes",
                headers={
                    "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "authorization,cartesia-version",
                },
            )
            assert preflight.status_code == 204
            assert preflight.headers["access-control-allow-headers"] == "authorization,cartesia-version"
            assert preflight.headers["access-control-allow-origin"] == PAGE
            refused = await http.get("/voices")
            assert refused.status_code == 401
            assert refused.headers["access-control-allow-origin"] == PAGE
            spoken = await http.post("/tts/bytes", json=speech(), headers={"Authorization": "Bearer x", **VERSION})
            assert spoken.status_code == 200
            assert "Sonant-Notice" in spoken.headers["access-control-expose-headers"]
            other = await http.get("/voices", headers={"Origin": "https://other.example.com"})
            assert other.status_code == 403
        group.cancel_scope.cancel()


async def test_on_loopback_any_key_will_do_and_unknown_voices_if_wanted(tmp_path: Path) -> None:
    """So that a program under test needs no real key, nor real voices with `--any-voice`."""
    async with anyio.create_task_group() as group:
        url = await _started(group, tmp_path, any_voice=True)
        async with httpx.AsyncClient(base_url=url, headers=VERSION) as http:
            assert (await http.get("/voices")).status_code == 401
            key = {"Authorization": "Bearer anything"}
            spoken = await http.post("/tts/bytes", json=speech(voice="not-a-voice"), headers=key)
            assert spoken.status_code == 200
        group.cancel_scope.cancel()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "my-computer"])
async def test_beyond_loopback_a_key_is_required(tmp_path: Path, host: str) -> None:
    """Refused before a socket is opened."""
    with pytest.raises(SettingsError, match="without a key"):
        await run_engine(EngineOptions(data_dir=tmp_path, host=host))


async def test_a_port_that_is_taken_is_a_settings_error(engine: Engine, tmp_path: Path) -> None:
    """With a sentence, not a traceback."""
    with pytest.raises(SettingsError, match="cannot listen"):
        await run_engine(EngineOptions(data_dir=tmp_path), int(engine.base_url.rpartition(":")[2]))


async def _started(
    group: anyio.abc.TaskGroup, data_dir: Path, *, allow_origins: list[str] | None = None, any_voice: bool = False
) -> str:
    """The base URL of an engine that runs until the group is cancelled."""
    send, receive = anyio.create_memory_object_stream[str](1)

    async def serve() -> None:
        options = EngineOptions(data_dir=data_dir, allow_origins=tuple(allow_origins or ()), any_voice=any_voice)
        await run_engine(options, 0, send.send_nowait)

    group.start_soon(serve)
    with send, receive:
        return await receive.receive()
