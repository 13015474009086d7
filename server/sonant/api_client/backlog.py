"""The messages of one context that its reader has not taken yet: a little in memory, much on disk, and then no more.

A socket is shared. If it were left unread because one reader is slow, all the others would wait for that one, and the far
end's pings would go unanswered until it hangs up; a program that plays what it gets is slow by nature, since speech is
made faster than it is heard. So what a slow reader leaves goes to a temporary file, and the socket is read on. Only
when that file is full is the socket left alone until the reader catches up or goes away: memory never grows, disk is
bounded, and contexts begun meanwhile find another socket (lines.py).
"""

import json
import struct
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import anyio
import anyio.lowlevel

from sonant.errors import OutputError, SpeechError

_LENGTH = struct.Struct(">I")
_OVERHEAD_BYTES = 512
"""Of a message, however short."""


@dataclass(frozen=True)
class Budget:
    """What one context may keep waiting."""

    memory_bytes: int = 256 * 1024
    """About two seconds of speech in the highest quality."""
    disk_bytes: int = 256 * 1024 * 1024
    """About half an hour of it."""


Arrived = Callable[[dict[str, Any]], None]
"""Told of a message when it comes, which may be long before it is taken."""


class Backlog:
    """Messages in, by whoever reads the socket; messages out, to the one reader of the context."""

    def __init__(self, budget: Budget, arrived: Arrived) -> None:
        self._budget = budget
        self._arrived = arrived
        self._held: deque[tuple[dict[str, Any], int]] = deque()
        self._held_bytes = 0
        self._file: IO[bytes] | None = None
        self._read_at = self._write_at = 0
        self._ending: SpeechError | None = None
        self._is_closed = False
        self._arrival = anyio.Event()
        self._room = anyio.Event()
        self._room.set()

    @property
    def is_full(self) -> bool:
        return not self._room.is_set()

    async def room(self) -> None:
        """Wait until there is room again, or nobody reads any more."""
        await self._room.wait()

    def put(self, message: dict[str, Any], text: str) -> None:
        """Keep a message, parsed and as it came."""
        if self._is_closed or self._ending is not None:
            return
        self._arrived(message)
        size = len(text) + _OVERHEAD_BYTES
        if self._file is None and self._held_bytes + size <= max(self._budget.memory_bytes, size):
            self._held.append((message, size))
            self._held_bytes += size
        else:
            try:
                self._spill(text.encode())
            except OSError:
                self.end(OutputError("There is no room on the disk for speech that waits to be used."))
                return
            if self._write_at - self._read_at >= self._budget.disk_bytes:
                self._room = anyio.Event()
        self._arrival.set()

    def end(self, failure: SpeechError) -> None:
        """Nothing more will come; what came can still be taken."""
        self._ending = self._ending or failure
        self._arrival.set()
        self._room.set()

    def close(self) -> None:
        """Nobody will take anything more."""
        self._is_closed = True
        self._held.clear()
        self._drop_file()
        self._room.set()

    async def get(self) -> dict[str, Any]:
        """The next message. Cancelling it loses nothing.

        Raises:
            SpeechError: why there is none any more.
        """
        while True:
            await anyio.lowlevel.checkpoint()
            if self._held:
                message, size = self._held.popleft()
                self._held_bytes -= size
                return message
            if self._file is not None:
                return self._unspill()
            if self._ending is not None:
                raise self._ending
            self._arrival = anyio.Event()
            await self._arrival.wait()

    def _spill(self, data: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="sonant-")
        self._file.seek(self._write_at)
        self._file.write(_LENGTH.pack(len(data)) + data)
        self._write_at = self._file.tell()

    def _unspill(self) -> dict[str, Any]:
        assert self._file is not None
        self._file.seek(self._read_at)
        data = self._file.read(_LENGTH.unpack(self._file.read(_LENGTH.size))[0])
        self._read_at = self._file.tell()
        if self._write_at - self._read_at <= self._budget.disk_bytes // 2:
            self._room.set()
        if self._read_at == self._write_at:
            self._drop_file()
        message: dict[str, Any] = json.loads(data)
        return message

    def _drop_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
        self._read_at = self._write_at = 0
