"""Access tokens: short-lived JWTs for browsers, signed with a secret of this engine's own. Source: contract §10."""

import os
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from uuid import uuid4

from sonant.errors import EngineUnavailableError
from sonant.folders import make_private_folder
from sonant.wire.account import GRANTS

_ISSUER = "sonant-engine"
_SHAPE = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
"""One without a signature is a token too, though never a valid one."""
_SECRET_BYTES = 32


@dataclass(frozen=True)
class Pass:
    """What a valid token says."""

    key_id: str
    """Of the key it was made with, which pays for it."""
    grants: frozenset[str]


class Tokens:
    """Signs and reads tokens. The secret is made on first use and kept, so that a restart cuts nobody off."""

    def __init__(self, secret_path: Path) -> None:
        self._secret_path = secret_path

    def issue(self, key_id: str, grants: Iterable[str], expires_in_s: int) -> str:
        """A new token. Blocks when it is the first: run it in a thread.

        Raises:
            EngineUnavailableError: the secret cannot be read or kept.
        """
        import jwt  # brings a cryptography library along: 100 ms

        now = int(time.time())
        claims = {"grants": dict.fromkeys(grants, True), "sub": key_id, "jti": str(uuid4()), "iat": now, "iss": _ISSUER,
                  "exp": now + expires_in_s}  # fmt: skip
        return jwt.encode(claims, self._secret, algorithm="HS256", headers={"kid": "engine"})

    def read(self, token: str) -> Pass | None:
        """What the token allows; None when it is not ours, altered or expired. Blocks when it is the first.

        Raises:
            EngineUnavailableError: the secret cannot be read or kept.
        """
        import jwt

        try:
            claims = jwt.decode(token, self._secret, algorithms=["HS256"], issuer=_ISSUER,
                                options={"require": ["exp", "iat", "iss", "sub"]})  # fmt: skip
        except jwt.InvalidTokenError:
            return None
        grants = claims.get("grants")
        allowed = frozenset(name for name in GRANTS if isinstance(grants, dict) and grants.get(name) is True)
        return Pass(claims["sub"], allowed)

    @cached_property
    def _secret(self) -> bytes:
        try:
            make_private_folder(self._secret_path.parent)
            if not self._is_kept():
                self._keep(secrets.token_bytes(_SECRET_BYTES))
            return self._secret_path.read_bytes()
        except OSError as error:
            raise EngineUnavailableError(
                f"The engine's secret for access tokens, {self._secret_path}, cannot be used: {error}.",
                hint="Check the folder, or name another with SONANT_DATA_DIR.",
            ) from None

    def _is_kept(self) -> bool:
        """A power cut may leave a file without its content, which would be a secret anybody can guess."""
        if not self._secret_path.exists():
            return False
        if self._secret_path.stat().st_size == _SECRET_BYTES:
            return True
        self._secret_path.unlink(missing_ok=True)
        return False

    def _keep(self, secret: bytes) -> None:
        made = self._secret_path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(secret)
            os.link(made, self._secret_path)  # whoever is first wins, and nobody reads half a secret
        except FileExistsError:
            pass
        finally:
            made.unlink()


def looks_like_token(credential: str) -> bool:
    return _SHAPE.fullmatch(credential) is not None
