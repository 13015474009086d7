"""The tools of the toolset `pronunciation`. Workflows are imported when a tool first runs: starting costs nothing."""

from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from sonant.surface import params as p
from sonant.surface import results
from sonant.surface.boundary import in_time, make_tool, state_of
from sonant.surface.consent import Consent, Doomed, asks
from sonant.workflows.state import State

Ctx = Context[State]

_LOOKS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
_CHANGES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)


def pronunciation_tools() -> list[Tool]:
    """The tools of this set, built anew for each server."""
    return [
        make_tool(list_pronunciations, _LOOKS),
        make_tool(save_pronunciations, _CHANGES),
        make_tool(delete_pronunciations, _CHANGES),
    ]


async def list_pronunciations(
    dictionary: p.Dictionary = None, cursor: p.Cursor = None, *, ctx: Ctx
) -> Annotated[CallToolResult, results.Pronunciations]:
    """Pronunciation dictionaries, or the words of one. Free."""
    state = state_of(ctx)
    from sonant.surface.render_pronunciation import dictionaries, words
    from sonant.workflows import pronunciation

    with in_time(state):
        if dictionary:
            return words(state, await pronunciation.find(state, dictionary), cursor)
        return dictionaries(state, await pronunciation.page(state, cursor))


async def save_pronunciations(
    words: p.Words, dictionary: p.Dictionary = None, case_sensitive: p.CaseSensitive = None, *, ctx: Ctx
) -> Annotated[CallToolResult, results.SavedPronunciations]:
    """Teach text_to_speech how words are said, in a new dictionary or one there is. Free."""
    state = state_of(ctx)
    from sonant.surface.render_pronunciation import saved
    from sonant.workflows import pronunciation

    with in_time(state):
        return saved(state, await pronunciation.save(state, words, dictionary, case_sensitive))


async def _doomed(dictionary: str, words: str | None, ctx: Ctx) -> Doomed:
    state = state_of(ctx)
    from sonant.library.names import shown
    from sonant.workflows import pronunciation

    with in_time(state):
        found = await pronunciation.find(state, dictionary)
    name = f"the pronunciation dictionary {shown(found.name, 60) or found.id}"
    if not words:
        return Doomed(found.id, f"{name} with {results.counted(len(found.items), 'word')}")
    doomed = pronunciation.words_in(found, words)
    told = ", ".join(shown(item.text, 40) for item in doomed[:5]) + (", …" if len(doomed) > 5 else "")
    return Doomed(found.id, f"{told} from {name}")


async def delete_pronunciations(
    dictionary: p.RequiredDictionary,
    words: p.WordsToDelete = None,
    confirm: p.Confirm = None,
    *,
    consent: Annotated[Consent, asks(_doomed)],
    ctx: Ctx,
) -> Annotated[CallToolResult, results.Deleted]:
    """Delete a pronunciation dictionary, or words of it."""
    state = state_of(ctx)
    from sonant.workflows import pronunciation

    doomed = consent.doomed
    if not consent.given:
        return results.answer(consent.told, results.Deleted(deleted=False, id=doomed.id), state=state)
    with in_time(state):
        if words:
            await pronunciation.remove_words(state, doomed.id, words)
        else:
            await (await state.api()).delete_dictionary(doomed.id)
    return results.answer(f"Deleted {doomed.what}.", results.Deleted(deleted=True, id=doomed.id), state=state)
