"""`POST /access-token`, `GET /usage/credits` and `GET /api-keys`. Source: contract §10, §12."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import cast

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from sonant.engine.answers import json_answer, refuse
from sonant.engine.buckets import Edges, buckets_of, edges_of, read_time
from sonant.engine.credentials import Caller
from sonant.engine.ledger import KeyUse, Property, Spent
from sonant.engine.machinery import Machinery, machinery_of
from sonant.engine.paging import page_of
from sonant.engine.uploads import read_json
from sonant.engine.voices import timestamp
from sonant.errors import UnknownVoiceError
from sonant.wire.account import (
    INTERVALS,
    TOKEN_DEFAULT_S,
    USAGE_PROPERTIES,
    ApiKey,
    ApiKeyPage,
    GroupedUsage,
    Interval,
    TokenRequest,
    Usage,
    UsageGroup,
    UsageProperty,
)

_SPAN_DEFAULT = timedelta(days=30)
"""Both ends of the span are optional, and nobody says what they are then. PICK: the last thirty days."""
_NONE = "none"
"""Id of the group of what has no such property: a transcription has no voice."""
_KEYS_A_PAGE = 20

_CAPABILITIES = {
    "tts": "Text to speech", "stt": "Speech to text", "infill": "Infill", "voice_changer": "Voice changer",
    "fine_tune": "Voice training",
}  # fmt: skip


async def create_token(request: Request) -> Response:
    machinery = machinery_of(request)
    wanted = TokenRequest.model_validate(await read_json(request))
    caller: Caller = request.state.caller
    issue = partial(
        machinery.tokens.issue, caller.id, wanted.grants.names() if wanted.grants else (),
        wanted.expires_in or TOKEN_DEFAULT_S,
    )  # fmt: skip
    token = await to_thread.run_sync(issue, limiter=machinery.threads)
    response = json_answer({"token": token}, request.scope)
    response.headers["Cache-Control"] = "no-store"
    return response


async def get_credits(request: Request) -> Response:
    machinery = machinery_of(request)
    query = request.query_params
    group_by = cast(UsageProperty | None, _one_of(query.get("group_by"), "group_by", USAGE_PROPERTIES))
    interval = cast(Interval, _one_of(query.get("interval"), "interval", INTERVALS) or "day")
    if group_by and interval != "day":
        raise refuse(400, "interval: `group_by` needs the interval day.")
    end = read_time(query["end_ts"], "end_ts") if query.get("end_ts") else None
    start = read_time(query["start_ts"], "start_ts") if query.get("start_ts") else None
    edges = edges_of(*_span(start, end), interval)
    column: Property | None = "caller" if group_by == "api_key" else group_by
    ask = partial(
        machinery.ledger.spent_by_day, edges[0].timestamp(), edges[-1].timestamp(), column,
        query.get("api_key_id") or None,
    )  # fmt: skip
    spent = await to_thread.run_sync(ask, limiter=machinery.threads)
    if group_by is None:
        return json_answer(Usage(data=buckets_of(edges, spent)).to_wire(), request.scope)
    groups = [await _group(key, items, edges, group_by, machinery) for key, items in _by_property(spent)]
    return json_answer(GroupedUsage(group_by=group_by if groups else None, data=groups).to_wire(), request.scope)


async def list_keys(request: Request) -> Response:
    """The standard keys that the engine knows of: its own, and those that have spent something."""
    entries: list[tuple[str, ApiKey | None]] = [(key.id, key) for key in await _keys(request)]
    page = page_of(entries, request, default_limit=_KEYS_A_PAGE)
    told = ApiKeyPage(data=[key for _, key in page.items], has_more=page.has_more).to_wire()
    return json_answer(told | {"next_page": page.next_page}, request.scope)


async def get_key(request: Request) -> Response:
    wanted: str = request.path_params["id"]
    for key in await _keys(request):
        if key.id == wanted:
            return json_answer(key.to_wire(), request.scope)
    raise refuse(404, "There is no API key of that id here; GET /api-keys lists them.", "api_key_not_found")


def _one_of(value: str | None, name: str, known: Sequence[str]) -> str | None:
    if value and value not in known:
        raise refuse(400, f"{name}: use one of {', '.join(known)}.")
    return value or None


def _span(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    try:
        end = end or max(now, start or now) + timedelta(seconds=1)  # what was spent just now is in it
        return start or end - _SPAN_DEFAULT, end
    except OverflowError:
        raise refuse(400, "start_ts: the calendar does not reach that far.") from None


def _by_property(spent: Sequence[Spent]) -> Iterator[tuple[str | None, Iterator[Spent]]]:
    return groupby(sorted(spent, key=lambda item: (item.what or "", item.day)), key=lambda item: item.what)


async def _group(
    key: str | None, items: Iterable[Spent], edges: Edges, group_by: UsageProperty, machinery: Machinery
) -> UsageGroup:
    buckets = buckets_of(edges, items)
    return UsageGroup(id=key or _NONE, label=await _label(key, group_by, machinery), buckets=buckets)


async def _label(key: str | None, group_by: UsageProperty, machinery: Machinery) -> str:
    match group_by:
        case _ if key is None:
            return "None"
        case "capability":
            return _CAPABILITIES[key]
        case "api_key":
            return _name_of(key)
        case "voice":
            try:
                return (await machinery.voice(key)).name
            except UnknownVoiceError:  # deleted since
                return key
        case _:
            return key


async def _keys(request: Request) -> list[ApiKey]:
    machinery = machinery_of(request)
    used: dict[str, KeyUse] = {
        use.id: use for use in await to_thread.run_sync(machinery.ledger.keys, limiter=machinery.threads)
    }
    ids = [machinery.key_id, *(i for i in used if i != machinery.key_id)] if machinery.key_id else list(used)
    return [_key(key_id, used.get(key_id), machinery) for key_id in ids]


def _key(key_id: str, use: KeyUse | None, machinery: Machinery) -> ApiKey:
    """A key is known by its use: what is told of it is when that was first and last."""
    return ApiKey(
        id=key_id,
        name=_name_of(key_id),
        created_at=_time(use.first_at if use else machinery.started_at),
        last_used_at=_time(use.last_at) if use else None,
    )


def _name_of(key_id: str) -> str:
    return f"Key {key_id[:6]}"


def _time(at: float) -> str:
    return timestamp(datetime.fromtimestamp(at, UTC))
