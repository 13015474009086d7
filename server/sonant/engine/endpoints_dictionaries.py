"""`/pronunciation-dicts`. Source: contract §8."""

from collections.abc import Callable
from functools import partial

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from sonant.engine.answers import add_headers, json_answer, version_of
from sonant.engine.dictionaries import (
    KIND,
    check_description,
    check_items,
    check_name,
    new_body,
    shown,
    unknown,
)
from sonant.engine.machinery import Machinery, machinery_of
from sonant.engine.paging import page_of
from sonant.engine.records import Body
from sonant.engine.uploads import read_json
from sonant.wire.pronunciation import DictionaryWrite


async def list_dictionaries(request: Request) -> Response:
    """Newest first."""
    machinery = machinery_of(request)
    entries = await to_thread.run_sync(machinery.records.entries, KIND, limiter=machinery.threads)
    page = page_of(entries, request)
    version = version_of(request.scope)
    data = [shown(body, version) for _, body in page.items]
    return json_answer({"data": data, "has_more": page.has_more, "next_page": page.next_page}, request.scope)


async def create_dictionary(request: Request) -> Response:
    machinery = machinery_of(request)
    wanted = DictionaryWrite.model_validate(await read_json(request))
    name, description = check_name(wanted.name), check_description(wanted.description)
    items, notices = await to_thread.run_sync(check_items, wanted.items or [], limiter=machinery.threads)
    body = new_body(name, description, items)
    await to_thread.run_sync(machinery.records.put, KIND, body["id"], body, limiter=machinery.threads)
    return json_answer(shown(body, version_of(request.scope)), request.scope, notices)


async def get_dictionary(request: Request) -> Response:
    machinery, dictionary_id = machinery_of(request), request.path_params["id"]
    body = await to_thread.run_sync(machinery.records.get, KIND, dictionary_id, limiter=machinery.threads)
    if body is None:
        raise unknown(dictionary_id)
    return json_answer(shown(body, version_of(request.scope)), request.scope)


async def update_dictionary(request: Request) -> Response:
    """What is not given, or null, stays as it is."""
    machinery = machinery_of(request)
    wanted = DictionaryWrite.model_validate(await read_json(request))
    changes: Body = {}
    notices: list[str] = []
    if wanted.name is not None:
        changes["name"] = check_name(wanted.name)
    if wanted.description is not None:
        changes["description"] = check_description(wanted.description)
    if wanted.items is not None:
        items, notices = await to_thread.run_sync(check_items, wanted.items, limiter=machinery.threads)
        changes["items"] = [item.to_wire() for item in items]
    body = await _change(request, machinery, lambda body: body | changes)
    return json_answer(shown(body, version_of(request.scope)), request.scope, notices)


async def delete_dictionary(request: Request) -> Response:
    machinery, dictionary_id = machinery_of(request), request.path_params["id"]
    if not await to_thread.run_sync(machinery.records.delete, KIND, dictionary_id, limiter=machinery.threads):
        raise unknown(dictionary_id)
    return _done(request)


async def pin_dictionary(request: Request) -> Response:
    await _change(request, machinery_of(request), lambda body: body | {"pinned": True})
    return _done(request)


async def unpin_dictionary(request: Request) -> Response:
    await _change(request, machinery_of(request), lambda body: body | {"pinned": False})
    return _done(request)


async def _change(request: Request, machinery: Machinery, change: Callable[[Body], Body]) -> Body:
    dictionary_id = request.path_params["id"]
    update = partial(machinery.records.update, KIND, dictionary_id, change)
    body = await to_thread.run_sync(update, limiter=machinery.threads)
    if body is None:
        raise unknown(dictionary_id)
    return body


def _done(request: Request) -> Response:
    response = Response(status_code=204)
    add_headers(response.headers, request.scope, ())
    return response
