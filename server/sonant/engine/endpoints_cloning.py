"""`POST /voices/clone`. Source: contract §6.2, §6.3."""

from datetime import UTC, datetime
from typing import BinaryIO
from uuid import uuid4

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from sonant.audio.codec import read_clip
from sonant.audio.pcm import Samples
from sonant.engine.answers import json_answer, version_of
from sonant.engine.clone_forms import read_clone_form
from sonant.engine.cloning import APPROXIMATE, LONGEST_S, Fit, fit_timbre
from sonant.engine.machinery import machinery_of
from sonant.engine.synthesis import SAMPLE_RATE
from sonant.engine.uploads import Form, read_form
from sonant.engine.voice_shapes import shown_new
from sonant.engine.voices import EngineVoice
from sonant.wire.voices import CLIP_MAX_BYTES


async def clone_voice(request: Request) -> Response:
    """Measure the clip, keep the numbers, forget the clip."""
    machinery = machinery_of(request)
    async with read_form(request, max_bytes=CLIP_MAX_BYTES) as form:
        wanted = read_clone_form(form.fields(), version_of(request.scope))
        if wanted.base_voice_id:
            await machinery.voice(wanted.base_voice_id)
        fit = await fit_clip(form, machinery.threads)
    voice = EngineVoice(
        id=str(uuid4()), name=wanted.name, tagline=wanted.tagline,
        description=wanted.description or "A clone made on this computer: approximate and synthetic.",
        gender=None, language=wanted.language, accent=wanted.accent, timbre=fit.timbre,
        origin="clone", notices=(APPROXIMATE,), is_owner=True, access=wanted.access, created_at=datetime.now(UTC),
    )  # fmt: skip
    await to_thread.run_sync(machinery.store.put, voice, limiter=machinery.threads)
    told = (*voice.confessions(), *fit.verdict, *wanted.notices)
    return json_answer(shown_new(voice, request), request.scope, told)


async def fit_clip(form: Form, threads: CapacityLimiter) -> Fit:
    """The voice in a form's clip.

    Raises:
        APIError, AudioInputError, EngineError: there is none.
    """
    clip = form.required_file("clip", CLIP_MAX_BYTES)
    return await fit_timbre(await to_thread.run_sync(_read, clip, limiter=threads), SAMPLE_RATE)


def _read(clip: BinaryIO) -> Samples:
    return read_clip(clip, sample_rate=SAMPLE_RATE, max_s=LONGEST_S)
