"""Access tokens, usage and keys. Source: contract §10, §12."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from sonant.wire.message import Message

TOKEN_LONGEST_S = 3600
TOKEN_DEFAULT_S = 60
"""Nobody states the default lifetime: contract §10, PICK."""

GRANTS = ("tts", "stt", "agent")
INTERVALS = ("day", "week", "month")
USAGE_PROPERTIES = ("capability", "model", "voice", "api_key")
"""What usage can be grouped by; only by day."""
USAGE_SPAN_MAX_DAYS = 366


def _only(*kinds: type) -> BeforeValidator:
    """JSON of these types and no other: pydantic would read `"true"`, `"60"` and `true` as what they are not."""

    def check(value: object) -> object:
        if value is not None and type(value) not in kinds:
            raise ValueError(f"must be {'true or false' if kinds == (bool,) else 'a whole number'}")
        return value

    return BeforeValidator(check)


Granted = Annotated[bool | None, _only(bool)]


class Grants(Message):
    """What a token opens."""

    tts: Granted = None
    stt: Granted = None
    agent: Granted = None

    def names(self) -> list[str]:
        return [name for name in GRANTS if getattr(self, name)]


class TokenRequest(Message):
    """The body of `POST /access-token`."""

    grants: Grants | None = None
    expires_in: Annotated[int | None, Field(ge=1, le=TOKEN_LONGEST_S), _only(int, float)] = None
    """Seconds."""


class AccessToken(Message):
    token: str = Field(repr=False)
    """A JWT; a secret."""


class UsageBucket(Message):
    start_ts: str
    """RFC 3339, included."""
    end_ts: str
    """RFC 3339, excluded."""
    credits: float


class UsageGroup(Message):
    id: str
    label: str = ""
    """For a reader."""
    buckets: list[UsageBucket] = Field(default_factory=list)


class Usage(Message):
    """The answer of `GET /usage/credits` without `group_by`."""

    data: list[UsageBucket]


class GroupedUsage(Message):
    """The answer of `GET /usage/credits` with `group_by`."""

    group_by: str | None = None
    """The engine leaves it out where there are no groups: by the contract's schema an empty list is one of buckets."""
    data: list[UsageGroup]


class ApiKey(Message):
    """Of `GET /api-keys`. The contract names no fields: these are what the engine answers, read leniently."""

    id: str
    name: str | None = None
    created_at: str | None = None
    last_used_at: str | None = None


class ApiKeyPage(Message):
    data: list[ApiKey]
    has_more: bool = False
    next_page: str | None = None


Interval = Literal["day", "week", "month"]
UsageProperty = Literal["capability", "model", "voice", "api_key"]
