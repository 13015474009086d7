"""Worker processes are started, asked and ended without losing track of them."""

import logging
import sys

import pytest

from sonant.engine.pipes import PipeProcess, WorkerDiedError, worker_environment

_DIES_WHEN_ASKED = """
import os, sys, time
os.write(1, b"\\x02\\0\\0\\0" + b"\\0\\0\\0\\0" + b"{}")
sys.stdin.buffer.read(1)
os.close(1)
time.sleep(0.05)  # as a system does that is slow to take a dead process apart
os._exit(7)
"""


async def test_how_a_worker_ended_is_left_to_asyncio_to_learn(caplog: pytest.LogCaptureFixture) -> None:
    """One that has ended by itself is not killed as well, so nobody logs an unknown child process."""
    command = [sys.executable, "-I", "-S", "-c", _DIES_WHEN_ASKED]
    worker = await PipeProcess.start(command, worker_environment(), ready_within_s=10)
    with pytest.raises(WorkerDiedError):
        await worker.exchange({}, within_s=10)
    await worker.stop()
    assert worker._process.returncode == 7
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
