"""Whatever worker the engine has at work when the server goes: it goes too."""

import signal
import sys

import psutil
import pytest

from process_kit import Home, Host, eventually, gone, text_of
from sonant.engine.recognition import Recogniser

STORY = "She had your dark suit in greasy wash water all year, and nobody asked her why she did it. " * 20


def _at_work(host: Host, word: str) -> bool:
    """Whether a worker that is called so runs."""
    try:
        return any(word in " ".join(process.cmdline()) for process in host.family())
    except psutil.Error:  # one ended while we looked
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="these are the signals of POSIX")
@pytest.mark.parametrize("end", ["stdin closed", "SIGKILL"])
def test_recognisers_and_fitting_end_with_the_server(end: str, home: Home) -> None:
    """In the middle of transcribing and cloning at once: the host goes away, or the server is killed."""
    if not Recogniser().available():
        pytest.skip("this Python has no recogniser")
    with Host(home) as host:
        spoken = host.ask_tool("text_to_speech", transcript=STORY, filename="story", format="wav")
        assert not spoken.get("isError"), text_of(spoken)
        host.call("transcribe", audio="story.wav")
        assert eventually(lambda: _at_work(host, "sphinx_worker"))
        host.call("clone_voice", audio="story.wav", name="Someone")
        assert eventually(lambda: _at_work(host, "workbench"))
        family = host.family()
        if end == "SIGKILL":
            host.process.send_signal(signal.SIGKILL)
        else:
            assert host.process.stdin is not None
            host.process.stdin.close()
        host.wait()
        assert gone(family)
    assert home.parts() == []


def test_work_that_became_a_job_ends_with_the_server(home: Home) -> None:
    """A job outlives its call, not its process."""
    with Host(home, environ=home.environ(SONANT_CALL_LIMIT_S="1")) as host:
        result = host.ask_tool("text_to_speech", transcript="This goes on and on, and on, and on. " * 8000)
        assert result["structuredContent"]["status"] == "running"
        family = host.family()
        assert family != []
        assert host.process.stdin is not None
        host.process.stdin.close()
        assert host.wait() == 0
        assert gone(family)
    assert home.parts() == []


def test_a_killed_worker_costs_one_sentence_not_the_server(home: Home) -> None:
    """The speech worker dies; the next call is answered by a new one."""
    with Host(home) as host:
        host.ask_tool("text_to_speech", transcript="Hello.")
        before = host.family()
        for process in before:
            process.kill()
        assert gone(before)
        again = host.ask_tool("text_to_speech", transcript="Hello again.")
        assert not again.get("isError"), text_of(again)
