"""Cartesia's calls as methods. Holds no rule of HTTP: those are connection.py's."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from pydantic import RootModel

from sonant.api_client.bodies import AudioBody, SpeechEvents, Upload, pieces_of
from sonant.api_client.connection import Call, Connection, Effect
from sonant.api_client.failures import without_transcript
from sonant.errors import InputError, UnknownVoiceError
from sonant.wire.infill import InfillFields
from sonant.wire.stt import DEFAULT_MODEL, Transcription
from sonant.wire.tts import SpeechRequest, StreamedSpeechRequest
from sonant.wire.voices import Accent, AccentList, CloneFields, LocalizeRequest, Voice, VoiceMetadata, VoicePage

__all__ = ["APIClient", "AudioBody", "SpeechEvents", "Upload"]

_AUDIO = "audio/*"


class _AnyObject(RootModel[dict[str, Any]]):
    """A JSON object whose fields nobody promised."""


class APIClient:
    """The speech service at the other end of a connection. Closes the connection when its context ends.

    Every method raises APIError, APIConnectionError or WireError, each in words for a reader.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.base_url = connection.base_url

    def __repr__(self) -> str:
        return f"APIClient({self._connection!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._connection.aclose()

    # Contract §1.5
    async def status(self) -> dict[str, Any]:
        """Whether somebody is there: `{"ok": true, "version": …}`. Sends no key."""
        return (await self._connection.read(Call("GET", "/", Effect.READS, open_to_all=True), _AnyObject)).root

    # Contract §3.1
    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioBody]:
        """Speech in the container that was asked for, as it arrives. Spends credits."""
        call = Call(
            "POST", "/tts/bytes", Effect.PAYS, _AUDIO, json=request.to_wire(), transcript=request.transcript
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
        )
        mask = self._connection.mask
        async with self._connection.answer(call) as response:
            yield SpeechEvents(response, mask, lambda text: without_transcript(mask(text), request.transcript))

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
            transcript=fields.transcript,
        )  # fmt: skip
        async with self._connection.answer(call) as response:
            yield AudioBody(response, self._connection.mask)

    # Contract §5.1
    async def transcribe(
        self,
        upload: Upload,
        *,
        model: str = DEFAULT_MODEL,
        language: str | None = None,
        word_times: bool = False,
        pcm: tuple[str, int] | None = None,
        duration_s: float | None = None,
    ) -> Transcription:
        """The words of a recording. Spends credits.

        Args:
            pcm: encoding and sample rate (Hz) of a headerless recording.
            duration_s: of the recording; a long one may keep us waiting as long as it lasts.
        """
        form = _given(model=model, language=language) | ({"timestamp_granularities[]": "word"} if word_times else {})
        call = Call(
            "POST",
            "/stt",
            Effect.PAYS,
            params={"encoding": pcm[0], "sample_rate": str(pcm[1])} if pcm else {},
            form=form,
            uploads={"file": upload},
            extra_s=duration_s or 0.0,
        )
        return await self._connection.read(call, Transcription)

    # Contract §6.2
    async def list_voices(
        self,
        *,
        q: str | None = None,
        language: str | None = None,
        gender: str | None = None,
        is_owner: bool | None = None,
        limit: int | None = None,
        starting_after: str | None = None,
        expand: Sequence[str] = (),
    ) -> VoicePage:
        """One page of voices; `starting_after` is the last id of the page before."""
        params = _given(
            q=q, language=language, gender=gender, is_owner=is_owner, limit=limit, starting_after=starting_after
        )
        call = Call("GET", "/voices", Effect.READS, params=params | {"expand[]": list(expand)} if expand else params)
        return await self._connection.read(call, VoicePage)

    async def get_voice(self, voice_id: str) -> Voice:
        return await self._connection.read(Call("GET", _voice_path(voice_id), Effect.READS), Voice)

    async def delete_voice(self, voice_id: str) -> None:
        async with self._connection.answer(Call("DELETE", _voice_path(voice_id), Effect.CHANGES, "*/*")) as response:
            async for _ in pieces_of(response):
                pass  # a body read to its end leaves the socket fit for the next call

    # Contract §6.3
    async def clone_voice(self, fields: CloneFields, clip: Upload) -> VoiceMetadata:
        """A new voice from a recording."""
        call = Call("POST", "/voices/clone", Effect.CHANGES, form=_given(**fields.to_wire()), uploads={"clip": clip})
        return await self._connection.read(call, VoiceMetadata)

    # Contract §6.4
    async def localize_voice(self, request: LocalizeRequest) -> VoiceMetadata:
        """A new voice: the same speaker with another accent."""
        call = Call("POST", "/voices/localize", Effect.CHANGES, json=request.to_wire())
        return await self._connection.read(call, VoiceMetadata)

    async def list_accents(
        self, *, is_localizable: bool | None = None, language: str | None = None, locale: str | None = None
    ) -> list[Accent]:
        params = _given(is_localizable=is_localizable, language=language, locale=locale)
        return (await self._connection.read(Call("GET", "/accents", Effect.READS, params=params), AccentList)).accents


def _given(**fields: object) -> dict[str, Any]:
    """The fields that have a value, as the wire's text: `true`, not `True`."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in fields.items()
        if value is not None
    }


def _voice_path(voice_id: str) -> str:
    if not voice_id.strip(". "):  # `/voices/..` would be another call altogether
        raise UnknownVoiceError(f"{voice_id!r} is no voice id.", hint="Find a voice with list_voices.")
    return f"/voices/{quote(voice_id, safe='')}"
