"""Calls about voices and accents."""

from collections.abc import Sequence
from urllib.parse import quote

from sonant.api_client.bodies import Upload, pieces_of
from sonant.api_client.calls import Calls, given
from sonant.api_client.connection import Call, Effect
from sonant.errors import UnknownVoiceError
from sonant.wire.versions import EMBEDDINGS_UNTIL
from sonant.wire.voices import (
    Accent,
    AccentList,
    AccentsRequest,
    CloneFields,
    Embedding,
    LocalizeRequest,
    MixRequest,
    Voice,
    VoiceFromEmbedding,
    VoiceMetadata,
    VoicePage,
    VoiceUpdate,
)


class VoiceCalls(Calls):
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
        params = given(
            q=q, language=language, gender=gender, is_owner=is_owner, limit=limit, starting_after=starting_after
        )
        call = Call("GET", "/voices", Effect.READS, params=params | {"expand[]": list(expand)} if expand else params)
        return await self._connection.read(call, VoicePage)

    async def get_voice(self, voice_id: str) -> Voice:
        return await self._connection.read(Call("GET", _voice_path(voice_id), Effect.READS), Voice)

    async def update_voice(self, voice_id: str, update: VoiceUpdate) -> Voice:
        """The voice as changed; only what was set is sent."""
        call = Call("PATCH", _voice_path(voice_id), Effect.CHANGES, json=update.changes())
        return await self._connection.read(call, Voice)

    async def add_accents(self, voice_id: str, accents: Sequence[str]) -> Voice:
        """An own instant clone that speaks further accents, by their catalogue ids."""
        body = AccentsRequest(accents=list(accents)).to_wire()
        call = Call("PATCH", f"{_voice_path(voice_id)}/accents", Effect.CHANGES, json=body)
        return await self._connection.read(call, Voice)

    async def remove_accent(self, voice_id: str, accent_id: str) -> Voice:
        path = f"{_voice_path(voice_id)}/accents/{quote(accent_id, safe='')}"
        return await self._connection.read(Call("DELETE", path, Effect.CHANGES), Voice)

    async def delete_voice(self, voice_id: str) -> None:
        async with self._connection.answer(Call("DELETE", _voice_path(voice_id), Effect.CHANGES, "*/*")) as response:
            async for _ in pieces_of(response):
                pass  # a body read to its end leaves the socket fit for the next call

    # Contract §6.3
    async def clone_voice(self, fields: CloneFields, clip: Upload) -> VoiceMetadata:
        """A new voice from a recording."""
        call = Call("POST", "/voices/clone", Effect.CHANGES, form=given(**fields.to_wire()), uploads={"clip": clip})
        return await self._connection.read(call, VoiceMetadata)

    # Contract §6.4
    async def localize_voice(self, request: LocalizeRequest) -> VoiceMetadata:
        """A new voice: the same speaker with another accent."""
        call = Call("POST", "/voices/localize", Effect.CHANGES, json=request.to_wire())
        return await self._connection.read(call, VoiceMetadata)

    # Contract §6.5: what only versions up to 2024-11-13 have
    async def mix_voices(self, request: MixRequest) -> Embedding:
        """The voice between several, as numbers."""
        call = Call("POST", "/voices/mix", Effect.READS, json=request.to_wire(), version=EMBEDDINGS_UNTIL)
        return await self._connection.read(call, Embedding)

    async def create_voice_from_embedding(self, request: VoiceFromEmbedding) -> Voice:
        call = Call("POST", "/voices", Effect.CHANGES, json=request.to_wire(), version=EMBEDDINGS_UNTIL)
        return await self._connection.read(call, Voice)

    async def list_accents(
        self, *, is_localizable: bool | None = None, language: str | None = None, locale: str | None = None
    ) -> list[Accent]:
        params = given(is_localizable=is_localizable, language=language, locale=locale)
        return (await self._connection.read(Call("GET", "/accents", Effect.READS, params=params), AccentList)).accents


def _voice_path(voice_id: str) -> str:
    if not voice_id.strip(". "):  # `/voices/..` would be another call altogether
        raise UnknownVoiceError(f"{voice_id!r} is no voice id.", hint="Find a voice with list_voices.")
    return f"/voices/{quote(voice_id, safe='')}"
