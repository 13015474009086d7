"""A time span cut into days, weeks or months, and what was spent in each. UTC. Source: contract §12."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from sonant.engine.answers import refuse
from sonant.engine.ledger import Spent
from sonant.engine.voices import timestamp
from sonant.wire.account import USAGE_SPAN_MAX_DAYS, Interval, UsageBucket

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Edges = Sequence[datetime]
"""Where each bucket begins, and where the last one ends."""


def read_time(text: str, name: str) -> datetime:
    """
    Raises:
        APIError: 400, it is no time of RFC 3339.
    """
    try:
        if not _RFC_3339.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise refuse(
            400, f"{name}: use a time such as 2026-11-23T00:00:00Z (RFC 3339; in an address, write + as %2B)."
        ) from None


def edges_of(start: datetime, end: datetime, interval: Interval) -> Edges:
    """Days begin at midnight, weeks on Monday, months on the first; the first and last bucket end with the span.

    Raises:
        APIError: 400, the span is empty, backwards, or longer than a year.
    """
    if end <= start:
        raise refuse(400, "end_ts: must be later than `start_ts`.")
    if end - start > timedelta(days=USAGE_SPAN_MAX_DAYS):
        raise refuse(400, "start_ts: the time span may be a year at most.")
    edges = [start]
    try:
        while (edge := _next(edges[-1], interval)) < end:
            edges.append(edge)
    except OverflowError:  # the year 9999
        pass
    return [*edges, end]


def _next(moment: datetime, interval: Interval) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match interval:
        case "day":
            return day + timedelta(days=1)
        case "week":
            return day + timedelta(days=7 - day.weekday())
        case "month":
            return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def buckets_of(edges: Edges, spent: Iterable[Spent]) -> list[UsageBucket]:
    """All buckets of the span, those without a charge included."""
    credits = [0.0] * (len(edges) - 1)
    first_days = [(edge - _EPOCH).days for edge in edges[:-1]]
    place = 0
    for item in spent:  # in the order of days
        while place + 1 < len(first_days) and first_days[place + 1] <= item.day:
            place += 1
        credits[place] += item.credits
    return [
        UsageBucket(start_ts=timestamp(start), end_ts=timestamp(end), credits=round(sum_, 6))
        for start, end, sum_ in zip(edges[:-1], edges[1:], credits, strict=True)
    ]
