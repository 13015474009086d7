"""A planted key, and what was to be spoken, appear in no failure, repr or log."""

import logging
import traceback
from collections.abc import Callable

import pytest

from client_kit import CALLS, INFILL, KEY, PAYING, QUICK, TRANSCRIPT, client_for, speak
from scripted import (
    AUDIO,
    Exchange,
    Reply,
    ScriptedServer,
    Step,
    data,
    events,
    hang_up,
    refusal,
    refused_url,
    silence,
    web_page,
)
from sonant.api_client.connection import Call, Connection, Effect
from sonant.errors import SettingsError, SpeechError

ECHO = f"key {KEY} (Bearer {KEY}) cannot say: {TRANSCRIPT}"

ECHOES: dict[str, Step] = {
    "json error": data(
        {"title": ECHO, "message": ECHO, "error_code": KEY, "request_id": KEY},
        status=401,
        headers={"X-Request-ID": KEY},
    ),
    "text error": Reply(400, ECHO.encode(), {"X-Request-ID": KEY}),
    "escaped error": Reply(400, ('{"message": "' + "".join(f"\\u{ord(c):04x}" for c in ECHO) + '"}').encode()),
    "server error": refusal(500, message=ECHO),
    "rate limit": refusal(429, message=ECHO, retry_after=9999),
    "error event": events({"type": "error", "status_code": 400, "title": ECHO, "message": ECHO, "request_id": KEY}),
    "bad event": events(f"data: {ECHO}\n\n"),
    "bad json": Reply(200, ECHO.encode(), {"Content-Type": "application/json"}),
    "redirect": Reply(302, headers={"Location": f"https://elsewhere.example/{KEY}"}),
    "page": web_page(),
    "cut": Reply(200, ECHO.encode(), AUDIO, length=5000, ending="close"),
    "hang up": hang_up,
    "silence": silence,
}


@pytest.mark.parametrize("name", ECHOES)
@pytest.mark.parametrize("call", PAYING)
async def test_no_failure_holds_the_key_or_the_transcript(
    name: str, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the far end echoes: not in the text, the fields, the traceback as printed, or any log."""
    caplog.set_level(logging.DEBUG)
    async with ScriptedServer(otherwise=ECHOES[name]) as server, client_for(server, deadlines=QUICK) as client:
        with pytest.raises(SpeechError) as caught:
            await CALLS[call](client)
        shown = [repr(client), str(client)]
        assert any(KEY in value for value in server.requests[0].headers.values()), "the key was planted"
    failure = caught.value
    shown += [str(failure), repr(failure), str(vars(failure)), "".join(traceback.format_exception(failure))]
    # At DEBUG, httpcore logs the headers of answers: there a far end that echoes a key in a header is on its own.
    shown += [record.getMessage() for record in caplog.records if "receive_response_headers" not in record.getMessage()]
    assert failure.__cause__ is None
    for text in shown:
        assert KEY not in text
        if call != "transcribe":  # it sends no transcript, so it cannot know one
            assert TRANSCRIPT[:20] not in text


async def test_a_failure_to_connect_holds_no_key(caplog: pytest.LogCaptureFixture) -> None:
    """httpx keeps the request, headers and all, on its exceptions: none of them is a cause of ours."""
    caplog.set_level(logging.DEBUG)
    async with client_for(refused_url()) as client:
        with pytest.raises(SpeechError) as caught:
            await speak(client)
    shown = "".join(traceback.format_exception(caught.value))
    assert "httpx." not in shown
    assert KEY not in shown + caplog.text


async def test_keys_of_others_are_masked_too() -> None:
    """A far end that confuses its customers does not make us pass that on."""
    other = "sk_car_somebody_else"
    async with ScriptedServer(refusal(401, message=f"not {other}")) as server, client_for(server) as client:
        with pytest.raises(SpeechError, match="not …") as caught:
            await speak(client)
    assert other not in str(caught.value)


async def test_a_quoted_beginning_of_the_transcript_is_masked() -> None:
    """Services like to quote the first words of what they refuse."""
    told = f"cannot speak '{TRANSCRIPT[:30]}...': too odd"
    async with ScriptedServer(refusal(400, message=told)) as server, client_for(server) as client:
        with pytest.raises(SpeechError) as caught:
            await speak(client)
    assert "nutmeg" not in str(caught.value)
    assert "ingredient" not in str(caught.value)
    assert "cannot speak" in str(caught.value)


@pytest.mark.parametrize("key", ["sk_car_ä", "sk_car_a b", "sk_car_a\n", "sk_car_a\r\nX-Evil: 1", "sk\x00"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(key: str) -> None:
    """A line break in a pasted key is the reader's to mend; encoding errors would quote it."""
    with pytest.raises(SettingsError) as caught:
        Connection("https://api.cartesia.ai", key)
    assert caught.value.variable == "CARTESIA_API_KEY"
    assert key not in "".join(traceback.format_exception(caught.value))


REPRS: dict[str, Callable[[], object]] = {
    "connection": lambda: Connection("https://api.cartesia.ai", KEY),
    "client": lambda: client_for("https://api.cartesia.ai"),
    "call": lambda: Call("POST", "/x", Effect.PAYS, json={"transcript": TRANSCRIPT}, form=INFILL.to_form(),
                         transcript=TRANSCRIPT),
}  # fmt: skip


@pytest.mark.parametrize("name", REPRS)
def test_no_repr_holds_the_key_or_the_transcript(name: str) -> None:
    """What a debugger or a log prints by accident."""
    shown = repr(REPRS[name]())
    assert KEY not in shown
    assert TRANSCRIPT not in shown


def test_a_short_key_does_not_blot_out_words() -> None:
    """`test` is accepted by the engine as a key; masking it would garble sentences."""
    assert Connection("http://127.0.0.1:1", "test").mask("the latest test") == "the latest test"


async def test_loopback_uses_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ends of one machine need nobody between them."""

    async def never(exchange: Exchange) -> None:
        pytest.fail("the proxy was asked")

    good = data({"ok": True})
    async with ScriptedServer(otherwise=never) as proxy, ScriptedServer(good) as server:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, proxy.base_url)
        async with client_for(server) as client:
            await client.status()
        assert proxy.connections == 0
