"""`sonant call`: one tool through a real MCP client against this server."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mcp import Client
from mcp_types import CallToolResult, TextContent

from sonant.app import build_server, open_state
from sonant.errors import InputError, OutputError
from sonant.settings import Settings


def parse_arguments(given: Sequence[str]) -> dict[str, str]:
    """`name=value` words; a value of `-` is what comes on stdin.

    Raises:
        InputError: a word has no `=`.
    """
    arguments = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise InputError(f"{word[:60]!r} is not name=value.", hint='Example: transcript="Hello there".')
        arguments[name] = sys.stdin.read() if value == "-" else value
    return arguments


async def call(settings: Settings, tool: str, given: dict[str, str], *, as_json: bool = False) -> int:
    """Run the tool, wait for it even if it becomes a job, and print what it says; the exit status."""
    async with Client(build_server(settings, partial(open_state, settings, current_dir=Path.cwd()))) as client:
        tools = {found.name: found for found in (await client.list_tools()).tools}
        if tool == "list":
            _print("\n".join(f"{name}: {(found.description or '').splitlines()[0]}" for name, found in tools.items()))
            return 0
        if tool not in tools:
            print(f"sonant: there is no tool {tool[:60]!r}; choose one of: {', '.join(tools)}.", file=sys.stderr)
            return 2
        arguments = _typed(given, tools[tool].input_schema)
        result = await client.call_tool(tool, arguments, progress_callback=_show_progress)
        while (job := _running_job(result)) is not None:
            result = await client.call_tool("get_job", {"job_id": job}, progress_callback=_show_progress)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if as_json and not result.is_error:
        _print(json.dumps(result.structured_content, ensure_ascii=False, indent=1))
    else:
        _print("\n".join(block.text for block in result.content if isinstance(block, TextContent)))
    return 1 if result.is_error else 0


def _print(result: str) -> None:
    """
    Raises:
        OutputError: nobody reads stdout, or what it is written to is full.
    """
    try:
        print(result, flush=True)
    except OSError as error:
        raise OutputError(f"The result cannot be written: {error.strerror}.") from None


def _typed(given: dict[str, str], schema: dict[str, Any]) -> dict[str, Any]:
    """Words of the command line as the types the tool takes; what does not fit is left for the tool to refuse."""
    return {name: _value(value, schema["properties"].get(name, {}).get("type")) for name, value in given.items()}


def _value(value: str, kind: str | None) -> Any:
    if kind in ("integer", "number", "boolean"):
        try:
            return json.loads(value.lower())
        except ValueError:
            return value
    return value


def _running_job(result: CallToolResult) -> str | None:
    data = result.structured_content or {}
    return data.get("job_id") if data.get("status") == "running" else None


async def _show_progress(progress: float, total: float | None, message: str | None) -> None:
    share = f" {100 * progress / total:.0f} %" if total else ""
    line = f"sonant: {message or 'working'}{share}"
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)
