"""Access tokens: short-lived JWTs for browsers, signed with a secret of this engine's own. Source: contract §10."""

import os
import re
import secrets
import time
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import jwt

from sonant.errors import EngineUnavailableError
from sonant.folders import make_private_folder

GRANTS = ("tts", "stt", "agent")
LONGEST_S = 3600
DEFAULT_S = 60
"""Nobody states the default lifetime: contract §10, PICK."""
_ISSUER = "sonant-engine"
_SHAPE = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


class Tokens:
    """Signs and reads tokens. The secret is made on first use and kept, so that a restart cuts nobody off."""

    def __init__(self, secret_path: Path) -> None:
        self._secret_path = secret_path

    def issue(self, grants: Iterable[str], expires_in_s: int) -> str:
        now = int(time.time())
        claims = {"grants": dict.fromkeys(grants, True), "jti": str(uuid4()), "iat": now, "iss": _ISSUER,
                  "exp": now + expires_in_s}  # fmt: skip
        return jwt.encode(claims, self._secret, algorithm="HS256", headers={"kid": "engine"})

    def grants_of(self, token: str) -> frozenset[str] | None:
        """What the token allows; None when it is not ours, altered or expired."""
        try:
            claims = jwt.decode(token, self._secret, algorithms=["HS256"], issuer=_ISSUER,
                                options={"require": ["exp", "iat", "iss"]})  # fmt: skip
        except jwt.InvalidTokenError:
            return None
        grants = claims.get("grants")
        return frozenset(name for name in GRANTS if isinstance(grants, dict) and grants.get(name) is True)

    @cached_property
    def _secret(self) -> bytes:
        """
        Raises:
            EngineUnavailableError: it cannot be read or kept.
        """
        try:
            make_private_folder(self._secret_path.parent)
            if not self._secret_path.exists():
                made = self._secret_path.with_name(f".{secrets.token_hex(8)}.part")
                with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                    file.write(secrets.token_bytes(32))
                try:
                    os.link(made, self._secret_path)  # whoever is first wins, and nobody reads half a secret
                except FileExistsError:
                    pass
                finally:
                    made.unlink()
            return self._secret_path.read_bytes()
        except OSError as error:
            raise EngineUnavailableError(
                f"The engine's secret for access tokens, {self._secret_path}, cannot be used: {error}.",
                hint="Check the folder, or name another with SONANT_DATA_DIR.",
            ) from None


def looks_like_token(credential: str) -> bool:
    return _SHAPE.fullmatch(credential) is not None
