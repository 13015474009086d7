"""`POST /stt`, and the same in OpenAI's words: `POST /audio/transcriptions`. Source: contract §5.1, §5.2."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import BinaryIO

import anyio
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from sonant.audio.pcm import Samples
from sonant.engine.answers import json_answer, refuse, request_id_of
from sonant.engine.headerless import PcmStream, encoding_in
from sonant.engine.machinery import machinery_of
from sonant.engine.recognition import Recognition
from sonant.engine.uploads import Form, read_form
from sonant.wire.costs import transcription_credits
from sonant.wire.languages import base_of
from sonant.wire.stt import BATCH_MODELS, LANGUAGES, TURN_MODELS, TranscribedWord, Transcription

FILE_MAX_BYTES = 2 * 1024**3
"""Source: contract §5.1."""
LIMITS = "Recognition on this computer is English only and mishears more than Cartesia's; check names and numbers."


_OPENAI_FIELDS = {
    "prompt": ("",),
    "temperature": ("", "0", "0.0"),
    "response_format": ("", "json"),
    "stream": ("", "false", "False"),
}
"""Fields of OpenAI's form that are not supported (contract §5.2), and the values that ask for nothing else than what is
answered anyway. Its SDK leaves them out unless told."""


async def transcribe(request: Request) -> Response:
    machinery = machinery_of(request)
    pcm = encoding_in(request.query_params)
    async with read_form(request, max_bytes=FILE_MAX_BYTES) as form:
        model, language, with_words = _check(form)
        if request.scope["path"] == "/audio/transcriptions":
            _check_openai(form)
        file = form.required_file("file", FILE_MAX_BYTES)
        recogniser = await machinery.recogniser()
        if pcm is None:
            heard = await recogniser.transcribe(file)
        else:
            async with aclosing(_blocks(file, PcmStream(*pcm), machinery.threads)) as blocks:
                heard = await recogniser.transcribe_blocks(blocks)
    await machinery.charge(request.scope, "stt", transcription_credits(heard.duration_s), model=model)
    body = Transcription(
        text=heard.text, request_id=request_id_of(request.scope), language=language,
        duration=round(heard.duration_s, 3), words=_words(heard) if with_words else None, is_final=True,
    ).to_wire()  # fmt: skip
    return json_answer(body, request.scope, (LIMITS,))


def _check(form: Form) -> tuple[str, str, bool]:
    """Model, language, and whether words are wanted."""
    fields = form.fields()
    model = fields.get("model")
    if not model:
        raise refuse(400, "model: the field is missing.")
    if model in TURN_MODELS:
        raise refuse(400, f"{model} hears live audio only; use {BATCH_MODELS[0]} here.", "model_not_supported")
    if model not in BATCH_MODELS:
        raise refuse(404, f"There is no model {str(model)[:64]!r}; use {BATCH_MODELS[0]}.", "model_not_found")
    language = spoken_language(str(fields.get("language") or "en"))
    granularities = form.values("timestamp_granularities")
    if any(granularity != "word" for granularity in granularities):
        raise refuse(400, "timestamp_granularities: only `word` is known.")
    return str(model), language, bool(granularities)


def spoken_language(language: str) -> str:
    """The code of a language that can be heard here.

    Raises:
        APIError: 400, there is none such, or it cannot be.
    """
    language = language.strip().lower().replace("_", "-")
    if base_of(language) not in LANGUAGES:
        raise refuse(400, f"There is no language {language[:40]!r}.", "language_not_supported")
    if base_of(language) != "en":
        raise refuse(
            400, f"The engine on this computer hears English only, not {language!r}; set CARTESIA_API_KEY for others.",
            "language_not_supported",
        )  # fmt: skip
    return base_of(language)


def _check_openai(form: Form) -> None:
    fields = form.fields()
    for name, harmless in _OPENAI_FIELDS.items():
        if str(fields.get(name, "")) not in harmless:
            raise refuse(400, f"{name} is not supported: leave it out. The answer is always one JSON object.")


def _words(heard: Recognition) -> list[TranscribedWord]:
    return [
        TranscribedWord(word=word.word, start=round(word.start_s, 3), end=round(word.end_s, 3)) for word in heard.words
    ]


async def _blocks(file: BinaryIO, stream: PcmStream, threads: anyio.CapacityLimiter) -> AsyncGenerator[Samples, None]:
    """A second at a time: float32, mono, 16 kHz."""

    def next_block() -> Samples | None:
        audio_bytes = file.read(stream.bytes_per_s)
        return stream.feed(audio_bytes) if audio_bytes else None

    while (block := await to_thread.run_sync(next_block, limiter=threads)) is not None:
        yield block
    yield stream.finish()
