"""`/voices/mix`, `POST /voices` and `/voices/clone/clip`: voices as numbers, up to 2024-11-13. Source: contract §6.5."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from sonant.engine.accents import accent_of
from sonant.engine.answers import json_answer, refuse, version_of
from sonant.engine.clone_forms import NOT_DENOISED
from sonant.engine.embeddings import Embedding, embedding_of, mix, read_embedding
from sonant.engine.endpoints_cloning import fit_clip
from sonant.engine.machinery import Machinery, machinery_of
from sonant.engine.speaking import voice_of_embedding
from sonant.engine.uploads import read_form, read_json
from sonant.engine.voice_changes import check_texts
from sonant.engine.voice_shapes import PAGED, shown, shown_new
from sonant.wire.languages import normalise
from sonant.wire.notices import SYNTHETIC_NOTICE
from sonant.wire.versions import EMBEDDINGS_UNTIL
from sonant.wire.voices import CLIP_MAX_BYTES, MixPart, MixRequest, VoiceFromEmbedding


async def mix_voices(request: Request) -> Response:
    machinery = machinery_of(request)
    _check_version(request)
    wanted = MixRequest.model_validate(await read_json(request))
    parts = [(await _embedding_of(part, machinery), part.weight) for part in wanted.voices]
    try:
        mixed = mix(parts)
    except ValueError as error:
        raise refuse(400, f"voices: {error}") from None
    return json_answer({"embedding": mixed}, request.scope)


async def create_voice(request: Request) -> Response:
    """A voice from an embedding; its language is that of the base voice unless another is given."""
    machinery = machinery_of(request)
    _check_version(request)
    wanted = VoiceFromEmbedding.model_validate(await read_json(request))
    check_texts(wanted.name, None, wanted.description)
    base = await machinery.voice(wanted.base_voice_id) if wanted.base_voice_id else None
    voice = voice_of_embedding(wanted.embedding)
    fields: dict[str, Any] = {}
    if base is not None:
        fields = {"language": base.language, "accent": base.accent, "gender": base.gender}
    if wanted.language is not None:
        language = normalise(wanted.language) or "en"  # which nobody checked then
        accent = accent_of(language)
        fields |= {"language": accent.speech_language if accent else language, "accent": accent}
    made = replace(
        voice,
        id=str(uuid4()), name=wanted.name.strip(), description=wanted.description, origin="embedding", is_owner=True,
        access="private", created_at=datetime.now(UTC), **fields,
    )  # fmt: skip
    await to_thread.run_sync(machinery.store.put, made, limiter=machinery.threads)
    body = shown_new(made, request) if version_of(request.scope) < PAGED else shown(made, request)
    body.pop("embedding", None)  # which the caller has
    return json_answer(body, request.scope, made.confessions())


async def clone_clip(request: Request) -> Response:
    """A clip's voice as numbers; nothing is kept."""
    machinery = machinery_of(request)
    _check_version(request, "2024-06-10")
    async with read_form(request, max_bytes=CLIP_MAX_BYTES) as form:
        enhance = str(form.fields().get("enhance", "")).lower() in ("true", "1")
        fit = await fit_clip(form, machinery.threads)
    notices = (SYNTHETIC_NOTICE, *fit.verdict, *((NOT_DENOISED,) if enhance else ()))
    return json_answer({"embedding": embedding_of(fit.timbre)}, request.scope, notices)


async def _embedding_of(part: MixPart, machinery: Machinery) -> Embedding:
    if (part.id is None) == (part.embedding is None):
        raise refuse(400, "voices: each needs an id or an embedding, and not both.")
    if part.embedding is not None:
        try:
            return read_embedding(part.embedding)
        except ValueError as error:
            raise refuse(400, f"voices: {error}") from None
    voice = await machinery.voice(part.id or "")
    numbers = await to_thread.run_sync(embedding_of, voice.timbre, limiter=machinery.threads)
    return np.asarray(numbers)


def _check_version(request: Request, until: str = EMBEDDINGS_UNTIL) -> None:
    if version_of(request.scope) > until:
        raise refuse(
            410, f"Voices as embeddings, and mixing them, ended with version {until}: clone a voice with "
            "POST /voices/clone, or send Cartesia-Version: 2024-11-13.",
        )  # fmt: skip
