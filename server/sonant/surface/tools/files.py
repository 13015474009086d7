"""The tools for stored files, of the toolset `account`. Workflows are imported when a tool first runs."""

from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from sonant.surface import params as p
from sonant.surface import params_account as pa
from sonant.surface import results
from sonant.surface.boundary import in_time, make_tool, state_of
from sonant.surface.consent import Consent, Doomed, asks
from sonant.surface.results_account import Files
from sonant.workflows.state import State

Ctx = Context[State]


def files_tools() -> list[Tool]:
    """Built anew for each server."""
    looks = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
    writes = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
    deletes = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
    return [make_tool(list_files, looks), make_tool(download_file, writes), make_tool(delete_file, deletes)]


async def list_files(
    query: pa.FileQuery = None,
    purpose: pa.FilePurpose = None,
    limit: p.Limit = None,
    cursor: p.Cursor = None,
    *,
    ctx: Ctx,
) -> Annotated[CallToolResult, Files]:
    """Find files stored in the account, such as saved speech. Free."""
    state = state_of(ctx)
    from sonant.surface.render_files import files
    from sonant.workflows.files import page

    with in_time(state):
        return files(state, await page(state, query, purpose, limit or 20, cursor))


async def download_file(
    file_id: pa.FileId, filename: p.Filename = None, *, ctx: Ctx
) -> Annotated[CallToolResult, results.Sound]:
    """Save a stored file as a new audio file on this computer. Free."""
    state = state_of(ctx)
    from sonant.surface import jobs
    from sonant.workflows.files import download

    return await jobs.run(ctx, state, "download_file", lambda progress: download(state, file_id, filename, progress))


async def _doomed(file_id: str, ctx: Ctx) -> Doomed:
    state = state_of(ctx)
    from sonant.library.names import shown
    from sonant.workflows.files import find

    with in_time(state):
        stored = await find(state, file_id)
    return Doomed(stored.id, f"the stored file {shown(stored.filename, 80) or stored.id}")


async def delete_file(
    file_id: pa.FileId, confirm: p.Confirm = None, *, consent: Annotated[Consent, asks(_doomed)], ctx: Ctx
) -> Annotated[CallToolResult, results.Deleted]:
    """Delete a stored file from the account."""
    state = state_of(ctx)
    doomed = consent.doomed
    if not consent.given:
        return results.answer(consent.told, results.Deleted(deleted=False, id=doomed.id), state=state)
    with in_time(state):
        await (await state.api()).delete_file(doomed.id)
    return results.answer(f"Deleted {doomed.what}.", results.Deleted(deleted=True, id=doomed.id), state=state)
