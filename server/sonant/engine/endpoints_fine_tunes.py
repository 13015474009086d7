"""`/fine-tunes`: trainings of voices on a dataset. Source: contract §9; the work is trainer.py's."""

from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from sonant.engine.answers import add_headers, json_answer, refuse, version_of
from sonant.engine.clone_forms import spoken_in
from sonant.engine.credentials import Caller
from sonant.engine.endpoints_datasets import check_texts
from sonant.engine.machinery import machinery_of
from sonant.engine.paging import page_of
from sonant.engine.records import Body
from sonant.engine.speaking import check_model
from sonant.engine.uploads import read_json
from sonant.engine.voice_shapes import shown
from sonant.engine.voices import timestamp
from sonant.wire.languages import base_of
from sonant.wire.training import SNAPSHOTS, UNFINISHED, FineTune, FineTunePage, FineTuneRequest


async def list_fine_tunes(request: Request) -> Response:
    """Newest first."""
    machinery = machinery_of(request)
    entries = await to_thread.run_sync(machinery.records.entries, "fine_tune", limiter=machinery.threads)
    if any(body is not None and body["status"] in UNFINISHED for _, body in entries):
        machinery.trainer.wake()
    page = page_of(entries, request)
    data = [FineTune(id=fine_tune_id, **body) for fine_tune_id, body in page.items]
    body: dict[str, Any] = FineTunePage(data=data, has_more=page.has_more, next_page=page.next_page).to_wire()
    return json_answer({"next_page": None} | body, request.scope)


async def create_fine_tune(request: Request) -> Response:
    """The training begins at once, or after those before it; the answer does not wait for it."""
    machinery = machinery_of(request)
    wanted = FineTuneRequest.model_validate(await read_json(request))
    check_texts(wanted.name, wanted.description)
    speaks, accent = spoken_in(wanted.language, wanted.accent, version_of(request.scope))
    if wanted.model_id is not None:
        check_model(wanted.model_id)
    await to_thread.run_sync(machinery.ledger.check, limiter=machinery.threads)
    files = await to_thread.run_sync(_files_of, machinery.records, wanted.dataset, limiter=machinery.threads)
    if not files:
        raise refuse(400, "The dataset has no files: upload recordings first.", "dataset_empty")
    caller: Caller | None = request.scope.get("state", {}).get("caller")
    body: Body = {
        "name": wanted.name.strip(), "description": wanted.description, "language": base_of(speaks),
        "dataset": wanted.dataset, "accent": accent.id if accent else None, "speaks": speaks,
        "model_id": wanted.model_id or SNAPSHOTS[0], "supported_model_ids": list(SNAPSHOTS),
        "status": "created", "user_errors": [], "voices": [], "tries": 0,
        "caller": caller.id if caller else None, "created_at": timestamp(datetime.now(UTC)),
    }  # fmt: skip
    fine_tune_id = f"fine_tune_{token_hex(12)}"
    await to_thread.run_sync(machinery.records.put, "fine_tune", fine_tune_id, body, limiter=machinery.threads)
    machinery.trainer.wake()
    return json_answer(FineTune(id=fine_tune_id, **body).to_wire(), request.scope)


async def get_fine_tune(request: Request) -> Response:
    fine_tune_id, body = await _fine_tune(request)
    if body["status"] in UNFINISHED:  # whoever was at it may have been killed
        machinery_of(request).trainer.wake()
    return json_answer(FineTune(id=fine_tune_id, **body).to_wire(), request.scope)


async def delete_fine_tune(request: Request) -> Response:
    """Ends its training. The voices it made stay: they are voices of the account like others."""
    machinery = machinery_of(request)
    fine_tune_id, _ = await _fine_tune(request)
    await to_thread.run_sync(machinery.records.delete, "fine_tune", fine_tune_id, limiter=machinery.threads)
    machinery.trainer.cancel(fine_tune_id)
    response = Response(status_code=204)
    add_headers(response.headers, request.scope, ())
    return response


async def list_voices(request: Request) -> Response:
    """Those of its voices that have not been deleted; none before it is completed."""
    machinery = machinery_of(request)
    _, body = await _fine_tune(request)
    voices = [
        (voice_id, await to_thread.run_sync(machinery.store.get, voice_id, limiter=machinery.threads))
        for voice_id in body["voices"]
    ]
    page = page_of(voices, request)
    data = [shown(voice, request) for _, voice in page.items]
    return json_answer({"data": data, "has_more": page.has_more, "next_page": page.next_page}, request.scope)


async def _fine_tune(request: Request) -> tuple[str, Body]:
    machinery = machinery_of(request)
    fine_tune_id: str = request.path_params["id"]
    body = await to_thread.run_sync(machinery.records.get, "fine_tune", fine_tune_id, limiter=machinery.threads)
    if body is None:
        raise refuse(404, f"There is no fine-tune {fine_tune_id[:64]!r} here.", "fine_tune_not_found")
    return fine_tune_id, body


def _files_of(records: Any, dataset_id: str) -> int:
    """How many files a dataset has."""
    if records.get("dataset", dataset_id) is None:
        raise refuse(404, f"There is no dataset {dataset_id[:64]!r} here.", "dataset_not_found")
    return sum(body is not None for _, body in records.entries("dataset_file", dataset_id))
