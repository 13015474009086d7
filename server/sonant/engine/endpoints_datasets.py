"""`/datasets` and their files. Source: contract §9."""

from datetime import UTC, datetime
from functools import partial
from secrets import token_hex
from typing import Any, BinaryIO

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from sonant.engine.answers import add_headers, json_answer, refuse
from sonant.engine.machinery import Machinery, machinery_of
from sonant.engine.paging import page_of
from sonant.engine.records import Body
from sonant.engine.uploads import read_form, read_json
from sonant.engine.voices import timestamp
from sonant.wire.training import (
    DATASET_FILE_MAX_BYTES,
    PURPOSE,
    UNFINISHED,
    Dataset,
    DatasetChange,
    DatasetFile,
    DatasetFilePage,
    DatasetPage,
    DatasetRequest,
)

_NAME_CHARS, _DESCRIPTION_CHARS, _FILENAME_CHARS = 200, 10_000, 255


async def list_datasets(request: Request) -> Response:
    """Newest first."""
    machinery = machinery_of(request)
    entries = await to_thread.run_sync(machinery.records.entries, "dataset", limiter=machinery.threads)
    page = page_of(entries, request)
    data = [Dataset(id=dataset_id, **body) for dataset_id, body in page.items]
    return _page_answer(DatasetPage(data=data, has_more=page.has_more, next_page=page.next_page), request)


async def create_dataset(request: Request) -> Response:
    machinery = machinery_of(request)
    wanted = DatasetRequest.model_validate(await read_json(request))
    check_texts(wanted.name, wanted.description)
    body = {"name": wanted.name.strip(), "description": wanted.description or "", "created_at": _now()}
    dataset_id = f"dataset_{token_hex(12)}"
    await to_thread.run_sync(machinery.records.put, "dataset", dataset_id, body, limiter=machinery.threads)
    return json_answer(Dataset(id=dataset_id, **body).to_wire(), request.scope)


async def get_dataset(request: Request) -> Response:
    dataset_id, body = await _dataset(request)
    return json_answer(Dataset(id=dataset_id, **body).to_wire(), request.scope)


async def update_dataset(request: Request) -> Response:
    machinery = machinery_of(request)
    dataset_id, _ = await _dataset(request)
    wanted = DatasetChange.model_validate(await read_json(request))
    check_texts(wanted.name, wanted.description)
    changes = wanted.to_wire()
    if wanted.name is not None:
        changes["name"] = wanted.name.strip()
    change = partial(machinery.records.update, "dataset", dataset_id, lambda body: body | changes)
    if await to_thread.run_sync(change, limiter=machinery.threads) is None:
        raise _no_dataset(dataset_id)
    return _nothing(request)


async def delete_dataset(request: Request) -> Response:
    """The recordings go with it. Refused while a training reads them."""
    machinery = machinery_of(request)
    dataset_id, _ = await _dataset(request)
    await to_thread.run_sync(_delete_dataset, machinery, dataset_id, limiter=machinery.threads)
    return _nothing(request)


async def list_files(request: Request) -> Response:
    """Newest first."""
    machinery = machinery_of(request)
    dataset_id, _ = await _dataset(request)
    listing = partial(machinery.records.entries, "dataset_file", dataset_id)
    page = page_of(await to_thread.run_sync(listing, limiter=machinery.threads), request)
    data = [DatasetFile(id=file_id, **body) for file_id, body in page.items]
    return _page_answer(DatasetFilePage(data=data, has_more=page.has_more, next_page=page.next_page), request)


async def upload_file(request: Request) -> Response:
    """Taken as it is: what it holds is looked at when it is trained on, and told in the fine-tune's `user_errors`."""
    machinery = machinery_of(request)
    dataset_id, _ = await _dataset(request)
    async with read_form(request, max_bytes=DATASET_FILE_MAX_BYTES, folder=machinery.options.files_dir) as form:
        if form.fields().get("purpose", PURPOSE) != PURPOSE:
            raise refuse(400, f"purpose: a dataset's files are for {PURPOSE}.")
        file = form.required_file("file", DATASET_FILE_MAX_BYTES)
        name = form.filename("file")
        keep = partial(_keep_file, machinery, dataset_id, file, name)
        await to_thread.run_sync(keep, limiter=machinery.threads)
    return _nothing(request)


async def delete_file(request: Request) -> Response:
    machinery = machinery_of(request)
    dataset_id, _ = await _dataset(request)
    remove = partial(_delete_file, machinery, dataset_id, request.path_params["file_id"])
    await to_thread.run_sync(remove, limiter=machinery.threads)
    return _nothing(request)


def check_texts(name: str | None, description: str | None) -> None:
    """
    Raises:
        APIError: 400, one is empty or too long.
    """
    if name is not None and not name.strip():
        raise refuse(400, "name: it needs one.")
    for field, text, limit in (("name", name, _NAME_CHARS), ("description", description, _DESCRIPTION_CHARS)):
        if len(text or "") > limit:
            raise refuse(400, f"{field}: at most {limit} characters.")


async def _dataset(request: Request) -> tuple[str, Body]:
    machinery = machinery_of(request)
    dataset_id: str = request.path_params["id"]
    body = await to_thread.run_sync(machinery.records.get, "dataset", dataset_id, limiter=machinery.threads)
    if body is None:
        raise _no_dataset(dataset_id)
    return dataset_id, body


def _keep_file(machinery: Machinery, dataset_id: str, file: BinaryIO, name: str) -> None:
    file_id = f"file_{token_hex(12)}"
    size = machinery.blobs.put(file_id, file)
    body = {"filename": name[:_FILENAME_CHARS] or "recording", "created_at": _now(), "size": size}
    machinery.records.put("dataset_file", file_id, body, parent=dataset_id)
    if machinery.records.get("dataset", dataset_id) is None:  # deleted while this came in
        _forget_file(machinery, file_id)
        raise _no_dataset(dataset_id)


def _delete_file(machinery: Machinery, dataset_id: str, file_id: str) -> None:
    if not any(known == file_id and body for known, body in machinery.records.entries("dataset_file", dataset_id)):
        raise refuse(404, f"There is no file {file_id[:64]!r} in this dataset.", "file_not_found")
    _check_unused(machinery, dataset_id)
    _forget_file(machinery, file_id)


def _delete_dataset(machinery: Machinery, dataset_id: str) -> None:
    _check_unused(machinery, dataset_id)
    machinery.records.delete("dataset", dataset_id)
    for file_id, body in machinery.records.entries("dataset_file", dataset_id):
        if body is not None:
            _forget_file(machinery, file_id)


def _forget_file(machinery: Machinery, file_id: str) -> None:
    machinery.records.delete("dataset_file", file_id)
    machinery.blobs.delete(file_id)


def _check_unused(machinery: Machinery, dataset_id: str) -> None:
    for fine_tune_id, body in machinery.records.entries("fine_tune"):
        if body is not None and body["dataset"] == dataset_id and body["status"] in UNFINISHED:
            raise refuse(409, f"The fine-tune {fine_tune_id} is being trained on this dataset.", "dataset_in_use")


def _page_answer(page: DatasetPage | DatasetFilePage, request: Request) -> Response:
    body: dict[str, Any] = {"next_page": None} | page.to_wire()
    return json_answer(body, request.scope)


def _nothing(request: Request) -> Response:
    response = Response(status_code=204)
    add_headers(response.headers, request.scope, ())
    return response


def _no_dataset(dataset_id: str) -> Exception:
    return refuse(404, f"There is no dataset {dataset_id[:64]!r} here.", "dataset_not_found")


def _now() -> str:
    return timestamp(datetime.now(UTC))
