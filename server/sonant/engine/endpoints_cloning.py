"""`POST /voices/clone`. Source: contract §6.2, §6.3."""

from datetime import UTC, datetime
from typing import BinaryIO
from uuid import uuid4

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from sonant.audio.codec import read_clip
from sonant.audio.pcm import Samples
from sonant.engine.accents import CatalogueAccent, accent_of
from sonant.engine.answers import json_answer, refuse
from sonant.engine.cloning import APPROXIMATE, LONGEST_S, fit_timbre
from sonant.engine.endpoints_voices import check_access, check_texts, required_accent
from sonant.engine.machinery import Machinery, machinery_of
from sonant.engine.speaking import check_language
from sonant.engine.synthesis import SAMPLE_RATE
from sonant.engine.uploads import read_form
from sonant.engine.voices import EngineVoice
from sonant.wire.languages import base_of
from sonant.wire.tts import DEFAULT_MODEL
from sonant.wire.voices import CLIP_MAX_BYTES, CloneFields


async def clone_voice(request: Request) -> Response:
    """Measure the clip, keep the numbers, forget the clip."""
    machinery = machinery_of(request)
    async with read_form(request, max_bytes=CLIP_MAX_BYTES) as form:
        wanted = CloneFields.model_validate(form.fields())
        language, accent = await _check(wanted, machinery)
        clip = form.required_file("clip", CLIP_MAX_BYTES)
        samples = await to_thread.run_sync(_read, clip, limiter=machinery.threads)
    fit = await fit_timbre(samples, SAMPLE_RATE)
    voice = EngineVoice(
        id=str(uuid4()), name=wanted.name.strip(), tagline=wanted.tagline or "",
        description=wanted.description or "A clone made on this computer: approximate and synthetic.",
        gender=None, language=language, accent=accent, timbre=fit.timbre,
        origin="clone", notices=(APPROXIMATE,), is_owner=True, access=check_access(wanted.access),
        created_at=datetime.now(UTC),
    )  # fmt: skip
    await to_thread.run_sync(machinery.store.put, voice, limiter=machinery.threads)
    return json_answer(voice.to_metadata().to_wire(), request.scope, (*voice.confessions(), *fit.verdict))


async def _check(wanted: CloneFields, machinery: Machinery) -> tuple[str, CatalogueAccent | None]:
    """What the voice is to speak, and the accent shown for it."""
    check_texts(wanted.name, wanted.tagline)
    check_access(wanted.access)
    if wanted.base_voice_id:
        await machinery.voice(wanted.base_voice_id)
    code = check_language(wanted.language, DEFAULT_MODEL)
    if wanted.accent is None:
        accent = accent_of(code)
        return (accent.speech_language if accent and "-" not in code else code), accent
    accent = required_accent(wanted.accent)
    if accent.language != base_of(code):
        raise refuse(400, f"accent: {accent.id} is not an accent of {code}.")
    return accent.speech_language, accent


def _read(clip: BinaryIO) -> Samples:
    return read_clip(clip, sample_rate=SAMPLE_RATE, max_s=LONGEST_S)
