"""`sonant doctor`: what is configured, what is reachable, where files go, what works, and what to mend."""

import json
import os
import platform
import re
import shlex
import sys
from collections.abc import Iterator

import anyio

from sonant import __version__
from sonant.app import open_state
from sonant.audio.formats import AudioFormat
from sonant.errors import SpeechError
from sonant.settings import VARIABLES, Settings
from sonant.wire.tts import OutputFormat, SpeechRequest
from sonant.workflows.state import State

REACH_S = 15.0
"""Seconds to wait for an answer."""

_PROBE = AudioFormat("raw", 8000, "pcm_mulaw")
"""A byte a frame."""


async def examine(settings: Settings) -> int:
    """Print the findings; 1 if something needs mending."""
    mend: list[str] = []
    print(f"Sonant {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    print(f"Interpreter: {sys.executable}")
    print()
    print("Settings")
    for line in _settings_lines():
        print(f"  {line}")
    if settings.problem is not None:
        mend.append(str(settings.problem))
    print()
    print("Speech")
    if settings.problem is None:
        async with open_state(settings) as state:
            try:
                with anyio.fail_after(REACH_S):
                    print(f"  {await _reach(state)}")
            except (SpeechError, TimeoutError) as failure:
                print(f"  Not reachable: {settings.base_url or 'the embedded engine'}")
                mend.append(str(failure) or f"No answer within {REACH_S:.0f} s; check the network.")
    for line in _abilities(settings):
        print(f"  {line}")
    print()
    print("Files")
    try:
        await _try_output(settings)
        print(f"  Audio goes to {settings.output_dir}")
    except SpeechError as failure:
        mend.append(str(failure))
    print(f"  Recordings are read from {os.pathsep.join(map(str, settings.input_dirs))} and {settings.output_dir}")
    try:
        await _try_index(settings)
        print(f"  Index and made voices are in {settings.data_dir}")
    except SpeechError as failure:
        mend.append(str(failure))
    print()
    print("To mend" if mend else "Nothing to mend.")
    for line in mend:
        print(f"  - {line}")
    return 1 if mend else 0


async def _reach(state: State) -> str:
    """Ask for what costs nothing: voices, and of the embedded engine a word.

    Raises:
        SpeechError: what is wrong with the connection, the key or the engine.
    """
    api = await state.api()
    await api.status()
    voices = await api.list_voices(limit=100)
    found = f"{len(voices.data)}{' or more' if voices.has_more else ''} voices"
    if not state.settings.embedded:
        return f"Answered by {state.settings.base_url}; {found}."
    word = SpeechRequest(
        model_id=state.settings.model,
        transcript="Hello.",
        voice=voices.data[0].id,
        output_format=OutputFormat.of(_PROBE),
    )
    async with api.speak(word) as body:
        size_bytes = sum([len(chunk) async for chunk in body])
    return f"Answered by the embedded engine, on this machine; {found}. It spoke {size_bytes / _PROBE.sample_rate:.1f} s to try."


def _settings_lines() -> Iterator[str]:
    from sonant.api_client.failures import masker

    for variable in VARIABLES:
        value = os.environ.get(variable.name, "").strip()
        if value and variable.name.endswith(("_KEY", "_TOKEN")):
            shown = "set, not shown"
        else:
            # Somebody may have put a key into an address, or into the wrong variable.
            shown = masker()(re.sub(r"//[^/@]*@|[?#].*", lambda found: "//" if "@" in found[0] else "", value))
        yield f"{variable.name}: {shown or f'not set ({variable.default})'}"


def _abilities(settings: Settings) -> Iterator[str]:
    if not settings.embedded:
        yield "Natural voices, cloning, recognition in many languages; what you say is sent there."
        return
    from sonant.engine.recognition import Recogniser

    yield "Speech is synthetic and rule-based; clones are approximate. Nothing leaves this machine."
    yield "For Cartesia's natural voices, set CARTESIA_API_KEY."
    if Recogniser().available():
        yield "Recognition: English only."
    else:
        yield f"Recognition: not on Python {platform.python_version()} here; use Python 3.11 or 3.13."


async def _try_output(settings: Settings) -> None:
    """Make and drop a draft: the same steps a result takes.

    Raises:
        OutputError: the folder cannot be used.
    """
    from sonant.library.outputs import OutputFolder

    async with OutputFolder(settings.output_dir).new_file("doctor", "tmp"):
        pass


async def _try_index(settings: Settings) -> None:
    """
    Raises:
        OutputError: the data folder cannot be used.
    """
    from sonant.library.index import Index

    index = Index(settings.data_dir / "index.sqlite3")
    try:
        await index.recent(1)
    finally:
        await index.close()


def host_block(host: str) -> str:
    """What to paste into a host's configuration, with the interpreter named absolutely: hosts lack the shell's PATH."""
    server: dict[str, object] = {"command": sys.executable, "args": ["-m", "sonant"], "env": {"CARTESIA_API_KEY": ""}}
    if host == "vscode":
        return json.dumps({"servers": {"sonant": {"type": "stdio", **server}}}, indent=2)
    if host == "claude-code":
        return f"claude mcp add sonant -- {shlex.quote(sys.executable)} -m sonant"
    return json.dumps({"mcpServers": {"sonant": server}}, indent=2)
