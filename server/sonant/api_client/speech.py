"""Calls that speak: text to speech and infill."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sonant.api_client.bodies import AudioBody, SpeechEvents, Upload
from sonant.api_client.calls import Calls
from sonant.api_client.connection import Call, Effect
from sonant.api_client.contexts import SpeechContext, speaking
from sonant.api_client.failures import without_transcript
from sonant.errors import InputError
from sonant.wire.infill import InfillFields
from sonant.wire.tts import ContextRequest, SpeechRequest, StreamedSpeechRequest

_AUDIO = "audio/*"


class SpeechCalls(Calls):
    # Contract §3.1
    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioBody]:
        """Speech in the container that was asked for, as it arrives. Spends credits."""
        call = Call(
            "POST", "/tts/bytes", Effect.PAYS, _AUDIO, json=request.to_wire(), transcript=request.transcript,
            counts_as="tts",
        )  # fmt: skip
        async with self._connection.answer(call) as response:
            yield AudioBody(response, self._connection.mask)

    # Contract §3.2
    @asynccontextmanager
    async def speak_with_times(self, request: StreamedSpeechRequest) -> AsyncIterator[SpeechEvents]:
        """Raw speech with the times of its words, as it arrives. Spends credits."""
        call = Call(
            "POST",
            "/tts/sse",
            Effect.PAYS,
            "text/event-stream",
            json=request.to_wire(),
            transcript=request.transcript,
            counts_as="tts",
        )
        mask = self._connection.mask
        async with self._connection.answer(call) as response:
            yield SpeechEvents(response, mask, lambda text: without_transcript(mask(text), request.transcript))

    # Contract §3.3
    @asynccontextmanager
    async def context(self, first: ContextRequest) -> AsyncIterator[SpeechContext]:
        """Raw speech for text that comes in pieces, over a socket that all contexts share. Spends credits.

        It counts against what the plan allows at once from its first text until all of it is generated.

        Args:
            first: the first text, with what the whole context has in common.
        """
        async with speaking(self._connection, first) as context:
            yield context

    # Contract §3.3
    @asynccontextmanager
    async def speak_on_socket(self, request: StreamedSpeechRequest) -> AsyncIterator[SpeechContext]:
        """What `speak_with_times` answers, over the shared socket. Spends credits.

        Worth it where the first sound counts and the far end is far: the event stream costs one round trip more, but
        opens sooner the first time and carries long answers as fast.
        """
        async with speaking(self._connection, ContextRequest(**dict(request))) as context:
            yield context

    # Contract §4
    @asynccontextmanager
    async def infill(
        self, fields: InfillFields, *, left: Upload | None, right: Upload | None
    ) -> AsyncIterator[AudioBody]:
        """Speech that fits between two recordings, after one or before one. Spends credits."""
        uploads = {name: clip for name, clip in (("left_audio", left), ("right_audio", right)) if clip is not None}
        if not uploads:
            raise InputError("Infill needs a recording before the new speech, one after it, or both.")
        call = Call(
            "POST", "/infill/bytes", Effect.PAYS, _AUDIO, form=fields.to_form(), uploads=uploads,
            transcript=fields.transcript, counts_as="tts",
        )  # fmt: skip
        async with self._connection.answer(call) as response:
            yield AudioBody(response, self._connection.mask)
