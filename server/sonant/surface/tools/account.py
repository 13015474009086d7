"""The tools of the toolset `account`. Workflows are imported when a tool first runs: starting costs nothing."""

from mcp.server.mcpserver.tools import Tool


def account_tools() -> list[Tool]:
    """The tools of this set, built anew for each server."""
    return []
