"""What lies in the repository, and what it speaks of."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TOP = {
    "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "claude_config.example.json", ".gitignore",
    "server", "tests", "benchmarks", ".ci",
}  # fmt: skip

ELSEWHERE = {
    "a path of somebody's machine": "/" + r"(work|root|Users|mnt)/",
    "a package registry's address": r"pypi\." + r"org|pythonhosted\." + r"org|registry\." + r"npmjs|--index-" + "url",
    "who or what wrote it": r"co-authored" + r"-by|generated (by|with) (an )?(AI|LLM|Claude|GPT)",
}
"""What the repository must not speak of; written in pieces, so that this file does not."""


def _files() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git clone: what belongs to the repository cannot be told")
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_the_top_level_holds_what_design_draws_and_no_more() -> None:
    """A newcomer sees ten things."""
    assert {path.parts[0] for path in _files()} - TOP == set()


def test_the_repository_speaks_of_sonant_alone() -> None:
    """No machine's paths, no registry's address, no author's tools."""
    found = []
    for path in _files():
        try:
            text = (ROOT / path).read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for what, pattern in ELSEWHERE.items():
            found += [f"{path}: {what}: {match[0]}" for match in re.finditer(pattern, text, re.IGNORECASE)]
    assert found == []
