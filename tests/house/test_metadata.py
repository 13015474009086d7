"""Sonant installs from wheels alone wherever the README says it runs."""

import os
import re
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from uv import find_uv_bin

import sonant

ROOT = Path(__file__).parents[2]
PLATFORMS = (
    "x86_64-manylinux_2_28",
    "aarch64-manylinux_2_28",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ALL = [(platform, python) for platform in PLATFORMS for python in PYTHONS]
SOME = [(platform, PYTHONS[number % len(PYTHONS)]) for number, platform in enumerate(PLATFORMS)]
"""Every platform and every Python at least once: seconds instead of a quarter of a minute."""

_UNREACHABLE = re.compile(r"Failed to fetch|error sending request|dns error|Could not connect|timed out", re.IGNORECASE)


def _resolve(target: tuple[str, str]) -> subprocess.CompletedProcess[str]:
    platform, python = target
    environ = dict(os.environ, UV_PYTHON_DOWNLOADS="never")
    if "PIP_INDEX_URL" in environ:  # whoever told pip where packages are means it
        environ.setdefault("UV_DEFAULT_INDEX", environ["PIP_INDEX_URL"])
    command = [
        find_uv_bin(), "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:",
        "--python", sys.executable, "--python-platform", platform, "--python-version", python, "pyproject.toml",
    ]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)


def test_every_platform_and_python_finds_wheels_for_all_it_needs() -> None:
    """Nothing is compiled on a person's machine; and the offline engine can listen where it should.

    CI resolves every pair; elsewhere each platform and each Python once.
    """
    targets = ALL if os.environ.get("CI") else SOME
    with ThreadPoolExecutor(4) as pool:
        answers = dict(zip(targets, pool.map(_resolve, targets), strict=True))
    for (platform, python), done in answers.items():
        if done.returncode and _UNREACHABLE.search(done.stderr):
            pytest.skip("the package registry cannot be reached, so nothing can be resolved")
        assert done.returncode == 0, f"{platform}, Python {python}: {done.stderr}"
        hears = python in ("3.11", "3.13") or (python == "3.12" and platform != "aarch64-manylinux_2_28")
        assert ("pocketsphinx==" in done.stdout) == hears, f"{platform}, Python {python}"


def test_the_version_is_said_once_and_the_same_everywhere() -> None:
    """pyproject.toml and the package agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == sonant.__version__
