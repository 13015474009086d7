"""When a request is sent again, how long it waits first, and when it gives up."""

import io
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import anyio.abc
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_kit import CALLS, CHANGING, CLONE, PAYING, QUICK, READING, VOICE, client_for, speak
from scripted import Reply, ScriptedServer, Step, data, events, hang_up, refusal, refused_url, silence, speech
from sonant.api_client.client import Upload
from sonant.api_client.connection import Deadlines
from sonant.api_client.failures import readable_wait, retry_after_s
from sonant.api_client.retry import Course, Effect, Retry
from sonant.errors import APIConnectionError, APITimeoutError, RateLimitError, ServerError, SpeechError

GOOD: dict[str, Step] = {
    "speak": speech(0.1),
    "infill": speech(0.1),
    "speak_with_times": events({"type": "done", "done": True}),
    "transcribe": data({"type": "transcript", "text": "hello"}),
    "list_voices": data({"data": []}),
    "list_accents": data({"accents": []}),
    "delete_voice": Reply(204),
}
VOICE_REPLY = data({"id": VOICE, "name": "Ada"})
BUSY = refusal(429, code="concurrency_limited")


async def requests_of(call: str, *script: Step) -> int:
    """How many requests a call makes when it is answered so, and then well; the call must succeed."""
    good = GOOD.get(call, VOICE_REPLY)
    async with ScriptedServer(*script, otherwise=good) as server, client_for(server) as client:
        await CALLS[call](client)
        return len(server.requests)


@pytest.mark.parametrize("call", [*PAYING, *READING])
@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_a_passing_trouble_is_asked_again(call: str, status: int) -> None:
    """429 and 5xx (and 408) answered before any audio are retried; failed requests cost nothing."""
    assert await requests_of(call, refusal(status), refusal(status)) == 3


@pytest.mark.parametrize("call", CHANGING)
async def test_what_creates_something_is_asked_again_only_after_429(call: str) -> None:
    """A 5xx may have made the voice; a 429 has not."""
    assert await requests_of(call, refusal(429), refusal(429)) == 3
    async with ScriptedServer(refusal(500), otherwise=VOICE_REPLY) as server, client_for(server) as client:
        with pytest.raises(ServerError):
            await CALLS[call](client)
        assert len(server.requests) == 1


@pytest.mark.parametrize("call", CHANGING)
async def test_what_creates_something_is_asked_again_when_nobody_was_there(call: str) -> None:
    """A connection that was never made has created nothing: the far end starts between two attempts."""
    port = int(refused_url().rpartition(":")[2])
    patient = Retry(attempts=50, base_s=0.02, cap_s=0.02)
    async with client_for(f"http://127.0.0.1:{port}", retry=patient) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(CALLS[call], client)
        await anyio.wait_all_tasks_blocked()
        async with ScriptedServer(otherwise=VOICE_REPLY, port=port) as server:
            await server.until_requests(1)
            await server.until(lambda: server.open_connections == 1)


@pytest.mark.parametrize("call", PAYING)
async def test_a_paid_request_that_was_never_answered_is_sent_once_more(call: str) -> None:
    """It may have been paid for: one more is the most."""
    assert await requests_of(call, hang_up) == 2
    async with ScriptedServer(otherwise=hang_up) as server, client_for(server) as client:
        with pytest.raises(APIConnectionError):
            await CALLS[call](client)
        assert len(server.requests) == 2


async def test_different_troubles_share_one_budget() -> None:
    """Two resends in all, whatever the reasons."""
    async with ScriptedServer(refusal(500), hang_up, otherwise=refusal(503)) as server, client_for(server) as client:
        with pytest.raises(ServerError):
            await speak(client)
        assert len(server.requests) == 3


async def test_an_upload_is_sent_whole_again() -> None:
    """The file is rewound for every attempt."""
    async with ScriptedServer(refusal(429), hang_up, otherwise=VOICE_REPLY) as server, client_for(server) as client:
        with pytest.raises(SpeechError):
            await client.clone_voice(CLONE, Upload(io.BytesIO(b"sound" * 100_000), "a.wav", "audio/wav"))
    first, second = (request.files["clip"] for request in server.requests)
    assert (first.size, first.sha256) == (second.size, second.sha256)
    assert first.size == 500_000


async def test_waiting_for_a_slot_uses_up_no_attempt() -> None:
    """`concurrency_limited` is a queue: six times busy, two failures, and it still gets through."""
    assert await requests_of("speak", *[BUSY] * 6, refusal(500), refusal(500)) == 9


async def test_waiting_for_a_slot_ends_at_the_deadline() -> None:
    """Then it says that the account is busy."""
    async with ScriptedServer(otherwise=BUSY) as server:
        async with client_for(server, retry=Retry(base_s=0.02), deadline_s=0.3) as client:
            with pytest.raises(RateLimitError, match="Too many requests run at once") as caught:
                await speak(client)
        assert caught.value.error_code == "concurrency_limited"
        assert 3 <= len(server.requests) <= 20


async def test_a_short_retry_after_is_honoured() -> None:
    """It is waited for, not guessed at: the backoff alone would have been a minute."""
    slow = Retry(base_s=60, cap_s=60)
    start = anyio.current_time()
    async with ScriptedServer(
        refusal(429, retry_after=0.2), refusal(503, retry_after=0.1), otherwise=speech(0.1)
    ) as server:
        async with client_for(server, retry=slow) as client:
            await speak(client)
        assert len(server.requests) == 3
    assert 0.3 <= anyio.current_time() - start < 5


