"""The code keeps the house style: lint, layout, strict types, the direction of imports."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CHECKS = {
    "lint": ["-m", "ruff", "check", "--output-format", "concise", "."],
    "layout": ["-m", "ruff", "format", "--check", "."],
    "types": ["-m", "mypy"],
    "direction of imports": ["-c", "import sys; from importlinter.cli import lint_imports_command as run; run()"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_code_passes(check: str) -> None:
    """Every file obeys the rules that pyproject.toml states."""
    done = subprocess.run([sys.executable, *CHECKS[check]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
