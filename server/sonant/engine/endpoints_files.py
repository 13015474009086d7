"""`/files`. Source: contract §11."""

from functools import partial
from pathlib import Path
from typing import get_args

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from sonant.audio.formats import MIME_TYPES
from sonant.audio.sniff import sniff
from sonant.engine import stored_files
from sonant.engine.answers import add_headers, json_answer, refuse
from sonant.engine.machinery import Machinery, machinery_of
from sonant.engine.paging import page_of
from sonant.engine.uploads import read_form
from sonant.wire.files import FILE_MAX_BYTES, FileFields, FilePage, Purpose, StoredFile

_HEAD_BYTES = 4096
_ANY_BYTES = "application/octet-stream"


async def upload_file(request: Request) -> Response:
    machinery = machinery_of(request)
    async with read_form(request, max_bytes=FILE_MAX_BYTES, folder=machinery.options.files_dir) as form:
        purpose = FileFields.model_validate(form.fields()).purpose
        source = form.required_file("file", FILE_MAX_BYTES)
        keep = partial(stored_files.keep, machinery, source, form.filename("file"), purpose)
        stored = await to_thread.run_sync(keep, limiter=machinery.threads)
    response = JSONResponse(stored.to_wire(), status_code=201)
    add_headers(response.headers, request.scope, ())
    return response


async def list_files(request: Request) -> Response:
    """Newest first."""
    machinery = machinery_of(request)
    purpose, text = request.query_params.get("purpose") or None, request.query_params.get("q", "").casefold()
    if purpose not in (None, *get_args(Purpose)):
        raise refuse(400, f"purpose: use {', '.join(get_args(Purpose))}.")
    listed = await to_thread.run_sync(stored_files.entries, machinery, limiter=machinery.threads)

    def takes(file: StoredFile) -> bool:
        return purpose in (None, file.purpose) and (not text or text in file.filename.casefold() or text == file.id)

    page = page_of(listed, request, takes)
    body = FilePage(data=[file for _, file in page.items], has_more=page.has_more, next_page=page.next_page)
    return json_answer({"next_page": None} | body.to_wire(), request.scope)


async def get_file(request: Request) -> Response:
    stored = await _stored(request, machinery_of(request))
    return json_answer(stored.to_wire(), request.scope)


async def download_file(request: Request) -> Response:
    """The bytes, or the ranges of them that are asked for; `format=playback` is answered with what a player needs."""
    machinery = machinery_of(request)
    stored = await _stored(request, machinery)
    path = machinery.blobs.path(stored.id)
    if not await to_thread.run_sync(path.is_file, limiter=machinery.threads):
        raise refuse(404, "The bytes of this file are no longer in the engine's folder.", "file_not_found")
    plays = request.query_params.get("format") == "playback"
    kind = await to_thread.run_sync(_kind_of, path, limiter=machinery.threads) if plays else _ANY_BYTES
    # Only what is sound is ever shown in place: nobody's upload becomes a page of this origin.
    place = "inline" if kind != _ANY_BYTES else "attachment"
    response = FileResponse(path, media_type=kind, filename=stored.filename, content_disposition_type=place)
    response.headers["X-Content-Type-Options"] = "nosniff"
    add_headers(response.headers, request.scope, ())
    return response


async def delete_file(request: Request) -> Response:
    machinery = machinery_of(request)
    remove = partial(stored_files.delete, machinery, request.path_params["id"])
    await to_thread.run_sync(remove, limiter=machinery.threads)
    return json_answer({"message": "The file was deleted."}, request.scope)


async def _stored(request: Request, machinery: Machinery) -> StoredFile:
    find = partial(stored_files.find, machinery, request.path_params["id"])
    return await to_thread.run_sync(find, limiter=machinery.threads)


def _kind_of(path: Path) -> str:
    with path.open("rb") as file:
        return MIME_TYPES.get(sniff(file.read(_HEAD_BYTES)) or "", _ANY_BYTES)
