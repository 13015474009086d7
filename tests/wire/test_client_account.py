"""The client's calls about tokens, usage and keys: what is sent, with which key, and what a failure says."""

import logging
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client_kit import EAGER, KEY
from engine_kit import ADMIN, running
from engine_kit import KEY as ENGINE_KEY
from scripted import ScriptedServer, data, refusal
from sonant.api_client.client import APIClient
from sonant.api_client.connection import Connection
from sonant.errors import AuthenticationError, SettingsError
from sonant.wire.account import Grants, TokenRequest

ADMIN_KEY = "sk_car_admin_PLANTED9876543210zyx"
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def client_with(server: ScriptedServer, admin_key: str | None = ADMIN_KEY) -> APIClient:
    return APIClient(Connection(server.base_url, KEY, retry=EAGER, admin_key=admin_key))


async def test_each_call_carries_the_key_that_opens_it() -> None:
    """The admin key goes nowhere but to usage and keys, the other one never there."""
    routes = {
        "POST /access-token": data({"token": "eyJ.a.b", "later": 1}),
        "GET /usage/credits": data({"data": [{"start_ts": "a", "end_ts": "b", "credits": 1.5}]}),
        "GET /api-keys": data({"data": [{"id": "k", "secret_part": "…"}], "has_more": True, "next_page": "k"}),
    }
    async with ScriptedServer(routes=routes) as server, client_with(server) as client:
        assert (
            await client.create_access_token(TokenRequest(grants=Grants(tts=True, stt=True), expires_in=90))
        ).token == "eyJ.a.b"
        assert (await client.get_usage(START, END, "month", api_key_id="k")).data[0].credits == 1.5
        page = await client.list_api_keys(limit=5, starting_after="j")
        assert (page.data[0].id, page.has_more) == ("k", True)
        token, usage, keys = server.requests
    assert token.json == {"grants": {"tts": True, "stt": True}, "expires_in": 90}
    assert usage.query == {"start_ts": ["2026-01-01T00:00:00+00:00"], "end_ts": ["2026-02-01T00:00:00+00:00"],
                           "interval": ["month"], "api_key_id": ["k"]}  # fmt: skip
    assert keys.query == {"limit": ["5"], "starting_after": ["j"]}
    assert [request.headers["authorization"] for request in (token, usage, keys)] == [
        f"Bearer {KEY}", f"Bearer {ADMIN_KEY}", f"Bearer {ADMIN_KEY}",
    ]  # fmt: skip


async def test_without_an_admin_key_nothing_is_sent() -> None:
    """One sentence says what is needed."""
    async with ScriptedServer() as server, client_with(server, None) as client:
        with pytest.raises(SettingsError, match="needs an admin key"):
            await client.get_usage(START, END)
        assert server.requests == []


async def test_an_admin_key_that_is_refused_is_named_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the far end echoes; not in the text, the repr or any log."""
    caplog.set_level(logging.DEBUG)
    echo = refusal(401, message=f"no such key {ADMIN_KEY}, nor {KEY}")
    async with ScriptedServer(otherwise=echo) as server, client_with(server) as client:
        with pytest.raises(AuthenticationError, match="Check CARTESIA_ADMIN_KEY") as refused:
            await client.get_usage_by("model", START, END)
        shown = repr(client) + caplog.text + "".join(traceback.format_exception(refused.value))
    for secret in (ADMIN_KEY, KEY):
        assert secret not in shown


@pytest.mark.parametrize("key", ["sk_car_admin_ä", "sk_car_admin_a b", "sk_car_admin_a\r\nX: 1"])
def test_an_admin_key_that_cannot_be_sent_is_refused_without_being_shown(key: str) -> None:
    """Its own variable is named."""
    with pytest.raises(SettingsError) as refused:
        Connection("https://api.cartesia.ai", KEY, admin_key=key)
    assert refused.value.variable == "CARTESIA_ADMIN_KEY"
    assert key not in str(refused.value)


async def test_both_ends_agree(tmp_path: Path) -> None:
    """Our client at our engine: a token, a key, what was spent."""
    now = datetime.now(UTC)
    async with running(tmp_path) as engine:
        engine.machinery.ledger.charge("tts", 7, model="sonic-3", voice="v", caller="k")
        async with APIClient(Connection(engine.base_url, ENGINE_KEY, admin_key=ADMIN)) as client:
            assert (await client.create_access_token(TokenRequest())).token.startswith("eyJ")
            span = (now - timedelta(days=3), now + timedelta(minutes=1))
            assert sum(bucket.credits for bucket in (await client.get_usage(*span)).data) == 7
            grouped = await client.get_usage_by("model", *span)
            assert [(one.id, sum(b.credits for b in one.buckets)) for one in grouped.data] == [("sonic-3", 7)]
            assert "k" in [key.id for key in (await client.list_api_keys()).data]
