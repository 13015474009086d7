"""What is spent and what is allowed: usage, keys, credits and limits. Source: contract §1.4, §12, §14."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from engine_fixture import KATIE, RAW, WAV, speech
from engine_kit import ADMIN, KEY, Running, bearer, running
from sonant.engine.credentials import id_of
from sonant.engine.ledger import Ledger

OLD = {"Cartesia-Version": "2025-04-16"}
LONG = "This is one of very many sentences, and the reader takes its time. " * 200
JANUARY = {"start_ts": "2026-01-01T00:00:00Z", "end_ts": "2026-02-01T00:00:00Z"}


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Running]:
    """An engine whose January 2026 was filled in."""
    async with running(tmp_path_factory.mktemp("account")) as engine:
        spend = engine.machinery.ledger.charge
        with pytest.MonkeyPatch.context() as patch:
            for day, credits, capability, model, voice, caller in (
                (5, 100, "tts", "sonic-3.6", KATIE, "a"),  # a Monday
                (5, 20, "tts", "sonic-3", KATIE, "b"),
                (11, 3, "stt", "ink-whisper", None, "a"),  # a Sunday
                (12, 0.5, "tts", "sonic-3.6", "gone", "a"),
            ):
                at = datetime(2026, 1, day, 12, tzinfo=UTC).timestamp()
                patch.setattr("sonant.engine.ledger.time", SimpleNamespace(time=lambda at=at: at))
                spend(capability, credits, model=model, voice=voice, caller=caller)  # type: ignore[arg-type]
        yield engine


def spending(buckets: list[dict[str, Any]]) -> dict[str, float]:
    return {bucket["start_ts"]: bucket["credits"] for bucket in buckets if bucket["credits"]}


@pytest.mark.parametrize(
    ("interval", "count", "expected"),
    [
        (None, 31, {"2026-01-05T00:00:00Z": 120, "2026-01-11T00:00:00Z": 3, "2026-01-12T00:00:00Z": 0.5}),
        ("week", 5, {"2026-01-05T00:00:00Z": 123, "2026-01-12T00:00:00Z": 0.5}),
        ("month", 1, {"2026-01-01T00:00:00Z": 123.5}),
    ],
)
async def test_usage_comes_in_buckets_of_the_calendar(
    shared: Running, interval: str | None, count: int, expected: dict[str, float]
) -> None:
    """Empty ones too; weeks begin on Monday; each ends where the next begins."""
    told = (await shared.credits(**JANUARY, **({"interval": interval} if interval else {})))["data"]
    assert len(told) == count
    assert spending(told) == expected
    assert told[0]["start_ts"], told[-1]["end_ts"] == tuple(JANUARY.values())
    assert [bucket["end_ts"] for bucket in told[:-1]] == [bucket["start_ts"] for bucket in told[1:]]


async def test_the_first_and_last_bucket_end_with_the_span(shared: Running) -> None:
    """To the second, in whatever zone it was asked; what lies outside is not counted."""
    told = (await shared.credits(start_ts="2026-01-05T14:00:00+02:00", end_ts="2026-01-12T12:00:00.000Z"))["data"]
    assert (told[0]["start_ts"], told[-1]["end_ts"]) == ("2026-01-05T12:00:00Z", "2026-01-12T12:00:00Z")
    assert sum(bucket["credits"] for bucket in told) == 123
    later = await shared.credits(start_ts="2026-01-05T12:00:01Z", end_ts="2026-01-06T00:00:00Z", interval="month")
    assert spending(later["data"]) == {}


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("capability", {("stt", "Speech to text"): 3, ("tts", "Text to speech"): 120.5}),
        ("model", {("ink-whisper", "ink-whisper"): 3, ("sonic-3", "sonic-3"): 20, ("sonic-3.6", "sonic-3.6"): 100.5}),
        ("voice", {("none", "None"): 3, (KATIE, "Katie"): 120, ("gone", "gone"): 0.5}),
        ("api_key", {("a", "Key a"): 103.5, ("b", "Key b"): 20}),
    ],
)
async def test_usage_can_be_told_apart(shared: Running, group_by: str, expected: dict[tuple[str, str], float]) -> None:
    """Each group has every bucket of the span; together they are all there is."""
    told = await shared.credits(**JANUARY, group_by=group_by)
    assert told["group_by"] == group_by
    assert {len(group["buckets"]) for group in told["data"]} == {31}
    sums = {(one["id"], one["label"]): sum(bucket["credits"] for bucket in one["buckets"]) for one in told["data"]}
    assert sums == expected


async def test_usage_of_one_key(shared: Running) -> None:
    """`api_key_id` filters, also what is grouped; a key nobody knows has spent nothing."""
    assert sum(spending((await shared.credits(**JANUARY, api_key_id="b"))["data"]).values()) == 20
    grouped = await shared.credits(**JANUARY, api_key_id="b", group_by="model")
    assert [group["id"] for group in grouped["data"]] == ["sonic-3"]
    assert spending((await shared.credits(**JANUARY, api_key_id="nobody"))["data"]) == {}


@pytest.mark.parametrize(
    ("query", "phrase"),
    [
        ({"start_ts": "yesterday"}, "start_ts"),
        ({"start_ts": "2026-01-01"}, "RFC 3339"),
        ({"start_ts": "2026-01-01T00:00:00"}, "RFC 3339"),
        ({"start_ts": "1767225600"}, "RFC 3339"),
        ({"start_ts": "2026-02-30T00:00:00Z"}, "start_ts"),
        ({"start_ts": "0001-01-01T00:00:00+23:59"}, "start_ts"),
        ({"end_ts": "9999-12-31T23:59:59-23:59"}, "end_ts"),
        ({"start_ts": "9999-12-31T23:59:59Z"}, "calendar"),
        ({"end_ts": "0001-01-02T00:00:00Z"}, "calendar"),
        ({**JANUARY, "end_ts": JANUARY["start_ts"]}, "later"),
        ({"start_ts": "2027-01-01T00:00:00Z", "end_ts": "2026-01-01T00:00:00Z"}, "later"),
        ({"start_ts": "2024-01-01T00:00:00Z", "end_ts": "2025-01-02T00:00:00Z"}, "year"),
        ({"interval": "hour"}, "interval"),
        ({"group_by": "colour"}, "group_by"),
        ({"group_by": "model", "interval": "week"}, "interval"),
    ],
)
async def test_usage_that_cannot_be_had_is_refused(shared: Running, query: dict[str, str], phrase: str) -> None:
    """400, whatever the calendar."""
    answer = await shared.http.get("/usage/credits", params=query, headers=bearer(ADMIN))
    assert answer.status_code == 400
    assert phrase in answer.json()["message"]


async def test_keys_are_told_without_being_shown(shared: Running) -> None:
    """The engine's own, and those that have spent something; ids are those of usage."""
    own = id_of(KEY)
    page = (await shared.http.get("/api-keys", headers=bearer(ADMIN))).json()
    assert {"a", "b", own} == {key["id"] for key in page["data"]}
    assert (page["has_more"], page["next_page"]) == (False, None)
    first = (await shared.http.get("/api-keys", params={"limit": 1}, headers=bearer(ADMIN))).json()
    rest = (
        await shared.http.get("/api-keys", params={"starting_after": first["next_page"]}, headers=bearer(ADMIN))
    ).json()
    assert first["data"] + rest["data"] == page["data"]
    told = await shared.http.get("/api-keys/a", headers=bearer(ADMIN))
    assert told.json()["created_at"] == "2026-01-05T12:00:00Z"
    assert told.json()["last_used_at"] == "2026-01-12T12:00:00Z"
    assert KEY not in told.text + str(page)
    missing = await shared.http.get("/api-keys/nobody", headers=bearer(ADMIN))
    assert (missing.status_code, missing.json()["error_code"]) == (404, "api_key_not_found")
    assert (await shared.http.get("/api-keys/nobody", headers={**bearer(ADMIN), **OLD})).status_code == 404


