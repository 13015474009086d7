"""Pages of a list, by cursor, and the query parameters of a listing. Source: contract §1.3."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from sonant.engine.answers import refuse

_LIMIT_DEFAULT, _LIMIT_MAX = 10, 100
_BOOLEAN = TypeAdapter(bool)

Item = TypeVar("Item")


@dataclass(frozen=True)
class Page(Generic[Item]):
    items: Sequence[tuple[str, Item]]
    """Id and item."""
    has_more: bool

    @property
    def next_page(self) -> str | None:
        """Deprecated by Cartesia in favour of the last item's id, which it is."""
        return self.items[-1][0] if self.has_more and self.items else None


def page_of(
    entries: Sequence[tuple[str, Item | None]],
    request: Request,
    takes: Callable[[Item], bool] = lambda _: True,
    *,
    default_limit: int = _LIMIT_DEFAULT,
) -> Page[Item]:
    """The page that `limit`, `starting_after` and `ending_before` of the query ask for.

    Args:
        entries: id and item of the whole list, in its order; None for what was deleted but still is a cursor.
        request: whose query says which page.
        takes: whether an item belongs to the list asked for.
        default_limit: items on a page where the query has no `limit`.

    Raises:
        APIError: 400 for a wrong limit or cursor.
    """
    limit = _limit(request, default_limit)
    after, before = request.query_params.get("starting_after"), request.query_params.get("ending_before")
    if after and before:
        raise refuse(400, "Give either `starting_after` or `ending_before`, not both.")
    # A cursor is looked up before filtering: it keeps its place though its item was deleted or no longer matches.
    if after:
        entries = entries[_place(entries, after) + 1 :]
    if before:
        entries = entries[: _place(entries, before)]
    found = [(item_id, item) for item_id, item in entries if item is not None and takes(item)]
    page = found[-limit:] if before else found[:limit]
    return Page(page, has_more=len(found) > len(page))


def boolean_of(request: Request, name: str) -> bool | None:
    """A yes or no of the query; None when it is not there.

    Raises:
        APIError: 400 for anything else.
    """
    value = request.query_params.get(name)
    if value is None:
        return None
    try:
        return _BOOLEAN.validate_python(value)
    except ValidationError:
        raise refuse(400, f"{name}: use true or false.") from None


def _limit(request: Request, default: int) -> int:
    text = request.query_params.get("limit", str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= _LIMIT_MAX:
        raise refuse(400, f"limit: a whole number from 1 to {_LIMIT_MAX}.")
    return int(text)


def _place(entries: Sequence[tuple[str, object]], item_id: str) -> int:
    for place, (known_id, _) in enumerate(entries):
        if known_id == item_id:
            return place
    raise refuse(400, "The cursor names nothing of this list.")
