"""Talking with a worker process: messages of JSON and bytes, one at a time, over its stdin and stdout.

Message, either way: u32 JSON length, u32 payload length, JSON, payload; u32 is little-endian. A worker sends one
unasked when it is ready. Workers end when their stdin closes, so none outlives us, however we end.
"""

import json
import os
import struct
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Self

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from sonant.errors import EngineError, EngineUnavailableError

Message = dict[str, Any]

_HEAD = struct.Struct("<II")
_EXIT_LIMIT_S = 1.0
"""Between the pipes closing and the exit lies less than a millisecond."""


class WorkerDiedError(EngineError):
    """The process ended, or hung and was ended, before it answered."""


def pack(message: Mapping[str, Any], payload: bytes = b"") -> bytes:
    body = json.dumps(message).encode()
    return _HEAD.pack(len(body), len(payload)) + body + payload


def read_message(file: BinaryIO) -> tuple[Message, bytes] | None:
    """The next message of a blocking pipe; None when it has closed."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    json_bytes, payload_bytes = _HEAD.unpack(head)
    body, payload = file.read(json_bytes), file.read(payload_bytes)
    if len(body) < json_bytes or len(payload) < payload_bytes:
        return None
    return json.loads(body), payload


def worker_environment() -> dict[str, str]:
    """Ours without our settings: no key goes where none is needed."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("CARTESIA_", "SONANT_"))}


class PipeProcess:
    """A worker process. After a failed or cancelled exchange it must be stopped and not used again."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = BufferedByteReceiveStream(process.stdout)
        self._has_ended = False

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str], *, ready_within_s: float) -> Self:
        """Start it and wait for its greeting.

        Raises:
            EngineUnavailableError: it cannot be started.
        """
        try:
            process = await anyio.open_process(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
        except OSError as error:
            raise EngineUnavailableError(f"A worker of the offline engine did not start: {error.strerror}.") from error
        worker = cls(process)
        try:
            await worker._receive(ready_within_s)
        except BaseException:
            await worker.stop()
            raise
        return worker

    async def exchange(
        self, message: Mapping[str, Any], payload: bytes = b"", *, within_s: float
    ) -> tuple[Message, bytes]:
        """Ask, and wait for the answer.

        Raises:
            WorkerDiedError: no answer will come, or none came in time.
        """
        try:
            await self._stdin.send(pack(message, payload))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            self._has_ended = True
            raise WorkerDiedError("A worker of the offline engine has ended.") from None
        return await self._receive(within_s)

    async def stop(self) -> None:
        """End it at once and wait until it is gone."""
        with anyio.CancelScope(shield=True):
            if self._has_ended:
                # To kill it now would first ask the system how it ended, before asyncio does, which then warns that
                # somebody has taken away the answer.
                with anyio.move_on_after(_EXIT_LIMIT_S):
                    await self._process.wait()
            if self._process.returncode is None:
                self._process.kill()
            await self._process.aclose()

    async def _receive(self, within_s: float) -> tuple[Message, bytes]:
        try:
            with anyio.fail_after(within_s):
                json_bytes, payload_bytes = _HEAD.unpack(await self._stdout.receive_exactly(_HEAD.size))
                body = await self._stdout.receive_exactly(json_bytes)
                payload = await self._stdout.receive_exactly(payload_bytes) if payload_bytes else b""
        except (anyio.IncompleteRead, anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._has_ended = True
            raise WorkerDiedError("A worker of the offline engine ended in the middle of its work.") from None
        except TimeoutError:
            raise WorkerDiedError("A worker of the offline engine hung.") from None
        return json.loads(body), payload
