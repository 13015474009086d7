"""What the tests of the surface share: one engine and one data folder for all that do not need their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from surface_kit import ERAS, Home, Served, serve


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of its own for one test."""
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
async def offline(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Served]:
    """A server with no key: the embedded engine behind it, over its socket, shared by the session."""
    async with serve(Home(tmp_path_factory.mktemp("offline") / "home")) as served:
        yield served


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    """Each protocol era in turn."""
    return str(request.param)
