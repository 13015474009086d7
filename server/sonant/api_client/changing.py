"""Calls that change the voice in a recording. Source: contract §7."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sonant.api_client.bodies import AudioBody, SpeechEvents, Upload
from sonant.api_client.calls import Calls
from sonant.api_client.connection import Call, Effect
from sonant.wire.changing import ChangeFields, with_type

_WORK_S_PER_S = 0.5
"""How much longer a longer recording may take before the answer begins."""


class ChangingCalls(Calls):
    @asynccontextmanager
    async def change_voice(
        self, fields: ChangeFields, clip: Upload, *, duration_s: float = 0.0
    ) -> AsyncIterator[AudioBody]:
        """The clip in another voice, in the container that was asked for, as it arrives. Spends credits."""
        async with self._connection.answer(
            _call("/voice-changer/bytes", "audio/*", fields, clip, duration_s)
        ) as answer:
            yield AudioBody(answer, self._connection.mask)

    @asynccontextmanager
    async def change_voice_events(
        self, fields: ChangeFields, clip: Upload, *, duration_s: float = 0.0
    ) -> AsyncIterator[SpeechEvents]:
        """The same as events. Spends credits."""
        call = _call("/voice-changer/sse", "text/event-stream", fields, clip, duration_s)
        mask = self._connection.mask
        async with self._connection.answer(call) as answer:
            yield SpeechEvents(answer, mask, mask, with_type)


def _call(path: str, accept: str, fields: ChangeFields, clip: Upload, duration_s: float) -> Call:
    return Call(
        "POST", path, Effect.PAYS, accept, form=fields.to_form(), uploads={"clip": clip},
        extra_s=_WORK_S_PER_S * duration_s, counts_as="tts",
    )  # fmt: skip
