"""The shipped command as a host runs it: a real process, raw lines of JSON on its pipes, a deadline on every wait."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

PATIENCE_S = 30.0
"""No wait lasts longer; a machine under load is slow, a broken server is silent."""

SONANT = [sys.executable, "-m", "sonant"]

LEGACY = "2025-11-25"
MODERN = "2026-07-28"

LONG_TEXT = "The quick brown fox jumps over the lazy dog, and then it sits down to rest for a while. " * 3000
"""Four hours of speech: nobody waits for its end."""


@dataclass(frozen=True)
class Home:
    """A person's folders, and the environment a command sees there: nothing of ours but what a test adds."""

    root: Path

    @property
    def output(self) -> Path:
        return self.root / "Sonant"

    def environ(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "LANG") if name in os.environ}
        home = str(self.root)
        return {**kept, "HOME": home, "USERPROFILE": home, "SONANT_DATA_DIR": str(self.root / "data"), **more}

    def files(self) -> list[Path]:
        """Everything on disk here."""
        return sorted(path for path in self.root.rglob("*") if path.is_file())

    def parts(self) -> list[Path]:
        return list(self.output.glob(".sonant-*.part"))

    def run(self, *args: str, stdin: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """The command `sonant ARGS`, to its end."""
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run(
            [*SONANT, *args],
            env=self.environ(**more),
            cwd=self.root,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_S,
            **given,
        )


class Command:
    """A process of ours with its output read line by line."""

    def __init__(self, home: Home, command: Iterable[str], environ: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            list(command),
            env=home.environ() if environ is None else environ,
            cwd=home.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.said = ""
        """What came on stderr."""
        self.out: queue.Queue[str | None] = queue.Queue()
        """Lines of stdout; None at its end."""
        self.err: queue.Queue[str | None] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(pipe, lines), daemon=True)
            for pipe, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> "Command":
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.family(), self.process]:
            process.kill()
        self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):  # what was still to be sent has no reader
                pipe.close()  # type: ignore[union-attr]

    def _read(self, pipe: Any, lines: "queue.Queue[str | None]") -> None:
        for line in pipe:
            if lines is self.err:
                self.said += line
            lines.put(line)
        lines.put(None)

    def line(self, lines: "queue.Queue[str | None]") -> str:
        """The next line; fails when there is none."""
        line = lines.get(timeout=PATIENCE_S)
        assert line is not None, f"it ended: {self.said}"
        return line

    def family(self) -> list[psutil.Process]:
        """Every process it started, and theirs."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def wait(self) -> int:
        return self.process.wait(PATIENCE_S)


class Host(Command):
    """A host that has connected, in one of the two protocol eras."""

    def __init__(
        self,
        home: Home,
        era: str = LEGACY,
        command: Iterable[str] = SONANT,
        environ: dict[str, str] | None = None,
    ) -> None:
        super().__init__(home, command, environ)
        self.era = era
        self.told: list[dict[str, Any]] = []
        """Notifications that came."""
        self._ids = 0
        self._early: dict[int, dict[str, Any]] = {}
        if era == LEGACY:
            client = {"protocolVersion": era, "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
            self.hello = self.ask("initialize", client)
            self.write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        else:
            self.hello = self.ask("server/discover", {})

    def __enter__(self) -> "Host":
        return self

    def write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def send(self, method: str, params: dict[str, Any]) -> int:
        """Ask; the id to wait for. Each request's id is its progress token."""
        self._ids += 1
        meta: dict[str, Any] = {"progressToken": self._ids}
        if self.era == MODERN:
            prefix = "io.modelcontextprotocol/"
            meta |= {
                f"{prefix}protocolVersion": MODERN,
                f"{prefix}clientCapabilities": {},
                f"{prefix}clientInfo": {"name": "host", "version": "1"},
            }
        self.write({"jsonrpc": "2.0", "id": self._ids, "method": method, "params": {**params, "_meta": meta}})
        return self._ids

    def call(self, tool: str, **arguments: object) -> int:
        return self.send("tools/call", {"name": tool, "arguments": arguments})

    def receive(self) -> dict[str, Any]:
        """The next message. Whatever else is on stdout is not one, and fails."""
        message: dict[str, Any] = json.loads(self.line(self.out))
        assert message["jsonrpc"] == "2.0"
        if "id" in message:
            self._early[message["id"]] = message
        else:
            self.told.append(message)
        return message

    def answer(self, request: int) -> dict[str, Any]:
        """The result of a request."""
        while request not in self._early:
            self.receive()
        message = self._early.pop(request)
        assert "result" in message, message
        result: dict[str, Any] = message["result"]
        return result

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return self.answer(self.send(method, params))

    def ask_tool(self, tool: str, **arguments: object) -> dict[str, Any]:
        return self.answer(self.call(tool, **arguments))

    def rest(self) -> list[dict[str, Any]]:
        """What is still said until stdout closes; every line of it a message."""
        while (line := self.out.get(timeout=PATIENCE_S)) is not None:
            message = json.loads(line)
            assert message["jsonrpc"] == "2.0"
            self.told.append(message)
        return self.told


def text_of(result: dict[str, Any]) -> str:
    return str(result["content"][0]["text"])


def eventually(holds: Callable[[], bool], within_s: float = PATIENCE_S) -> bool:
    """Look until it holds or time is up: for what other processes do, of which nobody tells us."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def gone(processes: Iterable[psutil.Process], within_s: float = 2.0) -> bool:
    """Whether all have ended; one that nobody has waited for yet has."""

    def ended(process: psutil.Process) -> bool:
        try:
            return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    waiting = list(processes)
    return eventually(lambda: all(ended(process) for process in waiting), within_s)
