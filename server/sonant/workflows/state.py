"""What every workflow works with: the API, the library, the jobs, and the voices already looked up."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
from pydantic import SecretStr

from sonant.settings import Settings
from sonant.workflows.jobs import Jobs

if TYPE_CHECKING:  # what a server that was only started need not load
    from sonant.api_client.client import APIClient
    from sonant.library.shelf import Library
    from sonant.wire.voices import Voice


@dataclass(frozen=True)
class Address:
    """Where the API is, and what opens it."""

    base_url: str
    api_key: SecretStr | None
    admin_key: SecretStr | None = None
    """For usage and keys, which no other key opens."""


Locate = Callable[[], Awaitable[Address]]
"""Starts the embedded engine if that is what answers; told by app.py, once."""


@dataclass(eq=False)
class State:
    """What one server process holds. Nothing is contacted before `api` is first called."""

    settings: Settings
    jobs: Jobs
    locate: Locate
    open_library: Callable[[], "Library"]
    public_url: str | None = None
    """Where files are fetched when served over HTTP; None: files are named by their path."""
    said: set[str] = field(default_factory=set)
    """Notices that need saying only once in a process, and were."""
    voices: "dict[str, tuple[float, Voice]]" = field(default_factory=dict)
    """Voice id or name → (when it was looked up, in monotonic seconds; the voice). See workflows/voices.py."""
    saving_words: anyio.Lock = field(default_factory=anyio.Lock)
    """Around reading a pronunciation dictionary and writing it back."""
    trained_with: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Id of a trained voice → the models that speak with it. See workflows/training.py."""
    _api: "APIClient | None" = None
    _library: "Library | None" = None
    _connecting: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def shows_paths(self) -> bool:
        """Whether local paths may be read and named."""
        return self.public_url is None

    @property
    def library(self) -> "Library":
        """The shelf, opened on first use."""
        if self._library is None:
            self._library = self.open_library()
        return self._library

    async def api(self) -> "APIClient":
        """The client, connected on first use."""
        from sonant.api_client.client import APIClient
        from sonant.api_client.connection import PLANS_MAX, Connection

        if self._api is None:
            async with self._connecting:
                if self._api is None:
                    address = await self.locate()
                    key = address.api_key.get_secret_value() if address.api_key else None
                    admin_key = address.admin_key.get_secret_value() if address.admin_key else None
                    # Not bound by the call limit: what outlasts the call goes on as a job. Nor does the setting bound
                    # all calls together, which is for one of them: what the plan allows is learnt from refusals.
                    connection = Connection(
                        address.base_url,
                        key,
                        self.settings.api_version,
                        admin_key=admin_key,
                        concurrency=max(PLANS_MAX, self.settings.concurrency),
                    )
                    self._api = APIClient(connection)
        return self._api

    async def aclose(self) -> None:
        if self._api is not None:
            await self._api.aclose()
        if self._library is not None:
            await self._library.aclose()
