"""Calls about stored files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from sonant.api_client.bodies import AudioBody, Upload, pieces_of
from sonant.api_client.calls import Calls, given
from sonant.api_client.connection import Call, Effect
from sonant.errors import InputError
from sonant.wire.files import FilePage, Purpose, StoredFile


class FileCalls(Calls):
    # Contract §11
    async def upload_file(self, file: Upload, purpose: Purpose) -> StoredFile:
        """Store a recording; it is streamed from the disk."""
        call = Call("POST", "/files", Effect.CHANGES, form={"purpose": purpose}, uploads={"file": file})
        return await self._connection.read(call, StoredFile)

    async def list_files(
        self,
        *,
        purpose: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
    ) -> FilePage:
        """One page of files; `starting_after` is the last id of the page before."""
        params = given(
            purpose=purpose, q=q, limit=limit, starting_after=starting_after, ending_before=ending_before
        )  # fmt: skip
        return await self._connection.read(Call("GET", "/files", Effect.READS, params=params), FilePage)

    async def get_file(self, file_id: str) -> StoredFile:
        return await self._connection.read(Call("GET", f"{_path(file_id)}/info", Effect.READS), StoredFile)

    @asynccontextmanager
    async def download_file(self, file_id: str) -> AsyncIterator[AudioBody]:
        """What the file holds, as it arrives. All that is stored is sound."""
        call = Call("GET", f"{_path(file_id)}/download", Effect.READS, "*/*")
        async with self._connection.answer(call) as response:
            yield AudioBody(response, self._connection.mask)

    async def delete_file(self, file_id: str) -> None:
        async with self._connection.answer(Call("DELETE", _path(file_id), Effect.CHANGES, "*/*")) as response:
            async for _ in pieces_of(response):
                pass  # a body read to its end leaves the socket fit for the next call


def _path(file_id: str) -> str:
    if not file_id.strip(". "):  # `..` would be another call altogether
        raise InputError(f"{file_id!r} is no file's id.", hint="Find a file with list_files.")
    return f"/files/{quote(file_id, safe='')}"
