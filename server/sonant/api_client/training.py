"""Calls about datasets and fine-tunes."""

from typing import TypeVar
from urllib.parse import quote

from sonant.api_client.bodies import Upload, pieces_of
from sonant.api_client.calls import Calls, given
from sonant.api_client.connection import Call, Effect
from sonant.errors import InputError
from sonant.wire.message import Message
from sonant.wire.training import (
    PURPOSE,
    Dataset,
    DatasetChange,
    DatasetFilePage,
    DatasetPage,
    DatasetRequest,
    FineTune,
    FineTunePage,
    FineTuneRequest,
)
from sonant.wire.voices import VoicePage

_Page = TypeVar("_Page", bound=Message)

_TAKING_IN_S = 60.0
"""Until a file of the largest size has been put away."""


class TrainingCalls(Calls):
    # Contract §9. Lists are newest first; `starting_after` is the last id of the page before.
    async def list_datasets(self, *, limit: int | None = None, starting_after: str | None = None) -> DatasetPage:
        return await self._page("/datasets/", DatasetPage, limit, starting_after)

    async def create_dataset(self, request: DatasetRequest) -> Dataset:
        call = Call("POST", "/datasets/", Effect.CHANGES, json=request.to_wire())
        return await self._connection.read(call, Dataset)

    async def get_dataset(self, dataset_id: str) -> Dataset:
        return await self._connection.read(Call("GET", f"/datasets/{_part(dataset_id)}", Effect.READS), Dataset)

    async def update_dataset(self, dataset_id: str, change: DatasetChange) -> None:
        path = f"/datasets/{_part(dataset_id)}"
        await self._done(Call("PATCH", path, Effect.CHANGES, "*/*", json=change.to_wire()))

    async def delete_dataset(self, dataset_id: str) -> None:
        """Its files go with it."""
        await self._done(Call("DELETE", f"/datasets/{_part(dataset_id)}", Effect.CHANGES, "*/*"))

    async def list_dataset_files(
        self, dataset_id: str, *, limit: int | None = None, starting_after: str | None = None
    ) -> DatasetFilePage:
        return await self._page(f"/datasets/{_part(dataset_id)}/files", DatasetFilePage, limit, starting_after)

    async def upload_dataset_file(self, dataset_id: str, recording: Upload) -> None:
        call = Call(
            "POST", f"/datasets/{_part(dataset_id)}/files", Effect.CHANGES, "*/*",
            form={"purpose": PURPOSE}, uploads={"file": recording}, extra_s=_TAKING_IN_S,
        )  # fmt: skip
        await self._done(call)

    async def delete_dataset_file(self, dataset_id: str, file_id: str) -> None:
        path = f"/datasets/{_part(dataset_id)}/files/{_part(file_id)}"
        await self._done(Call("DELETE", path, Effect.CHANGES, "*/*"))

    async def list_fine_tunes(self, *, limit: int | None = None, starting_after: str | None = None) -> FineTunePage:
        return await self._page("/fine-tunes/", FineTunePage, limit, starting_after)

    async def create_fine_tune(self, request: FineTuneRequest) -> FineTune:
        """Begins the training; it costs a million credits if it succeeds (contract §14)."""
        call = Call("POST", "/fine-tunes/", Effect.CHANGES, json=request.to_wire())
        return await self._connection.read(call, FineTune)

    async def get_fine_tune(self, fine_tune_id: str) -> FineTune:
        return await self._connection.read(Call("GET", f"/fine-tunes/{_part(fine_tune_id)}", Effect.READS), FineTune)

    async def delete_fine_tune(self, fine_tune_id: str) -> None:
        await self._done(Call("DELETE", f"/fine-tunes/{_part(fine_tune_id)}", Effect.CHANGES, "*/*"))

    async def list_fine_tune_voices(
        self, fine_tune_id: str, *, limit: int | None = None, starting_after: str | None = None
    ) -> VoicePage:
        return await self._page(f"/fine-tunes/{_part(fine_tune_id)}/voices", VoicePage, limit, starting_after)

    async def _page(self, path: str, kind: type[_Page], limit: int | None, starting_after: str | None) -> _Page:
        params = given(limit=limit, starting_after=starting_after)
        return await self._connection.read(Call("GET", path, Effect.READS, params=params), kind)

    async def _done(self, call: Call) -> None:
        async with self._connection.answer(call) as response:
            async for _ in pieces_of(response):
                pass  # a body read to its end leaves the socket fit for the next call


def _part(an_id: str) -> str:
    """An id as a part of a path."""
    if not an_id.strip(". "):  # `/datasets/..` would be another call altogether
        raise InputError(f"{an_id!r} is no id.")
    return quote(an_id, safe="")