async def test_speech_is_charged_once_it_was_sent_and_to_the_key_that_pays(tmp_path: Path) -> None:
    """About one credit a character; a token's speech is its key's; what fails or is not taken to its end is free."""
    async with running(tmp_path) as engine:
        token = (await engine.http.post("/access-token", json={"grants": {"tts": True}})).json()["token"]
        assert (await engine.http.post("/tts/bytes", json=speech("1234", output_format=WAV))).status_code == 200
        raw = await engine.http.post("/tts/bytes", json=speech('12345678<break time="1s"/>'), headers=bearer(token))
        assert raw.status_code == 200
        assert (await engine.http.post("/tts/sse", json=speech("12", model_id="sonic-3"))).status_code == 200
        left = ("left.wav", (await engine.http.post("/tts/bytes", json=speech(output_format=WAV))).content)
        for changes, files in (
            ({}, {"left_audio": left}), ({"voice_id": "nobody"}, {"left_audio": left}), ({}, {"left_audio": ("x", b"x")})
        ):  # fmt: skip
            form = {"model_id": "sonic-3", "language": "en", "transcript": "and", "voice_id": KATIE,
                    "output_format[container]": "wav", **changes}  # fmt: skip
            await engine.http.post("/infill/bytes", data=form, files=files)
        for body in (speech(""), speech(voice="nobody"), {}, speech(output_format={**RAW, "sample_rate": 1})):
            assert (await engine.http.post("/tts/bytes", json=body)).status_code >= 400
        for path in ("/tts/bytes", "/tts/sse"):
            async with engine.http.stream("POST", path, json=speech(LONG)) as answer:
                await anext(answer.aiter_raw())
        by_capability = await engine.credits(group_by="capability")
        sums = {one["id"]: sum(spending(one["buckets"]).values()) for one in by_capability["data"]}
        assert sums == {"tts": 4 + 9 + 2 + len("Good morning."), "infill": 303}
        by_key = await engine.credits(group_by="api_key")
        assert [one["id"] for one in by_key["data"]] == [id_of(KEY)]
        by_model = await engine.credits(group_by="model")
        assert [one["id"] for one in by_model["data"]] == ["sonic-3", "sonic-3.6"]


