"""Guides for integrations: complete, correct as far as can be told without the packages, and without a key.

What they call was run against the packages that their front matter names; VERIFIED is what those take.
"""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from mcp import MCPError
from mcp_types import TextContent, TextResourceContents

from sonant.errors import InputError
from sonant.surface.guides import INTEGRATIONS, guide
from sonant.wire.voices import Voice
from surface_kit import KATIE, KEY, Home, Served

VOICE = Voice(id=KATIE, name="Katie\n`*/ -->", language="en")
SPOKEN = [name for name in INTEGRATIONS if name != "thoughtly"]
VERIFIED = {
    "cartesia.TTS": {"model", "voice", "language", "encoding", "sample_rate", "base_url"},
    "cartesia.STT": {"model", "language", "base_url"},
    "AgentSession": {"stt", "tts"},
    "CartesiaTTSService": {"api_key", "url", "sample_rate", "encoding", "settings"},
    "CartesiaTTSService.Settings": {"model", "voice", "language"},
    "CartesiaSTTService": {"api_key", "base_url"},
    "AsyncCartesia": {"api_key", "base_url"},
    "cartesia.access_token.create": {"grants", "expires_in"},
    "opened.stream": {"url"},
    "connect": {"additional_headers"},
}
"""Of livekit-plugins-cartesia 1.8.9, pipecat-ai 1.14.0, cartesia 4.2.0, twilio 9.13.0, websockets 17."""


def rendered(home: Home, integration: str, *, cloud: bool, voice: Voice = VOICE, format: str | None = None) -> str:
    settings = home.settings(**({"CARTESIA_API_KEY": KEY} if cloud else {}))
    return guide(settings, integration, voice, None, format)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("cloud", [True, False])
@pytest.mark.parametrize("integration", INTEGRATIONS)
def test_a_guide_is_filled_in_and_its_code_is_code(home: Home, integration: str, cloud: bool) -> None:
    """Rule: nothing left to fill in, no key, the right address, blocks that parse; it says what it was checked with."""
    text = rendered(home, integration, cloud=cloud)
    assert not re.search(r"\{\{|\}\}\}|\[\[|\]\]", text.replace("}})", ""))
    assert KEY not in text
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["integration"] == integration
    assert front["checked"]
    assert ("sonant engine --port 8100" in text) is (not cloud and integration in SPOKEN)
    if integration in SPOKEN:
        assert KATIE in text
        assert ("127.0.0.1:8100" in text) is not cloud
        assert ("api.cartesia.ai" in text) is cloud
        assert blocks(text, "python") or blocks(text, "yaml")
    for code in blocks(text, "python"):
        _check_calls(ast.parse(code))
    for code in blocks(text, "yaml"):
        tts = yaml.safe_load(code)["browser_audio"]["tts"]
        assert tts.keys() == {"name", "model_id", "version", "endpoint", "language_map"}
        assert tts["language_map"] == {"en": {"language": "en", "voice": KATIE}}


def _check_calls(tree: ast.Module) -> None:
    """Every call of a package's takes what was verified, by name."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and (name := ast.unparse(call.func)) in VERIFIED:
            assert {keyword.arg for keyword in call.keywords} == VERIFIED[name], name


@pytest.mark.skipif(shutil.which("node") is None, reason="checks JavaScript with node")
def test_the_page_s_script_is_javascript(home: Home, tmp_path: Path) -> None:
    """Rule: node reads it as a module."""
    (code,) = blocks(rendered(home, "browser", cloud=True), "js")
    script = tmp_path / "page.mjs"
    script.write_text(code)
    subprocess.run(["node", "--check", str(script)], check=True, timeout=30)


@pytest.mark.parametrize(
    ("integration", "format", "words"),
    [("twilio", "mulaw_8000", None), ("livekit", "16000", None), ("browser", "f32le_48000", None),
     ("twilio", "16000", "cannot play"), ("livekit", "mulaw_8000", "cannot play"), ("pipecat", "mp3", "cannot play"),
     ("pipecat", "44000", "not a sample rate"), ("rasa", "16000", "itself")],
)  # fmt: skip
def test_a_format_is_one_the_integration_plays(home: Home, integration: str, format: str, words: str | None) -> None:
    """Rule: filled in, or refused with what to do."""
    if words is None:
        assert re.search(r"\d+", format)[0] in rendered(home, integration, cloud=True, format=format)  # type: ignore[index]
        return
    with pytest.raises(InputError, match=words):
        rendered(home, integration, cloud=True, format=format)


def test_an_id_that_is_no_id_gets_into_no_code(home: Home) -> None:
    """Rule: what a service calls a voice is not trusted."""
    with pytest.raises(InputError, match="pasted"):
        rendered(home, "livekit", cloud=True, voice=Voice(id='"); import os #', name="x"))


async def test_a_guide_is_read_as_a_resource_and_as_a_prompt(offline: Served, era: str) -> None:
    """Rule: with a voice by name and its id filled in, in both eras; nothing of it in tools/list."""
    async with offline.client(era) as client:
        templates = (await client.list_resource_templates()).resource_templates
        assert [(each.uri_template, each.mime_type) for each in templates if each.name == "guide"] == [
            ("guide://{integration}{?voice,language,format}", "text/markdown")
        ]
        read = (await client.read_resource("guide://pipecat?voice=katie&language=fr&format=16000")).contents[0]
        assert isinstance(read, TextResourceContents)
        assert read.mime_type == "text/markdown"
        for filled_in in (KATIE, 'language="fr"', "sample_rate=16000"):
            assert filled_in in read.text
        assert KATIE in (await client.read_resource("guide://twilio")).contents[0].text  # type: ignore[union-attr]

        (prompt,) = (await client.list_prompts()).prompts
        assert [(each.name, each.required) for each in prompt.arguments or ()] == [
            ("integration", True), ("voice", False), ("language", False)
        ]  # fmt: skip
        told = (
            (await client.get_prompt("integrate", {"integration": "LiveKit", "voice": "Jameson"})).messages[0].content
        )
        assert isinstance(told, TextContent)
        assert "cartesia.TTS(" in told.text
        assert "Jameson" in told.text


@pytest.mark.parametrize(
    ("uri", "arguments", "words"),
    [("guide://alexa", {"integration": "alexa"}, "There are: livekit"),
     ("guide://livekit?voice=nobody", {"integration": "livekit", "voice": "nobody"}, "nobody"),
     ("guide://livekit?language=xx", {"integration": "livekit", "language": "xx"}, "no language")],
)  # fmt: skip
async def test_a_wrong_argument_is_told(
    offline: Served, era: str, uri: str, arguments: dict[str, str], words: str
) -> None:
    """Rule: in words, whichever way it was asked."""
    async with offline.client(era) as client:
        with pytest.raises(MCPError, match=words):
            await client.read_resource(uri)
        with pytest.raises(MCPError, match=words):
            await client.get_prompt("integrate", arguments)
