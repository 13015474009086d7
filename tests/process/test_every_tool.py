"""Every tool through the official client, in both protocol eras, over stdio, HTTP and SSE, with the engine behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp_types import CallToolResult

from engine_fixture import Engine
from process_kit import MODERN, SONANT, Command, Home

WAYS = [(transport, mode) for transport in ("stdio", "http", "sse") for mode in ("legacy", MODERN)]
SENTENCE = "Please call me back before five o'clock, and bring the letters with you."


@asynccontextmanager
async def connected(transport: str, mode: Any, home: Home, engine: Engine) -> AsyncIterator[tuple[Client, str | None]]:
    """A client, and the base URL where the server has one."""
    # One engine for all ways, so that each costs seconds; that the server starts its own is tried elsewhere.
    environ = home.environ(CARTESIA_BASE_URL=engine.base_url, CARTESIA_API_KEY=engine.api_key)
    if transport == "stdio":
        server = StdioServerParameters(command=SONANT[0], args=SONANT[1:], env=environ, cwd=home.root)
        async with Client(server, mode=mode) as client:
            yield client, None
        return
    with Command(home, [*SONANT, "serve", "--transport", transport, "--port", "0"], environ) as command:
        url = command.line(command.err).split()[-1]
        async with Client(url if transport == "http" else sse_client(url), mode=mode) as client:
            yield client, url.rpartition("/")[0]


@pytest.mark.parametrize(("transport", "mode"), WAYS)
async def test_every_tool_works(transport: str, mode: Any, home: Home, engine: Engine) -> None:
    """What one tool answers is what the next one takes, whichever way the host is connected."""
    async with connected(transport, mode, home, engine) as (client, base_url):

        async def call(tool: str, **arguments: object) -> dict[str, Any]:
            result: CallToolResult = await client.call_tool(tool, arguments)
            assert not result.is_error, result.content
            used.add(tool)
            return dict(result.structured_content or {})

        used: set[str] = set()
        made = await call("text_to_speech", transcript=SENTENCE, voice="Jameson", format="wav")
        spoken = made["path"] if base_url is None else made["uri"]
        assert 2 < made["duration_s"] < 10
        heard = await call("transcribe", audio=spoken)
        assert {"call", "before", "letters"} & set(heard["text"].lower().replace(".", "").split())
        found = await call("list_voices", query="Jameson")
        assert [voice["name"] for voice in found["voices"]] == ["Jameson"]
        cloned = await call("clone_voice", audio=spoken, name=f"{transport} {mode}")
        moved = await call("localize_voice", voice=cloned["voice_id"], language="fr")
        assert moved["language"].startswith("fr")
        assert (await call("get_voice", voice=cloned["voice_id"]))["name"] == f"{transport} {mode}"
        assert (await call("update_voice", voice=cloned["voice_id"], name="Ada"))["name"] == "Ada"
        assert "parisian" in [row["id"] for row in (await call("list_accents", language="fr"))["accents"]]
        assert len((await call("add_accent", voice="Ada", accent="parisian"))["accents"]) == 2
        assert len((await call("remove_accent", voice="Ada", accent="parisian"))["accents"]) == 1
        changed = await call("change_voice", audio=spoken, voice="Katie", format="wav")
        assert changed["duration_s"] == pytest.approx(made["duration_s"], abs=0.001)
        mixed = await call("mix_voices", voices="Katie, Jameson", name="Between")
        for gone in (mixed["id"], cloned["voice_id"]):
            assert (await call("delete_voice", voice=gone, confirm=True))["deleted"]
        taught = await call("save_pronunciations", words="letters = <<b|ˈ|ɪ|l|z>>", dictionary=f"{transport} {mode}")
        assert taught["words"] == 1
        assert taught["id"] in [row["id"] for row in (await call("list_pronunciations"))["dictionaries"]]
        await call("text_to_speech", transcript=SENTENCE, pronunciation_dict_id=taught["id"], timestamps=True)
        assert (await call("delete_pronunciations", dictionary=taught["id"], confirm=True))["deleted"]
        filled = await call("infill", transcript="and then", before=spoken, join=True, format="wav")
        assert filled["duration_s"] > made["duration_s"] + 0.2
        unknown = await client.call_tool("get_job", {"job_id": "none"})
        assert unknown.is_error
        assert used | {"get_job"} == {tool.name for tool in (await client.list_tools()).tools}
