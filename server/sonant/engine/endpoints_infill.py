"""`POST /infill/bytes`: the middle segment alone. Source: contract §4."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import BinaryIO

import numpy as np
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from sonant.audio.codec import decode_blocks, read_clip
from sonant.audio.pcm import Samples
from sonant.engine.answers import refuse, version_of
from sonant.engine.infilling import infill
from sonant.engine.machinery import machinery_of
from sonant.engine.sounding import body_of
from sonant.engine.speaking import check_model, read_order
from sonant.engine.streaming import StreamedAnswer
from sonant.engine.synthesis import SAMPLE_RATE
from sonant.engine.uploads import read_form
from sonant.wire.costs import infill_credits
from sonant.wire.infill import MODELS, InfillFields
from sonant.wire.tts import SpeechRequest
from sonant.wire.voices import CLIP_MAX_BYTES

_SIDE_MAX_S = 30.0
"""A side is listened to for its speaker and its room; half a minute next to the gap tells all there is to know."""


async def infill_bytes(request: Request) -> Response:
    machinery = machinery_of(request)
    async with read_form(request, max_bytes=2 * CLIP_MAX_BYTES) as form:
        wanted = InfillFields.model_validate(form.fields())
        check_model(wanted.model_id)
        if wanted.model_id not in MODELS:
            raise refuse(400, f"{wanted.model_id} does not infill; use {MODELS[0]}.", "model_not_supported")
        order = await read_order(
            SpeechRequest(
                model_id=wanted.model_id, transcript=wanted.transcript, voice=wanted.voice_id,
                output_format=wanted.output_format, language=wanted.language,
                pronunciation_dict_id=wanted.pronunciation_dict_id,
            ),
            machinery,
            version_of(request.scope),
        )  # fmt: skip
        sides = [form.file("left_audio", CLIP_MAX_BYTES), form.file("right_audio", CLIP_MAX_BYTES)]
        if sides == [None, None]:
            raise refuse(400, "Give `left_audio`, `right_audio`, or both.")
        left = await to_thread.run_sync(_end_of, sides[0], limiter=machinery.threads)
        right = await to_thread.run_sync(_start_of, sides[1], limiter=machinery.threads)
    made = await infill(await machinery.synthesiser(), order.utterance, left, right, SAMPLE_RATE)
    return StreamedAnswer(
        body_of(_once(made.samples), order.audio_format, machinery.threads),
        order.content_type,
        (*order.notices, *made.verdict),
        whole_if_one=order.audio_format.container != "raw",
        when_sent=partial(
            machinery.charge, request.scope, "infill", infill_credits(wanted.transcript), model=wanted.model_id,
            voice=order.voice_id,
        ),
    )  # fmt: skip


def _start_of(side: BinaryIO | None) -> Samples | None:
    return None if side is None else read_clip(side, sample_rate=SAMPLE_RATE, max_s=_SIDE_MAX_S)


def _end_of(side: BinaryIO | None) -> Samples | None:
    """Its last half minute: 16 MB of mp3 can be two hours."""
    if side is None:
        return None
    kept: list[Samples] = []
    for block in decode_blocks(side, sample_rate=SAMPLE_RATE):
        kept.append(block)
        while sum(map(len, kept[1:])) >= _SIDE_MAX_S * SAMPLE_RATE:
            del kept[0]
    return np.concatenate(kept)


async def _once(samples: Samples) -> AsyncGenerator[Samples, None]:
    yield samples