async def test_credits_that_are_spent_stop_what_costs_and_nothing_else(tmp_path: Path) -> None:
    """`--credits`: 402 `quota_exceeded` before any work; in text for older versions; usage stays."""
    async with running(tmp_path, credits=5) as engine:
        assert (await engine.http.post("/tts/bytes", json=speech("12345"))).status_code == 200
        for path in (
            "/tts/bytes",
            "/tts/sse",
            "/infill/bytes",
            "/stt",
            "/audio/transcriptions",
            "/voice-changer/bytes",
        ):
            answer = await engine.http.post(path, json=speech(""))
            assert (answer.status_code, answer.json()["error_code"]) == (402, "quota_exceeded")
        old = await engine.http.post("/tts/bytes", json=speech(), headers=OLD)
        assert (old.status_code, old.text.partition(":")[0]) == (402, "Payment Required")
        assert (await engine.handshake(headers={**bearer(KEY), **OLD}))[0] == 402
        assert (await engine.http.get("/voices")).status_code == 200
    async with running(tmp_path, credits=5) as again:
        assert (await again.http.post("/tts/bytes", json=speech("1"))).status_code == 200, "counted from the start"
        assert sum(spending((await again.credits())["data"]).values()) == 6


async def test_one_more_than_the_plan_allows_is_refused_and_slots_come_back(tmp_path: Path) -> None:
    """429 `concurrency_limited` on HTTP and on handshakes, by version; errors and vanished callers hold no slot."""
    async with running(tmp_path, tts_concurrency=1, stt_concurrency=1) as engine:
        limits = engine.machinery.limits
        async with engine.http.stream("POST", "/tts/bytes", json=speech(LONG)) as answer:
            chunks = answer.aiter_raw()  # kept, for what is dropped hangs up
            await anext(chunks)
            refused = await engine.http.post("/tts/sse", json=speech("Hi."))
            assert (refused.status_code, refused.json()["error_code"]) == (429, "concurrency_limited")
            old = await engine.http.post("/tts/bytes", json=speech("Hi."), headers=OLD)
            assert (old.status_code, old.text.partition(":")[0]) == (429, "Too Many Requests")
            assert (await engine.http.get("/voices")).status_code == 200
            assert (await engine.http.post("/stt")).status_code == 400, "hearing has slots of its own"
        with anyio.fail_after(10):  # the caller above has hung up, which takes a moment to be noticed
            while (await engine.http.post("/tts/sse", json=speech("Hi."))).status_code == 429:
                pass
        for _ in range(3):
            assert (await engine.http.post("/tts/bytes", json=speech(""))).status_code == 400
            assert (await engine.http.post("/tts/bytes", json=speech("Hi.", output_format=WAV))).status_code == 200
        with ExitStack() as taken:
            for _ in range(10):
                taken.enter_context(limits.sockets.one())
            taken.enter_context(limits.hearing.one())
            for path in ("/tts/websocket", "/stt/websocket", "/stt/turns/websocket"):
                status, body = await engine.handshake(path, headers={**bearer(KEY), "Cartesia-Version": "2026-08-14"})
                assert (status, "concurrency_limited" in body) == (429, True)
            status, body = await engine.handshake(headers={**bearer(KEY), **OLD})
            assert (status, body.partition(":")[0]) == (429, "Too Many Requests")
        assert limits.sockets.taken == limits.hearing.taken == limits.speech.taken == 0


def test_what_was_spent_survives_a_kill(tmp_path: Path) -> None:
    """A charge that was written is there after SIGKILL, and the next process goes on."""
    path = tmp_path / "usage.sqlite3"
    program = (
        "import os, signal, sys; from pathlib import Path; from sonant.engine.ledger import Ledger; "
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "for _ in range(300): ledger.charge('tts', 1, model=None, voice=None, caller=None)\n"
        "assert ledger.spent_by_day(0, 1e11)[0].credits == 300; os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False, env={**os.environ})
    assert ended.returncode == -signal.SIGKILL
    ledger = Ledger(path)
    ledger.charge("tts", 1, model=None, voice=None, caller=None)
    ledger.close()
    ledger.charge("tts", 1, model=None, voice=None, caller=None)
    assert [day.credits for day in ledger.spent_by_day(0, 1e11)] == [302]
    ledger.close()


def test_a_ledger_that_cannot_be_kept_costs_nobody_their_speech(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Book-keeping fails with a warning; the next charge is tried again."""
    folder = tmp_path / "here"
    folder.write_text("a file")
    ledger = Ledger(folder / "usage.sqlite3")
    ledger.charge("tts", 1, model=None, voice=None, caller=None)
    ledger._unwritten.join()
    assert "could not be written down" in caplog.text
    folder.unlink()
    ledger.charge("tts", 2, model=None, voice=None, caller=None)
    assert [day.credits for day in ledger.spent_by_day(0, 1e11)] == [2]
    ledger.close()
