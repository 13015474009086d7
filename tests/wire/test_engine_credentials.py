"""Who may do what at the engine: keys, admin keys and access tokens. Source: contract §1.1, §1.2, §10."""

import base64
import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cartesia import Cartesia

from engine_fixture import RAW, VERSION, Engine, speech
from engine_kit import ADMIN, KEY, Running, bearer, running
from sonant.engine.options import EngineOptions
from sonant.errors import SettingsError
from surface_kit import all_logs

STANDARD = "/voices"
OPEN_TO_TTS = "/tts/bytes"
OPEN_TO_STT = "/stt"
FOR_ADMIN = ("/usage/credits", "/api-keys")
LET_IN = (101,)
OLD = {"Cartesia-Version": "2024-06-10"}


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Running]:
    """One engine for all tests that leave nothing behind."""
    async with running(tmp_path_factory.mktemp("credentials")) as engine:
        yield engine


async def token(engine: Running, grants: dict[str, bool], **more: Any) -> str:
    answer = await engine.http.post("/access-token", json={"grants": grants, **more})
    assert answer.status_code == 200, answer.text
    made: str = answer.json()["token"]
    return made


async def status(engine: Running, path: str, headers: dict[str, str], method: str = "GET") -> int:
    async with httpx.AsyncClient(base_url=engine.base_url, trust_env=False, verify=False) as http:
        return (await http.request(method, path, headers={**VERSION, **headers})).status_code


@pytest.mark.parametrize(
    ("headers", "path", "expected"),
    [
        (bearer(KEY), STANDARD, 200),
        ({"X-API-Key": KEY}, STANDARD, 200),
        ({"Authorization": f"bEaReR  {KEY}"}, STANDARD, 200),
        ({"Authorization": "Bearer", "X-API-Key": KEY}, STANDARD, 200),
        ({"Authorization": "Basic eDp5", "X-API-Key": KEY}, STANDARD, 200),
        ({**bearer("no"), "X-API-Key": KEY}, STANDARD, 401),
        (bearer(KEY + "x"), STANDARD, 401),
        (bearer(KEY[:-1]), STANDARD, 401),
        (bearer(KEY.upper()), STANDARD, 401),
        (bearer("ä"), STANDARD, 401),
        (bearer("sk_car_admin_"), STANDARD, 401),
        (bearer(ADMIN + "x"), FOR_ADMIN[0], 401),
        (bearer(ADMIN), STANDARD, 403),
        (bearer(ADMIN), "/access-token", 403),
        (bearer(ADMIN), OPEN_TO_TTS, 403),
        (bearer(ADMIN), FOR_ADMIN[0], 200),
        ({"X-API-Key": ADMIN}, FOR_ADMIN[1], 200),
        (bearer(KEY), FOR_ADMIN[0], 403),
        (bearer(KEY), FOR_ADMIN[1], 403),
        (bearer(KEY), "/api-keys/any", 403),
        (bearer(ADMIN), "/usage/agents", 404),
        (bearer(ADMIN), "/organizations/users", 404),
        ({}, STANDARD, 401),
    ],
)
async def test_each_key_opens_its_part_of_the_api(
    shared: Running, headers: dict[str, str], path: str, expected: int
) -> None:
    """Bearer wins over X-API-Key; admin and standard keys are not interchangeable."""
    encoded = {name: value.encode("latin-1").decode("latin-1") for name, value in headers.items()}
    async with httpx.AsyncClient(base_url=shared.base_url, trust_env=False, verify=False) as http:
        sent = [(name.encode(), value.encode("latin-1")) for name, value in {**VERSION, **encoded}.items()]
        assert (await http.get(path, headers=sent)).status_code == expected


async def test_a_key_in_the_address_opens_sockets_alone(shared: Running) -> None:
    """Contract §1.1: browsers can send no header with a handshake; addresses of requests end up in logs."""
    newest = {"cartesia_version": "2026-08-14"}
    made = await token(shared, {"tts": True})
    for query in ({"api_key": KEY}, {"access_token": made}):
        async with httpx.AsyncClient(base_url=shared.base_url, trust_env=False, verify=False) as http:
            assert (await http.get(STANDARD, params={**query, **newest})).status_code == 401
        assert (await shared.handshake(**query, **newest))[0] in LET_IN
    for query in ({}, {"api_key": "no"}, {"access_token": KEY + "x"}, {"access_token": made + "x"}):
        assert (await shared.handshake(**query, **newest))[0] == 401
    for headers in (bearer(KEY), {"X-API-Key": KEY}, bearer(made)):
        assert (await shared.handshake(headers=headers, **newest))[0] in LET_IN
    assert (await shared.handshake(api_key=ADMIN, **newest))[0] == 403
    assert (await shared.handshake("/stt/websocket", access_token=made, **newest))[0] == 403


