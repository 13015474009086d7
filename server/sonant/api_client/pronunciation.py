"""Calls about pronunciation dictionaries."""

from urllib.parse import quote

from sonant.api_client.bodies import pieces_of
from sonant.api_client.calls import Calls, given
from sonant.api_client.connection import Call, Effect
from sonant.errors import InputError
from sonant.wire.pronunciation import Dictionary, DictionaryPage, DictionaryWrite

_ALL = "/pronunciation-dicts/"
"""With its slash, as the SDK sends it (contract §1.3)."""


class DictionaryCalls(Calls):
    # Contract §8
    async def list_dictionaries(
        self, *, limit: int | None = None, starting_after: str | None = None, ending_before: str | None = None
    ) -> DictionaryPage:
        """One page of dictionaries; `starting_after` is the last id of the page before."""
        params = given(limit=limit, starting_after=starting_after, ending_before=ending_before)
        return await self._connection.read(Call("GET", _ALL, Effect.READS, params=params), DictionaryPage)

    async def get_dictionary(self, dictionary_id: str) -> Dictionary:
        return await self._connection.read(Call("GET", _path(dictionary_id), Effect.READS), Dictionary)

    async def create_dictionary(self, wanted: DictionaryWrite) -> Dictionary:
        call = Call("POST", _ALL, Effect.CHANGES, json=wanted.to_wire())
        return await self._connection.read(call, Dictionary)

    async def update_dictionary(self, dictionary_id: str, changes: DictionaryWrite) -> Dictionary:
        """Change what is given; `items` replaces the whole list."""
        call = Call("PATCH", _path(dictionary_id), Effect.CHANGES, json=changes.to_wire())
        return await self._connection.read(call, Dictionary)

    async def delete_dictionary(self, dictionary_id: str) -> None:
        await self._do(Call("DELETE", _path(dictionary_id), Effect.CHANGES, "*/*"))

    async def pin_dictionary(self, dictionary_id: str, *, pinned: bool = True) -> None:
        """Put it among the favourites, or take it out."""
        action = "pin" if pinned else "unpin"
        await self._do(Call("POST", f"{_path(dictionary_id)}/{action}", Effect.CHANGES, "*/*"))

    async def _do(self, call: Call) -> None:
        async with self._connection.answer(call) as response:
            async for _ in pieces_of(response):
                pass  # a body read to its end leaves the socket fit for the next call


def _path(dictionary_id: str) -> str:
    if not dictionary_id.strip(". "):  # `..` would be another call altogether
        raise InputError(
            f"{dictionary_id!r} is no dictionary's id.", hint="Find a dictionary with list_pronunciations."
        )
    return _ALL + quote(dictionary_id, safe="")
