"""What the tests of the shipped command share."""

from pathlib import Path

import pytest

from engine_fixture import engine
from process_kit import Home

__all__ = ["engine"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A person's home folder with nothing in it."""
    return Home(tmp_path)