async def test_the_version_of_the_query_wins_and_shapes_the_refusal(shared: Running) -> None:
    """Contract §1.2: query over header, text before 2026-03-01, on handshakes too."""
    told, body = await shared.handshake(headers=OLD, cartesia_version="2026-08-14")
    assert (told, json.loads(body)["title"]) == (401, "Unauthorized")
    told, body = await shared.handshake(headers=VERSION, cartesia_version="2024-11-13")
    assert told == 401
    assert body.startswith("Unauthorized: ")
    assert (await shared.handshake(headers=bearer(KEY), cartesia_version="2026-08-15"))[0] == 400
    assert (await shared.handshake(headers=bearer(KEY)))[0] == 400
    assert (await shared.handshake(headers={**bearer(KEY), **OLD}))[0] in LET_IN


async def test_a_handshake_is_refused_to_foreign_pages(shared: Running) -> None:
    """Browsers let any page open a socket anywhere: Origin and Host are checked before the key."""
    query = {"api_key": KEY, "cartesia_version": "2026-08-14"}
    assert (await shared.handshake(headers={"Origin": "https://evil.example"}, **query))[0] == 403
    assert (await shared.handshake(host="evil.example", **query))[0] == 421


async def test_a_token_opens_what_it_grants_and_nothing_else(shared: Running) -> None:
    """Contract §1.1, §10: `/tts/*` and `/stt*`, each by its grant."""
    speaks, hears = await token(shared, {"tts": True}), await token(shared, {"stt": True, "tts": False})
    neither = await token(shared, {"agent": True, "admin": True})
    for path, right, wrong in ((OPEN_TO_TTS, speaks, hears), ("/tts/sse", speaks, hears), (OPEN_TO_STT, hears, speaks),
                               ("/audio/transcriptions", hears, speaks)):  # fmt: skip
        assert await status(shared, path, bearer(right), "POST") == 400, "let in, to be told that the body is missing"
        assert await status(shared, path, bearer(wrong), "POST") == 403
        assert await status(shared, path, bearer(neither), "POST") == 403
        assert await status(shared, path, {"X-API-Key": right}, "POST") == 400
    for path in (STANDARD, "/infill/bytes", "/voice-changer/bytes", "/access-token", "/files", *FOR_ADMIN):
        assert await status(shared, path, bearer(speaks), "POST") == 403
    answer = await shared.http.post(OPEN_TO_TTS, json=speech(), headers={**bearer(hears), **OLD})
    assert (answer.status_code, answer.text) == (403, "Forbidden: The access token lacks the grant `tts`.")


def forged(claims: dict[str, Any], header: dict[str, str], signature: str = "") -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, signature])


async def test_no_token_but_ours_is_valid(shared: Running) -> None:
    """Altered, expired, not yet issued, unsigned, signed by another or with other rules: 401, whoever's key it claims."""
    good = await token(shared, {"tts": True})
    head, claims, signature = good.split(".")
    known = jwt.decode(good, options={"verify_signature": False})
    assert set(known) == {"grants", "sub", "jti", "iat", "iss", "exp"}
    assert (jwt.get_unverified_header(good)["alg"], known["exp"] - known["iat"]) == ("HS256", 60)
    assert "kid" in jwt.get_unverified_header(good)
    secret: bytes = shared.machinery.tokens._secret
    now = int(time.time())
    bad = {
        "unsigned": f"{head}.{claims}.",
        "alg none": forged(known, {"alg": "none", "typ": "JWT"}),
        "alg none, signed": forged(known, {"alg": "none", "typ": "JWT"}, signature),
        "more grants": forged({**known, "grants": {"tts": True, "stt": True}}, {"alg": "HS256"}, signature),
        "another secret": jwt.encode(known, "s" * 32, algorithm="HS256"),
        "another algorithm": jwt.encode(known, secret * 2, algorithm="HS512"),
        "expired": jwt.encode({**known, "exp": now - 1}, secret, algorithm="HS256"),
        "endless": jwt.encode({k: v for k, v in known.items() if k != "exp"}, secret, algorithm="HS256"),
        "not yet": jwt.encode({**known, "iat": now + 600}, secret, algorithm="HS256"),
        "another issuer": jwt.encode({**known, "iss": "https://api.cartesia.ai"}, secret, algorithm="HS256"),
        "nobody's": jwt.encode({k: v for k, v in known.items() if k != "sub"}, secret, algorithm="HS256"),
        "cut": good[:-1],
    }
    for what, wrong in bad.items():
        assert await status(shared, OPEN_TO_TTS, bearer(wrong), "POST") == 401, what
    no_grants = jwt.encode({**known, "grants": ["tts"]}, secret, algorithm="HS256")
    assert await status(shared, OPEN_TO_TTS, bearer(no_grants), "POST") == 403
    assert await status(shared, OPEN_TO_TTS, bearer(good), "POST") == 400


