"""The tools of the toolset `training`. Workflows are imported when a tool first runs: starting costs nothing."""

from typing import Annotated

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from sonant.errors import APITimeoutError
from sonant.surface import params as p
from sonant.surface import results
from sonant.surface.boundary import make_tool, state_of
from sonant.surface.consent import Consent, Doomed, asks
from sonant.surface.results_training import Training, Trainings
from sonant.workflows.state import State

Ctx = Context[State]


def training_tools() -> list[Tool]:
    """The tools of this set, built anew for each server."""
    looks = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
    spends = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
    undoes = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
    return [
        make_tool(train_voice, spends),
        make_tool(get_training, looks),
        make_tool(list_trainings, looks),
        make_tool(delete_training, undoes),
    ]


async def train_voice(
    audio: p.Recordings,
    name: p.NewName,
    language: p.SpokenLanguage = None,
    description: p.TrainingDescription = None,
    confirm: p.CostConfirm = None,
    *,
    ctx: Ctx,
) -> Annotated[CallToolResult, Training]:
    """Train voices on many recordings of one person: nearer than clone_voice, which needs one clip.

    Only with the speaker's consent. With a key this costs a million credits if it succeeds, and takes hours.
    """
    state = state_of(ctx)
    from sonant.surface import jobs, render_training  # noqa: F401 - registers what jobs renders
    from sonant.workflows.training import TrainingOrder, begin

    order = TrainingOrder(audio, name, language, description, bool(confirm))
    return await jobs.run(ctx, state, "train_voice", lambda progress: begin(state, order, progress))


async def get_training(training: p.Training, wait: p.Wait = None, *, ctx: Ctx) -> Annotated[CallToolResult, Training]:
    """See how a training stands, what was wrong with its recordings, and its voices."""
    state = state_of(ctx)
    from sonant.surface.render_training import render
    from sonant.workflows.training import look

    limit_s = state.settings.call_limit_s
    with anyio.move_on_after(limit_s):
        return render(state, await look(state, training, _WAIT_SHARE * limit_s if wait else 0.0))
    raise _late()


async def list_trainings(
    limit: p.Limit = None, cursor: p.Cursor = None, *, ctx: Ctx
) -> Annotated[CallToolResult, Trainings]:
    """List trainings, newest first."""
    state = state_of(ctx)
    from sonant.surface.render_training import render
    from sonant.workflows.training import search

    with anyio.move_on_after(state.settings.call_limit_s):
        return render(state, await search(state, limit or 20, cursor))
    raise _late()


async def _doomed(training: str, ctx: Ctx) -> Doomed:
    from sonant.library.names import shown
    from sonant.workflows.training import find

    found = await find(state_of(ctx), training)
    what = f"the training {shown(found.name) or found.id} ({found.status}) and the recordings sent for it"
    return Doomed(found.id, what, "If it is under way it ends.")


async def delete_training(
    training: p.Training,
    confirm: p.Confirm = None,
    *,
    consent: Annotated[Consent, asks(_doomed)],
    ctx: Ctx,
) -> Annotated[CallToolResult, results.Deleted]:
    """Delete a training and the recordings sent for it, if the person agrees. The embedded engine keeps its voices."""
    state = state_of(ctx)
    from sonant.surface.render_training import render
    from sonant.workflows.training import delete, find

    if not consent.given:
        return results.answer(consent.told, results.Deleted(deleted=False, id=consent.doomed.id), state=state)
    with anyio.move_on_after(state.settings.call_limit_s):
        return render(state, await delete(state, await find(state, consent.doomed.id)))
    raise _late()


_WAIT_SHARE = 0.8
"""Of the call limit that is waited for a training; the rest is for asking after it."""


def _late() -> APITimeoutError:
    return APITimeoutError(
        "The speech service did not answer in time.", hint="See with list_trainings how things stand."
    )
