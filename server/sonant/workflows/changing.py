"""The voice changer: a recording of any length in another voice, said as it was said."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, cast

import anyio
import anyio.from_thread
import anyio.to_thread

from sonant.api_client.client import APIClient, Upload
from sonant.audio.codec import Encoder, check_complete, decode_blocks, probe
from sonant.audio.formats import MIME_TYPES, AudioFormat
from sonant.audio.splice import Overlap
from sonant.library.index import Entry
from sonant.library.inputs import OpenedFile
from sonant.wire.changing import MAX_BYTES, ChangeFields
from sonant.wire.costs import changing_credits
from sonant.wire.tts import CONTAINERS, OutputFormat
from sonant.wire.voices import CLIP_CONTAINERS, Voice
from sonant.workflows.jobs import Progress
from sonant.workflows.parts import Part, parts_of
from sonant.workflows.state import State
from sonant.workflows.tasks import task_group
from sonant.workflows.voices import noticing_deletion, resolve

PART_S = 170.0
"""Seconds of a part: 15 MB of `_PART_FORMAT`, where 16 MB may be sent."""
OVERLAP_S = 0.015
"""Of two parts, over which one passes into the other; as they were cut at a pause, nobody hears where."""

_PART_FORMAT = AudioFormat("wav", 44100, "pcm_s16le")


@dataclass(frozen=True)
class ChangeOrder:
    audio: str
    voice: str
    audio_format: AudioFormat
    filename: str | None = None


@dataclass(frozen=True)
class ChangeMade:
    entry: Entry
    voice: Voice
    credits: int
    notices: tuple[str, ...]


async def change_voice(state: State, order: ChangeOrder, progress: Progress) -> ChangeMade:
    """Change the voice of a recording.

    Raises:
        SpeechError: the recording cannot be used, or the service failed.
    """
    voice = await resolve(state, order.voice)
    await state.library.prepare()
    async with state.library.open_audio(order.audio) as opened:
        info = await anyio.to_thread.run_sync(probe, opened.file)
        api = await state.api()
        stem = order.filename or f"{opened.name.rpartition('.')[0] or opened.name} as {voice.name or voice.id}"
        async with state.library.outputs.new_file(stem, order.audio_format.extension) as draft:
            change = _Change(state, api, voice, order.audio_format, info.duration_s, progress)
            progress.report(0, info.duration_s, "changing the voice")
            with noticing_deletion(state, voice):
                if opened.extension in CLIP_CONTAINERS and opened.size <= MAX_BYTES:
                    duration_s = await change.whole(opened, draft.file)
                else:
                    duration_s = await change.by_parts(opened.file, draft.file)
            entry = await state.library.keep(
                draft, kind="audio", audio_format=order.audio_format, duration_s=duration_s
            )
    return ChangeMade(
        entry=entry,
        voice=voice,
        credits=changing_credits(info.duration_s),
        notices=tuple(dict.fromkeys(change.notices)),
    )


class _Change:
    """One recording on its way; gathers what the answers confess."""

    def __init__(
        self,
        state: State,
        api: APIClient,
        voice: Voice,
        audio_format: AudioFormat,
        duration_s: float,
        progress: Progress,
    ) -> None:
        self.notices: list[str] = []
        self._state = state
        self._api = api
        self._voice = voice
        self._audio_format = audio_format
        self._duration_s = duration_s
        self._progress = progress
        self._done_s = 0.0

    async def whole(self, opened: OpenedFile, target: BinaryIO) -> float:
        """Send it as it is; straight into the file, where the service speaks its format. Gives seconds."""
        upload = Upload(opened.file, f"clip.{opened.extension}", MIME_TYPES[opened.extension])
        if self._audio_format.container in CONTAINERS:
            return await self._ask(upload, self._duration_s, self._audio_format, target)
        with cast(BinaryIO, tempfile.TemporaryFile(prefix="sonant-")) as changed:
            await self._ask(upload, self._duration_s, self._between, changed)
            return await anyio.to_thread.run_sync(_join, [changed], target, self._audio_format)

    async def by_parts(self, file: BinaryIO, target: BinaryIO) -> float:
        """Cut it at quiet moments, send `concurrency` parts at once, join what comes back in order. Gives seconds."""
        changed: dict[float, BinaryIO] = {}
        slots = anyio.Semaphore(self._state.settings.concurrency)
        parts = parts_of(file, _PART_FORMAT, PART_S, OVERLAP_S)
        with ExitStack() as stack:

            async def send(part: Part) -> None:
                try:
                    with part.file:
                        upload = Upload(part.file, "clip.wav", "audio/wav")
                        result = stack.enter_context(cast(BinaryIO, tempfile.TemporaryFile(prefix="sonant-")))
                        await self._ask(upload, part.duration_s, self._between, result)
                        changed[part.start_s] = result
                finally:
                    slots.release()

            async with task_group() as tasks:
                while True:
                    await slots.acquire()  # before reading on, so that few parts exist at a time
                    part = await anyio.to_thread.run_sync(partial(next, parts, None))
                    if part is None:
                        break
                    tasks.start_soon(send, part)
            in_order = [changed[start_s] for start_s in sorted(changed)]
            return await anyio.to_thread.run_sync(_join, in_order, target, self._audio_format)

    @property
    def _between(self) -> AudioFormat:
        """What is asked for where it is encoded here."""
        return AudioFormat("wav", self._audio_format.sample_rate, "pcm_s16le")

    async def _ask(self, upload: Upload, duration_s: float, audio_format: AudioFormat, target: BinaryIO) -> float:
        fields = ChangeFields(voice=self._voice.id, output_format=OutputFormat.of(audio_format))
        async with self._api.change_voice(fields, upload, duration_s=duration_s) as body:
            async for chunk in body:
                target.write(chunk)
            self.notices += body.notices
        self._done_s += duration_s
        told = f"changed {self._done_s:.0f} of {self._duration_s:.0f} s"
        self._progress.report(self._done_s, self._duration_s, told)
        return await anyio.to_thread.run_sync(check_complete, target, audio_format)


def _join(files: list[BinaryIO], target: BinaryIO, audio_format: AudioFormat) -> float:
    """Encode them one after the other, each passing into the next; seconds."""
    joints = Overlap(round(OVERLAP_S * audio_format.sample_rate))
    with Encoder(target, audio_format) as encoder:
        for file in files:
            joints.begin()
            for block in decode_blocks(file, sample_rate=audio_format.sample_rate):
                anyio.from_thread.check_cancelled()
                encoder.write(joints.feed(block))
        encoder.write(joints.finish())
    return encoder.frames_written / audio_format.sample_rate
