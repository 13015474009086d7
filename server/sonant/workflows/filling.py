"""Infill: speech between two clips, after one, or before one."""

import shutil
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, cast

import anyio
import anyio.from_thread
import anyio.to_thread

from sonant.api_client.client import Upload
from sonant.audio.codec import Encoder, check_complete, decode_blocks
from sonant.audio.formats import AudioFormat
from sonant.audio.splice import Overlap
from sonant.errors import InputError
from sonant.library.index import Entry
from sonant.library.inputs import OpenedFile
from sonant.wire import markup
from sonant.wire.costs import infill_credits
from sonant.wire.infill import InfillFields
from sonant.wire.languages import base_of
from sonant.wire.models import INFILL_MODEL
from sonant.wire.tts import CONTAINERS, OutputFormat
from sonant.wire.voices import Voice
from sonant.workflows import splitting
from sonant.workflows.clips import as_clip
from sonant.workflows.jobs import Progress
from sonant.workflows.state import State
from sonant.workflows.training import model_for
from sonant.workflows.voices import language_of, noticing_deletion, resolve

CROSSFADE_S = 0.015
"""Local engine notes: equal-power cross-fades of 15 ms leave no click."""


@dataclass(frozen=True)
class InfillOrder:
    transcript: str
    audio_format: AudioFormat
    before: str | None = None
    after: str | None = None
    voice: str | None = None
    language: str | None = None
    join: bool = False
    filename: str | None = None


@dataclass(frozen=True)
class InfillMade:
    entry: Entry
    voice: Voice
    credits: int
    notices: tuple[str, ...]
    joined: bool
    start_s: float
    """Where the new words begin in the file."""
    middle_s: float
    """How long the new words are."""


async def infill(state: State, order: InfillOrder, progress: Progress) -> InfillMade:
    """Speak the transcript so that it fits between the clips.

    Raises:
        InputError: no clip was given, or nothing to say.
    """
    transcript = splitting.clean(order.transcript)
    if not transcript or not markup.has_speech(transcript):
        raise InputError("There is no text to speak.", hint="Give the missing words in `transcript`.")
    if len(transcript) > splitting.PIECE_CHARS:
        raise InputError(
            f"That is too long to insert: at most {splitting.PIECE_CHARS} characters.", hint="Use text_to_speech."
        )
    if not (order.before or order.after):
        raise InputError("A recording is needed to fit to.", hint="Give `before`, `after`, or both.")
    language = language_of(order.language)
    voice = await resolve(state, order.voice, language)
    await state.library.prepare()
    api = await state.api()
    through = not order.join and order.audio_format.container in CONTAINERS
    asked = order.audio_format if through else AudioFormat("wav", order.audio_format.sample_rate, "pcm_s16le")
    fields = InfillFields(
        model_id=await model_for(state, voice, INFILL_MODEL) if voice.is_pro else INFILL_MODEL,
        language=base_of(language or voice.language or "en"),
        transcript=transcript,
        voice_id=voice.id,
        output_format=OutputFormat.of(asked),
    )
    stem = order.filename or f"infill {datetime.now():%Y-%m-%d %H.%M.%S}"
    async with AsyncExitStack() as stack:
        stack.enter_context(noticing_deletion(state, voice))
        sides = [
            await stack.enter_async_context(state.library.open_audio(side)) if side else None
            for side in (order.before, order.after)
        ]
        left, left_notes = await _clip(stack, sides[0], tail=True)
        right, right_notes = await _clip(stack, sides[1], tail=False)
        draft = await stack.enter_async_context(state.library.outputs.new_file(stem, order.audio_format.extension))
        middle = stack.enter_context(cast(BinaryIO, tempfile.TemporaryFile(prefix="sonant-")))
        progress.report(0, 1, "speaking to fit")
        async with api.infill(fields, left=left, right=right) as body:
            async for chunk in body:
                middle.write(chunk)
            notices = body.notices
        middle_s = await anyio.to_thread.run_sync(check_complete, middle, asked)
        middle.seek(0)
        start_s, duration_s = 0.0, middle_s
        if through:
            await anyio.to_thread.run_sync(shutil.copyfileobj, middle, draft.file)
        else:
            files: list[OpenedFile | BinaryIO | None] = [None, middle, None]
            if order.join:
                files = [sides[0], middle, sides[1]]
            start_s, duration_s = await anyio.to_thread.run_sync(_write, files, draft.file, order.audio_format)
        entry = await state.library.keep(draft, kind="audio", audio_format=order.audio_format, duration_s=duration_s)
    return InfillMade(
        entry=entry,
        voice=voice,
        credits=infill_credits(transcript),
        notices=tuple(dict.fromkeys((*left_notes, *right_notes, *notices))),
        joined=order.join,
        start_s=start_s,
        middle_s=middle_s,
    )


async def _clip(stack: AsyncExitStack, side: OpenedFile | None, *, tail: bool) -> tuple[Upload | None, tuple[str, ...]]:
    return await stack.enter_async_context(as_clip(side, tail=tail)) if side else (None, ())


def _write(
    files: list[OpenedFile | BinaryIO | None], target: BinaryIO, audio_format: AudioFormat
) -> tuple[float, float]:
    """Encode the recordings one after the other with short cross-fades; where the middle begins, and the whole length.

    Returns:
        Seconds, seconds.
    """
    rate = audio_format.sample_rate
    joints = Overlap(round(CROSSFADE_S * rate))
    middle_start = 0
    with Encoder(target, audio_format) as encoder:
        for index, file in enumerate(files):
            if file is None:
                continue
            source = file if not isinstance(file, OpenedFile) else file.file
            source.seek(0)
            joints.begin()
            if index == 1:
                middle_start = encoder.frames_written
            for block in decode_blocks(source, sample_rate=rate):
                anyio.from_thread.check_cancelled()  # recordings may be long
                encoder.write(joints.feed(block))
        encoder.write(joints.finish())
    return middle_start / rate, encoder.frames_written / rate
