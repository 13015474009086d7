"""Stored files of the account: found, and brought home as audio."""

from dataclasses import dataclass

from anyio import to_thread

from sonant.audio.codec import probe
from sonant.errors import AudioInputError, InputError, NotFoundError, RemoteWireError
from sonant.library.index import Entry
from sonant.library.names import shown
from sonant.wire.files import FilePage, StoredFile
from sonant.workflows.jobs import Progress
from sonant.workflows.state import State

_FIND = "Find one with list_files."


@dataclass(frozen=True)
class Downloaded:
    file: StoredFile
    entry: Entry


async def page(state: State, query: str | None, purpose: str | None, limit: int, cursor: str | None) -> FilePage:
    api = await state.api()
    return await api.list_files(q=query, purpose=purpose, limit=limit, starting_after=cursor)


async def find(state: State, file_id: str) -> StoredFile:
    """
    Raises:
        InputError: there is none of that id.
    """
    try:
        return await (await state.api()).get_file(file_id.strip())
    except NotFoundError:
        raise InputError(f"There is no stored file with the id {shown(file_id, 60)!r}.", hint=_FIND) from None


async def download(state: State, file_id: str, filename: str | None, progress: Progress) -> Downloaded:
    """Save a stored file as a new audio file.

    Raises:
        InputError: there is none of that id, or it is not audio.
        RemoteWireError: it did not arrive whole.
    """
    stored = await find(state, file_id)
    await state.library.prepare()
    api = await state.api()
    stem = filename or stored.filename.rpartition(".")[0] or stored.filename or stored.id
    # Which ending it gets is for its content to say.
    async with state.library.outputs.new_file(stem, "bin") as draft, api.download_file(stored.id) as body:
        received = 0
        async for chunk in body:
            received += len(chunk)
            progress.report(received, stored.size or received, "downloading")
            await draft.write(chunk)
        if stored.size is not None and received != stored.size:
            raise RemoteWireError("The file did not arrive whole, so nothing was saved.", hint="Try again.")
        try:
            info = await to_thread.run_sync(probe, draft.file)
        except AudioInputError as failure:
            raise InputError(
                f"{shown(stored.filename, 80) or stored.id} is not audio Sonant can read, so it was not saved: {failure.message}"
            ) from None
        draft.extension = info.extension
        return Downloaded(stored, await state.library.keep(draft, kind="audio", duration_s=info.duration_s))
