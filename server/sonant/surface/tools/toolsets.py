"""The sets of tools, by the names SONANT_TOOLSETS takes."""

from collections.abc import Callable, Sequence
from importlib import import_module

from mcp.server.mcpserver.tools import Tool

_MODULES = {
    "core": ("core",),
    "voices": ("voices", "changing"),
    "pronunciation": ("pronunciation",),
    "training": ("training",),
    "account": ("account", "files"),
}
"""Where the tools of a set are made, by functions such as `core_tools`. A set nobody asked for does not slow the start."""


def tools_of(toolsets: Sequence[str]) -> list[Tool]:
    """The tools of these sets, built anew for each server."""
    tools: list[Tool] = []
    for name in (module for toolset in toolsets for module in _MODULES[toolset]):
        make: Callable[[], list[Tool]] = getattr(import_module(f"sonant.surface.tools.{name}"), f"{name}_tools")
        tools += make()
    return tools
