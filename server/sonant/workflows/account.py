"""What the account has spent, tokens for browsers, and the models there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sonant.errors import InputError
from sonant.wire.account import GRANTS, TOKEN_DEFAULT_S, Grants, TokenRequest, UsageProperty
from sonant.wire.models import HEARING_MODELS, SPEECH_MODELS, HearingModel, SpeechModel
from sonant.workflows.state import State

Period = Literal["today", "week", "month", "year"]

_DAYS: dict[Period, int] = {"today": 1, "week": 7, "month": 30, "year": 365}
"""Whole days up to now, today included."""


@dataclass(frozen=True)
class Share:
    """A part of what was spent."""

    id: str
    label: str
    credits: float


@dataclass(frozen=True)
class SpentReport:
    start: datetime
    end: datetime
    by: UsageProperty | Literal["day", "month"]
    shares: Sequence[Share]
    """Those that spent nothing are left out. Days and months in their order, the others by what they spent."""

    @property
    def credits(self) -> float:
        return sum(share.credits for share in self.shares)


@dataclass(frozen=True)
class MadeToken:
    token: str
    grants: Sequence[str]
    expires_at: datetime


@dataclass(frozen=True)
class KnownModels:
    speech: Sequence[SpeechModel]
    hearing: Sequence[HearingModel]


async def get_usage(state: State, period: Period | None, group_by: UsageProperty | None) -> SpentReport:
    """Credits spent up to now.

    Raises:
        SettingsError: there is no admin key.
        APIError, APIConnectionError, WireError: the service did not tell.
    """
    api = await state.api()
    end = datetime.now(UTC) + timedelta(seconds=1)  # what was spent just now is in it
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight - timedelta(days=_DAYS[period or "month"] - 1)
    if group_by is not None:
        groups = (await api.get_usage_by(group_by, start, end)).data
        shares = [Share(one.id, one.label or one.id, sum(b.credits for b in one.buckets)) for one in groups]
        return SpentReport(start, end, group_by, sorted(_spending(shares), key=lambda share: -share.credits))
    interval: Literal["day", "month"] = "month" if period == "year" else "day"
    buckets = (await api.get_usage(start, end, interval)).data
    shares = [Share(bucket.start_ts, bucket.start_ts[:10], bucket.credits) for bucket in buckets]
    return SpentReport(start, end, interval, _spending(shares))


def _spending(shares: Sequence[Share]) -> list[Share]:
    return [share for share in shares if share.credits]


async def create_token(state: State, grants: str | None, seconds: int | None) -> MadeToken:
    """
    Raises:
        InputError: there are no such grants.
        APIError, APIConnectionError, WireError: the service made none.
    """
    names = list(dict.fromkeys((grants or "tts").lower().replace(",", " ").replace(" and ", " ").split()))
    if not names or any(name not in GRANTS for name in names):
        raise InputError(f"A token can grant {', '.join(GRANTS[:-1])} or {GRANTS[-1]}, and nothing else.")
    api = await state.api()
    asked_at = datetime.now(UTC)
    lifetime_s = seconds or TOKEN_DEFAULT_S
    granted = Grants.model_validate(dict.fromkeys(names, True))
    made = await api.create_access_token(TokenRequest(grants=granted, expires_in=lifetime_s))
    return MadeToken(made.token, names, asked_at + timedelta(seconds=lifetime_s))


def known_models() -> KnownModels:
    """From our own table: the API has no list."""
    return KnownModels(SPEECH_MODELS, HEARING_MODELS)