async def test_a_wait_in_milliseconds_is_honoured() -> None:
    """`retry-after-ms` is what Cartesia's SDK reads first (contract §1.3)."""
    step = refusal(429, headers={"retry-after-ms": "50"})
    async with ScriptedServer(step, otherwise=speech(0.1)) as server:
        async with client_for(server, retry=Retry(base_s=60, cap_s=60)) as client:
            await speak(client)
        assert len(server.requests) == 2


@pytest.mark.parametrize("code", [None, "concurrency_limited"])
async def test_a_long_retry_after_is_told_at_once(code: str | None) -> None:
    """A wait that does not fit the deadline is the reader's to make; the sentence says when."""
    async with (
        ScriptedServer(otherwise=refusal(429, code=code, retry_after=3600)) as server,
        client_for(server) as client,
    ):
        with pytest.raises(RateLimitError, match=r"Try again in 60 minutes\.") as caught:
            await speak(client)
        assert len(server.requests) == 1
    assert caught.value.retry_after_s == 3600


async def test_a_resend_after_silence_must_have_time_for_its_answer() -> None:
    """A second paid request that would be cut off by the deadline is not begun."""
    async with (
        ScriptedServer(otherwise=silence) as server,
        client_for(server, deadlines=QUICK, deadline_s=0.3) as client,
    ):
        with pytest.raises(APITimeoutError):
            await speak(client)
        assert len(server.requests) == 1


async def test_the_deadline_ends_a_resend() -> None:
    """However patient the first byte may be, no answer means no later than the deadline."""
    start = anyio.current_time()
    async with ScriptedServer(refusal(500), otherwise=silence) as server, client_for(server, deadline_s=0.3) as client:
        with pytest.raises(APITimeoutError):
            await speak(client)
        assert len(server.requests) == 2
    assert anyio.current_time() - start < 5


async def test_a_long_recording_may_keep_us_waiting() -> None:
    """The first byte of a transcript comes after all of the recording has been heard."""
    late = replace(data({"type": "transcript", "text": "hello"}), think_s=0.4)
    upload = Upload(io.BytesIO(b"x"), "a.wav", "audio/wav")
    async with ScriptedServer(late) as server, client_for(server, deadlines=QUICK, deadline_s=0.2) as client:
        assert (await client.transcribe(upload, duration_s=60)).text == "hello"


async def test_time_spent_sending_does_not_count() -> None:
    """A recording that takes longer to upload than the deadline is still answered."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            time.sleep(0.05)  # in its own thread: a slow disk
            return super().read(size)

    upload = Upload(Slow(bytes(400_000)), "a.wav", "audio/wav")
    good = data({"type": "transcript", "text": "hello"})
    deadlines = Deadlines(first_byte_s=0.25, silence_s=1)
    async with ScriptedServer(good) as server, client_for(server, deadlines=deadlines, deadline_s=0.25) as client:
        start = anyio.current_time()
        assert (await client.transcribe(upload)).text == "hello"
        assert anyio.current_time() - start > 0.3


async def test_an_upload_that_nobody_takes_is_given_up() -> None:
    """Silence has a deadline while sending, too; and then the socket is closed."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with client_for(f"http://127.0.0.1:{port}", deadlines=QUICK) as client:
            with pytest.raises(APITimeoutError, match="took nothing"):
                await client.clone_voice(CLONE, Upload(io.BytesIO(bytes(30_000_000)), "a.wav", "audio/wav"))


# The arithmetic


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_backoff_is_capped_and_never_negative(resends: int, jitter: float) -> None:
    """Doubling, with a share left to chance, up to the cap."""
    wait_s = Retry(base_s=0.5, cap_s=8, jitter=jitter).backoff_s(resends)
    assert 0 <= wait_s <= 8
    assert wait_s >= min(8, 0.5 * 2 ** min(resends, 10)) * (1 - jitter) - 1e-9


def test_a_wait_that_reaches_the_deadline_is_not_begun() -> None:
    """Waiting only to give up helps nobody."""
    course = Course(Retry(base_s=4, jitter=0), Effect.READS, deadline=10, first_byte_s=1)
    failure = ServerError("no", status_code=500)
    assert course.wait_s(failure, sent=True, now=5.9) == 4
    assert course.wait_s(failure, sent=True, now=5.9) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-1"}, 0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({}, None),
    ],
)
def test_every_form_of_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    """RFC 9110 §10.2.3: seconds, or a date."""
    assert retry_after_s(httpx.Headers(headers)) == seconds


def test_a_date_in_the_future_is_so_many_seconds_away() -> None:
    """The other form of Retry-After."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after_s(httpx.Headers({"Retry-After": soon})) == pytest.approx(90, abs=5)


def test_a_wait_is_told_in_words() -> None:
    """Nobody counts in thousands of seconds."""
    assert [readable_wait(s) for s in (0.2, 1, 45, 120, 7200)] == [
        "1 second",
        "1 second",
        "45 seconds",
        "2 minutes",
        "2 hours",
    ]
