"""Who calls, by what they show: a key, an admin key, or an access token. Source: contract §1.1, §10."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Literal

from anyio import to_thread
from starlette.datastructures import Headers, QueryParams
from starlette.types import Scope

from sonant.engine.answers import Refusal
from sonant.engine.options import ADMIN_PREFIX
from sonant.engine.tokens import Tokens, looks_like_token

_ADMIN_PATHS = ("/usage", "/api-keys", "/organizations")
_GRANT_OF_PATH = {"/tts": "tts", "/stt": "stt", "/audio/transcriptions": "stt"}
"""What an access token may reach, and the grant it needs for that."""


@dataclass(frozen=True)
class Caller:
    kind: Literal["key", "admin", "token"]
    id: str
    """Tells one key from another without being one; of a token, the key that it was made with."""
    grants: frozenset[str] = frozenset()
    """Of a token: some of tts, stt, agent."""


def id_of(key: str) -> str:
    """The start of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Credentials:
    """What opens this engine.

    Args:
        api_key: the only key, whose admin key is `sk_car_admin_` and the key; None: any will do.
        tokens: who signed the access tokens.
    """

    api_key: str | None = field(repr=False)
    tokens: Tokens

    async def caller(self, scope: Scope) -> Caller | Refusal:
        """Who calls, or why they may not come in here.

        Raises:
            EngineUnavailableError: the tokens' secret cannot be read.
        """
        shown = _shown(scope)
        if not shown:
            any_will_do = ", as `Authorization: Bearer …` or `X-API-Key`; here any will do" if not self.api_key else ""
            return Refusal(401, f"A key is required{any_will_do}.")
        caller: Caller | None
        if looks_like_token(shown):
            caller = await to_thread.run_sync(self._by_token, shown)  # it may have to read the secret
            wrong = "The access token is not valid, or no longer."
        else:
            caller = self._by_key(shown)
            wrong = "This is not the engine's key."
        return Refusal(401, wrong) if caller is None else _place_refusal(caller, scope["path"]) or caller

    def _by_token(self, token: str) -> Caller | None:
        pass_ = self.tokens.read(token)
        return None if pass_ is None else Caller("token", pass_.key_id, pass_.grants)

    def _by_key(self, shown: str) -> Caller | None:
        is_admin = shown.startswith(ADMIN_PREFIX)
        if self.api_key is not None:
            wanted = ADMIN_PREFIX + self.api_key if is_admin else self.api_key
            if not hmac.compare_digest(shown.encode(), wanted.encode()):
                return None
        return Caller("admin" if is_admin else "key", id_of(shown))


def _shown(scope: Scope) -> str:
    """The credential of a request; on a socket's handshake it may stand in the query, as browsers have no other place."""
    headers = Headers(scope=scope)
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    shown = (bearer.strip() if scheme.lower() == "bearer" else "") or headers.get("x-api-key", "").strip()
    if not shown and scope["type"] == "websocket":
        query = QueryParams(scope.get("query_string", b""))
        shown = (query.get("access_token") or query.get("api_key") or "").strip()
    return shown


def _place_refusal(caller: Caller, path: str) -> Refusal | None:
    """Each kind of credential has its own part of the API."""
    is_admin_path = path.startswith(_ADMIN_PATHS)
    if is_admin_path != (caller.kind == "admin"):
        needs = f"an admin key (`{ADMIN_PREFIX}…`)" if is_admin_path else "a standard key; an admin key does not do"
        return Refusal(403, f"This needs {needs}.", "forbidden")
    if caller.kind != "token":
        return None
    grant = next((grant for start, grant in _GRANT_OF_PATH.items() if path.startswith(start)), None)
    if grant is None:
        return Refusal(403, "An access token does not do here; use an API key.", "forbidden")
    if grant not in caller.grants:
        return Refusal(403, f"The access token lacks the grant `{grant}`.", "forbidden")
    return None
