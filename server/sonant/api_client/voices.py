"""Calls about voices and accents."""

from collections.abc import Sequence
from urllib.parse import quote

from sonant.api_client.bodies import Upload, pieces_of
from sonant.api_client.calls import Calls, given
from sonant.api_client.connection import Call, Effect
from sonant.errors import UnknownVoiceError
from sonant.wire.voices import Accent, AccentList, CloneFields, LocalizeRequest, Voice, VoiceMetadata, VoicePage


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

    async def list_accents(
        self, *, is_localizable: bool | None = None, language: str | None = None, locale: str | None = None
    ) -> list[Accent]:
        params = given(is_localizable=is_localizable, language=language, locale=locale)
        return (await self._connection.read(Call("GET", "/accents", Effect.READS, params=params), AccentList)).accents


def _voice_path(voice_id: str) -> str:
    if not voice_id.strip(". "):  # `/voices/..` would be another call altogether
        raise UnknownVoiceError(f"{voice_id!r} is no voice id.", hint="Find a voice with list_voices.")
    return f"/voices/{quote(voice_id, safe='')}"
