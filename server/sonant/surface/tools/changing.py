"""The voice changer, a tool of the toolset `voices`. Its workflow is imported when it first runs."""

from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from sonant.surface import params as p
from sonant.surface import results
from sonant.surface.boundary import make_tool, state_of
from sonant.surface.formats import audio_format
from sonant.workflows.state import State


def changing_tools() -> list[Tool]:
    """Built anew for each server."""
    hints = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
    return [make_tool(change_voice, hints)]


async def change_voice(
    audio: p.Audio,
    voice: p.RequiredVoice,
    format: p.Format = None,
    filename: p.Filename = None,
    *,
    ctx: Context[State],
) -> Annotated[CallToolResult, results.Sound]:
    """Give a recording of speech another voice; words, timing and accent stay.

    One speaker, no music. With a key this spends 15 credits a second.
    """
    state = state_of(ctx)
    from sonant.surface import jobs
    from sonant.workflows.changing import ChangeOrder
    from sonant.workflows.changing import change_voice as change

    order = ChangeOrder(audio, voice, audio_format(format, None), filename)
    return await jobs.run(ctx, state, "change_voice", lambda progress: change(state, order, progress))
