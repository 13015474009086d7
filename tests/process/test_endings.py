"""However it ends, whatever it was doing: soon, with the right status, and nothing of it left behind."""

import os
import signal
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from process_kit import LONG_TEXT, SONANT, Command, Home, Host, eventually, gone

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these are the signals of POSIX")

SOON_S = 2.0
"""It promises one; a loaded machine may take another."""


def _close(host: Host) -> None:
    assert host.process.stdin is not None
    host.process.stdin.close()


def _signal(number: int) -> Callable[[Host], None]:
    return lambda host: host.process.send_signal(number)


ENDINGS = {
    "stdin closed": (_close, 0),
    "SIGTERM": (_signal(signal.SIGTERM), 128 + signal.SIGTERM),
    "SIGINT": (_signal(signal.SIGINT), 128 + signal.SIGINT),
    "SIGKILL": (_signal(signal.SIGKILL), -signal.SIGKILL),
}


def _idle(host: Host) -> None:
    assert host.family() == []


def _engine_up(host: Host) -> None:
    assert not host.ask_tool("text_to_speech", transcript="Hello.").get("isError")
    assert host.family() != [], "the engine's workers should wait for more"


def _in_a_call(host: Host) -> None:
    host.call("text_to_speech", transcript=LONG_TEXT)
    while not any(told["params"]["progress"] > 0 for told in host.told):
        host.receive()
    assert host.family() != []


DOING = {"idle": _idle, "engine up": _engine_up, "in a call": _in_a_call}


@pytest.mark.parametrize("doing", DOING)
@pytest.mark.parametrize("ending", ENDINGS)
def test_it_ends_soon_and_leaves_no_process_and_no_part(ending: str, doing: str, home: Home) -> None:
    """stdin closed, SIGTERM, SIGINT, SIGKILL: idle, with the engine up, in the middle of a call."""
    end, code = ENDINGS[ending]
    with Host(home) as host:
        DOING[doing](host)
        family = host.family()
        assert bool(home.parts()) == (doing == "in a call")
        began = time.monotonic()
        end(host)
        assert host.wait() == code
        took_s = time.monotonic() - began
        assert gone(family), "a worker outlived the server"
        host.rest()
        assert "Traceback" not in host.said
    assert took_s < SOON_S
    if ending != "SIGKILL":
        assert home.parts() == []


def test_parts_of_a_killed_server_go_when_the_next_one_works(home: Home) -> None:
    """Nobody tidies up after SIGKILL but the next server, once a part is old and nobody holds it."""
    with Host(home) as host:
        _in_a_call(host)
        host.process.kill()
        host.wait()
    (part,) = home.parts()
    os.utime(part, (time.time() - 7200,) * 2)
    with Host(home) as host:
        assert not host.ask_tool("text_to_speech", transcript="Hello.").get("isError")
        assert eventually(lambda: not part.exists())


def test_a_cancelled_call_leaves_no_part_and_the_server_goes_on(home: Home) -> None:
    """The host gives up on one call; the next one is answered."""
    with Host(home) as host:
        _in_a_call(host)
        host.write(
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2, "reason": "enough"}}
        )
        assert eventually(lambda: not home.parts(), 5)
        assert not host.ask_tool("text_to_speech", transcript="Hello.").get("isError")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["call", "engine", "http", "sse"])
def test_every_command_heeds_the_signals(command: str, number: int, home: Home) -> None:
    """The same for all four: cancelled, closed, gone, with the status that tells which signal it was."""
    args = {
        "call": ["call", "text_to_speech", f"transcript={LONG_TEXT[:100_000]}"],
        "engine": ["engine"],
        "http": ["serve", "--transport", "http", "--port", "0"],
        "sse": ["serve", "--transport", "sse", "--port", "0"],
    }[command]
    with Command(home, [*SONANT, *args]) as running:
        if command == "engine":
            running.line(running.out)
        elif command == "call":
            assert eventually(lambda: bool(home.parts()))
        else:
            running.line(running.err)
        family: list[psutil.Process] = running.family()
        began = time.monotonic()
        running.process.send_signal(number)
        assert running.wait() == 128 + number
        assert time.monotonic() - began < SOON_S
        assert gone(family)
    assert home.parts() == []
    assert "Traceback" not in running.said
