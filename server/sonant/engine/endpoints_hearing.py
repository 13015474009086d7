"""`POST /stt`. Source: contract §5.1."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import BinaryIO, cast, get_args

import anyio
import numpy as np
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from sonant.audio.formats import Encoding
from sonant.audio.pcm import Samples, decode_pcm
from sonant.audio.resample import StreamResampler
from sonant.engine.answers import json_answer, refuse, request_id_of
from sonant.engine.machinery import machinery_of
from sonant.engine.recognition import Recognition
from sonant.engine.uploads import Form, read_form
from sonant.wire.languages import base_of
from sonant.wire.stt import BATCH_MODELS, LANGUAGES, PCM_ENCODINGS, TranscribedWord, Transcription

FILE_MAX_BYTES = 2 * 1024**3
"""Source: contract §5.1."""
LIMITS = "Recognition on this computer is English only and mishears more than Cartesia's; check names and numbers."

_HEARING_RATE = 16000
"""Hz the recogniser takes."""
_PCM_RATES = (4000, 192_000)
_STREAMING_MODELS = ("ink-2", "ink-preview")
_SAMPLE_BYTES = {"pcm_s16le": 2, "pcm_s32le": 4, "pcm_f16le": 2, "pcm_f32le": 4, "pcm_mulaw": 1, "pcm_alaw": 1}


async def transcribe(request: Request) -> Response:
    machinery = machinery_of(request)
    encoding, sample_rate = _headerless(request)
    async with read_form(request, max_bytes=FILE_MAX_BYTES) as form:
        language, with_words = _check(form)
        file = form.required_file("file", FILE_MAX_BYTES)
        recogniser = await machinery.recogniser()
        if encoding is None:
            heard = await recogniser.transcribe(file)
        else:
            async with aclosing(_blocks(file, encoding, sample_rate, machinery.threads)) as blocks:
                heard = await recogniser.transcribe_blocks(blocks)
    body = Transcription(
        text=heard.text, request_id=request_id_of(request.scope), language=language,
        duration=round(heard.duration_s, 3), words=_words(heard) if with_words else None, is_final=True,
    ).to_wire()  # fmt: skip
    return json_answer(body, request.scope, (LIMITS,))


def _check(form: Form) -> tuple[str, bool]:
    """Language, and whether words are wanted."""
    fields = form.fields()
    model = fields.get("model")
    if not model:
        raise refuse(400, "model: the field is missing.")
    if model in _STREAMING_MODELS:
        raise refuse(400, f"{model} hears live audio only; use {BATCH_MODELS[0]} here.", "model_not_supported")
    if model not in BATCH_MODELS:
        raise refuse(404, f"There is no model {str(model)[:64]!r}; use {BATCH_MODELS[0]}.", "model_not_found")
    language = str(fields.get("language") or "en").strip().lower().replace("_", "-")
    if base_of(language) not in LANGUAGES:
        raise refuse(400, f"There is no language {language[:40]!r}.", "language_not_supported")
    if base_of(language) != "en":
        raise refuse(
            400, f"The engine on this computer hears English only, not {language!r}; set CARTESIA_API_KEY for others.",
            "language_not_supported",
        )  # fmt: skip
    granularities = form.values("timestamp_granularities")
    if any(granularity != "word" for granularity in granularities):
        raise refuse(400, "timestamp_granularities: only `word` is known.")
    return base_of(language), bool(granularities)


def _headerless(request: Request) -> tuple[str | None, int]:
    """Encoding and sample rate of raw audio, from the query; no encoding means a container."""
    encoding, rate = request.query_params.get("encoding"), request.query_params.get("sample_rate")
    if not encoding:
        return None, 0
    if encoding not in PCM_ENCODINGS:
        raise refuse(400, f"encoding: use one of {', '.join(PCM_ENCODINGS)}.")
    if not rate or not rate.isascii() or not rate.isdigit() or not _PCM_RATES[0] <= int(rate) <= _PCM_RATES[1]:
        raise refuse(400, f"sample_rate: headerless audio needs it, in Hz from {_PCM_RATES[0]} to {_PCM_RATES[1]}.")
    return encoding, int(rate)


def _words(heard: Recognition) -> list[TranscribedWord]:
    return [
        TranscribedWord(word=word.word, start=round(word.start_s, 3), end=round(word.end_s, 3)) for word in heard.words
    ]


async def _blocks(
    file: BinaryIO, encoding: str, sample_rate: int, threads: anyio.CapacityLimiter
) -> AsyncGenerator[Samples, None]:
    """A second at a time: float32, mono, 16 kHz. A cut last sample is dropped."""
    resampler = StreamResampler(sample_rate, _HEARING_RATE)
    width = _SAMPLE_BYTES[encoding]

    def next_block() -> Samples | None:
        audio_bytes = file.read(sample_rate * width)
        whole = audio_bytes[: len(audio_bytes) // width * width]
        return resampler.feed(_samples(whole, encoding)) if whole else None

    while (block := await to_thread.run_sync(next_block, limiter=threads)) is not None:
        yield block
    yield resampler.finish()


def _samples(audio_bytes: bytes, encoding: str) -> Samples:
    if encoding in get_args(Encoding):
        return decode_pcm(audio_bytes, cast(Encoding, encoding))
    if encoding == "pcm_s32le":
        return (np.frombuffer(audio_bytes, "<i4") / 2**31).astype(np.float32)
    return np.nan_to_num(np.frombuffer(audio_bytes, "<f2").astype(np.float32)).clip(-1, 1)
