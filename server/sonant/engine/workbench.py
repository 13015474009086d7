"""Seconds of arithmetic in a process of its own: fitting a voice, fitting speech into a recording, changing its voice.

`python -P -m sonant.engine.workbench` answers messages of pipes.py; their payload is float32 samples, one clip after
the other. It ends when its stdin closes, also in the middle of its work.
"""

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from sonant.audio.pcm import Samples
from sonant.engine.pipes import Message, PipeProcess, pack, read_message, worker_environment
from sonant.errors import AudioInputError, EngineError, SpeechError

_START_LIMIT_S, _WORK_LIMIT_S = 30.0, 120.0

Job = Callable[[Message, list[Samples]], tuple[Message, list[Samples]]]


class Workbench:
    """The process, for as long as the context lasts. Leaving it, cancelled or not, ends the process."""

    async def __aenter__(self) -> Self:
        package_root = str(Path(__file__).parents[2])
        environment = worker_environment() | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": package_root}
        command = [sys.executable, "-P", "-m", "sonant.engine.workbench"]
        self._process = await PipeProcess.start(command, environment, ready_within_s=_START_LIMIT_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._process.stop()

    async def run(
        self, job: str, details: Message, clips: Sequence[Samples], *, within_s: float = _WORK_LIMIT_S
    ) -> tuple[Message, list[Samples]]:
        """Do one of `jobs()`.

        Raises:
            AudioInputError: the clips are no use, as the job says.
            EngineError: it failed.
        """
        message = {"job": job, "details": details, "frames": [len(clip) for clip in clips]}
        payload = b"".join(np.asarray(clip, "<f4").tobytes() for clip in clips)
        reply, result = await self._process.exchange(message, payload, within_s=within_s)
        if "error" in reply:
            failure = AudioInputError if reply["is_input_error"] else EngineError
            raise failure(reply["error"], hint=reply["hint"])
        return reply["details"], _split(result, reply["frames"])


def jobs() -> dict[str, Job]:
    from sonant.engine import cloning, conversion, infilling, training

    return {
        "fit": cloning.fit_job,
        "blend": infilling.blend_job,
        "liken": conversion.liken_job,
        "plan": conversion.plan_job,
        "convert": conversion.convert_job,
        "train": training.train_job,
    }


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # our parent decides when we end
    todo: queue.SimpleQueue[tuple[Message, bytes]] = queue.SimpleQueue()
    known = jobs()
    _send({})
    threading.Thread(target=_read_jobs, args=(todo,), daemon=True).start()
    while True:
        message, payload = todo.get()
        try:
            details, clips = known[message["job"]](message["details"], _split(payload, message["frames"]))
        except SpeechError as error:
            _send({"error": error.message, "hint": error.hint, "is_input_error": isinstance(error, AudioInputError)})
        else:
            payload = b"".join(np.asarray(clip, "<f4").tobytes() for clip in clips)
            _send({"details": details, "frames": [len(clip) for clip in clips]}, payload)


def _read_jobs(todo: "queue.SimpleQueue[tuple[Message, bytes]]") -> None:
    while (message := read_message(sys.stdin.buffer)) is not None:
        todo.put(message)
    os._exit(0)


def _send(message: dict[str, Any], payload: bytes = b"") -> None:
    try:
        sys.stdout.buffer.write(pack(message, payload))
        sys.stdout.buffer.flush()
    except OSError:
        os._exit(0)


def _split(payload: bytes, frames: Sequence[int]) -> list[Samples]:
    samples = np.frombuffer(payload, "<f4")
    return [np.array(clip, np.float32) for clip in np.split(samples, np.cumsum(frames)[:-1])]


if __name__ == "__main__":
    main()
