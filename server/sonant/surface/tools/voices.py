"""The tools of the toolset `voices`. Workflows are imported when a tool first runs: starting costs nothing."""

from collections.abc import Awaitable
from typing import Annotated, Any

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from sonant.errors import APITimeoutError
from sonant.surface import params as p
from sonant.surface import results
from sonant.surface.boundary import make_tool, state_of
from sonant.surface.consent import Consent, Doomed, asks
from sonant.workflows.state import State

Ctx = Context[State]


def voices_tools() -> list[Tool]:
    """The tools of this set, built anew for each server."""
    looks = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
    makes = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
    adds = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
    undoes = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
    return [
        make_tool(get_voice, looks),
        make_tool(update_voice, undoes),
        make_tool(delete_voice, undoes),
        make_tool(mix_voices, makes),
        make_tool(list_accents, looks),
        make_tool(add_accent, adds),
        make_tool(remove_accent, undoes),
    ]


async def get_voice(voice: p.RequiredVoice, *, ctx: Ctx) -> Annotated[CallToolResult, results.OneVoice]:
    """Look at one voice and its accents."""
    state = state_of(ctx)
    from sonant.workflows.voice_editing import look_at

    return await _in_time(state, look_at(state, voice))


async def update_voice(
    voice: p.RequiredVoice,
    name: p.OptionalName = None,
    description: p.Description = None,
    gender: p.VoiceGender = None,
    accent: p.OwnAccent = None,
    *,
    ctx: Ctx,
) -> Annotated[CallToolResult, results.OneVoice]:
    """Rename or describe an own voice."""
    state = state_of(ctx)
    from sonant.workflows.voice_editing import VoiceChange, update

    return await _in_time(state, update(state, voice, VoiceChange(name, description, gender, accent)))


async def _doomed(voice: str, ctx: Ctx) -> Doomed:
    from sonant.library.names import shown
    from sonant.workflows.voice_editing import doomed_voice
    from sonant.workflows.voices import describe

    found = await doomed_voice(state_of(ctx), voice)
    return Doomed(found.id, f"the voice {shown(found.name) or found.id} ({describe(found)})")


async def delete_voice(
    voice: p.RequiredVoice,
    confirm: p.Confirm = None,
    *,
    consent: Annotated[Consent, asks(_doomed)],
    ctx: Ctx,
) -> Annotated[CallToolResult, results.Deleted]:
    """Delete an own voice, if the person agrees."""
    state = state_of(ctx)
    from sonant.workflows.voice_editing import delete

    doomed = consent.doomed
    if not consent.given:
        return results.answer(consent.told, results.Deleted(deleted=False, id=doomed.id), state=state)
    await delete(state, doomed.id)
    return results.answer(f"Deleted {doomed.what}.", results.Deleted(deleted=True, id=doomed.id), state=state)


async def mix_voices(voices: p.Mixture, name: p.NewName, *, ctx: Ctx) -> Annotated[CallToolResult, results.OneVoice]:
    """Mix voices into a new one; only the embedded engine can."""
    state = state_of(ctx)
    from sonant.workflows.voice_editing import mix

    return await _in_time(state, mix(state, voices, name))


async def list_accents(language: p.LanguageFilter = None, *, ctx: Ctx) -> Annotated[CallToolResult, results.Accents]:
    """List accents a voice can be given."""
    state = state_of(ctx)
    from sonant.workflows.voice_editing import accents

    return await _in_time(state, accents(state, language))


async def add_accent(
    voice: p.RequiredVoice, accent: p.AccentId, *, ctx: Ctx
) -> Annotated[CallToolResult, results.OneVoice]:
    """Let an own clone speak a further accent."""
    state = state_of(ctx)
    from sonant.workflows.voice_editing import add_accent as add

    return await _in_time(state, add(state, voice, accent))


async def remove_accent(
    voice: p.RequiredVoice, accent: p.AccentId, *, ctx: Ctx
) -> Annotated[CallToolResult, results.OneVoice]:
    """Undo add_accent."""
    state = state_of(ctx)
    from sonant.workflows.voice_editing import remove_accent as remove

    return await _in_time(state, remove(state, voice, accent))


async def _in_time(state: State, work: Awaitable[Any]) -> CallToolResult:
    """What came of it, unless the call's limit passes first."""
    from sonant.surface.render_voices import render

    with anyio.move_on_after(state.settings.call_limit_s):
        return render(state, await work)
    raise APITimeoutError("The speech service did not answer in time.", hint="See with get_voice what was done.")
