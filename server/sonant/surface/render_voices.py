"""Voices looked at or changed, and accents, as answers. Registers with `render` when imported."""

from mcp_types import CallToolResult

from sonant.library.names import shown
from sonant.surface import results
from sonant.surface.render import render, renders, row_of
from sonant.surface.results import answer, fresh_notices, sentences
from sonant.workflows.state import State
from sonant.workflows.voice_editing import FoundAccents, SeenVoice
from sonant.workflows.voices import describe

__all__ = ["render"]

_ABOUT_CHARS = 300


@renders.register
def _seen(made: SeenVoice, state: State) -> CallToolResult:
    voice = made.voice
    notices = fresh_notices(state, voice.notices or ())
    accents = [accent.accent or accent.locale or "" for accent in voice.accents or voice.locales or []]
    about = shown(voice.description or voice.tagline, _ABOUT_CHARS)
    text = sentences(
        made.done,
        f"{shown(voice.name) or voice.id} ({describe(voice)}): {voice.id}.",
        f"Accents: {', '.join(accents)}." if len(accents) > 1 else "",
        about,
        *notices,
    )
    row = row_of(voice).model_copy(update={"about": about or None})
    return answer(text, results.VoiceDetails(**row.model_dump(), accents=accents, notices=notices), state=state)


@renders.register
def _accents(made: FoundAccents, state: State) -> CallToolResult:
    rows = [{"id": item.id, "name": item.name, "locale": item.locale or item.language} for item in made.accents]
    head = f"{len(rows)} accents:" if rows else "No accent fits; leave out a filter."
    lines = [f"- {row['id']}: {row['name']}, {row['locale']}" for row in rows]
    return answer("\n".join([head, *lines]), results.Accents(accents=rows), state=state)
