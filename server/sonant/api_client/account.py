"""Calls about tokens, keys and usage."""

from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel

from sonant.api_client.calls import Calls, given
from sonant.api_client.connection import Call, Effect
from sonant.errors import AuthenticationError
from sonant.wire.account import (
    AccessToken,
    ApiKeyPage,
    GroupedUsage,
    Interval,
    TokenRequest,
    Usage,
    UsageProperty,
)

Reply = TypeVar("Reply", bound=BaseModel)


class AccountCalls(Calls):
    # Contract §10
    async def create_access_token(self, request: TokenRequest) -> AccessToken:
        """A token for a browser."""
        call = Call("POST", "/access-token", Effect.CHANGES, json=request.to_wire())
        return await self._connection.read(call, AccessToken)

    # Contract §12
    async def get_usage(
        self, start: datetime, end: datetime, interval: Interval = "day", *, api_key_id: str | None = None
    ) -> Usage:
        """Credits spent in a time span of a year at most. Needs the admin key."""
        params = _span(start, end, interval) | given(api_key_id=api_key_id)
        return await self._read_as_admin("/usage/credits", params, Usage)

    async def get_usage_by(
        self, group_by: UsageProperty, start: datetime, end: datetime, *, api_key_id: str | None = None
    ) -> GroupedUsage:
        """The same, told apart by a property, a bucket a day."""
        params = _span(start, end, "day") | given(group_by=group_by, api_key_id=api_key_id)
        return await self._read_as_admin("/usage/credits", params, GroupedUsage)

    async def list_api_keys(self, *, limit: int | None = None, starting_after: str | None = None) -> ApiKeyPage:
        """One page of the account's standard keys, without the keys themselves. Needs the admin key."""
        params = given(limit=limit, starting_after=starting_after)
        return await self._read_as_admin("/api-keys", params, ApiKeyPage)

    async def _read_as_admin(self, path: str, params: dict[str, str], reply: type[Reply]) -> Reply:
        try:
            return await self._connection.read(Call("GET", path, Effect.READS, params=params, for_admin=True), reply)
        except AuthenticationError as failure:
            failure.hint = "Check CARTESIA_ADMIN_KEY: it must be an admin key of the account."
            raise


def _span(start: datetime, end: datetime, interval: Interval) -> dict[str, str]:
    return given(start_ts=start.isoformat(), end_ts=end.isoformat(), interval=interval)
