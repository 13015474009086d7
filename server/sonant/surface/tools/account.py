"""The tools of the toolset `account`. Workflows are imported when a tool first runs: starting costs nothing."""

from typing import Annotated

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from sonant.errors import APITimeoutError
from sonant.surface import params_account as pa
from sonant.surface.boundary import make_tool, state_of
from sonant.surface.results_account import Models, NewToken, UsageReport
from sonant.workflows.state import State

Ctx = Context[State]


def account_tools() -> list[Tool]:
    """The tools of this set, built anew for each server."""
    looks = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
    knows = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
    makes = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
    return [make_tool(get_usage, looks), make_tool(create_access_token, makes), make_tool(list_models, knows)]


async def get_usage(
    period: pa.Period = None, group_by: pa.GroupBy = None, *, ctx: Ctx
) -> Annotated[CallToolResult, UsageReport]:
    """Credits the account has spent. With a key this needs CARTESIA_ADMIN_KEY too. Free."""
    state = state_of(ctx)
    from sonant.surface.render_account import render_usage
    from sonant.workflows import account

    with anyio.move_on_after(state.settings.call_limit_s):
        return render_usage(state, await account.get_usage(state, period, group_by))
    raise _too_late()


async def create_access_token(
    grants: pa.TokenGrants = None, seconds: pa.TokenSeconds = None, *, ctx: Ctx
) -> Annotated[CallToolResult, NewToken]:
    """Make a short-lived token with which a browser or an app speaks or listens without the API key.

    It is a secret for the person alone. Free; what is done with it spends credits.
    """
    state = state_of(ctx)
    from sonant.surface.render_account import render_token
    from sonant.workflows import account

    with anyio.move_on_after(state.settings.call_limit_s):
        return render_token(state, await account.create_token(state, grants, seconds))
    raise _too_late()


async def list_models(*, ctx: Ctx) -> Annotated[CallToolResult, Models]:
    """The models for speech and transcription, and what each can do. From Sonant's own table. Free."""
    state = state_of(ctx)
    from sonant.surface.render_account import render_models
    from sonant.workflows.account import known_models

    return render_models(state, known_models())


def _too_late() -> APITimeoutError:
    return APITimeoutError("The speech service did not answer in time.", hint="Try again in a minute.")