async def test_where_any_key_will_do_a_false_token_does_not(tmp_path: Path) -> None:
    """A program that sends a token nobody signed has a fault worth finding."""
    async with running(tmp_path, api_key=None) as engine:
        for key in ("anything", "sk_car_x", "eyJhbGciOiJIUzI1NiJ9"):
            assert await status(engine, STANDARD, bearer(key)) == 200
        assert await status(engine, FOR_ADMIN[0], bearer("sk_car_admin_anything")) == 200
        assert await status(engine, FOR_ADMIN[0], bearer("anything")) == 403
        for header in ({"alg": "none"}, {"alg": "HS256"}):
            assert await status(engine, OPEN_TO_TTS, bearer(forged({"grants": {"tts": True}}, header)), "POST") == 401


async def test_tokens_survive_a_restart_and_the_loss_of_half_a_secret_does_not_let_everybody_in(tmp_path: Path) -> None:
    """The secret is kept, for its owner alone; an empty file, as a power cut may leave it, is replaced."""
    async with running(tmp_path) as first:
        made = await token(first, {"tts": True}, expires_in=3600)
    kept = EngineOptions(data_dir=tmp_path).token_secret_path
    assert kept.stat().st_mode & 0o077 == 0
    async with running(tmp_path) as second:
        assert await status(second, OPEN_TO_TTS, bearer(made), "POST") == 400
    kept.write_bytes(b"")
    async with running(tmp_path) as third:
        assert await status(third, OPEN_TO_TTS, bearer(made), "POST") == 401
        assert await status(third, OPEN_TO_TTS, bearer(await token(third, {"tts": True})), "POST") == 400
    assert kept.stat().st_size == 32


@pytest.mark.parametrize(
    ("body", "phrase"),
    [
        ({"expires_in": 3601}, "expires_in"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": -1}, "expires_in"),
        ({"expires_in": 10**30}, "expires_in"),
        ({"expires_in": "60"}, "whole number"),
        ({"expires_in": True}, "whole number"),
        ({"expires_in": 1.5}, "expires_in"),
        ({"grants": ["tts"]}, "grants"),
        ({"grants": "tts"}, "grants"),
        ({"grants": {"tts": "true"}}, "true or false"),
        ({"grants": {"stt": 1}}, "true or false"),
    ],
)
def test_a_token_that_cannot_be_had_is_refused(engine: Engine, body: dict[str, object], phrase: str) -> None:
    """Contract §1.4, §10."""
    with engine.http() as http:
        answer = http.post("/access-token", json=body)
        assert answer.status_code == 400
        assert phrase in answer.json()["message"]


def test_a_token_may_ask_for_nothing(engine: Engine) -> None:
    """Every field is optional, null too."""
    with engine.http() as http:
        for body in (
            {},
            {"grants": None, "expires_in": None},
            {"grants": {}, "expires_in": 1},
            {"grants": {"tts": None}},
        ):
            answer = http.post("/access-token", json=body)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-store"


async def test_the_sdk_makes_tokens_and_speaks_with_them(engine: Engine) -> None:
    """Official SDK, sync and async: a server makes the token, a client speaks with it and does nothing else."""
    made = engine.sdk().access_token.create(grants={"tts": True}, expires_in=120).token
    async with engine.async_sdk() as sdk:
        assert (await sdk.access_token.create(grants={"stt": True})).token
    with Cartesia(api_key=made, base_url=engine.base_url, max_retries=0) as browser:
        spoken = browser.tts.generate(
            model_id="sonic-3.6", transcript="Hi.", voice={"mode": "id", "id": str(speech()["voice"])}, output_format=RAW  # type: ignore[arg-type, typeddict-item]
        )  # fmt: skip
        assert len(spoken.read()) > 1000
        with pytest.raises(Exception, match="API key"):
            browser.voices.list()


async def test_no_credential_stands_in_a_log_or_an_answer(shared: Running) -> None:
    """At DEBUG, of every library: not in the log of a handshake, whose address may hold it, nor in a refusal."""
    newest = {"cartesia_version": "2026-08-14"}
    made = await token(shared, {"tts": True})
    wrong = "sk_car_WRONG" + "w" * 20
    with all_logs() as lines:
        for query in ({"api_key": KEY}, {"access_token": made}, {"api_key": wrong}):
            body = (await shared.handshake(**query, **newest))[1]
            lines.append(body)
        async with httpx.AsyncClient(base_url=shared.base_url, trust_env=False, verify=False) as http:
            for credential in (wrong, ADMIN, made):
                lines.append((await http.get(STANDARD, headers={**VERSION, **bearer(credential)})).text)
    assert not any("without completing handshake" in line for line in lines), "a refusal is no mistake"
    ours = [line for line in lines if not line.startswith(("websockets.client", "httpx", "httpcore"))]
    for secret in (KEY, made, wrong):
        assert not any(secret in line for line in ours)
    assert logging.getLogger("uvicorn.error").level >= logging.WARNING


def test_a_key_that_looks_like_its_own_admin_key_is_refused(tmp_path: Path) -> None:
    """It could never be told from one."""
    with pytest.raises(SettingsError, match="sk_car_admin_"):
        EngineOptions(data_dir=tmp_path, api_key="sk_car_admin_mine")
