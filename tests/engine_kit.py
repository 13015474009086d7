"""An engine with options of one's own, in the test's own loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from contract_answers import Witness
from engine_fixture import VERSION
from sonant.engine.app import build_engine
from sonant.engine.machinery import Machinery
from sonant.engine.options import EngineOptions
from sonant.engine.serving import served

KEY = "sk_car_" + "q" * 24
ADMIN = "sk_car_admin_" + KEY


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


@dataclass(frozen=True)
class Running:
    base_url: str
    app: Starlette
    http: httpx.AsyncClient
    """Sends the key and the newest version."""

    @property
    def machinery(self) -> Machinery:
        machinery: Machinery = self.app.state.machinery
        return machinery

    async def handshake(
        self, path: str = "/tts/websocket", headers: dict[str, str] | None = None, *, host: str = "", **query: str
    ) -> tuple[int, str]:
        """Status and body of the answer to a socket's handshake; 101 is closed again at once."""
        url = httpx.URL(self.base_url + path, params=query).copy_with(scheme="ws")
        where = {"host": url.host, "port": url.port}
        if host:
            url = url.copy_with(host=host)
        try:
            async with connect(str(url), additional_headers=headers, proxy=None, open_timeout=10, **where):
                return 101, ""
        except InvalidStatus as refusal:
            return refusal.response.status_code, (refusal.response.body or b"").decode()

    async def credits(self, **query: str) -> Any:
        """The answer of the usage endpoint, as the admin."""
        answer = await self.http.get("/usage/credits", params=query, headers=bearer(ADMIN))
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def running(data_dir: Path, **options: Any) -> AsyncIterator[Running]:
    """Every answer in the newest version is held against the contract at the end."""
    app = build_engine(EngineOptions(data_dir=data_dir, **{"api_key": KEY, **options}))
    witness = Witness(app)
    async with (
        served(witness, "127.0.0.1", 0) as base_url,
        httpx.AsyncClient(
            base_url=base_url, headers={**bearer(KEY), **VERSION}, timeout=30, trust_env=False, verify=False
        ) as http,
    ):
        yield Running(base_url, app, http)
    assert not witness.faults, "\n".join(witness.faults)
