"""Importing anything reads, opens and prints nothing, and starting loads nothing that only a call needs."""

import os
import subprocess
import sys

_BARE = {"SYSTEMROOT": os.environ["SYSTEMROOT"]} if "SYSTEMROOT" in os.environ else {}
"""An empty environment; Windows cannot start a program without that one variable."""

_IMPORT_ALL = """
import os, pkgutil, importlib, sys
seen = []
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
ACTS = ("os.mkdir", "os.remove", "os.rename", "os.link", "os.symlink", "subprocess.Popen", "os.fork",
        "os.posix_spawn", "socket.connect", "socket.bind", "socket.getaddrinfo", "sqlite3.connect", "signal.signal")
def watch(event, args):
    if event == "open" and isinstance(args[2], int) and args[2] & WRITES and args[0] != os.devnull:
        seen.append(f"open {args[0]!r}")
    elif event in ACTS:
        seen.append(f"{event} {args!r}")
sys.addaudithook(watch)
import sonant
names = [found.name for found in pkgutil.walk_packages(sonant.__path__, "sonant.") if found.name != "sonant.__main__"]
for name in names:
    importlib.import_module(name)
    if seen:
        sys.exit(f"importing {name}: {seen}")
assert len(names) > 50, names
"""

_START = """
import sys
from sonant.app import build_server
from sonant.settings import load
build_server(load({}))
print(" ".join(name for name in sys.argv[1:] if name in sys.modules))
"""


def _python(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-B", "-c", code, *args], env=_BARE, capture_output=True, text=True)


def test_importing_every_module_does_nothing_and_says_nothing() -> None:
    """With an empty environment: no file written, no process, socket or database, no signal handler, no output."""
    done = _python(_IMPORT_ALL)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_server_that_was_only_built_has_loaded_nothing_heavy() -> None:
    """Spawn to `tools/list` costs what the SDK costs: what only a call needs is imported by the call."""
    heavy = "numpy soundfile av soxr httpx sentencex rapidfuzz pocketsphinx espeakng_loader sqlite3".split()
    done = _python(_START, *heavy, "sonant.engine", "sonant.api_client", "sonant.library", "sonant.audio.codec")
    assert (done.stdout.strip(), done.stderr) == ("", "")
