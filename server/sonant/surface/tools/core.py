"""The tools of the toolset `core`. Workflows are imported when a tool first runs: starting costs nothing."""

from typing import Annotated

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from sonant.errors import APITimeoutError, InputError
from sonant.surface import params as p
from sonant.surface import results
from sonant.surface.boundary import make_tool, state_of
from sonant.surface.formats import audio_format
from sonant.workflows.state import State

Ctx = Context[State]


def core_tools() -> list[Tool]:
    """The tools of this set, built anew for each server."""
    speaks = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
    looks = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
    works = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)
    spending = (text_to_speech, transcribe, clone_voice, localize_voice, infill)
    return [*(make_tool(tool, speaks) for tool in spending), make_tool(list_voices, looks), make_tool(get_job, works)]


async def text_to_speech(
    transcript: p.Transcript,
    voice: p.Voice = None,
    language: p.Language = None,
    format: p.Format = None,
    sample_rate: p.SampleRate = None,
    speed: p.Speed = None,
    volume: p.Volume = None,
    emotion: p.Emotion = None,
    model: p.Model = None,
    pronunciation_dict_id: p.DictionaryId = None,
    timestamps: p.Timestamps = None,
    filename: p.Filename = None,
    *,
    ctx: Ctx,
) -> Annotated[CallToolResult, results.Speech]:
    """Speak a text of any length into a new audio file.

    With a key this spends about one credit a character; long work becomes a job for get_job.
    """
    state = state_of(ctx)
    from sonant.surface import jobs
    from sonant.workflows.speaking import SpeechOrder, speak

    order = SpeechOrder(
        transcript=transcript,
        audio_format=audio_format(format, sample_rate),
        voice=voice,
        language=language,
        speed=speed,
        volume=volume,
        emotion=emotion,
        model=model,
        pronunciation_dict_id=pronunciation_dict_id,
        timestamps=bool(timestamps),
        filename=filename,
    )
    return await jobs.run(ctx, state, "text_to_speech", lambda progress: speak(state, order, progress))


async def transcribe(
    audio: p.Audio,
    language: p.SpokenLanguage = None,
    format: p.TranscriptFormat = None,
    live: p.Live = None,
    *,
    ctx: Ctx,
) -> Annotated[CallToolResult, results.Transcript]:
    """Turn a recording of any length into text, or into an SRT, VTT or JSON file.

    Takes wav, mp3, m4a, mp4, webm, flac, ogg. With a key it costs one credit per 2 s, live two.
    """
    state = state_of(ctx)
    from sonant.surface import jobs

    if live:
        from sonant.workflows.following import transcribe_live as hear
    else:
        from sonant.workflows.transcribing import transcribe as hear

    return await jobs.run(
        ctx, state, "transcribe", lambda progress: hear(state, audio, language, format or "text", progress)
    )


async def list_voices(
    query: p.Query = None,
    language: p.LanguageFilter = None,
    accent: p.AccentFilter = None,
    gender: p.Gender = None,
    mine: p.Mine = None,
    limit: p.Limit = None,
    cursor: p.Cursor = None,
    *,
    ctx: Ctx,
) -> Annotated[CallToolResult, results.Voices]:
    """Find voices to speak with. Free."""
    state = state_of(ctx)
    from sonant.surface.render import render
    from sonant.workflows.voices import VoiceQuery, search

    with anyio.move_on_after(state.settings.call_limit_s):
        wanted = VoiceQuery(query, language, accent, gender, mine, limit or 20, cursor)
        return render(state, await search(state, wanted))
    raise APITimeoutError("The speech service did not answer in time.", hint="Try again in a minute.")


async def clone_voice(
    audio: p.Audio,
    name: p.NewName,
    language: p.SpokenLanguage = None,
    description: p.Description = None,
    *,
    ctx: Ctx,
) -> Annotated[CallToolResult, results.NewVoice]:
    """Make a voice from a clip of one person speaking, best 10 to 20 s of clean speech.

    Only with the speaker's consent. Free; the voice stays in the account.
    """
    state = state_of(ctx)
    from sonant.surface import jobs
    from sonant.workflows.voices import clone

    return await jobs.run(
        ctx, state, "clone_voice", lambda progress: clone(state, audio, name, language, description, progress)
    )


async def localize_voice(
    voice: p.RequiredVoice,
    language: p.TargetLanguage = None,
    accent: p.AccentFilter = None,
    name: p.OptionalName = None,
    *,
    ctx: Ctx,
) -> Annotated[CallToolResult, results.NewVoice]:
    """Make a voice of the same speaker in another language or accent. Give one of the two. Free."""
    state = state_of(ctx)
    from sonant.surface import jobs
    from sonant.workflows.voices import localize

    return await jobs.run(
        ctx, state, "localize_voice", lambda _progress: localize(state, voice, language, accent, name)
    )


async def infill(
    transcript: p.Missing,
    before: p.Before = None,
    after: p.After = None,
    voice: p.Voice = None,
    language: p.Language = None,
    format: p.Format = None,
    join: p.Join = None,
    *,
    ctx: Ctx,
) -> Annotated[CallToolResult, results.Infill]:
    """Speak words so that they fit between two recordings, after one, or before one.

    Uses the model sonic-3. With a key this spends 300 credits and one a character.
    """
    state = state_of(ctx)
    from sonant.surface import jobs
    from sonant.workflows.filling import InfillOrder
    from sonant.workflows.filling import infill as fill

    order = InfillOrder(transcript, audio_format(format, None), before, after, voice, language, bool(join))
    return await jobs.run(ctx, state, "infill", lambda progress: fill(state, order, progress))


async def get_job(
    job_id: p.JobId,
    action: p.JobAction = None,
    *,
    ctx: Ctx,
) -> Annotated[CallToolResult, results.JobReport]:
    """Wait for, read or cancel work that outlasted its call."""
    state = state_of(ctx)
    from sonant.surface import jobs

    job = state.jobs.get(job_id)
    if action == "cancel":
        if job.state == "done":
            raise InputError("The work was done before it could be cancelled.", hint="See its result with action=read.")
        await state.jobs.cancel(job)
    waits = (action or "wait") == "wait"
    return await jobs.report(ctx, state, job, state.settings.call_limit_s if waits else 0)
