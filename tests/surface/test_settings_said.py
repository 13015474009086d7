"""A wrong setting does not kill the server: it starts, lists its tools, and says what is wrong."""

import pytest
from mcp import MCPError

from scripted import ScriptedServer
from surface_kit import ERAS, KEY, Home, refused, said, serve, serve_scripted

CALLS = {
    "text_to_speech": {"transcript": "Hello."},
    "transcribe": {"audio": "memo.wav"},
    "list_voices": {},
    "clone_voice": {"audio": "memo.wav", "name": "Ada"},
    "localize_voice": {"voice": "Katie", "language": "fr"},
    "infill": {"transcript": "then", "before": "memo.wav"},
    "get_job": {"job_id": "x"},
    "get_voice": {"voice": "Katie"},
    "update_voice": {"voice": "Katie", "name": "Kate"},
    "delete_voice": {"voice": "Katie", "confirm": True},
    "mix_voices": {"voices": "Katie, Gemma", "name": "Both"},
    "list_accents": {},
    "add_accent": {"voice": "Katie", "accent": "british"},
    "remove_accent": {"voice": "Katie", "accent": "british"},
    "change_voice": {"audio": "memo.wav", "voice": "Katie"},
    "list_pronunciations": {},
    "save_pronunciations": {"words": "cat = dog"},
    "delete_pronunciations": {"dictionary": "x", "confirm": True},
}
WRONG = {
    "CARTESIA_API_KEY": "${CARTESIA_API_KEY}",
    "CARTESIA_BASE_URL": "http://api.example.com",
    "CARTESIA_VERSION": "2025-04-16",
    "SONANT_OUTPUT_DIR": "${user_config.folder}",
    "SONANT_CONCURRENCY": "many",
}


@pytest.mark.parametrize("variable", WRONG)
async def test_a_wrong_setting_is_said_in_the_instructions_and_in_every_call(
    home: Home, era: str, variable: str
) -> None:
    """Rule: the server starts and lists its tools; nothing is contacted or made."""
    async with ScriptedServer() as upstream:
        where = {"CARTESIA_BASE_URL": upstream.base_url, "CARTESIA_API_KEY": KEY}
        async with serve(home, **where | {variable: WRONG[variable]}) as served, served.client(era) as client:
            assert variable in (client.instructions or "")
            assert len((await client.list_tools()).tools) == len(CALLS)
            for tool, arguments in CALLS.items():
                assert variable in refused(await client.call_tool(tool, arguments))
            with pytest.raises(MCPError, match=variable):
                await client.read_resource(f"audio://{'0' * 32}.mp3")
        assert upstream.requests == []
    assert home.files() == []
    assert not home.data.exists()


async def test_nothing_is_contacted_or_made_before_the_first_call(home: Home) -> None:
    """Rule: to start and to list the tools costs nothing and leaves nothing."""
    async with serve_scripted(home) as (served, upstream):
        for era in ERAS:
            async with served.client(era) as client:
                await client.list_tools()
                await client.list_resource_templates()
        assert upstream.connections == 0
    async with serve(home) as served, served.client() as client:
        await client.list_tools()
    assert not home.out.exists()
    assert not home.data.exists()


async def test_the_instructions_say_who_speaks(home: Home) -> None:
    """Rule: the embedded engine confesses that it is synthetic; the cloud that it costs."""
    async with serve(home) as served, served.client() as client:
        assert "synthetic" in (client.instructions or "")
        assert "free" in (client.instructions or "")
    async with serve_scripted(home) as (served, _), served.client() as client:
        assert "credits" in (client.instructions or "")
        assert "synthetic" not in (client.instructions or "")


async def test_what_was_configured_is_what_is_sent(home: Home) -> None:
    """Rule: version, key, voice and model of the settings are those of the requests."""
    async with serve_scripted(home, SONANT_VOICE="Katie", SONANT_MODEL="sonic-3.5") as (served, upstream):
        told = said(await served.call("text_to_speech", transcript="Hello."))
        request = upstream.requests_to("/tts/bytes")[0]
        assert request.headers["cartesia-version"] == "2026-08-14"
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.json["model_id"] == "sonic-3.5"
        assert upstream.requests_to("/voices")[0].query["q"] == ["Katie"]
        assert told["credits"] == len("Hello.")
