"""Over stdin and stdout, as a host starts it."""

import contextlib
import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from process_kit import LEGACY, MODERN, PATIENCE_S, SONANT, Home, Host, text_of
from sonant.settings import DEFAULT_TOOLSETS
from sonant.surface.tools.toolsets import tools_of

ROOT = Path(__file__).parents[2]
ERAS = [LEGACY, MODERN]
TOOLS = {tool.name for tool in tools_of(DEFAULT_TOOLSETS)}


@pytest.mark.parametrize("era", ERAS)
def test_stdout_holds_nothing_but_messages(era: str, home: Home) -> None:
    """In both eras, with the engine up and all logs on: each line is JSON-RPC; logs are on stderr."""
    with Host(home, era, environ=home.environ(SONANT_LOG_LEVEL="DEBUG")) as host:
        assert {tool["name"] for tool in host.ask("tools/list", {})["tools"]} == TOOLS
        result = host.ask_tool("text_to_speech", transcript="Hello there.")
        assert not result.get("isError"), text_of(result)
        assert host.ask_tool("transcribe", audio="nothing.wav")["isError"]
        assert host.process.stdin is not None
        host.process.stdin.close()
        assert host.wait() == 0
        host.rest()
    assert "DEBUG" in host.said


def test_starting_writes_nothing_before_the_first_call(home: Home) -> None:
    """A host starts every server it knows: connecting and listing leave no file, start no process."""
    with Host(home) as host:
        host.ask("tools/list", {})
        host.ask("resources/templates/list", {})
        assert list(home.root.rglob("*")) == []
        assert host.family() == []


@pytest.mark.parametrize("mode", ["legacy", MODERN])
async def test_the_sdk_speaks_with_it(mode: Any, home: Home) -> None:
    """The official client, over the official transport, gets a file."""
    server = StdioServerParameters(command=SONANT[0], args=SONANT[1:], env=home.environ(), cwd=home.root)
    async with Client(server, mode=mode) as client:
        result = await client.call_tool("text_to_speech", {"transcript": "Hello.", "filename": "hello"})
    assert not result.is_error
    assert (home.output / "hello.mp3").stat().st_size > 1000


def _speaks(server: dict[str, Any], home: Home, **more: str) -> None:
    """Launch it as a host's configuration says, and speak."""
    environ = home.environ(**more) | server.get("env", {})
    with Host(home, command=[server["command"], *server["args"]], environ=environ) as host:
        result = host.ask_tool("text_to_speech", transcript="Hello.")
        assert not result.get("isError"), text_of(result)


@pytest.mark.skipif(sys.platform == "win32", reason="its environments have no python3")
def test_the_example_configuration_works_as_written(home: Home) -> None:
    """What a person pastes, with the environment Sonant is in first on the PATH."""
    config = json.loads((ROOT / "claude_config.example.json").read_text("utf-8"))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    _speaks(config["mcpServers"]["sonant"], home, PATH=path)


@pytest.mark.parametrize("host", ["cursor", "vscode", "claude-code"])
def test_the_block_that_doctor_prints_works_with_no_path(host: str, home: Home) -> None:
    """Hosts started from a desktop lack the shell's PATH: the block names the interpreter in full."""
    printed = home.run("doctor", "--config", host).stdout
    if host == "claude-code":
        command, *args = shlex.split(printed.partition(" -- ")[2])
        server: dict[str, Any] = {"command": command, "args": args}
    else:
        (servers,) = json.loads(printed).values()
        server = servers["sonant"]
    assert Path(server["command"]).is_absolute()
    _speaks(server, home, PATH="")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SONANT_CALL_LIMIT_S", "soon"),
        ("CARTESIA_API_KEY", "${CARTESIA_API_KEY}"),
        ("CARTESIA_BASE_URL", "http://api.example.com"),
    ],
)
def test_a_wrong_setting_does_not_kill_the_server(name: str, value: str, home: Home) -> None:
    """It is said when a host connects, and by every call; tools are listed all the same."""
    with Host(home, environ=home.environ(**{name: value})) as host:
        assert name in host.hello["instructions"]
        assert len(host.ask("tools/list", {})["tools"]) == len(TOOLS)
        result = host.ask_tool("text_to_speech", transcript="Hello.")
        assert result["isError"]
        assert name in text_of(result)
    assert home.files() == []


def test_two_servers_share_what_was_made(home: Home) -> None:
    """Two hosts of one person: both write at once, and each reads by id what the other made."""
    with Host(home) as one, Host(home) as other:
        asked = [(host, host.call("text_to_speech", transcript="Hello.")) for _ in range(3) for host in (one, other)]
        made = [(host, host.answer(call)) for host, call in asked]
        paths = {result["structuredContent"]["path"] for _, result in made}
        assert len(paths) == len(made)
        for maker, result in made:
            link = next(block for block in result["content"] if block["type"] == "resource_link")
            reader = other if maker is one else one
            (content,) = reader.ask("resources/read", {"uri": link["uri"]})["contents"]
            assert content["mimeType"] == "audio/mpeg"
            assert len(content["blob"]) > 1000


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_on_a_terminal_it_says_what_it_waits_for(home: Home) -> None:
    """A person who types `sonant` sees why nothing happens, and Ctrl-C ends it."""
    import pty
    import subprocess

    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        SONANT, env=home.environ(), stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, start_new_session=True
    )
    os.close(terminal)
    try:
        said = b""
        while b"waits for a host" not in said:
            said += os.read(controller, 1000)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=PATIENCE_S)
        assert (stdout, process.returncode) == (b"", 128 + signal.SIGINT)
        with contextlib.suppress(OSError):  # nothing more was said, and the other side is closed
            said += os.read(controller, 1000)
        assert b"Traceback" not in said
    finally:
        process.kill()
        os.close(controller)
