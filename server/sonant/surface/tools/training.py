"""The tools of the toolset `training`. Workflows are imported when a tool first runs: starting costs nothing."""

from mcp.server.mcpserver.tools import Tool


def training_tools() -> list[Tool]:
    """The tools of this set, built anew for each server."""
    return []
