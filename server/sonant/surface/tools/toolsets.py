"""The sets of tools, by the names SONANT_TOOLSETS takes."""

from collections.abc import Callable, Sequence

from mcp.server.mcpserver.tools import Tool

from sonant.surface.tools.account import account_tools
from sonant.surface.tools.changing import changing_tools
from sonant.surface.tools.core import core_tools
from sonant.surface.tools.files import files_tools
from sonant.surface.tools.pronunciation import pronunciation_tools
from sonant.surface.tools.training import training_tools
from sonant.surface.tools.voices import voices_tools

_TOOLS: dict[str, Callable[[], list[Tool]]] = {
    "core": core_tools,
    "voices": lambda: [*voices_tools(), *changing_tools()],
    "pronunciation": pronunciation_tools,
    "training": training_tools,
    "account": lambda: [*account_tools(), *files_tools()],
}


def tools_of(toolsets: Sequence[str]) -> list[Tool]:
    """The tools of these sets, built anew for each server."""
    return [tool for name in toolsets for tool in _TOOLS[name]()]
