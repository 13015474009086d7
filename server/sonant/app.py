"""Assembly: settings in, a server out. The one place that knows whether the cloud or the embedded engine answers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from mcp.server import MCPServer
from pydantic import SecretStr

from sonant import __version__
from sonant.settings import Settings
from sonant.surface.guidance import add_guides
from sonant.surface.instructions import instructions
from sonant.surface.resources import add_resources
from sonant.surface.tools.toolsets import tools_of
from sonant.workflows.jobs import Jobs
from sonant.workflows.state import Address, Locate, State
from sonant.workflows.tasks import task_group

if TYPE_CHECKING:
    from sonant.library.shelf import Library

OpenedState = Callable[[], AbstractAsyncContextManager[State]]


def build_server(settings: Settings, opened: OpenedState | None = None) -> MCPServer[State]:
    """The MCP server.

    Args:
        settings: what was configured.
        opened: gives the state for as long as a connection needs it; by default each connection has its own.
    """
    server: MCPServer[State] = MCPServer(
        name="sonant",
        title="Sonant",
        version=__version__,
        instructions=instructions(settings),
        tools=tools_of(settings.toolsets),
        lifespan=lambda _: (opened or partial(open_state, settings))(),
        log_level=settings.log_level,
        subscriptions=False,
    )
    add_resources(server)
    add_guides(server)
    return server


@asynccontextmanager
async def open_state(
    settings: Settings, *, public_url: str | None = None, current_dir: Path | None = None
) -> AsyncIterator[State]:
    """What a process holds, and everything it started closed again at the end.

    Args:
        settings: what was configured.
        public_url: where files are fetched when served over HTTP without local paths.
        current_dir: where bare names are looked up first; for the command line.
    """
    async with task_group() as tasks:
        engine = _Engine(settings, tasks)

        def open_library() -> "Library":
            library = _library(settings, public_url, current_dir)
            tasks.start_soon(anyio.to_thread.run_sync, library.sweep)  # what a killed process left
            return library

        state = State(
            settings=settings,
            jobs=Jobs(tasks),
            locate=_cloud(settings.base_url, settings.api_key, settings.admin_key)
            if settings.base_url
            else engine.locate,
            open_library=open_library,
            public_url=public_url,
        )
        try:
            yield state
        finally:
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await state.aclose()


class _Engine:
    """The embedded engine, started on first use. A task of the lifespan owns it, not the call that needed it first."""

    def __init__(self, settings: Settings, tasks: TaskGroup) -> None:
        self._settings = settings
        self._tasks = tasks
        self._starting = anyio.Lock()
        self._address: Address | None = None

    async def locate(self) -> Address:
        async with self._starting:
            if self._address is None:
                self._address = await self._tasks.start(self._keep)
        return self._address

    async def _keep(self, *, task_status: anyio.abc.TaskStatus[Address]) -> None:
        from sonant.engine.serving import embedded_engine

        async with embedded_engine(self._settings.data_dir) as engine:
            task_status.started(Address(engine.base_url, SecretStr(engine.api_key), SecretStr(engine.admin_key)))
            await anyio.sleep_forever()


def _cloud(base_url: str, api_key: SecretStr | None, admin_key: SecretStr | None) -> Locate:
    async def locate() -> Address:
        return Address(base_url, api_key, admin_key)

    return locate


def _library(settings: Settings, public_url: str | None, current_dir: Path | None) -> "Library":
    from sonant.library.index import Index
    from sonant.library.inputs import InputFiles
    from sonant.library.outputs import OutputFolder
    from sonant.library.shelf import Library

    # Over HTTP no path of this machine is named, not even in a failure.
    outputs = OutputFolder(settings.output_dir, shown_as="The output folder" if public_url else None)
    here = [current_dir] if current_dir else []
    inputs = InputFiles(
        allowed=[*settings.input_dirs, settings.output_dir, *here],
        lookup=[*here, settings.output_dir, *settings.input_dirs],
    )
    index = Index(settings.data_dir / "index.sqlite3")
    return Library(outputs, inputs, index, allow_local_paths=public_url is None, public_url=public_url)
