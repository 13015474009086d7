"""The toolset `account`: what was spent, tokens for browsers, the models there are."""

import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from engine_fixture import VERSION, speech
from scripted import data, refusal
from surface_kit import (
    ERAS,
    KEY,
    Home,
    Served,
    check_schema,
    everything_kept,
    first_text,
    refused,
    said,
    serve,
    serve_scripted,
)

ADMIN_KEY = "sk_car_admin_PLANTED9876543210zyx"
SNAPSHOTS = Path(__file__).parent / "snapshots"
TOOLS = ("get_usage", "create_access_token", "list_models")
BUCKET = {"start_ts": "2026-01-05T00:00:00Z", "end_ts": "2026-01-06T00:00:00Z"}


@pytest.fixture(scope="module")
async def local(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Served]:
    """The embedded engine, with this toolset."""
    async with serve(Home(tmp_path_factory.mktemp("account") / "home"), SONANT_TOOLSETS="core,account") as served:
        yield served


async def test_the_schemas_change_only_on_purpose(local: Served) -> None:
    """Rule: as tests/surface/test_schemas.py; flat, described, about 450 bytes a tool as sent."""
    async with local.client() as client:
        tools = [tool for tool in (await client.list_tools()).tools if tool.name in TOOLS]
    assert [tool.name for tool in tools] == list(TOOLS)
    for tool in tools:
        now = json.dumps(tool.model_dump(mode="json", by_alias=True, exclude_none=True), indent=1, ensure_ascii=False)
        file = SNAPSHOTS / f"{tool.name}.json"
        if os.environ.get("RENEW_SNAPSHOTS"):
            file.write_text(now + "\n", encoding="utf-8")
        assert now + "\n" == file.read_text(encoding="utf-8")
        for name, schema in tool.input_schema["properties"].items():
            assert schema["type"] in ("string", "integer"), name
            assert schema["description"], name
        assert "anyOf" not in now
        assert '"title"' not in now


async def test_usage_of_the_embedded_engine_needs_no_admin_key(local: Served) -> None:
    """Rule: what was spoken is counted at once, told apart as asked, and said to be free."""
    await local.call("text_to_speech", transcript="Ten chars.", voice="Katie")
    for era in ERAS:
        result = await local.call("get_usage", era, period="today")
        told = said(result)
        assert told["credits"] == 10
        assert [row["credits"] for row in told["rows"]] == [10]
        assert "10 credits spent on" in first_text(result)
        assert "nothing is paid" in first_text(result)
    by_voice = await local.call("get_usage", group_by="Voice")
    assert [(row["label"], row["credits"]) for row in said(by_voice)["rows"]] == [("Katie", 10)]
    assert "- Katie: 10" in first_text(by_voice)
    async with local.client() as client:
        schema = next(tool for tool in (await client.list_tools()).tools if tool.name == "get_usage").output_schema
    check_schema(by_voice, schema)


async def test_usage_of_the_cloud_is_asked_with_the_admin_key(home: Home) -> None:
    """Rule: a year comes by month; names from the wire are one line; what spent nothing is not told."""
    groups = [
        {"id": "v1", "label": "Evil\n\n# name", "buckets": [{**BUCKET, "credits": 2}, {**BUCKET, "credits": 1}]},
        {"id": "v2", "label": "Idle", "buckets": [{**BUCKET, "credits": 0}]},
        {"id": "v3", "label": "Busy", "buckets": [{**BUCKET, "credits": 1000.5}]},
    ]
    routes = {"GET /usage/credits": data({"group_by": "voice", "data": groups})}
    settings = {"SONANT_TOOLSETS": "account", "CARTESIA_ADMIN_KEY": ADMIN_KEY}
    async with serve_scripted(home, routes=routes, **settings) as (served, upstream):
        told = await served.call("get_usage", period="week", group_by="voice")
        assert first_text(told).splitlines()[1:] == ["- Busy: 1,000", "- Evil # name: 3"]
        assert said(told)["credits"] == 1003.5
        assert "paid" not in first_text(told)
        asked = upstream.requests_to("/usage/credits")[0]
        assert asked.headers["authorization"] == f"Bearer {ADMIN_KEY}"
        start = datetime.fromisoformat(asked.query["start_ts"][0])
        assert (datetime.now(UTC).date() - start.date()).days == 6
    routes = {"GET /usage/credits": data({"data": [{**BUCKET, "credits": 4}]})}
    async with serve_scripted(home, routes=routes, **settings) as (served, upstream):
        assert said(await served.call("get_usage", period="year"))["credits"] == 4
        assert upstream.requests_to("/usage/credits")[0].query["interval"] == ["month"]
    async with serve_scripted(home, routes={"GET /usage/credits": refusal(403)}, **settings) as (served, _):
        assert "CARTESIA_ADMIN_KEY" in refused(await served.call("get_usage"))
    assert ADMIN_KEY.encode() not in everything_kept(home)


async def test_without_an_admin_key_the_cloud_is_not_asked(home: Home, era: str) -> None:
    """Rule: one sentence says what is needed."""
    async with serve_scripted(home, SONANT_TOOLSETS="account") as (served, upstream):
        told = refused(await served.call("get_usage", era))
        assert "admin key" in told
        assert "CARTESIA_ADMIN_KEY" in told
        assert upstream.requests == []


async def test_a_token_opens_what_it_grants(local: Served, era: str) -> None:
    """Rule: the token is in the result, said to be a secret; it speaks and does no more."""
    result = await local.call("create_access_token", era, grants="TTS", seconds=30)
    told = said(result)
    assert told["token"] in first_text(result)
    assert "secret" in first_text(result)
    left = datetime.fromisoformat(told["expires_at"]) - datetime.now(UTC)
    assert 25 < left.total_seconds() <= 30
    base_url = (await local.state.api()).base_url
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, verify=False) as http:
        headers = {"Authorization": f"Bearer {told['token']}", **VERSION}
        assert (await http.post("/tts/bytes", json=speech("Hi."), headers=headers)).status_code == 200
        assert (await http.post("/stt", headers=headers)).status_code == 403
        assert (await http.get("/voices", headers=headers)).status_code == 403
    both = said(await local.call("create_access_token", era, grants="tts, stt"))
    assert both["grants"] == ["tts", "stt"]


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [({"grants": "everything"}, "tts, stt or agent"), ({"seconds": 3601}, "3600"), ({"seconds": 0}, "1"),
     ({"grants": ", ,"}, "can grant")],
)  # fmt: skip
async def test_a_token_that_cannot_be_had_is_refused_before_it_is_asked_for(
    home: Home, arguments: dict[str, object], phrase: str
) -> None:
    """Rule: nothing is sent."""
    async with serve_scripted(home, SONANT_TOOLSETS="account") as (served, upstream):
        assert phrase in refused(await served.call("create_access_token", **arguments))
        assert upstream.requests == []


async def test_the_models_are_told_without_asking_anybody(home: Home) -> None:
    """Rule: the API has no list; ours says so, and what each can do."""
    async with serve_scripted(home, SONANT_TOOLSETS="account", SONANT_MODEL="sonic-3.5") as (served, upstream):
        result = await served.call("list_models")
        assert upstream.requests == []
    assert "the API has no list" in first_text(result)
    assert "sonic-3.5." in first_text(result).splitlines()[0]
    rows = {row["id"]: row for row in said(result)["models"]}
    assert rows["sonic-3.6"]["snapshots"] == ["sonic-3.6-2026-08-27"]
    assert rows["ink-2"]["kind"] == "speech to text"
    assert KEY not in str(rows)
